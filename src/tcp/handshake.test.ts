/** Opening connections, both ways: RFC 9293, sections 3.5, 3.8.1 and 3.10.1. */
import { describe, expect, test } from 'vitest'
import { established, opening, pattern, type ScriptedSegment, script } from '../../test/support/scripted-peer.ts'
import { Recorder, VirtualWorld } from '../../test/support/virtual-hosts.ts'
import { IpAddress } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'

describe('a passive open', () => {
  test('takes three segments, and the application hears of it once', () => {
    const { peer, server, tcp } = script()
    server.listen()
    peer.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1, mss: 1460, windowScale: null, timestamp: null })
    expect(server.connections).toEqual([])
    peer.send({ flags: 'A', seq: 1, ack: 1 })
    expect(server.recorder.events).toEqual(['established'])
    expect(tcp.counters.PassiveOpens).toBe(1)
    peer.expectNothing(1 * SECOND)
  })

  test('answers options with options (RFC 7323, 2.2 and 3.2; RFC 2018, 2)', () => {
    const { peer, server } = script()
    server.listen()
    peer.send({ flags: 'S', mss: 1460, windowScale: 5, timestamp: { value: 77 }, sackPermitted: true })
    expect(peer.next()).toBeTcp({
      flags: 'SA',
      mss: 1460,
      windowScale: 9,
      timestamp: { value: expect.any(Number), echo: 77 },
      sackPermitted: true,
      window: 65_535,
    })
    peer.send({ timestamp: { value: 78, echo: peer.recentTimestamp } })
    peer.send({ data: 10, timestamp: { value: 79, echo: peer.recentTimestamp } })
    expect(peer.next()).toBeTcp({ timestamp: { value: expect.any(Number), echo: 79 }, mss: null, windowScale: null })
  })

  test.each([
    ['windowScaling', { mss: 1460, windowScale: null }],
    ['timestamps', { mss: 1460, timestamp: null }],
    ['selectiveAcknowledgments', { mss: 1460, sackPermitted: false }],
  ])('without %s when that is turned off', (setting, expected) => {
    const { peer, server } = script({ settings: { [setting]: false } })
    server.listen()
    peer.send({ flags: 'S', mss: 1460, windowScale: 5, timestamp: { value: 77 }, sackPermitted: true })
    expect(peer.next()).toBeTcp({ flags: 'SA', ...expected })
    expect(server.connection?.[setting as 'timestamps'] ?? false).toBe(false)
  })

  test.each([true, false])('selective acknowledgments are what both sides permit: the peer %s', (sackPermitted) => {
    const { peer, server } = script()
    server.listen()
    peer.send({ flags: 'S', mss: 1460, sackPermitted })
    expect(peer.next()).toBeTcp({ flags: 'SA', sackPermitted })
    peer.send({})
    expect(server.connection.selectiveAcknowledgments).toBe(sackPermitted)
  })

  test('whose last ACK is lost is completed by the first data', () => {
    const { peer, server } = script()
    server.listen()
    peer.send({ flags: 'S' })
    peer.next()
    peer.send({ seq: 1, ack: 1, data: 'hello' })
    expect(server.recorder.data.toString()).toBe('hello')
  })

  test('sends the SYN-ACK again after 1, 2, 4, 8 and 16 s, then gives it up', () => {
    const { peer, server, clock, tcp, memory } = script()
    const listener = server.listen()
    peer.send({ flags: 'S' })
    peer.next()
    const start = peer.time
    const times = peer.times(100 * SECOND, start).map((time) => time / SECOND)
    expect(times).toEqual([1, 3, 7, 15, 31])
    expect([tcp.connections, listener.halfOpen.size, memory.inUse]).toEqual([0, 0, 0])
    expect(tcp.counters.AttemptFails).toBe(1)
    expect(clock.now()).toBeGreaterThan(start + 63 * SECOND)
  })

  test('a SYN on port 0 or from port 0 does no harm', () => {
    const { wire, server } = script()
    server.listen()
    const strange = wire.peer({ port: 0 })
    strange.send({ flags: 'S' })
    expect(strange.next()).toBeTcp({ flags: 'SA' })
  })
})

describe('the MSS, RFC 9293, 3.7.1', () => {
  test('without the option is 536', () => {
    const { peer, connection } = established({ syn: {} })
    connection.write(pattern(1000), null)
    expect(peer.take().map((segment) => segment.length)).toEqual([536, 464])
  })

  test('has the timestamps taken off', () => {
    const { peer, connection } = established({ timestamps: true })
    connection.write(pattern(3000), null)
    expect(peer.take().map((segment) => segment.length)).toEqual([1448, 1448, 104])
  })

  test('is bounded by our own MTU', () => {
    const { peer, connection } = established({ mtu: 576, syn: { mss: 9000 } })
    connection.write(pattern(1000), null)
    expect(peer.take().map((segment) => segment.length)).toEqual([536, 464])
  })

  test('that we offer is that of our MTU', () => {
    const { peer } = opening({ mtu: 9000 })
    expect(peer.next()).toBeTcp({ mss: 8960 })
  })

  test.each([0, 1, 2, 8, 15, 16, 28, 47, 48, 64, 88, 100])('of %s bytes neither stops nor floods us', (mss) => {
    const { peer, connection, memory } = established({ syn: { mss }, timestamps: mss % 2 === 1 })
    const data = pattern(2000)
    connection.write(data, null)
    const pieces: Uint8Array[] = []
    for (let i = 0; i < 200; i++) {
      const segments = peer.take()
      if (segments.length === 0) break
      for (const segment of segments) {
        expect(segment.length).toBeGreaterThan(0)
        expect(segment.length).toBeLessThanOrEqual(mss === 0 ? 536 : Math.max(mss, 48))
        pieces.push(segment.payload)
      }
      peer.send({})
    }
    expect(Buffer.concat(pieces).equals(data)).toBe(true)
    expect(memory.inUse).toBe(0)
  })

  test.each([
    ['a length of 3', Uint8Array.of(2, 3, 5)],
    ['a length of 0', Uint8Array.of(2, 0, 5, 5)],
    ['a length beyond the header', Uint8Array.of(2, 40, 5, 5)],
    ['an end before it', Uint8Array.of(0, 2, 4, 0, 100)],
  ])('option with %s counts as none', (_what, options) => {
    const { peer, connection } = established({ syn: { options } })
    connection.write(pattern(600), null)
    expect(peer.next()).toBeTcp({ length: 536 })
  })
})

describe('initial sequence numbers, RFC 6528', () => {
  test('grow by one in 4 microseconds for one pair of ends, and have nothing to do with those of another', () => {
    const { wire, server, clock } = script()
    server.listen()
    const peer = wire.peer({ port: 5000 })
    const other = wire.peer({ port: 5001 })
    const numbers = [0, 1, 2, 3].map(() => {
      peer.send({ flags: 'S', seq: 0 })
      peer.next()
      peer.send({ flags: 'R', seq: 1 })
      clock.advance(1000)
      return peer.stackIsn
    })
    for (let i = 1; i < numbers.length; i++) expect((numbers[i] - numbers[i - 1]) | 0).toBe(250)
    other.send({ flags: 'S', seq: 0 })
    other.next()
    expect(Math.abs((other.stackIsn - numbers[3]) | 0)).toBeGreaterThan(1_000_000)
  })

  test('differ between stacks', () => {
    const isns = [1, 2, 3].map((seed) => {
      const { peer, server } = script({ seed })
      server.listen()
      peer.send({ flags: 'S' })
      peer.next()
      return peer.stackIsn
    })
    expect(new Set(isns).size).toBe(3)
  })

  test('timestamps of one pair of hosts never go backwards, whatever the ports', () => {
    const { wire, server, clock } = script()
    server.listen()
    let last = Number.NEGATIVE_INFINITY
    for (let port = 5000; port < 5005; port++) {
      const peer = wire.peer({ port })
      peer.timestampOffset = 5
      peer.send({ flags: 'S' })
      peer.next()
      expect(peer.recentTimestamp).toBeGreaterThanOrEqual(last)
      last = peer.recentTimestamp
      clock.advance(5000)
    }
  })
})

describe('what arrives malformed', () => {
  test.each<[string, ScriptedSegment, 'InErrs' | 'InCsumErrors']>([
    ['a wrong checksum', { flags: 'S', checksum: 'wrong' }, 'InCsumErrors'],
    ['a header of 16 bytes', { flags: 'S', headerWords: 4 }, 'InErrs'],
    ['a header longer than the segment', { flags: 'S', headerWords: 15 }, 'InErrs'],
  ])('%s is counted and dropped', (_what, segment, counter) => {
    const { peer, server, tcp } = script()
    server.listen()
    peer.send(segment)
    peer.expectNothing()
    expect(tcp.counters[counter]).toBe(1)
  })

  test('a segment shorter than a header, too', () => {
    const { wire, tcp } = script()
    for (let length = 0; length < 20; length++) {
      const frame = wire.tcp({ sourcePort: 1, destinationPort: 80, flags: 'S' }, '', { totalLength: 20 + length })
      wire.put(frame)
    }
    expect(tcp.counters.InErrs).toBe(20)
  })
})

describe('two stacks far apart', () => {
  test('open and talk, though the way takes longer than the first timeout', () => {
    const world = new VirtualWorld(1)
    const a = world.host({ latency: 1.5 * SECOND })
    const b = world.host({ latency: 1.5 * SECOND })
    const users: Recorder[] = []
    b.tcp.listen(null, 80, 16, {
      accept(connection) {
        const user = new Recorder()
        users.push(user)
        connection.user = user
      },
    })
    const user = new Recorder()
    const connection = a.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, user })
    connection.write(Buffer.from('slow'), null)
    world.clock.advance(60 * SECOND)
    expect(user.events).toEqual(['established'])
    expect(users).toHaveLength(1)
    expect(users[0].data.toString()).toBe('slow')
    // Before long the timeout has learnt how long the way is.
    for (let i = 0; i < 3; i++) {
      connection.write(Buffer.from('er'), null)
      world.clock.advance(60 * SECOND)
    }
    const before = a.tcp.counters.RetransSegs
    connection.write(Buffer.from('!'), null)
    world.clock.advance(60 * SECOND)
    expect(users[0].data.toString()).toBe('slowererer!')
    expect(a.tcp.counters.RetransSegs).toBe(before)
    expect(connection.timeout.smoothed).toBeGreaterThan(5 * SECOND)
  })
})
