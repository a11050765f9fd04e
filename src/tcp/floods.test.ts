/** Floods: every table stays within its bound, nothing throws, and afterwards everything is as it was before. */
import { describe, expect, test } from 'vitest'
import { established, pattern, type ScriptOptions, script } from '../../test/support/scripted-peer.ts'
import { SECOND, SeededRandom } from '../clock/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { LONGEST_OUT_OF_ORDER_QUEUE } from './out-of-order-queue.ts'
import { State } from './state.ts'

/** As much packet memory as a stack with the default number of slots would need here. */
function memory(smallSlots: number): PacketMemory {
  return new PacketMemory({ smallSlots, largeSlots: 16, debug: true })
}

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
      peer.send({ ack: connection.sendHighest - peer.stackIsn })
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
    expect(tcp.counters.ListenOverflows).toBe(2000 - 64)
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
  test('pins a bounded number of packets, and leaves a quarter of memory free', () => {
    const packets = memory(1024)
    const { peer, connection, recover } = flooded({ memory: packets, isn: 0x7fffff00 })
    for (let i = 0; i < 1500; i += 10) {
      peer.send(...Array.from({ length: 10 }, (_, k) => ({ seq: 3 + (i + k) * 2, data: 1 })))
    }
    expect(connection.outOfOrder!.packets).toBeGreaterThan(500)
    expect(connection.outOfOrder!.packets).toBeLessThanOrEqual(LONGEST_OUT_OF_ORDER_QUEUE)
    expect(packets.freeSmall).toBeGreaterThanOrEqual(1024 / 4)
    expect(packets.inUse).toBe(connection.outOfOrder!.packets)
    // The gap is filled: what was kept is delivered, what was dropped is asked for again.
    for (let seq = 1; seq < 3000; seq += 1460) peer.send({ seq, data: 1460 })
    expect(connection.outOfOrder).toBe(null)
    recover(4381)
  })

  test('stops at the bound of the queue', () => {
    const packets = memory(8192)
    const { peer, connection } = flooded({ memory: packets })
    for (let i = 0; i < 4200; i += 30) {
      peer.send(...Array.from({ length: 30 }, (_, k) => ({ seq: 3 + (i + k) * 2, data: 1 })))
    }
    expect(connection.outOfOrder!.packets).toBe(LONGEST_OUT_OF_ORDER_QUEUE)
    expect(packets.inUse).toBe(LONGEST_OUT_OF_ORDER_QUEUE)
    peer.send({ flags: 'R', seq: 1 })
    expect(packets.inUse).toBe(0)
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
    expect(pieces.length).toBeLessThanOrEqual(1)
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
