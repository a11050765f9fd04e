/** What happens when a connection's deadlines pass: RFC 6298 section 5, RFC 9293 sections 3.8.3, 3.8.4 and 3.8.6.1. */
import { type Connection, NEVER } from './connection.ts'
import { advance, distance } from './sequence-number.ts'
import { State } from './state.ts'
import { retransmit, sendAcknowledgment, sendIntoSmallWindow, sendSyn, transmit } from './transmit.ts'

/** The backoff stops growing here: the timeout has reached its bound long before. */
const LARGEST_BACKOFF = 16

/** Runs the deadlines that have passed and arms the timer for the next. */
export function runTimers(connection: Connection): void {
  const context = connection.context
  const now = context.time()
  if (connection.acknowledgeAt <= now) {
    connection.acknowledgeAt = NEVER
    context.counters.DelayedACKs++
    sendAcknowledgment(connection)
  }
  if (connection.retransmitAt <= now) {
    connection.retransmitAt = NEVER
    if (connection.isOpening) synTimeout(connection)
    else if (connection.persisting) probeWindow(connection, now)
    else retransmissionTimeout(connection, now)
  }
  if (connection.keepAliveAt <= now && connection.state !== State.Closed) keepAlive(connection, now)
  if (connection.finWaitAt <= now && connection.state === State.FinWait2) {
    connection.finWaitAt = NEVER
    // As Linux: gone without TIME-WAIT; a late FIN is answered with a reset.
    connection.destroy(null)
  }
  if (connection.state !== State.Closed) rearm(connection)
  context.settle(connection)
}

function rearm(connection: Connection): void {
  const next = Math.min(connection.retransmitAt, connection.acknowledgeAt, connection.keepAliveAt, connection.finWaitAt)
  if (next !== NEVER) connection.schedule(next)
}

function synTimeout(connection: Connection): void {
  const { settings, counters } = connection.context
  const answering = connection.state === State.SynReceived && connection.listener !== null
  const limit = answering ? settings.synAckRetries : settings.synRetries
  if (connection.retransmissions >= limit) {
    counters.AttemptFails++
    counters.TCPAbortOnTimeout++
    connection.destroy(connection.softError ?? 'ETIMEDOUT')
    return
  }
  connection.retransmissions++
  counters.RetransSegs++
  counters.TCPTimeouts++
  connection.timeout.backoff++
  connection.timedAt = NEVER
  sendSyn(connection)
  setRetransmission(connection, connection.context.time())
}

/** RFC 6298, 5.4 to 5.6 and RFC 5681, 3.1. */
function retransmissionTimeout(connection: Connection, now: number): void {
  const { counters } = connection.context
  if (now - connection.progressAt >= connection.userTimeout) {
    giveUp(connection)
    return
  }
  counters.TCPTimeouts++
  const flight = connection.flightSize
  if (flight > 0) {
    connection.congestion.timedOut(flight, connection.timeout.backoff > 0)
    // RFC 6582, 3.2 step 4: no fast retransmit for what was outstanding now.
    connection.recoveryPoint = connection.sendHighest
    connection.inRecovery = false
    connection.retransmitFirst = false
    connection.duplicateAcknowledgments = 0
    // Everything counts as lost: what follows is sent again as the window reopens.
    connection.sendNext = connection.unacknowledged
    connection.timedAt = NEVER
  }
  connection.timeout.backoff = Math.min(connection.timeout.backoff + 1, LARGEST_BACKOFF)
  const outstanding = distance(connection.sendHighest, connection.unacknowledged)
  if (flight > 0 && connection.sendWindow < Math.min(outstanding, connection.segmentSize)) {
    // The peer has shut its window on what was sent: one segment all the same (RFC 9293, 3.8.6, MAY-7), as Linux.
    retransmit(connection)
    connection.sendNext = connection.sendHighest
  } else {
    transmit(connection)
  }
  setRetransmission(connection, now)
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
  if (!connection.isOpening) {
    // So that it is given up when the user timeout says, not at the next doubling.
    const latest = connection.progressAt + connection.userTimeout
    connection.retransmitAt = Math.max(Math.min(connection.retransmitAt, latest), now + 1)
  }
  connection.schedule(connection.retransmitAt)
}

/** RFC 9293, 3.8.4. */
function keepAlive(connection: Connection, now: number): void {
  connection.keepAliveAt = NEVER
  if (!connection.keepAlive) return
  if (connection.isOpening) {
    // The SYN has its own retransmissions; silence counts from when there is a connection.
    connection.keepAliveAt = now + connection.keepAliveIdle
    return
  }
  const { settings, counters } = connection.context
  const idle = now - Math.max(connection.lastReceivedAt, connection.lastSentAt)
  if (connection.keepAliveProbesSent === 0 && idle < connection.keepAliveIdle) {
    connection.keepAliveAt = now + connection.keepAliveIdle - idle
  } else if (connection.keepAliveProbesSent >= settings.keepAliveProbes) {
    giveUp(connection)
  } else {
    counters.TCPKeepAlive++
    connection.keepAliveProbesSent++
    sendAcknowledgment(connection, advance(connection.unacknowledged, -1))
    connection.keepAliveAt = now + settings.keepAliveInterval
  }
}

function giveUp(connection: Connection): void {
  connection.context.counters.TCPAbortOnTimeout++
  connection.destroy(connection.softError ?? 'ETIMEDOUT')
}
