/**
 * Congestion controls at a bottleneck, without any TCP around them: flows that always have something to send, one link
 * with a drop-tail queue, and losses at random before it. Segments are numbered in the order of sending, what was lost
 * is sent again under a new number, and three later ones prove a loss: an ideal SACK. The arithmetic of a path of which
 * all round trips are equal is short: when a segment enters the queue, the time of its acknowledgment is known.
 */
import { MILLISECOND, type Microseconds, type Random, SECOND } from '../../src/clock/index.ts'
import { AcknowledgmentSample, Congestion, type CongestionControl } from '../../src/tcp/congestion/index.ts'
import { sequenceNumber } from '../../src/tcp/sequence-number.ts'

export const SEGMENT = 1448
/** What the link carries for a segment: Ethernet, IPv4 and TCP headers, with timestamps. */
const FRAME = 1514
const DUPLICATE_THRESHOLD = 3
/** At least as many as are ever in flight. */
const RECORDS = 1 << 16
/** Arrivals that are done with are kept until there are so many. */
const COMPACTED = 65_536

export interface BottleneckOptions {
  random: Random
  /** Bits per second. */
  bandwidth: number
  roundTrip: Microseconds
  /** Bytes that may wait. */
  queue: number
  /** Share of all segments that is lost whatever the queue holds; default none. */
  loss?: number
  /** The receiver acknowledges so many segments at once while they come in a burst; default 1. */
  coalesced?: number
}

/** A sender with one congestion control. */
export class BottleneckFlow {
  readonly congestion: CongestionControl
  readonly started: Microseconds
  delivered = 0
  lost = 0
  timeouts = 0
  recoveries = 0
  /** Bytes that the application may send; what it has is all sent at once. */
  available = Number.POSITIVE_INFINITY

  /** The next number to send, and the lowest that is neither delivered nor lost. */
  next = 0
  first = 0
  flight = 0
  /** Arrived and not acknowledged yet, and the last of these. */
  unreported = 0
  newest = 0
  readonly resolved = new Uint8Array(RECORDS)
  readonly sentAt = new Float64Array(RECORDS)
  readonly deliveredWhenSent = new Float64Array(RECORDS)
  readonly deliveredAtWhenSent = new Float64Array(RECORDS)
  readonly firstSentAtWhenSent = new Float64Array(RECORDS)
  readonly lostWhenSent = new Float64Array(RECORDS)
  readonly flightWhenSent = new Float64Array(RECORDS)
  deliveredAt: Microseconds = 0
  firstSentAt: Microseconds = 0
  /** When pacing lets the next segment go. */
  sendAt: Microseconds = 0
  progressAt: Microseconds = 0
  recoveryEnd = 0
  state: 'open' | 'recovery' | 'loss' = 'open'
  priorWindow = 0
  proportionalDelivered = 0
  proportionalOut = 0
  limited = true
  isApplicationLimited = false
  smoothed: Microseconds = 0
  minimum: Microseconds = Number.POSITIVE_INFINITY

  constructor(congestion: CongestionControl, started: Microseconds) {
    this.congestion = congestion
    this.started = started
    this.sendAt = started
  }
}

/** What is on its way back. */
interface Arrival {
  at: Microseconds
  flow: BottleneckFlow
  number: number
}

export class Bottleneck {
  readonly options: BottleneckOptions
  readonly flows: BottleneckFlow[] = []
  now: Microseconds = 0
  /** Segments that did not fit the queue. */
  overflows = 0
  #free: Microseconds = 0
  #lastArrival: Microseconds = 0
  readonly #arrivals: Arrival[] = []
  #head = 0
  readonly #sample = new AcknowledgmentSample()

  constructor(options: BottleneckOptions) {
    this.options = options
  }

  add(congestion: CongestionControl, started: Microseconds = this.now): BottleneckFlow {
    const flow = new BottleneckFlow(congestion, started)
    this.flows.push(flow)
    return flow
  }

  /** Share of the link that a flow's data had since `from`, headers counted as the link does. */
  share(bytes: number, from: Microseconds): number {
    return (bytes * FRAME * 8) / SEGMENT / (this.options.bandwidth * ((this.now - from) / SECOND))
  }

  /** Lets time pass. */
  advance(duration: Microseconds): void {
    const end = this.now + duration
    for (const flow of this.flows) this.#send(flow)
    for (;;) {
      let at = end
      let next: BottleneckFlow | null = null
      if (this.#head < this.#arrivals.length && this.#arrivals[this.#head].at < at) at = this.#arrivals[this.#head].at
      for (const flow of this.flows) {
        const due = this.#due(flow)
        if (due >= at) continue
        at = Math.max(due, this.now)
        next = flow
      }
      if (at >= end) break
      this.now = at
      if (next === null) this.#arrive()
      else if (next.flight > 0 && this.#timeoutOf(next) <= at) this.#timeOut(next)
      else this.#send(next)
    }
    this.now = end
  }

  /** When the flow does something of itself. */
  #due(flow: BottleneckFlow): Microseconds {
    const timeout = flow.flight > 0 ? this.#timeoutOf(flow) : Number.POSITIVE_INFINITY
    return this.#hasRoom(flow) ? Math.min(flow.sendAt, timeout) : timeout
  }

  #timeoutOf(flow: BottleneckFlow): Microseconds {
    return flow.progressAt + Math.max(2 * flow.smoothed, 300 * MILLISECOND)
  }

  #hasRoom(flow: BottleneckFlow): boolean {
    return flow.flight + SEGMENT <= flow.congestion.window && flow.available >= SEGMENT
  }

  #send(flow: BottleneckFlow): void {
    if (this.now < flow.started) return
    const { congestion } = flow
    while (this.#hasRoom(flow)) {
      if (congestion.pacingRate > 0) {
        if (flow.sendAt > this.now) {
          flow.limited = false
          return
        }
        flow.sendAt = Math.max(flow.sendAt, this.now - MILLISECOND) + (SEGMENT * SECOND) / congestion.pacingRate
      }
      this.#transmit(flow)
    }
    flow.limited = flow.available >= SEGMENT
    flow.isApplicationLimited = !flow.limited
  }

  #transmit(flow: BottleneckFlow): void {
    const { random, bandwidth, roundTrip, queue, loss = 0 } = this.options
    if (flow.flight === 0) {
      flow.deliveredAt = flow.firstSentAt = flow.progressAt = this.now
    }
    const number = flow.next++
    const record = number % RECORDS
    flow.available -= SEGMENT
    flow.flight += SEGMENT
    flow.proportionalOut += SEGMENT
    flow.resolved[record] = 0
    flow.sentAt[record] = this.now
    flow.deliveredWhenSent[record] = flow.delivered
    flow.deliveredAtWhenSent[record] = flow.deliveredAt
    flow.firstSentAtWhenSent[record] = flow.firstSentAt
    flow.lostWhenSent[record] = flow.lost
    flow.flightWhenSent[record] = flow.flight
    if (random.fraction() < loss) return
    const serialization = (FRAME * 8 * SECOND) / bandwidth
    const begin = Math.max(this.#free, this.now)
    if (((begin - this.now) / serialization + 1) * FRAME > queue) {
      this.overflows++
      return
    }
    this.#free = begin + serialization
    // A little chance, or flows that keep in step decide once and for all whose segments find the queue full.
    this.#lastArrival = Math.max(this.#lastArrival, this.#free + roundTrip + 2 * serialization * random.fraction())
    this.#arrivals.push({ at: this.#lastArrival, flow, number })
  }

  /** The next segment on its way has arrived, and its acknowledgment is back. */
  #arrive(): void {
    const { flow, number } = this.#arrivals[this.#head++]
    const record = number % RECORDS
    // Taken for lost, and late.
    if (flow.resolved[record] === 0) {
      flow.resolved[record] = 1
      flow.flight -= SEGMENT
      flow.unreported++
      flow.newest = number
    }
    const following = this.#arrivals[this.#head] as Arrival | undefined
    if (this.#head === COMPACTED) {
      this.#arrivals.splice(0, COMPACTED)
      this.#head = 0
    }
    const { coalesced = 1 } = this.options
    const isBurst = following !== undefined && following.flow === flow && following.at < this.now + MILLISECOND
    if (flow.unreported >= coalesced || (flow.unreported > 0 && !isBurst)) this.#acknowledge(flow)
  }

  #acknowledge(flow: BottleneckFlow): void {
    const sample = this.#sample
    const delivered = flow.unreported * SEGMENT
    const { newest } = flow
    sample.flightBefore = flow.flight + delivered
    flow.unreported = 0
    flow.delivered += delivered
    flow.progressAt = flow.deliveredAt = this.now
    const record = newest % RECORDS
    const roundTrip = this.now - flow.sentAt[record]
    flow.minimum = Math.min(flow.minimum, roundTrip)
    flow.smoothed = flow.smoothed === 0 ? roundTrip : flow.smoothed + (roundTrip - flow.smoothed) / 8
    const lost = this.#findLosses(flow, newest - DUPLICATE_THRESHOLD)
    if (flow.state !== 'open' && newest >= flow.recoveryEnd) this.#recovered(flow)

    sample.now = this.now
    sample.unacknowledged = sequenceNumber(flow.first * SEGMENT)
    sample.sendNext = sequenceNumber(flow.next * SEGMENT)
    sample.acknowledged = sample.delivered = delivered
    sample.lost = lost
    sample.flight = flow.flight
    sample.roundTrip = roundTrip
    sample.minimumRoundTrip = flow.minimum
    sample.smoothedRoundTrip = flow.smoothed
    sample.inRecovery = flow.state !== 'open'
    sample.totalDelivered = flow.delivered
    sample.priorDelivered = flow.deliveredWhenSent[record]
    sample.rateDelivered = flow.delivered - sample.priorDelivered
    sample.rateInterval = Math.max(
      this.now - flow.deliveredAtWhenSent[record],
      flow.sentAt[record] - flow.firstSentAtWhenSent[record],
    )
    sample.rateLost = flow.lost - flow.lostWhenSent[record]
    sample.flightWhenSent = flow.flightWhenSent[record]
    sample.isApplicationLimited = flow.isApplicationLimited
    flow.firstSentAt = flow.sentAt[record]
    if (flow.congestion.controlsRecovery || flow.state !== 'recovery') {
      flow.congestion.acknowledged(sample, flow.limited)
    } else {
      this.#reduce(flow, delivered, lost)
    }
    this.#send(flow)
  }

  /** @returns bytes found lost: what was sent before `number` and has not arrived */
  #findLosses(flow: BottleneckFlow, number: number): number {
    let lost = 0
    while (flow.first < flow.next) {
      const record = flow.first % RECORDS
      if (flow.resolved[record] === 0) {
        if (flow.first > number) break
        flow.resolved[record] = 1
        lost += SEGMENT
        if (flow.state === 'open') this.#enterRecovery(flow)
      }
      flow.first++
    }
    flow.flight -= lost
    flow.lost += lost
    flow.available += lost
    return lost
  }

  #enterRecovery(flow: BottleneckFlow): void {
    flow.recoveries++
    flow.state = 'recovery'
    flow.recoveryEnd = flow.next
    flow.priorWindow = flow.congestion.window
    flow.proportionalDelivered = flow.proportionalOut = 0
    flow.congestion.congested(Congestion.Loss, flow.flight, this.now)
  }

  /** RFC 6937, proportional part and slow start reduction bound. */
  #reduce(flow: BottleneckFlow, delivered: number, lost: number): void {
    const { congestion } = flow
    const threshold = congestion.slowStartThreshold
    flow.proportionalDelivered += delivered
    let allowed: number
    if (flow.flight > threshold) {
      allowed = Math.ceil((flow.proportionalDelivered * threshold) / flow.priorWindow) - flow.proportionalOut
    } else {
      allowed = Math.max(flow.proportionalDelivered - flow.proportionalOut, delivered) + (lost === 0 ? SEGMENT : 0)
      allowed = Math.min(threshold - flow.flight, allowed)
    }
    congestion.window = flow.flight + Math.max(allowed, 0)
  }

  #recovered(flow: BottleneckFlow): void {
    const { congestion } = flow
    if (!congestion.controlsRecovery && flow.state === 'recovery') congestion.window = congestion.slowStartThreshold
    flow.state = 'open'
    congestion.recovered(this.now)
  }

  #timeOut(flow: BottleneckFlow): void {
    const outstanding = flow.flight
    flow.timeouts++
    flow.progressAt = this.now
    this.#findLosses(flow, flow.next)
    flow.congestion.timedOut(outstanding, flow.state === 'loss', this.now)
    flow.state = 'loss'
    flow.recoveryEnd = flow.next
    flow.sendAt = this.now
    this.#send(flow)
  }
}
