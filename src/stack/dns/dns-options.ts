import { parseServers } from '../../dns/index.ts'
import { checkInteger } from '../options.ts'

/** How a stack resolves names. */
export interface DnsOptions {
  /**
   * Name servers: `192.0.2.1`, `[fd00::1]:5353`, `tcp:192.0.2.1`, `tls:192.0.2.1!dns.example` (DNS over TLS; the name that the
   * certificate has to be for). Default: those that the network offers by DHCP or router advertisements; on the socket stack
   * those of the operating system.
   */
  servers?: readonly string[]
  /** Milliseconds for one question with all its tries, 1 to 2^31 - 1; default 5,000. */
  timeout?: number
  /** Answers kept, 0 to 1,048,576; default 1,024. */
  cacheSize?: number
  /** Domains that names without many dots are tried in. Default: those that the network offers, or the operating system's. */
  searchList?: readonly string[]
  /** A name with fewer dots is tried in these domains before it is tried as it is; 0 to 15, default 1. */
  ndots?: number
  /** A file in the format of hosts(5), which comes before all servers; default `/etc/hosts`; null: none. */
  hostsFile?: string | null
  /** Begins each question with another server; default false. */
  rotate?: boolean
  /** Certificates of authorities in PEM that servers for DNS over TLS are checked against; default Node's own. */
  certificateAuthorities?: string | readonly string[]
}

/** @throws TypeError or RangeError naming the option that is wrong */
export function checkDnsOptions(options: DnsOptions = {}): void {
  const { servers, timeout, cacheSize, searchList, ndots } = options
  if (servers !== undefined) parseServers(servers)
  if (timeout !== undefined) checkInteger('dns.timeout', timeout, 1, 2 ** 31 - 1)
  if (cacheSize !== undefined) checkInteger('dns.cacheSize', cacheSize, 0, 1_048_576)
  if (ndots !== undefined) checkInteger('dns.ndots', ndots, 0, 15)
  for (const domain of searchList ?? []) {
    if (typeof domain !== 'string' || domain === '')
      throw new TypeError(`dns.searchList has domains, not ${JSON.stringify(domain)}`)
  }
}
