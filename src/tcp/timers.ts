/** What happens when a connection's deadlines pass: RFC 6298 section 5, RFC 9293 sections 3.8.3 and 3.8.6.1. */
import type { Connection } from './connection.ts'
import { acknowledgeLate } from './delayed-acknowledgment.ts'
import { runIdleTimers } from './idle-timers.ts'
import { mtuProbeLost, suspectBlackHole } from './mtu-probing.ts'
import { believeClaim } from './packet-too-big.ts'
import {
  detectLosses,
  enterLoss,
  enterRecovery,
  type LossRecovery,
  outstanding,
  RecoveryState,
  reduce,
} from './recovery/index.ts'
import { rest } from './resting.ts'
import { sendAcknowledgment, sendSyn } from './send-segment.ts'
import { advance } from './sequence-number.ts'
import { State } from './state.ts'
import { NEVER } from './transmission-control-block.ts'
import { sendDeferredSyn, sendIntoSmallWindow, sendProbe, transmit } from './transmit.ts'

/** The backoff stops growing here: the timeout has reached its bound long before. */
const LARGEST_BACKOFF = 16

/** Runs the deadlines that have passed and arms the timer for the next. */
export function runTimers(connection: Connection): void {
  const context = connection.context
  const now = context.time()
  if (connection.acknowledgeAt <= now) {
    acknowledgeLate(connection)
  }
  if (connection.retransmitAt <= now) {
    connection.retransmitAt = NEVER
    if (connection.isOpening) synTimeout(connection)
    else if (connection.persisting) probeWindow(connection, now)
    else if (connection.probing && connection.recovery !== null) sendProbe(connection, connection.recovery, now)
    else retransmissionTimeout(connection, now)
  }
  const { recovery } = connection
  if (recovery !== null && connection.state !== State.Closed) {
    if (recovery.reorderingAt <= now) reorderingTimeout(connection, recovery, now)
    if (recovery.claimDueAt <= now) {
      recovery.claimDueAt = NEVER
      believeClaim(connection, recovery)
    }
    // What was held back goes out at the end of this call.
    if (recovery.paceAt <= now) recovery.paceAt = NEVER
  }
  const { idleTimers } = connection
  if (idleTimers !== null && connection.state !== State.Closed) runIdleTimers(connection, idleTimers, now)
  if (connection.state !== State.Closed) rearm(connection, now)
  context.settle(connection)
}

function rearm(connection: Connection, now: number): void {
  let next = Math.min(connection.retransmitAt, connection.acknowledgeAt)
  const { recovery, idleTimers } = connection
  if (idleTimers !== null) next = Math.min(next, idleTimers.next)
  if (recovery !== null) next = Math.min(next, recovery.reorderingAt, recovery.paceAt, recovery.claimDueAt)
  if (next === NEVER) next = rest(connection, now)
  if (next !== NEVER) connection.schedule(next)
}

function synTimeout(connection: Connection): void {
  const { settings, counters } = connection.context
  const { fastOpen } = connection
  if (fastOpen?.isDeferred) {
    sendDeferredSyn(connection)
    return
  }
  const limit = connection.isAnswering ? settings.synAckRetries : settings.synRetries
  const isLast = connection.retransmissions >= limit
  if (fastOpen !== null) connection.context.fastOpen.timedOut(connection, connection.retransmissions, isLast)
  if (isLast) {
    counters.AttemptFails++
    counters.TCPAbortOnTimeout++
    connection.destroy(connection.softError ?? 'ETIMEDOUT')
    return
  }
  connection.retransmissions++
  counters.RetransSegs++
  counters.TCPTimeouts++
  counters.TCPSynRetrans++
  connection.timeout.backoff++
  connection.timedAt = NEVER
  sendSyn(connection)
  setRetransmission(connection, connection.context.time())
}

/** RFC 6298, 5.4 to 5.6 and RFC 5681, 3.1. */
function retransmissionTimeout(connection: Connection, now: number): void {
  const { counters, settings } = connection.context
  const { recovery } = connection
  // In a row: since the peer last acknowledged something. The backoff may stay longer (Karn).
  const retries = recovery === null ? connection.timeout.backoff : recovery.timeouts
  if (
    now - connection.progressAt >= connection.userTimeout ||
    (connection.isAbandoned && retries >= settings.orphanRetries)
  ) {
    giveUp(connection)
    return
  }
  counters.TCPTimeouts++
  if (connection.fastOpen !== null) {
    connection.context.fastOpen.timedOut(connection, connection.timeout.backoff, false)
  }
  if (recovery !== null && outstanding(connection) > 0) {
    if (recovery.timeouts === 0) countFailure(connection, recovery)
    believeClaim(connection, recovery)
    enterLoss(connection, recovery, now)
    suspectBlackHole(connection, recovery, now)
  }
  connection.timeout.backoff = Math.min(connection.timeout.backoff + 1, LARGEST_BACKOFF)
  transmit(connection)
  setRetransmission(connection, now)
}

/** What did not prevent the timeout, as Linux counts it (tcp_retransmit_timer). */
function countFailure(connection: Connection, recovery: LossRecovery): void {
  const { counters } = connection.context
  const sack = connection.selectiveAcknowledgments
  if (recovery.state === RecoveryState.Loss) counters.TCPLossFailures++
  else if (recovery.state === RecoveryState.Recovery) {
    counters[sack ? 'TCPSackRecoveryFail' : 'TCPRenoRecoveryFail']++
  } else if (recovery.board.sacked > 0) counters[sack ? 'TCPSackFailures' : 'TCPRenoFailures']++
}

/** RFC 8985, 6.2 step 5: the reordering window of something has passed. */
function reorderingTimeout(connection: Connection, recovery: LossRecovery, now: number): void {
  recovery.reorderingAt = NEVER
  const lost = recovery.totalLost
  const { counters } = connection.context
  const wait = detectLosses(recovery, connection.timeout.smoothed, now, counters)
  if (wait > 0) recovery.reorderingAt = now + wait
  if (recovery.totalLost === lost) return
  if (recovery.state !== RecoveryState.Recovery && !mtuProbeLost(connection, recovery)) {
    enterRecovery(connection, recovery, now)
    reduce(connection, recovery, 0, recovery.totalLost - lost, false)
  }
}

/** RFC 9293, 3.8.6.1: a window update may have been lost. As Linux: an old sequence number, which must be answered. */
function probeWindow(connection: Connection, now: number): void {
  if (now - connection.progressAt >= connection.userTimeout) {
    giveUp(connection)
    return
  }
  if (sendIntoSmallWindow(connection)) return
  connection.context.counters.TCPWinProbe++
  connection.timeout.backoff = Math.min(connection.timeout.backoff + 1, LARGEST_BACKOFF)
  sendAcknowledgment(connection, advance(connection.unacknowledged, -1))
  setRetransmission(connection, now)
}

function setRetransmission(connection: Connection, now: number): void {
  connection.retransmitAt = now + connection.retransmissionInterval
  connection.probing = false
  if (!connection.isOpening) {
    // So that it is given up when the user timeout says, not at the next doubling.
    const latest = connection.progressAt + connection.userTimeout
    connection.retransmitAt = Math.max(Math.min(connection.retransmitAt, latest), now + 1)
  }
  connection.schedule(connection.retransmitAt)
}

function giveUp(connection: Connection): void {
  connection.context.counters.TCPAbortOnTimeout++
  connection.destroy(connection.softError ?? 'ETIMEDOUT')
}
