import type { IpAddress, IpPrefix } from '../../address/index.ts'
import type { Microseconds } from '../../clock/index.ts'
import { isLinkLocal, solicitedNodeGroup } from '../addresses.ts'
import { IDENTIFIER_RETRIES, IDENTIFIER_RETRY_DELAY } from '../interface-identifier.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import { DuplicateAddressDetection, type DuplicateAddressDetectionContext } from './duplicate-address-detection.ts'
import { type AddressOrigin, AddressState, InterfaceAddress } from './interface-address.ts'
import { ExpiryTimer } from './lifetime.ts'
import {
  Occasion,
  UnsolicitedAdvertisement,
  type UnsolicitedAdvertisementContext,
} from './unsolicited-advertisement.ts'

/**
 * Makes an address from a prefix of 64 bits: its interface identifier is a function of the prefix and of how many such
 * addresses were duplicates already (RFC 7217, section 5), or of the MAC address alone (RFC 4291, appendix A), in which case
 * a duplicate is not replaced.
 */
export type FormAddress = (prefix: IpPrefix, attempt: number) => IpAddress

/** All that the list may touch of the world. */
export interface InterfaceAddressesContext extends DuplicateAddressDetectionContext, UnsolicitedAdvertisementContext {
  readonly counters: NeighborDiscoveryCounters
  joinGroup(group: IpAddress): void
  leaveGroup(group: IpAddress): void
  /** Its state is another than before. Its first state is Tentative, which nobody is told. */
  addressChanged(address: InterfaceAddress): void
  /** Its state is Duplicate, and nothing replaces it. */
  addressIsDuplicate(address: InterfaceAddress): void
}

export interface InterfaceAddressesOptions {
  formAddress: FormAddress
  /** 0: addresses are used unchecked. */
  transmits: number
  optimistic: boolean
  /** Most addresses that routers may make us have. */
  maxAutoconfigured: number
}

/** Our addresses, with their checks (RFC 4862, section 5.4) and their lifetimes (5.5.4). */
export class InterfaceAddresses {
  readonly #context: InterfaceAddressesContext
  readonly #options: InterfaceAddressesOptions
  readonly #expiry: ExpiryTimer
  #list: readonly InterfaceAddress[] = []

  constructor(context: InterfaceAddressesContext, options: InterfaceAddressesOptions) {
    this.#context = context
    this.#options = options
    this.#expiry = new ExpiryTimer(context.clock, () => this.#passTime())
  }

  /** All of them, also tentative ones and duplicates; a new array whenever one comes or goes. */
  get list(): readonly InterfaceAddress[] {
    return this.#list
  }

  find(address: IpAddress): InterfaceAddress | null {
    for (const own of this.#list) if (own.address.equals(address)) return own
    return null
  }

  /** The addresses formed from this prefix; RFC 4862, 5.5.3 d. */
  *formedFrom(prefix: IpPrefix): IterableIterator<InterfaceAddress> {
    for (const own of this.#list) {
      if (own.prefix !== null && own.prefix.length === prefix.length && own.prefix.address.equals(prefix.address))
        yield own
    }
  }

  /**
   * Begins to use an address: checks it first.
   * @returns it, or the one that is there already (a duplicate is checked again)
   */
  add(
    address: IpAddress,
    prefixLength: number,
    origin: AddressOrigin,
    preferredUntil: Microseconds,
    validUntil: Microseconds,
  ): InterfaceAddress {
    const known = this.find(address)
    if (known !== null && known.state !== AddressState.Duplicate) {
      this.setLifetimes(known, preferredUntil, validUntil)
      return known
    }
    if (known !== null) this.remove(known)
    const own = new InterfaceAddress(address, prefixLength, origin, null, 0)
    this.#begin(own, preferredUntil, validUntil, 0)
    return own
  }

  /** Forms an address from a prefix of 64 bits and begins to use it; null where there is no room, or we have it already. */
  form(
    prefix: IpPrefix,
    origin: AddressOrigin,
    preferredUntil: Microseconds,
    validUntil: Microseconds,
  ): InterfaceAddress | null {
    if (origin !== 'link-local' && this.#countAutoconfigured() >= this.#options.maxAutoconfigured) {
      this.#context.counters.addressesIgnored++
      return null
    }
    const own = new InterfaceAddress(this.#options.formAddress(prefix, 0), prefix.length, origin, prefix, 0)
    if (this.find(own.address) !== null) return null
    this.#begin(own, preferredUntil, validUntil, 0)
    return own
  }

  setLifetimes(own: InterfaceAddress, preferredUntil: Microseconds, validUntil: Microseconds): void {
    own.preferredUntil = preferredUntil
    own.validUntil = validUntil
    this.#passTime()
  }

  remove(own: InterfaceAddress): void {
    if (!this.#list.includes(own)) return
    this.#list = this.#list.filter((other) => other !== own)
    own.detection?.stop()
    own.advertisement?.stop()
    own.detection = own.advertisement = null
    if (own.state !== AddressState.Duplicate) this.#leave(own)
    this.#setState(own, AddressState.Removed)
    this.#arm()
  }

  clear(): void {
    for (const own of this.#list) this.remove(own)
    this.#expiry.stop()
  }

  /** RFC 4862, 5.4.5: somebody has it. */
  fail(own: InterfaceAddress): void {
    own.detection?.stop()
    own.detection = null
    this.#context.counters.duplicates++
    this.#leave(own)
    this.#setState(own, AddressState.Duplicate)
    if (!this.#replace(own)) this.#context.addressIsDuplicate(own)
  }

  /** Nobody has it. */
  pass(detection: DuplicateAddressDetection): void {
    const own = this.#list.find((address) => address.detection === detection)
    if (own === undefined) return
    own.detection = null
    this.#assign(own)
  }

  /** RFC 4861, 7.2.6: our link-layer address is another now. */
  announceLinkLayer(): void {
    for (const own of this.#list) if (own.isAssigned) this.#advertise(own, Occasion.NewLinkLayer)
  }

  #begin(own: InterfaceAddress, preferredUntil: Microseconds, validUntil: Microseconds, delay: Microseconds): void {
    own.preferredUntil = preferredUntil
    own.validUntil = validUntil
    this.#list = [...this.#list, own]
    this.#arm()
    // RFC 4862, 5.4.2: joined before the first solicitation, so that it hears others that check the same address.
    const group = solicitedNodeGroup(own.address)
    if (!this.#sharesGroup(own, group)) this.#context.joinGroup(group)
    if (this.#options.transmits === 0) {
      this.#assign(own)
      return
    }
    own.detection = new DuplicateAddressDetection(this.#context, own.address, this.#options.transmits)
    own.detection.start(delay)
    // RFC 4429, 3.1: not for addresses that a person typed.
    if (this.#options.optimistic && own.origin !== 'static') this.#setState(own, AddressState.Optimistic)
  }

  #assign(own: InterfaceAddress): void {
    this.#setState(own, this.#stateByTime(own))
    // RFC 4861, 7.2.6: neighbours that knew it from an earlier run of ours, whose link-layer address may have been another.
    if (own.origin !== 'temporary') this.#context.sendUnsolicited(own, Occasion.NewLinkLayer)
    // RFC 9131, section 6.1: routers learn the address before the first packet to it comes.
    if (!isLinkLocal(own.address)) this.#advertise(own, Occasion.NewAddress)
  }

  #advertise(own: InterfaceAddress, occasion: Occasion): void {
    own.advertisement?.stop()
    own.advertisement = new UnsolicitedAdvertisement(this.#context, own, occasion)
    own.advertisement.start()
  }

  /** RFC 7217, section 6: another identifier for the same prefix. */
  #replace(failed: InterfaceAddress): boolean {
    const { prefix } = failed
    if (prefix === null || failed.attempt >= IDENTIFIER_RETRIES) return false
    const attempt = failed.attempt + 1
    const address = this.#options.formAddress(prefix, attempt)
    if (this.find(address) !== null) return false
    const own = new InterfaceAddress(address, failed.prefixLength, failed.origin, prefix, attempt)
    this.#list = this.#list.filter((other) => other !== failed)
    this.#begin(own, failed.preferredUntil, failed.validUntil, IDENTIFIER_RETRY_DELAY)
    return true
  }

  #setState(own: InterfaceAddress, state: AddressState): void {
    if (own.state === state) return
    own.state = state
    this.#context.addressChanged(own)
  }

  #stateByTime(own: InterfaceAddress): AddressState {
    return own.preferredUntil > this.#context.clock.now() ? AddressState.Preferred : AddressState.Deprecated
  }

  /** RFC 4862, 5.5.4: deprecated when the preferred lifetime ends, gone when the valid one does. */
  #passTime(): void {
    const now = this.#context.clock.now()
    for (const own of this.#list) {
      if (own.validUntil <= now) this.remove(own)
      else if (own.isAssigned) this.#setState(own, this.#stateByTime(own))
    }
    this.#arm()
  }

  #arm(): void {
    const now = this.#context.clock.now()
    let earliest = Number.POSITIVE_INFINITY
    for (const { preferredUntil, validUntil } of this.#list) {
      if (preferredUntil > now && preferredUntil < earliest) earliest = preferredUntil
      if (validUntil < earliest) earliest = validUntil
    }
    this.#expiry.arm(earliest)
  }

  #countAutoconfigured(): number {
    let count = 0
    for (const own of this.#list) if (own.prefix !== null && own.origin !== 'link-local') count++
    return count
  }

  #leave(own: InterfaceAddress): void {
    const group = solicitedNodeGroup(own.address)
    if (!this.#sharesGroup(own, group)) this.#context.leaveGroup(group)
  }

  /** Two addresses with the same last 24 bits have one group. */
  #sharesGroup(own: InterfaceAddress, group: IpAddress): boolean {
    return this.#list.some(
      (other) =>
        other !== own && other.state !== AddressState.Duplicate && solicitedNodeGroup(other.address).equals(group),
    )
  }
}
