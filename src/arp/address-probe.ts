import {
  type Clock,
  MILLISECOND,
  type Microseconds,
  type Random,
  SECOND,
  Timer,
  type TimerHandler,
} from '../clock/index.ts'

/** When the probes for an address go out. All in microseconds, 0 or more. */
export interface ProbeTimes {
  /** The first one after a random time up to this. */
  readonly wait: Microseconds
  /** 0: nobody is asked. */
  readonly count: number
  /** Between two of them, a random time from the least to the greatest. */
  readonly leastInterval: Microseconds
  readonly greatestInterval: Microseconds
  /** From the last one to the end. */
  readonly answerWait: Microseconds
}

/** RFC 5227, section 1.1: PROBE_WAIT, PROBE_NUM, PROBE_MIN, PROBE_MAX, ANNOUNCE_WAIT. 4 to 7 seconds in all. */
export const STANDARD_PROBE_TIMES: ProbeTimes = {
  wait: 1 * SECOND,
  count: 3,
  leastInterval: 1 * SECOND,
  greatestInterval: 2 * SECOND,
  answerWait: 2 * SECOND,
}

/** For links whose hosts answer at once, as those of virtual machines: a quarter of a second in all. */
export const SHORT_PROBE_TIMES: ProbeTimes = {
  wait: 0,
  count: 3,
  leastInterval: 50 * MILLISECOND,
  greatestInterval: 50 * MILLISECOND,
  answerWait: 150 * MILLISECOND,
}

/** For links from point to point, on which nobody can be asked: the answer is yes. */
export const NO_QUESTION: ProbeTimes = { wait: 0, count: 0, leastInterval: 0, greatestInterval: 0, answerWait: 0 }

/** Who runs probes. */
export interface ProbeOwner {
  sendProbe(address: number): void
  /** It has ended; nothing of it runs any more. @param isFree whether nobody else uses the address or wants to */
  probeEnded(probe: AddressProbe, isFree: boolean): void
}

/** Asks the link whether anybody uses an address that is not ours yet, RFC 5227, section 2.1.1. */
export class AddressProbe implements TimerHandler {
  readonly address: number
  readonly #clock: Clock
  readonly #random: Random
  readonly #times: ProbeTimes
  readonly #owner: ProbeOwner
  readonly #timer = new Timer(this)
  #sent = 0

  constructor(address: number, clock: Clock, random: Random, times: ProbeTimes, owner: ProbeOwner) {
    this.address = address
    this.#clock = clock
    this.#random = random
    this.#times = times
    this.#owner = owner
  }

  /** @param delay before the random one that comes first */
  start(delay: Microseconds): void {
    this.#clock.arm(this.#timer, this.#clock.now() + delay + this.#between(0, this.#times.wait))
  }

  /** Ends it without a result. */
  cancel(): void {
    this.#clock.disarm(this.#timer)
  }

  onTimer(): void {
    const { count, leastInterval, greatestInterval, answerWait } = this.#times
    if (this.#sent === count) {
      this.#owner.probeEnded(this, true)
      return
    }
    this.#sent++
    const next = this.#sent < count ? this.#between(leastInterval, greatestInterval) : answerWait
    this.#clock.arm(this.#timer, this.#clock.now() + next)
    this.#owner.sendProbe(this.address)
  }

  #between(least: Microseconds, greatest: Microseconds): Microseconds {
    return least + Math.floor(this.#random.fraction() * (greatest - least))
  }
}
