import { describe, expect, test } from 'vitest'
import { ChecksumState, HEADROOM, LARGE_SLOT, PacketMemory, Segmentation, SMALL_SLOT } from './index.ts'

const small = (debug = false) => new PacketMemory({ smallSlots: 16, largeSlots: 4, debug })

describe('allocating', () => {
  test('gives an empty packet with headroom before it and room behind', () => {
    const memory = small()
    for (const length of [0, 1, 1514, SMALL_SLOT - HEADROOM, SMALL_SLOT - HEADROOM + 1, 65_536]) {
      const packet = memory.allocate(length)!
      expect(packet.length).toBe(0)
      expect(packet.start - packet.base).toBe(HEADROOM)
      expect(packet.limit - packet.start).toBeGreaterThanOrEqual(length)
      expect(packet.large).toBe(length > SMALL_SLOT - HEADROOM)
      expect(packet.references).toBe(1)
      packet.release()
    }
    expect(memory.inUse).toBe(0)
  })

  test('slots do not overlap, nor leave the memory', () => {
    const memory = small()
    const packets = []
    for (let i = 0; i < 16; i++) packets.push(memory.takeSmall()!)
    for (let i = 0; i < 4; i++) packets.push(memory.takeLarge()!)
    packets.sort((a, b) => a.base - b.base)
    for (let i = 1; i < packets.length; i++) expect(packets[i].base).toBeGreaterThanOrEqual(packets[i - 1].limit)
    expect(packets[0].base).toBeGreaterThan(0)
    expect(packets.at(-1)!.limit).toBeLessThanOrEqual(memory.bytes.length)
    expect(packets.filter((packet) => packet.limit - packet.base === LARGE_SLOT)).toHaveLength(4)
  })

  test('exhaustion gives null and counts; it neither throws nor grows', () => {
    const memory = small()
    const buffer = memory.wasm.buffer
    const packets = Array.from({ length: 16 }, () => memory.allocate(100)!)
    expect(memory.allocate(100)).toBeNull()
    expect(memory.counters.smallExhausted).toBe(1)
    for (let i = 0; i < 4; i++) packets.push(memory.allocate(60_000)!)
    expect(memory.allocate(60_000)).toBeNull()
    expect(memory.counters.largeExhausted).toBe(1)
    expect(memory.allocate(65_537)).toBeNull()
    expect(memory.wasm.buffer).toBe(buffer)
    for (const packet of packets) packet.release()
    expect([memory.freeSmall, memory.freeLarge, memory.inUse]).toEqual([16, 4, 0])
  })

  test('a reused slot remembers nothing of its last packet', () => {
    const memory = small()
    const first = memory.allocate(10)!
    first.checksum = ChecksumState.Partial
    first.segmentation = Segmentation.TcpV4
    first.linkMulticast = first.multicast = true
    first.release()
    const second = memory.allocate(10)!
    expect(second).toBe(first)
    expect(second).toMatchObject({
      checksum: ChecksumState.Unverified,
      segmentation: Segmentation.None,
      linkMulticast: false,
      multicast: false,
      next: null,
    })
  })

  test.each([
    [{ smallSlots: 15 }, 'smallSlots is 16 to 262144, not 15'],
    [{ smallSlots: 16.5 }, 'smallSlots is an integer from 16 to 262144, not 16.5'],
    [{ largeSlots: 3 }, 'largeSlots is 4 to 8192, not 3'],
    [{ largeSlots: 8193 }, 'largeSlots is 4 to 8192, not 8193'],
  ])('refuses %j', (options, message) => {
    expect(() => new PacketMemory(options)).toThrow(new RangeError(message))
  })
})

describe('references', () => {
  test('the slot is free again after the last release', () => {
    const memory = small()
    const packet = memory.allocate(1)!.retain()
    packet.release()
    expect(memory.inUse).toBe(1)
    packet.release()
    expect(memory.inUse).toBe(0)
  })

  test('a double free is counted, and does not put the slot into the pool twice', () => {
    const memory = small()
    const packet = memory.allocate(1)!
    packet.release()
    packet.release()
    expect(memory.counters.doubleFrees).toBe(1)
    expect(memory.freeSmall).toBe(16)
    expect(new Set(Array.from({ length: 16 }, () => memory.takeSmall())).size).toBe(16)
  })

  test('debug mode throws at a double free and names the places of what is not released', () => {
    const memory = small(true)
    const kept = allocateHere(memory)
    const freed = memory.allocate(1)!
    freed.release()
    expect(() => freed.release()).toThrow(/released twice/)
    const leaks = memory.leaks()
    expect(leaks).toHaveLength(1)
    expect(leaks[0]).toContain('allocateHere')
    kept.release()
    expect(memory.leaks()).toEqual([])
  })
})

function allocateHere(memory: PacketMemory) {
  return memory.allocate(1)!
}

describe('copying', () => {
  test.each([true, false])('keeps frame, offsets and offload state (same memory: %s)', (same) => {
    const memory = small()
    const target = same ? memory : small()
    const packet = memory.allocate(2000)!
    packet.end = packet.start + 2000
    for (let i = 0; i < 2000; i++) memory.bytes[packet.start + i] = i
    packet.link = packet.start
    packet.network = packet.start + 14
    packet.transport = packet.start + 34
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = packet.transport
    packet.checksumField = packet.transport + 16
    packet.segmentation = Segmentation.TcpV4
    packet.segmentSize = 500
    const copy = target.copy(packet)!
    expect(copy === packet).toBe(false)
    expect(target.bytes.subarray(copy.start, copy.end)).toEqual(memory.bytes.subarray(packet.start, packet.end))
    expect(copy.network - copy.start).toBe(14)
    expect(copy.transport - copy.start).toBe(34)
    expect([copy.checksumStart - copy.start, copy.checksumField - copy.start]).toEqual([34, 50])
    expect([copy.checksum, copy.segmentation, copy.segmentSize]).toEqual([2, Segmentation.TcpV4, 500])
    copy.release()
    packet.release()
  })

  test('without a free slot there is no copy', () => {
    const memory = small()
    const packets = Array.from({ length: 16 }, () => memory.allocate(1)!)
    expect(memory.copy(packets[0])).toBeNull()
  })
})
