/** Has the pipe been filled? The "full pipe" estimator of draft-ietf-ccwg-bbr, 5.3.1.2. */

/** A rate that grows by less than this has not grown. */
const GROWTH = 1.25
/** Round trips without growth that make a plateau. */
const ROUNDS = 3

export class FullPipe {
  #rate = 0
  #rounds = 0
  /** BBR.full_bw_now: since it was last asked. */
  isFull = false
  /** BBR.full_bw_reached: ever. */
  wasReached = false

  /** ResetFullBW(). @param rate from where on to look for growth */
  reset(rate: number): void {
    this.#rate = rate
    this.#rounds = 0
    this.isFull = false
  }

  /** CheckFullBWReached(), at the start of each round trip in which the application was not the limit. */
  check(rate: number): void {
    if (this.isFull) return
    if (rate >= this.#rate * GROWTH) {
      this.reset(rate)
      return
    }
    this.isFull = ++this.#rounds >= ROUNDS
    if (this.isFull) this.wasReached = true
  }
}
