import type { IpPrefix } from '../../address/index.ts'
import { type Clock, MINUTE, type Microseconds } from '../../clock/index.ts'
import { isLinkLocal } from '../addresses.ts'
import type { InterfaceAddress } from './interface-address.ts'
import type { InterfaceAddresses } from './interface-addresses.ts'
import { endOfLifetime } from './lifetime.ts'

/** RFC 4862, 5.5.3 e: nobody unauthenticated shortens a valid lifetime below this. */
const TWO_HOURS: Microseconds = 120 * MINUTE
/** RFC 4291, 2.5.1, and RFC 2464, section 4: interface identifiers on Ethernet have 64 bits. */
const PREFIX_LENGTH = 64

/** Stateless address autoconfiguration, RFC 4862, section 5.5.3: what a prefix with the autonomous flag does. */
export class AddressAutoconfiguration {
  readonly #clock: Clock
  readonly #addresses: InterfaceAddresses

  constructor(clock: Clock, addresses: InterfaceAddresses) {
    this.#clock = clock
    this.#addresses = addresses
  }

  /**
   * @param prefix with its host bits clear @param preferred, valid lifetimes in seconds, 0xffffffff for ever
   * @returns whether it is one that addresses are made from
   */
  learn(prefix: IpPrefix, preferred: number, valid: number): boolean {
    // b) and c)
    if (isLinkLocal(prefix.address) || prefix.address.isMulticast || preferred > valid) return false
    const now = this.#clock.now()
    let known = false
    for (const own of [...this.#addresses.formedFrom(prefix)]) {
      // Temporary addresses have lifetimes of their own, RFC 8981, section 3.4.
      if (own.origin !== 'autoconfigured') continue
      known = true
      this.#refresh(own, preferred, valid, now)
    }
    // d)
    if (known) return true
    if (prefix.length !== PREFIX_LENGTH) return false
    if (valid === 0) return true
    this.#addresses.form(prefix, 'autoconfigured', endOfLifetime(now, preferred), endOfLifetime(now, valid))
    return true
  }

  /** e) The preferred lifetime is taken as it is; the valid one by the rule of two hours. */
  #refresh(own: InterfaceAddress, preferred: number, valid: number, now: Microseconds): void {
    const validUntil = endOfLifetime(now, valid)
    let until: Microseconds
    // e.1) longer than two hours, or than what remains
    if (validUntil - now > TWO_HOURS || validUntil > own.validUntil) until = validUntil
    // e.2) what remains is no more than two hours: it stays
    else if (own.validUntil - now <= TWO_HOURS) until = own.validUntil
    // e.3)
    else until = now + TWO_HOURS
    this.#addresses.setLifetimes(own, endOfLifetime(now, preferred), until)
  }
}
