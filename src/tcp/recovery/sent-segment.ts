import type { Microseconds } from '../../clock/index.ts'
import { LARGE } from '../../packet/index.ts'
import { distance, type SequenceNumber, sequenceNumber } from '../sequence-number.ts'

/** What is known about a sent segment. */
export const Sent = {
  /** The peer has reported it by SACK. */
  Sacked: 1,
  /** Believed to be lost. With `Retransmitted` it was sent again since. */
  Lost: 2,
  /** A retransmission of it is on its way. */
  Retransmitted: 4,
  /** It was retransmitted at some time: a round trip measured by it says nothing (Karn). */
  EverRetransmitted: 8,
  /** Its last sequence number is the FIN. */
  Fin: 16,
  /** When it was sent, the application was what limited the sender. */
  ApplicationLimited: 32,
  /** Its delivery has been counted in a rate sample. */
  RateSampled: 64,
} as const

/**
 * Sent and not cumulatively acknowledged: one call of the device, which may be many segments on the wire. Split where an
 * acknowledgment or a loss covers a part of it. In two lists: by sequence number, and, as long as it may turn out to be
 * lost, by the time of its last transmission (RFC 8985, 6.2 step 5).
 */
export class SentSegment {
  start: SequenceNumber = sequenceNumber(0)
  /** Behind the last byte, FIN included. */
  end: SequenceNumber = sequenceNumber(0)
  flags = 0
  /** How many segments it is on the wire. */
  count = 1
  /** Payload bytes of those of them that are full. */
  size = 0
  /** When it was last transmitted. */
  sentAt: Microseconds = 0

  previous: SentSegment | null = null
  next: SentSegment | null = null
  // By time; of what waits for its retransmission, by sequence number.
  earlier: SentSegment | null = null
  later: SentSegment | null = null
  inTimeOrder = false

  // What a rate sample needs of the moment of sending (draft-ietf-ccwg-bbr, 4.1.2.2), when all of it is set.
  /** Bytes delivered until then. */
  delivered = LARGE
  deliveredAt: Microseconds = 0
  /** When the first segment of the flight was sent whose delivery ended at `deliveredAt`. */
  firstSentAt: Microseconds = 0
  /** Bytes lost until then. */
  lost = LARGE
  /** Bytes in flight then, this segment included. */
  flight = 0

  get length(): number {
    return distance(this.end, this.start)
  }
}

/** Spare records are kept for a few full windows; more are left to the garbage collector. */
const MOST_SPARE = 16_384

/** Records are reused: sending allocates nothing in the long run. One pool for all connections of a stack. */
export class SentSegmentPool {
  #spare: SentSegment | null = null
  #count = 0

  take(): SentSegment {
    const segment = this.#spare
    if (segment === null) return new SentSegment()
    this.#spare = segment.next
    this.#count--
    segment.next = null
    return segment
  }

  /** @param segment in no list any more */
  give(segment: SentSegment): void {
    if (this.#count >= MOST_SPARE) return
    segment.previous = null
    segment.next = this.#spare
    this.#spare = segment
    this.#count++
  }
}
