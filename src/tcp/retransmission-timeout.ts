/** Round-trip time estimation and the retransmission timeout, RFC 6298. */
import { MILLISECOND, type Microseconds, SECOND } from '../clock/index.ts'

/** RFC 6298, 2.1. */
export const INITIAL_TIMEOUT: Microseconds = 1 * SECOND
/** RFC 6298, 2.4 says 1 s; Linux (TCP_RTO_MIN) and every modern stack take 200 ms. */
export const LEAST_TIMEOUT: Microseconds = 200 * MILLISECOND
/** RFC 6298, 2.5 allows a bound of 60 s or more; Linux (TCP_RTO_MAX) takes 120 s. */
export const LARGEST_TIMEOUT: Microseconds = 120 * SECOND

/** What is longer counts as this: beyond every timeout, and still a small integer in eighths. */
const LONGEST_SAMPLE: Microseconds = 128 * SECOND

export class RetransmissionTimeout {
  // Eighths and quarters of a microsecond, as Linux has them: whole numbers, for which V8 needs no box.
  #smoothed = 0
  #variation = 0
  /** RTO without backoff. */
  base: Microseconds = INITIAL_TIMEOUT
  /** How often the timer has expired in a row: each time doubles the timeout (5.5). */
  backoff = 0

  /** SRTT, or 0 before the first sample. */
  get smoothed(): Microseconds {
    return this.#smoothed / 8
  }

  set smoothed(time: Microseconds) {
    this.#smoothed = Math.round(8 * Math.min(time, LONGEST_SAMPLE))
  }

  /** RTTVAR. */
  get variation(): Microseconds {
    return this.#variation / 4
  }

  /** The timeout now, backoff included. */
  get current(): Microseconds {
    return Math.min(this.base * 2 ** this.backoff, LARGEST_TIMEOUT)
  }

  /** Takes a round-trip sample; Karn's algorithm (section 3) is the caller's: no samples of retransmitted data. */
  sample(roundTrip: Microseconds): void {
    const sample = Math.min(Math.max(roundTrip, 1), LONGEST_SAMPLE)
    if (this.#smoothed === 0) {
      // 2.2
      this.#smoothed = Math.round(8 * sample)
      this.#variation = Math.round(2 * sample)
    } else {
      // 2.3: the variance is updated before the mean, with the old mean.
      this.#variation = Math.round(this.#variation * 0.75 + Math.abs(this.smoothed - sample))
      this.#smoothed = Math.round(this.#smoothed * 0.875 + sample)
    }
    // 2.3; as in Linux the minimum applies to the term K * RTTVAR, so that a jump of the delay on a short path does
    // not fire at once.
    const timeout = this.smoothed + Math.max(this.#variation, LEAST_TIMEOUT)
    this.base = Math.min(Math.ceil(timeout), LARGEST_TIMEOUT)
    this.backoff = 0
  }

  /** 5.7: after the handshake needed a retransmission, and no sample has been taken since, start from 3 s. */
  afterLostSyn(): void {
    if (this.#smoothed === 0) this.base = 3 * SECOND
    this.backoff = 0
  }
}
