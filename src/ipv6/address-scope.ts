/** Scopes of addresses, RFC 4007, in the numbers of RFC 4291, section 2.7, which RFC 6724 uses for unicast too. */
import type { IpAddress } from '../address/index.ts'
import { isLinkLocalWord } from './addresses.ts'

export const Scope = {
  InterfaceLocal: 1,
  LinkLocal: 2,
  RealmLocal: 3,
  AdminLocal: 4,
  SiteLocal: 5,
  OrganizationLocal: 8,
  Global: 14,
} as const

/**
 * The scope of an address of either family, RFC 6724, sections 3.1 and 3.2: 0 to 15, of a multicast address what stands in
 * it, of a unicast address one of `Scope`.
 */
export function addressScope(address: IpAddress): number {
  if (address.family === 4) return scope4(address.word3)
  if (address.isMulticast) return (address.word0 >>> 16) & 0x0f
  // Section 3.4: the loopback address has link-local scope.
  if (address.isLoopback || isLinkLocalWord(address.word0)) return Scope.LinkLocal
  // fec0::/10, deprecated by RFC 3879 and still told apart.
  return address.word0 >>> 22 === 0x3fb ? Scope.SiteLocal : Scope.Global
}

function scope4(address: number): number {
  // RFC 6724, 3.2: 169.254/16 and 127/8 are link-local, all others global, private ones (RFC 1918) included.
  if (address >>> 16 === 0xa9fe || address >>> 24 === 127) return Scope.LinkLocal
  if (address >>> 28 !== 14) return Scope.Global
  // RFC 2365, section 8.
  if (address >>> 8 === 0xe00000) return Scope.LinkLocal
  if (address >>> 16 === 0xefff) return Scope.RealmLocal
  return address >>> 18 === 0xefc0 >> 2 ? Scope.OrganizationLocal : Scope.Global
}
