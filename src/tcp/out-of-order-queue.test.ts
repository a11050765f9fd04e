import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { PacketMemory } from '../packet/index.ts'
import { LONGEST_OUT_OF_ORDER_QUEUE, OutOfOrderQueue } from './out-of-order-queue.ts'
import { sequenceNumber } from './sequence-number.ts'

function packet(memory: PacketMemory, base: number, place: number, length: number, mark: number) {
  const made = memory.takeSmall()!
  made.payload = made.base + 54
  made.payloadEnd = made.end = made.payload + length
  for (let i = 0; i < length; i++) memory.bytes[made.payload + i] = mark === 0 ? (place + i) & 255 : mark
  made.sequence = sequenceNumber(base + place)
  return made
}

describe('the out-of-order queue', () => {
  test.each([0, 0x7fffffc0, 0xffffffc0])('keeps every byte once and in order, from %s on', (base) => {
    fc.assert(
      fc.property(
        fc.array(fc.record({ place: fc.nat(300), length: fc.integer({ min: 1, max: 120 }) }), { maxLength: 60 }),
        (segments) => {
          const memory = new PacketMemory({ smallSlots: 128, largeSlots: 4, debug: true })
          const queue = new OutOfOrderQueue()
          const have = new Set<number>()
          for (const { place, length } of segments) {
            const arrived = packet(memory, base, place, length, 0)
            expect(queue.insert(arrived)).toBe(true)
            arrived.release()
            for (let i = 0; i < length; i++) have.add(place + i)
            expect(queue.bytes).toBe(have.size)
            expect(queue.packets).toBe(memory.inUse)
          }
          const places: number[] = []
          while (queue.first !== null) {
            const first = queue.shift()
            const place = (first.sequence - sequenceNumber(base)) | 0
            for (let at = first.payload; at < first.payloadEnd; at++) {
              expect(memory.bytes[at]).toBe((place + at - first.payload) & 255)
              places.push(place + at - first.payload)
            }
            first.release()
          }
          expect(places).toEqual([...have].sort((a, b) => a - b))
          expect([queue.packets, queue.bytes, memory.inUse]).toEqual([0, 0, 0])
        },
      ),
    )
  })

  test('what is there stays, unless a segment covers it whole', () => {
    const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
    const queue = new OutOfOrderQueue()
    for (const [place, length, mark] of [
      [10, 10, 1],
      [15, 10, 2],
      [5, 10, 3],
      [5, 20, 4],
    ]) {
      const arrived = packet(memory, 0, place, length, mark)
      queue.insert(arrived)
      arrived.release()
    }
    const marks: number[] = []
    for (let at = queue.first; at !== null; at = at.next) {
      for (let i = at.payload; i < at.payloadEnd; i++) marks.push(memory.bytes[i])
    }
    expect(marks).toHaveLength(20)
    expect(queue.bytes).toBe(20)
    queue.clear()
    expect(memory.inUse).toBe(0)
  })

  test('is bounded, and takes again what it has room for', () => {
    const memory = new PacketMemory({ smallSlots: LONGEST_OUT_OF_ORDER_QUEUE + 16, largeSlots: 4 })
    const queue = new OutOfOrderQueue()
    const insert = (place: number) => {
      const arrived = packet(memory, 0, place, 1, 0)
      const taken = queue.insert(arrived)
      arrived.release()
      return taken
    }
    // From the back, so that each is found at once.
    for (let i = LONGEST_OUT_OF_ORDER_QUEUE; i > 0; i--) expect(insert(i * 2)).toBe(true)
    expect(insert(1)).toBe(false)
    expect(memory.inUse).toBe(LONGEST_OUT_OF_ORDER_QUEUE)
    queue.shift().release()
    expect(insert(1)).toBe(true)
    queue.hasFin = true
    queue.clear()
    expect([queue.packets, queue.hasFin, memory.inUse]).toEqual([0, false, 0])
  })
})
