import { IpAddress } from '../address/index.ts'
import { finish, updateWord16 } from '../checksum/index.ts'
import { type Clock, type Microseconds, type Random, SECOND } from '../clock/index.ts'
import { inRange, integerInRange } from '../errors/index.ts'
import { IpErrorKind, IpProtocol, type IpProtocolHandler, type Path } from '../ip/index.ts'
import { type ErrorSender, type Ipv4, ipv4Wire } from '../ipv4/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory } from '../packet/index.ts'
import { type IcmpCounters, newIcmpCounters } from './counters.ts'
import { isEchoData, writeEchoData } from './echo-data.ts'
import { type EchoHandler, type EchoRequest, EchoRequests } from './echo-requests.ts'
import { pathMtu } from './path-mtu.ts'
import { TokenBucket } from './token-bucket.ts'
import * as wire from './wire.ts'

/** What the IPv4 total length field leaves to the data of an echo request. */
const MAX_DATA = 65_535 - ipv4Wire.HEADER_LENGTH - wire.HEADER_LENGTH
/** RFC 1812, 4.3.2.3: an error quotes as much as fits a datagram of 576 bytes. */
const QUOTE_LIMIT = 576 - ipv4Wire.HEADER_LENGTH - wire.HEADER_LENGTH
/** RFC 792: of network, host, and both with a type of service. */
const LAST_REDIRECT_CODE = 3
/** RFC 792: an error quotes the IP header and at least this much behind it. */
const LEAST_QUOTE = 8
/** Room before an answer for the headers of IP, Ethernet and the device. */
const ANSWER_HEADROOM = 64
/** RFC 1812, 4.3.2.5: errors go with precedence 6, internetwork control. */
const INTERNETWORK_CONTROL = 0xc0
/** Delay, throughput, reliability and cost bits of the original, as Linux keeps them (IPTOS_TOS_MASK). */
const TYPE_OF_SERVICE_MASK = 0x1e

/** What `new Icmp` and `new Icmpv6` take. */
export interface IcmpOptions {
  clock: Clock
  random: Random
  /** Errors sent per second on average, 0 to 1,000,000; default 1,000 (Linux: icmp_msgs_per_sec). */
  errorsPerSecond?: number
  /** Errors sent at once, 0 to 1,000,000; default 50 (Linux: icmp_msgs_burst). */
  errorBurst?: number
  /** Echo requests of ours that may wait for their answers; 1 to 32,768, default 1,024. */
  pingLimit?: number
  /**
   * Whether routers may name better first hops (RFC 1122, 3.2.2.2). Default false: anybody on the link can forge such a message
   * and read what is not for him. ICMPv6 has its own.
   */
  acceptRedirects?: boolean
}

/** What `Icmp.ping` takes. */
export interface PingSettings {
  /** Bytes of data, 0 to 65,507; default 56. */
  size?: number
  /** How long to wait, 0 or more; default 5 s. */
  timeout?: Microseconds
  /** 0 to 255; 0, the default, takes the path's. */
  hopLimit?: number
}

/** ICMP for IPv4, RFC 792 with the requirements of RFC 1122, section 3.2.2: echo, and errors both ways. */
export class Icmp implements IpProtocolHandler, ErrorSender {
  readonly counters: IcmpCounters = newIcmpCounters()

  readonly #ip: Ipv4
  readonly #memory: PacketMemory
  readonly #bytes: Uint8Array
  readonly #clock: Clock
  readonly #limiter: TokenBucket
  readonly #requests: EchoRequests
  readonly #acceptsRedirects: boolean
  /** The way of the last answer: most echo requests come from where the one before came from. */
  #answerPath: Path | null = null

  /** @throws RangeError naming the option that is out of its range */
  constructor(ip: Ipv4, options: IcmpOptions) {
    const { clock, random } = options
    this.#ip = ip
    this.#memory = ip.memory
    this.#bytes = ip.memory.bytes
    this.#clock = clock
    const rate = integerInRange('errorsPerSecond', options.errorsPerSecond ?? 1000, 0, 1_000_000)
    this.#limiter = new TokenBucket(
      clock,
      random,
      rate,
      integerInRange('errorBurst', options.errorBurst ?? 50, 0, 1_000_000),
    )
    const limit = integerInRange('pingLimit', options.pingLimit ?? 1024, 1, 32_768)
    this.#requests = new EchoRequests(clock, limit, random.below(0x10000), random.below(0x10000))
    this.#acceptsRedirects = options.acceptRedirects ?? false
    ip.addProtocol(IpProtocol.Icmp, this)
    ip.setErrorSender(this)
  }

  /** Echo requests that wait for their answer. */
  get pingCount(): number {
    return this.#requests.count
  }

  /**
   * Sends one echo request and flushes it; what is larger than the path's MTU goes in fragments.
   * @returns the request, or why it could not be sent: EACCES (a broadcast or multicast address), ENOBUFS (too many under way, or packet memory is exhausted), ENETUNREACH
   * @throws RangeError if the size, the timeout or the hop limit is none
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
    if (path.isBroadcast || destination.isMulticast) return 'EACCES'
    const length = wire.HEADER_LENGTH + size
    const packet = this.#memory.allocate(length)
    if (packet === null) return 'ENOBUFS'
    const request = this.#requests.add(handler, path, size, timeout)
    if (request === null) {
      this.counters.pingsRefused++
      packet.release()
      return 'ENOBUFS'
    }
    packet.end = packet.start + length
    wire.writeHeader(this.#bytes, packet.start, wire.IcmpType.EchoRequest, 0, request.identifier, request.sequence)
    writeEchoData(this.#bytes, packet.start + wire.HEADER_LENGTH, packet.end)
    this.#complete(packet)
    this.counters.echoRequestsSent++
    this.#ip.send(packet, path, IpProtocol.Icmp, hopLimit, 0)
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

  receive(packet: PacketBuffer): void {
    const bytes = this.#bytes
    const at = packet.start
    const length = packet.end - at
    if (length < wire.HEADER_LENGTH) {
      this.counters.truncated++
      return
    }
    if (packet.checksum === ChecksumState.Unverified && this.#memory.checksum.sum(at, length, 0) !== 0xffff) {
      this.counters.checksum++
      return
    }
    switch (wire.type(bytes, at)) {
      case wire.IcmpType.EchoRequest:
        this.#answer(packet)
        break
      case wire.IcmpType.EchoReply:
        this.#answered(packet)
        break
      case wire.IcmpType.DestinationUnreachable:
      case wire.IcmpType.TimeExceeded:
      case wire.IcmpType.ParameterProblem:
        this.#error(packet)
        break
      case wire.IcmpType.SourceQuench:
        this.counters.sourceQuenches++
        break
      case wire.IcmpType.Redirect:
        this.counters.redirects++
        if (this.#acceptsRedirects) this.#redirected(packet)
        break
      default:
        // RFC 1122, 3.2.2: an unknown type is silently discarded.
        if (wire.isQuery(wire.type(bytes, at))) this.counters.queriesIgnored++
        else this.counters.unknownType++
    }
  }

  endOfBurst(): void {}

  #redirected(packet: PacketBuffer): void {
    const bytes = this.#bytes
    const at = packet.start
    const quoted = at + wire.HEADER_LENGTH
    const { code } = wire
    // Redirects for a whole network are for the host alone, too: RFC 1122, 3.2.2.2.
    const isOurs =
      code(bytes, at) <= LAST_REDIRECT_CODE &&
      !packet.multicast &&
      packet.end - quoted >= ipv4Wire.HEADER_LENGTH + LEAST_QUOTE &&
      ipv4Wire.source(bytes, quoted) === packet.destination3
    const destination = isOurs ? ipv4Wire.destination(bytes, quoted) : 0
    if (!isOurs || !this.#ip.redirect(destination, wire.gateway(bytes, at), packet.source3)) return
    this.counters.redirectsFollowed++
  }

  /** An error about an echo request of ours. */
  receiveError(kind: IpErrorKind, quoted: PacketBuffer, _mtu: number, reporter: IpAddress): void {
    const bytes = this.#bytes
    const at = quoted.start
    if (quoted.end - at < wire.HEADER_LENGTH || wire.type(bytes, at) !== wire.IcmpType.EchoRequest) return
    const request = this.#requests.find(quoted.destination3, wire.identifier(bytes, at), wire.sequence(bytes, at))
    if (request === null) return
    this.#requests.remove(request)
    request.roundTrip = this.#clock.now() - request.sentAt
    request.handler.echoFailed(request, kind, reporter)
  }

  /** Answers an echo request with the packet itself where nobody else holds it, RFC 1122, 3.2.2.6. */
  #answer(packet: PacketBuffer): void {
    this.counters.echoRequestsReceived++
    if (packet.multicast || packet.linkMulticast) {
      this.counters.echoRequestsToMany++
      return
    }
    let path = this.#answerPath
    if (
      path === null ||
      path.destination.word3 !== packet.source3 ||
      path.source.word3 !== packet.destination3 ||
      path.isStale
    ) {
      const found = this.#ip.path(IpAddress.v4(packet.source3), IpAddress.v4(packet.destination3))
      if (typeof found === 'string') {
        this.counters.notSent++
        return
      }
      path = this.#answerPath = found
    }
    const isAlone = packet.references === 1 && packet.start - packet.base >= ANSWER_HEADROOM
    const answer = isAlone ? packet.retain() : this.#memory.copy(packet)
    if (answer === null) {
      this.counters.notSent++
      return
    }
    const bytes = this.#bytes
    const at = answer.start
    const code = wire.code(bytes, at)
    wire.writeType(bytes, at, wire.IcmpType.EchoReply)
    // RFC 1624: only the type has changed.
    const before = (wire.IcmpType.EchoRequest << 8) | code
    const after = (wire.IcmpType.EchoReply << 8) | code
    const checksum = updateWord16(wire.checksum(bytes, at), before, after)
    // The update cannot tell the two zeros of one's complement apart, and an answer of nothing but zeros needs 0xffff.
    if (checksum === 0 || answer.checksum === ChecksumState.Partial) this.#complete(answer)
    else wire.writeChecksum(bytes, at, checksum)
    this.counters.echoRepliesSent++
    // RFC 1122, 3.2.2.6: with the type of service of the request.
    this.#ip.send(answer, path, IpProtocol.Icmp, 0, packet.trafficClass)
  }

  #answered(packet: PacketBuffer): void {
    const bytes = this.#bytes
    const at = packet.start
    const request = this.#requests.find(packet.source3, wire.identifier(bytes, at), wire.sequence(bytes, at))
    if (request === null) {
      this.counters.echoRepliesUnexpected++
      return
    }
    packet.payload = at + wire.HEADER_LENGTH
    packet.payloadEnd = packet.end
    if (!isEchoData(packet, request.size)) {
      this.counters.echoRepliesAltered++
      return
    }
    this.counters.echoRepliesReceived++
    this.#requests.answer(request, packet)
  }

  /** Passes an error about a packet of ours to the protocol that sent it, RFC 1122, 3.2.2.1. */
  #error(packet: PacketBuffer): void {
    const bytes = this.#bytes
    const at = packet.start
    const kind = wire.errorKind(wire.type(bytes, at), wire.code(bytes, at))
    if (kind === null) {
      this.counters.errorsUnknownCode++
      return
    }
    const quoted = at + wire.HEADER_LENGTH
    const available = packet.end - quoted
    if (available < ipv4Wire.HEADER_LENGTH + LEAST_QUOTE) {
      this.counters.errorsTruncated++
      return
    }
    const headerLength = ipv4Wire.headerLength(bytes, quoted)
    const total = ipv4Wire.totalLength(bytes, quoted)
    const length = Math.min(available, total)
    if (
      ipv4Wire.version(bytes, quoted) !== 4 ||
      headerLength < ipv4Wire.HEADER_LENGTH ||
      length < headerLength + LEAST_QUOTE
    ) {
      this.counters.errorsTruncated++
      return
    }
    // A packet of ours is quoted to the address that sent it; the error must be about its first fragment, which alone
    // tells the ports.
    const source = ipv4Wire.source(bytes, quoted)
    if (
      packet.multicast ||
      source !== packet.destination3 ||
      (ipv4Wire.flagsAndOffset(bytes, quoted) & ipv4Wire.FRAGMENT_OFFSET) !== 0
    ) {
      this.counters.errorsNotOurs++
      return
    }
    let mtu = 0
    if (kind === IpErrorKind.PacketTooBig) {
      mtu = pathMtu(wire.nextHopMtu(bytes, at), total)
      if (mtu === 0) {
        this.counters.errorsImplausibleMtu++
        return
      }
    }
    const handler = this.#ip.protocolHandler(ipv4Wire.protocol(bytes, quoted))
    if (handler === null) {
      this.counters.errorsUnknownProtocol++
      return
    }
    const reporter = IpAddress.v4(packet.source3)
    packet.network = quoted
    packet.transport = packet.start = quoted + headerLength
    packet.end = quoted + length
    packet.source3 = source
    packet.destination3 = ipv4Wire.destination(bytes, quoted)
    this.counters.errorsDelivered++
    handler.receiveError(kind, packet, mtu, reporter)
  }

  /** Sends an error about a received packet, if the rules of RFC 1122, 3.2.2 and the rate limit allow. */
  sendError(kind: IpErrorKind, offending: PacketBuffer, detail = 0): void {
    if (!this.#mayReport(offending)) {
      this.counters.errorsSuppressed++
      return
    }
    if (!this.#limiter.take()) {
      this.counters.errorsRateLimited++
      return
    }
    // RFC 1122, 3.2.2: from where the packet went to; about one that we only pass on, from an address of ours (RFC 1812, 4.3.2.4).
    const { destination3 } = offending
    const from = this.#ip.owns(destination3) ? IpAddress.v4(destination3) : null
    const path = this.#ip.path(IpAddress.v4(offending.source3), from)
    if (typeof path === 'string') {
      this.counters.notSent++
      return
    }
    const bytes = this.#bytes
    const network = offending.network
    const quote = Math.min(ipv4Wire.totalLength(bytes, network), QUOTE_LIMIT)
    const length = wire.HEADER_LENGTH + quote
    const packet = this.#memory.allocate(length)
    if (packet === null) {
      this.counters.notSent++
      return
    }
    packet.end = packet.start + length
    const typeAndCode = wire.errorTypeAndCode(kind)
    const code = kind === IpErrorKind.TimeExceeded ? detail : typeAndCode & 0xff
    // RFC 792: the pointer is one byte. RFC 1191, section 4: the MTU stands in the lower half.
    const pointer = kind === IpErrorKind.ParameterProblem ? detail << 8 : 0
    wire.writeHeader(
      bytes,
      packet.start,
      typeAndCode >>> 8,
      code,
      pointer,
      kind === IpErrorKind.PacketTooBig ? detail : 0,
    )
    bytes.copyWithin(packet.start + wire.HEADER_LENGTH, network, network + quote)
    this.#complete(packet)
    this.counters.errorsSent++
    const trafficClass = (offending.trafficClass & TYPE_OF_SERVICE_MASK) | INTERNETWORK_CONTROL
    this.#ip.send(packet, path, IpProtocol.Icmp, 0, trafficClass)
  }

  /** RFC 1122, 3.2.2, and RFC 1812, 4.3.2.7: what no error is ever sent about. */
  #mayReport(offending: PacketBuffer): boolean {
    if (offending.multicast || offending.linkMulticast) return false
    const source = offending.source3
    // A source that is not a single host.
    if (source >>> 24 === 0 || source >>> 28 >= 14) return false
    const bytes = this.#bytes
    const network = offending.network
    if ((ipv4Wire.flagsAndOffset(bytes, network) & ipv4Wire.FRAGMENT_OFFSET) !== 0) return false
    if (ipv4Wire.protocol(bytes, network) !== IpProtocol.Icmp) return true
    const icmp = network + ipv4Wire.headerLength(bytes, network)
    return ipv4Wire.totalLength(bytes, network) > icmp - network && wire.isQuery(wire.type(bytes, icmp))
  }

  /** Puts the checksum of the message [start, end) in its place. */
  #complete(packet: PacketBuffer): void {
    const at = packet.start
    wire.writeChecksum(this.#bytes, at, 0)
    wire.writeChecksum(this.#bytes, at, finish(this.#memory.checksum.sum(at, packet.end - at, 0)))
    packet.checksum = ChecksumState.Verified
  }
}
