import { IpAddress } from '../address/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { IpErrorKind, IpProtocol, type IpProtocolHandler } from '../ip/index.ts'
import type { Log } from '../log/index.ts'
import { type PacketBuffer, SMALL_SLOT } from '../packet/index.ts'
import type { Ipv4Counters } from './counters.ts'
import type { ErrorSender } from './error-sender.ts'
import type { ForeignForwarder, ForeignReceiver } from './foreign.ts'
import type { Ipv4 } from './ipv4.ts'
import { AddressKind, isHostAddress, isLoopback, type LocalAddresses } from './local-addresses.ts'
import { checkOptions, malformedOption, OptionsVerdict } from './options.ts'
import { setAddresses } from './packet-addresses.ts'
import type { Paths } from './paths.ts'
import { Ipv4Reassembly } from './reassembly.ts'
import * as wire from './wire.ts'

/** Code of Time Exceeded, RFC 792. */
const REASSEMBLY_TIME_EXCEEDED = 1
/** 224.0.0.0/24 without its last byte, RFC 5771, section 4: what no router forwards. */
const LOCAL_GROUPS = 0xe00000

export interface InputOptions {
  clock: Clock
  random: Random
  reassemblyMemory?: number
  reassemblyMemoryPerSource?: number
  fragmentsLog?: Log
}

/** The way in: checks of header and addresses, options, reassembly, and whom it is for. */
export class Input {
  readonly protocols: (IpProtocolHandler | null)[] = new Array<IpProtocolHandler | null>(256).fill(null)
  /** Each handler once, in the order of adding. */
  readonly handlers: IpProtocolHandler[] = []
  readonly reassembly: Ipv4Reassembly
  errorSender: ErrorSender | null = null
  foreignReceiver: ForeignReceiver | null = null
  forwarder: ForeignForwarder | null = null

  readonly #ip: Ipv4
  readonly #bytes: Uint8Array
  readonly #paths: Paths
  readonly #local: LocalAddresses
  readonly #counters: Ipv4Counters

  constructor(ip: Ipv4, paths: Paths, counters: Ipv4Counters, options: InputOptions) {
    const { memory } = ip
    this.#ip = ip
    this.#bytes = memory.bytes
    this.#paths = paths
    this.#local = paths.local
    this.#counters = counters
    // Linux (ipfrag_high_thresh) has 4 MiB for all; a quarter of a smaller memory must do.
    const most = Math.min(4_194_304, (memory.smallSlots * SMALL_SLOT) / 4)
    const perSource = options.reassemblyMemoryPerSource ?? 1_048_576
    this.reassembly = new Ipv4Reassembly(
      memory,
      options.clock,
      options.random,
      integerInRange('reassemblyMemory', options.reassemblyMemory ?? most, 0, 0x7fffffff),
      integerInRange('reassemblyMemoryPerSource', perSource, 0, 0x7fffffff),
      (first) => {
        this.errorSender?.sendError(IpErrorKind.TimeExceeded, first, REASSEMBLY_TIME_EXCEEDED)
        ip.flush()
      },
      options.fragmentsLog,
    )
  }

  addProtocol(protocol: number, handler: IpProtocolHandler): void {
    this.protocols[protocol] = handler
    if (!this.handlers.includes(handler)) this.handlers.push(handler)
  }

  endOfBurst(): void {
    const { handlers } = this
    for (let i = 0; i < handlers.length; i++) handlers[i].endOfBurst()
    this.forwarder?.endOfBurst()
  }

  /** @param fromUs whether we have sent it ourselves */
  receive(packet: PacketBuffer, fromUs: boolean): void {
    const bytes = this.#bytes
    const network = packet.start
    const available = packet.end - network
    if (available < wire.HEADER_LENGTH) {
      this.#counters.truncated++
      return
    }
    // RFC 1122, 3.2.1.1: silently discard what is not version 4.
    if (wire.version(bytes, network) !== 4) {
      this.#counters.badVersion++
      return
    }
    const headerLength = wire.headerLength(bytes, network)
    if (headerLength < wire.HEADER_LENGTH) {
      this.#counters.badHeaderLength++
      return
    }
    const total = wire.totalLength(bytes, network)
    if (total < headerLength) {
      this.#counters.badTotalLength++
      return
    }
    if (total > available) {
      this.#counters.truncated++
      return
    }
    // RFC 1122, 3.2.1.2. Offload covers the transport's checksum only, so this one is always checked.
    if (!wire.isChecksumRight(bytes, network, headerLength)) {
      this.#counters.headerChecksum++
      return
    }
    const source = wire.source(bytes, network)
    const destination = wire.destination(bytes, network)
    if (!fromUs && this.forwarder !== null && this.#isForOthers(packet, source, destination)) {
      this.#setFields(packet, network, network + total, source, destination)
      this.forwarder.forward(packet, this.#ip)
      return
    }
    if (!fromUs && !this.#isForUs(packet, source, destination)) {
      if (this.foreignReceiver !== null) this.#receiveForeign(this.foreignReceiver, packet, source, destination)
      return
    }
    // Of what we send to ourselves, that to groups and to all hosts came back from there.
    if (fromUs) packet.multicast = destination >>> 28 === 14 || this.#local.isBroadcast(destination)
    this.#setFields(packet, network, network + total, source, destination)
    if (headerLength > wire.HEADER_LENGTH && !this.areOptionsFine(packet)) return
    packet.transport = packet.start = network + headerLength
    if ((wire.flagsAndOffset(bytes, network) & (wire.MORE_FRAGMENTS | wire.FRAGMENT_OFFSET)) !== 0) {
      this.#counters.fragments++
      const whole = this.reassembly.add(packet)
      if (whole === null) return
      this.#deliver(whole)
      whole.release()
      return
    }
    this.#deliver(packet)
  }

  /** What the header says, and where the packet ends: what follows the total length is padding of the link. */
  #setFields(packet: PacketBuffer, network: number, end: number, source: number, destination: number): void {
    packet.network = network
    packet.end = end
    setAddresses(packet, source, destination)
    packet.hopLimit = wire.timeToLive(this.#bytes, network)
    packet.trafficClass = wire.typeOfService(this.#bytes, network)
  }

  /** For a forwarder, too: counts what is wrong with the options, and says so (RFC 1122, 3.2.2.5). */
  areOptionsFine(packet: PacketBuffer): boolean {
    const { network } = packet
    const options = network + wire.HEADER_LENGTH
    const end = network + wire.headerLength(this.#bytes, network)
    const verdict = checkOptions(this.#bytes, options, end)
    if (verdict === OptionsVerdict.Fine) return true
    if (verdict === OptionsVerdict.Malformed) {
      this.#counters.badOptions++
      const position = malformedOption(this.#bytes, options, end) - network
      this.errorSender?.sendError(IpErrorKind.ParameterProblem, packet, position)
    } else this.#counters.sourceRoute++
    return false
  }

  /** RFC 1812, 5.3.4 and 5.3.7: what a router may pass on; all else is looked at as by a host, and counted there. */
  #isForOthers(packet: PacketBuffer, source: number, destination: number): boolean {
    return (
      !packet.linkMulticast &&
      this.#local.classify(destination) === AddressKind.Foreign &&
      isHostAddress(destination) &&
      isHostAddress(source) &&
      !this.#local.isBroadcast(source) &&
      !this.#local.owns(source)
    )
  }

  #deliver(packet: PacketBuffer): void {
    const protocol = wire.protocol(this.#bytes, packet.network)
    const handler = this.protocols[protocol]
    if (handler === null) {
      this.#counters.unknownProtocol++
      // RFC 1122, 3.2.2.1: a host SHOULD say so.
      this.errorSender?.sendError(IpErrorKind.ProtocolUnreachable, packet, 0)
      return
    }
    this.#counters.delivered++
    this.#countCodepoint(packet.trafficClass & 3)
    handler.receive(packet, this.#ip)
  }

  #receiveForeign(receiver: ForeignReceiver, packet: PacketBuffer, source: number, destination: number): void {
    const bytes = this.#bytes
    const network = packet.start
    if (wire.protocol(bytes, network) !== IpProtocol.Udp) return
    if ((wire.flagsAndOffset(bytes, network) & (wire.MORE_FRAGMENTS | wire.FRAGMENT_OFFSET)) !== 0) return
    if (!isHostAddress(source) || !isHostAddress(destination)) return
    if (this.#local.classify(destination) !== AddressKind.Foreign) return
    packet.network = network
    packet.transport = packet.start = network + wire.headerLength(bytes, network)
    packet.end = network + wire.totalLength(bytes, network)
    setAddresses(packet, source, destination)
    receiver.receiveForeign(packet)
  }

  /** RFC 3168, section 5. */
  #countCodepoint(codepoint: number): void {
    const counters = this.#counters
    if (codepoint === 0) counters.InNoECTPkts++
    else if (codepoint === 2) counters.InECT0Pkts++
    else if (codepoint === 3) counters.InCEPkts++
    else counters.InECT1Pkts++
  }

  /** Checks the addresses of a packet from the wire, RFC 1122, 3.2.1.3, and counts why not. */
  #isForUs(packet: PacketBuffer, source: number, destination: number): boolean {
    const kind = this.#local.classify(destination)
    packet.multicast = kind !== AddressKind.Own
    if (kind === AddressKind.Foreign) {
      if (isLoopback(destination)) this.#counters.loopbackOnWire++
      else this.#counters.notForUs++
      return false
    }
    if (isLoopback(source)) {
      this.#counters.loopbackOnWire++
      return false
    }
    // As Linux: 0.0.0.0 speaks to everybody only (a host without an address, RFC 1122, 3.2.1.3 (a)), or to groups of the link
    // (switches that ask for members, RFC 4541, section 2.1.1).
    const isSourceFine =
      source >>> 24 === 0
        ? source === 0 && (destination === -1 || destination >>> 8 === LOCAL_GROUPS)
        : source >>> 28 !== 14 && !this.#local.isBroadcast(source) && !this.#local.owns(source)
    if (!isSourceFine) {
      this.#counters.invalidSource++
      return false
    }
    // RFC 1122, 3.3.6: a broadcast on the link has to be one for IP, too.
    if (packet.linkMulticast && kind === AddressKind.Own) {
      this.#counters.unicastInLinkBroadcast++
      return false
    }
    return true
  }

  /** ARP gave up on the next hop of a packet of ours: what its sender would hear from a router, it hears from us. */
  neighborUnreachable(packet: PacketBuffer): void {
    this.#counters.neighborUnreachable++
    const bytes = this.#bytes
    const network = packet.start
    this.#paths.nextHopFailed(wire.destination(bytes, network))
    if (this.forwarder !== null && !this.#ip.owns(wire.source(bytes, network))) {
      const end = network + wire.totalLength(bytes, network)
      this.#setFields(packet, network, end, wire.source(bytes, network), wire.destination(bytes, network))
      this.forwarder.unreachable(packet)
      return
    }
    const handler = this.protocols[wire.protocol(bytes, network)]
    if (handler === null) return
    const source = wire.source(bytes, network)
    packet.network = network
    packet.transport = packet.start = network + wire.headerLength(bytes, network)
    setAddresses(packet, source, wire.destination(bytes, network))
    handler.receiveError(IpErrorKind.HostUnreachable, packet, 0, IpAddress.v4(source))
  }
}
