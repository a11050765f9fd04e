import { IpAddress, IpPrefix, MacAddress } from '../address/index.ts'
import type { AddressUse, Arp } from '../arp/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import { type Ip, isSamePrefix, type Route, RoutingTable } from '../ip/index.ts'
import { Ipv4Path } from './ipv4-path.ts'
import { AddressKind, isHostAddress, isLoopback, LocalAddresses } from './local-addresses.ts'
import { PathCache } from './path-cache.ts'
import { PathMtus } from './path-mtus.ts'
import { Redirects } from './redirects.ts'

/** RFC 1700 and Linux (ip_default_ttl). */
const DEFAULT_TTL = 64
/** RFC 1112, section 6.1. */
const DEFAULT_MULTICAST_TTL = 1
/** The total length field has 16 bits: nothing else limits what we send to ourselves. */
const LOCAL_MTU = 65_535
const LOOPBACK = IpAddress.v4((127 << 24) | 1)
/** 255.255.255.255, RFC 919, section 7. */
const ALL_HOSTS = -1

/** An address of ours came or went. */
export type AddressHandler = (type: 'added' | 'removed', prefix: IpPrefix) => void

/** Our addresses and routes, and the paths that follow from them: RFC 1122, section 3.3.1. */
export class Paths {
  readonly local = new LocalAddresses()
  readonly routing = new RoutingTable()
  /** Grows with every change of routes or addresses: paths of an earlier generation are stale. */
  generation = 0

  readonly #ip: Ip
  readonly #arp: Arp
  readonly #random: Random
  #linkMtu: number
  readonly #cache: PathCache
  readonly #mtus: PathMtus
  readonly #redirects = new Redirects()
  readonly #addressHandlers: AddressHandler[] = []
  #leavingHandler: (address: IpAddress) => void = () => {}
  /** The one for all strangers. */
  #passing: Ipv4Path | null = null

  /** @param linkMtu largest packet that the link carries @param cacheSize destinations that are remembered */
  constructor(ip: Ip, arp: Arp, clock: Clock, random: Random, linkMtu: number, cacheSize: number) {
    this.#ip = ip
    this.#arp = arp
    this.#random = random
    this.#linkMtu = linkMtu
    this.#cache = new PathCache(cacheSize)
    this.#mtus = new PathMtus(clock, linkMtu)
  }

  /** Destinations in the cache. */
  get count(): number {
    return this.#cache.count
  }

  /** Destinations that have left the cache for want of room. */
  get evicted(): number {
    return this.#cache.evicted
  }

  onAddress(handler: AddressHandler): void {
    this.#addressHandlers.push(handler)
  }

  /** Told of each address just before it goes; one handler. */
  onLeaving(handler: (address: IpAddress) => void): void {
    this.#leavingHandler = handler
  }

  /** Largest packet that goes out on the link. */
  get linkMtu(): number {
    return this.#linkMtu
  }

  setLinkMtu(mtu: number): void {
    if (mtu === this.#linkMtu) return
    this.#linkMtu = mtu
    this.#passing = null
    this.#changed()
  }

  /** Stops all timers. */
  close(): void {
    this.#mtus.clear()
  }

  /**
   * Answers on this address from now on and reaches its network over the link.
   * @returns false if the address was ours already
   * @throws RangeError if it cannot be a host's address
   */
  addAddress(prefix: IpPrefix, use: AddressUse = {}): boolean {
    const address = prefix.address
    if (prefix.family !== 4 || !isHostAddress(address.word3)) {
      throw new RangeError(`an IPv4 address of ours is a host's address, not ${prefix}`)
    }
    if (!this.local.add(prefix)) return false
    const { network } = prefix
    // A second address on a network finds the way there already.
    if (!this.routing.has(network, null)) this.routing.add({ destination: network, gateway: null, metric: 0 })
    const lost = (lostAddress: number) => {
      this.removeAddress(address)
      use.lost?.(lostAddress)
    }
    this.#arp.addAddress(address.word3, prefix.maskWord(3), { ...use, lost })
    this.#changed()
    for (const handler of this.#addressHandlers) handler('added', prefix)
    return true
  }

  /** @returns false if the address was not ours */
  removeAddress(address: IpAddress): boolean {
    if (address.family === 4 && this.local.owns(address.word3)) this.#leavingHandler(address)
    const prefix = address.family === 4 ? this.local.remove(address.word3) : null
    if (prefix === null) return false
    const { network } = prefix
    if (!this.local.prefixes.some((other) => isSamePrefix(other.network, network))) {
      this.routing.removeWhere((route) =>
        route.gateway === null ? isSamePrefix(route.destination, network) : prefix.contains(route.gateway),
      )
    }
    this.#arp.removeAddress(address.word3)
    this.#changed()
    for (const handler of this.#addressHandlers) handler('removed', prefix)
    return true
  }

  /**
   * Adds a route.
   * @throws RangeError if no network of ours and no route says that the gateway is on our link, or a family or the metric is wrong
   */
  addRoute(destination: IpPrefix, gateway: IpAddress | null, metric = 0): void {
    if (destination.family !== 4) {
      throw new RangeError(`an IPv4 route leads to an IPv4 network: ${destination}`)
    }
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

  /** Replaces the default route; null leaves none. @throws RangeError as `addRoute` */
  setGateway(gateway: IpAddress | null): void {
    if (gateway !== null) this.#checkGateway(gateway)
    this.routing.removeWhere((route) => route.destination.length === 0)
    this.#changed()
    if (gateway !== null) this.addRoute(new IpPrefix(IpAddress.ANY_V4, 0), gateway)
  }

  #checkGateway(gateway: IpAddress): void {
    if (
      gateway.family !== 4 ||
      !this.#isOnLink(gateway) ||
      this.local.classify(gateway.word3) !== AddressKind.Foreign
    ) {
      throw new RangeError(`the gateway ${gateway} is no other host on the network of any of our addresses`)
    }
  }

  /** By the network of an address of ours, or by a route: providers give out a /32 and a route to their router. */
  #isOnLink(address: IpAddress): boolean {
    if (this.local.onLinkWith(address.word3) !== null) return true
    const route = this.routing.lookup(address)
    return route !== null && route.gateway === null
  }

  /**
   * A way to a host on our link, or all of them, that asks no table: neither for a route nor for the MAC address, and with a
   * source that need not be ours. DHCP speaks so from and to hosts without an address, RFC 2131, section 4.1.
   */
  linkPath(source: IpAddress, destination: IpAddress, mac: MacAddress): Ipv4Path {
    const to = destination.word3
    return new Ipv4Path(
      this.#ip,
      this,
      this.#mtus,
      source.word3,
      to,
      to,
      this.#arp.groupNeighbor(to, mac),
      this.#linkMtu,
      DEFAULT_TTL,
      false,
      this.local.isBroadcast(to),
      this.#random.below(0x10000),
    )
  }

  path(destination: IpAddress, source: IpAddress | null = null): Ipv4Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' {
    const wanted = source === null ? 0 : source.word3
    const known = this.#cache.get(destination.word3, wanted)
    if (known !== null && destination.family === 4) return known
    if (destination.family !== 4) return 'ENETUNREACH'
    if (source !== null && wanted !== 0) {
      if (source.family !== 4 || !(isLoopback(wanted) || this.local.owns(wanted))) return 'EADDRNOTAVAIL'
    }
    const path = this.#findPath(destination, wanted === 0 ? null : source)
    if (typeof path !== 'string') this.#cache.add(path)
    return path
  }

  /**
   * The way to `destination` from `source`, an address of ours, for an answer of which nothing is kept: what is not in the
   * cache already does not go there, and the next call takes the same object for another way.
   */
  passingPath(destination: number, source: number): Ipv4Path | null {
    const known = this.#cache.get(destination, source)
    if (known !== null) return known
    const route = this.#routeToStranger(destination, source)
    if (route === null) {
      // Ourselves, or nobody: rare, and not worth being fast.
      if (!isLoopback(source) && !this.local.owns(source)) return null
      const path = this.#findPath(IpAddress.v4(destination), IpAddress.v4(source))
      return typeof path === 'string' ? null : path
    }
    const nextHop = this.#nextHop(route, destination)
    const neighbor = this.#arp.neighbor(nextHop)
    if (this.#passing === null) {
      this.#passing = new Ipv4Path(
        this.#ip,
        this,
        this.#mtus,
        source,
        destination,
        nextHop,
        neighbor,
        this.#linkMtu,
        DEFAULT_TTL,
        false,
        false,
        this.#random.below(0x10000),
      )
    } else {
      this.#passing.redirect(source, destination, nextHop, neighbor)
    }
    return this.#passing
  }

  /** The route to another host from an address of ours on the network; null for what needs a closer look. */
  #routeToStranger(destination: number, source: number): Route | null {
    const first = destination >>> 24
    if (first === 0 || first >= 224 || isLoopback(destination) || !this.local.owns(source)) return null
    if (this.local.classify(destination) !== AddressKind.Foreign) return null
    return this.routing.lookup4(destination)
  }

  #nextHop(route: Route, destination: number): number {
    if (route.gateway === null) return destination
    return this.#redirects.firstHop(destination) ?? route.gateway.word3
  }

  /**
   * A router names a better first hop. RFC 1122, section 3.2.2.2: believed if it is where packets to the destination go now, and
   * if the other one is a host on our link.
   * @returns whether it was
   */
  redirect(destination: number, firstHop: number, router: number): boolean {
    const route = this.routing.lookup4(destination)
    if (route === null || route.gateway === null || this.#nextHop(route, destination) !== router) return false
    if (!isHostAddress(firstHop) || this.local.onLinkWith(firstHop) === null) return false
    if (this.local.classify(firstHop) !== AddressKind.Foreign || firstHop === router) return false
    this.#redirects.learn(destination, firstHop)
    this.#forgetPaths()
    return true
  }

  /** The next hop of a packet does not answer: if that is where it was redirected, all such go the usual way again. */
  nextHopFailed(destination: number): void {
    const firstHop = this.#redirects.firstHop(destination)
    if (firstHop !== undefined && this.#redirects.remove(firstHop)) this.#forgetPaths()
  }

  /** Lowers the MTU of a path, and of all others to the same destination. */
  lowerMtu({ isLocal, destinationAddress }: Ipv4Path, mtu: number): void {
    if (!isLocal) this.#mtus.lower(destinationAddress, mtu)
  }

  #findPath(destination: IpAddress, source: IpAddress | null): Ipv4Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' {
    const address = destination.word3
    const kind = this.local.classify(address)
    if (kind === AddressKind.Own || isLoopback(address)) {
      const usual = kind === AddressKind.Own ? destination : LOOPBACK
      return this.#makePath(destination, source, usual, address, true, LOCAL_MTU)
    }
    if (source !== null && isLoopback(source.word3)) {
      // As Linux: to groups and to all hosts the source address chooses the interface, here the loopback's.
      if (destination.isMulticast || address === ALL_HOSTS) {
        // Never the usual source: the interface's is.
        return this.#makePath(destination, source, IpAddress.ANY_V4, address, true, LOCAL_MTU)
      }
      return 'EADDRNOTAVAIL'
    }
    if (kind === AddressKind.Broadcast || destination.isMulticast) {
      const own = this.local.onLinkWith(address) ?? this.local.prefixes[0]
      // RFC 1122, 3.2.1.3 (a): a host that has no address yet asks for one from 0.0.0.0.
      const usual = own === undefined ? IpAddress.ANY_V4 : own.address
      return this.#makePath(destination, source, usual, address, false, this.#linkMtu)
    }
    // RFC 1122, 3.2.1.3 (a) and (b): "this network" is never a destination.
    if (address >>> 24 === 0) return 'ENETUNREACH'
    const route = this.routing.lookup(destination)
    if (route === null || this.local.prefixes.length === 0) return 'ENETUNREACH'
    const nextHop = this.#nextHop(route, address)
    const usual = (this.local.onLinkWith(nextHop) ?? this.local.prefixes[0]).address
    return this.#makePath(destination, source, usual, nextHop, false, this.#linkMtu)
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
    const address = destination.word3
    const isBroadcast = this.local.isBroadcast(address)
    const neighbor = isLocal
      ? null
      : isBroadcast
        ? this.#arp.groupNeighbor(nextHop, MacAddress.BROADCAST)
        : destination.isMulticast
          ? this.#arp.groupNeighbor(nextHop, multicastMac(nextHop))
          : this.#arp.neighbor(nextHop)
    return new Ipv4Path(
      this.#ip,
      this,
      this.#mtus,
      chosen.word3,
      address,
      nextHop,
      neighbor,
      mtu,
      destination.isMulticast ? DEFAULT_MULTICAST_TTL : DEFAULT_TTL,
      chosen.equals(usual),
      isBroadcast,
      this.#random.below(0x10000),
    )
  }

  /** Routes or addresses are others now. */
  #changed(): void {
    this.#redirects.clear()
    this.#forgetPaths()
  }

  /** Paths found so far no longer hold. */
  #forgetPaths(): void {
    this.generation++
    this.#cache.clear()
  }
}

/** RFC 1112, section 6.4: the low 23 bits of the group behind 01-00-5e. */
export function multicastMac(group: number): MacAddress {
  return new MacAddress(0x0100, 0x5e000000 | (group & 0x7fffff))
}
