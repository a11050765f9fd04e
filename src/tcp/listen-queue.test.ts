import { describe, expect, test } from 'vitest'
import { established, pattern, script } from '../../test/support/scripted-peer.ts'
import { IpAddress } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'

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
