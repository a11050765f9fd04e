/**
 * The receive window: what is offered (RFC 9293, 3.8.6.2.2; RFC 7323, 2.3), and dynamic right-sizing as Linux has it
 * (tcp_rcv_space_adjust): what the application reads within a round trip is what the connection can use. The window stays
 * ahead of that by a factor of two, for a sender that repairs a loss meanwhile, and of four to six while the rate rises,
 * for one in slow start, whose next window is twice the last.
 *
 * A round trip seen from the receiver is the time from an acknowledgment to the data that its window or its timestamp
 * brought.
 */
import { MILLISECOND, type Microseconds, SECOND } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import type { Segment } from './segment.ts'
import { timestampNow } from './send-segment.ts'
import { distance, isBefore, type SequenceNumber, sequenceNumber } from './sequence-number.ts'
import { NEVER } from './transmission-control-block.ts'

/** The resolution of timestamps; what is shorter is measured at no closer look. */
const LEAST_ROUND_TRIP: Microseconds = MILLISECOND
/** No path is longer: a peer that echoes what it likes must not make a slow reader look fast. */
const LONGEST_ROUND_TRIP_MILLISECONDS = 4000
/**
 * The least round trip of this and the last span counts: one that a queue has made longer, which a larger window would only
 * feed (Linux, too, seeks the least since 6.16).
 */
const SPAN: Microseconds = 10 * SECOND
/** RFC 6928: what a sender begins with, in segments. */
const INITIAL_WINDOW = 10
/** On top of what the application reads, in segments; as Linux. */
const CUSHION = 16
/** No window grows to more than this share of what all connections together may still take. */
const GROWTH_SHARE = 8
/** Memory is short from this share of the budget on, and then nobody is offered more than this share of the rest. */
const PRESSURE_SHARE = 2

/** Who has received no more than this is no bulk receiver yet: less than any sender's first window. */
const FEW_BYTES = 1024

/** What right-sizing remembers; made when the application has read a little. */
export class RightSizing {
  /** 0 before the first sample. */
  roundTrip: Microseconds = 0
  /** The least in the span that began at `spanAt`. */
  leastInSpan: Microseconds = NEVER
  spanAt: Microseconds
  /** When the current window was offered, and its end: when it is used up, a round trip has passed at most. */
  windowAt: Microseconds = NEVER
  windowEnd: SequenceNumber = sequenceNumber(0)
  lastEcho = 0
  /** Bytes that the application has read since. */
  read = 0
  readSince: Microseconds
  /** Bytes that it read in the best round trip so far. */
  best: number

  constructor(now: Microseconds, segmentSize: number, window: number) {
    this.readSince = this.spanAt = now
    this.best = Math.min(INITIAL_WINDOW * segmentSize, window / 2)
  }
}

/** Data of `length` bytes has come in order, before RCV.NXT moves. */
export function measureRoundTrip(connection: Connection, segment: Segment, length: number, now: Microseconds): void {
  const sizing = connection.rightSizing
  if (sizing === null) return
  const { options } = segment
  if (connection.timestamps && options.hasTimestamps) {
    // A full segment went out at once on the acknowledgment whose timestamp it is the first to echo.
    if (options.timestampEcho === sizing.lastEcho || length < connection.receiveSegmentSize) return
    sizing.lastEcho = options.timestampEcho
    const milliseconds = (timestampNow(connection) - options.timestampEcho) | 0
    if (milliseconds < 0 || milliseconds > LONGEST_ROUND_TRIP_MILLISECONDS) return
    takeSample(sizing, milliseconds * MILLISECOND, now)
  } else if (sizing.windowAt === NEVER || !isBefore(connection.receiveNext, sizing.windowEnd)) {
    // A window's worth took a round trip, or more where the sender did not fill it: the least counts.
    if (sizing.windowAt !== NEVER) takeSample(sizing, now - sizing.windowAt, now)
    sizing.windowAt = now
    sizing.windowEnd = connection.receiveEdge
  }
}

function takeSample(sizing: RightSizing, roundTrip: Microseconds, now: Microseconds): void {
  const sample = Math.max(roundTrip, LEAST_ROUND_TRIP)
  if (now - sizing.spanAt > SPAN) {
    sizing.spanAt = now
    sizing.roundTrip = Math.min(sizing.leastInSpan, sample)
    sizing.leastInSpan = sample
    return
  }
  if (sample < sizing.leastInSpan) sizing.leastInSpan = sample
  if (sizing.roundTrip === 0 || sample < sizing.roundTrip) sizing.roundTrip = sample
}

/** The application has read `count` bytes: once in a round trip, the window follows. */
export function adaptWindow(connection: Connection, count: number): void {
  if (connection.rightSizing === null && connection.bytesReceived <= FEW_BYTES) return
  const { context } = connection
  const now = context.time()
  connection.rightSizing ??= new RightSizing(now, connection.receiveSegmentSize, connection.receiveLimit)
  const sizing = connection.rightSizing
  sizing.read += count
  // Until there is a sample of our own, what our own data or the handshake has measured.
  const smoothed = Math.max(connection.timeout.smoothed, LEAST_ROUND_TRIP)
  let roundTrip = sizing.roundTrip === 0 ? smoothed : sizing.roundTrip
  // A sender that does not fill the window looks slow.
  if (!connection.timestamps && connection.timeout.smoothed > 0) roundTrip = Math.min(roundTrip, 2 * smoothed)
  if (now - sizing.readSince < roundTrip) return
  if (sizing.read > sizing.best) {
    growWindow(connection, sizing)
    sizing.best = sizing.read
  }
  sizing.read = 0
  sizing.readSince = now
}

function growWindow(connection: Connection, sizing: RightSizing): void {
  const { settings } = connection.context
  const steady = 2 * sizing.read + CUSHION * connection.receiveSegmentSize
  // How much faster it has become: as much again for the sender's growth, twice over as this window is for the next trip.
  const faster = (sizing.read - sizing.best) / sizing.best
  const wanted = steady + 2 * steady * Math.min(faster, 1)
  const left = settings.receiveBudget - inUse(connection)
  const most = Math.min(connection.windowScaling ? settings.maximumReceiveBuffer : 65_535, left / GROWTH_SHARE)
  connection.receiveLimit = Math.max(Math.floor(Math.min(wanted, most)), connection.receiveLimit)
}

/** Bytes that all connections of the stack hold. */
function inUse(connection: Connection): number {
  const { context } = connection
  return context.receiveBytes + context.outOfOrderMemory.bytes
}

/** The receive window that we can offer now, in bytes from RCV.NXT; never less than what was offered before. */
export function offerableWindow(connection: Connection): number {
  const offered = distance(connection.receiveEdge, connection.receiveNext)
  const { receiveBudget } = connection.context.settings
  const left = receiveBudget - inUse(connection)
  let limit = connection.receiveLimit
  if (left < receiveBudget / PRESSURE_SHARE) limit = Math.max(Math.min(limit, left / PRESSURE_SHARE), 0) | 0
  const free = limit - connection.receiveQueue.length
  // RFC 9293, 3.8.6.2.2: the right edge stays until it can move by a full segment or half of the buffer.
  if (free - offered < Math.min(connection.receiveSegmentSize, connection.receiveLimit >> 1)) return offered
  return free
}
