/**
 * When handles tell Node what happened: not from inside the stack, whose bursts no user callback must ever unwind, but in
 * turns of their own in the same pass of the event loop. After each handle's turn come `process.nextTick` and promises, as
 * after each of libuv's callbacks.
 */
import { performance } from 'node:perf_hooks'
import { nodeInternals } from './internals.ts'

export interface TurnTaker {
  /** Kept by `Turns`: it waits for its turn. */
  isQueued: boolean
  /**
   * Tells one event. Whatever it throws ends the process as an uncaught exception does, or goes to whoever has asked for
   * those.
   * @returns whether it told one, and so may have another
   */
  takeTurn(): boolean
  /** Whether it has more to send than there was room for: what it sends next need not go out piece by piece. */
  readonly isBulk: boolean
}

/** What is sent during turns, see `Ethernet.hold`. */
export interface HeldOutput {
  hold(): void
  release(): void
}

/** Milliseconds after which the rest waits for the next pass, so that timers and devices are not starved. */
const LONGEST_PASS = 4
/** The clock is looked at once in so many turns. */
const TURNS_PER_LOOK = 16
/** Events of one handle in a row, as libuv reads a stream before it looks after the next. */
const MOST_IN_A_ROW = 32
/** Entries that are done with, after which the list is shortened. */
const LONGEST_HISTORY = 1024

export class Turns {
  readonly #output: HeldOutput | null
  #waiting: TurnTaker[] = []
  #next = 0
  #scheduled = false
  /** Counts the passes. */
  pass = 0
  readonly #runTicks = nodeInternals().runTicks
  readonly #pass = () => this.#run()

  /** @param output what holds frames back while there is more to come; null: nothing does */
  constructor(output: HeldOutput | null = null) {
    this.#output = output
  }

  /** Gives `taker` a turn, one however often it asks before. */
  add(taker: TurnTaker): void {
    if (taker.isQueued) return
    taker.isQueued = true
    this.#waiting.push(taker)
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(this.#pass)
  }

  #run(): void {
    this.pass++
    // Who asks from now on is served in the next pass.
    const end = this.#waiting.length
    const deadline = performance.now() + LONGEST_PASS
    let current: TurnTaker | null = null
    try {
      while (this.#next < end) {
        current = this.#waiting[this.#next++]
        current.isQueued = false
        // Whoever is alone, or last, may do something long after it has written, and its peer shall not wait for that.
        if (this.#next < end || current.isBulk) this.#output?.hold()
        else this.#output?.release()
        if (!this.#serve(current)) this.add(current)
        current = null
        if (this.#next % TURNS_PER_LOOK === 0 && performance.now() >= deadline) break
      }
    } finally {
      // Also when an application threw: it may handle that and go on.
      this.#output?.release()
      if (current !== null) this.add(current)
      this.#goOn()
    }
  }

  /** @returns whether nothing is left to tell */
  #serve(taker: TurnTaker): boolean {
    const runTicks = this.#runTicks
    for (let told = 0; told < MOST_IN_A_ROW; told++) {
      if (!taker.takeTurn()) return true
      // Without it only the end of the pass, which setImmediate makes, lets them run.
      if (runTicks === null) return false
      runTicks()
    }
    return false
  }

  #goOn(): void {
    if (this.#next === this.#waiting.length) {
      this.#waiting = []
      this.#next = 0
      this.#scheduled = false
      return
    }
    if (this.#next >= LONGEST_HISTORY) {
      this.#waiting = this.#waiting.slice(this.#next)
      this.#next = 0
    }
    setImmediate(this.#pass)
  }
}
