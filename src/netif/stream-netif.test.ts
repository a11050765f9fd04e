import { EventEmitter } from 'node:events'
import { Duplex, PassThrough } from 'node:stream'
import { beforeEach, describe, expect, test } from 'vitest'
import { between } from '../../test/support/frames.ts'
import { FrameCollector, packetFrom, transmit } from '../../test/support/packets.ts'
import { MacAddress } from '../address/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { type FrameStream, StreamNetif } from './index.ts'

const turn = () => new Promise<void>((resolve) => setImmediate(resolve))
async function turns(count = 5): Promise<void> {
  for (let i = 0; i < count; i++) await turn()
}

const a = { mac: '02:00:00:00:00:01', address: '10.0.0.1' }
const b = { mac: '02:00:00:00:00:02', address: '10.0.0.2' }

function numbered(number: number, padding = 0): Uint8Array {
  return between(a, b).udp({ sourcePort: number, destinationPort: 9 }, 'x'.repeat(padding))
}

function numbersOf(frames: Uint8Array[]): number[] {
  return frames.map((frame) => frame[34] * 256 + frame[35])
}

/**
 * The surface of the `Tap` of tuntap2 0.9: no Duplex itself, but a read stream and a write stream whose events are
 * all told by the read stream; addresses that cannot be read while it is down.
 */
class Tuntap2Tap {
  readonly name = 'tap7'
  readonly isTap = true
  readonly isTun = false
  readonly mtu = 1400
  isUp = false
  released = false
  /** Frames from the kernel, and to it. */
  readonly kernelOut = new PassThrough()
  readonly kernelIn: Buffer[] = []
  readonly #reader: EventEmitter = this.kernelOut
  readonly #writer = new Duplex({
    read: () => {},
    write: (chunk, _encoding, done) => {
      this.kernelIn.push(chunk)
      setImmediate(done)
    },
  })

  constructor() {
    for (const event of ['drain', 'error', 'finish', 'close']) {
      this.#writer.on(event, (...values) => this.#reader.emit(event, ...values))
    }
  }

  get mac(): string {
    if (!this.isUp) throw 'you must set isUp = true in order to access this method'
    return '00:11:22:33:44:55'
  }

  on(event: string, listener: (...values: unknown[]) => void): this {
    this.#reader.on(event, listener)
    return this
  }

  write(chunk: Uint8Array): boolean {
    return this.#writer.write(chunk)
  }

  pause(): this {
    this.kernelOut.pause()
    return this
  }

  resume(): this {
    this.kernelOut.resume()
    return this
  }

  destroy(): this {
    this.release()
    return this
  }

  release(): void {
    this.released = true
    this.#writer.destroy()
  }
}

let memory: PacketMemory
beforeEach(() => {
  memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
})

describe('a tap of tuntap2', () => {
  test('carries frames both ways, in bursts', async () => {
    const tap = new Tuntap2Tap()
    tap.isUp = true
    const netif = new StreamNetif(tap, { memory })
    expect(netif).toMatchObject({ name: 'tap7', mtu: 1400 })
    // Its address is the kernel's; ours is another, and the same each time.
    expect(`${netif.mac}`).not.toBe(tap.mac)
    expect(netif.mac.equals(new StreamNetif(tap, { memory }).mac)).toBe(true)
    const inbox = new FrameCollector(netif)
    for (let i = 0; i < 5; i++) tap.kernelOut.write(numbered(i))
    await turns()
    expect(numbersOf(inbox.take())).toEqual([0, 1, 2, 3, 4])
    expect(inbox.bursts).toEqual([5])
    transmit(netif, numbered(6), numbered(7, 1300))
    await turns()
    expect(tap.kernelIn.map((frame) => frame.length)).toEqual([42, 1342])
    expect(numbersOf(tap.kernelIn)).toEqual([6, 7])
    expect(netif.counters).toMatchObject({ receivedFrames: 5, transmittedFrames: 2, transmittedBytes: 1384, bursts: 1 })
    await netif.close()
    expect(tap.released).toBe(true)
    expect(memory.inUse).toBe(0)
  })

  test('may be down when it is wrapped', () => {
    expect(new StreamNetif(new Tuntap2Tap(), { memory }).mac.isMulticast).toBe(false)
  })

  test('must not be a tun', () => {
    const tun = Object.assign(new PassThrough(), { isTun: true })
    expect(() => new StreamNetif(tun, { memory })).toThrow(TypeError)
  })
})

describe('a Duplex', () => {
  test('options come before what the stream says', () => {
    const mac = MacAddress.parse('02:00:00:00:00:05')
    const stream = Object.assign(new PassThrough(), { name: 'x', mtu: 900 })
    expect(new StreamNetif(stream, { memory, mac, name: 'y', mtu: 1000 })).toMatchObject({ name: 'y', mtu: 1000, mac })
    expect(new StreamNetif(stream, { memory })).toMatchObject({ name: 'x', mtu: 900 })
    expect(new StreamNetif(new PassThrough(), { memory })).toMatchObject({ name: 'stream', mtu: 1500 })
    expect(() => new StreamNetif(stream, { memory, mtu: 60 })).toThrow('mtu is 68 to 65521, not 60')
    expect(() => new StreamNetif(stream, { memory, queue: 0 })).toThrow('queue is 1 to 65536, not 0')
  })

  test('what is no frame is counted', async () => {
    const stream = new PassThrough({ objectMode: true })
    const netif = new StreamNetif(stream, { memory })
    const inbox = new FrameCollector(netif)
    for (const chunk of [new Uint8Array(13), 'text', 7, new Uint8Array(70_000), numbered(1)]) stream.push(chunk)
    await turns()
    expect(inbox.frames).toHaveLength(1)
    expect(netif.counters.receiveMalformed).toBe(4)
  })

  test('large frames get large packets; exhausted memory drops and counts', async () => {
    const stream = new PassThrough({ objectMode: true })
    const netif = new StreamNetif(stream, { memory })
    const inbox = new FrameCollector(netif)
    const held = Array.from({ length: 4 }, () => memory.takeLarge()!)
    stream.push(numbered(1, 60_000))
    await turns()
    expect(netif.counters.receiveNoMemory).toBe(1)
    for (const packet of held) packet.release()
    stream.push(numbered(2, 60_000))
    await turns()
    expect(inbox.take().map((frame) => frame.length)).toEqual([60_042])
    expect(memory.inUse).toBe(0)
  })

  test('a slow stream gets all frames in order up to the queue, the rest is dropped and counted', async () => {
    const written: Buffer[] = []
    const pending: (() => void)[] = []
    const stream = new Duplex({
      read() {},
      writableHighWaterMark: 100,
      write(chunk, _encoding, done) {
        written.push(chunk)
        pending.push(done)
      },
    })
    const netif = new StreamNetif(stream, { memory, queue: 10 })
    for (let i = 0; i < 20; i++) transmit(netif, numbered(i))
    // Three fit the stream's own buffer of 100 bytes, ten wait.
    expect(netif.counters).toMatchObject({ transmitQueueFull: 7, backPressure: 1 })
    expect(memory.inUse).toBe(10)
    while (pending.length > 0) {
      pending.shift()?.()
      await turn()
    }
    expect(numbersOf(written)).toEqual(Array.from({ length: 13 }, (_, i) => i))
    expect(netif.counters.transmittedFrames).toBe(13)
    expect(memory.inUse).toBe(0)
  })

  test('a flood is read in bursts of the size of the queue', async () => {
    let produced = 0
    const stream = new Duplex({
      readableObjectMode: true,
      write(_chunk, _encoding, done) {
        done()
      },
      read() {
        if (produced < 1000) this.push(numbered(produced++))
      },
    })
    const netif = new StreamNetif(stream, { memory, queue: 50 })
    const inbox = new FrameCollector(netif)
    await turns(200)
    expect(numbersOf(inbox.take())).toEqual(Array.from({ length: 1000 }, (_, i) => i))
    expect(Math.max(...inbox.bursts)).toBeLessThanOrEqual(50)
  })

  test('a stream that does not heed pause is bounded all the same', async () => {
    const stream = new EventEmitter() as EventEmitter & FrameStream
    Object.assign(stream, { write: () => true, pause() {}, resume() {}, destroy() {} })
    const netif = new StreamNetif(stream, { memory, queue: 10 })
    const inbox = new FrameCollector(netif)
    for (let i = 0; i < 100; i++) stream.emit('data', numbered(i))
    await turns()
    expect(inbox.frames).toHaveLength(20)
    expect(netif.counters).toMatchObject({ receiveQueueFull: 80, receiveNoMemory: 0 })
  })

  test('the end of the stream and its errors are told, after the frames before them', async () => {
    for (const [finish, message] of [
      [(stream: PassThrough) => stream.end(), null],
      [(stream: PassThrough) => stream.destroy(), null],
      [(stream: PassThrough) => stream.destroy(new Error('cable cut')), 'cable cut'],
    ] as const) {
      const stream = new PassThrough()
      const netif = new StreamNetif(stream, { memory })
      const events: unknown[] = []
      netif.attach({
        frame: () => events.push('frame'),
        endOfBurst: () => events.push('end'),
        closed: (error) => events.push(error?.message ?? null),
      })
      stream.write(numbered(1))
      await new Promise<void>((resolve) => process.nextTick(resolve))
      finish(stream)
      await turns()
      expect(events).toEqual(['frame', 'end', message])
      netif.transmit(packetFrom(memory, numbered(1)))
      expect(netif.counters.transmitError).toBe(1)
      expect(memory.inUse).toBe(0)
    }
  })

  test('close is quiet, idempotent, and releases what waits', async () => {
    const stream = new Duplex({ read() {}, write() {}, writableHighWaterMark: 1 })
    const netif = new StreamNetif(stream, { memory })
    const inbox = new FrameCollector(netif)
    transmit(netif, numbered(1), numbered(2), numbered(3))
    stream.push(numbered(4))
    await netif.close()
    await netif.close()
    await turns()
    expect(stream.destroyed).toBe(true)
    expect(inbox.frames).toHaveLength(0)
    expect(inbox.isClosed).toBe(false)
    expect(memory.inUse).toBe(0)
  })

  test('a write that throws is counted', () => {
    const stream = new EventEmitter() as EventEmitter & FrameStream
    const write = () => {
      throw new Error('no')
    }
    Object.assign(stream, { write, pause() {}, resume() {}, destroy() {} })
    const netif = new StreamNetif(stream, { memory })
    transmit(netif, numbered(1))
    expect(netif.counters).toMatchObject({ transmitError: 1, transmittedFrames: 0 })
    expect(memory.inUse).toBe(0)
  })
})

test('two ends of a pair of Web Streams', async () => {
  const there = new TransformStream<Uint8Array, Uint8Array>()
  const back = new TransformStream<Uint8Array, Uint8Array>()
  const left = new StreamNetif({ readable: back.readable, writable: there.writable }, { memory })
  const right = new StreamNetif({ readable: there.readable, writable: back.writable }, { memory })
  const [leftInbox, rightInbox] = [new FrameCollector(left), new FrameCollector(right)]
  for (let i = 0; i < 40; i++) transmit(left, numbered(i))
  transmit(right, numbered(99))
  await turns(20)
  expect(numbersOf(rightInbox.take())).toEqual(Array.from({ length: 40 }, (_, i) => i))
  expect(numbersOf(leftInbox.take())).toEqual([99])
  await left.close()
  await turns(20)
  expect(rightInbox.isClosed).toBe(true)
  expect(memory.inUse).toBe(0)
})
