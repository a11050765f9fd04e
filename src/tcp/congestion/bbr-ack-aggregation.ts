import { type Microseconds, SECOND } from '../../clock/index.ts'

/** BBR.ExtraAckedFilterLen is 10 round trips: two halves of which the older is forgotten, as in Linux. */
const ROUNDS_PER_HALF = 5

/**
 * BBR.extra_acked, draft-ietf-ccwg-bbr, 5.5.9: how much more than expected is acknowledged at once, because receivers,
 * devices and links save up acknowledgments. So much has to be in flight on top, or the sender would pause in between.
 */
export class AckAggregation {
  #since: Microseconds = 0
  #delivered = 0
  #current = 0
  #previous = 0
  #rounds = 0

  get extra(): number {
    return Math.max(this.#current, this.#previous)
  }

  restart(now: Microseconds): void {
    this.#since = now
    this.#delivered = 0
  }

  /**
   * UpdateACKAggregation()
   * @param bandwidth bytes per second
   * @param isFilled the pipe was filled: before, only this round trip is remembered
   */
  update(
    delivered: number,
    bandwidth: number,
    window: number,
    isRoundStart: boolean,
    isFilled: boolean,
    now: Microseconds,
  ): void {
    if (isRoundStart && ++this.#rounds >= (isFilled ? ROUNDS_PER_HALF : 1)) {
      this.#rounds = 0
      this.#previous = isFilled ? this.#current : 0
      this.#current = 0
    }
    let expected = (bandwidth * (now - this.#since)) / SECOND
    if (this.#delivered <= expected) {
      this.restart(now)
      expected = 0
    }
    this.#delivered += delivered
    const extra = Math.min(this.#delivered - expected, window)
    if (extra > this.#current) this.#current = Math.ceil(extra)
  }
}
