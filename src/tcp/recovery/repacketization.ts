/** Segments that have turned out to be too large for the path: RFC 1191, 6.4; as Linux's tcp_simple_retransmit. */
import type { Connection } from '../connection.ts'
import { isBefore, type SequenceNumber } from '../sequence-number.ts'
import { limitDuplicates } from './cumulative-acknowledgment.ts'
import { outstanding } from './episodes.ts'
import { type LossRecovery, RecoveryState } from './loss-recovery.ts'
import { markLost } from './rack.ts'
import { Sent } from './sent-segment.ts'

/** Marks as lost what was sent in segments larger than the connection's now; they are cut when they are sent again. */
export function repacketize(connection: Connection, recovery: LossRecovery): void {
  const { board } = recovery
  const { counters } = connection.context
  const before = board.lostUnsent
  for (let segment = board.first; segment !== null; segment = segment.next) {
    if ((segment.flags & Sent.Sacked) !== 0) continue
    if ((segment.flags & (Sent.Lost | Sent.Retransmitted)) === Sent.Lost) continue
    if (Math.min(segment.length, segment.size) > connection.segmentSize) markLost(recovery, segment, counters)
  }
  if (board.lostUnsent > before) repair(connection, recovery)
}

/** All before `end`, a segment that was to find out whether so large a one passes, is lost; no congestion control hears of it. */
export function repairProbe(connection: Connection, recovery: LossRecovery, end: SequenceNumber): void {
  const { board } = recovery
  for (let segment = board.first; segment !== null; segment = segment.next) {
    if (!isBefore(segment.start, end)) break
    if ((segment.flags & (Sent.Sacked | Sent.Lost)) === 0) markLost(recovery, segment, connection.context.counters)
    if ((segment.flags & Sent.Lost) !== 0) recovery.totalLost -= segment.length
  }
  repair(connection, recovery)
}

/** What is lost is sent again. It is no sign of congestion: the window stays as it is, and there is nothing to undo. */
function repair(connection: Connection, recovery: LossRecovery): void {
  if (!connection.selectiveAcknowledgments) limitDuplicates(recovery, outstanding(connection), connection.segmentSize)
  if (recovery.state === RecoveryState.Loss) return
  recovery.recoveryPoint = connection.sendNext
  recovery.mayUndo = false
  recovery.timeoutMayBeSpurious = false
  recovery.state = RecoveryState.Loss
}
