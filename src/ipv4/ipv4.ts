import { IPV4_MAPPED_WORD, IpAddress, IpPrefix, MacAddress } from '../address/index.ts'
import { type Arp, NeighborState, type UnreachableHandler } from '../arp/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { type Ethernet, type EthernetHandler, EtherType } from '../ethernet/index.ts'
import { IpErrorKind, IpProtocol, type IpProtocolHandler, type Path } from '../ip/index.ts'
import { type PacketBuffer, type PacketMemory, Segmentation } from '../packet/index.ts'
import { type Ipv4Counters, newIpv4Counters } from './counters.ts'
import { Ipv4Path, type PathOwner } from './ipv4-path.ts'
import { AddressKind, LocalAddresses } from './local-addresses.ts'
import { LocalQueue, type LocalReceiver } from './local-queue.ts'
import { checkOptions, OptionsVerdict } from './options.ts'
import { PathCache } from './path-cache.ts'
import { PathMtus } from './path-mtus.ts'
import { type Route, RoutingTable } from './routing-table.ts'
import * as wire from './wire.ts'

/** RFC 1700 and Linux (ip_default_ttl). */
const DEFAULT_TTL = 64
/** RFC 1112, section 6.1. */
const DEFAULT_MULTICAST_TTL = 1
/** The total length field has 16 bits. */
const MAX_PACKET = 65_535
const LOOPBACK = IpAddress.v4((127 << 24) | 1)

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
}

/** Says that something could not be delivered; ICMP registers itself as this. */
export interface ErrorSender {
  sendError(kind: IpErrorKind, offending: PacketBuffer): void
}

/** An address of ours came or went. */
export type AddressHandler = (type: 'added' | 'removed', prefix: IpPrefix) => void

/**
 * The internet layer for IPv4: RFC 791, with the host requirements of RFC 1122, section 3.2.1 and 3.3. One interface,
 * several addresses, routes by longest prefix. It does not forward.
 */
export class Ipv4 implements PathOwner, EthernetHandler, LocalReceiver, UnreachableHandler {
  readonly family = 4
  readonly memory: PacketMemory
  readonly counters: Ipv4Counters = newIpv4Counters()
  /** Grows with every change of routes or addresses. */
  generation = 0

  readonly #ethernet: Ethernet
  readonly #arp: Arp
  readonly #random: Random
  readonly #bytes: Uint8Array
  readonly #local = new LocalAddresses()
  readonly #routing = new RoutingTable()
  readonly #paths: PathCache
  readonly #pathMtus: PathMtus
  readonly #localQueue: LocalQueue
  readonly #protocols: (IpProtocolHandler | null)[] = new Array<IpProtocolHandler | null>(256).fill(null)
  /** Each handler once, in the order of adding. */
  readonly #handlers: IpProtocolHandler[] = []
  readonly #addressHandlers: AddressHandler[] = []
  #errorSender: ErrorSender | null = null

  /** @throws TypeError or RangeError naming the option that is wrong */
  constructor(ethernet: Ethernet, arp: Arp, options: Ipv4Options) {
    this.memory = ethernet.memory
    this.#ethernet = ethernet
    this.#arp = arp
    this.#random = options.random
    this.#bytes = ethernet.memory.bytes
    this.#paths = new PathCache(inRange('pathCacheSize', options.pathCacheSize ?? 4096, 16, 1_048_576))
    this.#pathMtus = new PathMtus(options.clock, ethernet.mtu)
    const limit = inRange('localQueueLimit', options.localQueueLimit ?? 1024, 1, 65_536)
    this.#localQueue = new LocalQueue(options.clock, this, limit)
    if (options.cidr !== undefined) this.addAddress(IpPrefix.parse(options.cidr))
    if (options.gateway !== undefined) this.setGateway(IpAddress.parse(options.gateway))
    ethernet.addProtocol(EtherType.Ipv4, this)
    arp.setUnreachableHandler(this)
  }

  get addresses(): readonly IpPrefix[] {
    return this.#local.prefixes
  }

  get routes(): readonly Route[] {
    return this.#routing.routes
  }

  /** Destinations in the path cache. */
  get pathCount(): number {
    return this.#paths.count
  }

  /** Largest IP packet that the link carries, in bytes. */
  get mtu(): number {
    return this.#ethernet.mtu
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

  onAddress(handler: AddressHandler): void {
    this.#addressHandlers.push(handler)
  }

  /**
   * Answers on this address from now on and reaches its network over the link.
   * @returns false if the address was ours already
   * @throws RangeError if it cannot be a host's address
   */
  addAddress(prefix: IpPrefix): boolean {
    const address = prefix.address
    if (prefix.family !== 4 || !isHostAddress(address.word3)) {
      throw new RangeError(`an IPv4 address of ours is a host's address, not ${prefix}`)
    }
    if (!this.#local.add(prefix)) return false
    this.#routing.add({ destination: prefix.network, gateway: null, metric: 0 })
    this.#arp.addAddress(address.word3, prefix.maskWord(3))
    this.#changed()
    for (const handler of this.#addressHandlers) handler('added', prefix)
    return true
  }

  /** @returns false if the address was not ours */
  removeAddress(address: IpAddress): boolean {
    const prefix = address.family === 4 ? this.#local.remove(address.word3) : null
    if (prefix === null) return false
    const network = prefix.network.toString()
    const stillThere = this.#local.prefixes.some((other) => other.network.toString() === network)
    if (!stillThere) {
      this.#routing.removeWhere((route) =>
        route.gateway === null ? route.destination.toString() === network : prefix.contains(route.gateway),
      )
    }
    this.#arp.removeAddress(address.word3)
    this.#changed()
    for (const handler of this.#addressHandlers) handler('removed', prefix)
    return true
  }

  /**
   * Adds a route.
   * @throws RangeError if the gateway is not on a network of ours, or a family or the metric is wrong
   */
  addRoute(destination: IpPrefix, gateway: IpAddress | null, metric = 0): void {
    if (destination.family !== 4 || (gateway !== null && gateway.family !== 4)) {
      throw new RangeError(`an IPv4 route leads to an IPv4 network: ${destination}`)
    }
    if (gateway !== null && (this.#local.onLinkWith(gateway.word3) === null || this.#local.owns(gateway.word3))) {
      throw new RangeError(`the gateway ${gateway} is not on the network of any of our addresses`)
    }
    this.#routing.add({
      destination: destination.network,
      gateway,
      metric: inRange('metric', metric, 0, 0x7fffffff),
    })
    this.#changed()
  }

  /** @returns whether there was such a route */
  removeRoute(destination: IpPrefix, gateway: IpAddress | null): boolean {
    const network = destination.network.toString()
    const removed = this.#routing.removeWhere(
      (route) =>
        route.destination.toString() === network &&
        (route.gateway === null ? gateway === null : gateway !== null && route.gateway.equals(gateway)),
    )
    if (removed) this.#changed()
    return removed
  }

  /** Replaces the default route; null leaves none. @throws RangeError if the gateway is not on a network of ours */
  setGateway(gateway: IpAddress | null): void {
    this.#routing.removeWhere((route) => route.destination.length === 0)
    this.#changed()
    if (gateway !== null) this.addRoute(new IpPrefix(IpAddress.ANY_V4, 0), gateway)
  }

  /** Paths found so far no longer hold. */
  #changed(): void {
    this.generation++
    this.#paths.clear()
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
    const wanted = source === null ? 0 : source.word3
    const known = this.#paths.get(destination.word3, wanted)
    if (known !== null && destination.family === 4) return known
    if (destination.family !== 4) return 'ENETUNREACH'
    if (source !== null && wanted !== 0) {
      if (source.family !== 4 || !this.owns(wanted)) return 'EADDRNOTAVAIL'
    }
    const path = this.#findPath(destination, wanted === 0 ? null : source)
    if (typeof path !== 'string') this.#paths.add(path)
    return path
  }

  #findPath(destination: IpAddress, source: IpAddress | null): Ipv4Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' {
    const address = destination.word3
    const kind = this.#local.classify(address)
    if (kind === AddressKind.Own || isLoopback(address)) {
      const usual = kind === AddressKind.Own ? destination : LOOPBACK
      return this.#makePath(destination, source, usual, address, true, MAX_PACKET)
    }
    if (source !== null && isLoopback(source.word3)) return 'EADDRNOTAVAIL'
    if (kind === AddressKind.Broadcast || destination.isMulticast) {
      const own = this.#local.onLinkWith(address) ?? this.#local.prefixes[0]
      // RFC 1122, 3.2.1.3 (a): a host that has no address yet asks for one from 0.0.0.0.
      const usual = own === undefined ? IpAddress.ANY_V4 : own.address
      return this.#makePath(destination, source, usual, address, false, this.mtu)
    }
    // RFC 1122, 3.2.1.3 (a) and (b): "this network" is never a destination.
    if (address >>> 24 === 0) return 'ENETUNREACH'
    const route = this.#routing.lookup(destination)
    if (route === null || this.#local.prefixes.length === 0) return 'ENETUNREACH'
    const nextHop = route.gateway === null ? address : route.gateway.word3
    const usual = (this.#local.onLinkWith(nextHop) ?? this.#local.prefixes[0]).address
    return this.#makePath(destination, source, usual, nextHop, false, this.mtu)
  }

  #makePath(
    destination: IpAddress,
    source: IpAddress | null,
    usual: IpAddress,
    nextHop: number,
    isLocal: boolean,
    mtu: number,
  ): Ipv4Path {
    const chosen = source ?? usual
    const isBroadcast = this.#local.isBroadcast(destination.word3)
    const neighbor = isLocal
      ? null
      : isBroadcast
        ? this.#arp.groupNeighbor(nextHop, MacAddress.BROADCAST)
        : destination.isMulticast
          ? this.#arp.groupNeighbor(nextHop, multicastMac(nextHop))
          : this.#arp.neighbor(nextHop)
    return new Ipv4Path(
      this,
      chosen,
      destination,
      nextHop,
      neighbor,
      mtu,
      destination.isMulticast ? DEFAULT_MULTICAST_TTL : DEFAULT_TTL,
      chosen.equals(usual),
      isBroadcast,
      this.#random.below(0x10000),
    )
  }

  send(packet: PacketBuffer, path: Path, protocol: number, hopLimit: number, trafficClass: number): void {
    const way = path as Ipv4Path
    const total = packet.end - packet.start + wire.HEADER_LENGTH
    if (total > way.mtu && (packet.segmentation !== Segmentation.TcpV4 || total > MAX_PACKET)) {
      // Fragmenting what we send has its place here.
      this.counters.sendTooBig++
      packet.release()
      return
    }
    // RFC 6864, 4.1: the identification of a packet that is never fragmented may be anything. One counter for each path
    // keeps the others unique as long as 16 bits can.
    const identification = way.identification
    way.identification = (identification + 1) & 0xffff
    // As Linux: whatever fits the path is not to be fragmented on it (RFC 1191), except ICMP.
    const flags = protocol === IpProtocol.Icmp ? 0 : wire.DONT_FRAGMENT
    packet.network = packet.push(wire.HEADER_LENGTH)
    wire.writeHeader(
      this.#bytes,
      packet.network,
      way.headerSum,
      trafficClass,
      total,
      identification,
      flags,
      hopLimit === 0 ? way.defaultHopLimit : hopLimit,
      protocol,
      way.sourceAddress,
      way.destinationAddress,
    )
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

  sendError(kind: IpErrorKind, offending: PacketBuffer): void {
    this.#errorSender?.sendError(kind, offending)
  }

  lowerMtu(path: Path, mtu: number): void {
    const given = path as Ipv4Path
    if (given.isLocal) return
    this.#pathMtus.lower(given, mtu)
    for (let other = this.#paths.first(given.destinationAddress); other !== null; other = other.sibling) {
      this.#pathMtus.lower(other, mtu)
    }
  }

  confirmReachable(path: Path): void {
    const { neighbor } = path as Ipv4Path
    if (neighbor !== null) this.#arp.confirm(neighbor)
  }

  flush(): void {
    this.#ethernet.flush()
  }

  /** Releases what waits for local delivery, and stops all timers. */
  close(): void {
    this.#localQueue.clear()
    this.#pathMtus.clear()
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
    if (!fromUs && !this.#isForUs(packet, source, destination)) return
    if (headerLength > wire.HEADER_LENGTH) {
      const verdict = checkOptions(bytes, network + wire.HEADER_LENGTH, network + headerLength)
      if (verdict === OptionsVerdict.Malformed) {
        this.counters.badOptions++
        return
      }
      if (verdict === OptionsVerdict.SourceRoute) {
        this.counters.sourceRoute++
        return
      }
    }
    if (fromUs) packet.multicast = false
    packet.network = network
    packet.transport = packet.start = network + headerLength
    // What follows the total length is padding of the link.
    packet.end = network + total
    packet.source0 = packet.source1 = packet.destination0 = packet.destination1 = 0
    packet.source2 = packet.destination2 = IPV4_MAPPED_WORD
    packet.source3 = source
    packet.destination3 = destination
    packet.hopLimit = wire.timeToLive(bytes, network)
    packet.trafficClass = wire.typeOfService(bytes, network)
    if ((wire.flagsAndOffset(bytes, network) & (wire.MORE_FRAGMENTS | wire.FRAGMENT_OFFSET)) !== 0) {
      // Reassembly has its place here.
      this.counters.fragments++
      return
    }
    const protocol = wire.protocol(bytes, network)
    const handler = this.#protocols[protocol]
    if (handler === null) {
      this.counters.unknownProtocol++
      // RFC 1122, 3.2.2.1: a host SHOULD say so.
      this.sendError(IpErrorKind.ProtocolUnreachable, packet)
      return
    }
    this.counters.delivered++
    handler.receive(packet, this)
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
    // As Linux: 0.0.0.0 speaks to everybody only (a host without an address, RFC 1122, 3.2.1.3 (a)).
    const isSourceFine =
      source >>> 24 === 0
        ? source === 0 && destination === -1
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

function isLoopback(address: number): boolean {
  return address >>> 24 === 127
}

/** Not 0/8, loopback, multicast, class E or broadcast. */
function isHostAddress(address: number): boolean {
  const first = address >>> 24
  return first !== 0 && first !== 127 && first < 224
}

/** RFC 1112, section 6.4: the low 23 bits of the group behind 01-00-5e. */
function multicastMac(group: number): MacAddress {
  return new MacAddress(0x0100, 0x5e000000 | (group & 0x7fffff))
}

function inRange(name: string, value: number, least: number, most: number): number {
  if (!Number.isInteger(value) || value < least || value > most) {
    throw new RangeError(`${name} is ${least} to ${most}, not ${value}`)
  }
  return value
}
