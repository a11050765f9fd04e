/** `net.BoundSocket`, which newer versions of Node have. */
import type { AddressInfo, Server, Socket } from 'node:net'
import { attempt, type Cases, event, SERVER_EVENTS, SOCKET_EVENTS, type Surroundings, watch } from '../behaviour.ts'
import { listening } from './net-opening.ts'

interface Bound {
  address(): AddressInfo
  fd(): number
  close(): void
}

type BoundClass = new (options?: object) => Bound

function boundSocket(on: Surroundings): BoundClass | null {
  const { BoundSocket } = on.net as unknown as { BoundSocket?: BoundClass }
  on.log('BoundSocket', typeof BoundSocket)
  return BoundSocket ?? null
}

export const boundSockets: Cases = {
  async 'where they can be bound, and what is wrong'(on) {
    const BoundSocket = boundSocket(on)
    if (BoundSocket === null) return
    const { port: taken } = await listening(on)
    const options = [undefined, {}, { host: '127.0.0.1' }, { host: '::1' }, { ipv6Only: true }, { host: '203.0.113.1' }]
    for (const each of [
      ...options,
      { host: 'localhost' },
      { port: -1 },
      { port: taken, host: '127.0.0.1' },
      null,
      'x',
    ]) {
      try {
        const bound = new BoundSocket(each as object)
        const { address, family, port } = bound.address()
        on.log(each, address, family, port > 0, bound instanceof BoundSocket)
        bound.close()
        attempt(on, () => bound.address())
        attempt(on, () => bound.fd())
        attempt(on, () => bound.close())
      } catch (error) {
        on.log(each, error)
      }
    }
  },
  async 'a server listens on one'(on) {
    const BoundSocket = boundSocket(on)
    if (BoundSocket === null) return
    const bound = new BoundSocket({ host: '127.0.0.1' })
    const { port } = bound.address()
    const server = on.track(on.net.createServer((socket: Socket) => socket.end('hello'))) as Server
    watch(on, 'server', server, SERVER_EVENTS)
    server.listen(bound)
    attempt(on, () => bound.address())
    await event(server, 'listening')
    on.log((server.address() as AddressInfo).port === port, (server.address() as AddressInfo).address)
    const client = on.track(on.net.connect(port, '127.0.0.1'))
    client.on('data', (data) => on.log(data))
    await event(client, 'close')
  },
  async 'a client comes from one'(on) {
    const BoundSocket = boundSocket(on)
    if (BoundSocket === null) return
    const { port } = await listening(on, (socket) => {
      on.log('from', socket.remoteAddress, socket.remotePort === own)
      socket.end()
    })
    const bound = new BoundSocket({ host: '127.0.0.5' })
    const { port: own } = bound.address()
    const client = on.track(new on.net.Socket({ handle: bound } as never))
    watch(on, 'client', client, SOCKET_EVENTS)
    client.connect(port, '127.0.0.1')
    client.resume()
    await event(client, 'close')
  },
}
