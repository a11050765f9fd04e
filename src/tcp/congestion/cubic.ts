/**
 * CUBIC, RFC 9438, with HyStart++ (RFC 9406) and ABE (RFC 8511). The formulas are those of the RFC with the windows in
 * bytes: its C counts segments and is multiplied by their size.
 */
import { type Microseconds, SECOND } from '../../clock/index.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { Congestion, type CongestionControlName, LARGEST_WINDOW } from './congestion-control.ts'
import { CubicEpoch } from './cubic-epoch.ts'
import { LossBasedControl } from './loss-based-control.ts'

/** beta_cubic, RFC 9438, 4.6. */
const DECREASE_FACTOR = 0.7
/** RFC 8511, 3.1. */
const ECHO_DECREASE_FACTOR = 0.85
/** alpha_cubic, RFC 9438, 4.3: with it Reno that decreases by beta_cubic is as fast as Reno that halves. */
const RENO_GROWTH = (3 * (1 - DECREASE_FACTOR)) / (1 + DECREASE_FACTOR)
/** RFC 9438, 4.2: the window may grow by half in a round trip, not more. */
const LARGEST_GROWTH = 1.5

export class Cubic extends LossBasedControl {
  /** The current congestion avoidance, or from a congestion on the one that will follow it; null: there was none yet. */
  #epoch: CubicEpoch | null = null
  /** The one before the last congestion, for `undo`. */
  #priorEpoch: CubicEpoch | null = null
  #isUndoable = false
  /** When the epoch's time was last brought up to date; what passes without being counted is added to its start. */
  #countedAt: Microseconds = 0
  /** The part of a byte by which the window should be larger: over many acknowledgments these add up. */
  #fraction = 0

  get name(): CongestionControlName {
    return 'cubic'
  }

  protected decreaseFactor(cause: Congestion): number {
    return cause === Congestion.Echo ? ECHO_DECREASE_FACTOR : DECREASE_FACTOR
  }

  override acknowledged(sample: AcknowledgmentSample, limited: boolean): void {
    const epoch = this.#epoch
    if (!limited && epoch !== null && epoch.isStarted) {
      // RFC 9438, 5.8: time in which the application was what limited the sender does not count.
      epoch.start += sample.now - this.#countedAt
    }
    this.#countedAt = sample.now
    super.acknowledged(sample, limited)
  }

  protected avoid(bytes: number, sample: AcknowledgmentSample): void {
    let epoch = this.#epoch
    // RFC 9438, 4.10: HyStart++ has ended slow start without a congestion.
    if (epoch === null) epoch = this.#epoch = new CubicEpoch(0, this.window)
    if (!epoch.isStarted) epoch.begin(this.window, this.segmentSize, sample.now)
    const window = this.window + this.#fraction
    const share = bytes / window
    // RFC 9438, 4.3, equation 4. As soon as it has what Reno had before the congestion it grows as Reno does.
    epoch.estimate += (epoch.estimate < epoch.prior ? RENO_GROWTH : 1) * share * this.segmentSize
    const elapsed = epoch.elapsed(sample.now)
    let next: number
    if (epoch.windowAt(elapsed, this.segmentSize) < epoch.estimate) {
      next = Math.min(epoch.estimate, window + (LARGEST_GROWTH - 1) * bytes)
      if (next < window) next = window
    } else {
      // RFC 9438, 4.2, 4.4 and 4.5: towards where the curve will be in a round trip.
      const ahead = epoch.windowAt(elapsed + sample.smoothedRoundTrip / SECOND, this.segmentSize)
      const target = Math.min(Math.max(ahead, window), LARGEST_GROWTH * window)
      // The RFC adds (target - window) / window for each segment. That is one step of an approach to the target whose
      // outcome this is: the same for a window that is acknowledged at once as for one segment by segment.
      next = window - (target - window) * Math.expm1(-share)
    }
    if (next > LARGEST_WINDOW) next = LARGEST_WINDOW
    this.window = next | 0
    this.#fraction = next - this.window
  }

  override congested(cause: Congestion, flight: number, now: Microseconds): void {
    super.congested(cause, flight, now)
    this.#replaceEpoch(this.#maximumAfter(this.decreaseFactor(cause)))
  }

  /** W_max: RFC 9438, 4.6; less where the last one was not reached again: another flow needs room (fast convergence, 4.7). */
  #maximumAfter(factor: number): number {
    const isShrinking = this.#epoch !== null && this.window < this.#epoch.maximum
    return isShrinking ? (this.window * (1 + factor)) / 2 : this.window
  }

  #replaceEpoch(maximum: number): void {
    this.#priorEpoch = this.#epoch
    this.#isUndoable = true
    this.#epoch = new CubicEpoch(maximum, this.window)
    this.#fraction = 0
  }

  recovered(now: Microseconds): void {
    this.#countedAt = now
  }

  override timedOut(flight: number, repeated: boolean, now: Microseconds): void {
    // RFC 9438, 4.8: the curve begins anew (W_max unknown) where slow start will end.
    if (!repeated) this.#replaceEpoch(0)
    this.#fraction = 0
    super.timedOut(flight, repeated, now)
  }

  override undo(now: Microseconds): void {
    super.undo(now)
    // RFC 9438, 4.9
    if (!this.#isUndoable) return
    this.#isUndoable = false
    this.#epoch = this.#priorEpoch
    this.#priorEpoch = null
  }

  override restartAfterIdle(idle: Microseconds, retransmissionTimeout: Microseconds, now: Microseconds): void {
    const before = this.window
    super.restartAfterIdle(idle, retransmissionTimeout, now)
    const epoch = this.#epoch
    if (epoch === null || this.window === before) return
    // A congestion avoidance of its own follows the slow start, back to where the curve was before.
    this.#isUndoable = false
    this.#priorEpoch = null
    this.#epoch = new CubicEpoch(Math.max(epoch.maximum, before), before)
    this.#fraction = 0
  }

  /** RFC 9438, 5.8: nor does time count in which nothing was sent, as it does not in Linux. */
  resumed(_idle: Microseconds, now: Microseconds): void {
    const epoch = this.#epoch
    if (epoch?.isStarted) epoch.start += now - this.#countedAt
    this.#countedAt = now
  }
}
