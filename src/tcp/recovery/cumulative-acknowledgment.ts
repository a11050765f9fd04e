/** What a cumulative acknowledgment takes off the scoreboard, and the round trips that it measures (RFC 6298, RFC 7323). */
import { MILLISECOND, type Microseconds } from '../../clock/index.ts'
import type { Connection } from '../connection.ts'
import type { Segment } from '../segment.ts'
import { timestampNow } from '../send-segment.ts'
import { isAfter, isBefore, type SequenceNumber } from '../sequence-number.ts'
import type { Delivery } from './delivery.ts'
import { noteDelivered } from './delivery-rate.ts'
import { type LossRecovery, NEVER } from './loss-recovery.ts'
import { rackDelivered } from './rack.ts'
import { Sent } from './sent-segment.ts'

/** A timestamp echo older than this says nothing; it protects the estimate from a peer that echoes nonsense. */
const OLDEST_ECHO_MILLISECONDS = 120_000

/** Takes off what lies below `acknowledgment`. */
export function takeAcknowledged(
  connection: Connection,
  recovery: LossRecovery,
  acknowledgment: SequenceNumber,
  delivery: Delivery,
  now: Microseconds,
): void {
  const { board } = recovery
  for (let segment = board.first; segment !== null; segment = board.first) {
    if (!isBefore(segment.start, acknowledgment)) break
    if (isAfter(segment.end, acknowledgment)) {
      const before = segment.count
      const rest = board.split(segment, acknowledgment, connection.segmentSize)
      // A segment that is acknowledged in pieces has arrived once, with the last of them.
      if ((segment.flags & Sent.Sacked) === 0) segment.count = Math.max(before - rest.count, 0)
    }
    const { flags } = segment
    if ((flags & Sent.Sacked) === 0) {
      const { length } = segment
      recovery.delivered += length
      recovery.deliveredSegments += segment.count
      recovery.noteSize(segment)
      delivery.delivered += length
      if (connection.selectiveAcknowledgments) rackDelivered(recovery, segment, segment.end, now)
      if ((flags & (Sent.Retransmitted | Sent.EverRetransmitted)) === 0) {
        delivery.noteAcknowledgedOnce(segment.sentAt)
        delivery.noteReordered(segment.start)
        if (!isAfter(segment.end, recovery.recoveryPoint)) delivery.originalDelivered = true
      }
    }
    if ((flags & (Sent.Retransmitted | Sent.EverRetransmitted)) !== 0) delivery.retransmittedAcknowledged = true
    noteDelivered(recovery, delivery.sampling, segment)
    board.removeFirst()
  }
}

/**
 * Takes a round-trip sample, if the acknowledgment allows one.
 * @returns the round trip of the newest segment delivered, for the congestion control; -1: none
 */
export function sampleRoundTrip(
  connection: Connection,
  recovery: LossRecovery,
  segment: Segment,
  delivery: Delivery,
  isProgress: boolean,
  now: Microseconds,
): Microseconds {
  let roundTrip = -1
  let newest = -1
  if (delivery.firstAcknowledgedSentAt !== NEVER && !delivery.retransmittedAcknowledged) {
    // The first of many: the one that waited longest for its acknowledgment (RFC 6298, section 3).
    roundTrip = now - delivery.firstAcknowledgedSentAt
    newest = now - delivery.lastAcknowledgedSentAt
  }
  if (delivery.firstSackedSentAt !== NEVER) {
    if (roundTrip < 0) roundTrip = now - delivery.firstSackedSentAt
    newest = now - delivery.lastSackedSentAt
  }
  if (roundTrip < 0 && isProgress) roundTrip = newest = echoedRoundTrip(connection, segment, delivery, now)
  if (roundTrip < 0) return -1
  recovery.noteRoundTrip(Math.max(newest, 1), now)
  connection.timeout.sample(roundTrip)
  return newest
}

/** Something was retransmitted: only the timestamp tells which copy arrived (RFC 7323, 4.1). */
function echoedRoundTrip(
  connection: Connection,
  segment: Segment,
  delivery: Delivery,
  now: Microseconds,
): Microseconds {
  const { options } = segment
  if (!connection.timestamps || !options.hasTimestamps || options.timestampEcho === 0) return -1
  const milliseconds = (timestampNow(connection) - options.timestampEcho) | 0
  // An echo of what was sent before the retransmission may just as well mean that the first acknowledgment was lost:
  // then it measures our timeout and not the path, and the backoff stays until there is a true sample (Karn). With SACK
  // the acknowledgment would then report a duplicate (RFC 2883).
  const isAmbiguous = !connection.selectiveAcknowledgments || delivery.reportsDuplicate
  if (isAmbiguous && milliseconds * MILLISECOND > now - connection.retransmittedAt + MILLISECOND) return -1
  if (milliseconds < 0 || milliseconds >= OLDEST_ECHO_MILLISECONDS) return -1
  return Math.max(milliseconds, 1) * MILLISECOND
}

/** Without SACK, duplicate acknowledgments stand for segments that have arrived; what is acknowledged ends some of it. */
export function takeOffDuplicates(recovery: LossRecovery, acknowledged: number, segmentSize: number): void {
  const { board } = recovery
  if (board.sacked === 0) return
  // The first segment acknowledged is the one that was missing.
  const covered = Math.max(acknowledged - segmentSize, 0)
  board.sacked = Math.max(board.sacked - covered, 0)
  board.sackedSegments = Math.ceil(board.sacked / segmentSize)
}

/** One more duplicate acknowledgment: a segment has left the network. @returns the bytes that it stands for */
export function addDuplicate(recovery: LossRecovery, outstanding: number, segmentSize: number): number {
  const { board } = recovery
  const missing = Math.max(board.lost, Math.min(segmentSize, outstanding))
  const bytes = Math.min(segmentSize, outstanding - missing - board.sacked)
  // Counted all the same: many small segments fit one full one.
  board.sackedSegments++
  if (bytes <= 0) return 0
  board.sacked += bytes
  recovery.delivered += bytes
  return bytes
}

/**
 * Not more can have arrived than is outstanding and not lost, whatever acknowledgments the network has duplicated: the
 * flight would be less than nothing.
 */
export function limitDuplicates(recovery: LossRecovery, outstanding: number, segmentSize: number): void {
  const { board } = recovery
  const missing = Math.max(board.lost, Math.min(segmentSize, outstanding))
  board.sacked = Math.min(board.sacked, outstanding - missing)
}

export function forgetDuplicates(recovery: LossRecovery): void {
  recovery.board.sacked = recovery.board.sackedSegments = 0
}
