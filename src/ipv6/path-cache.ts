import { KeyedHash, type Random } from '../clock/index.ts'
import type { Ipv6Path } from './ipv6-path.ts'

/**
 * Paths by destination, at most `size` destinations. A peer can make it grow by talking to us from many addresses, so
 * it is bounded; what was not used since the last look goes first (second chance), because connections keep their
 * path themselves and lose nothing.
 */
export class PathCache {
  readonly size: number
  evicted = 0
  readonly #hash: KeyedHash
  /** By a hash of the destination; those that have the same, by chance or from different sources, are siblings. */
  readonly #byHash = new Map<number, Ipv6Path>()

  constructor(size: number, random: Random) {
    this.size = size
    this.#hash = new KeyedHash(random)
  }

  get count(): number {
    return this.#byHash.size
  }

  /** The path from the source that is chosen by default. */
  get(word0: number, word1: number, word2: number, word3: number): Ipv6Path | null {
    let path = this.first(word0, word1, word2, word3)
    while (path !== null && !(path.hasDefaultSource && path.leadsTo(word0, word1, word2, word3))) path = path.sibling
    if (path !== null) path.referenced = true
    return path
  }

  /** The path from a source that was asked for. */
  getFrom(
    word0: number,
    word1: number,
    word2: number,
    word3: number,
    source0: number,
    source1: number,
    source2: number,
    source3: number,
  ): Ipv6Path | null {
    let path = this.first(word0, word1, word2, word3)
    while (
      path !== null &&
      !(path.comesFrom(source0, source1, source2, source3) && path.leadsTo(word0, word1, word2, word3))
    ) {
      path = path.sibling
    }
    if (path !== null) path.referenced = true
    return path
  }

  /** The first of the paths that may lead to this destination; the others are its siblings. */
  first(word0: number, word1: number, word2: number, word3: number): Ipv6Path | null {
    return this.#byHash.get(this.#hash.hash4(word0, word1, word2, word3)) ?? null
  }

  /** Siblings are few: as many as we have addresses, and what hashes alike by chance. */
  add(path: Ipv6Path): void {
    const { word0, word1, word2, word3 } = path.destination
    const hash = this.#hash.hash4(word0, word1, word2, word3)
    const sibling = this.#byHash.get(hash) ?? null
    if (sibling === null && this.#byHash.size >= this.size) this.#evict()
    path.sibling = sibling
    this.#byHash.set(hash, path)
  }

  clear(): void {
    this.#byHash.clear()
  }

  #evict(): void {
    for (const [hash, path] of this.#byHash) {
      this.#byHash.delete(hash)
      if (!path.referenced) {
        this.evicted++
        return
      }
      path.referenced = false
      this.#byHash.set(hash, path)
    }
  }
}
