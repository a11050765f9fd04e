/**
 * DHCPv4 on an interface: makes the lease an address of ours, with its routes and MTU, gives it up when it ends, and declines it
 * when another host has it; without a server a link-local address, where that is wanted.
 */

import { type IpAddress, IpPrefix, type MacAddress } from '../../address/index.ts'
import { type Arp, NeighborState, SHORT_PROBE_TIMES } from '../../arp/index.ts'
import { type Clock, MILLISECOND, type Microseconds, type Random, SECOND, Timer } from '../../clock/index.ts'
import type { Ipv4 } from '../../ipv4/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import { ArpProber } from './arp-prober.ts'
import { Dhcpv4Client } from './client.ts'
import type { Dhcpv4EndReason, Dhcpv4State } from './client-interface.ts'
import { type CheckedDhcpv4Settings, checkedDhcpv4Settings, type Dhcpv4Settings } from './configurator-settings.ts'
import type { Dhcpv4Counters } from './counters.ts'
import type { Dhcpv4Configuration, Dhcpv4Lease } from './lease.ts'
import { LinkLocalAddress } from './link-local.ts'
import type { Dhcpv4Route } from './message.ts'
import type { Dhcpv4LeaseStore } from './remembered-lease.ts'
import type { Dhcpv4Transport } from './transport.ts'

/** As Linux's dhclient: what is less is taken for a mistake. */
const LEAST_MTU = 576
/** How long a DHCPRELEASE may wait for its way to the server, by ARP. */
const RELEASE_TIME: Microseconds = 1 * SECOND
const RELEASE_STEP: Microseconds = 10 * MILLISECOND

/** What happened, for who wants to know. Points of time in leases are those of the clock. */
export type Dhcpv4Event =
  | { readonly type: 'bound' | 'renewed' | 'rebound'; readonly lease: Dhcpv4Lease }
  | { readonly type: 'expired'; readonly lease: Dhcpv4Lease; readonly reason: Dhcpv4EndReason }
  | { readonly type: 'declined'; readonly address: IpAddress }
  /** No server has answered for about 12 seconds; the search goes on. */
  | { readonly type: 'unanswered' }
  /** The network asks to do without IPv4 (RFC 8925); seconds until the next search. */
  | { readonly type: 'ipv6Only'; readonly wait: number }

export interface Dhcpv4ConfiguratorOptions {
  ipv4: Ipv4
  arp: Arp
  transport: Dhcpv4Transport
  clock: Clock
  random: Random
  mac: MacAddress
  /** As `clientIdFromDuid` or `clientIdFromMac` make it; null for none. */
  clientId: Uint8Array | null
  store?: Dhcpv4LeaseStore | null | undefined
  settings?: Dhcpv4Settings | undefined
  log?: Log | undefined
}

/** Leases of DHCPv4 (RFC 2131) as addresses, routes and MTU of an `Ipv4`. */
export class Dhcpv4Configurator {
  readonly settings: CheckedDhcpv4Settings
  readonly #ipv4: Ipv4
  readonly #arp: Arp
  readonly #clock: Clock
  readonly #log: Log
  readonly #client: Dhcpv4Client
  readonly #linkLocal: LinkLocalAddress | null
  readonly #handlers: ((event: Dhcpv4Event) => void)[] = []
  /** Those that the lease wants, and of these those that were not there already. */
  #wantedRoutes: readonly Dhcpv4Route[] = []
  #routes: Dhcpv4Route[] = []
  /** Not if the server gives what somebody else has set, which stays. */
  #isAddressOfLease = false
  /** The MTU before a server said another one. */
  #usualMtu = 0
  #closing: Promise<void> | null = null

  /** @throws TypeError or RangeError for a setting that cannot be */
  constructor(options: Dhcpv4ConfiguratorOptions) {
    const { ipv4, arp, clock, mac } = options
    this.settings = checkedDhcpv4Settings(options.settings ?? {})
    this.#ipv4 = ipv4
    this.#arp = arp
    this.#clock = clock
    this.#log = options.log ?? SILENT
    const { conflictDetection, linkLocal } = this.settings
    const times = conflictDetection === 'short' ? SHORT_PROBE_TIMES : undefined
    this.#linkLocal = linkLocal ? new LinkLocalAddress(ipv4, arp, mac, times, this.#log) : null
    this.#client = new Dhcpv4Client({
      transport: options.transport,
      clock,
      random: options.random,
      mac,
      clientId: options.clientId,
      prober: conflictDetection === 'none' ? null : new ArpProber(arp, times),
      store: options.store ?? null,
      hostName: this.settings.hostName,
      rapidCommit: this.settings.rapidCommit,
      broadcast: this.settings.broadcast,
      ipv6Only: this.settings.ipv6OnlyPreferred,
      autoConfigure: linkLocal,
      offerWait: this.settings.offerWait * MILLISECOND,
      log: this.#log,
      events: {
        bound: (lease) => this.#bound(lease),
        renewed: (lease) => this.#prolonged('renewed', lease),
        rebound: (lease) => this.#prolonged('rebound', lease),
        expired: (lease, reason) => this.#expired(lease, reason),
        declined: (address) => this.#tell({ type: 'declined', address }),
        ipv6Only: (wait) => this.#tell({ type: 'ipv6Only', wait }),
        unanswered: (mayAutoConfigure) => this.#unanswered(mayAutoConfigure),
      },
    })
  }

  get state(): Dhcpv4State {
    return this.#client.state
  }

  get counters(): Dhcpv4Counters {
    return this.#client.counters
  }

  /** What is held; null if that is nothing. */
  get lease(): Dhcpv4Lease | null {
    return this.#client.lease
  }

  /** What the server has told; null while there is none. */
  get configuration(): Dhcpv4Configuration | null {
    return this.lease?.configuration ?? null
  }

  /** Every handler hears every event, after addresses and routes have changed accordingly. */
  onEvent(handler: (event: Dhcpv4Event) => void): void {
    this.#handlers.push(handler)
  }

  start(): void {
    if (this.#closing === null) this.#client.start()
  }

  /** The interface has another MAC address now. */
  changeMac(mac: MacAddress): void {
    this.#client.changeMac(mac)
  }

  /** The interface may be on another network now: asks whether the address still belongs there (RFC 2131, section 3.7). */
  linkChanged(): void {
    this.#client.linkChanged()
  }

  /**
   * Ends, and gives the address back if the settings say so: a second at most. Idempotent.
   * @param mayRelease whether there still is a way to say so
   */
  close(mayRelease = true): Promise<void> {
    this.#closing ??= this.#close(mayRelease && this.settings.release)
    return this.#closing
  }

  async #close(release: boolean): Promise<void> {
    this.#linkLocal?.stop()
    if (!release || this.lease === null) {
      this.#client.stop()
    } else {
      this.#client.release()
      await this.#sent()
    }
    await this.#client.remembering
  }

  /** Waits until no packet waits for ARP. */
  #sent(): Promise<void> {
    const end = this.#clock.now() + RELEASE_TIME
    return new Promise((resolve) => {
      const look = () => {
        const isWaiting = [...this.#arp.neighbors()].some(({ state }) => state === NeighborState.Incomplete)
        if (isWaiting && this.#clock.now() < end) this.#clock.arm(timer, this.#clock.now() + RELEASE_STEP)
        else resolve()
      }
      const timer = new Timer({ onTimer: look })
      look()
    })
  }

  #bound(lease: Dhcpv4Lease): void {
    this.#linkLocal?.stop()
    const use = { defense: this.settings.defense, lost: () => this.#client.decline() }
    this.#isAddressOfLease = this.#ipv4.addAddress(lease.address, use)
    this.#configure(lease)
    this.#tell({ type: 'bound', lease })
  }

  #prolonged(type: 'renewed' | 'rebound', lease: Dhcpv4Lease): void {
    this.#configure(lease)
    this.#tell({ type, lease })
  }

  #expired(lease: Dhcpv4Lease, reason: Dhcpv4EndReason): void {
    // The address first: what is said from it for the last time still needs its routes.
    if (this.#isAddressOfLease) this.#ipv4.removeAddress(lease.address.address)
    this.#setRoutes([])
    this.#setMtu(null)
    this.#tell({ type: 'expired', lease, reason })
  }

  #unanswered(mayAutoConfigure: boolean): void {
    // RFC 2563: unless a server forbids it.
    if (mayAutoConfigure) this.#linkLocal?.start()
    this.#tell({ type: 'unanswered' })
  }

  #configure({ configuration }: Dhcpv4Lease): void {
    this.#setRoutes(configuration.routes)
    this.#setMtu(configuration.mtu)
  }

  #setRoutes(routes: readonly Dhcpv4Route[]): void {
    const wanted = routes.flatMap((route) => this.#withWayToGateway(route))
    const before = this.#wantedRoutes
    if (wanted.length === before.length && wanted.every((route, index) => isSame(route, before[index]))) return
    this.#wantedRoutes = wanted
    for (const { destination, gateway } of this.#routes) this.#ipv4.removeRoute(destination, gateway)
    this.#routes = []
    for (const route of wanted) this.#addRoute(route)
  }

  /** A router off the network of the address is on the link all the same, as providers have it that give out a /32. */
  #withWayToGateway(route: Dhcpv4Route): Dhcpv4Route[] {
    const { gateway } = route
    if (gateway === null || this.lease?.address.contains(gateway)) return [route]
    return [{ destination: new IpPrefix(gateway, 32), gateway: null }, route]
  }

  #addRoute(route: Dhcpv4Route): void {
    if (this.#ipv4.routes.some((known) => isSame(known, route))) return
    try {
      this.#ipv4.addRoute(route.destination, route.gateway)
      this.#routes.push(route)
    } catch (error) {
      // A router that is an address of ours, or the broadcast address of its network.
      this.#log.warn('a route of the DHCP server is left out', { error: (error as Error).message })
    }
  }

  #setMtu(mtu: number | null): void {
    if (this.#usualMtu === 0) this.#usualMtu = this.#ipv4.mtu
    const isWanted = this.settings.useMtu && mtu !== null && mtu >= LEAST_MTU && mtu <= this.#usualMtu
    this.#ipv4.setMtu(isWanted ? mtu : this.#usualMtu)
  }

  #tell(event: Dhcpv4Event): void {
    for (const handler of this.#handlers) handler(event)
  }
}

function isSame(one: Dhcpv4Route, other: Dhcpv4Route): boolean {
  const isSameGateway = one.gateway === null ? other.gateway === null : other.gateway?.equals(one.gateway) === true
  return isSameGateway && one.destination.toString() === other.destination.toString()
}
