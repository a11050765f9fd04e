import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { loadAddon } from '../netif/index.ts'
import { type PacketBuffer, PacketMemory } from '../packet/index.ts'
import { SendBuffer } from './send-buffer.ts'

/** The bytes from `from` on of an endless stream that never repeats within a test. */
function stream(from: number, length: number): Uint8Array {
  return Uint8Array.from({ length }, (_, i) => ((from + i) * 31 + ((from + i) >> 8) * 17) & 255)
}

function read(buffer: SendBuffer, offset: number, length: number): Uint8Array {
  const target = new Uint8Array(length + 2).fill(0xee)
  buffer.copy(offset, length, target, 1)
  expect([target[0], target[length + 1]]).toEqual([0xee, 0xee])
  return target.subarray(1, length + 1)
}

/** As of ES2024. */
type ResizableBufferClass = new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer & { resize(length: number): void }

type Step = { kind: 'append' | 'inPlace' | 'copy' | 'acknowledge' | 'packetAt' | 'clear'; a: number; b: number }

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('append', 'append', 'append', 'inPlace', 'copy', 'copy', 'acknowledge', 'packetAt', 'clear'),
  a: fc.nat(200),
  b: fc.nat(200),
})

describe('the send buffer', () => {
  test.each(['transferred', 'resized'])('a chunk that was %s reads as zeros, and what follows it as it is', (how) => {
    const buffer = new SendBuffer()
    const bytes = new (ArrayBuffer as unknown as ResizableBufferClass)(20_000, { maxByteLength: 20_000 })
    const chunk = new Uint8Array(bytes).fill(7)
    buffer.append(chunk, null)
    buffer.append(stream(0, 300), null)
    if (how === 'transferred') structuredClone(bytes, { transfer: [bytes] })
    else bytes.resize(100)
    const left = how === 'transferred' ? 0 : 100
    const expected = new Uint8Array(20_300).fill(7, 0, left)
    expected.set(stream(0, 300), 20_000)
    expect(buffer.length).toBe(20_300)
    const memory = new PacketMemory({ smallSlots: 16, largeSlots: 4, debug: true })
    const packet = memory.allocate(0)!
    expect(buffer.gather(0, 20_100, packet)).toBe(false)
    expect(packet.gathered).toBeNull()
    packet.release()
    expect(read(buffer, 0, 20_300)).toEqual(expected)
    // Sent again, and a part of it that is no longer there at all.
    expect(read(buffer, 50, 60)).toEqual(expected.subarray(50, 110))
    buffer.acknowledge(19_990)
    expect(read(buffer, 0, 310)).toEqual(expected.subarray(19_990))
    buffer.acknowledge(310)
    expect(buffer.length).toBe(0)
  })

  test('is a stream of which the front is cut off', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const memory = new PacketMemory({ smallSlots: 256, largeSlots: 4, debug: true })
        const buffer = new SendBuffer()
        /** Of the whole stream: first unacknowledged byte, and end. */
        let start = 0
        let end = 0
        /** Chunks that lie in packets, by their places in the stream. */
        let inPlace: { from: number; to: number }[] = []
        for (const { kind, a, b } of steps) {
          const length = end - start
          switch (kind) {
            case 'append':
              buffer.append(stream(end, a), null)
              end += a
              break
            case 'inPlace': {
              const packet = memory.allocate(a)!
              const view = memory.bytes.subarray(packet.start, packet.start + a)
              view.set(stream(end, a))
              buffer.append(view, packet)
              if (a > 0) inPlace.push({ from: end, to: end + a })
              end += a
              break
            }
            case 'copy': {
              const offset = Math.min(a, length)
              const count = Math.min(b, length - offset)
              if (count > 0) expect(read(buffer, offset, count)).toEqual(stream(start + offset, count))
              break
            }
            case 'acknowledge':
              start += Math.min(a, length)
              buffer.acknowledge(Math.min(a, length))
              break
            case 'packetAt': {
              const whole = inPlace.filter((chunk) => chunk.from >= start)
              if (whole.length > 0) {
                const chunk = whole[b % whole.length]
                const packet = buffer.packetAt(chunk.from - start, chunk.to - chunk.from)!
                expect(memory.bytes.slice(packet.start, packet.end)).toEqual(stream(chunk.from, packet.length))
                // Not while somebody else holds it.
                packet.retain()
                expect(buffer.packetAt(chunk.from - start, chunk.to - chunk.from)).toBe(null)
                packet.release()
              }
              if (a > 1 && length > 1) {
                const offset = Math.min(b, length - 1)
                const isBeginning = inPlace.some((chunk) => chunk.from === start + offset)
                if (!isBeginning) expect(buffer.packetAt(offset, 1)).toBe(null)
              }
              break
            }
            case 'clear':
              if (b % 10 === 0) {
                buffer.clear()
                start = end
              }
              break
          }
          inPlace = inPlace.filter((chunk) => chunk.to > start)
          expect(buffer.length).toBe(end - start)
          expect(memory.inUse).toBe(inPlace.length)
        }
        if (end > start) expect(read(buffer, 0, end - start)).toEqual(stream(start, end - start))
        buffer.clear()
        expect(buffer.length).toBe(0)
        expect(memory.leaks()).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  test('has a payload gathered from the chunks in which it lies', () => {
    const piece = fc.record({ size: fc.integer({ min: 1, max: 300 }), inPacket: fc.nat(9), isOurs: fc.boolean() })
    const ask = fc.record({ acknowledge: fc.nat(150), offset: fc.nat(900), length: fc.integer({ min: 1, max: 1200 }) })
    let gatheredOnes = 0
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 20 }),
        fc.array(ask, { maxLength: 12 }),
        (pieces, asks) => {
          const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
          const buffer = new SendBuffer()
          let end = 0
          const chunks = pieces.map(({ size, inPacket, isOurs }) => {
            const isInPacket = inPacket === 0
            const packet = isInPacket ? memory.allocate(size)! : null
            const bytes = packet === null ? stream(end, size) : memory.bytes.subarray(packet.start, packet.start + size)
            bytes.set(stream(end, size))
            buffer.append(bytes, packet, isOurs && packet === null)
            end += size
            return { from: end - size, to: end, isInPacket }
          })
          let start = 0
          for (const { acknowledge, ...wanted } of asks) {
            const count = Math.min(acknowledge, end - start)
            buffer.acknowledge(count)
            start += count
            const offset = Math.min(wanted.offset, end - start)
            const length = Math.min(wanted.length, end - start - offset)
            if (length === 0) continue
            const touched = chunks.filter(({ from, to }) => from < start + offset + length && to > start + offset)
            const packet = memory.allocate(length)!
            packet.end = packet.start + length
            const isGathered = buffer.gather(offset, length, packet)
            expect(isGathered).toBe(touched.length <= 8 && !touched.some(({ isInPacket }) => isInPacket))
            if (isGathered) {
              gatheredOnes++
              expect(packet.gathered).toHaveLength(touched.length)
              packet.fill(100)
              const beginning = Math.min(100, length)
              expect(memory.bytes.slice(packet.start, packet.start + beginning)).toEqual(
                stream(start + offset, beginning),
              )
              packet.fill()
              expect(memory.bytes.slice(packet.start, packet.end)).toEqual(stream(start + offset, length))
              expect(packet.gathered).toBe(null)
            }
            packet.release()
            // Whatever was asked for, the next bytes are found.
            expect(read(buffer, offset, length)).toEqual(stream(start + offset, length))
          }
          buffer.clear()
          expect(memory.leaks()).toEqual([])
        },
      ),
      { numRuns: 300 },
    )
    expect(gatheredOnes).toBeGreaterThan(100)
  })

  test('gives back what is ours when it is acknowledged, and nothing else', () => {
    loadAddon()
    const buffer = new SendBuffer()
    const [ours, theirs, next] = [new Uint8Array(20_000), new Uint8Array(20_000), new Uint8Array(20_000)]
    buffer.append(ours, null, true)
    buffer.append(theirs, null)
    buffer.append(next, null, true)
    const packet = new PacketMemory({ smallSlots: 16, largeSlots: 4 }).allocate(45_000)!
    packet.end = packet.start + 45_000
    expect(buffer.gather(0, 45_000, packet)).toBe(true)
    buffer.acknowledge(19_999)
    expect([ours, theirs, next].map(({ length }) => length)).toEqual([20_000, 20_000, 20_000])
    buffer.acknowledge(20_001)
    expect([ours, theirs, next].map(({ length }) => length)).toEqual([0, 20_000, 20_000])
    // Whoever still has the packet finds less than there was, and keeps within its slot.
    const before = packet.memory.bytes.slice(0, packet.start)
    packet.gatheredFrom = 15_000
    packet.fill()
    expect(packet.memory.bytes.slice(0, packet.start)).toEqual(before)
  })

  test('copies what is written in bulk to where segments can be sent as they lie', () => {
    const MOST = 400
    const SEGMENT = 100
    const bulk = fc.record({
      kind: fc.constantFrom('copy', 'copy', 'append', 'send', 'sendAll', 'acknowledge', 'again'),
      size: fc.integer({ min: 1, max: 900 }),
    })
    fc.assert(
      fc.property(fc.array(bulk, { maxLength: 100 }), fc.integer({ min: 4, max: 12 }), (steps, largeSlots) => {
        const memory = new PacketMemory({ smallSlots: 64, largeSlots, debug: true })
        const buffer = new SendBuffer()
        let start = 0
        let next = 0
        let end = 0
        /** What the device looks at: such bytes must not change. */
        let sent: { from: number; packet: PacketBuffer }[] = []
        for (const { kind, size } of steps) {
          switch (kind) {
            case 'copy': {
              const taken = buffer.appendCopy(stream(end, size), MOST, SEGMENT, end - next, memory)
              expect(taken === size || !memory.isHalfFree).toBe(true)
              expect(memory.freeLarge * 2).toBeGreaterThanOrEqual(memory.largeSlots - 2)
              end += taken
              break
            }
            case 'append':
              buffer.append(stream(end, size), null)
              end += size
              break
            case 'send':
            case 'sendAll': {
              let length = Math.min(kind === 'send' ? size : MOST, end - next)
              if (length === 0) break
              const rest = buffer.restOfPacket(next - start)
              if (rest > 0 && rest < length) length = rest
              const packet = buffer.packetAt(next - start, length)
              if (packet === null) {
                expect(read(buffer, next - start, length)).toEqual(stream(next, length))
              } else {
                packet.retain()
                sent.push({ from: next, packet })
              }
              next += length
              break
            }
            case 'again':
              if (next > start) {
                const offset = size % (next - start)
                const length = Math.min(size, next - start - offset)
                expect(read(buffer, offset, length)).toEqual(stream(start + offset, length))
              }
              break
            case 'acknowledge': {
              const count = Math.min(size, next - start)
              start += count
              buffer.acknowledge(count)
              for (const { from, packet } of sent) {
                expect(memory.bytes.slice(packet.start, packet.end)).toEqual(stream(from, packet.length))
                packet.release()
              }
              sent = []
              break
            }
          }
          expect(buffer.length).toBe(end - start)
        }
        if (end > start) expect(read(buffer, 0, end - start)).toEqual(stream(start, end - start))
        for (const { packet } of sent) packet.release()
        buffer.clear()
        expect(memory.leaks()).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  test('lets every segment of a bulk transfer be sent without another copy, also behind a short one', () => {
    const memory = new PacketMemory({ smallSlots: 64, largeSlots: 128, debug: true })
    const buffer = new SendBuffer()
    let end = 0
    let next = 0
    for (let i = 0; i < 30; i++) {
      // Nagle's rule holds back less than a segment; every third time even that may go.
      expect(buffer.appendCopy(stream(end, 530), 400, 100, end - next, memory)).toBe(530)
      end += 530
      while (end - next >= 100 || (i % 3 === 0 && end > next)) {
        let length = Math.min(end - next, 400)
        if (length < end - next || i % 3 !== 0) length -= length % 100
        const rest = buffer.restOfPacket(next)
        if (rest > 0 && rest < length && rest % 100 === 0) length = rest
        const packet = buffer.packetAt(next, length)
        expect(packet).not.toBe(null)
        expect(memory.bytes.slice(packet!.start, packet!.end)).toEqual(stream(next, length))
        next += length
      }
    }
    buffer.clear()
    expect(memory.leaks()).toEqual([])
  })

  test('is not searched from its beginning for what is sent again in turn with what is new', () => {
    const buffer = new SendBuffer()
    let reads = 0
    /** A chunk that counts how often its length is looked at. */
    const counted = (i: number) => {
      const chunk = Uint8Array.of(i)
      Object.defineProperty(chunk, 'length', { get: () => ++reads && 1 })
      return chunk
    }
    for (let i = 0; i < 10_000; i++) buffer.append(counted(i), null)
    const target = new Uint8Array(1)
    buffer.copy(9000, 1, target, 0)
    reads = 0
    for (let i = 1; i <= 500; i++) {
      buffer.copy(i, 1, target, 0)
      expect(target[0]).toBe(i & 255)
      buffer.copy(9000 + i, 1, target, 0)
      expect(target[0]).toBe((9000 + i) & 255)
    }
    expect(reads).toBeLessThan(10_000)
  })

  test('does not grow with what is acknowledged', () => {
    const buffer = new SendBuffer()
    for (let i = 0; i < 10_000; i++) {
      buffer.append(Uint8Array.of(i), null)
      if (i >= 10) buffer.acknowledge(1)
      expect(read(buffer, buffer.length - 1, 1)[0]).toBe(i & 255)
    }
    expect(buffer.length).toBe(10)
    expect(read(buffer, 0, 10)).toEqual(Uint8Array.from({ length: 10 }, (_, i) => 9990 + i))
  })
})
