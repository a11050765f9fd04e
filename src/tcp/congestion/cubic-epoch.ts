import { type Microseconds, SECOND } from '../../clock/index.ts'

/** C of RFC 9438, 5: segments per second cubed. */
const C = 0.4

/** A congestion avoidance stage of CUBIC, RFC 9438, 4.1.2: what its curve is made of. Amounts in bytes. */
export class CubicEpoch {
  /** W_max; 0: not known, the curve begins at its inflection. */
  maximum: number
  /** cwnd_prior: the window before the congestion. */
  prior: number
  /** K, in seconds: when the curve is at W_max. */
  inflection = 0
  /** W_est: the window that Reno would have. */
  estimate = 0
  /** t_epoch. */
  start: Microseconds = -1
  isStarted = false

  constructor(maximum: number, prior: number) {
    this.maximum = maximum
    this.prior = prior
  }

  begin(window: number, segmentSize: number, now: Microseconds): void {
    this.isStarted = true
    this.start = now
    this.estimate = window
    if (window < this.maximum) {
      // RFC 9438, 4.2, equation 2.
      this.inflection = Math.cbrt((this.maximum - window) / (C * segmentSize))
    } else {
      // RFC 9438, 4.8 and 4.10: W_max was unknown; or the window has outgrown it (as in Linux).
      this.maximum = window
      this.inflection = 0
    }
  }

  /** W_cubic(t), RFC 9438, 4.2, equation 1. @param elapsed seconds since the start */
  windowAt(elapsed: number, segmentSize: number): number {
    const distance = elapsed - this.inflection
    return C * segmentSize * distance * distance * distance + this.maximum
  }

  /** t, in seconds. */
  elapsed(now: Microseconds): number {
    return (now - this.start) / SECOND
  }
}
