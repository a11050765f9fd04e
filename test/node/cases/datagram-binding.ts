/** `dgram`: where sockets are bound and connected, how they share ports, how they end. */
import type { RemoteInfo, Socket } from 'node:dgram'
import { attempt, type Cases, event, events, type Surroundings, tick, wait, watch } from '../behaviour.ts'

const EVENTS = ['listening', 'connect', 'error', 'close'] as const

/** A socket that is bound, if it can be. */
async function bound(on: Surroundings, options: object, ...way: unknown[]): Promise<Socket> {
  const socket = on.track(on.dgram.createSocket(options as never))
  const failed = new Promise((resolve) => socket.once('error', resolve))
  ;(socket.bind as (...words: unknown[]) => void).apply(socket, way)
  const outcome = await Promise.race([event(socket, 'listening'), failed])
  if (outcome instanceof Error) on.log(outcome)
  return socket
}

/** Whatever comes, from whom. */
function hear(on: Surroundings, who: string, socket: Socket): void {
  socket.on('message', (message, { address, family, size }) => on.log(who, message, address, family, size))
}

export const datagramBinding: Cases = {
  async 'udp6: bind, address(), send to ::1 and back'(on) {
    const receiver = await bound(on, { type: 'udp6' }, 0, '::1')
    on.log(receiver.address().address, receiver.address().family)
    const sender = on.track(on.dgram.createSocket('udp6'))
    watch(on, 'sender', sender, EVENTS)
    sender.send('to loopback', receiver.address().port)
    const [message, from] = await new Promise<[Buffer, RemoteInfo]>((resolve) =>
      receiver.once('message', (...words) => resolve(words)),
    )
    on.log(message, from.address, from.family, from.size)
    on.log(sender.address().address, sender.address().family)
    receiver.send('back', from.port, from.address)
    on.log(await event(sender, 'message'))
  },
  async 'udp6: the wildcard hears both families'(on) {
    const receiver = await bound(on, { type: 'udp6' })
    on.log(receiver.address().address)
    hear(on, 'both', receiver)
    const { port } = receiver.address()
    const four = await bound(on, { type: 'udp4' })
    const six = await bound(on, { type: 'udp6' })
    four.send('of four', port, '127.0.0.1')
    await event(receiver, 'message')
    six.send('of six', port, '::1')
    await event(receiver, 'message')
    six.send('mapped', port, '::ffff:127.0.0.1', (error, bytes) => on.log(error, bytes))
    await event(receiver, 'message')
    receiver.send('answer', four.address().port, '::ffff:127.0.0.1')
    hear(on, 'four', four)
    await event(four, 'message')
  },
  async 'udp6: ipv6Only'(on) {
    const receiver = await bound(on, { type: 'udp6', ipv6Only: true })
    hear(on, 'only', receiver)
    const { port } = receiver.address()
    const four = await bound(on, { type: 'udp4' }, port)
    hear(on, 'four', four)
    const sender = await bound(on, { type: 'udp4' })
    sender.send('of four', port, '127.0.0.1')
    await event(four, 'message')
    const six = await bound(on, { type: 'udp6' })
    six.send('of six', port, '::1')
    await event(receiver, 'message')
    receiver.send('mapped', port, '::ffff:127.0.0.1', (error, bytes) => on.log(error, bytes))
    await wait(10)
  },
  async 'udp6: the wildcard takes the port of both families'(on) {
    const first = await bound(on, { type: 'udp6' })
    const { port } = first.address()
    await bound(on, { type: 'udp4' }, port)
    await bound(on, { type: 'udp4' }, port, '127.0.0.1')
    await bound(on, { type: 'udp6', ipv6Only: true }, port)
    await bound(on, { type: 'udp6' }, port, '::1')
    const four = await bound(on, { type: 'udp4' })
    await bound(on, { type: 'udp6' }, four.address().port)
    await bound(on, { type: 'udp6', ipv6Only: true }, four.address().port)
  },
  async 'an address of the other family'(on) {
    await bound(on, { type: 'udp4' }, 0, '::1')
    await bound(on, { type: 'udp6' }, 0, '127.0.0.1')
    await bound(on, { type: 'udp6' }, 0, '::ffff:127.0.0.1')
    const four = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const six = await bound(on, { type: 'udp6' }, 0, '::1')
    four.send('x', 7, '::1', (error) => on.log('four', error))
    six.send('x', 7, '127.0.0.1', (error) => on.log('six', error))
    await wait(10)
    six.send('x', 7, '::ffff:127.0.0.1', (error) => on.log('six to mapped', error))
    await wait(10)
    four.connect(7, '::1', (error?: Error) => on.log('connect', error))
    await wait(10)
  },
  async 'bind: the callback is called once, and not after an error'(on) {
    const taken = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const { port } = taken.address()
    const socket = on.track(on.dgram.createSocket('udp4'))
    socket.on('error', (error) => on.log('error', error))
    socket.bind(port, '127.0.0.1', () => on.log('callback of the first'))
    await event(socket, 'error')
    on.log('listeners', socket.listenerCount('listening'))
    socket.bind(0, '127.0.0.1', () => on.log('callback of the second'))
    await event(socket, 'listening')
    on.log('listeners', socket.listenerCount('listening'))
  },
  async 'bind: nothing of it happens in the call'(on) {
    const socket = on.track(on.dgram.createSocket('udp4'))
    watch(on, 'socket', socket, EVENTS)
    socket.bind(0, '127.0.0.1')
    on.log('called')
    attempt(on, () => socket.address())
    process.nextTick(() => on.log('tick'))
    Promise.resolve().then(() => on.log('promise'))
    await event(socket, 'listening')
    on.log('listening')
  },
  async 'bind: ports that are none'(on) {
    for (const port of [-1, 65_536, 65_536.5, 'x', null, undefined, '', Number.NaN]) {
      const socket = on.track(on.dgram.createSocket('udp4'))
      socket.on('error', (error) => on.log('event', String(port), error))
      socket.on('listening', () => on.log('listening', String(port), socket.address().address))
      attempt(on, () => (socket.bind as (...words: unknown[]) => void)(port, '127.0.0.1') ?? 'bound')
      await wait(2)
    }
  },
  async 'bind: addresses that are none'(on) {
    for (const address of [1, true, {}]) {
      const socket = on.track(on.dgram.createSocket('udp4'))
      socket.on('error', (error) => on.log('event', (error as NodeJS.ErrnoException).code))
      socket.on('listening', () => on.log('listening', socket.address().address))
      attempt(on, () => (socket.bind as (...words: unknown[]) => void)(0, address) ?? 'bound')
      await wait(2)
    }
  },
  async 'bind: options'(on) {
    for (const options of [
      {},
      { port: 0 },
      { address: '127.0.0.1' },
      { address: '' },
      { port: 0, address: '127.0.0.1', exclusive: false },
      { port: 0, exclusive: true },
      { fd: -1 },
      { fd: 0 },
    ]) {
      const socket = await bound(on, { type: 'udp4' }, options)
      on.log(socket.address().address)
    }
  },
  async 'bind: a descriptor that is no datagram socket'(on) {
    const socket = on.track(on.dgram.createSocket('udp4'))
    attempt(on, () => socket.bind({ fd: 2 ** 20 }))
    attempt(on, () => socket.bind(0))
  },
  async 'bind: a name is looked up'(on) {
    const names: unknown[] = []
    const lookup = (
      name: string,
      family: unknown,
      callback: (error: null, address: string, family: number) => void,
    ) => {
      names.push([name, family])
      setImmediate(callback, null, '127.0.0.1', 4)
    }
    const socket = await bound(on, { type: 'udp4', lookup }, 0, 'somewhere')
    on.log(names, socket.address().address)
    socket.send('x', socket.address().port, 'elsewhere')
    await event(socket, 'message')
    socket.send('y', socket.address().port)
    await event(socket, 'message')
    on.log(names)
  },
  async 'bind: a name that is not found'(on) {
    const lookup = (name: string, _family: unknown, callback: (error: Error | null, address?: string) => void) => {
      const failure = name === 'nowhere' ? Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }) : null
      setImmediate(callback, failure, name)
    }
    const socket = on.track(on.dgram.createSocket({ type: 'udp4', lookup: lookup as never }))
    const failed = event(socket, 'error')
    socket.bind(0, 'nowhere')
    on.log(await failed)
    socket.bind(0, '127.0.0.1')
    await event(socket, 'listening')
    on.log(socket.address().address)
  },
  async 'close: during the lookup of bind'(on) {
    const lookup = (_name: string, _family: unknown, callback: (error: null, address: string) => void) =>
      setTimeout(callback, 5, null, '127.0.0.1')
    const socket = on.track(on.dgram.createSocket({ type: 'udp4', lookup: lookup as never }))
    watch(on, 'socket', socket, EVENTS)
    socket.bind(0, 'somewhere')
    socket.close()
    await event(socket, 'close')
    await wait(10)
  },
  async 'close: waits for bind, as what is sent before it'(on) {
    const receiver = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const socket = on.track(on.dgram.createSocket('udp4'))
    watch(on, 'socket', socket, EVENTS)
    socket.send('x', receiver.address().port, '127.0.0.1', (error, bytes) => on.log('sent', error, bytes))
    hear(on, 'receiver', receiver)
    on.log(socket.close(() => on.log('callback')) === socket)
    await event(socket, 'close')
    await wait(10)
  },
  async 'close: every call after it'(on) {
    const socket = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    socket.close()
    const calls: [string, ...unknown[]][] = [
      ['address'],
      ['remoteAddress'],
      ['bind', 0],
      ['close'],
      ['connect', 7],
      ['disconnect'],
      ['addMembership', '224.0.0.114'],
      ['dropMembership', '224.0.0.114'],
      ['addSourceSpecificMembership', '127.0.0.1', '232.1.1.1'],
      ['dropSourceSpecificMembership', '127.0.0.1', '232.1.1.1'],
      ['setMulticastInterface', '127.0.0.1'],
      ['send', 'x', 7],
      ['setBroadcast', true],
      ['setTTL', 1],
      ['setMulticastTTL', 1],
      ['setMulticastLoopback', true],
      ['getRecvBufferSize'],
      ['getSendQueueSize'],
    ]
    for (const [name, ...words] of calls) {
      on.log(name)
      attempt(on, () => (socket as unknown as Record<string, (...words: unknown[]) => unknown>)[name](...words))
    }
    on.log(socket.ref() === socket, socket.unref() === socket)
    await tick()
  },
  async 'close: nothing is heard afterwards'(on) {
    const receiver = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const sender = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    receiver.on('message', (message) => {
      on.log(message)
      receiver.close()
    })
    for (const text of ['one', 'two', 'three']) sender.send(text, receiver.address().port, '127.0.0.1')
    await event(receiver, 'close')
    await wait(10)
  },
  async 'close: the port is free at once'(on) {
    const first = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const { port } = first.address()
    first.close()
    const second = await bound(on, { type: 'udp4' }, port, '127.0.0.1')
    on.log(second.address().port === port)
  },
  async 'Symbol.asyncDispose'(on) {
    const socket = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    watch(on, 'socket', socket, EVENTS)
    const dispose = () => (socket as unknown as Record<symbol, () => Promise<unknown>>)[Symbol.asyncDispose]()
    on.log('resolved', await dispose())
    on.log('again', await dispose())
    attempt(on, () => socket.address())
  },
  async 'signal: aborted before, wrong, and after the end'(on) {
    const aborted = on.dgram.createSocket({ type: 'udp4', signal: AbortSignal.abort() })
    watch(on, 'aborted', aborted, EVENTS)
    attempt(on, () => aborted.bind(0))
    await event(aborted, 'close')
    attempt(on, () => on.dgram.createSocket({ type: 'udp4', signal: {} as never }))
    const controller = new AbortController()
    const socket = on.dgram.createSocket({ type: 'udp4', signal: controller.signal })
    watch(on, 'socket', socket, EVENTS)
    socket.close()
    await event(socket, 'close')
    controller.abort()
    await tick()
  },
  async 'reuseAddr: both must have it'(on) {
    const first = await bound(on, { type: 'udp4', reuseAddr: true }, 0, '127.0.0.1')
    const { port } = first.address()
    await bound(on, { type: 'udp4' }, port, '127.0.0.1')
    const second = await bound(on, { type: 'udp4', reuseAddr: true }, port, '127.0.0.1')
    on.log(second.address().port === port)
    hear(on, 'first', first)
    hear(on, 'second', second)
    const sender = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    sender.send('to the latest', port, '127.0.0.1')
    await event(second, 'message')
    second.close()
    sender.send('to who is left', port, '127.0.0.1')
    await event(first, 'message')
  },
  async 'one port of several addresses'(on) {
    const one = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const { port } = one.address()
    const other = await bound(on, { type: 'udp4' }, port, '127.0.0.2')
    hear(on, 'one', one)
    hear(on, 'other', other)
    one.send('x', port, '127.0.0.2')
    await event(other, 'message')
    other.send('y', port, '127.0.0.1')
    await event(one, 'message')
    await bound(on, { type: 'udp4' }, port)
  },
  async 'messages come while they are awaited, in the order of sending'(on) {
    const receiver = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const sender = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    receiver.on('message', (message) => {
      on.log(message)
      process.nextTick(() => on.log('tick after', message))
      Promise.resolve().then(() => on.log('promise after', message))
    })
    const three = events(receiver, 'message', 3)
    for (const text of ['a', 'b', 'c']) sender.send(text, receiver.address().port, '127.0.0.1')
    await three
    await tick()
  },
  async 'the callback of createSocket hears messages, as `this` the socket'(on) {
    let done: () => void
    const heard = new Promise<void>((resolve) => {
      done = resolve
    })
    const socket = on.track(
      on.dgram.createSocket({ type: 'udp4' }, function (this: Socket, message) {
        on.log(message, this === socket)
        done()
      }),
    )
    on.log(socket.listenerCount('message'))
    socket.bind(0, '127.0.0.1')
    await event(socket, 'listening')
    socket.send('x', socket.address().port, '127.0.0.1')
    await heard
  },
  async 'connect: arguments'(on) {
    const socket = on.track(on.dgram.createSocket('udp4'))
    const connect = socket.connect.bind(socket) as (...words: unknown[]) => void
    for (const way of [[], [0], [-1], [65_536], ['x'], [null], [7, 1], [7, null], [7, {}]])
      attempt(on, () => connect(...way))
    watch(on, 'socket', socket, EVENTS)
    connect('7')
    attempt(on, () => connect(7))
    await event(socket, 'connect')
    on.log(socket.remoteAddress())
  },
  async 'connect: failures go to the callback, or else are events'(on) {
    const lookup = (_name: string, _family: unknown, callback: (error: Error) => void) =>
      callback(Object.assign(new Error('no such name'), { code: 'ENOTFOUND' }))
    const one = on.track(on.dgram.createSocket({ type: 'udp4', lookup: lookup as never }))
    watch(on, 'one', one, EVENTS)
    one.connect(7, 'nowhere', (error?: Error) => on.log('callback', error))
    await wait(5)
    const two = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    watch(on, 'two', two, EVENTS)
    two.connect(7, '255.255.255.255', (error?: Error) => on.log('callback', error))
    await wait(5)
    two.connect(7, '255.255.255.255')
    await event(two, 'error')
    two.connect(7, '127.0.0.1')
    await event(two, 'connect')
  },
  async 'connect: sends wait for it'(on) {
    const receiver = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    hear(on, 'receiver', receiver)
    const four = events(receiver, 'message', 4)
    const socket = on.track(on.dgram.createSocket('udp4'))
    watch(on, 'socket', socket, EVENTS)
    socket.connect(receiver.address().port, '127.0.0.1')
    attempt(on, () => socket.send('too soon', (error: Error | null) => on.log(error)))
    await event(socket, 'connect')
    const buffer = Buffer.from('0123456789')
    socket.send(buffer, 1, 4, (error, bytes) => on.log('slice', error, bytes))
    socket.send(buffer, 1, 4)
    socket.send([buffer, 'abc'] as never, (error, bytes) => on.log('list', error, bytes))
    socket.send([] as never, (error, bytes) => on.log('empty list', error, bytes))
    attempt(on, () => socket.send('x', 0, 1, 7))
    attempt(on, () => (socket.send as (...words: unknown[]) => void)('x', 0, 1, undefined, '127.0.0.1'))
    await four
  },
  async 'connect: ECONNREFUSED comes once for each'(on) {
    const gone = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const { port } = gone.address()
    gone.close()
    await event(gone, 'close')
    const socket = on.track(on.dgram.createSocket('udp4'))
    socket.connect(port, '127.0.0.1')
    await event(socket, 'connect')
    socket.on('error', (error) => on.log('event', error))
    for (let i = 0; i < 2; i++) {
      const refused = event(socket, 'error')
      socket.send('anybody?', (error) => on.log('sent', error))
      await refused
    }
    on.log(socket.remoteAddress().address)
    socket.disconnect()
    socket.send('anybody?', port, '127.0.0.1', (error) => on.log('sent', error))
    await wait(10)
  },
  async 'connect: over IPv6'(on) {
    const peer = await bound(on, { type: 'udp6' }, 0, '::1')
    const socket = on.track(on.dgram.createSocket('udp6'))
    socket.connect(peer.address().port)
    await event(socket, 'connect')
    on.log(socket.remoteAddress().address, socket.remoteAddress().family, socket.address().address)
    socket.send('six')
    on.log(await event(peer, 'message'))
    socket.disconnect()
    on.log(socket.address().address)
    socket.connect(peer.address().port, '::1')
    await event(socket, 'connect')
    on.log('again', socket.remoteAddress().address)
  },
  async 'connect: a bound port is kept'(on) {
    const peer = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const free = await bound(on, { type: 'udp4' }, 0, '127.0.0.1')
    const { port } = free.address()
    free.close()
    const socket = await bound(on, { type: 'udp4' }, port)
    socket.connect(peer.address().port, '127.0.0.1')
    await event(socket, 'connect')
    on.log(socket.address().address, socket.address().port === port)
    socket.disconnect()
    on.log(socket.address().address, socket.address().port === port)
  },
}
