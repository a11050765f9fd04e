export type { Dhcpv6LeaseTimes } from './binding.ts'
export { Dhcpv6Client } from './client.ts'
export type { Dhcpv6ClientOptions, Dhcpv6Events, Dhcpv6Lease, Dhcpv6State } from './client-interface.ts'
export { CLIENT_PORT, SERVER_PORT } from './codes.ts'
export type { Dhcpv6Configuration } from './configuration.ts'
export {
  Dhcpv6Configurator,
  type Dhcpv6ConfiguratorOptions,
  type Dhcpv6Event,
  type Dhcpv6Interface,
  type Dhcpv6Operation,
  linkLocalAddress,
} from './configurator.ts'
export { checkedDhcpv6Settings, type Dhcpv6Settings } from './configurator-settings.ts'
export { type Dhcpv6Counters, newDhcpv6Counters } from './counters.ts'
export {
  type DuidStore,
  duidFromEnterprise,
  duidFromLinkLayer,
  duidFromLinkLayerAndTime,
  duidFromUuid,
  duidText,
  ownDuid,
  parseDuid,
} from './duid.ts'
export { DuidFile } from './duid-file.ts'
export { Dhcpv6InformationClient, type Dhcpv6InformationClientOptions } from './information-client.ts'
export { type Dhcpv6HostOptions, newDhcpv6 } from './join-host.ts'
export type { NtpServers } from './message.ts'
export type { DhcpReceiver, DhcpTransport } from './transport.ts'
export { UdpDhcpTransport, type UdpDhcpTransportOptions } from './udp-transport.ts'
