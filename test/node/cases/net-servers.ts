/** Servers: each way to listen, each option, whom they turn away, how they close. */
import { mkdtempSync, rmSync } from 'node:fs'
import type { AddressInfo, Server, Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import {
  type Cases,
  event,
  SERVER_EVENTS,
  SOCKET_EVENTS,
  type Surroundings,
  tick,
  until,
  wait,
  watch,
} from '../behaviour.ts'
import { listening, pair } from './net-opening.ts'

type Listen = (...words: unknown[]) => Server

/** Listens as `words` say and writes down what comes of it, also if it throws. */
async function tryToListen(on: Surroundings, ...words: unknown[]): Promise<void> {
  const server = on.track(on.net.createServer())
  watch(on, 'server', server, SERVER_EVENTS)
  try {
    const outcome = Promise.race(['listening', 'error', 'close'].map((name) => event(server, name)))
    on.log((server.listen as Listen)(...words) === server)
    await outcome
    on.log(server.listening)
  } catch (error) {
    on.log('throws', error)
  }
  if (!server.listening) return
  server.close()
  await event(server, 'close')
}

export const servers: Cases = {
  async 'createServer: every way of calling it'(on) {
    const onSocket = () => {}
    for (const words of [[], [onSocket], [{}], [{ allowHalfOpen: true }, onSocket], [null], [undefined, onSocket]]) {
      const server = (on.net.createServer as (...words: unknown[]) => Server)(...words)
      on.log(server.listenerCount('connection'), (server as never as { allowHalfOpen: boolean }).allowHalfOpen)
      on.log(server.listening, server.maxConnections, server.address())
    }
    for (const wrong of [1, 'x', true]) {
      try {
        ;(on.net.createServer as (...words: unknown[]) => Server)(wrong)
        on.log('no error')
      } catch (error) {
        on.log(error)
      }
    }
  },
  async 'createServer: options of the wrong type'(on) {
    for (const options of [
      { highWaterMark: -1 },
      { highWaterMark: 'x' },
      { keepAliveInitialDelay: 'x' },
      { keepAliveInitialDelay: -5 },
      { noDelay: 1 },
      { keepAlive: 'yes' },
      { allowHalfOpen: 1 },
    ]) {
      try {
        on.net.createServer(options as never)
        on.log('no error')
      } catch (error) {
        on.log(error)
      }
    }
  },
  async 'listen by name: closed, or called again, before the name is looked up'(on) {
    const closed = on.track(on.net.createServer())
    watch(on, 'closed', closed, SERVER_EVENTS)
    closed.listen({ port: 0, host: 'localhost' })
    closed.close((error) => on.log('callback', error))
    const again = on.track(on.net.createServer())
    watch(on, 'again', again, SERVER_EVENTS)
    again.listen({ port: 0, host: 'localhost' })
    again.close()
    again.listen(0, '127.0.0.1')
    await wait(50)
    on.log(closed.listening, again.listening)
  },
  async 'listen: ports that are none'(on) {
    for (const port of [
      -1,
      65_536,
      1.5,
      '1.5',
      'x',
      Number.NaN,
      Number.POSITIVE_INFINITY,
      true,
      {},
      [],
      '',
      ' ',
      '0x0',
    ]) {
      await tryToListen(on, { port })
    }
  },
  async 'listen: ports as first argument that are none'(on) {
    for (const port of [-1, 65_536, 1.5, Number.NaN, true, false, {}, []]) await tryToListen(on, port)
  },
  async 'listen: backlog as argument and as option'(on) {
    await tryToListen(on, 0, 5)
    await tryToListen(on, 0, '127.0.0.1', 5)
    await tryToListen(on, 0, '127.0.0.1', '5')
    await tryToListen(on, { port: 0, backlog: 1 })
    await tryToListen(on, { port: 0, backlog: '7' })
  },
  async 'listen: hosts that are none'(on) {
    await tryToListen(on, { port: 0, host: 7 })
    await tryToListen(on, 0, '')
    await tryToListen(on, { port: 0, host: null })
    await tryToListen(on, { port: 0, host: undefined })
  },
  async 'listen: a name that nobody knows'(on) {
    const server = on.track(on.net.createServer())
    server.listen(0, 'nobody.invalid')
    on.log(server.listening)
    const error = await event<NodeJS.ErrnoException>(server, 'error')
    on.log(error.syscall, (error as never as { hostname: string }).hostname, server.listening)
  },
  async 'listen: options that are wrong'(on) {
    await tryToListen(on, { port: 0, ipv6Only: 1 })
    await tryToListen(on, { port: 0, exclusive: 1 })
    await tryToListen(on, { port: 0, signal: 1 })
    await tryToListen(on, { path: 7 })
    await tryToListen(on, { fd: -5 })
    await tryToListen(on, { fd: 'x' })
    await tryToListen(on, {})
    await tryToListen(on, { host: '127.0.0.1' })
  },
  async 'listen: signal that is aborted already, and one later'(on) {
    const early = on.track(on.net.createServer())
    watch(on, 'early', early, SERVER_EVENTS)
    early.listen({ port: 0, signal: AbortSignal.abort() })
    on.log(early.listening)
    await event(early, 'close')
    const late = on.track(on.net.createServer())
    watch(on, 'late', late, SERVER_EVENTS)
    const controller = new AbortController()
    late.listen({ port: 0, signal: controller.signal })
    controller.abort()
    on.log(late.listening)
    await event(late, 'close')
    on.log(late.listening)
  },
  async 'listen: on a path, which is no business of the stack'(on) {
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-path-'))
    const path = join(folder, 'socket')
    const server = on.track(on.net.createServer((socket) => socket.end('over a path')))
    server.listen({ path, readableAll: true, writableAll: true })
    await event(server, 'listening')
    on.log(server.address() === path)
    for (const words of [[path], [{ path }]]) {
      const client = on.track((on.net.connect as (...words: unknown[]) => Socket)(...words))
      client.on('connect', () => on.log('connect', client.address(), client.remoteAddress, client.remotePort))
      client.on('data', (data) => on.log(data))
      await event(client, 'close')
    }
    const second = on.track(on.net.createServer())
    second.listen(path)
    on.log((await event<NodeJS.ErrnoException>(second, 'error')).code)
    server.close()
    await event(server, 'close')
    const late = on.track(on.net.connect(path))
    on.log((await event<NodeJS.ErrnoException>(late, 'error')).code)
    rmSync(folder, { recursive: true })
  },
  async 'listen: on the handle of another server'(on) {
    const { server, port } = await listening(on)
    const second = on.track(on.net.createServer((socket) => socket.end('second')))
    second.listen(server)
    await event(second, 'listening')
    on.log((second.address() as AddressInfo).port === port)
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    client.on('data', (data) => on.log(data))
    await event(client, 'close')
    const third = on.track(on.net.createServer())
    third.listen((server as never as { _handle: object })._handle as never)
    await event(third, 'listening')
    on.log((third.address() as AddressInfo).port === port)
  },
  async 'listen: from inside an error, with another port'(on) {
    const { port } = await listening(on)
    const server = on.track(on.net.createServer())
    server.once('error', (error) => {
      on.log(error)
      server.listen(0, '127.0.0.1', () => on.log('listening', server.listening))
    })
    server.listen(port, '127.0.0.1')
    await event(server, 'listening')
  },
  async 'listen: closed before it is there'(on) {
    const server = on.track(on.net.createServer())
    watch(on, 'server', server, SERVER_EVENTS)
    server.listen(0, '127.0.0.1', () => on.log('callback'))
    server.close((error) => on.log('closed', error))
    await event(server, 'close')
    await tick()
  },
  async 'exclusive, and a port that several share'(on) {
    const { port } = await listening(on)
    for (const options of [{ exclusive: true }, { exclusive: false }]) {
      const second = on.track(on.net.createServer())
      second.listen({ port, host: '127.0.0.1', ...options })
      on.log(await event(second, 'error'))
    }
    const [major, minor] = process.versions.node.split('.').map(Number)
    if (major < 22 || (major === 22 && minor < 12)) return
    const first = on.track(on.net.createServer())
    first.listen({ port: 0, host: '127.0.0.1', reusePort: true } as never)
    await event(first, 'listening')
    const shared = { port: (first.address() as AddressInfo).port, host: '127.0.0.1' }
    const other = on.track(on.net.createServer())
    other.listen({ ...shared, reusePort: true } as never)
    await event(other, 'listening')
    on.log((other.address() as AddressInfo).port === shared.port)
    const third = on.track(on.net.createServer())
    third.listen(shared)
    on.log(await event(third, 'error'))
    let answers = 0
    for (const each of [first, other]) each.on('connection', (socket: Socket) => socket.end('x'))
    for (let i = 0; i < 8; i++) {
      const client = on.track(on.net.connect(shared))
      client.on('data', () => answers++)
      await event(client, 'close')
    }
    on.log(answers)
  },
  async 'drop: what it says, and dropMaxConnection'(on) {
    const accepted: Socket[] = []
    const { server, port } = await listening(on, (socket) => accepted.push(socket.resume()))
    server.maxConnections = 1
    const drops: object[] = []
    server.on('drop', (info) =>
      drops.push({ ...info, remotePort: typeof info?.remotePort, localPort: info?.localPort === port }),
    )
    const first = on.track(on.net.connect(port, '127.0.0.1'))
    await event(first, 'connect')
    const second = on.track(on.net.connect(port, '127.0.0.1'))
    second.on('error', (error) => on.log('second', error))
    second.resume()
    await event(second, 'close')
    on.log(drops)
    first.destroy()
    await event(accepted[0], 'close')
    const third = on.track(on.net.connect(port, '127.0.0.1'))
    third.on('close', () => on.log('third closed'))
    await event(third, 'connect')
    await until(() => accepted.length === 2)
    server.getConnections((error, count) => on.log(error, count, drops.length))
    await tick()
  },
  async 'maxConnections 0'(on) {
    const { server, port } = await listening(on, (socket) => {
      on.log('connection')
      socket.end()
    })
    server.maxConnections = 0
    server.on('drop', () => on.log('drop'))
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    client.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
    client.resume()
    await event(client, 'close')
  },
  async 'pauseOnConnect: nothing is read before resume'(on) {
    const { port } = await listening(
      on,
      (socket) => {
        on.log(socket.readableFlowing, socket.isPaused())
        socket.on('data', (data) => on.log('data', data))
        socket.on('end', () => on.log('end'))
        setTimeout(() => {
          on.log(socket.bytesRead, socket.readableLength)
          socket.resume()
        }, 20)
      },
      { pauseOnConnect: true },
    )
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    client.on('close', () => on.log('close'))
    client.resume()
    client.end('hello')
    await event(client, 'close')
  },
  async 'highWaterMark of both sides'(on) {
    const { port } = await listening(
      on,
      (socket) => {
        on.log(socket.readableHighWaterMark, socket.writableHighWaterMark)
        socket.end()
      },
      { highWaterMark: 1234 },
    )
    const client = on.track(on.net.connect({ port, host: '127.0.0.1', highWaterMark: 4321 } as never))
    on.log(client.readableHighWaterMark, client.writableHighWaterMark)
    client.resume()
    await event(client, 'close')
  },
  async 'getConnections: promise-less, with and without listening'(on) {
    const server = on.track(on.net.createServer())
    on.log(server.getConnections((error, count) => on.log('idle', error, count)) === server)
    await tick()
    const { server: busy, client } = await pair(on)
    busy.getConnections((error, count) => on.log('busy', error, count))
    on.log('after the call')
    await tick()
    client.destroy()
  },
  async 'close: twice, and after an error'(on) {
    const { server } = await listening(on)
    server.on('close', () => on.log('close event'))
    server.close((error) => on.log('first', error))
    server.close((error) => on.log('second', error))
    await wait(10)
    server.close((error) => on.log('third', error))
    await tick()
    await tick()
  },
  async 'close: what connects meanwhile is refused'(on) {
    const { server, client, port } = await pair(on)
    server.close()
    const late = on.track(on.net.connect(port, '127.0.0.1'))
    watch(on, 'late', late, SOCKET_EVENTS)
    await event(late, 'close')
    on.log(client.destroyed, client.readyState)
  },
  async 'close: with connections that nobody has accepted yet'(on) {
    const { server, port } = await listening(on, () => on.log('connection'))
    const clients = [0, 1, 2].map(() => on.track(on.net.connect(port, '127.0.0.1')))
    let closed = 0
    for (const client of clients) {
      client.resume()
      client.on('error', () => {})
      client.on('close', () => closed++)
    }
    server.close(() => on.log('closed'))
    await until(() => closed === clients.length)
    on.log(closed)
  },
  async 'ref and unref before, during and after'(on) {
    const server = on.track(on.net.createServer())
    on.log(server.unref() === server, server.ref() === server)
    server.listen(0)
    on.log(server.unref() === server, server.ref() === server)
    await event(server, 'listening')
    server.close()
    await event(server, 'close')
    on.log(server.unref() === server, server.ref() === server)
  },
  async 'Symbol.asyncDispose waits for connections'(on) {
    const { server, client } = await pair(on)
    const dispose = (server as unknown as Record<symbol, () => Promise<void>>)[Symbol.asyncDispose]
    const disposed = dispose.call(server).then((value) => on.log('disposed', value))
    await wait(10)
    on.log(server.listening)
    client.destroy()
    await disposed
    await dispose.call(on.net.createServer()).catch((error) => on.log(error))
  },
  async 'many connections that wait at once are all accepted, in their order'(on) {
    const order: number[] = []
    const { port } = await listening(on, (socket) => socket.once('data', (data) => order.push(Number(data))))
    const clients = Array.from({ length: 50 }, () => on.track(on.net.connect(port, '127.0.0.1')))
    for (const [i, client] of clients.entries()) client.write(String(i))
    await until(() => order.length === clients.length)
    on.log(order)
  },
}
