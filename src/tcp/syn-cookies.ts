/**
 * SYN cookies: RFC 4987, section 3.6, as Linux has them. While a listener has as many half-open connections as it may
 * have, a SYN is answered and forgotten: what has to be known when the handshake completes stands in our initial sequence
 * number, and in the low bits of the timestamp, which the peer sends back. So a flood of SYNs keeps nobody out.
 *
 * The number is F(connection, peer's number) + minute * 2^24 + (G(connection, peer's number, minute) + index of the MSS)
 * mod 2^24. Whoever cannot see our SYN-ACK hits one that counts with 2 * 4 in 2^32.
 */
import { IPV4_MAPPED_WORD } from '../address/index.ts'
import { KeyedHash, MINUTE, type Microseconds, type Random } from '../clock/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
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
/** The low bits of a timestamp as Linux has them (TSBITS): the peer's window scale, whether it takes SACK, and ECN. */
const SCALE_MASK = 0x0f
const SACK_BIT = 0x10
const ECN_BIT = 0x20
const OPTIONS_MASK = 0x3f
/** No window scale option: shifts go up to 14 only. */
const NO_SCALE = 15

/** Between whom: the peer is the source. */
export type Ends = Pick<
  PacketBuffer,
  'source0' | 'source1' | 'source2' | 'source3' | 'destination0' | 'destination1' | 'destination2' | 'destination3'
>

export class SynCookies {
  // Two independent keys for each function, as initial sequence numbers have.
  readonly #keys: readonly [KeyedHash, KeyedHash, KeyedHash, KeyedHash]

  constructor(random: Random) {
    this.#keys = [new KeyedHash(random), new KeyedHash(random), new KeyedHash(random), new KeyedHash(random)]
  }

  /**
   * Our initial sequence number.
   * @param ends addresses as a packet of the peer has them
   * @param ports ours in the lower half, as the peer has them
   * @param peerSequence the number of the SYN
   * @param segmentSize its MSS option; 0 if it had none
   */
  make(ends: Ends, ports: number, peerSequence: number, segmentSize: number, now: Microseconds): SequenceNumber {
    const period = Math.floor(now / PERIOD)
    let index = SEGMENT_SIZES.length - 1
    while (index > 0 && SEGMENT_SIZES[index] > segmentSize) index--
    const low = (this.#second(ends, ports, peerSequence, period) + index) & COUNTER_MASK
    return sequenceNumber(this.#first(ends, ports, peerSequence) + (period << 24) + low)
  }

  /** @returns the segment size that the cookie stands for; 0 if it is none of ours, or too old */
  check(ends: Ends, ports: number, peerSequence: number, cookie: SequenceNumber, now: Microseconds): number {
    const period = Math.floor(now / PERIOD)
    const value = (cookie - this.#first(ends, ports, peerSequence)) | 0
    const age = (period - (value >>> 24)) & 0xff
    if (age >= PERIODS) return 0
    const index = (value - this.#second(ends, ports, peerSequence, period - age)) & COUNTER_MASK
    return index < SEGMENT_SIZES.length ? SEGMENT_SIZES[index] : 0
  }

  #first(ends: Ends, ports: number, peerSequence: number): number {
    return hash(this.#keys[0], ends, ports, peerSequence) ^ hash(this.#keys[1], ends, ports, peerSequence)
  }

  #second(ends: Ends, ports: number, peerSequence: number, period: number): number {
    const [, , third, fourth] = this.#keys
    return (
      third.hash2(hash(third, ends, ports, peerSequence), period) ^
      fourth.hash2(hash(fourth, ends, ports, peerSequence), period)
    )
  }
}

/**
 * The timestamp of a SYN-ACK with what the peer's SYN offered in it, never ahead of `value`, and behind it by less than 64.
 * @param scale -1 for none
 */
export function timestampWithOptions(value: number, scale: number, sack: boolean, ecn: boolean): number {
  const bits = (scale < 0 ? NO_SCALE : scale) | (sack ? SACK_BIT : 0) | (ecn ? ECN_BIT : 0)
  const marked = (value & ~OPTIONS_MASK) | bits
  return ((marked - value) | 0) > 0 ? (marked - OPTIONS_MASK - 1) | 0 : marked
}

/** The window scale in the echo of such a timestamp; -1 for none. */
export function scaleOfTimestamp(echo: number): number {
  const scale = echo & SCALE_MASK
  return scale === NO_SCALE ? -1 : scale
}

/** Whether both sides have agreed on selective acknowledgments: RFC 2018. */
export function sackOfTimestamp(echo: number): boolean {
  return (echo & SACK_BIT) !== 0
}

/** Whether both sides have agreed on ECN: RFC 3168, 6.1.1. */
export function ecnOfTimestamp(echo: number): boolean {
  return (echo & ECN_BIT) !== 0
}

function hash(key: KeyedHash, ends: Ends, ports: number, peerSequence: number): number {
  // Between IPv4 addresses the upper words are the same for all.
  if (ends.destination2 === IPV4_MAPPED_WORD && ends.destination0 === 0 && ends.destination1 === 0) {
    return key.hash4(ends.destination3, ends.source3, ports, peerSequence)
  }
  return key.hash10(
    ends.destination0,
    ends.destination1,
    ends.destination2,
    ends.destination3,
    ends.source0,
    ends.source1,
    ends.source2,
    ends.source3,
    ports,
    peerSequence,
  )
}
