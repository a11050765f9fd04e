/**
 * The memory for data ahead of gaps, of all connections together. When it is used up, the connection with the most of it
 * gives up its last page, unless whoever asks has about as much: so nobody who holds much, or has fallen silent, keeps
 * others from getting their share. Giving up what was selectively acknowledged is allowed: RFC 2018, section 8; Linux
 * (tcp_prune_ofo_queue) also drops from the end.
 */
import { type Microseconds, SECOND } from '../clock/index.ts'
import type { TcpCounters } from './counters.ts'
import { type OutOfOrderQueue, PAGE_SIZE } from './out-of-order-queue.ts'

/** Lists of queues with 1, 2 to 3, 4 to 7, ... pages. */
const LISTS = 20
/** Whoever has left a gap open for so long gives up its pages even to those that have as many. */
const SILENCE: Microseconds = 10 * SECOND

/** Of the receive budget, so much at most lies ahead of gaps. */
const BUDGET_SHARE = 4

/** The limit for `OutOfOrderMemory`. @param budget in bytes */
export function outOfOrderPages(budget: number): number {
  return Math.max(Math.floor(budget / BUDGET_SHARE / PAGE_SIZE), 1)
}

/** Pages that wait to be used again, so that who makes us take and give up pages makes us allocate nothing. */
const MOST_SPARE = 64

/** A piece of the sequence space. */
export class Page {
  // `allocUnsafe` would take slices of Node's shared pool and pin it.
  readonly bytes = Buffer.allocUnsafeSlow(PAGE_SIZE)
  /** The application has got a part of it as its own: it is never used again. */
  isGiven = false
}

export class OutOfOrderMemory {
  /** Pages in use, and how many there may be. */
  used = 0
  readonly limit: number
  readonly #spare: Page[] = []
  readonly #counters: TcpCounters
  /** First and last of each list: first who took something in longest ago. */
  readonly #first: (OutOfOrderQueue | null)[] = new Array(LISTS).fill(null)
  readonly #last: (OutOfOrderQueue | null)[] = new Array(LISTS).fill(null)

  /** @param limit in pages */
  constructor(limit: number, counters: TcpCounters) {
    this.limit = limit
    this.#counters = counters
  }

  /** Whether the queue may have so many more pages; they count from now on. */
  grant(queue: OutOfOrderQueue, pages: number, now: Microseconds): boolean {
    const wanted = queue.pages + pages
    while (this.used + pages > this.limit) {
      const victim = this.#victim(queue, wanted, now)
      if (victim === null) return false
      this.#counters.OfoPruned++
      victim.prune()
    }
    this.used += pages
    return true
  }

  /** Bytes that the pages in use take. */
  get bytes(): number {
    return this.used * PAGE_SIZE
  }

  /** One of the pages that were granted. */
  takePage(): Page {
    return this.#spare.pop() ?? new Page()
  }

  /** The queue holds this page no longer; it says so in `release`. */
  returnPage(page: Page): void {
    if (!page.isGiven && this.#spare.length < MOST_SPARE) this.#spare.push(page)
  }

  /** The queue takes something in: it is the last of its list to give up anything. */
  use(queue: OutOfOrderQueue, now: Microseconds): void {
    const list = listOf(queue.pages)
    if (queue.usedAt === now && queue.list === list) return
    queue.usedAt = now
    this.#move(queue, list)
  }

  /** The queue holds so many pages less. */
  release(queue: OutOfOrderQueue, pages: number): void {
    this.used -= pages
    const list = listOf(queue.pages)
    if (list !== queue.list) this.#move(queue, list)
  }

  #victim(queue: OutOfOrderQueue, wanted: number, now: Microseconds): OutOfOrderQueue | null {
    for (let list = LISTS - 1; list >= 0; list--) {
      const candidate = this.#first[list]
      if (candidate === null || candidate === queue) continue
      if (candidate.pages > wanted || now - candidate.usedAt > SILENCE) return candidate
    }
    return null
  }

  #move(queue: OutOfOrderQueue, list: number): void {
    if (queue.list >= 0) {
      if (queue.previous === null) this.#first[queue.list] = queue.next
      else queue.previous.next = queue.next
      if (queue.next === null) this.#last[queue.list] = queue.previous
      else queue.next.previous = queue.previous
    }
    queue.list = list
    queue.next = null
    queue.previous = null
    if (list < 0) return
    const last = this.#last[list]
    queue.previous = last
    if (last === null) this.#first[list] = queue
    else last.next = queue
    this.#last[list] = queue
  }
}

/** -1: holds nothing, and is in no list. */
function listOf(pages: number): number {
  return Math.min(31 - Math.clz32(pages), LISTS - 1)
}
