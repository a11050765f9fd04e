/**
 * Sending: when to send what of new data; RFC 9293, sections 3.7.4 and 3.8.6.2.1. A segment may stand for many on the wire:
 * the device, or the segmenter above it, cuts it to `segmentSize`.
 */
import type { Microseconds } from '../clock/index.ts'
import { afterSending, armAfterSending, armRetransmission, largestSegment, mustPace } from './after-sending.ts'
import type { Connection } from './connection.ts'
import { Codepoint, Ecn } from './explicit-congestion-notification.ts'
import { NO_PROBE, noteMtuProbe, probeLength, WAIT_FOR_ROOM } from './mtu-probing.ts'
import {
  flightOf,
  type LossRecovery,
  noteApplicationLimited,
  noteProbe,
  noteSent,
  noteWindowUse,
  outstanding,
  Sent,
  segmentsIn,
} from './recovery/index.ts'
import { changeSegmentSize, retransmit, retransmitLost } from './retransmit.ts'
import { sendSegment, sendSyn } from './send-segment.ts'
import { advance, distance, isAfter } from './sequence-number.ts'
import { State } from './state.ts'
import { NEVER } from './transmission-control-block.ts'
import { Flag } from './wire.ts'

/** Sends everything that the windows, Nagle and the silly-window rule allow now: first what was lost, then new data. */
export function transmit(connection: Connection): void {
  if (connection.state < State.Established && !mayTransmitEarly(connection)) return
  if (connection.path.mtu !== connection.pathMtu) changeSegmentSize(connection)
  const { recovery } = connection
  if (recovery !== null && recovery.board.lostUnsent > 0) {
    if (recovery.newDataFirst) {
      recovery.newDataFirst = false
      transmitNew(connection)
      if (isAfter(connection.sendNext, recovery.recoveryPoint)) return
      // The windows or Nagle's rule did not allow any: RFC 5682, 2.1 step 2a.
      recovery.timeoutMayBeSpurious = false
    }
    if (!retransmitLost(connection, recovery)) return
  }
  if (connection.unsent > 0 || connection.finUnsent) transmitNew(connection)
  else if (recovery !== null) noteIdleWindow(connection, recovery)
}

/** RFC 7413: whether data may go before the handshake is complete. Data that a SYN has waited for sends it. */
function mayTransmitEarly(connection: Connection): boolean {
  const { fastOpen } = connection
  if (fastOpen === null) return false
  if (fastOpen.isDeferred && connection.sendBuffer.length > 0) sendDeferredSyn(connection)
  return fastOpen.isOpen && connection.state === State.SynReceived
}

/** Sends the SYN that has waited for data, with what there is. */
export function sendDeferredSyn(connection: Connection): void {
  const now = connection.context.time()
  connection.fastOpen!.isDeferred = false
  connection.timedAt = connection.progressAt = connection.lastSentAt = now
  sendSyn(connection)
  connection.retransmitAt = now + connection.timeout.current
  connection.schedule(connection.retransmitAt)
}

/** Sends what was never sent. */
function transmitNew(connection: Connection): void {
  const recovery = connection.startSending()
  const { congestion } = recovery
  const buffer = connection.sendBuffer
  const now = connection.context.time()
  let sent = false
  let limited = false
  for (;;) {
    const offset = distance(connection.sendNext, connection.sendBase)
    const unsent = buffer.length - offset
    const finPending = connection.finQueued && unsent >= 0
    if (unsent <= 0 && !finPending) break
    const inSequence = outstanding(connection)
    if (inSequence === 0) startAgain(connection, recovery, now)
    if (congestion.pacingRate > 0 && mustPace(connection, recovery, now)) break
    const flight = recovery.flight(inSequence)
    const room = congestion.window - flight
    const { mtuProbing } = recovery
    if (mtuProbing !== null) {
      const size = probeLength(connection, recovery, mtuProbing, inSequence, unsent, room, now)
      if (size === WAIT_FOR_ROOM) {
        limited = true
        break
      }
      if (size !== NO_PROBE) {
        const start = connection.sendNext
        if (!sendNew(connection, recovery, offset, size, Flag.Ack, now, size)) break
        noteMtuProbe(mtuProbing, size + connection.segmentOverhead, start, connection.sendNext)
        sent = true
        continue
      }
    }
    const usable = Math.min(connection.sendWindow - inSequence, room)
    const segmentSize = connection.segmentSize
    let length = Math.min(unsent, usable, largestSegment(connection, recovery))
    if (length < 0) length = 0
    if (length > segmentSize) {
      if (length < unsent) length -= length % segmentSize
      // No further than the packet in which it lies, so that what follows can be sent from where that lies.
      const rest = buffer.restOfPacket(offset)
      if (rest > 0 && rest < length && rest % segmentSize === 0) length = rest
    }
    let last = length === unsent
    // FIN takes a place in the window like a byte.
    const withFin = last && finPending && usable > length
    if (!withFin && length % segmentSize !== 0 && !maySendShort(connection, length, last, inSequence)) {
      // Whole segments may go without the short one at their end.
      length -= length % segmentSize
      last = false
    }
    if (length === 0 && !withFin) {
      limited = room < segmentSize && room <= connection.sendWindow - inSequence
      // Something waits, nothing is on its way: only a window update can help, and it may get lost.
      if (inSequence === 0 && !connection.persisting) startPersisting(connection)
      break
    }
    if (connection.persisting) {
      connection.persisting = false
      connection.timeout.backoff = 0
      connection.retransmitAt = NEVER
    }
    // PSH where the queue empties (RFC 9293, 3.9.1.2).
    let flags: number = last && length > 0 ? Flag.Ack | Flag.Psh : Flag.Ack
    if (withFin) flags |= Flag.Fin
    if (!sendNew(connection, recovery, offset, length, flags, now)) break
    sent = true
  }
  const flight = recovery.flight(outstanding(connection))
  if (sent) {
    noteWindowUse(
      recovery,
      limited || flight >= congestion.window,
      flight,
      connection.unacknowledged,
      connection.sendNext,
    )
    armAfterSending(connection, recovery, now)
  }
  if (connection.unsent <= 0) noteIdleWindow(connection, recovery)
}

/** Everything is sent: until the application writes more it is what limits us, if the window has room. */
function noteIdleWindow(connection: Connection, recovery: LossRecovery): void {
  if (recovery.board.lostUnsent > 0) return
  const flight = flightOf(connection, recovery)
  if (flight < recovery.congestion.window) noteApplicationLimited(recovery, flight)
}

/** RFC 9293, 3.8.6.2.1 (sender's silly window avoidance) with Nagle's rule of 3.7.4, for less than a full segment. */
function maySendShort(connection: Connection, length: number, last: boolean, outstandingBytes: number): boolean {
  // (2), (3): all that is queued can go, and Nagle allows. A queued FIN means that no more data will join this segment.
  if (last && (outstandingBytes === 0 || connection.noDelay || connection.finQueued)) return true
  // To ourselves: on Linux the acknowledgment of what went before is there before the next can be written.
  if (last && connection.path.isLocal) return true
  // Nagle as Linux does it (Minshall): one short segment may be on its way, not two.
  if (last && !isAfter(connection.shortSequence, connection.unacknowledged)) return true
  // (4) at least half of the largest window.
  return length >= connection.largestSendWindow / 2 && length > 0
}

/** Nothing is on its way. RFC 5681, 4.1: after more than one RTO the window no longer says anything about the path. */
function startAgain(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
  const idle = now - connection.lastSentAt
  const timeout = connection.timeout.current
  if (idle > timeout) recovery.congestion.restartAfterIdle(idle, timeout, now)
  else recovery.congestion.resumed(idle, now)
}

function startPersisting(connection: Connection): void {
  connection.persisting = true
  connection.timeout.backoff = 0
  const now = connection.context.time()
  connection.progressAt = now
  connection.retransmitAt = now + connection.retransmissionInterval
  connection.schedule(connection.retransmitAt)
}

/**
 * RFC 9293, 3.8.6.2.1, the override timeout: sends what fits a window that is open but too small to be worth it, or two
 * stubborn hosts would wait for each other for ever. Nothing is on its way.
 * @returns whether something was sent
 */
export function sendIntoSmallWindow(connection: Connection): boolean {
  const { unsent } = connection
  const length = Math.min(unsent, connection.sendWindow, connection.segmentSize)
  const withFin = connection.finQueued && length === unsent && length < connection.sendWindow
  if (length <= 0 && !withFin) return false
  connection.persisting = false
  connection.timeout.backoff = 0
  return sendOne(connection, length, withFin)
}

/** Sends one segment of new data now, whatever the congestion window says. */
function sendOne(connection: Connection, length: number, withFin: boolean): boolean {
  const recovery = connection.startSending()
  const now = connection.context.time()
  const offset = distance(connection.sendNext, connection.sendBase)
  const last = length > 0 && length === connection.unsent
  const flags = Flag.Ack | (last ? Flag.Psh : 0) | (withFin ? Flag.Fin : 0)
  if (!sendNew(connection, recovery, offset, length, flags, now)) return false
  armAfterSending(connection, recovery, now)
  return true
}

/**
 * Sends [offset, offset + length) of the buffer at SND.NXT.
 * @param size payload bytes of the segments on the wire
 * @returns false if packet memory is exhausted
 */
function sendNew(
  connection: Connection,
  recovery: LossRecovery,
  offset: number,
  length: number,
  flags: number,
  now: Microseconds,
  size = connection.segmentSize,
): boolean {
  const sequence = connection.sendNext
  let trafficClass: number = Codepoint.NotCapable
  if ((connection.ecn & Ecn.Capable) !== 0 && length > 0) {
    trafficClass = Codepoint.Capable0
    if (recovery.reductionDue) flags |= Flag.Cwr
  }
  if (!sendSegment(connection, sequence, offset, length, flags, trafficClass, size)) {
    // Nothing may be on its way whose acknowledgment would bring us back here: let the timer do it.
    if (connection.retransmitAt === NEVER) {
      if (sequence === connection.unacknowledged) connection.progressAt = now
      armRetransmission(connection, now)
    }
    return false
  }
  if ((flags & Flag.Cwr) !== 0) recovery.reductionDue = false
  const withFin = (flags & Flag.Fin) !== 0
  const next = advance(sequence, length + (withFin ? 1 : 0))
  if (length % size !== 0) connection.shortSequence = next
  const flight = flightOf(connection, recovery)
  if (connection.unacknowledged === sequence) connection.progressAt = now
  connection.sendNext = next
  const count = segmentsIn(length, size)
  const segment = recovery.board.append(sequence, next, withFin ? Sent.Fin : 0, count, now)
  segment.size = size
  recovery.largestSent = Math.max(recovery.largestSent, Math.min(length, size))
  noteSent(recovery, segment, flight, now)
  connection.context.counters.TCPOrigDataSent += count
  afterSending(connection, recovery, length, now)
  return true
}

/** RFC 8985, 7.3: new data if there is some and the peer's window takes it, otherwise the last segment once more. */
export function sendProbe(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
  const { counters } = connection.context
  const { board } = recovery
  // Whatever comes of it, packet memory may be exhausted.
  armRetransmission(connection, now)
  const length = Math.min(connection.unsent, connection.segmentSize)
  const withFin = connection.finQueued && length === connection.unsent
  const fits = outstanding(connection) + length + (withFin ? 1 : 0) <= connection.sendWindow
  if ((length > 0 || (withFin && connection.finUnsent)) && fits) {
    if (!sendOne(connection, length, withFin)) return
    counters.TCPLossProbes++
    noteProbe(connection, recovery, false)
    armRetransmission(connection, now)
  } else {
    let segment = board.last
    if (segment === null) return
    const { segmentSize } = connection
    const fin = (segment.flags & Sent.Fin) !== 0 ? 1 : 0
    const length = segment.length - fin
    if (length > segmentSize) {
      const rest = length % segmentSize
      segment = board.split(segment, advance(segment.end, -(rest === 0 ? segmentSize : rest) - fin), segmentSize)
    }
    if (!retransmit(connection, recovery, segment, now)) return
    counters.TCPLossProbes++
    noteProbe(connection, recovery, true)
  }
}
