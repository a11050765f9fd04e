/** What the stack does with data that arrives: windows, acknowledgments, gaps, budgets. */
import { describe, expect, test } from 'vitest'
import { established, pattern, type ScriptedPeer, script } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import { advance } from './sequence-number.ts'
import { State } from './state.ts'

describe('acknowledging, RFC 9293, 3.8.6.3 and RFC 5681, 4.2', () => {
  test('the first segments at once, then every second full segment', () => {
    const { peer, connection } = established()
    for (let i = 0; i < 16; i++) {
      peer.send({ data: 1460 })
      expect(peer.take().map((segment) => segment.ack)).toEqual([1 + (i + 1) * 1460])
    }
    expect(connection.quickAcknowledgments).toBe(0)
    for (let i = 16; i < 24; i += 2) {
      peer.send({ data: 1460 })
      peer.expectNothing()
      peer.send({ data: 1460 })
      expect(peer.take().map((segment) => segment.ack)).toEqual([1 + (i + 2) * 1460])
    }
  })

  test('a single segment after 40 ms (as Linux)', () => {
    const { clock, peer, tcp } = established({ settings: { quickAcknowledgments: 0 } })
    peer.send({ data: 100 })
    const start = clock.now()
    expect(peer.next(1 * SECOND)).toBeTcp({ flags: 'A', seq: 1, ack: 101, length: 0 })
    expect(peer.time - start).toBe(40 * MILLISECOND)
    expect(tcp.counters.DelayedACKs).toBe(1)
    peer.expectNothing(10 * SECOND)
  })

  test('with data that goes back in time, and then not again', () => {
    const { clock, peer, connection } = established({ settings: { quickAcknowledgments: 0 } })
    peer.send({ data: 100 })
    clock.advance(39 * MILLISECOND)
    connection.write(Buffer.from('reply'), null)
    expect(peer.next()).toBeTcp({ ack: 101, payload: 'reply' })
    peer.send({})
    peer.expectNothing(10 * SECOND)
  })

  test('an application that answers within the burst costs no segment of its own', () => {
    const { peer, user } = established()
    user.whenReadable = (connection) => connection.write(Buffer.from('pong'), null)
    peer.send({ data: 'ping' })
    expect(peer.take().map((segment) => [segment.ack, segment.length])).toEqual([[5, 4]])
  })

  test('a burst is acknowledged once', () => {
    const { peer } = established()
    peer.send({ data: 1460 }, { data: 1460 }, { data: 1460 }, { data: 1460 })
    expect(peer.take().map((segment) => segment.ack)).toEqual([1 + 4 * 1460])
  })

  test('a retransmission of what is there already is acknowledged at once, every time', () => {
    const { clock, peer } = established({ settings: { quickAcknowledgments: 0 } })
    peer.send({ data: 1460 }, { data: 1460 })
    peer.take()
    for (let i = 0; i < 3; i++) {
      peer.send({ seq: 1, data: 1460 })
      expect(peer.next()).toBeTcp({ ack: 2921 })
      clock.advance(200 * MILLISECOND)
    }
  })

  test('a FIN at once', () => {
    const { peer } = established({ settings: { quickAcknowledgments: 0 } })
    peer.send({ flags: 'FA', data: 10 })
    expect(peer.take().map((segment) => segment.ack)).toEqual([12])
  })
})

describe('gaps (RFC 5681, 4.2)', () => {
  test('each segment ahead of a gap, and the one that fills it, is acknowledged at once', () => {
    const { peer, user } = established()
    peer.send({ seq: 1461, data: 1460 })
    expect(peer.next()).toBeTcp({ ack: 1 })
    peer.send({ seq: 2921, data: 1460 })
    expect(peer.next()).toBeTcp({ ack: 1 })
    peer.send({ seq: 5841, data: 1460 })
    expect(peer.next()).toBeTcp({ ack: 1 })
    peer.send({ seq: 1, data: 1460 })
    expect(peer.next()).toBeTcp({ ack: 4381 })
    peer.send({ seq: 4381, data: 1460 })
    expect(peer.next()).toBeTcp({ ack: 7301 })
    expect(user.data.equals(pattern(7300))).toBe(true)
    peer.expectNothing(10 * SECOND)
  })

  test.each([
    ['FIN', { seq: 11, flags: 'FA' }, { seq: 1, data: 10 }, 12],
    ['FIN with data', { seq: 11, data: 10, flags: 'FA' }, { seq: 1, data: 10 }, 22],
    ['FIN, covered by a longer segment', { seq: 11, data: 10, flags: 'FA' }, { seq: 1, data: 20 }, 22],
    ['FIN, sent again with the gap', { seq: 11, data: 10, flags: 'FA' }, { seq: 1, data: 20, flags: 'FA' }, 22],
  ])('a %s ahead of a gap counts when the gap is filled', (_what, ahead, gap, ack) => {
    const { peer, user, memory } = established()
    peer.send(ahead)
    expect(peer.next()).toBeTcp({ ack: 1 })
    peer.send(gap)
    expect(peer.next()).toBeTcp({ ack })
    expect(user.data.equals(pattern(ack - 2))).toBe(true)
    expect(user.ended).toBe(true)
    expect(memory.inUse).toBe(0)
  })

  test('overlaps of all kinds give the same stream', () => {
    const { peer, user, memory } = established()
    peer.send({ seq: 301, data: 100 })
    peer.send({ seq: 101, data: 100 })
    peer.send({ seq: 151, data: 200 })
    peer.send({ seq: 501, data: 100 })
    peer.send({ seq: 351, data: 300 })
    peer.send({ seq: 1, data: 120 })
    expect(user.data.equals(pattern(650))).toBe(true)
    expect(memory.inUse).toBe(0)
  })
})

describe('the receive window', () => {
  const SMALL = { receiveBuffer: 8000, maximumReceiveBuffer: 65_536, windowScaling: false }

  test('closes as data waits, opens in steps that are no sillier than a segment (RFC 9293, 3.8.6.2.2)', () => {
    const { peer, connection, user } = established({ settings: SMALL })
    user.reading = false
    const windows: number[] = []
    for (let i = 0; i < 5; i++) {
      peer.send({ data: 1460 })
      windows.push(peer.take()[0].window)
    }
    expect(windows).toEqual([6540, 5080, 3620, 2160, 700])
    peer.send({ data: 700 })
    expect(peer.next()).toBeTcp({ ack: 8001, window: 0 })
    // What comes now is dropped and answered.
    peer.send({ data: 1 })
    expect(peer.next()).toBeTcp({ ack: 8001, window: 0 })
    // One segment of room is worth telling, less is not.
    connection.read(1000)
    peer.expectNothing(10 * SECOND)
    connection.read(460)
    expect(peer.next()).toBeTcp({ ack: 8001, window: 1460 })
    connection.read(1000)
    peer.expectNothing(10 * SECOND)
    connection.read(1636)
    expect(peer.next()).toBeTcp({ ack: 8001, window: 4096 })
    peer.expectNothing(10 * SECOND)
  })

  test('takes what fits of a segment that goes beyond it', () => {
    const { peer, connection, user, tcp } = established({ settings: { ...SMALL, receiveBuffer: 2048 } })
    user.reading = false
    peer.send({ data: 1460 })
    peer.take()
    peer.send({ seq: 1461, data: 1460, flags: 'FA' })
    expect(peer.next()).toBeTcp({ ack: 2049, window: 0 })
    expect(connection.receiveQueue.length).toBe(2048)
    expect(connection.finReceived).toBe(false)
    expect(tcp.counters.TCPRcvQDrop).toBe(1)
  })

  test('one byte too many is cut off, and a FIN behind it does not count', () => {
    const { peer, connection, user } = established({ settings: { ...SMALL, receiveBuffer: 2048 } })
    user.reading = false
    peer.send({ data: 1460 })
    peer.take()
    peer.send({ seq: 1461, data: 589, flags: 'FA' })
    expect(peer.next()).toBeTcp({ ack: 2049, window: 0 })
    expect([connection.receiveQueue.length, connection.finReceived]).toEqual([2048, false])
  })

  test('a FIN right behind the last byte that fits is taken, and the window stays shut', () => {
    const { peer, connection, user } = established({ settings: { ...SMALL, receiveBuffer: 2048 } })
    user.reading = false
    peer.send({ data: 1460 })
    peer.take()
    peer.send({ seq: 1461, data: 588, flags: 'FA' })
    expect(peer.next()).toBeTcp({ ack: 2050, window: 0 })
    expect([connection.receiveQueue.length, connection.finReceived]).toEqual([2048, true])
  })

  test('a segment that begins before it and ends behind it fills it (as Linux; by RFC 9293, table 6, neither end fits)', () => {
    const { peer, connection, user } = established({ settings: { ...SMALL, receiveBuffer: 2048 } })
    user.reading = false
    peer.send({ data: 1460 })
    peer.take()
    peer.send({ seq: 1001, data: 1460 })
    expect(peer.next()).toBeTcp({ ack: 2049, window: 0 })
    expect(connection.receiveQueue.length).toBe(2048)
  })

  test('a probe of a closed window is answered with the truth, a byte as well as an old number', () => {
    const { clock, peer, connection, user } = established({ settings: { ...SMALL, receiveBuffer: 2048 } })
    user.reading = false
    peer.send({ data: 1460 }, { data: 588 })
    expect(peer.next()).toBeTcp({ ack: 2049, window: 0 })
    clock.advance(1 * SECOND)
    peer.send({ seq: 2048 })
    expect(peer.next()).toBeTcp({ ack: 2049, window: 0 })
    clock.advance(1 * SECOND)
    peer.send({ seq: 2049, data: 1 })
    expect(peer.next()).toBeTcp({ ack: 2049, window: 0 })
    readAll(connection)
    expect(peer.next()).toBeTcp({ ack: 2049, window: 2048 })
    peer.send({ seq: 2049, data: 1 })
    expect(peer.next()).toBeTcp({ ack: 2050 })
  })

  test('acknowledgments count with a closed window (RFC 9293, 3.10.7.4)', () => {
    const { peer, connection, user } = established({ settings: { ...SMALL, receiveBuffer: 2048 } })
    user.reading = false
    peer.send({ data: 1460 }, { data: 588 })
    peer.take()
    connection.write(pattern(100), null)
    peer.take()
    peer.send({ seq: 2049, ack: 101, data: 1 })
    expect(connection.sendBuffer.length).toBe(0)
    expect(connection.receiveNext).toBe((peer.isn + 2049) | 0)
  })

  test('never moves back when scaling rounds it (RFC 7323, 2.4)', () => {
    const { peer, user } = established({
      syn: { mss: 1460, windowScale: 0 },
      settings: { receiveBuffer: 100_000, maximumReceiveBuffer: 2 ** 30 },
    })
    user.reading = false
    let edge = 0
    for (let i = 0; i < 60; i++) {
      peer.send({ data: 1 + ((i * 997) % 1460) })
      for (const { ack, window } of peer.take()) {
        const scaled = window << 14
        expect(ack + scaled).toBeGreaterThanOrEqual(edge)
        edge = ack + scaled
      }
    }
    expect(edge).toBeGreaterThan(0)
  })

  test('without scaling it does not grow past what can be told', () => {
    const { peer, connection, clock } = established({ syn: { mss: 1460 } })
    for (let i = 0; i < 300; i++) peer.send({ data: 1460 })
    expect(connection.receiveLimit).toBeLessThanOrEqual(65_535)
    clock.advance(1 * SECOND)
    peer.take()
    // A window that cannot be told must not be told again and again.
    connection.write(Buffer.from('x'), null)
    expect(peer.take()).toHaveLength(1)
    peer.send({})
    peer.expectNothing(1 * SECOND)
  })

  test('is updated after more than 2 GiB, too', () => {
    const { peer, connection, user } = established({ settings: SMALL })
    connection.initialReceiveSequence = advance(connection.initialReceiveSequence, -(2 ** 31))
    user.reading = false
    for (let i = 0; i < 5; i++) peer.send({ data: 1460 })
    peer.send({ data: 700 })
    peer.take()
    connection.read(4096)
    expect(peer.next()).toBeTcp({ ack: 8001, window: 4096 })
  })

  test('stays shut while all connections together hold more than the budget, and opens', () => {
    const { wire, peer, server, user, connection, tcp } = established({
      settings: { receiveBudget: 65_536, receiveBuffer: 60_000, maximumReceiveBuffer: 65_536 },
    })
    user.reading = false
    const other = wire.peer({ port: 4001 })
    other.open()
    server.recorder.reading = false
    for (const sender of [peer, other]) for (let i = 0; i < 30; i++) sender.send({ data: 1460 })
    expect(tcp.receiveBytes).toBe(65_536)
    peer.take()
    const last = other.take().at(-1)!
    // What was offered is kept, nothing is added.
    expect(last.ack + last.window).toBe(1 + 60_000)
    readAll(connection)
    expect(tcp.receiveBytes).toBeLessThan(65_536)
    readAll(server.connection)
    expect(tcp.receiveBytes).toBe(0)
    peer.send({ data: 1460 }, { data: 1460 })
    expect(peer.take().at(-1)!.window).toBeGreaterThan(50_000)
  })
})

describe('what all connections hold unread (receiveBudget)', () => {
  test.each([
    ['read', readAll],
    ['drained', (connection) => connection.drain({ take: () => true })],
    ['drained by a sink that fails', (connection) => expect(() => connection.drain({ take: fail })).toThrow('no')],
    ['drained by a sink that aborts', (connection) => connection.drain({ take: () => connection.abort() === null })],
    [
      'drained by a sink that discards',
      (connection) => connection.drain({ take: () => connection.discardReceived() === null }),
    ],
    ['discarded', (connection) => connection.discardReceived()],
    ['let go', (connection) => connection.release()],
    ['aborted', (connection) => connection.abort()],
    ['reset by the peer', (_connection, peer) => peer.send({ flags: 'R' })],
    ['reset by the peer, then read', (connection, peer) => [peer.send({ flags: 'R' }), readAll(connection)]],
  ] as [string, (connection: Connection, peer: ScriptedPeer) => void][])(
    'is given back when the data is %s',
    (_what, act) => {
      const { peer, user, connection, tcp, memory } = established()
      user.reading = false
      for (let i = 0; i < 10; i++) peer.send({ data: 1000 })
      expect(tcp.receiveBytes).toBe(10_000)
      act(connection, peer)
      // A sink may have taken a part only.
      if (connection.state !== State.Closed) readAll(connection)
      expect(tcp.receiveBytes).toBe(0)
      peer.take()
      expect(memory.inUse).toBe(0)
    },
  )

  test('is a bound, whatever windows were offered, and leaves a little to everyone', () => {
    const { wire, peer, server, user, tcp, connection, memory } = established({
      settings: { receiveBudget: 65_536, receiveBuffer: 1_048_576, maximumReceiveBuffer: 1_048_576 },
    })
    user.reading = false
    const other = wire.peer({ port: 4001 })
    other.open({ mss: 1460, windowScale: 0 })
    server.recorder.reading = false
    for (let i = 0; i < 200; i++) peer.send({ data: 1460 })
    expect(tcp.receiveBytes).toBeGreaterThan(60_000)
    expect(tcp.receiveBytes).toBeLessThanOrEqual(65_536)
    expect(tcp.counters.TCPRcvQDrop).toBeGreaterThan(0)
    // Another connection still gets its first bytes through.
    const before = tcp.receiveBytes
    for (let i = 0; i < 20; i++) other.send({ data: 1460 })
    expect(tcp.receiveBytes).toBe(before + 4096)
    peer.take()
    expect(other.take().at(-1)).toMatchObject({ ack: 4097 })
    // And it goes on once the applications read: what was cut off is taken when it comes again.
    readAll(connection)
    readAll(server.connection)
    expect(tcp.receiveBytes).toBe(0)
    other.send({ seq: 4097, data: 1460 })
    expect(tcp.receiveBytes).toBe(1460)
    readAll(server.connection)
    expect(memory.inUse).toBe(0)
  })

  test('is given back by connections that nobody accepted', () => {
    const { peer, tcp, server, memory } = script()
    const listener = server.listen()
    listener.paused = true
    peer.open()
    peer.send({ data: 1000 })
    expect(peer.next()).toBeTcp({ ack: 1001 })
    expect(tcp.receiveBytes).toBe(1000)
    tcp.unlisten(listener)
    expect(tcp.receiveBytes).toBe(0)
    expect(peer.next()).toBeTcp({ flags: 'RA' })
    expect(memory.inUse).toBe(0)
  })

  test('does not count what is received after the application stopped reading for good', () => {
    const { peer, connection, tcp } = established()
    connection.discardReceived()
    for (let i = 0; i < 100; i++) peer.send({ data: 1460 })
    expect(tcp.receiveBytes).toBe(0)
    expect(peer.take().at(-1)).toMatchObject({ ack: 1 + 146_000 })
  })
})

describe('packet memory', () => {
  test('is not held by an application that does not read', () => {
    const { peer, user, connection, memory } = established()
    user.reading = false
    for (let i = 0; i < 40; i++) peer.send({ data: 1460 })
    expect(connection.receiveQueue.length).toBe(58_400)
    expect(memory.inUse).toBe(0)
    expect(readAll(connection).equals(pattern(58_400))).toBe(true)
  })

  test('is released when a sink fails in the burst in which the data came', () => {
    const { peer, user, memory } = established()
    user.reading = false
    user.whenReadable = (connection) => {
      try {
        connection.drain({ take: fail })
      } catch {
        // What it was about to do is its own business.
      }
    }
    peer.send({ data: 1000 }, { data: 1000 })
    expect(memory.inUse).toBe(0)
  })

  test('a user that throws costs itself nothing but the call', () => {
    const { peer, user, connection, clock } = established()
    user.whenReadable = fail
    expect(() => peer.send({ data: 10 })).toThrow('no')
    user.whenReadable = null
    clock.advance(1 * SECOND)
    peer.send({ data: 10 })
    expect(user.data).toHaveLength(20)
    connection.write(Buffer.from('x'), null)
    expect(peer.take().at(-1)).toMatchObject({ length: 1, ack: 21 })
  })
})

/** Takes everything that is there. */
function readAll(connection: Connection): Buffer {
  const pieces: Buffer[] = []
  for (let piece = connection.read(1 << 20); piece !== null; piece = connection.read(1 << 20)) pieces.push(piece)
  return Buffer.concat(pieces)
}

function fail(): never {
  throw new Error('no')
}
