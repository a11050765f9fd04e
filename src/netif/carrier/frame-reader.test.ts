import fc from 'fast-check'
import { beforeEach, describe, expect, test } from 'vitest'
import { FrameCollector } from '../../../test/support/packets.ts'
import { frameOf } from '../../../test/support/wires.ts'
import { PacketMemory } from '../../packet/index.ts'
import { type FrameReceiver, type NetifCounters, newNetifCounters } from '../netif.ts'
import { LONGEST_FRAME } from './frame-limits.ts'
import { FrameReader } from './frame-reader.ts'

const memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
let counters: NetifCounters
let reader: FrameReader
let inbox: FrameCollector
beforeEach(() => {
  counters = newNetifCounters()
  reader = new FrameReader(memory, counters)
  inbox = new FrameCollector()
})

/** The frame behind its length, or the length alone of another that is said to follow. */
function framed(frame: Uint8Array, length = frame.length): Uint8Array {
  const bytes = new Uint8Array(4 + frame.length)
  new DataView(bytes.buffer).setUint32(0, length)
  bytes.set(frame, 4)
  return bytes
}

function cut(bytes: Uint8Array, lengths: readonly number[]): Uint8Array[] {
  const pieces: Uint8Array[] = []
  for (let at = 0, i = 0; at < bytes.length; i++) {
    const length = lengths[i % lengths.length]!
    pieces.push(bytes.slice(at, at + length))
    at += length
  }
  return pieces
}

describe('finding frames', () => {
  test('however the bytes are cut, the frames come out in order', () => {
    const lengths = fc.array(
      fc.oneof(fc.integer({ min: 14, max: 3000 }), fc.constantFrom(14, 1514, 1982, 1983, 65_557)),
      {
        minLength: 1,
        maxLength: 20,
      },
    )
    const cuts = fc.array(fc.oneof(fc.integer({ min: 1, max: 99 }), fc.integer({ min: 1, max: 100_000 })), {
      minLength: 1,
      maxLength: 8,
    })
    fc.assert(
      fc.property(lengths, cuts, (lengths, cuts) => {
        const frames = lengths.map((length, seed) => frameOf(length, seed))
        for (const piece of cut(Buffer.concat(frames.map((frame) => framed(frame))), cuts)) {
          expect(reader.read(piece, inbox)).toBeNull()
        }
        const found = inbox.take()
        expect(found.map((frame) => frame.length)).toEqual(lengths)
        expect(Buffer.concat(found).equals(Buffer.concat(frames))).toBe(true)
        reader.reset()
        expect(memory.inUse).toBe(0)
      }),
      { numRuns: 60 },
    )
  })

  test('whatever comes: each byte is accounted for, nothing is thrown, and no packet is kept', () => {
    const piece = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc
        .tuple(fc.integer({ min: 0, max: 100 }), fc.uint8Array({ maxLength: 200 }))
        .map(([length, bytes]) => framed(bytes, length)),
    )
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        let wrong: number | null = null
        for (const each of pieces) {
          wrong = reader.read(each, inbox)
          if (wrong !== null) break
        }
        if (wrong !== null) expect(wrong).toBeGreaterThan(LONGEST_FRAME)
        for (const frame of inbox.take()) expect(frame.length).toBeGreaterThanOrEqual(14)
        reader.reset()
        expect(memory.inUse).toBe(0)
      }),
      { numRuns: 300 },
    )
  })

  test('the frames of one piece are one burst', () => {
    const piece = Buffer.concat([framed(frameOf(60)), framed(frameOf(61)), framed(frameOf(62)).subarray(0, 30)])
    reader.read(piece, inbox)
    reader.read(framed(frameOf(62)).subarray(30), inbox)
    expect(inbox.bursts).toEqual([2, 1])
    expect(counters).toMatchObject({ receivedFrames: 3, receivedBytes: 183, bursts: 2 })
    reader.reset()
  })
})

describe('what is no frame', () => {
  test('lengths below that of a header are left out, and counted', () => {
    for (const length of [0, 1, 13]) reader.read(framed(frameOf(length)), inbox)
    reader.read(framed(frameOf(14)), inbox)
    expect(inbox.take().map((frame) => frame.length)).toEqual([14])
    expect(counters).toMatchObject({ receiveMalformed: 3, receivedFrames: 1 })
    reader.reset()
  })

  test.each([LONGEST_FRAME + 1, 0x7fff_ffff, 0xffff_ffff])(
    'a length of %d ends it, after the frames before',
    (length) => {
      const piece = Buffer.concat([framed(frameOf(60)), framed(new Uint8Array(100), length)])
      expect(reader.read(piece, inbox)).toBe(length)
      expect(inbox.take()).toHaveLength(1)
      expect(counters.receiveMalformed).toBe(1)
      reader.reset()
      expect(memory.inUse).toBe(0)
    },
  )

  test('half a frame is forgotten with its stream', () => {
    reader.read(framed(frameOf(1000)).subarray(0, 500), inbox)
    expect(memory.inUse).toBe(2)
    reader.reset()
    expect(memory.inUse).toBe(0)
    reader.read(framed(frameOf(20)), inbox)
    expect(inbox.take().map((frame) => frame.length)).toEqual([20])
    reader.reset()
  })
})

describe('short of memory', () => {
  test('frames are left out and counted; those after them are found', () => {
    const held = Array.from({ length: 64 }, () => memory.takeSmall()!)
    reader.read(framed(frameOf(100)), inbox)
    held.pop()!.release()
    reader.read(framed(frameOf(101)), inbox)
    expect(inbox.take().map((frame) => frame.length)).toEqual([101])
    expect(counters.receiveNoMemory).toBe(1)
    for (const packet of held) packet.release()
    reader.reset()
  })

  test('not even a slot to put pieces in', () => {
    const held = Array.from({ length: 4 }, () => memory.takeLarge()!)
    for (const piece of cut(framed(frameOf(100)), [7])) reader.read(piece, inbox)
    expect(inbox.take()).toEqual([frameOf(100)])
    for (const packet of held) packet.release()
    reader.reset()
    expect(memory.inUse).toBe(0)
  })
})

test('a receiver may end it from within a frame: nothing more is delivered', () => {
  const events: string[] = []
  const receiver: FrameReceiver = {
    frame: () => {
      events.push('frame')
      reader.reset()
    },
    endOfBurst: () => events.push('end'),
    closed: () => {},
  }
  expect(reader.read(Buffer.concat([framed(frameOf(60)), framed(frameOf(60))]), receiver)).toBeNull()
  expect(events).toEqual(['frame'])
  expect(memory.inUse).toBe(0)
})
