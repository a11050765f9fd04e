/** Which addresses Linux lets a UDP socket bind to, connect to and send to: inet6_bind, ip6_datagram_connect, udpv6_sendmsg. */
import type { IpAddress, IpFamily } from '../address/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import type { DirectStack } from '../stack/index.ts'
import { LOOPBACK_NAME } from './interfaces.ts'
import type { ZonedAddress } from './socket-addresses.ts'

/** RFC 4291, section 2.7: of this interface, and of this link. */
const INTERFACE_SCOPE = 1
const LINK_SCOPE = 2

/** Whether an address means another host on every link, so that it goes with the name of an interface (RFC 4007, section 6). */
function needsZone({ family, isLinkLocal, isMulticast, word0 }: IpAddress): boolean {
  if (family === 4) return false
  const scope = (word0 >>> 16) & 0x0f
  return isLinkLocal || (isMulticast && (scope === INTERFACE_SCOPE || scope === LINK_SCOPE))
}

/** Why a socket cannot be bound there, whoever has the address; or null. */
export function refusalToBind(stack: DirectStack, { address, zone }: ZonedAddress): SystemErrorCode | null {
  if (!needsZone(address) || zone === stack.zone) return null
  if (zone !== LOOPBACK_NAME) return 'EINVAL'
  return address.isMulticast ? null : 'EADDRNOTAVAIL'
}

/**
 * Why Linux connects no socket there, before it looks for a way; or null. A socket that is bound to a link needs no name of it.
 * @param bound null: to all addresses of both families
 */
export function refusalToConnect(
  stack: DirectStack,
  { address, zone }: ZonedAddress,
  bound: IpAddress | null,
  family: IpFamily,
): SystemErrorCode | null {
  if (needsZone(address) && zone !== stack.zone) {
    const isOnLink = bound !== null && needsZone(bound)
    if (zone === LOOPBACK_NAME) return isOnLink ? 'EINVAL' : 'ENETUNREACH'
    if (!isOnLink) return 'EINVAL'
  }
  return refusalOfFamily(stack, address, bound, family)
}

/** Why Linux sends nothing there from where a socket is bound, before it looks for a way; or null. */
export function refusalToSend(
  stack: DirectStack,
  { address, zone }: ZonedAddress,
  bound: IpAddress | null,
  family: IpFamily,
): SystemErrorCode | null {
  // By its name an interface counts for nothing else; a name that nobody has is no name.
  if (zone === LOOPBACK_NAME && needsZone(address)) return 'ENETUNREACH'
  return refusalOfFamily(stack, address, bound, family)
}

function refusalOfFamily(
  stack: DirectStack,
  destination: IpAddress,
  bound: IpAddress | null,
  family: IpFamily,
): SystemErrorCode | null {
  if (family === 4 || bound === null || bound.family === destination.family) return null
  return bound.family === 6 ? 'ENETUNREACH' : (wayTo(stack, destination) ?? 'EAFNOSUPPORT')
}

/** Where Linux says something else than our layers of a socket that is bound to a loopback address; null: it was sent. */
export function reasonOf(
  stack: DirectStack,
  code: SystemErrorCode,
  destination: IpAddress,
  bound: IpAddress | null,
): SystemErrorCode | null {
  if (code !== 'EADDRNOTAVAIL' || !bound?.isLoopback) return code
  const failure = wayTo(stack, destination)
  if (failure !== null) return failure
  // ip_route_output refuses it. Of IPv6 it would leave, for nobody to answer: RFC 4291, section 2.5.3 forbids it.
  return bound.family === 4 ? 'EINVAL' : null
}

/** Why there is none, or null. */
function wayTo({ ipv4, ipv6 }: DirectStack, destination: IpAddress): SystemErrorCode | null {
  const path = (destination.family === 4 ? ipv4 : ipv6?.ipv6)?.path(destination) ?? 'ENETUNREACH'
  return typeof path === 'string' ? path : null
}
