export { type NeighborDiscoveryCounters, newNeighborDiscoveryCounters } from './counters.ts'
export { type AddressOrigin, AddressState, InterfaceAddress } from './interface-address.ts'
export type { FormAddress } from './interface-addresses.ts'
export { Neighbor, NeighborState } from './neighbor.ts'
export {
  NeighborDiscovery,
  type NeighborDiscoveryHost,
  type NeighborDiscoveryOptions,
  type RouterRole,
} from './neighbor-discovery.ts'
export type { Advertised, NetworkConfiguration } from './network-configuration.ts'
export type { LinkParameters } from './parameters.ts'
export type { OnLinkPrefix, PrefixList } from './prefix-list.ts'
export type { Router, RouterList, RouterRoute } from './router-list.ts'
