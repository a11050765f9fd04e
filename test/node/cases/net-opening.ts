/** Listening, connecting, and what goes wrong with either. */
import type { AddressInfo, Server, Socket } from 'node:net'
import { type Cases, event, SERVER_EVENTS, SOCKET_EVENTS, type Surroundings, tick, wait, watch } from '../behaviour.ts'

/** A server on 127.0.0.1 that listens. */
export async function listening(
  on: Surroundings,
  onSocket: (socket: Socket) => void = () => {},
  options: object = {},
): Promise<{ server: Server; port: number }> {
  const server = on.track(on.net.createServer(options, onSocket))
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** Both ends of a connection. */
export async function pair(
  on: Surroundings,
  options: { server?: object; client?: object } = {},
): Promise<{ server: Server; client: Socket; accepted: Socket; port: number }> {
  const { server, port } = await listening(on, () => {}, options.server)
  const accepting = event<Socket>(server, 'connection')
  const client = on.track(on.net.connect({ port, host: '127.0.0.1', ...options.client }))
  const accepted = on.track(await accepting)
  if (client.connecting) await event(client, 'connect')
  return { server, client, accepted, port }
}

export const opening: Cases = {
  async 'listen: address() is there at once'(on) {
    const server = on.track(on.net.createServer())
    on.log(server.listening, server.address())
    server.listen(0, () => on.log('callback'))
    const { address, family, port } = server.address() as AddressInfo
    on.log(address, family, port > 0, server.listening)
    watch(on, 'server', server, SERVER_EVENTS)
    await event(server, 'listening')
    server.close(() => on.log('closed', server.listening, server.address()))
    await event(server, 'close')
  },
  async 'listen: all ways of calling it'(on) {
    const ways: unknown[][] = [
      [],
      [0],
      [{ port: 0 }],
      [{ port: 0, host: '127.0.0.1' }],
      [0, '127.0.0.1'],
      [0, '127.0.0.1', 10],
      ['0'],
      [{ port: 0, host: '0.0.0.0', backlog: 5, exclusive: true }],
      [undefined],
      [null],
      [0, 'localhost'],
    ]
    for (const way of ways) {
      const server = on.track(on.net.createServer())
      const returned = (server.listen as (...words: unknown[]) => Server)(...way, () => on.log('callback'))
      on.log(returned === server)
      await event(server, 'listening')
      const { address, family } = server.address() as AddressInfo
      on.log(address, family)
      server.close()
      await event(server, 'close')
    }
  },
  async 'listen: wrong arguments throw'(on) {
    const ways: unknown[][] = [
      [-1],
      [65_536],
      ['x y', 'nonsense'],
      [{ port: 1.5 }],
      [{}],
      [{ port: 'abc' }],
      [true],
      [false],
    ]
    for (const way of ways) {
      const server = on.track(on.net.createServer())
      server.on('error', (error) => on.log('event', error))
      try {
        ;(server.listen as (...words: unknown[]) => Server)(...way)
        on.log('no error')
      } catch (error) {
        on.log(error)
      }
      await tick()
    }
  },
  async 'listen: a taken port is EADDRINUSE, and another try may follow'(on) {
    const { port, server: first } = await listening(on)
    const second = on.track(on.net.createServer())
    watch(on, 'second', second, SERVER_EVENTS)
    second.listen(port, '127.0.0.1')
    await event(second, 'error')
    on.log(second.listening, second.address())
    first.close()
    await event(first, 'close')
    second.listen(port, '127.0.0.1')
    await event(second, 'listening')
    on.log((second.address() as AddressInfo).port === port)
  },
  async 'listen: the wildcard and an address of the same port collide'(on) {
    const { port } = await listening(on)
    const second = on.track(on.net.createServer())
    second.listen(port)
    on.log(await event(second, 'error'))
  },
  async 'listen: an address that is not ours is EADDRNOTAVAIL'(on) {
    const server = on.track(on.net.createServer())
    watch(on, 'server', server, SERVER_EVENTS)
    server.listen(0, '203.0.113.7')
    await event(server, 'error')
  },
  async 'listen: twice is an error'(on) {
    const { server } = await listening(on)
    try {
      server.listen(0)
    } catch (error) {
      on.log(error)
    }
  },
  async 'listen: a closed server can listen again'(on) {
    const { server } = await listening(on)
    server.close()
    await event(server, 'close')
    server.listen(0, '127.0.0.1')
    await event(server, 'listening')
    on.log(server.listening)
    const client = on.track(on.net.connect((server.address() as AddressInfo).port, '127.0.0.1'))
    await event(client, 'connect')
    on.log('connected')
  },
  async 'listen: signal'(on) {
    const controller = new AbortController()
    const server = on.track(on.net.createServer())
    server.listen({ port: 0, host: '127.0.0.1', signal: controller.signal })
    await event(server, 'listening')
    controller.abort()
    await event(server, 'close')
    on.log(server.listening)
  },
  async 'close: of a server that does not listen'(on) {
    const server = on.net.createServer()
    server.close((error) => on.log('callback', error))
    await tick()
    await tick()
  },
  async 'close: waits for connections'(on) {
    const { server, client, accepted } = await pair(on)
    watch(on, 'server', server, ['close'])
    watch(on, 'accepted', accepted, ['close'])
    server.close(() => on.log('callback'))
    await wait(20)
    server.getConnections((error, count) => on.log(error, count))
    on.log('still open')
    client.end()
    accepted.end()
    accepted.resume()
    await event(server, 'close')
  },
  async 'connect: order of events'(on) {
    const { port } = await listening(on, (socket) => {
      on.log('connection', socket.remoteAddress, socket.localAddress, socket.remoteFamily, socket.localFamily)
      on.log(socket.localPort === port, socket.readyState, socket.connecting, socket.pending, socket.allowHalfOpen)
      socket.end()
    })
    const client = on.track(on.net.connect(port, '127.0.0.1', () => on.log('callback')))
    watch(on, 'client', client, SOCKET_EVENTS)
    on.log(client.connecting, client.pending, client.readyState, client.remoteAddress, client.localAddress)
    await event(client, 'connect')
    on.log(client.connecting, client.pending, client.readyState, client.remoteAddress, client.remotePort === port)
    on.log(client.localAddress, client.remoteFamily, client.address())
    client.resume()
    await event(client, 'close')
    on.log(client.readyState, client.destroyed, client.remoteAddress, client.bytesRead, client.bytesWritten)
  },
  async 'connect: through the wildcard, as IPv4 in IPv6'(on) {
    const server = on.track(
      on.net.createServer((socket) => {
        on.log(socket.remoteAddress, socket.localAddress, socket.remoteFamily)
        socket.end()
      }),
    )
    server.listen(0)
    await event(server, 'listening')
    const client = on.track(on.net.connect((server.address() as AddressInfo).port, '127.0.0.1'))
    client.resume()
    await event(client, 'close')
  },
  async 'connect: by name'(on) {
    const { port } = await listening(on, (socket) => socket.end())
    const client = on.track(on.net.connect({ port, host: 'localhost', family: 4 }))
    watch(on, 'client', client, SOCKET_EVENTS)
    client.resume()
    await event(client, 'close')
  },
  async 'connect: own lookup, one address and all of them'(on) {
    const { port } = await listening(on, (socket) => socket.end())
    for (const autoSelectFamily of [false, true]) {
      const client = on.track(
        on.net.connect({
          port,
          host: 'some.name',
          autoSelectFamily,
          lookup: (name, options, callback) => {
            on.log('lookup', name, options.all, options.family, options.hints)
            if (options.all)
              (callback as unknown as (error: null, all: object[]) => void)(null, [{ address: '127.0.0.1', family: 4 }])
            else callback(null, '127.0.0.1', 4)
          },
        }),
      )
      watch(on, 'client', client, SOCKET_EVENTS)
      client.resume()
      await event(client, 'close')
    }
  },
  async 'connect: a lookup that fails'(on) {
    const lookup = (_name: string, _options: object, callback: (error: Error) => void) => {
      callback(Object.assign(new Error('getaddrinfo ENOTFOUND nowhere'), { code: 'ENOTFOUND' }))
    }
    const client = on.track(on.net.connect({ port: 1, host: 'nowhere', lookup: lookup as never }))
    watch(on, 'client', client, SOCKET_EVENTS)
    await event(client, 'close')
  },
  async 'connect: autoSelectFamily takes the address that answers'(on) {
    const { port } = await listening(on, (socket) => socket.end())
    const client = on.track(
      on.net.connect({
        port,
        host: 'both.example',
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: 200,
        lookup: (_name, _options, callback) => {
          const all = [
            { address: '127.0.0.9', family: 4 },
            { address: '127.0.0.1', family: 4 },
          ]
          ;(callback as unknown as (error: null, all: object[]) => void)(null, all)
        },
      }),
    )
    watch(
      on,
      'client',
      client,
      [...SOCKET_EVENTS, 'connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout'].filter(
        (name) => name !== 'lookup',
      ),
    )
    client.resume()
    await event(client, 'close')
    on.log(client.autoSelectFamilyAttemptedAddresses?.map((each) => each.replace(/:\d+$/, '')))
  },
  async 'connect: autoSelectFamily when nobody answers'(on) {
    const client = on.track(
      on.net.connect({
        port: 1,
        host: 'both.example',
        autoSelectFamily: true,
        lookup: (_name, _options, callback) => {
          const all = [
            { address: '127.0.0.8', family: 4 },
            { address: '127.0.0.9', family: 4 },
          ]
          ;(callback as unknown as (error: null, all: object[]) => void)(null, all)
        },
      }),
    )
    client.on('error', (error: Error & { errors?: Error[] }) =>
      on.log(error.name, (error as never as { code: string }).code, ...(error.errors ?? [])),
    )
    await event(client, 'close')
  },
  async 'connect: refused'(on) {
    const client = on.track(on.net.connect({ port: 1, host: '127.0.0.1' }))
    watch(on, 'client', client, SOCKET_EVENTS)
    const error = await event<Error & { port: number }>(client, 'error')
    on.log(error.port, client.destroyed, client.connecting)
    await event(client, 'close')
  },
  async 'connect: without somebody who hears of the error'(on) {
    const { port } = await listening(on)
    const client = on.track(new on.net.Socket())
    on.log(client.connecting, client.pending, client.readyState)
    client.connect(port, '127.0.0.1')
    client.once('connect', () => on.log('connect'))
    await event(client, 'ready')
  },
  async 'connect: localAddress and localPort'(on) {
    const { port } = await listening(on, (socket) => {
      on.log(socket.remoteAddress)
      socket.end()
    })
    const client = on.track(on.net.connect({ port, host: '127.0.0.1', localAddress: '127.0.0.5' }))
    client.resume()
    await event(client, 'connect')
    on.log(client.localAddress)
    await event(client, 'close')
    const other = on.track(
      on.net.connect({
        port,
        host: '127.0.0.1',
        localAddress: '127.0.0.6',
        localPort: port + 1 > 65_535 ? 65_000 : port + 1,
      }),
    )
    other.resume()
    await event(other, 'connect')
    on.log(other.localAddress, other.localPort === port + 1 || other.localPort === 65_000)
  },
  async 'connect: localAddress that is not ours'(on) {
    const client = on.track(on.net.connect({ port: 1, host: '127.0.0.1', localAddress: '203.0.113.7' }))
    watch(on, 'client', client, SOCKET_EVENTS)
    await event(client, 'close')
  },
  async 'connect: wrong arguments throw'(on) {
    const ways: unknown[] = [
      { port: -1 },
      { port: 65_536 },
      { port: 'x' },
      {},
      { port: 1, localAddress: 'x' },
      { port: 1, localPort: 'x' },
      { port: 1, lookup: 1 },
      { port: 1, autoSelectFamily: 1 },
      { port: null },
      undefined,
    ]
    for (const way of ways) {
      const socket = on.track(new on.net.Socket())
      socket.on('error', (error) => on.log('event', error))
      try {
        ;(socket.connect as (options: unknown) => unknown)(way)
        on.log('no error')
      } catch (error) {
        on.log(error)
      }
      socket.destroy()
    }
    await tick()
  },
  async 'connect: signal'(on) {
    const { port } = await listening(on)
    const controller = new AbortController()
    const client = on.track(on.net.connect({ port, host: '127.0.0.1', signal: controller.signal }))
    watch(on, 'client', client, SOCKET_EVENTS)
    await event(client, 'connect')
    controller.abort()
    await event(client, 'close')
    const early = on.track(on.net.connect({ port, host: '127.0.0.1', signal: AbortSignal.abort() }))
    watch(on, 'early', early, SOCKET_EVENTS)
    await event(early, 'close')
  },
  async 'connect: destroyed before it is there'(on) {
    const { port } = await listening(on)
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    watch(on, 'client', client, SOCKET_EVENTS)
    client.destroy()
    await event(client, 'close')
    await wait(20)
  },
  async 'connect: the same socket again'(on) {
    const { port } = await listening(on, (socket) => socket.end('x'))
    const client = on.track(new on.net.Socket())
    watch(on, 'client', client, SOCKET_EVENTS)
    for (let i = 0; i < 2; i++) {
      client.connect(port, '127.0.0.1')
      client.resume()
      await event(client, 'close')
    }
  },
  async 'connect: written before it is there'(on) {
    const { port } = await listening(on, (socket) => socket.on('data', (data) => on.log('data', data)))
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    on.log(
      client.write('early', () => on.log('written')),
      client.bytesWritten,
      client.writableLength,
    )
    await event(client, 'connect')
    await wait(20)
    on.log(client.bytesWritten)
  },
  async 'server: maxConnections and drop'(on) {
    const { server, port } = await listening(on)
    server.maxConnections = 1
    server.on('drop', (info) =>
      on.log('drop', info?.remoteAddress, info?.localAddress, info?.localPort === port, info?.remoteFamily),
    )
    const first = on.track(on.net.connect(port, '127.0.0.1'))
    await event(first, 'connect')
    const second = on.track(on.net.connect(port, '127.0.0.1'))
    watch(on, 'second', second, SOCKET_EVENTS)
    second.resume()
    await event(second, 'close')
  },
  async 'server: allowHalfOpen, noDelay, keepAlive, highWaterMark'(on) {
    const options = {
      allowHalfOpen: true,
      noDelay: true,
      keepAlive: true,
      keepAliveInitialDelay: 1000,
      highWaterMark: 1000,
    }
    const { accepted } = await pair(on, { server: options })
    on.log(accepted.allowHalfOpen, accepted.readableHighWaterMark, accepted.writableHighWaterMark)
  },
  async 'server: getConnections'(on) {
    const { server, client } = await pair(on)
    server.getConnections((error, count) => on.log(error, count))
    await tick()
    client.destroy()
    await wait(20)
    server.getConnections((error, count) => on.log(error, count))
    await tick()
  },
  async 'server: instanceof and constructors'(on) {
    const { accepted, client, server } = await pair(on)
    on.log(accepted instanceof on.net.Socket, client instanceof on.net.Socket, server instanceof on.net.Server)
    const Call = on.net.Server as unknown as () => Server
    on.log(Call() instanceof on.net.Server, (on.net.Socket as unknown as () => Socket)() instanceof on.net.Socket)
    on.log(
      client.constructor.name,
      server.constructor.name,
      (on.net as never as { Stream: unknown }).Stream === on.net.Socket,
    )
    class Mine extends on.net.Socket {}
    on.log(new Mine() instanceof Mine, new Mine() instanceof on.net.Socket)
    on.log(Object.keys(on.net).sort())
  },
}
