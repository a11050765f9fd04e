/** Flows that share a bottleneck. */
import { describe, expect, test } from 'vitest'
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import { Dumbbell, PAYLOAD_SHARE, seeds } from './dumbbell.ts'

const BANDWIDTH = 50e6
const ROUND_TRIP = 40 * MILLISECOND
const PRODUCT = (BANDWIDTH * ROUND_TRIP) / 8e6
const DURATION = 60 * SECOND

describe('two CUBIC flows share a bottleneck within 60:40', () => {
  for (const head of [0, 5 * SECOND]) {
    for (const seed of seeds(2)) {
      test(`the second ${head / SECOND} s after the first, seed ${seed}`, () => {
        const dumbbell = new Dumbbell({
          seed,
          bandwidth: BANDWIDTH,
          roundTrip: ROUND_TRIP,
          queue: PRODUCT,
          senders: 2,
          settings: { sendBuffer: 4 << 20, maximumReceiveBuffer: 4 << 20 },
        })
        const first = dumbbell.transfer(1e9, 0)
        // Not in step, as two that begin at one instant in a world without chance would be.
        dumbbell.clock.advance(head + 7 * MILLISECOND * seed)
        const second = dumbbell.transfer(1e9, 1)
        const begin = dumbbell.clock.now() + 10 * SECOND
        dumbbell.clock.advance(DURATION)
        const shares = [first, second].map((flow) => flow.goodput(begin - flow.sending.started, dumbbell.clock.now()))
        const sum = shares[0] + shares[1]
        expect(Math.max(...shares) / sum).toBeLessThanOrEqual(0.6)
        expect(sum / BANDWIDTH / PAYLOAD_SHARE).toBeGreaterThan(0.9)
      })
    }
  }
})
