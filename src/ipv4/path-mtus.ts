import { type Clock, MINUTE, type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'
import type { Ipv4Path } from './ipv4-path.ts'

/** RFC 1191, section 6.3, and Linux (mtu_expires): then a larger packet may try again. */
const EXPIRY: Microseconds = 10 * MINUTE
/** Linux (min_pmtu): nobody makes us cut our data into crumbs. Where a path is really as narrow, routers cut it. */
const LEAST_MTU = 552
/** Paths whose MTU is lowered at a time; the oldest gets the link's back before another is added. */
const LIMIT = 1024

/** Path MTUs that ICMP told us, RFC 1191; each is forgotten after ten minutes. */
export class PathMtus implements TimerHandler {
  readonly #clock: Clock
  readonly #linkMtu: number
  readonly #timer = new Timer(this)
  /** Oldest first, so that the first is the next to expire. */
  readonly #lowered = new Set<Ipv4Path>()

  constructor(clock: Clock, linkMtu: number) {
    this.#clock = clock
    this.#linkMtu = linkMtu
  }

  get count(): number {
    return this.#lowered.size
  }

  lower(path: Ipv4Path, mtu: number): void {
    const isTooSmall = mtu < LEAST_MTU
    const least = Math.max(mtu, Math.min(LEAST_MTU, this.#linkMtu))
    if (least >= path.mtu && (path.mayBeCut || !isTooSmall)) return
    path.mtu = Math.min(least, path.mtu)
    path.mayBeCut ||= isTooSmall
    path.mtuExpiry = this.#clock.now() + EXPIRY
    this.#lowered.delete(path)
    this.#lowered.add(path)
    if (this.#lowered.size > LIMIT) this.#restoreFirst()
    if (!this.#timer.armed) this.#clock.arm(this.#timer, path.mtuExpiry)
  }

  onTimer(): void {
    const now = this.#clock.now()
    for (const path of this.#lowered) {
      if (path.mtuExpiry > now) {
        this.#clock.arm(this.#timer, path.mtuExpiry)
        return
      }
      this.#restoreFirst()
    }
  }

  clear(): void {
    this.#clock.disarm(this.#timer)
    this.#lowered.clear()
  }

  #restoreFirst(): void {
    for (const path of this.#lowered) {
      this.#lowered.delete(path)
      path.mtu = this.#linkMtu
      path.mtuExpiry = 0
      path.mayBeCut = false
      return
    }
  }
}
