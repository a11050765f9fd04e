import { LARGE } from '../../packet/index.ts'
import { LARGEST_WINDOW } from './congestion-control.ts'

/** BBR.Beta: never less than this is left of a bound in a round trip. */
export const DECREASE_FACTOR = 0.7

/**
 * bw_shortterm and inflight_shortterm, draft-ietf-ccwg-bbr, 5.5.10.3: what the path has delivered lately, while losses say
 * that it delivers less than it could. Forgotten with the next probe for bandwidth.
 */
export class ShortTermModel {
  /** Bytes per second; Infinity: no bound. */
  bandwidth = Number.POSITIVE_INFINITY
  /** Bytes; LARGEST_WINDOW: no bound. */
  inflight = LARGEST_WINDOW
  /** BBR.bw_latest, BBR.inflight_latest: the most of this round trip. */
  #latestBandwidth = 0
  latestInflight = 0
  /** BBR.loss_round_delivered: the round trip in which losses are counted ends when this is delivered. */
  #roundEnd = LARGE
  /** BBR.loss_round_start */
  isRoundStart = false
  /** BBR.is_loss_in_round: there were too many in it. */
  #isCongested = false

  constructor() {
    this.#roundEnd = 0
  }

  /** ResetShortTermModel() */
  reset(): void {
    this.bandwidth = Number.POSITIVE_INFINITY
    this.inflight = LARGEST_WINDOW
  }

  /** ResetCongestionSignals() */
  resetSignals(): void {
    this.#isCongested = false
    this.#latestBandwidth = 0
    this.latestInflight = 0
  }

  forgetCongestion(): void {
    this.#isCongested = false
  }

  /** NoteLoss(): the answer comes a round trip after the first sign, when all is known about it. */
  noteCongestion(totalDelivered: number): void {
    if (!this.#isCongested) this.#roundEnd = totalDelivered
    this.#isCongested = true
  }

  /** UpdateLatestDeliverySignals() */
  update(rate: number, delivered: number, priorDelivered: number, totalDelivered: number): void {
    this.#latestBandwidth = Math.max(this.#latestBandwidth, rate)
    this.latestInflight = Math.max(this.latestInflight, delivered)
    this.isRoundStart = priorDelivered >= this.#roundEnd
    if (this.isRoundStart) this.#roundEnd = totalDelivered
  }

  /** AdaptLowerBoundsFromCongestion(), at the end of a round trip. @param isProbing then losses are answered otherwise */
  adapt(maximumBandwidth: number, window: number, isProbing: boolean): void {
    if (this.#isCongested && !isProbing) {
      if (this.bandwidth === Number.POSITIVE_INFINITY) this.bandwidth = maximumBandwidth
      if (this.inflight === LARGEST_WINDOW) this.inflight = window
      // Never upwards: not either where an echo has left less than is delivered.
      this.bandwidth = Math.min(this.bandwidth, Math.max(this.#latestBandwidth, DECREASE_FACTOR * this.bandwidth))
      const inflight = Math.max(this.latestInflight, Math.floor(DECREASE_FACTOR * this.inflight))
      this.inflight = Math.min(this.inflight, inflight)
    }
    this.#isCongested = false
  }

  /** At once, and whatever is delivered. */
  reduce(factor: number, maximumBandwidth: number, window: number): void {
    this.bandwidth = factor * Math.min(this.bandwidth, maximumBandwidth)
    this.inflight = Math.floor(factor * Math.min(this.inflight, window))
  }

  /** AdvanceLatestDeliverySignals() */
  advance(rate: number, delivered: number): void {
    if (!this.isRoundStart) return
    this.#latestBandwidth = rate
    this.latestInflight = delivered
  }
}
