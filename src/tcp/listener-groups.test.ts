/** Several listeners on one address and port, as Linux SO_REUSEPORT; and what a full accept queue does to clients. */
import { describe, expect, test } from 'vitest'
import { type ScriptOptions, script } from '../../test/support/scripted-peer.ts'
import { Collector } from '../../test/support/virtual-hosts.ts'
import { IpAddress } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'
import type { TcpListener } from './index.ts'

const OURS = IpAddress.parse('10.0.0.1')

function group(size: number, options: ScriptOptions = {}, backlog = 16) {
  const made = script(options)
  const members = Array.from({ length: size }, () => {
    const collector = new Collector()
    return { collector, listener: made.tcp.listen(null, 80, backlog, collector, { reusePort: true }) }
  })
  /** Opens a connection from this port. @returns which member has got it */
  const open = (port: number): number => {
    const counts = members.map(({ collector }) => collector.connections.length)
    made.wire.peer({ port }).open()
    return members.findIndex(({ collector }, i) => collector.connections.length > counts[i])
  }
  const pause = (listener: TcpListener) => {
    listener.paused = true
  }
  return { ...made, members, open, pause }
}

describe('listeners that all ask for reusePort', () => {
  test('share what comes evenly, and one address and ports always get the same one', () => {
    const { members, open, wire } = group(4)
    const first = new Map<number, number>()
    for (let port = 5000; port < 5400; port++) {
      first.set(port, open(port))
      wire.peer({ port }).send({ flags: 'R', seq: 1 })
    }
    for (const { collector } of members) {
      expect(collector.connections.length).toBeGreaterThan(60)
      expect(collector.connections.length).toBeLessThan(140)
    }
    for (let port = 5000; port < 5400; port += 7) expect(open(port)).toBe(first.get(port))
  })

  test('spread by a secret: another stack shares out otherwise', () => {
    const shares = [1, 2].map((seed) => {
      const { open } = group(4, { seed })
      return Array.from({ length: 40 }, (_, i) => open(5000 + i)).join('')
    })
    expect(shares[0]).not.toBe(shares[1])
  })

  test('one that leaves hands over its share; most of the others keep theirs', () => {
    const { members, open, wire, tcp } = group(4)
    const ports = Array.from({ length: 200 }, (_, i) => 5000 + i)
    const ask = () => ports.map((port) => [port, open(port)] as const)
    const before = ask()
    for (const port of ports) wire.peer({ port }).send({ flags: 'R', seq: 1 })
    tcp.unlisten(members[1].listener)
    for (const [port, who] of before) {
      const now = open(port)
      expect(now).not.toBe(1)
      expect(now).toBeGreaterThanOrEqual(0)
      // The first keeps the lower part of what was its quarter and is now its third.
      if (who === 0) expect(now).toBe(0)
    }
  })

  test('connections that nobody has accepted pass to another one that has room, half-open ones too', () => {
    const { members, wire, tcp, pause } = group(2)
    for (const { listener } of members) pause(listener)
    const peers = Array.from({ length: 12 }, (_, i) => wire.peer({ port: 5000 + i }))
    peers.forEach((peer, i) => {
      if (i < 8) peer.open()
      else {
        peer.send({ flags: 'S', mss: 1460 })
        peer.take()
      }
    })
    const [left, heir] = members
    expect(left.listener.pending.length + left.listener.halfOpen.size).toBeGreaterThan(0)
    expect(left.listener.pending.length + heir.listener.pending.length).toBe(8)
    tcp.unlisten(left.listener)
    expect([heir.listener.pending.length, heir.listener.halfOpen.size]).toEqual([8, 4])
    for (const peer of peers.slice(8)) peer.send({ flags: 'A' })
    heir.listener.resume()
    expect(heir.collector.connections).toHaveLength(12)
    for (const peer of peers) expect(peer.take()).toEqual([])
    for (const peer of peers) peer.send({ data: 'hello' })
    for (const recorder of heir.collector.recorders) expect(recorder.data.toString()).toBe('hello')
  })

  test('what no other has room for is reset, and so is what the last one leaves', () => {
    const { members, wire, tcp, pause } = group(2, {}, 3)
    for (const { listener } of members) pause(listener)
    const peers = Array.from({ length: 40 }, (_, i) => wire.peer({ port: 5000 + i }))
    for (const peer of peers) {
      peer.send({ flags: 'S', mss: 1460 })
      if (peer.take().length > 0) peer.send({ flags: 'A' })
    }
    expect(members.map(({ listener }) => listener.pending.length)).toEqual([3, 3])
    tcp.unlisten(members[0].listener)
    const resets = () => peers.flatMap((peer) => peer.take()).filter(({ flags }) => flags === 'RA').length
    expect([resets(), tcp.connections]).toEqual([3, 3])
    tcp.unlisten(members[1].listener)
    expect([resets(), tcp.connections]).toEqual([3, 0])
  })

  test('bring SYN cookies back together', () => {
    const { wire, clock, members, peer } = group(3, {}, 2)
    for (let i = 0; i < 40; i++) {
      const source = `10.0.0.${100 + i}`
      wire.put(wire.tcp({ sourcePort: 1024, destinationPort: 80, flags: 'S', seq: i }, '', { source }))
    }
    clock.advance(1.5 * SECOND)
    peer.send({ flags: 'S', mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA' })
    peer.send({ flags: 'A', data: 'through' })
    const [recorder] = members.flatMap(({ collector }) => collector.recorders)
    expect(recorder.data.toString()).toBe('through')
  })
})

describe('an address and port', () => {
  test('are shared only if all ask for it', () => {
    const { tcp, server } = script()
    const plain = tcp.listen(null, 80, 16, server)
    expect(() => tcp.listen(null, 80, 16, server, { reusePort: true })).toThrow('EADDRINUSE')
    tcp.unlisten(plain)
    tcp.listen(null, 80, 16, server, { reusePort: true })
    expect(() => tcp.listen(null, 80, 16, server)).toThrow('EADDRINUSE')
    expect(() => tcp.listen(OURS, 80, 16, server)).toThrow('EADDRINUSE')
  })

  test('of a group for one address win over those of a group for all', () => {
    const { tcp, server, wire } = script()
    const specific = new Collector()
    tcp.listen(null, 80, 16, server, { reusePort: true })
    tcp.listen(OURS, 80, 16, specific, { reusePort: true })
    for (let port = 5000; port < 5010; port++) wire.peer({ port }).open()
    expect([server.connections.length, specific.connections.length]).toEqual([0, 10])
  })

  test('that were picked for one are nobody else’s, and may be shared afterwards', () => {
    const { tcp, server } = script()
    const { port } = tcp.listen(null, 0, 16, server, { reusePort: true })
    expect(tcp.listen(null, port, 16, server, { reusePort: true }).port).toBe(port)
  })
})

describe('an accept queue that is full, as in Linux', () => {
  function full() {
    const made = group(1, {}, 2)
    const [{ listener }] = made.members
    made.pause(listener)
    const late = made.wire.peer({ port: 6000 })
    late.send({ flags: 'S', mss: 1460 })
    expect(late.next()).toBeTcp({ flags: 'SA' })
    for (const port of [5000, 5001]) made.wire.peer({ port }).open()
    expect(listener.isFull).toBe(true)
    return { ...made, listener, late }
  }

  test('drops SYNs without a word, and serves them when they come again', () => {
    const { wire, tcp, listener } = full()
    const peer = wire.peer({ port: 7000 })
    peer.send({ flags: 'S', mss: 1460 })
    peer.expectNothing(0.5 * SECOND)
    expect(tcp.counters).toMatchObject({ ListenOverflows: 1, ListenDrops: 1 })
    listener.resume()
    peer.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA' })
  })

  test('drops the ACK that ends a handshake; the SYN-ACK asks for it again, and data with it is not lost', () => {
    const { late, tcp, listener, members } = full()
    late.send({ flags: 'A', data: 'patient' })
    late.expectNothing(0.5 * SECOND)
    expect(tcp.counters).toMatchObject({ ListenOverflows: 1, ListenDrops: 1, OutRsts: 0 })
    expect([listener.halfOpen.size, listener.pending.length]).toEqual([1, 2])
    // The application comes round; the peer answers the second SYN-ACK, and sends its data again.
    expect(late.next(1 * SECOND)).toBeTcp({ flags: 'SA' })
    listener.resume()
    late.send({ flags: 'A', seq: 1, data: 'patient' })
    expect(members[0].collector.recorders.at(-1)!.data.toString()).toBe('patient')
    expect(tcp.counters.OutRsts).toBe(0)
  })

  test('one whose application never comes round is forgotten after the last SYN-ACK', () => {
    const { late, tcp, listener } = full()
    late.send({ flags: 'A' })
    expect(late.times(70 * SECOND, 0)).toHaveLength(5)
    expect([listener.halfOpen.size, tcp.connections]).toEqual([0, 2])
  })
})
