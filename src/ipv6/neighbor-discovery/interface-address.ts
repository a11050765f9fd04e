import type { IpAddress, IpPrefix } from '../../address/index.ts'
import type { Microseconds } from '../../clock/index.ts'
import type { DuplicateAddressDetection } from './duplicate-address-detection.ts'
import type { UnsolicitedAdvertisement } from './unsolicited-advertisement.ts'

/** RFC 4862, section 2, and RFC 4429, section 2. */
export const AddressState = {
  /** Being checked: nothing is sent from it, what is sent to it is dropped. */
  Tentative: 0,
  /** Being checked and used already, with care. */
  Optimistic: 1,
  Preferred: 2,
  /** Still ours, but new connections take another where there is one. */
  Deprecated: 3,
  /** Somebody else has it: not ours. */
  Duplicate: 4,
  /** Taken away, expired or replaced. */
  Removed: 5,
} as const
export type AddressState = (typeof AddressState)[keyof typeof AddressState]

/**
 * Where an address comes from: a person, a server, a prefix of a router (RFC 4862, RFC 8981), or the interface
 * itself.
 */
export type AddressOrigin = 'link-local' | 'static' | 'autoconfigured' | 'temporary' | 'dhcp'

/** An address of ours, from the moment that it is checked to its end. */
export class InterfaceAddress {
  readonly address: IpAddress
  readonly prefixLength: number
  readonly origin: AddressOrigin
  /** What it was formed from by `FormAddress`; null if it was given. */
  readonly prefix: IpPrefix | null
  /** RFC 7217, section 5: how many addresses formed from this prefix were duplicates before. */
  readonly attempt: number
  state: AddressState = AddressState.Tentative
  /** When it becomes deprecated, and when it ends; Infinity for never. */
  preferredUntil: Microseconds = Number.POSITIVE_INFINITY
  validUntil: Microseconds = Number.POSITIVE_INFINITY
  /** While it is checked. */
  detection: DuplicateAddressDetection | null = null
  /** While it is made known. */
  advertisement: UnsolicitedAdvertisement | null = null

  constructor(
    address: IpAddress,
    prefixLength: number,
    origin: AddressOrigin,
    prefix: IpPrefix | null,
    attempt: number,
  ) {
    this.address = address
    this.prefixLength = prefixLength
    this.origin = origin
    this.prefix = prefix
    this.attempt = attempt
  }

  /** Ours beyond doubt. */
  get isAssigned(): boolean {
    return this.state === AddressState.Preferred || this.state === AddressState.Deprecated
  }

  /** Packets go out from it and are taken for it. */
  get isUsable(): boolean {
    return this.isAssigned || this.state === AddressState.Optimistic
  }

  /** Its check is not over. */
  get isTentative(): boolean {
    return this.state === AddressState.Tentative || this.state === AddressState.Optimistic
  }
}
