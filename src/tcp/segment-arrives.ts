/**
 * SEGMENT ARRIVES for an existing connection: RFC 9293, section 3.10.7.3 (SYN-SENT) and 3.10.7.4 (other states), with
 * RFC 5961 against blind attacks and RFC 7323 (PAWS).
 */
import type { PacketBuffer } from '../packet/index.ts'
import { acknowledge, setSendWindow } from './acknowledgment.ts'
import { sendReset } from './bare-segments.ts'
import type { Connection } from './connection.ts'
import { answeredOurSyn, synCameAgain } from './explicit-congestion-notification.ts'
import { countSynData, isBeyondSent } from './fast-open.ts'
import { answerDuplicate, deliverHeldText, holdText, receiveData } from './receive-data.ts'
import type { Segment } from './segment.ts'
import { sendAcknowledgment, sendSyn } from './send-segment.ts'
import { advance, distance, isAfter, isBefore, sequenceNumber } from './sequence-number.ts'
import type { TcpSettings } from './settings.ts'
import { State } from './state.ts'
import { NEVER } from './transmission-control-block.ts'
import { Flag } from './wire.ts'

/** RFC 7323, 5.5: after 24 days a timestamp says nothing any more. */
const TIMESTAMP_LIFETIME = 24 * 24 * 3600 * 1_000_000
/** Linux tcp_invalid_ratelimit: between answers to segments that cannot be right, for each connection. */
export const ANSWER_INTERVAL = 500_000

/** Processes one segment. The payload is [packet.payload, packet.payloadEnd). */
export function segmentArrives(connection: Connection, segment: Segment, packet: PacketBuffer): void {
  connection.context.touch(connection)
  connection.segmentsReceived += segment.count
  if (segment.length > 0) connection.dataSegmentsReceived += segment.count
  if (connection.state === State.SynSent) {
    arrivesInSynSent(connection, segment, packet)
    return
  }
  const options = segment.options
  const now = connection.context.time()

  // RFC 7323, 5.3, R1: PAWS comes first, and not for resets.
  if (connection.timestamps && options.hasTimestamps && !segment.hasRst) {
    if (
      ((options.timestampValue - connection.recentTimestamp) | 0) < 0 &&
      now - connection.recentTimestampAt < TIMESTAMP_LIFETIME
    ) {
      connection.context.counters.PAWSEstab++
      answerUnacceptable(connection, segment, 'TCPACKSkippedPAWS')
      return
    }
  }

  if (
    connection.state === State.SynReceived &&
    segment.hasSyn &&
    !segment.hasAck &&
    !segment.hasRst &&
    segment.sequence === connection.initialReceiveSequence
  ) {
    // The peer's SYN again, perhaps with data, which would make it acceptable: our SYN-ACK was lost.
    connection.context.counters.RetransSegs++
    synCameAgain(connection, segment)
    sendSyn(connection)
    return
  }

  if (!isAcceptable(connection, segment)) {
    if (segment.hasRst) return
    if (
      connection.state === State.SynReceived &&
      !connection.isAnswering &&
      segment.hasSyn &&
      segment.sequence === connection.initialReceiveSequence
    ) {
      // The SYN-ACK of a simultaneous open, RFC 9293, figure 7: its SYN is old, its acknowledgment is what counts.
      if (segment.acknowledgment === connection.sendNext) {
        becomeEstablished(connection, segment)
        connection.acknowledgeNow = true
        return
      }
    }
    if (segment.hasSyn) challengeSyn(connection)
    else answerUnacceptable(connection, segment, 'TCPACKSkippedSeq')
    // RFC 9293, 3.10.7.4: with a closed window, valid acknowledgments (and the window in them) still count.
    if (
      connection.receiveNext === connection.receiveEdge &&
      segment.sequence === connection.receiveNext &&
      segment.hasAck &&
      !segment.hasSyn &&
      connection.state !== State.SynReceived &&
      acknowledgmentIsValid(connection, segment)
    ) {
      processAcknowledgment(connection, segment)
    }
    return
  }

  // RFC 7323, 4.3 (2).
  if (
    connection.timestamps &&
    options.hasTimestamps &&
    !isAfter(segment.sequence, connection.lastAcknowledgmentSent) &&
    ((options.timestampValue - connection.recentTimestamp) | 0) >= 0
  ) {
    connection.recentTimestamp = options.timestampValue
    connection.recentTimestampAt = now
  }

  // Second check: RST, RFC 5961, 3.2.
  if (segment.hasRst) {
    if (segment.sequence === connection.receiveNext) reset(connection)
    else challenge(connection)
    return
  }
  // Fourth check: SYN, RFC 5961, 4.2.
  if (segment.hasSyn) {
    challengeSyn(connection)
    return
  }
  // Fifth check: ACK.
  if (!segment.hasAck) return
  connection.lastReceivedAt = now
  if (connection.idleTimers !== null) connection.idleTimers.probesSent = 0
  if (connection.state === State.SynReceived) {
    if (
      !isAfter(segment.acknowledgment, connection.unacknowledged) ||
      isBeyondSent(connection, segment.acknowledgment)
    ) {
      sendReset(
        connection.context,
        connection.path,
        connection.outgoingPorts,
        segment.acknowledgment,
        sequenceNumber(0),
        false,
      )
      return
    }
    if (!becomeEstablished(connection, segment)) return
  } else {
    if (!acknowledgmentIsValid(connection, segment)) {
      connection.context.counters.TCPInvalidAck++
      challenge(connection)
      return
    }
    processAcknowledgment(connection, segment)
  }
  // Sixth check: URG. As RFC 6093 recommends, the urgent pointer means nothing and urgent data stays in line.
  // Seventh and eighth: text and FIN.
  if (segment.length === 0 && !segment.hasFin) return
  const state = connection.state
  if (state !== State.Established && state !== State.FinWait1 && state !== State.FinWait2) {
    // After the peer's FIN there is no more text: a retransmission, which wants its acknowledgment again.
    connection.acknowledgeNow = true
    return
  }
  if (
    connection.orphaned &&
    segment.length > 0 &&
    !connection.discarding &&
    isAfter(advance(segment.sequence, segment.length), connection.receiveNext)
  ) {
    // RFC 9293, 3.10.4 and RFC 1122, 4.2.2.13: data for an application that has closed is lost, and the peer must know.
    connection.context.counters.TCPAbortOnData++
    connection.abort(null)
    return
  }
  receiveData(connection, segment, packet)
}

/**
 * RFC 9293, 3.10.7.4, first check, table 6; with one that begins before the window and ends behind it, as Linux: it
 * brings all that we wait for, and a sender that does not see how small our window is would send it again for ever.
 */
function isAcceptable(connection: Connection, segment: Segment): boolean {
  const start = distance(segment.sequence, connection.receiveNext)
  const window = distance(connection.receiveEdge, connection.receiveNext)
  const length = segment.sequenceLength
  if (length === 0) return start === 0 || (start > 0 && start < window)
  if (window === 0) return false
  if (start >= 0) return start < window
  return start + length > 0
}

/** RFC 5961, 5.2: neither newer than what we sent nor older than any window that the peer ever offered. */
function acknowledgmentIsValid(connection: Connection, segment: Segment): boolean {
  if (isAfter(segment.acknowledgment, connection.sendNext)) return false
  return distance(connection.unacknowledged, segment.acknowledgment) <= connection.largestSendWindow
}

function processAcknowledgment(connection: Connection, segment: Segment): void {
  const finAcknowledged = acknowledge(connection, segment)
  if (!finAcknowledged) return
  if (connection.state !== State.FinWait2) connection.finishedEvent = true
  switch (connection.state) {
    case State.FinWait1:
      connection.state = State.FinWait2
      connection.limitFinWait()
      break
    case State.Closing:
      connection.state = State.TimeWait
      break
    case State.LastAck:
      connection.destroy(null)
      break
  }
}

/** @returns false if nobody could accept the connection, which then stays half-open */
function becomeEstablished(connection: Connection, segment: Segment): boolean {
  const isFastOpened = connection.isFastOpened
  if (connection.listener !== null && !isFastOpened && !connection.context.accepted(connection)) {
    // As Linux without tcp_abort_on_overflow: the peer's ACK is forgotten, our SYN-ACK will ask for it again.
    return false
  }
  connection.fastOpen?.leaveListener(null)
  countSynData(connection, segment.acknowledgment)
  connection.state = connection.finQueued ? State.FinWait1 : State.Established
  countLostSyns(connection)
  // The window of a SYN is not scaled: RFC 7323, 2.2.
  const scale = connection.sendWindowScale
  if (segment.hasSyn) connection.sendWindowScale = 0
  const window = segment.window << connection.sendWindowScale
  setSendWindow(connection, window, segment.sequence, segment.acknowledgment)
  // One that was fast opened may have sent its FIN already.
  processAcknowledgment(connection, segment)
  connection.sendWindowScale = scale
  if (!isFastOpened) connection.establishedEvent = true
  deliverHeldText(connection)
  return true
}

/** A handshake that needed retransmissions says something about the path: RFC 6298, 5.7 and RFC 5681, 3.1. */
function countLostSyns(connection: Connection): void {
  if (connection.retransmissions > 0) connection.timeout.afterLostSyn()
  // As Linux: one loss may be chance.
  if (connection.retransmissions > 1) connection.windowRestart = true
}

function reset(connection: Connection): void {
  const { counters } = connection.context
  switch (connection.state) {
    case State.SynReceived:
      counters.AttemptFails++
      connection.fastOpen?.leaveListener(connection.context.time())
      if (connection.isAnswering) counters.EmbryonicRsts++
      // RFC 9293, 3.10.7.4: from a passive open back to LISTEN, which the listener never left.
      connection.destroy(connection.isAnswering ? 'ECONNRESET' : 'ECONNREFUSED')
      return
    case State.Closing:
    case State.LastAck:
    case State.TimeWait:
      // Both sides have said all that they had to, if there is nothing left that the peer has not seen.
      if (connection.sendBuffer.length === 0) {
        connection.destroy(null)
        return
      }
      break
  }
  counters.EstabResets++
  // "Reset" responses also in CLOSE-WAIT, where Linux says EPIPE.
  connection.destroy('ECONNRESET')
}

/** An ACK with the numbers that we expect, so that an honest peer can put itself right: RFC 5961. */
function challenge(connection: Connection): void {
  const { context } = connection
  if (!mayAnswer(connection) || !context.mayChallenge()) {
    context.counters.TCPACKSkippedChallenge++
    return
  }
  context.counters.TCPChallengeACK++
  sendAcknowledgment(connection)
}

function challengeSyn(connection: Connection): void {
  connection.context.counters.TCPSYNChallenge++
  challenge(connection)
}

/** At most twice a second for one connection: two hosts that confuse each other must not answer each other for ever. */
function mayAnswer(connection: Connection): boolean {
  const now = connection.context.time()
  if (now - connection.lastAnswer < ANSWER_INTERVAL) return false
  connection.lastAnswer = now
  return true
}

/**
 * "An acknowledgment should be sent in reply". Data is always acknowledged, as in Linux: it is no part of a loop, and
 * whoever sends it again has missed an acknowledgment.
 */
function answerUnacceptable(
  connection: Connection,
  segment: Segment,
  skipped: 'TCPACKSkippedPAWS' | 'TCPACKSkippedSeq',
): void {
  if (segment.length > 0 && !segment.hasSyn && connection.state >= State.Established) {
    answerDuplicate(connection, segment)
    return
  }
  if (mayAnswer(connection)) sendAcknowledgment(connection)
  else connection.context.counters[connection.state === State.SynReceived ? 'TCPACKSkippedSynRecv' : skipped]++
}

/** RFC 9293, 3.10.7.3. */
function arrivesInSynSent(connection: Connection, segment: Segment, packet: PacketBuffer): void {
  const { context } = connection
  if (segment.hasAck) {
    const acknowledgment = segment.acknowledgment
    if (!isAfter(acknowledgment, connection.initialSendSequence) || isBeyondSent(connection, acknowledgment)) {
      if (!segment.hasRst) {
        sendReset(context, connection.path, connection.outgoingPorts, acknowledgment, sequenceNumber(0), false)
      }
      return
    }
  }
  if (segment.hasRst) {
    if (segment.hasAck) {
      context.counters.AttemptFails++
      connection.destroy('ECONNREFUSED')
    }
    return
  }
  if (!segment.hasSyn) return
  if (segment.hasFin && !segment.hasAck && context.settings.dropSynFin) return
  connection.initialReceiveSequence = segment.sequence
  connection.receiveNext = advance(segment.sequence, 1)
  connection.receiveEdge = advance(connection.receiveNext, Math.min(connection.receiveLimit, 65_535))
  takeSynOptions(connection, segment, context.settings)
  answeredOurSyn(connection, segment)
  if (!segment.hasAck) {
    // Simultaneous open.
    connection.state = State.SynReceived
    setSendWindow(connection, segment.window, segment.sequence, connection.initialSendSequence)
    sendSyn(connection)
    connection.retransmitAt = context.time() + connection.timeout.current
    connection.schedule(connection.retransmitAt)
    if (segment.length > 0) holdText(connection, packet)
    return
  }
  connection.state = connection.finQueued ? State.FinWait1 : State.Established
  if (connection.fastOpen !== null) {
    context.fastOpen.answered(connection, segment)
    countSynData(connection, segment.acknowledgment)
  }
  countLostSyns(connection)
  connection.retransmitAt = NEVER
  connection.lastReceivedAt = context.time()
  // The window of a SYN is not scaled: RFC 7323, 2.2.
  const scale = connection.sendWindowScale
  connection.sendWindowScale = 0
  setSendWindow(connection, segment.window, segment.sequence, segment.acknowledgment)
  acknowledge(connection, segment)
  connection.sendWindowScale = scale
  connection.establishedEvent = true
  connection.acknowledgeNow = true
  if (isBefore(connection.unacknowledged, connection.sendNext)) {
    connection.retransmitAt = context.time() + connection.timeout.current
    connection.schedule(connection.retransmitAt)
  }
  if (segment.length > 0 || segment.hasFin) {
    // The SYN took one number.
    segment.sequence = connection.receiveNext
    segment.flags &= ~Flag.Syn
    receiveData(connection, segment, packet)
  }
}

/**
 * What both sides have agreed on by their SYNs: RFC 9293, 3.7.1; RFC 7323, 2.2 and 3.2; RFC 2018, 2.
 * @param offered what we have said, or say in our SYN-ACK to a peer that does
 */
export function takeSynOptions(connection: Connection, segment: Segment, offered: TcpSettings): void {
  const options = segment.options
  if (options.maximumSegmentSize > 0) connection.peerSegmentSize = options.maximumSegmentSize
  connection.timestamps = offered.timestamps && options.hasTimestamps
  if (connection.timestamps) {
    connection.recentTimestamp = options.timestampValue
    connection.recentTimestampAt = connection.context.time()
  }
  if (offered.windowScaling && options.windowScale >= 0) {
    connection.sendWindowScale = options.windowScale
  } else {
    connection.sendWindowScale = 0
    connection.receiveWindowScale = 0
    connection.receiveLimit = Math.min(connection.receiveLimit, 65_535)
  }
  connection.windowScaling = offered.windowScaling && options.windowScale >= 0
  connection.selectiveAcknowledgments = offered.selectiveAcknowledgments && options.sackPermitted
  connection.updateSegmentSize()
}
