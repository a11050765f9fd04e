import type { IpAddress } from '../address/index.ts'
import type { FilterMode, GroupMembership } from '../ip/index.ts'
import type { Ipv6 } from './ipv6.ts'

/** What a socket wants of a group: routers hear of it through the membership, and the layer takes the group's packets. */
export class GroupListening implements GroupMembership {
  readonly #ipv6: Ipv6
  readonly #membership: GroupMembership
  #hasLeft = false

  /** @param membership told to the routers already */
  constructor(ipv6: Ipv6, membership: GroupMembership) {
    this.#ipv6 = ipv6
    this.#membership = membership
    ipv6.setGroup(membership.group, true)
  }

  get group(): IpAddress {
    return this.#membership.group
  }

  accepts(word0: number, word1: number, word2: number, word3: number): boolean {
    return this.#membership.accepts(word0, word1, word2, word3)
  }

  setFilter(mode: FilterMode, sources: Iterable<IpAddress>): void {
    this.#membership.setFilter(mode, sources)
  }

  leave(): void {
    if (this.#hasLeft) return
    this.#hasLeft = true
    this.#ipv6.setGroup(this.group, false)
    this.#membership.leave()
  }
}
