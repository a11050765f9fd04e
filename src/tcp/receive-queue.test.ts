import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PacketMemory } from '../packet/index.ts'
import { ReceiveQueue } from './receive-queue.ts'

function stream(from: number, length: number): Buffer {
  return Buffer.from(Uint8Array.from({ length }, (_, i) => ((from + i) * 31 + ((from + i) >> 8) * 17) & 255))
}

/** A received packet with the stream's bytes from `from` on as its payload. */
function packet(memory: PacketMemory, from: number, length: number) {
  const made = memory.takeSmall()!
  made.start = made.base
  made.payload = made.base + 54
  made.payloadEnd = made.end = made.payload + length
  memory.bytes.set(stream(from, length), made.payload)
  return made
}

type Step = { kind: 'append' | 'adopt' | 'read' | 'drain' | 'settle' | 'clear'; a: number }

const step: fc.Arbitrary<Step> = fc.record({
  kind: fc.constantFrom('append', 'append', 'adopt', 'read', 'read', 'drain', 'settle', 'clear'),
  a: fc.oneof(fc.nat(20), fc.nat(1500)),
})

describe('the receive queue', () => {
  test('is a stream, whatever happens in between', () => {
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const memory = new PacketMemory({ smallSlots: 512, largeSlots: 4, debug: true })
        const queue = new ReceiveQueue()
        let start = 0
        let end = 0
        for (const { kind, a } of steps) {
          switch (kind) {
            case 'append':
            case 'adopt': {
              if (a === 0) break
              const arrived = packet(memory, end, a)
              if (kind === 'append') {
                queue.append(arrived)
                arrived.release()
              } else queue.adopt(arrived)
              end += a
              break
            }
            case 'read': {
              const data = queue.read(a + 1)
              if (start === end) expect(data).toBe(null)
              else {
                expect(data!.length).toBeGreaterThan(0)
                expect(data!.length).toBeLessThanOrEqual(a + 1)
                expect(data!.equals(stream(start, data!.length))).toBe(true)
                start += data!.length
              }
              break
            }
            case 'drain': {
              let left = a % 4
              const take = (view: Uint8Array) => {
                expect(Buffer.from(view).equals(stream(start, view.length))).toBe(true)
                start += view.length
                return left-- > 0
              }
              queue.drain({ take })
              break
            }
            case 'settle':
              queue.settle()
              expect(memory.inUse).toBe(0)
              break
            case 'clear':
              if (a % 5 === 0) {
                queue.clear()
                start = end
              }
              break
          }
          expect(queue.length).toBe(end - start)
          if (start === end) expect(memory.inUse).toBe(0)
        }
        queue.settle()
        expect(memory.leaks()).toEqual([])
      }),
      { numRuns: 150 },
    )
  })

  test('gives bytes that stay what they are', () => {
    const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
    const queue = new ReceiveQueue()
    const given: Buffer[] = []
    for (let i = 0; i < 50; i++) {
      queue.adopt(packet(memory, i * 100, 100))
      if (i % 3 === 0) queue.settle()
      if (i % 2 === 0) given.push(queue.read(150)!)
    }
    for (let data = queue.read(1 << 20); data !== null; data = queue.read(1 << 20)) given.push(data)
    expect(Buffer.concat(given).equals(stream(0, 5000))).toBe(true)
  })

  test('lets a sink end it, clear it, or fail, and releases what it handed out', () => {
    const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
    const queue = new ReceiveQueue()
    for (let i = 0; i < 4; i++) queue.adopt(packet(memory, i * 10, 10))
    const fail = () => {
      throw new Error('no')
    }
    expect(() => queue.drain({ take: fail })).toThrow('no')
    expect([queue.length, memory.inUse]).toEqual([30, 3])
    const clear = () => {
      queue.clear()
      return true
    }
    queue.drain({ take: clear })
    expect([queue.length, memory.inUse]).toEqual([0, 0])
  })

  test('a sink may read from the queue that calls it', () => {
    const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
    const queue = new ReceiveQueue()
    for (let i = 0; i < 4; i++) queue.adopt(packet(memory, i * 10, 10))
    const pieces: Buffer[] = []
    const take = (view: Uint8Array) => {
      pieces.push(Buffer.from(view))
      const more = queue.read(10)
      if (more !== null) pieces.push(more)
      return true
    }
    queue.drain({ take })
    expect(Buffer.concat(pieces).equals(stream(0, 40))).toBe(true)
    expect([queue.length, memory.inUse]).toEqual([0, 0])
  })

  test('single bytes share their memory', () => {
    const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
    const queue = new ReceiveQueue()
    for (let i = 0; i < 4096; i++) {
      queue.adopt(packet(memory, i, 1))
      queue.settle()
    }
    expect(queue.read(1 << 20)!.equals(stream(0, 256))).toBe(true)
    expect(queue.read(1 << 20)!.equals(stream(256, 3840))).toBe(true)
    expect(queue.length).toBe(0)
  })
})
