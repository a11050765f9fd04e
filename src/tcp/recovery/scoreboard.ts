/**
 * The sender's record of what is outstanding: the scoreboard of RFC 6675, section 3, with the transmission times that
 * RFC 8985 needs. Amounts are in bytes, FIN counts as one.
 */
import type { Microseconds } from '../../clock/index.ts'
import { distance, isAfter, type SequenceNumber, sequenceNumber } from '../sequence-number.ts'
import { Landmarks } from './landmarks.ts'
import { Sent, type SentSegment, type SentSegmentPool } from './sent-segment.ts'

/**
 * A peer's SACK blocks split records at full segments, so a small segment size could make very many: beyond this a
 * record is no longer split for a SACK, which then counts only where it covers whole records.
 */
const MOST_RECORDS = 32_768
/** Nor may they take more memory than the data that they stand for. Some are always allowed. */
const BYTES_PER_RECORD = 256
const ALLOWED_RECORDS = 256

export class Scoreboard {
  /** In order of sequence number. */
  first: SentSegment | null = null
  last: SentSegment | null = null
  /** In order of transmission: what is neither SACKed nor waits for its retransmission. */
  oldest: SentSegment | null = null
  newest: SentSegment | null = null
  records = 0

  /** Bytes SACKed, and how many segments that was. Without SACK: what duplicate acknowledgments say has arrived. */
  sacked = 0
  sackedSegments = 0
  /** Bytes believed lost, their retransmissions included or not. */
  lost = 0
  /** Bytes of which a retransmission is on its way. */
  retransmitted = 0
  /** Bytes believed lost that wait for their retransmission. */
  lostUnsent = 0
  /** The highest byte SACKed ends here; meaningful while `sacked` is not 0. */
  highestSacked: SequenceNumber = sequenceNumber(0)

  readonly #pool: SentSegmentPool
  // What waits for its retransmission, in order of sequence number; linked by the pointers of the order in time, in which it
  // is not meanwhile.
  #firstLost: SentSegment | null = null
  #lastLost: SentSegment | null = null
  /** Where the last one was put in: the next is likely to come beside it. */
  #lostHint: SentSegment | null = null
  #landmarks: Landmarks | null = null

  constructor(pool: SentSegmentPool) {
    this.#pool = pool
  }

  /** A record for [start, end) at the end of the list, sent at `now`. */
  append(start: SequenceNumber, end: SequenceNumber, flags: number, count: number, now: Microseconds): SentSegment {
    const segment = this.#pool.take()
    segment.start = start
    segment.end = end
    segment.flags = flags
    segment.count = count
    segment.sentAt = now
    segment.previous = this.last
    segment.next = null
    if (this.last === null) this.first = segment
    else this.last.next = segment
    this.last = segment
    this.records++
    this.#appendInTime(segment)
    return segment
  }

  /**
   * Cuts a record in two at `at`, strictly inside of it; `segment` keeps the first part.
   * @param segmentSize payload of a full segment
   */
  split(segment: SentSegment, at: SequenceNumber, segmentSize: number): SentSegment {
    const rest = this.#pool.take()
    rest.start = at
    rest.end = segment.end
    rest.flags = segment.flags
    rest.sentAt = segment.sentAt
    rest.size = segment.size
    rest.delivered = segment.delivered
    rest.deliveredAt = segment.deliveredAt
    rest.firstSentAt = segment.firstSentAt
    rest.lost = segment.lost
    rest.flight = segment.flight
    segment.end = at
    segment.flags &= ~Sent.Fin
    const before = segment.count
    segment.count = segmentsIn(segment.length, segmentSize)
    rest.count = segmentsIn(rest.length, segmentSize)
    if ((segment.flags & Sent.Sacked) !== 0) this.sackedSegments += segment.count + rest.count - before
    rest.previous = segment
    rest.next = segment.next
    if (segment.next === null) this.last = rest
    else segment.next.previous = rest
    segment.next = rest
    this.records++
    if (segment.inTimeOrder) {
      rest.earlier = segment
      rest.later = segment.later
      if (segment.later === null) this.newest = rest
      else segment.later.earlier = rest
      segment.later = rest
      rest.inTimeOrder = true
    } else if (isWaiting(segment)) {
      this.#linkLost(rest, segment)
    }
    return rest
  }

  /** Takes the first record off: it is acknowledged. The amounts it was counted in go down with it. */
  removeFirst(): void {
    const segment = this.first!
    const length = segment.length
    const { flags } = segment
    if ((flags & Sent.Sacked) !== 0) {
      this.sacked -= length
      this.sackedSegments -= segment.count
    }
    if ((flags & Sent.Lost) !== 0) {
      this.lost -= length
      if ((flags & Sent.Retransmitted) === 0) this.lostUnsent -= length
    }
    if ((flags & Sent.Retransmitted) !== 0) this.retransmitted -= length
    this.#unlink(segment)
  }

  /** The peer has it. */
  markSacked(segment: SentSegment): void {
    const length = segment.length
    this.#leaveOrder(segment)
    this.#forgetLoss(segment, length)
    segment.flags |= Sent.Sacked
    this.sacked += length
    this.sackedSegments += segment.count
    if (this.sacked === length || isAfter(segment.end, this.highestSacked)) this.highestSacked = segment.end
  }

  /** It must be sent again; or once more, if it is a retransmission that was lost. @returns whether it was one */
  markLost(segment: SentSegment): boolean {
    const length = segment.length
    if (segment.inTimeOrder) this.#unlinkFromTime(segment)
    if ((segment.flags & Sent.Lost) !== 0) {
      if ((segment.flags & Sent.Retransmitted) === 0) return false
      segment.flags &= ~Sent.Retransmitted
      this.retransmitted -= length
      this.lostUnsent += length
      this.#insertLost(segment)
      return true
    }
    const again = (segment.flags & Sent.Retransmitted) !== 0
    if (again) {
      // A probe or the first segment, sent again without having been believed lost.
      segment.flags &= ~Sent.Retransmitted
      this.retransmitted -= length
    }
    segment.flags |= Sent.Lost
    this.lost += length
    this.lostUnsent += length
    this.#insertLost(segment)
    return again
  }

  /** It was sent once more at `now`. */
  markRetransmitted(segment: SentSegment, now: Microseconds): void {
    const length = segment.length
    this.#leaveOrder(segment)
    if ((segment.flags & Sent.Retransmitted) === 0) {
      this.retransmitted += length
      if ((segment.flags & Sent.Lost) !== 0) this.lostUnsent -= length
    }
    segment.flags = (segment.flags | Sent.Retransmitted | Sent.EverRetransmitted) & ~Sent.RateSampled
    segment.sentAt = now
    this.#appendInTime(segment)
  }

  /** The losses were none: all that is believed lost is on its way again. */
  unmarkLost(): void {
    const again: SentSegment[] = []
    for (let segment = this.first; segment !== null; segment = segment.next) {
      if ((segment.flags & Sent.Lost) === 0) continue
      segment.flags &= ~Sent.Lost
      if (!segment.inTimeOrder) again.push(segment)
    }
    this.lost = this.lostUnsent = 0
    this.#firstLost = this.#lastLost = this.#lostHint = null
    this.#insertInTime(again)
  }

  /** The peer has gone back on its SACKs (RFC 2018, section 8): nothing of them counts. */
  forgetSacks(): void {
    const again: SentSegment[] = []
    for (let segment = this.first; segment !== null; segment = segment.next) {
      if ((segment.flags & Sent.Sacked) === 0) continue
      segment.flags &= ~Sent.Sacked
      again.push(segment)
    }
    this.sacked = this.sackedSegments = 0
    this.#insertInTime(again)
  }

  /** The first record that waits for its retransmission, or null. */
  nextLost(): SentSegment | null {
    return this.#firstLost
  }

  /** Whether records may still be split for SACK blocks. @param outstanding bytes */
  maySplit(outstanding: number): boolean {
    return this.records < Math.min(ALLOWED_RECORDS + outstanding / BYTES_PER_RECORD, MOST_RECORDS)
  }

  /**
   * Joins the next record to this one, which waits for retransmission, if it does so too and both fit one segment: what was
   * sent in small pieces is not repeated in small pieces (RFC 9293, 3.8.1: repacketisation).
   */
  joinNext(segment: SentSegment, segmentSize: number): boolean {
    const next = segment.next
    if (next === null || !isWaiting(next)) return false
    if (segment.length + next.length > segmentSize || (segment.flags & Sent.Fin) !== 0) return false
    segment.end = next.end
    segment.flags |= next.flags & (Sent.Fin | Sent.EverRetransmitted)
    segment.count = 1
    this.#unlink(next)
    return true
  }

  /** The record in which the block that begins at `start` must be looked for; null: there is none, or too far off. */
  find(start: SequenceNumber): SentSegment | null {
    this.#landmarks ??= new Landmarks()
    return this.#landmarks.find(this.first, this.last, start)
  }

  /** Merges a SACKed record with SACKed neighbours: what is long and of no more interest should not be walked over. */
  merge(segment: SentSegment): SentSegment {
    let merged = segment
    if (merged.previous !== null && (merged.previous.flags & Sent.Sacked) !== 0) merged = this.#absorb(merged.previous)
    if (merged.next !== null && (merged.next.flags & Sent.Sacked) !== 0) this.#absorb(merged)
    return merged
  }

  clear(): void {
    for (let segment = this.first; segment !== null; ) {
      const { next } = segment
      segment.earlier = segment.later = null
      segment.inTimeOrder = false
      this.#pool.give(segment)
      segment = next
    }
    this.first = this.last = this.oldest = this.newest = null
    this.#firstLost = this.#lastLost = this.#lostHint = null
    this.#landmarks?.clear()
    this.records = this.sacked = this.sackedSegments = this.lost = this.retransmitted = this.lostUnsent = 0
  }

  /** `segment` takes in the one behind it; both are SACKed. */
  #absorb(segment: SentSegment): SentSegment {
    const next = segment.next!
    segment.end = next.end
    segment.count += next.count
    // Whether a round trip can be measured and what was reordered has been decided: the stricter of both holds.
    segment.flags |= next.flags & (Sent.EverRetransmitted | Sent.Fin)
    this.#unlink(next)
    return segment
  }

  #forgetLoss(segment: SentSegment, length: number): void {
    if ((segment.flags & Sent.Lost) !== 0) {
      this.lost -= length
      if ((segment.flags & Sent.Retransmitted) === 0) this.lostUnsent -= length
    }
    if ((segment.flags & Sent.Retransmitted) !== 0) this.retransmitted -= length
    segment.flags &= ~(Sent.Lost | Sent.Retransmitted)
  }

  #unlink(segment: SentSegment): void {
    if (segment.previous === null) this.first = segment.next
    else segment.previous.next = segment.next
    if (segment.next === null) this.last = segment.previous
    else segment.next.previous = segment.previous
    this.#leaveOrder(segment)
    this.#landmarks?.forget(segment, segment.previous ?? segment.next)
    this.records--
    this.#pool.give(segment)
  }

  #appendInTime(segment: SentSegment): void {
    segment.earlier = this.newest
    segment.later = null
    if (this.newest === null) this.oldest = segment
    else this.newest.later = segment
    this.newest = segment
    segment.inTimeOrder = true
  }

  /** By their old times of transmission. Rare; sorted, for a peer could make insertion one by one take for ever. */
  #insertInTime(segments: SentSegment[]): void {
    segments.sort((a, b) => (isSentAfter(a.sentAt, a.end, b.sentAt, b.end) ? 1 : -1))
    let later = this.oldest
    for (const segment of segments) {
      while (later !== null && !isSentAfter(later.sentAt, later.end, segment.sentAt, segment.end)) later = later.later
      const earlier: SentSegment | null = later === null ? this.newest : later.earlier
      segment.earlier = earlier
      segment.later = later
      if (earlier === null) this.oldest = segment
      else earlier.later = segment
      if (later === null) this.newest = segment
      else later.earlier = segment
      segment.inTimeOrder = true
    }
  }

  /** Its place among what waits: mostly beside the one before it, because losses are found and repaired in order. */
  #insertLost(segment: SentSegment): void {
    const { start } = segment
    let before = this.#lastLost
    if (before !== null && isAfter(before.start, start)) {
      if (isAfter(this.#firstLost!.start, start)) {
        before = null
      } else {
        before = this.#lostHint ?? this.#firstLost!
        while (isAfter(before.start, start)) before = before.earlier!
        while (!isAfter(before.later!.start, start)) before = before.later!
      }
    }
    this.#linkLost(segment, before)
  }

  #linkLost(segment: SentSegment, before: SentSegment | null): void {
    const later: SentSegment | null = before === null ? this.#firstLost : before.later
    segment.earlier = before
    segment.later = later
    if (before === null) this.#firstLost = segment
    else before.later = segment
    if (later === null) this.#lastLost = segment
    else later.earlier = segment
    this.#lostHint = segment
  }

  /** Out of the order in time, or of what waits. */
  #leaveOrder(segment: SentSegment): void {
    if (segment.inTimeOrder) {
      this.#unlinkFromTime(segment)
      return
    }
    if (!isWaiting(segment)) return
    const { earlier, later } = segment
    if (earlier === null) this.#firstLost = later
    else earlier.later = later
    if (later === null) this.#lastLost = earlier
    else later.earlier = earlier
    if (this.#lostHint === segment) this.#lostHint = earlier ?? later
    segment.earlier = segment.later = null
  }

  #unlinkFromTime(segment: SentSegment): void {
    if (segment.earlier === null) this.oldest = segment.later
    else segment.earlier.later = segment.later
    if (segment.later === null) this.newest = segment.earlier
    else segment.later.earlier = segment.earlier
    segment.earlier = segment.later = null
    segment.inTimeOrder = false
  }
}

function isWaiting(segment: SentSegment): boolean {
  return (segment.flags & (Sent.Lost | Sent.Retransmitted)) === Sent.Lost
}

/** RFC 8985, 6.1: RACK_sent_after(); of two sent in the same microsecond the one with the higher number is the later. */
export function isSentAfter(
  at: Microseconds,
  end: SequenceNumber,
  otherAt: Microseconds,
  otherEnd: SequenceNumber,
): boolean {
  return at > otherAt || (at === otherAt && distance(end, otherEnd) > 0)
}

/** How many segments so many bytes are on the wire. */
export function segmentsIn(bytes: number, segmentSize: number): number {
  return bytes <= segmentSize ? 1 : Math.ceil(bytes / segmentSize)
}
