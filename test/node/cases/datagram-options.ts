/** `dgram`: options of sockets, and multicast over the loopback interface, which is the same on every machine. */
import type { RemoteInfo, Socket, SocketType } from 'node:dgram'
import { attempt, type Cases, event, events, type Surroundings, wait } from '../behaviour.ts'

const GROUP = '224.0.0.114'
const OTHER_GROUP = '224.0.0.115'
const SOURCE_GROUP = '232.1.1.114'
const GROUP6 = 'ff02::114'
const LOOPBACK6 = '::%lo'

async function bound(on: Surroundings, type: SocketType = 'udp4', port = 0, address?: string): Promise<Socket> {
  const socket = on.track(on.dgram.createSocket({ type, reuseAddr: true }))
  socket.bind(port, address)
  await event(socket, 'listening')
  return socket
}

/** One that sends to groups over the loopback interface. */
async function sending(on: Surroundings, type: SocketType = 'udp4'): Promise<Socket> {
  const socket = await bound(on, type)
  socket.setMulticastInterface(type === 'udp4' ? '127.0.0.1' : LOOPBACK6)
  return socket
}

function hear(on: Surroundings, who: string, socket: Socket): void {
  socket.on('message', (message, from) => on.log(who, message, from.address, from.family))
}

/** Calls of a socket by name, each with what comes of it. */
function callAll(on: Surroundings, socket: Socket, calls: readonly [string, ...unknown[]][]): void {
  for (const [name, ...words] of calls) {
    on.log(name, ...words)
    attempt(on, () => (socket as unknown as Record<string, (...words: unknown[]) => unknown>)[name](...words))
  }
}

const OPTIONS: readonly [string, ...unknown[]][] = [
  ['setBroadcast'],
  ['setBroadcast', 'yes'],
  ['setTTL', 1],
  ['setTTL', 255],
  ['setTTL', -1],
  ['setTTL', 1.5],
  ['setTTL', Number.NaN],
  ['setTTL'],
  ['setMulticastTTL', 0],
  ['setMulticastTTL', 255],
  ['setMulticastTTL', -1],
  ['setMulticastTTL', -2],
  ['setMulticastTTL', '1'],
  ['setMulticastTTL'],
  ['setMulticastLoopback', 0],
  ['setMulticastLoopback'],
  ['setMulticastInterface', '127.0.0.1'],
  ['setMulticastInterface', '0.0.0.0'],
  ['setMulticastInterface', '203.0.113.7'],
  ['setMulticastInterface', '224.0.0.1'],
  ['setMulticastInterface', '::%lo'],
  ['setMulticastInterface', '::'],
  ['setMulticastInterface', '::%nothing'],
  ['setMulticastInterface', 'x'],
  ['setMulticastInterface', ''],
  ['setMulticastInterface', 1],
  ['setMulticastInterface'],
  ['setRecvBufferSize'],
  ['setRecvBufferSize', 1],
  ['getRecvBufferSize'],
  ['setRecvBufferSize', 1.5],
  ['setRecvBufferSize', 'x'],
  ['setRecvBufferSize', 2 ** 31],
  ['setRecvBufferSize', 2 ** 32],
  ['setSendBufferSize', 1],
  ['getSendBufferSize'],
  ['setSendBufferSize', -1],
  ['setSendBufferSize', 2 ** 31],
]

const MEMBERSHIPS: readonly [string, ...unknown[]][] = [
  ['addMembership'],
  ['addMembership', ''],
  ['addMembership', 'x', '127.0.0.1'],
  ['addMembership', '127.0.0.1', '127.0.0.1'],
  ['addMembership', GROUP, '203.0.113.7'],
  ['addMembership', GROUP, 'x'],
  ['addMembership', GROUP, '::%lo'],
  ['addMembership', GROUP, '127.0.0.1'],
  ['addMembership', GROUP, '127.0.0.1'],
  ['addSourceSpecificMembership', '127.0.0.1', GROUP, '127.0.0.1'],
  ['dropSourceSpecificMembership', '127.0.0.1', GROUP, '127.0.0.1'],
  ['dropMembership'],
  ['dropMembership', GROUP, '203.0.113.7'],
  ['dropMembership', OTHER_GROUP, '127.0.0.1'],
  ['dropMembership', '127.0.0.1', '127.0.0.1'],
  ['dropMembership', 'x', '127.0.0.1'],
  ['dropMembership', GROUP, '127.0.0.1'],
  ['dropMembership', GROUP, '127.0.0.1'],
  ['addSourceSpecificMembership'],
  ['addSourceSpecificMembership', '127.0.0.1'],
  ['addSourceSpecificMembership', 1, SOURCE_GROUP],
  ['addSourceSpecificMembership', '127.0.0.1', 1],
  ['addSourceSpecificMembership', 'x', SOURCE_GROUP, '127.0.0.1'],
  ['addSourceSpecificMembership', '127.0.0.1', 'x', '127.0.0.1'],
  ['addSourceSpecificMembership', '127.0.0.1', '127.0.0.1', '127.0.0.1'],
  ['addSourceSpecificMembership', '::1', SOURCE_GROUP, '127.0.0.1'],
  ['addSourceSpecificMembership', '127.0.0.1', SOURCE_GROUP, '203.0.113.7'],
  ['addSourceSpecificMembership', '127.0.0.1', SOURCE_GROUP, '127.0.0.1'],
  ['addSourceSpecificMembership', '127.0.0.1', SOURCE_GROUP, '127.0.0.1'],
  ['addSourceSpecificMembership', '127.0.0.2', SOURCE_GROUP, '127.0.0.1'],
  ['addMembership', SOURCE_GROUP, '127.0.0.1'],
  ['dropSourceSpecificMembership', '127.0.0.3', SOURCE_GROUP, '127.0.0.1'],
  ['dropSourceSpecificMembership', '127.0.0.1', SOURCE_GROUP, '127.0.0.1'],
  ['dropSourceSpecificMembership', '127.0.0.1', SOURCE_GROUP, '127.0.0.1'],
  ['dropSourceSpecificMembership', '127.0.0.2', SOURCE_GROUP, '127.0.0.1'],
  ['dropSourceSpecificMembership', '127.0.0.2', SOURCE_GROUP, '127.0.0.1'],
  ['dropSourceSpecificMembership', 1, SOURCE_GROUP],
  ['dropSourceSpecificMembership', '127.0.0.1'],
  ['addMembership', GROUP6, LOOPBACK6],
]

const MEMBERSHIPS6: readonly [string, ...unknown[]][] = [
  ['addMembership', GROUP6, LOOPBACK6],
  ['addMembership', GROUP6, LOOPBACK6],
  ['addMembership', GROUP6, '127.0.0.1'],
  ['addMembership', GROUP6, 'x'],
  ['addMembership', '::1', LOOPBACK6],
  ['dropMembership', 'ff02::115', LOOPBACK6],
  ['dropMembership', '::1', LOOPBACK6],
  ['dropMembership', GROUP6, LOOPBACK6],
  ['dropMembership', GROUP6, LOOPBACK6],
  ['addSourceSpecificMembership', '::1', 'ff32::114', LOOPBACK6],
  ['addSourceSpecificMembership', '::1', 'ff32::114', LOOPBACK6],
  ['addSourceSpecificMembership', '127.0.0.1', 'ff32::114', LOOPBACK6],
  ['dropSourceSpecificMembership', '::1', 'ff32::114', LOOPBACK6],
  ['dropSourceSpecificMembership', '::1', 'ff32::114', LOOPBACK6],
]

export const datagramOptions: Cases = {
  async 'each option with each kind of value, bound'(on) {
    callAll(on, await bound(on), OPTIONS)
  },
  async 'each option with each kind of value, not bound'(on) {
    callAll(on, on.track(on.dgram.createSocket('udp4')), OPTIONS)
  },
  async 'each option with each kind of value, udp6'(on) {
    callAll(on, await bound(on, 'udp6'), OPTIONS)
  },
  async 'groups: what is refused, and what is the same twice'(on) {
    callAll(on, await bound(on), MEMBERSHIPS)
  },
  async 'groups: the same over IPv6'(on) {
    callAll(on, await bound(on, 'udp6'), MEMBERSHIPS6)
  },
  async 'groups: joining binds by itself'(on) {
    const socket = on.track(on.dgram.createSocket('udp4'))
    socket.addMembership(GROUP, '127.0.0.1')
    on.log(socket.address().address, socket.address().port > 0)
    socket.on('error', (error) => on.log(error))
    socket.on('listening', () => on.log('listening'))
    socket.bind(0, '127.0.0.1')
    await wait(10)
  },
  async 'multicast: to all that have joined'(on) {
    const one = await bound(on)
    const { port } = one.address()
    const two = await bound(on, 'udp4', port)
    one.addMembership(GROUP, '127.0.0.1')
    two.addMembership(GROUP, '127.0.0.1')
    const heard = Promise.all([event(one, 'message'), event(two, 'message')])
    hear(on, 'member', one)
    hear(on, 'member', two)
    const sender = await sending(on)
    sender.send('to the group', port, GROUP, (error, bytes) => on.log(error, bytes))
    await heard
    one.dropMembership(GROUP, '127.0.0.1')
    two.dropMembership(GROUP, '127.0.0.1')
    sender.send('to nobody', port, GROUP, (error, bytes) => on.log(error, bytes))
    await wait(10)
  },
  async 'multicast: a sender that hears itself'(on) {
    const socket = await bound(on)
    socket.setMulticastInterface('127.0.0.1')
    socket.addMembership(GROUP, '127.0.0.1')
    hear(on, 'itself', socket)
    socket.send('x', socket.address().port, GROUP)
    await event(socket, 'message')
  },
  async 'multicast: bound to the group'(on) {
    const member = await bound(on, 'udp4', 0, GROUP)
    on.log(member.address().address)
    const { port } = member.address()
    member.addMembership(GROUP, '127.0.0.1')
    member.addMembership(OTHER_GROUP, '127.0.0.1')
    hear(on, 'member', member)
    const sender = await sending(on)
    sender.send('to its host', port, '127.0.0.1')
    sender.send('to another group', port, OTHER_GROUP)
    sender.send('to its group', port, GROUP)
    await event(member, 'message')
    await wait(5)
    const answered = new Promise<RemoteInfo>((resolve) => sender.once('message', (_message, from) => resolve(from)))
    member.send('from a member', sender.address().port, '127.0.0.1')
    on.log((await answered).address)
  },
  async 'multicast: only from one source'(on) {
    const member = await bound(on)
    const { port } = member.address()
    member.addSourceSpecificMembership('127.0.0.2', SOURCE_GROUP, '127.0.0.1')
    hear(on, 'member', member)
    for (const source of ['127.0.0.1', '127.0.0.2']) {
      const sender = await bound(on, 'udp4', 0, source)
      sender.setMulticastInterface('127.0.0.1')
      sender.send(`of ${source}`, port, SOURCE_GROUP)
    }
    await event(member, 'message')
    await wait(5)
  },
  async 'multicast: of IPv4 over a socket of IPv6'(on) {
    const member = await bound(on, 'udp6')
    member.addMembership(GROUP, '127.0.0.1')
    hear(on, 'member', member)
    const sender = await bound(on, 'udp6')
    sender.setMulticastInterface('127.0.0.1')
    sender.send('mapped', member.address().port, `::ffff:${GROUP}`, (error, bytes) => on.log(error, bytes))
    await event(member, 'message')
    member.dropMembership(GROUP, '127.0.0.1')
  },
  async 'multicast: the source address chooses the interface'(on) {
    const member = await bound(on)
    member.addMembership(GROUP, '127.0.0.1')
    hear(on, 'member', member)
    const sender = await bound(on, 'udp4', 0, '127.0.0.1')
    sender.send('from the loopback', member.address().port, GROUP, (error, bytes) => on.log(error, bytes))
    await event(member, 'message')
  },
  async 'multicast: over the loopback interface without coming back, and with a TTL of 0'(on) {
    const member = await bound(on)
    member.addMembership(GROUP, '127.0.0.1')
    hear(on, 'member', member)
    const two = events(member, 'message', 2)
    const sender = await sending(on)
    sender.setMulticastLoopback(false)
    sender.send('one', member.address().port, GROUP)
    sender.setMulticastTTL(0)
    sender.send('two', member.address().port, GROUP)
    await two
  },
  async 'broadcast: over the loopback interface'(on) {
    const receiver = await bound(on)
    hear(on, 'receiver', receiver)
    const sender = await bound(on, 'udp4', 0, '127.0.0.1')
    const { port } = receiver.address()
    sender.send('forbidden', port, '255.255.255.255', (error) => on.log(error))
    await wait(5)
    sender.setBroadcast(true)
    sender.send('to all hosts', port, '255.255.255.255', (error, bytes) => on.log(error, bytes))
    await event(receiver, 'message')
    sender.setBroadcast(false)
    sender.send('forbidden again', port, '255.255.255.255', (error) => on.log(error))
    await wait(5)
  },
  async 'sizes of buffers as they are granted'(on) {
    const socket = await bound(on)
    for (const size of [1, 1000, 2304, 4608, 10_000, 100_000]) {
      socket.setRecvBufferSize(size)
      socket.setSendBufferSize(size)
      on.log(size, socket.getRecvBufferSize(), socket.getSendBufferSize())
    }
    on.log(socket.getSendQueueSize(), socket.getSendQueueCount())
  },
  async 'multicast: connected to a group'(on) {
    const member = await bound(on)
    member.addMembership(GROUP, '127.0.0.1')
    hear(on, 'member', member)
    const sender = await sending(on)
    sender.connect(member.address().port, GROUP)
    await event(sender, 'connect')
    on.log(sender.remoteAddress().address, sender.address().address)
    sender.send('x')
    await event(member, 'message')
  },
  async 'lists of addresses that are blocked'(on) {
    const blocked = new on.net.BlockList()
    blocked.addAddress('127.0.0.1')
    attempt(on, () => on.track(on.dgram.createSocket({ type: 'udp4', receiveBlockList: 1 } as never)))
    attempt(on, () => on.track(on.dgram.createSocket({ type: 'udp4', sendBlockList: 1 } as never)))
    const options = { type: 'udp4', receiveBlockList: blocked, sendBlockList: blocked }
    const socket = on.track(on.dgram.createSocket(options as never))
    socket.on('error', (error) => on.log('event', error))
    hear(on, 'blocking', socket)
    socket.bind(0)
    await event(socket, 'listening')
    const other = await bound(on)
    hear(on, 'other', other)
    const free = await bound(on, 'udp4', 0, '127.0.0.2')
    const { port } = socket.address()
    const marked = (receiver: Socket) =>
      new Promise<void>((resolve) => {
        receiver.on('message', (message) => {
          if (message.toString() === 'the last') resolve()
        })
      })
    const heard = Promise.all([marked(socket), marked(other)])
    other.send('to who blocks', port, '127.0.0.1', () => free.send('the last', port, '127.0.0.1'))
    socket.send('from who blocks', other.address().port, '127.0.0.1', (error) => {
      on.log('sent', error)
      socket.send('the last', other.address().port, '127.0.0.2', (failure) => on.log('sent', failure))
    })
    await heard
    socket.connect(7, '127.0.0.1', (error?: Error) => on.log('connected', error))
    await wait(5)
  },
  async 'reusePort: a port for several sockets'(on) {
    const sockets: Socket[] = []
    let port = 0
    let heard = 0
    let done: () => void
    const all = new Promise<void>((resolve) => {
      done = resolve
    })
    for (let i = 0; i < 2; i++) {
      const socket = on.track(on.dgram.createSocket({ type: 'udp4', reusePort: true } as never))
      socket.on('error', (error) => on.log(error))
      socket.bind(port, '127.0.0.1')
      await Promise.race([event(socket, 'listening'), event(socket, 'error')])
      sockets.push(socket)
      // Before Node 22.12 the option is none, and the second finds the port taken.
      if (port !== 0 && sockets.length === 2) on.log('second')
      port ||= socket.address().port
      socket.on('message', () => {
        if (++heard === 32) done()
      })
    }
    for (let i = 0; i < 32; i++) {
      const sender = on.track(on.dgram.createSocket('udp4'))
      sender.send('x', port, '127.0.0.1')
    }
    await all
    on.log(heard)
  },
}
