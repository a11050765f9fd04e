/** Which addresses Linux lets a TCP socket bind to and connect to: inet_bind, inet6_bind, tcp_v4_connect, tcp_v6_connect. */
import { versions } from 'node:process'
import { IpAddress } from '../address/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import type { DirectStack } from '../stack/index.ts'
import { LOOPBACK_NAME } from './interfaces.ts'
import type { ZonedAddress } from './socket-addresses.ts'

/** libuv from 1.47 on, which is in Node 22, takes the first link that there is where nobody says which; a stack has one. */
const TAKES_FIRST_LINK = versions.uv.localeCompare('1.47', 'en', { numeric: true }) >= 0

/** What Linux has in its routing table of addresses that are broadcast, of the loopback interface. */
const LOOPBACK_BROADCAST = IpAddress.parse('127.255.255.255')

/**
 * Why a socket cannot be bound there, or null.
 * @param isSixOnly whether the socket takes no IPv4, not even in mapped addresses
 */
export function refusalToBind(
  stack: DirectStack,
  { address, zone }: ZonedAddress,
  isSixOnly: boolean,
): SystemErrorCode | null {
  if (address.family === 4 ? isSixOnly : address.isMulticast) return 'EINVAL'
  if (isOfLink(address)) {
    if (!isInterface(stack, zone)) return 'EINVAL'
    if (zone === LOOPBACK_NAME) return 'EADDRNOTAVAIL'
  }
  if (address.isUnspecified || address.isMulticast) return null
  const isOurs = stack.tcp.ips.some((ip) => ip.family === address.family && ip.isLocalAddress(address))
  return isOurs ? null : 'EADDRNOTAVAIL'
}

/**
 * Why Linux does not even look for a way there, or null.
 * @param source what the socket is bound to
 */
export function refusalToConnect(
  stack: DirectStack,
  { address, zone }: ZonedAddress,
  source: IpAddress | null,
): SystemErrorCode | null {
  if (address.equals(LOOPBACK_BROADCAST)) return 'ENETUNREACH'
  const bound = source === null || source.isUnspecified ? null : source
  if (bound?.family === 6 && address.family === 4) return 'ENETUNREACH'
  if (bound?.family === 4 && address.family === 6) return wayTo(stack, address) ?? 'EAFNOSUPPORT'
  if (!isOfLink(address)) return null
  if (zone === LOOPBACK_NAME) return 'ENETUNREACH'
  // A source of the same link says which one is meant.
  const isSaid = isInterface(stack, zone) || (bound !== null && isOfLink(bound))
  return isSaid || TAKES_FIRST_LINK ? null : 'EINVAL'
}

/** What Linux calls it that `source` is none for that destination of the same family. */
export function wrongSource(stack: DirectStack, source: IpAddress, destination: IpAddress): SystemErrorCode {
  // ip_route_output_key: what is from the loopback interface does not leave by another.
  return wayTo(stack, destination) ?? (source.family === 4 ? 'EINVAL' : 'EADDRNOTAVAIL')
}

/** Why there is none, or null. */
function wayTo(stack: DirectStack, destination: IpAddress): SystemErrorCode | null {
  const ip = stack.tcp.ips.find(({ family }) => family === destination.family)
  const path = ip?.path(destination) ?? 'ENETUNREACH'
  return typeof path === 'string' ? path : null
}

/** What a connection may come from: what is to many is no source, and Linux takes the usual one. */
export function sourceOf(stack: DirectStack, bound: IpAddress): IpAddress | null {
  if (bound.isMulticast || bound.isUnspecified) return null
  if (bound.family === 4 && stack.ipv4?.owns(bound.word3) === false) return null
  return bound
}

function isOfLink(address: IpAddress): boolean {
  return address.family === 6 && address.isLinkLocal
}

function isInterface(stack: DirectStack, name: string): boolean {
  return name === stack.zone || name === LOOPBACK_NAME
}
