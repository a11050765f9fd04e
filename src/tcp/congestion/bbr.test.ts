import { describe, expect, test } from 'vitest'
import { Bottleneck, type BottleneckFlow, SEGMENT } from '../../../test/support/bottleneck.ts'
import { MILLISECOND, SECOND, SeededRandom } from '../../clock/index.ts'
import { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { AckAggregation } from './bbr-ack-aggregation.ts'
import { BandwidthFilter } from './bbr-bandwidth-filter.ts'
import { FullPipe } from './bbr-full-pipe.ts'
import { LongTermModel } from './bbr-long-term-model.ts'
import { isInflightTooHigh } from './bbr-loss-threshold.ts'
import { ProbeSchedule } from './bbr-probe-schedule.ts'
import { RoundTripFilter } from './bbr-round-trip-filter.ts'
import { ShortTermModel } from './bbr-short-term-model.ts'
import { Bbr, BbrState, Congestion, initialWindow, LARGEST_WINDOW } from './index.ts'

const BANDWIDTH = 50e6
const ROUND_TRIP = 40 * MILLISECOND
/** Payload bytes per second that fit. */
const RATE = (BANDWIDTH / 8) * (SEGMENT / 1514)
const PRODUCT = (RATE * ROUND_TRIP) / SECOND

/** One flow alone, watched a millisecond at a time. */
class Path {
  readonly random: SeededRandom
  readonly bottleneck: Bottleneck
  readonly bbr: Bbr
  readonly flow: BottleneckFlow
  readonly states: BbrState[] = []

  constructor(seed = 1, loss = 0, queue = 250_000) {
    this.random = new SeededRandom(seed)
    this.bottleneck = new Bottleneck({ random: this.random, bandwidth: BANDWIDTH, roundTrip: ROUND_TRIP, queue, loss })
    this.bbr = new Bbr(SEGMENT, this.random)
    this.flow = this.bottleneck.add(this.bbr)
  }

  get now(): number {
    return this.bottleneck.now
  }

  run(duration: number, each: () => void = () => {}): void {
    for (let passed = 0; passed < duration; passed += MILLISECOND) {
      this.bottleneck.advance(MILLISECOND)
      if (this.states.at(-1) !== this.bbr.state) this.states.push(this.bbr.state)
      each()
    }
  }

  until(state: BbrState, limit = 20 * SECOND): void {
    const end = this.now + limit
    while (this.bbr.state !== state) {
      if (this.now > end) throw new Error(`not in state ${state} within ${limit / SECOND} s, but ${this.bbr.state}`)
      this.run(MILLISECOND)
    }
  }
}

describe('BBR, the state machine', () => {
  test('Startup doubles, Drain empties the queue, and then it cycles (5.1.1)', () => {
    const path = new Path()
    path.run(4.5 * SECOND)
    const { Startup, Drain, ProbeDown, ProbeCruise, ProbeRefill, ProbeUp } = BbrState
    // Down is over with the acknowledgment that ends Drain.
    const cycle = [ProbeCruise, ProbeRefill, ProbeUp, ProbeDown]
    expect(path.states.slice(0, 7)).toEqual([Startup, Drain, ...cycle, ProbeCruise])
  })

  test('begins with the initial window, paced over the first round trip that is known (5.6.2)', () => {
    const path = new Path()
    expect(path.bbr.window).toBe(initialWindow(SEGMENT))
    path.run(41 * MILLISECOND)
    const initial = (2.77 * initialWindow(SEGMENT) * SECOND) / ROUND_TRIP
    expect(path.bbr.pacingRate).toBeGreaterThan(0.9 * initial)
    expect(path.bbr.pacingRate).toBeLessThan(1.1 * initial)
  })

  test('after Startup it knows the bandwidth, and leaves no queue behind', () => {
    const path = new Path()
    path.until(BbrState.ProbeCruise, 2 * SECOND)
    expect(path.flow.congestion.pacingRate / RATE).toBeGreaterThan(0.95)
    expect(path.flow.congestion.pacingRate / RATE).toBeLessThan(1.03)
    expect(path.flow.flight).toBeLessThan(1.15 * PRODUCT)
  })

  test('each state sends at its own pace (5.6.1)', () => {
    const path = new Path()
    path.until(BbrState.ProbeCruise, 2 * SECOND)
    const bandwidth = path.bbr.pacingRate / 0.99
    const gains = new Map<BbrState, number>()
    path.run(3 * SECOND, () => {
      gains.set(path.bbr.state, path.bbr.pacingRate / 0.99 / bandwidth)
    })
    for (const [state, gain] of [
      [BbrState.ProbeDown, 0.9],
      [BbrState.ProbeCruise, 1],
      [BbrState.ProbeRefill, 1],
      [BbrState.ProbeUp, 1.25],
    ] as const) {
      expect(gains.get(state)! / gain).toBeGreaterThan(0.97)
      expect(gains.get(state)! / gain).toBeLessThan(1.03)
    }
  })

  test('every five seconds it looks for a shorter round trip, with half of the product in flight for 200 ms (5.3.4)', () => {
    const path = new Path()
    const probes: number[] = []
    let least = Number.POSITIVE_INFINITY
    path.run(16 * SECOND, () => {
      if (path.bbr.state !== BbrState.ProbeRoundTrip) return
      least = Math.min(least, path.flow.flight)
      if (probes.length === 0 || path.now - probes.at(-1)! > SECOND) probes.push(path.now)
    })
    expect(probes[0]).toBeGreaterThan(5 * SECOND)
    expect(probes[0]).toBeLessThan(7 * SECOND)
    for (let i = 1; i < probes.length; i++) expect(probes[i] - probes[i - 1]).toBeGreaterThan(5 * SECOND)
    expect(least / PRODUCT).toBeGreaterThan(0.4)
    expect(least / PRODUCT).toBeLessThan(0.6)
  })

  test('finds a bandwidth that has grown', () => {
    const path = new Path()
    path.run(3 * SECOND)
    path.bottleneck.options.bandwidth = 4 * BANDWIDTH
    path.run(15 * SECOND)
    expect(path.bbr.pacingRate / RATE).toBeGreaterThan(3.5)
  })

  test('and lets go of one that has shrunk', () => {
    const path = new Path()
    path.run(3 * SECOND)
    path.bottleneck.options.bandwidth = BANDWIDTH / 4
    path.run(15 * SECOND)
    expect(path.bbr.pacingRate / RATE).toBeLessThan(0.35)
  })

  test('an application that sends little is no measure of the path (5.5.4)', () => {
    const path = new Path()
    path.until(BbrState.ProbeCruise, 2 * SECOND)
    path.flow.available = 0
    const rate = path.bbr.pacingRate
    path.run(20 * SECOND, () => {
      path.flow.available = 10 * SEGMENT
    })
    path.flow.available = Number.POSITIVE_INFINITY
    path.until(BbrState.ProbeCruise)
    expect(path.bbr.pacingRate / rate).toBeGreaterThan(0.9)
  })
})

describe('BBR and losses', () => {
  test('random ones of 2 % neither lower the bandwidth nor bound the window for long', () => {
    const path = new Path(1, 0.02)
    path.run(3 * SECOND)
    let sum = 0
    let count = 0
    path.run(10 * SECOND, () => {
      sum += path.bbr.pacingRate
      count++
    })
    expect(sum / count / RATE).toBeGreaterThan(0.92)
  })

  test('a shallow queue bounds what is in flight', () => {
    const path = new Path(1, 0, 25_000)
    path.run(10 * SECOND)
    path.until(BbrState.ProbeCruise)
    path.run(10 * MILLISECOND)
    // Not the two products that it takes where nothing is lost.
    expect(path.bbr.window).toBeLessThan(1.4 * PRODUCT)
  })

  test('a timeout leaves one segment, and the end of the recovery gives the window back (5.6.4.4)', () => {
    const path = new Path()
    path.until(BbrState.ProbeCruise, 2 * SECOND)
    const { window } = path.bbr
    path.bbr.timedOut(window, false, path.now)
    expect(path.bbr.window).toBe(SEGMENT)
    path.bbr.timedOut(window, true, path.now)
    const sample = new AcknowledgmentSample()
    sample.now = path.now
    sample.acknowledged = sample.delivered = SEGMENT
    sample.totalDelivered = path.flow.delivered
    sample.inRecovery = true
    path.bbr.acknowledged(sample, true)
    expect(path.bbr.window).toBe(4 * SEGMENT)
    sample.inRecovery = false
    path.bbr.acknowledged(sample, true)
    expect(path.bbr.window).toBeGreaterThan(0.9 * window)
  })

  test('a spurious recovery leaves no trace (5.5.11)', () => {
    const path = new Path()
    path.until(BbrState.ProbeCruise, 2 * SECOND)
    const { window, pacingRate } = path.bbr
    path.bbr.timedOut(window, false, path.now)
    path.bbr.undo(path.now)
    expect([path.bbr.window, path.bbr.pacingRate]).toEqual([window, pacingRate])
  })

  test('an echo of congestion takes 0.85 of rate and window until the next probe (RFC 3168, RFC 8511)', () => {
    const path = new Path()
    path.until(BbrState.ProbeCruise, 2 * SECOND)
    const { window, pacingRate } = path.bbr
    path.bbr.congested(Congestion.Echo, path.flow.flight, path.now)
    path.run(3 * ROUND_TRIP)
    expect(path.bbr.window / window).toBeCloseTo(0.85)
    expect(path.bbr.pacingRate / pacingRate).toBeCloseTo(0.85)
    path.until(BbrState.ProbeUp)
    expect(path.bbr.pacingRate / pacingRate).toBeGreaterThan(1.1)
    path.bbr.congested(Congestion.Echo, path.flow.flight, path.now)
    expect(path.bbr.state).toBe(BbrState.ProbeDown)
  })

  test('an echo of congestion in Startup ends it', () => {
    const path = new Path()
    path.run(3 * ROUND_TRIP)
    path.bbr.congested(Congestion.Echo, path.flow.flight, path.now)
    path.run(5 * MILLISECOND)
    expect(path.bbr.state).toBe(BbrState.Drain)
    path.bbr.undo(path.now)
    expect(path.bbr.state).toBe(BbrState.Startup)
  })

  test.each([
    [0, 0, false],
    [1, 4, true],
    [2, 20, false],
    [3, 20, true],
    [6, 100, false],
    [7, 100, true],
    [17, 430, false],
    [18, 430, true],
    [242, 10_000, false],
    [243, 10_000, true],
  ])('%s lost of %s: too many is %s', (lost, of, isTooHigh) => {
    expect(isInflightTooHigh(lost * 1000, of * 1000, 1000)).toBe(isTooHigh)
  })
})

describe('BBR after idle time (5.4.1)', () => {
  test('goes on at its pace with its window, and does not probe for the round trip', () => {
    const path = new Path()
    path.until(BbrState.ProbeCruise, 2 * SECOND)
    path.flow.available = 0
    path.run(SECOND)
    const { window } = path.bbr
    path.run(10 * SECOND)
    path.bbr.restartAfterIdle(10 * SECOND, SECOND, path.now)
    expect(path.bbr.window).toBe(window)
    expect(path.bbr.pacingRate / RATE).toBeGreaterThan(0.95)
    path.states.length = 0
    path.flow.available = Number.POSITIVE_INFINITY
    path.run(SECOND)
    expect(path.states).not.toContain(BbrState.ProbeRoundTrip)
    expect(path.bottleneck.overflows).toBe(path.flow.lost / SEGMENT)
  })
})

describe('BBR, the segment size', () => {
  test('learnt before anything was sent makes a new initial window', () => {
    const bbr = new Bbr(536, new SeededRandom(1))
    bbr.setSegmentSize(1448)
    expect(bbr.window).toBe(14_480)
    bbr.window = 100_000
    bbr.setSegmentSize(500)
    expect(bbr.window).toBe(100_000)
  })
})

describe('what BBR is made of', () => {
  test('the bandwidth is the largest of two cycles', () => {
    const filter = new BandwidthFilter()
    filter.update(100)
    filter.update(50)
    filter.advance()
    filter.update(70)
    expect(filter.maximum).toBe(100)
    filter.advance()
    expect(filter.maximum).toBe(70)
    // A cycle that measured nothing does not push anything out.
    filter.advance()
    filter.advance()
    expect(filter.maximum).toBe(70)
  })

  test('the pipe is full after three round trips with less than a quarter more', () => {
    const pipe = new FullPipe()
    for (const rate of [100, 200, 240, 249]) pipe.check(rate)
    expect(pipe.isFull).toBe(false)
    pipe.check(250)
    for (const rate of [250, 300, 250]) pipe.check(rate)
    expect([pipe.isFull, pipe.wasReached]).toEqual([true, true])
    pipe.reset(100)
    expect([pipe.isFull, pipe.wasReached]).toEqual([false, true])
  })

  test('what comes in bursts is counted on top, for five to ten round trips', () => {
    const aggregation = new AckAggregation()
    // A megabyte a second: a thousand bytes each millisecond, but 10,000 at once every ten.
    for (let now = 10_000; now <= 100_000; now += 10_000) aggregation.update(10_000, 1e6, 1e6, false, true, now)
    expect(aggregation.extra).toBe(10_000)
    aggregation.update(10_000, 1e6, 4000, false, true, 101_000)
    expect(aggregation.extra).toBe(10_000)
    for (let round = 0; round < 11; round++) {
      aggregation.update(1000, 1e6, 1e6, true, true, 200_000 + round * 1001)
    }
    expect(aggregation.extra).toBeLessThan(1100)
  })

  test('the shortest round trip is kept for ten seconds, and asked for after five', () => {
    const filter = new RoundTripFilter()
    expect(filter.minimum).toBe(-1)
    filter.update(40_000, SECOND)
    filter.update(50_000, 5 * SECOND)
    expect([filter.minimum, filter.hasExpired]).toEqual([40_000, false])
    filter.update(50_000, 6 * SECOND + 1)
    expect([filter.minimum, filter.hasExpired]).toEqual([40_000, true])
    filter.update(60_000, 11 * SECOND + 1)
    expect(filter.minimum).toBe(50_000)
    filter.update(30_000, 12 * SECOND)
    expect(filter.minimum).toBe(30_000)
  })

  test('too many losses lower the short-term bounds once per round trip, not below 0.7 (5.5.10.3)', () => {
    const model = new ShortTermModel()
    model.noteCongestion(1000)
    model.update(500, 800, 900, 1500)
    expect(model.isRoundStart).toBe(false)
    model.update(800, 900, 1000, 2000)
    expect(model.isRoundStart).toBe(true)
    model.adapt(1000, 1000, false)
    expect([model.bandwidth, model.inflight]).toEqual([800, 900])
    model.advance(100, 100)
    model.noteCongestion(2000)
    model.update(100, 100, 2000, 3000)
    model.adapt(1000, 1000, false)
    expect([model.bandwidth, model.inflight]).toEqual([560, 630])
    model.adapt(1000, 1000, false)
    expect([model.bandwidth, model.inflight]).toEqual([560, 630])
    model.reset()
    expect([model.bandwidth, model.inflight]).toEqual([Number.POSITIVE_INFINITY, LARGEST_WINDOW])
  })

  test('a probe raises the long-term bound by 1, 2, 4, 8 segments a round trip (5.3.3.5)', () => {
    const model = new LongTermModel()
    expect(model.isKnown).toBe(false)
    model.inflight = 100_000
    model.restartGrowth()
    const grown: number[] = []
    for (let round = 0; round < 4; round++) {
      const before = model.inflight
      model.steepen(100_000, 1000)
      for (let i = 0; i < 100; i++) model.grow(1000, 1000)
      grown.push((model.inflight - before) / 1000)
    }
    expect(grown).toEqual([1, 2, 4, 8])
    model.inflight = 100_000
    expect(model.withHeadroom(1000)).toBe(85_000)
    model.stopGrowth()
    model.grow(1e6, 1000)
    expect(model.inflight).toBe(100_000)
  })

  test('probes come after two to three seconds, or as many round trips as segments are in flight', () => {
    for (let seed = 1; seed <= 50; seed++) {
      const schedule = new ProbeSchedule(new SeededRandom(seed))
      schedule.restart(0)
      expect([schedule.isTime(1000, 2 * SECOND), schedule.isTime(1000, 3 * SECOND + 1)]).toEqual([false, true])
      for (let i = 0; i < 8; i++) schedule.noteRound()
      expect(schedule.isTime(10, 0)).toBe(false)
      schedule.noteRound()
      schedule.noteRound()
      expect([schedule.isTime(10, 0), schedule.isTime(1000, 0)]).toEqual([true, false])
      for (let i = 0; i < 53; i++) schedule.noteRound()
      expect(schedule.isTime(1000, 0)).toBe(true)
    }
  })
})
