/** `dgram`: what becomes of datagrams, one after the other. */
import { AsyncLocalStorage } from 'node:async_hooks'
import type { BindOptions, Socket, SocketOptions } from 'node:dgram'
import { subscribe, unsubscribe } from 'node:diagnostics_channel'
import { attempt, type Cases, event, type Surroundings, wait } from '../behaviour.ts'

async function bound(on: Surroundings, options: SocketOptions, where: BindOptions = {}): Promise<Socket> {
  const socket = on.track(on.dgram.createSocket(options))
  socket.bind(where)
  await event(socket, 'listening')
  return socket
}

/** A port that was there a moment ago. */
async function deadPort(on: Surroundings, options: SocketOptions): Promise<number> {
  const gone = await bound(on, options)
  const { port } = gone.address()
  gone.close()
  await event(gone, 'close')
  return port
}

export const datagramSending: Cases = {
  async 'what a connected socket sends to a port that nobody has: each second datagram knows of the first'(on) {
    for (const [type, address] of [
      ['udp4', '127.0.0.1'],
      ['udp6', '::1'],
      ['udp6', '::ffff:127.0.0.1'],
    ] as const) {
      const port = await deadPort(on, { type })
      const socket = on.track(on.dgram.createSocket(type))
      socket.connect(port, address)
      await event(socket, 'connect')
      socket.on('error', (error) => on.log('event', error.message.replace(/:\d+$/, '')))
      for (let i = 0; i < 5; i++)
        socket.send(String(i), (error, bytes) => on.log(i, error?.message.replace(/:\d+$/, ''), bytes))
      on.log('called')
      await wait(10)
      // Without a callback it is an event.
      for (let i = 0; i < 3; i++) socket.send(String(i))
      await wait(10)
      const there = await bound(on, { type }, { port, address: address === '::ffff:127.0.0.1' ? '::' : address })
      there.on('message', (message) => on.log('there', message))
      socket.send('now', (error) => on.log('now', error?.message))
      await event(there, 'message')
      there.close()
      socket.send('gone again', (error) => on.log('gone again', error?.message))
      await wait(10)
      socket.close()
    }
  },
  async 'callbacks never come from inside the call, and one may send the next'(on) {
    const socket = await bound(on, { type: 'udp4' })
    const { port } = socket.address()
    let left = 5
    let isInside = true
    socket.on('message', (message) => on.log('message', message))
    await new Promise<void>((resolve) => {
      const next = (): void => {
        isInside = true
        socket.send(String(left), port, '127.0.0.1', (error, bytes) => {
          on.log('sent', isInside, error, bytes)
          if (--left > 0) next()
          else resolve()
        })
        isInside = false
      }
      next()
    })
    await wait(10)
  },
  async 'what is sent before a close still goes, and says so'(on) {
    const receiver = await bound(on, { type: 'udp4' })
    receiver.on('message', (message) => on.log('message', message))
    const { port } = receiver.address()
    for (const [what, socket] of [
      ['bound', await bound(on, { type: 'udp4' })],
      ['not bound', on.track(on.dgram.createSocket('udp4'))],
    ] as const) {
      for (const number of [1, 2]) {
        socket.send(`${what} ${number}`, port, '127.0.0.1', (error, bytes) => on.log(what, number, error, bytes))
      }
      socket.on('close', () => on.log(what, 'close event'))
      await new Promise<void>((resolve) => {
        socket.close(() => {
          on.log(what, 'closed')
          resolve()
        })
        on.log(what, 'called')
      })
    }
    await wait(10)
  },
  async 'a close from a message, a callback and a listening'(on) {
    const sender = await bound(on, { type: 'udp4' })
    const first = await bound(on, { type: 'udp4' })
    first.on('message', (message) => {
      on.log('message', message)
      if (String(message) === '1') first.close()
    })
    for (let i = 0; i < 4; i++) sender.send(String(i), first.address().port, '127.0.0.1')
    await event(first, 'close')
    sender.send('x', 7, '127.0.0.1', () => {
      sender.close(() => on.log('closed in a callback'))
      attempt(on, () => sender.close())
      attempt(on, () => sender.send('x', 7, '127.0.0.1'))
    })
    await event(sender, 'close')
    const third = on.track(on.dgram.createSocket('udp4'))
    third.bind(0, () => third.close())
    third.on('listening', () => on.log('listening'))
    await event(third, 'close')
    attempt(on, () => third.address())
    attempt(on, () => third.bind())
    attempt(on, () => third.ref())
    attempt(on, () => third.getSendQueueSize())
  },
  async 'parts of buffers, views, lists and nothing at all'(on) {
    for (const type of ['udp4', 'udp6'] as const) {
      const receiver = await bound(on, { type })
      const { port } = receiver.address()
      receiver.on('message', (message, from) =>
        on.log('message', `[${message}]`, message.length, from.size, from.family),
      )
      const sender = on.track(on.dgram.createSocket(type))
      const bytes = Buffer.from('abcdefghij')
      const words = new Uint16Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + 10))
      const forms: unknown[][] = [
        [bytes, 2, 3, port],
        [bytes.subarray(4, 8), 1, 2, port],
        [new DataView(words.buffer, 2, 4), port],
        [words, port],
        [words.subarray(1, 3), 0, 4, port],
        [['a', bytes.subarray(1, 2), 'ü'], port],
        [[], port],
        ['', port],
        [Buffer.alloc(0), 0, 0, port],
        [bytes, 10, 0, port],
        ['text', port, null],
        ['text', port, undefined],
        ['text', port, ''],
        ['text', String(port)],
      ]
      for (const [index, form] of forms.entries()) {
        const heard = event(receiver, 'message')
        ;(sender.send as (...words: unknown[]) => void)(...form, (error: Error | null, count: number) => {
          on.log('sent', index, error, count)
        })
        await heard
        await wait(0)
      }
      for (const form of [
        [bytes, 11, 0, port],
        [bytes, 9, 2, port],
        [bytes, -1, 2, port],
        [bytes, 0, 2 ** 32, port],
        [[1], port],
        [['x', null], port],
        [bytes.buffer, port],
        ['x', port, 5],
        ['x', port, {}],
        ['x', 65_536],
        ['x', 0],
        ['x', -1],
        ['x', 'port'],
        [null, port],
        [],
      ]) {
        attempt(on, () => (sender.send as (...words: unknown[]) => void)(...form))
      }
    }
  },
  async 'a lookup of one’s own'(on) {
    const asked: unknown[] = []
    const lookup = (
      name: string,
      options: unknown,
      callback: (error: Error | null, address: string, family: number) => void,
    ) => {
      asked.push([name, typeof options, options])
      process.nextTick(callback, null, options === 6 ? '::1' : '127.0.0.1', 4)
    }
    for (const type of ['udp4', 'udp6'] as const) {
      const socket = on.track(on.dgram.createSocket({ type, lookup: lookup as never }))
      socket.bind(0, 'me.test')
      await event(socket, 'listening')
      on.log(socket.address().address)
      socket.on('message', (message) => on.log(message))
      const heard = event(socket, 'message')
      socket.send('x', socket.address().port, 'there.test', (error, bytes) => on.log(error, bytes))
      await heard
      const client = on.track(on.dgram.createSocket({ type, lookup: lookup as never }))
      client.connect(socket.address().port, 'peer.test')
      await event(client, 'connect')
      on.log(client.remoteAddress().address)
      on.log(asked.splice(0))
    }
    for (const wrong of [null, 1, 'x', {}])
      attempt(on, () => on.dgram.createSocket({ type: 'udp4', lookup: wrong as never }).close())
    const failing = on.track(
      on.dgram.createSocket({
        type: 'udp4',
        lookup: ((name: string, _options: unknown, callback: (error: Error | null, address?: string) => void) =>
          process.nextTick(callback, name === 'a.test' ? new Error('no such name') : null, name)) as never,
      }),
    )
    failing.on('error', (error) => on.log('error', error))
    await new Promise<void>((resolve) =>
      failing.send('x', 7, 'a.test', (error) => {
        on.log('send', error)
        resolve()
      }),
    )
    failing.send('x', 7, 'a.test')
    await event(failing, 'error')
    failing.connect(7, 'a.test', ((error?: Error) => on.log('connect', error)) as never)
    await wait(10)
  },
  async 'connected: what is refused, and what comes after a disconnect'(on) {
    const peer = await bound(on, { type: 'udp4' })
    const { port } = peer.address()
    peer.on('message', (message, from) => on.log('peer', message, from.address))
    const socket = on.track(on.dgram.createSocket('udp4'))
    attempt(on, () => socket.remoteAddress())
    attempt(on, () => socket.disconnect())
    socket.connect(port)
    attempt(on, () => socket.connect(port))
    attempt(on, () => socket.disconnect())
    attempt(on, () => socket.remoteAddress())
    await event(socket, 'connect')
    attempt(on, () => socket.connect(port))
    attempt(on, () => socket.send('x', port, '127.0.0.1'))
    attempt(on, () => socket.send('x', port))
    attempt(on, () => (socket.send as (...words: unknown[]) => void)('x', 0, 1, port))
    on.log(socket.remoteAddress().address, socket.remoteAddress().port === port)
    const heard = event(peer, 'message')
    socket.send(['a', 'b'], (error, bytes) => on.log('list', error, bytes))
    await heard
    socket.disconnect()
    attempt(on, () => socket.remoteAddress())
    attempt(on, () => socket.send('x'))
    const again = event(peer, 'message')
    socket.send('free', port, '127.0.0.1', (error, bytes) => on.log('free', error, bytes))
    await again
    socket.connect(port, '127.0.0.1', () => on.log('connected again'))
    await event(socket, 'connect')
    socket.close()
    attempt(on, () => socket.remoteAddress())
    attempt(on, () => socket.disconnect())
  },
  async 'asynchronous context: who is told of what'(on) {
    const storage = new AsyncLocalStorage<string>()
    const receiver = on.track(storage.run('receiver', () => on.dgram.createSocket('udp4')))
    storage.run('listener', () => receiver.on('message', () => on.log('message', storage.getStore())))
    await new Promise<void>((resolve) =>
      storage.run('binding', () =>
        receiver.bind(0, () => {
          on.log('bound', storage.getStore())
          resolve()
        }),
      ),
    )
    const sender = on.track(storage.run('sender', () => on.dgram.createSocket('udp4')))
    const heard = event(receiver, 'message')
    storage.run('sending', () =>
      sender.send('x', receiver.address().port, '127.0.0.1', () => on.log('sent', storage.getStore())),
    )
    await heard
    await new Promise<void>((resolve) =>
      storage.run('closing', () =>
        sender.close(() => {
          on.log('closed', storage.getStore())
          resolve()
        }),
      ),
    )
  },
  async 'what a new socket tells diagnostics channels, and what its class is'(on) {
    const made: unknown[] = []
    const hear = (message: unknown) => made.push(message)
    subscribe('udp.socket', hear)
    try {
      const socket = on.track(on.dgram.createSocket('udp4'))
      const other = on.track(new (on.dgram.Socket as never as new (type: string) => Socket)('udp6'))
      on.log(
        made.length,
        made.every((each, index) => (each as { socket: unknown }).socket === [socket, other][index]),
      )
      on.log(socket instanceof on.dgram.Socket, socket.constructor.name, Object.keys(on.dgram).sort())
      on.log((other as Socket & { type: string }).type, socket.listenerCount('message'), socket.eventNames())
      on.log(socket.ref() === socket, socket.unref() === socket)
      on.log(socket.getSendQueueSize(), socket.getSendQueueCount())
    } finally {
      unsubscribe('udp.socket', hear)
    }
  },
  async 'as long as can be, and beyond'(on) {
    for (const [type, host] of [
      ['udp4', '127.0.0.1'],
      ['udp6', '::1'],
    ] as const) {
      const receiver = await bound(on, { type })
      const sender = await bound(on, { type })
      for (const length of [1472, 1473, 16_384, 65_507, 65_508, 65_527, 65_528, 70_000]) {
        const heard = Promise.race([event<Buffer>(receiver, 'message'), wait(50)])
        const error = await new Promise<Error | null>((resolve) =>
          sender.send(Buffer.alloc(length, length & 255), receiver.address().port, host, resolve),
        )
        const message = error === null ? await heard : undefined
        on.log(
          type,
          length,
          error,
          message?.length,
          message?.every((byte) => byte === (length & 255)),
        )
      }
    }
  },
}
