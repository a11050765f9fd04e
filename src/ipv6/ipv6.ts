import { IpAddress, IpPrefix, type MacAddress } from '../address/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type Ethernet, type EthernetHandler, EtherType } from '../ethernet/index.ts'
import {
  type GroupSources,
  type Ip,
  IpErrorKind,
  type IpProtocolHandler,
  LocalQueue,
  type LocalReceiver,
  type Path,
  type Route,
} from '../ip/index.ts'
import type { Log } from '../log/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import { type Ipv6Counters, newIpv6Counters } from './counters.ts'
import type { ErrorSender } from './error-sender.ts'
import { HeaderChain } from './extension-headers.ts'
import { Input } from './input.ts'
import type { Ipv6Path } from './ipv6-path.ts'
import type { ControlHandler, Ipv6Link } from './link.ts'
import type { OwnAddress } from './local-addresses.ts'
import type { NeighborResolver, RouteDiscovery } from './neighbor-resolver.ts'
import { Output } from './output.ts'
import { setAddresses } from './packet-addresses.ts'
import { type AddressHandler, type AddressSettings, type GroupHandler, Paths } from './paths.ts'
import type { ReassemblyCounters } from './reassembly.ts'
import type { SourceSelector } from './source-selection.ts'
import * as wire from './wire.ts'

/** What `new Ipv6` takes. */
export interface Ipv6Options {
  /** Own address and its network, `fd00::2/64`; more through `addAddress`. Without one, addresses come later. */
  cidr?: string
  /** Default gateway, on that network or link-local. */
  gateway?: string
  clock: Clock
  random: Random
  /** Destinations whose path is remembered; 16 to 1,048,576, default 4,096. */
  pathCacheSize?: number
  /** Packets to ourselves that may wait for delivery; 1 to 65,536, default 1,024. */
  localQueueLimit?: number
  /** Bytes of packet memory that fragments may keep; default 4 MiB, but a quarter of the small slots at most. */
  reassemblyMemory?: number
  /** The same for each source; default 512 KiB. */
  reassemblyMemoryPerSource?: number
  /** Hears of fragments that do not become packets; default no log. */
  log?: Log
}

/**
 * The internet layer for IPv6: RFC 8200, with the node requirements of RFC 8504. One interface, several addresses, routes
 * by longest prefix. It does not forward. Next hops are found by the `NeighborResolver` that it is given; without one,
 * nothing leaves but what is sent to groups through `sendControl`.
 */
export class Ipv6 implements Ip, EthernetHandler, LocalReceiver, Ipv6Link {
  readonly family = 6
  groupSources: GroupSources | null = null
  readonly memory: PacketMemory
  readonly gathers: boolean
  readonly clock: Clock
  readonly random: Random
  readonly counters: Ipv6Counters = newIpv6Counters()
  readonly #ethernet: Ethernet
  readonly #paths: Paths
  readonly #input: Input
  readonly #output: Output
  readonly localQueue: LocalQueue
  /** For packets of our own that come back. */
  readonly #chain: HeaderChain

  /** @throws TypeError or RangeError naming the option that is wrong */
  constructor(ethernet: Ethernet, options: Ipv6Options) {
    const { clock, random } = options
    const { memory } = ethernet
    if (ethernet.mtu < wire.LEAST_MTU) {
      throw new RangeError(`IPv6 needs an MTU of ${wire.LEAST_MTU} at least, and the interface has ${ethernet.mtu}`)
    }
    this.memory = memory
    this.gathers = ethernet.gathers
    this.clock = clock
    this.random = random
    this.#ethernet = ethernet
    this.#chain = new HeaderChain(memory.bytes)
    const cacheSize = integerInRange('pathCacheSize', options.pathCacheSize ?? 4096, 16, 1_048_576)
    this.#paths = new Paths(this, clock, random, ethernet.mtu, cacheSize)
    const limit = integerInRange('localQueueLimit', options.localQueueLimit ?? 1024, 1, 65_536)
    this.localQueue = new LocalQueue(clock, this, limit, ethernet.memory, this.counters)
    this.#input = new Input(this, this.#paths.local, this.counters, options)
    this.#output = new Output(ethernet, random, this.#paths, this.counters, this.localQueue)
    this.#paths.onLeaving((address) => {
      for (const handler of this.#input.handlers) handler.addressLeaving?.(address)
    })
    if (options.cidr !== undefined) this.addAddress(IpPrefix.parse(options.cidr))
    if (options.gateway !== undefined) this.setGateway(IpAddress.parse(options.gateway))
    ethernet.addProtocol(EtherType.Ipv6, this)
  }

  /** Of the interface, now. */
  get mac(): MacAddress {
    return this.#ethernet.mac
  }

  /** Whether neighbours have addresses on the link; if not, all that is sent arrives at the one other end. */
  get hasLinkLayer(): boolean {
    return this.#ethernet.hasLinkLayer
  }

  get addresses(): readonly IpPrefix[] {
    return this.#paths.local.prefixes
  }

  /** Our addresses with what is known of each. */
  get ownAddresses(): readonly OwnAddress[] {
    return this.#paths.local.addresses
  }

  /** Groups that we hear, that of all nodes and those of our addresses included. */
  get groups(): readonly IpAddress[] {
    return this.#paths.local.groups
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

  /** Packets of which some fragments are there. */
  get reassemblyCount(): number {
    return this.#input.reassembly.count
  }

  /** Bytes of packet memory that fragments keep. */
  get reassemblyKept(): number {
    return this.#input.reassembly.kept
  }

  get reassemblyCounters(): ReassemblyCounters {
    return this.#input.reassembly.counters
  }

  /** Largest IP packet that goes out on the link, in bytes: the interface's, or what a router said (`setMtu`). */
  get mtu(): number {
    return this.#paths.linkMtu
  }

  /** RFC 4861, section 6.3.4. @throws RangeError unless it is 1,280 to the interface's MTU */
  setMtu(mtu: number): void {
    this.#paths.setLinkMtu(integerInRange('mtu', mtu, wire.LEAST_MTU, this.#ethernet.mtu))
  }

  /** For unicast packets whose sender asks for none; RFC 4861, section 6.3.4. @param hopLimit 1 to 255 */
  setHopLimit(hopLimit: number): void {
    this.#paths.setHopLimit(integerInRange('hopLimit', hopLimit, 1, 255))
  }

  /** Who finds link-layer addresses; to be set before the first packet is sent. */
  setNeighborResolver(resolver: NeighborResolver): void {
    this.#paths.resolver = resolver
  }

  /** Who knows what routers say; to be asked where a route of ours is less specific. */
  setRouteDiscovery(discovery: RouteDiscovery): void {
    this.#paths.routeDiscovery = discovery
    this.#paths.routesChanged()
  }

  /** `RouteDiscovery` may give other answers than before: every path is found anew. */
  routesChanged(): void {
    this.#paths.routesChanged()
  }

  /** The first hop of a unicast destination, itself if it is on our link; null if there is none. */
  nextHop(destination: IpAddress): IpAddress | null {
    return this.#paths.nextHop(destination)
  }

  setSourceSelector(selector: SourceSelector): void {
    this.#paths.setSourceSelector(selector)
  }

  setErrorSender(sender: ErrorSender): void {
    this.#input.errorSender = sender
  }

  addProtocol(protocol: number, handler: IpProtocolHandler): void {
    this.#input.addProtocol(protocol, handler)
  }

  /** Who takes packets of this protocol, 0 to 255. */
  protocolHandler(protocol: number): IpProtocolHandler | null {
    return this.#input.protocols[protocol]
  }

  addControlHandler(type: number, handler: ControlHandler): void {
    this.#input.controls[type] = handler
  }

  onAddress(handler: AddressHandler): void {
    this.#paths.onAddress(handler)
  }

  /** Hears of groups from now on; those of before are in `groups`. */
  onGroup(handler: GroupHandler): void {
    this.#paths.onGroup(handler)
  }

  /**
   * Answers on this address from now on, and hears its solicited-node group. Whether it is a duplicate is for others to find
   * out before. What is said of an address that is ours already is replaced.
   * @returns false if the address was ours already
   * @throws RangeError if it cannot be a host's address
   */
  addAddress(prefix: IpPrefix, settings: AddressSettings = {}): boolean {
    return this.#paths.addAddress(prefix, settings)
  }

  /** @returns false if the address was not ours */
  removeAddress(address: IpAddress): boolean {
    return this.#paths.removeAddress(address)
  }

  /** Hears a group until as many have left it as have joined. @throws RangeError if it is none */
  joinGroup(group: IpAddress): void {
    this.#paths.joinGroup(group)
  }

  leaveGroup(group: IpAddress): void {
    this.#paths.leaveGroup(group)
  }

  /** As `joinGroup` and `leaveGroup`, but who is told of groups hears nothing of it. */
  setGroup(group: IpAddress, isListening: boolean): void {
    if (isListening) this.#paths.local.join(group)
    else this.#paths.local.leave(group)
  }

  /**
   * Adds a route.
   * @param gateway the next hop, null for a network on our link
   * @param metric among routes of the same length the smallest wins; 0 to 2^31 - 1
   * @throws RangeError if the gateway is not on our link, or the family or the metric is wrong
   */
  addRoute(destination: IpPrefix, gateway: IpAddress | null, metric = 0): void {
    this.#paths.addRoute(destination, gateway, metric)
  }

  /** @returns whether there was such a route */
  removeRoute(destination: IpPrefix, gateway: IpAddress | null): boolean {
    return this.#paths.removeRoute(destination, gateway)
  }

  /** Replaces the default routes; null leaves none. @throws RangeError if the gateway is not on our link */
  setGateway(gateway: IpAddress | null): void {
    this.#paths.setGateway(gateway)
  }

  isLocalAddress(address: IpAddress): boolean {
    const { family, word0, word1, word2, word3 } = address
    const { local } = this.#paths
    if (family !== 6) return false
    return address.isLoopback || local.owns(word0, word1, word2, word3) || local.hasGroup(word0, word1, word2, word3)
  }

  /** Whether this is a unicast address of ours, loopback included. */
  owns(address: IpAddress): boolean {
    return address.isLoopback || this.#paths.local.find(address) !== null
  }

  path(destination: IpAddress, source: IpAddress | null = null): Ipv6Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' {
    return this.#paths.path(destination, source)
  }

  passingPath(packet: PacketBuffer): Ipv6Path | null {
    return this.#paths.passingPath(packet)
  }

  /** The path of something that was sent lately from `source`, if it is still remembered. */
  knownPath(destination: IpAddress, source: IpAddress): Ipv6Path | null {
    return this.#paths.knownPath(destination, source)
  }

  send(packet: PacketBuffer, path: Path, protocol: number, hopLimit: number, trafficClass: number): void {
    this.#output.send(packet, path as Ipv6Path, protocol, hopLimit, trafficClass)
  }

  hasRoom(path: Path): boolean {
    return !path.isLocal || this.localQueue.hasRoom
  }

  loopBack(packet: PacketBuffer, path: Path, protocol: number, hopLimit: number, trafficClass: number): void {
    this.#output.loopBack(packet, path as Ipv6Path, protocol, hopLimit, trafficClass)
  }

  sendControl(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
    linkLayer: MacAddress | null,
    routerAlert = false,
  ): void {
    this.#output.sendControl(packet, source, destination, hopLimit, linkLayer, routerAlert)
  }

  sendFrame(packet: PacketBuffer, macHigh: number, macLow: number): void {
    this.#output.sendFrame(packet, macHigh, macLow)
  }

  sendError(kind: IpErrorKind, offending: PacketBuffer): void {
    this.#input.errorSender?.sendError(kind, offending)
  }

  lowerMtu(path: Path, mtu: number): void {
    this.#paths.lowerMtu(path as Ipv6Path, mtu)
  }

  confirmReachable(path: Path): void {
    const { nextHop } = path as Ipv6Path
    if (nextHop !== null && !path.destination.isMulticast) this.#paths.resolver?.confirm(nextHop)
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
    const { handlers } = this.#input
    for (let i = 0; i < handlers.length; i++) handlers[i].endOfBurst()
  }

  endOfLocalBurst(): void {
    this.endOfBurst()
    this.#ethernet.flush()
  }

  unreachable(packet: PacketBuffer): void {
    this.counters.neighborUnreachable++
    const { bytes } = this.memory
    const network = packet.start
    const chain = this.#chain
    if (!chain.skip(network + wire.NEXT_HEADER, network + wire.HEADER_LENGTH, packet.end)) return
    const handler = this.#input.protocols[chain.protocol]
    if (handler === null) return
    packet.network = network
    packet.transport = packet.start = chain.position
    setAddresses(packet, bytes, network)
    const { source0, source1, source2, source3 } = packet
    const reporter = IpAddress.fromWords(source0, source1, source2, source3)
    // What its sender would hear from a router, it hears from us.
    handler.receiveError(IpErrorKind.HostUnreachable, packet, 0, reporter)
  }
}
