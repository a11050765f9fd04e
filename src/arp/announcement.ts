import { type Clock, type Microseconds, SECOND, Timer, type TimerHandler } from '../clock/index.ts'

/** RFC 5227, section 1.1. */
const ANNOUNCE_NUM = 2
const ANNOUNCE_INTERVAL: Microseconds = 2 * SECOND

/** Tells the link that an address is ours, RFC 5227, section 2.3: twice, two seconds apart. */
export class Announcement implements TimerHandler {
  readonly #clock: Clock
  readonly #send: () => void
  readonly #timer = new Timer(this)
  #left = 0

  constructor(clock: Clock, send: () => void) {
    this.#clock = clock
    this.#send = send
  }

  /** The first one goes out as soon as the clock runs, not from inside this call. */
  start(): void {
    this.#left = ANNOUNCE_NUM
    this.#clock.arm(this.#timer, this.#clock.now())
  }

  stop(): void {
    this.#clock.disarm(this.#timer)
  }

  onTimer(): void {
    this.#send()
    if (--this.#left > 0) this.#clock.arm(this.#timer, this.#clock.now() + ANNOUNCE_INTERVAL)
  }
}
