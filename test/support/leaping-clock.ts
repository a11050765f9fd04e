import { type Clock, type Microseconds, type Timer, VirtualClock } from '../../src/clock/index.ts'

/** A virtual clock in a process that can sleep: what was due meanwhile is due all at once when it wakes. */
export class LeapingClock implements Clock {
  readonly clock = new VirtualClock()
  readonly epoch: Microseconds = this.clock.epoch
  readonly #armed = new Map<Timer, Microseconds>()
  #slept: Microseconds = 0

  now(): Microseconds {
    return this.clock.now() + this.#slept
  }

  arm(timer: Timer, expiry: Microseconds): void {
    this.#armed.set(timer, expiry)
    this.clock.arm(timer, expiry - this.#slept)
  }

  disarm(timer: Timer): void {
    this.#armed.delete(timer)
    this.clock.disarm(timer)
  }

  advance(duration: Microseconds): void {
    this.clock.advance(duration)
  }

  /** Time passes, and nothing happens meanwhile. */
  sleep(duration: Microseconds): void {
    this.#slept += duration
    for (const [timer, expiry] of this.#armed) {
      if (timer.armed) this.clock.arm(timer, expiry - this.#slept)
      else this.#armed.delete(timer)
    }
    this.clock.advance(0)
  }
}
