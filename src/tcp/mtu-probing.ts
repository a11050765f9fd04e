/**
 * Packetisation layer path MTU discovery: RFC 4821, in the way of Linux (tcp_mtu_probe, tcp_mtu_probing, with its
 * settings). ICMP is not needed for it: a segment of new data that is larger than the others finds out whether it gets
 * through; its loss is no sign of congestion (7.7). Between what is known to pass and what may pass the search halves (7.3).
 */
import { type Microseconds, SECOND } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import { type LossRecovery, RecoveryState, repairProbe, Sent } from './recovery/index.ts'
import { changeSegmentSize } from './retransmit.ts'
import { isBefore, type SequenceNumber, sequenceNumber } from './sequence-number.ts'

/** Linux tcp_probe_threshold: a smaller gain is not worth a probe. */
const THRESHOLD = 8
/** Linux tcp_probe_interval: then larger sizes get another chance. */
const INTERVAL: Microseconds = 600 * SECOND
/** Linux: with fewer segments in the window the loss of one is no small thing. */
const LEAST_WINDOW = 11
/** R1 of RFC 9293, 3.8.3, and Linux tcp_retries1: so many retransmissions in vain, and the path is doubted. */
const RETRANSMISSIONS_IN_VAIN = 3

/** What `probeLength` says besides a length: no probe now, and: nothing else either, so that the window has room for one. */
export const NO_PROBE = 0
export const WAIT_FOR_ROOM = -1

/** The search of one connection. Sizes are of packets, IP header included. */
export class MtuProbing {
  /** search_low, search_high of RFC 4821, 7.1: a packet of this size passes; none of more than this is thought to. */
  low: number
  high: number
  /** `high` is what a probe has told, and not only what is not known yet. */
  highFailed = false
  /** Of the probe under way; 0: none. */
  probeSize = 0
  probeStart: SequenceNumber = sequenceNumber(0)
  probeEnd: SequenceNumber = sequenceNumber(0)
  since: Microseconds

  constructor(low: number, high: number, now: Microseconds) {
    this.low = low
    this.high = high
    this.since = now
  }

  /** What packets may have, on a path whose MTU is said to be `mtu`. */
  limit(mtu: number): number {
    if (this.high > mtu) this.high = mtu
    return Math.min(mtu, this.low)
  }

  /** The size to try next; 0: the search is over. */
  get candidate(): number {
    const interval = this.high - this.low
    if (interval >= THRESHOLD) return (this.high + this.low) >> 1
    // Mostly nothing is in the way, and full packets of the link pass.
    return interval > 0 && !this.highFailed ? this.high : 0
  }
}

/** The setting `mtuProbing` is 'always': the search begins with the first data. */
export function beginMtuProbing(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
  const low = connection.context.settings.baseSegmentSize + connection.segmentOverhead
  recovery.mtuProbing = new MtuProbing(low, connection.largestPacket, now)
}

/**
 * 7.7 (black hole detection): the retransmission timer has expired once more. The peer may be gone; but if it is the size
 * of our segments that keeps them from getting through, smaller ones help.
 */
export function suspectBlackHole(connection: Connection, recovery: LossRecovery, now: Microseconds): void {
  const { settings, counters } = connection.context
  if (settings.mtuProbing === 'off' || recovery.timeouts <= RETRANSMISSIONS_IN_VAIN) return
  // The peer has shut its window: what we send again are probes of that.
  if (connection.sendWindow === 0) return
  const { mtuProbing } = recovery
  let size = settings.baseSegmentSize
  if (mtuProbing !== null) {
    const half = (mtuProbing.low - connection.segmentOverhead) >> 1
    size = Math.max(Math.min(size, half), settings.minimumSegmentSize)
  }
  const { first } = recovery.board
  // What is as small as that already is lost for another reason.
  if (first === null || Math.min(first.length, connection.segmentSize) <= size) return
  counters.TCPMTUPBlackHole++
  if (mtuProbing === null) beginMtuProbing(connection, recovery, now)
  else mtuProbing.low = size + connection.segmentOverhead
  changeSegmentSize(connection)
}

/**
 * Whether new data should go as a probe now.
 * @param room of the congestion window
 * @returns payload bytes, or NO_PROBE, or WAIT_FOR_ROOM
 */
export function probeLength(
  connection: Connection,
  recovery: LossRecovery,
  mtuProbing: MtuProbing,
  outstanding: number,
  unsent: number,
  room: number,
  now: Microseconds,
): number {
  const { segmentSize, segmentOverhead, sendWindow } = connection
  const { window } = recovery.congestion
  if (
    mtuProbing.probeSize !== 0 ||
    recovery.state !== RecoveryState.Open ||
    window < LEAST_WINDOW * segmentSize ||
    // SACK blocks leave no room in a segment that is full to the last byte.
    connection.sackBlocks !== null
  ) {
    return NO_PROBE
  }
  const { candidate } = mtuProbing
  const length = candidate - segmentOverhead
  if (candidate === 0 || length <= segmentSize) {
    searchAgain(connection, mtuProbing, now)
    return NO_PROBE
  }
  // So much has to follow that a loss is found by what comes after (7.4).
  const needed = length + (recovery.reordering + 1) * segmentSize
  if (unsent < needed || sendWindow < needed || window < length) return NO_PROBE
  if (outstanding + needed > sendWindow || room < length) return outstanding === 0 ? NO_PROBE : WAIT_FOR_ROOM
  return length
}

/** After some time the path may be another one. */
function searchAgain(connection: Connection, mtuProbing: MtuProbing, now: Microseconds): void {
  if (now - mtuProbing.since < INTERVAL) return
  mtuProbing.since = now
  mtuProbing.low = connection.segmentSize + connection.segmentOverhead
  mtuProbing.high = connection.largestPacket
  mtuProbing.highFailed = false
}

export function noteMtuProbe(mtuProbing: MtuProbing, size: number, start: SequenceNumber, end: SequenceNumber): void {
  mtuProbing.probeSize = size
  mtuProbing.probeStart = start
  mtuProbing.probeEnd = end
}

/** SND.UNA has moved. 7.6.1: the probe has arrived, so segments of its size do. */
export function mtuProbeAcknowledged(connection: Connection, mtuProbing: MtuProbing): void {
  if (mtuProbing.probeSize === 0 || isBefore(connection.unacknowledged, mtuProbing.probeEnd)) return
  mtuProbing.low = mtuProbing.probeSize
  mtuProbing.probeSize = 0
  connection.context.counters.TCPMTUPSuccess++
  changeSegmentSize(connection)
}

/**
 * 7.6.2: something is believed lost. If it is the probe, and nothing else, it was too large: it is sent again in smaller
 * segments, and the window stays as it is. 7.6.4: with other losses nothing can be told, and it counts like any other.
 * @returns whether that is all that was lost
 */
export function mtuProbeLost(connection: Connection, recovery: LossRecovery): boolean {
  const { mtuProbing, board } = recovery
  if (
    mtuProbing === null ||
    mtuProbing.probeSize === 0 ||
    recovery.state >= RecoveryState.Reducing ||
    connection.unacknowledged !== mtuProbing.probeStart
  ) {
    return false
  }
  let lost = 0
  for (let segment = board.first; segment !== null; segment = segment.next) {
    if (!isBefore(segment.start, mtuProbing.probeEnd)) break
    if ((segment.flags & Sent.Lost) !== 0) lost += segment.length
  }
  if (board.lost > lost) return false
  // An ICMP message may have said more already.
  mtuProbing.high = Math.min(mtuProbing.high, mtuProbing.probeSize - 1)
  mtuProbing.highFailed = true
  mtuProbing.probeSize = 0
  connection.context.counters.TCPMTUPFail++
  repairProbe(connection, recovery, mtuProbing.probeEnd)
  return true
}
