import { type Microseconds, type Random, SECOND } from '../clock/index.ts'

/**
 * How many challenge ACKs a stack sends a second: RFC 5961, section 7. The limit varies from second to second, as in
 * Linux, so that nobody can learn about other connections by counting what is left of it (CVE-2016-5696).
 */
export class ChallengeLimit {
  readonly #random: Random
  readonly #perSecond: number
  #since: Microseconds = Number.NEGATIVE_INFINITY
  #left = 0

  /** @param perSecond 1 to 1,000,000; between half of it and all of it are granted */
  constructor(random: Random, perSecond: number) {
    this.#random = random
    this.#perSecond = perSecond
  }

  /** Whether one may be sent now. */
  take(now: Microseconds): boolean {
    if (now - this.#since >= SECOND) {
      this.#since = now
      const half = (this.#perSecond + 1) >> 1
      this.#left = half + this.#random.below(this.#perSecond - half + 1)
    }
    if (this.#left <= 0) return false
    this.#left--
    return true
  }
}
