/**
 * Addresses of a link as text: `fe80::1%tap0` names the interface whose link is meant, RFC 4007, section 11. A stack of ours
 * has one interface, so an address without a zone is understood, too; what we print has one, as Node's addresses do.
 */
import { IpAddress } from '../../address/index.ts'
import { SystemError } from '../../errors/index.ts'
import { checkAddress } from '../options.ts'

/**
 * @param name of the option, for errors
 * @param zone the name of our interface
 * @throws TypeError naming the option if it is no address; SystemError EINVAL for a zone that is not ours
 */
export function parseAddress(name: string, text: string, zone: string, syscall: string): IpAddress {
  checkAddress(name, text)
  const percent = text.indexOf('%')
  if (percent < 0) return IpAddress.parse(text)
  if (text.slice(percent + 1) !== zone) {
    throw new SystemError('EINVAL', syscall, { address: text, hint: `the interface is ${zone}` })
  }
  return IpAddress.parse(text.slice(0, percent))
}

/** @param zone the name of our interface */
export function addressText(address: IpAddress, zone: string): string {
  return address.family === 6 && address.isLinkLocal ? `${address}%${zone}` : address.toString()
}

/**
 * What to listen on: null for all addresses of both families, the unspecified address of a family for all of that.
 * @param text an address, `::` and undefined for both families
 */
export function parseOwnAddress(
  text: string | undefined,
  ipv6Only: boolean,
  zone: string,
  syscall: string,
): IpAddress | null {
  const address = text === undefined ? IpAddress.ANY_V6 : parseAddress('address', text, zone, syscall)
  return address.isUnspecified && address.family === 6 && !ipv6Only ? null : address
}
