/**
 * What BBR knows of the path, draft-ietf-ccwg-bbr, 5.5: bandwidth, shortest round trip, and how much may be in flight.
 * `update` and `advance` stand around the state machine in what is done for each acknowledgment (5.2.3).
 */
import { SECOND } from '../../clock/index.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { AckAggregation } from './bbr-ack-aggregation.ts'
import { BandwidthFilter } from './bbr-bandwidth-filter.ts'
import { FullPipe } from './bbr-full-pipe.ts'
import { LongTermModel } from './bbr-long-term-model.ts'
import { isInflightTooHigh } from './bbr-loss-threshold.ts'
import { RoundCounter } from './bbr-round-counter.ts'
import { RoundTripFilter } from './bbr-round-trip-filter.ts'
import { ShortTermModel } from './bbr-short-term-model.ts'
import { BbrState, isInProbeBandwidthState, isProbingBandwidth } from './bbr-state.ts'
import { initialWindow, LARGEST_WINDOW } from './congestion-control.ts'

/** BBR.MinPipeCwnd, in segments. */
const LEAST_SEGMENTS = 4

export class PathModel {
  readonly rounds = new RoundCounter()
  readonly bandwidths = new BandwidthFilter()
  readonly roundTrips = new RoundTripFilter()
  readonly fullPipe = new FullPipe()
  readonly aggregation = new AckAggregation()
  readonly shortTerm = new ShortTermModel()
  readonly longTerm = new LongTermModel()
  segmentSize: number
  /** BBR.bw: bytes per second. */
  bandwidth = 0

  // Of the acknowledgment at hand.
  /** RS.delivery_rate, bytes per second; 0: none. */
  rate = 0
  /** RS.is_app_limited */
  isApplicationLimited = false
  /** IsInflightTooHigh(): more was lost than a path that is not too full loses. */
  isTooHigh = false

  constructor(segmentSize: number) {
    this.segmentSize = segmentSize
  }

  /** UpdateModelAndState(), but for the states: 5.2.3. */
  update(sample: AcknowledgmentSample, state: BbrState, window: number): void {
    const { shortTerm, bandwidths, rounds } = this
    this.rate = sample.rateInterval > 0 ? (sample.rateDelivered * SECOND) / sample.rateInterval : 0
    // The draft has the sender marked as limited by the application while it probes for the round trip (5.3.4.3).
    this.isApplicationLimited = sample.isApplicationLimited || state === BbrState.ProbeRoundTrip
    this.isTooHigh = isInflightTooHigh(sample.rateLost, sample.flightWhenSent, this.segmentSize)
    // 5.5.10.3 has a single loss in a round trip lower the bounds; it calls the signals filtered, and 2 % the objective (3.2).
    if (this.isTooHigh) shortTerm.noteCongestion(sample.totalDelivered)

    shortTerm.update(this.rate, sample.rateDelivered, sample.priorDelivered, sample.totalDelivered)
    rounds.update(sample)
    this.#updateBandwidth()
    if (shortTerm.isRoundStart) shortTerm.adapt(bandwidths.maximum, window, isProbingBandwidth(state))
    const { isStart } = rounds
    this.aggregation.update(sample.delivered, this.bandwidth, window, isStart, this.fullPipe.wasReached, sample.now)
    if (isStart && !this.isApplicationLimited) this.fullPipe.check(this.rate)
  }

  /** UpdateMaxBw(): 5.5.5. */
  #updateBandwidth(): void {
    if (this.rate > 0 && (!this.isApplicationLimited || this.rate >= this.bandwidths.maximum)) {
      this.bandwidths.update(this.rate)
    }
  }

  /** AdvanceLatestDeliverySignals(), BoundBWForModel() */
  advance(sample: AcknowledgmentSample): void {
    this.shortTerm.advance(this.rate, sample.rateDelivered)
    this.bandwidth = Math.min(this.bandwidths.maximum, this.shortTerm.bandwidth)
  }

  /** BDPMultiple(): 5.6.4.2. @param bandwidth bytes per second @returns bytes */
  bandwidthDelayProduct(bandwidth: number, gain: number): number {
    const { minimum } = this.roundTrips
    if (minimum < 0 || bandwidth === 0) return initialWindow(this.segmentSize)
    return (gain * bandwidth * minimum) / SECOND
  }

  /** TargetInflight() */
  targetInflight(window: number): number {
    return Math.min(this.bandwidthDelayProduct(this.bandwidth, 1), window)
  }

  /** No window is smaller, after a timeout apart. */
  get leastWindow(): number {
    return LEAST_SEGMENTS * this.segmentSize
  }

  /** BoundCwndForModel(): 5.6.4.7. */
  windowBound(state: BbrState): number {
    let bound = LARGEST_WINDOW
    if (state === BbrState.ProbeCruise || state === BbrState.ProbeRoundTrip) {
      bound = this.longTerm.withHeadroom(this.segmentSize)
    } else if (isInProbeBandwidthState(state)) {
      bound = this.longTerm.inflight
    }
    return Math.max(Math.min(bound, this.shortTerm.inflight), this.leastWindow)
  }
}
