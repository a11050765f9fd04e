import type { IpAddress, IpPrefix } from '../address/index.ts'
import type { SourceCandidate } from './address-selection.ts'

/** An address of ours, with what its use for new connections depends on (RFC 4862, section 5.5.4; RFC 6724). */
export interface OwnAddress extends SourceCandidate {
  readonly prefix: IpPrefix
  /** All of its prefix is on our link, so that there is a route to it. */
  readonly onLink: boolean
}

/** Four words for each address, one behind the other. */
class AddressList {
  words: Int32Array = new Int32Array(0)

  set(addresses: readonly IpAddress[]): void {
    this.words = Int32Array.from(addresses.flatMap(({ word0, word1, word2, word3 }) => [word0, word1, word2, word3]))
  }

  /** @returns which of them it is, or -1 */
  indexOf(word0: number, word1: number, word2: number, word3: number): number {
    const { words } = this
    for (let i = 0; i < words.length; i += 4) {
      if (words[i + 3] === word3 && words[i + 2] === word2 && words[i + 1] === word1 && words[i] === word0) return i / 4
    }
    return -1
  }

  has(word0: number, word1: number, word2: number, word3: number): boolean {
    return this.indexOf(word0, word1, word2, word3) >= 0
  }
}

interface Group {
  readonly address: IpAddress
  members: number
}

/** What we answer on: our own addresses, and the groups that we have joined. */
export class LocalAddresses {
  #addresses: readonly OwnAddress[] = []
  #prefixes: readonly IpPrefix[] = []
  readonly #own = new AddressList()
  readonly #groups: Group[] = []
  readonly #joined = new AddressList()

  get addresses(): readonly OwnAddress[] {
    return this.#addresses
  }

  get prefixes(): readonly IpPrefix[] {
    return this.#prefixes
  }

  get groups(): readonly IpAddress[] {
    return this.#groups.map((group) => group.address)
  }

  find({ word0, word1, word2, word3 }: IpAddress): OwnAddress | null {
    return this.findWords(word0, word1, word2, word3)
  }

  findWords(word0: number, word1: number, word2: number, word3: number): OwnAddress | null {
    const index = this.#own.indexOf(word0, word1, word2, word3)
    return index < 0 ? null : this.#addresses[index]
  }

  /** Adds the address, or replaces what is said of it. */
  set(own: OwnAddress): void {
    const others = this.#addresses.filter(({ prefix }) => !prefix.address.equals(own.prefix.address))
    this.#setAll([...others, own])
  }

  /** @returns whether it was there */
  remove(own: OwnAddress): boolean {
    const others = this.#addresses.filter((other) => other !== own)
    const found = others.length < this.#addresses.length
    this.#setAll(others)
    return found
  }

  #setAll(addresses: readonly OwnAddress[]): void {
    this.#addresses = addresses
    this.#prefixes = addresses.map(({ prefix }) => prefix)
    this.#own.set(this.#prefixes.map(({ address }) => address))
  }

  owns(word0: number, word1: number, word2: number, word3: number): boolean {
    return this.#own.has(word0, word1, word2, word3)
  }

  hasGroup(word0: number, word1: number, word2: number, word3: number): boolean {
    return this.#joined.has(word0, word1, word2, word3)
  }

  /** One more wants this group. @returns whether it is the first */
  join(address: IpAddress): boolean {
    const group = this.#groups.find((other) => other.address.equals(address))
    if (group !== undefined) {
      group.members++
      return false
    }
    this.#groups.push({ address, members: 1 })
    this.#joined.set(this.groups)
    return true
  }

  /** One less wants this group. @returns whether it was the last; false also where nobody had joined */
  leave(address: IpAddress): boolean {
    const index = this.#groups.findIndex((other) => other.address.equals(address))
    if (index < 0 || --this.#groups[index].members > 0) return false
    this.#groups.splice(index, 1)
    this.#joined.set(this.groups)
    return true
  }
}
