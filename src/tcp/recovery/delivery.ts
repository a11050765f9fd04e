import type { Microseconds } from '../../clock/index.ts'
import { isBefore, type SequenceNumber, sequenceNumber } from '../sequence-number.ts'
import { RateSampling } from './delivery-rate.ts'
import { NEVER } from './loss-recovery.ts'

/** What an acknowledgment delivers, while it is being processed. One object: nothing else runs meanwhile. */
export class Delivery {
  /** Bytes delivered for the first time, cumulatively or by SACK. */
  delivered = 0
  sackedSomething = false
  /** Something below the recovery point was delivered that was sent only once: RFC 5682, 3.1 step 3. */
  originalDelivered = false
  /** What is cumulatively acknowledged was, in part, retransmitted: no round trip can be told. */
  retransmittedAcknowledged = false
  /** The acknowledgment carries a D-SACK, believable or not. */
  reportsDuplicate = false
  /** Segments that arrived twice, by D-SACK. */
  duplicateSegments = 0
  /** The duplicate was the tail loss probe. */
  probeWasDuplicate = false
  /** The acknowledgment carries ECE (RFC 3168, 6.1.2). */
  congestionEchoed = false
  /** The lowest segment that arrived late without having been retransmitted; meaningful while `reordered`. */
  lowestReordered: SequenceNumber = sequenceNumber(0)
  reordered = false
  /** When the first and the last of the segments acknowledged (SACKed) were sent, of those sent only once. */
  firstAcknowledgedSentAt: Microseconds = NEVER
  lastAcknowledgedSentAt: Microseconds = NEVER
  firstSackedSentAt: Microseconds = NEVER
  lastSackedSentAt: Microseconds = NEVER
  readonly sampling = new RateSampling()

  reset(): void {
    this.delivered = 0
    this.sackedSomething = false
    this.originalDelivered = false
    this.retransmittedAcknowledged = false
    this.reportsDuplicate = false
    this.duplicateSegments = 0
    this.probeWasDuplicate = false
    this.congestionEchoed = false
    this.reordered = false
    this.firstAcknowledgedSentAt = NEVER
    this.lastAcknowledgedSentAt = NEVER
    this.firstSackedSentAt = NEVER
    this.lastSackedSentAt = NEVER
    this.sampling.reset()
  }

  noteReordered(start: SequenceNumber): void {
    if (this.reordered && !isBefore(start, this.lowestReordered)) return
    this.reordered = true
    this.lowestReordered = start
  }

  noteAcknowledgedOnce(sentAt: Microseconds): void {
    if (this.firstAcknowledgedSentAt === NEVER) this.firstAcknowledgedSentAt = sentAt
    this.lastAcknowledgedSentAt = sentAt
  }

  noteSackedOnce(sentAt: Microseconds): void {
    if (this.firstSackedSentAt === NEVER) this.firstSackedSentAt = sentAt
    this.lastSackedSentAt = sentAt
  }
}
