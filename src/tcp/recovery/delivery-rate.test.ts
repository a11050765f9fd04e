/** Delivery rate samples (draft-ietf-ccwg-bbr, section 4.1) and pacing. */
import { describe, expect, test } from 'vitest'
import { block, flight, MSS, ROUND_TRIP } from '../../../test/support/flight.ts'
import { MILLISECOND } from '../../clock/index.ts'
import { Sent } from './sent-segment.ts'

type Made = ReturnType<typeof flight>

/** Bytes and microseconds of the last sample. */
function rate({ recovery }: Made): [delivered: number, interval: number] {
  return [recovery.rateDelivered, recovery.rateInterval]
}

describe('a rate sample', () => {
  test('is what was delivered between the sending of a segment and its acknowledgment', () => {
    const made = flight(10)
    made.wait(ROUND_TRIP)
    made.acknowledge(10)
    expect(rate(made)).toEqual([10 * MSS, ROUND_TRIP])
  })

  test('takes the rate at which acknowledgments come, if that is the slower one', () => {
    const made = flight(10)
    made.wait(ROUND_TRIP)
    for (let i = 1; i <= 10; i++) {
      made.acknowledge(i)
      expect(rate(made)).toEqual([i * MSS, ROUND_TRIP + (i - 1) * 10 * MILLISECOND])
      made.wait(10 * MILLISECOND)
    }
  })

  test('takes the rate of sending, if acknowledgments come all at once', () => {
    const made = flight(1, { congestionWindow: 40 })
    for (let i = 1; i < 10; i++) {
      made.wait(10 * MILLISECOND)
      made.write(1)
    }
    made.wait(10 * MILLISECOND)
    made.acknowledge(1)
    for (let i = 10; i < 20; i++) {
      made.write(1)
      if (i < 19) made.wait(10 * MILLISECOND)
    }
    // 90 ms later; sent within 190 ms, and 150 ms since the last that was delivered.
    made.wait(60 * MILLISECOND)
    made.acknowledge(20)
    expect(rate(made)).toEqual([19 * MSS, 190 * MILLISECOND])
  })

  test('counts what SACK tells of once', () => {
    const made = flight(10)
    made.wait(ROUND_TRIP)
    made.acknowledge(0, [block(5, 10)])
    expect(rate(made)).toEqual([5 * MSS, ROUND_TRIP])
    expect(made.recovery.delivered).toBe(5 * MSS)
    made.wait(ROUND_TRIP)
    made.acknowledge(10, [])
    expect(made.recovery.delivered).toBe(10 * MSS)
  })

  test('is none if it took less than the shortest round trip', () => {
    const made = flight(10, { sack: false })
    expect(made.wait(3 * ROUND_TRIP)).toHaveLength(1)
    // The retransmission cannot have been acknowledged yet.
    made.wait(1 * MILLISECOND)
    made.acknowledge(1)
    expect(rate(made)).toEqual([0, 0])
  })

  test('is not spoilt by acknowledgments that deliver nothing', () => {
    const made = flight(10)
    made.wait(ROUND_TRIP)
    made.acknowledge(2)
    const { deliveredAt } = made.recovery
    made.wait(10 * MILLISECOND)
    made.acknowledge(2)
    expect(made.recovery.deliveredAt).toBe(deliveredAt)
  })
})

describe('what the application limits', () => {
  test('is marked from when everything is sent and the window has room, until that is delivered', () => {
    const made = flight(3)
    const { board, recovery } = made
    expect(board.last!.flags & Sent.ApplicationLimited).toBe(0)
    expect(recovery.applicationLimitedUntil).toBe(3 * MSS)
    made.wait(10 * MILLISECOND)
    made.write(2)
    expect(board.last!.flags & Sent.ApplicationLimited).not.toBe(0)
    expect(recovery.applicationLimitedUntil).toBe(5 * MSS)
    made.wait(ROUND_TRIP)
    made.acknowledge(5)
    made.write(30)
    made.wait(ROUND_TRIP)
    made.acknowledge(made.board.records > 0 ? 6 : 5)
    expect(recovery.applicationLimitedUntil).toBe(0)
    made.acknowledge(8)
    expect(board.last!.flags & Sent.ApplicationLimited).toBe(0)
  })

  test('lowers no rate that was measured', () => {
    const made = flight(10)
    made.wait(ROUND_TRIP)
    made.acknowledge(10)
    expect(rate(made)).toEqual([10 * MSS, ROUND_TRIP])
    // A trickle.
    for (let i = 0; i < 5; i++) {
      made.write(1)
      made.wait(ROUND_TRIP)
      made.acknowledge(11 + i)
    }
    expect(rate(made)).toEqual([10 * MSS, ROUND_TRIP])
  })

  test('is nothing while losses wait for their retransmission', () => {
    const made = flight(20, { congestionWindow: 20 })
    expect(made.recovery.applicationLimitedUntil).toBe(0)
    made.wait(ROUND_TRIP)
    expect(made.acknowledge(0, [block(17, 20)]).length).toBeGreaterThan(0)
    expect(made.board.lostUnsent).toBeGreaterThan(0)
    expect(made.recovery.applicationLimitedUntil).toBe(0)
  })
})

describe('pacing', () => {
  /** A megabyte a second: 2,040 us for two segments with their headers. */
  const RATE = 1_000_000
  const GAP = 2040

  function paced(waiting: number, rate = RATE) {
    const made = flight(0, { congestionWindow: 60 })
    Object.defineProperty(made.congestion, 'pacingRate', { value: rate, configurable: true })
    return { ...made, first: made.write(waiting) }
  }

  test('sends two segments at a time, evenly spaced', () => {
    const { first, wait } = paced(20)
    expect(first).toEqual([0, 1])
    const sent = wait(ROUND_TRIP / 2)
    expect(sent.map(({ segment }) => segment)).toEqual(Array.from({ length: 18 }, (_, i) => i + 2))
    for (const { segment, time } of sent) expect(time).toBe(Math.floor(segment / 2) * GAP)
  })

  test('sends about a millisecond of data at a time at higher rates', () => {
    const { first } = paced(60, 10 * RATE)
    expect(first).toHaveLength(10)
  })

  test('holds retransmissions to it, too', () => {
    const made = paced(20)
    made.wait(ROUND_TRIP)
    const sent = made.acknowledge(0, [block(10, 20)])
    expect(sent).toEqual([0, 1])
    const more = made.wait(ROUND_TRIP / 2)
    const times = new Set(more.map(({ time }) => time))
    expect(times.size).toBeGreaterThan(1)
    const sorted = [...times].sort((a, b) => a - b)
    for (let i = 1; i < sorted.length; i++) expect(sorted[i] - sorted[i - 1]).toBeGreaterThanOrEqual(GAP / 2)
  })

  test('acknowledgments do not make it faster', () => {
    const { wait, acknowledge, first } = paced(40)
    let sent = first.length
    for (let i = 1; i <= 20; i++) {
      wait(1 * MILLISECOND)
      sent += acknowledge(0).length
    }
    sent += wait(0).length
    expect(sent).toBeLessThanOrEqual(2 + 20)
  })

  test('begins at once after a pause, without catching up on what was not sent meanwhile', () => {
    const { wait, acknowledge, write } = paced(2)
    wait(ROUND_TRIP)
    acknowledge(2)
    wait(2 * ROUND_TRIP)
    expect(write(10)).toEqual([2, 3])
    expect(wait(GAP)).toHaveLength(2)
  })

  test('does not hold up the retransmission timer, however slow it is', () => {
    const { first, wait, tcp } = paced(4, 10)
    expect(first).toEqual([0, 1])
    const sent = wait(10 * 1000 * MILLISECOND).map(({ segment }) => segment)
    expect(tcp.counters.TCPTimeouts).toBeGreaterThan(1)
    expect(sent.filter((segment) => segment === 0).length).toBe(tcp.counters.TCPTimeouts)
  })

  test('needs no timer of its own when everything is sent', () => {
    const { wait, recovery } = paced(4)
    wait(10 * MILLISECOND)
    expect(recovery.paceAt).toBe(Number.POSITIVE_INFINITY)
  })
})
