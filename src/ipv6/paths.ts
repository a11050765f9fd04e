import { IpAddress, IpPrefix, MacAddress } from '../address/index.ts'
import { type Clock, KeyedHash, type Random } from '../clock/index.ts'
import { type Ip, isSamePrefix, RoutingTable } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import { ALL_NODES, isLinkLocal, LOOPBACK, solicitedNodeGroup } from './addresses.ts'
import { Ipv6Path } from './ipv6-path.ts'
import { LocalAddresses } from './local-addresses.ts'
import type { NeighborResolver, NextHop, RouteDiscovery } from './neighbor-resolver.ts'
import { PathCache } from './path-cache.ts'
import { PathMtus } from './path-mtus.ts'
import { defaultSelector, type SourceSelector } from './source-selection.ts'
import { HEADER_LENGTH, MAX_PAYLOAD } from './wire.ts'

/** IANA "IP Parameters", and Linux (hop_limit). */
const DEFAULT_HOP_LIMIT = 64
/** Linux (IPV6_DEFAULT_MCASTHOPS), RFC 3493, section 5.2. */
const DEFAULT_MULTICAST_HOP_LIMIT = 1
const DEFAULT_ROUTE = new IpPrefix(IpAddress.ANY_V6, 0)

/** An address of ours came or went. */
export type AddressHandler = (type: 'added' | 'removed', prefix: IpPrefix) => void
/** We want to hear a group, or no longer do. */
export type GroupHandler = (type: 'joined' | 'left', group: IpAddress) => void

export interface AddressSettings {
  /** Whether all of its prefix is on our link; default true. */
  onLink?: boolean
  /** Not for new connections where there is another; default false. */
  deprecated?: boolean
  /** RFC 8981; default false. */
  temporary?: boolean
  /** Still being checked, RFC 4429; default false. */
  optimistic?: boolean
}

/** Our addresses, groups and routes, and the paths that follow from them: RFC 4861, section 5.2. */
export class Paths {
  readonly local = new LocalAddresses()
  readonly routing = new RoutingTable()
  /** Grows with every change of routes or addresses: paths of an earlier generation are stale. */
  generation = 0
  resolver: NeighborResolver | null = null
  routeDiscovery: RouteDiscovery | null = null

  readonly #ip: Ip
  readonly #cache: PathCache
  readonly #mtus: PathMtus
  readonly #flowHash: KeyedHash
  readonly #addressHandlers: AddressHandler[] = []
  readonly #leavingHandlers: ((address: IpAddress) => void)[] = []
  readonly #groupHandlers: GroupHandler[] = []
  #selector: SourceSelector = defaultSelector
  #hopLimit = DEFAULT_HOP_LIMIT
  #linkMtu: number
  /** The one for all strangers. */
  #passing: Ipv6Path | null = null

  /** @param linkMtu largest packet that the link carries @param cacheSize destinations that are remembered */
  constructor(ip: Ip, clock: Clock, random: Random, linkMtu: number, cacheSize: number) {
    this.#ip = ip
    this.#linkMtu = linkMtu
    this.#cache = new PathCache(cacheSize, random)
    this.#mtus = new PathMtus(clock, random)
    this.#flowHash = new KeyedHash(random)
    this.local.join(ALL_NODES)
  }

  /** Destinations in the cache. */
  get count(): number {
    return this.#cache.count
  }

  /** Destinations that have left the cache for want of room. */
  get evicted(): number {
    return this.#cache.evicted
  }

  get linkMtu(): number {
    return this.#linkMtu
  }

  onAddress(handler: AddressHandler): void {
    this.#addressHandlers.push(handler)
  }

  /** Hears of an address before it ceases to be ours. */
  onLeaving(handler: (address: IpAddress) => void): void {
    this.#leavingHandlers.push(handler)
  }

  onGroup(handler: GroupHandler): void {
    this.#groupHandlers.push(handler)
  }

  /** Stops all timers. */
  close(): void {
    this.#mtus.clear()
  }

  setSourceSelector(selector: SourceSelector): void {
    this.#selector = selector
    this.#changed()
  }

  setLinkMtu(mtu: number): void {
    if (mtu === this.#linkMtu) return
    this.#linkMtu = mtu
    this.#changed()
  }

  setHopLimit(hopLimit: number): void {
    if (hopLimit === this.#hopLimit) return
    this.#hopLimit = hopLimit
    this.#changed()
  }

  /**
   * Answers on this address from now on, and hears its solicited-node group; what is said of an address that is ours already
   * is replaced.
   * @returns false if the address was ours already
   * @throws RangeError if it cannot be a host's address
   */
  addAddress(prefix: IpPrefix, settings: AddressSettings): boolean {
    const { address } = prefix
    if (prefix.family !== 6 || address.isMulticast || address.isUnspecified || address.isLoopback) {
      throw new RangeError(`an IPv6 address of ours is a host's address, not ${prefix}`)
    }
    const { onLink = true, deprecated = false, temporary = false, optimistic = false } = settings
    const before = this.local.find(address)
    this.local.set({
      prefix,
      address,
      prefixLength: prefix.length,
      interface: 0,
      onLink,
      deprecated,
      temporary,
      optimistic,
      nextHop: null,
    })
    if (before?.onLink) this.#removeOnLinkRoute(before.prefix)
    const { network } = prefix
    // A second address on a network finds the way there already.
    if (onLink && !this.routing.has(network, null)) this.routing.add({ destination: network, gateway: null, metric: 0 })
    if (before === null) this.joinGroup(solicitedNodeGroup(address))
    this.#changed()
    if (before === null) for (const handler of this.#addressHandlers) handler('added', prefix)
    return before === null
  }

  /** @returns false if the address was not ours */
  removeAddress(address: IpAddress): boolean {
    const own = this.local.find(address)
    if (own === null) return false
    for (const handler of this.#leavingHandlers) handler(address)
    this.local.remove(own)
    if (own.onLink) this.#removeOnLinkRoute(own.prefix)
    this.leaveGroup(solicitedNodeGroup(address))
    this.#changed()
    for (const handler of this.#addressHandlers) handler('removed', own.prefix)
    return true
  }

  /** Where no address of ours puts the network on our link any more, the way there goes, and what goes through it. */
  #removeOnLinkRoute(prefix: IpPrefix): void {
    const { network } = prefix
    if (this.local.addresses.some((other) => other.onLink && isSamePrefix(other.prefix.network, network))) return
    this.routing.removeWhere(({ destination, gateway }) =>
      gateway === null ? isSamePrefix(destination, network) : !isLinkLocal(gateway) && prefix.contains(gateway),
    )
  }

  joinGroup(group: IpAddress): void {
    if (group.family !== 6 || !group.isMulticast) throw new RangeError(`${group} is no IPv6 group`)
    if (!this.local.join(group)) return
    try {
      for (const handler of this.#groupHandlers) handler('joined', group)
    } catch (error) {
      this.local.leave(group)
      throw error
    }
  }

  leaveGroup(group: IpAddress): void {
    if (this.local.leave(group)) for (const handler of this.#groupHandlers) handler('left', group)
  }

  /**
   * Adds a route.
   * @throws RangeError if the gateway is not on our link, or a family or the metric is wrong
   */
  addRoute(destination: IpPrefix, gateway: IpAddress | null, metric = 0): void {
    if (destination.family !== 6) throw new RangeError(`an IPv6 route leads to an IPv6 network: ${destination}`)
    if (!Number.isInteger(metric) || metric < 0 || metric > 0x7fffffff) {
      throw new RangeError(`metric is 0 to 2147483647, not ${metric}`)
    }
    if (gateway !== null) this.#checkGateway(gateway)
    this.routing.add({ destination: destination.network, gateway, metric })
    this.#changed()
  }

  /** @returns whether there was such a route */
  removeRoute(destination: IpPrefix, gateway: IpAddress | null): boolean {
    const removed = this.routing.remove(destination.network, gateway)
    if (removed) this.#changed()
    return removed
  }

  /** Replaces the default route; null leaves none. @throws RangeError if the gateway is not on our link */
  setGateway(gateway: IpAddress | null): void {
    if (gateway !== null) this.#checkGateway(gateway)
    this.routing.removeWhere((route) => route.destination.length === 0)
    this.#changed()
    if (gateway !== null) this.addRoute(DEFAULT_ROUTE, gateway)
  }

  #checkGateway(gateway: IpAddress): void {
    const onLink = isLinkLocal(gateway) || this.routing.lookup(gateway)?.gateway === null
    if (gateway.family !== 6 || gateway.isMulticast || !onLink || this.local.find(gateway) !== null) {
      throw new RangeError(`the gateway ${gateway} is no other host on our link`)
    }
  }

  path(destination: IpAddress, source: IpAddress | null): Ipv6Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' {
    const { word0, word1, word2, word3 } = destination
    const wanted = source === null || source.isUnspecified ? null : source
    const known =
      wanted === null
        ? this.#cache.get(word0, word1, word2, word3)
        : this.#cache.getFrom(word0, word1, word2, word3, wanted.word0, wanted.word1, wanted.word2, wanted.word3)
    if (known !== null) return known
    if (destination.family !== 6) return 'ENETUNREACH'
    if (wanted !== null && !wanted.isLoopback && this.local.find(wanted) === null) return 'EADDRNOTAVAIL'
    const path = this.#findPath(destination, wanted)
    if (typeof path !== 'string') this.#cache.add(path)
    return path
  }

  /**
   * The way back to whoever sent a packet, from the address that it was sent to, for an answer of which nothing is kept: what
   * is not in the cache already does not go there, and the next call takes the same object for another way.
   */
  passingPath(packet: PacketBuffer): Ipv6Path | null {
    const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } = packet
    const known = this.#cache.getFrom(
      source0,
      source1,
      source2,
      source3,
      destination0,
      destination1,
      destination2,
      destination3,
    )
    if (known !== null) return known
    const own = this.local.findWords(destination0, destination1, destination2, destination3)
    const destination = IpAddress.fromWords(source0, source1, source2, source3)
    const nextHopAddress = own === null ? null : this.#nextHopToStranger(destination)
    if (own === null || nextHopAddress === null || this.resolver === null) {
      // Ourselves, or nobody: rare, and not worth being fast.
      const source = IpAddress.fromWords(destination0, destination1, destination2, destination3)
      if (own === null && !source.isLoopback) return null
      const path = this.#findPath(destination, source)
      return typeof path === 'string' ? null : path
    }
    const nextHop = this.resolver.neighbor(nextHopAddress)
    if (this.#passing === null || this.#passing.linkMtu !== this.#linkMtu) {
      this.#passing = this.#newPath(own.address, destination, nextHopAddress, nextHop, this.#linkMtu, false)
    } else {
      this.#passing.redirect(own.address, destination, nextHopAddress, nextHop)
    }
    return this.#passing
  }

  /** Null for what needs a closer look. */
  #nextHopToStranger(destination: IpAddress): IpAddress | null {
    if (destination.isMulticast || destination.isUnspecified || destination.isLoopback) return null
    if (this.local.find(destination) !== null) return null
    return this.nextHop(destination)
  }

  /**
   * The first hop of a unicast destination: itself if it is on our link, or a router; null if there is none. RFC 4861,
   * section 5.2, where the routing table has what a person said, and `RouteDiscovery` what routers say. The longest prefix
   * wins, and among equals the person.
   */
  nextHop(destination: IpAddress): IpAddress | null {
    if (isLinkLocal(destination)) return destination
    const route = this.routing.lookup(destination)
    if (this.routeDiscovery !== null) {
      const discovered = this.routeDiscovery.nextHop(destination, route === null ? -1 : route.destination.length)
      if (discovered !== null) return discovered
    }
    return route === null ? null : (route.gateway ?? destination)
  }

  /** Lowers the MTU of a path, and of others to the same destination. */
  lowerMtu(given: Ipv6Path, mtu: number): void {
    if (given.isLocal) return
    given.learnt = this.#mtus.lower(given.destination, mtu, given.mtu)
    const { word0, word1, word2, word3 } = given.destination
    for (let other = this.#cache.first(word0, word1, word2, word3); other !== null; other = other.sibling) {
      if (other.leadsTo(word0, word1, word2, word3)) other.learnt = given.learnt
    }
  }

  /** The path of something sent lately, if it is still known. */
  knownPath(destination: IpAddress, source: IpAddress): Ipv6Path | null {
    const { word0, word1, word2, word3 } = destination
    return this.#cache.getFrom(word0, word1, word2, word3, source.word0, source.word1, source.word2, source.word3)
  }

  /**
   * RFC 6437, section 3: the same for all packets of a flow, and unlikely for two; hard to guess.
   * @param ports both, in one word, or 0 where the protocol has none
   */
  flowLabel(path: Ipv6Path, protocol: number, ports: number): number {
    if (path.flowProtocol !== protocol || path.flowPorts !== ports) {
      const { source, destination } = path
      const hash = this.#flowHash.hash10(
        source.word0,
        source.word1,
        source.word2,
        source.word3,
        destination.word0,
        destination.word1,
        destination.word2,
        destination.word3,
        ports,
        protocol,
      )
      path.flowProtocol = protocol
      path.flowPorts = ports
      // 0 would say that there is none.
      path.flowLabel = (hash & 0xfffff) === 0 ? 1 : hash & 0xfffff
    }
    return path.flowLabel
  }

  #findPath(destination: IpAddress, source: IpAddress | null): Ipv6Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' {
    if (destination.isUnspecified) return 'ENETUNREACH'
    if (destination.isLoopback || this.local.find(destination) !== null) {
      const chosen = source ?? (destination.isLoopback ? LOOPBACK : destination)
      const mtu = HEADER_LENGTH + MAX_PAYLOAD
      return this.#newPath(chosen, destination, destination, null, mtu, chosen.equals(destination))
    }
    // RFC 4291, section 2.5.3: packets from ::1 do not leave; to a group they reach who listens to it here.
    if (source?.isLoopback) {
      if (!destination.isMulticast) return 'EADDRNOTAVAIL'
      return this.#newPath(source, destination, destination, null, HEADER_LENGTH + MAX_PAYLOAD, false)
    }
    const { addresses } = this.local
    if (addresses.length === 0 || this.resolver === null) return 'ENETUNREACH'
    const isGroup = destination.isMulticast
    const nextHopAddress = isGroup ? destination : this.nextHop(destination)
    if (nextHopAddress === null) return 'ENETUNREACH'
    const usual = this.#selector.selectSource(destination, addresses, nextHopAddress).prefix.address
    const chosen = source ?? usual
    const nextHop = isGroup ? groupHop(destination) : this.resolver.neighbor(nextHopAddress)
    const path = this.#newPath(chosen, destination, nextHopAddress, nextHop, this.#linkMtu, chosen.equals(usual))
    path.learnt = this.#mtus.get(destination)
    return path
  }

  #newPath(
    source: IpAddress,
    destination: IpAddress,
    nextHopAddress: IpAddress,
    nextHop: NextHop | null,
    mtu: number,
    hasDefaultSource: boolean,
  ): Ipv6Path {
    const hopLimit = destination.isMulticast ? DEFAULT_MULTICAST_HOP_LIMIT : this.#hopLimit
    return new Ipv6Path(this.#ip, this, source, destination, nextHopAddress, nextHop, mtu, hopLimit, hasDefaultSource)
  }

  /** What `RouteDiscovery` says is another than before. */
  routesChanged(): void {
    this.#changed()
  }

  /** Paths found so far no longer hold. */
  #changed(): void {
    this.generation++
    this.#cache.clear()
  }
}

/** RFC 2464, section 7: the last four bytes of the group behind 33-33. */
export function groupMac(group: IpAddress): MacAddress {
  return new MacAddress(0x3333, group.word3)
}

function groupHop(group: IpAddress): NextHop {
  const { high, low } = groupMac(group)
  return { ready: true, macHigh: high, macLow: low, isDead: false }
}
