import { closeSync, openSync } from 'node:fs'
import fc from 'fast-check'
import { afterEach, describe, expect, it } from 'vitest'
import { MacAddress } from '../address/index.ts'
import {
  ChecksumState,
  HEADROOM,
  LARGE_SLOT,
  type PacketBuffer,
  PacketMemory,
  RECEIVE_OFFSET,
  Segmentation,
  SMALL_SLOT,
} from '../packet/index.ts'
import type { FrameReceiver } from './netif.ts'
import { Tap } from './tap.ts'
import { defaultTapAddress } from './tap-address.ts'
import { DETAIL_WORDS, Detail, tapBinding } from './tap-binding.ts'

/*
 * Over socket pairs instead of a device: one frame a message, needs no privileges. With a virtio header on one side
 * only, the other side sees and makes up headers byte by byte.
 */

const SMALL_CAPACITY = SMALL_SLOT - RECEIVE_OFFSET
const LONGEST_FRAME = 14 + 65_535
const VIRTIO_HEADER = 10

const open: Tap[] = []

afterEach(async () => {
  for (const tap of open.splice(0)) {
    await tap.close()
    expect(tap.memory.inUse).toBe(0)
    expect(tap.memory.counters.doubleFrees).toBe(0)
  }
})

interface End {
  headerLength?: number
  memory?: PacketMemory
  offload?: boolean
}

const SMALL_MEMORY = { smallSlots: 256, largeSlots: 64, debug: true }

function adopt(fd: number, end: End): Tap {
  const details = new Int32Array(DETAIL_WORDS)
  const number = tapBinding().adopt(fd, end.offload ?? true, end.headerLength ?? 0, details)
  expect(number).toBeGreaterThanOrEqual(0)
  const device = {
    number,
    carrier: details[Detail.Carrier],
    headerLength: details[Detail.HeaderLength],
    offloads: details[Detail.Offloads],
  }
  const memory = end.memory ?? new PacketMemory(SMALL_MEMORY)
  const tap = new Tap(tapBinding(), device, { name: `fd${fd}`, mac: MacAddress.ZERO, mtu: 1500, memory })
  open.push(tap)
  return tap
}

function socketPair(sequenced = true): Int32Array {
  const fds = new Int32Array(2)
  expect(tapBinding().socketPair(sequenced, fds)).toBe(0)
  return fds
}

function pair(left: End = {}, right: End = {}, sequenced = true): [Tap, Tap] {
  const fds = socketPair(sequenced)
  return [adopt(fds[0], left), adopt(fds[1], right)]
}

/** Keeps copies of what arrives, and lets a test wait for a number of frames. */
class Collector implements FrameReceiver {
  readonly frames: Buffer[] = []
  readonly packets: Partial<PacketBuffer>[] = []
  readonly bursts: number[] = []
  ended: Error | null | undefined
  onFrame: ((packet: PacketBuffer) => void) | null = null
  #waiting: (() => void)[] = []

  frame(packet: PacketBuffer): void {
    const { start, link, base, checksum, checksumStart, checksumField, segmentation, segmentSize } = packet
    this.frames.push(Buffer.from(packet.memory.bytes.subarray(packet.start, packet.end)))
    this.packets.push({ start, link, base, checksum, checksumStart, checksumField, segmentation, segmentSize })
    this.onFrame?.(packet)
  }

  endOfBurst(): void {
    this.bursts.push(this.frames.length)
    for (const wake of this.#waiting.splice(0)) wake()
  }

  closed(error: Error | null): void {
    this.ended = error
    for (const wake of this.#waiting.splice(0)) wake()
  }

  async until(condition: () => boolean): Promise<void> {
    while (!condition()) await new Promise<void>((resolve) => this.#waiting.push(resolve))
  }
}

function collect(tap: Tap): Collector {
  const collector = new Collector()
  tap.attach(collector)
  return collector
}

function bytesOf(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length)
  for (let i = 0, state = seed | 1; i < length; i++) {
    state = Math.imul(state, 1664525) + 1013904223
    bytes[i] = state >>> 24
  }
  return bytes
}

function packetOf(memory: PacketMemory, frame: Uint8Array): PacketBuffer {
  const packet = memory.allocate(frame.length)!
  packet.end = packet.start + frame.length
  memory.bytes.set(frame, packet.start)
  return packet
}

function send(tap: Tap, ...frames: Uint8Array[]): void {
  for (const frame of frames) tap.transmit(packetOf(tap.memory, frame))
  tap.flush()
}

/** Lets the event loop turn a few times, for tests that nothing more comes. */
async function settle(): Promise<void> {
  for (let i = 0; i < 10; i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('frames', () => {
  it('arrive whole and in order, in bursts, behind the receive offset', async () => {
    const [left, right] = pair({}, {}, false)
    const received = collect(right)
    const sent: Buffer[] = []
    for (let i = 0; i < 8; i++) sent.push(bytesOf(60 + i * 100, i))
    send(left, ...sent)
    await received.until(() => received.frames.length === 8)
    expect(received.frames).toEqual(sent)
    expect(received.bursts).toEqual([8])
    for (const packet of received.packets) {
      expect(packet.start! - packet.base!).toBe(RECEIVE_OFFSET)
      expect(packet.link).toBe(packet.start)
      expect(packet.checksum).toBe(ChecksumState.Unverified)
      expect(packet.segmentation).toBe(Segmentation.None)
    }
    const bytes = sent.reduce((sum, frame) => sum + frame.length, 0)
    expect(left.counters).toMatchObject({ transmittedFrames: 8, transmittedBytes: bytes })
    expect(right.counters).toMatchObject({ receivedFrames: 8, receivedBytes: bytes, bursts: 1 })
  })

  it.each([0, VIRTIO_HEADER])(
    'of every length keep their content (virtio header of %i bytes)',
    async (headerLength) => {
      const [left, right] = pair({ headerLength }, { headerLength })
      const received = collect(right)
      const lengths = [14, 15, 60, 1514, SMALL_CAPACITY - 1, SMALL_CAPACITY, SMALL_CAPACITY + 1, 9014, LONGEST_FRAME]
      for (const length of lengths) {
        const frame = bytesOf(length, length)
        const count = received.frames.length
        // The sender's packets have less headroom than a frame of 65,549 bytes leaves: it starts where it was received.
        const packet = length > 65_536 ? left.memory.takeLarge()! : left.memory.allocate(length)!
        packet.start = packet.base + RECEIVE_OFFSET
        packet.end = packet.start + length
        left.memory.bytes.set(frame, packet.start)
        left.transmit(packet)
        left.flush()
        await received.until(() => received.frames.length > count)
        expect(received.frames[count].equals(frame), `${length} bytes`).toBe(true)
      }
      expect(right.counters.receiveMalformed).toBe(0)
    },
  )

  it('shorter than an Ethernet header, or longer than a slot, are counted and dropped', async () => {
    const [left, right] = pair()
    const received = collect(right)
    const long = left.memory.takeLarge()!
    long.end = long.base + LARGE_SLOT
    send(left, bytesOf(13, 1), bytesOf(1, 2))
    left.transmit(long)
    send(left, bytesOf(14, 3))
    await received.until(() => received.frames.length === 1)
    expect(received.frames[0]).toEqual(bytesOf(14, 3))
    expect(right.counters).toMatchObject({ receiveMalformed: 3, receivedFrames: 1 })
  })

  it('that were received can be sent on without a copy', async () => {
    const [left, right] = pair({ headerLength: VIRTIO_HEADER }, { headerLength: VIRTIO_HEADER })
    const echoed = collect(left)
    right.attach({
      frame: (packet) => right.transmit(packet.retain()),
      endOfBurst: () => right.flush(),
      closed: () => {},
    })
    send(left, bytesOf(100, 1), bytesOf(40_000, 2))
    await echoed.until(() => echoed.frames.length === 2)
    expect(echoed.frames).toEqual([bytesOf(100, 1), bytesOf(40_000, 2)])
  })

  it('come in bursts of 32 at most, however many wait, and leave the event loop its turn', async () => {
    // More than 4 bursts of 32 must wait at once; a socket holds that many only if it is sent to without pause.
    const [left, right] = pair({ memory: new PacketMemory() }, { memory: new PacketMemory() })
    const frames = Array.from({ length: 200 }, (_, i) => bytesOf(64, i))
    send(left, ...frames)
    const received = collect(right)
    await received.until(() => received.frames.length === 200)
    expect(received.frames).toEqual(frames)
    let previous = 0
    for (const total of received.bursts) {
      expect(total - previous).toBeLessThanOrEqual(32)
      previous = total
    }
  })
})

describe('the virtio header', () => {
  const header = (tap: { frames: Buffer[] }) => {
    const bytes = tap.frames.at(-1)!.subarray(0, VIRTIO_HEADER)
    const words = new Uint16Array(new Uint8Array(bytes).buffer, 2)
    return {
      flags: bytes[0],
      gso: bytes[1],
      headerLength: words[0],
      segmentSize: words[1],
      start: words[2],
      offset: words[3],
    }
  }

  it('is all zero for a frame that needs nothing', async () => {
    const [left, right] = pair({ headerLength: VIRTIO_HEADER })
    const raw = collect(right)
    const packet = packetOf(left.memory, bytesOf(60, 1))
    left.memory.bytes.fill(0xff, packet.base, packet.start)
    left.transmit(packet)
    left.flush()
    await raw.until(() => raw.frames.length === 1)
    expect(raw.frames[0]).toEqual(Buffer.concat([Buffer.alloc(VIRTIO_HEADER), bytesOf(60, 1)]))
  })

  it('asks for the checksum of a Partial frame', async () => {
    const [left, right] = pair({ headerLength: VIRTIO_HEADER })
    const raw = collect(right)
    const packet = packetOf(left.memory, bytesOf(100, 1))
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = packet.start + 34
    packet.checksumField = packet.start + 34 + 6
    left.transmit(packet)
    left.flush()
    await raw.until(() => raw.frames.length === 1)
    expect(header(raw)).toEqual({ flags: 1, gso: 0, headerLength: 0, segmentSize: 0, start: 34, offset: 6 })
  })

  it.each([
    [Segmentation.TcpV4, 1, 34, 0x18],
    [Segmentation.TcpV6, 4, 54, 0x18],
    // CWR is for the first segment only: RFC 3168, 6.1.2.
    [Segmentation.TcpV4, 0x81, 34, 0x98],
    [Segmentation.TcpV6, 0x84, 54, 0x98],
  ])('asks for segments (%i, %i)', async (segmentation, gso, transport, tcpFlags) => {
    const [left, right] = pair({ headerLength: VIRTIO_HEADER })
    const raw = collect(right)
    const frame = bytesOf(30_000, 1)
    frame[transport + 12] = 0x80
    frame[transport + 13] = tcpFlags
    const packet = packetOf(left.memory, frame)
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = packet.start + transport
    packet.checksumField = packet.checksumStart + 16
    packet.segmentation = segmentation
    packet.segmentSize = 1448
    left.transmit(packet)
    left.flush()
    await raw.until(() => raw.frames.length === 1)
    const expected = { flags: 1, gso, headerLength: transport + 32, segmentSize: 1448, start: transport, offset: 16 }
    expect(header(raw)).toEqual(expected)
    expect(raw.frames[0].subarray(VIRTIO_HEADER)).toEqual(frame)
  })

  it('goes with a payload that is gathered from where it lies', async () => {
    const [left, right] = pair({ headerLength: VIRTIO_HEADER })
    expect(left.gathers).toBe(true)
    const raw = collect(right)
    const frame = bytesOf(30_000, 1)
    frame[34 + 12] = 0x50
    const gatheredAt = 54
    const payload = frame.subarray(gatheredAt)
    /** Sends the frame with its payload in arrays that end there, from the middle of the first on, and beyond the last. */
    const transmit = (ends: number[], prepare: (arrays: Uint8Array[]) => void = () => {}) => {
      const packet = packetOf(left.memory, frame.subarray(0, gatheredAt))
      packet.end = packet.start + frame.length
      packet.checksum = ChecksumState.Partial
      packet.checksumStart = packet.start + 34
      packet.checksumField = packet.checksumStart + 16
      packet.segmentation = Segmentation.TcpV4
      packet.segmentSize = 1460
      const arrays: Uint8Array[] = ends.map((end, i) => payload.slice(i === 0 ? 0 : ends[i - 1], end))
      arrays[0] = Uint8Array.from([...new Uint8Array(1000), ...arrays[0]])
      arrays.push(Uint8Array.from([...arrays.pop()!, ...new Uint8Array(1000)]))
      prepare(arrays)
      packet.gathered = arrays
      packet.gatheredFrom = 1000
      packet.gatheredAt = packet.start + gatheredAt
      left.transmit(packet)
    }
    transmit([payload.length])
    transmit([1, payload.length])
    transmit([1, 2, 3, 4, 5, 6, 7, payload.length])
    // What was given back meanwhile, what is too short or in too many pieces, and what is no array of bytes is not sent.
    transmit(
      [100, payload.length],
      (arrays) => void structuredClone(arrays[0].buffer, { transfer: [arrays[0].buffer] }),
    )
    transmit([100, payload.length - 1001])
    transmit([1, 2, 3, 4, 5, 6, 7, 8, payload.length])
    transmit([100, payload.length], (arrays) => void (arrays[1] = 'text' as never))
    transmit([100, payload.length], (arrays) => void (arrays[0] = arrays[0].subarray(0, 1000)))
    left.transmit(packetOf(left.memory, bytesOf(60, 2)))
    left.flush()

    await raw.until(() => raw.frames.length === 4)
    for (const received of raw.frames.slice(0, 3)) expect(received.subarray(VIRTIO_HEADER)).toEqual(frame)
    expect(raw.frames[3].subarray(VIRTIO_HEADER)).toEqual(bytesOf(60, 2))
    expect([left.counters.transmittedFrames, left.counters.transmitError]).toEqual([4, 5])
  })

  it('carries checksum and segmentation state from one end to the other', async () => {
    const [left, right] = pair({ headerLength: VIRTIO_HEADER }, { headerLength: VIRTIO_HEADER })
    const received = collect(right)
    const frame = bytesOf(3000, 1)
    frame[54 + 13] = 0x90
    const packet = packetOf(left.memory, frame)
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = packet.start + 54
    packet.checksumField = packet.start + 70
    packet.segmentation = Segmentation.TcpV6
    packet.segmentSize = 1220
    left.transmit(packet)
    send(left, bytesOf(60, 2))
    await received.until(() => received.frames.length === 2)
    const { start } = received.packets[0]
    expect(received.packets[0]).toMatchObject({
      checksum: ChecksumState.Partial,
      checksumStart: start! + 54,
      checksumField: start! + 70,
      segmentation: Segmentation.TcpV6,
      segmentSize: 1220,
    })
    // Nothing of it sticks to the next frame.
    expect(received.packets[1]).toMatchObject({ checksum: ChecksumState.Unverified, segmentation: Segmentation.None })
  })

  it('says that a checksum was verified', async () => {
    const [left, right] = pair({}, { headerLength: VIRTIO_HEADER })
    const received = collect(right)
    send(left, Buffer.concat([Buffer.from([2, 0, 0, 0, 0, 0, 0, 0, 0, 0]), bytesOf(60, 1)]))
    await received.until(() => received.frames.length === 1)
    expect(received.packets[0].checksum).toBe(ChecksumState.Verified)
  })

  it('whatever it holds, is either counted as malformed or gives positions inside the frame', async () => {
    const [left, right] = pair({ memory: new PacketMemory() }, { headerLength: VIRTIO_HEADER })
    const received = collect(right)
    let malformed = 0
    await fc.assert(
      fc.asyncProperty(
        fc.record({
          flags: fc.oneof(fc.constantFrom(0, 1, 2, 3, 4), fc.nat(255)),
          gso: fc.oneof(fc.constantFrom(0, 1, 3, 4, 5, 0x80, 0x81, 0x84, 0x85), fc.nat(255)),
          words: fc.array(fc.oneof(fc.nat(70), fc.constantFrom(1500, 0xffff), fc.nat(0xffff)), {
            minLength: 4,
            maxLength: 4,
          }),
          length: fc.oneof(fc.nat(80), fc.nat(4000)),
        }),
        async ({ flags, gso, words, length }) => {
          const count = received.frames.length
          const head = Buffer.concat([Buffer.from([flags, gso]), Buffer.from(Uint16Array.from(words).buffer)])
          send(left, Buffer.concat([head, bytesOf(length, flags)]))
          await settleUntil(() => received.frames.length + right.counters.receiveMalformed > count + malformed)
          const [, segmentSize, start, offset] = words
          const checksum = (flags & 1) !== 0
          const bad =
            length < 14 ||
            // Datagrams in one frame (5) would make sense in one of many million.
            ![0, 1, 4, 0x81, 0x84].includes(gso) ||
            (gso !== 0 && segmentSize === 0) ||
            (checksum && (start < 14 || start + offset + 2 > length))
          expect(right.counters.receiveMalformed).toBe(malformed + (bad ? 1 : 0))
          malformed = right.counters.receiveMalformed
          if (bad) return
          const packet = received.packets.at(-1)!
          expect(received.frames.at(-1)).toEqual(bytesOf(length, flags))
          if (!checksum) return
          expect(packet.checksumStart! - packet.start!).toBe(start)
          expect(packet.checksumField! - packet.start! + 2).toBeLessThanOrEqual(length)
        },
      ),
      { numRuns: 500 },
    )
    expect(malformed).toBeGreaterThan(50)
    expect(received.frames.length).toBeGreaterThan(50)
  })
})

async function settleUntil(condition: () => boolean): Promise<void> {
  for (let i = 0; i < 10_000 && !condition(); i++) await new Promise((resolve) => setImmediate(resolve))
}

describe('back-pressure', () => {
  it('keeps frames in order until the device takes them', async () => {
    const [left, right] = pair({ memory: new PacketMemory() }, { memory: new PacketMemory() }, false)
    const frames = Array.from({ length: 1000 }, (_, i) => bytesOf(100, i))
    send(left, ...frames)
    expect(left.counters.backPressure).toBe(1)
    expect(left.counters.transmittedFrames).toBeLessThan(1000)
    const received = collect(right)
    await received.until(() => received.frames.length === 1000)
    expect(received.frames).toEqual(frames)
    expect(left.counters).toMatchObject({ transmittedFrames: 1000, transmitQueueFull: 0, transmitError: 0 })
    expect(left.memory.inUse).toBe(64)
  })

  it('bounds what waits, and counts what does not fit', async () => {
    const [left, right] = pair({ memory: new PacketMemory() }, { memory: new PacketMemory() }, false)
    for (let i = 0; i < 3000; i++) {
      left.transmit(packetOf(left.memory, bytesOf(100, i)))
      if (i % 16 === 0) left.flush()
    }
    const { transmittedFrames, transmitQueueFull } = left.counters
    expect(transmittedFrames + 1024 + transmitQueueFull).toBe(3000)
    expect(left.memory.inUse).toBe(1024 + 64)
    const received = collect(right)
    await received.until(() => received.frames.length === transmittedFrames + 1024)
    expect(received.frames[transmittedFrames + 1023]).toEqual(bytesOf(100, transmittedFrames + 1023))
    // The ring has wrapped: it still works.
    send(left, bytesOf(60, 1), bytesOf(60, 2))
    await received.until(() => received.frames.length === transmittedFrames + 1026)
    expect(received.frames.slice(-2)).toEqual([bytesOf(60, 1), bytesOf(60, 2)])
  })

  it('does not drop what a full queue can still hand to the device', () => {
    const [left] = pair({ memory: new PacketMemory() }, {})
    for (let i = 0; i < 1100; i++) left.transmit(packetOf(left.memory, bytesOf(60, i)))
    expect(left.counters.transmittedFrames).toBeGreaterThan(0)
    expect(left.counters.transmitQueueFull).toBeLessThan(1100 - 1024)
  })

  it('ends with the queued frames released when the device is closed', async () => {
    const [left] = pair({ memory: new PacketMemory() }, {})
    for (let i = 0; i < 1000; i++) left.transmit(packetOf(left.memory, bytesOf(100, i)))
    left.flush()
    expect(left.counters.backPressure).toBe(1)
    await left.close()
    expect(left.memory.inUse).toBe(0)
  })
})

describe('packet memory', () => {
  it.each([
    ['small', 60],
    ['large', 4000],
  ])('that is exhausted of %s slots makes it drop and count, and go on afterwards', async (_, length) => {
    const memory = new PacketMemory({ smallSlots: 64, largeSlots: 16 })
    const [left, right] = pair({ memory: new PacketMemory() }, { memory })
    const kept: PacketBuffer[] = []
    const received = collect(right)
    received.onFrame = (packet) => kept.push(packet.retain())
    for (let i = 0; i < 300; i++) {
      send(left, bytesOf(length, i))
      await settle()
    }
    const free = length === 60 ? 64 - 4 : 16 - 4
    expect(received.frames.length).toBe(free)
    expect(right.counters.receiveNoMemory).toBe(300 - free)
    received.onFrame = null
    for (const packet of kept.splice(0)) packet.release()
    send(left, bytesOf(length, 1000))
    await received.until(() => received.frames.length === free + 1)
    expect(received.frames.at(-1)).toEqual(bytesOf(length, 1000))
    expect(memory.inUse).toBe(8)
  })

  it('too full for a receive ring is an error that leaks nothing', () => {
    const memory = new PacketMemory({ smallSlots: 16, largeSlots: 4 })
    const taken = Array.from({ length: 14 }, () => memory.takeSmall()!)
    const large = Array.from({ length: 4 }, () => memory.takeLarge()!)
    const fds = socketPair()
    expect(() => adopt(fds[0], { memory })).toThrow(expect.objectContaining({ code: 'ENOMEM' }))
    for (const packet of [...taken, ...large]) packet.release()
    expect(memory.inUse).toBe(0)
    closeSync(fds[1])
  })

  it('of another stack is refused: the device could not read it', () => {
    const [left] = pair()
    const foreign = new PacketMemory(SMALL_MEMORY)
    left.transmit(packetOf(foreign, bytesOf(60, 1)))
    expect(left.counters.transmitError).toBe(1)
    expect(foreign.inUse).toBe(0)
  })
})

describe('without offload', () => {
  it('refuses frames that count on it', () => {
    const [left] = pair({ headerLength: VIRTIO_HEADER, offload: false })
    expect(left.features).toEqual({ checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false })
    const packet = packetOf(left.memory, bytesOf(60, 1))
    packet.checksum = ChecksumState.Partial
    left.transmit(packet)
    expect(left.counters.transmitError).toBe(1)
  })
})

describe('closing', () => {
  it('may happen twice, and in the middle of a burst', async () => {
    const [left, right] = pair()
    const received = collect(right)
    received.onFrame = () => void right.close()
    send(left, bytesOf(60, 1), bytesOf(60, 2), bytesOf(60, 3))
    await settleUntil(() => received.frames.length > 0)
    await settle()
    expect(received.frames.length).toBe(1)
    await right.close()
    await right.close()
    expect(right.memory.inUse).toBe(0)
  })

  it('makes later frames errors', async () => {
    const [left] = pair()
    await left.close()
    send(left, bytesOf(60, 1))
    expect(left.counters.transmitError).toBe(1)
    expect(left.memory.inUse).toBe(0)
    expect(() => left.kernelMac).toThrow(expect.objectContaining({ code: 'EBADF' }))
  })

  it('is told of when the other end does it, after the last frames', async () => {
    const [left, right] = pair()
    send(left, bytesOf(60, 1), bytesOf(60, 2))
    await left.close()
    const received = collect(right)
    await received.until(() => received.ended !== undefined)
    expect(received.frames.length).toBe(2)
    expect(received.ended).toBeNull()
  })
})

describe('options', () => {
  it.each(['', 'a/b', 'with space', 'sixteen-letters!', '.', '..', 'tap%s', '%d%d', 'a:b', 'é'.repeat(8)])(
    'name %j cannot be one of an interface',
    async (name) => {
      await expect(Tap.open({ name })).rejects.toMatchObject({ code: 'EINVAL', hint: expect.stringContaining('name') })
    },
  )

  it.each([67, 65_522, 1500.5, Number.NaN])('mtu %d is out of range', async (mtu) => {
    await expect(Tap.open({ mtu })).rejects.toThrow(RangeError)
  })

  it('mac must not be a multicast address', async () => {
    await expect(Tap.open({ mac: MacAddress.parse('01:00:5e:00:00:01') })).rejects.toThrow(TypeError)
  })

  it('fd must be a tap or a message socket, and stays open when it is not', async () => {
    const fd = openSync('/dev/null', 'r+')
    await expect(Tap.open({ fd })).rejects.toMatchObject({ code: 'ENOTTY', hint: expect.stringContaining('no tap') })
    closeSync(fd)
    await expect(Tap.open({ fd: 99_999 })).rejects.toMatchObject({ code: 'EBADF' })
  })

  it('fd of a socket gives a random address and an MTU of 1500, or what is asked for', async () => {
    const fds = socketPair()
    await using left = await Tap.open({ fd: fds[0], memory: new PacketMemory(SMALL_MEMORY) })
    const mac = MacAddress.parse('02:00:00:00:00:01')
    await using right = await Tap.open({ fd: fds[1], mtu: 9000, mac, memory: new PacketMemory(SMALL_MEMORY) })
    expect(left.mtu).toBe(1500)
    expect(left.mac.high & 0x0300).toBe(0x0200)
    expect(right.mtu).toBe(9000)
    expect(right.mac).toBe(mac)
    expect(left.features.checksumOffload).toBe(false)
  })
})

describe('the address of our end', () => {
  it('is locally administered, unicast, stable, and never that of the kernel', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, maxLength: 15 }), fc.nat(0xffff), fc.integer(), (name, high, low) => {
        const kernel = new MacAddress(high, low)
        const address = defaultTapAddress(name, kernel)
        expect(address.high & 0x0300).toBe(0x0200)
        expect(address.equals(defaultTapAddress(name, kernel))).toBe(true)
        expect(address.equals(kernel)).toBe(false)
        expect(address.equals(defaultTapAddress(`${name}x`, kernel))).toBe(false)
      }),
    )
  })
})

it('leaves the headroom that the virtio header needs', () => {
  expect(RECEIVE_OFFSET).toBeGreaterThanOrEqual(12)
  expect(HEADROOM).toBeGreaterThanOrEqual(12)
})
