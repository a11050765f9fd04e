import type { IpAddress, IpPrefix } from '../address/index.ts'

/** What routers and DHCP servers of both families say of the network besides addresses and routes, as of now. */
export interface NetworkConfiguration {
  /** In the order in which to ask them; link-local ones are of the stack's interface. */
  readonly dnsServers: readonly IpAddress[]
  /** Domains to complete short names with. */
  readonly searchList: readonly string[]
  readonly ntpServers: readonly IpAddress[]
  /** Those that are told by name (RFC 5908). */
  readonly ntpServerNames: readonly string[]
  /** Ours to give on, RFC 8415, section 6.3; `validUntil` is a point of time of the stack's clock. */
  readonly delegatedPrefixes: readonly { readonly prefix: IpPrefix; readonly validUntil: number }[]
  /** The domain that this host is in, and the name that a DHCPv4 server has for it; null if that is not said. */
  readonly domainName: string | null
  readonly hostName: string | null
  /** That of the link, as a DHCPv4 server says it, whether it is obeyed or not; null if that is not said. */
  readonly mtu: number | null
  /** Of NAT64, RFC 8781. */
  readonly nat64Prefixes: readonly IpPrefix[]
  /** Where to ask for leave to use the network, RFC 8910; null if that is not said. */
  readonly captivePortal: string | null
}

/** Of a network that tells nothing, or tells it to somebody else. */
export const NO_NETWORK_CONFIGURATION: NetworkConfiguration = {
  dnsServers: [],
  searchList: [],
  ntpServers: [],
  ntpServerNames: [],
  delegatedPrefixes: [],
  domainName: null,
  hostName: null,
  mtu: null,
  nat64Prefixes: [],
  captivePortal: null,
}
