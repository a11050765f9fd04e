/**
 * NewReno congestion control: RFC 5681, with the windows counted in bytes (RFC 3465) and a gentler answer to ECN (ABE,
 * RFC 8511). Its recovery, RFC 6582, is the sender's, with PRR instead of the inflation and deflation of the window.
 */
import type { Microseconds } from '../../clock/index.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { Congestion, type CongestionControlName, LARGEST_WINDOW } from './congestion-control.ts'
import { LossBasedControl } from './loss-based-control.ts'

/** RFC 5681, equation 4. */
const DECREASE_FACTOR = 0.5
/** RFC 8511, 3.1: a queue that marks is short, there is less to drain. */
const ECHO_DECREASE_FACTOR = 0.8

export class NewReno extends LossBasedControl {
  /** Bytes acknowledged in congestion avoidance since the window last grew; RFC 3465, 2.1. */
  #acknowledged = 0

  get name(): CongestionControlName {
    return 'newreno'
  }

  protected decreaseFactor(cause: Congestion): number {
    return cause === Congestion.Echo ? ECHO_DECREASE_FACTOR : DECREASE_FACTOR
  }

  protected avoid(bytes: number, _sample: AcknowledgmentSample): void {
    // RFC 3465, 2.1: one segment per window's worth of acknowledged bytes.
    this.#acknowledged += bytes
    if (this.#acknowledged >= this.window) {
      this.#acknowledged -= this.window
      this.window = Math.min(this.window + this.segmentSize, LARGEST_WINDOW)
    }
  }

  override congested(cause: Congestion, flight: number, now: Microseconds): void {
    super.congested(cause, flight, now)
    this.#acknowledged = 0
  }

  recovered(_now: Microseconds): void {}

  override timedOut(flight: number, repeated: boolean, now: Microseconds): void {
    super.timedOut(flight, repeated, now)
    this.#acknowledged = 0
  }

  resumed(_idle: Microseconds, _now: Microseconds): void {}
}
