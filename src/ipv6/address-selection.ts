/**
 * Default address selection, RFC 6724: which of our addresses a packet comes from, and which of several destinations is
 * tried first. Functions of their arguments; IPv4 addresses count as IPv4-mapped ones, so both families sort together.
 */
import type { IpAddress } from '../address/index.ts'
import { PolicyTable } from './address-policy.ts'
import { addressScope, Scope } from './address-scope.ts'

/** An address of ours as address selection sees it. */
export interface SourceCandidate {
  readonly address: IpAddress
  /** Bits of its network prefix; 0 to 32 for IPv4, 0 to 128 for IPv6. */
  readonly prefixLength: number
  /** Which interface has it: any number that tells interfaces apart. */
  readonly interface: number
  /** Its preferred lifetime is over; RFC 4862, 5.5.4. */
  readonly deprecated: boolean
  /** RFC 8981. */
  readonly temporary: boolean
  /** Not yet known to be ours alone; RFC 4429. Counts as deprecated. */
  readonly optimistic: boolean
  /** Who advertised its prefix, or is the way out of it; null if not known. */
  readonly nextHop: IpAddress | null
  /** For a mobile host (RFC 6275): where it is at home, where it is now, or both; none for others. */
  readonly mobility?: 'home' | 'careOf' | 'both'
}

export interface SelectionOptions {
  /** Default: that of RFC 6724, section 2.1. */
  readonly policy?: PolicyTable
  /** Rule 7 the other way round: public addresses before temporary ones; RFC 5014. Default false. */
  readonly preferPublic?: boolean
}

export interface SourceOptions extends SelectionOptions {
  /** The interface that the packet leaves by; without one rule 5 decides nothing. */
  readonly outgoingInterface?: number
  /** The router or neighbour that the packet goes to first; without one rule 5.5 decides nothing. */
  readonly nextHop?: IpAddress | null
}

/**
 * The source address for a destination, RFC 6724, section 5.
 * @param candidates unicast addresses that packets can be sent from; tentative ones do not belong here (RFC 4862, 5.4).
 *   Among equals the first is taken.
 * @returns null if none can be used
 */
export function selectSource<Candidate extends SourceCandidate>(
  candidates: readonly Candidate[],
  destination: IpAddress,
  options: SourceOptions = {},
): Candidate | null {
  let best: Candidate | null = null
  for (const candidate of candidates) {
    if (!isCandidate(candidate, destination, options)) continue
    if (best === null || compareSources(candidate, best, destination, options) < 0) best = candidate
  }
  return best
}

/** RFC 6724, section 4. */
function isCandidate(candidate: SourceCandidate, destination: IpAddress, options: SourceOptions): boolean {
  const { address } = candidate
  if (address.family !== destination.family || address.isMulticast || address.isUnspecified) return false
  const { outgoingInterface } = options
  if (outgoingInterface === undefined || candidate.interface === outgoingInterface) return true
  // What is multicast or does not leave the link or the site comes from the outgoing interface.
  return !destination.isMulticast && addressScope(destination) === Scope.Global
}

/** Section 5. @returns negative if `a` is the better source, positive if `b` is, 0 if no rule tells them apart */
export function compareSources(
  a: SourceCandidate,
  b: SourceCandidate,
  destination: IpAddress,
  { policy = PolicyTable.DEFAULT, preferPublic = false, outgoingInterface, nextHop }: SourceOptions = {},
): number {
  // Rule 1: prefer same address.
  const isDestination = prefer(a.address.equals(destination), b.address.equals(destination))
  if (isDestination !== 0) return isDestination

  // Rule 2: prefer appropriate scope.
  const scopeA = addressScope(a.address)
  const scopeB = addressScope(b.address)
  const scope = addressScope(destination)
  if (scopeA < scopeB) return scopeA < scope ? 1 : -1
  if (scopeB < scopeA) return scopeB < scope ? -1 : 1

  // Rule 3: avoid deprecated addresses; RFC 4429, section 3.1 has optimistic ones count as such.
  const isFresh = prefer(!a.deprecated && !a.optimistic, !b.deprecated && !b.optimistic)
  if (isFresh !== 0) return isFresh

  // Rule 4: prefer home addresses.
  const mobility = homeRank(b) - homeRank(a)
  if (mobility !== 0) return mobility

  // Rule 5: prefer outgoing interface.
  if (outgoingInterface !== undefined) {
    const isOutgoing = prefer(a.interface === outgoingInterface, b.interface === outgoingInterface)
    if (isOutgoing !== 0) return isOutgoing
  }

  // Rule 5.5: prefer addresses in a prefix advertised by the next hop.
  if (nextHop !== undefined && nextHop !== null) {
    const isOfNextHop = prefer(a.nextHop?.equals(nextHop) === true, b.nextHop?.equals(nextHop) === true)
    if (isOfNextHop !== 0) return isOfNextHop
  }

  // Rule 6: prefer matching label.
  const label = policy.label(destination)
  const hasLabel = prefer(policy.label(a.address) === label, policy.label(b.address) === label)
  if (hasLabel !== 0) return hasLabel

  // Rule 7: prefer temporary addresses.
  const isPrivate = prefer(a.temporary !== preferPublic, b.temporary !== preferPublic)
  if (isPrivate !== 0) return isPrivate

  // Rule 8: use longest matching prefix.
  return commonPrefixLength(b, destination) - commonPrefixLength(a, destination)
}

/** A destination with the source that `selectSource` found for it. */
export interface DestinationCandidate {
  readonly address: IpAddress
  /** Null where there is none: no route, or no address that fits. */
  readonly source: SourceCandidate | null
  /** Known not to answer: for one, its first hop is unreachable. Default false. */
  readonly unreachable?: boolean
  /** Reached through a tunnel of another protocol, such as 6to4 in IPv4. Default false. */
  readonly encapsulated?: boolean
}

/**
 * Destinations in the order in which they are to be tried, RFC 6724, section 6.
 * @param destinations in the order in which name resolution gave them, which stays where no rule decides (rule 10)
 * @returns another array
 */
export function sortDestinations<Destination extends DestinationCandidate>(
  destinations: readonly Destination[],
  options: SelectionOptions = {},
): Destination[] {
  return destinations.toSorted((a, b) => compareDestinations(a, b, options))
}

/** Section 6. @returns negative if `a` is to be tried before `b`, positive if after, 0 if no rule tells them apart */
export function compareDestinations(
  a: DestinationCandidate,
  b: DestinationCandidate,
  { policy = PolicyTable.DEFAULT }: SelectionOptions = {},
): number {
  // Rule 1: avoid unusable destinations; those that do not even have a source come last.
  const isUsable = usability(b) - usability(a)
  if (isUsable !== 0) return isUsable

  const sourceA = a.source
  const sourceB = b.source
  const scopeA = addressScope(a.address)
  const scopeB = addressScope(b.address)
  const labelA = policy.label(a.address)
  const labelB = policy.label(b.address)
  if (sourceA !== null && sourceB !== null) {
    // Rule 2: prefer matching scope.
    const hasScope = prefer(scopeA === addressScope(sourceA.address), scopeB === addressScope(sourceB.address))
    if (hasScope !== 0) return hasScope

    // Rule 3: avoid deprecated addresses.
    const isFresh = prefer(!sourceA.deprecated && !sourceA.optimistic, !sourceB.deprecated && !sourceB.optimistic)
    if (isFresh !== 0) return isFresh

    // Rule 4: prefer home addresses.
    const mobility = homeRank(sourceB) - homeRank(sourceA)
    if (mobility !== 0) return mobility

    // Rule 5: prefer matching label.
    const hasLabel = prefer(policy.label(sourceA.address) === labelA, policy.label(sourceB.address) === labelB)
    if (hasLabel !== 0) return hasLabel
  }

  // Rule 6: prefer higher precedence.
  const precedence = policy.precedence(b.address) - policy.precedence(a.address)
  if (precedence !== 0) return precedence

  // Rule 7: prefer native transport.
  const isNative = prefer(a.encapsulated !== true, b.encapsulated !== true)
  if (isNative !== 0) return isNative

  // Rule 8: prefer smaller scope.
  if (scopeA !== scopeB) return scopeA - scopeB

  // Rule 9: use longest matching prefix, among destinations of one family. Rule 10: otherwise leave the order unchanged.
  if (sourceA === null || sourceB === null || a.address.family !== b.address.family) return 0
  return commonPrefixLength(sourceB, b.address) - commonPrefixLength(sourceA, a.address)
}

function usability({ source, unreachable }: DestinationCandidate): number {
  if (source === null) return 0
  return unreachable === true ? 1 : 2
}

/** -1 if only the first holds, 1 if only the second. */
function prefer(first: boolean, second: boolean): number {
  return first === second ? 0 : first ? -1 : 1
}

/** Home and care-of address at once before home before others before care-of. */
function homeRank({ mobility }: SourceCandidate): number {
  if (mobility === 'both') return 3
  if (mobility === 'home') return 2
  return mobility === 'careOf' ? 0 : 1
}

/** Bits that source and destination have in common, up to the source's prefix length: section 2.2. */
export function commonPrefixLength(source: SourceCandidate, destination: IpAddress): number {
  const { address, prefixLength } = source
  if (address.family !== destination.family) return 0
  if (address.family === 4) return Math.min(prefixLength, Math.clz32(address.word3 ^ destination.word3))
  let bits = Math.clz32(address.word0 ^ destination.word0)
  if (bits === 32) bits += Math.clz32(address.word1 ^ destination.word1)
  if (bits === 64) bits += Math.clz32(address.word2 ^ destination.word2)
  if (bits === 96) bits += Math.clz32(address.word3 ^ destination.word3)
  return Math.min(prefixLength, bits)
}
