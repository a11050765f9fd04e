import { beforeEach, describe, expect, test } from 'vitest'
import { packetFrom, transmit } from '../../test/support/packets.ts'
import {
  clock,
  from,
  introduce,
  memory,
  network,
  newNetwork,
  numbered,
  numbersOf,
  station,
} from '../../test/support/stations.ts'
import { MacAddress } from '../address/index.ts'
import { HostClock } from '../clock/index.ts'
import { ChecksumState, type PacketBuffer, PacketMemory } from '../packet/index.ts'

beforeEach(() => newNetwork())

describe('the switch', () => {
  test('unknown and multicast destinations reach everyone else, known ones only their port', () => {
    const [a, b, c] = [station(), station(), station()]
    transmit(a.port, from(a, b).udp({ sourcePort: 1, destinationPort: 2 }))
    clock.runUntilIdle()
    expect([a, b, c].map((s) => s.inbox.take().length)).toEqual([0, 1, 1])
    transmit(b.port, from(b, a).udp({ sourcePort: 1, destinationPort: 2 }))
    transmit(a.port, from(a, b).udp({ sourcePort: 1, destinationPort: 2 }))
    clock.runUntilIdle()
    expect([a, b, c].map((s) => s.inbox.take().length)).toEqual([1, 1, 0])
    transmit(b.port, from(b, a).arpRequest())
    clock.runUntilIdle()
    expect([a, b, c].map((s) => s.inbox.take().length)).toEqual([1, 0, 1])
    expect(memory.inUse).toBe(0)
  })

  test('an address that moves to another port is followed, and back', () => {
    const [a, b, c] = [station(), station(), station()]
    introduce(a, b, c)
    const toB = from(a, b).udp({ sourcePort: 1, destinationPort: 2 })
    for (const [home, other] of [
      [c, b],
      [b, c],
      [c, b],
    ]) {
      transmit(home.port, from(b, a).udp({ sourcePort: 1, destinationPort: 2 }))
      clock.runUntilIdle()
      transmit(a.port, toB)
      clock.runUntilIdle()
      expect(home.inbox.take()).toHaveLength(1)
      expect(other.inbox.take()).toHaveLength(0)
    }
  })

  test('invented source addresses push out others, and the table keeps its size', () => {
    const [a, b] = [station(), station()]
    introduce(a, b)
    const frame = from(a, b).udp({ sourcePort: 1, destinationPort: 2 })
    for (let i = 0; i < 20_000; i++) {
      new DataView(frame.buffer).setInt32(8, i * 7919)
      transmit(a.port, frame)
      if (i % 500 === 0) clock.runUntilIdle()
    }
    clock.runUntilIdle()
    a.inbox.take()
    b.inbox.take()
    expect(network.macTable.evictions).toBeGreaterThan(20_000 - 4096 - 2)
    // Whoever was pushed out is flooded to, and learned again when it sends.
    transmit(b.port, from(b, a).udp({ sourcePort: 1, destinationPort: 2 }))
    transmit(a.port, from(a, b).udp({ sourcePort: 1, destinationPort: 2 }))
    clock.runUntilIdle()
    expect(b.inbox.take()).toHaveLength(1)
    expect(network.macTable.lookup(b.port.mac.high, b.port.mac.low)).toBe(b.port.number)
  })

  test('a frame passes by reference, looking as if just received', () => {
    const [a, b] = [station(), station()]
    introduce(a, b)
    const packet = packetFrom(memory, from(a, b).udp({ sourcePort: 1, destinationPort: 2 }))
    const start = packet.start
    packet.linkMulticast = packet.multicast = true
    packet.checksum = ChecksumState.Verified
    packet.link = 0
    const seen: unknown[] = []
    b.port.attach({
      frame: (arrived) => {
        seen.push(arrived === packet, arrived.start === start, arrived.link === start, arrived.checksum)
        seen.push(arrived.linkMulticast, arrived.multicast)
      },
      endOfBurst: () => {},
      closed: () => {},
    })
    a.port.transmit(packet)
    clock.runUntilIdle()
    expect(seen).toEqual([true, true, true, ChecksumState.Unverified, false, false])
    expect(memory.inUse).toBe(0)
  })

  test('a packet that the sender keeps is copied', () => {
    const [a, b] = [station(), station()]
    introduce(a, b)
    const packet = packetFrom(memory, from(a, b).udp({ sourcePort: 1, destinationPort: 2 })).retain()
    const { start } = packet
    a.port.transmit(packet)
    clock.runUntilIdle()
    expect(b.inbox.frames).toHaveLength(1)
    expect(packet.start).toBe(start)
    packet.release()
    expect(memory.inUse).toBe(0)
  })

  test('between packet memories frames are copied', () => {
    const other = new PacketMemory({ smallSlots: 16, largeSlots: 4, debug: true })
    const [a, b] = [station(), station({ memory: other })]
    introduce(a, b)
    const frames: PacketBuffer[] = []
    b.port.attach({ frame: (packet) => frames.push(packet.retain()), endOfBurst: () => {}, closed: () => {} })
    transmit(a.port, ...[1, 2, 3].map((i) => numbered(a, b, i)))
    clock.runUntilIdle()
    expect(frames.map((packet) => packet.memory === other)).toEqual([true, true, true])
    expect(memory.inUse).toBe(0)
    for (let i = 0; i < 20; i++) transmit(a.port, numbered(a, b, i))
    clock.runUntilIdle()
    expect(b.port.toStack.counters.noMemory).toBe(7)
    for (const packet of frames) packet.release()
    expect(other.inUse).toBe(0)
  })

  test('frames come in bursts, in a later turn, and answers in the next burst', () => {
    const [a, b] = [station(), station()]
    introduce(a, b)
    const before = b.inbox.bursts.length
    for (let i = 0; i < 200; i++) transmit(a.port, numbered(a, b, i))
    expect(b.inbox.frames).toHaveLength(0)
    clock.runUntilIdle()
    expect(b.inbox.bursts.slice(before)).toEqual([200])
    expect(numbersOf(b.inbox.take())).toEqual(Array.from({ length: 200 }, (_, i) => i))
    // Two stacks that answer every frame: time must be able to go on between them.
    let answers = 0
    for (const [self, peer] of [
      [a, b],
      [b, a],
    ]) {
      self.port.attach({
        frame: () => {
          if (answers++ < 1000) transmit(self.port, numbered(self, peer, 1))
        },
        endOfBurst: () => {},
        closed: () => {},
      })
    }
    transmit(a.port, numbered(a, b, 1))
    clock.runUntilIdle()
    expect(answers).toBe(1001)
    expect(memory.inUse).toBe(0)
  })

  test('a receiver that throws loses no frame of others and no memory', () => {
    const [a, b] = [station(), station()]
    introduce(a, b)
    let count = 0
    b.port.attach({
      frame: () => {
        if (++count === 2) throw new Error('bug')
      },
      endOfBurst: () => {},
      closed: () => {},
    })
    for (let i = 0; i < 5; i++) transmit(a.port, numbered(a, b, i))
    expect(() => clock.runUntilIdle()).toThrow('bug')
    clock.runUntilIdle()
    expect(count).toBe(5)
    expect(memory.inUse).toBe(0)
  })
})

describe('ports', () => {
  test('options out of range are refused by name', () => {
    expect(() => network.port({ mtu: 67 })).toThrow('mtu is 68 to 65535, not 67')
    expect(() => network.port({ loss: 2 })).toThrow('loss is 0 to 1, not 2')
    expect(() => network.port({ latency: -1 })).toThrow('latency is 0')
    expect(() => network.port({ bandwidth: Number.NaN })).toThrow('bandwidth is 1')
    expect(() => network.port({ reordering: { probability: 0.5, distance: 0 } })).toThrow('reordering.distance is 1')
    expect(network.ports).toHaveLength(0)
  })

  test('names and addresses', () => {
    const mac = MacAddress.parse('02:00:00:00:00:09')
    expect(network.port()).toMatchObject({ name: 'port0', mtu: 1500 })
    expect(network.port({ name: 'x', mac, mtu: 9000 })).toMatchObject({ name: 'x', mac, mtu: 9000 })
    expect(network.port().mac.isMulticast).toBe(false)
  })

  test('frames over the MTU are dropped at either end; VLAN tags do not count', () => {
    const [a, b] = [station({ mtu: 1500 }), station({ mtu: 1000 })]
    introduce(a, b)
    transmit(a.port, numbered(a, b, 1, 972), numbered(a, b, 2, 973), numbered(a, b, 3, 1472), numbered(a, b, 4, 1473))
    const tagged = numbered(a, b, 5, 972)
    const tag = Uint8Array.of(0x81, 0, 0, 5)
    transmit(a.port, Uint8Array.from([...tagged.subarray(0, 12), ...tag, ...tagged.subarray(12)]))
    clock.runUntilIdle()
    expect(b.inbox.frames.map((frame) => frame.length)).toEqual([1014, 1018])
    expect(b.port.toStack.counters.tooLong).toBe(2)
    expect(a.port.fromStack.counters.tooLong).toBe(1)
    expect(memory.inUse).toBe(0)
  })

  test('frames too short to be one are refused', () => {
    const [a] = [station()]
    a.port.transmit(packetFrom(memory, new Uint8Array(13)))
    expect(a.port.counters.transmitError).toBe(1)
    expect(memory.inUse).toBe(0)
  })

  test('a pulled cable drops what is under way and what comes', () => {
    const [a, b] = [station({ latency: 1000 }), station({ latency: 1000 })]
    introduce(a, b)
    transmit(a.port, numbered(a, b, 1))
    clock.advance(1500)
    b.port.up = false
    transmit(a.port, numbered(a, b, 2))
    clock.runUntilIdle()
    expect(b.inbox.frames).toHaveLength(0)
    transmit(b.port, numbered(b, a, 3))
    b.port.up = true
    transmit(b.port, numbered(b, a, 4))
    transmit(a.port, numbered(a, b, 5))
    clock.runUntilIdle()
    expect(numbersOf(b.inbox.take())).toEqual([5])
    expect(numbersOf(a.inbox.take())).toEqual([4])
    expect([b.port.toStack.counters.down, b.port.fromStack.counters.down]).toEqual([2, 1])
    expect(memory.inUse).toBe(0)
  })

  test('close and remove release what is under way and free the place', async () => {
    const [a, b] = [station({ latency: 1000 }), station({ latency: 1000, name: 'b' })]
    introduce(a, b)
    transmit(a.port, numbered(a, b, 1))
    clock.advance(1500)
    let gone: Error | null = null
    b.port.attach({
      frame: () => {},
      endOfBurst: () => {},
      closed: (error) => {
        gone = error
      },
    })
    network.remove(b.port)
    network.remove(b.port)
    expect(gone).toMatchObject({ code: 'ENODEV' })
    expect(memory.inUse).toBe(0)
    transmit(b.port, numbered(b, a, 1))
    transmit(a.port, numbered(a, b, 1))
    clock.runUntilIdle()
    expect(network.ports).toEqual([a.port])
    expect(network.port().number).toBe(b.port.number)
    await network.close()
    await network.close()
    expect(network.ports).toEqual([])
    expect(a.inbox.isClosed).toBe(false)
    expect(memory.inUse).toBe(0)
  })
})

describe('on the host clock', () => {
  test('frames without latency take no millisecond', async () => {
    const hostClock = new HostClock()
    newNetwork({ hostClock })
    const [a, b] = [station(), station()]
    let rounds = 0
    await new Promise<void>((resolve) => {
      for (const [self, peer] of [
        [a, b],
        [b, a],
      ]) {
        self.port.attach({
          frame: () => {
            if (++rounds === 20_000) resolve()
            else transmit(self.port, numbered(self, peer, 1))
          },
          endOfBurst: () => {},
          closed: () => {},
        })
      }
      transmit(a.port, numbered(a, b, 1))
    })
    expect(rounds).toBe(20_000)
    hostClock.close()
    expect(memory.inUse).toBe(0)
  })
})
