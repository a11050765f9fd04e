/**
 * BBR, version 3: draft-ietf-ccwg-bbr-06. A model of the path, of bandwidth, shortest round trip and what may be in flight,
 * says how fast to send (`pacingRate`) and how much at once (`window`). Names in capitals or after "BBR." are the draft's;
 * where it says more than one thing, this does what Google's Linux kernel does (its branch v3).
 */
import { MILLISECOND, type Microseconds, type Random, SECOND } from '../../clock/index.ts'
import { LARGE } from '../../packet/index.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { AckAggregation } from './bbr-ack-aggregation.ts'
import { BandwidthFilter } from './bbr-bandwidth-filter.ts'
import { FullPipe } from './bbr-full-pipe.ts'
import { LongTermModel } from './bbr-long-term-model.ts'
import { isInflightTooHigh } from './bbr-loss-threshold.ts'
import { ProbeSchedule } from './bbr-probe-schedule.ts'
import { RoundTripFilter } from './bbr-round-trip-filter.ts'
import { DECREASE_FACTOR, ShortTermModel } from './bbr-short-term-model.ts'
import {
  Congestion,
  type CongestionControl,
  type CongestionControlName,
  initialWindow,
  LARGEST_WINDOW,
} from './congestion-control.ts'

/** The state machine: draft-ietf-ccwg-bbr, 5.1.1. */
export const BbrState = {
  Startup: 0,
  Drain: 1,
  ProbeDown: 2,
  ProbeCruise: 3,
  ProbeRefill: 4,
  ProbeUp: 5,
  ProbeRoundTrip: 6,
} as const
export type BbrState = (typeof BbrState)[keyof typeof BbrState]

/** BBR.pacing_gain and BBR.cwnd_gain of each state: 5.6.1. */
const PACING_GAINS = [2.77, 0.5, 0.9, 1, 1, 1.25, 1]
const WINDOW_GAINS = [2, 2, 2, 2, 2, 2.25, 0.5]
/** BBR.PacingMarginPercent is 1: a little slower than the path, so that no queue remains. */
const PACING_MARGIN = 0.99
/** BBR.MinPipeCwnd, in segments. */
const LEAST_SEGMENTS = 4
/** 5.3.2: round trips after which a queue that does not drain is another's. */
const LONGEST_DRAIN = 3
/** BBRStartupFullLossCnt, 5.3.1.3 */
const STARTUP_LOSSES = 6
/** RFC 8511, 3.1, as for CUBIC. */
const ECHO_DECREASE_FACTOR = 0.85
/** BBR.ProbeRTTDuration */
const PROBE_DURATION: Microseconds = 200 * MILLISECOND
/** What one call of the device takes at most: 5.6.3. */
const LARGEST_QUANTUM = 65_536

/** BBR.ack_phase: what acknowledgments say about a probe for bandwidth. */
const Feedback = { None: 0, Refilling: 1, Starting: 2, Probing: 3, Stopping: 4 } as const
type Feedback = (typeof Feedback)[keyof typeof Feedback]

const NONE = -1

export class Bbr implements CongestionControl {
  window: number
  /** Of no effect: what the pipe holds, once it was filled, for those who look at it. */
  slowStartThreshold = LARGEST_WINDOW
  pacingRate: number
  #state: BbrState = BbrState.Startup
  #segmentSize: number

  readonly #bandwidths = new BandwidthFilter()
  readonly #roundTrips = new RoundTripFilter()
  readonly #fullPipe = new FullPipe()
  readonly #aggregation = new AckAggregation()
  readonly #shortTerm = new ShortTermModel()
  readonly #longTerm = new LongTermModel()
  readonly #schedule: ProbeSchedule
  /** BBR.bw: bytes per second. */
  #bandwidth = 0
  /** RS.delivery_rate of the acknowledgment at hand, bytes per second; 0: none. */
  #rate = 0

  // Packet-timed round trips: 5.5.1.
  #totalDelivered = LARGE
  #roundEnd = LARGE
  #isRoundStart = false
  #roundCount = 0
  #drainStart = 0

  // Probing for bandwidth: 5.3.3.
  #feedback: Feedback = Feedback.None
  /** BBR.is_bw_probe_sample */
  #isProbeSample = false
  /** BBR.prev_probe_too_high, BBR.prev_probe_precautionary: 5.3.3.6. */
  #wasTooHigh = false
  #wasPrecautionary = false
  /** Acknowledgments of this round trip of Startup that told of losses. */
  #startupLosses = 0

  // Probing for the round trip: 5.3.4.
  #probeEnd: Microseconds = NONE
  #probeRoundDone = false
  #isIdleRestart = false

  // Losses: 5.5.11, 5.6.4.4.
  #isInRecovery = false
  #priorWindow = 0
  #undoState: BbrState | typeof NONE = NONE
  #undoBandwidth = 0
  #undoShortTermInflight = 0
  #undoLongTermInflight = 0
  #hasSeenRoundTrip = false

  constructor(segmentSize: number, random: Random) {
    this.#totalDelivered = this.#roundEnd = 0
    this.#segmentSize = segmentSize
    this.#schedule = new ProbeSchedule(random)
    this.window = initialWindow(segmentSize)
    this.pacingRate = this.#initialRate(MILLISECOND)
  }

  get name(): CongestionControlName {
    return 'bbr'
  }

  get controlsRecovery(): boolean {
    return true
  }

  get state(): BbrState {
    return this.#state
  }

  /** UpdateOnACK(): 5.2.3. */
  acknowledged(sample: AcknowledgmentSample, limited: boolean): void {
    const { now } = sample
    if (this.#isInRecovery && !sample.inRecovery) this.#restoreWindow()
    this.#isInRecovery = sample.inRecovery
    this.#totalDelivered = sample.totalDelivered
    this.#rate = sample.rateInterval > 0 ? (sample.rateDelivered * SECOND) / sample.rateInterval : 0
    // The draft has the sender marked as limited by the application while it probes for the round trip (5.3.4.3).
    const isApplicationLimited = sample.isApplicationLimited || this.#state === BbrState.ProbeRoundTrip
    const isTooHigh = isInflightTooHigh(sample.rateLost, sample.flightWhenSent, this.#segmentSize)
    // 5.5.10.3 has a single loss in a round trip lower the bounds; it calls the signals filtered, and 2 % the objective (3.2).
    if (isTooHigh) this.#shortTerm.noteCongestion(sample.totalDelivered)

    this.#shortTerm.update(this.#rate, sample.rateDelivered, sample.priorDelivered, sample.totalDelivered)
    this.#updateBandwidth(sample, isApplicationLimited)
    if (this.#shortTerm.isRoundStart) this.#shortTerm.adapt(this.#bandwidths.maximum, this.window, this.#isProbing)
    this.#aggregation.update(
      sample.delivered,
      this.#bandwidth,
      this.window,
      this.#isRoundStart,
      this.#fullPipe.wasReached,
      now,
    )
    if (this.#isRoundStart && !isApplicationLimited) this.#fullPipe.check(this.#rate)
    if (this.#state === BbrState.Startup) this.#checkStartupDone(sample, isTooHigh)
    if (this.#state === BbrState.Drain) this.#checkDrainDone(sample)
    if (this.#fullPipe.wasReached) this.#advanceCycle(sample, limited, isTooHigh, isApplicationLimited)
    this.#roundTrips.update(sample.roundTrip, now)
    this.#checkProbeRoundTrip(sample)
    this.#shortTerm.advance(this.#rate, sample.rateDelivered)
    this.#bandwidth = Math.min(this.#bandwidths.maximum, this.#shortTerm.bandwidth)

    this.#setPacingRate(PACING_GAINS[this.#state], sample.smoothedRoundTrip)
    this.#setWindow(sample.delivered)
  }

  /** UpdateMaxBw(), UpdateRound(): 5.5.1 and 5.5.5. */
  #updateBandwidth(sample: AcknowledgmentSample, isApplicationLimited: boolean): void {
    this.#isRoundStart = sample.delivered > 0 && sample.priorDelivered >= this.#roundEnd
    if (this.#isRoundStart) {
      this.#startRound()
      this.#roundCount++
      this.#schedule.noteRound()
    }
    if (this.#rate > 0 && (!isApplicationLimited || this.#rate >= this.#bandwidths.maximum)) {
      this.#bandwidths.update(this.#rate)
    }
  }

  #startRound(): void {
    this.#roundEnd = this.#totalDelivered
  }

  get #isProbing(): boolean {
    return this.#state === BbrState.Startup || this.#state === BbrState.ProbeRefill || this.#state === BbrState.ProbeUp
  }

  get #isInProbeBandwidthState(): boolean {
    return this.#state >= BbrState.ProbeDown && this.#state <= BbrState.ProbeUp
  }

  /** CheckStartupDone(): 5.3.1. */
  #checkStartupDone(sample: AcknowledgmentSample, isTooHigh: boolean): void {
    if (sample.lost > 0) this.#startupLosses++
    if (this.#shortTerm.isRoundStart) {
      if (sample.inRecovery && isTooHigh && this.#startupLosses >= STARTUP_LOSSES) this.#endStartup()
      this.#startupLosses = 0
    }
    if (!this.#fullPipe.wasReached) return
    this.#state = BbrState.Drain
    this.#drainStart = this.#roundCount
  }

  /** 5.3.1.3: congestion says that the pipe is full. */
  #endStartup(): void {
    this.#undoState = BbrState.Startup
    this.#fullPipe.wasReached = true
    this.#longTerm.inflight = Math.max(
      Math.floor(this.#bandwidthDelayProduct(this.#bandwidths.maximum, 1)),
      this.#shortTerm.latestInflight,
    )
  }

  /** CheckDrainDone(): 5.3.2. */
  #checkDrainDone(sample: AcknowledgmentSample): void {
    const isDrained = sample.flight <= this.#inflight(this.#bandwidth, 1)
    if (isDrained || this.#roundCount > this.#drainStart + LONGEST_DRAIN) this.#startDown(sample.now)
  }

  /** UpdateProbeBWCyclePhase(): 5.3.3.9. */
  #advanceCycle(
    sample: AcknowledgmentSample,
    limited: boolean,
    isTooHigh: boolean,
    isApplicationLimited: boolean,
  ): void {
    if (this.#adaptLongTermModel(sample, limited, isTooHigh, isApplicationLimited)) return
    switch (this.#state) {
      case BbrState.ProbeDown:
        if (this.#isTimeToProbe(sample.now)) this.#startRefill()
        else if (this.#isTimeToCruise(sample.flight)) this.#state = BbrState.ProbeCruise
        break
      case BbrState.ProbeCruise:
        if (this.#isTimeToProbe(sample.now)) this.#startRefill()
        break
      case BbrState.ProbeRefill:
        if (!this.#isRoundStart) break
        this.#isProbeSample = true
        this.#startUp()
        break
      case BbrState.ProbeUp:
        if (!this.#isTimeToGoDown(sample.flight, limited)) break
        this.#wasTooHigh = false
        this.#startDown(sample.now)
        break
    }
  }

  /** AdaptLongTermModel(). @returns whether it has decided on the state */
  #adaptLongTermModel(
    sample: AcknowledgmentSample,
    limited: boolean,
    isTooHigh: boolean,
    isApplicationLimited: boolean,
  ): boolean {
    const longTerm = this.#longTerm
    if (this.#isRoundStart && this.#feedback === Feedback.Starting) this.#feedback = Feedback.Probing
    if (this.#isRoundStart && this.#feedback === Feedback.Stopping) {
      this.#isProbeSample = false
      this.#feedback = Feedback.None
      if (this.#isInProbeBandwidthState) {
        if (!isApplicationLimited) this.#bandwidths.advance()
        // 5.3.3.6: what was risky has gone well, and may go on.
        if (this.#wasPrecautionary && !this.#wasTooHigh) {
          this.#startRefill()
          return true
        }
      }
    }
    if (isTooHigh) {
      if (!this.#isProbeSample) return false
      return this.#handleInflightTooHigh(sample.flightWhenSent, isApplicationLimited, sample.now)
    }
    if (!longTerm.isKnown) return false
    if (sample.flightWhenSent > longTerm.inflight) longTerm.inflight = sample.flightWhenSent
    if (this.#state === BbrState.ProbeUp && limited && this.window >= longTerm.inflight) {
      longTerm.grow(sample.delivered, this.#segmentSize)
      if (this.#isRoundStart) longTerm.steepen(this.window, this.#segmentSize)
    }
    return false
  }

  /** HandleInflightTooHigh(): 5.5.10.2. @returns whether it has decided on the state */
  #handleInflightTooHigh(flight: number, isApplicationLimited: boolean, now: Microseconds): boolean {
    this.#wasTooHigh = true
    this.#isProbeSample = false
    if (!isApplicationLimited) {
      this.#longTerm.inflight = Math.max(flight, Math.floor(this.#targetInflight * DECREASE_FACTOR))
    }
    if (this.#state !== BbrState.ProbeUp) return false
    this.#undoState = BbrState.ProbeUp
    this.#startDown(now)
    return true
  }

  #startDown(now: Microseconds): void {
    this.#shortTerm.resetSignals()
    this.#longTerm.stopGrowth()
    this.#schedule.restart(now)
    this.#feedback = Feedback.Stopping
    this.#startRound()
    this.#state = BbrState.ProbeDown
  }

  #startRefill(): void {
    this.#shortTerm.reset()
    this.#longTerm.restartGrowth()
    this.#wasPrecautionary = false
    this.#feedback = Feedback.Refilling
    this.#startRound()
    this.#state = BbrState.ProbeRefill
  }

  #startUp(): void {
    this.#feedback = Feedback.Starting
    this.#startRound()
    this.#fullPipe.reset(this.#rate)
    this.#state = BbrState.ProbeUp
    this.#longTerm.steepen(this.window, this.#segmentSize)
  }

  #isTimeToProbe(now: Microseconds): boolean {
    return this.#schedule.isTime(this.#targetInflight / this.#segmentSize, now)
  }

  /** IsTimeToCruise() */
  #isTimeToCruise(flight: number): boolean {
    if (flight > Math.max(this.#longTerm.withHeadroom(this.#segmentSize), this.#leastWindow)) return false
    return flight <= this.#inflight(this.#bandwidths.maximum, 1)
  }

  /** IsTimeToGoDown() */
  #isTimeToGoDown(flight: number, limited: boolean): boolean {
    if (this.#wasTooHigh && flight >= this.#longTerm.inflight) {
      this.#wasPrecautionary = true
      return true
    }
    if (limited && this.window >= this.#longTerm.inflight) {
      this.#fullPipe.reset(this.#rate)
      return false
    }
    return this.#fullPipe.isFull
  }

  /** CheckProbeRTT(): 5.3.4.3. */
  #checkProbeRoundTrip(sample: AcknowledgmentSample): void {
    if (this.#state !== BbrState.ProbeRoundTrip && this.#roundTrips.hasExpired && !this.#isIdleRestart) {
      this.#saveWindow()
      this.#state = BbrState.ProbeRoundTrip
      this.#probeEnd = NONE
      this.#feedback = Feedback.Stopping
      this.#startRound()
    }
    if (this.#state === BbrState.ProbeRoundTrip) this.#probeRoundTrip(sample)
    if (sample.delivered > 0) this.#isIdleRestart = false
  }

  /** HandleProbeRTT() */
  #probeRoundTrip(sample: AcknowledgmentSample): void {
    if (this.#probeEnd === NONE) {
      if (sample.flight > this.#probeWindow) return
      this.#probeEnd = sample.now + PROBE_DURATION
      this.#probeRoundDone = false
      this.#startRound()
      return
    }
    if (this.#isRoundStart) this.#probeRoundDone = true
    if (this.#probeRoundDone) this.#checkProbeRoundTripDone(sample.now)
  }

  /** CheckProbeRTTDone(), ExitProbeRTT() */
  #checkProbeRoundTripDone(now: Microseconds): void {
    if (this.#probeEnd === NONE || now <= this.#probeEnd) return
    this.#roundTrips.noteProbed(now)
    this.#restoreWindow()
    this.#shortTerm.reset()
    if (this.#fullPipe.wasReached) {
      this.#startDown(now)
      this.#state = BbrState.ProbeCruise
    } else {
      this.#state = BbrState.Startup
    }
  }

  /** 5.6.2 */
  #setPacingRate(gain: number, smoothedRoundTrip: Microseconds): void {
    if (!this.#hasSeenRoundTrip && smoothedRoundTrip > 0) {
      this.#hasSeenRoundTrip = true
      this.pacingRate = this.#initialRate(smoothedRoundTrip)
    }
    const rate = gain * this.#bandwidth * PACING_MARGIN
    if (rate > 0 && (this.#fullPipe.wasReached || rate > this.pacingRate)) this.pacingRate = rate
  }

  /** InitPacingRate() */
  #initialRate(roundTrip: Microseconds): number {
    return (PACING_GAINS[BbrState.Startup] * initialWindow(this.#segmentSize) * SECOND) / roundTrip
  }

  /** SetCwnd(): 5.6.4.6. */
  #setWindow(delivered: number): void {
    const wanted = this.#atLeastOffload(
      this.#bandwidthDelayProduct(this.#bandwidth, WINDOW_GAINS[this.#state]) + this.#aggregation.extra,
    )
    let window = this.window
    if (this.#fullPipe.wasReached) {
      window = Math.min(window + delivered, wanted)
    } else if (window < wanted || this.#totalDelivered < initialWindow(this.#segmentSize)) {
      window += delivered
    }
    window = Math.max(window, this.#leastWindow)
    if (this.#state === BbrState.ProbeRoundTrip) window = Math.min(window, this.#probeWindow)
    this.window = Math.min(Math.floor(window), this.#windowBound, LARGEST_WINDOW)
    if (this.#fullPipe.wasReached) {
      const product = this.#bandwidthDelayProduct(this.#bandwidths.maximum, 1)
      this.slowStartThreshold = Math.min(Math.floor(product), this.window)
    }
  }

  /** BoundCwndForModel(): 5.6.4.7. */
  get #windowBound(): number {
    let bound = LARGEST_WINDOW
    if (this.#state === BbrState.ProbeCruise || this.#state === BbrState.ProbeRoundTrip) {
      bound = this.#longTerm.withHeadroom(this.#segmentSize)
    } else if (this.#isInProbeBandwidthState) {
      bound = this.#longTerm.inflight
    }
    return Math.max(Math.min(bound, this.#shortTerm.inflight), this.#leastWindow)
  }

  get #leastWindow(): number {
    return LEAST_SEGMENTS * this.#segmentSize
  }

  /** ProbeRTTCwnd(): 5.6.4.5. */
  get #probeWindow(): number {
    const product = this.#bandwidthDelayProduct(this.#bandwidth, WINDOW_GAINS[BbrState.ProbeRoundTrip])
    return Math.max(Math.floor(product), this.#leastWindow)
  }

  /** TargetInflight() */
  get #targetInflight(): number {
    return Math.min(this.#bandwidthDelayProduct(this.#bandwidth, 1), this.window)
  }

  /** BDPMultiple(): 5.6.4.2. @param bandwidth bytes per second @returns bytes */
  #bandwidthDelayProduct(bandwidth: number, gain: number): number {
    const { minimum } = this.#roundTrips
    if (minimum < 0 || bandwidth === 0) return initialWindow(this.#segmentSize)
    return (gain * bandwidth * minimum) / SECOND
  }

  /** Inflight() */
  #inflight(bandwidth: number, gain: number): number {
    return this.#atLeastOffload(this.#bandwidthDelayProduct(bandwidth, gain))
  }

  /** QuantizationBudget(), UpdateOffloadBudget(), SetSendQuantum(): 5.5.8.1, 5.6.3. */
  #atLeastOffload(inflight: number): number {
    const quantum = Math.max(Math.min(this.pacingRate / 1000, LARGEST_QUANTUM), 2 * this.#segmentSize)
    const least = Math.max(inflight, 3 * quantum, this.#leastWindow)
    return this.#state === BbrState.ProbeUp ? least + 2 * this.#segmentSize : least
  }

  /**
   * OnEnterFastRecovery(): 5.6.4.4. How much is lost, the acknowledgments tell. To an echo, too, there must be an answer
   * (RFC 3168, 6.1.2), and the draft leaves open which (3.7): that to losses, where it probes, and otherwise that of CUBIC.
   */
  congested(cause: Congestion, flight: number, now: Microseconds): void {
    this.#saveState()
    if (cause !== Congestion.Echo) return
    if (this.#state === BbrState.Startup) this.#endStartup()
    else if (this.#isProbing) this.#handleInflightTooHigh(flight, false, now)
    else this.#shortTerm.reduce(ECHO_DECREASE_FACTOR, this.#bandwidths.maximum, this.window)
  }

  /** The end of a recovery is seen with the acknowledgment that ends it; after a timeout, too. */
  recovered(_now: Microseconds): void {}

  /** OnEnterRTO(): 5.6.4.4. */
  timedOut(_flight: number, repeated: boolean, _now: Microseconds): void {
    if (!repeated) this.#saveState()
    this.#isInRecovery = true
    this.window = this.#segmentSize
  }

  /** SaveStateUponLoss(): 5.5.11.1. */
  #saveState(): void {
    this.#saveWindow()
    this.#undoState = NONE
    this.#undoBandwidth = this.#shortTerm.bandwidth
    this.#undoShortTermInflight = this.#shortTerm.inflight
    this.#undoLongTermInflight = this.#longTerm.inflight
  }

  /** SaveCwnd(): the last one that neither a recovery nor a probe has made smaller. */
  #saveWindow(): void {
    const isReduced = this.#isInRecovery || this.#state === BbrState.ProbeRoundTrip
    this.#priorWindow = isReduced ? Math.max(this.#priorWindow, this.window) : this.window
  }

  #restoreWindow(): void {
    this.window = Math.max(this.window, this.#priorWindow)
  }

  /** HandleSpuriousLossDetection(): 5.5.11.2. */
  undo(_now: Microseconds): void {
    this.#restoreWindow()
    this.#shortTerm.forgetCongestion()
    this.#fullPipe.reset(0)
    this.#shortTerm.bandwidth = Math.max(this.#shortTerm.bandwidth, this.#undoBandwidth)
    this.#shortTerm.inflight = Math.max(this.#shortTerm.inflight, this.#undoShortTermInflight)
    this.#longTerm.inflight = Math.max(this.#longTerm.inflight, this.#undoLongTermInflight)
    const state = this.#undoState
    this.#undoState = NONE
    if (state === BbrState.Startup && this.#state !== BbrState.Startup) {
      this.#fullPipe.wasReached = false
      this.slowStartThreshold = LARGEST_WINDOW
      if (this.#state !== BbrState.ProbeRoundTrip) this.#state = BbrState.Startup
    } else if (state === BbrState.ProbeUp && this.#state !== BbrState.ProbeUp) {
      if (this.#state !== BbrState.ProbeRoundTrip) this.#startRefill()
    }
  }

  restartAfterIdle(idle: Microseconds, _retransmissionTimeout: Microseconds, now: Microseconds): void {
    this.resumed(idle, now)
  }

  /** HandleRestartFromIdle(), 5.4.1: the window stays, and is filled again at the pace of the path. */
  resumed(_idle: Microseconds, now: Microseconds): void {
    this.#isIdleRestart = true
    this.#aggregation.restart(now)
    if (this.#isInProbeBandwidthState) {
      if (this.#bandwidth > 0) this.pacingRate = this.#bandwidth * PACING_MARGIN
    } else if (this.#state === BbrState.ProbeRoundTrip) {
      this.#checkProbeRoundTripDone(now)
    }
  }

  setSegmentSize(bytes: number): void {
    const isInitial = this.window === initialWindow(this.#segmentSize)
    this.#segmentSize = bytes
    if (isInitial) this.window = initialWindow(bytes)
  }
}
