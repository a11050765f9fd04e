/** Messages that a segment was too large for the path: RFC 1191, and who may not be believed: RFC 5927. */
import { describe, expect, test } from 'vitest'
import { pattern, type ScriptedPeer, type ScriptOptions, script } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, MINUTE, SECOND } from '../clock/index.ts'

const TOO_BIG = { type: 3, code: 4 }
const ROUND_TRIP = 20 * MILLISECOND

function connected(options: ScriptOptions = {}) {
  const made = script(options)
  made.server.listen()
  made.peer.send({ flags: 'S', seq: 0, mss: 1460, sackPermitted: true })
  made.clock.advance(ROUND_TRIP)
  made.peer.take()
  made.peer.send({ flags: 'A' })
  const { connection } = made.server
  /** Sends so many bytes, which the peer acknowledges. */
  const exchange = (length: number) => {
    connection.write(pattern(length), null)
    made.clock.advance(ROUND_TRIP)
    made.peer.take()
    made.peer.send({})
    made.peer.take()
  }
  return { ...made, connection, exchange }
}

const segments = (peer: ScriptedPeer) => peer.take().map(({ seq, length }) => [seq, length])

describe('a message that a packet was too big', () => {
  test('is believed at once while no packet of that size has got through', () => {
    const { peer, connection, exchange, tcp } = connected()
    exchange(800)
    connection.write(pattern(2920), null)
    expect(segments(peer)).toEqual([
      [801, 1460],
      [2261, 1460],
    ])
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 801)
    expect(segments(peer)).toEqual([
      [801, 960],
      [1761, 960],
      [2721, 960],
      [3681, 40],
    ])
    expect(tcp.counters.TCPPmtuHeld).toBe(0)
  })

  test('and another from a router further on', () => {
    const { peer, connection } = connected()
    connection.write(pattern(1460), null)
    peer.take()
    peer.icmp({ ...TOO_BIG, rest: 1400 }, 1)
    expect(segments(peer)).toEqual([
      [1, 1360],
      [1361, 100],
    ])
    peer.icmp({ ...TOO_BIG, rest: 1300 }, 1, 20, 1400)
    expect(segments(peer)).toEqual([
      [1, 1260],
      [1261, 200],
    ])
  })

  test('is not when nothing that was sent is as large', () => {
    const { peer, connection, tcp } = connected()
    connection.write(pattern(500), null)
    peer.take()
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 1)
    expect(tcp.counters.TCPPmtuImplausible).toBe(1)
    expect([connection.path.mtu, connection.segmentSize]).toEqual([1500, 1460])
  })

  test('waits for a late acknowledgment when packets of that size have got through (RFC 5927, 7.2): the path has changed', () => {
    const { peer, connection, exchange, clock, tcp } = connected()
    exchange(2920)
    connection.write(pattern(2920), null)
    const sent = segments(peer)
    peer.icmp({ ...TOO_BIG, rest: 1000 }, sent[0][0])
    peer.expectNothing()
    expect(tcp.counters.TCPPmtuHeld).toBe(1)
    expect([connection.path.mtu, connection.segmentSize]).toEqual([1500, 1460])
    // It is late well before two round trips have passed, and before a tail loss probe.
    const before = clock.now()
    expect(peer.next(1 * SECOND)).toBeTcp({ seq: sent[0][0], length: 960 })
    expect((clock.now() - before) / ROUND_TRIP).toBeGreaterThan(1.2)
    expect((clock.now() - before) / ROUND_TRIP).toBeLessThan(1.8)
    expect([connection.path.mtu, connection.segmentSize]).toEqual([1000, 960])
    expect(tcp.counters.TCPTimeouts).toBe(0)
  })

  test('is forgotten when the segment that it speaks of arrives', () => {
    const { peer, connection, exchange, clock, tcp } = connected()
    exchange(2920)
    connection.write(pattern(1460), null)
    const sent = segments(peer)
    peer.icmp({ ...TOO_BIG, rest: 1000 }, sent[0][0])
    peer.send({})
    connection.write(pattern(1460), null)
    peer.take()
    clock.advance(1 * SECOND)
    expect(tcp.counters.TCPTimeouts).toBeGreaterThan(0)
    expect([connection.path.mtu, connection.segmentSize]).toEqual([1500, 1460])
  })

  test('again and again, by somebody who knows the numbers, stops no connection that makes progress', () => {
    const { peer, connection, clock, tcp } = connected()
    connection.write(pattern(200_000), null)
    for (let i = 0; connection.sendBuffer.length > 0; i++) {
      expect(i).toBeLessThan(200)
      for (const { seq, length } of peer.take())
        if (seq > 1460 * 10) peer.icmp({ ...TOO_BIG, rest: 576 }, seq + length - 1)
      clock.advance(ROUND_TRIP)
      peer.send({})
    }
    expect(tcp.counters.TCPPmtuHeld).toBeGreaterThan(50)
    expect([connection.path.mtu, connection.segmentSize]).toEqual([1500, 1460])
    expect(tcp.counters.RetransSegs).toBe(0)
  })

  test('with an MTU of less than 552 bytes brings it down to that, and routers may cut the rest (as Linux)', () => {
    const { peer, connection } = connected()
    connection.write(pattern(1460), null)
    expect(peer.next()).toBeTcp({ length: 1460, dontFragment: true })
    peer.icmp({ ...TOO_BIG, rest: 400 }, 1)
    const again = peer.take()
    expect(again.map(({ length }) => length)).toEqual([512, 512, 436])
    for (const { dontFragment, totalLength } of again) {
      expect(dontFragment).toBe(false)
      expect(totalLength).toBeLessThanOrEqual(552)
    }
    // Each may end up in pieces: they must not be mixed up (RFC 6864).
    expect(new Set(again.map(({ identification }) => identification)).size).toBe(3)
  })

  test('holds for ten minutes: then larger packets try again (RFC 1191, 6.3)', () => {
    const { peer, connection, exchange, clock } = connected()
    connection.write(pattern(1460), null)
    peer.take()
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 1)
    peer.take()
    peer.send({})
    clock.advance(9 * MINUTE)
    exchange(3000)
    expect(connection.segmentSize).toBe(960)
    clock.advance(1 * MINUTE)
    connection.write(pattern(1460), null)
    expect(segments(peer)).toEqual([[4461, 1460]])
    // And if they still do not get through, they are told so again.
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 4461)
    expect(segments(peer)).toEqual([
      [4461, 960],
      [5421, 500],
    ])
  })
})
