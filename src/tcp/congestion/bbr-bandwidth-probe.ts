import type { AcknowledgmentSample } from './acknowledgment-sample.ts'
import type { PathModel } from './bbr-path-model.ts'
import { DECREASE_FACTOR } from './bbr-short-term-model.ts'
import { BbrState, isInProbeBandwidthState } from './bbr-state.ts'

/** BBR.ack_phase: what acknowledgments say about a probe. */
const Feedback = { None: 0, Refilling: 1, Starting: 2, Probing: 3, Stopping: 4 } as const
type Feedback = (typeof Feedback)[keyof typeof Feedback]

/** What follows for the state from what was learnt. */
export const Verdict = {
  None: 0,
  /** The next probe begins at once. */
  ProbeAgain: 1,
  /** Too much is in flight. */
  GoDown: 2,
} as const
export type Verdict = (typeof Verdict)[keyof typeof Verdict]

/**
 * What a probe for bandwidth teaches of how much may be in flight, draft-ietf-ccwg-bbr, 5.3.3.6 and 5.5.10.2. The answers to
 * what it sent come a round trip later, when the state is another one.
 */
export class BandwidthProbe {
  #feedback: Feedback = Feedback.None
  /** BBR.is_bw_probe_sample */
  #isSample = false
  /** BBR.prev_probe_too_high, BBR.prev_probe_precautionary */
  #wasTooHigh = false
  #wasPrecautionary = false

  refill(): void {
    this.#wasPrecautionary = false
    this.#feedback = Feedback.Refilling
  }

  start(): void {
    this.#isSample = true
    this.#feedback = Feedback.Starting
  }

  stop(): void {
    this.#feedback = Feedback.Stopping
  }

  /** AdaptLongTermModel() */
  learn(model: PathModel, sample: AcknowledgmentSample, limited: boolean, state: BbrState, window: number): Verdict {
    const { longTerm, rounds } = model
    if (rounds.isStart && this.#feedback === Feedback.Starting) this.#feedback = Feedback.Probing
    if (rounds.isStart && this.#feedback === Feedback.Stopping) {
      this.#isSample = false
      this.#feedback = Feedback.None
      if (isInProbeBandwidthState(state)) {
        if (!model.isApplicationLimited) model.bandwidths.advance()
        // What was risky has gone well, and may go on.
        if (this.#wasPrecautionary && !this.#wasTooHigh) return Verdict.ProbeAgain
      }
    }
    if (model.isTooHigh) {
      if (!this.#isSample) return Verdict.None
      return this.tooHigh(model, sample.flightWhenSent, model.isApplicationLimited, state, window)
    }
    if (!longTerm.isKnown) return Verdict.None
    if (sample.flightWhenSent > longTerm.inflight) longTerm.inflight = sample.flightWhenSent
    if (state === BbrState.ProbeUp && limited && window >= longTerm.inflight) {
      longTerm.grow(sample.delivered, model.segmentSize)
      if (rounds.isStart) longTerm.steepen(window, model.segmentSize)
    }
    return Verdict.None
  }

  /** HandleInflightTooHigh(): 5.5.10.2. @param flight bytes in flight that were too many */
  tooHigh(model: PathModel, flight: number, isApplicationLimited: boolean, state: BbrState, window: number): Verdict {
    this.#wasTooHigh = true
    this.#isSample = false
    if (!isApplicationLimited) {
      model.longTerm.inflight = Math.max(flight, Math.floor(model.targetInflight(window) * DECREASE_FACTOR))
    }
    return state === BbrState.ProbeUp ? Verdict.GoDown : Verdict.None
  }

  /** IsTimeToGoDown() @param limited the window is what limits the sender */
  isOver(model: PathModel, flight: number, limited: boolean, window: number): boolean {
    const { longTerm, fullPipe } = model
    if (this.#wasTooHigh && flight >= longTerm.inflight) {
      this.#wasPrecautionary = true
      this.#wasTooHigh = false
      return true
    }
    if (limited && window >= longTerm.inflight) {
      fullPipe.reset(model.rate)
      return false
    }
    if (fullPipe.isFull) this.#wasTooHigh = false
    return fullPipe.isFull
  }
}
