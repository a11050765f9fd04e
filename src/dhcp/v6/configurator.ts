/**
 * DHCPv6 on an interface: starts the client that routers ask for (M and O flags, RFC 4861, section 4.2), makes its leases
 * addresses of the interface, and gives back what duplicate address detection finds in use (RFC 8415, section 18.2.8).
 */

import type { IpAddress, MacAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, type Random, SECOND, Timer, type TimerHandler } from '../../clock/index.ts'
import { AddressState, type InterfaceAddress, isLinkLocal, type NeighborDiscovery } from '../../ipv6/index.ts'
import { type Log, SILENT } from '../../log/index.ts'
import type { Dhcpv6LeaseTimes } from './binding.ts'
import { Dhcpv6Client } from './client.ts'
import type { Dhcpv6Lease } from './client-interface.ts'
import { type Dhcpv6Configuration, NO_CONFIGURATION } from './configuration.ts'
import { type CheckedDhcpv6Settings, checkedDhcpv6Settings, type Dhcpv6Settings } from './configurator-settings.ts'
import { type Dhcpv6Counters, newDhcpv6Counters } from './counters.ts'
import { Dhcpv6InformationClient } from './information-client.ts'
import type { DhcpTransport } from './transport.ts'

/**
 * How long routers have to ask for no DHCPv6, or for less of it, before a client that has got nothing stops: two routers that
 * say different things make no client begin anew with each advertisement (which come every 4 s at most, RFC 4861, 6.2.1).
 */
const FLAGS_HOLD: Microseconds = 30 * SECOND
/** How long the answer to a Release is waited for: who closes wants to be gone. RFC 8415, 18.2.7 lets four attempts do. */
const RELEASE_TIME: Microseconds = 2 * SECOND
/** Leases are single addresses: what is on the link is for router advertisements to say, RFC 5942. */
const ADDRESS_LENGTH = 128

/** Which client runs. */
export type Dhcpv6Operation = 'none' | 'stateless' | 'stateful'

/** What happened, for who wants to know. Points of time in leases are those of the clock. */
export type Dhcpv6Event =
  | { readonly type: 'bound' | 'renewed' | 'rebound'; readonly lease: Dhcpv6Lease }
  | { readonly type: 'expired' | 'declined'; readonly leases: readonly Dhcpv6LeaseTimes[] }
  | { readonly type: 'configured'; readonly configuration: Dhcpv6Configuration }

/** Of neighbour discovery, what leases and flags have to do with. */
export type Dhcpv6Interface = Pick<NeighborDiscovery, 'addresses' | 'addAddress' | 'removeAddress'> & {
  readonly configuration: Pick<NeighborDiscovery['configuration'], 'managed' | 'otherConfiguration'>
}

/** What `new Dhcpv6Configurator` takes. */
export interface Dhcpv6ConfiguratorOptions {
  neighborDiscovery: Dhcpv6Interface
  /** For the link-local address that `linkLocalAddress` gives. */
  transport: DhcpTransport
  clock: Clock
  random: Random
  mac: MacAddress
  /** As `ownDuid` gives it. */
  duid: Uint8Array
  settings?: Dhcpv6Settings | undefined
  /** To count in; default its own. */
  counters?: Dhcpv6Counters | undefined
  log?: Log | undefined
}

/** Leases of DHCPv6 (RFC 8415) as addresses of an `Ipv6Host`, asked for as the flags of routers say. */
export class Dhcpv6Configurator implements TimerHandler {
  readonly counters: Dhcpv6Counters
  readonly #settings: CheckedDhcpv6Settings
  readonly #interface: Dhcpv6Interface
  readonly #clock: Clock
  readonly #log: Log
  readonly #stateful: Dhcpv6Client
  readonly #stateless: Dhcpv6InformationClient
  readonly #handlers: ((event: Dhcpv6Event) => void)[] = []
  /** Armed while another client is wanted than the one that runs. */
  readonly #hold = new Timer(this)
  #operation: Dhcpv6Operation = 'none'
  #started = false
  #closing: Promise<void> | null = null

  /** @throws TypeError or RangeError for a setting or DUID that cannot be */
  constructor(options: Dhcpv6ConfiguratorOptions) {
    const { clock, random, duid } = options
    this.#settings = checkedDhcpv6Settings(options.settings ?? {})
    this.#interface = options.neighborDiscovery
    this.#clock = clock
    this.#log = options.log ?? SILENT
    this.counters = options.counters ?? newDhcpv6Counters()
    const common = { transport: options.transport, clock, random, duid, log: this.#log, counters: this.counters }
    this.#stateful = new Dhcpv6Client({
      ...common,
      // RFC 8415, section 12: the same at every run, and another for each interface.
      iaid: options.mac.low >>> 0,
      delegatedPrefixLength: this.#settings.delegatedPrefixLength,
      rapidCommit: this.#settings.rapidCommit,
      fqdn: this.#settings.fqdn,
      events: {
        bound: (lease) => this.#granted('bound', lease),
        renewed: (lease) => this.#granted('renewed', lease),
        rebound: (lease) => this.#granted('rebound', lease),
        expired: (leases) => this.#lost('expired', leases),
        declined: (leases) => this.#lost('declined', leases),
      },
    })
    this.#stateless = new Dhcpv6InformationClient({
      ...common,
      configured: (configuration) => this.#tell({ type: 'configured', configuration }),
    })
  }

  /** Which client runs now. */
  get operation(): Dhcpv6Operation {
    return this.#operation
  }

  /** What is held: addresses and delegated prefixes; null if that is nothing. A copy. */
  get lease(): Dhcpv6Lease | null {
    return this.#stateful.lease
  }

  /** What servers have told besides leases; with empty lists where none has. */
  get configuration(): Dhcpv6Configuration {
    const told = this.#operation === 'stateless' ? this.#stateless.configuration : this.#stateful.lease?.configuration
    return told ?? NO_CONFIGURATION
  }

  /** Every handler hears every event, after addresses have changed accordingly. */
  onEvent(handler: (event: Dhcpv6Event) => void): void {
    this.#handlers.push(handler)
  }

  /** Does from now on as settings and routers say; a client starts as soon as there is a link-local address. */
  start(): void {
    if (this.#closing !== null) return
    this.#started = true
    this.#follow()
  }

  /** `NeighborDiscoveryHost.configurationChanged`. */
  configurationChanged(): void {
    this.#follow()
  }

  /** `NeighborDiscoveryHost.addressChanged`: the link-local address may be there now. */
  addressChanged(own: InterfaceAddress): void {
    if (this.#operation === 'none' && own.isUsable && isLinkLocal(own.address)) this.#follow()
  }

  /** `NeighborDiscoveryHost.addressIsDuplicate`; of no interest unless it is of a lease. */
  addressIsDuplicate(own: InterfaceAddress): void {
    this.#stateful.decline([own.address])
  }

  /** The interface may be on another link now: what is held is confirmed, RFC 8415, section 18.2.12. */
  linkChanged(): void {
    this.#stateful.linkChanged()
    this.#stateless.linkChanged()
  }

  /**
   * Takes the addresses of leases from the interface, and gives them back if the settings say so: two seconds at most. Idempotent.
   * @param mayRelease whether there still is a way to say so
   */
  close(mayRelease = true): Promise<void> {
    this.#closing ??= this.#close(mayRelease && this.#settings.release)
    return this.#closing
  }

  /** Routers have been of another mind for a while. */
  onTimer(): void {
    // What is held stays, and is renewed, as long as the server gives it: RFC 8415 knows no flags.
    if (this.#lacksReason && this.lease === null) this.#run(this.#wanted)
  }

  /** Which client is to run. */
  get #wanted(): Dhcpv6Operation {
    const { mode } = this.#settings
    if (mode === 'stateful' || mode === 'stateless') return mode
    const { managed, otherConfiguration } = this.#interface.configuration
    // RFC 4861, section 4.2: with M, the O flag says nothing more.
    return managed ? 'stateful' : otherConfiguration ? 'stateless' : 'none'
  }

  /** Whether nobody asks for the client that runs. */
  get #lacksReason(): boolean {
    return this.#operation !== 'none' && this.#operation !== this.#wanted
  }

  #follow(): void {
    if (!this.#started) return
    const isMore = this.#operation === 'none' || this.#wanted === 'stateful'
    if (!this.#lacksReason) this.#clock.disarm(this.#hold)
    if (isMore) this.#run(this.#wanted)
    else if (this.#lacksReason && !this.#hold.armed) this.#clock.arm(this.#hold, this.#clock.now() + FLAGS_HOLD)
  }

  #run(operation: Dhcpv6Operation): void {
    if (operation === this.#operation || (operation !== 'none' && linkLocalAddress(this.#interface) === null)) return
    this.#clock.disarm(this.#hold)
    this.#stop()
    this.#operation = operation
    this.#log.info(operation === 'none' ? 'DHCPv6 stops' : `DHCPv6 starts, ${operation}`)
    if (operation === 'stateful') this.#stateful.start()
    else if (operation === 'stateless') this.#stateless.start()
  }

  #stop(): void {
    if (this.#operation === 'stateful') this.#stateful.stop()
    else if (this.#operation === 'stateless') this.#stateless.stop()
    this.#operation = 'none'
  }

  async #close(release: boolean): Promise<void> {
    this.#started = false
    this.#clock.disarm(this.#hold)
    // RFC 8415, 18.2.7: out of use first.
    const held = this.lease?.addresses ?? []
    for (const { prefix } of held) this.#removeAddress(prefix.address)
    if (release && this.lease !== null) {
      const timer = new Timer({ onTimer: () => this.#stateful.stop() })
      this.#clock.arm(timer, this.#clock.now() + RELEASE_TIME)
      // Resolved by `stop`, too.
      await this.#stateful.release()
      this.#clock.disarm(timer)
    }
    this.#stop()
  }

  #granted(type: 'bound' | 'renewed' | 'rebound', lease: Dhcpv6Lease): void {
    for (const { prefix, preferredUntil, validUntil } of lease.addresses) {
      const known = this.#find(prefix.address)
      // Ours in another way, and for as long as that says.
      if (known !== undefined && known.origin !== 'dhcp') continue
      this.#interface.addAddress(prefix.address, ADDRESS_LENGTH, 'dhcp', preferredUntil, validUntil)
    }
    this.#tell({ type, lease })
  }

  #lost(type: 'expired' | 'declined', leases: readonly Dhcpv6LeaseTimes[]): void {
    for (const { prefix } of leases) if (prefix.length === ADDRESS_LENGTH) this.#removeAddress(prefix.address)
    this.#tell({ type, leases })
    this.#follow()
  }

  #removeAddress(address: IpAddress): void {
    if (this.#find(address)?.origin === 'dhcp') this.#interface.removeAddress(address)
  }

  #find(address: IpAddress): InterfaceAddress | undefined {
    return this.#interface.addresses.find((own) => own.address.equals(address))
  }

  #tell(event: Dhcpv6Event): void {
    for (const handler of this.#handlers) handler(event)
  }
}

/** From where messages go, and whither answers come; null while there is no such address. */
export function linkLocalAddress({ addresses }: Pick<Dhcpv6Interface, 'addresses'>): IpAddress | null {
  const own = addresses.find(({ address, state }) => state === AddressState.Preferred && isLinkLocal(address))
  return own?.address ?? null
}
