import type { Microseconds, Timer } from './clock.ts'

/**
 * A hierarchical timing wheel (Varghese and Lauck, "Hashed and Hierarchical Timing Wheels", 1987, scheme 7): arming and
 * disarming take constant time, whatever the number of timers, and allocate nothing.
 *
 * Time is cut into ticks of 1,024 us. Four levels of 256 slots each hold the timers that are due after the current
 * tick: a timer sits at the level of the most significant base-256 digit in which its tick differs from the current
 * one, so everything at a lower level is due before anything at a higher one, and no slot is ever found by wrapping
 * round. When time reaches a slot of a higher level its timers move down. Timers due within the current tick are in a
 * small heap, ordered by their exact expiry and then by arming, so the tick bounds no one's precision.
 */

/** Microseconds in a tick. */
const TICK = 1024
const LEVELS = 4
const SLOT_BITS = 8
const SLOTS = 1 << SLOT_BITS
/** The list of timers beyond the reach of all levels: another block of 2^32 ticks, 50 days. */
const FAR = LEVELS * SLOTS
/** The list of timers armed during a run for a time that the run has reached: they wait for the next one. */
const DEFERRED = FAR + 1
/** `Timer.list` of a timer in the heap is this plus its index in the heap. */
const HEAP = DEFERRED + 1
const BLOCK = 2 ** 32
const BITMAP_WORDS = SLOTS / 32
/** A slot with more timers than this is not searched for the earliest: the start of the slot is bound enough. */
const SEARCH_LIMIT = 32

/** Timers in wheels of wheels: arming and disarming cost the same however many there are, and allocate nothing. */
export class TimingWheel {
  /** Timers armed. */
  size = 0

  /** The tick whose timers, and those of all before it, are in the heap. */
  #tick = 0
  /** First tick of the block of 2^32 that `#tick` is in. */
  #block = 0
  readonly #heads: (Timer | null)[] = new Array(DEFERRED + 1).fill(null)
  /** One bit for each slot that has timers, 8 words a level. */
  readonly #occupied = new Int32Array(LEVELS * BITMAP_WORDS)
  readonly #heap: Timer[] = []
  #sequence = 0
  #running = false
  #runTime: Microseconds = 0

  /** @param now where time begins */
  constructor(now: Microseconds) {
    this.#tick = Math.floor(now / TICK)
    this.#block = Math.floor(this.#tick / BLOCK) * BLOCK
  }

  /**
   * Arms a timer, or arms it anew.
   * @throws RangeError if `expiry` is not a number
   */
  insert(timer: Timer, expiry: Microseconds): void {
    if (!(expiry <= Number.POSITIVE_INFINITY)) throw new RangeError(`a timer's expiry is a number, not ${expiry}`)
    // Wraps round: only its order among timers of one expiry counts.
    const sequence = (this.#sequence = (this.#sequence + 1) | 0)
    const list = this.#listFor(expiry)
    if (list >= 0 && timer.list === list) {
      // Armed again for the same slot, as retransmission timers mostly are: slots need no order.
      timer.expiry = expiry
      timer.sequence = sequence
      return
    }
    if (timer.list >= 0) this.#unlink(timer)
    else this.size++
    timer.expiry = expiry
    timer.sequence = sequence
    this.#place(timer, list)
  }

  /** Disarms a timer; harmless if it is not armed. */
  remove(timer: Timer): void {
    if (timer.list < 0) return
    this.#unlink(timer)
    timer.list = -1
    this.size--
  }

  /**
   * Fires every timer due at `now` or before, by expiry and then by order of arming. Timers that the handlers arm for
   * `now` or before wait for the next run, so that no handler can keep a run going for ever. What a handler throws ends
   * the run with that exception; the timers left stay armed.
   * @returns how many fired
   */
  run(now: Microseconds): number {
    if (this.#running) throw new Error('a timer handler ran the clock that runs it')
    this.#moveTo(Math.floor(now / TICK))
    const heap = this.#heap
    if (heap.length === 0 || heap[0].expiry > now) return 0
    let fired = 0
    this.#running = true
    this.#runTime = now
    try {
      while (heap.length > 0 && heap[0].expiry <= now) {
        const timer = heap[0]
        this.#removeFromHeap(0)
        timer.list = -1
        this.size--
        fired++
        timer.handler.onTimer(timer)
      }
    } finally {
      this.#running = false
      this.#reinsertAll(DEFERRED)
    }
    return fired
  }

  /**
   * A time not after the earliest expiry, found without a long search: the exact expiry where that is near, otherwise
   * perhaps the beginning of a span of time that holds it. Infinity when no timer is armed.
   */
  nextWake(): Microseconds {
    if (this.#heap.length > 0) return this.#heap[0].expiry
    const list = this.#firstList()
    if (list < 0) return Number.POSITIVE_INFINITY
    let earliest = Number.POSITIVE_INFINITY
    let searched = 0
    for (let timer = this.#heads[list]; timer !== null; timer = timer.following) {
      if (++searched > SEARCH_LIMIT) return this.#startOf(list) * TICK
      if (timer.expiry < earliest) earliest = timer.expiry
    }
    return earliest
  }

  /** Whether handlers are being called. */
  get running(): boolean {
    return this.#running
  }

  /** The earliest expiry exactly, by searching one slot through; Infinity when no timer is armed. */
  nextExpiry(): Microseconds {
    let earliest = this.#heap.length > 0 ? this.#heap[0].expiry : Number.POSITIVE_INFINITY
    for (let timer = this.#heads[DEFERRED]; timer !== null; timer = timer.following) {
      if (timer.expiry < earliest) earliest = timer.expiry
    }
    if (earliest !== Number.POSITIVE_INFINITY) return earliest
    const list = this.#firstList()
    if (list < 0) return earliest
    for (let timer = this.#heads[list]; timer !== null; timer = timer.following) {
      if (timer.expiry < earliest) earliest = timer.expiry
    }
    return earliest
  }

  /** The list that a timer belongs in, or -1 for the heap. */
  #listFor(expiry: Microseconds): number {
    if (this.#running && expiry <= this.#runTime) return DEFERRED
    const tick = Math.floor(expiry / TICK)
    if (tick <= this.#tick) return -1
    if (tick - this.#block >= BLOCK) return FAR
    // Both are in one block, so their low 32 bits tell all.
    const low = tick | 0
    const level = (31 - Math.clz32(low ^ this.#tick)) >> 3
    return (level << SLOT_BITS) | ((low >>> (level << 3)) & (SLOTS - 1))
  }

  #place(timer: Timer, list: number): void {
    if (list < 0) {
      this.#addToHeap(timer)
      return
    }
    const head = this.#heads[list]
    timer.list = list
    timer.previous = null
    timer.following = head
    this.#heads[list] = timer
    if (head !== null) head.previous = timer
    else if (list < FAR) this.#occupied[list >>> 5] |= 1 << (list & 31)
  }

  #unlink(timer: Timer): void {
    const list = timer.list
    if (list >= HEAP) {
      this.#removeFromHeap(list - HEAP)
      return
    }
    const { previous, following } = timer
    timer.previous = null
    timer.following = null
    if (following !== null) following.previous = previous
    if (previous !== null) {
      previous.following = following
      return
    }
    this.#heads[list] = following
    if (following === null && list < FAR) this.#occupied[list >>> 5] &= ~(1 << (list & 31))
  }

  /** Moves on to a tick, and all timers that are due by then into the heap. Time does not go back. */
  #moveTo(tick: number): void {
    if (tick <= this.#tick) return
    for (let list = this.#firstList(); list >= 0; list = this.#firstList()) {
      const start = this.#startOf(list)
      if (start > tick) break
      this.#enter(start)
      this.#reinsertAll(list)
    }
    this.#enter(tick)
  }

  #enter(tick: number): void {
    this.#tick = tick
    if (tick - this.#block >= BLOCK) this.#block = Math.floor(tick / BLOCK) * BLOCK
  }

  #reinsertAll(list: number): void {
    let timer = this.#heads[list]
    this.#heads[list] = null
    if (list < FAR) this.#occupied[list >>> 5] &= ~(1 << (list & 31))
    while (timer !== null) {
      const { following } = timer
      timer.previous = null
      timer.following = null
      this.#place(timer, this.#listFor(timer.expiry))
      timer = following
    }
  }

  /** The occupied list that is reached next, or -1. */
  #firstList(): number {
    const occupied = this.#occupied
    for (let level = 0; level < LEVELS; level++) {
      const digit = (this.#tick >>> (level << 3)) & (SLOTS - 1)
      // Slots up to the current digit are past, and empty: whole words before it need no look.
      const end = (level + 1) * BITMAP_WORDS
      for (let word = level * BITMAP_WORDS + (digit >>> 5); word < end; word++) {
        const bits = occupied[word]
        if (bits !== 0) return (word << 5) + (31 - Math.clz32(bits & -bits))
      }
    }
    return this.#heads[FAR] === null ? -1 : FAR
  }

  /** The tick at which the span of a list begins. */
  #startOf(list: number): number {
    if (list === FAR) return this.#block + BLOCK
    const level = list >>> SLOT_BITS
    const slot = list & (SLOTS - 1)
    const span = 2 ** ((level + 1) << 3)
    const low = this.#tick - this.#block
    return this.#block + (low - (low % span)) + slot * 2 ** (level << 3)
  }

  #addToHeap(timer: Timer): void {
    const heap = this.#heap
    heap.push(timer)
    this.#siftUp(timer, heap.length - 1)
  }

  #removeFromHeap(index: number): void {
    const heap = this.#heap
    const last = heap.pop() as Timer
    if (index === heap.length) return
    if (index > 0 && isBefore(last, heap[(index - 1) >> 1])) this.#siftUp(last, index)
    else this.#siftDown(last, index)
  }

  #siftUp(timer: Timer, index: number): void {
    const heap = this.#heap
    while (index > 0) {
      const parentIndex = (index - 1) >> 1
      const parent = heap[parentIndex]
      if (!isBefore(timer, parent)) break
      heap[index] = parent
      parent.list = HEAP + index
      index = parentIndex
    }
    heap[index] = timer
    timer.list = HEAP + index
  }

  #siftDown(timer: Timer, index: number): void {
    const heap = this.#heap
    const length = heap.length
    for (;;) {
      let childIndex = 2 * index + 1
      if (childIndex >= length) break
      if (childIndex + 1 < length && isBefore(heap[childIndex + 1], heap[childIndex])) childIndex++
      const child = heap[childIndex]
      if (!isBefore(child, timer)) break
      heap[index] = child
      child.list = HEAP + index
      index = childIndex
    }
    heap[index] = timer
    timer.list = HEAP + index
  }
}

function isBefore(a: Timer, b: Timer): boolean {
  return a.expiry < b.expiry || (a.expiry === b.expiry && ((a.sequence - b.sequence) | 0) < 0)
}
