/**
 * Sending: when to send what (RFC 9293, sections 3.7.4 and 3.8.6.2.1) and the building of segments. A segment built
 * here may stand for many on the wire: the device, or the segmenter above it, cuts it to `segmentSize`.
 */
import { pseudoHeaderSum } from '../checksum/index.ts'
import { IpProtocol } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, Segmentation } from '../packet/index.ts'
import { type Connection, NEVER } from './connection.ts'
import {
  SACK_BLOCK_LENGTH,
  SACK_HEADER_LENGTH,
  TIMESTAMPS_LENGTH,
  writeSack,
  writeSynOptions,
  writeTimestamps,
} from './options.ts'
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

/** Sends everything that the windows, Nagle and the silly-window rule allow now. */
export function transmit(connection: Connection): void {
  const state = connection.state
  if (state < State.Established) return
  if (connection.path.mtu !== connection.pathMtu) connection.updateSegmentSize()
  if (connection.retransmitFirst) {
    connection.retransmitFirst = false
    retransmit(connection)
  }
  const buffer = connection.sendBuffer
  for (;;) {
    const offset = distance(connection.sendNext, connection.sendBase)
    const unsent = buffer.length - offset
    const finPending = connection.finQueued && unsent >= 0
    if (unsent <= 0 && !finPending) return
    const flight = connection.flightSize
    if (flight === 0) restartAfterIdle(connection)
    const window = Math.min(connection.sendWindow, connection.congestion.window)
    const usable = window - flight
    const segmentSize = connection.segmentSize
    let length = Math.min(unsent, usable, LARGEST_PAYLOAD)
    if (length < 0) length = 0
    if (length > segmentSize && length < unsent) length -= length % segmentSize
    let last = length === unsent
    // FIN takes a place in the window like a byte.
    const withFin = last && finPending && usable > length
    if (!withFin && length % segmentSize !== 0 && !maySendShort(connection, length, last, flight)) {
      // Whole segments may go without the short one at their end.
      length -= length % segmentSize
      last = false
    }
    if (length === 0 && !withFin) {
      // Something waits, nothing is on its way: only a window update can help, and it may get lost.
      if (flight === 0 && !connection.persisting) startPersisting(connection)
      return
    }
    if (connection.persisting) {
      connection.persisting = false
      connection.timeout.backoff = 0
      connection.retransmitAt = NEVER
    }
    // PSH where the queue empties (RFC 9293, 3.9.1.2).
    let flags: number = last && length > 0 ? Flag.Ack | Flag.Psh : Flag.Ack
    if (withFin) flags |= Flag.Fin
    if (!sendData(connection, offset, length, flags)) return
  }
}

/** RFC 9293, 3.8.6.2.1 (sender's silly window avoidance) with Nagle's rule of 3.7.4, for less than a full segment. */
function maySendShort(connection: Connection, length: number, last: boolean, flight: number): boolean {
  // (2), (3): all that is queued can go, and Nagle allows. A queued FIN means that no more data will join this segment.
  if (last && (flight === 0 || connection.noDelay || connection.finQueued)) return true
  // Nagle as Linux does it (Minshall): one short segment may be on its way, not two.
  if (last && !isAfter(connection.shortSequence, connection.unacknowledged)) return true
  // (4) at least half of the largest window.
  return length >= connection.largestSendWindow / 2 && length > 0
}

/** RFC 5681, 4.1: after an idle time of more than one RTO the window no longer says anything about the path. */
function restartAfterIdle(connection: Connection): void {
  const idle = connection.context.time() - connection.lastSentAt
  if (idle > connection.timeout.current) connection.congestion.restartAfterIdle()
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
  const unsent = connection.sendBuffer.length - distance(connection.sendNext, connection.sendBase)
  const length = Math.min(unsent, connection.sendWindow, connection.segmentSize)
  const withFin = connection.finQueued && length === unsent && length < connection.sendWindow
  if (length <= 0 && !withFin) return false
  connection.persisting = false
  connection.timeout.backoff = 0
  const flags = Flag.Ack | (length > 0 && length === unsent ? Flag.Psh : 0) | (withFin ? Flag.Fin : 0)
  return sendData(connection, distance(connection.sendNext, connection.sendBase), length, flags)
}

/** Sends [offset, offset + length) of the buffer at SND.NXT. @returns false if packet memory is exhausted */
function sendData(connection: Connection, offset: number, length: number, flags: number): boolean {
  const now = connection.context.time()
  const sequence = connection.sendNext
  // Not SND.NXT, which is back at SND.UNA when the timer has expired.
  const idle = connection.unacknowledged === connection.sendHighest
  if (!sendSegment(connection, sequence, offset, length, flags)) {
    // Nothing may be on its way whose acknowledgment would bring us back here: let the timer do it.
    if (connection.retransmitAt === NEVER) {
      connection.retransmitAt = now + connection.retransmissionInterval
      connection.schedule(connection.retransmitAt)
    }
    return false
  }
  const next = advance(sequence, length + ((flags & Flag.Fin) === 0 ? 0 : 1))
  if (length % connection.segmentSize !== 0) connection.shortSequence = next
  connection.sendNext = next
  if (isAfter(next, connection.sendHighest)) {
    connection.sendHighest = next
    if (connection.timedAt === NEVER) {
      connection.timedAt = now
      // The first segment of many: its acknowledgment comes soonest, and also when one behind it is lost.
      connection.timedSequence = length > connection.segmentSize ? advance(sequence, connection.segmentSize) : next
    }
  } else {
    connection.context.counters.RetransSegs++
    connection.retransmissions++
    connection.retransmittedAt = now
    connection.timedAt = NEVER
  }
  connection.lastSentAt = now
  if (idle) connection.progressAt = now
  // RFC 6298, 5.1
  if (connection.retransmitAt === NEVER) {
    connection.retransmitAt = now + connection.retransmissionInterval
    connection.schedule(connection.retransmitAt)
  }
  return true
}

/** Sends the first unacknowledged segment once more: one segment, as the network may be congested. */
export function retransmit(connection: Connection): void {
  if (connection.path.mtu !== connection.pathMtu) connection.updateSegmentSize()
  const offset = distance(connection.unacknowledged, connection.sendBase)
  const unacknowledged = connection.sendBuffer.length - offset
  const length = Math.min(
    unacknowledged,
    connection.segmentSize,
    distance(connection.sendHighest, connection.unacknowledged),
  )
  const withFin =
    connection.finQueued && length >= unacknowledged && distance(connection.sendHighest, connection.sendEnd) > 0
  if (length <= 0 && !withFin) return
  const flags = (withFin ? Flag.Fin : 0) | Flag.Ack | (length > 0 && length === unacknowledged ? Flag.Psh : 0)
  connection.context.counters.RetransSegs++
  connection.retransmissions++
  connection.retransmittedAt = connection.context.time()
  // Karn's algorithm (RFC 6298, 3): what is now acknowledged may be either copy.
  connection.timedAt = NEVER
  sendSegment(connection, connection.unacknowledged, offset, Math.max(length, 0), flags)
  connection.lastSentAt = connection.context.time()
}

/** Builds and sends one segment with the acknowledgment and window of this moment. */
function sendSegment(
  connection: Connection,
  sequence: SequenceNumber,
  offset: number,
  length: number,
  flags: number,
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
  if (length > connection.segmentSize) {
    packet.segmentation = connection.path.ip.family === 4 ? Segmentation.TcpV4 : Segmentation.TcpV6
    packet.segmentSize = connection.segmentSize
  } else {
    packet.segmentation = Segmentation.None
  }
  pushHeader(connection, packet, sequence, flags)
  acknowledged(connection)
  send(connection, packet)
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
  send(connection, packet)
}

/** SND.NXT, unless the peer has shrunk its window so that it would drop this as too far ahead: its edge (as Linux). */
function acceptableSequence(connection: Connection): SequenceNumber {
  const beyond = distance(connection.sendHighest, connection.unacknowledged) - connection.sendWindow
  // A scaled window is rounded down: it may seem to shrink by less than a unit (RFC 7323, 2.4).
  if (beyond < 1 << connection.sendWindowScale) return connection.sendHighest
  return advance(connection.unacknowledged, connection.sendWindow)
}

/** SYN (in SYN-SENT) or SYN-ACK (in SYN-RECEIVED). */
export function sendSyn(connection: Connection): void {
  const context = connection.context
  const packet = context.memory.allocate(0)
  if (packet === null) {
    context.counters.TCPSendNoMemory++
    return
  }
  const view = packet.memory.view
  const answering = connection.state === State.SynReceived
  packet.push(40)
  const options = packet.start + HEADER_LENGTH
  const length =
    HEADER_LENGTH +
    writeSynOptions(
      view,
      options,
      connection.offeredSegmentSize,
      (answering ? connection.windowScaling : context.settings.windowScaling) ? connection.receiveWindowScale : -1,
      answering ? connection.timestamps : context.settings.timestamps,
      timestampNow(connection),
      connection.recentTimestamp,
      answering ? connection.selectiveAcknowledgments : context.settings.selectiveAcknowledgments,
    )
  packet.end = packet.start + length
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
    answering ? Flag.Syn | Flag.Ack : Flag.Syn,
    window,
  )
  send(connection, packet)
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
  if (isAfter(edge, connection.receiveEdge)) connection.receiveEdge = edge
  connection.lastAcknowledgmentSent = connection.receiveNext
  finishHeader(connection, packet, sequence, connection.receiveNext, length, flags, field)
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

function send(connection: Connection, packet: PacketBuffer): void {
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
  connection.context.counters.OutSegs++
  path.ip.send(packet, path, IpProtocol.Tcp, 0, 0)
}
