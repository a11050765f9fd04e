/** The sender and SACK: RFC 2018, RFC 6675, and D-SACK, RFC 2883. */
import { describe, expect, test } from 'vitest'
import { at, block, flight, MSS, ROUND_TRIP, segmentsOf } from '../../../test/support/flight.ts'
import { checkSender } from '../../../test/support/sender-invariants.ts'
import { MILLISECOND, SECOND } from '../../clock/index.ts'
import { PacketMemory } from '../../packet/index.ts'
import { RecoveryState } from './loss-recovery.ts'

describe('several losses in one window', () => {
  test('are repaired in one round trip (RFC 6675)', () => {
    const { wait, acknowledge, recovery, tcp } = flight(20, { congestionWindow: 20 })
    wait(ROUND_TRIP)
    // 0, 3, 6 and 9 are lost: each segment that arrives is acknowledged.
    const blocks: [number, number][] = []
    const sent: number[] = []
    for (let i = 1; i < 20; i++) {
      if (i === 3 || i === 6 || i === 9) continue
      if (blocks.length > 0 && blocks[0][1] === at(i)) blocks[0] = [blocks[0][0], at(i + 1)]
      else blocks.unshift(block(i, i + 1))
      sent.push(...acknowledge(0, blocks.slice(0, 4)))
    }
    expect(sent).toEqual([0, 3, 6, 9])
    wait(ROUND_TRIP)
    expect(acknowledge(20)).toEqual([])
    expect(recovery.state).toBe(RecoveryState.Open)
    expect(recovery.congestion.window).toBe(10 * MSS)
    expect(tcp.counters).toMatchObject({ TCPTimeouts: 0, TCPSackRecovery: 1, TCPFastRetrans: 4 })
  })

  test('where every second segment is, are repaired in one round trip, too', () => {
    const { wait, acknowledge, tcp } = flight(20, { congestionWindow: 20 })
    wait(ROUND_TRIP)
    const blocks: [number, number][] = []
    const sent: number[] = []
    for (let i = 1; i < 20; i += 2) {
      blocks.unshift(block(i, i + 1))
      sent.push(...acknowledge(0, blocks.slice(0, 4)))
    }
    wait(ROUND_TRIP)
    // The acknowledgments of the retransmissions let the rest go.
    let next = 0
    while (next < 20) {
      next += 2
      sent.push(...acknowledge(next, blocks.filter(([start]) => start > at(next)).slice(0, 3)))
    }
    expect(sent).toEqual([0, 2, 4, 6, 8, 10, 12, 14, 16, 18])
    expect(tcp.counters.TCPTimeouts).toBe(0)
  })

  test('in a segment of 64 KiB are parts of it: only what is missing goes again', () => {
    const { wait, acknowledge, board } = flight(40, { congestionWindow: 40 })
    expect(board.records).toBe(1)
    wait(ROUND_TRIP)
    expect(acknowledge(3, [block(4, 10), block(15, 40)])).toEqual([3, 10, 11, 12, 13, 14])
    expect(board.records).toBeLessThanOrEqual(9)
    wait(ROUND_TRIP)
    expect(acknowledge(40)).toEqual([])
  })
})

describe('a peer that goes back on its SACKs (RFC 2018, section 8)', () => {
  test('gets everything again: the timer goes off soon, not after a whole timeout', () => {
    const { wait, acknowledge, board, tcp, clock, peer } = flight(10)
    wait(ROUND_TRIP)
    expect(acknowledge(0, [block(1, 5)])).toEqual([0])
    wait(ROUND_TRIP)
    // The gap is filled, and what was SACKed behind it is gone.
    expect(acknowledge(1)).toEqual([])
    expect(board.sacked).toBe(4 * MSS)
    const again = wait(ROUND_TRIP / 2 + 20 * MILLISECOND)
    expect(again[0]).toEqual({ segment: 1, time: expect.closeTo(ROUND_TRIP / 2, -4) })
    expect(tcp.counters.TCPSACKReneging).toBe(1)
    expect(board.sacked).toBe(0)
    while (peer.receiveNext < at(10) || board.records > 0) {
      clock.advance(10 * MILLISECOND)
      acknowledge((peer.receiveNext - 1) / MSS)
    }
    expect(clock.now()).toBeLessThan(2 * SECOND)
  })

  test('that says nothing at all any more is found out by the retransmission timer', () => {
    const { wait, acknowledge, board, peer } = flight(10)
    wait(ROUND_TRIP)
    // All but the first, whose retransmission is lost as well.
    acknowledge(0, [block(1, 10)])
    expect(board.sacked).toBe(9 * MSS)
    expect(segmentsOf(wait(1 * SECOND))[0]).toBe(0)
    acknowledge(1)
    wait(1 * SECOND)
    // 1 to 9 are sent again although they were SACKed.
    for (let i = 2; i <= 10; i++) {
      acknowledge(i)
      wait(1 * SECOND)
    }
    expect(peer.receiveNext).toBe(at(10))
    expect(board.records).toBe(0)
  })
})

describe('blocks that say nothing', () => {
  test.each<[string, [number, number][], number]>([
    ['below SND.UNA', [[at(0), at(1)]], 0],
    ['above SND.NXT', [[at(11), at(12)]], 1],
    ['that end above SND.NXT', [[at(5), at(11)]], 1],
    ['of nothing', [[at(5), at(5)]], 1],
    ['the wrong way round', [[at(6), at(5)]], 1],
    ['from half the number space away', [[at(5) - 2 ** 31, at(6)]], 1],
    ['of almost the whole number space', [[at(6), at(5) - 2]], 1],
    ['that begin with what the acknowledgment denies', [[at(1), at(2)]], 1],
  ])('%s', (_what, blocks, discarded) => {
    const { wait, acknowledge, board, tcp } = flight(10)
    wait(ROUND_TRIP)
    acknowledge(1)
    const first = board.first!
    acknowledge(1, blocks)
    acknowledge(1, blocks)
    acknowledge(1, blocks)
    expect(board.sacked).toBe(0)
    expect(board.first).toBe(first)
    if (discarded > 0) expect(tcp.counters.TCPSACKDiscard).toBeGreaterThan(0)
  })

  test('beside others that do, leave those what they are', () => {
    const { wait, acknowledge, board, tcp } = flight(10)
    wait(ROUND_TRIP)
    acknowledge(0, [block(5, 6), [at(9), at(30)], block(7, 8)])
    expect(board.sacked).toBe(2 * MSS)
    expect(tcp.counters.TCPSACKDiscard).toBe(1)
  })

  test('of a connection that has not agreed on SACK', () => {
    const { wait, acknowledge, board } = flight(10, { sack: false })
    wait(ROUND_TRIP)
    acknowledge(0, [block(5, 6)])
    // A duplicate acknowledgment, no more.
    expect(board.sacked).toBe(MSS)
    expect(board.records).toBe(1)
  })
})

describe('blocks that overlap', () => {
  test('count once', () => {
    const { wait, acknowledge, board, recovery } = flight(10)
    wait(ROUND_TRIP)
    acknowledge(0, [block(5, 8), block(6, 9), block(4, 6), block(4, 9)])
    expect(board.sacked).toBe(5 * MSS)
    expect(recovery.delivered).toBe(5 * MSS)
    acknowledge(0, [block(4, 9)])
    acknowledge(9)
    expect(recovery.delivered).toBe(9 * MSS)
  })

  test.each([0x7fffffff, 0xffffffff])('where the numbers wrap around, at %i', (end) => {
    const { wait, acknowledge, board, recovery, connection } = flight(10, { stackIsn: end - 5 * MSS })
    expect(Math.sign(connection.sendNext)).toBe(-Math.sign(connection.unacknowledged))
    wait(ROUND_TRIP)
    acknowledge(0, [block(3, 7), block(8, 9)])
    expect(board.sacked).toBe(5 * MSS)
    expect(acknowledge(3, [block(3, 7), block(8, 10)])).toEqual([])
    acknowledge(7, [block(8, 10)])
    expect(recovery.delivered).toBe(9 * MSS)
    acknowledge(10)
    expect(board.records).toBe(0)
  })
})

describe('a peer that shreds', () => {
  test('by blocks of single bytes makes no records: they count for whole segments', () => {
    const { wait, acknowledge, board, clock } = flight(20, { congestionWindow: 20 })
    wait(ROUND_TRIP)
    const before = board.records
    for (let i = 0; i < 3000; i += 3) {
      const byte = (n: number): [number, number] => [at(1) + 5 * (i + n), at(1) + 5 * (i + n) + 1]
      acknowledge(0, [byte(0), byte(1), byte(2)])
    }
    expect(board.records).toBe(before)
    expect(board.sacked).toBe(0)
    expect(clock.now()).toBeLessThan(1 * SECOND)
  })

  test('by SACKs of every second segment of a small size makes no more records than the data is worth', () => {
    const mss = 36
    const { peer, connection, board, clock } = flight(0, {
      congestionWindow: 1000,
      syn: { mss, windowScale: 2 },
      window: 60_000,
      memory: new PacketMemory({ smallSlots: 8192, largeSlots: 16 }),
    })
    connection.write(new Uint8Array(180_000), null)
    const edge = (segment: number) => 1 + segment * mss
    clock.advance(ROUND_TRIP)
    const segments = Math.floor((peer.receiveNext - 1) / mss)
    expect(segments).toBeGreaterThan(2000)
    for (let i = 1; i + 1 < segments; i += 2) peer.send({ sack: [[edge(i), edge(i + 1)]], ack: 1 })
    checkSender(connection)
    expect(board.records).toBeLessThanOrEqual(256 + peer.receiveNext / 256 + 1)
    for (let i = 0; i < 1000 && board.records > 0; i++) {
      peer.send({ ack: peer.receiveNext })
      clock.advance(ROUND_TRIP)
    }
    expect(connection.sendBuffer.length).toBe(0)
  })

  test('a last segment that is short counts as a whole one', () => {
    const { connection, clock, acknowledge, board } = flight(1)
    connection.setNoDelay(true)
    connection.write(new Uint8Array(10), null)
    clock.advance(ROUND_TRIP)
    acknowledge(0, [[at(1), at(1) + 10]])
    expect(board.sacked).toBe(10)
  })
})

describe('SACKs of what was sent', () => {
  test.each(['newreno', 'cubic'] as const)(
    'open no window before what is missing has arrived: %s',
    (congestionControl) => {
      const settings = { congestionControl }
      const { wait, acknowledge, congestion, connection } = flight(10, { waiting: 500, settings })
      wait(ROUND_TRIP)
      let top = 10
      for (let i = 2; i <= top && i < 60; i++) {
        for (const segment of acknowledge(0, [block(1, i)])) top = Math.max(top, segment + 1)
        expect(congestion.window).toBeLessThanOrEqual(10 * MSS)
      }
      expect(connection.recovery!.flight(top * MSS)).toBeLessThanOrEqual(10 * MSS)
    },
  )
})

describe('D-SACK: the examples of RFC 2883, section 4, seen by the sender', () => {
  /** 500-byte segments from 3000 on, as there: here the first is number 1. */
  function sent(segments: number) {
    const made = flight(segments, { congestionWindow: 40 })
    made.wait(ROUND_TRIP)
    return made
  }

  test('4.1.1: a duplicate of what is acknowledged, that the network made', () => {
    const { acknowledge, tcp, recovery, congestion } = sent(4)
    const window = congestion.window
    acknowledge(2)
    expect(acknowledge(2, [block(1, 2)])).toEqual([])
    expect(tcp.counters.TCPDSACKRecv).toBe(1)
    expect(recovery.duplicatesReported).toBe(0)
    expect(recovery.state).toBe(RecoveryState.Open)
    expect(congestion.window).toBeGreaterThanOrEqual(window)
  })

  test('4.1.2: a duplicate below a gap: the second block tells of the gap', () => {
    const { acknowledge, tcp, board } = sent(5)
    acknowledge(2)
    acknowledge(2, [block(1, 2), block(3, 4)])
    expect(tcp.counters.TCPDSACKRecv).toBe(1)
    expect(board.sacked).toBe(1 * MSS)
  })

  test('4.1.3: a duplicate of what is ahead of a gap: the second block covers the first', () => {
    const { acknowledge, tcp, board } = sent(6)
    acknowledge(1, [block(2, 4)])
    acknowledge(1, [block(3, 4), block(2, 4)])
    expect(tcp.counters.TCPDSACKOfoRecv).toBe(1)
    expect(board.sacked).toBe(2 * MSS)
  })

  test('4.2.1: a part of a segment', () => {
    const { acknowledge, tcp, board } = sent(6)
    acknowledge(3)
    acknowledge(3, [[at(2), at(2) + 500], block(4, 5)])
    expect(tcp.counters.TCPDSACKRecv).toBe(1)
    expect(board.sacked).toBe(1 * MSS)
  })

  test('4.2.2 and 4.2.3: two parts, of which the first is told; ahead of a gap', () => {
    const { acknowledge, tcp, board } = sent(10)
    acknowledge(1, [[at(3), at(3) + 500], block(3, 6)])
    expect(tcp.counters.TCPDSACKOfoRecv).toBe(1)
    expect(board.sacked).toBe(3 * MSS)
  })

  test('5.1 to 5.3: a needless retransmission is found, and undone', () => {
    const { acknowledge, tcp, congestion } = sent(10)
    const before = congestion.window
    expect(acknowledge(0, [block(1, 4)])).toEqual([0])
    expect(congestion.window).toBeLessThan(before)
    acknowledge(10)
    acknowledge(10, [block(0, 1)])
    expect(tcp.counters.TCPDSACKUndo).toBe(1)
    expect(congestion.window).toBe(before)
  })

  test('of more than was ever sent again says nothing about us: the network has duplicated', () => {
    const { acknowledge, tcp, recovery, congestion } = sent(10)
    expect(acknowledge(0, [block(1, 4)])).toEqual([0])
    acknowledge(10)
    const { window } = congestion
    acknowledge(10, [block(2, 10)])
    expect(recovery.duplicateSackSeen).toBe(false)
    expect(tcp.counters.TCPDSACKUndo).toBe(0)
    expect(congestion.window).toBe(window)
  })

  test.each([
    ['older than the largest window', -70_000],
    ['from the future', 20_000],
  ])('%s is no duplicate', (_what, distance) => {
    const { acknowledge, tcp, recovery } = sent(10)
    acknowledge(0, [block(1, 4)])
    acknowledge(10)
    acknowledge(10, [[at(10) + distance, at(10) + distance + MSS]])
    expect(recovery.duplicateSackSeen).toBe(false)
    expect(tcp.counters.TCPSACKDiscard).toBe(1)
  })
})

test('D-SACKs of what was never sent again count no segments, however many there are', () => {
  const { wait, peer, tcp, connection } = flight(10)
  wait(ROUND_TRIP)
  peer.send({ ack: at(8) })
  for (let i = 0; i < 50; i++) peer.send({ ack: at(8), sack: [block(0, 8)] })
  expect(tcp.counters).toMatchObject({ TCPDSACKRecv: 50, TCPDSACKRecvSegs: 0 })
  expect(connection.info().dsack_dups).toBe(0)
})
