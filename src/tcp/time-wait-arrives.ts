/** SEGMENT ARRIVES in TIME-WAIT: RFC 9293, 3.10.7.4, with RFC 1122, 4.2.2.13 and RFC 6191 for a SYN, RFC 1337 for RST. */
import type { Microseconds } from '../clock/index.ts'
import type { Segment } from './segment.ts'
import { ANSWER_INTERVAL } from './segment-arrives.ts'
import { advance, isAfter } from './sequence-number.ts'
import type { TimeWait } from './time-wait.ts'

export const TimeWaitAnswer = {
  /** Nothing new, nothing to say. */
  Ignore: 0,
  /** An acknowledgment is due, but there was one just now. */
  HoldBack: 1,
  Acknowledge: 2,
  /** The same, for an old timestamp: PAWS. */
  AcknowledgeOld: 3,
  /** The peer's FIN again: acknowledge, and wait anew. */
  Restart: 4,
  /** A SYN that begins a new connection. */
  Reopen: 5,
} as const
export type TimeWaitAnswer = (typeof TimeWaitAnswer)[keyof typeof TimeWaitAnswer]

/** @param offersTimestamps whether a new connection would use them */
export function answerInTimeWait(
  record: TimeWait,
  segment: Segment,
  now: Microseconds,
  offersTimestamps: boolean,
): TimeWaitAnswer {
  const { options } = segment
  /** How much older than the last is this timestamp. */
  const age = record.timestamps && options.hasTimestamps ? (record.recentTimestamp - options.timestampValue) | 0 : 0
  // RFC 1337, 3, (F1): a reset, which may be as old as what TIME-WAIT protects from, does not end it. As Linux with
  // tcp_rfc1337, and FreeBSD; RFC 9293, 3.10.7.4 would let the very next number end it.
  if (segment.hasRst) return TimeWaitAnswer.Ignore
  if (segment.hasSyn && !segment.hasAck) {
    // RFC 6191, 2: a newer timestamp, or one at all where there were none, which no old SYN can have; or a higher number
    // unless the timestamp shows that it is an old SYN.
    const isFirst = offersTimestamps && !record.timestamps && options.hasTimestamps
    if (isFirst || age < 0 || (age === 0 && isAfter(segment.sequence, record.receiveNext))) return TimeWaitAnswer.Reopen
  }
  // Fifth check: without ACK, dropped.
  if (!segment.hasAck && !segment.hasSyn) return TimeWaitAnswer.Ignore
  if (age <= 0) {
    if (segment.hasFin && advance(segment.sequence, segment.length + 1) === record.receiveNext) {
      return TimeWaitAnswer.Restart
    }
    if (segment.sequenceLength === 0 && segment.sequence === record.receiveNext) return TimeWaitAnswer.Ignore
  }
  if (segment.length === 0) {
    // Two hosts that confuse each other must not answer each other for ever.
    if (now - record.lastAnswer < ANSWER_INTERVAL) return TimeWaitAnswer.HoldBack
    record.lastAnswer = now
  }
  // RFC 7323, 5.3, R1: what is old is answered, and means nothing.
  return age > 0 ? TimeWaitAnswer.AcknowledgeOld : TimeWaitAnswer.Acknowledge
}
