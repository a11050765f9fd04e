/** Opening connections, both ways: RFC 9293, sections 3.5, 3.8.1 and 3.10.1. */
import { describe, expect, test } from 'vitest'
import {
  established,
  pattern,
  type ScriptedSegment,
  type ScriptOptions,
  script,
} from '../../test/support/scripted-peer.ts'
import { Recorder, VirtualWorld } from '../../test/support/virtual-hosts.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { State } from './state.ts'

/** A stack that has sent its SYN to port 80 of the peer. */
function opening(options: ScriptOptions = {}) {
  const made = script(options)
  const peer = made.wire.peer({ port: 80, stackPort: 0, isn: options.isn })
  return { ...made, peer, ...made.server.connect() }
}

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

describe('an active open', () => {
  test('takes three segments', () => {
    const { peer, user, connection, tcp } = opening()
    expect(user.events).toEqual([])
    const syn = peer.next()
    expect(syn).toBeTcp({ flags: 'S', seq: 0, ack: 0, mss: 1460, windowScale: 9, window: 65_535, sackPermitted: true })
    expect(syn).toBeTcp({ timestamp: { value: expect.any(Number), echo: 0 } })
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 1, ack: 1 })
    expect(user.events).toEqual(['established'])
    expect(connection.state).toBe(State.Established)
    expect(tcp.counters.ActiveOpens).toBe(1)
    peer.expectNothing(10 * SECOND)
  })

  test('sends the SYN again after 1, 2, 4, 8, 16 and 32 s, then gives it up: 127 s', () => {
    const { peer, user, clock, tcp, memory } = opening()
    peer.next()
    const start = peer.time
    const times = peer.times(126 * SECOND, start).map((time) => time / SECOND)
    expect(times).toEqual([1, 3, 7, 15, 31, 63])
    expect(user.isClosed).toBe(false)
    clock.advance(1 * SECOND)
    expect(user.error).toBe('ETIMEDOUT')
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
  })

  test('has a schedule that can be set, and so has the answer to one', () => {
    const settings = { initialTimeout: 300 * MILLISECOND, synRetries: 2, synAckRetries: 3 }
    const { wire, peer, server, user, clock } = opening({ settings })
    peer.next()
    expect(peer.times(2.5 * SECOND, peer.time)).toEqual([300, 900].map((time) => time * MILLISECOND))
    expect(user.error).toBe('ETIMEDOUT')
    server.listen(81)
    const other = wire.peer({ port: 5000, stackPort: 81 })
    other.send({ flags: 'S' })
    other.next()
    expect(other.times(100 * SECOND, clock.now())).toEqual([300, 900, 2100].map((time) => time * MILLISECOND))
  })

  test('data written before it is complete goes with or right behind the ACK', () => {
    const { peer, connection } = opening()
    peer.next()
    connection.write(Buffer.from('early'), null)
    peer.expectNothing()
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1460 })
    const segments = peer.take()
    expect(segments.map((segment) => segment.length).reduce((sum, length) => sum + length)).toBe(5)
    expect(segments.at(-1)).toMatchObject({ seq: 1, ack: 1 })
  })

  test('can be aborted without a word', () => {
    const { peer, connection, user, tcp, memory } = opening()
    peer.next()
    connection.abort()
    expect(user.events).toEqual(['closed ECONNABORTED'])
    peer.expectNothing(200 * SECOND)
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
    // Whoever answers late hears that nobody is there.
    peer.send({ flags: 'SA', seq: 0, ack: 1 })
    expect(peer.next()).toBeTcp({ flags: 'R', seq: 1 })
  })

  test.each(['255.255.255.255', '10.0.0.255', '224.0.0.1', '0.0.0.0'])('to %s is refused at once', (address) => {
    const { tcp } = script()
    const remote = IpAddress.parse(address)
    expect(() => tcp.connect({ remote, port: 80 })).toThrow(/ENETUNREACH|EACCES/)
    expect(tcp.connections).toBe(0)
  })

  test('to a network without a route, or from an address that is not ours', () => {
    const { tcp } = script()
    expect(() => tcp.connect({ remote: IpAddress.parse('192.0.2.1'), port: 80 })).toThrow('ENETUNREACH')
    const remote = IpAddress.parse('10.0.0.77')
    expect(() => tcp.connect({ remote, port: 80, local: IpAddress.parse('10.0.0.3') })).toThrow('EADDRNOTAVAIL')
    expect(() => tcp.connect({ remote: IpAddress.parse('fd00::1'), port: 80 })).toThrow('ENETUNREACH')
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

describe('the listen queue', () => {
  test('holds as many half-open connections as the backlog says; without cookies more SYNs are dropped', () => {
    const { wire, server, tcp } = script({ settings: { synCookies: false } })
    const listener = server.listen(80, 4)
    const peers = Array.from({ length: 6 }, (_, i) => wire.peer({ port: 5000 + i }))
    for (const peer of peers) peer.send({ flags: 'S' })
    expect(peers.map((peer) => peer.take().length)).toEqual([1, 1, 1, 1, 0, 0])
    expect([listener.halfOpen.size, tcp.connections]).toEqual([4, 4])
    expect(tcp.counters).toMatchObject({ TCPReqQFullDrop: 2, ListenDrops: 2, ListenOverflows: 0 })
    // A place that becomes free is taken.
    peers[0].send({ flags: 'R', seq: 1 })
    peers[4].send({ flags: 'S', seq: 0 })
    expect(peers[4].next()).toBeTcp({ flags: 'SA' })
  })

  test('that is full of finished handshakes forgets the last ACK; the SYN-ACK asks for it again', () => {
    const { wire, server, clock } = script()
    const listener = server.listen(80, 2)
    listener.paused = true
    const peers = Array.from({ length: 2 }, (_, i) => wire.peer({ port: 5000 + i }))
    for (const peer of peers) peer.open()
    expect(listener.isFull).toBe(true)
    const late = wire.peer({ port: 6000 })
    late.send({ flags: 'S' })
    late.expectNothing()
    // One that was half open already when the queue filled.
    listener.pending.pop()!.abort(null)
    late.send({ flags: 'S', seq: 0 })
    expect(late.next()).toBeTcp({ flags: 'SA' })
    const third = wire.peer({ port: 6001 })
    third.open()
    late.send({ seq: 1, ack: 1 })
    late.expectNothing()
    listener.paused = false
    listener.deliver()
    expect(late.next(2 * SECOND)).toBeTcp({ flags: 'SA', seq: 0, ack: 1 })
    late.send({ seq: 1, ack: 1 })
    expect(server.connections).toHaveLength(3)
    clock.advance(1 * SECOND)
  })

  test('more handshakes than the backlog in one burst lose nothing', () => {
    const { wire, server, clock } = script()
    server.listen(80, 4)
    const peers = Array.from({ length: 4 }, (_, i) => wire.peer({ port: 5000 + i }))
    for (const peer of peers) peer.send({ flags: 'S' })
    for (const peer of peers) peer.take()
    wire.put(...peers.map((peer) => peer.frame({ seq: 1, ack: 1 })))
    clock.advance(1 * SECOND)
    expect(server.connections).toHaveLength(4)
  })

  test('that is closed resets what nobody has accepted, and forgets what is half-open', () => {
    const { wire, server, tcp } = script()
    const listener = server.listen()
    const half = wire.peer({ port: 5000 })
    half.send({ flags: 'S' })
    half.next()
    listener.paused = true
    const full = wire.peer({ port: 5001 })
    full.open()
    tcp.unlisten(listener)
    half.expectNothing()
    half.send({ seq: 1, ack: 1 })
    expect(half.next()).toBeTcp({ flags: 'R', seq: 1 })
    expect(full.next()).toBeTcp({ flags: 'RA', seq: 1, ack: 1 })
    expect(tcp.connections).toBe(0)
    const late = wire.peer({ port: 5002 })
    late.send({ flags: 'S' })
    expect(late.next()).toBeTcp({ flags: 'RA', ack: 1 })
  })

  test('a connection that waited in it tells its user everything that happened meanwhile', () => {
    const { peer, server } = script()
    const listener = server.listen()
    listener.paused = true
    peer.open()
    peer.send({ data: 'hello' })
    peer.send({ flags: 'FA' })
    expect(server.connections).toEqual([])
    listener.resume()
    expect(server.recorder.events).toEqual(['established', 'end'])
    expect(server.recorder.data.toString()).toBe('hello')
  })

  test('a connection that was reset while it waited is never accepted', () => {
    const { peer, server, tcp } = script()
    const listener = server.listen()
    listener.paused = true
    peer.open()
    peer.send({ flags: 'R' })
    listener.resume()
    expect(server.connections).toEqual([])
    expect(tcp.connections).toBe(0)
  })

  test('addresses: a listener on one address is found before one on all, and not for others', () => {
    const { tcp, server, peer } = script()
    const ours = IpAddress.parse('10.0.0.1')
    tcp.listen(ours, 80, 16, server)
    peer.open()
    expect(server.connections).toHaveLength(1)
    expect(() => tcp.listen(ours, 80, 16, server)).toThrow('EADDRINUSE')
    expect(() => tcp.listen(null, 80, 16, server)).toThrow('EADDRINUSE')
    expect(() => tcp.listen(IpAddress.parse('10.0.0.9'), 81, 16, server)).toThrow('EADDRNOTAVAIL')
  })
})

describe('bounds', () => {
  test('maximumConnections: SYNs are dropped, our own attempts fail', () => {
    const { wire, server, tcp } = script({ settings: { maximumConnections: 3 } })
    server.listen()
    const peers = Array.from({ length: 4 }, (_, i) => wire.peer({ port: 5000 + i }))
    for (const peer of peers) peer.send({ flags: 'S' })
    expect(peers.map((peer) => peer.take().length)).toEqual([1, 1, 1, 0])
    expect(() => server.connect()).toThrow('ENOBUFS')
    expect(tcp.connections).toBe(3)
  })

  test('ephemeral ports: all are used, then EADDRNOTAVAIL, and again when one is free', () => {
    const { server } = script({ settings: { ephemeralPorts: [50_000, 50_003] } })
    const ports = new Set<number>()
    const opened = Array.from({ length: 4 }, () => server.connect().connection)
    for (const connection of opened) ports.add(connection.localPort)
    expect([...ports].sort()).toEqual([50_000, 50_001, 50_002, 50_003])
    expect(() => server.connect()).toThrow('EADDRNOTAVAIL')
    // Another remote port is another connection.
    expect(server.connect({ port: 81 }).connection.localPort).toBeGreaterThanOrEqual(50_000)
    opened[2].abort()
    expect(server.connect().connection.localPort).toBe(opened[2].localPort)
    expect(() => server.connect({ localPort: opened[2].localPort })).toThrow('EADDRINUSE')
  })

  test('ephemeral ports cannot be guessed from the last (RFC 6056)', () => {
    const { server } = script()
    const ports = Array.from({ length: 20 }, () => server.connect().connection.localPort)
    const steps = ports.slice(1).map((port, i) => port - ports[i])
    expect(new Set(steps).size).toBeGreaterThan(15)
  })

  test('packet memory that is exhausted delays, and loses nothing', () => {
    const { memory, peer, server, clock } = established()
    const hoard = []
    for (let packet = memory.takeSmall(); packet !== null; packet = memory.takeSmall()) hoard.push(packet)
    for (let packet = memory.takeLarge(); packet !== null; packet = memory.takeLarge()) hoard.push(packet)
    server.connection.write(pattern(5000), null)
    expect(peer.inbox).toEqual([])
    for (const packet of hoard) packet.release()
    clock.advance(0.3 * SECOND)
    const data = peer.take()
    expect(data.map((segment) => segment.seq)).toEqual([1, 1461, 2921, 4381])
  })

  test('a SYN that memory had no room for is sent by the timer', () => {
    const { memory, wire, server } = script()
    const hoard = []
    for (let packet = memory.takeSmall(); packet !== null; packet = memory.takeSmall()) hoard.push(packet)
    server.connect()
    const peer = wire.peer({ port: 80, stackPort: 0 })
    for (const packet of hoard) packet.release()
    expect(peer.next(2 * SECOND)).toBeTcp({ flags: 'S' })
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

describe('ICMP errors about an attempt to connect (RFC 1122, 4.2.3.9; RFC 5461; as Linux)', () => {
  test.each([
    ['port unreachable', 3, 3, 'ECONNREFUSED'],
    ['protocol unreachable', 3, 2, 'ECONNREFUSED'],
    ['host unreachable', 3, 1, 'EHOSTUNREACH'],
    ['network unreachable', 3, 0, 'ENETUNREACH'],
    ['prohibited', 3, 13, 'EHOSTUNREACH'],
    ['time exceeded', 11, 0, 'EHOSTUNREACH'],
  ])('%s ends it', (_what, type, code, error) => {
    const { peer, user, tcp } = opening()
    peer.next()
    peer.icmp({ type, code }, 0)
    expect(user.error).toBe(error)
    expect(tcp.connections).toBe(0)
    peer.expectNothing(200 * SECOND)
  })

  test('is a hint only, where so set, and a smaller MTU makes the next SYN announce less', () => {
    const { server, wire, clock } = script({ settings: { icmpEndsConnecting: false, synRetries: 1 } })
    const peer = wire.peer({ port: 80, stackPort: 0 })
    const { user } = server.connect()
    expect(peer.next()).toBeTcp({ flags: 'S', mss: 1460 })
    peer.icmp({ type: 3, code: 1 }, 0)
    peer.icmp({ type: 3, code: 4, rest: 1300 }, 0)
    expect(user.isClosed).toBe(false)
    expect(peer.next(2 * SECOND)).toBeTcp({ flags: 'S', mss: 1260 })
    clock.advance(10 * SECOND)
    expect(user.error).toBe('EHOSTUNREACH')
  })

  test('about a number that was never sent is not believed (RFC 5927, 4.1)', () => {
    const { peer, user } = opening()
    peer.next()
    // The SYN is number 0; 1 is the next, and not on its way.
    for (const sequence of [1_000_000, 1, -1]) peer.icmp({ type: 3, code: 3 }, sequence)
    expect(user.isClosed).toBe(false)
  })

  test('about an open connection is a hint only: reported if it times out', () => {
    const { peer, connection, user, clock } = established()
    connection.write(pattern(100), null)
    peer.next()
    peer.icmp({ type: 3, code: 1 }, 1)
    expect(user.isClosed).toBe(false)
    clock.advance(101 * SECOND)
    expect(user.error).toBe('EHOSTUNREACH')
  })

  test('a hint is forgotten when the connection goes on', () => {
    const { peer, connection, user, clock } = established()
    connection.write(pattern(100), null)
    peer.next()
    peer.icmp({ type: 3, code: 1 }, 1)
    peer.send({ ack: 101 })
    connection.write(pattern(100), null)
    clock.advance(101 * SECOND)
    expect(user.error).toBe('ETIMEDOUT')
  })

  test('a neighbour that does not answer ends it', () => {
    const { server, clock } = script()
    const { user } = server.connect({ remote: IpAddress.parse('10.0.0.88') })
    clock.advance(10 * SECOND)
    expect(user.error).toBe('EHOSTUNREACH')
  })

  test('quoting little and strange things does no harm', () => {
    const { peer, user } = opening()
    peer.next()
    peer.icmp({ type: 3, code: 3 }, 0, 8)
    expect(user.error).toBe('ECONNREFUSED')
    for (let length = 0; length < 8; length++) peer.icmp({ type: 3, code: 3 }, 0, length < 8 ? 8 : length)
  })
})

describe('connections to ourselves', () => {
  test('to our own address: both ends in one stack', () => {
    const { server, tcp, clock, memory } = script()
    server.listen()
    const { connection, user } = server.connect({ remote: IpAddress.parse('10.0.0.1') })
    clock.advance(1 * SECOND)
    expect(user.events).toEqual(['established'])
    const data = pattern(1_000_000)
    connection.write(data, null)
    connection.shutdownWrite()
    server.connection.write(data, null)
    server.connection.shutdownWrite()
    clock.advance(10 * SECOND)
    expect(user.data.equals(data) && server.recorder.data.equals(data)).toBe(true)
    expect([user.error, user.isClosed, server.recorder.isClosed]).toEqual([null, true, true])
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
  })

  test.each(['127.0.0.1', '127.1.2.3'])('to %s', (address) => {
    const { server, clock } = script()
    server.listen()
    const { user } = server.connect({ remote: IpAddress.parse(address) })
    clock.advance(1 * SECOND)
    expect(user.events).toEqual(['established'])
  })

  test('to nobody: refused', () => {
    const { server, clock } = script()
    const { user } = server.connect({ remote: IpAddress.parse('10.0.0.1') })
    clock.advance(1 * SECOND)
    expect(user.events).toEqual(['closed ECONNREFUSED'])
  })

  test('to the very port that it comes from: a simultaneous open with itself', () => {
    const { server, clock } = script()
    const { connection, user } = server.connect({ remote: IpAddress.parse('10.0.0.1'), port: 7000, localPort: 7000 })
    clock.advance(1 * SECOND)
    expect(user.events).toEqual(['established'])
    connection.write(Buffer.from('hello'), null)
    clock.advance(1 * SECOND)
    expect(user.data.toString()).toBe('hello')
    connection.shutdownWrite()
    clock.advance(1 * SECOND)
    expect(user.error).toBe(null)
    expect(user.isClosed).toBe(true)
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
