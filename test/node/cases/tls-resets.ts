/** Resets and destroys below `tls`: which of the two sockets, the secured and the plain one, is told, and what. */
import type { AddressInfo, Socket } from 'node:net'
import type { Server, TLSSocket } from 'node:tls'
import { type Cases, event, type Surroundings, until, wait, watch } from '../behaviour.ts'
import { certificates } from '../certificates.ts'
import { listening } from './net-opening.ts'

const EVENTS = ['secureConnect', 'end', 'error', 'close']

interface Serving {
  readonly server: Server
  readonly port: number
  /** The plain sockets of connections, in order. */
  readonly plain: Socket[]
}

async function serving(on: Surroundings, onSocket: (socket: TLSSocket) => void): Promise<Serving> {
  const server = on.track(on.tls.createServer(certificates().server, onSocket))
  const plain: Socket[] = []
  server.on('connection', (socket: Socket) => plain.push(on.track(socket)))
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port, plain }
}

/** @param socket what it goes over; null: one of its own */
function secured(on: Surroundings, port: number, socket: Socket | null): TLSSocket {
  const way = socket === null ? { port, host: '127.0.0.1' } : { socket }
  return on.track(on.tls.connect({ ...way, ca: certificates().ca, servername: 'localhost' }))
}

export const tlsResets: Cases = {
  async 'before the first byte: tlsClientError of the server'(on) {
    const { server, port, plain } = await serving(on, () => {})
    for (const how of ['end', 'destroy', 'resetAndDestroy'] as const) {
      const client = on.track(on.net.connect(port, '127.0.0.1')).resume()
      await event(client, 'connect')
      await until(() => plain.length > 0)
      plain.length = 0
      const told = new Promise<[Error, TLSSocket]>((resolve) =>
        server.once('tlsClientError', (error, socket) => resolve([error, socket])),
      )
      client[how]()
      const [error, socket] = await told
      on.log(how, error, socket.destroyed)
    }
  },
  async 'in the middle of the handshake, over a socket that was there'(on) {
    const { port } = await listening(on, (socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.resetAndDestroy())
    })
    const plain = on.track(on.net.connect(port, '127.0.0.1'))
    const client = secured(on, port, plain)
    watch(on, 'client', client, EVENTS)
    watch(on, 'plain', plain, EVENTS)
    await event(client, 'close')
    await wait(2)
    on.log(plain.destroyed)
  },
  async 'by the server, to a client with a socket of its own and one over another'(on) {
    for (const isOver of [false, true]) {
      const accepted: TLSSocket[] = []
      const { port, plain } = await serving(on, (socket) => {
        socket.on('error', () => {})
        accepted.push(socket)
      })
      const below = isOver ? on.track(on.net.connect(port, '127.0.0.1')) : null
      const client = secured(on, port, below).resume()
      watch(on, 'client', client, EVENTS)
      if (below !== null) watch(on, 'plain', below, EVENTS)
      await event(client, 'secureConnect')
      await until(() => accepted.length === 1)
      plain[0].resetAndDestroy()
      await event(client, 'close')
      await wait(2)
    }
  },
  async 'by the client, to a server that reads'(on) {
    const accepted: TLSSocket[] = []
    const { port, plain } = await serving(on, (socket) => {
      watch(on, 'secured', socket, EVENTS)
      accepted.push(socket.resume())
    })
    const below = on.track(on.net.connect(port, '127.0.0.1'))
    const client = secured(on, port, below)
    client.on('error', () => {})
    await event(client, 'secureConnect')
    await until(() => accepted.length === 1)
    watch(on, 'plain', plain[0], EVENTS)
    below.on('error', () => {})
    below.resetAndDestroy()
    await event(accepted[0], 'close')
    await wait(2)
  },
  async 'the plain socket below a client is destroyed'(on) {
    const { port } = await serving(on, (socket) => {
      socket.on('error', () => {})
      socket.resume()
    })
    const plain = on.track(on.net.connect(port, '127.0.0.1'))
    const client = secured(on, port, plain)
    watch(on, 'client', client, EVENTS)
    watch(on, 'plain', plain, EVENTS)
    await event(client, 'secureConnect')
    plain.destroy()
    await event(client, 'close')
    await wait(2)
  },
}
