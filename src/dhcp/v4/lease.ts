/** What a server gives: an address for a time, and what there is to know of the network. */

import { IpAddress, IpPrefix } from '../../address/index.ts'
import { type Microseconds, type Random, SECOND } from '../../clock/index.ts'
import { isHostAddress } from '../../ipv4/index.ts'
import { FOREVER } from './codes.ts'
import type { Dhcpv4Route, Message, MessageOptions } from './message.ts'
import { classfulLength } from './parse-message.ts'

/** What a server tells besides the address; null or empty for what it does not. */
export interface Dhcpv4Configuration {
  /** All routes, the default routes among them, best first (RFC 3442: those of its option, or the others). */
  readonly routes: readonly Dhcpv4Route[]
  /** At most 16 of each, in the order of the server's preference. */
  readonly dnsServers: readonly IpAddress[]
  readonly ntpServers: readonly IpAddress[]
  readonly domainName: string | null
  /** At most 32; the domain name where the server names no list. */
  readonly domainSearch: readonly string[]
  /** The name that the server has for this host. */
  readonly hostName: string | null
  /** 68 to 65,535. */
  readonly mtu: number | null
  readonly broadcastAddress: IpAddress | null
}

/** An address of a DHCPv4 server, for a time. */
export interface Dhcpv4Lease {
  /** The address and its network. */
  readonly address: IpPrefix
  readonly serverId: IpAddress
  /** Seconds; `Infinity` for ever. */
  readonly duration: number
  /** T1, T2 and the end, as points of time; `Infinity` for never. */
  readonly renewAt: Microseconds
  readonly rebindAt: Microseconds
  readonly expiresAt: Microseconds
  readonly configuration: Dhcpv4Configuration
}

/** RFC 2131, section 4.4.5: T1 and T2 as parts of the lease, where the server does not give them. */
const T1_PART = 0.5
const T2_PART = 0.875
/** As Linux's clients: T1 as a part of T2, where half of the lease would not be before it. */
const T1_PART_OF_T2 = 4 / 7
/** "Some random fuzz", section 4.4.5: up to a second, or up to this part of a short lease. */
const FUZZ_PART = 1 / 32
const MOST_FUZZ: Microseconds = 1 * SECOND

/** Whether an offer or acknowledgment holds what a host can use: RFC 2131, section 4.3.1, table 3. */
export function isUsable({ yourAddress, options }: Message): boolean {
  if (options.leaseTime === null || options.leaseTime === 0) return false
  return isHostOf(networkOf(yourAddress, options))
}

/** Not 0/8, loopback, multicast or above, and neither the first nor the last address of its network (RFC 1122, 3.2.1.3). */
function isHostOf(prefix: IpPrefix): boolean {
  const address = prefix.address.word3
  if (!isHostAddress(address)) return false
  const hostBits = ~prefix.maskWord(3)
  const host = address & hostBits
  // RFC 3021: a /31 has hosts only, a /32 is one.
  return prefix.length > 30 || (host !== 0 && host !== hostBits)
}

/** As Linux's clients: without a mask, or with one that is none, that of the address's class. */
function networkOf(address: IpAddress, options: MessageOptions): IpPrefix {
  return new IpPrefix(address, options.prefixLength ?? classfulLength(address.word3))
}

/**
 * The lease of a message that is usable.
 * @param since when the request was sent, from which its times count (RFC 2131, section 4.4.1)
 */
export function leaseFrom(message: Message, serverId: IpAddress, since: Microseconds, random: Random): Dhcpv4Lease {
  const { options, yourAddress } = message
  const address = networkOf(yourAddress, options)
  const duration = options.leaseTime === FOREVER ? Number.POSITIVE_INFINITY : (options.leaseTime ?? 0)
  const { renewAfter, rebindAfter } = leaseTimes(duration, options.renewAfter, options.rebindAfter, random)
  return {
    address,
    serverId,
    duration,
    renewAt: since + renewAfter,
    rebindAt: since + rebindAfter,
    expiresAt: since + duration * SECOND,
    configuration: configurationFrom(address, options),
  }
}

/**
 * T1 and T2 in microseconds: the server's if T1 < T2 < lease, else computed. A lease for ever has neither.
 * @param duration seconds
 */
function leaseTimes(
  duration: number,
  t1: number | null,
  t2: number | null,
  random: Random,
): { renewAfter: Microseconds; rebindAfter: Microseconds } {
  if (duration === Number.POSITIVE_INFINITY) return { renewAfter: duration, rebindAfter: duration }
  const whole = duration * SECOND
  const fuzz = () => Math.floor((2 * random.fraction() - 1) * Math.min(MOST_FUZZ, whole * FUZZ_PART))
  const rebindAfter = t2 !== null && t2 > 0 && t2 < duration ? t2 * SECOND : Math.floor(whole * T2_PART) + fuzz()
  if (t1 !== null && t1 > 0 && t1 * SECOND < rebindAfter) return { renewAfter: t1 * SECOND, rebindAfter }
  const half = Math.floor(whole * T1_PART) + fuzz()
  return { renewAfter: half < rebindAfter ? half : Math.floor(rebindAfter * T1_PART_OF_T2), rebindAfter }
}

function configurationFrom(address: IpPrefix, options: MessageOptions): Dhcpv4Configuration {
  const { dnsServers, ntpServers, domainName, hostName, mtu, broadcastAddress } = options
  const isOurs = ({ gateway }: Dhcpv4Route) => gateway?.equals(address.address) === true
  const domainSearch = options.domainSearch.length > 0 || domainName === null ? options.domainSearch : [domainName]
  return {
    routes: routesOf(options).filter((route) => !isOurs(route)),
    dnsServers,
    ntpServers,
    domainName,
    domainSearch,
    hostName,
    mtu,
    broadcastAddress,
  }
}

/** RFC 3442: with classless routes, routers and static routes MUST be ignored. */
function routesOf(options: MessageOptions): readonly Dhcpv4Route[] {
  if (options.classlessRoutes !== null) return options.classlessRoutes
  const everything = new IpPrefix(IpAddress.ANY_V4, 0)
  return [...options.staticRoutes, ...options.routers.map((gateway) => ({ destination: everything, gateway }))]
}
