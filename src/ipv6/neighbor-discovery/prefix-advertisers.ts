import type { IpAddress, IpPrefix } from '../../address/index.ts'
import { isSamePrefix } from '../../ip/index.ts'

/** Prefixes that are remembered; while there are as many, new ones are ignored, so that a flood displaces none. */
const MAXIMUM_PREFIXES = 32

interface Advertised {
  readonly prefix: IpPrefix
  readonly routers: IpAddress[]
}

/**
 * Which routers advertise which prefix: where there are several, a packet had better have an address that the router which it
 * goes to knows of (RFC 6724, section 5, rule 5.5; RFC 8028, section 3.2). Of a prefix there are no more routers than in the
 * `RouterList`.
 */
export class PrefixAdvertisers {
  readonly #advertised: Advertised[] = []

  /**
   * @param router one of the `RouterList`, on which packets may go out
   * @param holds whether it says that addresses of the prefix are valid
   * @returns whether that is new
   */
  learn(prefix: IpPrefix, router: IpAddress, holds: boolean): boolean {
    const index = this.#advertised.findIndex((known) => isSamePrefix(known.prefix, prefix))
    if (index < 0) {
      if (!holds || this.#advertised.length >= MAXIMUM_PREFIXES) return false
      this.#advertised.push({ prefix, routers: [router] })
      return true
    }
    const { routers } = this.#advertised[index]
    const known = routers.findIndex((other) => other.equals(router))
    if (known >= 0 === holds) return false
    if (holds) {
      routers.push(router)
      return true
    }
    routers.splice(known, 1)
    if (routers.length === 0) this.#advertised.splice(index, 1)
    return true
  }

  /** Whether this router advertises a prefix of the address. */
  has(router: IpAddress, address: IpAddress): boolean {
    return this.#advertised.some(
      ({ prefix, routers }) => prefix.contains(address) && routers.some((other) => other.equals(router)),
    )
  }

  /** The router has no route any more. */
  remove(router: IpAddress): void {
    for (const { prefix } of [...this.#advertised]) this.learn(prefix, router, false)
  }

  clear(): void {
    this.#advertised.length = 0
  }
}
