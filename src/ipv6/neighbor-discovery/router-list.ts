import type { IpAddress, IpPrefix } from '../../address/index.ts'
import { type Clock, MINUTE, type Microseconds } from '../../clock/index.ts'
import { isSamePrefix } from '../../ip/index.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import { ExpiryTimer } from './lifetime.ts'
import type { Preference } from './wire.ts'

/** RFC 4191, section 3.5: a router that does not answer is asked again once a minute, if there is something for it to do. */
const PROBE_INTERVAL: Microseconds = MINUTE

/** A router with at least one route. */
export interface Router {
  readonly address: IpAddress
  /** What is used in its place while it does not answer; null if it is not wanted. */
  replacement: Router | null
}

/** A way that a router offers: `::/0` in the default router list (RFC 4861, 5.1), or more specific (RFC 4191, 2.3). */
export interface RouterRoute {
  readonly prefix: IpPrefix
  readonly router: Router
  preference: Preference
  /** Infinity for ever. */
  until: Microseconds
}

/** All that the list may touch of the world. */
export interface RouterListContext {
  readonly clock: Clock
  readonly counters: NeighborDiscoveryCounters
  /** It was asked and did not answer. */
  isSilent(router: IpAddress): boolean
  /** Packets go through it at present. */
  isInUse(router: IpAddress): boolean
  probe(router: IpAddress): void
  routesChanged(): void
  /** It has its first route. */
  routerAdded(router: IpAddress): void
  /** It has no route any more; RFC 4861, 6.3.5: whatever goes through it needs another way. */
  routerRemoved(router: IpAddress): void
}

/**
 * Default routers and more specific routes, as a host of type C keeps them: RFC 4861, sections 6.3.4 to 6.3.6, and RFC
 * 4191, section 3. Bounded: while the list is full whatever is new is ignored, so that a flood displaces no router that
 * works.
 */
export class RouterList {
  readonly #context: RouterListContext
  readonly #maxRouters: number
  readonly #maxRoutes: number
  readonly #routers: Router[] = []
  readonly #routes: RouterRoute[] = []
  readonly #expiry: ExpiryTimer
  readonly #probing: ExpiryTimer
  #rotation = 0

  constructor(context: RouterListContext, maxRouters: number, maxRoutes: number) {
    this.#context = context
    this.#maxRouters = maxRouters
    this.#maxRoutes = maxRoutes
    this.#expiry = new ExpiryTimer(context.clock, () => this.#expire())
    this.#probing = new ExpiryTimer(context.clock, () => this.#probe())
  }

  get routes(): readonly RouterRoute[] {
    return this.#routes
  }

  get routers(): readonly Router[] {
    return this.#routers
  }

  get hasDefault(): boolean {
    return this.#routes.some((route) => route.prefix.length === 0)
  }

  has(router: IpAddress): boolean {
    return this.#routers.some(({ address }) => address.equals(router))
  }

  /**
   * What a router says about a prefix. Its host bits are clear.
   * @param until when that ends; a time that is not in the future ends it now (lifetime 0)
   */
  learn(address: IpAddress, prefix: IpPrefix, preference: Preference, until: Microseconds): void {
    const known = this.#routes.find(
      (route) => route.router.address.equals(address) && isSamePrefix(route.prefix, prefix),
    )
    const isOver = until <= this.#context.clock.now()
    if (known === undefined) {
      if (!isOver) this.#add(address, prefix, preference, until)
    } else if (isOver) {
      this.#remove((route) => route === known)
    } else {
      const changed = known.preference !== preference
      known.preference = preference
      known.until = until
      this.#arm()
      if (changed) this.#context.routesChanged()
    }
  }

  /** RFC 4861, 7.2.5: what was a router says that it is none; its routes go at once. */
  removeRouter(address: IpAddress): void {
    this.#remove((route) => route.router.address.equals(address))
  }

  /**
   * The best router for a destination off the link, RFC 4191, 3.2: of the routes that match, whose router is not known to
   * be silent, the longest prefix, then the highest preference, then the one that was learnt first. If all are silent each
   * has its turn (RFC 4861, 6.3.6, item 2).
   * @param longerThan only routes of more bits than these
   */
  best(destination: IpAddress, longerThan = -1): IpAddress | null {
    let best: RouterRoute | null = null
    let silent = 0
    for (const route of this.#routes) {
      if (route.prefix.length <= longerThan || !route.prefix.contains(destination)) continue
      if (this.#context.isSilent(route.router.address)) silent++
      else if (best === null || isBetter(route, best)) best = route
    }
    if (silent === 0) return best === null ? null : best.router.address
    if (best === null) return this.#nextInTurn(destination, silent, longerThan)
    for (const route of this.#routes) {
      const wanted = route.prefix.contains(destination) && !isBetter(best, route)
      if (wanted && this.#context.isSilent(route.router.address)) route.router.replacement = best.router
    }
    if (!this.#probing.armed) this.#probing.arm(this.#context.clock.now() + PROBE_INTERVAL)
    return best.router.address
  }

  clear(): void {
    this.#expiry.stop()
    this.#probing.stop()
    this.#routes.length = 0
    this.#routers.length = 0
  }

  #nextInTurn(destination: IpAddress, count: number, longerThan: number): IpAddress | null {
    let skip = this.#rotation++ % count
    for (const route of this.#routes) {
      const matches = route.prefix.length > longerThan && route.prefix.contains(destination)
      if (matches && skip-- === 0) return route.router.address
    }
    return null
  }

  #add(address: IpAddress, prefix: IpPrefix, preference: Preference, until: Microseconds): void {
    let router = this.#routers.find((known) => known.address.equals(address))
    if (this.#routes.length >= this.#maxRoutes || (router === undefined && !this.#makeRoom())) {
      this.#context.counters.routesIgnored++
      return
    }
    if (router === undefined) {
      router = { address, replacement: null }
      this.#routers.push(router)
      this.#context.routerAdded(address)
    }
    this.#routes.push({ prefix, router, preference, until })
    this.#arm()
    this.#context.routesChanged()
  }

  /** A router that does not answer gives way to a new one. */
  #makeRoom(): boolean {
    if (this.#routers.length < this.#maxRouters) return true
    const silent = this.#routers.find((router) => this.#context.isSilent(router.address))
    if (silent === undefined) return false
    this.removeRouter(silent.address)
    return true
  }

  #expire(): void {
    const now = this.#context.clock.now()
    this.#remove((route) => route.until <= now)
  }

  #remove(isOver: (route: RouterRoute) => boolean): void {
    const kept = this.#routes.filter((route) => !isOver(route))
    const removed = this.#routes.length - kept.length
    this.#routes.splice(0, this.#routes.length, ...kept)
    this.#arm()
    if (removed === 0) return
    const idle = this.#routers.filter((router) => !kept.some((route) => route.router === router))
    const busy = this.#routers.filter((router) => !idle.includes(router))
    this.#routers.splice(0, this.#routers.length, ...busy)
    for (const router of busy)
      if (router.replacement !== null && idle.includes(router.replacement)) router.replacement = null
    for (const router of idle) this.#context.routerRemoved(router.address)
    this.#context.routesChanged()
  }

  #arm(): void {
    let earliest = Number.POSITIVE_INFINITY
    for (const { until } of this.#routes) if (until < earliest) earliest = until
    this.#expiry.arm(earliest)
  }

  /** RFC 4191, 3.5: no probe unless packets flow that the router would get if it answered. */
  #probe(): void {
    let waiting = false
    for (const router of this.#routers) {
      if (router.replacement === null) continue
      if (!this.#context.isSilent(router.address)) {
        router.replacement = null
        continue
      }
      waiting = true
      if (this.#context.isInUse(router.replacement.address)) this.#context.probe(router.address)
    }
    if (waiting) this.#probing.arm(this.#context.clock.now() + PROBE_INTERVAL)
  }
}

function isBetter(one: RouterRoute, other: RouterRoute): boolean {
  if (one.prefix.length !== other.prefix.length) return one.prefix.length > other.prefix.length
  return one.preference > other.preference
}
