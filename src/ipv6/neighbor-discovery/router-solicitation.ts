import { type Clock, type Microseconds, type Random, SECOND, Timer, type TimerHandler } from '../../clock/index.ts'

/** RFC 4861, section 10. */
const MAX_RTR_SOLICITATION_DELAY: Microseconds = SECOND
/** RFC 7559, section 2: RTR_SOLICITATION_INTERVAL and the most that it grows to. */
const INITIAL_INTERVAL: Microseconds = 4 * SECOND
const MAX_INTERVAL: Microseconds = 3600 * SECOND

/** All that it may touch of the world. */
export interface RouterSolicitationContext {
  readonly clock: Clock
  readonly random: Random
  sendRouterSolicitation(): void
}

/**
 * Asks for routers until one answers, however long that takes: RFC 4861, 6.3.7, with the intervals of RFC 7559, section 2
 * (which are those of RFC 8415, section 15).
 */
export class RouterSolicitation implements TimerHandler {
  readonly #context: RouterSolicitationContext
  readonly #timer = new Timer(this)
  #interval: Microseconds = 0

  constructor(context: RouterSolicitationContext) {
    this.#context = context
  }

  get active(): boolean {
    return this.#timer.armed
  }

  /** Begins anew. @param delayed whether the first waits for up to a second: unless something else delayed it already */
  start(delayed: boolean): void {
    this.#interval = 0
    const { clock, random } = this.#context
    clock.arm(this.#timer, clock.now() + (delayed ? random.below(MAX_RTR_SOLICITATION_DELAY) : 0))
  }

  /** RFC 7559, 2.1: a default router answered. */
  stop(): void {
    this.#context.clock.disarm(this.#timer)
  }

  onTimer(): void {
    this.#interval = this.#nextInterval()
    this.#context.clock.arm(this.#timer, this.#context.clock.now() + Math.round(this.#interval))
    this.#context.sendRouterSolicitation()
  }

  /** RFC 8415, section 15: RAND from -0.1 to 0.1. */
  #nextInterval(): Microseconds {
    const spread = () => (this.#context.random.fraction() - 0.5) / 5
    if (this.#interval === 0) return INITIAL_INTERVAL * (1 + spread())
    const next = this.#interval * (2 + spread())
    return next > MAX_INTERVAL ? MAX_INTERVAL * (1 + spread()) : next
  }
}
