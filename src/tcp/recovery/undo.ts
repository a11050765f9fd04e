/**
 * Spurious retransmissions: found by timestamps (Eifel detection, RFC 3522), by D-SACK (RFC 3708) or by F-RTO (RFC 5682),
 * and undone (Eifel response, RFC 4015). As Linux's tcp_try_undo_* functions.
 */
import type { Connection } from '../connection.ts'
import type { Segment } from '../segment.ts'
import { type LossRecovery, RecoveryState } from './loss-recovery.ts'
import { noteReordering } from './reordering.ts'

/** An episode begins whose reduction may have to be undone. */
export function beginEpisode(connection: Connection, recovery: LossRecovery): void {
  recovery.mayUndo = true
  recovery.reductionStands = false
  recovery.undoMarker = connection.unacknowledged
  // A probe that went out earlier is no retransmission of this one.
  if (recovery.board.retransmitted === 0) recovery.hasRetransmitted = false
  // What is on its way again already may be reported as duplicate; without, no D-SACK can prove anything.
  recovery.undoRetransmitted = recovery.board.retransmitted > 0 ? recovery.board.retransmitted : -1
}

/** RFC 3522: the segment acknowledged was sent before the first retransmission. */
function echoesOriginal(connection: Connection, recovery: LossRecovery, segment: Segment): boolean {
  return (
    recovery.hasRetransmitted &&
    connection.timestamps &&
    segment.options.hasTimestamps &&
    segment.options.timestampEcho !== 0 &&
    ((segment.options.timestampEcho - recovery.retransmissionTimestamp) | 0) < 0
  )
}

/** RFC 3708: all retransmissions were reported as duplicates, or the timestamp tells. */
function isSpurious(connection: Connection, recovery: LossRecovery, segment: Segment): boolean {
  if (!recovery.mayUndo) return false
  return recovery.undoRetransmitted === 0 || echoesOriginal(connection, recovery, segment)
}

/** RFC 4015: the window as before. @param allLosses nothing of what is believed lost is */
function undoReduction(recovery: LossRecovery, allLosses: boolean, now: number): void {
  if (allLosses) recovery.board.unmarkLost()
  if (!recovery.reductionStands) {
    recovery.congestion.undo(now)
    recovery.reductionDue = false
  }
  recovery.mayUndo = false
  // What RACK thinks of the rest must be looked at again.
  recovery.rackAdvanced = true
}

/** Without SACK, acknowledgments at the recovery point are ambiguous: RFC 6582, 3.2, "avoiding multiple fast retransmits". */
function mustStay(connection: Connection, recovery: LossRecovery): boolean {
  if (connection.selectiveAcknowledgments || connection.unacknowledged !== recovery.recoveryPoint) return false
  if (recovery.board.retransmitted === 0) recovery.hasRetransmitted = false
  return true
}

/** Open, or Disorder while SACKs say that something is missing. */
export function reopen(recovery: LossRecovery): void {
  const { board } = recovery
  const unusual = board.sacked > 0 || board.lost > 0 || board.retransmitted > 0
  recovery.state = unusual ? RecoveryState.Disorder : RecoveryState.Open
}

/** All that was outstanding at the beginning is acknowledged. @returns whether the state stays as it is */
export function undoAtEnd(connection: Connection, recovery: LossRecovery, segment: Segment, now: number): boolean {
  const { counters } = connection.context
  if (isSpurious(connection, recovery, segment)) {
    if (recovery.state === RecoveryState.Loss) counters.TCPLossUndo++
    else counters.TCPFullUndo++
    undoReduction(recovery, false, now)
  } else if (recovery.reorderingWindowPersists > 0) {
    recovery.reorderingWindowPersists--
  }
  if (mustStay(connection, recovery)) return true
  recovery.hasRetransmitted = false
  recovery.state = RecoveryState.Open
  return false
}

/** Every retransmission has been reported as needless. */
export function undoByDuplicates(connection: Connection, recovery: LossRecovery, now: number): boolean {
  if (!recovery.mayUndo || recovery.undoRetransmitted !== 0) return false
  connection.context.counters.TCPDSACKUndo++
  recovery.reorderingWindowPersists = Math.min(16, recovery.reorderingWindowPersists + 1)
  undoReduction(recovery, false, now)
  return true
}

/** A partial acknowledgment in recovery of something that was sent before the first retransmission: it was only late. */
export function undoAtPartial(connection: Connection, recovery: LossRecovery, segment: Segment, now: number): boolean {
  if (!recovery.mayUndo || !echoesOriginal(connection, recovery, segment)) return false
  const { counters } = connection.context
  const end = recovery.board.sacked > 0 ? recovery.board.highestSacked : connection.sendNext
  if (noteReordering(recovery, recovery.undoMarker, end, connection.segmentSize)) {
    counters.TCPTSReorder++
  }
  // Retransmissions are on their way: their acknowledgments tell more.
  if (recovery.board.retransmitted > 0) return true
  recovery.hasRetransmitted = false
  counters.TCPPartialUndo++
  undoReduction(recovery, true, now)
  reopen(recovery)
  return true
}

/** After a timeout. @param byForwarding F-RTO has found that it was spurious */
export function undoTimeout(
  connection: Connection,
  recovery: LossRecovery,
  segment: Segment,
  byForwarding: boolean,
  now: number,
): boolean {
  if (!byForwarding && !isSpurious(connection, recovery, segment)) return false
  const { counters } = connection.context
  undoReduction(recovery, true, now)
  counters.TCPLossUndo++
  if (byForwarding) counters.TCPSpuriousRTOs++
  // The backoff stays until a round trip has been measured (Karn).
  recovery.timeouts = 0
  if (mustStay(connection, recovery)) return true
  if (byForwarding || connection.selectiveAcknowledgments) {
    recovery.state = RecoveryState.Open
    recovery.hasRetransmitted = false
  }
  return true
}
