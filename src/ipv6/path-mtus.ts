import type { IpAddress } from '../address/index.ts'
import { type Clock, MINUTE, type Microseconds, type Random, Timer, type TimerHandler } from '../clock/index.ts'
import { type AddressEntry, AddressMap } from './address-map.ts'
import { LEAST_MTU } from './wire.ts'

/** RFC 8201, section 4, and Linux (route/mtu_expires): then a larger packet may try again; five minutes are the least. */
const EXPIRY: Microseconds = 10 * MINUTE
/** Destinations whose MTU is lowered at a time; the oldest gets the link's back before another is added. */
const LIMIT = 1024

/** What is known of the way to one destination; all paths there share it. */
export class PathMtu implements AddressEntry<PathMtu> {
  readonly address: IpAddress
  /** Largest packet that passes, in bytes; Infinity once that is forgotten. */
  mtu: number
  expiry: Microseconds = 0
  sameHash: PathMtu | null = null

  constructor(destination: IpAddress, mtu: number) {
    this.address = destination
    this.mtu = mtu
  }
}

/**
 * Path MTUs that ICMPv6 told us, RFC 8201; each is forgotten after ten minutes. They belong to destinations and not to paths,
 * so that a change of routes or of our addresses does not make everybody find them out again.
 */
export class PathMtus implements TimerHandler {
  readonly #clock: Clock
  readonly #timer = new Timer(this)
  readonly #map: AddressMap<PathMtu>
  /** Oldest first, so that the first is the next to expire. */
  readonly #lowered = new Set<PathMtu>()

  constructor(clock: Clock, random: Random) {
    this.#clock = clock
    this.#map = new AddressMap(random)
  }

  get count(): number {
    return this.#lowered.size
  }

  /** What is known of the way there, or null. */
  get(destination: IpAddress): PathMtu | null {
    return this.#lowered.size === 0 ? null : this.#map.get(destination)
  }

  /**
   * RFC 8201, section 4: what is said to be less than every link carries is not believed.
   * @param present what was thought to pass until now
   * @returns what is known from now on, or null
   */
  lower(destination: IpAddress, mtu: number, present: number): PathMtu | null {
    let known = this.get(destination)
    if (mtu < LEAST_MTU || mtu >= present) return known
    if (known === null) {
      known = new PathMtu(destination, mtu)
      this.#map.add(known)
    }
    known.mtu = mtu
    known.expiry = this.#clock.now() + EXPIRY
    this.#lowered.delete(known)
    this.#lowered.add(known)
    if (this.#lowered.size > LIMIT) this.#forgetFirst()
    if (!this.#timer.armed) this.#clock.arm(this.#timer, known.expiry)
    return known
  }

  onTimer(): void {
    const now = this.#clock.now()
    for (const known of this.#lowered) {
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
    this.#map.clear()
  }

  #forgetFirst(): void {
    for (const known of this.#lowered) {
      this.#lowered.delete(known)
      this.#map.remove(known)
      known.mtu = Number.POSITIVE_INFINITY
      return
    }
  }
}
