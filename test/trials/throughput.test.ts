/** Paths that lose nothing but what their own queue drops: how much of the link a transfer uses. */
import { describe, expect, test } from 'vitest'
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import type { TcpSettings } from '../../src/tcp/index.ts'
import { Dumbbell, PAYLOAD_SHARE, seeds } from './dumbbell.ts'

const MEBIBYTE = 1 << 20

/** Room for what the path holds, and as much again for what waits while a loss is repaired. */
function windowsFor(bandwidthDelayProduct: number): Partial<TcpSettings> {
  const size = Math.min(4 * bandwidthDelayProduct, 64 * MEBIBYTE)
  return { sendBuffer: size, maximumReceiveBuffer: size }
}

describe('1 Gbit/s, no loss, 500 MB: at least 93 % of the link after the first second', () => {
  // Both readings of "x 40 ms": there and back, and one way.
  for (const roundTrip of [40 * MILLISECOND, 80 * MILLISECOND]) {
    for (const seed of seeds(2)) {
      test(`round trip ${roundTrip / MILLISECOND} ms, seed ${seed}`, () => {
        const bandwidth = 1e9
        const product = (bandwidth * roundTrip) / 8e6
        const dumbbell = new Dumbbell({
          seed,
          bandwidth,
          roundTrip,
          // More than the windows: nothing is dropped.
          queue: 64 * MEBIBYTE,
          smallSlots: 65_536,
          settings: windowsFor(product),
        })
        const transfer = dumbbell.transfer(500e6)
        dumbbell.finish([transfer])
        expect(dumbbell.framesLost).toBe(0)
        expect(transfer.sendingTcp.counters.RetransSegs).toBe(0)
        expect(transfer.goodput(SECOND) / bandwidth / PAYLOAD_SHARE).toBeGreaterThanOrEqual(0.93)
      })
    }
  }
})

describe('100 Mbit/s, 50 ms, a drop-tail queue of one bandwidth-delay product: at least 92 % of the link', () => {
  for (const seed of seeds(3)) {
    test(`seed ${seed}`, () => {
      const bandwidth = 100e6
      const roundTrip = 50 * MILLISECOND
      const product = (bandwidth * roundTrip) / 8e6
      const dumbbell = new Dumbbell({ seed, bandwidth, roundTrip, queue: product, settings: windowsFor(product) })
      const transfer = dumbbell.transfer(250e6)
      dumbbell.finish([transfer])
      expect(transfer.goodput() / bandwidth / PAYLOAD_SHARE).toBeGreaterThanOrEqual(0.92)
    })
  }
})
