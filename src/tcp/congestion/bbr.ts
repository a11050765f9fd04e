/**
 * BBR, version 3: draft-ietf-ccwg-bbr-06. A model of the path, of bandwidth, shortest round trip and what may be in flight,
 * says how fast to send (`pacingRate`) and how much at once (`window`). Names in capitals or after "BBR." are the draft's;
 * where it says more than one thing, this does what Google's Linux kernel does (its branch v3).
 *
 * Here is the state machine (5.3) and what follows from it for the sender (5.6); the model (5.5) is `bbr-path-model.ts`.
 */
import { MILLISECOND, type Microseconds, type Random, SECOND } from '../../clock/index.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { BandwidthProbe, Verdict } from './bbr-bandwidth-probe.ts'
import { LossUndo, NO_STATE } from './bbr-loss-undo.ts'
import { PathModel } from './bbr-path-model.ts'
import { ProbeSchedule } from './bbr-probe-schedule.ts'
import { BbrState, isInProbeBandwidthState, isProbingBandwidth, PACING_GAINS, WINDOW_GAINS } from './bbr-state.ts'
import {
  Congestion,
  type CongestionControl,
  type CongestionControlName,
  initialWindow,
  LARGEST_WINDOW,
} from './congestion-control.ts'

/** BBR.PacingMarginPercent is 1: a little slower than the path, so that no queue remains. */
const PACING_MARGIN = 0.99
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

const NONE = -1

export class Bbr implements CongestionControl {
  window: number
  /** Of no effect: what the pipe holds, once it was filled, for those who look at it. */
  slowStartThreshold = LARGEST_WINDOW
  pacingRate: number
  #state: BbrState = BbrState.Startup

  readonly #model: PathModel
  readonly #schedule: ProbeSchedule
  readonly #probe = new BandwidthProbe()
  readonly #undo = new LossUndo()
  #hasSeenRoundTrip = false
  /** Acknowledgments of this round trip of Startup that told of losses. */
  #startupLosses = 0
  /** BBR.drain_start_round */
  #drainStart = 0

  // Probing for the round trip: 5.3.4.
  #probeEnd: Microseconds = NONE
  #probeRoundDone = false
  #isIdleRestart = false

  // Losses: 5.6.4.4.
  #isInRecovery = false
  #priorWindow = 0

  constructor(segmentSize: number, random: Random) {
    this.#model = new PathModel(segmentSize)
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
    const model = this.#model
    if (this.#isInRecovery && !sample.inRecovery) this.#restoreWindow()
    this.#isInRecovery = sample.inRecovery
    model.update(sample, this.#state, this.window)
    if (model.rounds.isStart) this.#schedule.noteRound()
    if (this.#state === BbrState.Startup) this.#checkStartupDone(sample)
    if (this.#state === BbrState.Drain) this.#checkDrainDone(sample)
    if (model.fullPipe.wasReached) this.#advanceCycle(sample, limited)
    model.roundTrips.update(sample.roundTrip, sample.now)
    this.#checkProbeRoundTrip(sample)
    model.advance(sample)

    this.#setPacingRate(PACING_GAINS[this.#state], sample.smoothedRoundTrip)
    this.#setWindow(sample.delivered)
  }

  // --- Startup and Drain: 5.3.1, 5.3.2 --------------------------------------------------------------------------

  /** CheckStartupDone(): 5.3.1. */
  #checkStartupDone(sample: AcknowledgmentSample): void {
    const { shortTerm, fullPipe, rounds, isTooHigh } = this.#model
    if (sample.lost > 0) this.#startupLosses++
    if (shortTerm.isRoundStart) {
      if (sample.inRecovery && isTooHigh && this.#startupLosses >= STARTUP_LOSSES) this.#endStartup()
      this.#startupLosses = 0
    }
    if (!fullPipe.wasReached) return
    this.#state = BbrState.Drain
    this.#drainStart = rounds.count
  }

  /** 5.3.1.3: congestion says that the pipe is full. */
  #endStartup(): void {
    const model = this.#model
    this.#undo.state = BbrState.Startup
    model.fullPipe.wasReached = true
    model.longTerm.inflight = Math.max(
      Math.floor(model.bandwidthDelayProduct(model.bandwidths.maximum, 1)),
      model.shortTerm.latestInflight,
    )
  }

  /** CheckDrainDone(): 5.3.2. */
  #checkDrainDone(sample: AcknowledgmentSample): void {
    const { bandwidth, rounds } = this.#model
    const isDrained = sample.flight <= this.#inflight(bandwidth)
    if (isDrained || rounds.count > this.#drainStart + LONGEST_DRAIN) this.#startDown(sample.now)
  }

  // --- probing for bandwidth: 5.3.3 -----------------------------------------------------------------------------

  /** UpdateProbeBWCyclePhase(): 5.3.3.9. */
  #advanceCycle(sample: AcknowledgmentSample, limited: boolean): void {
    const model = this.#model
    const verdict = this.#probe.learn(model, sample, limited, this.#state, this.window)
    if (verdict === Verdict.ProbeAgain) {
      this.#startRefill()
      return
    }
    if (verdict === Verdict.GoDown) {
      this.#endUp(sample.now)
      return
    }
    switch (this.#state) {
      case BbrState.ProbeDown:
        if (this.#isTimeToProbe(sample.now)) this.#startRefill()
        else if (this.#isTimeToCruise(sample.flight)) this.#state = BbrState.ProbeCruise
        break
      case BbrState.ProbeCruise:
        if (this.#isTimeToProbe(sample.now)) this.#startRefill()
        break
      case BbrState.ProbeRefill:
        if (model.rounds.isStart) this.#startUp()
        break
      case BbrState.ProbeUp:
        if (this.#probe.isOver(model, sample.flight, limited, this.window)) this.#startDown(sample.now)
        break
    }
  }

  #startDown(now: Microseconds): void {
    const { shortTerm, longTerm, rounds } = this.#model
    shortTerm.resetSignals()
    longTerm.stopGrowth()
    this.#schedule.restart(now)
    this.#probe.stop()
    rounds.start()
    this.#state = BbrState.ProbeDown
  }

  /** 5.5.10.2: losses have ended ProbeUp. */
  #endUp(now: Microseconds): void {
    this.#undo.state = BbrState.ProbeUp
    this.#startDown(now)
  }

  #startRefill(): void {
    const { shortTerm, longTerm, rounds } = this.#model
    shortTerm.reset()
    longTerm.restartGrowth()
    this.#probe.refill()
    rounds.start()
    this.#state = BbrState.ProbeRefill
  }

  #startUp(): void {
    const { longTerm, fullPipe, rounds, rate, segmentSize } = this.#model
    this.#probe.start()
    rounds.start()
    fullPipe.reset(rate)
    this.#state = BbrState.ProbeUp
    longTerm.steepen(this.window, segmentSize)
  }

  #isTimeToProbe(now: Microseconds): boolean {
    const model = this.#model
    return this.#schedule.isTime(model.targetInflight(this.window) / model.segmentSize, now)
  }

  /** IsTimeToCruise() */
  #isTimeToCruise(flight: number): boolean {
    const { longTerm, bandwidths, segmentSize, leastWindow } = this.#model
    if (flight > Math.max(longTerm.withHeadroom(segmentSize), leastWindow)) return false
    return flight <= this.#inflight(bandwidths.maximum)
  }

  // --- probing for the round trip: 5.3.4 ------------------------------------------------------------------------

  /** CheckProbeRTT(): 5.3.4.3. */
  #checkProbeRoundTrip(sample: AcknowledgmentSample): void {
    const { roundTrips, rounds } = this.#model
    if (this.#state !== BbrState.ProbeRoundTrip && roundTrips.hasExpired && !this.#isIdleRestart) {
      this.#saveWindow()
      this.#state = BbrState.ProbeRoundTrip
      this.#probeEnd = NONE
      this.#probe.stop()
      rounds.start()
    }
    if (this.#state === BbrState.ProbeRoundTrip) this.#probeRoundTrip(sample)
    if (sample.delivered > 0) this.#isIdleRestart = false
  }

  /** HandleProbeRTT() */
  #probeRoundTrip(sample: AcknowledgmentSample): void {
    const { rounds } = this.#model
    if (this.#probeEnd === NONE) {
      if (sample.flight > this.#probeWindow) return
      this.#probeEnd = sample.now + PROBE_DURATION
      this.#probeRoundDone = false
      rounds.start()
      return
    }
    if (rounds.isStart) this.#probeRoundDone = true
    if (this.#probeRoundDone) this.#checkProbeRoundTripDone(sample.now)
  }

  /** CheckProbeRTTDone(), ExitProbeRTT() */
  #checkProbeRoundTripDone(now: Microseconds): void {
    const { roundTrips, shortTerm, fullPipe } = this.#model
    if (this.#probeEnd === NONE || now <= this.#probeEnd) return
    roundTrips.noteProbed(now)
    this.#restoreWindow()
    shortTerm.reset()
    if (fullPipe.wasReached) {
      this.#startDown(now)
      this.#state = BbrState.ProbeCruise
    } else {
      this.#state = BbrState.Startup
    }
  }

  // --- how fast, and how much at once: 5.6 ----------------------------------------------------------------------

  /** 5.6.2 */
  #setPacingRate(gain: number, smoothedRoundTrip: Microseconds): void {
    const { bandwidth, fullPipe } = this.#model
    if (!this.#hasSeenRoundTrip && smoothedRoundTrip > 0) {
      this.#hasSeenRoundTrip = true
      this.pacingRate = this.#initialRate(smoothedRoundTrip)
    }
    const rate = gain * bandwidth * PACING_MARGIN
    if (rate > 0 && (fullPipe.wasReached || rate > this.pacingRate)) this.pacingRate = rate
  }

  /** InitPacingRate() */
  #initialRate(roundTrip: Microseconds): number {
    return (PACING_GAINS[BbrState.Startup] * initialWindow(this.#model.segmentSize) * SECOND) / roundTrip
  }

  /** SetCwnd(): 5.6.4.6. */
  #setWindow(delivered: number): void {
    const model = this.#model
    const isFilled = model.fullPipe.wasReached
    const product = model.bandwidthDelayProduct(model.bandwidth, WINDOW_GAINS[this.#state])
    const wanted = this.#atLeastOffload(product + model.aggregation.extra)
    let window = this.window
    if (isFilled) {
      window = Math.min(window + delivered, wanted)
    } else if (window < wanted || model.rounds.totalDelivered < initialWindow(model.segmentSize)) {
      window += delivered
    }
    window = Math.max(window, model.leastWindow)
    if (this.#state === BbrState.ProbeRoundTrip) window = Math.min(window, this.#probeWindow)
    this.window = Math.min(Math.floor(window), model.windowBound(this.#state), LARGEST_WINDOW)
    if (isFilled) {
      const held = model.bandwidthDelayProduct(model.bandwidths.maximum, 1)
      this.slowStartThreshold = Math.min(Math.floor(held), this.window)
    }
  }

  /** ProbeRTTCwnd(): 5.6.4.5. */
  get #probeWindow(): number {
    const model = this.#model
    const product = model.bandwidthDelayProduct(model.bandwidth, WINDOW_GAINS[BbrState.ProbeRoundTrip])
    return Math.max(Math.floor(product), model.leastWindow)
  }

  /** Inflight(), with a gain of 1. @param bandwidth bytes per second */
  #inflight(bandwidth: number): number {
    return this.#atLeastOffload(this.#model.bandwidthDelayProduct(bandwidth, 1))
  }

  /** QuantizationBudget(), UpdateOffloadBudget(), SetSendQuantum(): 5.5.8.1, 5.6.3. */
  #atLeastOffload(inflight: number): number {
    const { segmentSize, leastWindow } = this.#model
    const quantum = Math.max(Math.min(this.pacingRate / 1000, LARGEST_QUANTUM), 2 * segmentSize)
    const least = Math.max(inflight, 3 * quantum, leastWindow)
    return this.#state === BbrState.ProbeUp ? least + 2 * segmentSize : least
  }

  // --- losses, echoes and pauses --------------------------------------------------------------------------------

  /**
   * OnEnterFastRecovery(): 5.6.4.4. How much is lost, the acknowledgments tell. To an echo, too, there must be an answer
   * (RFC 3168, 6.1.2), and the draft leaves open which (3.7): that to losses, where it probes, and otherwise that of CUBIC.
   */
  congested(cause: Congestion, flight: number, now: Microseconds): void {
    const model = this.#model
    this.#saveState()
    if (cause !== Congestion.Echo) return
    if (this.#state === BbrState.Startup) this.#endStartup()
    else if (isProbingBandwidth(this.#state)) {
      const verdict = this.#probe.tooHigh(model, flight, false, this.#state, this.window)
      if (verdict === Verdict.GoDown) this.#endUp(now)
    } else model.shortTerm.reduce(ECHO_DECREASE_FACTOR, model.bandwidths.maximum, this.window)
  }

  /** The end of a recovery is seen with the acknowledgment that ends it; after a timeout, too. */
  recovered(_now: Microseconds): void {}

  /** OnEnterRTO(): 5.6.4.4. */
  timedOut(_flight: number, repeated: boolean, _now: Microseconds): void {
    if (!repeated) this.#saveState()
    this.#isInRecovery = true
    this.window = this.#model.segmentSize
  }

  /** SaveStateUponLoss(): 5.5.11.1. */
  #saveState(): void {
    this.#saveWindow()
    this.#undo.save(this.#model)
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
    const { fullPipe } = this.#model
    this.#restoreWindow()
    this.#undo.restore(this.#model)
    const { state } = this.#undo
    this.#undo.state = NO_STATE
    if (state === BbrState.Startup && this.#state !== BbrState.Startup) {
      fullPipe.wasReached = false
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
    const { aggregation, bandwidth } = this.#model
    this.#isIdleRestart = true
    aggregation.restart(now)
    if (isInProbeBandwidthState(this.#state)) {
      if (bandwidth > 0) this.pacingRate = bandwidth * PACING_MARGIN
    } else if (this.#state === BbrState.ProbeRoundTrip) {
      this.#checkProbeRoundTripDone(now)
    }
  }

  setSegmentSize(bytes: number): void {
    const isInitial = this.window === initialWindow(this.#model.segmentSize)
    this.#model.segmentSize = bytes
    if (isInitial) this.window = initialWindow(bytes)
  }
}
