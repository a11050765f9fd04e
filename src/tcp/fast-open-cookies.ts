/**
 * The server's cookies of TCP Fast Open: RFC 7413, 4.1.2. A cookie is a keyed hash of both addresses: it says that whoever
 * brings it has received a packet at its address before. Keys change, and cookies of the key before count a while longer.
 */
import { KeyedHash, type Microseconds, type Random } from '../clock/index.ts'
import type { Ends } from './syn-cookies.ts'

/** Linux TCP_FASTOPEN_COOKIE_SIZE; RFC 7413, 4.1.1, allows 4 to 16. */
export const COOKIE_LENGTH = 8

export const CookieAge = {
  /** None of ours, or too old. */
  None: 0,
  /** Of the key before: the peer should have a new one. */
  Previous: 1,
  Current: 2,
} as const
export type CookieAge = (typeof CookieAge)[keyof typeof CookieAge]

export class FastOpenCookies {
  readonly #random: Random
  readonly #lifetime: Microseconds
  // Made when they are asked for first: most stacks never do.
  #current: CookieKey | null = null
  #previous: CookieKey | null = null

  /** @param lifetime of a key; cookies live up to twice as long */
  constructor(random: Random, lifetime: Microseconds) {
    this.#random = random
    this.#lifetime = lifetime
  }

  /** @param ends addresses as a packet of the peer has them */
  make(ends: Ends, now: Microseconds): Uint8Array {
    const key = this.#keyAt(now)
    const cookie = new Uint8Array(COOKIE_LENGTH)
    const view = new DataView(cookie.buffer)
    view.setInt32(0, key.high(ends))
    view.setInt32(4, key.low(ends))
    return cookie
  }

  /** Whose the cookie at `position` is. @param length of it, in bytes */
  check(ends: Ends, view: DataView, position: number, length: number, now: Microseconds): CookieAge {
    if (length !== COOKIE_LENGTH) return CookieAge.None
    const current = this.#keyAt(now)
    const high = view.getInt32(position)
    const low = view.getInt32(position + 4)
    if (current.high(ends) === high && current.low(ends) === low) return CookieAge.Current
    const previous = this.#previous
    if (previous === null || previous.high(ends) !== high || previous.low(ends) !== low) return CookieAge.None
    return CookieAge.Previous
  }

  #keyAt(now: Microseconds): CookieKey {
    let current = this.#current
    if (current === null || now - current.since >= this.#lifetime) {
      // One that was not looked at for long has no more to say than one that is two periods old.
      this.#previous = current === null || now - current.since >= 2 * this.#lifetime ? null : current
      current = this.#current = new CookieKey(this.#random, now)
    }
    return current
  }
}

/** For each half two hashes with independent keys: one of 64 bits could be searched for. */
class CookieKey {
  readonly since: Microseconds
  readonly #keys: readonly [KeyedHash, KeyedHash, KeyedHash, KeyedHash]

  constructor(random: Random, since: Microseconds) {
    this.since = since
    this.#keys = [new KeyedHash(random), new KeyedHash(random), new KeyedHash(random), new KeyedHash(random)]
  }

  high(ends: Ends): number {
    return hash(this.#keys[0], ends) ^ hash(this.#keys[1], ends)
  }

  low(ends: Ends): number {
    return hash(this.#keys[2], ends) ^ hash(this.#keys[3], ends)
  }
}

function hash(key: KeyedHash, ends: Ends): number {
  return key.hash9(
    ends.destination0,
    ends.destination1,
    ends.destination2,
    ends.destination3,
    ends.source0,
    ends.source1,
    ends.source2,
    ends.source3,
    0,
  )
}
