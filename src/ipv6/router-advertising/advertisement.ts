/** What a router says of its link, as the bytes of a router advertisement: RFC 4861, section 4.2, RFC 4191 and RFC 8106. */

import { IpAddress, IpPrefix, type MacAddress } from '../../address/index.ts'
import { integerInRange } from '../../errors/index.ts'

/** Lifetimes are seconds, 0 to 2^32 - 2, or `Infinity`. */
export interface AdvertisedPrefix {
  /** `fd00:1::/64`. */
  readonly prefix: string
  /** Whether its addresses are on the link; default true. */
  readonly onLink?: boolean
  /** Whether hosts make addresses of it (64 bits long then); default true. */
  readonly autonomous?: boolean
  /** Default 30 days and 7 days, RFC 4861, section 6.2.1. */
  readonly validLifetime?: number
  readonly preferredLifetime?: number
}

/** RFC 4191, section 2.3. */
export interface AdvertisedRoute {
  readonly prefix: string
  readonly preference?: 'low' | 'medium' | 'high'
  /** Default that of the router. */
  readonly lifetime?: number
}

/** RFC 4861, section 6.2.1. */
export interface RouterAdvertisementSettings {
  /** How often, seconds: 4 to 1,800, default 600; the least time between two is a third of that. */
  readonly interval?: number
  /** Seconds that hosts may use us as default router, 0 for never, to 9,000; default three intervals. */
  readonly lifetime?: number
  readonly preference?: 'low' | 'medium' | 'high'
  /** Whether there are addresses by DHCPv6, and other things; default false. */
  readonly managed?: boolean
  readonly otherConfiguration?: boolean
  /** 0 for none; default 64. */
  readonly hopLimit?: number
  /** 1,280 and more; default none said. */
  readonly mtu?: number
  /** Milliseconds; default 0, none said. */
  readonly reachableTime?: number
  readonly retransmitTime?: number
  readonly prefixes?: readonly AdvertisedPrefix[]
  readonly routes?: readonly AdvertisedRoute[]
  /** RFC 8106; they hold for three intervals. */
  readonly dnsServers?: readonly string[]
  readonly searchList?: readonly string[]
}

const OptionType = { SourceLinkLayer: 1, Prefix: 3, Mtu: 5, Route: 24, DnsServers: 25, SearchList: 31 } as const
const PREFERENCES = { low: 3, medium: 0, high: 1 } as const
const FOREVER = 0xffffffff
const DAY = 86_400

/** The intervals of settings, checked. Seconds. */
export function intervalsOf({ interval = 600, lifetime }: RouterAdvertisementSettings) {
  const most = integerInRange('interval', interval, 4, 1800)
  // RFC 4861, section 6.2.1: MinRtrAdvInterval and AdvDefaultLifetime.
  const least = most >= 9 ? Math.floor(most / 3) : 3
  return { most, least, lifetime: integerInRange('lifetime', lifetime ?? 3 * most, 0, 9000) }
}

/**
 * @param lifetime of the router, seconds; 0 when it ceases to be one
 * @returns the message with 0 for a checksum
 * @throws TypeError or RangeError naming the setting that cannot be
 */
export function buildAdvertisement(
  settings: RouterAdvertisementSettings,
  mac: MacAddress,
  lifetime: number,
): Uint8Array {
  const { hopLimit = 64, managed = false, otherConfiguration = false, preference = 'medium' } = settings
  const { reachableTime = 0, retransmitTime = 0, mtu } = settings
  const { most } = intervalsOf(settings)
  const bytes: number[] = [134, 0, 0, 0, integerInRange('hopLimit', hopLimit, 0, 255)]
  bytes.push((managed ? 0x80 : 0) | (otherConfiguration ? 0x40 : 0) | preferenceBits(preference))
  push16(bytes, lifetime)
  push32(bytes, integerInRange('reachableTime', reachableTime, 0, 3_600_000))
  push32(bytes, integerInRange('retransmitTime', retransmitTime, 0, FOREVER))
  bytes.push(OptionType.SourceLinkLayer, 1, ...macOctets(mac))
  if (mtu !== undefined) {
    bytes.push(OptionType.Mtu, 1, 0, 0)
    push32(bytes, integerInRange('mtu', mtu, 1280, 65_535))
  }
  for (const prefix of settings.prefixes ?? []) pushPrefix(bytes, prefix)
  for (const route of settings.routes ?? []) pushRoute(bytes, route, lifetime)
  pushDnsServers(bytes, settings.dnsServers ?? [], 3 * most)
  pushSearchList(bytes, settings.searchList ?? [], 3 * most)
  return Uint8Array.from(bytes)
}

/** Section 4.6.2. */
function pushPrefix(bytes: number[], given: AdvertisedPrefix): void {
  const { onLink = true, autonomous = true, validLifetime = 30 * DAY, preferredLifetime = 7 * DAY } = given
  const { network, length } = prefixOf(given.prefix)
  if (autonomous && length !== 64) throw new RangeError(`hosts make addresses of 64 bits, not of ${given.prefix}`)
  if (preferredLifetime > validLifetime)
    throw new RangeError(`${given.prefix} is preferred for longer than it is valid`)
  bytes.push(OptionType.Prefix, 4, length, (onLink ? 0x80 : 0) | (autonomous ? 0x40 : 0))
  push32(bytes, lifetimeField('validLifetime', validLifetime))
  push32(bytes, lifetimeField('preferredLifetime', preferredLifetime))
  push32(bytes, 0)
  pushAddress(bytes, network.address)
}

/** RFC 4191, section 2.3: as much of the prefix as its length needs. */
function pushRoute(bytes: number[], given: AdvertisedRoute, lifetime: number): void {
  const { network, length } = prefixOf(given.prefix)
  const units = length === 0 ? 0 : length <= 64 ? 1 : 2
  bytes.push(OptionType.Route, 1 + units, length, preferenceBits(given.preference ?? 'medium'))
  push32(bytes, lifetimeField('lifetime', given.lifetime ?? lifetime))
  const octets: number[] = []
  pushAddress(octets, network.address)
  bytes.push(...octets.slice(0, 8 * units))
}

/** RFC 8106, section 5.1. */
function pushDnsServers(bytes: number[], servers: readonly string[], lifetime: number): void {
  if (servers.length === 0) return
  bytes.push(OptionType.DnsServers, 1 + 2 * integerInRange('the number of dnsServers', servers.length, 1, 127), 0, 0)
  push32(bytes, lifetime)
  for (const server of servers) {
    const address = IpAddress.parse(server)
    if (address.family !== 6) throw new TypeError(`dnsServers are IPv6 addresses, not ${server}`)
    pushAddress(bytes, address)
  }
}

/** RFC 8106, section 5.2. */
function pushSearchList(bytes: number[], names: readonly string[], lifetime: number): void {
  if (names.length === 0) return
  const octets: number[] = []
  for (const name of names) {
    for (const label of name.split('.')) {
      if (!/^[\w-]{1,63}$/.test(label)) throw new TypeError(`not a domain name: ${JSON.stringify(name)}`)
      octets.push(label.length, ...Buffer.from(label))
    }
    octets.push(0)
  }
  while (octets.length % 8 !== 0) octets.push(0)
  bytes.push(OptionType.SearchList, 1 + integerInRange('the size of searchList', octets.length / 8, 1, 254), 0, 0)
  push32(bytes, lifetime)
  bytes.push(...octets)
}

function preferenceBits(preference: 'low' | 'medium' | 'high'): number {
  const bits = PREFERENCES[preference]
  if (bits === undefined) throw new TypeError(`preference is low, medium or high, not ${JSON.stringify(preference)}`)
  return bits << 3
}

function lifetimeField(name: string, seconds: number): number {
  return seconds === Number.POSITIVE_INFINITY ? FOREVER : integerInRange(name, seconds, 0, FOREVER - 1)
}

function prefixOf(text: string): { network: IpPrefix; length: number } {
  const { network, length, family } = IpPrefix.parse(text)
  if (family !== 6) throw new TypeError(`an IPv6 prefix is expected, not ${text}`)
  return { network, length }
}

function macOctets(mac: MacAddress): Uint8Array {
  const octets = new Uint8Array(6)
  mac.writeTo(octets, 0)
  return octets
}

function pushAddress(bytes: number[], address: IpAddress): void {
  for (const word of [address.word0, address.word1, address.word2, address.word3]) push32(bytes, word)
}

function push16(bytes: number[], value: number): void {
  bytes.push((value >>> 8) & 255, value & 255)
}

function push32(bytes: number[], value: number): void {
  bytes.push((value >>> 24) & 255, (value >>> 16) & 255, (value >>> 8) & 255, value & 255)
}
