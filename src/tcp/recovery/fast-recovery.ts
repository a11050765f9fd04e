/**
 * What an acknowledgment does to an episode of loss: its beginning, course and end. RFC 6675, section 5, RFC 8985, RFC
 * 6582 (without SACK), RFC 5682 (F-RTO); the order of things is Linux's (tcp_fastretrans_alert).
 */
import type { Microseconds } from '../../clock/index.ts'
import type { Connection } from '../connection.ts'
import { mtuProbeLost } from '../mtu-probing.ts'
import type { Segment } from '../segment.ts'
import { advance, isAfter, isBefore } from '../sequence-number.ts'
import { addDuplicate, forgetDuplicates, limitDuplicates } from './cumulative-acknowledgment.ts'
import type { Delivery } from './delivery.ts'
import { completeReduction, enterRecovery, enterReducing, outstanding } from './episodes.ts'
import { type LossRecovery, RecoveryState } from './loss-recovery.ts'
import { lookForLosses, markLost } from './rack.ts'
import { Sent } from './sent-segment.ts'
import { reopen, undoAtEnd, undoAtPartial, undoByDuplicates, undoTimeout } from './undo.ts'

/** Before a SACKed first segment is taken for a broken promise: Linux, at least 10 ms. */
const RENEGING_DELAY: Microseconds = 10_000

/**
 * @param isProgress SND.UNA has moved
 * @param isDuplicate a duplicate acknowledgment in the sense of RFC 5681, section 2
 * @returns whether the retransmission timer has been set
 */
export function react(
  connection: Connection,
  recovery: LossRecovery,
  segment: Segment,
  delivery: Delivery,
  isProgress: boolean,
  isDuplicate: boolean,
  now: Microseconds,
): boolean {
  const { board } = recovery
  if (delivery.congestionEchoed) recovery.reductionStands = true
  if (isProgress && board.first !== null && (board.first.flags & Sent.Sacked) !== 0) {
    // The peer acknowledges up to something that it has SACKed, and not that: it has thrown it away (RFC 2018, section 8).
    connection.retransmitAt = now + Math.max(connection.timeout.smoothed / 2, RENEGING_DELAY)
    connection.probing = false
    connection.schedule(connection.retransmitAt)
    return true
  }
  follow(connection, recovery, segment, delivery, isProgress, isDuplicate, now)
  return false
}

function follow(
  connection: Connection,
  recovery: LossRecovery,
  segment: Segment,
  delivery: Delivery,
  isProgress: boolean,
  isDuplicate: boolean,
  now: Microseconds,
): void {
  const { board } = recovery
  if (recovery.state === RecoveryState.Open) {
    recovery.hasRetransmitted = false
  } else if (!isBefore(connection.unacknowledged, recovery.recoveryPoint)) {
    if (recovery.state === RecoveryState.Reducing) {
      if (isAfter(connection.unacknowledged, recovery.recoveryPoint)) {
        completeReduction(recovery, now)
        recovery.state = RecoveryState.Open
      }
    } else if (recovery.state === RecoveryState.Recovery) {
      if (!connection.selectiveAcknowledgments) forgetDuplicates(recovery)
      if (undoAtEnd(connection, recovery, segment, now)) return
      completeReduction(recovery, now)
    }
  }

  if (recovery.state === RecoveryState.Recovery) {
    if (!isProgress) countDuplicate(connection, recovery, delivery, isDuplicate)
    else if (undoAtPartial(connection, recovery, segment, now)) return
    if (undoByDuplicates(connection, recovery, now)) reopen(recovery)
    identifyLosses(connection, recovery, isProgress, now)
    if (recovery.state !== RecoveryState.Recovery && board.lost > 0) begin(connection, recovery, delivery, now)
    return
  }
  if (recovery.state === RecoveryState.Loss) {
    const retransmitted = board.retransmitted
    afterTimeout(connection, recovery, segment, delivery, isProgress, isDuplicate, now)
    identifyLosses(connection, recovery, isProgress, now)
    const lostAgain = board.retransmitted < retransmitted && board.lostUnsent > 0 && !isProgress
    if ((recovery.state as RecoveryState) !== RecoveryState.Open && !lostAgain) return
  } else if (!connection.selectiveAcknowledgments && isProgress) {
    forgetDuplicates(recovery)
  }
  countDuplicate(connection, recovery, delivery, isDuplicate)
  if (recovery.state <= RecoveryState.Disorder) undoByDuplicates(connection, recovery, now)
  identifyLosses(connection, recovery, isProgress, now)
  if (board.lost > 0) {
    if (mtuProbeLost(connection, recovery)) return
    begin(connection, recovery, delivery, now)
    return
  }
  if (delivery.congestionEchoed) enterReducing(connection, recovery, delivery.delivered, now)
  if (recovery.state !== RecoveryState.Reducing) reopen(recovery)
}

function begin(connection: Connection, recovery: LossRecovery, delivery: Delivery, now: Microseconds): void {
  enterRecovery(connection, recovery, now)
  if (delivery.congestionEchoed) recovery.reductionStands = true
}

function countDuplicate(
  connection: Connection,
  recovery: LossRecovery,
  delivery: Delivery,
  isDuplicate: boolean,
): void {
  if (!isDuplicate || connection.selectiveAcknowledgments) return
  delivery.delivered += addDuplicate(recovery, outstanding(connection), connection.segmentSize)
}

/** RFC 8985 with SACK; without, RFC 5681, 3.2 and RFC 6582, 3.2 step 3. */
function identifyLosses(connection: Connection, recovery: LossRecovery, isProgress: boolean, now: Microseconds): void {
  const { counters } = connection.context
  if (connection.selectiveAcknowledgments) {
    lookForLosses(recovery, connection.timeout.smoothed, now, counters)
    return
  }
  const { board } = recovery
  const { first } = board
  const known =
    recovery.state === RecoveryState.Recovery
      ? isProgress
      : recovery.state < RecoveryState.Recovery && board.sackedSegments >= recovery.reordering
  if (!known || first === null || (first.flags & Sent.Lost) !== 0) return
  if (first.length > connection.segmentSize) {
    board.split(first, advance(first.start, connection.segmentSize), connection.segmentSize)
  }
  markLost(recovery, first, counters)
  limitDuplicates(recovery, outstanding(connection), connection.segmentSize)
}

/** After a timeout: RFC 5682 (F-RTO, with SACK section 3.1, without section 2.1), RFC 3522. */
function afterTimeout(
  connection: Connection,
  recovery: LossRecovery,
  segment: Segment,
  delivery: Delivery,
  isProgress: boolean,
  isDuplicate: boolean,
  now: Microseconds,
): void {
  const recovered = !isBefore(connection.unacknowledged, recovery.recoveryPoint)
  if (isProgress && undoTimeout(connection, recovery, segment, false, now)) return
  if (recovery.timeoutMayBeSpurious) {
    // Step 3b: something that was sent only once has arrived: not all was lost.
    if (delivery.originalDelivered && undoTimeout(connection, recovery, segment, true, now)) return
    if (isAfter(connection.sendNext, recovery.recoveryPoint)) {
      // Step 3a: the acknowledgment after the new data is a duplicate: the loss was real.
      if (delivery.sackedSomething || isDuplicate) recovery.timeoutMayBeSpurious = false
    } else if (isProgress && !recovered) {
      recovery.recoveryPoint = connection.sendNext
      // Step 2b: new data instead of retransmissions, and see what comes back.
      const unsent = connection.unsent
      if (unsent > 0 && connection.sendWindow - outstanding(connection) > 0) {
        recovery.newDataFirst = true
        return
      }
      recovery.timeoutMayBeSpurious = false
    }
  }
  if (recovered) {
    undoAtEnd(connection, recovery, segment, now)
    return
  }
  if (!connection.selectiveAcknowledgments) {
    if (isAfter(connection.sendNext, recovery.recoveryPoint) && isDuplicate) {
      countDuplicate(connection, recovery, delivery, true)
    } else if (isProgress) {
      forgetDuplicates(recovery)
    }
  }
}
