import { type Clock, type Microseconds, SECOND, Timer, type TimerHandler } from '../../clock/index.ts'

/** How long a link that is back may go unnoticed: no more than what a person waits for. */
const INTERVAL: Microseconds = SECOND

/** Sees a link come back: a cable that is plugged in again, perhaps into another network. */
export class LinkWatch implements TimerHandler {
  readonly #clock: Clock
  readonly #hasLink: () => boolean
  readonly #changed: (hasLink: boolean) => void
  readonly #timer = new Timer(this)
  #hadLink: boolean

  /** @param changed runs whenever `hasLink` gives another answer than before, which is asked once a second */
  constructor(clock: Clock, hasLink: () => boolean, changed: (hasLink: boolean) => void) {
    this.#clock = clock
    this.#hasLink = hasLink
    this.#changed = changed
    this.#hadLink = hasLink()
    this.#arm()
  }

  stop(): void {
    this.#clock.disarm(this.#timer)
  }

  onTimer(): void {
    this.#arm()
    const hasLink = this.#hasLink()
    if (hasLink === this.#hadLink) return
    this.#hadLink = hasLink
    this.#changed(hasLink)
  }

  #arm(): void {
    this.#clock.arm(this.#timer, this.#clock.now() + INTERVAL)
  }
}
