/** Tail loss probes: RFC 8985, section 7. */
import { describe, expect, test } from 'vitest'
import { block, flight, MSS, ROUND_TRIP, segmentsOf } from '../../../test/support/flight.ts'
import { MILLISECOND, SECOND } from '../../clock/index.ts'
import { RecoveryState } from './loss-recovery.ts'

/** As Linux: two milliseconds on top of two round trips. */
const PROBE_TIMEOUT = 2 * ROUND_TRIP + 2 * MILLISECOND

describe('the probe timeout (7.2)', () => {
  test('is two round trips', () => {
    const { wait, tcp } = flight(4)
    expect(wait(250 * MILLISECOND)).toEqual([{ segment: 3, time: PROBE_TIMEOUT }])
    expect(tcp.counters.TCPLossProbes).toBe(1)
  })

  test('and with one segment on its way what a receiver may hold its acknowledgment back', () => {
    const { wait, connection } = flight(1)
    // Longer than the retransmission timeout, which for that comes first: after the first round trip it is 300 ms.
    const timeout = connection.timeout.current
    expect(2 * ROUND_TRIP + 200 * MILLISECOND).toBeGreaterThan(timeout)
    expect(wait(450 * MILLISECOND)[0]).toEqual({ segment: 0, time: timeout })
  })

  test('is not past the retransmission timeout of the first segment', () => {
    const { wait, connection, write } = flight(2)
    const timeout = connection.timeout.current
    wait(150 * MILLISECOND)
    write(1)
    expect(wait(300 * MILLISECOND)[0]).toEqual({ segment: 2, time: timeout - 150 * MILLISECOND })
  })

  test('begins anew with each acknowledgment of something new, and with each new segment', () => {
    const { wait, acknowledge, write } = flight(4)
    wait(20 * MILLISECOND)
    write(1)
    expect(wait(80 * MILLISECOND)).toEqual([])
    acknowledge(1)
    expect(wait(PROBE_TIMEOUT - 1)).toEqual([])
    expect(segmentsOf(wait(1))).toEqual([4])
    const other = flight(4)
    other.wait(20 * MILLISECOND)
    other.write(1)
    expect(other.wait(PROBE_TIMEOUT - 1)).toEqual([])
    expect(segmentsOf(other.wait(1))).toEqual([4])
  })

  test('does not run without a round-trip sample, without SACK, or with nothing on its way', () => {
    const silent = flight(4, { sack: false })
    expect(silent.wait(PROBE_TIMEOUT + 1 * MILLISECOND)).toEqual([])
    const done = flight(4)
    done.wait(ROUND_TRIP)
    done.acknowledge(4)
    expect(done.wait(10 * SECOND)).toEqual([])
  })

  test('does not run while something is SACKed: reordering has a timer of its own', () => {
    const { wait, acknowledge, tcp } = flight(4)
    wait(ROUND_TRIP)
    acknowledge(0, [block(1, 2)])
    wait(2 * ROUND_TRIP)
    expect(tcp.counters.TCPLossProbes).toBe(0)
  })

  test('nor in recovery, where the retransmission timer takes its place', () => {
    const { wait, acknowledge, tcp, recovery } = flight(4)
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 4)])).toEqual([0])
    // 300 ms after the retransmission, not before.
    expect(wait(299 * MILLISECOND)).toEqual([])
    expect(segmentsOf(wait(50 * MILLISECOND))).toEqual([0])
    expect(tcp.counters.TCPLossProbes).toBe(0)
    expect(recovery.state).toBe(RecoveryState.Loss)
  })
})

describe('the probe (7.3)', () => {
  test('is new data, if there is some, whatever the congestion window says', () => {
    const { wait, congestion, recovery } = flight(4, { congestionWindow: 4, waiting: 2 })
    expect(segmentsOf(wait(PROBE_TIMEOUT))).toEqual([4])
    expect(congestion.window).toBe(4 * MSS)
    expect(recovery.probeIsRetransmission).toBe(false)
  })

  test('is not new data beyond the window of the peer, but the last segment', () => {
    const { wait, recovery } = flight(4, { window: 4 * MSS, waiting: 2 })
    expect(segmentsOf(wait(PROBE_TIMEOUT))).toEqual([3])
    expect(recovery.probeIsRetransmission).toBe(true)
  })

  test('is one segment of a large one', () => {
    const { wait, peer, clock } = flight(20, { congestionWindow: 20 })
    peer.take()
    clock.advance(PROBE_TIMEOUT)
    const [probe, ...more] = peer.take()
    expect(more).toEqual([])
    expect(probe).toMatchObject({ seq: 1 + 19 * MSS, length: MSS })
    wait(0)
  })

  test('is the data with its FIN, as they were sent', () => {
    const { connection, clock, peer } = flight(0)
    connection.write(new Uint8Array(3 * MSS), null)
    connection.enqueue(new Uint8Array(MSS))
    connection.shutdownWrite()
    const sent = peer.take()
    const last = sent[sent.length - 1]
    expect(last.flags).toContain('F')
    clock.advance(PROBE_TIMEOUT)
    expect(peer.take()).toMatchObject([{ seq: last.seq, length: last.length, flags: last.flags }])
  })

  test('is one: after it there is only the retransmission timer', () => {
    const { wait, connection, tcp } = flight(4)
    wait(PROBE_TIMEOUT)
    const timeout = connection.timeout.current
    const sent = wait(timeout)
    expect(sent).toEqual([{ segment: 0, time: timeout }])
    expect(tcp.counters).toMatchObject({ TCPLossProbes: 1, TCPTimeouts: 1 })
  })

  test('and no second one before the first is answered, also if new data is sent', () => {
    const { wait, write, tcp } = flight(4)
    wait(PROBE_TIMEOUT)
    write(1)
    wait(PROBE_TIMEOUT + 10 * MILLISECOND)
    expect(tcp.counters.TCPLossProbes).toBe(1)
  })

  test('that finds packet memory exhausted leaves the retransmission timer', () => {
    const { wait, memory, tcp, connection } = flight(4)
    const taken = []
    for (let packet = memory.allocate(0); packet !== null; packet = memory.allocate(0)) taken.push(packet)
    expect(wait(PROBE_TIMEOUT + 1 * MILLISECOND)).toEqual([])
    expect(tcp.counters.TCPSendNoMemory).toBeGreaterThan(0)
    expect(connection.retransmitAt).toBeLessThan(Number.POSITIVE_INFINITY)
    for (const packet of taken) packet.release()
    expect(segmentsOf(wait(1 * SECOND))[0]).toBe(0)
  })
})

describe('what the acknowledgment of the probe tells (7.4)', () => {
  /** The last of four segments is lost, or its acknowledgment, and the probe has gone out. */
  function probed() {
    const made = flight(4)
    made.wait(ROUND_TRIP)
    made.acknowledge(3)
    expect(segmentsOf(made.wait(PROBE_TIMEOUT + 200 * MILLISECOND))).toEqual([3])
    made.wait(ROUND_TRIP)
    return made
  }

  test('a repaired loss halves the window, as any (7.4.2)', () => {
    const { acknowledge, write, wait, congestion, tcp, recovery } = probed()
    const before = congestion.window
    acknowledge(4)
    // Only what is acknowledged after it tells that no duplicate was reported.
    write(8)
    wait(ROUND_TRIP)
    acknowledge(5)
    expect(tcp.counters.TCPLossProbeRecovery).toBe(1)
    expect(congestion.window).toBeLessThan(before)
    expect(recovery.state).toBe(RecoveryState.Open)
  })

  test('by what was in flight when it was lost, not by what is left at the end', () => {
    const { acknowledge, write, wait, congestion, tcp } = flight(8)
    wait(ROUND_TRIP)
    acknowledge(7)
    expect(segmentsOf(wait(PROBE_TIMEOUT + 200 * MILLISECOND))).toEqual([7])
    wait(ROUND_TRIP)
    acknowledge(8)
    write(1)
    wait(ROUND_TRIP)
    acknowledge(9)
    expect(tcp.counters.TCPLossProbeRecovery).toBe(1)
    expect(congestion.window).toBe(4 * MSS)
  })

  test('a duplicate means that nothing was lost', () => {
    const { acknowledge, write, wait, congestion, tcp, recovery } = probed()
    const before = congestion.window
    acknowledge(4)
    acknowledge(4, [block(3, 4)])
    expect(recovery.probeOutstanding).toBe(false)
    write(8)
    wait(ROUND_TRIP)
    acknowledge(5)
    expect(tcp.counters.TCPLossProbeRecovery).toBe(0)
    expect(congestion.window).toBeGreaterThanOrEqual(before)
    expect(recovery.duplicateSackSeen).toBe(false)
  })

  test('new data that is acknowledged says that nothing was lost', () => {
    const { wait, acknowledge, congestion, tcp } = flight(4, { congestionWindow: 4, waiting: 1 })
    expect(segmentsOf(wait(PROBE_TIMEOUT))).toEqual([4])
    wait(ROUND_TRIP)
    acknowledge(5)
    expect(tcp.counters.TCPLossProbeRecovery).toBe(0)
    expect(congestion.window).toBeGreaterThanOrEqual(4 * MSS)
  })

  test('a probe ahead of a gap begins recovery (7.4.1)', () => {
    const { wait, acknowledge, tcp, recovery } = flight(8)
    wait(ROUND_TRIP)
    acknowledge(3)
    wait(PROBE_TIMEOUT)
    wait(ROUND_TRIP)
    const sent = acknowledge(3, [block(7, 8)])
    expect(recovery.state).toBe(RecoveryState.Recovery)
    expect(sent[0]).toBe(3)
    expect(tcp.counters.TCPTimeouts).toBe(0)
  })
})
