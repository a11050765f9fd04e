import { type Neighbor, NeighborState } from './neighbor.ts'

/**
 * The neighbours that we know, at most `size`, in order of last use. When it is full an entry gives way: first one
 * that failed or that we never sent through (all that a stranger's requests can make), then one that is still being
 * resolved, then the least recently used. Permanent entries stay.
 */
export class NeighborCache {
  readonly size: number
  /** In insertion order, which `touch` renews. */
  readonly #entries = new Map<number, Neighbor>()

  constructor(size: number) {
    this.size = size
  }

  get count(): number {
    return this.#entries.size
  }

  get(address: number): Neighbor | undefined {
    return this.#entries.get(address)
  }

  values(): IterableIterator<Neighbor> {
    return this.#entries.values()
  }

  /** Makes it the most recently used. */
  touch(neighbor: Neighbor): void {
    this.#entries.delete(neighbor.address)
    this.#entries.set(neighbor.address, neighbor)
  }

  /** The caller has made room with `victim`. */
  add(neighbor: Neighbor): void {
    this.#entries.set(neighbor.address, neighbor)
  }

  remove(neighbor: Neighbor): void {
    if (this.#entries.get(neighbor.address) === neighbor) this.#entries.delete(neighbor.address)
  }

  /** The entry that has to go before another is added; null if there is room, or if all are permanent. */
  victim(): Neighbor | null {
    if (this.#entries.size < this.size) return null
    let resolving: Neighbor | null = null
    let oldest: Neighbor | null = null
    for (const entry of this.#entries.values()) {
      if (entry.state === NeighborState.Permanent) continue
      if (entry.state === NeighborState.Failed || !entry.asked) return entry
      if (resolving === null && entry.state === NeighborState.Incomplete) resolving = entry
      if (oldest === null) oldest = entry
    }
    return resolving ?? oldest
  }

  get isFull(): boolean {
    return this.#entries.size >= this.size
  }
}
