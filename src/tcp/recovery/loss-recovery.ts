/**
 * What the sender of one connection knows about its losses: made when the first data is sent, so that connections that
 * only listen go without. The algorithms stand in files of their own and work on this record.
 */
import type { Microseconds } from '../../clock/index.ts'
import { LARGE } from '../../packet/index.ts'
import type { CongestionControl } from '../congestion/index.ts'
import type { MtuProbing } from '../mtu-probing.ts'
import { type SequenceNumber, sequenceNumber } from '../sequence-number.ts'
import { Scoreboard } from './scoreboard.ts'
import type { SentSegment, SentSegmentPool } from './sent-segment.ts'

/** In the order and with the numbers of Linux (tcp_info's tcpi_ca_state). */
export const RecoveryState = {
  /** Nothing unusual. */
  Open: 0,
  /** SACKs or duplicate acknowledgments arrive: reordering, or the first signs of a loss. */
  Disorder: 1,
  /** The window is being reduced although nothing is lost: an ECN echo (RFC 3168). */
  Reducing: 2,
  /** Fast recovery: RFC 6675, RFC 8985, RFC 6937. */
  Recovery: 3,
  /** After a retransmission timeout. */
  Loss: 4,
} as const
export type RecoveryState = (typeof RecoveryState)[keyof typeof RecoveryState]

/** RFC 5681, 3.2: so many duplicate acknowledgments mean a loss, until reordering was seen. */
export const DUPLICATE_THRESHOLD = 3

export const NEVER: Microseconds = Number.POSITIVE_INFINITY

/** What is `LARGE` below begins with 0. */
export class LossRecovery {
  readonly board: Scoreboard
  readonly congestion: CongestionControl
  state: RecoveryState = RecoveryState.Open

  /** The episode ends when this is acknowledged: RecoveryPoint of RFC 6675, `recover` of RFC 6582. */
  recoveryPoint: SequenceNumber
  /** How many segments out of order do not yet mean a loss: at least DUPLICATE_THRESHOLD, grows with reordering. */
  reordering = DUPLICATE_THRESHOLD
  reorderingSeen = 0

  // Proportional rate reduction, RFC 6937, section 3. RecoverFS is the window at the start.
  priorWindow = 0
  proportionalDelivered = 0
  proportionalOut = 0

  // Undoing a reduction: RFC 3522 (Eifel detection), RFC 3708 (D-SACK), RFC 4015.
  /** Where the episode that could be undone began; meaningful while `mayUndo`. */
  undoMarker: SequenceNumber
  mayUndo = false
  /** Bytes retransmitted in the episode and not yet reported as duplicates; -1: nothing was retransmitted. */
  undoRetransmitted = -1
  /** Our timestamp when the episode's first retransmission was sent; meaningful while `hasRetransmitted`. */
  retransmissionTimestamp = 0
  hasRetransmitted = false
  /** The peer has echoed congestion in this episode: the window stays reduced, whatever the losses turn out to be. */
  reductionStands = false
  /** The window was reduced, and with ECN the next new data says so: CWR, RFC 3168, 6.1.2. */
  reductionDue = false
  /** F-RTO is on: RFC 5682. */
  timeoutMayBeSpurious = false
  /** RFC 5682, 2.1 step 2b: this time new data goes before retransmissions. */
  newDataFirst = false
  /** How often the retransmission timer has expired since the last progress. */
  timeouts = 0
  /** Bytes ever sent again, and how many of them the peer has reported as duplicates. */
  totalRetransmitted = LARGE
  duplicatesReported = LARGE
  /** The same in segments, for the snapshot. */
  duplicateSegmentsReported = 0

  // RACK, RFC 8985, section 6.1.
  /** -1: nothing was delivered yet. */
  rackSentAt: Microseconds = -1
  rackEnd: SequenceNumber = sequenceNumber(0)
  rackRoundTrip: Microseconds = 0
  /** Something was delivered that moved `rackSentAt`, since losses were last looked for. */
  rackAdvanced = false
  /** RACK.reo_wnd_mult: in quarters of the smallest round trip. */
  reorderingWindowSteps = 1
  /** RACK.reo_wnd_persist: recoveries that the widened window lasts. */
  reorderingWindowPersists = 0
  duplicateSackSeen = false
  /** `delivered` when the window was last widened: once per round trip. */
  reorderingWindowDelivered = LARGE
  /** The reordering timer (RACK_detect_loss_and_arm_timer). */
  reorderingAt: Microseconds = NEVER

  // Tail loss probe, RFC 8985, section 7.
  /** TLP.end_seq, while a probe is outstanding. */
  probeEnd: SequenceNumber = sequenceNumber(0)
  probeOutstanding = false
  /** The most that was in flight in the window that it belongs to. */
  probeFlight = 0
  /** TLP.is_retrans */
  probeIsRetransmission = false

  // Delivery rate, draft-ietf-ccwg-bbr, section 4.1.
  /** Bytes delivered, cumulatively or by SACK. */
  delivered = LARGE
  /** The same in segments, without what only duplicate acknowledgments stand for: for the snapshot. */
  deliveredSegments = 0
  /** Those delivered by acknowledgments that echo congestion. */
  deliveredEchoed = 0
  deliveredAt: Microseconds = 0
  firstSentAt: Microseconds = 0
  /** While not 0: what is sent until so many bytes are delivered is limited by the application. */
  applicationLimitedUntil = LARGE
  /** Bytes ever found lost. */
  totalLost = LARGE
  /** The last sample, bytes in microseconds, and whether the application limited it: for the snapshot. */
  rateDelivered = 0
  rateInterval: Microseconds = 0

  // Whether the window is what limits us (Linux tcp_is_cwnd_limited).
  windowLimited = false
  /** The most that was in flight in the window that ends at `windowLimitedUntil`. */
  largestFlight = 0
  windowLimitedUntil: SequenceNumber

  // Path MTU: payload bytes of the largest segment sent and of the largest delivered at the present segment size (maxsizesent
  // and maxsizeacked of RFC 5927, 7.2), and what an ICMP message says that waits for its proof; 0: none.
  largestSent = 0
  largestDelivered = 0
  claimedMtu = 0
  claimedSequence: SequenceNumber = sequenceNumber(0)
  claimDueAt: Microseconds = NEVER
  /** RFC 4821, where it is used. */
  mtuProbing: MtuProbing | null = null

  // Pacing.
  /** When the next segment may be sent; meaningful while the congestion control paces. */
  nextSendAt: Microseconds = 0
  /** The pacing timer. */
  paceAt: Microseconds = NEVER

  /** Smallest round trips of the two last periods of `MINIMUM_PERIOD`: RACK.min_RTT. */
  minimumRoundTrip: Microseconds = NEVER
  previousMinimum: Microseconds = NEVER
  minimumSince: Microseconds = 0

  constructor(pool: SentSegmentPool, congestion: CongestionControl, sequence: SequenceNumber) {
    this.board = new Scoreboard(pool)
    this.congestion = congestion
    this.recoveryPoint = sequence
    this.undoMarker = sequence
    this.windowLimitedUntil = sequence
    this.totalRetransmitted = this.duplicatesReported = this.totalLost = 0
    this.delivered = this.applicationLimitedUntil = this.reorderingWindowDelivered = 0
  }

  /** Bytes on their way: the pipe of RFC 6675. @param outstanding SND.NXT - SND.UNA */
  flight(outstanding: number): number {
    const { sacked, lost, retransmitted } = this.board
    return outstanding - sacked - lost + retransmitted
  }

  /** PRR leads the window: RFC 6937. */
  get isReducing(): boolean {
    return this.state === RecoveryState.Reducing || this.state === RecoveryState.Recovery
  }

  get inRecovery(): boolean {
    return this.state >= RecoveryState.Recovery
  }

  /** The smallest round trip of the last minutes. */
  get minimum(): Microseconds {
    return Math.min(this.minimumRoundTrip, this.previousMinimum)
  }

  /** A record has arrived. */
  noteSize(segment: SentSegment): void {
    const size = Math.min(segment.length, segment.size)
    if (size > this.largestDelivered) this.largestDelivered = size
  }

  /** RFC 8985, 6.2 step 1: a windowed filter, so that a longer route is noticed; five minutes as Linux (tcp_min_rtt_wlen). */
  noteRoundTrip(roundTrip: Microseconds, now: Microseconds): void {
    if (now - this.minimumSince > MINIMUM_PERIOD) {
      this.previousMinimum = this.minimumRoundTrip
      this.minimumRoundTrip = roundTrip
      this.minimumSince = now
    } else if (roundTrip < this.minimumRoundTrip) {
      this.minimumRoundTrip = roundTrip
    }
  }
}

const MINIMUM_PERIOD = 150_000_000

/** Nothing is outstanding, nothing was ever lost or reordered: a new record would say the same. */
export function hasLearntNothing(recovery: LossRecovery): boolean {
  const { board } = recovery
  return (
    recovery.state === RecoveryState.Open &&
    board.records === 0 &&
    board.sacked === 0 &&
    recovery.totalRetransmitted === 0 &&
    recovery.totalLost === 0 &&
    recovery.duplicatesReported === 0 &&
    recovery.reordering === DUPLICATE_THRESHOLD &&
    recovery.reorderingSeen === 0 &&
    recovery.deliveredEchoed === 0 &&
    recovery.mtuProbing === null &&
    !recovery.reductionDue
  )
}
