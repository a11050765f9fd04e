/** Data over connections: writing, reading, pausing, and counting. */
import { once } from 'node:events'
import type { Socket } from 'node:net'
import { pipeline } from 'node:stream/promises'
import { type Cases, event, SOCKET_EVENTS, tick, wait, watch } from '../behaviour.ts'
import { listening, pair } from './net-opening.ts'

/** Collects until the end of the stream. */
async function all(socket: Socket): Promise<Buffer> {
  const parts: Buffer[] = []
  for await (const part of socket) parts.push(part as Buffer)
  return Buffer.concat(parts)
}

const MEGABYTE = 1_048_576

export const data: Cases = {
  async 'several writes in one go are read in one go'(on) {
    const { client, accepted } = await pair(on)
    watch(on, 'accepted', accepted, ['data', 'error'])
    for (let round = 0; round < 3; round++) {
      for (const letter of 'abcd') client.write(letter)
      await wait(10)
    }
    client.write('e')
    client.write('f')
    client.resetAndDestroy()
    await event(accepted, 'close')
  },
  async 'write: every kind of chunk and encoding'(on) {
    const { client, accepted } = await pair(on)
    const received = all(accepted)
    const chunks: [unknown, BufferEncoding?][] = [
      ['utf8 ä€'],
      ['latin1 ä', 'latin1'],
      ['ascii', 'ascii'],
      ['68656c6c6f', 'hex'],
      ['aGVsbG8=', 'base64'],
      ['ucs2', 'ucs2'],
      [Buffer.from('buffer')],
      [new Uint8Array([1, 2, 3])],
    ]
    for (const [chunk, encoding] of chunks)
      client.write(chunk as string, encoding, (error) => on.log('written', error ?? 'ok'))
    client.end('end')
    on.log((await received).toString('hex'))
    on.log(client.bytesWritten, accepted.bytesRead)
  },
  async 'write: wrong chunks throw'(on) {
    const { client } = await pair(on)
    client.on('error', (error) => on.log('event', error))
    for (const chunk of [null, undefined, 1, {}, true]) {
      try {
        on.log(client.write(chunk as never))
      } catch (error) {
        on.log(error)
      }
    }
    await tick()
  },
  async 'write: order of callbacks, ticks and events'(on) {
    const { client, accepted } = await pair(on)
    accepted.resume()
    watch(on, 'client', client, SOCKET_EVENTS)
    client.write('a', () => on.log('a written'))
    on.log('after a')
    process.nextTick(() => on.log('tick'))
    client.write('b', () => on.log('b written'))
    Promise.resolve().then(() => on.log('promise'))
    client.end('c', () => on.log('end callback'))
    on.log('after end', client.writableEnded, client.writableFinished)
    await event(client, 'close')
    on.log(client.writableFinished)
  },
  async 'write: corked chunks go as one'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('data', (data) => on.log('data', data))
    client.cork()
    client.write('one ')
    client.write('two ')
    client.write(Buffer.from('three'))
    on.log(client.writableCorked, client.writableLength)
    client.uncork()
    on.log(client.writableLength, client.bytesWritten)
    await wait(30)
  },
  async 'write: after end'(on) {
    const { client, accepted } = await pair(on)
    accepted.resume()
    watch(on, 'client', client, SOCKET_EVENTS)
    client.end('last')
    client.write('too late', (error) => on.log('callback', error))
    await event(client, 'close')
  },
  async 'write: after destroy'(on) {
    const { client } = await pair(on)
    watch(on, 'client', client, SOCKET_EVENTS)
    client.destroy()
    on.log(client.write('x', (error) => on.log('callback', error)))
    await event(client, 'close')
    on.log(client.write('y', (error) => on.log('callback', error)))
    await tick()
  },
  async 'write: return value and drain'(on) {
    const { client, accepted } = await pair(on)
    watch(on, 'client', client, ['drain'])
    const chunk = Buffer.alloc(16 * MEGABYTE, 1)
    on.log(client.write(chunk), client.writableNeedDrain, client.writableLength)
    await wait(50)
    on.log('no drain yet', client.writableLength > 0)
    accepted.resume()
    await event(client, 'drain')
    on.log(client.writableLength, client.bytesWritten)
  },
  async 'write: 100 MB with back-pressure through a pipe'(on) {
    const size = 100 * MEGABYTE
    const { client, accepted } = await pair(on)
    let sum = 0
    let longest = 0
    accepted.on('data', (data: Buffer) => {
      sum += data.length
      longest = Math.max(longest, data.length)
      if (sum % 7 === 0) {
        accepted.pause()
        setImmediate(() => accepted.resume())
      }
    })
    const ended = event(accepted, 'end')
    let largest = 0
    await pipeline(async function* () {
      const chunk = Buffer.alloc(65_536, 7)
      for (let sent = 0; sent < size; sent += chunk.length) {
        largest = Math.max(largest, client.writableLength)
        yield chunk
      }
    }, client)
    await ended
    on.log(sum === size, longest <= 65_536, largest <= 131_072)
  },
  async 'read: pause and resume'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('data', (data) => {
      on.log('data', data)
      accepted.pause()
      setTimeout(() => {
        on.log('resume')
        accepted.resume()
      }, 10)
    })
    accepted.on('end', () => on.log('end'))
    client.write('one')
    await wait(5)
    client.write('two')
    await wait(20)
    client.end('three')
    await event(accepted, 'close')
  },
  async 'read: readable and read()'(on) {
    const { client, accepted } = await pair(on)
    const parts: string[] = []
    accepted.on('readable', () => {
      for (let part = accepted.read(2); part !== null; part = accepted.read(2)) parts.push(String(part))
      const rest = accepted.read()
      if (rest !== null) parts.push(String(rest))
    })
    client.end('abcde')
    await event(accepted, 'end')
    on.log(parts.join(''))
  },
  async 'read: setEncoding across chunks'(on) {
    const { client, accepted } = await pair(on)
    accepted.setEncoding('utf8')
    let text = ''
    accepted.on('data', (data: string) => {
      text += data
    })
    const bytes = Buffer.from('€€€')
    client.write(bytes.subarray(0, 4))
    await wait(10)
    client.end(bytes.subarray(4))
    await event(accepted, 'end')
    on.log(text)
  },
  async 'read: async iteration'(on) {
    const { client, accepted } = await pair(on)
    client.write('hello ')
    setTimeout(() => client.end('world'), 5)
    on.log(await all(accepted))
  },
  async 'read: what was there before the listener'(on) {
    const { client, accepted } = await pair(on)
    client.end('early')
    await wait(20)
    on.log(accepted.bytesRead, accepted.readableLength, accepted.readableEnded)
    on.log(await all(accepted))
    on.log(accepted.bytesRead)
  },
  async 'read: onread with a buffer of its own'(on) {
    const { port } = await listening(on, (socket) => socket.end('0123456789'))
    const buffer = Buffer.alloc(4)
    const client = on.track(
      on.net.connect({
        port,
        host: '127.0.0.1',
        onread: {
          buffer,
          callback(count: number, own: Uint8Array) {
            on.log('onread', count, own === buffer, Buffer.from(own.subarray(0, count)))
            return true
          },
        },
      }),
    )
    watch(on, 'client', client, SOCKET_EVENTS)
    await event(client, 'close')
    on.log(client.bytesRead)
  },
  async 'read: onread that makes buffers and pauses'(on) {
    const { port } = await listening(on, (socket) => socket.end('0123456789'))
    let made = 0
    const client = on.track(
      on.net.connect({
        port,
        host: '127.0.0.1',
        onread: {
          buffer: () => {
            made++
            return Buffer.alloc(4)
          },
          callback(count: number, own: Uint8Array) {
            on.log('onread', count, Buffer.from(own.subarray(0, count)))
            setTimeout(() => client.resume(), 5)
            return false
          },
        },
      }),
    )
    await event(client, 'close')
    on.log(made)
  },
  async 'read: a handler that throws is an uncaught exception'(on) {
    const { client, accepted } = await pair(on)
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => on.log('uncaught', error))
    try {
      accepted.once('data', () => {
        throw new Error('of the handler')
      })
      client.write('one')
      await wait(20)
      accepted.on('data', (data) => on.log('data', data))
      client.write('two', () => {
        throw new Error('of the callback')
      })
      await wait(20)
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  },
  async 'echo: many connections at once'(on) {
    const { port } = await listening(on, (socket) => socket.pipe(socket))
    const clients = Array.from({ length: 200 }, () => on.track(on.net.connect(port, '127.0.0.1')))
    const answers = await Promise.all(
      clients.map(async (client, i) => {
        client.end(`client ${i}`)
        return String(await all(client)) === `client ${i}`
      }),
    )
    on.log(answers.filter(Boolean).length)
  },
  async 'ping-pong keeps its order'(on) {
    const { client, accepted } = await pair(on)
    accepted.on('data', (data) => accepted.write(data))
    for (let i = 0; i < 50; i++) {
      client.write(`${i}`)
      const [answer] = await once(client, 'data')
      if (String(answer) !== `${i}`) on.log('wrong', i, answer)
    }
    on.log('done', client.bytesRead, client.bytesWritten)
  },
  async 'bufferSize, writableLength and bytesWritten while it waits'(on) {
    const { client, accepted } = await pair(on)
    client.write(Buffer.alloc(8 * MEGABYTE))
    client.write('abc')
    on.log(client.bytesWritten, client.writableLength, client.bufferSize)
    accepted.resume()
    await event(client, 'drain')
    on.log(client.bytesWritten, client.writableLength, client.bufferSize)
  },
}
