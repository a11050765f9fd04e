/**
 * Time as protocol code sees it. No protocol module reads the host's clock: it is given a `Clock`, and under a
 * `VirtualClock` the whole stack becomes a deterministic function of its input.
 */

/** A span or point of time in microseconds. Points count from an arbitrary start and never go backwards. */
export type Microseconds = number

/** In microseconds. */
export const MILLISECOND: Microseconds = 1_000
/** In microseconds. */
export const SECOND: Microseconds = 1_000_000
/** In microseconds. */
export const MINUTE: Microseconds = 60 * SECOND

/** What a timer calls when it is due. A method on a long-lived object, so that arming a timer allocates nothing. */
export interface TimerHandler {
  /** @param timer the timer that is due; it is no longer armed and may be armed again from here. */
  onTimer(timer: Timer): void
}

/**
 * One timer, made once by its owner and armed as often as needed through `Clock.arm`. It is its own node in the
 * timing wheel's lists; the fields below `handler` belong to the wheel.
 */
export class Timer {
  readonly handler: TimerHandler
  /** When it is due; meaningful while armed. */
  expiry: Microseconds = 0
  /** The wheel's list that holds it, or -1 when it is not armed. */
  list = -1
  previous: Timer | null = null
  following: Timer | null = null
  /** Order of arming: timers due at the same microsecond fire first armed, first served. */
  sequence = 0

  constructor(handler: TimerHandler) {
    this.handler = handler
  }

  get armed(): boolean {
    return this.list >= 0
  }
}

/** Time and timers, for all protocol code: the host's (`HostClock`) or one that a test moves on (`VirtualClock`). */
export interface Clock {
  /** Monotonic time. */
  now(): Microseconds
  /** Wall-clock time at monotonic zero, microseconds since 1970-01-01 UTC; captures and certificates want it. */
  readonly epoch: Microseconds
  /** Arms a timer to fire at `expiry` (at once if that is past, but never from inside this call). Re-arms if armed. */
  arm(timer: Timer, expiry: Microseconds): void
  /** Disarms a timer; harmless if it is not armed. */
  disarm(timer: Timer): void
}
