/** BBR models the path and is not ruled by losses: draft-ietf-ccwg-bbr. */
import { describe, expect, test } from 'vitest'
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import type { TcpSettings } from '../../src/tcp/index.ts'
import { recoveries, timeouts } from './counted.ts'
import { Dumbbell, PAYLOAD_SHARE, seeds } from './dumbbell.ts'

const BANDWIDTH = 100e6
const WINDOW = 8 << 20

function run(seed: number, roundTrip: number, loss: number, senderSettings: Partial<TcpSettings>, bytes: number) {
  const dumbbell = new Dumbbell({
    seed,
    bandwidth: BANDWIDTH,
    roundTrip,
    queue: (BANDWIDTH * roundTrip) / 8e6,
    forward: { loss },
    settings: { sendBuffer: WINDOW, maximumReceiveBuffer: WINDOW },
    senderSettings,
  })
  const transfer = dumbbell.transfer(bytes)
  dumbbell.finish([transfer])
  return transfer
}

describe('BBR', () => {
  for (const seed of seeds(2)) {
    test(`holds at least 85 % of 100 Mbit/s at 50 ms and 2 % loss, seed ${seed}`, () => {
      const transfer = run(seed, 50 * MILLISECOND, 0.02, { congestionControl: 'bbr' }, 200e6)
      expect(transfer.goodput() / BANDWIDTH / PAYLOAD_SHARE).toBeGreaterThanOrEqual(0.85)
    })
  }

  for (const seed of seeds(1)) {
    test(`is three times as fast as NewReno without SACK at 20 ms and 1 % loss, hardly with timeouts, seed ${seed}`, () => {
      const old: Partial<TcpSettings> = { selectiveAcknowledgments: false, congestionControl: 'newreno' }
      const today = run(seed, 20 * MILLISECOND, 0.01, { congestionControl: 'bbr' }, 50e6)
      const before = run(seed, 20 * MILLISECOND, 0.01, old, 20e6)
      expect(today.goodput(SECOND) / before.goodput(SECOND)).toBeGreaterThanOrEqual(3)
      const { counters } = today.sendingTcp
      expect(recoveries(counters)).toBeGreaterThan(50)
      expect(timeouts(counters) / recoveries(counters)).toBeLessThanOrEqual(0.01)
    })
  }
})
