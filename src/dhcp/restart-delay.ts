import { type Microseconds, SECOND } from '../clock/index.ts'

/** After rounds that came to nothing the next one waits, twice as long each time, up to this. */
const LONGEST_RESTART_DELAY: Microseconds = 600 * SECOND

/** How long a client waits before it looks for servers anew: ever longer while it gets no lease that lasts. */
export class RestartDelay {
  readonly #atOnce: number
  /** Rounds without a lease that lasted. */
  #failedRounds = 0

  /** @param atOnce so many failures are followed by no wait at all; default 0 */
  constructor(atOnce = 0) {
    this.#atOnce = atOnce
  }

  reset(): void {
    this.#failedRounds = 0
  }

  next(): Microseconds {
    const doublings = this.#failedRounds++ - this.#atOnce
    return doublings < 0 ? 0 : Math.min(2 ** Math.min(doublings, 20) * SECOND, LONGEST_RESTART_DELAY)
  }
}
