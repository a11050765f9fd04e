/** Addresses of both families, those that a socket is bound to, and the classes and functions of `net` about them. */
import type { LookupOptions } from 'node:dns'
import type { AddressInfo, Server, Socket } from 'node:net'
import { type Cases, event, SERVER_EVENTS, SOCKET_EVENTS, type Surroundings, tick, watch } from '../behaviour.ts'
import { listening } from './net-opening.ts'

interface Bound {
  readonly server: Server
  readonly port: number
}

/** A server that listens as `options` say; it writes down whom it accepts and lets go of them. */
async function bound(on: Surroundings, options: object): Promise<Bound> {
  const server = on.track(on.net.createServer())
  server.on('connection', (socket: Socket) => {
    on.log('accepted', socket.remoteFamily, socket.remoteAddress, socket.localFamily, socket.localAddress)
    on.log('address()', { ...socket.address(), port: 0 })
    socket.on('error', () => {})
    socket.end()
  })
  server.listen({ port: 0, ...options })
  await event(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

/** Connects, and writes down where from and where to, or why not. */
async function visit(on: Surroundings, options: object): Promise<void> {
  const client = on.track(on.net.connect({ autoSelectFamily: false, ...options } as never))
  client.on('error', (error) => on.log('failed', error))
  client.on('connect', () => {
    on.log('connected', client.localFamily, client.localAddress, client.remoteFamily, client.remoteAddress)
    on.log('address()', { ...client.address(), port: 0 })
  })
  client.resume()
  await event(client, 'close')
  await tick()
}

/** A `lookup` that answers at once. */
function answering(...answer: unknown[]) {
  return (_name: string, _options: object, callback: (...words: unknown[]) => void) => callback(...answer)
}

/** A port on which nobody listens now. */
async function freePort(on: Surroundings): Promise<number> {
  const { server, port } = await listening(on)
  server.close()
  await event(server, 'close')
  return port
}

export const addresses: Cases = {
  async 'listen on ::1: for ::1 only'(on) {
    const { server, port } = await bound(on, { host: '::1' })
    on.log({ ...(server.address() as AddressInfo), port: 0 })
    await visit(on, { port, host: '::1' })
    await visit(on, { port, host: '127.0.0.1' })
  },
  async 'listen on ::: both families'(on) {
    const { server, port } = await bound(on, { host: '::' })
    on.log({ ...(server.address() as AddressInfo), port: 0 })
    await visit(on, { port, host: '::1' })
    await visit(on, { port, host: '127.0.0.1' })
    await visit(on, { port, host: '::ffff:127.0.0.1' })
  },
  async 'listen on :: with ipv6Only: that family only'(on) {
    const { server, port } = await bound(on, { host: '::', ipv6Only: true })
    on.log({ ...(server.address() as AddressInfo), port: 0 })
    await visit(on, { port, host: '::1' })
    await visit(on, { port, host: '127.0.0.1' })
  },
  async 'ipv6Only without an address, which takes the wildcard'(on) {
    const { server, port } = await bound(on, { ipv6Only: true })
    on.log({ ...(server.address() as AddressInfo), port: 0 })
    await visit(on, { port, host: '::1' })
    await visit(on, { port, host: '127.0.0.1' })
  },
  async 'listen on 0.0.0.0: the other family only'(on) {
    const { server, port } = await bound(on, { host: '0.0.0.0' })
    on.log({ ...(server.address() as AddressInfo), port: 0 })
    await visit(on, { port, host: '127.0.0.1' })
    await visit(on, { port, host: '::1' })
  },
  async 'listen on an IPv4-mapped address'(on) {
    const { server, port } = await bound(on, { host: '::ffff:127.0.0.1' })
    on.log({ ...(server.address() as AddressInfo), port: 0 })
    await visit(on, { port, host: '127.0.0.1' })
    await visit(on, { port, host: '::ffff:127.0.0.1' })
    await visit(on, { port, host: '::1' })
  },
  async 'two families on one port, each with a server'(on) {
    const { port } = await bound(on, { host: '0.0.0.0' })
    const six = on.track(on.net.createServer((socket) => socket.end('six')))
    watch(on, 'six', six, SERVER_EVENTS)
    six.listen({ port, host: '::', ipv6Only: true })
    await event(six, 'listening')
    await visit(on, { port, host: '::1' })
    await visit(on, { port, host: '127.0.0.1' })
    const both = on.track(on.net.createServer())
    both.listen({ port, host: '::' })
    on.log(await event(both, 'error'))
  },
  async 'listen on an IPv6 address that is not ours'(on) {
    const server = on.track(on.net.createServer())
    server.listen(0, '2001:db8::7')
    on.log(await event(server, 'error'))
  },
  async 'connect to ::1 where nobody listens'(on) {
    await visit(on, { port: 1, host: '::1' })
  },
  async 'connect to the unspecified address of each family'(on) {
    const { port } = await bound(on, { host: '::' })
    await visit(on, { port, host: '0.0.0.0' })
    await visit(on, { port, host: '::' })
  },
  async 'connect without a host goes to localhost'(on) {
    const { port } = await bound(on, { host: '::' })
    await visit(on, { port, family: 4 })
  },
  async 'connect to groups and broadcast addresses'(on) {
    for (const host of ['224.0.0.1', '255.255.255.255', '127.255.255.255', 'ff02::1', 'ff02::1%lo']) {
      await visit(on, { port: 1, host })
    }
    await visit(on, { port: 1, host: '224.0.0.1', localPort: 4569 })
  },
  async 'listen on groups and broadcast addresses, and on a link without saying which'(on) {
    const hosts = ['224.0.0.1', '239.1.2.3', '::ffff:224.0.0.1', '255.255.255.255', '127.255.255.255', 'ff02::1']
    for (const host of [...hosts, 'fe80::1', 'fe80::1%nobody', 'fe80::1%lo', '::1%lo', '::1%nobody']) {
      const server = on.track(on.net.createServer())
      watch(on, host, server, SERVER_EVENTS)
      server.listen({ port: 0, host })
      await Promise.race([event(server, 'listening'), event(server, 'error')])
      on.log((server.address() as AddressInfo | null)?.address)
    }
  },
  async 'localAddress of each family'(on) {
    const { port } = await bound(on, { host: '::' })
    await visit(on, { port, host: '::1', localAddress: '::1' })
    await visit(on, { port, host: '127.0.0.1', localAddress: '127.0.0.3' })
    await visit(on, { port, host: '::1', localAddress: '2001:db8::7' })
  },
  async 'localAddress of the other family than the destination'(on) {
    const { port } = await bound(on, { host: '::' })
    await visit(on, { port, host: '127.0.0.1', localAddress: '::1' })
    await visit(on, { port, host: '::1', localAddress: '127.0.0.1' })
  },
  async 'localPort on which a server listens is EADDRINUSE of bind'(on) {
    const { port } = await listening(on, (socket) => socket.end())
    const { port: taken } = await listening(on)
    await visit(on, { port, host: '127.0.0.1', localPort: taken })
    await visit(on, { port, host: '127.0.0.1', localAddress: '127.0.0.1', localPort: taken })
    await visit(on, { port, host: '127.0.0.1', localAddress: '127.0.0.4', localPort: taken })
  },
  async 'localPort of another connection to somebody else'(on) {
    const { port } = await listening(on, (socket) => socket.resume())
    const { port: otherPort } = await listening(on, (socket) => socket.resume())
    const localPort = await freePort(on)
    const first = on.track(on.net.connect({ port, host: '127.0.0.1', localPort }))
    await event(first, 'connect')
    const second = on.track(on.net.connect({ port: otherPort, host: '127.0.0.1', localPort }))
    second.on('error', (error) => on.log('second', error))
    second.on('connect', () => on.log('second connected', second.localPort === localPort))
    await Promise.race([event(second, 'connect'), event(second, 'close')])
  },
  async 'localPort of a connection that was not bound to it'(on) {
    const { port } = await listening(on, (socket) => socket.resume())
    const first = on.track(on.net.connect({ port, host: '127.0.0.1' }))
    await event(first, 'connect')
    for (const localAddress of ['127.0.0.1', '127.0.0.2', '0.0.0.0']) {
      await visit(on, { port: 1, host: '127.0.0.1', localAddress, localPort: first.localPort })
    }
    for (const host of ['127.0.0.1', '127.0.0.2', '::']) {
      const server = on.track(on.net.createServer())
      watch(on, host, server, SERVER_EVENTS)
      server.listen(first.localPort, host)
      await Promise.race([event(server, 'listening'), event(server, 'error')])
    }
  },
  async 'localPort that is none'(on) {
    for (const localPort of [-1, 65_536, 65_536 + 4570]) await visit(on, { port: 1, host: '127.0.0.1', localPort })
  },
  async 'lookup of localhost comes after ticks and promises'(on) {
    const client = on.track(on.net.connect({ port: 1, family: 4 } as never))
    watch(on, 'client', client, SOCKET_EVENTS)
    process.nextTick(() => on.log('tick'))
    void Promise.resolve().then(() => process.nextTick(() => on.log('promise')))
    await event(client, 'close')
  },
  async 'localPort of another connection to the same server'(on) {
    const { port } = await listening(on, (socket) => socket.resume())
    const localPort = await freePort(on)
    const first = on.track(on.net.connect({ port, host: '127.0.0.1', localPort }))
    await event(first, 'connect')
    const second = on.track(on.net.connect({ port, host: '127.0.0.1', localPort }))
    second.on('error', (error) => on.log('second', (error as NodeJS.ErrnoException).code, error.name))
    await event(second, 'close')
  },
  async 'a server on the port of an open connection'(on) {
    const { server, port } = await listening(on, (socket) => socket.resume())
    const client = on.track(on.net.connect({ port, host: '127.0.0.1' }))
    await event(client, 'connect')
    server.close()
    const second = on.track(on.net.createServer())
    watch(on, 'second', second, SERVER_EVENTS)
    second.listen(port, '127.0.0.1')
    await Promise.race([event(second, 'listening'), event(second, 'close'), event(second, 'error')])
    on.log(second.listening)
  },
  async 'lookup: event, own function, both families, family and hints'(on) {
    const { port } = await bound(on, { host: '::' })
    for (const [address, family] of [
      ['127.0.0.1', 4],
      ['::1', 6],
    ] as const) {
      const client = on.track(
        on.net.connect({
          port,
          host: 'some.name',
          family,
          hints: 0,
          autoSelectFamily: false,
          lookup(name: string, options: LookupOptions, callback: (...words: unknown[]) => void) {
            on.log('lookup', name, options.family, options.hints, options.all)
            process.nextTick(callback, null, address, family)
          },
        } as never),
      )
      client.on('lookup', (...words) => on.log('lookup event', ...words))
      watch(on, 'client', client, SOCKET_EVENTS)
      client.resume()
      await event(client, 'close')
    }
  },
  async 'lookup: answers that are wrong'(on) {
    for (const answer of [
      [null, 'no address', 4],
      [null, '127.0.0.1', 5],
      [null, undefined, 4],
      [null, '', 4],
    ]) {
      const client = on.track(
        on.net.connect({
          port: 1,
          host: 'some.name',
          autoSelectFamily: false,
          lookup: answering(...answer),
        } as never),
      )
      client.on('error', (error) => on.log(error))
      await event(client, 'close')
    }
  },
  async 'lookup: all addresses, none of them usable'(on) {
    for (const all of [[{ address: 'x', family: 4 }], [{ address: '::1', family: 7 }]]) {
      const client = on.track(
        on.net.connect({
          port: 1,
          host: 'some.name',
          autoSelectFamily: true,
          lookup: answering(null, all),
        } as never),
      )
      client.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
      await event(client, 'close')
    }
  },
  async 'lookup: one after which the socket is gone'(on) {
    const client = on.track(
      on.net.connect({
        port: 1,
        host: 'some.name',
        lookup(_name: string, _options: object, callback: (...words: unknown[]) => void) {
          setImmediate(() => {
            client.destroy()
            callback(null, '127.0.0.1', 4)
          })
        },
      } as never),
    )
    watch(on, 'client', client, SOCKET_EVENTS)
    await event(client, 'close')
    await tick()
    await tick()
    on.log(client.destroyed, client.connecting, client.pending)
  },
  async 'autoSelectFamily: both families, each attempt told'(on) {
    const { port } = await bound(on, { host: '127.0.0.1' })
    const client = on.track(
      on.net.connect({
        port,
        host: 'both.example',
        autoSelectFamily: true,
        autoSelectFamilyAttemptTimeout: 300,
        lookup: answering(null, [
          { address: '::1', family: 6 },
          { address: '127.0.0.1', family: 4 },
          { address: '127.0.0.2', family: 4 },
        ]),
      } as never),
    )
    const attempts = ['connectionAttempt', 'connectionAttemptFailed', 'connectionAttemptTimeout']
    watch(on, 'client', client, [...SOCKET_EVENTS, ...attempts])
    client.on('lookup', (...words) => on.log('lookup event', ...words))
    client.resume()
    await event(client, 'close')
    on.log(client.autoSelectFamilyAttemptedAddresses?.map((each) => each.replace(/:\d+$/, '')))
  },
  async 'autoSelectFamily: one address alone is tried as without it'(on) {
    const { port } = await bound(on, { host: '127.0.0.1' })
    const client = on.track(
      on.net.connect({
        port,
        host: 'one.example',
        autoSelectFamily: true,
        lookup: answering(null, [{ address: '127.0.0.1', family: 4 }]),
      } as never),
    )
    watch(on, 'client', client, [...SOCKET_EVENTS, 'connectionAttempt', 'connectionAttemptFailed'])
    client.resume()
    await event(client, 'close')
    on.log(client.autoSelectFamilyAttemptedAddresses)
  },
  async 'autoSelectFamily: destroyed between two attempts'(on) {
    const client = on.track(
      on.net.connect({
        port: 1,
        host: 'both.example',
        autoSelectFamily: true,
        lookup: answering(null, [
          { address: '::1', family: 6 },
          { address: '127.0.0.1', family: 4 },
        ]),
      } as never),
    )
    watch(on, 'client', client, [...SOCKET_EVENTS, 'connectionAttempt'])
    client.on('connectionAttemptFailed', (...words) => {
      on.log('connectionAttemptFailed', ...words)
      client.destroy()
    })
    await event(client, 'close')
    await tick()
  },
}
