import { type Clock, type Microseconds, SECOND } from '../../clock/index.ts'

/**
 * Router advertisements that are taken in within a second. One costs as much as its options, a hundred times what it costs to
 * drop it; and routers send one in 3 s at most (RFC 4861, section 10, MIN_DELAY_BETWEEN_RAS). What strangers send takes
 * nothing from those whom we know already.
 */
const FROM_ROUTERS = 128
const FROM_STRANGERS = 32

export class AdvertisementLimit {
  readonly #clock: Clock
  #until: Microseconds = 0
  #fromRouters = 0
  #fromStrangers = 0

  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** @param isRouter whether the sender is one of our routers @returns whether its message is to be taken in */
  take(isRouter: boolean): boolean {
    const now = this.#clock.now()
    if (now >= this.#until) {
      this.#until = now + SECOND
      this.#fromRouters = this.#fromStrangers = 0
    }
    if (isRouter) return this.#fromRouters++ < FROM_ROUTERS
    return this.#fromStrangers++ < FROM_STRANGERS
  }
}
