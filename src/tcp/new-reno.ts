/** NewReno congestion control: RFC 5681 (slow start, congestion avoidance), RFC 6582 (recovery), RFC 3465 (by bytes). */
import { type CongestionControl, initialWindow } from './congestion-control.ts'

/** The window is not grown past what a scaled receive window can express (RFC 7323, 2.3). */
const LARGEST_WINDOW = 2 ** 30

export class NewReno implements CongestionControl {
  window: number
  slowStartThreshold = LARGEST_WINDOW
  #segmentSize: number
  /** Bytes acknowledged in congestion avoidance since the window last grew; RFC 3465, 2.1. */
  #acknowledged = 0

  constructor(segmentSize: number) {
    this.#segmentSize = segmentSize
    this.window = initialWindow(segmentSize)
  }

  acknowledged(bytes: number): void {
    if (this.window < this.slowStartThreshold) {
      // RFC 3465, 2.2, limits the growth per acknowledgment to 2 SMSS (L). Receivers that coalesce acknowledge 64 KiB at
      // once, and for those that limit would mean no slow start at all; as Linux does, growth follows the bytes.
      const growth = Math.min(bytes, this.slowStartThreshold - this.window)
      this.window = Math.min(this.window + growth, LARGEST_WINDOW)
      bytes -= growth
      if (bytes <= 0) return
    }
    // RFC 3465, 2.1: one segment per window's worth of acknowledged bytes.
    this.#acknowledged += bytes
    if (this.#acknowledged >= this.window) {
      this.#acknowledged -= this.window
      this.window = Math.min(this.window + this.#segmentSize, LARGEST_WINDOW)
    }
  }

  enterRecovery(flightSize: number): void {
    // RFC 5681, equation 4, and 3.2 step 3: three segments have left the network.
    this.slowStartThreshold = Math.max(flightSize / 2, 2 * this.#segmentSize)
    this.window = this.slowStartThreshold + 3 * this.#segmentSize
    this.#acknowledged = 0
  }

  duplicateAcknowledgment(): void {
    // RFC 5681, 3.2 step 4.
    this.window = Math.min(this.window + this.#segmentSize, LARGEST_WINDOW)
  }

  partialAcknowledgment(bytes: number): void {
    // RFC 6582, 3.2 step 3: deflate by what was acknowledged, add back one segment if at least that much was.
    this.window = Math.max(this.window - bytes, this.#segmentSize)
    if (bytes >= this.#segmentSize) this.window += this.#segmentSize
  }

  exitRecovery(flightSize: number): void {
    // RFC 6582, 3.2 step 3, option 1: no burst after recovery.
    const flight = Math.max(flightSize, this.#segmentSize) + this.#segmentSize
    this.window = Math.min(this.slowStartThreshold, flight)
  }

  timedOut(flightSize: number, repeated: boolean): void {
    // RFC 5681, 3.1: ssthresh is not lowered again while the same segment is retransmitted by the timer.
    if (!repeated) this.slowStartThreshold = Math.max(flightSize / 2, 2 * this.#segmentSize)
    this.window = this.#segmentSize
    this.#acknowledged = 0
  }

  restartAfterIdle(): void {
    this.window = Math.min(this.window, initialWindow(this.#segmentSize))
  }

  setSegmentSize(bytes: number): void {
    // The segment size is known only after the SYNs: until something has moved the window it is the initial one.
    const isInitial = this.window === initialWindow(this.#segmentSize)
    this.#segmentSize = bytes
    this.window = isInitial ? initialWindow(bytes) : Math.max(this.window, bytes)
  }
}
