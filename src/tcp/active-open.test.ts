import { describe, expect, test } from 'vitest'
import { established, opening, pattern, script } from '../../test/support/scripted-peer.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { State } from './state.ts'

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
