import { IpAddress } from '../address/index.ts'
import { DNS_OVER_TLS_PORT, DNS_PORT } from './codes.ts'

/** A name server as it was configured. */
export interface DnsServer {
  /** `udp` goes over to TCP for what does not fit. */
  readonly protocol: 'udp' | 'tcp' | 'tls'
  /** Canonical; a link-local one with its zone. */
  readonly address: string
  /** 1 to 65,535. */
  readonly port: number
  /** The name that its certificate has to be for; null: its address. Only with `tls`. */
  readonly serverName: string | null
}

/**
 * Reads `192.0.2.1`, `192.0.2.1:5353`, `fd00::1`, `[fd00::1]:5353`, each also after `udp:` or `tcp:`, and
 * `tls:192.0.2.1!dns.example` with or without port and name: the forms of MirageOS, and those of node:dns.
 * @returns null if it is none of them
 */
export function parseServer(text: string): DnsServer | null {
  const [, scheme, rest] = /^(?:(udp|tcp|tls):)?(.*)$/is.exec(text) ?? []
  if (rest === undefined) return null
  const protocol = (scheme?.toLowerCase() ?? 'udp') as DnsServer['protocol']
  const [endpoint, ...names] = rest.split('!')
  if (names.length > 1 || (names.length === 1 && protocol !== 'tls')) return null
  const serverName = names[0] ?? null
  if (serverName !== null && !/^(?!-)[a-z0-9-]{1,63}(\.[a-z0-9-]{1,63})*\.?$/i.test(serverName)) return null
  const parsed = parseEndpoint(endpoint, protocol === 'tls' ? DNS_OVER_TLS_PORT : DNS_PORT)
  return parsed === null ? null : { protocol, ...parsed, serverName }
}

function parseEndpoint(text: string, defaultPort: number): { address: string; port: number } | null {
  const bare = addressWithZone(text)
  if (bare !== null) return { address: bare, port: defaultPort }
  const [, v6, v4, digits] = /^(?:\[([^\]]+)\]|([^:]+))(?::(\d{1,5}))?$/.exec(text) ?? []
  const address = addressWithZone(v6 ?? v4 ?? '')
  if (address === null) return null
  const port = digits === undefined ? defaultPort : Number(digits)
  return port >= 1 && port <= 65_535 ? { address, port } : null
}

/** Link-local addresses have a zone behind them: RFC 4007, section 11. */
function addressWithZone(text: string): string | null {
  const [, written, zone] = /^([^%]*)(%[^%\s!\]]+)?$/.exec(text) ?? []
  const address = IpAddress.tryParse(written ?? '')
  if (address === null || (zone !== undefined && address.family === 4)) return null
  return `${address}${zone ?? ''}`
}

/** As node:dns writes servers: without the usual port, IPv6 in brackets only with one; with our prefixes where not UDP. */
export function formatServer({ protocol, address, port, serverName }: DnsServer): string {
  const usual = protocol === 'tls' ? DNS_OVER_TLS_PORT : DNS_PORT
  const endpoint = port === usual ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`
  const prefix = protocol === 'udp' ? '' : `${protocol}:`
  return `${prefix}${endpoint}${serverName === null ? '' : `!${serverName}`}`
}

/** @throws TypeError naming the text that is no server */
export function parseServers(texts: readonly string[]): DnsServer[] {
  return texts.map((text) => {
    const server = parseServer(text)
    if (server === null) {
      throw new TypeError(
        `a DNS server is an address such as 192.0.2.1, [fd00::1]:5353 or tls:192.0.2.1!dns.example, not ${JSON.stringify(text)}`,
      )
    }
    return server
  })
}
