/** Addresses as a socket of one family shows them: an IPv6 one sees IPv4 peers in their mapped form (RFC 4291, 2.5.5.2). */
import { IpAddress, type IpFamily } from '../address/index.ts'

export interface SocketAddress {
  address?: string
  family?: 'IPv4' | 'IPv6'
  port?: number
}

/**
 * @param family that of the socket, not of the address
 * @param zone the name of our interface, which stands behind link-local addresses (RFC 4007, section 11)
 */
export function addressText(address: IpAddress, family: IpFamily, zone = ''): string {
  if (family === 6 && address.family === 4) return `::ffff:${address}`
  return zone !== '' && address.family === 6 && address.isLinkLocal ? `${address}%${zone}` : address.toString()
}

/** Fills in what `getsockname` and `getpeername` return. */
export function describe(out: SocketAddress, address: IpAddress, family: IpFamily, port: number, zone = ''): 0 {
  out.address = addressText(address, family, zone)
  out.family = family === 4 ? 'IPv4' : 'IPv6'
  out.port = port
  return 0
}

/** The unspecified address of a family. */
export function unspecified(family: IpFamily): IpAddress {
  return family === 4 ? IpAddress.ANY_V4 : IpAddress.ANY_V6
}

const LOOPBACK: Record<IpFamily, IpAddress> = { 4: IpAddress.parse('127.0.0.1'), 6: IpAddress.parse('::1') }

/** The loopback address of a family. */
export function loopback(family: IpFamily): IpAddress {
  return LOOPBACK[family]
}

/** Where a connection to the unspecified address goes on Linux: to ourselves. */
export function reachable(address: IpAddress, family: IpFamily): IpAddress {
  return address.isUnspecified ? LOOPBACK[family] : address
}

/** An address as it stands in text, with the interface that is named behind it. */
export interface ZonedAddress {
  readonly address: IpAddress
  /** The name of an interface, or empty. */
  readonly zone: string
}

/**
 * Reads an address that a socket of one family takes: IPv4 only for one of IPv4, and for one of IPv6 only what is written as
 * such, IPv4 in its mapped form included.
 * @returns null for anything else, which is EINVAL
 */
export function parseAddress(text: string, family: IpFamily): ZonedAddress | null {
  if (text.includes(':') !== (family === 6)) return null
  const known = read.get(text)
  if (known !== undefined) return known
  const percent = family === 6 ? text.indexOf('%') : -1
  const address = IpAddress.tryParse(percent < 0 ? text : text.slice(0, percent))
  if (address === null) return null
  const parsed = { address, zone: percent < 0 ? '' : text.slice(percent + 1) }
  if (text.length <= LONGEST_KEPT) {
    if (read.size === MOST_KEPT) read.clear()
    read.set(text, parsed)
  }
  return parsed
}

/** Addresses that were read lately. Programs name the same few again and again, and to read one takes longer than to send. */
const read = new Map<string, ZonedAddress>()
const MOST_KEPT = 256
/** Characters: the longest address of IPv6 with the longest name of an interface (IFNAMSIZ of Linux). */
const LONGEST_KEPT = 45 + 1 + 15
