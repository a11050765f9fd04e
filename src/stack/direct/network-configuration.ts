import type { Dhcpv4Configurator, Dhcpv6Configurator } from '../../dhcp/index.ts'
import type { Ipv6Host } from '../../ipv6/index.ts'
import type { NetworkConfiguration } from '../network-configuration.ts'

/** RFC 8106, section 5.3.1: what DHCP says comes before what routers say. */
export function networkConfiguration(
  ipv6: Ipv6Host | null,
  dhcpv6: Dhcpv6Configurator | null,
  dhcpv4: Dhcpv4Configurator | null,
): NetworkConfiguration {
  const told = dhcpv6?.configuration
  const told4 = dhcpv4?.configuration
  const advertised = ipv6?.discovery.configuration
  const prefixes = dhcpv6?.lease?.prefixes ?? []
  return {
    dnsServers: union(told4?.dnsServers, told?.dnsServers, valuesOf(advertised?.dnsServers)),
    searchList: union(told4?.domainSearch, told?.domainSearch, valuesOf(advertised?.searchList)),
    ntpServers: union(told4?.ntpServers, told?.ntpServers.addresses),
    ntpServerNames: told?.ntpServers.names ?? [],
    delegatedPrefixes: prefixes.map(({ prefix, validUntil }) => ({ prefix, validUntil })),
    domainName: told4?.domainName ?? null,
    hostName: told4?.hostName ?? null,
    mtu: told4?.mtu ?? null,
    nat64Prefixes: advertised?.nat64Prefixes.map(({ value }) => value) ?? [],
    captivePortal: advertised?.captivePortal ?? null,
  }
}

/** Calls `handler` whenever routers or servers have said something else, though perhaps nothing that counts here. */
export function onNetworkConfiguration(
  ipv6: Ipv6Host | null,
  dhcpv6: Dhcpv6Configurator | null,
  dhcpv4: Dhcpv4Configurator | null,
  handler: () => void,
): void {
  ipv6?.onConfiguration(handler)
  dhcpv6?.onEvent(handler)
  dhcpv4?.onEvent(handler)
}

function valuesOf<Value>(advertised: readonly { readonly value: Value }[] = []): readonly Value[] {
  return advertised.map(({ value }) => value)
}

/** Each once, of whoever names it first. */
function union<Value extends { toString(): string }>(...lists: readonly (readonly Value[] | undefined)[]): Value[] {
  const byName = new Map<string, Value>()
  for (const value of lists.flatMap((list) => list ?? [])) {
    const name = value.toString().toLowerCase()
    if (!byName.has(name)) byName.set(name, value)
  }
  return [...byName.values()]
}
