import type { AddressDefense } from '../../arp/index.ts'
import { integerInRange } from '../../errors/index.ts'
import { isDomainName } from './domain-search.ts'

/** What somebody may say about DHCPv4 on an interface. */
export interface Dhcpv4Settings {
  /** The host's name, sent to servers; default null, none. */
  hostName?: string | null | undefined
  /**
   * By what servers know this host again: `duid`, the default, as in DHCPv6 (RFC 4361); `mac`; `none`, which leaves it to the
   * hardware address in the messages.
   */
  clientId?: 'duid' | 'mac' | 'none' | undefined
  /** A file that keeps the DUID, as that of DHCPv6, with which it can be shared. Default: it follows from the MAC address. */
  duidFile?: string | undefined
  /** A file that keeps the lease, so that the next run asks for the same address at once. Default: none. */
  leaseFile?: string | undefined
  /** Whether a server may give the lease at once, by two messages instead of four (RFC 4039); default true. */
  rapidCommit?: boolean | undefined
  /** Whether to ask for answers by broadcast, for links that lose unicast to a host without address; default false. */
  broadcast?: boolean | undefined
  /** How long other offers may come after the first one, milliseconds, 0 to 60,000; default 200. */
  offerWait?: number | undefined
  /**
   * How an address is probed before it is used: `full`, the default, with the times of RFC 5227 (4 to 7 s) unless the lease is
   * shorter than half a minute; `short`, a quarter of a second, for links whose hosts answer at once; `none`.
   */
  conflictDetection?: 'full' | 'short' | 'none' | undefined
  /** What becomes of an address that another host begins to use (RFC 5227, section 2.4); default `defend`. */
  defense?: AddressDefense | undefined
  /** Whether the address goes back to the server when the stack closes, unless that has a grace of 0; default false. */
  release?: boolean | undefined
  /** Whether to take a link-local address (RFC 3927) while no server answers; default false. */
  linkLocal?: boolean | undefined
  /** Whether the host can do without IPv4 where the network prefers that (RFC 8925); default false. */
  ipv6OnlyPreferred?: boolean | undefined
  /** Whether the MTU that the server says is obeyed, if it is smaller than the interface's and 576 or more; default true. */
  useMtu?: boolean | undefined
  /** How long `createStack` waits for an address, milliseconds, 0 to 3,600,000; default 30,000. The search goes on behind it. */
  wait?: number | undefined
}

/** The same with its defaults. */
export interface CheckedDhcpv4Settings {
  readonly hostName: string | null
  readonly clientId: 'duid' | 'mac' | 'none'
  readonly duidFile: string | null
  readonly leaseFile: string | null
  readonly rapidCommit: boolean
  readonly broadcast: boolean
  readonly offerWait: number
  readonly conflictDetection: 'full' | 'short' | 'none'
  readonly defense: AddressDefense
  readonly release: boolean
  readonly linkLocal: boolean
  readonly ipv6OnlyPreferred: boolean
  readonly useMtu: boolean
  readonly wait: number
}

const DEFAULTS: CheckedDhcpv4Settings = {
  hostName: null,
  clientId: 'duid',
  duidFile: null,
  leaseFile: null,
  rapidCommit: true,
  broadcast: false,
  offerWait: 200,
  conflictDetection: 'full',
  defense: 'defend',
  release: false,
  linkLocal: false,
  ipv6OnlyPreferred: false,
  useMtu: true,
  wait: 30_000,
}

const CHOICES: Partial<Record<keyof CheckedDhcpv4Settings, readonly string[]>> = {
  clientId: ['duid', 'mac', 'none'],
  conflictDetection: ['full', 'short', 'none'],
  defense: ['cede', 'defend', 'insist'],
}
const LONGEST: Partial<Record<keyof CheckedDhcpv4Settings, number>> = { offerWait: 60_000, wait: 3_600_000 }

/** @throws TypeError or RangeError naming the setting that cannot be */
export function checkedDhcpv4Settings(given: Dhcpv4Settings): CheckedDhcpv4Settings {
  const known = Object.keys(DEFAULTS)
  const said: Record<string, unknown> = {}
  for (const [name, value] of Object.entries(given)) {
    if (!known.includes(name)) throw new TypeError(`no DHCPv4 setting is called ${name}; there are ${known.join(', ')}`)
    if (value === undefined) continue
    check(name as keyof CheckedDhcpv4Settings, value)
    said[name] = value
  }
  return { ...DEFAULTS, ...said }
}

function check(name: keyof CheckedDhcpv4Settings, value: unknown): void {
  const choices = CHOICES[name]
  const most = LONGEST[name]
  if (most !== undefined) integerInRange(name, value as number, 0, most)
  else if (choices !== undefined) {
    if (!choices.includes(value as string)) {
      throw new TypeError(`${name} of DHCPv4 is ${choices.join(', ')}, not ${JSON.stringify(value)}`)
    }
  } else if (name === 'hostName') {
    if (value !== null && (typeof value !== 'string' || !isDomainName(value))) {
      throw new TypeError(`hostName is the name of a host, not ${JSON.stringify(value)}`)
    }
  } else if (name === 'duidFile' || name === 'leaseFile') {
    if (typeof value !== 'string' || value === '') {
      throw new TypeError(`${name} is the name of a file, not ${JSON.stringify(value)}`)
    }
  } else if (typeof value !== 'boolean') {
    throw new TypeError(`${name} is true or false, not ${String(value)}`)
  }
}
