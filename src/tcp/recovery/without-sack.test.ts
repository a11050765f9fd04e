/** Loss recovery with a peer that does not permit SACK: RFC 5681, 3.2, RFC 6582 (NewReno), RFC 3042 (limited transmit). */
import { describe, expect, test } from 'vitest'
import { flight, MSS, ROUND_TRIP } from '../../../test/support/flight.ts'
import { RecoveryState } from './loss-recovery.ts'

/** @param count duplicate acknowledgments of what comes before segment `to` */
function duplicates(made: ReturnType<typeof flight>, to: number, count: number): number[] {
  const sent: number[] = []
  for (let i = 0; i < count; i++) sent.push(...made.acknowledge(to))
  return sent
}

describe('limited transmit, RFC 3042', () => {
  test('the first two duplicate acknowledgments let a new segment go each, as far as the peer allows', () => {
    const made = flight(10, { sack: false, waiting: 10 })
    made.wait(ROUND_TRIP)
    expect(made.acknowledge(0)).toEqual([10])
    expect(made.acknowledge(0)).toEqual([11])
    expect(made.congestion.window).toBe(10 * MSS)
    expect(made.acknowledge(0)).toEqual([0])
  })

  test('not beyond the window of the peer', () => {
    const made = flight(10, { sack: false, waiting: 10, window: 11 * MSS })
    made.wait(ROUND_TRIP)
    expect(duplicates(made, 0, 2)).toEqual([10])
  })
})

describe('NewReno, RFC 6582', () => {
  test('each partial acknowledgment sends the next gap again; the whole takes a round trip for each gap', () => {
    const made = flight(10, { sack: false })
    made.wait(ROUND_TRIP)
    // 0, 2 and 4 are lost.
    expect(duplicates(made, 0, 7)).toEqual([0])
    made.wait(ROUND_TRIP)
    expect(made.acknowledge(2)).toEqual([2])
    made.wait(ROUND_TRIP)
    expect(made.acknowledge(4)).toEqual([4])
    made.wait(ROUND_TRIP)
    expect(made.acknowledge(10)).toEqual([])
    expect(made.tcp.counters.TCPTimeouts).toBe(0)
    expect(made.congestion.slowStartThreshold).toBe(5 * MSS)
  })

  test('duplicates for what the retransmissions filled begin no second recovery (3.2, step 1)', () => {
    const made = flight(10, { sack: false })
    made.wait(ROUND_TRIP)
    expect(duplicates(made, 0, 9)).toEqual([0])
    made.wait(ROUND_TRIP)
    made.acknowledge(10)
    const { slowStartThreshold } = made.congestion
    // The recovery point is acknowledged, and duplicates of it are ambiguous.
    expect(made.write(5)).toEqual([10, 11, 12, 13, 14])
    expect(duplicates(made, 10, 5)).toEqual([])
    expect(made.congestion.slowStartThreshold).toBe(slowStartThreshold)
    expect(made.tcp.counters.TCPRenoRecovery).toBe(1)
  })

  test('a lost retransmission is left to the timer (section 5)', () => {
    const made = flight(10, { sack: false })
    made.wait(ROUND_TRIP)
    expect(duplicates(made, 0, 9)).toEqual([0])
    const again = made.wait(5 * ROUND_TRIP)
    expect(again[0].segment).toBe(0)
    expect(made.recovery.state).toBe(RecoveryState.Loss)
  })
})

describe('duplicate acknowledgments that are too many', () => {
  test('for one segment that is on its way leave the flight what it is', () => {
    const made = flight(1, { sack: false })
    made.wait(ROUND_TRIP)
    duplicates(made, 0, 10)
    expect(made.recovery.flight(MSS)).toBeGreaterThanOrEqual(0)
    expect(made.board.sacked).toBe(0)
  })

  test('for many segments never count for more than can have arrived, also after a partial acknowledgment', () => {
    const made = flight(10, { sack: false, waiting: 100 })
    made.wait(ROUND_TRIP)
    // The network duplicates acknowledgments: `checkSender` looks at the sums after each.
    duplicates(made, 0, 30)
    made.acknowledge(1)
    duplicates(made, 1, 30)
    made.acknowledge(2)
    made.acknowledge(3)
    expect(made.tcp.counters.TCPTimeouts).toBe(0)
  })

  test('and acknowledgments cut to pieces do not make the window grow faster: bytes count (RFC 3465)', () => {
    const made = flight(10, { sack: false, waiting: 100 })
    made.wait(ROUND_TRIP)
    const { peer, congestion } = made
    for (let i = 1; i <= 100; i++) peer.send({ ack: 1 + (i * MSS) / 100 })
    expect(congestion.window).toBeLessThanOrEqual(11 * MSS)
  })
})

test('path MTU: after the duplicates for a segment it turns out to be too large', () => {
  const made = flight(2, { sack: false })
  made.acknowledge(0)
  made.peer.icmp({ type: 3, code: 4, rest: 800 }, 1)
  expect(made.wait(0).length).toBeGreaterThan(0)
})
