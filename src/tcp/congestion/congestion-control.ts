/**
 * What the sender asks of a congestion control: one object per connection, made when the first data is sent. Amounts
 * are in bytes. Loss detection and recovery (which segments are lost, when a recovery begins, ends or turns out to be
 * spurious, and how fast it sends: PRR) are the sender's; how much may be in flight is decided here.
 */
import type { Microseconds } from '../../clock/index.ts'
import type { AcknowledgmentSample } from './acknowledgment-sample.ts'

/** How much may be in flight is up to: CUBIC (RFC 9438), NewReno (RFC 6582) or BBR (draft-ietf-ccwg-bbr). */
export type CongestionControlName = 'cubic' | 'newreno' | 'bbr'

/** No window is larger than what a scaled receive window can express (RFC 7323, 2.3). As a threshold: none known yet. */
export const LARGEST_WINDOW = 2 ** 30

/** Why the window must shrink. */
export const Congestion = {
  /** A segment was lost. */
  Loss: 0,
  /** The peer echoed CE: RFC 3168, 6.1.2; RFC 8511. */
  Echo: 1,
} as const
export type Congestion = (typeof Congestion)[keyof typeof Congestion]

export interface CongestionControl {
  readonly name: CongestionControlName
  /** cwnd. The sender sets it in recovery (RFC 6937), unless `controlsRecovery`. */
  window: number
  /** ssthresh. */
  slowStartThreshold: number
  /** Bytes per second at which to send, evenly spread; 0: as the window allows. */
  readonly pacingRate: number
  /** It sets `window` also during recovery: BBR. */
  readonly controlsRecovery: boolean
  /**
   * An acknowledgment that moved SND.UNA or delivered something. For controls with `controlsRecovery` each one, for
   * others those outside of recovery.
   * @param limited the window, and not the application, was what limited the sender: without it nothing may grow (RFC 9438,
   *   5.8, in the spirit of RFC 7661)
   */
  acknowledged(sample: AcknowledgmentSample, limited: boolean): void
  /**
   * Congestion, at most once per window: sets `slowStartThreshold`, and remembers what `undo` needs. The sender leads
   * `window` there (PRR), or for Echo the control's owner does so over the next round trip in the same way.
   * @param flight bytes in flight, all that is outstanding
   */
  congested(cause: Congestion, flight: number, now: Microseconds): void
  /** Recovery from a loss, or the reduction for an echo, is over: `window` has reached what it was led to. */
  recovered(now: Microseconds): void
  /**
   * The retransmission timer expired.
   * @param repeated it expired for the same data before: the threshold stays (RFC 5681, 3.1)
   */
  timedOut(flight: number, repeated: boolean, now: Microseconds): void
  /** The last `congested` or `timedOut` was wrong: everything as before it, as far as that is not less. */
  undo(now: Microseconds): void
  /** Nothing was in flight for `idle`, more than a retransmission timeout; RFC 5681, 4.1. */
  restartAfterIdle(idle: Microseconds, retransmissionTimeout: Microseconds, now: Microseconds): void
  /** Sending begins again with nothing in flight, after less idle time than that. */
  resumed(idle: Microseconds, now: Microseconds): void
  /** The segment size has changed (path MTU). */
  setSegmentSize(bytes: number): void
}

/** RFC 6928, section 2. */
export function initialWindow(segmentSize: number): number {
  return Math.min(10 * segmentSize, Math.max(2 * segmentSize, 14_600))
}
