/**
 * Sending: when to send what (RFC 9293, sections 3.7.4 and 3.8.6.2.1) and the building of segments. A segment built
 * here may stand for many on the wire: the device, or the segmenter above it, cuts it to `segmentSize`.
 */
import { pseudoHeaderSum } from '../checksum/index.ts'
import { type Microseconds, SECOND } from '../clock/index.ts'
import { IpProtocol } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, Segmentation } from '../packet/index.ts'
import { type Connection, NEVER } from './connection.ts'
import { Codepoint, Ecn, synFlags } from './explicit-congestion-notification.ts'
import { cookieToSend, dataForSyn } from './fast-open.ts'
import { NO_PROBE, noteMtuProbe, probeLength, WAIT_FOR_ROOM } from './mtu-probing.ts'
import {
  SACK_BLOCK_LENGTH,
  SACK_HEADER_LENGTH,
  synOptionsLength,
  TIMESTAMPS_LENGTH,
  writeSack,
  writeSynOptions,
  writeTimestamps,
} from './options.ts'
import {
  flightOf,
  type LossRecovery,
  mayProbe,
  noteApplicationLimited,
  noteProbe,
  noteSent,
  noteWindowUse,
  outstanding,
  pacingQuantum,
  probeTimeout,
  RecoveryState,
  repacketize,
  Sent,
  type SentSegment,
  segmentsIn,
} from './recovery/index.ts'
import { collectedEdges, collectSackBlocks } from './sack-blocks.ts'
import { advance, distance, isAfter, type SequenceNumber } from './sequence-number.ts'
import { State } from './state.ts'
import { CHECKSUM_OFFSET, Flag, HEADER_LENGTH, LONGEST_HEADER, writeHeader } from './wire.ts'

/** The IP length field covers 64 KiB less one; the longest IPv4 and TCP headers come off. */
const LARGEST_PAYLOAD = 65_535 - 60 - LONGEST_HEADER

/** Timestamp clock: milliseconds, as Linux; RFC 7323, 5.4, allows 1 ms to 1 s. */
export function timestampNow(connection: Connection): number {
  return (Math.floor(connection.context.time() / 1000) + connection.timestampOffset) | 0
}

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
    if (length > segmentSize && length < unsent) length -= length % segmentSize
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
  if (connection.unsent <= 0 && flight < congestion.window && recovery.board.lostUnsent === 0) {
    noteApplicationLimited(recovery, flight)
  }
}

/** RFC 9293, 3.8.6.2.1 (sender's silly window avoidance) with Nagle's rule of 3.7.4, for less than a full segment. */
function maySendShort(connection: Connection, length: number, last: boolean, outstandingBytes: number): boolean {
  // (2), (3): all that is queued can go, and Nagle allows. A queued FIN means that no more data will join this segment.
  if (last && (outstandingBytes === 0 || connection.noDelay || connection.finQueued)) return true
  // Nagle as Linux does it (Minshall): one short segment may be on its way, not two.
  if (last && !isAfter(connection.shortSequence, connection.unacknowledged)) return true
  // (4) at least half of the largest window.
  return length >= connection.largestSendWindow / 2 && length > 0
}

/** How much may go as one segment for the device to cut: as much as fits; paced, about a millisecond's worth. */
function largestSegment(connection: Connection, recovery: LossRecovery): number {
  const { pacingRate } = recovery.congestion
  if (pacingRate === 0) return LARGEST_PAYLOAD
  return Math.min(pacingQuantum(pacingRate, connection.segmentSize), LARGEST_PAYLOAD)
}

/** @returns whether sending must wait for the pacing timer, which is set */
function mustPace(connection: Connection, recovery: LossRecovery, now: Microseconds): boolean {
  if (recovery.nextSendAt <= now) return false
  recovery.paceAt = recovery.nextSendAt
  connection.schedule(recovery.paceAt)
  return true
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

function afterSending(connection: Connection, recovery: LossRecovery, length: number, now: Microseconds): void {
  connection.lastSentAt = now
  recovery.proportionalOut += length
  const { pacingRate } = recovery.congestion
  if (pacingRate > 0) {
    const headers = HEADER_LENGTH + connection.path.headerLength
    recovery.nextSendAt = Math.max(recovery.nextSendAt, now) + ((length + headers) / pacingRate) * SECOND
  }
}

/** RFC 6298, 5.1; RFC 8985, 7.2: new data was sent. */
function armAfterSending(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
  const timeout = connection.retransmissionInterval
  if (mayProbe(connection, recovery)) {
    // The probe timer starts anew with each transmission, but never goes past the retransmission timeout, unless that
    // is past itself (as Linux).
    const latest = recovery.board.first!.sentAt + timeout
    const probeAt = now + probeTimeout(connection)
    connection.probing = true
    connection.retransmitAt = latest > now ? Math.min(probeAt, latest) : probeAt
  } else if (connection.retransmitAt === NEVER || connection.probing) {
    connection.probing = false
    connection.retransmitAt = now + timeout
  } else {
    return
  }
  connection.schedule(connection.retransmitAt)
}

function armRetransmission(connection: Connection, now: Microseconds): void {
  connection.probing = false
  connection.retransmitAt = now + connection.retransmissionInterval
  connection.schedule(connection.retransmitAt)
}

/** Sends again what is believed lost, as far as the window allows. @returns whether all of it went out */
export function retransmitLost(connection: Connection, recovery: LossRecovery): boolean {
  const { board, congestion } = recovery
  const now = connection.context.time()
  for (let segment = board.nextLost(); segment !== null; segment = board.nextLost()) {
    const { segmentSize } = connection
    while (segment.length < segmentSize && board.joinNext(segment, segmentSize));
    if (congestion.pacingRate > 0 && mustPace(connection, recovery, now)) return false
    const room = congestion.window - flightOf(connection, recovery)
    if (room < Math.min(segmentSize, segment.length)) return false
    // What the peer has taken out of its window again waits, but for its first byte (RFC 9293, 3.8.6, MAY-7).
    const beyond = distance(segment.start, connection.unacknowledged) >= connection.sendWindow
    if (beyond && segment !== board.first) return false
    const most = Math.min(room, largestSegment(connection, recovery))
    if (segment.length > segmentSize && segment.length > most) {
      const whole = Math.max(most - (most % segmentSize), segmentSize)
      if (whole < segment.length) board.split(segment, advance(segment.start, whole), segmentSize)
    }
    if (!retransmit(connection, recovery, segment, now)) return false
  }
  return true
}

/** Sends a segment of the scoreboard again. @returns false if packet memory is exhausted */
export function retransmit(
  connection: Connection,
  recovery: LossRecovery,
  segment: SentSegment,
  now: Microseconds,
): boolean {
  const { counters } = connection.context
  const withFin = (segment.flags & Sent.Fin) !== 0
  const length = segment.length - (withFin ? 1 : 0)
  const offset = distance(segment.start, connection.sendBase)
  const last = offset + length === connection.sendBuffer.length
  const flags = (withFin ? Flag.Fin : 0) | Flag.Ack | (last && length > 0 ? Flag.Psh : 0)
  // RFC 3168, 6.1.5: never ECN-capable, or a mark on what the receiver drops as a duplicate would be lost.
  const { segmentSize } = connection
  if (!sendSegment(connection, segment.start, offset, length, flags, Codepoint.NotCapable, segmentSize)) return false
  const bytes = segment.length
  const flight = flightOf(connection, recovery)
  segment.count = segmentsIn(bytes, segmentSize)
  segment.size = segmentSize
  recovery.largestSent = Math.max(recovery.largestSent, Math.min(length, segmentSize))
  // What is sent again in smaller segments tells nothing any more (RFC 4821, 7.6.4).
  if (recovery.mtuProbing !== null) recovery.mtuProbing.probeSize = 0
  counters.RetransSegs += segment.count
  if (recovery.state === RecoveryState.Loss) counters.TCPSlowStartRetrans += segment.count
  else if (recovery.state === RecoveryState.Recovery) counters.TCPFastRetrans += segment.count
  connection.retransmissions += segment.count
  connection.retransmittedAt = now
  if (!recovery.hasRetransmitted) {
    recovery.hasRetransmitted = true
    recovery.retransmissionTimestamp = timestampNow(connection)
  }
  recovery.undoRetransmitted = Math.max(recovery.undoRetransmitted, 0) + bytes
  recovery.totalRetransmitted += bytes
  recovery.board.markRetransmitted(segment, now)
  noteSent(recovery, segment, flight, now)
  afterSending(connection, recovery, length, now)
  // As Linux: the first segment has a whole timeout for its acknowledgment each time that it is sent.
  if (connection.retransmitAt === NEVER || segment === recovery.board.first) armRetransmission(connection, now)
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

/** The path's MTU has changed. RFC 1191, 6.4: what was too big is lost, and sent again in smaller segments at once. */
export function changeSegmentSize(connection: Connection): void {
  const before = connection.segmentSize
  connection.updateSegmentSize()
  const { recovery } = connection
  if (recovery === null || connection.segmentSize >= before) return
  // What got through when segments were larger says nothing of the path now.
  recovery.largestSent = recovery.largestDelivered = 0
  recovery.claimedMtu = 0
  repacketize(connection, recovery)
}

/**
 * Builds and sends one segment with the acknowledgment and window of this moment.
 * @param flags CWR among them goes with the first of the segments that the device makes of it only
 * @param size payload bytes of these segments
 */
function sendSegment(
  connection: Connection,
  sequence: SequenceNumber,
  offset: number,
  length: number,
  flags: number,
  trafficClass: number,
  size: number,
): boolean {
  const memory = connection.context.memory
  let packet: PacketBuffer | null = null
  if (length > 0) {
    // What the application wrote in place is sent from where it lies.
    packet = connection.sendBuffer.packetAt(offset, length)
    packet?.retain()
  }
  if (packet === null) {
    packet = memory.allocate(length)
    if (packet === null) {
      connection.context.counters.TCPSendNoMemory++
      return false
    }
    if (length > 0) connection.sendBuffer.copy(offset, length, memory.bytes, packet.start)
    packet.end = packet.start + length
  }
  if (length > size) {
    packet.segmentation = connection.path.ip.family === 4 ? Segmentation.TcpV4 : Segmentation.TcpV6
    packet.segmentSize = size
  } else {
    packet.segmentation = Segmentation.None
  }
  const count = length > 0 ? segmentsIn(length, size) : 0
  connection.dataSegmentsSent += count
  pushHeader(connection, packet, sequence, flags)
  acknowledged(connection)
  send(connection, packet, Math.max(count, 1), trafficClass)
  return true
}

/**
 * A segment without data or SYN: acknowledgment, window update, probe. It carries the highest number ever sent, also
 * while SND.NXT is back for retransmission: to a peer that has received what we send again, anything less is an old
 * segment, whose acknowledgment it must ignore; two such peers would never hear each other.
 */
export function sendAcknowledgment(
  connection: Connection,
  sequence: SequenceNumber = acceptableSequence(connection),
): void {
  const packet = connection.context.memory.allocate(0)
  if (packet === null) {
    connection.context.counters.TCPSendNoMemory++
    return
  }
  pushHeader(connection, packet, sequence, Flag.Ack)
  acknowledged(connection)
  send(connection, packet, 1, Codepoint.NotCapable)
}

/** SND.NXT, unless the peer has shrunk its window so that it would drop this as too far ahead: its edge (as Linux). */
function acceptableSequence(connection: Connection): SequenceNumber {
  const beyond = distance(connection.sendNext, connection.unacknowledged) - connection.sendWindow
  // A scaled window is rounded down: it may seem to shrink by less than a unit (RFC 7323, 2.4).
  if (beyond < 1 << connection.sendWindowScale) return connection.sendNext
  return advance(connection.unacknowledged, connection.sendWindow)
}

/** SYN (in SYN-SENT) or SYN-ACK (in SYN-RECEIVED), with data where RFC 7413 allows. */
export function sendSyn(connection: Connection): void {
  const context = connection.context
  const answering = connection.state === State.SynReceived
  const offered = answering ? connection : context.settings
  const { timestamps, selectiveAcknowledgments } = offered
  const windowScale = offered.windowScaling ? connection.receiveWindowScale : -1
  const cookie = cookieToSend(connection)
  const optionsLength = synOptionsLength(windowScale, timestamps, selectiveAcknowledgments, cookie)
  const data = cookie === null ? 0 : dataForSyn(connection, optionsLength)
  const packet = context.memory.allocate(data)
  if (packet === null) {
    context.counters.TCPSendNoMemory++
    return
  }
  if (data > 0) {
    connection.sendBuffer.copy(0, data, packet.memory.bytes, packet.start)
    packet.end = packet.start + data
    connection.fastOpen!.sentInSyn = data
  }
  const length = HEADER_LENGTH + optionsLength
  writeSynOptions(
    packet.memory.view,
    packet.push(length) + HEADER_LENGTH,
    connection.offeredSegmentSize,
    windowScale,
    timestamps,
    timestampNow(connection),
    connection.recentTimestamp,
    selectiveAcknowledgments,
    cookie,
  )
  // RFC 7323, 2.2: the window in a SYN is never scaled.
  const window = Math.min(connection.receiveLimit, 65_535)
  connection.receiveEdge = advance(connection.receiveNext, window)
  const acknowledgment = answering ? connection.receiveNext : (0 as SequenceNumber)
  connection.lastAcknowledgmentSent = acknowledgment
  finishHeader(
    connection,
    packet,
    connection.initialSendSequence,
    acknowledgment,
    length,
    synFlags(connection) | (answering ? Flag.Syn | Flag.Ack : Flag.Syn) | (data > 0 ? Flag.Psh : 0),
    window,
  )
  send(connection, packet, 1, Codepoint.NotCapable)
}

/** Prepends the header of a segment after the handshake. */
function pushHeader(connection: Connection, packet: PacketBuffer, sequence: SequenceNumber, flags: number): void {
  const options = connection.timestamps ? HEADER_LENGTH + TIMESTAMPS_LENGTH : HEADER_LENGTH
  // Where they fit: a full segment goes without.
  const blocks =
    connection.sackBlocks === null ? 0 : collectSackBlocks(connection, connection.segmentSize - packet.length)
  const length = blocks === 0 ? options : options + SACK_HEADER_LENGTH + blocks * SACK_BLOCK_LENGTH
  const header = packet.push(length)
  if (blocks > 0) writeSack(packet.memory.view, header + options, collectedEdges, blocks)
  if (connection.timestamps) {
    writeTimestamps(packet.memory.view, header + HEADER_LENGTH, timestampNow(connection), connection.recentTimestamp)
  }
  const scale = connection.receiveWindowScale
  const offered = connection.offerableWindow()
  // Rounded up where rounding down would take back what was offered (RFC 7323, 2.4).
  let field = offered >> scale
  if (field << scale < distance(connection.receiveEdge, connection.receiveNext)) field++
  if (field > 0xffff) field = 0xffff
  const edge = advance(connection.receiveNext, field << scale)
  if (connection.receiveEdge === connection.receiveNext) countZeroWindow(connection, field)
  if (isAfter(edge, connection.receiveEdge)) connection.receiveEdge = edge
  connection.lastAcknowledgmentSent = connection.receiveNext
  if ((connection.ecn & Ecn.EchoDue) !== 0) flags |= Flag.Ece
  finishHeader(connection, packet, sequence, connection.receiveNext, length, flags, field)
}

/** The window is used up: it stays so for now, or opens again after the peer has been told. */
function countZeroWindow(connection: Connection, field: number): void {
  const { counters } = connection.context
  const wasTold = connection.lastAcknowledgmentSent === connection.receiveNext
  if (field === 0 && !wasTold) counters.TCPToZeroWindowAdv++
  else if (field > 0 && wasTold) counters.TCPFromZeroWindowAdv++
}

function finishHeader(
  connection: Connection,
  packet: PacketBuffer,
  sequence: SequenceNumber,
  acknowledgment: SequenceNumber,
  headerLength: number,
  flags: number,
  window: number,
): void {
  const header = packet.start
  packet.transport = header
  packet.checksum = ChecksumState.Partial
  packet.checksumStart = header
  packet.checksumField = header + CHECKSUM_OFFSET
  writeHeader(
    packet.memory.view,
    header,
    connection.outgoingPorts,
    sequence,
    acknowledgment,
    headerLength,
    flags,
    window,
    pseudoHeaderSum(connection.path.addressSum, IpProtocol.Tcp, packet.end - header),
  )
}

/** An acknowledgment is on its way with this segment. */
function acknowledged(connection: Connection): void {
  connection.acknowledgeNow = false
  connection.receivedUnacknowledged = 0
  connection.acknowledgeAt = NEVER
}

/** @param count how many segments it is on the wire */
function send(connection: Connection, packet: PacketBuffer, count: number, trafficClass: number): void {
  let path = connection.path
  if (path.isStale) {
    const fresh = connection.context.refreshPath(path)
    if (fresh === null) {
      // No way at the moment: lost like on any network; the retransmission timer will ask again.
      packet.release()
      return
    }
    path = connection.path = fresh
  }
  connection.context.counters.OutSegs += count
  connection.segmentsSent += count
  path.ip.send(packet, path, IpProtocol.Tcp, 0, trafficClass)
}
