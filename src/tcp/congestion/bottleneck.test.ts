/** What the congestion controls make of a link, by themselves: with an ideal detection of losses and nothing in between. */
import { describe, expect, test } from 'vitest'
import { Bottleneck, type BottleneckFlow, type BottleneckOptions, SEGMENT } from '../../../test/support/bottleneck.ts'
import { MILLISECOND, SECOND, SeededRandom } from '../../clock/index.ts'
import { type CongestionControlName, newCongestionControl } from './index.ts'

const BANDWIDTH = 100e6
const ROUND_TRIP = 50 * MILLISECOND
const PRODUCT = (BANDWIDTH * ROUND_TRIP) / 8e6
const SEEDS = [1, 2, 3, 4, 5]

class Trial {
  readonly random: SeededRandom
  readonly bottleneck: Bottleneck

  constructor(seed: number, options: Partial<BottleneckOptions> = {}) {
    this.random = new SeededRandom(seed)
    this.bottleneck = new Bottleneck({
      random: this.random,
      bandwidth: BANDWIDTH,
      roundTrip: ROUND_TRIP,
      queue: PRODUCT,
      ...options,
    })
  }

  add(name: CongestionControlName): BottleneckFlow {
    return this.bottleneck.add(newCongestionControl(name, SEGMENT, this.random))
  }

  /** Each flow's share of the link over the next `duration`. */
  shares(duration: number): number[] {
    const { bottleneck } = this
    const from = bottleneck.now
    const before = bottleneck.flows.map((flow) => flow.delivered)
    bottleneck.advance(duration)
    return bottleneck.flows.map((flow, i) => bottleneck.share(flow.delivered - before[i], from))
  }

  /** The share of the only flow, from the second second on. */
  static share(seed: number, name: CongestionControlName, options: Partial<BottleneckOptions> = {}): number {
    const trial = new Trial(seed, options)
    trial.add(name)
    trial.bottleneck.advance(SECOND)
    return trial.shares(10 * SECOND)[0]
  }
}

describe.each(SEEDS)('100 Mbit/s, 50 ms, seed %s', (seed) => {
  test('CUBIC uses at least 92 % with a queue of one product of bandwidth and delay, half of that, and four', () => {
    for (const queue of [PRODUCT / 2, PRODUCT, 4 * PRODUCT]) {
      expect(Trial.share(seed, 'cubic', { queue })).toBeGreaterThanOrEqual(0.92)
    }
  })

  test('nor does a receiver matter that acknowledges 64 KiB at once', () => {
    for (const name of ['cubic', 'newreno', 'bbr'] as const) {
      expect(Trial.share(seed, name, { coalesced: 44 })).toBeGreaterThanOrEqual(0.92)
    }
  })

  test('NewReno uses at least 90 %', () => {
    expect(Trial.share(seed, 'newreno')).toBeGreaterThanOrEqual(0.9)
  })

  test('BBR uses at least 90 %, and no queue', () => {
    const trial = new Trial(seed)
    const flow = trial.add('bbr')
    trial.bottleneck.advance(SECOND)
    expect(trial.shares(10 * SECOND)[0]).toBeGreaterThanOrEqual(0.92)
    expect(flow.smoothed).toBeLessThan(1.3 * ROUND_TRIP)
  })

  test('BBR uses at least 85 % where 2 % are lost at random, ten times as much as CUBIC', () => {
    const share = Trial.share(seed, 'bbr', { loss: 0.02 })
    expect(share).toBeGreaterThanOrEqual(0.85)
    expect(share).toBeGreaterThan(10 * Trial.share(seed, 'cubic', { loss: 0.02 }))
  })

  test('BBR gives way where many more are lost: it does not fill a path that is broken', () => {
    expect(Trial.share(seed, 'bbr', { loss: 0.1 })).toBeLessThan(0.5)
  })

  test('BBR keeps a queue of a tenth of the product busy and loses less than 2 %', () => {
    const trial = new Trial(seed, { queue: PRODUCT / 10 })
    const flow = trial.add('bbr')
    trial.bottleneck.advance(SECOND)
    const lost = flow.lost
    expect(trial.shares(10 * SECOND)[0]).toBeGreaterThanOrEqual(0.88)
    expect((flow.lost - lost) / flow.delivered).toBeLessThan(0.02)
  })

  test.each([
    ['cubic', 0.9],
    ['bbr', 0.9],
    // Half of what overflowed the queue is not enough to keep it from overflowing once more.
    ['newreno', 0.7],
  ] as const)(
    '%s finds the bandwidth within a second, with losses of little more than a product and no timeout',
    (name, least) => {
      const trial = new Trial(seed)
      const flow = trial.add(name)
      trial.bottleneck.advance(SECOND)
      // Slow start doubles what is in flight while the round trips that tell of the queue are on their way.
      expect(trial.bottleneck.overflows * SEGMENT).toBeLessThan(1.2 * PRODUCT)
      expect(flow.timeouts).toBe(0)
      expect(trial.shares(SECOND)[0]).toBeGreaterThan(least)
    },
  )

  test('two CUBIC flows share it within 60:40', () => {
    const trial = new Trial(seed)
    trial.add('cubic')
    trial.bottleneck.advance(seed * MILLISECOND)
    trial.add('cubic')
    trial.bottleneck.advance(5 * SECOND)
    const shares = trial.shares(60 * SECOND)
    expect(shares[0] + shares[1]).toBeGreaterThan(0.95)
    expect(Math.max(...shares) / (shares[0] + shares[1])).toBeLessThanOrEqual(0.6)
  })
})

describe.each(SEEDS)('two flows at 20 Mbit/s, 50 ms, seed %s', (seed) => {
  test.each(['newreno', 'bbr'] as const)('%s: the larger share is at most 60 %%', (name) => {
    const trial = new Trial(seed, { bandwidth: 20e6, queue: PRODUCT / 5 })
    trial.add(name)
    trial.bottleneck.advance(seed * 20 * MILLISECOND)
    trial.add(name)
    trial.bottleneck.advance(10 * SECOND)
    const shares = trial.shares(60 * SECOND)
    expect(shares[0] + shares[1]).toBeGreaterThan(0.92)
    expect(Math.max(...shares) / (shares[0] + shares[1])).toBeLessThanOrEqual(0.6)
  })

  test('neither CUBIC nor BBR starves the other', () => {
    const trial = new Trial(seed, { bandwidth: 20e6, queue: PRODUCT / 5 })
    trial.add('cubic')
    trial.add('bbr')
    trial.bottleneck.advance(10 * SECOND)
    expect(Math.min(...trial.shares(60 * SECOND))).toBeGreaterThan(0.1)
  })
})
