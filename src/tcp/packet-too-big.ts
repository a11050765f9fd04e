/**
 * ICMP says that a segment of ours was too large for the path: RFC 1191, section 6.4, with RFC 5927, section 7.2, against
 * those who only pretend so.
 */
import type { Microseconds } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import type { LossRecovery } from './recovery/index.ts'
import { changeSegmentSize } from './retransmit.ts'
import { isBefore, type SequenceNumber } from './sequence-number.ts'
import { NEVER } from './transmission-control-block.ts'

/**
 * While the size of packets is still being found out, a message is believed at once. Packets as large as the one that is said not
 * to pass have got through, though: then the path has changed, or somebody lies; whether an acknowledgment comes in time will
 * tell. RFC 5927 waits for the retransmission timer, whose least value is many round trips on most paths.
 * @param sequence of the segment that did not pass, known to be on its way
 * @param mtu what passes, as is said
 */
export function packetTooBig(connection: Connection, sequence: SequenceNumber, mtu: number): void {
  const { recovery } = connection
  const { counters } = connection.context
  if (recovery !== null) {
    const payload = mtu - connection.segmentOverhead
    if (payload >= recovery.largestSent) {
      // Nothing that we have sent is as large.
      counters.TCPPmtuImplausible++
      return
    }
    if (payload < recovery.largestDelivered) {
      counters.TCPPmtuHeld++
      // Of several the one about the oldest data, which is overdue first.
      if (recovery.claimedMtu !== 0 && !isBefore(sequence, recovery.claimedSequence)) return
      recovery.claimedMtu = mtu
      recovery.claimedSequence = sequence
      recovery.claimDueAt = overdueAt(connection, recovery, sequence)
      if (recovery.claimDueAt !== NEVER) connection.schedule(recovery.claimDueAt)
      return
    }
  }
  lowerMtu(connection, mtu)
}

/** When the acknowledgment of what begins at `sequence` is late, as round trips have been; a quarter of one is RACK's patience. */
function overdueAt(connection: Connection, recovery: LossRecovery, sequence: SequenceNumber): Microseconds {
  const { smoothed, variation } = connection.timeout
  const segment = recovery.board.find(sequence)
  if (segment === null || smoothed === 0) return NEVER
  const patience = Math.min(Math.max(4 * variation, smoothed / 4), smoothed / 2)
  return Math.ceil(segment.sentAt + smoothed + patience)
}

/** The acknowledgment is late, or the retransmission timer has expired: what was said of a segment that has not arrived since is true. */
export function believeClaim(connection: Connection, recovery: LossRecovery): void {
  const { claimedMtu } = recovery
  if (claimedMtu === 0) return
  recovery.claimedMtu = 0
  recovery.claimDueAt = NEVER
  if (!isBefore(recovery.claimedSequence, connection.unacknowledged)) lowerMtu(connection, claimedMtu)
}

function lowerMtu(connection: Connection, mtu: number): void {
  const { path } = connection
  path.ip.lowerMtu(path, mtu)
  changeSegmentSize(connection)
}
