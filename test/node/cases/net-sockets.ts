/** Options, methods and states of sockets, one after the other. */
import type { Socket } from 'node:net'
import { PassThrough, Readable } from 'node:stream'
import { type Cases, event, SOCKET_EVENTS, tick, until, wait, watch } from '../behaviour.ts'
import { listening, pair } from './net-opening.ts'

type Method = (...words: unknown[]) => unknown

/** A method that only newer versions of Node have, or undefined. */
function method(socket: Socket, name: string): Method | undefined {
  const found = (socket as unknown as Record<string, Method | undefined>)[name]
  return found?.bind(socket)
}

export const sockets: Cases = {
  async 'readable: false, and writable: false'(on) {
    const { port } = await listening(on, (socket) => {
      socket.on('error', () => {})
      socket.end('answer')
    })
    for (const options of [{ readable: false }, { writable: false }, { readable: true, writable: true }]) {
      const client = on.track(on.net.connect({ port, host: '127.0.0.1', ...options } as never))
      watch(on, 'client', client, SOCKET_EVENTS)
      client.on('data', (data) => on.log('data', data))
      await event(client, 'connect')
      on.log(client.readable, client.writable, client.readyState)
      if (!client.readable) client.destroy()
      await event(client, 'close')
    }
  },
  async 'signal: while it connects, while it is open, and with a reason'(on) {
    const { port } = await listening(on, (socket) => socket.resume().on('error', () => {}))
    for (const when of ['at once', 'later']) {
      const controller = new AbortController()
      const client = on.track(on.net.connect({ port, host: '127.0.0.1', signal: controller.signal } as never))
      watch(on, when, client, SOCKET_EVENTS)
      if (when === 'later') await event(client, 'connect')
      controller.abort(new Error('enough'))
      on.log(client.destroyed)
      await event(client, 'close')
    }
    const controller = new AbortController()
    const fresh = on.track(new on.net.Socket({ signal: controller.signal } as never))
    watch(on, 'fresh', fresh, SOCKET_EVENTS)
    controller.abort()
    await event(fresh, 'close')
  },
  async 'setEncoding: what data is from then on'(on) {
    const { client, accepted } = await pair(on)
    on.log(accepted.setEncoding('hex') === accepted, accepted.readableEncoding)
    accepted.on('data', (data) => on.log(typeof data, data))
    client.end('abc')
    await event(accepted, 'end')
  },
  async 'end: with data, encoding and callback, in each way'(on) {
    const ways: unknown[][] = [[], ['x'], ['7a', 'hex'], [Buffer.from('y')]]
    for (const words of ways) {
      for (const callback of [[], [() => on.log('callback')]]) {
        const { client, accepted } = await pair(on)
        accepted.on('data', (data) => on.log('data', data))
        on.log((client.end as Method)(...words, ...callback) === client)
        await event(accepted, 'end')
      }
    }
  },
  async 'write: true, callback and events in their order'(on) {
    const { client, accepted } = await pair(on)
    accepted.resume()
    on.log(
      client.write('a'),
      client.write('b', 'latin1'),
      client.write('c', 'utf8', () => on.log('c')),
    )
    on.log(client.writableLength, client.bytesWritten)
    client.write('', () => on.log('nothing'))
    client.write(Buffer.alloc(0), () => on.log('empty'))
    await until(() => accepted.bytesRead === 3)
    on.log(client.bytesWritten, accepted.bytesRead)
  },
  async 'write: while it connects, and the error of a connect that fails'(on) {
    const client = on.track(on.net.connect(1, '127.0.0.1'))
    watch(on, 'client', client, SOCKET_EVENTS)
    on.log(client.write('x', (error) => on.log('x', error)))
    client.end('y', (error?: Error) => on.log('y', error))
    await event(client, 'close')
    await tick()
  },
  async 'cork and uncork, several deep'(on) {
    const { client, accepted } = await pair(on)
    let deliveries = 0
    accepted.on('data', () => deliveries++)
    client.cork()
    client.cork()
    for (let i = 0; i < 10; i++) client.write(String(i))
    client.uncork()
    on.log(client.writableCorked, client.writableLength)
    await wait(5)
    on.log(deliveries)
    client.uncork()
    await until(() => accepted.bytesRead === 10)
    on.log(deliveries, accepted.bytesRead, client.writableLength)
  },
  async 'pipe: from a file-like stream, and to one'(on) {
    const { client, accepted } = await pair(on)
    const through = new PassThrough()
    accepted.pipe(through)
    through.on('data', (data) => on.log('data', String(data).length))
    through.on('end', () => on.log('end'))
    Readable.from(['one', 'two', 'three']).pipe(client)
    await event(through, 'end')
  },
  async 'pipe: unpipe, and a pipe that does not end the other'(on) {
    const { client, accepted } = await pair(on)
    const through = new PassThrough()
    accepted.pipe(through, { end: false })
    client.write('one')
    on.log(await event(through, 'data'))
    accepted.unpipe(through)
    on.log(accepted.isPaused(), accepted.readableFlowing)
    accepted.on('data', (data) => on.log('direct', data))
    accepted.resume()
    client.end('two')
    await event(accepted, 'end')
    on.log(through.writableEnded)
  },
  async 'pipe: back-pressure of a slow reader'(on) {
    const { client, accepted } = await pair(on)
    const through = new PassThrough({ highWaterMark: 1000 })
    accepted.pipe(through)
    client.end(Buffer.alloc(1_000_000, 1))
    await until(() => accepted.isPaused())
    on.log(accepted.isPaused(), through.writableNeedDrain, accepted.readableLength <= 131_072)
    let sum = 0
    for await (const part of through) sum += (part as Buffer).length
    on.log(sum)
  },
  async 'half open: writing after the end of the other side'(on) {
    const { client, accepted } = await pair(on, { server: { allowHalfOpen: true } })
    accepted.resume()
    accepted.on('end', () => {
      on.log('end', accepted.readyState, accepted.writable, accepted.readable)
      accepted.write('still here')
      setTimeout(() => accepted.end(), 10)
    })
    client.on('data', (data) => on.log('data', data))
    client.end()
    on.log(client.readyState)
    await event(client, 'end')
    on.log(client.readyState)
  },
  async 'allowHalfOpen as an option of a client, and set later'(on) {
    const { port } = await listening(on, (socket) => socket.end('bye'))
    for (const late of [false, true]) {
      const client = on.track(on.net.connect({ port, host: '127.0.0.1', allowHalfOpen: !late } as never))
      if (late) client.allowHalfOpen = true
      client.on('close', () => on.log('close'))
      client.resume()
      await event(client, 'end')
      await wait(10)
      on.log(client.allowHalfOpen, client.writable, client.readyState, client.destroyed)
      client.end()
      await event(client, 'close')
    }
  },
  async 'destroySoon: with waiting writes, and with none'(on) {
    const { client, accepted } = await pair(on)
    watch(on, 'client', client, SOCKET_EVENTS)
    let sum = 0
    accepted.on('data', (data) => {
      sum += data.length
    })
    client.write(Buffer.alloc(3_000_000))
    client.destroySoon()
    on.log(client.destroyed, client.writableEnded)
    await event(accepted, 'end')
    on.log(sum)
    const other = await pair(on)
    other.accepted.resume()
    other.client.destroySoon()
    on.log(other.client.destroyed)
    await event(other.client, 'close')
  },
  async 'resetAndDestroy: waiting writes are lost, and their callbacks told'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('error', (error) => on.log('accepted', error))
    accepted.pause()
    client.on('error', (error) => on.log('client', error))
    client.write(Buffer.alloc(8_000_000), (error) => on.log('written', (error as NodeJS.ErrnoException)?.code))
    await wait(20)
    client.resetAndDestroy()
    on.log(client.destroyed)
    await event(client, 'close')
    accepted.resume()
    await event(accepted, 'close')
  },
  async 'destroy: waiting writes, and their callbacks'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('error', () => {})
    client.write(Buffer.alloc(8_000_000), (error) => on.log('first', (error as NodeJS.ErrnoException)?.code))
    client.write('x', (error) => on.log('second', (error as NodeJS.ErrnoException)?.code))
    client.end(() => on.log('end'))
    await wait(10)
    client.destroy()
    on.log('destroyed')
    await event(client, 'close')
    on.log(client.writableFinished, client.writableLength)
  },
  async 'setKeepAlive: in each way, before and after connect'(on) {
    const { client, accepted } = await pair(on)
    const fresh = on.track(new on.net.Socket())
    for (const socket of [client, accepted, fresh]) {
      for (const words of [[], [true], [true, 1000], [true, 1500.7], [false], ['x'], [true, 0], [true, -1]]) {
        try {
          on.log((socket.setKeepAlive as Method)(...words) === socket)
        } catch (error) {
          on.log(words, error)
        }
      }
    }
  },
  async 'keepAlive and noDelay as options of a client'(on) {
    const { port } = await listening(on, (socket) => socket.end('x'))
    const options = { keepAlive: true, keepAliveInitialDelay: 1000, noDelay: true }
    const client = on.track(on.net.connect({ port, host: '127.0.0.1', ...options } as never))
    watch(on, 'client', client, SOCKET_EVENTS)
    client.resume()
    await event(client, 'close')
  },
  async 'setNoDelay: in each way'(on) {
    const { client } = await pair(on)
    for (const words of [[], [true], [false], ['x'], [0]]) on.log((client.setNoDelay as Method)(...words) === client)
    client.destroy()
    on.log(client.setNoDelay(true) === client, client.setKeepAlive(true) === client)
  },
  async 'typeOfService, where Node has it'(on) {
    const { client, accepted, port } = await pair(on)
    on.log(method(client, 'getTypeOfService')?.())
    if (method(client, 'setTypeOfService') === undefined) return
    on.log(method(client, 'setTypeOfService')?.(0x10) === client, method(client, 'getTypeOfService')?.())
    for (const wrong of [-1, 256, 'x', Number.NaN, undefined]) {
      try {
        on.log(method(accepted, 'setTypeOfService')?.(wrong))
      } catch (error) {
        on.log(error)
      }
    }
    const marked = on.track(on.net.connect({ port, host: '127.0.0.1', typeOfService: 0x20 } as never))
    try {
      on.log(method(marked, 'getTypeOfService')?.())
    } catch (error) {
      on.log('before there is a descriptor', error)
    }
    await event(marked, 'connect')
    on.log(method(marked, 'getTypeOfService')?.())
  },
  async 'setTimeout: none while data comes, one when it ceases'(on) {
    const { client, accepted } = await pair(on)
    client.resume()
    let timeouts = 0
    client.setTimeout(100, () => timeouts++)
    const timer = setInterval(() => accepted.write('x'), 10)
    await wait(120)
    clearInterval(timer)
    on.log('meanwhile', timeouts)
    await event(client, 'timeout')
    on.log(timeouts, client.timeout, client.destroyed)
    on.log(client.setTimeout(0) === client, client.timeout)
  },
  async 'setTimeout: while it connects, and cleared by its callback'(on) {
    const { port } = await listening(on)
    const client = on.track(new on.net.Socket())
    const callback = () => on.log('callback')
    client.setTimeout(20, callback)
    client.connect(port, '127.0.0.1')
    watch(on, 'client', client, ['connect', 'timeout'])
    await event(client, 'timeout')
    client.setTimeout(20, callback)
    client.setTimeout(0, callback)
    await wait(40)
  },
  async 'setTimeout: a pending write is activity'(on) {
    const { client, accepted } = await pair(on)
    accepted.pause()
    client.setTimeout(30)
    client.on('timeout', () => on.log('timeout'))
    client.write('x')
    await event(client, 'timeout')
    on.log(client.bytesWritten)
  },
  async 'bytesRead and bytesWritten, before, during and after'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('data', () => accepted.write('12345'))
    on.log(client.bytesRead, client.bytesWritten)
    client.write('abc')
    await event(client, 'data')
    on.log(client.bytesRead, client.bytesWritten, accepted.bytesRead, accepted.bytesWritten)
    client.destroy()
    await event(client, 'close')
    on.log(client.bytesRead, client.bytesWritten)
  },
  async 'states from the beginning to the end'(on) {
    const { port } = await listening(on, (socket) => socket.resume())
    const client = on.track(new on.net.Socket())
    const state = () => on.log(client.readyState, client.connecting, client.pending, client.destroyed, client.closed)
    state()
    client.connect(port, '127.0.0.1')
    state()
    await event(client, 'connect')
    state()
    client.end()
    state()
    client.resume()
    await event(client, 'close')
    state()
  },
  async 'names after the end'(on) {
    const { client, accepted } = await pair(on)
    accepted.resume()
    client.end()
    client.resume()
    await event(client, 'close')
    on.log(client.remoteAddress, client.remotePort, client.remoteFamily)
    on.log(client.localAddress, client.localPort, client.localFamily, client.address())
  },
  async 'ready comes after connect, and once'(on) {
    const { port } = await listening(on)
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    for (const name of ['connect', 'ready', 'lookup']) client.on(name, () => on.log(name))
    await event(client, 'ready')
    await tick()
  },
  async 'connect: again while it connects, and while it is open'(on) {
    const { port } = await listening(on, (socket) => socket.on('error', () => {}))
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    watch(on, 'client', client, SOCKET_EVENTS)
    try {
      client.connect(port, '127.0.0.1')
      on.log('no error')
    } catch (error) {
      on.log(error)
    }
    await event(client, 'close')
    on.log(client.destroyed, client.connecting)
  },
  async 'connect: after an error, and after destroy'(on) {
    const { port } = await listening(on, (socket) => socket.end('x'))
    const client = on.track(new on.net.Socket())
    watch(on, 'client', client, SOCKET_EVENTS)
    client.on('data', (data) => on.log('data', data))
    client.connect(1, '127.0.0.1')
    await event(client, 'close')
    client.connect(port, '127.0.0.1')
    await event(client, 'close')
    on.log(client.bytesRead)
  },
  async 'errors of a user: in a connect callback and in a connection handler'(on) {
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => on.log('uncaught', error))
    try {
      const { port } = await listening(on, (socket) => {
        socket.on('error', () => {})
        socket.resume()
        throw new Error('of the connection handler')
      })
      const client = on.track(
        on.net.connect(port, '127.0.0.1', () => {
          throw new Error('of the connect callback')
        }),
      )
      client.on('ready', () => on.log('ready'))
      await wait(30)
      on.log(client.readyState)
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  },
  async 'for await: leaving early destroys'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('error', () => {})
    accepted.write('one')
    for await (const part of client) {
      on.log(part)
      break
    }
    on.log(client.destroyed)
    await event(client, 'close')
  },
  async 'compose and iterator helpers of streams'(on) {
    const { client, accepted } = await pair(on)
    client.end('a b c')
    const words = await accepted.map((part: Buffer) => String(part).split(' ')).toArray()
    on.log(words)
  },
  async 'unshift and read with sizes'(on) {
    const { client, accepted } = await pair(on)
    client.end('abcdef')
    await event(accepted, 'readable')
    const head = accepted.read(2)
    on.log(head)
    accepted.unshift(head)
    on.log(accepted.read(4), accepted.readableLength)
    accepted.on('readable', () => on.log('rest', accepted.read()))
    await event(accepted, 'end')
  },
}
