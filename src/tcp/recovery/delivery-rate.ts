/** Delivery rate samples: draft-ietf-ccwg-bbr, section 4.1 (formerly draft-cheng-iccrg-delivery-rate-estimation). */
import type { Microseconds } from '../../clock/index.ts'
import { LARGE } from '../../packet/index.ts'
import type { AcknowledgmentSample } from '../congestion/index.ts'
import { isBefore, type SequenceNumber, sequenceNumber } from '../sequence-number.ts'
import type { Delivery } from './delivery.ts'
import { type LossRecovery, NEVER } from './loss-recovery.ts'
import { isSentAfter } from './scoreboard.ts'
import { Sent, type SentSegment } from './sent-segment.ts'

/** The sample in the making, while one acknowledgment is processed. One object: nothing else runs meanwhile. */
export class RateSampling {
  /** The newest segment that this acknowledgment delivers. */
  sentAt: Microseconds = NEVER
  end: SequenceNumber = sequenceNumber(0)
  priorDelivered = LARGE
  deliveredAt: Microseconds = 0
  sendInterval: Microseconds = 0
  lostWhenSent = LARGE
  flightWhenSent = 0
  isApplicationLimited = false

  reset(): void {
    this.sentAt = NEVER
  }
}

/** 4.1.2.2: a segment goes out. @param flight bytes in flight without it */
export function noteSent(recovery: LossRecovery, segment: SentSegment, flight: number, now: Microseconds): void {
  if (flight === 0) {
    recovery.firstSentAt = now
    recovery.deliveredAt = now
  }
  segment.firstSentAt = recovery.firstSentAt
  segment.deliveredAt = recovery.deliveredAt
  segment.delivered = recovery.delivered
  segment.lost = recovery.totalLost
  segment.flight = flight + segment.length
  if (recovery.applicationLimitedUntil > 0) segment.flags |= Sent.ApplicationLimited
  else segment.flags &= ~Sent.ApplicationLimited
}

/** 4.1.2.3, UpdateRateSample(): the peer has got `segment`. */
export function noteDelivered(recovery: LossRecovery, sampling: RateSampling, segment: SentSegment): void {
  if ((segment.flags & Sent.RateSampled) !== 0) return
  segment.flags |= Sent.RateSampled
  if (sampling.sentAt !== NEVER && !isSentAfter(segment.sentAt, segment.end, sampling.sentAt, sampling.end)) return
  sampling.sentAt = segment.sentAt
  sampling.end = segment.end
  sampling.priorDelivered = segment.delivered
  sampling.deliveredAt = segment.deliveredAt
  sampling.sendInterval = segment.sentAt - segment.firstSentAt
  sampling.lostWhenSent = segment.lost
  sampling.flightWhenSent = segment.flight
  sampling.isApplicationLimited = (segment.flags & Sent.ApplicationLimited) !== 0
  recovery.firstSentAt = segment.sentAt
}

/** 4.1.2.3, GenerateRateSample(): after all of the acknowledgment has been taken in. */
export function finishSample(
  recovery: LossRecovery,
  delivery: Delivery,
  sample: AcknowledgmentSample,
  now: Microseconds,
): void {
  if (recovery.applicationLimitedUntil > 0 && recovery.delivered > recovery.applicationLimitedUntil) {
    recovery.applicationLimitedUntil = 0
  }
  const { sampling } = delivery
  if (delivery.delivered > 0) recovery.deliveredAt = now
  sample.totalDelivered = recovery.delivered
  sample.rateDelivered = sample.rateLost = sample.flightWhenSent = 0
  sample.rateInterval = 0
  sample.priorDelivered = 0
  sample.isApplicationLimited = false
  if (sampling.sentAt === NEVER) return
  sample.priorDelivered = sampling.priorDelivered
  sample.isApplicationLimited = sampling.isApplicationLimited
  sample.rateDelivered = recovery.delivered - sampling.priorDelivered
  sample.rateLost = recovery.totalLost - sampling.lostWhenSent
  sample.flightWhenSent = sampling.flightWhenSent
  // The slower of sending and acknowledging: acknowledgments may be compressed, and so may sending.
  const interval = Math.max(sampling.sendInterval, now - sampling.deliveredAt)
  // Faster than a round trip: a retransmission was taken for what it was not.
  if (interval <= 0 || interval < recovery.minimum) return
  sample.rateInterval = interval
  if (
    !sample.isApplicationLimited ||
    sample.rateDelivered * recovery.rateInterval >= recovery.rateDelivered * interval
  ) {
    recovery.rateDelivered = sample.rateDelivered
    recovery.rateInterval = interval
  }
}

/** 4.1.2.4: all that the application has written is sent, and the window had room for more. */
export function noteApplicationLimited(recovery: LossRecovery, flight: number): void {
  recovery.applicationLimitedUntil = Math.max(recovery.delivered + flight, 1)
}

/** Linux tcp_cwnd_validate: whether the window was what limited us, in the last window's worth of data. */
export function noteWindowUse(
  recovery: LossRecovery,
  limited: boolean,
  flight: number,
  unacknowledged: SequenceNumber,
  sendNext: SequenceNumber,
): void {
  if (
    !isBefore(unacknowledged, recovery.windowLimitedUntil) ||
    limited ||
    (!recovery.windowLimited && flight > recovery.largestFlight)
  ) {
    recovery.windowLimited = limited
    recovery.largestFlight = flight
    recovery.windowLimitedUntil = sendNext
  }
}

/** Linux tcp_is_cwnd_limited: in slow start the window may grow to twice what was used. */
export function isWindowLimited(recovery: LossRecovery): boolean {
  if (recovery.windowLimited) return true
  const { congestion } = recovery
  return congestion.window < congestion.slowStartThreshold && congestion.window < 2 * recovery.largestFlight
}
