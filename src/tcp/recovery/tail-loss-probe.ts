/** Tail loss probe: RFC 8985, section 7. */
import { MILLISECOND, type Microseconds } from '../../clock/index.ts'
import { Congestion } from '../congestion/index.ts'
import type { Connection } from '../connection.ts'
import { isAfter, isBefore, type SequenceNumber } from '../sequence-number.ts'
import type { Delivery } from './delivery.ts'
import { outstanding } from './episodes.ts'
import { type LossRecovery, RecoveryState } from './loss-recovery.ts'
import { reopen } from './undo.ts'

/** TLP.max_ack_delay, 7.1: how long a receiver may hold back the acknowledgment of a single segment. Linux: 200 ms. */
const LONGEST_ACKNOWLEDGMENT_DELAY: Microseconds = 200 * MILLISECOND
/** As Linux (TCP_TIMEOUT_MIN): the timers of receivers are not exact. */
const SLACK: Microseconds = 2 * MILLISECOND
/**
 * 7.2: whether a probe, rather than the retransmission timer, is what comes next. Where the RFC takes one second without a
 * round-trip sample, we leave it to the timer: on a path longer than that, each segment would be sent twice, and none
 * could ever be timed.
 */
export function mayProbe(connection: Connection, recovery: LossRecovery): boolean {
  return (
    connection.selectiveAcknowledgments &&
    connection.timeout.smoothed > 0 &&
    (recovery.state === RecoveryState.Open || recovery.state === RecoveryState.Reducing) &&
    recovery.board.sacked === 0 &&
    !recovery.probeOutstanding &&
    outstanding(connection) > 0
  )
}

/** 7.2, TLP_calc_PTO(): how long to wait for it. */
export function probeTimeout(connection: Connection): Microseconds {
  const { smoothed } = connection.timeout
  const single = outstanding(connection) <= connection.segmentSize
  return 2 * smoothed + (single ? LONGEST_ACKNOWLEDGMENT_DELAY : SLACK)
}

/** 7.3: the probe is sent. @param retransmission TLP.is_retrans */
export function noteProbe(connection: Connection, recovery: LossRecovery, retransmission: boolean): void {
  recovery.probeOutstanding = true
  recovery.probeIsRetransmission = retransmission
  recovery.probeEnd = connection.sendNext
  // FlightSize of RFC 5681, should it turn out that it repairs a loss. Only the tail of it is outstanding now.
  recovery.probeFlight = Math.max(outstanding(connection), recovery.largestFlight)
}

/**
 * 7.4.2, TLP_process_ack(): what the acknowledgment says about the probe.
 * @param isProgress SND.UNA has moved
 * @param isPure nothing but an acknowledgment: no data, no window update
 */
export function probeAcknowledged(
  connection: Connection,
  recovery: LossRecovery,
  acknowledgment: SequenceNumber,
  isProgress: boolean,
  isPure: boolean,
  delivery: Delivery,
  now: Microseconds,
): void {
  if (isBefore(acknowledgment, recovery.probeEnd)) return
  if (!recovery.probeIsRetransmission || delivery.probeWasDuplicate) {
    recovery.probeOutstanding = false
  } else if (isAfter(acknowledgment, recovery.probeEnd)) {
    // What came after the probe is acknowledged, and no duplicate was reported: it repaired a loss. RFC 5681's reaction.
    recovery.probeOutstanding = false
    connection.context.counters.TCPLossProbeRecovery++
    const { congestion } = recovery
    congestion.congested(Congestion.Loss, Math.min(recovery.probeFlight, congestion.window), now)
    if (!congestion.controlsRecovery) congestion.window = Math.min(congestion.window, congestion.slowStartThreshold)
    congestion.recovered(now)
    recovery.mayUndo = false
    reopen(recovery)
  } else if (!isProgress && isPure && !delivery.sackedSomething) {
    // A duplicate acknowledgment without SACK: both copies have arrived.
    recovery.probeOutstanding = false
  }
}
