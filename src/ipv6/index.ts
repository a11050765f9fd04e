export { DEFAULT_POLICY, type PolicyEntry, PolicyTable } from './address-policy.ts'
export { addressScope, Scope } from './address-scope.ts'
export {
  compareDestinations,
  compareSources,
  type DestinationCandidate,
  type SelectionOptions,
  type SourceCandidate,
  type SourceOptions,
  selectSource,
  sortDestinations,
} from './address-selection.ts'
export { isLinkLocal, isLinkLocalWord, LINK_LOCAL_PREFIX, solicitedNodeGroup } from './addresses.ts'
export type { Ipv6Counters } from './counters.ts'
export type { ErrorSender } from './error-sender.ts'
export { HeaderChain, ParameterProblem } from './extension-headers.ts'
export {
  appendIdentifier,
  eui64Identifier,
  IDENTIFIER_RETRIES,
  IDENTIFIER_RETRY_DELAY,
  type InterfaceIdentifier,
  isReservedIdentifier,
  randomIdentifier,
  SECRET_LENGTH,
  type StableAddress,
  type StableIdentifierInput,
  stableAddress,
} from './interface-identifier.ts'
export { Ipv6, type Ipv6Options } from './ipv6.ts'
export {
  type AddressEventType,
  type IdentifierKind,
  type Ipv6AddressHandler,
  Ipv6Host,
  type Ipv6HostOptions,
} from './ipv6-host.ts'
export type { Ipv6Path } from './ipv6-path.ts'
export type { ControlHandler, Ipv6Link } from './link.ts'
export type { OwnAddress } from './local-addresses.ts'
export { MulticastListener, type MulticastListenerOptions } from './multicast-listener.ts'
export type { MulticastListenerCounters } from './multicast-listener-counters.ts'
export * from './neighbor-discovery/index.ts'
export type { NeighborResolver, NextHop, RouteDiscovery } from './neighbor-resolver.ts'
export type { AddressHandler, AddressSettings, GroupHandler } from './paths.ts'
export type { ReassemblyCounters } from './reassembly.ts'
export * from './router-advertising/index.ts'
export type { SourceSelector } from './source-selection.ts'
export {
  DEFAULT_TEMPORARY_ADDRESS_SETTINGS,
  type TemporaryAddress,
  TemporaryAddresses,
  type TemporaryAddressOwner,
  type TemporaryAddressSettings,
} from './temporary-addresses.ts'
export * as ipv6Wire from './wire.ts'
