import { IpAddress, IpPrefix } from '../address/index.ts'
import { Arp } from '../arp/index.ts'
import { type Clock, HostClock, type Random, SecureRandom } from '../clock/index.ts'
import { Ethernet } from '../ethernet/index.ts'
import { Icmp } from '../icmp/index.ts'
import { type ForwardingCounters, Ipv4, Ipv4Forwarder } from '../ipv4/index.ts'
import type { Netif } from '../netif/index.ts'

/** An interface of `createRouter`. */
export interface RouterInterface {
  /** The router closes it. */
  netif: Netif
  /** Own address and the network behind it: `10.0.0.1/24`. */
  ipv4: string
  /** Networks behind other routers on this link. */
  routes?: readonly { destination: string; gateway: string }[]
}

/** What `createRouter` takes. */
export interface CreateRouterOptions {
  interfaces: readonly RouterInterface[]
  /** Default: the host's monotonic clock. */
  clock?: Clock
  /** Default: cryptographic randomness. */
  random?: Random
}

/** Several interfaces with IPv4 forwarding between them, for simulated networks. */
export class Router implements AsyncDisposable {
  /** In the order of the interfaces. */
  readonly layers: readonly Ipv4[]
  readonly #forwarder: Ipv4Forwarder
  readonly #close: () => Promise<void>

  /** Through `createRouter`. */
  constructor(layers: readonly Ipv4[], close: () => Promise<void>) {
    this.layers = layers
    this.#forwarder = new Ipv4Forwarder(layers)
    this.#close = close
  }

  get counters(): Readonly<ForwardingCounters> {
    return this.#forwarder.counters
  }

  /** Stops all timers and closes the interfaces. */
  async close(): Promise<void> {
    this.#forwarder.close()
    await this.#close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/**
 * Makes a router: RFC 1812 as far as `Ipv4Forwarder` goes, with ARP and ICMP on each interface. Nothing listens on it but echo.
 * @throws TypeError or RangeError for an address or a route
 */
export function createRouter(options: CreateRouterOptions): Router {
  const ownClock = options.clock === undefined ? new HostClock() : null
  const clock = options.clock ?? ownClock!
  const random = options.random ?? new SecureRandom()
  const parts = options.interfaces.map(({ netif, ipv4: cidr, routes = [] }) => {
    const ethernet = new Ethernet(netif)
    const arp = new Arp(ethernet, clock, random)
    const ipv4 = new Ipv4(ethernet, arp, { cidr, clock, random })
    for (const { destination, gateway } of routes) ipv4.addRoute(IpPrefix.parse(destination), IpAddress.parse(gateway))
    return { netif, arp, ipv4, icmp: new Icmp(ipv4, { clock, random }) }
  })
  return new Router(
    parts.map(({ ipv4 }) => ipv4),
    async () => {
      for (const { netif, arp, ipv4, icmp } of parts) {
        icmp.close()
        ipv4.close()
        arp.close()
        await netif.close()
      }
      ownClock?.close()
    },
  )
}
