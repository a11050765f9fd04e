import { IpAddress } from '../address/index.ts'
import { finish, pseudoHeaderSum } from '../checksum/index.ts'
import { type Clock, SECOND } from '../clock/index.ts'
import { inRange, integerInRange } from '../errors/index.ts'
import { IpErrorKind, IpProtocol, type IpProtocolHandler, type Path } from '../ip/index.ts'
import {
  type ErrorSender,
  HeaderChain,
  type Ipv6,
  type Ipv6Path,
  ipv6Wire,
  type ParameterProblem,
} from '../ipv6/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory } from '../packet/index.ts'
import { type IcmpCounters, newIcmpCounters } from './counters.ts'
import { isEchoData, writeEchoData } from './echo-data.ts'
import { type EchoHandler, type EchoRequest, EchoRequests } from './echo-requests.ts'
import type { IcmpOptions, PingSettings } from './icmp.ts'
import * as types from './icmpv6-wire.ts'
import { TokenBucket } from './token-bucket.ts'
import * as wire from './wire.ts'

const { Icmpv6Type, HEADER_LENGTH } = types
/** What the IPv6 payload length field leaves to the data of an echo request. */
const MAX_DATA = ipv6Wire.MAX_PAYLOAD - HEADER_LENGTH
/** RFC 4443, section 2.4 (c): an error quotes as much as fits a packet of 1,280 bytes. */
const QUOTE_LIMIT = ipv6Wire.LEAST_MTU - ipv6Wire.HEADER_LENGTH - HEADER_LENGTH
/** An error must quote at least this much behind the headers: ports, or identifier and sequence of an echo request. */
const LEAST_QUOTE = 8
/** Room before an answer for the headers of IP, Ethernet and the device. */
const ANSWER_HEADROOM = 66

/** ICMPv6, RFC 4443: echo, and errors both ways. What runs the link is not for it: see `ControlHandler`. */
export class Icmpv6 implements IpProtocolHandler, ErrorSender {
  readonly counters: IcmpCounters = newIcmpCounters()

  readonly #ip: Ipv6
  readonly #memory: PacketMemory
  readonly #bytes: Uint8Array
  readonly #clock: Clock
  readonly #limiter: TokenBucket
  readonly #requests: EchoRequests
  readonly #chain: HeaderChain
  /** The way of the last answer: most echo requests come from where the one before came from. */
  #answerPath: Ipv6Path | null = null

  /** @throws RangeError naming the option that is out of its range */
  constructor(ip: Ipv6, options: IcmpOptions) {
    const { clock, random } = options
    this.#ip = ip
    this.#memory = ip.memory
    this.#bytes = ip.memory.bytes
    this.#clock = clock
    this.#chain = new HeaderChain(ip.memory.bytes)
    const rate = integerInRange('errorsPerSecond', options.errorsPerSecond ?? 1000, 0, 1_000_000)
    const burst = integerInRange('errorBurst', options.errorBurst ?? 50, 0, 1_000_000)
    // RFC 4443, section 2.4 (f).
    this.#limiter = new TokenBucket(clock, random, rate, burst)
    const limit = integerInRange('pingLimit', options.pingLimit ?? 1024, 1, 32_768)
    this.#requests = new EchoRequests(clock, limit, random.below(0x10000), random.below(0x10000))
    ip.addProtocol(IpProtocol.Icmpv6, this)
    ip.setErrorSender(this)
  }

  /** Echo requests that wait for their answer. */
  get pingCount(): number {
    return this.#requests.count
  }

  /**
   * Sends one echo request and flushes it; what is larger than the path's MTU goes in fragments.
   * @returns the request, or why it could not be sent: EACCES (a group), ENOBUFS (too many under way, or packet memory is
   * exhausted), ENETUNREACH
   * @throws RangeError if the size (0 to 65,527), the timeout or the hop limit is none
   */
  ping(
    destination: IpAddress,
    handler: EchoHandler,
    settings: PingSettings = {},
  ): EchoRequest | 'ENETUNREACH' | 'EADDRNOTAVAIL' | 'EACCES' | 'ENOBUFS' {
    const size = integerInRange('size', settings.size ?? 56, 0, MAX_DATA)
    const hopLimit = integerInRange('hopLimit', settings.hopLimit ?? 0, 0, 255)
    const timeout = inRange('timeout', settings.timeout ?? 5 * SECOND, 0, Number.MAX_SAFE_INTEGER)
    const path = this.#ip.path(destination)
    if (typeof path === 'string') return path
    if (destination.isMulticast) return 'EACCES'
    const length = HEADER_LENGTH + size
    const packet = this.#memory.allocate(length)
    if (packet === null) return 'ENOBUFS'
    const request = this.#requests.add(handler, path, size, timeout)
    if (request === null) {
      this.counters.pingsRefused++
      packet.release()
      return 'ENOBUFS'
    }
    packet.end = packet.start + length
    wire.writeHeader(this.#bytes, packet.start, Icmpv6Type.EchoRequest, 0, request.identifier, request.sequence)
    writeEchoData(this.#bytes, packet.start + HEADER_LENGTH, packet.end)
    this.#complete(packet, path)
    this.counters.echoRequestsSent++
    this.#ip.send(packet, path, IpProtocol.Icmpv6, hopLimit, 0)
    this.#ip.flush()
    return request
  }

  /** Forgets a request; its handler hears nothing more. */
  cancel(request: EchoRequest): void {
    this.#requests.remove(request)
  }

  /** Forgets all requests. */
  close(): void {
    this.#requests.clear()
  }

  /** The internet layer has checked the checksum. */
  receive(packet: PacketBuffer): void {
    const at = packet.start
    if (packet.end - at < HEADER_LENGTH) {
      this.counters.truncated++
      return
    }
    const type = wire.type(this.#bytes, at)
    if (type === Icmpv6Type.EchoRequest) this.#answer(packet)
    else if (type === Icmpv6Type.EchoReply) this.#answered(packet)
    else if (types.isError(type)) this.#error(packet)
    // RFC 4443, section 2.4 (b): an unknown type of information is silently discarded.
    else this.counters.unknownType++
  }

  endOfBurst(): void {}

  /** An error about an echo request of ours, or about an answer. */
  receiveError(kind: IpErrorKind, quoted: PacketBuffer, mtu: number, reporter: IpAddress): void {
    const at = quoted.start
    if (quoted.end - at < HEADER_LENGTH) return
    const destination = destinationOf(quoted)
    if (kind === IpErrorKind.PacketTooBig) {
      // RFC 8201, section 4: only about what may have been sent, to where something was sent lately.
      const path = this.#ip.knownPath(destination, sourceOf(quoted))
      if (path !== null) this.#ip.lowerMtu(path, mtu)
    }
    if (wire.type(this.#bytes, at) !== Icmpv6Type.EchoRequest) return
    const request = this.#find(at, destination)
    if (request === null) return
    this.#requests.remove(request)
    request.roundTrip = this.#clock.now() - request.sentAt
    request.handler.echoFailed(request, kind, reporter)
  }

  #find(at: number, destination: IpAddress): EchoRequest | null {
    const identifier = wire.identifier(this.#bytes, at)
    const request = this.#requests.find(destination.word3, identifier, wire.sequence(this.#bytes, at))
    return request?.path.destination.equals(destination) ? request : null
  }

  /** Answers an echo request with the packet itself where nobody else holds it, RFC 4443, section 4.2. */
  #answer(packet: PacketBuffer): void {
    this.counters.echoRequestsReceived++
    // A request to a group is answered from an address of ours, as Linux does.
    const path = packet.multicast ? this.#pathOrNull(sourceOf(packet)) : this.#pathBack(packet)
    if (path === null) {
      this.counters.notSent++
      return
    }
    const isAlone = packet.references === 1 && packet.start - packet.base >= ANSWER_HEADROOM
    const answer = isAlone ? packet.retain() : this.#memory.copy(packet)
    if (answer === null) {
      this.counters.notSent++
      return
    }
    wire.writeType(this.#bytes, answer.start, Icmpv6Type.EchoReply)
    this.#complete(answer, path)
    this.counters.echoRepliesSent++
    this.#ip.send(answer, path, IpProtocol.Icmpv6, 0, packet.trafficClass)
  }

  #pathBack(packet: PacketBuffer): Path | null {
    const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } = packet
    const last = this.#answerPath
    if (
      last !== null &&
      !last.isStale &&
      last.leadsTo(source0, source1, source2, source3) &&
      last.comesFrom(destination0, destination1, destination2, destination3)
    ) {
      return last
    }
    const found = this.#ip.path(sourceOf(packet), destinationOf(packet))
    if (typeof found === 'string') return null
    this.#answerPath = found
    return found
  }

  #pathOrNull(destination: IpAddress): Path | null {
    const path = this.#ip.path(destination)
    return typeof path === 'string' ? null : path
  }

  #answered(packet: PacketBuffer): void {
    const at = packet.start
    const request = this.#find(at, sourceOf(packet))
    if (request === null) {
      this.counters.echoRepliesUnexpected++
      return
    }
    packet.payload = at + HEADER_LENGTH
    packet.payloadEnd = packet.end
    if (!isEchoData(packet, request.size)) {
      this.counters.echoRepliesAltered++
      return
    }
    this.counters.echoRepliesReceived++
    this.#requests.answer(request, packet)
  }

  /** Passes an error about a packet of ours to the protocol that sent it, RFC 4443, section 2.4 (d). */
  #error(packet: PacketBuffer): void {
    const bytes = this.#bytes
    const at = packet.start
    const kind = types.errorKind(wire.type(bytes, at), wire.code(bytes, at))
    if (kind === null) {
      this.counters.errorsUnknownCode++
      return
    }
    const quoted = at + HEADER_LENGTH
    const chain = this.#chain
    if (packet.end - quoted < ipv6Wire.HEADER_LENGTH || ipv6Wire.version(bytes, quoted) !== 6) {
      this.counters.errorsTruncated++
      return
    }
    const length = ipv6Wire.HEADER_LENGTH + ipv6Wire.payloadLength(bytes, quoted)
    const end = Math.min(packet.end, quoted + length)
    if (!this.#isOurs(packet, quoted)) {
      this.counters.errorsNotOurs++
      return
    }
    // Only the first fragment tells the ports.
    const found = chain.skip(quoted + ipv6Wire.NEXT_HEADER, quoted + ipv6Wire.HEADER_LENGTH, end)
    if (!found || end - chain.position < LEAST_QUOTE) {
      this.counters.errorsTruncated++
      return
    }
    let mtu = 0
    if (kind === IpErrorKind.PacketTooBig) {
      mtu = types.parameter(bytes, at)
      // RFC 8201, section 4: less than every link carries, or more than what did not fit, cannot be true.
      if (mtu < ipv6Wire.LEAST_MTU || mtu >= length) {
        this.counters.errorsImplausibleMtu++
        return
      }
    }
    const handler = this.#ip.protocolHandler(chain.protocol)
    if (handler === null) {
      this.counters.errorsUnknownProtocol++
      return
    }
    const reporter = sourceOf(packet)
    packet.network = quoted
    packet.transport = packet.start = chain.position
    packet.end = end
    packet.source0 = packet.destination0
    packet.source1 = packet.destination1
    packet.source2 = packet.destination2
    packet.source3 = packet.destination3
    packet.destination0 = ipv6Wire.destinationWord(bytes, quoted, 0)
    packet.destination1 = ipv6Wire.destinationWord(bytes, quoted, 1)
    packet.destination2 = ipv6Wire.destinationWord(bytes, quoted, 2)
    packet.destination3 = ipv6Wire.destinationWord(bytes, quoted, 3)
    this.counters.errorsDelivered++
    handler.receiveError(kind, packet, mtu, reporter)
  }

  /** Whether the address that sent the quoted packet is the one that hears of it. */
  #isOurs(packet: PacketBuffer, quoted: number): boolean {
    const bytes = this.#bytes
    return (
      !packet.multicast &&
      ipv6Wire.sourceWord(bytes, quoted, 3) === packet.destination3 &&
      ipv6Wire.sourceWord(bytes, quoted, 2) === packet.destination2 &&
      ipv6Wire.sourceWord(bytes, quoted, 1) === packet.destination1 &&
      ipv6Wire.sourceWord(bytes, quoted, 0) === packet.destination0
    )
  }

  sendError(kind: IpErrorKind, offending: PacketBuffer): void {
    const pointer = kind === IpErrorKind.ProtocolUnreachable ? ipv6Wire.NEXT_HEADER : 0
    this.#sendError(types.errorTypeAndCode(kind), pointer, offending, false)
  }

  sendParameterProblem(code: ParameterProblem, position: number, offending: PacketBuffer, evenToGroup: boolean): void {
    const pointer = position - offending.network
    this.#sendError((Icmpv6Type.ParameterProblem << 8) | code, pointer, offending, evenToGroup)
  }

  /** Sends an error about a received packet, if the rules of RFC 4443, section 2.4, and the rate limit allow. */
  #sendError(typeAndCode: number, parameter: number, offending: PacketBuffer, evenToGroup: boolean): void {
    if (!this.#mayReport(offending, evenToGroup)) {
      this.counters.errorsSuppressed++
      return
    }
    if (!this.#limiter.take()) {
      this.counters.errorsRateLimited++
      return
    }
    const isToGroup = offending.multicast
    const path = isToGroup ? this.#pathOrNull(sourceOf(offending)) : this.#ip.passingPath(offending)
    if (path === null) {
      this.counters.notSent++
      return
    }
    const bytes = this.#bytes
    const { network } = offending
    const total = ipv6Wire.HEADER_LENGTH + ipv6Wire.payloadLength(bytes, network)
    const quote = Math.min(total, QUOTE_LIMIT)
    const length = HEADER_LENGTH + quote
    const packet = this.#memory.allocate(length)
    if (packet === null) {
      this.counters.notSent++
      return
    }
    packet.end = packet.start + length
    const code = typeAndCode & 0xff
    wire.writeHeader(bytes, packet.start, typeAndCode >>> 8, code, parameter >>> 16, parameter & 0xffff)
    bytes.copyWithin(packet.start + HEADER_LENGTH, network, network + quote)
    this.#complete(packet, path)
    this.counters.errorsSent++
    this.#ip.send(packet, path, IpProtocol.Icmpv6, 0, 0)
  }

  /** RFC 4443, section 2.4 (e): what no error is ever sent about. */
  #mayReport(offending: PacketBuffer, evenToGroup: boolean): boolean {
    if ((offending.multicast || offending.linkMulticast) && !evenToGroup) return false
    const { source0, source1, source2, source3, network } = offending
    if (source0 >>> 24 === 0xff) return false
    if (source0 === 0 && source1 === 0 && source2 === 0 && source3 === 0) return false
    const bytes = this.#bytes
    const chain = this.#chain
    const end = network + ipv6Wire.HEADER_LENGTH + ipv6Wire.payloadLength(bytes, network)
    if (!chain.skip(network + ipv6Wire.NEXT_HEADER, network + ipv6Wire.HEADER_LENGTH, end)) return true
    if (chain.protocol !== IpProtocol.Icmpv6) return true
    // What cannot be told from an error is taken for one.
    if (chain.position >= end) return false
    const type = wire.type(bytes, chain.position)
    return !types.isError(type) && type !== Icmpv6Type.Redirect
  }

  /** Puts the checksum of the message [start, end) in its place, RFC 4443, section 2.3. */
  #complete(packet: PacketBuffer, path: Path): void {
    const at = packet.start
    const length = packet.end - at
    wire.writeChecksum(this.#bytes, at, 0)
    const sum = pseudoHeaderSum(path.addressSum, IpProtocol.Icmpv6, length)
    wire.writeChecksum(this.#bytes, at, finish(this.#memory.checksum.sum(at, length, sum)))
    packet.checksum = ChecksumState.Verified
  }
}

function sourceOf(packet: PacketBuffer): IpAddress {
  return IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3)
}

function destinationOf(packet: PacketBuffer): IpAddress {
  return IpAddress.fromWords(packet.destination0, packet.destination1, packet.destination2, packet.destination3)
}
