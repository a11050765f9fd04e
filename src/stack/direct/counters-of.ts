import type { DirectStack } from './direct-stack.ts'

/**
 * All counters of a stack, by the source that the lines of the same layer have in the log. docs/counters.md says what those of TCP
 * count.
 */
export function countersOf(stack: DirectStack): Record<string, Readonly<Record<string, number>>> {
  const { netif, ethernet, arp, ipv4, igmp, icmp, ipv6, icmpv6, udpLayer, tcp } = stack
  const found: Record<string, object> = { netif: netif.counters, ethernet: ethernet.counters }
  if (arp !== null) found.arp = arp.counters
  if (ipv4 !== null) {
    found.ipv4 = ipv4.counters
    found['ipv4-fragments'] = ipv4.reassemblyCounters
  }
  if (igmp !== null) found.igmp = igmp.counters
  if (icmp !== null) found.icmp = icmp.counters
  if (ipv6 !== null) {
    found.ipv6 = ipv6.ipv6.counters
    found['ipv6-fragments'] = ipv6.ipv6.reassemblyCounters
    found.ndp = ipv6.discovery.counters
    found.mld = ipv6.multicast.counters
  }
  if (icmpv6 !== null) found.icmpv6 = icmpv6.counters
  found.udp = udpLayer.counters
  found.tcp = { ...tcp.counters, CurrEstab: tcp.nstat().TcpCurrEstab }
  return found as Record<string, Readonly<Record<string, number>>>
}
