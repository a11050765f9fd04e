/**
 * HyStart++, RFC 9406: ends the first slow start when round trips get longer, before the queue overflows. One object per
 * connection, only while its first slow start lasts; later ones end at the threshold that was found.
 */
import type { Microseconds } from '../../clock/index.ts'
import { distance, type SequenceNumber } from '../sequence-number.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'

// RFC 9406, 4.3.
const SHORTEST_THRESHOLD: Microseconds = 4_000
const LONGEST_THRESHOLD: Microseconds = 16_000
const ROUND_TRIP_DIVISOR = 8
const SAMPLES_PER_ROUND = 8
const CONSERVATIVE_ROUNDS = 5
/** CSS_GROWTH_DIVISOR: conservative slow start grows by this part of what is acknowledged. */
export const CONSERVATIVE_DIVISOR = 4

export const SlowStartPhase = {
  /** Growth by all that is acknowledged. */
  Standard: 0,
  /** CSS: the round trip has grown; is that a queue? Growth by a quarter. */
  Conservative: 1,
  /** It was: congestion avoidance from here on. */
  Over: 2,
} as const
export type SlowStartPhase = (typeof SlowStartPhase)[keyof typeof SlowStartPhase]

const NONE = -1

/**
 * Departs from RFC 9406 in one thing: growth is not limited to L = 8 segments per acknowledgment (4.2) although sending is
 * not paced. A receiver that coalesces acknowledges 64 KiB at once, and that limit would leave it a sixth of the growth;
 * Linux has no such limit either.
 */
export class HyStart {
  /** The round ends when this is acknowledged. */
  #roundEnd: SequenceNumber
  #samples = 0
  /** The shortest round trips, in microseconds, of this round, of the one before, and of the one that began CSS. */
  #currentMinimum: Microseconds = NONE
  #lastMinimum: Microseconds = NONE
  #baseline: Microseconds = NONE
  /** Rounds of CSS begun; 0: standard slow start. */
  #conservativeRounds = 0

  /** @param sendNext SND.NXT: the first round ends with what is on its way now */
  constructor(sendNext: SequenceNumber) {
    this.#roundEnd = sendNext
  }

  /** RFC 9406, 4.2, for an acknowledgment in slow start. @returns how to grow for it */
  acknowledged(sample: AcknowledgmentSample): SlowStartPhase {
    if (sample.roundTrip >= 0) this.#takeRoundTrip(sample.roundTrip)
    const remaining = distance(this.#roundEnd, sample.unacknowledged)
    // An end beyond SND.NXT was passed so long ago that the numbers have wrapped.
    if (remaining <= 0 || remaining > distance(sample.sendNext, sample.unacknowledged)) {
      // A round ends with its window also where coalesced acknowledgments brought fewer samples than it takes to judge.
      this.#roundEnd = sample.sendNext
      if (this.#currentMinimum !== NONE) this.#lastMinimum = this.#currentMinimum
      this.#currentMinimum = NONE
      this.#samples = 0
      if (this.#conservativeRounds > 0 && ++this.#conservativeRounds > CONSERVATIVE_ROUNDS) return SlowStartPhase.Over
    }
    return this.#conservativeRounds > 0 ? SlowStartPhase.Conservative : SlowStartPhase.Standard
  }

  #takeRoundTrip(roundTrip: Microseconds): void {
    if (this.#currentMinimum === NONE || roundTrip < this.#currentMinimum) this.#currentMinimum = roundTrip
    if (++this.#samples < SAMPLES_PER_ROUND) return
    if (this.#conservativeRounds > 0) {
      // The longer round trip was no queue but noise: back to standard slow start.
      if (this.#currentMinimum < this.#baseline) this.#conservativeRounds = 0
      return
    }
    if (this.#lastMinimum === NONE) return
    const threshold = Math.max(SHORTEST_THRESHOLD, Math.min(this.#lastMinimum / ROUND_TRIP_DIVISOR, LONGEST_THRESHOLD))
    if (this.#currentMinimum >= this.#lastMinimum + threshold) {
      this.#baseline = this.#currentMinimum
      this.#conservativeRounds = 1
    }
  }
}
