/** What one pass of the event loop tells and what the next: a socket hears nothing before the kernel was asked for it. */
import diagnostics from 'node:diagnostics_channel'
import type { Socket } from 'node:net'
import { type Case, type Cases, event, type Surroundings, wait } from '../behaviour.ts'
import { listening, pair } from './net-opening.ts'

function watchAll(on: Surroundings, who: string, socket: Socket): void {
  socket.on('data', (data: Buffer) => on.log(who, 'data', data))
  for (const name of ['connect', 'end', 'finish', 'close']) socket.on(name, () => on.log(who, name))
  socket.on('error', (error: NodeJS.ErrnoException) => on.log(who, 'error', error.code, error.syscall))
}

/** A server that does something with a connection at once, and what comes before and behind it at both ends. */
function atOnce(act: (socket: Socket) => unknown): Case {
  return async (on) => {
    const { port } = await listening(on, (socket) => {
      on.log('connection')
      socket.on('close', () => on.log('server close'))
      socket.on('error', () => {})
      act(socket)
      setImmediate(() => on.log('server immediate'))
    })
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    watchAll(on, 'client', client)
    client.on('connect', () => {
      setImmediate(() => on.log('client immediate'))
      process.nextTick(() => on.log('client tick'))
    })
    await event(client, 'close')
    await wait(2)
  }
}

export const loopPasses: Cases = {
  'a server that destroys': atOnce((socket) => socket.destroy()),
  'a server that destroys in a tick': atOnce((socket) => process.nextTick(() => socket.destroy())),
  'a server that destroys in a promise': atOnce((socket) => Promise.resolve().then(() => socket.destroy())),
  'a server that destroys with an error': atOnce((socket) => socket.destroy(new Error('own'))),
  'a server that ends': atOnce((socket) => socket.end()),
  'a server that ends with data': atOnce((socket) => socket.end('x')),
  'a server that writes, and ends in a tick': atOnce((socket) => {
    socket.write('x')
    process.nextTick(() => socket.end())
  }),
  'a server that writes, and destroys once that is sent': atOnce((socket) => {
    socket.write('x')
    socket.destroySoon()
  }),
  'a server that writes, and ends in an immediate': atOnce((socket) => {
    socket.write('x')
    setImmediate(() => socket.end('y'))
  }),
  async 'a write, and the end that answers an end'(on) {
    const { port } = await listening(on, (socket) => {
      socket.once('data', () => socket.end('bye'))
      watchAll(on, 'server', socket)
    })
    const client = on.track(on.net.connect(port, '127.0.0.1', () => client.write('first')))
    watchAll(on, 'client', client)
    client.on('data', () => client.write('second'))
    await event(client, 'close')
    await wait(2)
  },
  async 'an end in an immediate has finished before what has come meanwhile is read'(on) {
    const { client, accepted } = await pair(on)
    watchAll(on, 'client', client)
    watchAll(on, 'accepted', accepted)
    await new Promise<void>((resolve) =>
      setImmediate(() => {
        client.write('data')
        accepted.end(() => on.log('ended'))
        resolve()
      }),
    )
    await event(client, 'close')
    await wait(2)
  },
  async 'who is told something goes first in the next pass'(on) {
    const { client, accepted } = await pair(on)
    watchAll(on, 'client', client)
    watchAll(on, 'accepted', accepted)
    client.write('to accepted')
    accepted.once('data', () => accepted.write('to client'))
    client.once('data', () => {
      client.write('more')
      setImmediate(() => accepted.end())
    })
    await event(client, 'close')
    await wait(2)
  },
  async 'an end, and a destroy right behind it: what was not read makes a reset'(on) {
    const { client, accepted } = await pair(on)
    watchAll(on, 'accepted', accepted)
    client.pause()
    accepted.write('unread')
    await wait(5)
    client.end()
    client.destroy()
    await event(accepted, 'close')
  },
  async 'what one sends in its turn the other finds in its own'(on) {
    const { client, accepted } = await pair(on)
    watchAll(on, 'client', client)
    watchAll(on, 'accepted', accepted)
    client.once('data', () => client.write(' and more'))
    accepted.once('data', () => accepted.write(' and more'))
    await new Promise<void>((resolve) =>
      setImmediate(() => {
        client.write('one')
        accepted.write('two')
        setImmediate(resolve)
      }),
    )
    client.end()
    await event(client, 'close')
  },
  async 'a second write to a socket that is gone fails at once'(on) {
    const { client, accepted } = await pair(on)
    watchAll(on, 'client', client)
    accepted.destroy()
    client.write('1', (error) => on.log('first', error?.message))
    client.write('2', (error) => on.log('second', error?.message))
    await event(client, 'close')
  },
  async 'a reset after the end of the other side is EPIPE for who writes'(on) {
    const { client, accepted } = await pair(on, { server: { allowHalfOpen: true } })
    watchAll(on, 'accepted', accepted)
    accepted.once('data', () => {
      accepted.write('x')
      accepted.write('y')
      client.destroySoon()
    })
    accepted.on('end', () => accepted.write(Buffer.alloc(40_000), (error) => on.log(error?.message)))
    client.pause()
    client.write('question')
    await event(accepted, 'close')
  },
  async 'an end after a reset ends in another pass'(on) {
    const { client, accepted } = await pair(on)
    watchAll(on, 'client', client)
    client.pause()
    accepted.resetAndDestroy()
    await event(accepted, 'close')
    client.end(() => on.log('ended'))
    on.log('returned')
    await event(client, 'close')
  },
  async 'who listens on channels for diagnostics hears of sockets'(on) {
    const names = ['net.client.socket', 'net.server.socket', 'udp.socket']
    const hear = (message: unknown, name: string | symbol) => on.log(name, Object.keys(message as object))
    for (const name of names) diagnostics.subscribe(name, hear)
    try {
      await pair(on)
      on.track(on.dgram.createSocket('udp4'))
    } finally {
      for (const name of names) diagnostics.unsubscribe(name, hear)
    }
  },
}
