/** `dgram`. */
import type { RemoteInfo, Socket } from 'node:dgram'
import { attempt, type Cases, event, type Surroundings, tick, wait, watch } from '../behaviour.ts'

const EVENTS = ['listening', 'connect', 'error', 'close'] as const

async function bound(on: Surroundings, address = '127.0.0.1'): Promise<Socket> {
  const socket = on.track(on.dgram.createSocket('udp4'))
  socket.bind(0, address)
  await event(socket, 'listening')
  return socket
}

export const datagrams: Cases = {
  async 'bind: order of events and address()'(on) {
    const socket = on.track(on.dgram.createSocket('udp4'))
    watch(on, 'socket', socket, EVENTS)
    attempt(on, () => socket.address())
    on.log(socket.bind(0, '127.0.0.1', () => on.log('callback')) === socket)
    await event(socket, 'listening')
    const { address, family, port } = socket.address()
    on.log(address, family, port > 0)
    socket.close(() => on.log('close callback'))
    await event(socket, 'close')
    attempt(on, () => socket.address())
    attempt(on, () => socket.close())
  },
  async 'bind: all ways of calling it'(on) {
    const ways: unknown[][] = [
      [],
      [0],
      [{ port: 0 }],
      [{ port: 0, address: '127.0.0.1', exclusive: true }],
      [0, '0.0.0.0'],
      [0, 'localhost'],
    ]
    for (const way of ways) {
      const socket = on.track(on.dgram.createSocket('udp4'))
      ;(socket.bind as (...words: unknown[]) => void).apply(socket, way)
      await event(socket, 'listening')
      on.log(socket.address().address)
      socket.close()
    }
  },
  async 'bind: twice throws, a taken port is an error event'(on) {
    const first = await bound(on)
    attempt(on, () => first.bind(0))
    const second = on.track(on.dgram.createSocket('udp4'))
    watch(on, 'second', second, EVENTS)
    second.bind(first.address().port, '127.0.0.1')
    await event(second, 'error')
  },
  async 'bind: reuseAddr shares a port'(on) {
    const first = on.track(on.dgram.createSocket({ type: 'udp4', reuseAddr: true }))
    first.bind(0, '127.0.0.1')
    await event(first, 'listening')
    const second = on.track(on.dgram.createSocket({ type: 'udp4', reuseAddr: true }))
    second.bind(first.address().port, '127.0.0.1')
    await event(second, 'listening')
    on.log('both')
  },
  async 'bind: an address that is not ours'(on) {
    const socket = on.track(on.dgram.createSocket('udp4'))
    socket.bind(0, '203.0.113.7')
    on.log(await event(socket, 'error'))
  },
  async 'createSocket: wrong arguments'(on) {
    for (const way of [
      undefined,
      'udp5',
      {},
      { type: 'udp4', lookup: 1 },
      { type: 'udp4', recvBufferSize: -1 },
      null,
    ]) {
      attempt(on, () => on.track(on.dgram.createSocket(way as never)))
    }
    on.log(on.dgram.createSocket('udp4') instanceof on.dgram.Socket, Object.keys(on.dgram).sort())
  },
  async 'send: every form'(on) {
    const receiver = await bound(on)
    const { port } = receiver.address()
    const sender = await bound(on)
    receiver.on('message', (message: Buffer, from: RemoteInfo) => {
      on.log(message, from.address, from.family, from.port === sender.address().port, from.size)
    })
    const done = (error: Error | null, bytes: number) => on.log('sent', error, bytes)
    sender.send('text', port, '127.0.0.1', done)
    sender.send(Buffer.from('buffer'), port, '127.0.0.1', done)
    sender.send(Buffer.from('0123456789'), 2, 3, port, '127.0.0.1', done)
    sender.send([Buffer.from('several '), 'parts'] as never, port, '127.0.0.1', done)
    sender.send(new Uint8Array([65, 66]), port, '127.0.0.1', done)
    sender.send(new DataView(new ArrayBuffer(2)) as never, port, '127.0.0.1', done)
    sender.send('', port, '127.0.0.1', done)
    sender.send('no callback', port, '127.0.0.1')
    await wait(30)
  },
  async 'send: binds by itself'(on) {
    const receiver = await bound(on)
    const sender = on.track(on.dgram.createSocket('udp4'))
    watch(on, 'sender', sender, EVENTS)
    sender.send('x', receiver.address().port)
    on.log(await event(receiver, 'message'))
    on.log(sender.address().address)
  },
  async 'send: wrong arguments'(on) {
    const socket = await bound(on)
    const send = socket.send.bind(socket) as (...words: unknown[]) => void
    for (const way of [
      [],
      ['x'],
      ['x', 0],
      ['x', 65_536],
      ['x', -1],
      ['x', 1, 1],
      [1, 1],
      [['x', 1], 1],
      [Buffer.from('x'), 5, 1, 1],
      [Buffer.from('x'), 0, 5, 1],
      [Buffer.alloc(1), -1, 1, 1],
    ]) {
      attempt(on, () => send(...way))
    }
  },
  async 'send: too long'(on) {
    const socket = await bound(on)
    socket.send(Buffer.alloc(65_508), socket.address().port, '127.0.0.1', (error) => on.log(error))
    await wait(10)
    socket.on('message', (message) => on.log('message', message.length))
    socket.send(Buffer.alloc(60_000), socket.address().port, '127.0.0.1', (error, bytes) => on.log(error, bytes))
    await wait(20)
  },
  async 'send: without a way, and to broadcast without permission'(on) {
    const socket = await bound(on, '0.0.0.0')
    socket.send('x', 7, '255.255.255.255', (error) => on.log(error))
    await wait(10)
    socket.setBroadcast(true)
    on.log('permitted')
  },
  async 'send: after close'(on) {
    const socket = await bound(on)
    socket.close()
    attempt(on, () => socket.send('x', 7, '127.0.0.1'))
    await tick()
  },
  async 'send: a lookup that fails'(on) {
    const lookup = (_name: string, _family: unknown, callback: (error: Error) => void) =>
      callback(new Error('no such name'))
    const socket = on.track(on.dgram.createSocket({ type: 'udp4', lookup: lookup as never }))
    socket.on('error', (error) => on.log('event', error))
    socket.send('x', 7, 'nowhere', (error) => on.log('callback', error))
    await wait(10)
  },
  async 'connect: order, peer, send'(on) {
    const receiver = await bound(on)
    const socket = on.track(on.dgram.createSocket('udp4'))
    watch(on, 'socket', socket, EVENTS)
    attempt(on, () => socket.remoteAddress())
    attempt(on, () => socket.disconnect())
    socket.connect(receiver.address().port, '127.0.0.1', () => on.log('callback'))
    await event(socket, 'connect')
    on.log(socket.remoteAddress().address, socket.remoteAddress().family, socket.address().address)
    attempt(on, () => socket.connect(7))
    attempt(on, () => socket.send('x', 7, '127.0.0.1'))
    socket.send('hello', (error, bytes) => on.log('sent', error, bytes))
    on.log(await event(receiver, 'message'))
    receiver.send('back', socket.address().port, '127.0.0.1')
    on.log(await event(socket, 'message'))
    socket.disconnect()
    attempt(on, () => socket.remoteAddress())
    attempt(on, () => socket.send('x'))
    on.log(socket.address().address, socket.address().port)
    socket.send('again', receiver.address().port, '127.0.0.1')
    on.log(await event(receiver, 'message'))
    on.log(socket.address().address, socket.address().port > 0)
    const stranger = await bound(on)
    stranger.send('stranger', socket.address().port, '127.0.0.1')
    on.log(await event(socket, 'message'))
  },
  async 'connect: hears only its peer'(on) {
    const peer = await bound(on)
    const stranger = await bound(on)
    const socket = await bound(on)
    socket.connect(peer.address().port, '127.0.0.1')
    await event(socket, 'connect')
    socket.on('message', (message) => on.log(message))
    stranger.send('stranger', socket.address().port, '127.0.0.1')
    peer.send('peer', socket.address().port, '127.0.0.1')
    await wait(20)
  },
  async 'connect: nobody there is ECONNREFUSED'(on) {
    const gone = await bound(on)
    const { port } = gone.address()
    gone.close()
    await event(gone, 'close')
    const socket = await bound(on)
    socket.connect(port, '127.0.0.1')
    await event(socket, 'connect')
    const failed = event(socket, 'error')
    socket.send('anybody?')
    on.log(await failed)
  },
  async 'many in a row keep their order'(on) {
    const receiver = await bound(on)
    const sender = await bound(on)
    const seen: number[] = []
    const all = new Promise<void>((resolve) => {
      receiver.on('message', (message) => {
        if (seen.push(Number(message)) === 100) resolve()
      })
    })
    for (let i = 0; i < 100; i++) sender.send(String(i), receiver.address().port, '127.0.0.1')
    await all
    on.log(
      seen.length,
      seen.every((value, i) => value === i),
    )
  },
  async 'options: before and after bind'(on) {
    const socket = on.track(on.dgram.createSocket('udp4'))
    const options: [string, ...unknown[]][] = [
      ['setBroadcast', true],
      ['setTTL', 64],
      ['setTTL', 0],
      ['setTTL', 256],
      ['setTTL', 'x'],
      ['setMulticastTTL', 1],
      ['setMulticastTTL', 256],
      ['setMulticastLoopback', true],
      ['setRecvBufferSize', 5000],
      ['setSendBufferSize', 5000],
      ['getRecvBufferSize'],
      ['getSendBufferSize'],
      ['getSendQueueSize'],
      ['getSendQueueCount'],
      ['ref'],
      ['unref'],
    ]
    const all = () => {
      for (const [name, ...words] of options) {
        on.log(name, ...words)
        attempt(on, () => (socket as unknown as Record<string, (...words: unknown[]) => unknown>)[name](...words))
      }
    }
    all()
    socket.bind(0, '127.0.0.1')
    await event(socket, 'listening')
    socket.ref()
    all()
    on.log(socket.getRecvBufferSize(), socket.getSendBufferSize())
    socket.setRecvBufferSize(8192)
    on.log(socket.getRecvBufferSize())
  },
  async 'options: buffer sizes from the beginning'(on) {
    const socket = on.track(on.dgram.createSocket({ type: 'udp4', recvBufferSize: 10_000, sendBufferSize: 12_000 }))
    socket.bind(0, '127.0.0.1')
    await event(socket, 'listening')
    on.log(socket.getRecvBufferSize(), socket.getSendBufferSize())
  },
  async 'signal closes'(on) {
    const controller = new AbortController()
    const socket = on.track(on.dgram.createSocket({ type: 'udp4', signal: controller.signal }))
    socket.bind(0, '127.0.0.1')
    await event(socket, 'listening')
    controller.abort()
    await event(socket, 'close')
    on.log('closed')
  },
  async 'a handler that throws is an uncaught exception'(on) {
    const receiver = await bound(on)
    const listeners = process.listeners('uncaughtException')
    process.removeAllListeners('uncaughtException')
    process.on('uncaughtException', (error) => on.log('uncaught', error))
    try {
      receiver.on('message', (message) => {
        on.log(message)
        throw new Error('of the handler')
      })
      const sender = await bound(on)
      sender.send('one', receiver.address().port, '127.0.0.1')
      sender.send('two', receiver.address().port, '127.0.0.1')
      await wait(20)
    } finally {
      process.removeAllListeners('uncaughtException')
      for (const listener of listeners) process.on('uncaughtException', listener)
    }
  },
}
