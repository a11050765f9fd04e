import { once } from 'node:events'
import Module from 'node:module'
import { createServer, type Socket } from 'node:net'
import { afterEach, describe, expect, test, vi } from 'vitest'
import { WebSocket, WebSocketServer } from 'ws'
import { FrameCollector, transmit } from '../../../test/support/packets.ts'
import { frameOf, freePorts, until } from '../../../test/support/wires.ts'
import { PacketMemory } from '../../packet/index.ts'
import { type FrameWebSocket, isInterface, type Netif, openNetif, openWebSocket, webSocketNetif } from '../index.ts'

const memory = new PacketMemory({ smallSlots: 256, largeSlots: 8, debug: true })
const closing: (() => unknown)[] = []
afterEach(async () => {
  vi.unstubAllGlobals()
  for (const close of closing.splice(0).reverse()) await close()
  expect(memory.leaks()).toEqual([])
})

/** A relay for one, which is the test. */
async function server(
  port?: number,
): Promise<{ url: string; sockets: WebSocket[]; close(): Promise<void>; port: number }> {
  const [free] = await freePorts(1)
  const at = port ?? free!
  const server = new WebSocketServer({ host: '127.0.0.1', port: at })
  const sockets: WebSocket[] = []
  server.on('connection', (socket) => sockets.push(socket))
  await once(server, 'listening')
  const close = async () => {
    for (const socket of sockets) socket.terminate()
    await new Promise((resolve) => server.close(resolve))
  }
  closing.push(close)
  return { url: `ws://127.0.0.1:${at}/net`, sockets, close, port: at }
}

function keep<T extends Netif>(netif: T): T {
  closing.push(() => netif.close())
  return netif
}

class Watcher extends FrameCollector {
  readonly ends: string[] = []
  override closed(error?: Error | null): void {
    this.ends.push(error?.message ?? 'none')
    super.closed()
  }
}

const context = { memory } as Parameters<typeof openNetif>[1]

// With a global WebSocket, as Node has it from version 22, and with that of the package alone.
const CLASSES: [string, unknown][] = [['the package ws', undefined]]
if ('WebSocket' in globalThis) CLASSES.push(['the global WebSocket', globalThis.WebSocket])

describe.each(CLASSES)('by %s', (_name, WebSocketClass) => {
  test('each binary message is a frame, for client and server', async () => {
    vi.stubGlobal('WebSocket', WebSocketClass)
    const { url, sockets } = await server()
    const client = keep(await openNetif(`${url},mtu=1400`, context))
    expect(client).toMatchObject({ name: 'ws', mtu: 1400 })
    const atClient = new FrameCollector(client)
    await until(() => sockets.length === 1, 'connection')
    const service = keep(webSocketNetif(sockets[0], { memory }))
    const atService = new FrameCollector(service)
    const frames = Array.from({ length: 50 }, (_, i) => frameOf(14 + i * 30, i))
    transmit(client, ...frames)
    transmit(service, frameOf(61), frameOf(65_550))
    await until(() => atService.frames.length === 50 && atClient.frames.length === 2, 'frames')
    expect(atService.take()).toEqual(frames)
    expect(atClient.take().map((frame) => frame.length)).toEqual([61, 65_550])
  })

  test('text and what is too short is counted', async () => {
    vi.stubGlobal('WebSocket', WebSocketClass)
    const { url, sockets } = await server()
    const netif = keep(await openWebSocket({ url, memory }))
    const inbox = new FrameCollector(netif)
    await until(() => sockets.length === 1, 'connection')
    for (const message of ['hello', new Uint8Array(13), frameOf(60)]) sockets[0]!.send(message)
    await until(() => inbox.frames.length === 1, 'frame')
    expect(netif.counters.receiveMalformed).toBe(2)
  })

  test('its end is that of the interface', async () => {
    vi.stubGlobal('WebSocket', WebSocketClass)
    const { url, sockets } = await server()
    const netif = keep(await openWebSocket({ url, memory }))
    const watcher = new Watcher(netif)
    await until(() => sockets.length === 1, 'connection')
    sockets[0]!.close(4000, 'full')
    await until(() => watcher.isClosed, 'end')
    expect(watcher.ends).toEqual(['read ECONNRESET (the WebSocket was closed: 4000 "full")'])
    transmit(netif, frameOf(60))
    expect(netif.counters.transmitError).toBe(1)
  })

  test('to nobody is one line', async () => {
    vi.stubGlobal('WebSocket', WebSocketClass)
    const { url, close } = await server()
    await close()
    await expect(openWebSocket({ url })).rejects.toThrow(
      `connect ECONNREFUSED (nobody answers as a WebSocket at ${url})`,
    )
  })

  test('again: the server may come late, go, and come back', async () => {
    vi.stubGlobal('WebSocket', WebSocketClass)
    const first = await server()
    await first.close()
    const netif = keep(await openNetif(`${first.url},reconnect=10ms`, context))
    const inbox = new Watcher(netif)
    transmit(netif, frameOf(60))
    expect(netif.counters.transmitError).toBe(1)
    for (const seed of [1, 2]) {
      const { sockets, close } = await server(first.port)
      await until(() => sockets.length > 0, 'connection')
      sockets[0]!.send(frameOf(60, seed))
      await until(() => inbox.frames.length === seed, 'frame')
      await close()
    }
    expect(inbox.ends).toEqual([])
  })
})

test('another end that does not agree to the end holds nobody for long', async () => {
  const { url, sockets } = await server()
  const socket = new WebSocket(url)
  const netif = webSocketNetif(socket, { memory })
  await once(socket, 'open')
  await until(() => sockets.length === 1, 'connection')
  sockets[0]!.pause()
  const closed = once(socket, 'close')
  const before = performance.now()
  await netif.close()
  await closed
  // Without us `ws` would wait for 30 seconds.
  expect(performance.now() - before).toBeLessThan(15_000)
})

test('a server that takes the connection and never answers is given up', async () => {
  vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] })
  closing.push(() => vi.useRealTimers())
  const mute = createServer()
  const ends: Socket[] = []
  mute.on('connection', (end) => ends.push(end.on('error', () => {})))
  const [port] = await freePorts(1)
  mute.listen(port, '127.0.0.1')
  await once(mute, 'listening')
  closing.push(() => {
    for (const end of ends) end.destroy()
    mute.close()
  })
  const opening = openWebSocket({ url: `ws://127.0.0.1:${port}/`, memory })
  const failure = expect(opening).rejects.toThrow('nobody answers as a WebSocket')
  await once(mute, 'connection')
  await vi.advanceTimersByTimeAsync(10_000)
  await failure
})

/** A WebSocket whose network takes nothing until it is told to. */
class SlowWebSocket implements FrameWebSocket {
  binaryType = 'blob'
  readyState = 1
  bufferedAmount = 0
  readonly sent: Uint8Array[] = []

  addEventListener(): void {}

  send(data: Uint8Array): void {
    this.sent.push(data)
    this.bufferedAmount += data.length
  }

  close(): void {
    this.readyState = 3
  }
}

test('what the network does not take is bounded: by the WebSocket first, then by the queue', async () => {
  const socket = new SlowWebSocket()
  const netif = keep(webSocketNetif(socket, { memory, bufferedAmount: 65_536, queue: 100 }))
  expect(socket.binaryType).toBe('arraybuffer')
  for (let i = 0; i < 1000; i++) transmit(netif, frameOf(1500, i))
  // As many as it takes to reach the bound, and the hundred that wait.
  expect(socket.sent).toHaveLength(44)
  expect(netif.counters).toMatchObject({ transmittedFrames: 44, transmitQueueFull: 1000 - 44 - 100, backPressure: 1 })
  socket.bufferedAmount = 0
  await until(() => socket.sent.length > 44, 'more')
  socket.bufferedAmount = 0
  await until(() => socket.sent.length > 88, 'more')
  socket.bufferedAmount = 0
  await until(() => socket.sent.length === 144, 'the rest')
  expect(socket.sent.every((frame, i) => frame[0] === (i & 0xff))).toBe(true)
})

test('without a WebSocket one line says what there has to be', async () => {
  vi.stubGlobal('WebSocket', undefined)
  const resolve = vi.spyOn(Module as unknown as { _resolveFilename(name: string): string }, '_resolveFilename')
  closing.push(() => resolve.mockRestore())
  resolve.mockImplementation((name) => {
    throw new Error(`Cannot find module '${name}'`)
  })
  await expect(openWebSocket({ url: 'ws://127.0.0.1:1/' })).rejects.toThrow(
    /^the package ws is not installed: run "npm install ws", or take Node\.js 22, which has a WebSocket$/,
  )
})

test('options out of range, and texts', async () => {
  expect(() => webSocketNetif(new SlowWebSocket(), { bufferedAmount: 1 })).toThrow(
    'bufferedAmount is 65536 to 67108864',
  )
  await expect(openWebSocket({ url: 'ws://127.0.0.1:1/', reconnect: 1 })).rejects.toThrow('reconnect is 10 to 3600000')
  expect(isInterface('ws://127.0.0.1:8080/net,reconnect=1s,mac=02:00:00:00:00:01')).toBe(true)
  expect(isInterface('wss://relay.example/')).toBe(true)
  for (const text of ['ws:', 'ws:relay', 'ws:///net', 'ws://relay:0x/', 'ws://relay/#a', 'ws://relay/,local=a']) {
    expect(isInterface(text), text).toBe(false)
  }
})
