import { type Microseconds, type Random, SECOND } from '../../clock/index.ts'

/** T_reno_bound of draft-ietf-ccwg-bbr, 5.3.3.8.2: so many round trips at most. */
const MOST_ROUNDS = 63
/** T_bbr: two to three seconds. */
const SHORTEST_WAIT: Microseconds = 2 * SECOND
const WAIT_SPREAD: Microseconds = SECOND

/** When to probe for bandwidth: draft-ietf-ccwg-bbr, 5.3.3.8. Up to chance, so that flows do not probe in step. */
export class ProbeSchedule {
  readonly #random: Random
  #due: Microseconds = 0
  /** BBR.rounds_since_probe_up */
  #rounds = 0

  constructor(random: Random) {
    this.#random = random
  }

  /** PickProbeWait() */
  restart(now: Microseconds): void {
    this.#rounds = this.#random.below(2)
    this.#due = now + SHORTEST_WAIT + this.#random.below(WAIT_SPREAD)
  }

  noteRound(): void {
    this.#rounds++
  }

  /**
   * IsTimeToProbeBW(): also as soon as Reno would have needed to grow by as much as is in flight, to let it live.
   * @param segments in flight at the estimated bandwidth
   */
  isTime(segments: number, now: Microseconds): boolean {
    return now > this.#due || this.#rounds >= Math.min(segments, MOST_ROUNDS)
  }
}
