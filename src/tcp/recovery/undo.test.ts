/** Spurious retransmissions and timeouts: F-RTO (RFC 5682), Eifel (RFC 3522, RFC 4015), D-SACK (RFC 3708). */
import { describe, expect, test } from 'vitest'
import { block, type FlightOptions, flight, MSS, ROUND_TRIP } from '../../../test/support/flight.ts'
import { MILLISECOND, SECOND } from '../../clock/index.ts'
import { Ecn } from '../explicit-congestion-notification.ts'
import { RecoveryState } from './loss-recovery.ts'

type Made = ReturnType<typeof flight>

/** The first timeout: SRTT + 4 RTTVAR, three round trips, after the first segment; with SACK after a probe. */
const TIMEOUT = 300 * MILLISECOND
const PROBE_AND_TIMEOUT = 202 * MILLISECOND + TIMEOUT

function timedOut(segments: number, options: FlightOptions = {}): Made {
  const made = flight(segments, options)
  const sent = made.wait(options.sack === false ? TIMEOUT : PROBE_AND_TIMEOUT)
  expect(sent[sent.length - 1].segment).toBe(0)
  expect(made.recovery.state).toBe(RecoveryState.Loss)
  expect(made.tcp.counters.TCPTimeouts).toBe(1)
  return made
}

/** What the peer echoes: the timestamp of what was sent at first. */
function oldEcho(made: Made, original: number) {
  return { timestamp: { value: Math.floor(made.clock.now() / 1000) + 1_000_000, echo: original } }
}

describe('F-RTO without SACK: RFC 5682, 2.1', () => {
  test('step 2b, 3b: the acknowledgments of originals go on: nothing was lost, the window is as before', () => {
    const made = timedOut(6, { sack: false, waiting: 10, congestionWindow: 6 })
    const { acknowledge, congestion, recovery, tcp, board } = made
    expect(congestion.window).toBe(MSS)
    // The late acknowledgment of the first: new data instead of retransmissions.
    expect(acknowledge(1)).toEqual([6, 7])
    expect(recovery.state).toBe(RecoveryState.Loss)
    // And the next: it was spurious.
    const sent = acknowledge(2)
    expect(sent.every((segment) => segment >= 8)).toBe(true)
    expect(tcp.counters.TCPSpuriousRTOs).toBe(1)
    expect(congestion.window).toBeGreaterThanOrEqual(6 * MSS)
    expect(recovery.state).toBe(RecoveryState.Open)
    expect(board.lost).toBe(0)
  })

  test('step 3a: a duplicate acknowledgment after the new data: the loss was real', () => {
    const { acknowledge, congestion, tcp, recovery } = timedOut(6, { sack: false, waiting: 10, congestionWindow: 6 })
    expect(acknowledge(1)).toEqual([6, 7])
    expect(acknowledge(1)).toEqual([1])
    expect(tcp.counters.TCPSpuriousRTOs).toBe(0)
    expect(recovery.state).toBe(RecoveryState.Loss)
    expect(congestion.slowStartThreshold).toBe(3 * MSS)
    // The rest follows as acknowledgments come.
    expect(acknowledge(2)).toContain(2)
  })

  test('step 2a: a duplicate acknowledgment at first: conventional recovery', () => {
    const { acknowledge, tcp } = timedOut(6, { sack: false, waiting: 10, congestionWindow: 6 })
    expect(acknowledge(0)).toEqual([])
    expect(acknowledge(1)).not.toContain(1 - 1)
    expect(tcp.counters.TCPSpuriousRTOs).toBe(0)
  })

  test('with nothing new to send goes the conventional way at once', () => {
    const { acknowledge } = timedOut(6, { sack: false, congestionWindow: 6 })
    expect(acknowledge(1)).toEqual([1, 2])
  })

  test('where the windows or Nagle hold new data back, too', () => {
    const made = flight(5, { sack: false })
    // A short segment is on its way already, and Nagle holds the next one back.
    made.connection.write(new Uint8Array(10), null)
    made.connection.write(new Uint8Array(10), null)
    made.wait(TIMEOUT)
    expect(made.recovery.state).toBe(RecoveryState.Loss)
    expect(made.acknowledge(1)).toEqual([1, 2])
    expect(made.recovery.timeoutMayBeSpurious).toBe(false)
  })

  test('an acknowledgment of everything ends it without a retransmission of anything else', () => {
    const { acknowledge, wait, recovery } = timedOut(6, { sack: false, congestionWindow: 6 })
    acknowledge(6)
    expect(wait(1 * SECOND)).toEqual([])
    expect(recovery.board.records).toBe(0)
  })
})

describe('F-RTO with SACK: RFC 5682, 3.1', () => {
  test('a SACK of something that was sent only once means that the timeout was spurious', () => {
    const { acknowledge, congestion, recovery, tcp, wait } = timedOut(6, { waiting: 0, congestionWindow: 6 })
    // The probe, segment 5, has been sent twice and says nothing.
    acknowledge(0, [block(5, 6)])
    expect(tcp.counters.TCPSpuriousRTOs).toBe(0)
    expect(recovery.state).toBe(RecoveryState.Loss)
    acknowledge(0, [block(3, 6)])
    expect(tcp.counters.TCPSpuriousRTOs).toBe(1)
    expect(congestion.window).toBeGreaterThanOrEqual(6 * MSS)
    wait(ROUND_TRIP)
    acknowledge(6)
    expect(recovery.state).toBe(RecoveryState.Open)
  })

  test('the cumulative acknowledgment of such a segment, too', () => {
    const { acknowledge, congestion, tcp } = timedOut(6, { congestionWindow: 6 })
    acknowledge(3)
    expect(tcp.counters.TCPSpuriousRTOs).toBe(1)
    expect(congestion.window).toBeGreaterThanOrEqual(6 * MSS)
  })

  test('only what was sent before the timeout counts', () => {
    const { acknowledge, tcp } = timedOut(6, { waiting: 10, congestionWindow: 6 })
    // The probe was new data, segment 6; then the first again, and upon its acknowledgment new data.
    const sent = acknowledge(1)
    expect(sent[0]).toBe(7)
    acknowledge(1, [block(7, 8)])
    expect(tcp.counters.TCPSpuriousRTOs).toBe(0)
  })

  test('a second timeout in a row may still be a spurious one', () => {
    const { acknowledge, wait, tcp, recovery } = timedOut(6, { congestionWindow: 6 })
    wait(700 * MILLISECOND)
    expect(tcp.counters.TCPTimeouts).toBe(2)
    expect(recovery.timeoutMayBeSpurious).toBe(true)
    acknowledge(3)
    expect(tcp.counters.TCPSpuriousRTOs).toBe(1)
  })
})

describe('the Eifel algorithm: timestamps (RFC 3522, RFC 4015)', () => {
  const options: FlightOptions = { timestamps: true, sack: false, congestionWindow: 6 }

  test('an acknowledgment that echoes the original undoes a timeout at once', () => {
    const made = flight(6, options)
    const original = made.peer.recentTimestamp
    made.wait(310 * MILLISECOND)
    expect(made.recovery.state).toBe(RecoveryState.Loss)
    made.acknowledge(1, [], oldEcho(made, original))
    expect(made.tcp.counters.TCPLossUndo).toBe(1)
    expect(made.congestion.window).toBeGreaterThanOrEqual(6 * MSS)
    expect(made.board.lost).toBe(0)
  })

  test('one that echoes the retransmission does not', () => {
    const made = flight(6, options)
    made.wait(310 * MILLISECOND)
    made.acknowledge(1)
    expect(made.tcp.counters.TCPLossUndo).toBe(0)
    expect(made.congestion.window).toBeLessThanOrEqual(2 * MSS)
  })

  test('the timeout that has backed off stays so until a round trip is measured (Karn)', () => {
    const made = timedOut(6)
    const { timeout } = made.connection
    expect(timeout.backoff).toBe(1)
    // D-SACK or F-RTO, but of what was sent twice: no sample.
    made.acknowledge(1)
    expect(timeout.backoff).toBe(1)
    made.acknowledge(6)
    expect(timeout.backoff).toBe(1)
    made.write(1)
    made.wait(ROUND_TRIP)
    made.acknowledge(7)
    expect(timeout.backoff).toBe(0)
  })

  test('an earlier probe does not hide when the retransmission of this episode went out', () => {
    const made = flight(2, { timestamps: true, congestionWindow: 10 })
    expect(made.wait(202 * MILLISECOND)).toHaveLength(1)
    made.wait(ROUND_TRIP)
    made.acknowledge(2)
    made.write(6)
    const original = made.peer.recentTimestamp
    made.wait(2 * SECOND)
    expect(made.recovery.state).toBe(RecoveryState.Loss)
    made.acknowledge(3, [], oldEcho(made, original))
    expect(made.tcp.counters.TCPLossUndo).toBe(1)
  })

  test('fast recovery is undone by it, too: a partial acknowledgment that the original has caused', () => {
    const made = flight(10, { timestamps: true, congestionWindow: 10 })
    const original = made.peer.recentTimestamp
    made.wait(ROUND_TRIP)
    const before = made.congestion.window
    expect(made.acknowledge(0, [block(3, 10)])).toEqual([0, 1, 2])
    made.acknowledge(3, [], oldEcho(made, original))
    expect(made.tcp.counters.TCPPartialUndo + made.tcp.counters.TCPFullUndo).toBeGreaterThanOrEqual(0)
    made.acknowledge(10, [], oldEcho(made, original))
    expect(made.tcp.counters.TCPFullUndo + made.tcp.counters.TCPPartialUndo).toBe(1)
    expect(made.congestion.window).toBeGreaterThanOrEqual(before)
    expect(made.recovery.state).toBe(RecoveryState.Open)
  })

  test('a timestamp of zero, or of the future, undoes nothing', () => {
    for (const echo of [0, 0x7fffffff]) {
      const made = flight(6, options)
      made.wait(310 * MILLISECOND)
      made.acknowledge(1, [], oldEcho(made, echo === 0 ? 0 : (made.peer.recentTimestamp + 1000) | 0))
      expect(made.tcp.counters.TCPLossUndo).toBe(0)
    }
  })
})

describe('D-SACK: RFC 3708', () => {
  test('when all retransmissions were duplicates the window and the threshold are as before', () => {
    const { wait, acknowledge, congestion, tcp, recovery } = flight(10, { congestionWindow: 10 })
    wait(ROUND_TRIP)
    const { window, slowStartThreshold } = congestion
    // Three late segments: all are sent again.
    expect(acknowledge(0, [block(3, 10)])).toEqual([0, 1, 2])
    acknowledge(3)
    acknowledge(10, [block(0, 1)])
    expect(congestion.window).toBeLessThan(window)
    acknowledge(10, [block(1, 2)])
    acknowledge(10, [block(2, 3)])
    expect(tcp.counters.TCPDSACKUndo).toBe(1)
    expect(congestion.window).toBeGreaterThanOrEqual(window)
    expect(congestion.slowStartThreshold).toBe(slowStartThreshold)
    expect(recovery.state).toBe(RecoveryState.Open)
  })

  test('when some were not, nothing is undone', () => {
    const { wait, acknowledge, congestion, tcp } = flight(10, { congestionWindow: 10 })
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(3, 10)])).toEqual([0, 1, 2])
    acknowledge(10, [block(0, 1)])
    acknowledge(10, [block(1, 2)])
    expect(tcp.counters.TCPDSACKUndo).toBe(0)
    expect(congestion.window).toBe(5 * MSS)
  })

  test('the same report twice counts twice at most for what was sent twice', () => {
    const { wait, acknowledge, tcp, congestion } = flight(10, { congestionWindow: 10 })
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 10)])).toEqual([0])
    acknowledge(10)
    for (let i = 0; i < 5; i++) acknowledge(10, [block(0, 1)])
    expect(tcp.counters.TCPDSACKUndo).toBe(1)
    expect(congestion.window).toBeLessThanOrEqual(11 * MSS)
  })
})

describe('a peer that lies about duplicates', () => {
  test('never gets a window that is larger than before the loss', () => {
    const made = flight(20, { congestionWindow: 20, waiting: 2000, timestamps: true })
    const { wait, acknowledge, congestion } = made
    let una = 0
    let largest = congestion.window
    for (let round = 0; round < 10; round++) {
      wait(ROUND_TRIP)
      const top = (made.peer.receiveNext - 1) / MSS
      // Everything but the first has arrived; the retransmission is called a duplicate.
      acknowledge(una, [block(una + 1, top)])
      const old = made.peer.recentTimestamp - 100
      acknowledge(top, [block(una, una + 1)], oldEcho(made, old))
      largest = Math.max(largest, 20 * MSS + (round + 1) * 2 * MSS)
      expect(congestion.window, `round ${round}`).toBeLessThanOrEqual(2 * largest)
      una = top
    }
  })
})

describe('a loss that follows an echo of congestion (RFC 3168)', () => {
  test('of which the retransmission was needless leaves the window reduced: the echo stands', () => {
    const made = flight(10, { congestionWindow: 10 })
    // As if both had agreed on it.
    made.connection.ecn |= Ecn.Capable
    made.wait(ROUND_TRIP)
    const before = made.congestion.window
    made.acknowledge(1, [], { flags: 'AE' })
    expect(made.recovery.state).toBe(RecoveryState.Reducing)
    expect(made.acknowledge(1, [block(2, 10)], { flags: 'AE' })).toEqual([1])
    expect(made.recovery.state).toBe(RecoveryState.Recovery)
    made.acknowledge(10, [block(1, 2)])
    expect(made.tcp.counters.TCPFullUndo).toBe(1)
    expect(made.congestion.window).toBeLessThan(before)
  })
})
