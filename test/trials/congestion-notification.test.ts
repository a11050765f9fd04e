/** A bottleneck that marks instead of losing: RFC 3168. */
import { describe, expect, test } from 'vitest'
import { MILLISECOND, SECOND } from '../../src/clock/index.ts'
import { Dumbbell, PAYLOAD_SHARE } from './dumbbell.ts'

const BANDWIDTH = 50e6
const ROUND_TRIP = 20 * MILLISECOND
const PRODUCT = (BANDWIDTH * ROUND_TRIP) / 8e6
const DURATION = 20 * SECOND

/** A flow over a bottleneck with a queue of four times what the path holds, of which half the path's is too much. */
function flow(ecn: 'on' | 'off', congestionControl: 'cubic' | 'newreno') {
  const dumbbell = new Dumbbell({
    seed: 1,
    bandwidth: BANDWIDTH,
    roundTrip: ROUND_TRIP,
    queue: 4 * PRODUCT,
    forward: { markAbove: PRODUCT / 2 },
    settings: { congestionControl, maximumReceiveBuffer: 4 << 20 },
    senderSettings: { ecn },
  })
  const transfer = dumbbell.transfer(1e9)
  const link = dumbbell.receiver.port.toStack
  let longest = 0
  for (let time = 0; time < DURATION; time += 1 * MILLISECOND) {
    dumbbell.clock.advance(1 * MILLISECOND)
    if (time > 2 * SECOND) longest = Math.max(longest, link.occupancy)
  }
  const rate = transfer.goodput(2 * SECOND, dumbbell.clock.now())
  return { longest: longest * 1514, use: rate / BANDWIDTH / PAYLOAD_SHARE, ...dumbbell.senders[0].tcp.counters, link }
}

describe('a flow over a bottleneck that marks', () => {
  for (const congestionControl of ['cubic', 'newreno'] as const) {
    test(`${congestionControl}: loses nothing, uses the link, and keeps the queue short`, () => {
      const marked = flow('on', congestionControl)
      const lossy = flow('off', congestionControl)
      expect(marked.link.counters.marked).toBeGreaterThan(0)
      expect(marked.link.counters.queueFull).toBe(0)
      expect(marked.RetransSegs).toBe(0)
      expect(marked.TCPTimeouts).toBe(0)
      expect(marked.use).toBeGreaterThan(0.92)
      // What is on the path is counted, too.
      expect(marked.longest).toBeLessThan(2 * PRODUCT)
      expect(lossy.link.counters.marked).toBe(0)
      expect(lossy.RetransSegs).toBeGreaterThan(0)
      expect(lossy.longest).toBeGreaterThan(4 * PRODUCT)
    })
  }
})
