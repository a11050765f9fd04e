/** A path that loses frames by chance, which says nothing about congestion: 1 % of all data, 20 ms. */
import { describe, expect, test } from 'vitest'
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import type { TcpSettings } from '../../src/tcp/index.ts'
import type { Transfer } from './bulk-transfer.ts'
import { recoveries, timeouts } from './counted.ts'
import { Dumbbell, seeds } from './dumbbell.ts'

const WINDOW = 8 << 20
/** A transfer that is lucky at the beginning has a large window for a while: that is not what is compared. */
const START = 4 * SECOND

function run(seed: number, senderSettings: Partial<TcpSettings>, bytes: number): { transfer: Transfer; lost: number } {
  const dumbbell = new Dumbbell({
    seed,
    bandwidth: 100e6,
    roundTrip: 20 * MILLISECOND,
    forward: { loss: 0.01 },
    settings: { sendBuffer: WINDOW, maximumReceiveBuffer: WINDOW },
    senderSettings,
  })
  const transfer = dumbbell.transfer(bytes)
  dumbbell.finish([transfer])
  return { transfer, lost: dumbbell.framesLost }
}

describe('1 % of all data lost, 20 ms', () => {
  test('at most 1 in 100 recoveries needs a retransmission timeout, and what was not lost is not sent again', () => {
    let recovered = 0
    let timedOut = 0
    for (const seed of seeds(4)) {
      const { transfer, lost } = run(seed, {}, 50e6)
      recovered += recoveries(transfer.sendingTcp.counters)
      timedOut += timeouts(transfer.sendingTcp.counters)
      expect(transfer.flow.duplicates / lost).toBeLessThan(0.02)
    }
    expect(recovered).toBeGreaterThan(300)
    expect(timedOut / recovered).toBeLessThanOrEqual(0.01)
  })

  // A window that losses alone bound is about the same for all that follow RFC 5681's rule or are fair to it, as CUBIC
  // is on a short path (RFC 9438, 4.3): some 12 segments at 1 %. What SACK brings is that none of it is wasted.
  test('CUBIC is faster than NewReno without SACK', () => {
    let today = 0
    let old = 0
    for (const seed of seeds(3)) {
      today += run(seed, {}, 40e6).transfer.goodput(START)
      const settings: Partial<TcpSettings> = { selectiveAcknowledgments: false, congestionControl: 'newreno' }
      old += run(seed, settings, 30e6).transfer.goodput(START)
    }
    expect(today / old).toBeGreaterThanOrEqual(1.1)
  })
})
