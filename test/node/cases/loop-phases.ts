/** What comes first in a program that talks to itself: events of sockets, immediates, timers, closing. */
import type { Socket } from 'node:net'
import { type Cases, event, type Surroundings, until, wait } from '../behaviour.ts'
import { pair } from './net-opening.ts'

/** Logs the events of both ends as they come. */
function watchBoth(on: Surroundings, client: Socket, accepted: Socket): void {
  for (const [name, socket] of Object.entries({ client, accepted })) {
    socket.on('data', (data: Buffer) => on.log(name, data))
    for (const what of ['end', 'error', 'close']) socket.on(what, () => on.log(name, what))
  }
}

/** Runs `work` in an immediate, a timer, and a callback of a socket. */
async function inEachPhase(on: Surroundings, work: (phase: string) => Promise<void>): Promise<void> {
  await new Promise<void>((resolve) => setImmediate(() => resolve(work('immediate'))))
  await new Promise<void>((resolve) => setTimeout(() => resolve(work('timer')), 1))
  const { client, accepted } = await pair(on)
  accepted.write('wake up')
  await new Promise<void>((resolve) => client.once('data', () => resolve(work('socket'))))
}

export const loopPhases: Cases = {
  async 'data for ourselves, and an immediate set behind it'(on) {
    const { client, accepted } = await pair(on)
    watchBoth(on, client, accepted)
    await inEachPhase(on, async (phase) => {
      on.log('in', phase)
      client.write('data')
      await new Promise<void>((resolve) =>
        setImmediate(() => {
          on.log('immediate')
          setImmediate(() => {
            on.log('next immediate')
            resolve()
          })
        }),
      )
    })
  },
  async 'an end, and the destroy that an immediate does behind it'(on) {
    await inEachPhase(on, async (phase) => {
      on.log('in', phase)
      const { client, accepted } = await pair(on)
      watchBoth(on, client, accepted)
      accepted.end('last words')
      setImmediate(() => {
        on.log('destroy')
        accepted.destroy()
      })
      await until(() => client.destroyed && accepted.destroyed)
      await wait(2)
    })
  },
  async 'one that is destroyed is closed before the other hears of it'(on) {
    await inEachPhase(on, async (phase) => {
      on.log('in', phase)
      const { client, accepted } = await pair(on)
      watchBoth(on, client, accepted)
      client.write('unread')
      accepted.destroy()
      await until(() => client.destroyed && accepted.destroyed)
      await wait(2)
    })
  },
  async 'a connection to ourselves: the server first, then the client, then immediates'(on) {
    const server = on.track(on.net.createServer(() => on.log('connection')).listen(0, '127.0.0.1'))
    await event(server, 'listening')
    const { port } = server.address() as { port: number }
    await inEachPhase(on, async (phase) => {
      on.log('in', phase)
      const client = on.track(on.net.connect(port, '127.0.0.1', () => on.log('connect')))
      await new Promise<void>((resolve) => setImmediate(() => setImmediate(() => resolve(on.log('immediates')))))
      client.destroy()
      await event(client, 'close')
    })
  },
  async 'nobody listens: the error, and immediates'(on) {
    await inEachPhase(on, async (phase) => {
      on.log('in', phase)
      const client = on.track(on.net.connect(1, '127.0.0.1'))
      client.on('error', () => on.log('error'))
      client.on('close', () => on.log('close'))
      setImmediate(() => setImmediate(() => on.log('immediates')))
      await event(client, 'close')
      await wait(2)
    })
  },
  async 'answers go there and back between immediates'(on) {
    const { client, accepted } = await pair(on)
    let rounds = 0
    accepted.on('data', (data: Buffer) => {
      on.log('question', data)
      setImmediate(() => on.log('immediate of the question'))
      accepted.write('answer')
    })
    client.on('data', (data: Buffer) => {
      on.log(data)
      setImmediate(() => on.log('immediate of the answer'))
      if (++rounds < 4) client.write(String(rounds))
    })
    client.write('0')
    await until(() => rounds === 4)
    await wait(2)
  },
}
