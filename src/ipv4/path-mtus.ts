import { type Clock, MINUTE, type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'

/** RFC 1191, section 6.3, and Linux (mtu_expires): then a larger packet may try again. */
const EXPIRY: Microseconds = 10 * MINUTE
/** Linux (min_pmtu): nobody makes us cut our data into crumbs. Where a path is really as narrow, routers cut it. */
const LEAST_MTU = 552
/** Destinations whose MTU is lowered at a time; the oldest gets the link's back before another is added. */
const LIMIT = 1024

/** What is known of the way to one destination. */
export interface LearntMtu {
  readonly destination: number
  mtu: number
  /** Routers may cut packets: less was claimed than what we go down to (as Linux, "lock"). */
  mayBeCut: boolean
  expiry: Microseconds
}

/**
 * Path MTUs that ICMP told us, RFC 1191, by destination: they outlive routes, addresses and paths, and are forgotten after
 * ten minutes.
 */
export class PathMtus implements TimerHandler {
  /** Grows when `find` may give another answer than before: paths keep what they found until then. */
  version = 0
  readonly #clock: Clock
  readonly #linkMtu: number
  readonly #timer = new Timer(this)
  /** Oldest first, so that the first is the next to expire. */
  readonly #lowered = new Map<number, LearntMtu>()

  constructor(clock: Clock, linkMtu: number) {
    this.#clock = clock
    this.#linkMtu = linkMtu
  }

  get count(): number {
    return this.#lowered.size
  }

  find(destination: number): LearntMtu | null {
    return this.#lowered.get(destination) ?? null
  }

  lower(destination: number, mtu: number): void {
    const isTooSmall = mtu < LEAST_MTU
    const least = Math.max(mtu, Math.min(LEAST_MTU, this.#linkMtu))
    const known = this.find(destination) ?? { destination, mtu: this.#linkMtu, mayBeCut: false, expiry: 0 }
    if (least >= known.mtu && (known.mayBeCut || !isTooSmall)) return
    known.mtu = Math.min(least, known.mtu)
    known.mayBeCut ||= isTooSmall
    known.expiry = this.#clock.now() + EXPIRY
    this.#lowered.delete(destination)
    this.#lowered.set(destination, known)
    if (this.#lowered.size > LIMIT) this.#forgetFirst()
    if (!this.#timer.armed) this.#clock.arm(this.#timer, known.expiry)
    this.version++
  }

  onTimer(): void {
    const now = this.#clock.now()
    for (const known of this.#lowered.values()) {
      if (known.expiry > now) {
        this.#clock.arm(this.#timer, known.expiry)
        return
      }
      this.#forgetFirst()
    }
  }

  clear(): void {
    this.#clock.disarm(this.#timer)
    this.#lowered.clear()
    this.version++
  }

  #forgetFirst(): void {
    for (const destination of this.#lowered.keys()) {
      this.#lowered.delete(destination)
      this.version++
      return
    }
  }
}
