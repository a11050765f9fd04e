/** How connections end, and the options that a socket has. */
import { AsyncLocalStorage } from 'node:async_hooks'
import { finished } from 'node:stream/promises'
import { type Cases, event, SOCKET_EVENTS, tick, wait, watch } from '../behaviour.ts'
import { listening, pair } from './net-opening.ts'

export const endings: Cases = {
  async 'end: both sides close'(on) {
    const { client, accepted } = await pair(on)
    watch(on, 'client', client, SOCKET_EVENTS)
    accepted.resume()
    client.resume()
    on.log(client.end('bye') === client, client.readyState)
    await event(client, 'close')
    on.log(client.readyState, client.readableEnded, client.writableEnded, client.closed, client.errored)
  },
  async 'end: the accepted side'(on) {
    const { client, accepted } = await pair(on)
    watch(on, 'accepted', accepted, SOCKET_EVENTS)
    accepted.resume()
    client.resume()
    client.end()
    await event(accepted, 'close')
    on.log(accepted.destroyed, accepted.readyState)
  },
  async 'end: a client that ends because of what it reads, from a server that hung up, is not told of that'(on) {
    for (const way of ['end', 'destroySoon'] as const) {
      const { client, accepted } = await pair(on)
      watch(on, `client ${way}`, client, SOCKET_EVENTS)
      client.on('data', () => process.nextTick(() => client[way]()))
      accepted.end('answer')
      await event(client, 'close')
    }
  },
  async 'end: http, a server that answers and hangs up'(on) {
    for (const keepAlive of [false, true]) {
      const agent = on.track(new on.http.Agent({ keepAlive }))
      const server = on.track(
        on.http.createServer((_request, response) => response.setHeader('connection', 'close').end('x')),
      )
      server.listen(0, '127.0.0.1')
      await event(server, 'listening')
      const request = on.http.get({ ...(server.address() as object), host: '127.0.0.1', agent })
      request.on('socket', (socket) => watch(on, 'socket', socket, SOCKET_EVENTS))
      watch(on, 'request', request, ['finish', 'error', 'close'])
      request.on('response', (response) => watch(on, 'response', response, ['data', 'end', 'close']))
      await event(request, 'close')
      await wait(5)
    }
  },
  async 'a server that resets at once: the client was never connected'(on) {
    const { port } = await listening(on, (socket) => socket.resetAndDestroy())
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    watch(on, 'client', client, SOCKET_EVENTS)
    await event(client, 'close')
  },
  async 'end: half-open'(on) {
    const { client, accepted } = await pair(on, { server: { allowHalfOpen: true }, client: { allowHalfOpen: true } })
    watch(on, 'accepted', accepted, SOCKET_EVENTS)
    accepted.on('data', (data) => on.log('accepted data', data))
    client.on('data', (data) => on.log('client data', data))
    client.on('end', () => on.log('client end'))
    client.end('request')
    await event(accepted, 'end')
    on.log(accepted.readyState, client.readyState)
    await wait(10)
    accepted.end('late answer')
    await event(client, 'close')
    on.log(accepted.readyState, client.readyState)
  },
  async 'end: not half-open answers the end with its own'(on) {
    const { client, accepted } = await pair(on)
    accepted.end()
    client.on('end', () => on.log('end', client.writableEnded))
    client.on('close', () => on.log('close', client.writableEnded))
    client.resume()
    accepted.resume()
    await event(client, 'close')
  },
  async 'destroy: with and without an error'(on) {
    for (const error of [undefined, new Error('mine')]) {
      const { client, accepted } = await pair(on)
      watch(on, 'client', client, SOCKET_EVENTS)
      accepted.on('close', (hadError) => on.log('accepted close', hadError))
      accepted.on('error', () => {})
      accepted.resume()
      on.log(client.destroy(error) === client, client.destroyed, client.readyState)
      await Promise.all([event(client, 'close'), event(accepted, 'close')])
    }
  },
  async 'destroy: order against immediates and ticks'(on) {
    const { client, accepted } = await pair(on)
    accepted.resume()
    client.on('close', () => on.log('close'))
    await tick()
    client.destroy()
    process.nextTick(() => on.log('tick'))
    setImmediate(() => on.log('immediate'))
    Promise.resolve().then(() => on.log('promise'))
    await event(client, 'close')
  },
  async 'destroySoon: writes first'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('data', (data) => on.log('data', data))
    client.write('last words')
    client.destroySoon()
    watch(on, 'client', client, SOCKET_EVENTS)
    await event(accepted, 'end')
  },
  async 'destroy: with unread data resets the peer'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('error', (error) => on.log('accepted', error))
    accepted.on('close', (hadError) => on.log('accepted close', hadError))
    accepted.resume()
    accepted.write('never read')
    await wait(20)
    client.destroy()
    await event(accepted, 'close')
  },
  async resetAndDestroy(on) {
    const { client, accepted } = await pair(on)
    watch(on, 'client', client, SOCKET_EVENTS)
    watch(on, 'accepted', accepted, SOCKET_EVENTS)
    accepted.resume()
    on.log(client.resetAndDestroy() === client, client.destroyed)
    await Promise.all([event(client, 'close'), event(accepted, 'close')])
  },
  async 'resetAndDestroy: while connecting, and after the end'(on) {
    const { port } = await listening(on, (socket) => {
      socket.on('error', (error) => on.log('accepted', error))
      socket.resume()
    })
    const early = on.track(on.net.connect(port, '127.0.0.1'))
    watch(on, 'early', early, SOCKET_EVENTS)
    early.resetAndDestroy()
    await event(early, 'close')
    const late = on.track(on.net.connect(port, '127.0.0.1'))
    await event(late, 'connect')
    late.destroy()
    await event(late, 'close')
    watch(on, 'late', late, SOCKET_EVENTS)
    late.resetAndDestroy()
    await wait(20)
  },
  async 'a reset after data: data first, then the error'(on) {
    const { client, accepted } = await pair(on)
    watch(on, 'accepted', accepted, SOCKET_EVENTS)
    accepted.on('data', (data) => on.log('data', data))
    client.write('before')
    await wait(20)
    client.resetAndDestroy()
    await event(accepted, 'close')
  },
  async 'a reset while the reader pauses'(on) {
    const { client, accepted } = await pair(on)
    watch(on, 'accepted', accepted, SOCKET_EVENTS)
    accepted.on('data', () => {})
    accepted.pause()
    const closed = event(accepted, 'close')
    client.resetAndDestroy()
    await wait(20)
    accepted.resume()
    await closed
  },
  async 'writing to a peer that has gone'(on) {
    const { client, accepted } = await pair(on, { client: { allowHalfOpen: true } })
    client.on('error', (error) => on.log('error', (error as NodeJS.ErrnoException).code !== undefined))
    accepted.destroy()
    await wait(20)
    const timer = setInterval(() => client.write('x'), 1)
    await event(client, 'close')
    clearInterval(timer)
    on.log('closed', client.destroyed)
  },
  async 'an error without a listener is thrown'(on) {
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => on.log('uncaught', error))
    try {
      const client = on.track(on.net.connect(1, '127.0.0.1'))
      await event(client, 'close')
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  },
  async 'stream.finished'(on) {
    const { client, accepted } = await pair(on)
    const done = finished(client)
    client.resume()
    client.end()
    accepted.resume()
    await done
    on.log('finished')
    const other = await pair(on)
    const failing = finished(other.client).catch((error) => on.log(error))
    other.client.destroy(new Error('mine'))
    await failing
  },
  async 'setTimeout: idle, and again after activity'(on) {
    const { client, accepted } = await pair(on)
    accepted.resume()
    client.setTimeout(30, () => on.log('callback'))
    watch(on, 'client', client, ['timeout'])
    on.log(client.timeout)
    await event(client, 'timeout')
    on.log(client.destroyed)
    client.setTimeout(0)
    await wait(50)
    on.log(client.timeout)
  },
  async 'setTimeout: wrong values throw'(on) {
    const { client } = await pair(on)
    for (const value of [-1, Number.NaN, Number.POSITIVE_INFINITY, 'x', null]) {
      try {
        client.setTimeout(value as number)
        on.log('no error', value)
      } catch (error) {
        on.log(error)
      }
    }
  },
  async 'timeout as an option'(on) {
    const { port } = await listening(on)
    const client = on.track(on.net.connect({ port, host: '127.0.0.1', timeout: 20 }))
    await event(client, 'timeout')
    on.log('timeout', client.timeout)
  },
  async 'setNoDelay, setKeepAlive, ref, unref return the socket'(on) {
    const { client, server } = await pair(on)
    on.log(client.setNoDelay() === client, client.setNoDelay(false) === client)
    on.log(client.setKeepAlive() === client, client.setKeepAlive(true, 5000) === client)
    on.log(client.unref() === client, client.ref() === client, server.unref() === server, server.ref() === server)
    const fresh = on.track(new on.net.Socket())
    on.log(
      fresh.setNoDelay() === fresh,
      fresh.setKeepAlive(true) === fresh,
      fresh.unref() === fresh,
      fresh.ref() === fresh,
    )
  },
  async 'address() and friends before, during and after'(on) {
    const fresh = on.track(new on.net.Socket())
    on.log(fresh.address(), fresh.remoteAddress, fresh.remoteFamily, fresh.localAddress, fresh.localPort)
    const { client, accepted } = await pair(on)
    on.log(client.localPort === accepted.remotePort, client.remotePort === accepted.localPort)
    client.destroy()
    on.log(client.remoteAddress, client.localAddress, client.address())
    await event(client, 'close')
    on.log(client.remoteAddress, client.localAddress)
  },
  async 'AsyncLocalStorage: connect, data, connection'(on) {
    const storage = new AsyncLocalStorage<string>()
    const { client, accepted } = await storage.run('server', async () => {
      const { server, port } = await listening(on, (socket) => {
        on.log('connection', storage.getStore())
        socket.on('data', (data) => on.log('accepted data', data, storage.getStore()))
        socket.on('end', () => on.log('accepted end', storage.getStore()))
      })
      void server
      return storage.run('client', async () => {
        const socket = on.track(on.net.connect(port, '127.0.0.1', () => on.log('connect', storage.getStore())))
        socket.on('close', () => on.log('close', storage.getStore()))
        await event(socket, 'connect')
        return { client: socket, accepted: null }
      })
    })
    void accepted
    await wait(10)
    storage.run('writer', () => client.write('x', () => on.log('written', storage.getStore())))
    await wait(10)
    storage.run('refused', () => {
      on.track(on.net.connect(1, '127.0.0.1')).on('error', () => on.log('refused', storage.getStore()))
    })
    await wait(10)
    client.end()
    await event(client, 'close')
  },
  async 'blockList of a connection'(on) {
    const [major] = process.versions.node.split('.')
    const blockList = new on.net.BlockList()
    blockList.addAddress('127.0.0.1')
    on.log(blockList.check('127.0.0.1'), on.net.BlockList === (await import('node:net')).BlockList)
    if (Number(major) < 22) return
    const { port } = await listening(on)
    const client = on.track(on.net.connect({ port, host: '127.0.0.1', blockList } as never))
    watch(on, 'client', client, SOCKET_EVENTS)
    await event(client, 'close')
    const server = on.track(on.net.createServer({ blockList } as never, () => on.log('connection')))
    server.listen(0, '127.0.0.1')
    await event(server, 'listening')
    const blocked = on.track(on.net.connect((server.address() as { port: number }).port, '127.0.0.1'))
    blocked.on('error', () => {})
    blocked.resume()
    await event(blocked, 'close')
    on.log('closed')
  },
  async 'Symbol.asyncDispose of a server'(on) {
    const { server } = await listening(on)
    const dispose = (server as unknown as Record<symbol, (() => Promise<void>) | undefined>)[Symbol.asyncDispose]
    on.log(typeof dispose)
    await dispose?.call(server)
    on.log(server.listening)
  },
}
