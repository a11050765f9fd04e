/** Sending again what is lost: RFC 6675, 5, RFC 9293, 3.8.1, RFC 1191, 6.4. */
import type { Microseconds } from '../clock/index.ts'
import { afterSending, armRetransmission, largestSegment, mustPace } from './after-sending.ts'
import type { Connection } from './connection.ts'
import { Codepoint } from './explicit-congestion-notification.ts'
import {
  flightOf,
  type LossRecovery,
  noteSent,
  RecoveryState,
  repacketize,
  Sent,
  type SentSegment,
  segmentsIn,
} from './recovery/index.ts'
import { sendSegment, timestampNow } from './send-segment.ts'
import { advance, distance } from './sequence-number.ts'
import { NEVER } from './transmission-control-block.ts'
import { Flag } from './wire.ts'

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
    const within = connection.sendWindow - distance(segment.start, connection.unacknowledged)
    if (within <= 0 && segment !== board.first) return false
    // FIN takes a number, but goes with the last segment however full that is.
    const fin = (segment.flags & Sent.Fin) !== 0 ? 1 : 0
    const most = Math.min(Math.max(room, segmentSize), largestSegment(connection, recovery)) + fin
    let length = Math.min(within > 0 ? within : segmentSize + fin, most)
    if (length < segment.length) {
      if (length > segmentSize) length -= length % segmentSize
      board.split(segment, advance(segment.start, length), segmentSize)
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
  segment.count = segmentsIn(length, segmentSize)
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
