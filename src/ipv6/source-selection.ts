import type { IpAddress } from '../address/index.ts'
import { isLinkLocal, type OwnAddress } from './local-addresses.ts'

/** Chooses the source address for a destination. */
export interface SourceSelector {
  /** @param candidates our addresses, at least one */
  selectSource(destination: IpAddress, candidates: readonly OwnAddress[]): OwnAddress
}

/**
 * The rules of RFC 6724, section 5, that need no policy table: same address (1), scope (2), not deprecated (3), longest
 * common prefix (8). A fuller selector takes its place through `Ipv6.setSourceSelector`.
 */
export const scopeAndPrefixSelector: SourceSelector = {
  selectSource(destination, candidates) {
    let best = candidates[0]
    for (const candidate of candidates) if (compare(candidate, best, destination) > 0) best = candidate
    return best
  },
}

/** Positive if `a` is better. */
function compare(a: OwnAddress, b: OwnAddress, destination: IpAddress): number {
  if (a === b) return 0
  const addressA = a.prefix.address
  const addressB = b.prefix.address
  if (addressA.equals(destination)) return 1
  if (addressB.equals(destination)) return -1
  const wanted = scope(destination)
  const scopeA = scope(addressA)
  const scopeB = scope(addressB)
  // Rule 2: the smallest scope that is not below the destination's; failing that, the largest.
  if (scopeA < scopeB) return scopeA < wanted ? -1 : 1
  if (scopeB < scopeA) return scopeB < wanted ? 1 : -1
  if (a.deprecated !== b.deprecated) return a.deprecated ? -1 : 1
  return (
    Math.min(commonPrefix(addressA, destination), a.prefix.length) -
    Math.min(commonPrefix(addressB, destination), b.prefix.length)
  )
}

/** RFC 6724, section 3.1; multicast scopes as in RFC 4291, section 2.7. */
function scope(address: IpAddress): number {
  if (address.isMulticast) return (address.word0 >>> 16) & 0x0f
  return isLinkLocal(address) || address.isLoopback ? 2 : 14
}

/** RFC 6724, section 2.2: leading bits that are the same. */
function commonPrefix(a: IpAddress, b: IpAddress): number {
  if (a.word0 !== b.word0) return Math.clz32(a.word0 ^ b.word0)
  if (a.word1 !== b.word1) return 32 + Math.clz32(a.word1 ^ b.word1)
  if (a.word2 !== b.word2) return 64 + Math.clz32(a.word2 ^ b.word2)
  return 96 + Math.clz32(a.word3 ^ b.word3)
}
