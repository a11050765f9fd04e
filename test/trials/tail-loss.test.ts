/**
 * The last segments of a response are lost: nothing comes behind them that could tell. RFC 8985, section 7: a tail loss
 * probe finds out within about two round trips, long before the retransmission timer.
 */
import { describe, expect, test } from 'vitest'
import { IpAddress } from '../../src/address/index.ts'
import { MILLISECOND, type Microseconds, SECOND, SeededRandom } from '../../src/clock/index.ts'
import { BulkReceiver, BulkSender } from './bulk-transfer.ts'
import { timeouts } from './counted.ts'
import { Dumbbell, seeds } from './dumbbell.ts'

/** RFC 8985, 7.2: how long the acknowledgment of a single segment may be held back. */
const MAXIMUM_ACKNOWLEDGMENT_DELAY = 200 * MILLISECOND
/** Timers have a resolution, as in Linux (TCP_TIMEOUT_MIN). */
const TIMER_SLACK = 3 * MILLISECOND
/**
 * The probe brings back one segment, and the round of its acknowledgment two: the reduction bound of RFC 6937 is slow start.
 * What is more is a matter of congestion, not of the tail.
 */
const MOST_LOST = 3
const RESPONSES = 60

interface Outcome {
  /** From when the sender last heard of the response, or sent of it, until all of it was acknowledged. */
  time: Microseconds
  allowed: Microseconds
  timedOut: boolean
}

/** A response of so many segments, on a connection of its own that has answered once before. */
function respond(dumbbell: Dumbbell, port: number, segments: number, lost: number, cut: number): Outcome {
  const { clock, options } = dumbbell
  const receiving = new BulkReceiver(clock)
  dumbbell.receiver.tcp.listen(null, port, 1, {
    accept: (accepted) => {
      accepted.user = receiving
    },
  })
  const { tcp } = dumbbell.senders[0]
  const user = new BulkSender(clock, 0)
  const connection = tcp.connect({ remote: IpAddress.parse('10.0.0.1'), port, user })
  const flow = dumbbell.watch.begin(connection.localPort)
  clock.advance(SECOND)
  connection.write(Buffer.alloc(2000), null)
  clock.advance(SECOND)
  const size = segments * connection.segmentSize - cut
  flow.loseFirstFrom = 2000 + (segments - lost) * connection.segmentSize
  const probeTimeout = 2 * connection.timeout.smoothed + (lost === 1 ? MAXIMUM_ACKNOWLEDGMENT_DELAY : 0)
  const before = timeouts(tcp.counters)
  connection.write(Buffer.alloc(size), null)
  while (flow.dropped < lost) clock.advance(MILLISECOND)
  // What arrived of it is acknowledged half a round trip later.
  clock.advance(options.roundTrip / 2)
  const begin = Math.max(connection.lastSentAt, connection.progressAt)
  clock.advance(20 * SECOND)
  expect(receiving.bytes).toBe(2000 + size)
  expect(flow.dropped).toBe(lost)
  connection.abort()
  return {
    time: receiving.lastArrival + options.roundTrip / 2 - begin,
    allowed: probeTimeout + 2 * options.roundTrip + TIMER_SLACK,
    timedOut: timeouts(tcp.counters) > before,
  }
}

/** Responses of one segment to sixty, mostly short, of which some of the last segments are lost, or all. */
function run(seed: number, roundTrip: Microseconds): Outcome[] {
  const dumbbell = new Dumbbell({ seed, roundTrip })
  const random = new SeededRandom(seed)
  const outcomes: Outcome[] = []
  for (let i = 0; i < RESPONSES; i++) {
    const segments = 1 + random.below(random.below(2) === 0 ? 10 : 60)
    const lost = 1 + random.below(Math.min(segments, MOST_LOST))
    outcomes.push(respond(dumbbell, 1000 + i, segments, lost, random.below(1400)))
  }
  return outcomes
}

describe('the last segments of a response are lost', () => {
  for (const roundTrip of [10, 40, 150].map((milliseconds) => milliseconds * MILLISECOND)) {
    test(`round trip ${roundTrip / MILLISECOND} ms: back within 2 round trips and a probe timeout in 95 % of cases`, () => {
      const outcomes = seeds(5).flatMap((seed) => run(seed, roundTrip))
      const good = outcomes.filter(({ time, allowed, timedOut }) => time <= allowed && !timedOut)
      expect(good.length / outcomes.length).toBeGreaterThanOrEqual(0.95)
    })
  }
})
