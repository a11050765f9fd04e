/** Proportional rate reduction: RFC 6937, the pseudocode of section 3 and the figures of section 3.1. */
import { describe, expect, test } from 'vitest'
import { block, flight, MSS, ROUND_TRIP } from '../../../test/support/flight.ts'
import { RecoveryState } from './loss-recovery.ts'
import { reduceProportionally } from './proportional-rate-reduction.ts'

/** In segments; `lost` are newly believed lost, `progress` says that SND.UNA moved. */
interface Acknowledgment {
  delivered: number
  lost?: number
  flight: number
  progress?: boolean
}

/** Twenty segments are on their way, and enough is waiting. */
function twenty() {
  const made = flight(20, { congestionWindow: 20, waiting: 60 })
  made.wait(ROUND_TRIP)
  return made
}

describe('proportional part', () => {
  test('figure 1: of twenty segments one is lost: one goes out for each two that arrive', () => {
    const { acknowledge, congestion, recovery } = twenty()
    expect(acknowledge(0, [block(1, 2)])).toEqual([20])
    expect(acknowledge(0, [block(1, 3)])).toEqual([21])
    // The retransmission.
    expect(acknowledge(0, [block(1, 4)])).toEqual([0])
    expect(congestion.slowStartThreshold).toBe(10 * MSS)
    const sent: number[] = []
    for (let i = 5; i <= 20; i++) sent.push(acknowledge(0, [block(1, i)]).length)
    // 17 were delivered in recovery, the first of them with the retransmission.
    expect(sent.reduce((sum, count) => sum + count, 1)).toBe(Math.floor(17 / 2))
    expect(Math.max(...sent)).toBe(1)
    expect(recovery.flight(22 * MSS + sent.reduce((sum, count) => sum + count, 0) * MSS)).toBeLessThanOrEqual(11 * MSS)
  })

  test('at the end the window is what was aimed at', () => {
    const { acknowledge, congestion, recovery, wait } = twenty()
    acknowledge(0, [block(1, 4)])
    acknowledge(0, [block(1, 20)])
    wait(ROUND_TRIP)
    acknowledge(20)
    expect(recovery.state).toBe(RecoveryState.Open)
    expect(congestion.window).toBe(10 * MSS)
  })
})

describe('slow start part, with the reduction bound (PRR-SSRB)', () => {
  test('figure 2: fifteen of twenty are lost, and the flight grows again to the threshold, not at once', () => {
    const { acknowledge, recovery, congestion, wait } = twenty()
    // 0 to 14 are lost.
    acknowledge(0, [block(15, 16)])
    acknowledge(0, [block(15, 17)])
    const first = acknowledge(0, [block(15, 18)])
    // Of 20, 15 are lost, three have arrived, two and what limited transmit sent are on their way.
    expect(first.length).toBeGreaterThanOrEqual(1)
    expect(first.length).toBeLessThanOrEqual(4)
    const more = [...acknowledge(0, [block(15, 19)]), ...acknowledge(0, [block(15, 20)])]
    expect(more.length).toBeLessThanOrEqual(4)
    expect(recovery.flight(22 * MSS)).toBeLessThanOrEqual(congestion.slowStartThreshold)
    let next = first.length + more.length
    wait(ROUND_TRIP)
    // Each delivered retransmission lets one more go than it was, until the threshold.
    const sent = acknowledge(1, [block(15, 22)])
    next += sent.length
    expect(sent.length).toBeGreaterThanOrEqual(1)
    for (let i = 2; i < 15; i++) acknowledge(i, [block(15, 22)])
    expect(congestion.window).toBeLessThanOrEqual(10 * MSS)
    expect(next).toBeGreaterThan(4)
  })

  test('a burst of acknowledgments for a whole window does not send a whole window at once', () => {
    const { acknowledge } = twenty()
    const sent = acknowledge(0, [block(1, 20)])
    // One acknowledgment for 19 segments: 19 / 2 by proportion, bounded by the threshold of 10 in flight.
    expect(sent.length).toBeLessThanOrEqual(10)
    expect(sent[0]).toBe(0)
  })
})

describe('what one acknowledgment lets go, in segments', () => {
  /** @returns by how much the window is above what is in flight */
  function allowed(state: { delivered: number; out: number }, acknowledgment: Acknowledgment): number {
    const congestion = { slowStartThreshold: 10 * MSS, window: 0 }
    const { delivered, lost = 0, flight, progress = false } = acknowledgment
    const proportionalDelivered = state.delivered * MSS
    const recovery = { priorWindow: 20 * MSS, proportionalDelivered, proportionalOut: state.out * MSS, congestion }
    reduceProportionally(recovery as never, delivered * MSS, lost * MSS, flight * MSS, progress, MSS)
    return congestion.window / MSS - flight
  }

  test.each<[string, number, { delivered: number; out: number }, Acknowledgment]>([
    // Above the threshold: half of what was delivered, less what went out.
    [
      'proportional: nothing while that is no more than went out',
      0,
      { delivered: 1, out: 1 },
      { delivered: 1, flight: 15 },
    ],
    ['proportional: one for the second', 1, { delivered: 3, out: 1 }, { delivered: 1, flight: 15 }],
    ['proportional: never less than nothing', 0, { delivered: 2, out: 4 }, { delivered: 1, flight: 15 }],
    // Below it: what was delivered, and one more only while things get better.
    ['slow start: as many as were delivered', 1, { delivered: 3, out: 4 }, { delivered: 1, flight: 5 }],
    [
      'slow start: and one on top with progress',
      2,
      { delivered: 3, out: 4 },
      { delivered: 1, flight: 5, progress: true },
    ],
    [
      'slow start: but not when more is lost',
      1,
      { delivered: 3, out: 4 },
      { delivered: 1, lost: 1, flight: 5, progress: true },
    ],
    ['slow start: what did not go out before may go now', 4, { delivered: 6, out: 3 }, { delivered: 1, flight: 5 }],
    [
      'slow start: no further than the threshold',
      1,
      { delivered: 9, out: 1 },
      { delivered: 2, flight: 9, progress: true },
    ],
    ['the first time: one on top in any case', 3, { delivered: 0, out: 0 }, { delivered: 2, lost: 3, flight: 5 }],
    ['the first time: the retransmission at least', 1, { delivered: 0, out: 0 }, { delivered: 0, flight: 12 }],
    ['nothing on its way: one', 1, { delivered: 2, out: 4 }, { delivered: 0.1, flight: 0 }],
  ])('%s', (_, expected, state, acknowledgment) => {
    expect(allowed(state, acknowledgment)).toBeCloseTo(expected, 2)
  })
})

describe('amounts are bytes', () => {
  test('what is delivered in crumbs lets no crumbs go, and nothing gets stuck', () => {
    const made = flight(0, { congestionWindow: 4 })
    const { connection, clock, acknowledge, board, tcp, wait } = made
    connection.setNoDelay(true)
    // Thirty segments of 100 bytes.
    for (let i = 0; i < 30; i++) {
      connection.write(new Uint8Array(100), null)
      clock.advance(0)
    }
    clock.advance(ROUND_TRIP)
    const crumb = (n: number): number => 1 + n * 100
    for (let i = 24; i <= 30; i++) acknowledge(0, [[crumb(23), crumb(i)]])
    expect(board.lost).toBe(2300)
    // The retransmissions come as full segments (RFC 9293, 3.8.1), one is lost again.
    wait(ROUND_TRIP)
    for (let i = 0; i < 20 && board.records > 0; i++) {
      acknowledge(0, [], { ack: Math.min(1 + (i + 1) * MSS, crumb(30)) })
      wait(ROUND_TRIP)
    }
    expect(tcp.counters.TCPTimeouts).toBe(0)
  })
})
