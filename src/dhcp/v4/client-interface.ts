import type { IpAddress, MacAddress } from '../../address/index.ts'
import type { Clock, Microseconds, Random } from '../../clock/index.ts'
import type { Log } from '../../log/index.ts'
import type { Dhcpv4Lease } from './lease.ts'
import type { Dhcpv4LeaseStore } from './remembered-lease.ts'
import type { AddressProber, Dhcpv4Transport } from './transport.ts'

/**
 * Where the client is: the states of RFC 2131, figure 5, and those between them. `probing`: the server has agreed and the link
 * is asked whether the address is free (RFC 5227). `declining`: it was not; the next attempt waits. `ipv6-only`: the network
 * asks to do without IPv4 for a while (RFC 8925). What it holds is valid from `bound` on, until `expired` says otherwise.
 */
export type Dhcpv4State =
  | 'stopped'
  | 'init'
  | 'selecting'
  | 'requesting'
  | 'rebooting'
  | 'probing'
  | 'bound'
  | 'renewing'
  | 'rebinding'
  | 'declining'
  | 'ipv6-only'

/** Why an address is not ours any more. */
export type Dhcpv4EndReason =
  /** Its time ran out and no server gave more. */
  | 'expired'
  /** The server takes it back (DHCPNAK). */
  | 'refused'
  /** The server has given another one instead. */
  | 'replaced'
  /** Another host uses it. */
  | 'conflict'
  /** We have given it back. */
  | 'released'

/** Who hears what a client gets and loses. Every method may call the client back. */
export interface Dhcpv4Events {
  /** An address that was not held before. */
  bound(lease: Dhcpv4Lease): void
  /** The server that gave it has prolonged it; what else it tells may have changed. */
  renewed(lease: Dhcpv4Lease): void
  /** The same by any server. */
  rebound(lease: Dhcpv4Lease): void
  /** It must not be used any more. */
  expired(lease: Dhcpv4Lease, reason: Dhcpv4EndReason): void
  /** A server gave an address that another host uses. If it was held already, `expired` comes before. */
  declined(address: IpAddress): void
  /** No server has offered anything for a while; the search goes on. @param mayAutoConfigure as servers say, RFC 2563 */
  unanswered?(mayAutoConfigure: boolean): void
  /** The network asks to do without IPv4, and the client does for a while, RFC 8925. @param wait seconds */
  ipv6Only?(wait: number): void
}

export interface Dhcpv4ClientOptions {
  transport: Dhcpv4Transport
  clock: Clock
  random: Random
  mac: MacAddress
  events: Dhcpv4Events
  /** As `clientIdFromDuid` or `clientIdFromMac` make it; default null, none. */
  clientId?: Uint8Array | null | undefined
  /** Who probes an address before it is used; default null, nobody. */
  prober?: AddressProber | null | undefined
  /** Where the lease is remembered; default null, nowhere. */
  store?: Dhcpv4LeaseStore | null | undefined
  /** Sent to servers; default null. */
  hostName?: string | null | undefined
  /** Whether a server may give the lease at once, RFC 4039; default true. */
  rapidCommit?: boolean | undefined
  /** Asks for answers by broadcast, for links that lose unicast to a host without address; default false. */
  broadcast?: boolean | undefined
  /** Whether the host can do without IPv4, RFC 8925; default false. */
  ipv6Only?: boolean | undefined
  /** Whether it gives itself a link-local address without a server, so that servers may forbid it (RFC 2563); default false. */
  autoConfigure?: boolean | undefined
  /** How long other offers may come after the first one, microseconds; default 200 ms. 0 takes the first. */
  offerWait?: Microseconds | undefined
  log?: Log | undefined
}
