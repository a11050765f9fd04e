import { type Clock, type Microseconds, type Random, SECOND } from '../clock/index.ts'

/**
 * Limits how many ICMP errors we send, RFC 1812, 4.3.2.8: a stream of garbage must not be answered by as long a
 * stream. As Linux does, one error costs 0, 1 or 2 tokens by chance: with an exact limit, a stranger could count
 * through it which of our ports answer somebody else (RFC 6056 and "SAD DNS", 2020).
 */
export class TokenBucket {
  readonly rate: number
  readonly burst: number
  readonly #clock: Clock
  readonly #random: Random
  #tokens: number
  #filledAt: Microseconds

  /** @param rate tokens per second; 0 lets nothing pass once the burst is gone @param burst most tokens at once */
  constructor(clock: Clock, random: Random, rate: number, burst: number) {
    this.#clock = clock
    this.#random = random
    this.rate = rate
    this.burst = burst
    this.#tokens = burst
    this.#filledAt = clock.now()
  }

  /** @returns whether one more may pass */
  take(): boolean {
    const now = this.#clock.now()
    this.#tokens = Math.min(this.burst, this.#tokens + ((now - this.#filledAt) / SECOND) * this.rate)
    this.#filledAt = now
    if (this.#tokens < 1) return false
    // It may become a debt of one, so that the average stays what was asked for.
    this.#tokens -= this.#random.below(3)
    return true
  }
}
