/** RACK, time-based loss detection: RFC 8985, section 6. */
import type { Microseconds } from '../../clock/index.ts'
import type { TcpCounters } from '../counters.ts'
import type { SequenceNumber } from '../sequence-number.ts'
import { type LossRecovery, NEVER, RecoveryState } from './loss-recovery.ts'
import { isSentAfter } from './scoreboard.ts'
import { Sent, type SentSegment } from './sent-segment.ts'

/** RFC 8985, 6.2 step 4: the reordering window is at most so many quarters of the smallest round trip wide. */
const MOST_STEPS = 255
/** RFC 8985, 6.2 step 4: RACK.reo_wnd_persist. */
const PERSISTENT_RECOVERIES = 16
/** Timers fire at the microsecond or later: a little more spares the second look. */
const TIMER_SLACK: Microseconds = 1000

/** 6.2 step 2: a segment was delivered. */
export function rackDelivered(
  recovery: LossRecovery,
  segment: SentSegment,
  end: SequenceNumber,
  now: Microseconds,
): void {
  const roundTrip = now - segment.sentAt
  // Faster than the path can be: it is the original that arrived, not the retransmission.
  if ((segment.flags & (Sent.Retransmitted | Sent.EverRetransmitted)) !== 0 && roundTrip < recovery.minimum) return
  recovery.rackAdvanced = true
  recovery.rackRoundTrip = roundTrip
  if (isSentAfter(segment.sentAt, end, recovery.rackSentAt, recovery.rackEnd)) {
    recovery.rackSentAt = segment.sentAt
    recovery.rackEnd = end
  }
}

/** 6.2 step 4, RACK_update_reo_wnd(): D-SACKs mean that we were too hasty. @param priorDelivered of the rate sample */
export function adaptReorderingWindow(recovery: LossRecovery, priorDelivered: number): void {
  if (priorDelivered === 0) return
  // Not twice in one round trip.
  if (priorDelivered < recovery.reorderingWindowDelivered) recovery.duplicateSackSeen = false
  if (recovery.duplicateSackSeen) {
    recovery.duplicateSackSeen = false
    recovery.reorderingWindowSteps = Math.min(recovery.reorderingWindowSteps + 1, MOST_STEPS)
    recovery.reorderingWindowDelivered = recovery.delivered
    recovery.reorderingWindowPersists = PERSISTENT_RECOVERIES
  } else if (recovery.reorderingWindowPersists === 0) {
    recovery.reorderingWindowSteps = 1
  }
}

/** RACK.reo_wnd. @param smoothedRoundTrip SRTT, the bound of the window */
export function reorderingWindow(recovery: LossRecovery, smoothedRoundTrip: Microseconds): Microseconds {
  if (recovery.reorderingSeen === 0) {
    // No reordering so far: as soon as three segments are SACKed, or in recovery, no patience (6.2 step 4).
    if (recovery.state >= RecoveryState.Recovery) return 0
    if (recovery.board.sackedSegments >= recovery.reordering) return 0
  }
  const minimum = recovery.minimum
  if (minimum === NEVER) return 0
  return Math.min((minimum / 4) * recovery.reorderingWindowSteps, smoothedRoundTrip)
}

/**
 * 6.2 step 5, RACK_detect_loss(): what was sent before the newest delivered segment, by more than the reordering window.
 * @returns how long until the next decision; 0: there is none to come
 */
export function detectLosses(
  recovery: LossRecovery,
  smoothedRoundTrip: Microseconds,
  now: Microseconds,
  counters: TcpCounters,
): Microseconds {
  const { board } = recovery
  const patience = recovery.rackRoundTrip + reorderingWindow(recovery, smoothedRoundTrip)
  let wait = 0
  let pending = 0
  for (let segment = board.oldest; segment !== null; ) {
    const { later } = segment
    if (!isSentAfter(recovery.rackSentAt, recovery.rackEnd, segment.sentAt, segment.end)) break
    const remaining = segment.sentAt + patience - now
    if (remaining <= 0) {
      markLost(recovery, segment, counters)
    } else {
      // The last of them is what the timer waits for. In order of time, it is not past what was sent last and delivered.
      if (++pending > MOST_PENDING) return recovery.rackSentAt + patience - now
      wait = remaining
    }
    segment = later
  }
  return wait
}

/** So many are looked at for the timer upon each acknowledgment: a peer can make a window of them wait. */
const MOST_PENDING = 64

export function markLost(recovery: LossRecovery, segment: SentSegment, counters: TcpCounters): void {
  if (recovery.board.markLost(segment)) counters.TCPLostRetransmit++
  recovery.totalLost += segment.length
}

/** Looks for losses after an acknowledgment, and sets the reordering timer. */
export function lookForLosses(
  recovery: LossRecovery,
  smoothedRoundTrip: Microseconds,
  now: Microseconds,
  counters: TcpCounters,
): void {
  if (!recovery.rackAdvanced) return
  recovery.rackAdvanced = false
  const wait = detectLosses(recovery, smoothedRoundTrip, now, counters)
  recovery.reorderingAt = wait > 0 ? now + wait + TIMER_SLACK : NEVER
}

/**
 * 6.3: the retransmission timer has expired: the first segment is lost, and of the others those that were sent long enough
 * ago; what was sent just now is not.
 */
export function markLostAtTimeout(
  recovery: LossRecovery,
  smoothedRoundTrip: Microseconds,
  now: Microseconds,
  counters: TcpCounters,
): void {
  const { board } = recovery
  const patience = recovery.rackRoundTrip + reorderingWindow(recovery, smoothedRoundTrip)
  for (let segment = board.first; segment !== null; segment = segment.next) {
    if ((segment.flags & Sent.Sacked) !== 0) continue
    if (segment !== board.first && segment.inTimeOrder && segment.sentAt + patience > now) continue
    if ((segment.flags & (Sent.Lost | Sent.Retransmitted)) === Sent.Lost) continue
    markLost(recovery, segment, counters)
  }
}
