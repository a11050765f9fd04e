import type { IpAddress, IpPrefix } from '../../address/index.ts'
import type { Clock, Microseconds } from '../../clock/index.ts'
import { isSamePrefix } from '../../ip/index.ts'
import { isLinkLocal } from '../addresses.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import { ExpiryTimer } from './lifetime.ts'

/** A prefix whose addresses are on our link. */
export interface OnLinkPrefix {
  /** Host bits clear. */
  readonly prefix: IpPrefix
  /** Infinity for ever. */
  until: Microseconds
}

export interface PrefixListContext {
  readonly clock: Clock
  readonly counters: NeighborDiscoveryCounters
  routesChanged(): void
}

/** The prefix list of RFC 4861, section 5.1: what routers say is on the link (6.3.4), bounded. Link-local always is. */
export class PrefixList {
  readonly #context: PrefixListContext
  readonly #limit: number
  readonly #prefixes: OnLinkPrefix[] = []
  readonly #expiry: ExpiryTimer

  constructor(context: PrefixListContext, limit: number) {
    this.#context = context
    this.#limit = limit
    this.#expiry = new ExpiryTimer(context.clock, () => this.#expire())
  }

  get prefixes(): readonly OnLinkPrefix[] {
    return this.#prefixes
  }

  /**
   * RFC 4861, section 5.2: on-link determination. A silent list means off-link (RFC 5942, section 3).
   * @param longerThan only prefixes of more bits than these
   */
  isOnLink(address: IpAddress, longerThan = -1): boolean {
    if (isLinkLocal(address)) return true
    for (const { prefix } of this.#prefixes) if (prefix.length > longerThan && prefix.contains(address)) return true
    return false
  }

  /** A prefix with the on-link flag, RFC 4861, 6.3.4. @param until a time that is not in the future ends it now */
  learn(prefix: IpPrefix, until: Microseconds): void {
    const known = this.#prefixes.findIndex((entry) => isSamePrefix(entry.prefix, prefix))
    const isOver = until <= this.#context.clock.now()
    if (known >= 0) {
      if (isOver) this.#prefixes.splice(known, 1)
      else this.#prefixes[known].until = until
    } else if (isOver) {
      return
    } else if (this.#prefixes.length >= this.#limit) {
      this.#context.counters.prefixesIgnored++
      return
    } else {
      this.#prefixes.push({ prefix, until })
    }
    this.#arm()
    if (known < 0 || isOver) this.#context.routesChanged()
  }

  clear(): void {
    this.#expiry.stop()
    this.#prefixes.length = 0
  }

  /** RFC 4861, 6.3.5. */
  #expire(): void {
    const now = this.#context.clock.now()
    const kept = this.#prefixes.filter(({ until }) => until > now)
    this.#prefixes.splice(0, this.#prefixes.length, ...kept)
    this.#arm()
    this.#context.routesChanged()
  }

  #arm(): void {
    let earliest = Number.POSITIVE_INFINITY
    for (const { until } of this.#prefixes) if (until < earliest) earliest = until
    this.#expiry.arm(earliest)
  }
}
