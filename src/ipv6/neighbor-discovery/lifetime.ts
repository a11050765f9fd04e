import { type Clock, type Microseconds, SECOND, Timer, type TimerHandler } from '../../clock/index.ts'

/** RFC 4861, 4.6.2 and RFC 8106, 5.1: all bits set mean for ever. */
export const INFINITE_LIFETIME = 0xffffffff

/** When a lifetime in seconds, as it stands in options, ends: a point of time, or Infinity. */
export function endOfLifetime(now: Microseconds, seconds: number): Microseconds {
  return seconds === INFINITE_LIFETIME ? Number.POSITIVE_INFINITY : now + seconds * SECOND
}

/** One timer for a list of things that end: armed for the earliest, and its owner looks which those are. */
export class ExpiryTimer implements TimerHandler {
  readonly #clock: Clock
  readonly #expire: () => void
  readonly #timer: Timer

  /** @param expire drops what has ended, and calls `arm` again */
  constructor(clock: Clock, expire: () => void) {
    this.#clock = clock
    this.#expire = expire
    this.#timer = new Timer(this)
  }

  get armed(): boolean {
    return this.#timer.armed
  }

  /** @param earliest Infinity for never */
  arm(earliest: Microseconds): void {
    if (earliest === Number.POSITIVE_INFINITY) this.#clock.disarm(this.#timer)
    else this.#clock.arm(this.#timer, earliest)
  }

  stop(): void {
    this.#clock.disarm(this.#timer)
  }

  onTimer(): void {
    this.#expire()
  }
}
