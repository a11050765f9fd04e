import type { IpAddress } from '../address/index.ts'
import { KeyedHash, type Random } from '../clock/index.ts'

/** What stands in an `AddressMap`. */
export interface AddressEntry<Entry> {
  readonly address: IpAddress
  /** The map's: entries whose addresses have the same hash. */
  sameHash: Entry | null
}

/** Entries by IPv6 address. Strangers choose the addresses, so the hash is keyed: nobody can make a long chain. */
export class AddressMap<Entry extends AddressEntry<Entry>> {
  readonly #hash: KeyedHash
  readonly #chains = new Map<number, Entry>()
  #size = 0

  constructor(random: Random) {
    this.#hash = new KeyedHash(random)
  }

  get size(): number {
    return this.#size
  }

  get(address: IpAddress): Entry | null {
    let entry = this.#chains.get(this.#key(address)) ?? null
    while (entry !== null && !entry.address.equals(address)) entry = entry.sameHash
    return entry
  }

  /** The caller knows that there is none of this address. */
  add(entry: Entry): void {
    const key = this.#key(entry.address)
    entry.sameHash = this.#chains.get(key) ?? null
    this.#chains.set(key, entry)
    this.#size++
  }

  /** Harmless if it is not there. */
  remove(entry: Entry): void {
    const key = this.#key(entry.address)
    let previous: Entry | null = null
    let found = this.#chains.get(key) ?? null
    while (found !== null && found !== entry) {
      previous = found
      found = found.sameHash
    }
    if (found === null) return
    if (previous !== null) previous.sameHash = entry.sameHash
    else if (entry.sameHash !== null) this.#chains.set(key, entry.sameHash)
    else this.#chains.delete(key)
    entry.sameHash = null
    this.#size--
  }

  clear(): void {
    this.#chains.clear()
    this.#size = 0
  }

  #key(address: IpAddress): number {
    return this.#hash.hash4(address.word0, address.word1, address.word2, address.word3)
  }
}
