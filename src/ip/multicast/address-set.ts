import type { IpAddress } from '../../address/index.ts'

/**
 * A set of addresses, kept sorted: looking one up by its words allocates nothing, and two sets are merged in one
 * pass. Immutable.
 */
export class AddressSet {
  readonly #sorted: readonly IpAddress[]

  private constructor(sorted: readonly IpAddress[]) {
    this.#sorted = sorted
  }

  static readonly EMPTY = new AddressSet([])

  /** Those addresses, each once. */
  static of(addresses: Iterable<IpAddress>): AddressSet {
    const sorted = [...addresses].sort(compareAddresses)
    return AddressSet.#from(sorted.filter((address, i) => i === 0 || !address.equals(sorted[i - 1])))
  }

  static #from(sorted: readonly IpAddress[]): AddressSet {
    return sorted.length === 0 ? AddressSet.EMPTY : new AddressSet(sorted)
  }

  get size(): number {
    return this.#sorted.length
  }

  /** In a fixed order. */
  get addresses(): readonly IpAddress[] {
    return this.#sorted
  }

  has(word0: number, word1: number, word2: number, word3: number): boolean {
    const sorted = this.#sorted
    let low = 0
    let high = sorted.length
    while (low < high) {
      const middle = (low + high) >>> 1
      const other = sorted[middle]
      const order = other.word0 - word0 || other.word1 - word1 || other.word2 - word2 || other.word3 - word3
      if (order === 0) return true
      if (order < 0) low = middle + 1
      else high = middle
    }
    return false
  }

  hasAddress(address: IpAddress): boolean {
    return this.has(address.word0, address.word1, address.word2, address.word3)
  }

  union(other: AddressSet): AddressSet {
    if (other.size === 0) return this
    return this.size === 0 ? other : AddressSet.of([...this.#sorted, ...other.#sorted])
  }

  intersection(other: AddressSet): AddressSet {
    return AddressSet.#from(this.#sorted.filter((address) => other.hasAddress(address)))
  }

  /** What is here and not there. */
  difference(other: AddressSet): AddressSet {
    return AddressSet.#from(this.#sorted.filter((address) => !other.hasAddress(address)))
  }

  equals(other: AddressSet): boolean {
    return this.size === other.size && this.#sorted.every((address, i) => address.equals(other.#sorted[i]))
  }
}

/** Any order will do as long as `has` searches in the same one. */
function compareAddresses(a: IpAddress, b: IpAddress): number {
  return a.word0 - b.word0 || a.word1 - b.word1 || a.word2 - b.word2 || a.word3 - b.word3
}
