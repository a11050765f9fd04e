import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { dissect } from '../../test/support/dissect.ts'
import { between } from '../../test/support/frames.ts'
import '../../test/support/packet-matchers.ts'
import { packetFrom, transmit } from '../../test/support/packets.ts'
import {
  clock,
  introduce,
  memory,
  newNetwork,
  numbered,
  numbersOf,
  station,
  superFrame,
} from '../../test/support/stations.ts'
import type { LinkOptions } from './index.ts'

function bits(byte: number): number {
  let count = 0
  for (let rest = byte; rest > 0; rest &= rest - 1) count++
  return count
}

beforeEach(() => newNetwork())

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
    newNetwork({ slots: { smallSlots: 70_000, largeSlots: 4, debug: false } })
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
        newNetwork({ seed, slots: { smallSlots: 1024, largeSlots: 8 } })
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
