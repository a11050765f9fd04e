/** Round-trip time estimation and the retransmission timeout, RFC 6298. */
import { MILLISECOND, type Microseconds, SECOND } from '../clock/index.ts'

/** RFC 6298, 2.1. */
export const INITIAL_TIMEOUT: Microseconds = 1 * SECOND
/** RFC 6298, 2.4 says 1 s; Linux (TCP_RTO_MIN) and every modern stack take 200 ms. */
export const LEAST_TIMEOUT: Microseconds = 200 * MILLISECOND
/** RFC 6298, 2.5 allows a bound of 60 s or more; Linux (TCP_RTO_MAX) takes 120 s. */
export const LARGEST_TIMEOUT: Microseconds = 120 * SECOND

export class RetransmissionTimeout {
  /** SRTT, or 0 before the first sample. */
  smoothed: Microseconds = 0
  /** RTTVAR. */
  variation: Microseconds = 0
  /** RTO without backoff. */
  base: Microseconds = INITIAL_TIMEOUT
  /** How often the timer has expired in a row: each time doubles the timeout (5.5). */
  backoff = 0

  /** The timeout now, backoff included. */
  get current(): Microseconds {
    return Math.min(this.base * 2 ** this.backoff, LARGEST_TIMEOUT)
  }

  /** Takes a round-trip sample; Karn's algorithm (section 3) is the caller's: no samples of retransmitted data. */
  sample(roundTrip: Microseconds): void {
    const sample = Math.max(roundTrip, 1)
    if (this.smoothed === 0) {
      // 2.2
      this.smoothed = sample
      this.variation = sample / 2
    } else {
      // 2.3: the variance is updated before the mean, with the old mean.
      this.variation += (Math.abs(this.smoothed - sample) - this.variation) / 4
      this.smoothed += (sample - this.smoothed) / 8
    }
    // 2.3; as in Linux the minimum applies to the term K * RTTVAR, so that a jump of the delay on a short path does
    // not fire at once.
    this.base = Math.min(this.smoothed + Math.max(4 * this.variation, LEAST_TIMEOUT), LARGEST_TIMEOUT)
    this.backoff = 0
  }

  /** 5.7: after the handshake needed a retransmission, and no sample has been taken since, start from 3 s. */
  afterLostSyn(): void {
    if (this.smoothed === 0) this.base = 3 * SECOND
    this.backoff = 0
  }
}
