import { integerInRange } from '../../errors/index.ts'
import { encodeDomainName } from './domain-names.ts'

/** What somebody may say about DHCPv6 on an interface. */
export interface Dhcpv6Settings {
  /**
   * `flags`, the default: routers say by the M and O flags of their advertisements whether there are addresses to be had or
   * other configuration only (RFC 4861, section 4.2). `stateful` asks for addresses and `stateless` for configuration whatever
   * routers say, also where there are none.
   */
  mode?: 'flags' | 'stateful' | 'stateless' | undefined
  /** Whether to ask for a prefix beside the addresses, and of which length: 1 to 127, or 0 for any; default null, none. */
  delegatedPrefixLength?: number | null | undefined
  /** Whether a server may give leases at once, by two messages instead of four; default true. */
  rapidCommit?: boolean | undefined
  /**
   * Whether leases go back to the server when the stack closes, unless that has a grace of 0; it then waits up to two seconds
   * for the answer. Default false, so that the next run gets the same ones.
   */
  release?: boolean | undefined
  /**
   * A file that keeps the DUID, by which servers know this host again, from run to run; made if it is not there. Default: none;
   * the DUID follows from the MAC address.
   */
  duidFile?: string | undefined
  /** The host's name for the server to enter in DNS, RFC 4704; default null, none. */
  fqdn?: string | null | undefined
}

/** The same with its defaults. */
export interface CheckedDhcpv6Settings {
  mode: 'flags' | 'stateful' | 'stateless'
  delegatedPrefixLength: number | null
  rapidCommit: boolean
  release: boolean
  duidFile: string | null
  fqdn: string | null
}

const NAMES = ['mode', 'delegatedPrefixLength', 'rapidCommit', 'release', 'duidFile', 'fqdn']

/** @throws TypeError or RangeError naming the setting that cannot be */
export function checkedDhcpv6Settings(given: Dhcpv6Settings): CheckedDhcpv6Settings {
  for (const name of Object.keys(given)) {
    if (!NAMES.includes(name)) throw new TypeError(`no DHCPv6 setting is called ${name}; there are ${NAMES.join(', ')}`)
  }
  const { mode = 'flags', delegatedPrefixLength = null, duidFile = null, fqdn = null } = given
  if (!['flags', 'stateful', 'stateless'].includes(mode)) {
    throw new TypeError(`mode of DHCPv6 is flags, stateful or stateless, not ${JSON.stringify(mode)}`)
  }
  if (delegatedPrefixLength !== null) integerInRange('delegatedPrefixLength', delegatedPrefixLength, 0, 127)
  if (duidFile !== null && (typeof duidFile !== 'string' || duidFile === '')) {
    throw new TypeError(`duidFile is the name of a file, not ${JSON.stringify(duidFile)}`)
  }
  if (fqdn !== null) encodeDomainName(fqdn)
  return {
    mode,
    delegatedPrefixLength,
    rapidCommit: checkedBoolean('rapidCommit', given.rapidCommit ?? true),
    release: checkedBoolean('release', given.release ?? false),
    duidFile,
    fqdn,
  }
}

function checkedBoolean(name: string, value: boolean): boolean {
  if (typeof value !== 'boolean') throw new TypeError(`${name} is true or false, not ${String(value)}`)
  return value
}
