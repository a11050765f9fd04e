import { type Clock, type Microseconds, SECOND, type Timer } from './clock.ts'
import { TimingWheel } from './timing-wheel.ts'

/** 2020-01-01T00:00:00Z, so that captures made in virtual time carry the same times at every run. */
const EPOCH: Microseconds = 1_577_836_800 * SECOND

/** Runs at one instant after which timers must be arming each other for ever. */
const RUNS_PER_INSTANT = 100_000

/** How far `runUntilIdle` and `settle` go unless told: an hour of virtual time. */
const DEFAULT_LIMIT: Microseconds = 3600 * SECOND

/**
 * A clock that stands still until it is told to go on: hours of protocol time pass in milliseconds, and in the same
 * order at every run. While a timer fires, `now()` is exactly its expiry.
 */
export class VirtualClock implements Clock {
  readonly epoch: Microseconds
  readonly #wheel: TimingWheel
  #now: Microseconds
  /** Of the last run, for `#countRuns`. */
  #instant: Microseconds = Number.NEGATIVE_INFINITY

  /** @param now the time to begin with @param epoch wall-clock time at zero, microseconds since 1970-01-01 UTC */
  constructor(now: Microseconds = 0, epoch: Microseconds = EPOCH) {
    this.#now = now
    this.epoch = epoch
    this.#wheel = new TimingWheel(now)
  }

  now(): Microseconds {
    return this.#now
  }

  arm(timer: Timer, expiry: Microseconds): void {
    this.#wheel.insert(timer, expiry)
  }

  disarm(timer: Timer): void {
    this.#wheel.remove(timer)
  }

  /** Timers armed. */
  get armedTimers(): number {
    return this.#wheel.size
  }

  /** When the next timer is due; undefined when none is armed. In the past for one that was armed so. */
  nextExpiry(): Microseconds | undefined {
    const expiry = this.#wheel.nextExpiry()
    return expiry === Number.POSITIVE_INFINITY ? undefined : expiry
  }

  /** Lets `duration` pass. @returns how many timers fired */
  advance(duration: Microseconds): number {
    return this.advanceTo(this.#now + duration)
  }

  /**
   * Lets time pass until `time`, firing each timer at its own expiry. Timers that a handler arms for the present fire
   * at the same instant, after those that were armed before.
   * @returns how many timers fired
   * @throws RangeError if `time` is past
   * @throws Error if timers keep arming each other for the present
   */
  advanceTo(time: Microseconds): number {
    this.#checkTarget(time)
    let fired = 0
    let runs = 0
    for (let count = this.#step(time); count > 0; count = this.#step(time)) {
      fired += count
      runs = this.#countRuns(runs)
    }
    this.#now = time
    return fired
  }

  /**
   * As `advance`, letting promises settle and `setImmediate` callbacks run before, between and after the instants at
   * which timers fire, so that code written with promises meets the same order of events at every run.
   * @param turns of the event loop at each instant; more than 1 where code itself chains several `setImmediate`
   */
  async advanceAsync(duration: Microseconds, turns = 1): Promise<number> {
    return this.advanceToAsync(this.#now + duration, turns)
  }

  /** As `advanceTo` and `advanceAsync`. */
  async advanceToAsync(time: Microseconds, turns = 1): Promise<number> {
    this.#checkTarget(time)
    let fired = 0
    let runs = 0
    await eventLoopTurns(turns)
    for (let count = this.#step(time); count > 0; count = this.#step(time)) {
      fired += count
      runs = this.#countRuns(runs)
      await eventLoopTurns(turns)
    }
    // Whoever advanced this clock meanwhile has moved it on for both.
    if (time > this.#now) this.#now = time
    return fired
  }

  /**
   * Goes from timer to timer until none is armed, or until `limit` has passed.
   * @returns whether no timer is armed; time then stands at the last that fired, otherwise at the limit
   */
  runUntilIdle(limit: Microseconds = DEFAULT_LIMIT): boolean {
    const end = this.#now + limit
    this.#checkTarget(end)
    let runs = 0
    while (this.#step(end) > 0) runs = this.#countRuns(runs)
    if (this.#wheel.size > 0) this.#now = end
    return this.#wheel.size === 0
  }

  /** As `runUntilIdle`, with turns of the event loop between instants as in `advanceAsync`. */
  async runUntilIdleAsync(limit: Microseconds = DEFAULT_LIMIT, turns = 1): Promise<boolean> {
    const end = this.#now + limit
    this.#checkTarget(end)
    let runs = 0
    await eventLoopTurns(turns)
    while (this.#step(end) > 0) {
      runs = this.#countRuns(runs)
      await eventLoopTurns(turns)
    }
    if (this.#wheel.size > 0 && end > this.#now) this.#now = end
    return this.#wheel.size === 0
  }

  /**
   * Lets virtual time pass until a promise settles, and no longer.
   * @returns what it resolves with; rejects with what it rejects with
   * @throws Error if it has not settled when `limit` has passed, or when no timer is left that could settle it
   */
  async settle<T>(promise: PromiseLike<T>, limit: Microseconds = DEFAULT_LIMIT, turns = 1): Promise<T> {
    let settled = false
    const settles = () => {
      settled = true
    }
    promise.then(settles, settles)
    const end = this.#now + limit
    this.#checkTarget(end)
    let runs = 0
    await eventLoopTurns(turns)
    while (!settled) {
      if (this.#step(end) === 0) {
        const why = this.#wheel.size === 0 ? 'no timer is armed' : `${limit} us have passed`
        throw new Error(`the promise has not settled in virtual time: ${why}`)
      }
      runs = this.#countRuns(runs)
      await eventLoopTurns(turns)
    }
    return promise
  }

  #checkTarget(time: Microseconds): void {
    if (!(time >= this.#now)) throw new RangeError(`virtual time is at ${this.#now} us and does not go back to ${time}`)
    if (this.#wheel.running) throw new Error('a timer handler ran the clock that runs it')
  }

  /** Moves to the next expiry, if that is not after `limit`, and fires what is due there. @returns how many fired */
  #step(limit: Microseconds): number {
    const wheel = this.#wheel
    for (;;) {
      // Not exact for far timers, but never late: running there moves them nearer and fires none.
      const wake = wheel.nextWake()
      if (!(wake <= limit) || wake === Number.POSITIVE_INFINITY) return 0
      if (wake > this.#now) this.#now = wake
      const fired = wheel.run(this.#now)
      if (fired > 0) return fired
    }
  }

  #countRuns(runs: number): number {
    if (this.#instant !== this.#now) {
      this.#instant = this.#now
      return 0
    }
    if (runs >= RUNS_PER_INSTANT) throw new Error(`timers arm each other without end at ${this.#now} us`)
    return runs + 1
  }
}

/** All promises that can settle now have done so after one turn of the event loop. */
async function eventLoopTurns(turns: number): Promise<void> {
  for (let turn = 0; turn < turns; turn++) await new Promise((resolve) => setImmediate(resolve))
}
