/** What someone who sees nothing of a connection can do to it: RFC 5961, RFC 7323 (PAWS), RFC 5927. */
import { describe, expect, test } from 'vitest'
import { established, pattern, type ScriptedPeer } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { State } from './state.ts'

const DAY = 24 * 3600 * SECOND

describe('challenge ACKs, RFC 5961', () => {
  test('are sent from the first second of the clock on', () => {
    const { peer, tcp } = established()
    peer.send({ flags: 'S', seq: 5 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 1, ack: 1 })
    expect([tcp.counters.TCPChallengeACK, tcp.counters.TCPSYNChallenge]).toEqual([1, 1])
  })

  test('of one connection are two a second (Linux tcp_invalid_ratelimit)', () => {
    const { peer, clock, tcp } = established()
    for (let i = 0; i < 100; i++) {
      peer.send({ flags: 'S', seq: 5 + i })
      peer.send({ flags: 'R', seq: 5 + i })
      peer.send({ seq: 1, ack: 1000 + i })
      clock.advance(10 * MILLISECOND)
    }
    expect(peer.take()).toHaveLength(2)
    expect(tcp.counters.TCPACKSkippedChallenge).toBe(298)
  })

  test.each([1, 2, 3, 10, 1000])('of the stack are bounded and never none: a limit of %s', (limit) => {
    const { wire, server } = established({ settings: { challengeAcknowledgments: limit } })
    const peers: ScriptedPeer[] = []
    for (let i = 0; i < 30; i++) {
      const peer = wire.peer({ port: 5000 + i })
      peer.open()
      peers.push(peer)
    }
    expect(server.connections).toHaveLength(31)
    wire.put(...peers.map((peer) => peer.frame({ flags: 'R', seq: 100 })))
    const answers = peers.filter((peer) => peer.take().length > 0).length
    expect(answers).toBeGreaterThanOrEqual(1)
    expect(answers).toBeGreaterThanOrEqual(Math.min(30, limit >> 1))
    expect(answers).toBeLessThanOrEqual(limit)
  })

  test('let a peer that has forgotten the connection end it (RFC 9293, 3.5.1: half-open)', () => {
    const { peer, user } = established()
    peer.send({ flags: 'S', seq: 1_000_000 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 1, ack: 1 })
    // To a host in SYN-SENT that is an ACK of nothing.
    peer.send({ flags: 'R', seq: 1 })
    expect(user.error).toBe('ECONNRESET')
  })
})

describe('two hosts that do not understand each other', () => {
  /** Sends each segment of ours back as the answer of a host whose numbers are others, as fast as they come. */
  function confuse(peer: ScriptedPeer, answer: Parameters<ScriptedPeer['send']>[0]): number {
    let rounds = 0
    peer.send(answer)
    while (rounds < 1000 && peer.take().length > 0) {
      rounds++
      peer.send(answer)
    }
    return rounds
  }

  test.each([
    ['whose acknowledgments are of what we never sent', { seq: 1, ack: 100_000 }],
    ['whose acknowledgments are too old', { seq: 1, ack: -100_000 }],
    ['whose numbers are before our window', { seq: -1000 }],
    ['whose numbers are behind our window', { seq: 100_000 }],
    ['whose timestamps are old', { seq: 1, timestamp: { value: 1, echo: 0 } }],
  ])('do not answer each other for ever: one %s', (_what, answer) => {
    const { peer, connection } = established({ timestamps: true })
    expect(confuse(peer, answer)).toBeLessThanOrEqual(2)
    expect(connection.state).toBe(State.Established)
  })

  test('nor in TIME-WAIT', () => {
    const { peer, connection, tcp } = established()
    connection.shutdownWrite()
    peer.next()
    peer.send({ flags: 'FA', ack: 2 })
    peer.take()
    expect(tcp.timeWaits).toBe(1)
    expect(confuse(peer, { seq: 100 })).toBeLessThanOrEqual(2)
  })

  test('nor in SYN-RECEIVED', () => {
    const { wire, clock } = established()
    const peer = wire.peer({ port: 5000 })
    peer.send({ flags: 'S' })
    peer.take()
    expect(confuse(peer, { seq: 100_000, ack: 1 })).toBeLessThanOrEqual(2)
    clock.advance(1 * SECOND)
  })

  test('but data that comes again is acknowledged again, however often', () => {
    const { peer } = established()
    peer.send({ data: 100 })
    peer.take()
    for (let i = 0; i < 10; i++) {
      peer.send({ seq: 1, data: 100 })
      expect(peer.next()).toBeTcp({ ack: 101 })
    }
  })
})

describe('guessing', () => {
  test('resets: only the very next number counts, of 1,000 in the window', () => {
    const { peer, user, memory } = established()
    peer.send({ data: 100 })
    peer.take()
    for (let seq = 102; seq < 65_000; seq += 65) peer.send({ flags: 'R', seq })
    for (let seq = 0; seq < 101; seq++) peer.send({ flags: 'R', seq })
    expect(user.isClosed).toBe(false)
    expect(peer.take().length).toBeLessThanOrEqual(2)
    peer.send({ flags: 'R', seq: 101 })
    expect(user.error).toBe('ECONNRESET')
    expect(memory.inUse).toBe(0)
  })

  test('data: not taken with an acknowledgment that cannot be (RFC 5961, 5.2)', () => {
    const { peer, user } = established()
    for (let i = 0; i < 100; i++) peer.send({ seq: 1, ack: 1 + 65_536 * (i + 2) * 37, data: 'injected' })
    for (let i = 0; i < 100; i++) peer.send({ seq: 1, ack: 1 - 65_536 * (i + 2) * 37, data: 'injected' })
    expect(user.data).toHaveLength(0)
    peer.send({ seq: 1, ack: 1, data: 'true' })
    expect(user.data.toString()).toBe('true')
  })

  test('SYNs: none ends a connection', () => {
    const { peer, connection } = established()
    for (let seq = -10_000; seq < 200_000; seq += 997) peer.send({ flags: 'S', seq })
    expect(connection.state).toBe(State.Established)
  })

  test('ICMP: only what quotes a number that is on its way says anything (RFC 5927, 4.1)', () => {
    const { peer, connection } = established()
    connection.write(pattern(1000), null)
    peer.take()
    for (let about = 2000; about < 100_000; about += 997) {
      peer.icmp({ type: 3, code: 4, rest: 600 }, about)
      peer.icmp({ type: 3, code: 3 }, about)
    }
    expect([connection.segmentSize, connection.softError, connection.state]).toEqual([1460, null, State.Established])
  })
})

describe('PAWS, RFC 7323, section 5', () => {
  test('drops a segment whose timestamp is old, and acknowledges', () => {
    const { peer, user, tcp } = established({ timestamps: true })
    peer.send({ data: 'one' })
    expect(peer.next()).toBeTcp({ ack: 4 })
    peer.send({ data: 'two', timestamp: { value: 1000, echo: peer.recentTimestamp } })
    expect(user.data.toString()).toBe('one')
    expect(peer.next()).toBeTcp({ ack: 4 })
    expect(tcp.counters.PAWSEstab).toBe(1)
  })

  test('takes equal ones, and ones from behind the wrap', () => {
    const { peer, user } = established({ syn: { mss: 1460, timestamp: { value: 0xfffffff0 } } })
    peer.send({ data: 'a', timestamp: { value: 0xffffffff } })
    peer.send({ data: 'b', timestamp: { value: 0xffffffff } })
    peer.send({ data: 'c', timestamp: { value: 3 } })
    peer.send({ data: 'd', timestamp: { value: 3 } })
    peer.send({ data: 'x', timestamp: { value: 0xffffffff } })
    expect(user.data.toString()).toBe('abcd')
  })

  test('does not protect a connection from its own reset (5.2)', () => {
    const { peer, user } = established({ timestamps: true })
    peer.send({ flags: 'R', timestamp: { value: 1 } })
    expect(user.error).toBe('ECONNRESET')
  })

  test('forgets what it knew after 24 days of silence (5.5)', () => {
    const { peer, user, clock } = established({ timestamps: true })
    clock.advance(23 * DAY)
    peer.send({ data: 'no', timestamp: { value: 5 } })
    expect(user.data).toHaveLength(0)
    clock.advance(1.5 * DAY)
    peer.send({ seq: 1, data: 'yes', timestamp: { value: 5 } })
    expect(user.data.toString()).toBe('yes')
  })

  test('echoes the timestamp of the segment that moved the window on, not of one ahead of a gap (4.3)', () => {
    const { peer } = established({ timestamps: true })
    const at = 2_000_000
    peer.send({ data: 10, timestamp: { value: at } })
    expect(peer.next()).toBeTcp({ timestamp: { value: expect.any(Number), echo: at } })
    peer.send({ seq: 21, data: 10, timestamp: { value: at + 10 } })
    expect(peer.next()).toBeTcp({ ack: 11, timestamp: { value: expect.any(Number), echo: at } })
    peer.send({ seq: 11, data: 10, timestamp: { value: at + 20 } })
    expect(peer.next()).toBeTcp({ ack: 31, timestamp: { value: expect.any(Number), echo: at + 20 } })
  })

  test('a segment without its timestamp is taken all the same (as Linux)', () => {
    const { peer, user } = established({ timestamps: true })
    peer.timestampOffset = null
    peer.send({ data: 'bare' })
    expect(user.data.toString()).toBe('bare')
  })

  test('our clock ticks in milliseconds, from an offset of its own for each pair of hosts', () => {
    const { peer, clock } = established({ timestamps: true })
    peer.send({ data: 1 })
    peer.take()
    const before = peer.recentTimestamp
    clock.advance(1234 * MILLISECOND)
    peer.send({ data: 1 })
    peer.take()
    expect(peer.recentTimestamp - before).toBe(1234)
    expect(before).not.toBe(Math.floor(clock.now() / 1000) - 1234)
  })
})

describe('optimistic acknowledgments', () => {
  test('of data that was never sent do not open the window, and end nothing', () => {
    const { peer, connection, clock } = established()
    connection.write(pattern(100_000), null)
    const first = peer.take().length
    const { window } = connection.recovery!.congestion
    for (let i = 1; i < 200; i++) peer.send({ ack: 14_601 + i * 1460 })
    expect(connection.recovery!.congestion.window).toBe(window)
    expect(peer.take().filter((segment) => segment.length > 0)).toEqual([])
    expect(first).toBe(10)
    peer.send({ ack: 14_601 })
    expect(peer.take().length).toBeGreaterThan(10)
    clock.advance(1 * SECOND)
  })

  test('that cut a segment into many open the window by what they acknowledge (RFC 3465)', () => {
    const { peer, connection } = established()
    connection.write(pattern(100_000), null)
    peer.take()
    const { window } = connection.recovery!.congestion
    for (let ack = 2; ack <= 1461; ack++) peer.send({ ack })
    expect(connection.recovery!.congestion.window - window).toBeLessThanOrEqual(1460)
  })
})
