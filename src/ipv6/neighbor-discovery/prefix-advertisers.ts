import type { IpAddress, IpPrefix } from '../../address/index.ts'
import { isSamePrefix } from '../../ip/index.ts'

/** Prefixes and, of each, routers that are remembered: of more, those of long ago are forgotten. */
const MAXIMUM_PREFIXES = 32
const MAXIMUM_ROUTERS = 16

interface Advertised {
  readonly prefix: IpPrefix
  readonly routers: IpAddress[]
}

/**
 * Which routers advertise which prefix: where there are several, a packet had better have an address that the router which it
 * goes to knows of (RFC 6724, section 5, rule 5.5; RFC 8028, section 3.2).
 */
export class PrefixAdvertisers {
  readonly #advertised: Advertised[] = []

  /** @param holds whether the router says that addresses of the prefix are valid @returns whether that is new */
  learn(prefix: IpPrefix, router: IpAddress, holds: boolean): boolean {
    const index = this.#advertised.findIndex((known) => isSamePrefix(known.prefix, prefix))
    if (index < 0) {
      if (!holds) return false
      if (this.#advertised.length >= MAXIMUM_PREFIXES) this.#advertised.shift()
      this.#advertised.push({ prefix, routers: [router] })
      return true
    }
    const { routers } = this.#advertised[index]
    const known = routers.findIndex((other) => other.equals(router))
    if (known >= 0 === holds) return false
    if (holds) {
      if (routers.length >= MAXIMUM_ROUTERS) routers.shift()
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

  clear(): void {
    this.#advertised.length = 0
  }
}
