import type { IpAddress } from '../address/index.ts'
import { selectSource } from './address-selection.ts'
import type { OwnAddress } from './local-addresses.ts'

/** Chooses the source address for a destination. */
export interface SourceSelector {
  /**
   * @param candidates our addresses, at least one
   * @param nextHop where the packet goes first: a router, the destination itself, or a group
   */
  selectSource(destination: IpAddress, candidates: readonly OwnAddress[], nextHop: IpAddress): OwnAddress
}

/** RFC 6724, section 5, with the policy table of its section 2.1; another takes its place by `Ipv6.setSourceSelector`. */
export const defaultSelector: SourceSelector = {
  selectSource(destination, candidates) {
    return selectSource(candidates, destination) ?? candidates[0]
  },
}
