/**
 * The interfaces that a socket may name. A stack has one, and what Linux calls `lo`: whatever leaves by that one comes back to
 * the same host.
 */
import { IpAddress, type IpFamily } from '../address/index.ts'
import type { DirectStack } from '../stack/index.ts'
import { parseAddress } from './socket-addresses.ts'

export type InterfaceKind = 'link' | 'loopback'

/** The name of the loopback interface on Linux. */
export const LOOPBACK_NAME = 'lo'

/**
 * Which one is meant where Node takes an interface: one of our addresses for IPv4, a name behind a percent sign for IPv6.
 * The unspecified address, no name and a name that nobody has stand for the usual one, as in libuv and Linux.
 * @returns EINVAL for what is no address of that family, ENODEV for one that is not ours
 */
export function interfaceOf(stack: DirectStack, text: string, family: IpFamily): InterfaceKind | 'EINVAL' | 'ENODEV' {
  const parsed = parseAddress(text, family)
  if (parsed === null) return 'EINVAL'
  if (family === 6) return parsed.zone === LOOPBACK_NAME ? 'loopback' : 'link'
  const { address } = parsed
  if (address.isLoopback) return 'loopback'
  return address.equals(IpAddress.ANY_V4) || isOwn(stack, address) ? 'link' : 'ENODEV'
}

/** Whether packets may leave from there. */
export function isOwn(stack: DirectStack, address: IpAddress): boolean {
  return stack.addresses.some((own) => own.address.equals(address))
}
