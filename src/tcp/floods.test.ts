/** Floods: every table stays within its bound, nothing throws, and afterwards everything is as it was before. */
import { describe, expect, test } from 'vitest'
import { established, pattern, type ScriptOptions, script } from '../../test/support/scripted-peer.ts'
import { SECOND, SeededRandom } from '../clock/index.ts'
import { MOST_ISLANDS, PAGE_SIZE } from './out-of-order-queue.ts'
import { State } from './state.ts'

function flooded(options: ScriptOptions = {}) {
  const made = established(options)
  const timers = made.clock.armedTimers
  return {
    ...made,
    /** The connection still works, and nothing is left of the flood. */
    recover(next: number) {
      const { peer, connection, user, memory: packets, clock } = made
      peer.take()
      const received = user.data.length
      peer.send({ seq: next, data: 'still alive' })
      expect(user.data.toString('utf8', received)).toBe('still alive')
      connection.write(Buffer.from('and kicking'), null)
      peer.send({ ack: connection.sendNext - peer.stackIsn })
      expect(connection.state).toBe(State.Established)
      clock.advance(1 * SECOND)
      peer.take()
      expect(packets.inUse).toBe(0)
      expect(clock.armedTimers).toBeLessThanOrEqual(timers)
    },
  }
}

describe('a SYN flood', () => {
  test('fills the queue of its listener and nothing else, and is forgotten', () => {
    const { wire, peer, server, tcp, memory: packets, clock } = script()
    const listener = server.listen(80, 64)
    server.listen(81, 64)
    for (let i = 0; i < 2000; i++) {
      const source = `10.0.0.${100 + (i % 100)}`
      wire.put(wire.tcp({ sourcePort: 1024 + i, destinationPort: 80, flags: 'S', seq: i * 7919 }, '', { source }))
    }
    expect([listener.halfOpen.size, tcp.connections]).toEqual([64, 64])
    expect(tcp.counters).toMatchObject({ SyncookiesSent: 2000 - 64, ListenDrops: 0 })
    // Another port is not affected.
    const other = wire.peer({ port: 4001, stackPort: 81 })
    other.open()
    expect(server.connections).toHaveLength(1)
    clock.advance(64 * SECOND)
    expect([listener.halfOpen.size, tcp.connections]).toEqual([0, 1])
    peer.open()
    expect(server.connections).toHaveLength(2)
    clock.advance(10 * SECOND)
    expect(packets.inUse).toBe(0)
  })

  test('from one who also completes the handshakes is stopped by maximumConnections', () => {
    const { wire, server, tcp } = script({ settings: { maximumConnections: 100 } })
    server.listen(80, 1000)
    for (let port = 5000; port < 5300; port++) {
      const peer = wire.peer({ port })
      peer.send({ flags: 'S' })
      if (peer.next() !== undefined) peer.send({ seq: 1, ack: 1 })
    }
    expect(tcp.connections).toBe(100)
    expect(server.connections).toHaveLength(100)
  })
})

describe('a flood of single bytes far apart', () => {
  test('costs a bounded number of islands, and no packets at all', () => {
    const { peer, connection, memory: packets, tcp, recover } = flooded({ isn: 0x7fffff00 })
    for (let i = 0; i < 1500; i += 10) {
      peer.send(...Array.from({ length: 10 }, (_, k) => ({ seq: 3 + (i + k) * 2, data: 1 })))
    }
    expect(connection.outOfOrder!.count).toBe(MOST_ISLANDS)
    expect(tcp.counters.TCPOFODrop).toBe(1500 - MOST_ISLANDS)
    expect(packets.inUse).toBe(0)
    // The gap is filled: what was kept is delivered, what was dropped is asked for again.
    for (let seq = 1; seq < 3000; seq += 1460) peer.send({ seq, data: 1460 })
    expect(connection.outOfOrder).toBe(null)
    expect(tcp.outOfOrderMemory.used).toBe(0)
    recover(4381)
  })

  test('one in each page holds no more than the window, and nothing after a reset', () => {
    const { peer, connection, tcp } = flooded()
    for (let i = 1; i < 100; i++) peer.send({ seq: 2 + i * PAGE_SIZE, data: 1 })
    expect(connection.outOfOrder!.pages).toBeLessThanOrEqual(Math.ceil(connection.receiveLimit / PAGE_SIZE) + 1)
    peer.send({ flags: 'R', seq: 1 })
    expect(tcp.outOfOrderMemory.used).toBe(0)
  })

  test('from 1,000 connections fills its memory, and does not stop an honest transfer that loses segments', () => {
    const settings = { receiveBudget: 64 * 1_048_576 }
    const { wire, peer, server, tcp, user, connection, memory: packets } = established({ settings })
    const { outOfOrderMemory: memory } = tcp
    server.listen(81, 1000)
    const hostile = Array.from({ length: 1000 }, (_, i) => wire.peer({ port: 10_000 + i, stackPort: 81 }))
    for (const each of hostile) {
      each.open()
      for (let i = 1; i < 4; i++) each.send({ seq: 2 + i * (PAGE_SIZE - 100), data: 1 })
      each.inbox.length = 0
    }
    expect(memory.used).toBe(memory.limit)
    expect(packets.inUse).toBe(0)
    // Twenty segments at a time, of which the first is lost; then all from the number that we acknowledge on.
    let sent = 0
    for (let round = 0; round < 20; round++) {
      const start = 1 + round * 20 * 1460
      peer.send(...Array.from({ length: 19 }, (_, i) => ({ seq: start + (i + 1) * 1460, data: 1460 })))
      for (let at = start; at < start + 20 * 1460; sent++) {
        peer.send({ seq: at, data: 1460 })
        at = (connection.receiveNext - peer.isn) | 0
      }
      if (round % 5 === 0) for (const each of hostile.slice(0, 100)) each.send({ seq: 2 + 60_000 + round, data: 1 })
    }
    expect(user.data.equals(pattern(400 * 1460))).toBe(true)
    // Some of what came ahead was kept.
    expect(sent).toBeLessThan(300)
    expect(memory.used).toBeLessThanOrEqual(memory.limit)
    for (const each of hostile) each.send({ flags: 'R', seq: 1 })
    expect(memory.used).toBe(0)
  })

  test('in reverse order, too', () => {
    const { peer, user, recover } = flooded()
    for (let i = 300; i > 0; i--) peer.send({ seq: 1 + i * 2, data: 1 })
    for (let i = 0; i <= 300; i++) peer.send({ seq: 1 + i * 2, data: 2 })
    expect(user.data.equals(pattern(602))).toBe(true)
    recover(603)
  })
})

describe('small segments in order', () => {
  test('of one byte each, that nobody reads, cost little more than their bytes', () => {
    const { peer, user, connection, recover } = flooded()
    user.reading = false
    for (let i = 0; i < 2000; i++) peer.send({ data: 1 })
    expect(connection.receiveQueue.length).toBe(2000)
    const pieces: Buffer[] = []
    for (let piece = connection.read(1 << 20); piece !== null; piece = connection.read(1 << 20)) pieces.push(piece)
    expect(pieces.length).toBeLessThanOrEqual(2)
    user.reading = true
    recover(2001)
  })

  test('of no bytes at all do nothing', () => {
    const { peer, recover } = flooded()
    for (let i = 0; i < 2000; i++) peer.send({})
    expect(peer.take()).toEqual([])
    recover(1)
  })
})

describe('windows', () => {
  test('that jump between nothing and everything do not make us send more than the window', () => {
    const { peer, connection } = flooded()
    connection.write(pattern(200_000), null)
    let acknowledged = 1
    let window = 65_535
    for (let i = 0; i < 400 && acknowledged < 200_001; i++) {
      for (const segment of peer.take()) {
        // Retransmissions and what was sent into the window as it was are all that may lie beyond.
        expect(segment.seq + segment.length - acknowledged).toBeLessThanOrEqual(65_535)
      }
      window = [0, 1, 536, 65_535, 2, 1460][i % 6]
      acknowledged = peer.receiveNext
      peer.send({ ack: acknowledged, window })
      peer.wire.world.clock.advance(0.3 * SECOND)
    }
    expect(connection.state).toBe(State.Established)
    peer.send({ ack: peer.receiveNext, window: 65_535 })
    for (let i = 0; i < 400 && peer.receiveNext < 200_001; i++) {
      peer.next(2 * SECOND)
      peer.send({ ack: peer.receiveNext, window: 65_535 })
    }
    expect(peer.receiveNext).toBe(200_001)
  })

  test('of one byte are served a byte at a time, and not faster than the timer', () => {
    const { peer, connection, clock, memory: packets } = established({ window: 1 })
    connection.write(pattern(50), null)
    const start = clock.now()
    let segments = 0
    while (peer.receiveNext < 51) {
      const segment = peer.next(10 * SECOND)
      expect(segment).toBeDefined()
      segments++
      peer.send({ window: 1 })
    }
    expect(segments).toBeLessThanOrEqual(60)
    expect(clock.now() - start).toBeLessThan(50 * SECOND)
    clock.advance(1 * SECOND)
    expect(packets.inUse).toBe(0)
  })
})

describe('noise', () => {
  test.each([1, 2, 3, 4])('random segments of all kinds, seed %s', (seed) => {
    const random = new SeededRandom(seed)
    const {
      wire,
      peer,
      server,
      tcp,
      memory: packets,
      clock,
    } = script({
      seed,
      settings: { maximumTimeWait: 10, maximumConnections: 40, challengeAcknowledgments: 5 },
    })
    const listener = server.listen(80, 8)
    const peers = [peer, ...Array.from({ length: 10 }, (_, i) => wire.peer({ port: 5000 + i }))]
    for (let i = 0; i < 2000; i++) {
      const from = peers[random.below(peers.length)]
      let flags = ''
      for (const flag of 'FSRPAUEC') if (random.below(flag === 'R' ? 12 : 3) === 0) flags += flag
      if (random.below(3) === 0) flags = 'A'
      if (random.below(8) === 0) flags = 'S'
      const near = () => (random.below(4) === 0 ? random.int32() : random.below(9) - 4)
      const options = new Uint8Array(random.below(4) === 0 ? random.below(40) : 0)
      random.fill(options)
      from.send({
        flags,
        seq: (random.below(2) === 0 ? from.sendNext : 1) + near(),
        ack: from.receiveNext + near(),
        window: random.below(3) === 0 ? random.below(3) : random.below(65_536),
        data: random.below(3) === 0 ? random.below(1200) : 0,
        options,
        urgent: random.below(100),
      })
      from.sendNext = from.sendNext % 2 ** 31
      if (random.below(10) === 0) from.icmp({ type: 3, code: random.below(16), rest: random.below(1600) }, near())
      if (random.below(5) === 0) clock.advance(random.below(2 * SECOND))
      if (random.below(10) === 0) {
        for (const connection of server.connections) {
          const what = random.below(6)
          if (what === 0) connection.write(pattern(random.below(5000)), null)
          if (what === 1 && random.below(5) === 0) connection.shutdownWrite()
          if (what === 2 && random.below(20) === 0) connection.release()
          if (what === 3 && random.below(20) === 0) connection.abort()
        }
      }
      from.take()
      expect(tcp.connections).toBeLessThanOrEqual(40)
      expect(tcp.timeWaits).toBeLessThanOrEqual(10)
      expect(listener.halfOpen.size).toBeLessThanOrEqual(8)
    }
    expect(tcp.counters.PassiveOpens).toBeGreaterThan(10)
    // The stack still serves an honest peer.
    clock.advance(200 * SECOND)
    tcp.forEachConnection((connection) => connection.abort())
    const honest = wire.peer({ port: 9000 })
    honest.open()
    honest.send({ data: 'hello' })
    expect(server.recorder.data.toString()).toBe('hello')
    tcp.close()
    clock.advance(1 * SECOND)
    expect([tcp.connections, tcp.timeWaits, tcp.receiveBytes, packets.inUse]).toEqual([0, 0, 0, 0])
    expect(server.connections.filter((connection) => connection.timer.armed)).toEqual([])
  })
})
