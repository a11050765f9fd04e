/** What ping(8) says at its end. Times are milliseconds. */
export interface PingSummary {
  readonly sent: number
  readonly received: number
  /** Of those sent, 0 to 100. */
  readonly lostPercent: number
  /** Null without replies, as the next ones. */
  readonly minimum: number | null
  readonly average: number | null
  readonly maximum: number | null
  /** Standard deviation; ping(8) calls it mdev. */
  readonly deviation: number | null
}

/** Counts echo requests and their answers, for any number of them in constant memory. */
export class PingStatistics {
  #sent = 0
  #received = 0
  #minimum = Number.POSITIVE_INFINITY
  #maximum = 0
  // Welford's algorithm: the sum of squares would lose what small differences of large times are.
  #mean = 0
  #squares = 0

  noteSent(): void {
    this.#sent++
  }

  /** @param milliseconds of the round trip */
  noteReply(milliseconds: number): void {
    this.#received++
    this.#minimum = Math.min(this.#minimum, milliseconds)
    this.#maximum = Math.max(this.#maximum, milliseconds)
    const difference = milliseconds - this.#mean
    this.#mean += difference / this.#received
    this.#squares += difference * (milliseconds - this.#mean)
  }

  get summary(): PingSummary {
    const sent = this.#sent
    const received = this.#received
    const some = received > 0
    return {
      sent,
      received,
      lostPercent: sent === 0 ? 0 : (1 - received / sent) * 100,
      minimum: some ? this.#minimum : null,
      average: some ? this.#mean : null,
      maximum: some ? this.#maximum : null,
      deviation: some ? Math.sqrt(this.#squares / received) : null,
    }
  }
}
