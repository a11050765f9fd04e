/** When the stack sends what: windows, silly windows, Nagle, probing of closed windows. */
import { describe, expect, test } from 'vitest'
import { established, pattern } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { advance } from './sequence-number.ts'
import { State } from './state.ts'

describe("Nagle's rule, RFC 9293, 3.7.4, as Linux has it (Minshall)", () => {
  test('one short segment may be on its way, not two', () => {
    const { peer, connection } = established()
    connection.write(Buffer.from('a'), null)
    expect(peer.next()).toBeTcp({ flags: 'PA', seq: 1, payload: 'a' })
    connection.write(Buffer.from('b'), null)
    connection.write(Buffer.from('c'), null)
    peer.expectNothing()
    peer.send({ ack: 2 })
    expect(peer.next()).toBeTcp({ flags: 'PA', seq: 2, payload: 'bc' })
  })

  test('a short segment goes behind full ones', () => {
    const { peer, connection } = established()
    connection.write(pattern(1460 + 1), null)
    expect(peer.next()).toBeTcp({ seq: 1, length: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'PA', seq: 1461, length: 1 })
    connection.write(pattern(100), null)
    peer.expectNothing()
    peer.send({ ack: 1461 })
    peer.expectNothing()
    peer.send({ ack: 1462 })
    expect(peer.next()).toBeTcp({ flags: 'PA', seq: 1462, length: 100 })
  })

  test('a FIN means that no more data joins: it goes with the last bytes', () => {
    const { peer, connection } = established()
    connection.write(Buffer.from('a'), null)
    connection.write(Buffer.from('b'), null)
    expect(peer.next()).toBeTcp({ seq: 1, payload: 'a' })
    connection.shutdownWrite()
    expect(peer.next()).toBeTcp({ flags: 'FPA', seq: 2, payload: 'b' })
  })

  test('noDelay sends everything at once, also what waits when it is set', () => {
    const { peer, connection } = established()
    connection.write(Buffer.from('a'), null)
    connection.write(Buffer.from('b'), null)
    expect(peer.take()).toHaveLength(1)
    connection.setNoDelay(true)
    expect(peer.next()).toBeTcp({ seq: 2, payload: 'b' })
    connection.write(Buffer.from('c'), null)
    expect(peer.next()).toBeTcp({ seq: 3, payload: 'c' })
  })

  test('holds after more than 2 GiB of full segments', () => {
    const { peer, connection } = established()
    connection.write(Buffer.from('a'), null)
    peer.next()
    peer.send({ ack: 2 })
    // As if so much had been sent in full segments since the last short one.
    connection.shortSequence = advance(connection.shortSequence, 2000 - 2 ** 31)
    for (const ack of [1462, 2922]) {
      connection.write(pattern(1460), null)
      peer.send({ ack })
    }
    peer.take()
    connection.write(pattern(1460), null)
    connection.write(pattern(1), null)
    expect(peer.take().map((segment) => segment.length)).toEqual([1460, 1])
  })
})

describe('the send window', () => {
  test('is never overrun, and used to the last byte', () => {
    const { peer, connection } = established({ window: 4000 })
    connection.write(pattern(10_000), null)
    expect(peer.take().map((segment) => [segment.seq, segment.length])).toEqual([
      [1, 1460],
      [1461, 1460],
    ])
    // 1,080 bytes of window are left: less than a segment and less than half the window (RFC 9293, 3.8.6.2.1).
    peer.expectNothing(100 * MILLISECOND)
    peer.send({ ack: 2921 })
    expect(peer.take().map((segment) => [segment.seq, segment.length])).toEqual([
      [2921, 1460],
      [4381, 1460],
    ])
  })

  test('follows the newest segment only (RFC 9293, 3.10.7.4: SND.WL1, SND.WL2)', () => {
    const { peer, connection } = established({ window: 4000 })
    peer.send({ seq: 1, data: 100 })
    peer.send({ seq: 101, data: 100, window: 8000 })
    expect(connection.sendWindow).toBe(8000)
    peer.send({ seq: 101, data: 100, window: 100 })
    expect(connection.sendWindow).toBe(8000)
    // An older acknowledgment says nothing about the window, whatever its sequence number.
    connection.write(pattern(200), null)
    peer.send({ seq: 201, ack: 101, window: 7000 })
    expect(connection.sendWindow).toBe(7000)
    peer.send({ seq: 201, data: 1, ack: 1, window: 50 })
    expect(connection.sendWindow).toBe(7000)
  })

  test('is scaled by what the SYN said, but not in the SYN (RFC 7323, 2.2)', () => {
    const { peer, connection, server, tcp } = established({
      syn: { mss: 1460, windowScale: 7, window: 1000 },
      window: 100,
    })
    expect(connection.sendWindow).toBe(12_800)
    expect(connection.sendWindowScale).toBe(7)
    expect(tcp.settings.maximumReceiveBuffer).toBeLessThanOrEqual(65_535 << connection.receiveWindowScale)
    expect(server.recorder.events).toEqual(['established'])
    peer.expectNothing()
  })

  test('a shift count over 14 counts as 14 (RFC 7323, 2.3)', () => {
    const { connection } = established({ syn: { mss: 1460, windowScale: 200 }, window: 65_535 })
    expect(connection.sendWindow).toBe(65_535 * 2 ** 14)
  })

  test('grows the smaller windows too: half of the largest window seen is enough for a short segment', () => {
    const { peer, connection } = established({ window: 1000 })
    connection.write(pattern(10_000), null)
    expect(peer.take().map((segment) => segment.length)).toEqual([1000])
    peer.send({ ack: 1001, window: 499 })
    peer.expectNothing(100 * MILLISECOND)
    peer.send({ ack: 1001, window: 500 })
    expect(peer.next()).toBeTcp({ seq: 1001, length: 500 })
  })
})

describe('the send buffer', () => {
  test('grows to twice the congestion window, up to its bound', () => {
    const { peer, connection } = established({
      syn: { mss: 1460, windowScale: 7 },
      settings: { sendBuffer: 32_768, maximumSendBuffer: 150_000 },
    })
    connection.write(pattern(600_000), null)
    let largest = 0
    while (connection.sendBuffer.length > 0) {
      peer.take()
      peer.send({})
      largest = Math.max(largest, connection.sendBufferLimit)
      if (largest < 150_000) expect(largest).toBe(Math.max(32_768, 2 * connection.recovery!.congestion.window))
    }
    expect(largest).toBe(150_000)
  })
})

describe('a closed window (RFC 9293, 3.8.6.1)', () => {
  test('is probed at growing intervals for as long as the peer answers, and opens', () => {
    const { clock, peer, connection, user } = established()
    connection.write(pattern(1460), null)
    peer.next()
    peer.send({ ack: 1461, window: 0 })
    connection.write(pattern(1460), null)
    const start = clock.now()
    const intervals: number[] = []
    let last = start
    while (clock.now() - start < 600 * SECOND) {
      const probe = peer.next(200 * SECOND)
      // An old sequence number, which an honest peer must answer.
      expect(probe).toBeTcp({ flags: 'A', seq: 1460, length: 0 })
      intervals.push(Math.round((peer.time - last) / MILLISECOND))
      last = peer.time
      peer.send({ window: 0 })
    }
    // Doubled each time, until several fit the user timeout.
    expect(intervals.slice(0, 10)).toEqual([200, 400, 800, 1600, 3200, 6400, 12_800, 25_000, 25_000, 25_000])
    peer.send({ window: 65_535 })
    expect(peer.next()).toBeTcp({ seq: 1461, length: 1460 })
    expect(user.isClosed).toBe(false)
  })

  test('a window update that is lost costs one probe', () => {
    const { peer, connection } = established()
    connection.write(pattern(1460), null)
    peer.next()
    peer.send({ ack: 1461, window: 0 })
    connection.write(pattern(100), null)
    expect(peer.next(1 * SECOND)).toBeTcp({ seq: 1460, length: 0 })
    peer.send({ window: 65_535 })
    expect(peer.next()).toBeTcp({ seq: 1461, length: 100 })
    peer.send({ ack: 1561 })
    peer.expectNothing(10 * SECOND)
  })

  test('a peer that answers no more is given up, but not for two lost probes', () => {
    const { clock, peer, connection, user, memory } = established()
    connection.write(pattern(1460), null)
    peer.next()
    peer.send({ ack: 1461, window: 0 })
    connection.write(pattern(1460), null)
    // Until the intervals are at their longest.
    for (let i = 0; i < 14; i++) {
      expect(peer.next(200 * SECOND)).toBeTcp({ seq: 1460 })
      peer.send({ window: 0 })
    }
    for (let i = 0; i < 2; i++) expect(peer.next(200 * SECOND)).toBeTcp({ seq: 1460 })
    expect(peer.next(200 * SECOND)).toBeTcp({ seq: 1460 })
    peer.send({ window: 0 })
    clock.advance(99 * SECOND)
    expect(user.isClosed).toBe(false)
    clock.advance(2 * SECOND)
    expect(user.error).toBe('ETIMEDOUT')
    peer.take()
    peer.expectNothing(600 * SECOND)
    expect(memory.inUse).toBe(0)
  })

  test('that was shut on data under way: the data is the probe, and the connection lives while the peer answers', () => {
    const { clock, peer, connection, user } = established()
    connection.write(pattern(2920), null)
    expect(peer.take()).toHaveLength(2)
    // The peer takes its window back (RFC 9293, 3.8.6: SHOULD NOT, but the sender must be robust).
    peer.send({ ack: 1, window: 0 })
    const start = clock.now()
    while (clock.now() - start < 300 * SECOND) {
      expect(peer.next(200 * SECOND)).toBeTcp({ seq: 1, length: 1460 })
      peer.take()
      peer.send({ ack: 1, window: 0 })
    }
    expect(user.isClosed).toBe(false)
    peer.take()
    peer.send({ ack: 2921, window: 65_535 })
    connection.write(Buffer.from('on'), null)
    expect(peer.next()).toBeTcp({ seq: 2921, payload: 'on' })
  })

  test('holds FIN back as well, and lets it go', () => {
    const { peer, connection } = established()
    connection.write(pattern(1460), null)
    peer.next()
    peer.send({ ack: 1461, window: 0 })
    connection.shutdownWrite()
    expect(peer.next(1 * SECOND)).toBeTcp({ flags: 'A', seq: 1460 })
    peer.send({ window: 1 })
    expect(peer.next()).toBeTcp({ flags: 'FA', seq: 1461 })
  })

  test('ends for a connection that nobody holds any more after the user timeout, answers or not (RFC 6429)', () => {
    const { clock, peer, connection, tcp, memory } = established()
    connection.write(pattern(1460), null)
    peer.next()
    peer.send({ ack: 1461, window: 0 })
    connection.write(pattern(1460), null)
    clock.advance(50 * SECOND)
    peer.take()
    peer.send({ window: 0 })
    connection.release()
    const start = clock.now()
    while (tcp.connections > 0 && clock.now() - start < 1000 * SECOND) {
      if (peer.next(10 * SECOND) !== undefined) peer.send({ window: 0 })
    }
    expect(clock.now() - start).toBeGreaterThan(70 * SECOND)
    expect(clock.now() - start).toBeLessThan(110 * SECOND)
    expect(memory.inUse).toBe(0)
  })
})

describe('a tiny window', () => {
  test('is used after a while, though silly: otherwise nothing would ever move (RFC 9293, 3.8.6.2.1, override)', () => {
    const { clock, peer, connection } = established()
    connection.write(pattern(1460), null)
    peer.next()
    peer.send({ ack: 1461, window: 100 })
    connection.write(pattern(1000), null)
    const start = clock.now()
    let received = 0
    while (received < 1000 && clock.now() - start < 100 * SECOND) {
      const segment = peer.next(10 * SECOND)
      if (segment === undefined) break
      received = peer.receiveNext - 1461
      peer.send({ window: 100 })
    }
    expect(received).toBe(1000)
    expect(clock.now() - start).toBeLessThan(10 * SECOND)
  })

  test('after a retransmission timeout does not stop the connection', () => {
    const { clock, peer, connection } = established()
    connection.write(pattern(2920), null)
    peer.take()
    // Everything is lost on the way back but a window that has become small.
    peer.send({ ack: 1, window: 100 })
    clock.advance(1 * SECOND)
    connection.write(pattern(500), null)
    clock.advance(5 * SECOND)
    peer.take()
    // Now the acknowledgment of everything that was sent arrives, the window still small.
    peer.send({ ack: 2921, window: 100 })
    const start = clock.now()
    while (peer.receiveNext < 3421 && clock.now() - start < 100 * SECOND) {
      if (peer.next(10 * SECOND) !== undefined) peer.send({ window: 100 })
    }
    expect(peer.receiveNext).toBe(3421)
  })

  test('in the middle of recovery does not stop it either', () => {
    const { clock, peer, connection } = established()
    connection.write(pattern(4380), null)
    clock.advance(0.25 * SECOND)
    expect(peer.take()).toHaveLength(4)
    // What was retransmitted is acknowledged; what follows does not fit: nothing is on its way, and much unacknowledged.
    peer.send({ ack: 1461, window: 100 })
    connection.write(pattern(500), null)
    peer.send({ ack: 4381, window: 100 })
    for (let i = 0; i < 20 && peer.receiveNext < 4881; i++) {
      if (peer.next(5 * SECOND) !== undefined) peer.send({ window: 100 })
    }
    expect(peer.receiveNext).toBe(4881)
  })

  test('of a peer that vanished does not keep the connection alive', () => {
    const { peer, connection, user, clock, memory } = established()
    connection.write(pattern(2920), null)
    peer.take()
    peer.send({ ack: 1, window: 100 })
    clock.advance(101 * SECOND)
    expect(user.error).toBe('ETIMEDOUT')
    // With intervals that grow, as for any retransmission.
    expect(peer.take().length).toBeLessThan(30)
    expect(memory.inUse).toBe(0)
  })

  test('our acknowledgments stay inside a window that shrank (as Linux)', () => {
    const { peer, connection, user } = established()
    connection.write(pattern(2920), null)
    peer.take()
    peer.send({ ack: 1, window: 1000 })
    peer.send({ ack: 1, data: 1460, window: 1000 })
    peer.send({ ack: 1, data: 1460, window: 1000 })
    expect(user.data).toHaveLength(2920)
    const acknowledgments = peer.take().filter((segment) => segment.length === 0)
    expect(acknowledgments.length).toBeGreaterThan(0)
    for (const segment of acknowledgments) expect(segment.seq).toBeLessThanOrEqual(1001)
  })
})

describe('the user timeout (R2 of RFC 9293, 3.8.3)', () => {
  test('a peer that vanished is given up after about 100 s, and its memory freed', () => {
    const { clock, peer, connection, user, tcp, memory } = established()
    connection.write(pattern(20_000), null)
    clock.advance(99 * SECOND)
    expect(user.isClosed).toBe(false)
    expect(peer.inbox.length).toBeGreaterThan(8)
    clock.advance(2 * SECOND)
    expect(user.error).toBe('ETIMEDOUT')
    expect(connection.state).toBe(State.Closed)
    expect([tcp.connections, memory.inUse, connection.sendBuffer.length]).toEqual([0, 0, 0])
    // Gone means gone: what comes now is for nobody.
    peer.take()
    peer.send({ ack: 1 })
    expect(peer.next()).toBeTcp({ flags: 'R', seq: 1 })
  })

  test('counts from the last progress, not from the beginning', () => {
    const { clock, peer, connection, user } = established()
    for (let i = 0; i < 5; i++) {
      connection.write(pattern(1460), null)
      clock.advance(60 * SECOND)
      peer.take()
      peer.send({})
      expect(user.isClosed).toBe(false)
    }
  })
})
