import { LARGE } from '../../packet/index.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'

/**
 * Packet-timed round trips, draft-ietf-ccwg-bbr, 5.5.1: one is over when something is delivered that was sent after it
 * began.
 */
export class RoundCounter {
  /** C.delivered: bytes. */
  totalDelivered = LARGE
  /** BBR.next_round_delivered */
  #end = LARGE
  /** BBR.round_start: the acknowledgment at hand began one. */
  isStart = false
  /** BBR.round_count */
  count = 0

  constructor() {
    this.totalDelivered = this.#end = 0
  }

  /** UpdateRound() */
  update(sample: AcknowledgmentSample): void {
    this.totalDelivered = sample.totalDelivered
    this.isStart = sample.delivered > 0 && sample.priorDelivered >= this.#end
    if (!this.isStart) return
    this.start()
    this.count++
  }

  /** StartRound() */
  start(): void {
    this.#end = this.totalDelivered
  }
}
