/** RACK, time-based loss detection: RFC 8985, section 6, and the examples of section 3. */
import { describe, expect, test } from 'vitest'
import { block, flight, MSS, ROUND_TRIP, segmentsOf } from '../../../test/support/flight.ts'
import { MILLISECOND } from '../../clock/index.ts'
import { RecoveryState } from './loss-recovery.ts'

describe('without any reordering seen (6.2, step 4)', () => {
  test('three SACKed segments mean that what was sent before them is lost', () => {
    const { wait, acknowledge, recovery } = flight(10)
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 2)])).toEqual([])
    expect(acknowledge(0, [block(1, 3)])).toEqual([])
    expect(recovery.state).toBe(RecoveryState.Disorder)
    expect(acknowledge(0, [block(1, 4)])).toEqual([0])
    expect(recovery.state).toBe(RecoveryState.Recovery)
  })

  test('fewer mean it after a quarter of the smallest round trip: the reordering timer', () => {
    const { wait, acknowledge, recovery } = flight(3)
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 3)])).toEqual([])
    // Linux adds a millisecond, so that the timer does not fire too early.
    expect(wait(60 * MILLISECOND)).toEqual([{ segment: 0, time: ROUND_TRIP / 4 + 1 * MILLISECOND }])
    expect(recovery.state).toBe(RecoveryState.Recovery)
  })

  test('once in recovery what was sent before anything that has arrived is lost at once', () => {
    const { wait, acknowledge } = flight(10)
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 4)])).toEqual([0])
    // Segment 4 is a hole now, too, although nothing but one segment was SACKed above it.
    acknowledge(0, [block(5, 6), block(1, 4)])
    const again = acknowledge(0, [block(5, 7), block(1, 4)])
    expect(again).toEqual([4])
  })
})

describe('the timer', () => {
  test('goes away when the gap is filled', () => {
    const { wait, acknowledge, connection } = flight(3)
    wait(ROUND_TRIP)
    acknowledge(0, [block(1, 2)])
    wait(10 * MILLISECOND)
    acknowledge(3)
    expect(wait(3 * ROUND_TRIP)).toEqual([])
    expect(connection.retransmissions).toBe(0)
  })

  test('counts from when the segment was sent (step 5)', () => {
    const { wait, acknowledge, write } = flight(1)
    wait(40 * MILLISECOND)
    expect(write(1)).toEqual([1])
    // Segment 1 has taken a round trip, 0 is lost: sent 40 ms earlier, it is overdue by more than 25 ms.
    wait(60 * MILLISECOND)
    wait(40 * MILLISECOND)
    expect(acknowledge(0, [block(1, 2)])).toEqual([0])
  })
})

describe('reordering (6.2, steps 3 and 4)', () => {
  /** A segment that was sent once is delivered after a later one. */
  function reordered() {
    const made = flight(4, { congestionWindow: 40 })
    made.wait(ROUND_TRIP)
    expect(made.acknowledge(0, [block(1, 2)])).toEqual([])
    expect(made.acknowledge(4)).toEqual([])
    expect(made.recovery.reorderingSeen).toBe(1)
    expect(made.tcp.counters.TCPSACKReorder).toBe(1)
    return made
  }

  test('once seen, three SACKed segments are no longer reason enough: the window is a quarter of the round trip', () => {
    const { wait, acknowledge, write } = reordered()
    write(10)
    wait(ROUND_TRIP)
    expect(acknowledge(4, [block(5, 8)])).toEqual([])
    expect(acknowledge(4, [block(5, 14)])).toEqual([])
    expect(wait(50 * MILLISECOND)).toEqual([{ segment: 4, time: ROUND_TRIP / 4 + 1 * MILLISECOND }])
  })

  test('that takes less than the window costs nothing', () => {
    const { wait, acknowledge, write, congestion, recovery } = reordered()
    write(10)
    const window = congestion.window
    wait(ROUND_TRIP)
    acknowledge(4, [block(5, 14)])
    wait(20 * MILLISECOND)
    expect(acknowledge(14)).toEqual([])
    expect(wait(3 * ROUND_TRIP)).toEqual([])
    expect(congestion.window).toBeGreaterThanOrEqual(window)
    expect(recovery.state).toBe(RecoveryState.Open)
  })

  test('is what a hole that is filled without a retransmission means, not two blocks in one acknowledgment', () => {
    const { wait, acknowledge, recovery } = flight(10)
    wait(ROUND_TRIP)
    // The acknowledgment of segment 3 was lost; RFC 2018, section 4: the newest block comes first.
    acknowledge(0, [block(7, 8), block(3, 4)])
    expect(recovery.reorderingSeen).toBe(0)
    acknowledge(0, [block(1, 2), block(7, 8), block(3, 4)])
    expect(recovery.reorderingSeen).toBe(1)
  })

  test('is not seen where a retransmission has filled the hole', () => {
    const { wait, acknowledge, recovery } = flight(10)
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 5)])).toEqual([0])
    wait(ROUND_TRIP)
    acknowledge(10)
    expect(recovery.reorderingSeen).toBe(0)
  })

  test('raises the number of segments out of order that mean a loss, for connections whose time window is none', () => {
    const { wait, acknowledge, recovery } = flight(10)
    wait(ROUND_TRIP)
    acknowledge(0, [block(1, 2)])
    acknowledge(0, [block(8, 9), block(1, 2)])
    acknowledge(1, [block(8, 9)])
    acknowledge(1, [block(3, 4), block(8, 9)])
    // Segment 3 came after segment 8: six segments.
    expect(recovery.reordering).toBe(9)
  })
})

describe('the reordering window and D-SACK (6.2, step 4)', () => {
  /** In each round a segment is delivered later than the window allows, its retransmission is needless. */
  function spuriousRound(made: ReturnType<typeof flight>, from: number): number[] {
    made.write(10)
    made.wait(ROUND_TRIP)
    made.acknowledge(from, [block(from + 1, from + 10)])
    const sent = made.wait(2 * ROUND_TRIP)
    expect(segmentsOf(sent)).toEqual([from])
    made.acknowledge(from + 10)
    made.acknowledge(from + 10, [block(from, from + 1)])
    return sent.map(({ time }) => time)
  }

  function reorderedFlight() {
    const made = flight(4, { congestionWindow: 40 })
    made.wait(ROUND_TRIP)
    made.acknowledge(0, [block(1, 2)])
    made.acknowledge(4)
    return made
  }

  test('each round trip with a duplicate makes the window wider by a quarter', () => {
    const made = reorderedFlight()
    expect(spuriousRound(made, 4)).toEqual([26 * MILLISECOND])
    expect(made.recovery.reorderingWindowSteps).toBe(1)
    // The window is adapted by an acknowledgment that delivers something.
    const [second] = spuriousRound(made, 14)
    expect(second).toBe(51 * MILLISECOND)
    const [third] = spuriousRound(made, 24)
    expect(third).toBe(76 * MILLISECOND)
  })

  test('up to the smoothed round trip, not more', () => {
    const made = reorderedFlight()
    for (let i = 0; i < 6; i++) spuriousRound(made, 4 + i * 10)
    const { recovery, connection } = made
    expect(recovery.reorderingWindowSteps).toBeGreaterThan(4)
    made.write(10)
    made.wait(ROUND_TRIP)
    made.acknowledge(64, [block(65, 74)])
    const waited = made.recovery.reorderingAt - made.clock.now()
    expect(waited).toBeLessThanOrEqual(connection.timeout.smoothed + 1 * MILLISECOND + 1)
    expect(waited).toBeGreaterThan(connection.timeout.smoothed - ROUND_TRIP / 20)
  })

  test('for sixteen recoveries without a duplicate, then it is a quarter again', () => {
    const made = reorderedFlight()
    spuriousRound(made, 4)
    spuriousRound(made, 14)
    let from = 24
    const waits: number[] = []
    for (let i = 0; i < 20; i++, from += 10) {
      made.congestion.window = Math.max(made.congestion.window, 40 * MSS)
      expect(made.write(10)).toHaveLength(10)
      made.wait(ROUND_TRIP)
      made.acknowledge(from, [block(from + 1, from + 10)])
      const sent = made.wait(90 * MILLISECOND)
      expect(segmentsOf(sent)).toEqual([from])
      waits.push(sent[0].time)
      made.wait(ROUND_TRIP - (90 * MILLISECOND - sent[0].time))
      made.acknowledge(from + 10)
    }
    expect(waits[0]).toBe(76 * MILLISECOND)
    expect(waits[15]).toBe(76 * MILLISECOND)
    expect(waits[19]).toBe(26 * MILLISECOND)
  })
})

describe('lost retransmissions (6.2, step 5; section 3.1)', () => {
  test('are found by what was sent after them', () => {
    const { wait, acknowledge, tcp } = flight(10, { waiting: 30 })
    wait(ROUND_TRIP)
    acknowledge(0, [block(1, 2)])
    acknowledge(0, [block(1, 3)])
    const retransmission = acknowledge(0, [block(1, 4)])
    expect(retransmission[0]).toBe(0)
    wait(1 * MILLISECOND)
    let newest = 0
    for (let i = 5; i <= 10; i++) newest = Math.max(newest, ...acknowledge(0, [block(1, i)]), 0)
    expect(newest).toBeGreaterThan(10)
    wait(ROUND_TRIP)
    // What was sent after the retransmission arrives, and the retransmission not.
    const again = acknowledge(0, [block(1, newest + 1)])
    expect(again[0]).toBe(0)
    expect(tcp.counters.TCPLostRetransmit).toBe(1)
    expect(tcp.counters.TCPTimeouts).toBe(0)
  })

  test('not by what was sent before them', () => {
    const { wait, acknowledge, tcp } = flight(10)
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 4)])).toEqual([0])
    for (let i = 5; i <= 10; i++) expect(acknowledge(0, [block(1, i)])).toEqual([])
    wait(ROUND_TRIP / 2)
    expect(acknowledge(0, [block(1, 10)])).toEqual([])
    expect(tcp.counters.TCPLostRetransmit).toBe(0)
  })

  test('again and again, as long as something gets through', () => {
    const { wait, acknowledge, tcp } = flight(10, { waiting: 1000 })
    wait(ROUND_TRIP)
    acknowledge(0, [block(1, 4)])
    wait(1 * MILLISECOND)
    let top = Math.max(...acknowledge(0, [block(1, 10)]))
    for (let round = 1; round <= 7; round++) {
      wait(ROUND_TRIP)
      const sent = acknowledge(0, [block(1, top + 1)])
      expect(sent[0], `round ${round}`).toBe(0)
      expect(tcp.counters.TCPLostRetransmit).toBe(round)
      // One microsecond later something new goes out.
      wait(1 * MILLISECOND)
      top = Math.max(top, ...sent)
    }
    expect(tcp.counters.TCPTimeouts).toBe(0)
  })
})

describe('a retransmission that comes back faster than the path can be (step 2)', () => {
  test('says nothing: it was the original that arrived', () => {
    const { wait, acknowledge, recovery } = flight(10, { waiting: 4 })
    wait(ROUND_TRIP)
    acknowledge(0, [block(2, 5)])
    const before = recovery.rackSentAt
    wait(1 * MILLISECOND)
    acknowledge(0, [block(1, 5)])
    expect(recovery.rackSentAt).toBe(before)
  })
})

describe('examples', () => {
  test('section 3.2: the last segments of a flight are lost, a probe finds it and RACK repairs it', () => {
    const { wait, acknowledge, tcp } = flight(10)
    wait(ROUND_TRIP)
    // P8 to P10 are lost.
    expect(acknowledge(7)).toEqual([])
    const probe = wait(250 * MILLISECOND)
    expect(segmentsOf(probe)).toEqual([9])
    wait(ROUND_TRIP - 40 * MILLISECOND)
    const repaired = acknowledge(7, [block(9, 10)])
    expect(repaired).toEqual([7, 8])
    wait(ROUND_TRIP)
    expect(acknowledge(10)).toEqual([])
    expect(wait(3 * ROUND_TRIP)).toEqual([])
    expect(tcp.counters.TCPTimeouts).toBe(0)
  })
})
