/** `dgram`: what becomes of datagrams, one after the other. */
import type { BindOptions, Socket, SocketOptions } from 'node:dgram'
import { type Cases, event, type Surroundings, wait } from '../behaviour.ts'

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
}
