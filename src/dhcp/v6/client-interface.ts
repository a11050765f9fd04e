import type { Clock, Random } from '../../clock/index.ts'
import type { Log } from '../../log/index.ts'
import type { Dhcpv6LeaseTimes } from './binding.ts'
import type { Dhcpv6Configuration } from './configuration.ts'
import type { Dhcpv6Counters } from './counters.ts'
import type { DhcpTransport } from './transport.ts'

/** Where the client is. What it holds is valid in all of them until `expired` says otherwise. */
export type Dhcpv6State =
  | 'stopped'
  | 'soliciting'
  | 'requesting'
  | 'bound'
  | 'renewing'
  | 'rebinding'
  | 'confirming'
  | 'declining'
  | 'releasing'

/** What a client holds, as of now. */
export interface Dhcpv6Lease {
  /** With prefix lengths of 128: which addresses are on the link is for router advertisements to say (RFC 5942). */
  addresses: readonly Dhcpv6LeaseTimes[]
  /** Delegated to this host, RFC 8415, section 6.3. */
  prefixes: readonly Dhcpv6LeaseTimes[]
  configuration: Dhcpv6Configuration
  /** DUID of the server that was heard last. */
  serverId: Uint8Array
}

/** Who hears what a client gets and loses. Every method may call the client back. */
export interface Dhcpv6Events {
  /**
   * The server has made leases: a first time, after all were lost, or because it had forgotten them. Addresses that were
   * not held before, here and in the two below, want duplicate address detection (RFC 8415, section 18.2.10.1).
   */
  bound(lease: Dhcpv6Lease): void
  /** New lifetimes, and perhaps new addresses, by the server that gave the lease. */
  renewed(lease: Dhcpv6Lease): void
  /** The same by any server. */
  rebound(lease: Dhcpv6Lease): void
  /** These must not be used any more: they have run out, the server takes them back, or they are not of this link. */
  expired(leases: readonly Dhcpv6LeaseTimes[]): void
  /** These are in use by another host, as `decline` was told. */
  declined(leases: readonly Dhcpv6LeaseTimes[]): void
}

export interface Dhcpv6ClientOptions {
  transport: DhcpTransport
  clock: Clock
  random: Random
  /** As `ownDuid` gives it. */
  duid: Uint8Array
  /** IAID, RFC 8415, section 12: 32 bits, the same at every run, another for each interface with the same DUID. */
  iaid: number
  events: Dhcpv6Events
  /** Whether to ask for addresses; default true. */
  addresses?: boolean | undefined
  /** Whether to ask for a prefix, and of which length: 1 to 127, or 0 for any; default null, none. */
  delegatedPrefixLength?: number | null | undefined
  /** Whether a server may give leases at once, RFC 8415, section 18.2.1; default true. */
  rapidCommit?: boolean | undefined
  /** The host's name for the server to enter in DNS, RFC 4704; default null, none. */
  fqdn?: string | null | undefined
  /** To count in; default its own. */
  counters?: Dhcpv6Counters | undefined
  log?: Log | undefined
}
