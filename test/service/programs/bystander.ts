/**
 * An honest client of the service at 10.0.0.2 (or SERVICE_ADDRESS) while others attack it: one connection that goes on with random blocks,
 * and short ones that come and go. Prints `open`, and at the end one line of JSON.
 *
 *   bystander.ts MILLISECONDS LOCAL_PORT      the local port of the long connection; 0 for any
 *   bystander.ts crowd COUNT MILLISECONDS     instead: so many connections that send a byte at a time and never read
 */
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const HOST = process.env.SERVICE_ADDRESS ?? '10.0.0.2'
const ECHO = 7
const CHARACTERS = 19
/** A SYN that is lost among the frames of a flood comes again after one second, and then after two more. */
const LONGEST_WAIT = 5000

async function open(port: number, localPort = 0): Promise<Socket> {
  const socket = connect({ host: HOST, port, localPort })
  await once(socket, 'connect', { signal: AbortSignal.timeout(LONGEST_WAIT) })
  return socket
}

/** Sends a block and waits until it is back. @returns whether nothing in it has changed */
async function echo(socket: Socket, block: Buffer): Promise<boolean> {
  const back: Buffer[] = []
  let count = 0
  socket.write(block)
  while (count < block.length) {
    const [data] = (await once(socket, 'data', { signal: AbortSignal.timeout(LONGEST_WAIT) })) as [Buffer]
    back.push(data)
    count += data.length
  }
  return Buffer.concat(back).equals(block)
}

async function bystander(milliseconds: number, localPort: number) {
  const result = { blocks: 0, changed: 0, connections: 0, failures: [] as string[] }
  const long = await open(ECHO, localPort)
  console.log('open')
  const end = Date.now() + milliseconds
  const blocks = (async () => {
    while (Date.now() < end) {
      if (await echo(long, randomBytes(65_536))) result.blocks++
      else result.changed++
    }
    long.destroy()
  })()
  const connections = (async () => {
    while (Date.now() < end) {
      const socket = await open(ECHO)
      if (await echo(socket, randomBytes(100))) result.connections++
      else result.changed++
      socket.end()
      await wait(10)
    }
  })()
  for (const outcome of await Promise.allSettled([blocks, connections])) {
    if (outcome.status === 'rejected') result.failures.push(String(outcome.reason))
  }
  return result
}

async function crowd(count: number, milliseconds: number) {
  const sockets: Socket[] = []
  for (let i = 0; i < count; i++) {
    const socket = await open(i % 2 === 0 ? ECHO : CHARACTERS)
    socket.on('error', () => {})
    socket.pause()
    sockets.push(socket)
  }
  console.log('open')
  const end = Date.now() + milliseconds
  while (Date.now() < end) {
    for (const socket of sockets) socket.write('x')
    await wait(200)
  }
  for (const socket of sockets) socket.destroy()
  return { count }
}

const [first, second = '0', third = '0'] = process.argv.slice(2)
const outcome = first === 'crowd' ? crowd(Number(second), Number(third)) : bystander(Number(first), Number(second))
console.log(JSON.stringify(await outcome))
process.exit(0)
