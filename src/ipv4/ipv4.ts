import { IpAddress, IpPrefix, type MacAddress } from '../address/index.ts'
import type { AddressUse, Arp, UnreachableHandler } from '../arp/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type Ethernet, type EthernetHandler, EtherType } from '../ethernet/index.ts'
import {
  type GroupSources,
  type Ip,
  type IpErrorKind,
  type IpProtocolHandler,
  LocalQueue,
  type LocalReceiver,
  type Path,
  type Route,
} from '../ip/index.ts'
import type { Log } from '../log/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import { type Ipv4Counters, newIpv4Counters } from './counters.ts'
import type { ErrorSender } from './error-sender.ts'
import type { ForeignForwarder, ForeignReceiver } from './foreign.ts'
import { Input } from './input.ts'
import type { Ipv4Path } from './ipv4-path.ts'
import { AddressKind, isLoopback, type LocalAddresses } from './local-addresses.ts'
import { Output } from './output.ts'
import { type AddressHandler, Paths } from './paths.ts'
import type { Ipv4ReassemblyCounters } from './reassembly.ts'

/** RFC 791, section 3.2: what every module has to forward whole. */
const LEAST_MTU = 68

/** What `new Ipv4` takes. */
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
  /** Hears of fragments that do not become packets; default no log. */
  fragmentsLog?: Log
}

/**
 * The internet layer for IPv4: RFC 791, with the host requirements of RFC 1122, section 3.2.1 and 3.3. One interface,
 * several addresses, routes by longest prefix. It does not forward by itself: see `Ipv4Forwarder`.
 */
export class Ipv4 implements Ip, EthernetHandler, LocalReceiver, UnreachableHandler {
  readonly family = 4
  groupSources: GroupSources | null = null
  readonly memory: PacketMemory
  readonly gathers: boolean
  readonly counters: Ipv4Counters = newIpv4Counters()
  readonly #ethernet: Ethernet
  readonly #arp: Arp
  readonly #paths: Paths
  readonly #local: LocalAddresses
  readonly #input: Input
  readonly #output: Output
  readonly localQueue: LocalQueue

  /** @throws TypeError or RangeError naming the option that is wrong */
  constructor(ethernet: Ethernet, arp: Arp, options: Ipv4Options) {
    const { clock, random } = options
    this.memory = ethernet.memory
    this.gathers = ethernet.gathers
    this.#ethernet = ethernet
    this.#arp = arp
    const cacheSize = integerInRange('pathCacheSize', options.pathCacheSize ?? 4096, 16, 1_048_576)
    this.#paths = new Paths(this, arp, clock, random, ethernet.mtu, cacheSize)
    this.#local = this.#paths.local
    const limit = integerInRange('localQueueLimit', options.localQueueLimit ?? 1024, 1, 65_536)
    this.localQueue = new LocalQueue(clock, this, limit, ethernet.memory, this.counters)
    this.#output = new Output(ethernet, arp, random, this.#local, this.counters, this.localQueue)
    this.#input = new Input(this, this.#paths, this.counters, options)
    this.#paths.onLeaving((address) => {
      for (const handler of this.#input.handlers) handler.addressLeaving?.(address)
    })
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
    return this.#input.reassembly.counters
  }

  /** Packets of which some fragments are there. */
  get reassemblyCount(): number {
    return this.#input.reassembly.count
  }

  /** Bytes of packet memory that fragments keep. */
  get reassemblyKept(): number {
    return this.#input.reassembly.kept
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
    this.#input.addProtocol(protocol, handler)
  }

  /** Who takes packets of this protocol, 0 to 255. */
  protocolHandler(protocol: number): IpProtocolHandler | null {
    return this.#input.protocols[protocol]
  }

  setErrorSender(sender: ErrorSender): void {
    this.#input.errorSender = sender
  }

  /**
   * While somebody is set, datagrams of UDP to unicast addresses that are not ours go there: a server sends its answer to the
   * address that it offers, RFC 2131, section 4.1. Null: they are dropped.
   */
  setForeignReceiver(receiver: ForeignReceiver | null): void {
    this.#input.foreignReceiver = receiver
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
    this.#output.send(packet, path as Ipv4Path, protocol, hopLimit, trafficClass)
  }

  hasRoom(path: Path): boolean {
    return !path.isLocal || this.localQueue.hasRoom
  }

  loopBack(packet: PacketBuffer, path: Path, protocol: number, hopLimit: number, trafficClass: number): void {
    this.#output.loopBack(packet, path as Ipv4Path, protocol, hopLimit, trafficClass)
  }

  /**
   * Sends [start, end) to a group on our link with a TTL of 1 and the router alert option (RFC 2113), as RFC 9776, section 4
   * has it for IGMP, from our first address or, without one, from 0.0.0.0. Takes over the reference.
   */
  sendWithRouterAlert(packet: PacketBuffer, group: number, protocol: number): void {
    this.#output.sendWithRouterAlert(packet, group, protocol)
  }

  /** Packets to this group are for us, or no longer. */
  setGroup(group: number, isListening: boolean): void {
    this.#local.setGroup(group, isListening)
  }

  /** @param detail as for `ErrorSender` */
  sendError(kind: IpErrorKind, offending: PacketBuffer, detail = 0): void {
    this.#input.errorSender?.sendError(kind, offending, detail)
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
    this.localQueue.clear()
    this.#input.reassembly.clear()
    this.#paths.close()
  }

  receive(packet: PacketBuffer): void {
    this.#input.receive(packet, false)
  }

  receiveLocal(packet: PacketBuffer): void {
    this.#input.receive(packet, true)
  }

  endOfBurst(): void {
    this.#input.endOfBurst()
  }

  endOfLocalBurst(): void {
    this.endOfBurst()
    this.#ethernet.flush()
  }

  /** For a forwarder, too: counts what is wrong with the options, and says so (RFC 1122, 3.2.2.5). */
  areOptionsFine(packet: PacketBuffer): boolean {
    return this.#input.areOptionsFine(packet)
  }

  /**
   * Packets for others go there, instead of being dropped; null turns that off again. ICMP has to be there to tell senders what
   * becomes of them.
   */
  setForwarder(forwarder: ForeignForwarder | null): void {
    this.#input.forwarder = forwarder
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
    this.#output.sendFrame(packet, nextHop)
  }

  /** ARP gave up on the next hop of a packet of ours: what its sender would hear from a router, it hears from us. */
  neighborUnreachable(packet: PacketBuffer): void {
    this.#input.neighborUnreachable(packet)
  }
}
