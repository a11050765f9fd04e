/** An offer of a DHCP server, for people and for programs. */

import { type Dhcpv4Offer, FOREVER } from '../dhcp/index.ts'

/** Columns of what stands before the values. */
const INDENT = 2
const WIDTH = 16

const UNITS: readonly (readonly [seconds: number, name: string])[] = [
  [86_400, 'd'],
  [3_600, 'h'],
  [60, 'min'],
  [1, 's'],
]

/** One line that says what is offered, and one for each thing that goes with it. */
export function offerAsText(offer: Dhcpv4Offer): string {
  const { options } = offer
  const rows: [string, string | null][] = [
    ['renew after', duration(options.renewAfter)],
    ['rebind after', duration(options.rebindAfter)],
    ['routers', list(options.routers)],
    ...options.staticRoutes.map(routeRow),
    ...(options.classlessRoutes ?? []).map(routeRow),
    ['name servers', list(options.dnsServers)],
    ['domain', options.domainName],
    ['search list', list(options.domainSearch)],
    ['time servers', list(options.ntpServers)],
    ['MTU', options.mtu === null ? null : String(options.mtu)],
    ['host name', options.hostName],
    ['broadcast', options.broadcastAddress?.toString() ?? null],
    ['without IPv4', options.ipv6OnlyWait === null ? null : `preferred (RFC 8925), ${duration(options.ipv6OnlyWait)}`],
    ['message', options.message],
    ...options.others.map(({ code, bytes }): [string, string] => [`option ${code}`, octets(bytes)]),
  ]
  const length = options.prefixLength === null ? '' : `/${options.prefixLength}`
  const time = duration(options.leaseTime) ?? 'no time that is said'
  const flaw = offer.isUsable ? '' : ', which no host can use'
  const first = `${offer.server} offers ${offer.address}${length} for ${time}${flaw}`
  const lines = rows.flatMap(([name, value]) =>
    value === null ? [] : [' '.repeat(INDENT) + name.padEnd(WIDTH) + value],
  )
  return [first, ...lines].join('\n')
}

/** Times in seconds, null for ever and for what is not there. */
export function offerAsJson(offer: Dhcpv4Offer): Record<string, unknown> {
  const { options } = offer
  const routes = [...options.staticRoutes, ...(options.classlessRoutes ?? [])]
  return {
    server: offer.server,
    address: offer.address,
    prefixLength: options.prefixLength,
    usable: offer.isUsable,
    leaseTime: options.leaseTime === FOREVER ? null : options.leaseTime,
    forever: options.leaseTime === FOREVER,
    renewAfter: options.renewAfter,
    rebindAfter: options.rebindAfter,
    routers: options.routers.map(String),
    routes: routes.map(({ destination, gateway }) => ({
      destination: destination.toString(),
      gateway: gateway?.toString() ?? null,
    })),
    dnsServers: options.dnsServers.map(String),
    domainName: options.domainName,
    domainSearch: options.domainSearch,
    ntpServers: options.ntpServers.map(String),
    mtu: options.mtu,
    hostName: options.hostName,
    broadcastAddress: options.broadcastAddress?.toString() ?? null,
    ipv6OnlyWait: options.ipv6OnlyWait,
    message: options.message,
    otherOptions: options.others.map(({ code, bytes }) => ({ code, hex: Buffer.from(bytes).toString('hex') })),
  }
}

function routeRow({ destination, gateway }: { destination: unknown; gateway: unknown }): [string, string] {
  return ['route', gateway === null ? `${destination} on the link` : `${destination} via ${gateway}`]
}

function list(values: readonly unknown[]): string | null {
  return values.length === 0 ? null : values.join(', ')
}

function octets(bytes: Uint8Array): string {
  return [...bytes].map((octet) => octet.toString(16).padStart(2, '0')).join(' ')
}

/** `1 h 30 min` @param seconds 32 bits */
function duration(seconds: number | null): string | null {
  if (seconds === null) return null
  if (seconds === FOREVER) return 'ever'
  const parts: string[] = []
  let left = seconds
  for (const [size, name] of UNITS) {
    if (left >= size) parts.push(`${Math.floor(left / size)} ${name}`)
    left %= size
  }
  return parts.length === 0 ? '0 s' : parts.join(' ')
}
