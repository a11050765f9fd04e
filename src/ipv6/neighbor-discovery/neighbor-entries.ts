import type { IpAddress } from '../../address/index.ts'
import type { Random } from '../../clock/index.ts'
import { AddressMap } from '../address-map.ts'
import { type Neighbor, NeighborState } from './neighbor.ts'

/**
 * The neighbours that we know, at most `size`, in order of last use. When it is full an entry gives way (RFC 6583, 7.1:
 * what works goes before what strangers make us ask for): first one that failed or that nobody here wanted, then one that
 * is still being resolved, then the least recently used. Permanent entries stay.
 */
export class NeighborEntries {
  readonly size: number
  readonly #map: AddressMap<Neighbor>
  #oldest: Neighbor | null = null
  #newest: Neighbor | null = null

  constructor(size: number, random: Random) {
    this.size = size
    this.#map = new AddressMap(random)
  }

  get count(): number {
    return this.#map.size
  }

  get isFull(): boolean {
    return this.#map.size >= this.size
  }

  get(address: IpAddress): Neighbor | null {
    return this.#map.get(address)
  }

  /** From the least to the most recently used. */
  *values(): IterableIterator<Neighbor> {
    for (let entry = this.#oldest; entry !== null; entry = entry.newer) yield entry
  }

  /** Makes it the most recently used. */
  touch(neighbor: Neighbor): void {
    if (neighbor === this.#newest) return
    this.#unlink(neighbor)
    this.#append(neighbor)
  }

  /** The caller has made room with `victim`. */
  add(neighbor: Neighbor): void {
    this.#map.add(neighbor)
    this.#append(neighbor)
  }

  /** Harmless if it is not there. */
  remove(neighbor: Neighbor): void {
    if (this.#map.get(neighbor.address) !== neighbor) return
    this.#map.remove(neighbor)
    this.#unlink(neighbor)
  }

  /** The entry that has to go before another is added; null if there is room, or if all are permanent. */
  victim(): Neighbor | null {
    if (!this.isFull) return null
    let resolving: Neighbor | null = null
    let oldest: Neighbor | null = null
    for (let entry = this.#oldest; entry !== null; entry = entry.newer) {
      if (entry.isPermanent) continue
      if (entry.state === NeighborState.Failed || !entry.asked) return entry
      if (resolving === null && entry.state === NeighborState.Incomplete) resolving = entry
      if (oldest === null) oldest = entry
    }
    return resolving ?? oldest
  }

  /** The one that has been in resolution for longest without being wanted again. */
  oldestIncomplete(): Neighbor | null {
    let entry = this.#oldest
    while (entry !== null && entry.state !== NeighborState.Incomplete) entry = entry.newer
    return entry
  }

  #append(neighbor: Neighbor): void {
    neighbor.older = this.#newest
    neighbor.newer = null
    if (this.#newest === null) this.#oldest = neighbor
    else this.#newest.newer = neighbor
    this.#newest = neighbor
  }

  #unlink(neighbor: Neighbor): void {
    if (neighbor.older === null) this.#oldest = neighbor.newer
    else neighbor.older.newer = neighbor.newer
    if (neighbor.newer === null) this.#newest = neighbor.older
    else neighbor.newer.older = neighbor.older
    neighbor.older = neighbor.newer = null
  }
}
