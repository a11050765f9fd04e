import { IPV4_MAPPED_WORD } from '../address/index.ts'
import { addressSum6, pseudoHeaderSum } from '../checksum/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type Ip, IpErrorKind, IpProtocol, type IpProtocolHandler } from '../ip/index.ts'
import type { Log } from '../log/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory, SMALL_SLOT } from '../packet/index.ts'
import type { Ipv6Counters } from './counters.ts'
import type { ErrorSender } from './error-sender.ts'
import { ChainEnd, HeaderChain, ParameterProblem } from './extension-headers.ts'
import type { ControlHandler } from './link.ts'
import type { LocalAddresses } from './local-addresses.ts'
import { setAddresses } from './packet-addresses.ts'
import { Reassembly, type ReassemblyErrors } from './reassembly.ts'
import * as wire from './wire.ts'

/** ICMPv6 types that run the link: MLD (RFC 2710), neighbour discovery (RFC 4861) and MLD version 2 (RFC 3810). */
const FIRST_CONTROL = 130
const LAST_CONTROL = 137
const FIRST_NEIGHBOR_DISCOVERY = 133
const MULTICAST_LISTENER_REPORT_2 = 143
/** Type, code and checksum. */
const LEAST_MESSAGE = 4

export interface InputOptions {
  clock: Clock
  random: Random
  reassemblyMemory?: number
  reassemblyMemoryPerSource?: number
  log?: Log
}

/** The way in: checks of header and addresses, extension headers, reassembly, and whom it is for. */
export class Input implements ReassemblyErrors {
  readonly protocols: (IpProtocolHandler | null)[] = new Array<IpProtocolHandler | null>(256).fill(null)
  readonly controls: (ControlHandler | null)[] = new Array<ControlHandler | null>(256).fill(null)
  /** Each handler once, in the order of adding. */
  readonly handlers: IpProtocolHandler[] = []
  readonly reassembly: Reassembly
  errorSender: ErrorSender | null = null

  readonly #ip: Ip
  readonly #memory: PacketMemory
  readonly #bytes: Uint8Array
  readonly #local: LocalAddresses
  readonly #counters: Ipv6Counters
  readonly #chain: HeaderChain

  constructor(ip: Ip, local: LocalAddresses, counters: Ipv6Counters, options: InputOptions) {
    const { memory } = ip
    this.#ip = ip
    this.#memory = memory
    this.#bytes = memory.bytes
    this.#local = local
    this.#counters = counters
    this.#chain = new HeaderChain(memory.bytes)
    // Linux (ip6frag_high_thresh) has 4 MiB for all; a quarter of a smaller memory must do.
    const most = Math.min(4_194_304, (memory.smallSlots * SMALL_SLOT) / 4)
    const limit = integerInRange('reassemblyMemory', options.reassemblyMemory ?? most, 0, 0x7fffffff)
    const perSource = options.reassemblyMemoryPerSource ?? 524_288
    this.reassembly = new Reassembly(
      memory,
      options.clock,
      options.random,
      this,
      limit,
      integerInRange('reassemblyMemoryPerSource', perSource, 0, 0x7fffffff),
      options.log,
    )
  }

  addProtocol(protocol: number, handler: IpProtocolHandler): void {
    this.protocols[protocol] = handler
    if (!this.handlers.includes(handler)) this.handlers.push(handler)
  }

  receive(packet: PacketBuffer, fromUs: boolean): void {
    const bytes = this.#bytes
    const network = packet.start
    const available = packet.end - network
    if (available < wire.HEADER_LENGTH) {
      this.#counters.truncated++
      return
    }
    if (wire.version(bytes, network) !== 6) {
      this.#counters.badVersion++
      return
    }
    const total = wire.HEADER_LENGTH + wire.payloadLength(bytes, network)
    if (total > available) {
      this.#counters.truncated++
      return
    }
    packet.network = network
    // What follows is padding of the link.
    packet.end = network + total
    setAddresses(packet, bytes, network)
    packet.hopLimit = wire.hopLimit(bytes, network)
    packet.trafficClass = wire.trafficClass(bytes, network)
    // Of what we send to ourselves only that to groups came back from there.
    if (fromUs) packet.multicast = packet.destination0 >>> 24 === 0xff
    else if (!this.#isForUs(packet)) return
    this.#chain.atomicFragment = false
    this.#follow(packet, this.#chain.walk(network, packet.end), false, fromUs)
  }

  /** Checks the addresses of a packet from the wire, and counts why not. */
  #isForUs(packet: PacketBuffer): boolean {
    const { destination0, destination1, destination2, destination3, source0, source1, source2, source3 } = packet
    if (source0 >>> 24 === 0xff) {
      // RFC 4291, section 2.7: no packet comes from a group.
      this.#counters.invalidSource++
      return false
    }
    if (source0 === 0 && source1 === 0) {
      if (source2 === 0 && source3 === 1) {
        this.#counters.loopbackOnWire++
        return false
      }
      // IPv4-mapped addresses stand for IPv4 inside a host, not on a wire (RFC 4291, section 2.5.5.2).
      if (source2 === IPV4_MAPPED_WORD) {
        this.#counters.invalidSource++
        return false
      }
    }
    if (destination0 >>> 24 === 0xff) {
      packet.multicast = true
      // RFC 4291, section 2.7: scope 0 is reserved, and 1 ends at the interface.
      if (((destination0 >>> 16) & 0x0f) <= 1) {
        this.#counters.badScope++
        return false
      }
      if (this.#local.hasGroup(destination0, destination1, destination2, destination3)) return true
      this.#counters.notForUs++
      return false
    }
    packet.multicast = false
    if (!this.#local.owns(destination0, destination1, destination2, destination3)) {
      const isLoopback = destination0 === 0 && destination1 === 0 && destination2 === 0 && destination3 === 1
      if (isLoopback) this.#counters.loopbackOnWire++
      else this.#counters.notForUs++
      return false
    }
    // Nobody has a reason to send it so, but who wants to reach a whole network at once (RFC 1122, 3.3.6, for IPv4).
    if (packet.linkMulticast) {
      this.#counters.unicastInLinkMulticast++
      return false
    }
    return true
  }

  /** @param reassembled the packet came in fragments */
  #follow(packet: PacketBuffer, end: ChainEnd, reassembled: boolean, fromUs: boolean): void {
    const chain = this.#chain
    switch (end) {
      case ChainEnd.UpperLayer:
        packet.transport = packet.start = chain.position
        this.#deliver(packet, reassembled || chain.atomicFragment, fromUs)
        return
      case ChainEnd.Fragment: {
        // A packet that was put together is no fragment again.
        if (reassembled) {
          this.#counters.badExtensionHeaders++
          return
        }
        const whole = this.reassembly.add(packet, chain)
        if (whole === null) return
        chain.atomicFragment = false
        this.#follow(whole, chain.continue(whole.payloadEnd, whole.transport, whole.end), true, fromUs)
        whole.release()
        return
      }
      case ChainEnd.Nothing:
        this.#counters.noNextHeader++
        return
      case ChainEnd.Malformed:
        this.#counters.badExtensionHeaders++
        return
      case ChainEnd.TooLong:
        this.#counters.tooManyExtensionHeaders++
        return
      case ChainEnd.OptionDiscarded:
        this.#counters.optionDiscarded++
        return
      case ChainEnd.Problem:
        this.#counters.headerProblem++
        this.errorSender?.sendParameterProblem(chain.problemCode, chain.problemPosition, packet, chain.problemToGroup)
    }
  }

  #deliver(packet: PacketBuffer, fragmented: boolean, fromUs: boolean): void {
    const counters = this.#counters
    const { protocol } = this.#chain
    if (protocol === IpProtocol.Icmpv6) {
      if (!this.#isMessageRight(packet)) return
      const type = this.#bytes[packet.start]
      if ((type >= FIRST_CONTROL && type <= LAST_CONTROL) || type === MULTICAST_LISTENER_REPORT_2) {
        const handler = this.controls[type]
        if (handler !== null) {
          // RFC 6980, section 5.
          if (fragmented && type >= FIRST_NEIGHBOR_DISCOVERY && type <= LAST_CONTROL) {
            counters.fragmentedControl++
            return
          }
          counters.controlDelivered++
          handler.receiveControl(packet, type, this.#chain.routerAlert)
          return
        }
      }
    }
    if (!fromUs && !this.#isSourceAHost(packet)) {
      counters.invalidSource++
      return
    }
    const handler = this.protocols[protocol]
    if (handler === null) {
      counters.unknownProtocol++
      // RFC 8200, section 4.
      const { UnrecognizedNextHeader } = ParameterProblem
      this.errorSender?.sendParameterProblem(UnrecognizedNextHeader, this.#chain.nextHeaderField, packet, false)
      return
    }
    counters.delivered++
    this.#countCodepoint(packet.trafficClass & 3)
    handler.receive(packet, this.#ip)
  }

  /** Control messages may come from nobody, or tell that our address is in use; for all else the source is somebody else. */
  #isSourceAHost(packet: PacketBuffer): boolean {
    const { source0, source1, source2, source3 } = packet
    if (source0 === 0 && source1 === 0 && source2 === 0 && source3 === 0) return false
    return !this.#local.owns(source0, source1, source2, source3)
  }

  /** RFC 4443, section 2.3; the result is left in `packet.checksum`. */
  #isMessageRight(packet: PacketBuffer): boolean {
    const length = packet.end - packet.start
    if (length < LEAST_MESSAGE) {
      this.#counters.icmpTruncated++
      return false
    }
    if (packet.checksum !== ChecksumState.Unverified) return true
    const addresses = addressSum6(
      packet.source0,
      packet.source1,
      packet.source2,
      packet.source3,
      packet.destination0,
      packet.destination1,
      packet.destination2,
      packet.destination3,
    )
    const sum = pseudoHeaderSum(addresses, IpProtocol.Icmpv6, length)
    if (this.#memory.checksum.sum(packet.start, length, sum) !== 0xffff) {
      this.#counters.icmpChecksum++
      return false
    }
    packet.checksum = ChecksumState.Verified
    return true
  }

  /** RFC 3168, section 5. */
  #countCodepoint(codepoint: number): void {
    const counters = this.#counters
    if (codepoint === 0) counters.InNoECTPkts++
    else if (codepoint === 2) counters.InECT0Pkts++
    else if (codepoint === 3) counters.InCEPkts++
    else counters.InECT1Pkts++
  }

  parameterProblem(code: ParameterProblem, position: number, offending: PacketBuffer): void {
    this.errorSender?.sendParameterProblem(code, position, offending, false)
  }

  reassemblyTimedOut(first: PacketBuffer): void {
    this.errorSender?.sendError(IpErrorKind.TimeExceeded, first)
    this.#ip.flush()
  }
}
