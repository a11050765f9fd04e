import { IpPrefix } from '../../address/index.ts'
import type { Dhcpv4Configurator, Dhcpv6Configurator } from '../../dhcp/index.ts'
import type { LeaseEvent } from '../stack.ts'

/** Tells what both kinds of DHCP tell, in the same words. */
export function onLeases(
  dhcp: Dhcpv4Configurator | null,
  dhcpv6: Dhcpv6Configurator | null,
  handler: (event: LeaseEvent) => void,
): void {
  dhcp?.onEvent((event) => {
    if (event.type === 'unanswered' || event.type === 'ipv6Only') return
    const prefix = event.type === 'declined' ? new IpPrefix(event.address, 32) : event.lease.address
    handler({ type: event.type, family: 4, prefixes: [prefix] })
  })
  dhcpv6?.onEvent((event) => {
    if (event.type === 'configured') return
    const leases = 'lease' in event ? [...event.lease.addresses, ...event.lease.prefixes] : event.leases
    handler({ type: event.type, family: 6, prefixes: leases.map(({ prefix }) => prefix) })
  })
}
