/**
 * What an acceptable acknowledgment does: RFC 9293, 3.10.7.4 (fifth check), RTT sampling (RFC 6298, RFC 7323), duplicate
 * acknowledgments and NewReno recovery (RFC 5681, RFC 6582).
 */
import { type Connection, NEVER } from './connection.ts'
import type { Segment } from './segment.ts'
import { advance, distance, isAfter, isBefore, type SequenceNumber } from './sequence-number.ts'
import { timestampNow } from './transmit.ts'

/** RFC 5681, 3.2. */
const DUPLICATE_THRESHOLD = 3
/** A timestamp echo older than this says nothing; it protects the estimate from a peer that echoes nonsense. */
const OLDEST_ECHO_MILLISECONDS = 120_000

/** @returns whether our FIN is acknowledged, now or before */
export function acknowledge(connection: Connection, segment: Segment): boolean {
  const acknowledgment = segment.acknowledgment
  const acknowledged = distance(acknowledgment, connection.unacknowledged)
  if ((connection.persisting || connection.sendWindow === 0) && !connection.isAbandoned) {
    // The peer answers: however long its window stays closed, the connection is alive (RFC 9293, 3.8.6.1). Not so when
    // the application is gone: a peer could keep us holding its data for ever (RFC 6429).
    connection.progressAt = connection.context.time()
  }
  if (acknowledged > 0) advanceUnacknowledged(connection, segment, acknowledged)
  else if (acknowledged === 0) countDuplicate(connection, segment)
  updateWindow(connection, segment)
  return connection.finQueued && isAfter(connection.unacknowledged, connection.sendEnd)
}

function advanceUnacknowledged(connection: Connection, segment: Segment, acknowledged: number): void {
  const now = connection.context.time()
  const acknowledgment = segment.acknowledgment
  const flightBefore = distance(connection.sendHighest, connection.unacknowledged)
  // Bytes of data among what is acknowledged: SYN before the buffer and FIN behind it are none.
  const data = Math.min(distance(acknowledgment, connection.sendBase), connection.sendBuffer.length)
  connection.unacknowledged = acknowledgment
  // RFC 1122, 2.3.2.1: what the peer acknowledges proves that its neighbour entry is right; no need to probe it.
  connection.path.ip.confirmReachable(connection.path)
  connection.persisting = false
  // Kept within reach: numbers that are left behind by more than 2^31 would look like ones ahead.
  if (isBefore(connection.shortSequence, acknowledgment)) connection.shortSequence = acknowledgment
  if (isBefore(connection.recoveryPoint, acknowledgment)) connection.recoveryPoint = advance(acknowledgment, -1)
  if (isBefore(connection.sendNext, acknowledgment)) connection.sendNext = acknowledgment
  if (data > 0) {
    connection.sendBuffer.acknowledge(data)
    connection.sendBase = advance(connection.sendBase, data)
  }
  connection.progressAt = now
  connection.softError = null
  sampleRoundTrip(connection, segment, now)
  // RFC 6298, 5.2 and 5.3
  if (acknowledgment === connection.sendHighest) {
    connection.retransmitAt = NEVER
  } else {
    connection.retransmitAt = now + connection.retransmissionInterval
    connection.schedule(connection.retransmitAt)
  }
  if (connection.inRecovery) {
    if (isBefore(acknowledgment, connection.recoveryPoint)) {
      // RFC 6582, 3.2 step 3: a partial acknowledgment means that the next segment was lost, too.
      connection.congestion.partialAcknowledgment(acknowledged)
      connection.retransmitFirst = true
    } else {
      connection.inRecovery = false
      connection.duplicateAcknowledgments = 0
      connection.congestion.exitRecovery(distance(connection.sendHighest, acknowledgment))
    }
    return
  }
  connection.duplicateAcknowledgments = 0
  // Growth only while the window is what limits us (in the spirit of RFC 7661; Linux tcp_is_cwnd_limited): an application
  // that sends little must not earn a window that it never proved.
  if (flightBefore * 2 >= connection.congestion.window) connection.congestion.acknowledged(acknowledged)
}

function sampleRoundTrip(connection: Connection, segment: Segment, now: number): void {
  if (connection.timedAt !== NEVER) {
    if (!isBefore(connection.unacknowledged, connection.timedSequence)) {
      connection.timeout.sample(now - connection.timedAt)
      connection.timedAt = NEVER
    }
    return
  }
  // Something was retransmitted: only the timestamp tells which copy arrived (RFC 7323, 4.1).
  if (!connection.timestamps || !segment.options.hasTimestamps || segment.options.timestampEcho === 0) return
  const milliseconds = (timestampNow(connection) - segment.options.timestampEcho) | 0
  // An echo of what was sent before the retransmission may just as well mean that the first acknowledgment was lost:
  // then it measures our timeout and not the path. The backoff stays until there is a true sample (Karn).
  if (milliseconds * 1000 > now - connection.retransmittedAt + 1000) return
  if (milliseconds >= 0 && milliseconds < OLDEST_ECHO_MILLISECONDS) {
    connection.timeout.sample(Math.max(milliseconds, 1) * 1000)
  }
}

/** RFC 5681, section 2: what a duplicate acknowledgment is. */
function countDuplicate(connection: Connection, segment: Segment): void {
  if (
    connection.sendHighest === connection.unacknowledged ||
    segment.sequenceLength !== 0 ||
    segment.window << connection.sendWindowScale !== connection.sendWindow
  ) {
    return
  }
  connection.duplicateAcknowledgments++
  if (connection.inRecovery) {
    connection.congestion.duplicateAcknowledgment()
  } else if (connection.duplicateAcknowledgments === DUPLICATE_THRESHOLD) {
    enterRecovery(connection)
  }
}

function enterRecovery(connection: Connection): void {
  // RFC 6582, 3.2 step 1: not again for losses of a window that was dealt with already.
  if (distance(connection.unacknowledged, connection.recoveryPoint) <= 0) return
  connection.context.counters.TCPFastRetrans++
  connection.inRecovery = true
  connection.recoveryPoint = connection.sendHighest
  connection.congestion.enterRecovery(distance(connection.sendHighest, connection.unacknowledged))
  connection.retransmitFirst = true
}

/** RFC 9293, 3.10.7.4: SND.WND follows the newest segment only. */
function updateWindow(connection: Connection, segment: Segment): void {
  const older = distance(connection.windowUpdateSequence, segment.sequence)
  if (older < 0 || (older === 0 && distance(connection.windowUpdateAcknowledgment, segment.acknowledgment) <= 0)) {
    setSendWindow(connection, segment.window << connection.sendWindowScale, segment.sequence, segment.acknowledgment)
  }
}

export function setSendWindow(
  connection: Connection,
  window: number,
  sequence: SequenceNumber,
  acknowledgment: SequenceNumber,
): void {
  connection.sendWindow = window
  if (window > connection.largestSendWindow) connection.largestSendWindow = window
  connection.windowUpdateSequence = sequence
  connection.windowUpdateAcknowledgment = acknowledgment
}
