/** How names become addresses: functions shaped as `dns.lookup`. */
import type { LookupAddress, LookupOptions } from 'node:dns'

export type LookupCallback = (error: Error | null, address?: string | LookupAddress[], family?: number) => void

/** As `dns.lookup` of Node, in every way of calling it. */
export type Lookup = (
  hostname: string,
  options: LookupOptions | number | LookupCallback,
  callback?: LookupCallback,
) => void
