/** Answers that are kept as long as their TTL says: RFC 1035, section 7.4; negative ones: RFC 2308. */
import { type Clock, type Microseconds, SECOND } from '../clock/index.ts'
import type { DnsAnswer } from './answer.ts'
import type { DnsCounters } from './counters.ts'

/** Seconds. RFC 8767, section 4: a longer TTL is hardly meant. */
const LONGEST_TTL = 604_800
/** Seconds. RFC 2308, section 5: one to three hours have been found to work well. */
const LONGEST_NEGATIVE_TTL = 10_800
/** Bytes that one entry may be of, for each that the cache may have on average: a few long answers push out many short. */
const AVERAGE_BYTES = 1024
/** What an entry costs beside its message. */
const OVERHEAD_BYTES = 256

interface Entry {
  readonly answer: DnsAnswer
  readonly from: Microseconds
  readonly until: Microseconds
  readonly bytes: number
}

export class DnsCache {
  readonly #clock: Clock
  readonly #counters: DnsCounters
  readonly #size: number
  /** In the order of last use: the first has been unused for longest. */
  readonly #entries = new Map<string, Entry>()
  #bytes = 0

  /** @param size answers that are kept; 0 keeps none */
  constructor(clock: Clock, counters: DnsCounters, size: number) {
    this.#clock = clock
    this.#counters = counters
    this.#size = size
  }

  get size(): number {
    return this.#entries.size
  }

  /** The answer with what is left of its TTLs, or null. */
  get(key: string): DnsAnswer | null {
    const entry = this.#entries.get(key)
    if (entry === undefined) return null
    const now = this.#clock.now()
    if (now >= entry.until) {
      this.#delete(key, entry)
      return null
    }
    this.#entries.delete(key)
    this.#entries.set(key, entry)
    this.#counters.cacheHits++
    if (entry.answer.code !== null) this.#counters.negativeHits++
    const age = Math.floor((now - entry.from) / SECOND)
    if (age === 0) return entry.answer
    return {
      ...entry.answer,
      ttl: entry.answer.ttl - age,
      records: entry.answer.records.map((record) => ({ ...record, ttl: record.ttl - age })),
    }
  }

  /** Keeps an answer for as long as it says, nothing for one that says 0. */
  put(key: string, answer: DnsAnswer): void {
    const known = this.#entries.get(key)
    if (known !== undefined) this.#delete(key, known)
    const ttl = Math.min(answer.ttl, answer.code === null ? LONGEST_TTL : LONGEST_NEGATIVE_TTL)
    const bytes = answer.bytes + OVERHEAD_BYTES
    if (ttl <= 0 || this.#size === 0 || bytes > this.#size * AVERAGE_BYTES) return
    const from = this.#clock.now()
    this.#entries.set(key, { answer, from, until: from + ttl * SECOND, bytes })
    this.#bytes += bytes
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#size && this.#bytes <= this.#size * AVERAGE_BYTES) break
      this.#delete(oldest, entry)
      this.#counters.cacheEvicted++
    }
  }

  clear(): void {
    this.#entries.clear()
    this.#bytes = 0
  }

  #delete(key: string, entry: Entry): void {
    this.#entries.delete(key)
    this.#bytes -= entry.bytes
  }
}
