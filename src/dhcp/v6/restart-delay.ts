import { type Microseconds, SECOND } from '../../clock/index.ts'

/** After rounds that came to nothing the next one waits, twice as long each time, up to this. */
const LONGEST_RESTART_DELAY: Microseconds = 600 * SECOND

/** How long a client waits before it looks for servers anew: ever longer while it gets no lease that lasts. */
export class RestartDelay {
  /** Rounds without a lease that lasted. */
  #failedRounds = 0

  reset(): void {
    this.#failedRounds = 0
  }

  next(): Microseconds {
    return Math.min(2 ** Math.min(this.#failedRounds++, 20) * SECOND, LONGEST_RESTART_DELAY)
  }
}
