/** What the sender asks of a congestion control; one object per connection. All amounts are in bytes. */
export interface CongestionControl {
  /** cwnd. */
  readonly window: number
  /** ssthresh. */
  readonly slowStartThreshold: number
  /** New data was acknowledged outside of loss recovery, while the window was what limited the sender. */
  acknowledged(bytes: number): void
  /** Three duplicate acknowledgments: recovery begins. @param flightSize bytes sent and not acknowledged */
  enterRecovery(flightSize: number): void
  /** A duplicate acknowledgment during recovery: a segment has left the network. */
  duplicateAcknowledgment(): void
  /** An acknowledgment during recovery that covers new data, but not all that was outstanding at its start. */
  partialAcknowledgment(bytes: number): void
  /** Everything outstanding at the start of recovery is acknowledged. */
  exitRecovery(flightSize: number): void
  /** The retransmission timer expired. @param repeated whether it expired for the same data before */
  timedOut(flightSize: number, repeated: boolean): void
  /** Nothing was sent for longer than a retransmission timeout; RFC 5681, 4.1. */
  restartAfterIdle(): void
  /** The segment size has changed (path MTU). */
  setSegmentSize(bytes: number): void
}

/** RFC 6928, section 2. */
export function initialWindow(segmentSize: number): number {
  return Math.min(10 * segmentSize, Math.max(2 * segmentSize, 14_600))
}
