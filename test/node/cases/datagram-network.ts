/** `dgram` on a network: 10.0.0.2/24 and fd00::2/64 on an interface that is named in `ZONE`, with nobody else there. */
import type { Socket, SocketType } from 'node:dgram'
import { attempt, type Cases, event, events, type Surroundings, wait } from '../behaviour.ts'

export const ADDRESSES = ['10.0.0.2/24', 'fd00::2/64'] as const
export const ZONE = 'port0'

const GROUP = '239.1.2.3'
const GROUP6 = 'ff02::114'

async function bound(on: Surroundings, type: SocketType = 'udp4', port = 0, address?: string): Promise<Socket> {
  const socket = on.track(on.dgram.createSocket({ type, reuseAddr: true }))
  const failed = event(socket, 'error')
  socket.bind(port, address)
  const outcome = await Promise.race([event(socket, 'listening'), failed])
  if (outcome instanceof Error) on.log(outcome)
  return socket
}

function hear(on: Surroundings, who: string, socket: Socket): void {
  socket.on('message', (message, from) => on.log(who, message, shown(from.address), from.family))
}

/** Link-local addresses are others on every machine. */
function shown(address: string): string {
  return address.replace(/^fe80::[^%]+/, 'link-local')
}

/** A port that nobody has. */
const NOBODY = 7

/** The address that hosts of the link know us by. */
async function linkLocal(on: Surroundings): Promise<string> {
  const socket = on.track(on.dgram.createSocket('udp6'))
  await new Promise<void>((resolve) => socket.connect(NOBODY, `fe80::9%${ZONE}`, () => resolve()))
  return socket.address().address.replace(/%.*/, '')
}

/** What a send to somewhere says. */
function sent(on: Surroundings, socket: Socket, address: string, port = NOBODY): Promise<void> {
  return new Promise((resolve) => {
    socket.send('x', port, address, (error, bytes) => {
      on.log('to', address, error, bytes)
      resolve()
    })
  })
}

export const datagramNetwork: Cases = {
  async 'where datagrams can go to, by where the socket is bound'(on) {
    for (const [type, address] of [
      ['udp4', undefined],
      ['udp4', '10.0.0.2'],
      ['udp4', '127.0.0.1'],
      ['udp4', '10.0.0.255'],
      ['udp4', '255.255.255.255'],
      ['udp6', undefined],
      ['udp6', 'fd00::2'],
      ['udp6', '::1'],
      ['udp6', '::ffff:10.0.0.2'],
    ] as const) {
      const socket = await bound(on, type, 0, address)
      on.log(type, socket.address().address)
      const fours = [
        '127.0.0.1',
        '10.0.0.2',
        '10.0.0.9',
        '10.0.0.255',
        '255.255.255.255',
        '192.0.2.1',
        '0.0.0.0',
        GROUP,
      ]
      const mapped = ['127.0.0.1', '10.0.0.9', '192.0.2.1'].map((four) => `::ffff:${four}`)
      const sixes = ['::1', 'fd00::2', 'fd00::9', '2001:db8::1', '::', GROUP6, ...mapped]
      for (const to of type === 'udp4' ? fours : sixes) await sent(on, socket, to)
    }
  },
  async 'where sockets can be bound'(on) {
    const fours = ['10.0.0.2', '10.0.0.9', '10.0.0.255', '10.0.0.0', '127.3.4.5', '224.0.0.1', GROUP, '240.0.0.1']
    const sixes = ['fd00::2', 'fd00::9', '::1', 'ff05::1', `ff02::1%${ZONE}`, '::ffff:10.0.0.2', '::ffff:10.0.0.9']
    for (const address of [...fours, ...sixes]) {
      const socket = on.track(on.dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4'))
      socket.on('error', (error) => on.log(error))
      socket.on('listening', () => on.log('listening', socket.address().address, socket.address().family))
      socket.bind(0, address)
      await Promise.race([event(socket, 'listening'), event(socket, 'error')])
    }
  },
  async 'what a socket can be connected to'(on) {
    for (const address of [
      '10.0.0.9',
      '10.0.0.255',
      '192.0.2.1',
      '0.0.0.0',
      GROUP,
      'fd00::9',
      '2001:db8::1',
      '::',
      'ff05::1',
    ]) {
      const socket = on.track(on.dgram.createSocket(address.includes(':') ? 'udp6' : 'udp4'))
      await new Promise<void>((resolve) => {
        socket.connect(7, address, (error?: Error) => {
          if (error) on.log(address, error)
          else on.log(address, socket.remoteAddress().address, socket.address().address)
          resolve()
        })
      })
    }
  },
  async 'broadcast: to the network and to all hosts'(on) {
    const receiver = await bound(on)
    const heard: string[] = []
    receiver.on('message', () => heard.push('receiver'))
    const { port } = receiver.address()
    const narrow = await bound(on, 'udp4', port, '10.0.0.255')
    narrow.on('message', () => heard.push('bound to it'))
    const elsewhere = await bound(on, 'udp4', port, '10.0.0.2')
    hear(on, 'bound to a host', elsewhere)
    const sender = await bound(on)
    await sent(on, sender, '10.0.0.255', port)
    sender.setBroadcast(true)
    const first = Promise.all([event(receiver, 'message'), event(narrow, 'message')])
    await sent(on, sender, '10.0.0.255', port)
    await first
    const second = event(receiver, 'message')
    await sent(on, sender, '255.255.255.255', port)
    await second
    await wait(10)
    on.log(heard.sort())
  },
  async 'multicast: over the usual interface, by its address and without'(on) {
    for (const via of [undefined, '10.0.0.2', '0.0.0.0']) {
      const member = await bound(on)
      member.addMembership(GROUP, via)
      hear(on, String(via), member)
      const sender = await bound(on)
      const heard = event(member, 'message')
      sender.send('by default', member.address().port, GROUP)
      await heard
      sender.setMulticastInterface('10.0.0.2')
      const again = event(member, 'message')
      sender.send('by address', member.address().port, GROUP)
      await again
      sender.setMulticastLoopback(false)
      sender.send('not to us', member.address().port, GROUP)
      sender.setMulticastLoopback(true)
      sender.setMulticastTTL(0)
      const local = event(member, 'message')
      sender.send('only to us', member.address().port, GROUP)
      await local
      attempt(on, () => member.addMembership(GROUP, '10.0.0.2'))
      member.dropMembership(GROUP)
      sender.send('to nobody', member.address().port, GROUP)
      await wait(10)
    }
  },
  async 'multicast: one member excludes nothing of what another includes'(on) {
    const one = await bound(on)
    const { port } = one.address()
    const two = await bound(on, 'udp4', port)
    const three = await bound(on, 'udp4', port)
    one.addSourceSpecificMembership('10.0.0.2', '232.1.1.1')
    two.addSourceSpecificMembership('10.0.0.9', '232.1.1.1')
    const heard: string[] = []
    for (const [who, socket] of Object.entries({ one, two, three })) socket.on('message', () => heard.push(who))
    const sender = await bound(on)
    const both = Promise.all([event(one, 'message'), event(three, 'message')])
    sender.send('x', port, '232.1.1.1')
    await both
    await wait(10)
    on.log(heard.sort())
  },
  async 'multicast: over IPv6'(on) {
    const one = await bound(on, 'udp6')
    const { port } = one.address()
    const two = await bound(on, 'udp6', port)
    one.addMembership(GROUP6)
    two.addMembership(GROUP6, `::%${ZONE}`)
    hear(on, 'member', one)
    hear(on, 'member', two)
    const sender = await bound(on, 'udp6')
    const heard = Promise.all([events(one, 'message', 3), events(two, 'message', 3)])
    await sent(on, sender, GROUP6, port)
    await sent(on, sender, `${GROUP6}%${ZONE}`, port)
    sender.setMulticastInterface(`::%${ZONE}`)
    await sent(on, sender, GROUP6, port)
    await heard
    one.dropMembership(GROUP6)
    two.dropMembership(GROUP6, `::%${ZONE}`)
    await sent(on, sender, GROUP6, port)
    await wait(10)
  },
  async 'multicast: from one source over IPv6'(on) {
    const member = await bound(on, 'udp6')
    member.addSourceSpecificMembership('fd00::2', 'ff35::114')
    hear(on, 'member', member)
    for (const source of ['fd00::2', undefined]) {
      const sender = await bound(on, 'udp6', 0, source)
      sender.send(`of ${source}`, member.address().port, 'ff35::114')
    }
    await event(member, 'message')
    await wait(10)
  },
  async 'link-local addresses have a zone'(on) {
    const socket = await bound(on, 'udp6')
    const member = await bound(on, 'udp6')
    member.addMembership(GROUP6)
    const heard = new Promise<string>((resolve) => member.once('message', (_message, from) => resolve(from.address)))
    socket.send('x', member.address().port, GROUP6)
    const own = await heard
    on.log(shown(own))
    hear(on, 'again', member)
    const again = new Promise<string>((resolve) => member.once('message', (_message, from) => resolve(from.address)))
    const narrow = await bound(on, 'udp6', 0, own)
    on.log(narrow.address().address === own)
    narrow.send('to itself', member.address().port, own)
    on.log((await again) === own)
    const connected = on.track(on.dgram.createSocket('udp6'))
    connected.connect(member.address().port, own)
    await event(connected, 'connect')
    on.log(connected.remoteAddress().address === own, connected.address().address === own)
    const stranger = on.track(on.dgram.createSocket('udp6'))
    stranger.bind(0, own.replace(/%.*/, '%nothing'))
    on.log((await event<NodeJS.ErrnoException>(stranger, 'error')).code)
  },
  async 'link-local: binding, sending and connecting by zones and without'(on) {
    const own = await linkLocal(on)
    const zones = ['', `%${ZONE}`, '%lo', '%nobody', '%1']
    for (const zone of zones) {
      const socket = on.track(on.dgram.createSocket('udp6'))
      const failed = event<NodeJS.ErrnoException>(socket, 'error')
      socket.bind(0, `${own}${zone}`)
      const outcome = await Promise.race([event(socket, 'listening'), failed])
      on.log(
        'bound',
        zone,
        outcome instanceof Error ? (outcome as NodeJS.ErrnoException).code : shown(socket.address().address),
      )
    }
    for (const from of [undefined, `${own}%${ZONE}`, 'fd00::2', '::1', '::ffff:10.0.0.2']) {
      const sender = await bound(on, 'udp6', 0, from)
      const told = on.log
      const inform = (...words: unknown[]) => told(from === undefined ? 'any' : shown(from), ...words)
      for (const host of ['fe80::9', own, 'ff02::1', 'ff01::1', 'ff05::1', 'ff0e::1']) {
        for (const zone of zones) {
          const outcome = await new Promise((resolve) => {
            sender.send('x', NOBODY, `${host}${zone}`, (error) => resolve(error === null ? 'sent' : error.message))
          })
          inform('send', shown(`${host}${zone}`), String(outcome).replace(own, 'own'))
        }
      }
      // RFC 4291, section 2.5.3 forbids what Linux allows: to come from there.
      if (from === '::1') continue
      for (const host of ['fe80::9', own, 'ff02::1', 'ff01::1', 'ff05::1', 'ff0e::1']) {
        for (const zone of zones) {
          const client = await bound(on, 'udp6', 0, from)
          client.on('error', () => {})
          const outcome = await new Promise((resolve) => {
            client.connect(NOBODY, `${host}${zone}`, ((error?: Error) =>
              resolve(error?.message ?? 'connected')) as never)
          })
          const here = outcome === 'connected' ? [client.address().address, client.remoteAddress().address] : []
          inform('connect', shown(`${host}${zone}`), String(outcome).replace(own, 'own'), ...here.map(shown))
          client.close()
        }
      }
    }
  },
  async 'multicast: a host hears what one of its sockets wants to hear, and who has not joined hears all of that'(on) {
    for (const group of ['232.1.1.2', 'ff35::115']) {
      const type = group.includes(':') ? 'udp6' : 'udp4'
      const [usual, stranger] = type === 'udp4' ? ['10.0.0.2', '10.0.0.9'] : ['fd00::2', 'fd00::9']
      const sender = await bound(on, type, 0, usual)
      const passive = await bound(on, type)
      const { port } = passive.address()
      const joined = await bound(on, type, port)
      const narrow = await bound(on, type, port, group)
      const heard: string[] = []
      passive.on('message', (message) => heard.push(`passive ${message}`))
      joined.on('message', (message) => heard.push(`joined ${message}`))
      narrow.on('message', (message) => heard.push(`narrow ${message}`))
      const say = async (what: string) => {
        await new Promise<void>((resolve) => sender.send(what, port, group, () => resolve()))
        await wait(10)
        on.log(what, heard.splice(0).sort())
      }
      await say('to nobody')
      joined.addSourceSpecificMembership(stranger, group)
      await say('from another than is wanted')
      joined.addSourceSpecificMembership(usual, group)
      await say('from one that is wanted')
      joined.dropSourceSpecificMembership(usual, group)
      await say('that is wanted no longer')
      const other = await bound(on, type)
      other.addSourceSpecificMembership(usual, group)
      await say('that a socket of another port wants')
      other.addSourceSpecificMembership(stranger, group)
      other.dropSourceSpecificMembership(usual, group)
      await say('that nobody wants')
      other.close()
      const all = await bound(on, type)
      all.addMembership(group)
      await say('that a socket of another port wants as all else')
      all.dropMembership(group)
      await say('that it wants no longer')
      joined.close()
      await say('to nobody again')
    }
  },
}
