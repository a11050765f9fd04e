import { type Clock, type Microseconds, SECOND } from '../../clock/index.ts'
import type { Log } from '../../log/index.ts'

/** How often failures of datagram handlers are logged. */
const REPORT_INTERVAL: Microseconds = SECOND

/** A stranger can make a handler fail with every datagram; that is no reason to fill the log. */
export class FailureReports {
  readonly #clock: Clock
  readonly #log: Log
  #nextReport: Microseconds = 0
  #unreported = 0

  constructor(clock: Clock, log: Log) {
    this.#clock = clock
    this.#log = log
  }

  /** Logs an error, unless the last was a moment ago: then it is only counted, and the next one tells how many there were. */
  report(message: string, fields: Record<string, unknown>): void {
    const now = this.#clock.now()
    if (now < this.#nextReport) {
      this.#unreported++
      return
    }
    this.#log.error(message, this.#unreported === 0 ? fields : { ...fields, unreported: this.#unreported })
    this.#nextReport = now + REPORT_INTERVAL
    this.#unreported = 0
  }
}
