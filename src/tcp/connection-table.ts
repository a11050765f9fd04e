/**
 * The connection table: open addressing with linear probing over a keyed hash, so that a peer cannot choose its ports
 * to make one probe sequence long. Deletion shifts back; there are no tombstones.
 */

import type { IpAddress } from '../address/index.ts'
import type { KeyedHash } from '../clock/index.ts'

/**
 * What the table compares; a connection and a TIME-WAIT record both are one. The addresses stand in the path, which
 * connections of one destination share: nine words in each of a million connections would be 72 MB.
 */
export interface ConnectionKey {
  readonly path: { readonly source: IpAddress; readonly destination: IpAddress }
  /** Remote port in the upper half, local port in the lower. */
  readonly incomingPorts: number
}

const LEAST_CAPACITY = 64

export class ConnectionTable<Entry extends ConnectionKey> {
  size = 0
  readonly #hash: KeyedHash
  #entries: (Entry | null)[]
  #hashes: Int32Array
  #mask: number

  constructor(hash: KeyedHash) {
    this.#hash = hash
    this.#entries = new Array(LEAST_CAPACITY).fill(null)
    this.#hashes = new Int32Array(LEAST_CAPACITY)
    this.#mask = LEAST_CAPACITY - 1
  }

  /** Addresses are given as the words of `IpAddress`. */
  find(
    local0: number,
    local1: number,
    local2: number,
    local3: number,
    remote0: number,
    remote1: number,
    remote2: number,
    remote3: number,
    incomingPorts: number,
  ): Entry | null {
    const hash = this.#hash.hash9(local0, local1, local2, local3, remote0, remote1, remote2, remote3, incomingPorts)
    const entries = this.#entries
    const hashes = this.#hashes
    for (let i = hash & this.#mask; ; i = (i + 1) & this.#mask) {
      const entry = entries[i]
      if (entry === null) return null
      // Nearly always, who has the same hash is the one: nobody else's memory is touched.
      if (hashes[i] !== hash || entry.incomingPorts !== incomingPorts) continue
      const { source, destination } = entry.path
      if (
        destination.word3 === remote3 &&
        source.word3 === local3 &&
        destination.word2 === remote2 &&
        source.word2 === local2 &&
        destination.word1 === remote1 &&
        source.word1 === local1 &&
        destination.word0 === remote0 &&
        source.word0 === local0
      ) {
        return entry
      }
    }
  }

  /** The entry must not be in the table, nor another with the same key. */
  add(entry: Entry): void {
    if ((this.size + 1) * 2 > this.#entries.length) this.#resize(this.#entries.length * 2)
    this.#place(entry, this.#hashOfEntry(entry))
    this.size++
  }

  /** Puts `entry` where `old`, which has the same key, was. */
  replace(old: Entry, entry: Entry): void {
    this.#entries[this.#indexOf(old)] = entry
  }

  delete(entry: Entry): void {
    let hole = this.#indexOf(entry)
    const entries = this.#entries
    const mask = this.#mask
    // Whoever stands behind the hole and hashes to it or before it moves up.
    for (let i = (hole + 1) & mask; entries[i] !== null; i = (i + 1) & mask) {
      const home = this.#hashes[i] & mask
      if (((i - home) & mask) >= ((i - hole) & mask)) {
        entries[hole] = entries[i]
        this.#hashes[hole] = this.#hashes[i]
        hole = i
      }
    }
    entries[hole] = null
    this.size--
    if (entries.length > LEAST_CAPACITY && this.size * 8 < entries.length) this.#resize(entries.length / 2)
  }

  forEach(visit: (entry: Entry) => void): void {
    // A copy: the visitor may delete.
    for (const entry of this.#entries.slice()) if (entry !== null) visit(entry)
  }

  #indexOf(entry: Entry): number {
    let i = this.#hashOfEntry(entry) & this.#mask
    while (this.#entries[i] !== entry) {
      if (this.#entries[i] === null) throw new Error('not in the connection table')
      i = (i + 1) & this.#mask
    }
    return i
  }

  #place(entry: Entry, hash: number): void {
    let i = hash & this.#mask
    while (this.#entries[i] !== null) i = (i + 1) & this.#mask
    this.#entries[i] = entry
    this.#hashes[i] = hash
  }

  #resize(capacity: number): void {
    const entries = this.#entries
    const hashes = this.#hashes
    this.#entries = new Array(capacity).fill(null)
    this.#hashes = new Int32Array(capacity)
    this.#mask = capacity - 1
    for (let i = 0; i < entries.length; i++) {
      const entry = entries[i]
      if (entry !== null) this.#place(entry, hashes[i])
    }
  }

  #hashOfEntry(entry: Entry): number {
    const { source, destination } = entry.path
    return this.#hash.hash9(
      source.word0,
      source.word1,
      source.word2,
      source.word3,
      destination.word0,
      destination.word1,
      destination.word2,
      destination.word3,
      entry.incomingPorts,
    )
  }
}
