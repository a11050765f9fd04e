/**
 * SYN cookies: RFC 4987, section 3.6, as Linux has them. While a listener has as many half-open connections as it may
 * have, and the oldest does not answer, a SYN is answered and forgotten: what has to be known when the handshake completes
 * stands in our initial sequence number, and in the low bits of the timestamp, which the peer sends back. So a flood of
 * SYNs keeps nobody out for longer than a second.
 *
 * The number is F(connection, peer's number) + minute * 2^24 + (G(connection, peer's number, minute) + index of the MSS)
 * mod 2^24. Whoever cannot see our SYN-ACK hits one that counts with 2 * 4 in 2^32.
 */
import { KeyedHash, MINUTE, type Microseconds, type Random } from '../clock/index.ts'
import type { Path } from '../ip/index.ts'
import { type SequenceNumber, sequenceNumber } from './sequence-number.ts'

/** Linux TCP_SYNCOOKIE_PERIOD. */
const PERIOD: Microseconds = MINUTE
/** Linux MAX_SYNCOOKIE_AGE: a cookie counts in the period it was made in and in the next. */
const PERIODS = 2
/** How long after the last cookie was sent one may come back. */
export const COOKIE_LIFETIME: Microseconds = PERIODS * PERIOD
/** Linux msstab: what peers mostly announce; the largest that is not above it is what we remember. */
const SEGMENT_SIZES = [536, 1300, 1440, 1460] as const
const COUNTER_MASK = 0xffffff
/** The low bits of a timestamp that hold the peer's window scale. */
const SCALE_MASK = 15
/** No window scale option: shifts go up to 14 only. */
const NO_SCALE = 15

export class SynCookies {
  // Two independent keys for each function, as initial sequence numbers have.
  readonly #keys: readonly [KeyedHash, KeyedHash, KeyedHash, KeyedHash]

  constructor(random: Random) {
    this.#keys = [new KeyedHash(random), new KeyedHash(random), new KeyedHash(random), new KeyedHash(random)]
  }

  /**
   * Our initial sequence number.
   * @param ports ours in the upper half
   * @param peerSequence the number of the SYN
   * @param segmentSize its MSS option; 0 if it had none
   */
  make(path: Path, ports: number, peerSequence: number, segmentSize: number, now: Microseconds): SequenceNumber {
    const period = Math.floor(now / PERIOD)
    let index = SEGMENT_SIZES.length - 1
    while (index > 0 && SEGMENT_SIZES[index] > segmentSize) index--
    const low = (this.#second(path, ports, peerSequence, period) + index) & COUNTER_MASK
    return sequenceNumber(this.#first(path, ports, peerSequence) + (period << 24) + low)
  }

  /** @returns the segment size that the cookie stands for; 0 if it is none of ours, or too old */
  check(path: Path, ports: number, peerSequence: number, cookie: SequenceNumber, now: Microseconds): number {
    const period = Math.floor(now / PERIOD)
    const value = (cookie - this.#first(path, ports, peerSequence)) | 0
    const age = (period - (value >>> 24)) & 0xff
    if (age >= PERIODS) return 0
    const index = (value - this.#second(path, ports, peerSequence, period - age)) & COUNTER_MASK
    return index < SEGMENT_SIZES.length ? SEGMENT_SIZES[index] : 0
  }

  #first(path: Path, ports: number, peerSequence: number): number {
    return hash(this.#keys[0], path, ports, peerSequence) ^ hash(this.#keys[1], path, ports, peerSequence)
  }

  #second(path: Path, ports: number, peerSequence: number, period: number): number {
    const [, , third, fourth] = this.#keys
    return (
      third.hash2(hash(third, path, ports, peerSequence), period) ^
      fourth.hash2(hash(fourth, path, ports, peerSequence), period)
    )
  }
}

/** The timestamp of a SYN-ACK with the peer's window scale in it, never ahead of `value`. @param scale -1 for none */
export function timestampWithScale(value: number, scale: number): number {
  const marked = (value & ~SCALE_MASK) | (scale < 0 ? NO_SCALE : scale)
  return ((marked - value) | 0) > 0 ? (marked - SCALE_MASK - 1) | 0 : marked
}

/** The window scale in the echo of such a timestamp; -1 for none. */
export function scaleOfTimestamp(echo: number): number {
  const scale = echo & SCALE_MASK
  return scale === NO_SCALE ? -1 : scale
}

function hash(key: KeyedHash, { source, destination }: Path, ports: number, peerSequence: number): number {
  return key.hash10(
    source.word0,
    source.word1,
    source.word2,
    source.word3,
    destination.word0,
    destination.word1,
    destination.word2,
    destination.word3,
    ports,
    peerSequence,
  )
}
