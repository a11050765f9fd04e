/** How names become addresses: functions shaped as `dns.lookup`. */
import type { LookupAddress, LookupOptions } from 'node:dns'
import { isIP } from 'node:net'

export type LookupCallback = (error: Error | null, address?: string | LookupAddress[], family?: number) => void

/** As `dns.lookup` of Node, in every way of calling it. */
export type Lookup = (
  hostname: string,
  options: LookupOptions | number | LookupCallback,
  callback?: LookupCallback,
) => void

/** Addresses and `localhost` (RFC 6761, 6.3); every other name is ENOTFOUND. */
export const numericLookup: Lookup = (hostname, options, callback) => {
  const answer = (callback ?? options) as LookupCallback
  const { family, all } = lookupOptions(options)
  const known = knownAddresses(hostname).filter((each) => family === 0 || each.family === family)
  if (known.length === 0) process.nextTick(answer, notFound(hostname))
  else if (all) process.nextTick(answer, null, known)
  else process.nextTick(answer, null, known[0].address, known[0].family)
}

/** What a name stands for without asking anybody. */
export function knownAddresses(hostname: string): LookupAddress[] {
  const family = isIP(hostname)
  if (family !== 0) return [{ address: hostname, family }]
  if (!/^(?:.+\.)?localhost\.?$/i.test(hostname)) return []
  return [
    { address: '127.0.0.1', family: 4 },
    { address: '::1', family: 6 },
  ]
}

/** @returns the family that is wanted, 0 for any, and whether all addresses are */
export function lookupOptions(options: LookupOptions | number | LookupCallback): { family: number; all: boolean } {
  if (typeof options === 'number') return { family: options, all: false }
  if (typeof options === 'function' || options === null || options === undefined) return { family: 0, all: false }
  const { family = 0, all = false } = options
  return { family: family === 'IPv4' ? 4 : family === 'IPv6' ? 6 : family, all }
}

/** As `dns.lookup` fails. */
export function notFound(hostname: string): Error {
  return Object.assign(new Error(`getaddrinfo ENOTFOUND ${hostname}`), {
    errno: EAI_NONAME,
    code: 'ENOTFOUND',
    syscall: 'getaddrinfo',
    hostname,
  })
}

/** libuv's number of it. */
const EAI_NONAME = -3008
