/** `net` on the network of `datagram-network.ts`: which addresses a server may listen on, and a client go to and come from. */
import type { AddressInfo, Socket } from 'node:net'
import { type Cases, event, type Surroundings, wait } from '../behaviour.ts'
import { ZONE } from './datagram-network.ts'

/** A port that nobody listens on. */
const NOBODY = 9
/** Nobody is there who could answer, or has no address. */
const SILENT = /^(10\.0\.0\.(0|9|1\d\d)|fd00::(9|1\d\d)|fe80::9.*)$/
/** Milliseconds after which a client that heard nothing is on its way. What Linux refuses it refuses at once. */
const ON_ITS_WAY = 30

/** Connects, and says what becomes of it. */
async function visit(on: Surroundings, options: { host: string; localAddress?: string; localPort?: number }) {
  const client = on.track(on.net.connect({ port: NOBODY, autoSelectFamily: false, ...options }))
  client.on('error', (error) => on.log(options, error, error.message))
  client.on('connect', () => {
    on.log(options, 'connected', shown(client.localAddress), shown(client.remoteAddress))
    client.destroy()
  })
  const closed = event(client, 'close')
  if (!SILENT.test(options.host)) return closed
  await Promise.race([closed, wait(ON_ITS_WAY)])
  if (client.destroyed) return
  on.log(options, 'on its way', client.connecting)
  client.destroy()
}

/** Link-local addresses are others on every machine. */
function shown(address: string | undefined): string {
  return String(address).replace(/^fe80::[^%]+/, 'link-local')
}

/** Listens, and says where. */
async function serve(on: Surroundings, options: object): Promise<void> {
  const server = on.track(on.net.createServer())
  const failed = event(server, 'error')
  server.listen({ port: 0, ...options })
  const outcome = await Promise.race([event(server, 'listening'), failed])
  if (outcome instanceof Error) on.log(options, outcome)
  else {
    const { address, family, port } = server.address() as AddressInfo
    on.log(options, shown(address), family, port > 0)
  }
}

/** The address that hosts of the link know us by. */
async function linkLocal(on: Surroundings): Promise<string> {
  const socket = on.track(on.dgram.createSocket('udp6'))
  await new Promise<void>((resolve) => socket.connect(NOBODY, `fe80::9%${ZONE}`, () => resolve()))
  return socket.address().address.replace(/%.*/, '')
}

const EVERYWHERE = ['192.0.2.1', '2001:db8::1', '::ffff:192.0.2.1'] as const
const TO_MANY = ['224.0.0.1', '255.255.255.255', '10.0.0.255', '127.255.255.255', '::ffff:10.0.0.255'] as const
const TO_MANY6 = ['ff02::1', 'ff02::1%lo', `ff02::1%${ZONE}`, 'ff05::1'] as const
const NOWHERE = ['240.0.0.1', '0.0.0.1', '::2', '::127.0.0.1'] as const

export const netNetwork: Cases = {
  async 'net: destinations that there is no way to'(on) {
    for (const host of [...EVERYWHERE, ...TO_MANY, ...TO_MANY6, ...NOWHERE]) await visit(on, { host })
  },
  async 'net: destinations of this host and of its link'(on) {
    for (const host of ['10.0.0.2', 'fd00::2', '::ffff:10.0.0.2', '127.0.0.0', '127.1.2.3', '10.0.0.0', '10.0.0.9']) {
      await visit(on, { host })
    }
    for (const host of [`::1%${ZONE}`, 'fd00::2%lo', 'fd00::2%nobody', 'fd00::9']) await visit(on, { host })
  },
  async 'net: link-local destinations, with and without a zone'(on) {
    for (const zone of ['', '%lo', '%nobody', '%1', `%${ZONE}`]) await visit(on, { host: `fe80::9${zone}` })
  },
  async 'net: where a client comes from, and where it can go from there'(on) {
    // Another each time: after some seconds it is known that nobody is there.
    let silent = 100
    for (const localAddress of [
      '10.0.0.2',
      '127.0.0.1',
      '192.0.2.1',
      '224.0.0.1',
      '239.1.2.3',
      '255.255.255.255',
      '10.0.0.255',
      '0.0.0.0',
    ]) {
      const nobody = `10.0.0.${silent++}`
      for (const host of ['127.0.0.1', '10.0.0.2', nobody, '192.0.2.1']) await visit(on, { host, localAddress })
      await visit(on, { host: '192.0.2.1', localAddress, localPort: 4567 })
    }
  },
  async 'net: where a client of IPv6 comes from, and where it can go from there'(on) {
    let silent = 100
    const sources = ['fd00::2', '::1', '::', 'fd00::9', 'ff02::1', 'fe80::9', `fe80::9%${ZONE}`, 'fe80::9%lo']
    for (const localAddress of [...sources, '::ffff:127.0.0.1', '::ffff:10.0.0.2']) {
      // Linux sends what is from ::1 to where nobody answers it: RFC 4291, section 2.5.3 forbids it.
      const link = localAddress === '::1' ? [] : ['fd00::2', `fd00::${silent++}`]
      const destinations = ['::1', ...link, '2001:db8::1', '::ffff:127.0.0.1', '::ffff:192.0.2.1']
      for (const host of destinations) await visit(on, { host, localAddress })
    }
  },
  async 'net: a port without an address'(on) {
    for (const host of ['192.0.2.1', '2001:db8::1']) await visit(on, { host, localPort: 4568 })
  },
  async 'net: what a server can listen on'(on) {
    for (const host of [
      '10.0.0.2',
      'fd00::2',
      '::ffff:10.0.0.2',
      '10.0.0.9',
      'fd00::9',
      '::ffff:10.0.0.9',
      '10.0.0.0',
    ]) {
      await serve(on, { host })
    }
    for (const host of [...TO_MANY, ...TO_MANY6, ...NOWHERE, '239.1.2.3', '::ffff:239.1.2.3']) await serve(on, { host })
    for (const zone of ['', '%lo', '%nobody', '%1', `%${ZONE}`]) await serve(on, { host: `fe80::9${zone}` })
    for (const host of [`::1%${ZONE}`, '::%lo', '::1%nobody', 'fd00::2%lo', `fd00::2%${ZONE}`])
      await serve(on, { host })
  },
  async 'net: mapped addresses are not of IPv6 only'(on) {
    for (const host of ['::ffff:10.0.0.2', '::ffff:0.0.0.0', '::', 'fd00::2', '10.0.0.2']) {
      await serve(on, { host, ipv6Only: true })
    }
  },
  async 'net: our own link-local address, from both ends'(on) {
    const own = await linkLocal(on)
    const host = `${own}%${ZONE}`
    const server = on.track(on.net.createServer())
    server.on('connection', (socket: Socket) => {
      on.log('accepted', shown(socket.remoteAddress), shown(socket.localAddress), socket.remoteFamily)
      socket.destroy()
    })
    server.listen({ port: 0, host })
    await event(server, 'listening')
    const { address, port } = server.address() as AddressInfo
    on.log(shown(address))
    for (const options of [{ host }, { host, localAddress: host }, { host: own, localAddress: host }, { host: own }]) {
      const client = on.track(on.net.connect({ port, ...options }))
      client.on('error', (error) => on.log('failed', (error as NodeJS.ErrnoException).code))
      client.on('connect', () => on.log(shown(client.localAddress), shown(client.remoteAddress)))
      client.resume()
      await event(client, 'close')
    }
  },
}
