/** A path that reorders must not look like one that loses. */
import { describe, expect, test } from 'vitest'
import { MILLISECOND } from '../../src/clock/index.ts'
import { Dumbbell, PAYLOAD_SHARE, seeds } from './dumbbell.ts'

describe('10 % of all data overtaken by up to 5: less than 1 % sent again without need, once adapted', () => {
  for (const [name, bandwidth, roundTrip] of [
    ['100 Mbit/s, 20 ms', 100e6, 20 * MILLISECOND],
    ['20 Mbit/s, 40 ms', 20e6, 40 * MILLISECOND],
    ['1 Gbit/s, 2 ms', 1e9, 2 * MILLISECOND],
  ] as const) {
    for (const seed of seeds(2)) {
      test(`${name}, seed ${seed}`, () => {
        const window = 4 << 20
        const dumbbell = new Dumbbell({
          seed,
          bandwidth,
          roundTrip,
          queue: window,
          forward: { reordering: { probability: 0.1, distance: [1, 5] } },
          settings: { sendBuffer: window, maximumReceiveBuffer: window },
        })
        const transfer = dumbbell.transfer(40e6)
        while (transfer.receiving.bytes < 10e6) dumbbell.clock.advance(10 * MILLISECOND)
        const { segments, duplicates } = transfer.flow
        const start = dumbbell.clock.now()
        dumbbell.finish([transfer])
        expect(dumbbell.framesLost).toBe(0)
        const sent = transfer.flow.segments - segments
        expect(transfer.flow.late / transfer.flow.segments).toBeGreaterThan(0.05)
        expect((transfer.flow.duplicates - duplicates) / sent).toBeLessThan(0.01)
        expect(transfer.goodput(start) / bandwidth / PAYLOAD_SHARE).toBeGreaterThan(0.9)
      })
    }
  }
})
