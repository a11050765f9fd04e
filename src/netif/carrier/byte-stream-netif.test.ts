import { once } from 'node:events'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect, createServer, type Server, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Duplex } from 'node:stream'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { FrameCollector, transmit } from '../../../test/support/packets.ts'
import { frameOf, freePorts, until } from '../../../test/support/wires.ts'
import { PacketMemory } from '../../packet/index.ts'
import { ByteStreamNetif, type FrameReceiver, openByteStream, openNetif } from '../index.ts'

let folder: string
let path: string
let memory: PacketMemory
const open: (() => unknown)[] = []
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-'))
  path = join(folder, 'wire')
  memory = new PacketMemory({ smallSlots: 256, largeSlots: 32, debug: true })
})
afterEach(async () => {
  for (const close of open.splice(0).reverse()) await close()
  rmSync(folder, { recursive: true })
  expect(memory.leaks()).toEqual([])
})

function keep<T extends { close(): unknown }>(each: T): T {
  open.push(() => each.close())
  return each
}

const sleep = (milliseconds: number) => new Promise((resolve) => setTimeout(resolve, milliseconds))

function framed(...frames: Uint8Array[]): Buffer {
  return Buffer.concat(
    frames.flatMap((frame) => {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(frame.length)
      return [length, frame]
    }),
  )
}

/** A UNIX socket that a test listens on itself, and the ends that connect to it. */
async function listener(): Promise<{ server: Server; ends: Socket[] }> {
  const ends: Socket[] = []
  const server = createServer((socket) => ends.push(socket.on('error', () => {})))
  server.listen(path)
  await once(server, 'listening')
  open.push(() => {
    for (const end of ends) end.destroy()
    server.close()
  })
  return { server, ends }
}

/** What becomes of an interface. */
class Watcher extends FrameCollector {
  readonly ends: (Error | null)[] = []
  override closed(error?: Error | null): void {
    this.ends.push(error ?? null)
    super.closed()
  }
}

describe('over a UNIX socket', () => {
  test('frames go both ways, those before a flush as one write', async () => {
    const { ends } = await listener()
    const netif = keep(await openByteStream({ path, memory }))
    const inbox = new FrameCollector(netif)
    await until(() => ends.length === 1, 'connection')
    const pieces: Buffer[] = []
    ends[0]!.on('data', (piece) => pieces.push(piece))
    transmit(netif, frameOf(60), frameOf(1514), frameOf(70))
    await until(() => pieces.length > 0, 'data')
    expect(pieces).toEqual([framed(frameOf(60), frameOf(1514), frameOf(70))])
    ends[0]!.write(framed(frameOf(61), frameOf(62)))
    await until(() => inbox.frames.length === 2, 'frames')
    expect(inbox.take()).toEqual([frameOf(61), frameOf(62)])
    expect(netif.counters).toMatchObject({ transmittedFrames: 3, transmittedBytes: 1644, receivedFrames: 2 })
    expect(netif).toMatchObject({ name: 'unix', mtu: 1500, hasPeer: true })
  })

  test('the longest frames pass, in as many writes as it takes', async () => {
    const left = keep(await openByteStream({ path, memory, listen: true, mtu: 65_521 }))
    const right = keep(await openByteStream({ path, memory, mtu: 65_521 }))
    const inbox = new FrameCollector(left)
    new FrameCollector(right)
    const frames = Array.from({ length: 5 }, (_, i) => frameOf(65_535, i))
    transmit(right, ...frames)
    await until(() => inbox.frames.length === 5, 'frames')
    expect(Buffer.concat(inbox.take()).equals(Buffer.concat(frames))).toBe(true)
  })

  test('another end that never reads: what waits is bounded, the rest dropped and counted', async () => {
    const { ends } = await listener()
    const netif = keep(await openByteStream({ path, memory, queue: 4 * 65_728 }))
    new FrameCollector(netif)
    await until(() => ends.length === 1, 'connection')
    ends[0]!.pause()
    for (let i = 0; i < 2000; i++) transmit(netif, frameOf(1514, i))
    const { transmitQueueFull, backPressure } = netif.counters
    expect(transmitQueueFull).toBeGreaterThan(1000)
    expect(backPressure).toBeGreaterThan(0)
    expect(memory.inUse).toBe(4)
    // What was taken comes whole and in order once it reads.
    const taken = 2000 - transmitQueueFull
    let received = Buffer.alloc(0)
    ends[0]!.on('data', (piece) => {
      received = Buffer.concat([received, piece])
    })
    ends[0]!.resume()
    await until(() => received.length === taken * 1518, 'all of it')
    expect(received.equals(framed(...Array.from({ length: taken }, (_, i) => frameOf(1514, i))))).toBe(true)
    await until(() => memory.inUse === 0, 'packet memory')
    transmit(netif, frameOf(60))
    expect(netif.counters).toMatchObject({ transmitQueueFull, transmittedFrames: taken + 1 })
  })

  test('what waits takes no more than half of the large slots', async () => {
    const { ends } = await listener()
    const netif = keep(await openByteStream({ path, memory, queue: 64 * 1024 * 1024 }))
    new FrameCollector(netif)
    await until(() => ends.length === 1, 'connection')
    ends[0]!.pause()
    for (let i = 0; i < 2000; i++) transmit(netif, frameOf(1514))
    expect(memory.freeLarge).toBe(16)
  })

  test('its end is that of the interface, after the frames before it', async () => {
    const { ends } = await listener()
    const netif = keep(await openByteStream({ path, memory }))
    const watcher = new Watcher(netif)
    await until(() => ends.length === 1, 'connection')
    ends[0]!.end(framed(frameOf(60)))
    await until(() => watcher.isClosed, 'end')
    expect(watcher.frames).toHaveLength(1)
    expect(watcher.ends).toHaveLength(1)
    expect(watcher.ends[0]).toMatchObject({ code: 'ECONNRESET', message: expect.stringContaining(path) })
    transmit(netif, frameOf(60))
    expect(netif.counters.transmitError).toBe(1)
  })

  test('what is no frame ends it, and the error says so', async () => {
    const { ends } = await listener()
    const netif = keep(await openByteStream({ path, memory }))
    const watcher = new Watcher(netif)
    await until(() => ends.length === 1, 'connection')
    ends[0]!.write('HTTP/1.1 400 Bad Request\r\n')
    await until(() => watcher.isClosed, 'end')
    expect(watcher.ends[0]?.message).toBe(
      'unix: the other end sent 1213486160 as the length of a frame, and was sent away',
    )
    expect(netif.counters.receiveMalformed).toBe(1)
    expect(netif.streamCounters).toEqual({ peers: 1, peersRefused: 0, outOfStep: 1 })
  })

  test('closing is quiet, idempotent, and releases what waits', async () => {
    const { ends } = await listener()
    const netif = await openByteStream({ path, memory })
    const watcher = new Watcher(netif)
    await until(() => ends.length === 1, 'connection')
    ends[0]!.pause()
    for (let i = 0; i < 500; i++) transmit(netif, frameOf(1514))
    expect(memory.inUse).toBeGreaterThan(0)
    await netif.close()
    await netif.close()
    expect(memory.inUse).toBe(0)
    await sleep(20)
    expect(watcher.ends).toEqual([])
  })
})

describe('listening', () => {
  test('one end after the other; a second one beside it is sent away', async () => {
    const netif = keep(await openByteStream({ path, memory, listen: true }))
    const inbox = new Watcher(netif)
    transmit(netif, frameOf(60))
    expect(netif.counters.transmitError).toBe(1)
    for (const seed of [1, 2]) {
      const end = connect(path)
      // Half a frame is left behind by the first, and is not the beginning of what the second sends.
      end.write(Buffer.concat([framed(frameOf(60, seed)), framed(frameOf(200)).subarray(0, 100)]))
      await until(() => inbox.frames.length === seed, 'frame')
      const second = connect(path)
      await once(second, 'close')
      expect(netif.hasPeer).toBe(true)
      end.destroy()
      await until(() => !netif.hasPeer, 'end')
    }
    expect(inbox.take()).toEqual([frameOf(60, 1), frameOf(60, 2)])
    expect(inbox.ends).toEqual([])
    expect(netif.streamCounters).toEqual({ peers: 2, peersRefused: 2, outOfStep: 0 })
  })

  test('an end that sends no frames is sent away, and the next one served', async () => {
    const netif = keep(await openByteStream({ path, memory, listen: true }))
    const inbox = new Watcher(netif)
    const bad = connect(path).on('error', () => {})
    bad.write(Buffer.alloc(100, 0xff))
    await once(bad, 'close')
    connect(path).end(framed(frameOf(60)))
    await until(() => inbox.frames.length === 1, 'frame')
    expect(inbox.ends).toEqual([])
    expect(netif.streamCounters.outOfStep).toBe(1)
  })

  test('takes over the socket of a process that was killed, and nothing else', async () => {
    const holder = createServer()
    holder.listen(path)
    await once(holder, 'listening')
    await expect(openByteStream({ path, listen: true })).rejects.toThrow(
      `listen EADDRINUSE (${path} is taken by somebody else)`,
    )
    // Closed without the file, as by SIGKILL.
    const { rename } = await import('node:fs/promises')
    await rename(path, `${path}.kept`)
    holder.close()
    await once(holder, 'close')
    await rename(`${path}.kept`, path)
    const netif = keep(await openByteStream({ path, memory, listen: true }))
    await netif.close()
    expect(existsSync(path)).toBe(false)
    writeFileSync(path, 'a file')
    await expect(openByteStream({ path, listen: true })).rejects.toThrow(
      `listen EADDRINUSE (${path} is a file and no socket)`,
    )
    await expect(openByteStream({ path })).rejects.toThrow(`connect ENOTSOCK (${path} is a file and no socket)`)
  })

  test.each([true, false])('in a folder that is not there, or is none (listen: %s)', async (listen) => {
    const call = listen ? 'listen' : 'connect'
    await expect(openByteStream({ path: `${path}/sock`, listen })).rejects.toThrow(
      `${call} ENOENT (there is no folder ${path})`,
    )
    writeFileSync(path, 'a file')
    await expect(openByteStream({ path: `${path}/sock`, listen })).rejects.toThrow(
      `${call} ENOTDIR (${path} is no folder)`,
    )
    await expect(openByteStream({ path: `/${'x'.repeat(107)}`, listen })).rejects.toThrow(
      'the path of a UNIX socket has 1 to 107 bytes, not 108',
    )
  })
})

describe('connecting', () => {
  test('to nobody is one line that says what to do', async () => {
    await expect(openByteStream({ path })).rejects.toThrow(
      `connect ENOENT (nobody listens at ${path}: start the other end first, or let this one wait for it with ",reconnect=1s")`,
    )
  })

  test('again: the other end may come late, go, and come back', async () => {
    const netif = keep(await openByteStream({ path, memory, reconnect: 10 }))
    const inbox = new Watcher(netif)
    await sleep(30)
    expect(netif.hasPeer).toBe(false)
    for (const seed of [1, 2]) {
      const server = createServer((end) => end.end(framed(frameOf(60, seed))).on('error', () => {}))
      server.listen(path)
      await until(() => inbox.frames.some((frame) => frame[0] === seed), 'frame')
      server.close()
      await once(server, 'close')
    }
    expect(inbox.ends).toEqual([])
    await netif.close()
    const peers = netif.streamCounters.peers
    await sleep(30)
    expect(netif.streamCounters.peers).toBe(peers)
  })

  test('options out of range', async () => {
    await expect(openByteStream({ path: '/'.repeat(108) })).rejects.toThrow(
      'the path of a UNIX socket has 1 to 107 bytes, not 108',
    )
    await expect(openByteStream({ path, reconnect: 9 })).rejects.toThrow('reconnect is 10 to 3600000, not 9')
    await expect(openByteStream({ path, reconnect: 10, listen: true })).rejects.toThrow('reconnect is for who connects')
    await expect(openByteStream({ port: 0 })).rejects.toThrow('port is 1 to 65535, not 0')
    expect(() => new ByteStreamNetif(new Duplex(), { queue: 1 })).toThrow('queue is 65728 to 67108864, not 1')
  })
})

test('over TCP on the loopback, by text', async () => {
  const [port] = await freePorts(1)
  const context = { memory } as Parameters<typeof openNetif>[1]
  const left = keep(await openNetif(`tcp-listen:${port},mtu=1400`, context))
  const right = keep(await openNetif(`tcp:127.0.0.1:${port},mac=02:00:00:00:00:05`, context))
  expect([left.name, left.mtu, right.name, `${right.mac}`]).toEqual(['tcp-listen', 1400, 'tcp', '02:00:00:00:00:05'])
  const inbox = new FrameCollector(left)
  new FrameCollector(right)
  transmit(right, frameOf(60), frameOf(61))
  await until(() => inbox.frames.length === 2, 'frames')
  expect(inbox.take()).toEqual([frameOf(60), frameOf(61)])
})

describe('over any stream of bytes', () => {
  /** Two ends in memory, which deliver from inside `write`. */
  function pair(): [Duplex, Duplex] {
    const make = (): Duplex =>
      new Duplex({
        read() {},
        write(piece, _encoding, done) {
          const other: Duplex = this === left ? right : left
          other.push(piece)
          done()
        },
      })
    const left = make()
    const right = make()
    return [left, right]
  }

  test('what it keeps of what was written is its own', async () => {
    const [left, right] = pair().map((end) => keep(new ByteStreamNetif(end, { memory }))) as [
      ByteStreamNetif,
      ByteStreamNetif,
    ]
    let depth = 0
    const answering: FrameReceiver & { frames: number } = {
      frames: 0,
      frame() {
        expect(depth).toBe(0)
        this.frames++
      },
      endOfBurst() {},
      closed() {},
    }
    right.attach(answering)
    const inbox = new FrameCollector(left)
    depth++
    for (let i = 0; i < 10; i++) transmit(left, frameOf(100, i))
    depth--
    transmit(right, frameOf(60))
    await until(() => answering.frames === 10 && inbox.frames.length === 1, 'frames')
  })

  test('its end is told', async () => {
    for (const [error, expected] of [
      [undefined, null],
      [new Error('cable cut'), 'cable cut'],
    ] as const) {
      const [end] = pair()
      const watcher = new Watcher(keep(new ByteStreamNetif(end, { memory })))
      end.destroy(error)
      await until(() => watcher.isClosed, 'end')
      expect(watcher.ends.map((each) => each?.message ?? null)).toEqual([expected])
    }
  })
})
