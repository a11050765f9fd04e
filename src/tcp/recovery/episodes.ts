/** How episodes of loss or congestion begin and end: RFC 6675, section 5; RFC 3168, 6.1.2; RFC 5681, 3.1. */
import type { Microseconds } from '../../clock/index.ts'
import { Congestion } from '../congestion/index.ts'
import type { Connection } from '../connection.ts'
import { distance, isAfter } from '../sequence-number.ts'
import { DUPLICATE_THRESHOLD, type LossRecovery, NEVER, RecoveryState } from './loss-recovery.ts'
import { beginReduction, reduceProportionally } from './proportional-rate-reduction.ts'
import { markLostAtTimeout } from './rack.ts'
import { Sent } from './sent-segment.ts'
import { beginEpisode } from './undo.ts'

export function outstanding(connection: Connection): number {
  return distance(connection.sendNext, connection.unacknowledged)
}

/** Bytes in flight: the pipe of RFC 6675. */
export function flightOf(connection: Connection, recovery: LossRecovery): number {
  return recovery.flight(outstanding(connection))
}

/**
 * What a reduction starts from: FlightSize of RFC 5681, but no more than the window. What limited transmit sent does not
 * count (3.2, step 2); and where two episodes follow each other closely, much of what is outstanding was SACKed long ago and
 * never in flight together with the rest. As Linux, which takes the window.
 */
function usedWindow(connection: Connection, recovery: LossRecovery): number {
  return Math.min(outstanding(connection), recovery.congestion.window)
}

/** Fast recovery begins: something is lost. */
export function enterRecovery(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
  const { counters } = connection.context
  if (connection.selectiveAcknowledgments) counters.TCPSackRecovery++
  else counters.TCPRenoRecovery++
  beginEpisode(connection, recovery)
  if (recovery.isReducing) {
    // For an echo, which no duplicate takes back.
    recovery.reductionStands = true
  } else {
    recovery.congestion.congested(Congestion.Loss, usedWindow(connection, recovery), now)
    beginReduction(recovery)
  }
  recovery.probeOutstanding = false
  recovery.recoveryPoint = connection.sendNext
  recovery.state = RecoveryState.Recovery
}

/**
 * The peer echoes congestion (ECE): once per window.
 * @param delivered by the acknowledgment that says so: part of what was in flight; 64 KiB where the receiver coalesces
 */
export function enterReducing(
  connection: Connection,
  recovery: LossRecovery,
  delivered: number,
  now: Microseconds,
): void {
  if (recovery.state >= RecoveryState.Reducing) return
  recovery.mayUndo = false
  const flight = Math.min(outstanding(connection) + delivered, recovery.congestion.window)
  recovery.congestion.congested(Congestion.Echo, flight, now)
  beginReduction(recovery)
  recovery.recoveryPoint = connection.sendNext
  recovery.state = RecoveryState.Reducing
}

/** The retransmission timer has expired. */
export function enterLoss(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
  const { board, congestion } = recovery
  const { counters } = connection.context
  const isNew = recovery.state < RecoveryState.Recovery
  const flight = outstanding(connection)
  // RFC 2018, section 8: a receiver may go back on what it has SACKed, and then only this timer is left to find out.
  if (board.first !== null && (board.first.flags & Sent.Sacked) !== 0) {
    counters.TCPSACKReneging++
    board.forgetSacks()
  }
  if (!connection.selectiveAcknowledgments) board.sacked = board.sackedSegments = 0
  const orderly = recovery.state <= RecoveryState.Disorder
  if (orderly && board.sackedSegments >= recovery.reordering) {
    // So much was SACKed and yet it came to this: the tolerance for reordering was too large (as Linux).
    recovery.reordering = Math.min(recovery.reordering, DUPLICATE_THRESHOLD)
  }
  markLostAtTimeout(recovery, connection.timeout.smoothed, now, counters)
  const repeated = recovery.timeouts > 0
  // RFC 5681, 3.1 and RFC 6582, 3.2: one reduction for one window.
  const begins =
    orderly ||
    !isAfter(recovery.recoveryPoint, connection.unacknowledged) ||
    (recovery.state === RecoveryState.Loss && !repeated)
  if (begins) beginEpisode(connection, recovery)
  congestion.timedOut(usedWindow(connection, recovery), !begins, now)
  recovery.reductionDue = true
  if (!congestion.controlsRecovery) {
    congestion.window = recovery.flight(flight) + connection.segmentSize
  }
  recovery.state = RecoveryState.Loss
  recovery.recoveryPoint = connection.sendNext
  recovery.reorderingAt = NEVER
  recovery.newDataFirst = false
  // What the timer sends again is not paced: there is no telling how long that would take (as Linux).
  recovery.nextSendAt = Math.min(recovery.nextSendAt, now)
  recovery.probeOutstanding = false
  // RFC 5682, 2.1 step 1: not for a second timeout of an episode that began otherwise.
  recovery.timeoutMayBeSpurious = isNew || repeated
  recovery.timeouts++
}

/** Everything outstanding at the start is acknowledged. */
export function completeReduction(recovery: LossRecovery, now: Microseconds): void {
  const { congestion } = recovery
  if (!congestion.controlsRecovery && (recovery.mayUndo || recovery.state === RecoveryState.Reducing)) {
    // RFC 6937: "at the end of recovery".
    congestion.window = congestion.slowStartThreshold
  }
  congestion.recovered(now)
}

/** One acknowledgment's share of the reduction. */
export function reduce(
  connection: Connection,
  recovery: LossRecovery,
  delivered: number,
  lost: number,
  isProgress: boolean,
): void {
  if (recovery.congestion.controlsRecovery || !recovery.isReducing) return
  reduceProportionally(recovery, delivered, lost, flightOf(connection, recovery), isProgress, connection.segmentSize)
}
