import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PacketMemory } from '../packet/index.ts'
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

type Step = { kind: 'append' | 'inPlace' | 'copy' | 'acknowledge' | 'packetAt' | 'clear'; a: number; b: number }

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('append', 'append', 'append', 'inPlace', 'copy', 'copy', 'acknowledge', 'packetAt', 'clear'),
  a: fc.nat(200),
  b: fc.nat(200),
})

describe('the send buffer', () => {
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
                const isWhole = inPlace.some((c) => c.from === start + offset && c.to === c.from + 1)
                if (!isWhole) expect(buffer.packetAt(offset, 1)).toBe(null)
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
