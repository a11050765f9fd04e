/** The retransmission timer: RFC 6298, section 5, RFC 9293, 3.8.3, and what else goes on while it runs. */
import { describe, expect, test } from 'vitest'
import { at, block, flight, MSS, ROUND_TRIP, segmentsOf } from '../../../test/support/flight.ts'
import { pattern } from '../../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../../clock/index.ts'
import { RecoveryState } from './loss-recovery.ts'

/** SRTT + 4 RTTVAR after the first sample, RFC 6298, 2.2. */
const TIMEOUT = 3 * ROUND_TRIP

describe('RFC 6298, section 5', () => {
  test('5.1: runs from the first segment on, and later ones do not move it', () => {
    const { wait, write } = flight(1, { sack: false })
    wait(100 * MILLISECOND)
    expect(write(1)).toEqual([1])
    expect(wait(TIMEOUT)[0]).toEqual({ segment: 0, time: TIMEOUT - 100 * MILLISECOND })
  })

  test('5.2: stops when everything is acknowledged', () => {
    const { wait, acknowledge, connection } = flight(3)
    wait(ROUND_TRIP)
    acknowledge(3)
    expect(connection.retransmitAt).toBe(Number.POSITIVE_INFINITY)
    expect(wait(100 * SECOND)).toEqual([])
  })

  test('5.3: starts anew when something is acknowledged', () => {
    const { wait, acknowledge, connection } = flight(3, { sack: false })
    wait(200 * MILLISECOND)
    acknowledge(1)
    const timeout = connection.timeout.current
    expect(wait(timeout)).toEqual([{ segment: 1, time: timeout }])
  })

  test('but not for acknowledgments of nothing new: they cannot keep it from going off', () => {
    const { wait, acknowledge } = flight(3, { sack: false })
    let sent: number[] = []
    for (let i = 0; i < 40 && sent.length === 0; i++) {
      sent = segmentsOf(wait(10 * MILLISECOND))
      if (i < 2) acknowledge(0)
    }
    expect(sent).toEqual([0])
  })

  test('nor for SACKs, however many come', () => {
    const { wait, acknowledge, tcp, write } = flight(3)
    let segments = 3
    wait(ROUND_TRIP)
    acknowledge(0, [block(1, 2)])
    for (let i = 0; i < 40 && tcp.counters.TCPTimeouts === 0; i++) {
      write(1)
      segments++
      wait(50 * MILLISECOND)
      // Only what the first segment's retransmissions do not prove lost: the old block again.
      acknowledge(0, [block(1, 2)])
    }
    expect(tcp.counters.TCPTimeouts).toBe(1)
    expect(segments).toBeLessThan(20)
  })

  test('5.4 to 5.6: the first segment goes again, alone, and the timeout doubles', () => {
    const { wait, connection } = flight(5, { sack: false })
    const times: number[] = []
    for (const { segment, time } of wait(20 * SECOND)) {
      expect(segment).toBe(0)
      times.push(time / TIMEOUT)
    }
    expect(times).toEqual([1, 3, 7, 15, 31, 63])
    expect(connection.timeout.backoff).toBe(6)
  })

  test('in recovery the first segment has a whole timeout each time that it is sent', () => {
    const { wait, acknowledge, connection } = flight(5)
    wait(200 * MILLISECOND)
    expect(acknowledge(0, [block(1, 5)])).toEqual([0])
    const timeout = connection.timeout.current
    expect(wait(timeout - 1)).toEqual([])
    expect(segmentsOf(wait(1))).toEqual([0])
  })
})

describe('a peer that is gone', () => {
  test('is given up after the user timeout, neither much earlier nor later (R2)', () => {
    const { wait, connection, user, clock } = flight(5)
    const start = clock.now()
    wait(connection.userTimeout - 1 * MILLISECOND)
    expect(user.isClosed).toBe(false)
    wait(1 * SECOND)
    expect(user.error).toBe('ETIMEDOUT')
    expect(clock.now() - start).toBeLessThan(connection.userTimeout + 2 * SECOND)
  })

  test('is given up with what ICMP has said of it', () => {
    const { wait, connection, user, peer } = flight(5)
    peer.icmp({ type: 3, code: 1 }, 1)
    wait(connection.userTimeout + 1 * SECOND)
    expect(user.error).toBe('EHOSTUNREACH')
  })

  test('is not given up for a long silence of the application before', () => {
    const { wait, acknowledge, write, user } = flight(1)
    wait(ROUND_TRIP)
    acknowledge(1)
    wait(1000 * SECOND)
    expect(write(1)).toEqual([1])
    wait(10 * SECOND)
    expect(user.isClosed).toBe(false)
    acknowledge(2)
    expect(wait(100 * SECOND)).toEqual([])
  })

  test('nor because packet memory is exhausted when it ends', () => {
    const { wait, acknowledge, write, user, memory } = flight(1)
    wait(ROUND_TRIP)
    acknowledge(1)
    wait(1000 * SECOND)
    const taken = []
    for (let packet = memory.allocate(0); packet !== null; packet = memory.allocate(0)) taken.push(packet)
    expect(write(1)).toEqual([])
    wait(2 * SECOND)
    expect(user.isClosed).toBe(false)
    for (const packet of taken) packet.release()
    expect(segmentsOf(wait(10 * SECOND))[0]).toBe(1)
  })
})

describe('the window of the peer, meanwhile', () => {
  test('closes: the first segment goes again all the same, as a probe (RFC 9293, 3.8.6)', () => {
    const { wait, acknowledge, user, recovery } = flight(5)
    wait(ROUND_TRIP)
    acknowledge(0, [], { window: 0 })
    const sent = wait(3 * SECOND)
    expect(sent.length).toBeGreaterThan(1)
    expect(new Set(segmentsOf(sent.filter(({ time }) => time > 500 * MILLISECOND)))).toEqual(new Set([0]))
    // As long as it answers it is there.
    for (let i = 0; i < 20; i++) {
      wait(30 * SECOND)
      acknowledge(0, [], { window: 0 })
    }
    expect(user.isClosed).toBe(false)
    acknowledge(1, [], { window: 60_000 })
    let next = 1
    for (let i = 0; i < 10 && recovery.board.records > 0; i++) {
      wait(200 * MILLISECOND)
      next = Math.min(next + 2, 5)
      acknowledge(next, [], { window: 60_000 })
    }
    expect(recovery.board.records).toBe(0)
  })

  test('shrinks below what is on its way: what lies beyond waits, what lies within is repaired', () => {
    const { wait, acknowledge, recovery } = flight(10)
    wait(ROUND_TRIP)
    // Only three segments fit now; 0 and 2 are lost, 5 to 9 arrive.
    const sent = acknowledge(0, [block(5, 10)], { window: 3 * MSS })
    expect(sent).toEqual([0, 1, 2])
    wait(ROUND_TRIP)
    expect(acknowledge(3, [block(5, 10)], { window: 1500 })).toEqual([3, 4])
    wait(ROUND_TRIP)
    acknowledge(10, [], { window: 60_000 })
    expect(recovery.board.records).toBe(0)
  })

  test('closes when everything has arrived: then window probes, and no retransmission', () => {
    const { wait, acknowledge, tcp, connection } = flight(5, { window: 5 * MSS, waiting: 5 })
    wait(ROUND_TRIP)
    expect(acknowledge(5, [], { window: 0 })).toEqual([])
    expect(wait(5 * SECOND)).toEqual([])
    expect(tcp.counters.TCPWinProbe).toBeGreaterThan(1)
    expect(tcp.counters.RetransSegs).toBe(0)
    expect(connection.persisting).toBe(true)
    expect(acknowledge(5, [], { window: 60_000 })).toEqual([5, 6, 7, 8, 9])
    expect(connection.persisting).toBe(false)
    wait(ROUND_TRIP)
    acknowledge(10)
    expect(wait(10 * SECOND)).toEqual([])
  })
})

describe('FIN', () => {
  test('that is lost behind data that arrives is found by its probe, and goes alone', () => {
    const { connection, clock, peer, acknowledge, wait } = flight(3)
    clock.advance(0)
    connection.shutdownWrite()
    expect(peer.take().map(({ flags, length }) => [flags, length])).toEqual([['FA', 0]])
    clock.advance(ROUND_TRIP)
    acknowledge(3)
    const [again] = wait(500 * MILLISECOND)
    expect(again.segment).toBe(3)
    peer.send({ ack: at(3) + 1 })
    expect(wait(10 * SECOND)).toEqual([])
    expect(connection.isFinished).toBe(true)
  })

  test('goes again with the data that it was sent with, and that is one segment', () => {
    const { connection, clock, peer, tcp, wait } = flight(0, { sack: false })
    connection.enqueue(pattern(MSS))
    connection.shutdownWrite()
    clock.advance(0)
    expect(peer.take().map(({ flags, length }) => [flags, length])).toEqual([['FPA', MSS]])
    clock.advance(TIMEOUT)
    expect(peer.take().map(({ flags, length }) => [flags, length])).toEqual([['FPA', MSS]])
    expect(tcp.counters.RetransSegs).toBe(1)
    peer.send({ ack: at(1) + 1 })
    expect(wait(10 * SECOND)).toEqual([])
  })

  test('ahead of a gap is SACKed, and counts as one', () => {
    const { connection, board, peer, wait, clock } = flight(3)
    connection.shutdownWrite()
    clock.advance(0)
    peer.take()
    wait(ROUND_TRIP)
    peer.send({ ack: at(1), sack: [[at(2), at(3) + 1]] })
    expect(board.sacked).toBe(MSS + 1)
    expect(segmentsOf(wait(50 * MILLISECOND))).toEqual([1])
    wait(ROUND_TRIP)
    peer.send({ ack: at(3) + 1 })
    expect(board.records).toBe(0)
    expect(connection.isFinished).toBe(true)
  })
})

describe('a path that becomes narrower in the middle of a recovery', () => {
  test('gets everything that is missing in segments that fit', () => {
    const { wait, acknowledge, peer, connection, recovery, clock } = flight(10)
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 5)])).toEqual([0])
    // As another connection has found out.
    connection.path.ip.lowerMtu(connection.path, 800)
    connection.push()
    expect(connection.segmentSize).toBe(760)
    for (let i = 0; i < 30 && recovery.board.records > 0; i++) {
      clock.advance(ROUND_TRIP)
      for (const { length } of peer.take()) expect(length).toBeLessThanOrEqual(760)
      peer.send({ ack: peer.receiveNext })
    }
    expect(recovery.board.records).toBe(0)
  })

  test('without SACK, too, and after a timeout', () => {
    for (const timeout of [false, true]) {
      const { wait, acknowledge, peer, connection, recovery, clock, user } = flight(10, { sack: false })
      wait(timeout ? TIMEOUT : ROUND_TRIP)
      for (let i = 0; i < 4; i++) acknowledge(0)
      connection.path.ip.lowerMtu(connection.path, 800)
      connection.push()
      for (let i = 0; i < 60 && recovery.board.records > 0; i++) {
        clock.advance(ROUND_TRIP)
        peer.take()
        peer.send({ ack: peer.receiveNext })
      }
      expect(connection.sendBuffer.length).toBe(0)
      expect(user.isClosed).toBe(false)
    }
  })
})

test('a timeout marks what was sent long enough ago, not what was sent just now (RFC 8985, 6.3)', () => {
  const { wait, write, board, recovery, connection } = flight(5, { congestionWindow: 20 })
  wait(202 * MILLISECOND)
  connection.write(pattern(1), null)
  wait(TIMEOUT - 10 * MILLISECOND)
  expect(write(3)).toHaveLength(3)
  wait(10 * MILLISECOND)
  expect(recovery.state).toBe(RecoveryState.Loss)
  expect(board.lost).toBeLessThanOrEqual(6 * MSS)
  expect(board.last!.inTimeOrder).toBe(true)
})
