import type { IpAddress, IpPrefix } from '../../address/index.ts'
import type { Clock, Random } from '../../clock/index.ts'
import { isSamePrefix } from '../../ip/index.ts'
import { LINK_LOCAL_PREFIX } from '../addresses.ts'
import {
  TemporaryAddresses,
  type TemporaryAddressOwner,
  type TemporaryAddressSettings,
} from '../temporary-addresses.ts'
import { AddressState, type InterfaceAddress } from './interface-address.ts'
import type { InterfaceAddresses } from './interface-addresses.ts'
import { ExpiryTimer } from './lifetime.ts'

/** All that it may touch of the world. */
export interface TemporaryAutoconfigurationContext {
  readonly clock: Clock
  readonly random: Random
  /** Too many duplicates: there are no temporary addresses of this prefix any more. */
  temporaryGivenUp(prefix: IpPrefix): void
}

/**
 * Temporary addresses beside the stable ones of each prefix, RFC 8981: `TemporaryAddresses` decides when, this adds them to
 * ours and takes them away. It follows at most as many prefixes as there are stable addresses.
 */
export class TemporaryAutoconfiguration implements TemporaryAddressOwner {
  readonly #context: TemporaryAutoconfigurationContext
  readonly #addresses: InterfaceAddresses
  readonly #settings: Partial<TemporaryAddressSettings>
  readonly #timer: ExpiryTimer
  #prefixes: TemporaryAddresses[] = []

  /** @throws RangeError naming the setting that is out of its range */
  constructor(
    context: TemporaryAutoconfigurationContext,
    addresses: InterfaceAddresses,
    settings: Partial<TemporaryAddressSettings>,
  ) {
    this.#context = context
    this.#addresses = addresses
    this.#settings = settings
    // Whatever is wrong with the settings is said now, not when a router first advertises a prefix.
    new TemporaryAddresses(LINK_LOCAL_PREFIX, context.random, this, settings)
    this.#timer = new ExpiryTimer(context.clock, () => this.#advance())
  }

  /** The prefix of a stable address was advertised: its lifetimes are those that bound the temporary ones. */
  learn(prefix: IpPrefix): void {
    const stable = this.#stable(prefix)
    if (stable === null) return
    let temporary = this.#prefixes.find((known) => isSamePrefix(known.prefix, prefix))
    if (temporary === undefined) {
      temporary = new TemporaryAddresses(prefix, this.#context.random, this, this.#settings)
      this.#prefixes.push(temporary)
    }
    temporary.prefixInformation(this.#context.clock.now(), stable.preferredUntil, stable.validUntil)
    this.#follow()
  }

  /** The state of a temporary address of ours is another. */
  addressChanged(own: InterfaceAddress): void {
    if (own.state === AddressState.Preferred) for (const known of this.#prefixes) known.confirmed(own.address)
  }

  /** Somebody else has a temporary address of ours. */
  addressIsDuplicate(own: InterfaceAddress): void {
    for (const known of this.#prefixes) known.duplicate(this.#context.clock.now(), own.address)
    this.#follow()
  }

  clear(): void {
    this.#timer.stop()
    this.#prefixes = []
  }

  // For `TemporaryAddresses`.

  isKnown(address: IpAddress): boolean {
    return this.#addresses.find(address) !== null
  }

  addTemporary(address: IpAddress): void {
    const forever = Number.POSITIVE_INFINITY
    this.#addresses.add(address, 64, 'temporary', forever, forever)
  }

  /** `#follow` gives the lifetimes, from which that follows. */
  setDeprecated(): void {}

  removeTemporary(address: IpAddress): void {
    const own = this.#addresses.find(address)
    if (own !== null) this.#addresses.remove(own)
  }

  givesUp(prefix: IpPrefix): void {
    this.#context.temporaryGivenUp(prefix)
  }

  #stable(prefix: IpPrefix): InterfaceAddress | null {
    for (const own of this.#addresses.formedFrom(prefix)) if (own.origin === 'autoconfigured') return own
    return null
  }

  #advance(): void {
    for (const known of this.#prefixes) known.advance(this.#context.clock.now())
    this.#follow()
  }

  /** Gives our addresses their lifetimes, lets go of prefixes that are over, and waits for the next deadline. */
  #follow(): void {
    const now = this.#context.clock.now()
    let earliest = Number.POSITIVE_INFINITY
    for (const known of this.#prefixes) {
      for (const { address, preferredUntil, validUntil } of known.addresses) {
        const own = this.#addresses.find(address)
        if (own !== null) this.#addresses.setLifetimes(own, preferredUntil, validUntil)
      }
      earliest = Math.min(earliest, known.nextDeadline(now))
    }
    this.#prefixes = this.#prefixes.filter((known) => known.addresses.length > 0 || this.#stable(known.prefix) !== null)
    this.#timer.arm(earliest)
  }
}
