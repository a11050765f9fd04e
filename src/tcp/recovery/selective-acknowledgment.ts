/**
 * SACK blocks of an acknowledgment: RFC 2018, RFC 2883 (D-SACK), and what they tell about reordering (RFC 8985, 6.2
 * step 3).
 */
import type { Microseconds } from '../../clock/index.ts'
import type { TcpCounters } from '../counters.ts'
import type { SegmentOptions } from '../options.ts'
import { advance, distance, isAfter, isBefore, type SequenceNumber, sequenceNumber } from '../sequence-number.ts'
import type { Delivery } from './delivery.ts'
import { noteDelivered } from './delivery-rate.ts'
import type { LossRecovery } from './loss-recovery.ts'
import { rackDelivered } from './rack.ts'
import { Sent, type SentSegment } from './sent-segment.ts'

/**
 * Takes in the blocks of a segment.
 * @param unacknowledged SND.UNA before this acknowledgment
 * @param largestWindow the largest window that the peer ever offered: how far below SND.UNA a D-SACK makes sense
 */
export function takeBlocks(
  recovery: LossRecovery,
  options: SegmentOptions,
  acknowledgment: SequenceNumber,
  unacknowledged: SequenceNumber,
  sendNext: SequenceNumber,
  segmentSize: number,
  largestWindow: number,
  delivery: Delivery,
  now: Microseconds,
  counters: TcpCounters,
): void {
  const count = options.sackCount
  const edges = options.sackEdges
  const { board } = recovery
  // What was overtaken is told by what earlier acknowledgments said: the blocks of one come in no order.
  const highest = board.sacked > 0 ? board.highestSacked : unacknowledged
  const outstanding = distance(sendNext, unacknowledged)
  const floor = isAfter(acknowledgment, unacknowledged) ? acknowledgment : unacknowledged
  let first = 0
  if (isDuplicateReport(options, acknowledgment)) {
    const start = sequenceNumber(edges[0])
    const end = sequenceNumber(edges[1])
    first = 1
    delivery.reportsDuplicate = true
    if (isBefore(start, acknowledgment)) counters.TCPDSACKRecv++
    else counters.TCPDSACKOfoRecv++
    if (isPlausibleDuplicate(recovery, start, end, unacknowledged, sendNext, largestWindow)) {
      takeDuplicate(recovery, start, end, unacknowledged, segmentSize, delivery)
      counters.TCPDSACKRecvSegs += delivery.duplicateSegments
    } else {
      counters.TCPSACKDiscard++
    }
  }
  for (let i = first; i < count; i++) {
    const start = sequenceNumber(edges[2 * i])
    const end = sequenceNumber(edges[2 * i + 1])
    // Only what is outstanding, and not what the cumulative acknowledgment says is missing, which has the last word (RFC
    // 2018, section 8).
    if (!isBefore(start, end) || isAfter(end, sendNext) || !isAfter(start, floor)) {
      if (isAfter(end, floor)) counters.TCPSACKDiscard++
      continue
    }
    takeBlock(recovery, start, end, highest, outstanding, segmentSize, delivery, now)
  }
}

/** RFC 2883, section 4: the first block reports a duplicate if it lies below the acknowledgment or in the second block. */
function isDuplicateReport(options: SegmentOptions, acknowledgment: SequenceNumber): boolean {
  const edges = options.sackEdges
  const start = sequenceNumber(edges[0])
  if (isBefore(start, acknowledgment)) return true
  if (options.sackCount < 2) return false
  return !isAfter(sequenceNumber(edges[1]), sequenceNumber(edges[3])) && !isBefore(start, sequenceNumber(edges[2]))
}

/** Linux tcp_is_sackblock_valid: it must tell of something that we may have sent twice. */
function isPlausibleDuplicate(
  recovery: LossRecovery,
  start: SequenceNumber,
  end: SequenceNumber,
  unacknowledged: SequenceNumber,
  sendNext: SequenceNumber,
  largestWindow: number,
): boolean {
  if (!isBefore(start, end) || isAfter(end, sendNext)) return false
  if (isAfter(start, unacknowledged)) return true
  return distance(unacknowledged, start) <= largestWindow && recovery.delivered > 0
}

/** A segment has arrived twice: RFC 2883; RFC 3708 uses it to tell whether all retransmissions were needless. */
function takeDuplicate(
  recovery: LossRecovery,
  start: SequenceNumber,
  end: SequenceNumber,
  unacknowledged: SequenceNumber,
  segmentSize: number,
  delivery: Delivery,
): void {
  const bytes = distance(end, start)
  // The network itself may duplicate: more duplicates than retransmissions tell nothing about us.
  if (recovery.duplicatesReported + bytes > recovery.totalRetransmitted) return
  recovery.duplicatesReported += bytes
  if (recovery.probeOutstanding && recovery.probeIsRetransmission && end === recovery.probeEnd) {
    delivery.probeWasDuplicate = true
  } else {
    recovery.duplicateSackSeen = true
  }
  const segments = Math.ceil(bytes / segmentSize)
  recovery.duplicateSegmentsReported += segments
  delivery.duplicateSegments += segments
  if (!recovery.mayUndo || recovery.undoRetransmitted <= 0) return
  if (!isAfter(end, unacknowledged)) {
    if (isAfter(end, recovery.undoMarker)) {
      recovery.undoRetransmitted = Math.max(recovery.undoRetransmitted - bytes, 0)
    }
    return
  }
  // Of something above SND.UNA; the second block, which covers it, says that it has arrived.
  for (let segment = recovery.board.find(start); segment !== null; segment = segment.next) {
    if (!isBefore(segment.start, end)) break
    if ((segment.flags & Sent.EverRetransmitted) === 0) continue
    // Of a large record perhaps a part.
    const covered = Math.min(distance(end, segment.start), segment.length, bytes, distance(segment.end, start))
    recovery.undoRetransmitted = Math.max(recovery.undoRetransmitted - covered, 0)
  }
}

function takeBlock(
  recovery: LossRecovery,
  start: SequenceNumber,
  end: SequenceNumber,
  highest: SequenceNumber,
  outstanding: number,
  segmentSize: number,
  delivery: Delivery,
  now: Microseconds,
): void {
  const { board } = recovery
  let segment = board.find(start)
  while (segment !== null && isBefore(segment.start, end)) {
    if ((segment.flags & Sent.Sacked) !== 0) {
      segment = segment.next
      continue
    }
    if (isBefore(segment.start, start)) {
      const at = wholeSegments(segment.start, start, segmentSize, true)
      if (!isBefore(at, segment.end) || !board.maySplit(outstanding)) {
        segment = segment.next
        continue
      }
      // No whole segment in it: nothing is cut for that.
      if (isAfter(segment.end, end) && !isAfter(wholeSegments(segment.start, end, segmentSize, false), at)) return
      if (isAfter(at, segment.start)) segment = board.split(segment, at, segmentSize)
    }
    if (isAfter(segment.end, end)) {
      const at = wholeSegments(segment.start, end, segmentSize, false)
      if (!isAfter(at, segment.start) || !board.maySplit(outstanding)) return
      board.split(segment, at, segmentSize)
    }
    sacked(recovery, segment, highest, delivery, now)
    segment = board.merge(segment).next
  }
}

/**
 * The point nearest to `at` that is whole segments from `start`: as Linux, a SACK counts only for whole ones, so that a
 * peer cannot shred the scoreboard.
 */
function wholeSegments(start: SequenceNumber, at: SequenceNumber, segmentSize: number, up: boolean): SequenceNumber {
  const bytes = distance(at, start)
  const rest = bytes % segmentSize
  if (rest === 0) return at
  return advance(at, up ? segmentSize - rest : -rest)
}

/** @param highest the highest byte that was SACKed before this acknowledgment ends here */
function sacked(
  recovery: LossRecovery,
  segment: SentSegment,
  highest: SequenceNumber,
  delivery: Delivery,
  now: Microseconds,
): void {
  const { board } = recovery
  const { flags } = segment
  rackDelivered(recovery, segment, segment.end, now)
  noteDelivered(recovery, delivery.sampling, segment)
  if ((flags & (Sent.Retransmitted | Sent.EverRetransmitted)) === 0) {
    // In a hole below what was SACKed before, and sent only once: it was overtaken.
    if (isBefore(segment.start, highest)) delivery.noteReordered(segment.start)
    if (!isAfter(segment.end, recovery.recoveryPoint)) delivery.originalDelivered = true
    delivery.noteSackedOnce(segment.sentAt)
  }
  board.markSacked(segment)
  const { length } = segment
  recovery.delivered += length
  recovery.deliveredSegments += segment.count
  recovery.noteSize(segment)
  delivery.delivered += length
  delivery.sackedSomething = true
}
