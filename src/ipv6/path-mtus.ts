import { type Clock, MINUTE, type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'
import type { Ipv6Path } from './ipv6-path.ts'
import { LEAST_MTU } from './wire.ts'

/** RFC 8201, section 4, and Linux (route/mtu_expires): then a larger packet may try again; five minutes are the least. */
const EXPIRY: Microseconds = 10 * MINUTE
/** Paths whose MTU is lowered at a time; the oldest gets the link's back before another is added. */
const LIMIT = 1024

/** Path MTUs that ICMPv6 told us, RFC 8201; each is forgotten after ten minutes. */
export class PathMtus implements TimerHandler {
  readonly #clock: Clock
  readonly #timer = new Timer(this)
  /** Oldest first, so that the first is the next to expire. */
  readonly #lowered = new Set<Ipv6Path>()

  constructor(clock: Clock) {
    this.#clock = clock
  }

  get count(): number {
    return this.#lowered.size
  }

  /** RFC 8201, section 4: what is said to be less than every link carries is not believed. */
  lower(path: Ipv6Path, mtu: number): void {
    if (mtu < LEAST_MTU || mtu >= path.mtu) return
    path.mtu = mtu
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
      path.mtu = path.linkMtu
      path.mtuExpiry = 0
      return
    }
  }
}
