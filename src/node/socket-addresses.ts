/** Addresses as a socket of one family shows them: an IPv6 one sees IPv4 peers in their mapped form (RFC 4291, 2.5.5.2). */
import { IpAddress, type IpFamily } from '../address/index.ts'

export interface SocketAddress {
  address?: string
  family?: 'IPv4' | 'IPv6'
  port?: number
}

/** @param family that of the socket, not of the address */
export function addressText(address: IpAddress, family: IpFamily): string {
  return family === 6 && address.family === 4 ? `::ffff:${address}` : address.toString()
}

/** Fills in what `getsockname` and `getpeername` return. */
export function describe(out: SocketAddress, address: IpAddress, family: IpFamily, port: number): 0 {
  out.address = addressText(address, family)
  out.family = family === 4 ? 'IPv4' : 'IPv6'
  out.port = port
  return 0
}

/** The unspecified address of a family. */
export function unspecified(family: IpFamily): IpAddress {
  return family === 4 ? IpAddress.ANY_V4 : IpAddress.ANY_V6
}

const LOOPBACK: Record<IpFamily, IpAddress> = { 4: IpAddress.parse('127.0.0.1'), 6: IpAddress.parse('::1') }

/** Where a connection to the unspecified address goes on Linux: to ourselves. */
export function reachable(address: IpAddress, family: IpFamily): IpAddress {
  return address.isUnspecified ? LOOPBACK[family] : address
}
