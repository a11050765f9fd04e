import type { IpPrefix } from '../address/index.ts'

/** What a destination address means to us. */
export const AddressKind = { Foreign: 0, Own: 1, Broadcast: 2, Multicast: 3 } as const
export type AddressKind = (typeof AddressKind)[keyof typeof AddressKind]

/** 224.0.0.1, which every host belongs to, RFC 1112, section 4. */
const ALL_HOSTS = (224 << 24) | 1

/** Addresses that we answer on: our own, the broadcast addresses of their networks, and multicast groups. */
export class LocalAddresses {
  #prefixes: readonly IpPrefix[] = []
  #own: Int32Array = new Int32Array(0)
  #masks: Int32Array = new Int32Array(0)
  /** Groups that are listened to, besides that of all hosts. */
  readonly #groups = new Set<number>()

  get prefixes(): readonly IpPrefix[] {
    return this.#prefixes
  }

  /** @returns false if the address is there already */
  add(prefix: IpPrefix): boolean {
    if (this.owns(prefix.address.word3)) return false
    this.#set([...this.#prefixes, prefix])
    return true
  }

  /** @returns the prefix that the address had, or null */
  remove(address: number): IpPrefix | null {
    const found = this.#prefixes.find((prefix) => prefix.address.word3 === address) ?? null
    if (found !== null) this.#set(this.#prefixes.filter((prefix) => prefix !== found))
    return found
  }

  #set(prefixes: readonly IpPrefix[]): void {
    this.#prefixes = prefixes
    this.#own = Int32Array.from(prefixes, (prefix) => prefix.address.word3)
    this.#masks = Int32Array.from(prefixes, (prefix) => prefix.maskWord(3))
  }

  /** Whether it is one of our addresses. */
  owns(address: number): boolean {
    const own = this.#own
    for (let i = 0; i < own.length; i++) if (own[i] === address) return true
    return false
  }

  /** The first of our addresses whose network holds `address`, or null. */
  onLinkWith(address: number): IpPrefix | null {
    for (let i = 0; i < this.#own.length; i++) {
      if (((address ^ this.#own[i]) & this.#masks[i]) === 0) return this.#prefixes[i]
    }
    return null
  }

  classify(address: number): AddressKind {
    if (this.owns(address)) return AddressKind.Own
    // RFC 1122, 3.2.1.3 (c) and (d): limited broadcast, and broadcast of a connected network.
    if (this.isBroadcast(address)) return AddressKind.Broadcast
    if (address === ALL_HOSTS || (this.#groups.size > 0 && this.#groups.has(address))) return AddressKind.Multicast
    return AddressKind.Foreign
  }

  setGroup(group: number, isListening: boolean): void {
    if (isListening) this.#groups.add(group)
    else this.#groups.delete(group)
  }

  isBroadcast(address: number): boolean {
    if (address === -1) return true
    const own = this.#own
    for (let i = 0; i < own.length; i++) {
      const mask = this.#masks[i]
      // RFC 3021: a /31 has no broadcast address, nor has a /32.
      if (mask << 30 === 0 && ((address ^ own[i]) & mask) === 0 && (address | mask) === -1) return true
    }
    return false
  }
}

/** 127/8, RFC 1122, 3.2.1.3 (g). */
export function isLoopback(address: number): boolean {
  return address >>> 24 === 127
}

/** Not 0/8, loopback, multicast, class E or broadcast. */
export function isHostAddress(address: number): boolean {
  const first = address >>> 24
  return first !== 0 && first !== 127 && first < 224
}
