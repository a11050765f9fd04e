/**
 * What an acceptable acknowledgment does: RFC 9293, 3.10.7.4 (fifth check). What it says about losses is in `recovery/`,
 * what about the congestion window in `congestion/`.
 */
import type { Microseconds } from '../clock/index.ts'
import { AcknowledgmentSample } from './congestion/index.ts'
import type { Connection } from './connection.ts'
import { echoesCongestion } from './explicit-congestion-notification.ts'
import { mtuProbeAcknowledged } from './mtu-probing.ts'
import {
  adaptReorderingWindow,
  Delivery,
  finishSample,
  flightOf,
  isWindowLimited,
  type LossRecovery,
  limitDuplicates,
  mayProbe,
  noteReorderingOf,
  outstanding,
  probeAcknowledged,
  probeTimeout,
  RecoveryState,
  react,
  reduce,
  sampleRoundTrip,
  takeAcknowledged,
  takeBlocks,
  takeOffDuplicates,
} from './recovery/index.ts'
import type { Segment } from './segment.ts'
import { advance, distance, isAfter, isBefore, type SequenceNumber } from './sequence-number.ts'
import { NEVER } from './transmission-control-block.ts'

const delivery = new Delivery()
const sample = new AcknowledgmentSample()

/** @returns whether our FIN is acknowledged, now or before */
export function acknowledge(connection: Connection, segment: Segment): boolean {
  const now = connection.context.time()
  const acknowledged = distance(segment.acknowledgment, connection.unacknowledged)
  if ((connection.persisting || connection.sendWindow === 0) && !connection.isAbandoned) {
    // The peer answers: however long its window stays closed, the connection is alive (RFC 9293, 3.8.6.1). Not so when
    // the application is gone: a peer could keep us holding its data for ever (RFC 6429).
    connection.progressAt = now
  }
  const { recovery } = connection
  if (recovery === null) {
    if (acknowledged > 0) advanceUnacknowledged(connection, segment.acknowledgment, now)
    if (acknowledged > 0) sampleOpening(connection, now)
    updateWindow(connection, segment)
  } else {
    takeAcknowledgment(connection, recovery, segment, acknowledged, now)
  }
  return connection.finQueued && isAfter(connection.unacknowledged, connection.sendEnd)
}

function takeAcknowledgment(
  connection: Connection,
  recovery: LossRecovery,
  segment: Segment,
  acknowledged: number,
  now: Microseconds,
): void {
  const { board } = recovery
  const { counters } = connection.context
  const unacknowledged = connection.unacknowledged
  const isProgress = acknowledged > 0
  const flightBefore = flightOf(connection, recovery)
  const lostBefore = recovery.totalLost
  const segmentsBefore = recovery.deliveredSegments
  const highestSacked = board.sacked > 0 ? board.highestSacked : unacknowledged
  delivery.reset()
  if (acknowledged >= 0) delivery.congestionEchoed = echoesCongestion(connection, segment)
  if (connection.selectiveAcknowledgments && segment.options.sackCount > 0) {
    takeBlocks(
      recovery,
      segment.options,
      segment.acknowledgment,
      unacknowledged,
      connection.sendNext,
      connection.segmentSize,
      connection.largestSendWindow,
      delivery,
      now,
      counters,
    )
    if (delivery.reordered) noteReorderingOf(recovery, delivery, board.highestSacked, connection.segmentSize, counters)
    delivery.reordered = false
  }
  if (isProgress) {
    recovery.timeouts = 0
    advanceUnacknowledged(connection, segment.acknowledgment, now)
    takeAcknowledged(connection, recovery, segment.acknowledgment, delivery, now)
    if (connection.timedAt !== NEVER) sampleOpening(connection, now)
    if (!connection.selectiveAcknowledgments) {
      const before = board.sacked
      takeOffDuplicates(recovery, acknowledged, connection.segmentSize)
      // What duplicate acknowledgments stood for has been counted when they came.
      const counted = Math.min(before - board.sacked, delivery.delivered)
      limitDuplicates(recovery, outstanding(connection), connection.segmentSize)
      recovery.delivered -= counted
      delivery.delivered -= counted
      // Without SACK nothing tells whether it was the original or the retransmission that filled the gap (as Linux).
      if (delivery.retransmittedAcknowledged) delivery.originalDelivered = false
    } else if (delivery.reordered) {
      noteReorderingOf(recovery, delivery, highestSacked, connection.segmentSize, counters)
    }
  }
  const deliveredSegments = recovery.deliveredSegments - segmentsBefore
  counters.TCPDelivered += deliveredSegments
  if (delivery.congestionEchoed) {
    counters.TCPDeliveredCE += deliveredSegments
    recovery.deliveredEchoed += deliveredSegments
  }
  // RFC 5681, section 2: what a duplicate acknowledgment is, but for its number. An old one says nothing of the present.
  const isPure = segment.sequenceLength === 0 && segment.window << connection.sendWindowScale === connection.sendWindow
  updateWindow(connection, segment)
  const roundTrip = sampleRoundTrip(connection, recovery, segment, delivery, isProgress, now)
  finishSample(recovery, delivery, sample, now)
  adaptReorderingWindow(recovery, sample.priorDelivered)

  if (recovery.probeOutstanding) {
    probeAcknowledged(connection, recovery, segment.acknowledgment, isProgress, isPure, delivery, now)
  }
  const isUnusual =
    recovery.state !== RecoveryState.Open ||
    delivery.sackedSomething ||
    delivery.congestionEchoed ||
    delivery.duplicateSegments > 0 ||
    (!isProgress && isPure)
  let isTimed = false
  // A duplicate can be reported, and a reduction undone, after everything is acknowledged.
  if (isUnusual && (unacknowledged !== connection.sendNext || delivery.duplicateSegments > 0)) {
    const isDuplicate = acknowledged === 0 && isPure && outstanding(connection) > 0
    isTimed = react(connection, recovery, segment, delivery, isProgress, isDuplicate, now)
  }
  if (isProgress && recovery.mtuProbing !== null) mtuProbeAcknowledged(connection, recovery.mtuProbing)
  // SACKs have told enough: no probe any more (RFC 8985, 7.2).
  const isProbeNeedless = connection.probing && !mayProbe(connection, recovery)
  if ((isProgress || isProbeNeedless) && !isTimed) restartTimer(connection, recovery, now)
  if (recovery.reorderingAt !== NEVER) connection.schedule(recovery.reorderingAt)
  if (delivery.delivered === 0 && !isProgress && recovery.totalLost === lostBefore) return

  const lost = recovery.totalLost - lostBefore
  if (delivery.sampling.sentAt !== NEVER) sample.rateLost += lost
  sample.now = now
  sample.unacknowledged = connection.unacknowledged
  sample.sendNext = connection.sendNext
  sample.acknowledged = Math.max(acknowledged, 0)
  sample.delivered = delivery.delivered
  sample.lost = lost
  sample.flightBefore = flightBefore
  sample.flight = flightOf(connection, recovery)
  sample.roundTrip = roundTrip
  sample.minimumRoundTrip = recovery.minimum
  sample.smoothedRoundTrip = connection.timeout.smoothed
  sample.congestionExperienced = delivery.congestionEchoed
  sample.inRecovery = recovery.inRecovery
  sample.totalDelivered = recovery.delivered
  const { congestion } = recovery
  if (congestion.controlsRecovery) {
    congestion.acknowledged(sample, isWindowLimited(recovery))
  } else if (recovery.isReducing) {
    reduce(connection, recovery, delivery.delivered, lost, isProgress)
  } else if (isProgress) {
    congestion.acknowledged(sample, isWindowLimited(recovery))
  }
  if (2 * congestion.window > connection.sendBufferLimit) growSendBuffer(connection, congestion.window)
}

/**
 * An application that waits for room must be able to fill the window, and while that is on its way to write the next: twice
 * the window, as Linux (tcp_sndbuf_expand).
 */
function growSendBuffer(connection: Connection, window: number): void {
  const most = connection.context.settings.maximumSendBuffer
  connection.sendBufferLimit = Math.max(connection.sendBufferLimit, Math.min(2 * window, most))
}

function advanceUnacknowledged(connection: Connection, acknowledgment: SequenceNumber, now: Microseconds): void {
  // Bytes of data among what is acknowledged: SYN before the buffer and FIN behind it are none.
  const data = Math.min(distance(acknowledgment, connection.sendBase), connection.sendBuffer.length)
  connection.unacknowledged = acknowledgment
  // RFC 1122, 2.3.2.1: what the peer acknowledges proves that its neighbour entry is right; no need to probe it.
  connection.path.ip.confirmReachable(connection.path)
  connection.persisting = false
  // Kept within reach: numbers that are left behind by more than 2^31 would look like ones ahead.
  if (isBefore(connection.shortSequence, acknowledgment)) connection.shortSequence = acknowledgment
  const { recovery } = connection
  if (recovery !== null) keepWithinReach(recovery, acknowledgment)
  if (data > 0) {
    connection.countAcknowledged(data)
    connection.sendBuffer.acknowledge(data)
    connection.sendBase = advance(connection.sendBase, data)
  }
  connection.progressAt = now
  connection.softError = null
  if (acknowledgment === connection.sendNext) connection.retransmitAt = NEVER
}

/** As above: numbers that mean something only while they are ahead. */
function keepWithinReach(recovery: LossRecovery, acknowledgment: SequenceNumber): void {
  const far = distance(acknowledgment, recovery.recoveryPoint) > FAR_BEHIND
  if (far && recovery.state <= RecoveryState.Disorder) recovery.recoveryPoint = advance(acknowledgment, -1)
  if (distance(acknowledgment, recovery.undoMarker) > FAR_BEHIND) {
    recovery.undoMarker = acknowledgment
    recovery.mayUndo = false
  }
  if (recovery.claimedMtu !== 0 && isBefore(recovery.claimedSequence, acknowledgment)) recovery.claimedMtu = 0
  if (distance(acknowledgment, recovery.rackEnd) > FAR_BEHIND) recovery.rackEnd = acknowledgment
  if (distance(acknowledgment, recovery.windowLimitedUntil) > FAR_BEHIND) recovery.windowLimitedUntil = acknowledgment
}

const FAR_BEHIND = 2 ** 30

/** The round trip of the SYN: RFC 6298, 2.2. */
function sampleOpening(connection: Connection, now: Microseconds): void {
  if (connection.timedAt === NEVER) return
  connection.timeout.sample(now - connection.timedAt)
  connection.timedAt = NEVER
}

/** RFC 6298, 5.2 and 5.3; RFC 8985, 7.2. */
export function restartTimer(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
  if (connection.unacknowledged === connection.sendNext) {
    connection.retransmitAt = NEVER
    connection.probing = false
    recovery.reorderingAt = NEVER
    return
  }
  const timeout = connection.retransmissionInterval
  connection.probing = mayProbe(connection, recovery)
  connection.retransmitAt = now + (connection.probing ? Math.min(probeTimeout(connection), timeout) : timeout)
  connection.schedule(connection.retransmitAt)
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
