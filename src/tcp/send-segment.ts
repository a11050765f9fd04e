/** Building segments and handing them to the internet layer: RFC 9293, 3.1 and 3.8; RFC 7323, 3. */
import { pseudoHeaderSum } from '../checksum/index.ts'
import { IpProtocol } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, Segmentation } from '../packet/index.ts'
import type { Connection } from './connection.ts'
import { Codepoint, Ecn, synFlags } from './explicit-congestion-notification.ts'
import { cookieToSend, dataForSyn } from './fast-open.ts'
import {
  SACK_BLOCK_LENGTH,
  SACK_HEADER_LENGTH,
  synOptionsLength,
  TIMESTAMPS_LENGTH,
  writeSack,
  writeSynOptions,
  writeTimestamps,
} from './options.ts'
import { segmentsIn } from './recovery/index.ts'
import { collectedEdges, collectSackBlocks } from './sack-blocks.ts'
import { advance, distance, isAfter, type SequenceNumber } from './sequence-number.ts'
import { State } from './state.ts'
import { NEVER } from './transmission-control-block.ts'
import { CHECKSUM_OFFSET, Flag, HEADER_LENGTH, writeHeader } from './wire.ts'

/** Timestamp clock: milliseconds, as Linux; RFC 7323, 5.4, allows 1 ms to 1 s. */
export function timestampNow(connection: Connection): number {
  return (Math.floor(connection.context.time() / 1000) + connection.timestampOffset) | 0
}

/**
 * Builds and sends one segment with the acknowledgment and window of this moment.
 * @param flags CWR among them goes with the first of the segments that the device makes of it only
 * @param size payload bytes of these segments
 */
export function sendSegment(
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
    if (length > 0) load(connection, packet, offset, length, size)
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

/** From here on a payload is gathered where that is possible: below, a copy takes less than the system call for the pieces. */
const LEAST_GATHERED = 8192

/** Puts [offset, offset + length) of what is to be sent into a packet, or has the device gather it. */
function load(connection: Connection, packet: PacketBuffer, offset: number, length: number, size: number): void {
  const { sendBuffer } = connection
  const mayGather = connection.gathers && length > size && length >= LEAST_GATHERED
  if (mayGather && sendBuffer.gather(offset, length, packet)) return
  sendBuffer.copy(offset, length, packet.memory.bytes, packet.start)
}

/**
 * A segment without data or SYN: acknowledgment, window update, probe. It carries SND.NXT, also
 * while something is being sent again: to a peer that has received all of it, anything less is an old segment, whose
 * acknowledgment it must ignore; two such peers would never hear each other.
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
  path.ip.send(packet, path, IpProtocol.Tcp, 0, trafficClass | connection.differentiatedServices)
}
