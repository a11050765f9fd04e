/** Proportional rate reduction: RFC 6937, section 3, with the slow start reduction bound (PRR-SSRB), as Linux. */
import type { LossRecovery } from './loss-recovery.ts'

/** Recovery, or a reduction for an ECN echo, begins; the congestion control has set the threshold. */
export function beginReduction(recovery: LossRecovery): void {
  recovery.priorWindow = recovery.congestion.window
  recovery.proportionalDelivered = 0
  recovery.proportionalOut = 0
  recovery.reductionDue = true
}

/**
 * Upon every acknowledgment in the reduction.
 * @param delivered bytes newly delivered (DeliveredData)
 * @param lost bytes newly believed lost
 * @param flight bytes in flight now (pipe)
 * @param isProgress SND.UNA has moved
 */
export function reduceProportionally(
  recovery: LossRecovery,
  delivered: number,
  lost: number,
  flight: number,
  isProgress: boolean,
  segmentSize: number,
): void {
  if (recovery.priorWindow === 0 || (delivered <= 0 && recovery.proportionalOut > 0)) return
  const threshold = recovery.congestion.slowStartThreshold
  recovery.proportionalDelivered += delivered
  let allowed: number
  if (flight > threshold) {
    allowed = Math.ceil((recovery.proportionalDelivered * threshold) / recovery.priorWindow) - recovery.proportionalOut
  } else {
    allowed = Math.max(recovery.proportionalDelivered - recovery.proportionalOut, delivered)
    // At the beginning whole segments, or the probe that found out about a lost tail (RFC 8985, 7), which is often the short
    // one at the end, would bring back less than a segment.
    const begins = recovery.proportionalOut === 0
    if (begins) allowed = Math.ceil(allowed / segmentSize) * segmentSize
    // The bound: one segment on top, as slow start would have it; after the beginning only while nothing more is lost (Linux).
    if (begins || (isProgress && lost === 0)) allowed += segmentSize
    allowed = Math.min(threshold - flight, allowed)
  }
  // The fast retransmit itself goes out whatever the pipe holds.
  allowed = Math.max(allowed, recovery.proportionalOut > 0 ? 0 : segmentSize)
  // Amounts are in bytes, and what was delivered may be less than a segment: with nothing on its way one must go.
  if (flight < segmentSize) allowed = Math.max(allowed, segmentSize - flight)
  recovery.congestion.window = flight + allowed
}
