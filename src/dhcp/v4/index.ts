export { ArpProber } from './arp-prober.ts'
export { Dhcpv4Client } from './client.ts'
export { clientIdFromDuid, clientIdFromMac } from './client-identifier.ts'
export type { Dhcpv4ClientOptions, Dhcpv4EndReason, Dhcpv4Events, Dhcpv4State } from './client-interface.ts'
export { FOREVER } from './codes.ts'
export { Dhcpv4Configurator, type Dhcpv4ConfiguratorOptions, type Dhcpv4Event } from './configurator.ts'
export { checkedDhcpv4Settings, type Dhcpv4Settings } from './configurator-settings.ts'
export type { Dhcpv4Counters } from './counters.ts'
export { type Dhcpv4InquiryOptions, type Dhcpv4Offer, inquire } from './inquiry.ts'
export { type Dhcpv4HostOptions, newDhcpv4 } from './join-host.ts'
export type { Dhcpv4Configuration, Dhcpv4Lease } from './lease.ts'
export { LinkLocalAddress } from './link-local.ts'
export type { Dhcpv4Route } from './message.ts'
export type { Dhcpv4LeaseStore } from './remembered-lease.ts'
export {
  Dhcpv4Server,
  type Dhcpv4ServerConfiguration,
  type Dhcpv4ServerCounters,
  type Dhcpv4ServerOptions,
} from './server.ts'
export type { AddressProber, Dhcpv4Receiver, Dhcpv4Transport } from './transport.ts'
export { UdpDhcpv4Transport } from './udp-transport.ts'
