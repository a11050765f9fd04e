import type { IpAddress, IpPrefix } from '../address/index.ts'

/** One entry of the routing table. */
export interface Route {
  /** Where it leads; host bits do not count. `0.0.0.0/0` is the default route. */
  readonly destination: IpPrefix
  /** The next hop; null when the destination is on our link. */
  readonly gateway: IpAddress | null
  /** Among routes of the same length the smallest wins; 0 to 2^31 - 1. */
  readonly metric: number
}

/** Routes of one family by longest prefix (RFC 1122, 3.3.1; RFC 1812, 5.2.4.3), then smallest metric, then age. */
export class RoutingTable {
  /** Best first, so that the first match wins. It is asked once for each new path, so a list will do. */
  readonly #routes: Route[] = []

  get routes(): readonly Route[] {
    return this.#routes
  }

  add(route: Route): void {
    const behind = this.#routes.findIndex(
      (other) =>
        other.destination.length < route.destination.length ||
        (other.destination.length === route.destination.length && other.metric > route.metric),
    )
    if (behind < 0) this.#routes.push(route)
    else this.#routes.splice(behind, 0, route)
  }

  has(destination: IpPrefix, gateway: IpAddress | null): boolean {
    return this.#routes.some((route) => isRoute(route, destination, gateway))
  }

  /** @returns whether there was one */
  remove(destination: IpPrefix, gateway: IpAddress | null): boolean {
    return this.removeWhere((route) => isRoute(route, destination, gateway))
  }

  /** Removes the routes for which `matches` holds. @returns whether there were any */
  removeWhere(matches: (route: Route) => boolean): boolean {
    const before = this.#routes.length
    for (let i = this.#routes.length - 1; i >= 0; i--) if (matches(this.#routes[i])) this.#routes.splice(i, 1)
    return this.#routes.length < before
  }

  lookup(destination: IpAddress): Route | null {
    const routes = this.#routes
    for (let i = 0; i < routes.length; i++) if (routes[i].destination.contains(destination)) return routes[i]
    return null
  }

  /** As `lookup`, for an IPv4 address as a 32-bit word, in a table of IPv4 routes. */
  lookup4(destination: number): Route | null {
    const routes = this.#routes
    for (let i = 0; i < routes.length; i++) {
      const { address, length } = routes[i].destination
      // A shift by 32 is one by 0.
      if (length === 0 || (address.word3 ^ destination) >>> (32 - length) === 0) return routes[i]
    }
    return null
  }
}

/** Whether two prefixes have the same address and length. */
export function isSamePrefix(a: IpPrefix, b: IpPrefix): boolean {
  return a.length === b.length && a.address.equals(b.address)
}

function isRoute(route: Route, destination: IpPrefix, gateway: IpAddress | null): boolean {
  if (!isSamePrefix(route.destination, destination)) return false
  return route.gateway === null ? gateway === null : gateway !== null && route.gateway.equals(gateway)
}
