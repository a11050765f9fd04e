/** Choosing among servers, RFC 8415, section 18.2.9. */

import { type Binding, usableLeases } from './binding.ts'
import type { IdentityAssociation } from './message.ts'
import type { ServerMessage } from './validate-message.ts'

/** The preference with which a server is taken without waiting for others, RFC 8415, section 18.2.1. */
const HIGHEST_PREFERENCE = 255

/** What a server offers of what was asked for. */
export interface Advertisement {
  serverId: Uint8Array
  /** 0 to 255. */
  preference: number
  /** With usable leases only; never empty. */
  associations: IdentityAssociation[]
}

/** @returns null if nothing of what was asked for is in it */
export function advertisementFrom(message: ServerMessage, bindings: readonly Binding[]): Advertisement | null {
  const associations: IdentityAssociation[] = []
  for (const binding of bindings) {
    const association = binding.in(message.options.identityAssociations)
    const leases = association === undefined ? [] : usableLeases(association)
    if (association !== undefined && leases.length > 0) associations.push({ ...association, leases })
  }
  if (associations.length === 0) return null
  return { serverId: message.serverId, preference: message.options.preference ?? 0, associations }
}

/** The best server so far, while advertisements are collected: for the first timeout of a Solicit, RFC 8415, section 18.2.1. */
export class ServerSelection {
  #best: Advertisement | null = null

  /** The best one, when the time is over; null if there is none. */
  get best(): Advertisement | null {
    return this.#best
  }

  clear(): void {
    this.#best = null
  }

  /** @param isOver the time has passed: whoever comes first is taken @returns the one to take now; null to wait for others */
  consider(advertisement: Advertisement, isOver: boolean): Advertisement | null {
    if (isOver || advertisement.preference === HIGHEST_PREFERENCE) return advertisement
    if (this.#best === null || isBetter(advertisement, this.#best)) this.#best = advertisement
    return null
  }
}

/** Whether `one` is better: first by preference, then by how much it offers; of equals the first stays. */
function isBetter(one: Advertisement, other: Advertisement): boolean {
  if (one.preference !== other.preference) return one.preference > other.preference
  if (one.associations.length !== other.associations.length) return one.associations.length > other.associations.length
  return leaseCount(one) > leaseCount(other)
}

function leaseCount({ associations }: Advertisement): number {
  return associations.reduce((count, { leases }) => count + leases.length, 0)
}
