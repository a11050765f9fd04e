/**
 * What the congestion controls that answer to losses and echoes have in common: slow start (RFC 5681, 3.1, with
 * HyStart++, RFC 9406), the collapse after a timeout, undo, and the restart after idle time.
 */
import type { Microseconds } from '../../clock/index.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'
import {
  Congestion,
  type CongestionControl,
  type CongestionControlName,
  initialWindow,
  LARGEST_WINDOW,
} from './congestion-control.ts'
import { CONSERVATIVE_DIVISOR, HyStart, SlowStartPhase } from './hystart.ts'

export abstract class LossBasedControl implements CongestionControl {
  abstract readonly name: CongestionControlName
  window: number
  slowStartThreshold = LARGEST_WINDOW
  protected segmentSize: number
  /** What `undo` goes back to; 0: nothing to undo. */
  #priorWindow = 0
  #priorThreshold = 0
  /** Only while the first slow start fills the window: idle connections have none. */
  #hystart: HyStart | null = null

  constructor(segmentSize: number) {
    this.segmentSize = segmentSize
    this.window = initialWindow(segmentSize)
  }

  get pacingRate(): number {
    return 0
  }

  get controlsRecovery(): boolean {
    return false
  }

  /** The part of the flight that is left after congestion. */
  protected abstract decreaseFactor(cause: Congestion): number
  /** Congestion avoidance: more has arrived, `bytes` of it since the window reached the threshold. */
  protected abstract avoid(bytes: number, sample: AcknowledgmentSample): void

  acknowledged(sample: AcknowledgmentSample, limited: boolean): void {
    // RFC 5681, 3.2, step 1: not for duplicate acknowledgments. An acknowledgment that ends a recovery covers also what
    // SACK told of long before; only what arrived now counts, as in Linux, or the window would jump.
    if (!limited || sample.acknowledged <= 0) return
    let bytes = sample.delivered
    if (this.window < this.slowStartThreshold) {
      bytes = this.#slowStart(bytes, sample)
      if (bytes <= 0) return
    }
    this.avoid(bytes, sample)
  }

  /** @returns what is left of the bytes when the window has reached the threshold */
  #slowStart(bytes: number, sample: AcknowledgmentSample): number {
    let growth = bytes
    // RFC 9406, 4.3: only the first slow start, whose threshold is not known yet.
    if (this.slowStartThreshold === LARGEST_WINDOW) {
      this.#hystart ??= new HyStart(sample.sendNext)
      const phase = this.#hystart.acknowledged(sample)
      if (phase === SlowStartPhase.Over) {
        this.#hystart = null
        this.slowStartThreshold = this.window
        return bytes
      }
      if (phase === SlowStartPhase.Conservative) growth = Math.ceil(bytes / CONSERVATIVE_DIVISOR)
    }
    // RFC 3465, 2.2, limits the growth per acknowledgment to 2 SMSS (L). Receivers that coalesce acknowledge 64 KiB at
    // once, and for those that limit would mean no slow start at all; as Linux does, growth follows the bytes.
    const room = this.slowStartThreshold - this.window
    if (growth <= room) {
      this.window += growth
      return 0
    }
    this.window = this.slowStartThreshold
    return growth - room
  }

  congested(cause: Congestion, flight: number, _now: Microseconds): void {
    this.#remember()
    this.slowStartThreshold = this.#threshold(flight, cause)
  }

  abstract recovered(now: Microseconds): void

  timedOut(flight: number, repeated: boolean, _now: Microseconds): void {
    if (!repeated) {
      this.#remember()
      this.slowStartThreshold = this.#threshold(flight, Congestion.Loss)
    }
    // RFC 5681, 3.1: the loss window.
    this.window = this.segmentSize
  }

  #remember(): void {
    this.#priorWindow = this.window
    this.#priorThreshold = this.slowStartThreshold
    this.#hystart = null
  }

  /** RFC 5681, equation 4, with other factors. */
  #threshold(flight: number, cause: Congestion): number {
    return Math.max(Math.floor(flight * this.decreaseFactor(cause)), 2 * this.segmentSize)
  }

  undo(_now: Microseconds): void {
    this.window = Math.max(this.window, this.#priorWindow)
    this.slowStartThreshold = Math.max(this.slowStartThreshold, this.#priorThreshold)
    this.#priorWindow = 0
    this.#priorThreshold = 0
  }

  restartAfterIdle(idle: Microseconds, retransmissionTimeout: Microseconds, now: Microseconds): void {
    const restart = Math.min(this.window, initialWindow(this.segmentSize))
    // RFC 2861, 3.1, as Linux does it: half for every timeout that passed, down to the restart window of RFC 5681, 4.1,
    // and the threshold remembers the way back.
    this.slowStartThreshold = Math.max(this.slowStartThreshold, this.window - (this.window >> 2))
    for (let left = idle - retransmissionTimeout; left > 0 && this.window > restart; left -= retransmissionTimeout) {
      this.window >>= 1
    }
    this.window = Math.max(this.window, restart)
    this.#priorWindow = 0
    this.#priorThreshold = 0
    this.resumed(idle, now)
  }

  abstract resumed(idle: Microseconds, now: Microseconds): void

  setSegmentSize(bytes: number): void {
    // The segment size is known only after the SYNs: until something has moved the window it is the initial one.
    const isInitial = this.window === initialWindow(this.segmentSize)
    this.segmentSize = bytes
    this.window = isInitial ? initialWindow(bytes) : Math.max(this.window, bytes)
  }
}
