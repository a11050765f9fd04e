/**
 * Paths that lose nothing but what their own queue drops: how much of the link a transfer uses. Shares are of payload in the
 * bits that the link counts, headers included, of which full frames with timestamps can reach 95.6 %. All settings are the
 * defaults: buffers have to grow by themselves.
 */
import { describe, expect, test } from 'vitest'
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import { Dumbbell, seeds } from './dumbbell.ts'

describe('1 Gbit/s, no loss, 500 MB: at least 93 % of the link after the first second', () => {
  // Both readings of "x 40 ms": there and back, and one way.
  for (const [roundTrip, few, all] of [
    [40 * MILLISECOND, 1, 20],
    [80 * MILLISECOND, 1, 5],
  ]) {
    for (const seed of seeds(few, all)) {
      test(`round trip ${roundTrip / MILLISECOND} ms, seed ${seed}`, () => {
        const bandwidth = 1e9
        // The queue holds more than the windows: nothing is dropped.
        const dumbbell = new Dumbbell({ seed, bandwidth, roundTrip, queue: 64 << 20, smallSlots: 65_536 })
        const transfer = dumbbell.transfer(500e6)
        dumbbell.finish([transfer])
        expect(dumbbell.framesLost).toBe(0)
        expect(transfer.sendingTcp.counters.RetransSegs).toBe(0)
        expect(transfer.goodput(SECOND) / bandwidth).toBeGreaterThanOrEqual(0.93)
      })
    }
  }
})

describe('a drop-tail queue of one bandwidth-delay product: at least 92 % of the link', () => {
  for (const [bandwidth, roundTrip, bytes, few, all] of [
    [100e6, 50 * MILLISECOND, 250e6, 2, 20],
    [1e9, 40 * MILLISECOND, 500e6, 1, 5],
  ]) {
    for (const seed of seeds(few, all)) {
      test(`${bandwidth / 1e6} Mbit/s, ${roundTrip / MILLISECOND} ms, seed ${seed}`, () => {
        const queue = (bandwidth * roundTrip) / 8e6
        const dumbbell = new Dumbbell({ seed, bandwidth, roundTrip, queue, smallSlots: 65_536 })
        const transfer = dumbbell.transfer(bytes)
        dumbbell.finish([transfer])
        expect(dumbbell.framesLost).toBeGreaterThan(100)
        // A slow start that overflows the queue is repaired without sending anything twice that had arrived.
        expect(transfer.flow.duplicates).toBe(0)
        expect(transfer.goodput(SECOND) / bandwidth).toBeGreaterThanOrEqual(0.92)
      })
    }
  }
})
