import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { dissect } from '../../test/support/dissect.ts'
import { between } from '../../test/support/frames.ts'
import '../../test/support/packet-matchers.ts'
import { FrameCollector, packetFrom, transmit } from '../../test/support/packets.ts'
import { MacAddress } from '../address/index.ts'
import { MemorySink, PcapngWriter, readCapture } from '../capture/index.ts'
import { finish } from '../checksum/index.ts'
import { HostClock, SeededRandom, VirtualClock } from '../clock/index.ts'
import { ChecksumState, type PacketBuffer, PacketMemory, Segmentation } from '../packet/index.ts'
import { type LinkOptions, type VirtualNetif, VirtualNetwork, type VirtualPortOptions } from './index.ts'

let clock: VirtualClock
let memory: PacketMemory
let network: VirtualNetwork

beforeEach(() => {
  clock = new VirtualClock()
  memory = new PacketMemory({ smallSlots: 2048, largeSlots: 16, debug: true })
  network = new VirtualNetwork({ clock, random: new SeededRandom(1), memory })
})

interface Station {
  port: VirtualNetif
  inbox: FrameCollector
  address: string
}

function station(options: VirtualPortOptions = {}): Station {
  const port = network.port(options)
  return { port, inbox: new FrameCollector(port), address: `10.0.0.${port.number + 1}` }
}

function from(a: Station, b: Station) {
  return between({ mac: `${a.port.mac}`, address: a.address }, { mac: `${b.port.mac}`, address: b.address })
}

/** One UDP frame with a number in it. */
function numbered(a: Station, b: Station, number: number, padding = 0): Uint8Array {
  return from(a, b).udp({ sourcePort: number, destinationPort: 9 }, 'x'.repeat(padding))
}

function numbersOf(frames: Uint8Array[]): number[] {
  return frames.map((frame) => frame[34] * 256 + frame[35])
}

/** Makes the switch know where everyone is. */
function introduce(...stations: Station[]): void {
  for (const a of stations) transmit(a.port, from(a, a).arpRequest())
  clock.runUntilIdle()
  for (const a of stations) a.inbox.take()
}

/** A TCP packet with `size` bytes of payload, as a transport leaves it to the device. */
function superFrame(a: Station, b: Station, size: number, segmentSize: number): PacketBuffer {
  const payload = Uint8Array.from({ length: size }, (_, i) => i)
  const frame = from(a, b).tcp({ sourcePort: 1, destinationPort: 2, flags: 'AP', seq: 1000, checksum: 0 }, payload)
  const packet = packetFrom(memory, frame)
  packet.checksum = ChecksumState.Partial
  packet.checksumStart = packet.start + 34
  packet.checksumField = packet.start + 50
  // The seed: addresses, protocol and length.
  const sum = memory.checksum.sum(packet.start + 26, 8, 6 + 20 + size)
  memory.view.setUint16(packet.checksumField, ~finish(sum) & 0xffff)
  if (size > segmentSize) {
    packet.segmentation = Segmentation.TcpV4
    packet.segmentSize = segmentSize
  }
  return packet
}

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

describe('links', () => {
  test('latency of both ends adds up', () => {
    const [a, b] = [station({ latency: 1000 }), station({ toStack: { latency: 500 } })]
    introduce(a, b)
    const times: number[] = []
    for (const s of [a, b])
      s.port.attach({ frame: () => times.push(clock.now()), endOfBurst: () => {}, closed: () => {} })
    const start = clock.now()
    transmit(a.port, numbered(a, b, 1))
    clock.runUntilIdle()
    transmit(b.port, numbered(b, a, 2))
    clock.runUntilIdle()
    expect(times.map((time) => time - start)).toEqual([1500, 2500])
  })

  test('bandwidth spaces frames, and the queue drops at its tail', () => {
    // 1,000 bytes take 1 ms.
    const [a, b] = [station({ fromStack: { bandwidth: 8e6, queue: 5000, latency: 100 } }), station()]
    introduce(a, b)
    const times: number[] = []
    b.port.attach({ frame: () => times.push(clock.now()), endOfBurst: () => {}, closed: () => {} })
    const start = clock.now()
    for (let i = 0; i < 10; i++) transmit(a.port, numbered(a, b, i, 958))
    clock.runUntilIdle()
    expect(times.map((time) => time - start)).toEqual([1100, 2100, 3100, 4100, 5100])
    expect(a.port.fromStack.counters.queueFull).toBe(5)
    expect(memory.inUse).toBe(0)
  })

  test.each([
    ['10.0.0.1', '10.0.0.2'],
    ['fd00::1', 'fd00::2'],
  ])('a long queue marks what is ECN-capable (RFC 3168, section 5): from %s', (source, destination) => {
    const [a, b] = [station({ fromStack: { bandwidth: 8e6, markAbove: 3000 } }), station()]
    introduce(a, b)
    const send = between({ mac: `${a.port.mac}`, address: source }, { mac: `${b.port.mac}`, address: destination })
    // 1,000 bytes each: the fourth finds 3,000 waiting, which is not too much.
    const codepoints = [2, 2, 2, 2, 2, 0, 1, 3, 2]
    for (const codepoint of codepoints) {
      // The rest of the field stays.
      const padding = source.includes(':') ? 938 : 958
      const trafficClass = 0xb8 | codepoint
      transmit(a.port, send.udp({ sourcePort: 1, destinationPort: 9 }, 'x'.repeat(padding), { trafficClass }))
    }
    clock.runUntilIdle()
    const frames = b.inbox.take()
    for (const frame of frames) expect(frame).toBeUdp({ destinationPort: 9 })
    expect(frames.map((frame) => dissect(frame).ip!.trafficClass)).toEqual(
      [2, 2, 2, 2, 3, 0, 3, 3, 3].map((codepoint) => 0xb8 | codepoint),
    )
    expect(a.port.fromStack.counters).toMatchObject({ frames: 10, marked: 4, queueFull: 0 })
    transmit(a.port, send.udp({ sourcePort: 1, destinationPort: 9 }, '', { trafficClass: 2 }))
    clock.runUntilIdle()
    expect(dissect(b.inbox.take()[0]).ip!.trafficClass).toBe(2)
  })

  test('a hop with a smaller MTU loses what is longer, and large packets for the device are cut before', () => {
    const [a, b] = [station({ toStack: {}, fromStack: { largestPacket: 1000 } }), station()]
    introduce(a, b)
    transmit(a.port, numbered(a, b, 1, 1000 - 28), numbered(a, b, 2, 1001 - 28))
    a.port.transmit(superFrame(a, b, 5000, 960))
    a.port.transmit(superFrame(a, b, 5000, 961))
    clock.runUntilIdle()
    expect(b.inbox.take().map((frame) => frame.length)).toEqual([1014, 1014, 1014, 1014, 1014, 1014, 254, 249])
    expect(a.port.fromStack.counters.tooLong).toBe(6)
    transmit(b.port, numbered(b, a, 3, 1400))
    clock.runUntilIdle()
    expect(a.inbox.take()).toHaveLength(1)
    expect(memory.inUse).toBe(0)
  })

  test('a lowered latency lets nothing overtake', () => {
    const [a, b] = [station({ latency: 5000 }), station()]
    introduce(a, b)
    transmit(a.port, numbered(a, b, 1))
    a.port.impair({})
    transmit(a.port, numbered(a, b, 2))
    clock.runUntilIdle()
    transmit(a.port, numbered(a, b, 3))
    clock.runUntilIdle()
    expect(numbersOf(b.inbox.take())).toEqual([1, 2, 3])
  })

  test('frames on a link are bounded in number', () => {
    memory = new PacketMemory({ smallSlots: 70_000, largeSlots: 4 })
    network = new VirtualNetwork({ clock, random: new SeededRandom(1), memory })
    const [a, b] = [station({ latency: 1e6 }), station()]
    const frame = numbered(a, b, 1)
    for (let i = 0; i < 67_000; i++) a.port.transmit(packetFrom(memory, frame))
    expect(a.port.fromStack.occupancy).toBe(65_536)
    expect(a.port.fromStack.counters.queueFull).toBe(67_000 - 65_536)
    a.port.up = false
    expect(memory.inUse).toBe(0)
  })

  test('loss, duplication and corruption happen as often as asked, and are counted', () => {
    const [a, b] = [station(), station({ toStack: { loss: 0.1, duplication: 0.2, corruption: 0.3 } })]
    introduce(a, b)
    const clean = numbered(a, b, 7, 100)
    for (let i = 0; i < 4000; i++) {
      transmit(a.port, clean)
      if (i % 100 === 99) clock.runUntilIdle()
    }
    const { lost, duplicated, corrupted } = b.port.toStack.counters
    const frames = b.inbox.take()
    expect(frames).toHaveLength(4000 - lost + duplicated)
    expect(Math.abs(lost - 400)).toBeLessThan(80)
    expect(Math.abs(duplicated - 720)).toBeLessThan(100)
    expect(Math.abs(corrupted / frames.length - 0.3)).toBeLessThan(0.03)
    const flips = frames.map((frame) => frame.reduce((sum, byte, i) => sum + bits(byte ^ clean[i]), 0))
    expect(new Set(flips)).toEqual(new Set([0, 1]))
    expect(flips.filter((count) => count === 1)).toHaveLength(corrupted)
    expect(memory.inUse).toBe(0)
  })

  test('a reordered frame is overtaken by as many as asked, or goes on when none come', () => {
    const [a, b] = [station(), station({ toStack: { reordering: { probability: 0.05, distance: 4, patience: 700 } } })]
    introduce(a, b)
    for (let i = 0; i < 1000; i++) transmit(a.port, numbered(a, b, i))
    const start = clock.now()
    clock.runUntilIdle()
    const numbers = numbersOf(b.inbox.take())
    expect([...numbers].sort((x, y) => x - y)).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    const late = numbers.filter((number, i) => numbers.slice(0, i).some((earlier) => earlier > number))
    expect(late.length).toBe(b.port.toStack.counters.reordered - (clock.now() > start ? 1 : 0))
    expect(Math.abs(late.length - 50)).toBeLessThan(25)
    for (const number of late) {
      const before = numbers.slice(0, numbers.indexOf(number))
      expect(before.filter((earlier) => earlier > number).length).toBeLessThanOrEqual(4)
    }
    b.port.impair({ reordering: { probability: 1, distance: 4, patience: 700 } })
    const alone = clock.now()
    transmit(a.port, numbered(a, b, 5))
    clock.runUntilIdle()
    expect(b.inbox.take()).toHaveLength(1)
    expect(clock.now() - alone).toBe(700)
    expect(memory.inUse).toBe(0)
  })

  test('how many overtake can be left to chance between two numbers', () => {
    const [a, b] = [station(), station({ toStack: { reordering: { probability: 0.02, distance: [2, 5] } } })]
    introduce(a, b)
    for (let i = 0; i < 2000; i++) transmit(a.port, numbered(a, b, i))
    clock.runUntilIdle()
    const numbers = numbersOf(b.inbox.take())
    expect([...numbers].sort((x, y) => x - y)).toEqual(Array.from({ length: 2000 }, (_, i) => i))
    const overtaken = numbers.map((number, i) => numbers.slice(0, i).filter((earlier) => earlier > number).length)
    // One that is held itself does not overtake, so a few are passed by fewer.
    const counts = [0, 1, 2, 3, 4, 5, 6].map((count) => overtaken.filter((passed) => passed === count).length)
    for (const count of [2, 3, 4, 5]) expect(counts[count]).toBeGreaterThan(3)
    expect(counts[1]).toBeLessThan(3)
    expect(counts[6]).toBe(0)
  })

  test('a bandwidth is exact over many frames', () => {
    // 1,014 bytes at 1 Gbit/s take 8.112 us: parts of microseconds add up, and every frame arrives within one.
    const [a, b] = [station({ fromStack: { bandwidth: 1e9, queue: 1 << 30 } }), station()]
    introduce(a, b)
    const times: number[] = []
    b.port.attach({ frame: () => times.push(clock.now()), endOfBurst: () => {}, closed: () => {} })
    const start = clock.now()
    for (let i = 0; i < 1000; i++) transmit(a.port, numbered(a, b, i, 972))
    clock.runUntilIdle()
    expect(times).toHaveLength(1000)
    const late = times.map((time, i) => time - start - (i + 1) * 8.112)
    expect(Math.min(...late)).toBeGreaterThan(-0.01)
    expect(Math.max(...late)).toBeLessThan(1.01)
  })

  test('nothing is lost that is not counted, whatever the impairments', () => {
    const probability = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1, noNaN: true }))
    const link: fc.Arbitrary<LinkOptions> = fc.record(
      {
        latency: fc.nat(5000),
        bandwidth: fc.integer({ min: 10_000, max: 1_000_000_000 }),
        queue: fc.nat(20_000),
        loss: probability,
        duplication: probability,
        corruption: probability,
        reordering: fc.record({ probability, distance: fc.integer({ min: 1, max: 9 }) }),
      },
      { requiredKeys: [] },
    )
    fc.assert(
      fc.property(link, link, fc.nat(), fc.array(fc.nat(3), { maxLength: 60 }), (toStack, fromStack, seed, gaps) => {
        clock = new VirtualClock()
        memory = new PacketMemory({ smallSlots: 1024, largeSlots: 8, debug: true })
        network = new VirtualNetwork({ clock, random: new SeededRandom(seed), memory })
        const [a, b] = [station({ fromStack }), station({ toStack })]
        for (const gap of gaps) {
          transmit(a.port, numbered(a, b, 1, 200))
          clock.advance(gap * 100)
        }
        expect(clock.runUntilIdle()).toBe(true)
        const arrivals = [a.port.fromStack, b.port.toStack].reduce((sum, { counters: c }) => {
          expect(c.down + c.noMemory + c.tooLong).toBe(0)
          return sum - c.lost - c.queueFull + c.duplicated
        }, gaps.length)
        // A flipped bit in an address loses nothing either: what the switch does not know goes everywhere.
        expect(b.inbox.frames.length).toBe(arrivals)
        expect(memory.inUse).toBe(0)
      }),
      { numRuns: 200 },
    )
  })
})

describe('offload', () => {
  test("'auto' is on without impairments, with latency too", () => {
    const on = { checksumOffload: true, tcp4Segmentation: true, tcp6Segmentation: true }
    const off = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false }
    expect(network.port().features).toEqual(on)
    expect(network.port({ latency: 1000 }).features).toEqual(on)
    expect(network.port({ toStack: { loss: 0.1 } }).features).toEqual(off)
    expect(network.port({ bandwidth: 1e9 }).features).toEqual(off)
    expect(network.port({ corruption: 0.1, offload: true }).features).toEqual(on)
    expect(network.port({ offload: false }).features).toEqual(off)
  })

  test('a super-frame passes whole between ports with offload, its checksum trusted', () => {
    const [a, b] = [station(), station()]
    introduce(a, b)
    const seen: unknown[] = []
    b.port.attach({
      frame: (packet) => seen.push(packet.length, packet.checksum, packet.segmentation, packet.segmentSize),
      endOfBurst: () => {},
      closed: () => {},
    })
    a.port.transmit(superFrame(a, b, 60_000, 1460))
    clock.runUntilIdle()
    expect(seen).toEqual([60_054, ChecksumState.Partial, Segmentation.TcpV4, 1460])
    expect(memory.inUse).toBe(0)
  })

  const ends: [string, VirtualPortOptions, VirtualPortOptions][] = [
    ['to a port without offload', {}, { offload: false }],
    ['over a link that may lose', { offload: true, reordering: 1e-9 }, {}],
    ['over a link with a bandwidth', {}, { offload: true, bandwidth: 1e9 }],
  ]
  for (const [name, first, second] of ends) {
    test(`${name} go segments with right checksums`, () => {
      const [a, b] = [station(first), station(second)]
      introduce(a, b)
      a.port.transmit(superFrame(a, b, 5000, 1460))
      a.port.transmit(superFrame(a, b, 100, 1460))
      clock.runUntilIdle()
      const frames = b.inbox.take()
      expect(frames).toHaveLength(5)
      for (const [i, frame] of frames.slice(0, 4).entries()) {
        expect(frame).toBeTcp({
          seq: 1000 + i * 1460,
          length: i < 3 ? 1460 : 620,
          flags: i < 3 ? 'A' : 'PA',
          checksum: 'right',
        })
      }
      expect(frames[4]).toBeTcp({ length: 100, checksum: 'right' })
      expect(memory.inUse).toBe(0)
    })
  }

  test('a super-frame counts by its segments against the MTU', () => {
    const [a, b] = [station({ mtu: 1500 }), station({ mtu: 1400 })]
    introduce(a, b)
    a.port.transmit(superFrame(a, b, 10_000, 1360))
    a.port.transmit(superFrame(a, b, 10_000, 1361))
    a.port.transmit(superFrame(a, b, 10_000, 1461))
    clock.runUntilIdle()
    expect(b.inbox.frames).toHaveLength(1)
    expect([b.port.toStack.counters.tooLong, a.port.fromStack.counters.tooLong]).toEqual([1, 1])
  })
})

describe('captures', () => {
  function run(seed: number): Uint8Array {
    clock = new VirtualClock()
    memory = new PacketMemory({ smallSlots: 1024, largeSlots: 8 })
    network = new VirtualNetwork({ clock, random: new SeededRandom(seed), memory })
    const sink = new MemorySink()
    const writer = new PcapngWriter(sink)
    const a = station({ latency: 300, loss: 0.1, corruption: 0.1 })
    network.capture(writer)
    const b = station({ reordering: 0.2, duplication: 0.1, bandwidth: 1e7 })
    for (let i = 0; i < 200; i++) {
      transmit(a.port, numbered(a, b, i, i))
      transmit(b.port, numbered(b, a, i))
      clock.advance(50)
    }
    clock.runUntilIdle()
    writer.flush()
    return sink.bytes()
  }

  test('of two runs with one seed are the same, byte for byte', () => {
    const first = run(42)
    expect(Buffer.compare(first, run(42))).toBe(0)
    expect(Buffer.compare(first, run(43))).not.toBe(0)
    const frames = [...readCapture(first)]
    expect(new Set(frames.map((frame) => `${frame.interface.name} ${frame.direction}`))).toEqual(
      new Set(['port0 inbound', 'port0 outbound', 'port1 inbound', 'port1 outbound']),
    )
    expect(frames[0].timestampNanoseconds).toBe(BigInt(clock.epoch) * 1000n)
  })

  test('end when told', () => {
    const [a, b] = [station(), station()]
    const writer = new PcapngWriter(new MemorySink())
    network.capture(writer)
    transmit(a.port, numbered(a, b, 1))
    clock.runUntilIdle()
    expect(writer.counters.frames).toBe(2)
    network.capture(null)
    transmit(a.port, numbered(a, b, 1))
    clock.runUntilIdle()
    expect(writer.counters.frames).toBe(2)
  })
})

describe('on the host clock', () => {
  test('frames without latency take no millisecond', async () => {
    const hostClock = new HostClock()
    network = new VirtualNetwork({ clock: hostClock, random: new SeededRandom(1), memory })
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

function bits(byte: number): number {
  let count = 0
  for (let rest = byte; rest > 0; rest &= rest - 1) count++
  return count
}
