import type { IpAddress } from '../../address/index.ts'
import type { MessageOptions, NtpServers } from './message.ts'

/** What a server tells besides leases. */
export interface Dhcpv6Configuration {
  /** RFC 3646, in the order of the server's preference; at most 16. Link-local ones are of the client's interface. */
  dnsServers: readonly IpAddress[]
  /** RFC 3646; at most 32 names. */
  domainSearch: readonly string[]
  /** RFC 5908; at most 16 of each kind. */
  ntpServers: Readonly<NtpServers>
}

export const NO_CONFIGURATION: Dhcpv6Configuration = {
  dnsServers: [],
  domainSearch: [],
  ntpServers: { addresses: [], multicastAddresses: [], names: [] },
}

export function configurationFrom(options: MessageOptions): Dhcpv6Configuration {
  const { dnsServers, domainSearch } = options
  return { dnsServers, domainSearch, ntpServers: options.ntpServers ?? NO_CONFIGURATION.ntpServers }
}
