import { type Clock, type Microseconds, SECOND } from '../clock/index.ts'

/** RFC 8415, section 14.1 suggests twenty packets in twenty seconds. */
const BURST = 20
const INTERVAL: Microseconds = 1 * SECOND

/** Keeps a client whose servers make no sense from flooding the link, RFC 8415, section 14.1: a token bucket. */
export class TransmitLimit {
  readonly #clock: Clock
  /** When the bucket would be full again. */
  #fullAt: Microseconds

  constructor(clock: Clock) {
    this.#clock = clock
    this.#fullAt = clock.now()
  }

  /** Takes leave to send. @returns 0 if it is given, else how long to wait before asking again */
  take(): Microseconds {
    const now = this.#clock.now()
    const fullAt = Math.max(this.#fullAt, now) + INTERVAL
    const excess = fullAt - now - BURST * INTERVAL
    if (excess > 0) return excess
    this.#fullAt = fullAt
    return 0
  }
}
