import { SegmentOptions } from './options.ts'
import { type SequenceNumber, sequenceNumber } from './sequence-number.ts'
import { Flag } from './wire.ts'

/** The segment being processed, read once from its header. One object is reused for all. */
export class Segment {
  sequence: SequenceNumber = sequenceNumber(0)
  acknowledgment: SequenceNumber = sequenceNumber(0)
  flags = 0
  /** The window field, not scaled. */
  window = 0
  /** Payload bytes. */
  length = 0
  /** How many segments it was on the wire: more than one where the device has put them together. */
  count = 1
  readonly options = new SegmentOptions()

  get hasSyn(): boolean {
    return (this.flags & Flag.Syn) !== 0
  }

  get hasAck(): boolean {
    return (this.flags & Flag.Ack) !== 0
  }

  get hasRst(): boolean {
    return (this.flags & Flag.Rst) !== 0
  }

  get hasFin(): boolean {
    return (this.flags & Flag.Fin) !== 0
  }

  /** SEG.LEN of RFC 9293, 3.4: SYN and FIN count. */
  get sequenceLength(): number {
    return this.length + (this.flags & Flag.Syn ? 1 : 0) + (this.flags & Flag.Fin ? 1 : 0)
  }
}
