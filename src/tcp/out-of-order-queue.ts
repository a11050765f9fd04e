/**
 * Data that arrived ahead of a gap (RFC 9293, 3.10.7.4: "segments with higher beginning sequence numbers SHOULD be held
 * for later processing"). It is copied out of packet memory at once, the one copy that the reader would have caused
 * anyway, so that whoever sends single bytes far apart and falls silent holds no packets.
 *
 * Bytes lie in pages by their sequence number, so that their place never changes; what is there is a sorted list of
 * islands, which are also what selective acknowledgments report. However segments come, finding their place takes some
 * ten comparisons.
 */
import type { OutOfOrderMemory, Page } from './out-of-order-memory.ts'
import type { ReceiveQueue } from './receive-queue.ts'
import { advance, distance, type SequenceNumber, sequenceNumber } from './sequence-number.ts'

/** Bytes of a page. Larger ones would let a single byte pin more, smaller ones cost more allocations. */
export const PAGE_SIZE = 16_384
const PAGE_SHIFT = 14
const OFFSET_MASK = PAGE_SIZE - 1
/** What every connection may have: also one whose islands are a byte each, all in one page. */
export const MOST_ISLANDS = 1024
/**
 * Whoever holds many pages may have so many for each: a queue that overflows in slow start drops every second segment, and
 * a page has 12 full ones, or 31 of 536 bytes. The list of islands takes an 80th of what the pages take then.
 */
export const ISLANDS_PER_PAGE = 24
/** Islands that there is room for at first. */
const FIRST_CAPACITY = 4

export class OutOfOrderQueue {
  /** Islands, and their edges in ascending order: the first byte's number, and the one behind the last byte. */
  count = 0
  starts = new Int32Array(FIRST_CAPACITY)
  ends = new Int32Array(FIRST_CAPACITY)
  bytes = 0
  /** Where a FIN that arrived ahead of a gap stands; meaningful while `hasFin`. */
  hasFin = false
  fin: SequenceNumber = sequenceNumber(0)
  /** What the last `insert` brought once more: its first part, while `hasDuplicate`. */
  hasDuplicate = false
  duplicateStart: SequenceNumber = sequenceNumber(0)
  duplicateEnd: SequenceNumber = sequenceNumber(0)

  // For `OutOfOrderMemory`: the list of those of about the same size, by the time when they last took something in.
  list = -1
  previous: OutOfOrderQueue | null = null
  next: OutOfOrderQueue | null = null
  usedAt = Number.NEGATIVE_INFINITY

  readonly #memory: OutOfOrderMemory
  /** By the upper bits of the sequence number: a window, 1 GiB at most, never reaches round to the same page. */
  readonly #pages = new Map<number, Page>()

  constructor(memory: OutOfOrderMemory) {
    this.#memory = memory
  }

  /** Pages held. */
  get pages(): number {
    return this.#pages.size
  }

  /** Islands that there may be now. */
  get mostIslands(): number {
    return Math.max(MOST_ISLANDS, this.#pages.size * ISLANDS_PER_PAGE)
  }

  /**
   * Copies [position, position + length) of `source`, whose first byte has the number `start`. What is already there wins
   * over what comes later: a peer cannot change bytes after the fact.
   * @param length at least 1
   * @returns false if there is no room; nothing is taken then
   */
  insert(source: Uint8Array, position: number, start: SequenceNumber, length: number, now: number): boolean {
    const end = advance(start, length)
    // Islands from `first` on and before `last` overlap the segment or touch it.
    const first = this.#firstEndingFrom(start)
    let last = first
    while (last < this.count && ((this.starts[last] - end) | 0) <= 0) last++
    this.hasDuplicate = false
    if (first === last && this.count >= this.mostIslands) return false
    const fresh = this.#missingPages(start, end)
    if (fresh > 0 && !this.#memory.grant(this, fresh, now)) return false
    let cursor = start
    for (let i = first; i < last; i++) {
      const gap = (this.starts[i] - cursor) | 0
      if (gap > 0) {
        this.#copy(source, position + distance(cursor, start), cursor, gap)
        cursor = advance(cursor, gap)
      }
      const covered = Math.min((this.ends[i] - cursor) | 0, distance(end, cursor))
      if (covered <= 0) continue
      if (!this.hasDuplicate) {
        this.hasDuplicate = true
        this.duplicateStart = cursor
        this.duplicateEnd = advance(cursor, covered)
      }
      cursor = advance(cursor, covered)
    }
    const rest = distance(end, cursor)
    if (rest > 0) this.#copy(source, position + distance(cursor, start), cursor, rest)
    this.#join(first, last, start, end)
    this.#memory.use(this, now)
    return true
  }

  /** The island that holds the byte of this number; -1 if it is not there. */
  find(sequence: number): number {
    const index = this.#firstEndingFrom(sequence + 1)
    return index < this.count && ((this.starts[index] - sequence) | 0) <= 0 ? index : -1
  }

  /** Whether nothing is missing before the first island any more. */
  isReady(receiveNext: SequenceNumber): boolean {
    return this.count > 0 && ((this.starts[0] - receiveNext) | 0) <= 0
  }

  /**
   * Takes the first island out, and gives what of it is not before `receiveNext` to `target`, or to nobody.
   * @returns how many bytes that is
   */
  shift(receiveNext: SequenceNumber, target: ReceiveQueue | null): number {
    const start = sequenceNumber(this.starts[0])
    const end = sequenceNumber(this.ends[0])
    const from = distance(receiveNext, start) > 0 ? receiveNext : start
    const length = Math.max(distance(end, from), 0)
    if (target !== null) {
      for (let done = 0; done < length; ) {
        const sequence = advance(from, done)
        const offset = sequence & OFFSET_MASK
        const count = Math.min(length - done, PAGE_SIZE - offset)
        const page = this.#pages.get(sequence >>> PAGE_SHIFT)!
        if (target.give(page.bytes, offset, offset + count)) page.isGiven = true
        done += count
      }
    }
    this.bytes -= distance(end, start)
    this.#removeFirst()
    const before = this.#pages.size
    // The last page may be that of the next island, too.
    const kept = this.count > 0 ? this.starts[0] >>> PAGE_SHIFT : -1
    for (let sequence = start & ~OFFSET_MASK; ((sequence - end) | 0) < 0; sequence += PAGE_SIZE) {
      if (sequence >>> PAGE_SHIFT !== kept) this.#drop(sequence >>> PAGE_SHIFT)
    }
    this.#memory.release(this, before - this.#pages.size)
    return length
  }

  /**
   * Gives up the last page and what lies in it, which the peer then has to send again: RFC 2018, section 8, allows it
   * where memory is short. There must be one.
   */
  prune(): void {
    const page = (this.ends[this.count - 1] - 1) & ~OFFSET_MASK
    while (this.count > 0 && ((this.starts[this.count - 1] - page) | 0) >= 0) {
      this.count--
      this.bytes -= (this.ends[this.count] - this.starts[this.count]) | 0
    }
    const cut = this.count > 0 ? (this.ends[this.count - 1] - page) | 0 : 0
    if (cut > 0) {
      this.ends[this.count - 1] = page
      this.bytes -= cut
    }
    this.#drop(page >>> PAGE_SHIFT)
    // Who has no page shall cost next to nothing.
    if (this.count === 0) this.#shrink()
    this.#memory.release(this, 1)
  }

  clear(): void {
    const { size } = this.#pages
    for (const page of this.#pages.values()) this.#memory.returnPage(page)
    this.#pages.clear()
    this.count = this.bytes = 0
    this.hasFin = false
    this.#memory.release(this, size)
  }

  /** The first island that ends at `sequence` or behind it. */
  #firstEndingFrom(sequence: number): number {
    const { ends } = this
    let low = 0
    let high = this.count
    // Behind one gap all that follows comes in order, and joins the last island.
    if (high > 0 && ends[high - 1] === (sequence | 0)) return high - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (((ends[middle] - sequence) | 0) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** How many pages have to be allocated for [start, end). */
  #missingPages(start: SequenceNumber, end: SequenceNumber): number {
    let count = 0
    for (let sequence = start & ~OFFSET_MASK; ((sequence - end) | 0) < 0; sequence += PAGE_SIZE) {
      if (!this.#pages.has(sequence >>> PAGE_SHIFT)) count++
    }
    return count
  }

  #copy(source: Uint8Array, position: number, start: SequenceNumber, length: number): void {
    for (let done = 0; done < length; ) {
      const sequence = advance(start, done)
      const offset = sequence & OFFSET_MASK
      const count = Math.min(length - done, PAGE_SIZE - offset)
      let page = this.#pages.get(sequence >>> PAGE_SHIFT)
      if (page === undefined) {
        page = this.#memory.takePage()
        this.#pages.set(sequence >>> PAGE_SHIFT, page)
      }
      page.bytes.set(source.subarray(position + done, position + done + count), offset)
      done += count
    }
    this.bytes += length
  }

  #drop(number: number): void {
    const page = this.#pages.get(number)
    if (page === undefined) return
    this.#pages.delete(number)
    this.#memory.returnPage(page)
  }

  /** Makes one island of [start, end) and those from `first` on and before `last`. */
  #join(first: number, last: number, start: SequenceNumber, end: SequenceNumber): void {
    if (first === last) {
      if (this.count === this.starts.length) this.#grow()
      this.starts.copyWithin(first + 1, first, this.count)
      this.ends.copyWithin(first + 1, first, this.count)
      this.count++
      this.starts[first] = start
      this.ends[first] = end
      return
    }
    if (((this.starts[first] - start) | 0) > 0) this.starts[first] = start
    const furthest = this.ends[last - 1]
    this.ends[first] = ((furthest - end) | 0) > 0 ? furthest : end
    if (last - first > 1) {
      this.starts.copyWithin(first + 1, last, this.count)
      this.ends.copyWithin(first + 1, last, this.count)
      this.count -= last - first - 1
    }
  }

  #removeFirst(): void {
    this.starts.copyWithin(0, 1, this.count)
    this.ends.copyWithin(0, 1, this.count)
    this.count--
  }

  #shrink(): void {
    if (this.starts.length === FIRST_CAPACITY) return
    this.starts = new Int32Array(FIRST_CAPACITY)
    this.ends = new Int32Array(FIRST_CAPACITY)
  }

  #grow(): void {
    const starts = new Int32Array(this.starts.length * 4)
    const ends = new Int32Array(starts.length)
    starts.set(this.starts)
    ends.set(this.ends)
    this.starts = starts
    this.ends = ends
  }
}
