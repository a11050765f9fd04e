import { IPV4_MAPPED_WORD, IpAddress, IpPrefix, type MacAddress } from '../address/index.ts'
import { type AddressUse, type Arp, NeighborState, type UnreachableHandler } from '../arp/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type Ethernet, type EthernetHandler, EtherType } from '../ethernet/index.ts'
import {
  cut,
  type FragmentSink,
  type Ip,
  IpErrorKind,
  IpProtocol,
  type IpProtocolHandler,
  LocalQueue,
  type LocalReceiver,
  type Path,
  type Route,
} from '../ip/index.ts'
import { type PacketBuffer, type PacketMemory, Segmentation, SMALL_SLOT } from '../packet/index.ts'
import { type Ipv4Counters, newIpv4Counters } from './counters.ts'
import { Identifications } from './identification.ts'
import type { Ipv4Path } from './ipv4-path.ts'
import { AddressKind, isHostAddress, isLoopback, type LocalAddresses } from './local-addresses.ts'
import { checkOptions, malformedOption, OptionsVerdict } from './options.ts'
import { type AddressHandler, multicastMac, Paths } from './paths.ts'
import { Ipv4Reassembly, type Ipv4ReassemblyCounters } from './reassembly.ts'
import * as wire from './wire.ts'

/** The total length field has 16 bits. */
const MAX_PACKET = 65_535
/** RFC 791, section 3.2: what every module has to forward whole. */
const LEAST_MTU = 68
/** Code of Time Exceeded, RFC 792. */
const REASSEMBLY_TIME_EXCEEDED = 1
/** 224.0.0.0/24 without its last byte, RFC 5771, section 4: what no router forwards. */
const LOCAL_GROUPS = 0xe00000
/** Precedence 6, RFC 791: RFC 9776, section 4. */
const INTERNETWORK_CONTROL = 0xc0

export interface Ipv4Options {
  /** Own address and its network, `10.0.0.2/24`; more through `addAddress`. Without one, addresses come later. */
  cidr?: string
  /** Default gateway, on that network. */
  gateway?: string
  clock: Clock
  random: Random
  /** Destinations whose path is remembered; 16 to 1,048,576, default 4,096. */
  pathCacheSize?: number
  /** Packets to ourselves that may wait for delivery; 1 to 65,536, default 1,024. */
  localQueueLimit?: number
  /** Bytes of packet memory that fragments may keep; default 4 MiB, but a quarter of the small slots at most. */
  reassemblyMemory?: number
  /** The same for each source; default 1,048,576. */
  reassemblyMemoryPerSource?: number
}

/** Says that something could not be delivered; ICMP registers itself as this. */
export interface ErrorSender {
  /**
   * @param detail for PacketTooBig the MTU, for ParameterProblem where in the packet, for TimeExceeded the code of the
   *   message: 0 in transit, 1 in reassembly
   */
  sendError(kind: IpErrorKind, offending: PacketBuffer, detail: number): void
}

/** Takes packets that are for others: a router. Packets are borrowed. */
export interface ForeignForwarder {
  /** @param packet [start, end) is the whole packet; `network`, the address fields and `hopLimit` are set */
  forward(packet: PacketBuffer, from: Ipv4): void
  /** The next hop of a packet that was forwarded does not answer. @param packet likewise */
  unreachable(packet: PacketBuffer): void
  /** After the last packet of a burst. */
  endOfBurst(): void
}

/** Who takes datagrams that came to our MAC address and to an IP address that is not ours, or not yet. */
export interface ForeignReceiver {
  /** Set up as for `IpProtocolHandler.receive`, of UDP, and no fragment. Borrowed for the call. */
  receiveForeign(packet: PacketBuffer): void
}

/**
 * The internet layer for IPv4: RFC 791, with the host requirements of RFC 1122, section 3.2.1 and 3.3. One interface,
 * several addresses, routes by longest prefix. It does not forward by itself: see `Ipv4Forwarder`.
 */
export class Ipv4 implements Ip, EthernetHandler, LocalReceiver, UnreachableHandler, FragmentSink {
  readonly family = 4
  readonly memory: PacketMemory
  readonly counters: Ipv4Counters = newIpv4Counters()
  readonly #ethernet: Ethernet
  readonly #arp: Arp
  readonly #bytes: Uint8Array
  readonly #paths: Paths
  readonly #local: LocalAddresses
  readonly #localQueue: LocalQueue
  readonly #protocols: (IpProtocolHandler | null)[] = new Array<IpProtocolHandler | null>(256).fill(null)
  /** Each handler once, in the order of adding. */
  readonly #handlers: IpProtocolHandler[] = []
  #errorSender: ErrorSender | null = null
  #foreignReceiver: ForeignReceiver | null = null
  #forwarder: ForeignForwarder | null = null
  readonly #reassembly: Ipv4Reassembly
  readonly #identifications: Identifications
  /** Of the packet that is being cut into fragments. */
  #fragmentPath: Ipv4Path | null = null
  #fragmentIdentification = 0
  #fragmentHopLimit = 0
  #fragmentTrafficClass = 0
  #fragmentProtocol = 0

  /** @throws TypeError or RangeError naming the option that is wrong */
  constructor(ethernet: Ethernet, arp: Arp, options: Ipv4Options) {
    this.memory = ethernet.memory
    this.#ethernet = ethernet
    this.#arp = arp
    this.#bytes = ethernet.memory.bytes
    const cacheSize = integerInRange('pathCacheSize', options.pathCacheSize ?? 4096, 16, 1_048_576)
    this.#paths = new Paths(this, arp, options.clock, options.random, ethernet.mtu, cacheSize)
    this.#local = this.#paths.local
    this.#paths.onLeaving((address) => {
      for (const handler of this.#handlers) handler.addressLeaving?.(address)
    })
    const limit = integerInRange('localQueueLimit', options.localQueueLimit ?? 1024, 1, 65_536)
    this.#localQueue = new LocalQueue(options.clock, this, limit)
    this.#identifications = new Identifications(options.random)
    // Linux (ipfrag_high_thresh) has 4 MiB for all; a quarter of a smaller memory must do.
    const most = Math.min(4_194_304, (this.memory.smallSlots * SMALL_SLOT) / 4)
    const perSource = options.reassemblyMemoryPerSource ?? 1_048_576
    this.#reassembly = new Ipv4Reassembly(
      this.memory,
      options.clock,
      options.random,
      integerInRange('reassemblyMemory', options.reassemblyMemory ?? most, 0, 0x7fffffff),
      integerInRange('reassemblyMemoryPerSource', perSource, 0, 0x7fffffff),
      (first) => {
        this.#errorSender?.sendError(IpErrorKind.TimeExceeded, first, REASSEMBLY_TIME_EXCEEDED)
        this.flush()
      },
    )
    if (options.cidr !== undefined) this.addAddress(IpPrefix.parse(options.cidr))
    if (options.gateway !== undefined) this.setGateway(IpAddress.parse(options.gateway))
    ethernet.addProtocol(EtherType.Ipv4, this)
    arp.setUnreachableHandler(this)
  }

  get addresses(): readonly IpPrefix[] {
    return this.#local.prefixes
  }

  get routes(): readonly Route[] {
    return this.#paths.routing.routes
  }

  /** Destinations in the path cache. */
  get pathCount(): number {
    return this.#paths.count
  }

  /** Destinations that have left the path cache for want of room. */
  get pathsEvicted(): number {
    return this.#paths.evicted
  }

  get reassemblyCounters(): Readonly<Ipv4ReassemblyCounters> {
    return this.#reassembly.counters
  }

  /** Packets of which some fragments are there. */
  get reassemblyCount(): number {
    return this.#reassembly.count
  }

  /** Bytes of packet memory that fragments keep. */
  get reassemblyKept(): number {
    return this.#reassembly.kept
  }

  /** Largest IP packet that goes out on the link, in bytes: the interface's, or less (`setMtu`). */
  get mtu(): number {
    return this.#paths.linkMtu
  }

  /** @param mtu 68 bytes (RFC 791, section 3.2) up to the interface's @throws RangeError */
  setMtu(mtu: number): void {
    this.#paths.setLinkMtu(integerInRange('mtu', mtu, LEAST_MTU, this.#ethernet.mtu))
  }

  addProtocol(protocol: number, handler: IpProtocolHandler): void {
    this.#protocols[protocol] = handler
    if (!this.#handlers.includes(handler)) this.#handlers.push(handler)
  }

  /** Who takes packets of this protocol, 0 to 255. */
  protocolHandler(protocol: number): IpProtocolHandler | null {
    return this.#protocols[protocol]
  }

  setErrorSender(sender: ErrorSender): void {
    this.#errorSender = sender
  }

  /**
   * While somebody is set, datagrams of UDP to unicast addresses that are not ours go there: a server sends its answer to the
   * address that it offers, RFC 2131, section 4.1. Null: they are dropped.
   */
  setForeignReceiver(receiver: ForeignReceiver | null): void {
    this.#foreignReceiver = receiver
  }

  onAddress(handler: AddressHandler): void {
    this.#paths.onAddress(handler)
  }

  /**
   * Answers on this address from now on and reaches its network over the link.
   * @param use what becomes of it when another station uses it as well, and who is told
   * @returns false if the address was ours already
   * @throws RangeError if it cannot be a host's address
   */
  addAddress(prefix: IpPrefix, use: AddressUse = {}): boolean {
    return this.#paths.addAddress(prefix, use)
  }

  /** @returns false if the address was not ours */
  removeAddress(address: IpAddress): boolean {
    return this.#paths.removeAddress(address)
  }

  /**
   * Adds a route.
   * @param gateway the next hop, null for a network on our link
   * @param metric among routes of the same length the smallest wins; 0 to 2^31 - 1
   * @throws RangeError if the gateway is not on a network of ours, or the family or the metric is wrong
   */
  addRoute(destination: IpPrefix, gateway: IpAddress | null, metric = 0): void {
    this.#paths.addRoute(destination, gateway, metric)
  }

  /** @returns whether there was such a route */
  removeRoute(destination: IpPrefix, gateway: IpAddress | null): boolean {
    return this.#paths.removeRoute(destination, gateway)
  }

  /** Replaces the default route; null leaves none. @throws RangeError if the gateway is not on a network of ours */
  setGateway(gateway: IpAddress | null): void {
    this.#paths.setGateway(gateway)
  }

  isLocalAddress(address: IpAddress): boolean {
    if (address.family !== 4) return false
    return isLoopback(address.word3) || this.#local.classify(address.word3) !== AddressKind.Foreign
  }

  /** Whether this is a unicast address of ours, loopback included; a signed 32-bit integer. */
  owns(address: number): boolean {
    return isLoopback(address) || this.#local.owns(address)
  }

  path(destination: IpAddress, source: IpAddress | null = null): Ipv4Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' {
    return this.#paths.path(destination, source)
  }

  /**
   * A way to a host on our link, or to all of them, that asks neither for a route nor for the MAC address, and whose source
   * need not be ours. Nothing remembers it.
   */
  linkPath(source: IpAddress, destination: IpAddress, mac: MacAddress): Ipv4Path {
    return this.#paths.linkPath(source, destination, mac)
  }

  passingPath(packet: PacketBuffer): Ipv4Path | null {
    return this.#paths.passingPath(packet.source3, packet.destination3)
  }

  send(packet: PacketBuffer, path: Path, protocol: number, hopLimit: number, trafficClass: number): void {
    const way = path as Ipv4Path
    const total = packet.end - packet.start + wire.HEADER_LENGTH
    const hops = hopLimit === 0 ? way.defaultHopLimit : hopLimit
    if (total > MAX_PACKET) {
      this.counters.sendTooBig++
      packet.release()
      return
    }
    if (total > way.mtu && packet.segmentation !== Segmentation.TcpV4) {
      this.#sendFragments(packet, way, protocol, hops, trafficClass)
      return
    }
    const count = way.identification
    // A large packet takes one for each segment that it is cut into.
    const taken = packet.segmentation === Segmentation.None ? 1 : Math.ceil(total / packet.segmentSize)
    way.identification = (count + taken) & 0xffff
    // As Linux: whatever fits the path is not to be fragmented on it (RFC 1191), except ICMP.
    const mayBeCut = protocol === IpProtocol.Icmp || way.mayBeCut
    // RFC 6864, 4.1: the identification of a packet that is never fragmented may be anything.
    const isCounted = !mayBeCut || taken > 1
    const identification = isCounted ? count : this.#identifications.permute(way.destinationAddress, count)
    this.#sendWhole(packet, way, protocol, hops, trafficClass, identification, mayBeCut ? 0 : wire.DONT_FRAGMENT)
  }

  /**
   * What does not fit the path goes in fragments, which may be cut further: so Linux treats UDP with path MTU discovery
   * (IP_PMTUDISC_WANT, its default), and ICMP. TCP fits its segments to the path instead, and sends this one again.
   */
  #sendFragments(packet: PacketBuffer, way: Ipv4Path, protocol: number, hopLimit: number, trafficClass: number): void {
    if (protocol === IpProtocol.Tcp) {
      this.counters.sendTooBig++
      packet.release()
      return
    }
    this.#fragmentPath = way
    this.#fragmentProtocol = protocol
    this.#fragmentHopLimit = hopLimit
    this.#fragmentTrafficClass = trafficClass
    this.#fragmentIdentification = this.#identifications.permute(way.destinationAddress, way.identification)
    way.identification = (way.identification + 1) & 0xffff
    if (cut(packet, (way.mtu - wire.HEADER_LENGTH) & ~7, this)) this.counters.packetsFragmented++
    else this.counters.noMemory++
  }

  sendFragment(fragment: PacketBuffer, offset: number, more: boolean): void {
    this.counters.fragmentsSent++
    this.#sendWhole(
      fragment,
      this.#fragmentPath as Ipv4Path,
      this.#fragmentProtocol,
      this.#fragmentHopLimit,
      this.#fragmentTrafficClass,
      this.#fragmentIdentification,
      (more ? wire.MORE_FRAGMENTS : 0) | (offset >>> 3),
    )
  }

  #sendWhole(
    packet: PacketBuffer,
    way: Ipv4Path,
    protocol: number,
    hopLimit: number,
    trafficClass: number,
    identification: number,
    flagsAndOffset: number,
  ): void {
    this.#pushHeader(packet, way, protocol, hopLimit, trafficClass, identification, flagsAndOffset)
    let neighbor = way.neighbor
    if (neighbor === null) {
      this.#sendLocal(packet)
      return
    }
    this.counters.sent++
    if (neighbor.ready) {
      this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
      return
    }
    if (neighbor.state === NeighborState.Dead) neighbor = way.neighbor = this.#arp.neighbor(way.nextHop)
    if (neighbor.ready) this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
    else this.#arp.send(packet, neighbor)
  }

  #pushHeader(
    packet: PacketBuffer,
    way: Ipv4Path,
    protocol: number,
    hopLimit: number,
    trafficClass: number,
    identification: number,
    flagsAndOffset: number,
  ): void {
    const total = packet.end - packet.start + wire.HEADER_LENGTH
    packet.network = packet.push(wire.HEADER_LENGTH)
    wire.writeHeader(
      this.#bytes,
      packet.network,
      way.headerSum,
      trafficClass,
      total,
      identification,
      flagsAndOffset,
      hopLimit,
      protocol,
      way.sourceAddress,
      way.destinationAddress,
    )
  }

  loopBack(packet: PacketBuffer, path: Path, protocol: number, hopLimit: number, trafficClass: number): void {
    const copy = this.memory.copy(packet)
    if (copy === null) {
      this.counters.noMemory++
      return
    }
    this.#pushHeader(copy, path as Ipv4Path, protocol, hopLimit, trafficClass, 0, wire.DONT_FRAGMENT)
    this.#sendLocal(copy)
  }

  /**
   * Sends [start, end) to a group on our link with a TTL of 1 and the router alert option (RFC 2113), as RFC 9776, section 4
   * has it for IGMP, from our first address or, without one, from 0.0.0.0. Takes over the reference.
   */
  sendWithRouterAlert(packet: PacketBuffer, group: number, protocol: number): void {
    const source = this.#local.prefixes[0]?.address.word3 ?? 0
    const at = packet.push(wire.HEADER_LENGTH + wire.ROUTER_ALERT_LENGTH)
    packet.network = at
    const total = packet.end - at
    const sum = wire.baseSum(source, group)
    const { DONT_FRAGMENT } = wire
    wire.writeHeader(this.#bytes, at, sum, INTERNETWORK_CONTROL, total, 0, DONT_FRAGMENT, 1, protocol, source, group)
    wire.writeRouterAlert(this.#bytes, at)
    this.counters.sent++
    const mac = multicastMac(group)
    this.#ethernet.send(packet, mac.high, mac.low, EtherType.Ipv4)
  }

  /** Packets to this group are for us, or no longer. */
  setGroup(group: number, isListening: boolean): void {
    this.#local.setGroup(group, isListening)
  }

  #sendLocal(packet: PacketBuffer): void {
    if (packet.references > 1) {
      // The sender keeps the packet and its fields; the receiver needs fields of its own.
      const copy = this.memory.copy(packet)
      packet.release()
      if (copy === null) {
        this.counters.noMemory++
        return
      }
      packet = copy
    }
    packet.link = packet.start
    packet.linkMulticast = false
    if (this.#localQueue.add(packet)) {
      this.counters.sentLocal++
      return
    }
    this.counters.localQueueFull++
    packet.release()
  }

  /** @param detail as for `ErrorSender` */
  sendError(kind: IpErrorKind, offending: PacketBuffer, detail = 0): void {
    this.#errorSender?.sendError(kind, offending, detail)
  }

  lowerMtu(path: Path, mtu: number): void {
    this.#paths.lowerMtu(path as Ipv4Path, mtu)
  }

  /**
   * For ICMP: a router names a better first hop to a destination; addresses are signed 32-bit integers.
   * @returns whether it is believed: RFC 1122, section 3.2.2.2
   */
  redirect(destination: number, firstHop: number, router: number): boolean {
    return this.#paths.redirect(destination, firstHop, router)
  }

  confirmReachable(path: Path): void {
    const { neighbor } = path as Ipv4Path
    if (neighbor !== null) this.#arp.confirm(neighbor)
  }

  flush(): void {
    this.#ethernet.flush()
  }

  /** Releases fragments and what waits for local delivery, and stops all timers. */
  close(): void {
    this.#localQueue.clear()
    this.#reassembly.clear()
    this.#paths.close()
  }

  receive(packet: PacketBuffer): void {
    this.#receive(packet, false)
  }

  receiveLocal(packet: PacketBuffer): void {
    this.#receive(packet, true)
  }

  endOfBurst(): void {
    const handlers = this.#handlers
    for (let i = 0; i < handlers.length; i++) handlers[i].endOfBurst()
    this.#forwarder?.endOfBurst()
  }

  endOfLocalBurst(): void {
    this.endOfBurst()
    this.#ethernet.flush()
  }

  #receive(packet: PacketBuffer, fromUs: boolean): void {
    const bytes = this.#bytes
    const network = packet.start
    const available = packet.end - network
    if (available < wire.HEADER_LENGTH) {
      this.counters.truncated++
      return
    }
    // RFC 1122, 3.2.1.1: silently discard what is not version 4.
    if (wire.version(bytes, network) !== 4) {
      this.counters.badVersion++
      return
    }
    const headerLength = wire.headerLength(bytes, network)
    if (headerLength < wire.HEADER_LENGTH) {
      this.counters.badHeaderLength++
      return
    }
    const total = wire.totalLength(bytes, network)
    if (total < headerLength) {
      this.counters.badTotalLength++
      return
    }
    if (total > available) {
      this.counters.truncated++
      return
    }
    // RFC 1122, 3.2.1.2. Offload covers the transport's checksum only, so this one is always checked.
    if (!wire.isChecksumRight(bytes, network, headerLength)) {
      this.counters.headerChecksum++
      return
    }
    const source = wire.source(bytes, network)
    const destination = wire.destination(bytes, network)
    if (!fromUs && this.#forwarder !== null && this.#isForOthers(packet, source, destination)) {
      this.#setFields(packet, network, network + total, source, destination)
      this.#forwarder.forward(packet, this)
      return
    }
    if (!fromUs && !this.#isForUs(packet, source, destination)) {
      if (this.#foreignReceiver !== null) this.#receiveForeign(this.#foreignReceiver, packet, source, destination)
      return
    }
    // Of what we send to ourselves only that to groups came back from there.
    if (fromUs) packet.multicast = destination >>> 28 === 14
    this.#setFields(packet, network, network + total, source, destination)
    if (headerLength > wire.HEADER_LENGTH && !this.areOptionsFine(packet)) return
    packet.transport = packet.start = network + headerLength
    if ((wire.flagsAndOffset(bytes, network) & (wire.MORE_FRAGMENTS | wire.FRAGMENT_OFFSET)) !== 0) {
      this.counters.fragments++
      const whole = this.#reassembly.add(packet)
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
    packet.source0 = packet.source1 = packet.destination0 = packet.destination1 = 0
    packet.source2 = packet.destination2 = IPV4_MAPPED_WORD
    packet.source3 = source
    packet.destination3 = destination
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
      this.counters.badOptions++
      this.sendError(IpErrorKind.ParameterProblem, packet, malformedOption(this.#bytes, options, end) - network)
    } else this.counters.sourceRoute++
    return false
  }

  /**
   * Packets for others go there, instead of being dropped; null turns that off again. ICMP has to be there to tell senders what
   * becomes of them.
   */
  setForwarder(forwarder: ForeignForwarder | null): void {
    this.#forwarder = forwarder
  }

  /** The best route to an address as a 32-bit word, and null where there is none. */
  routeTo(destination: number): Route | null {
    return this.#paths.routing.lookup4(destination)
  }

  /** What an address means to this interface. */
  classify(address: number): AddressKind {
    return this.#local.classify(address)
  }

  /** For a forwarder: sends [start, end), a whole packet, to a host or router on our link. Takes over the reference. */
  sendFrame(packet: PacketBuffer, nextHop: number): void {
    this.counters.sent++
    const neighbor = this.#arp.neighbor(nextHop)
    if (neighbor.ready) this.#ethernet.send(packet, neighbor.macHigh, neighbor.macLow, EtherType.Ipv4)
    else this.#arp.send(packet, neighbor)
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
    const handler = this.#protocols[protocol]
    if (handler === null) {
      this.counters.unknownProtocol++
      // RFC 1122, 3.2.2.1: a host SHOULD say so.
      this.sendError(IpErrorKind.ProtocolUnreachable, packet)
      return
    }
    this.counters.delivered++
    this.#countCodepoint(packet.trafficClass & 3)
    handler.receive(packet, this)
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
    packet.source0 = packet.source1 = packet.destination0 = packet.destination1 = 0
    packet.source2 = packet.destination2 = IPV4_MAPPED_WORD
    packet.source3 = source
    packet.destination3 = destination
    receiver.receiveForeign(packet)
  }

  /** RFC 3168, section 5. */
  #countCodepoint(codepoint: number): void {
    const { counters } = this
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
      if (isLoopback(destination)) this.counters.loopbackOnWire++
      else this.counters.notForUs++
      return false
    }
    if (isLoopback(source)) {
      this.counters.loopbackOnWire++
      return false
    }
    // As Linux: 0.0.0.0 speaks to everybody only (a host without an address, RFC 1122, 3.2.1.3 (a)), or to groups of the link
    // (switches that ask for members, RFC 4541, section 2.1.1).
    const isSourceFine =
      source >>> 24 === 0
        ? source === 0 && (destination === -1 || destination >>> 8 === LOCAL_GROUPS)
        : source >>> 28 !== 14 && !this.#local.isBroadcast(source) && !this.#local.owns(source)
    if (!isSourceFine) {
      this.counters.invalidSource++
      return false
    }
    // RFC 1122, 3.3.6: a broadcast on the link has to be one for IP, too.
    if (packet.linkMulticast && kind === AddressKind.Own) {
      this.counters.unicastInLinkBroadcast++
      return false
    }
    return true
  }

  /** ARP gave up on the next hop of a packet of ours: what its sender would hear from a router, it hears from us. */
  neighborUnreachable(packet: PacketBuffer): void {
    this.counters.neighborUnreachable++
    const bytes = this.#bytes
    const network = packet.start
    this.#paths.nextHopFailed(wire.destination(bytes, network))
    if (this.#forwarder !== null && !this.owns(wire.source(bytes, network))) {
      const end = network + wire.totalLength(bytes, network)
      this.#setFields(packet, network, end, wire.source(bytes, network), wire.destination(bytes, network))
      this.#forwarder.unreachable(packet)
      return
    }
    const handler = this.#protocols[wire.protocol(bytes, network)]
    if (handler === null) return
    const source = wire.source(bytes, network)
    packet.network = network
    packet.transport = packet.start = network + wire.headerLength(bytes, network)
    packet.source0 = packet.source1 = packet.destination0 = packet.destination1 = 0
    packet.source2 = packet.destination2 = IPV4_MAPPED_WORD
    packet.source3 = source
    packet.destination3 = wire.destination(bytes, network)
    handler.receiveError(IpErrorKind.HostUnreachable, packet, 0, IpAddress.v4(source))
  }
}
