/** What follows from having sent something: timers (RFC 6298, 5.1; RFC 8985, 7.2) and pacing. */
import { type Microseconds, SECOND } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import { type LossRecovery, mayProbe, pacingQuantum, probeTimeout } from './recovery/index.ts'
import { NEVER } from './transmission-control-block.ts'
import { HEADER_LENGTH, LARGEST_PAYLOAD } from './wire.ts'

/** How much may go as one segment for the device to cut: as much as fits; paced, about a millisecond's worth. */
export function largestSegment(connection: Connection, recovery: LossRecovery): number {
  const { pacingRate } = recovery.congestion
  // On loopback a full segment is longer than that, and with less than a full one the sender would wait for ever.
  const most = Math.max(LARGEST_PAYLOAD, connection.segmentSize)
  if (pacingRate === 0) return most
  return Math.min(pacingQuantum(pacingRate, connection.segmentSize), most)
}

/** @returns whether sending must wait for the pacing timer, which is set */
export function mustPace(connection: Connection, recovery: LossRecovery, now: Microseconds): boolean {
  if (recovery.nextSendAt <= now) return false
  recovery.paceAt = recovery.nextSendAt
  connection.schedule(recovery.paceAt)
  return true
}

export function afterSending(connection: Connection, recovery: LossRecovery, length: number, now: Microseconds): void {
  connection.lastSentAt = now
  if (recovery.isReducing) recovery.proportionalOut += length
  const { pacingRate } = recovery.congestion
  if (pacingRate > 0) {
    const headers = HEADER_LENGTH + connection.path.headerLength
    recovery.nextSendAt = Math.max(recovery.nextSendAt, now) + ((length + headers) / pacingRate) * SECOND
  }
}

/** RFC 6298, 5.1; RFC 8985, 7.2: new data was sent. */
export function armAfterSending(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
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

export function armRetransmission(connection: Connection, now: Microseconds): void {
  connection.probing = false
  connection.retransmitAt = now + connection.retransmissionInterval
  connection.schedule(connection.retransmitAt)
}
