/**
 * Flows that share a bottleneck. Nothing here is left to chance but when the second flow begins: with drop-tail queues
 * and clocks without noise, which flow a full queue hits depends on that alone.
 */
import { describe, expect, test } from 'vitest'
import { MILLISECOND, SECOND, SeededRandom } from '../../src/clock/index.ts'
import { Dumbbell, PAYLOAD_SHARE, seeds } from './dumbbell.ts'

const BANDWIDTH = 20e6
const ROUND_TRIP = 20 * MILLISECOND
/** CUBIC finds the balance over several of its epochs of some seconds. */
const SETTLING = 10 * SECOND
const MEASURED = 50 * SECOND

describe('two CUBIC flows share a bottleneck within 60:40', () => {
  for (const head of [0, 5 * SECOND]) {
    for (const seed of seeds(2)) {
      test(`the second about ${head / SECOND} s after the first, seed ${seed}`, () => {
        const dumbbell = new Dumbbell({
          seed,
          bandwidth: BANDWIDTH,
          roundTrip: ROUND_TRIP,
          queue: (BANDWIDTH * ROUND_TRIP) / 8e6,
          senders: 2,
        })
        const first = dumbbell.transfer(1e9, 0)
        dumbbell.clock.advance(head + new SeededRandom(seed).below(200_000))
        const second = dumbbell.transfer(1e9, 1)
        dumbbell.clock.advance(SETTLING)
        const before = [first, second].map((flow) => flow.receiving.bytes)
        dumbbell.clock.advance(MEASURED)
        const shares = [first, second].map((flow, i) => flow.receiving.bytes - before[i])
        const sum = shares[0] + shares[1]
        expect(Math.max(...shares) / sum).toBeLessThanOrEqual(0.6)
        expect((sum * 8 * SECOND) / MEASURED / BANDWIDTH / PAYLOAD_SHARE).toBeGreaterThan(0.9)
      })
    }
  }
})
