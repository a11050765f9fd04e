import { performance } from 'node:perf_hooks'
import type { Clock, Microseconds, Timer } from './clock.ts'
import { TimingWheel } from './timing-wheel.ts'

/**
 * Where time begins: beyond 2^31, so that times are in one machine representation (a double) from the first minute
 * of a process on, and no code is compiled anew when they outgrow a small integer after 35 minutes.
 */
const START: Microseconds = 2 ** 32

/** Longest delay of one host timer in milliseconds; a day is well below the 2^31 - 1 that `setTimeout` takes. */
const LONGEST_DELAY = 86_400_000

/**
 * The host's monotonic clock. All timers hang on one host timer, set for the earliest of them: when a later deadline
 * replaces an earlier one the host timer stays, and is set anew only once it has fired. Timers fire up to about a
 * millisecond late (the host timer's grain) and never early.
 *
 * The process stays alive while timers are armed, unless `unref` was called.
 */
export class HostClock implements Clock {
  readonly epoch: Microseconds
  readonly #originSeconds: number
  readonly #originNanoseconds: number
  readonly #wheel: TimingWheel
  readonly #onHostTimer = () => this.#fire()
  #timeout: NodeJS.Timeout | null = null
  #immediate: NodeJS.Immediate | null = null
  /** When the host timer will fire. */
  #wake: Microseconds = Number.POSITIVE_INFINITY
  #firing = false
  #keepsAlive = true
  #closed = false

  constructor() {
    const [seconds, nanoseconds] = process.hrtime()
    this.#originSeconds = seconds
    this.#originNanoseconds = nanoseconds
    this.epoch = Math.round((performance.timeOrigin + performance.now()) * 1000) - this.now()
    this.#wheel = new TimingWheel(this.now())
  }

  /** Whole microseconds. */
  now(): Microseconds {
    // The same clock as performance.now(), at two thirds of its cost.
    const time = process.hrtime()
    return START + (time[0] - this.#originSeconds) * 1_000_000 + Math.floor((time[1] - this.#originNanoseconds) / 1000)
  }

  arm(timer: Timer, expiry: Microseconds): void {
    const wheel = this.#wheel
    const wasIdle = wheel.size === 0
    wheel.insert(timer, expiry)
    if (this.#firing || this.#closed) return
    if (expiry < this.#wake) this.#setHostTimer(expiry)
    else if (wasIdle && this.#keepsAlive) this.#refHostTimer()
  }

  disarm(timer: Timer): void {
    if (timer.list < 0) return
    const wheel = this.#wheel
    wheel.remove(timer)
    // The host timer stays for whoever arms next, but must not hold up the end of the process.
    if (wheel.size === 0 && !this.#firing) this.#unrefHostTimer()
  }

  /** Timers armed. */
  get armedTimers(): number {
    return this.#wheel.size
  }

  /** Armed timers keep the process alive from now on, as they do to begin with. */
  ref(): this {
    this.#keepsAlive = true
    if (this.#wheel.size > 0) this.#refHostTimer()
    return this
  }

  /** Armed timers no longer keep the process alive. */
  unref(): this {
    this.#keepsAlive = false
    this.#unrefHostTimer()
    return this
  }

  /** Whether an immediate of this is among those of the process. */
  get hasImmediate(): boolean {
    return this.#immediate !== null
  }

  /** No timer fires any more. Idempotent. */
  close(): void {
    this.#closed = true
    this.#clearHostTimer()
  }

  #fire(): void {
    this.#timeout = null
    this.#immediate = null
    this.#wake = Number.POSITIVE_INFINITY
    this.#firing = true
    try {
      this.#wheel.run(this.now())
    } finally {
      // Also when a handler threw: the other timers' owners are not to blame.
      this.#firing = false
      const wake = this.#wheel.nextWake()
      if (wake !== Number.POSITIVE_INFINITY && !this.#closed) this.#setHostTimer(wake)
    }
  }

  #setHostTimer(wake: Microseconds): void {
    this.#clearHostTimer()
    const delay = Math.ceil((wake - this.now()) / 1000)
    // What is due fires in this turn of the event loop still; setTimeout would make it wait a millisecond.
    if (delay <= 0) this.#immediate = setImmediate(this.#onHostTimer)
    else this.#timeout = setTimeout(this.#onHostTimer, delay < LONGEST_DELAY ? delay : LONGEST_DELAY)
    this.#wake = wake
    if (!this.#keepsAlive) this.#unrefHostTimer()
  }

  #clearHostTimer(): void {
    if (this.#timeout !== null) clearTimeout(this.#timeout)
    else if (this.#immediate !== null) clearImmediate(this.#immediate)
    this.#timeout = null
    this.#immediate = null
    this.#wake = Number.POSITIVE_INFINITY
  }

  #refHostTimer(): void {
    this.#timeout?.ref()
  }

  /** An immediate holds the process for this turn only; without a reference it would wait until something else wakes the loop. */
  #unrefHostTimer(): void {
    this.#timeout?.unref()
  }
}
