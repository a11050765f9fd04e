import type { Microseconds } from '../../clock/index.ts'
import { LARGE } from '../../packet/index.ts'
import { type SequenceNumber, sequenceNumber } from '../sequence-number.ts'

/**
 * What one acknowledgment told the sender, for its congestion control: amounts in bytes, and a sample of the delivery
 * rate (draft-ietf-ccwg-bbr, section 4.1). One object is reused for all.
 */
export class AcknowledgmentSample {
  now: Microseconds = 0
  /** SND.UNA and SND.NXT after the acknowledgment. */
  unacknowledged: SequenceNumber = sequenceNumber(0)
  sendNext: SequenceNumber = sequenceNumber(0)
  /** Bytes by which SND.UNA moved. */
  acknowledged = 0
  /** Bytes that arrived as far as this acknowledgment tells for the first time, cumulatively or by SACK. */
  delivered = 0
  /** Bytes found lost by this acknowledgment. */
  lost = 0
  /** Bytes in flight (the pipe of RFC 6675) before and after. */
  flightBefore = 0
  flight = 0
  /** The round trip of the newest segment delivered that was sent only once, in microseconds; -1: none. */
  roundTrip: Microseconds = -1
  /** The shortest round trip of this connection within the last minutes; Infinity: none yet. */
  minimumRoundTrip: Microseconds = Number.POSITIVE_INFINITY
  /** SRTT; 0: none yet. */
  smoothedRoundTrip: Microseconds = 0
  /** The acknowledgment carries ECE: the peer saw CE (RFC 3168, 6.1.2). */
  congestionExperienced = false
  /** In recovery of losses, or after a retransmission timeout. */
  inRecovery = false

  // The rate sample: of the newest segment delivered by this acknowledgment. Each sets all of it.
  /** All bytes delivered so far, this acknowledgment's included. */
  totalDelivered = LARGE
  /** `totalDelivered` when that segment was sent: a round trip has passed when it reaches what a round began with. */
  priorDelivered = LARGE
  /** Bytes delivered between then and now, and the time that it took; 0: no sample. Rate = rateDelivered / rateInterval. */
  rateDelivered = 0
  rateInterval: Microseconds = 0
  /** Bytes lost between the sending of that segment and now. */
  rateLost = 0
  /** Bytes in flight when that segment was sent. */
  flightWhenSent = 0
  /** When that segment was sent, the application and not the window was what limited the sender. */
  isApplicationLimited = false
}
