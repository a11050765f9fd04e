/**
 * Temporary addresses of one prefix, RFC 8981: when one is made, how long it is preferred and valid, when the next takes
 * its place. Knows no clock and sends nothing: its owner says what time it is and does what it asks for.
 */
import type { IpAddress, IpPrefix } from '../address/index.ts'
import { MINUTE, type Microseconds, type Random, SECOND } from '../clock/index.ts'
import { inRange, integerInRange } from '../errors/index.ts'
import { appendIdentifier, randomIdentifier } from './interface-identifier.ts'

const HOUR: Microseconds = 60 * MINUTE
const DAY: Microseconds = 24 * HOUR

/** How long temporary addresses live and are preferred, and how many there may be: RFC 8981, section 3.8. */
export interface TemporaryAddressSettings {
  /** TEMP_VALID_LIFETIME, RFC 8981, section 3.8; 1 minute to 10 years, default two days. */
  readonly validLifetime: Microseconds
  /** TEMP_PREFERRED_LIFETIME; at most `validLifetime`, default one day. */
  readonly preferredLifetime: Microseconds
  /** TEMP_IDGEN_RETRIES: duplicates in a row after which there are no temporary addresses in this network; 1 to 100, default 3. */
  readonly identifierRetries: number
  /** DupAddrDetectTransmits times RetransTimer: how long a new address takes to become usable; 0 to 1 minute, default 1 s. */
  readonly detectionTime: Microseconds
  /** Addresses of one prefix at a time, 1 to 64. Short lifetimes in advertisements cannot make more. Default 8. */
  readonly maximumAddresses: number
}

export const DEFAULT_TEMPORARY_ADDRESS_SETTINGS: TemporaryAddressSettings = {
  validLifetime: 2 * DAY,
  preferredLifetime: DAY,
  identifierRetries: 3,
  detectionTime: SECOND,
  maximumAddresses: 8,
}

/** What the owner is asked to do. Calls come from inside the methods of `TemporaryAddresses`. */
export interface TemporaryAddressOwner {
  /** Whether the address is configured or was found to be somebody else's: then another identifier is drawn. */
  isKnown(address: IpAddress): boolean
  /** A new address: to be checked for duplicates (RFC 4862, 5.4), then used. */
  addTemporary(address: IpAddress): void
  /** No longer for new connections, or for them again (a router gave its prefix a new lifetime). */
  setDeprecated(address: IpAddress, deprecated: boolean): void
  /** Its valid lifetime is over, or it was a duplicate. */
  removeTemporary(address: IpAddress): void
  /** Too many duplicates in a row: RFC 8981, section 3.4, step 7 wants that logged. None are made from now on. */
  givesUp(prefix: IpPrefix): void
}

export interface TemporaryAddress {
  readonly address: IpAddress
  /** CREATION_TIME. */
  readonly created: Microseconds
  readonly preferredUntil: Microseconds
  readonly validUntil: Microseconds
  readonly isDeprecated: boolean
}

class Entry implements TemporaryAddress {
  readonly address: IpAddress
  readonly created: Microseconds
  /** The longest that it may be preferred and valid, however long the prefix lives on; section 3.4, step 2. */
  readonly preferredLimit: Microseconds
  readonly validLimit: Microseconds
  preferredUntil: Microseconds = 0
  validUntil: Microseconds = 0
  isDeprecated = false

  constructor(address: IpAddress, created: Microseconds, preferredLimit: Microseconds, validLimit: Microseconds) {
    this.address = address
    this.created = created
    this.preferredLimit = preferredLimit
    this.validLimit = validLimit
  }
}

export class TemporaryAddresses {
  readonly prefix: IpPrefix
  readonly #settings: TemporaryAddressSettings
  readonly #random: Random
  readonly #owner: TemporaryAddressOwner
  readonly #entries: Entry[] = []
  #prefixPreferredUntil: Microseconds = Number.NEGATIVE_INFINITY
  #prefixValidUntil: Microseconds = Number.NEGATIVE_INFINITY
  #duplicatesInARow = 0
  #gaveUp = false

  /** @throws RangeError for a prefix that is not of 64 bits, or a setting out of range */
  constructor(
    prefix: IpPrefix,
    random: Random,
    owner: TemporaryAddressOwner,
    settings: Partial<TemporaryAddressSettings> = {},
  ) {
    const all = { ...DEFAULT_TEMPORARY_ADDRESS_SETTINGS, ...settings }
    inRange('validLifetime', all.validLifetime, MINUTE, 3650 * DAY)
    integerInRange('identifierRetries', all.identifierRetries, 1, 100)
    integerInRange('maximumAddresses', all.maximumAddresses, 1, 64)
    inRange('detectionTime', all.detectionTime, 0, MINUTE)
    const prefixOnly = prefix.network
    appendIdentifier(prefixOnly, { high: 0, low: 0 })
    this.prefix = prefixOnly
    this.#settings = all
    this.#random = random
    this.#owner = owner
    // Section 3.8: DESYNC_FACTOR is smaller than TEMP_PREFERRED_LIFETIME - REGEN_ADVANCE. It is at most 0.4 of the former.
    inRange(
      'preferredLifetime',
      all.preferredLifetime,
      Math.floor(this.regenerationAdvance / 0.6) + 1,
      all.validLifetime,
    )
  }

  /** REGEN_ADVANCE, section 3.8: how long before the end of one address the next is made. */
  get regenerationAdvance(): Microseconds {
    return 2 * SECOND + this.#settings.identifierRetries * this.#settings.detectionTime
  }

  /** Oldest first. */
  get addresses(): readonly TemporaryAddress[] {
    return this.#entries
  }

  /**
   * A router advertised the prefix for addresses (A flag): section 3.4, steps 1 to 5.
   * @param preferredUntil and `validUntil`: when the lifetimes end, as RFC 4862, 5.5.3 (e) has them after its two-hour rule;
   *   Infinity for those without end
   */
  prefixInformation(now: Microseconds, preferredUntil: Microseconds, validUntil: Microseconds): void {
    this.#prefixPreferredUntil = preferredUntil
    this.#prefixValidUntil = validUntil
    for (const entry of this.#entries) this.#setLifetimes(entry)
    this.advance(now)
  }

  /** Duplicate address detection found nobody else with this address. */
  confirmed(address: IpAddress): void {
    if (this.#find(address) !== undefined) this.#duplicatesInARow = 0
  }

  /** Somebody else has this address: it is removed, and another tried; section 3.4, step 7. */
  duplicate(now: Microseconds, address: IpAddress): void {
    const entry = this.#find(address)
    if (entry === undefined) return
    this.#remove(entry)
    if (++this.#duplicatesInARow >= this.#settings.identifierRetries) {
      this.#gaveUp = true
      this.#owner.givesUp(this.prefix)
    }
    this.advance(now)
  }

  /** Does all that is due; section 3.5 and 3.6. To be called at `nextDeadline` at the latest. */
  advance(now: Microseconds): void {
    for (let i = this.#entries.length - 1; i >= 0; i--) {
      const entry = this.#entries[i]
      if (entry.validUntil <= now) {
        this.#remove(entry)
        continue
      }
      const isDeprecated = entry.preferredUntil <= now
      if (isDeprecated === entry.isDeprecated) continue
      entry.isDeprecated = isDeprecated
      this.#owner.setDeprecated(entry.address, isDeprecated)
    }
    if (!this.#hasFreshAddress(now)) this.#create(now)
  }

  /** When `advance` has something to do again; Infinity if never. */
  nextDeadline(now: Microseconds): Microseconds {
    let next = Number.POSITIVE_INFINITY
    let newestEnd = Number.NEGATIVE_INFINITY
    for (const entry of this.#entries) {
      next = Math.min(next, entry.validUntil)
      if (!entry.isDeprecated) next = Math.min(next, entry.preferredUntil)
      newestEnd = Math.max(newestEnd, entry.preferredUntil)
    }
    const regeneration = newestEnd - this.regenerationAdvance
    return regeneration > now ? Math.min(next, regeneration) : next
  }

  /** The network is left: all addresses go, and what was learnt of duplicates with them; section 3.6. */
  reset(): void {
    for (const entry of [...this.#entries]) this.#remove(entry)
    this.#prefixPreferredUntil = Number.NEGATIVE_INFINITY
    this.#prefixValidUntil = Number.NEGATIVE_INFINITY
    this.#duplicatesInARow = 0
    this.#gaveUp = false
  }

  /** Whether an address will be preferred for long enough that no other is wanted yet. */
  #hasFreshAddress(now: Microseconds): boolean {
    return this.#entries.some((entry) => entry.preferredUntil > now + this.regenerationAdvance)
  }

  #create(now: Microseconds): void {
    const { validLifetime, preferredLifetime, maximumAddresses } = this.#settings
    if (this.#gaveUp || this.#entries.length >= maximumAddresses) return
    // Section 3.8: 0 to MAX_DESYNC_FACTOR, drawn for each address, so that hosts do not renew theirs in step.
    const desyncFactor = Math.floor(this.#random.fraction() * 0.4 * preferredLifetime)
    // Section 3.4, step 4 and 5.
    const preferredLimit = now + preferredLifetime - desyncFactor
    const validUntil = Math.min(this.#prefixValidUntil, now + validLifetime)
    const preferredUntil = Math.min(this.#prefixPreferredUntil, preferredLimit, validUntil)
    if (preferredUntil - now <= this.regenerationAdvance) return
    const entry = new Entry(this.#drawAddress(), now, preferredLimit, now + validLifetime)
    this.#setLifetimes(entry)
    this.#entries.push(entry)
    this.#owner.addTemporary(entry.address)
  }

  #drawAddress(): IpAddress {
    for (;;) {
      const address = appendIdentifier(this.prefix, randomIdentifier(this.#random))
      if (!this.#owner.isKnown(address)) return address
    }
  }

  #setLifetimes(entry: Entry): void {
    entry.validUntil = Math.min(this.#prefixValidUntil, entry.validLimit)
    // RFC 4862, 5.5.3 (c): no prefix is preferred for longer than it is valid; said again for those that were not checked.
    entry.preferredUntil = Math.min(this.#prefixPreferredUntil, entry.preferredLimit, entry.validUntil)
  }

  #remove(entry: Entry): void {
    this.#entries.splice(this.#entries.indexOf(entry), 1)
    this.#owner.removeTemporary(entry.address)
  }

  #find(address: IpAddress): Entry | undefined {
    return this.#entries.find((entry) => entry.address.equals(address))
  }
}
