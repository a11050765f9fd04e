import type { IpAddress } from '../../address/index.ts'
import type { Random } from '../../clock/index.ts'
import { type AddressEntry, AddressMap } from '../address-map.ts'

/** A destination for which a router named a better first hop. */
class Redirect implements AddressEntry<Redirect> {
  /** The destination. */
  readonly address: IpAddress
  readonly target: IpAddress
  sameHash: Redirect | null = null

  constructor(destination: IpAddress, target: IpAddress) {
    this.address = destination
    this.target = target
  }
}

/**
 * What redirects changed in the destination cache of RFC 4861, section 5.1 and 8.3. The oldest gives way when it is full:
 * that only sends its packets through the router again, which redirects anew.
 */
export class Redirects {
  readonly #limit: number
  readonly #map: AddressMap<Redirect>
  /** Oldest first. */
  readonly #order = new Set<Redirect>()

  constructor(limit: number, random: Random) {
    this.#limit = limit
    this.#map = new AddressMap(random)
  }

  get count(): number {
    return this.#order.size
  }

  /** The first hop that a router named, or null. */
  target(destination: IpAddress): IpAddress | null {
    if (this.#order.size === 0) return null
    return this.#map.get(destination)?.target ?? null
  }

  learn(destination: IpAddress, target: IpAddress): void {
    const known = this.#map.get(destination)
    if (known !== null) this.#remove(known)
    else if (this.#order.size >= this.#limit)
      for (const oldest of this.#order) {
        this.#remove(oldest)
        break
      }
    const redirect = new Redirect(destination, target)
    this.#map.add(redirect)
    this.#order.add(redirect)
  }

  /** The target does not answer (RFC 4861, 7.3.3), or is no router any more. @returns whether anything went through it */
  removeTarget(target: IpAddress): boolean {
    const before = this.#order.size
    for (const redirect of this.#order) if (redirect.target.equals(target)) this.#remove(redirect)
    return this.#order.size !== before
  }

  clear(): void {
    this.#map.clear()
    this.#order.clear()
  }

  #remove(redirect: Redirect): void {
    this.#map.remove(redirect)
    this.#order.delete(redirect)
  }
}
