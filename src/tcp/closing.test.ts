/** The end of connections: RFC 9293, sections 3.6 and 3.10.4, TIME-WAIT, resets, keep-alive. */
import { describe, expect, test } from 'vitest'
import { type EstablishedOptions, established, pattern } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, MINUTE, SECOND } from '../clock/index.ts'
import { State } from './state.ts'

/** Both sides have closed, the stack first: TIME-WAIT with both next numbers 2. */
function timeWait(options: EstablishedOptions = {}) {
  const made = established(options)
  const { peer, connection, tcp } = made
  connection.shutdownWrite()
  expect(peer.next()).toBeTcp({ flags: 'FA', seq: 1 })
  peer.send({ flags: 'FA', seq: 1, ack: 2 })
  expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 2 })
  expect([tcp.connections, tcp.timeWaits]).toEqual([0, 1])
  return made
}

describe('half-close', () => {
  test('after our FIN we go on receiving', () => {
    const { peer, connection, user, tcp } = established()
    connection.shutdownWrite()
    expect(peer.next()).toBeTcp({ flags: 'FA', seq: 1 })
    peer.send({ ack: 2 })
    expect(connection.state).toBe(State.FinWait2)
    for (let i = 0; i < 3; i++) {
      peer.send({ data: 1000 })
      expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 1001 + i * 1000 })
    }
    expect(user.data.equals(pattern(3000))).toBe(true)
    expect(connection.canWrite).toBe(false)
    peer.send({ flags: 'FA' })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 3002 })
    expect(user.events).toEqual(['established', 'finished', 'end', 'closed'])
    expect(tcp.timeWaits).toBe(1)
  })

  test('after the FIN of the peer we go on sending', () => {
    const { peer, connection, user, tcp } = established()
    peer.send({ flags: 'FA' })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 2 })
    expect(user.events).toEqual(['established', 'end'])
    connection.write(pattern(2920), null)
    expect(peer.take().map((segment) => segment.length)).toEqual([1460, 1460])
    peer.send({ ack: 2921 })
    connection.shutdownWrite()
    expect(peer.next()).toBeTcp({ flags: 'FA', seq: 2921, ack: 2 })
    peer.send({ ack: 2922 })
    expect(user.events).toEqual(['established', 'end', 'finished', 'closed'])
    // Who closes last does not wait.
    expect([tcp.connections, tcp.timeWaits]).toEqual([0, 0])
  })

  test('FIN goes behind everything that was written', () => {
    const { peer, connection, user } = established({ window: 2920 })
    connection.write(pattern(5000), null)
    connection.shutdownWrite()
    expect(peer.take().map((segment) => segment.flags)).toEqual(['A', 'A'])
    peer.send({ ack: 2921 })
    expect(peer.take().map((segment) => [segment.flags, segment.seq + segment.length])).toEqual([
      ['A', 4381],
      ['FPA', 5001],
    ])
    expect(user.events).toEqual(['established'])
    peer.send({ ack: 5002 })
    expect(user.events).toEqual(['established', 'finished'])
    expect(connection.write(Buffer.from('late'), null)).toBe(false)
    peer.expectNothing(1 * SECOND)
  })

  test('a connection half-closed by us may stay so for as long as the application reads', () => {
    const { peer, connection, user, clock } = established()
    connection.shutdownWrite()
    peer.next()
    peer.send({ ack: 2 })
    clock.advance(60 * MINUTE)
    peer.send({ data: 'still here' })
    expect(user.data.toString()).toBe('still here')
  })
})

describe('FIN-WAIT-2 that nobody reads from', () => {
  test.each([
    ['released', 'release'],
    ['discarding', 'discardReceived'],
  ] as const)('ends after 60 s: %s', (_what, method) => {
    const { peer, connection, tcp, clock, memory, user } = established()
    connection.shutdownWrite()
    peer.next()
    peer.send({ ack: 2 })
    connection[method]()
    clock.advance(59 * SECOND)
    expect(tcp.connections).toBe(1)
    clock.advance(2 * SECOND)
    expect([tcp.connections, tcp.timeWaits, memory.inUse]).toEqual([0, 0, 0])
    expect(user.error).toBe(null)
    peer.send({ flags: 'FA' })
    expect(peer.next()).toBeTcp({ flags: 'R', seq: 2 })
  })

  test('gets its reset when data comes for an application that is gone (RFC 9293, 3.10.4)', () => {
    const { peer, connection, tcp } = established()
    connection.release()
    expect(peer.next()).toBeTcp({ flags: 'FA' })
    peer.send({ ack: 2 })
    peer.send({ data: 'too late' })
    expect(peer.next()).toBeTcp({ flags: 'RA', seq: 2 })
    expect(tcp.connections).toBe(0)
    expect(tcp.counters.TCPAbortOnData).toBe(1)
  })

  test('takes and drops what comes for one that reads no more', () => {
    const { peer, connection, user, tcp } = established()
    connection.discardReceived()
    connection.shutdownWrite()
    peer.next()
    peer.send({ ack: 2 })
    peer.send({ data: 'ignored' })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 8 })
    peer.send({ flags: 'FA' })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 9 })
    expect(user.data).toHaveLength(0)
    expect(user.error).toBe(null)
    expect(tcp.timeWaits).toBe(1)
  })
})

describe('letting go', () => {
  test('with unread data resets, so that the peer learns that it was lost (RFC 2525, 2.17)', () => {
    const { peer, connection, user, tcp, memory } = established()
    user.reading = false
    peer.send({ data: 100 })
    peer.take()
    connection.release()
    expect(peer.next()).toBeTcp({ flags: 'RA', seq: 1, ack: 101 })
    expect([tcp.connections, memory.inUse, tcp.counters.TCPAbortOnClose]).toEqual([0, 0, 1])
  })

  test('twice, or of a closed connection, changes nothing', () => {
    const { peer, connection } = established()
    connection.release()
    connection.release()
    connection.shutdownWrite()
    expect(peer.take()).toHaveLength(1)
    peer.send({ flags: 'FA', ack: 2 })
    peer.take()
    connection.release()
    connection.shutdownWrite()
    connection.abort()
    connection.discardReceived()
    connection.setNoDelay(true)
    connection.setKeepAlive(true, 1 * SECOND)
    expect(connection.write(Buffer.from('x'), null)).toBe(false)
    peer.expectNothing(10 * SECOND)
  })

  test('of a connection whose peer is gone ends after the user timeout', () => {
    const { connection, tcp, clock, memory } = established()
    connection.write(pattern(10_000), null)
    connection.release()
    clock.advance(101 * SECOND)
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
  })
})

describe('connections that no application holds', () => {
  test('beyond their number are reset when they are let go, and counted', () => {
    const { wire, server, tcp, clock } = established({ settings: { maximumOrphans: 2 } })
    const peers = Array.from({ length: 4 }, (_, i) => wire.peer({ port: 5000 + i }))
    for (const peer of peers) peer.open()
    const held = server.connections.slice(-4)
    held[0].release()
    // Both ways of letting go count, in any order and once.
    held[1].discardReceived()
    held[1].shutdownWrite()
    held[1].release()
    expect(tcp.orphans).toBe(2)
    held[2].shutdownWrite()
    held[2].discardReceived()
    held[3].release()
    expect(peers.map((peer) => peer.take().map(({ flags }) => flags))).toEqual([['FA'], ['FA'], ['FA', 'RA'], ['RA']])
    expect([tcp.orphans, tcp.counters.TCPAbortOnMemory, tcp.connections]).toEqual([2, 2, 3])
    // Each way of ending gives its place back.
    peers[0].send({ flags: 'FA', ack: 2 })
    expect([tcp.orphans, tcp.timeWaits]).toEqual([1, 1])
    peers[1].send({ flags: 'R' })
    expect(tcp.orphans).toBe(0)
    server.connections[0].release()
    expect(tcp.orphans).toBe(1)
    clock.advance(200 * SECOND)
    expect([tcp.orphans, tcp.connections]).toEqual([0, 0])
  })

  test('none at all, if so set', () => {
    const { peer, connection, tcp, user } = established({ settings: { maximumOrphans: 0 } })
    connection.release()
    expect(peer.take().map(({ flags }) => flags)).toEqual(['RA'])
    expect(user.error).toBe('ECONNABORTED')
    expect([tcp.orphans, tcp.counters.TCPAbortOnMemory]).toEqual([0, 1])
  })

  test('that the peer has finished with are none', () => {
    const { peer, connection, tcp } = established()
    peer.send({ flags: 'FA' })
    peer.take()
    connection.release()
    expect([tcp.orphans, connection.state]).toEqual([1, State.LastAck])
    peer.send({ ack: 2 })
    expect([tcp.orphans, tcp.connections]).toEqual([0, 0])
  })

  test.each([1, 3])('are given up after so many retransmissions (tcp_orphan_retries): %s', (orphanRetries) => {
    const { peer, connection, tcp, clock, user } = established({ settings: { orphanRetries } })
    connection.write(pattern(100), null)
    connection.release()
    peer.take()
    expect(peer.times(90 * SECOND, clock.now())).toHaveLength(orphanRetries)
    expect([tcp.connections, tcp.orphans, tcp.counters.TCPAbortOnTimeout]).toEqual([0, 0, 1])
    expect(user.error).toBe('ETIMEDOUT')
  })

  test('whose peer answers are not given up, however slowly it goes', () => {
    // Neither timestamps nor SACK: no round trip can be measured, and the backoff stays (Karn).
    const { peer, connection, tcp, clock } = established({ settings: { orphanRetries: 2 } })
    connection.write(pattern(6 * 1460), null)
    connection.release()
    peer.take()
    for (let i = 1; i <= 5; i++) {
      clock.advanceTo(connection.retransmitAt)
      expect(peer.take().length).toBeGreaterThan(0)
      peer.send({ ack: 1 + i * 1460 })
      peer.take()
    }
    expect(tcp.counters.TCPTimeouts).toBe(5)
    expect([tcp.connections, tcp.counters.TCPAbortOnTimeout]).toEqual([1, 0])
  })
})

describe('abort', () => {
  test('sends a reset that the peer believes, and ends everything at once', () => {
    const { peer, connection, user, tcp, memory } = established()
    connection.write(pattern(2920), null)
    peer.take()
    connection.abort()
    expect(peer.next()).toBeTcp({ flags: 'RA', seq: 2921, ack: 1, window: 0 })
    expect(user.events).toEqual(['established', 'closed ECONNABORTED'])
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
    peer.expectNothing(300 * SECOND)
  })

  test('from inside a callback', () => {
    const { peer, user, tcp, memory } = established()
    user.whenReadable = (connection) => connection.abort()
    peer.send({ data: 100 }, { data: 100 })
    expect(peer.take().map((segment) => segment.flags)).toEqual(['RA'])
    expect(user.events.at(-1)).toBe('closed ECONNABORTED')
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
  })

  test('memory that was filled in place goes back with a write that comes too late', () => {
    const { peer, connection, memory } = established()
    connection.abort()
    peer.take()
    const packet = memory.allocate(100)!
    connection.write(memory.bytes.subarray(packet.start, packet.start + 100), packet)
    expect(memory.inUse).toBe(0)
  })
})

describe('a reset by the peer', () => {
  test('loses nothing that came in order before', () => {
    const { peer, connection, user, tcp } = established()
    user.reading = false
    peer.send({ data: 'last words' })
    peer.send({ flags: 'R' })
    expect(user.events.at(-1)).toBe('closed ECONNRESET')
    expect(connection.read(100)!.toString()).toBe('last words')
    expect(tcp.counters.EstabResets).toBe(1)
  })

  test('in the burst of the data, too', () => {
    const { peer, user } = established()
    peer.send({ data: 'last words' }, { flags: 'R' })
    expect(user.data.toString()).toBe('last words')
    expect(user.events).toEqual(['established', 'closed ECONNRESET'])
  })

  test.each([
    ['while we still had something to send', 'data', 'ECONNRESET'],
    ['when everything but our FIN is acknowledged', 'fin', null],
  ])('in LAST-ACK %s', (_what, what, error) => {
    const { peer, connection, user } = established()
    peer.send({ flags: 'FA' })
    if (what === 'data') connection.write(pattern(100_000), null)
    connection.shutdownWrite()
    peer.take()
    peer.send({ flags: 'R' })
    expect(user.error).toBe(error)
  })

  test('in CLOSING with data of ours not acknowledged is a failure, too', () => {
    const { peer, connection, user } = established()
    connection.write(pattern(100), null)
    connection.shutdownWrite()
    peer.take()
    peer.send({ flags: 'FA', ack: 1 })
    expect(connection.state).toBe(State.Closing)
    peer.send({ flags: 'R' })
    expect(user.error).toBe('ECONNRESET')
  })

  test('in CLOSE-WAIT is a reset (RFC 9293, 3.10.7.4), and no broken pipe as in Linux', () => {
    const { peer, user } = established()
    peer.send({ flags: 'FA' })
    peer.send({ flags: 'R' })
    expect(user.error).toBe('ECONNRESET')
  })

  test('in the burst of its FIN, after ours: the connection ended well', () => {
    const { peer, connection, user } = established()
    connection.shutdownWrite()
    peer.next()
    peer.send({ ack: 2 })
    peer.send({ flags: 'FA' }, { flags: 'R' })
    expect(user.events).toEqual(['established', 'finished', 'end', 'closed'])
  })
})

describe('TIME-WAIT', () => {
  test('lasts 60 s (as Linux) and holds no connection and no packet', () => {
    const { clock, tcp, memory, peer } = timeWait()
    clock.advance(59 * SECOND)
    expect([tcp.connections, tcp.timeWaits, memory.inUse]).toEqual([0, 1, 0])
    clock.advance(1 * SECOND)
    expect(tcp.timeWaits).toBe(0)
    peer.send({})
    expect(peer.next()).toBeTcp({ flags: 'R', seq: 2 })
  })

  test('acknowledges the FIN again and starts anew', () => {
    const { clock, tcp, peer } = timeWait()
    clock.advance(59 * SECOND)
    peer.send({ flags: 'FA', seq: 1 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 2 })
    clock.advance(59 * SECOND)
    expect(tcp.timeWaits).toBe(1)
    clock.advance(1 * SECOND)
    expect(tcp.timeWaits).toBe(0)
  })

  test('carries timestamps where they were agreed on', () => {
    const { peer } = timeWait({ timestamps: true })
    peer.send({ flags: 'FA', seq: 1 })
    expect(peer.next()).toBeTcp({
      flags: 'A',
      ack: 2,
      timestamp: { value: expect.any(Number), echo: expect.any(Number) },
    })
  })

  test('gives its place to a SYN with a higher number (RFC 1122, 4.2.2.13), with a higher ISN of ours', () => {
    const { peer, tcp, server } = timeWait()
    peer.send({ flags: 'S', seq: 100 })
    expect(peer.take().map((segment) => segment.flags)).toEqual(['SA'])
    expect([tcp.connections, tcp.timeWaits, tcp.counters.TWRecycled]).toEqual([1, 0, 1])
    peer.send({ seq: 101, ack: 1 })
    peer.send({ seq: 101, ack: 1, data: 'again' })
    expect(server.connections).toHaveLength(2)
    expect(server.recorder.data.toString()).toBe('again')
  })

  test('keeps its place if nobody can take the SYN', () => {
    const { peer, tcp, server } = timeWait({ settings: { maximumConnections: 1 } })
    server.connect()
    peer.send({ flags: 'S', seq: 100 })
    peer.expectNothing()
    expect(tcp.timeWaits).toBe(1)
  })

  test('answers a SYN whose number is old', () => {
    const { peer, tcp } = timeWait()
    peer.send({ flags: 'S', seq: 1 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 2 })
    expect(tcp.timeWaits).toBe(1)
  })

  test('takes a SYN with an old number and a newer timestamp (RFC 6191)', () => {
    const { peer, tcp, clock } = timeWait({ timestamps: true })
    clock.advance(5 * MILLISECOND)
    peer.send({ flags: 'S', seq: 0 })
    expect(peer.next()).toBeTcp({ flags: 'SA' })
    expect(tcp.connections).toBe(1)
  })

  test('takes no SYN with a higher number and an older timestamp (PAWS, as Linux)', () => {
    const { peer, tcp } = timeWait({ timestamps: true })
    peer.send({ flags: 'S', seq: 1000, timestamp: { value: 5 } })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 2 })
    expect([tcp.connections, tcp.timeWaits]).toEqual([0, 1])
  })

  test('takes a SYN with an old number and the first timestamp of all, which no old SYN can have (RFC 6191)', () => {
    for (const timestamps of [true, false]) {
      const { peer, tcp } = timeWait({ settings: { timestamps } })
      peer.send({ flags: 'S', seq: 0, timestamp: { value: 5 } })
      expect(peer.next()).toBeTcp(timestamps ? { flags: 'SA', ack: 1 } : { flags: 'A', ack: 2 })
      expect(tcp.timeWaits).toBe(timestamps ? 0 : 1)
    }
  })

  test('does not begin anew for a FIN with an old timestamp (PAWS), and tells of the newest', () => {
    const { clock, tcp, peer } = timeWait({ timestamps: true })
    clock.advance(30 * SECOND)
    peer.send({ flags: 'FA', seq: 1, timestamp: { value: 5 } })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 2 })
    expect(tcp.counters.PAWSEstab).toBe(1)
    clock.advance(31 * SECOND)
    expect(tcp.timeWaits).toBe(0)
    const another = timeWait({ timestamps: true })
    another.clock.advance(30 * SECOND)
    another.peer.send({ flags: 'FA', seq: 1 })
    const [answer] = another.peer.take()
    expect(answer.timestamp!.echo).toBe(1_000_000 + Math.floor(another.clock.now() / 1000))
    another.clock.advance(31 * SECOND)
    expect(another.tcp.timeWaits).toBe(1)
  })

  test('refuses a SYN for which nobody listens any more', () => {
    const { peer, tcp, listener } = timeWait()
    tcp.unlisten(listener!)
    peer.send({ flags: 'S', seq: 100 })
    expect(peer.next()).toBeTcp({ flags: 'RA', ack: 101 })
    expect(tcp.timeWaits).toBe(0)
  })

  test('beyond its number the oldest goes', () => {
    const { wire, tcp, server } = established({ settings: { maximumTimeWait: 3 } })
    for (let port = 5000; port < 5005; port++) {
      const peer = wire.peer({ port })
      peer.open()
      server.connection.shutdownWrite()
      peer.next()
      peer.send({ flags: 'FA', ack: 2 })
      peer.take()
    }
    expect([tcp.timeWaits, tcp.counters.TCPTimeWaitOverflow, tcp.counters.TW]).toEqual([3, 2, 5])
    const oldest = wire.peer({ port: 5000 })
    oldest.send({ flags: 'FA', seq: 1, ack: 2 })
    expect(oldest.next()).toBeTcp({ flags: 'R' })
    const last = wire.peer({ port: 5004 })
    last.send({ flags: 'FA', seq: 1, ack: 2 })
    expect(last.next()).toBeTcp({ flags: 'A' })
  })

  test('none at all, if so set', () => {
    const { peer, connection, tcp } = established({ settings: { maximumTimeWait: 0 } })
    connection.shutdownWrite()
    peer.next()
    peer.send({ flags: 'FA', ack: 2 })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 2 })
    expect([tcp.connections, tcp.timeWaits]).toEqual([0, 0])
  })

  test('holds our port against a new connection to the same place', () => {
    const { server, wire, tcp } = established()
    const peer = wire.peer({ port: 81, stackPort: 0 })
    const { connection } = server.connect({ port: 81, localPort: 50_000 })
    peer.answer()
    connection.shutdownWrite()
    peer.next()
    peer.send({ flags: 'FA', ack: 2 })
    peer.take()
    expect(tcp.timeWaits).toBe(1)
    expect(() => server.connect({ port: 81, localPort: 50_000 })).toThrow('EADDRINUSE')
    expect(() => server.connect({ port: 82, localPort: 50_000 })).not.toThrow()
  })

  test('goes with the stack', () => {
    const { tcp, clock } = timeWait()
    tcp.close()
    expect(tcp.timeWaits).toBe(0)
    clock.advance(1 * SECOND)
    const before = clock.armedTimers
    clock.advance(100 * SECOND)
    expect(clock.armedTimers).toBeLessThanOrEqual(before)
  })
})

describe('keep-alive, RFC 9293, 3.8.4', () => {
  test('probes after two hours of silence, every 75 s, and gives up after nine probes (as Linux)', () => {
    const { peer, connection, user, clock, tcp } = established()
    connection.setKeepAlive(true, tcp.settings.keepAliveIdle)
    const start = clock.now()
    for (let i = 0; i < 9; i++) {
      expect(peer.next(3 * 3600 * SECOND)).toBeTcp({ flags: 'A', seq: 0, ack: 1, length: 0 })
      expect(peer.time - start).toBe((7200 + i * 75) * SECOND)
    }
    expect(user.isClosed).toBe(false)
    expect(peer.next(75 * SECOND)).toBeTcp({ flags: 'RA', seq: 1, ack: 1 })
    expect(peer.time - start).toBe((7200 + 9 * 75) * SECOND)
    peer.expectNothing(75 * SECOND)
    expect(user.error).toBe('ETIMEDOUT')
    expect([tcp.connections, tcp.counters.TCPKeepAlive]).toEqual([0, 9])
  })

  test('an answer, or anything else from the peer, starts it anew', () => {
    const { peer, connection, clock } = established({ settings: { keepAliveInterval: 5 * SECOND } })
    connection.setKeepAlive(true, 10 * SECOND)
    const start = clock.now()
    expect(peer.next(20 * SECOND)).toBeTcp({ seq: 0 })
    peer.send({})
    expect(peer.next(20 * SECOND)).toBeTcp({ seq: 0 })
    expect(peer.time - start).toBe(20 * SECOND)
    peer.send({})
    clock.advance(9 * SECOND)
    peer.send({ data: 1 })
    peer.take()
    peer.expectNothing(9.9 * SECOND)
    expect(peer.next(1 * SECOND)).toBeTcp({ seq: 0 })
  })

  test('with an interval and a number of probes of its own', () => {
    const { peer, connection, user } = established()
    connection.setKeepAlive(true, 10 * SECOND, 2 * SECOND, 3)
    const start = peer.time
    for (let i = 0; i < 3; i++) {
      expect(peer.next(20 * SECOND)).toBeTcp({ flags: 'A', seq: 0, length: 0 })
      expect(peer.time - start).toBe((10 + i * 2) * SECOND)
    }
    expect(peer.next(2 * SECOND)).toBeTcp({ flags: 'RA' })
    expect(user.error).toBe('ETIMEDOUT')
  })

  test('turned off probes no more', () => {
    const { peer, connection } = established()
    connection.setKeepAlive(true, 10 * SECOND)
    peer.next(20 * SECOND)
    connection.setKeepAlive(false, 0)
    peer.expectNothing(3600 * SECOND)
  })

  test('is off by default', () => {
    const { peer } = established()
    peer.expectNothing(24 * 3600 * SECOND)
  })

  test('with data on its way the retransmission is the probe: the user timeout ends it, and nothing follows', () => {
    const { peer, connection, user, clock } = established()
    connection.setKeepAlive(true, 100 * SECOND)
    connection.write(pattern(100), null)
    clock.advance(101 * SECOND)
    expect(user.error).toBe('ETIMEDOUT')
    peer.take()
    peer.expectNothing(3600 * SECOND)
  })

  test('set on a closed connection does nothing', () => {
    const { peer, connection, clock } = established()
    connection.abort()
    peer.take()
    clock.advance(1 * SECOND)
    const before = clock.armedTimers
    connection.setKeepAlive(true, 1 * SECOND)
    expect(clock.armedTimers).toBe(before)
    peer.expectNothing(10 * SECOND)
  })
})

describe('closing the stack', () => {
  test('resets what is open, and leaves no timer', () => {
    const { peer, connection, tcp, user, clock, memory } = established()
    connection.write(pattern(1000), null)
    peer.take()
    tcp.close()
    tcp.close()
    expect(peer.next()).toBeTcp({ flags: 'RA' })
    expect(user.isClosed).toBe(true)
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
    clock.advance(1 * SECOND)
    expect(connection.timer.armed).toBe(false)
    peer.send({ flags: 'S', seq: 5 })
    expect(peer.next()).toBeTcp({ flags: 'RA', ack: 6 })
  })
})
