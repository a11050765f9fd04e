/** Which client has which address: what a server remembers, bounded by the number of its addresses. */

import { IpAddress } from '../../address/index.ts'
import { type Clock, type Microseconds, SECOND } from '../../clock/index.ts'
import { integerInRange } from '../../errors/index.ts'

const MOST_ADDRESSES = 65_536
/** How long an address that was offered is kept for who may ask for it. */
const OFFER_TIME: Microseconds = 60 * SECOND
/** How long an address that another host was found to use is not given. */
const DECLINED_TIME: Microseconds = 600 * SECOND

interface Entry {
  /** Null for a host that is not our client, but has the address. */
  client: string | null
  address: number
  /** Until when it holds, `Infinity` for ever. */
  until: Microseconds
  isLeased: boolean
}

export class AddressPool {
  readonly #clock: Clock
  readonly #first: number
  readonly #size: number
  readonly #byAddress = new Map<number, Entry>()
  readonly #byClient = new Map<string, Entry>()
  /** Where the search for a free address goes on, so that one that was given up rests as long as possible. */
  #next = 0

  /** Both ends belong to it. @throws RangeError if that is not 1 to 65,536 addresses */
  constructor(clock: Clock, first: IpAddress, last: IpAddress) {
    this.#clock = clock
    this.#first = first.word3
    this.#size = integerInRange('the size of a pool', (last.word3 >>> 0) - (first.word3 >>> 0) + 1, 1, MOST_ADDRESSES)
  }

  /** Whether the address is one of the pool's. */
  has(address: IpAddress): boolean {
    const offset = (address.word3 - this.#first) >>> 0
    return offset < this.#size
  }

  /** The address that a client has, or was offered or had last. */
  of(client: string): IpAddress | null {
    const entry = this.#byClient.get(client)
    return entry === undefined ? null : IpAddress.v4(entry.address)
  }

  /** Whether a client has a lease that has not run out. */
  isLeased(client: string): boolean {
    const entry = this.#byClient.get(client)
    return entry?.isLeased === true && entry.until > this.#clock.now()
  }

  /** An address for a client: its own, the one that it wants, or any. @returns null if there is none left */
  offer(client: string, wanted: IpAddress | null): IpAddress | null {
    const until = this.#clock.now() + OFFER_TIME
    const own = this.#byClient.get(client)
    if (own !== undefined) {
      own.until = Math.max(own.until, until)
      return IpAddress.v4(own.address)
    }
    const address = wanted !== null && this.isFreeFor(client, wanted) ? wanted.word3 : this.#anyFree()
    if (address === null) return null
    this.#enter({ client, address, until, isLeased: false })
    return IpAddress.v4(address)
  }

  /** @param duration seconds, `Infinity` for ever; the address has to be free for the client */
  lease(client: string, address: IpAddress, duration: number): void {
    this.#enter({ client, address: address.word3, until: this.#clock.now() + duration * SECOND, isLeased: true })
  }

  isFreeFor(client: string, address: IpAddress): boolean {
    if (!this.has(address)) return false
    const entry = this.#byAddress.get(address.word3)
    return entry === undefined || entry.client === client || entry.until <= this.#clock.now()
  }

  /** The client has given it back, or asks somebody else. */
  release(client: string): void {
    const entry = this.#byClient.get(client)
    if (entry !== undefined) this.#remove(entry)
  }

  /** Another host uses what this client was given. */
  decline(client: string): void {
    const entry = this.#byClient.get(client)
    if (entry === undefined) return
    this.#remove(entry)
    const until = this.#clock.now() + DECLINED_TIME
    this.#byAddress.set(entry.address, { client: null, address: entry.address, until, isLeased: false })
  }

  #anyFree(): number | null {
    const now = this.#clock.now()
    for (let tried = 0; tried < this.#size; tried++) {
      const address = (this.#first + this.#next) | 0
      this.#next = (this.#next + 1) % this.#size
      const entry = this.#byAddress.get(address)
      if (entry === undefined || entry.until <= now) return address
    }
    return null
  }

  #enter(entry: Entry & { client: string }): void {
    const former = this.#byClient.get(entry.client)
    if (former !== undefined) this.#remove(former)
    const other = this.#byAddress.get(entry.address)
    if (other !== undefined) this.#remove(other)
    this.#byAddress.set(entry.address, entry)
    this.#byClient.set(entry.client, entry)
  }

  #remove(entry: Entry): void {
    this.#byAddress.delete(entry.address)
    if (entry.client !== null) this.#byClient.delete(entry.client)
  }
}
