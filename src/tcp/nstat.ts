/** The counters of a stack as Linux's `nstat` prints them: those of RFC 4022 as `Tcp...`, the others as `TcpExt...`. */
import type { TcpCounters } from './counters.ts'

const RFC_4022: ReadonlySet<string> = new Set<keyof TcpCounters>([
  'ActiveOpens',
  'PassiveOpens',
  'AttemptFails',
  'EstabResets',
  'InSegs',
  'OutSegs',
  'RetransSegs',
  'InErrs',
  'InCsumErrors',
  'OutRsts',
])

/** @param establishedConnections in ESTABLISHED or CLOSE-WAIT: tcpCurrEstab of RFC 4022 */
export function nstat(counters: TcpCounters, establishedConnections: number): Record<string, number> {
  const named = Object.entries(counters).map(([name, value]) => [
    `${RFC_4022.has(name) ? 'Tcp' : 'TcpExt'}${name}`,
    value,
  ])
  return { TcpCurrEstab: establishedConnections, ...Object.fromEntries(named) }
}
