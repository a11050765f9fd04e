/** What the package `tapstack` offers. Each folder says in its index.ts what of it is for others. */

export * from './address/index.ts'
export * from './arp/index.ts'
export * from './capture/index.ts'
export * from './clock/index.ts'
export {
  type Dhcpv4Configuration,
  type Dhcpv4Configurator,
  type Dhcpv4Counters,
  type Dhcpv4EndReason,
  type Dhcpv4Event,
  type Dhcpv4Lease,
  type Dhcpv4Route,
  Dhcpv4Server,
  type Dhcpv4ServerConfiguration,
  type Dhcpv4ServerOptions,
  type Dhcpv4Settings,
  type Dhcpv6Configuration,
  Dhcpv6Configurator,
  type Dhcpv6ConfiguratorOptions,
  type Dhcpv6Counters,
  type Dhcpv6Event,
  type Dhcpv6HostOptions,
  type Dhcpv6Lease,
  type Dhcpv6LeaseTimes,
  type Dhcpv6Operation,
  type Dhcpv6Settings,
  newDhcpv6,
} from './dhcp/index.ts'
export * from './dns/index.ts'
export { AbortError, SystemError, type SystemErrorCode, type SystemErrorDetails } from './errors/index.ts'
export {
  ETHERNET_HEADER_LENGTH,
  Ethernet,
  type EthernetCounters,
  type EthernetHandler,
  EtherType,
} from './ethernet/index.ts'
export * from './icmp/index.ts'
export * from './inspect/index.ts'
export * from './ip/index.ts'
export * from './ipv4/index.ts'
export {
  type AddressEventType,
  type AddressOrigin,
  AddressState,
  DEFAULT_POLICY,
  type IdentifierKind,
  InterfaceAddress,
  Ipv6,
  type Ipv6AddressHandler,
  type Ipv6Counters,
  Ipv6Host,
  type Ipv6HostOptions,
  type Ipv6Options,
  Neighbor,
  NeighborDiscovery,
  type NeighborDiscoveryCounters,
  NeighborState as NeighborState6,
  type PolicyEntry,
  PolicyTable,
  type RouterAdvertisementSettings,
  RouterAdvertiser,
  SECRET_LENGTH,
  type TemporaryAddressSettings,
} from './ipv6/index.ts'
export * from './log/index.ts'
export * from './netif/index.ts'
export { moveNodeOnto, NodeModules } from './node/index.ts'
export {
  ChecksumState,
  HEADROOM,
  LARGE_SLOT,
  PacketBuffer,
  PacketMemory,
  type PacketMemoryCounters,
  type PacketMemoryOptions,
  RECEIVE_OFFSET,
  Segmentation,
  SMALL_SLOT,
} from './packet/index.ts'
export * from './stack/index.ts'
export * from './tcp/index.ts'
export * from './udp/index.ts'
export * from './unikernel/index.ts'
