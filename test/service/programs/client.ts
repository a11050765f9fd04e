/**
 * The kernel's side of the tests: plain `node:net` clients of the service at 10.0.0.2. Prints one line of JSON.
 *
 *   client.ts echo BYTES            sends so much to the echo port and compares the hash of what comes back
 *   client.ts stall BYTES SECONDS   as `echo`, but reads nothing for so long first
 *   client.ts hold COUNT            opens so many connections at once, and has each served
 *   client.ts sequence COUNT        opens and closes so many, one after the other
 *   client.ts vanish                opens two to the source of characters, and reads from one of them
 */
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'

const HOST = '10.0.0.2'
const ECHO = 7
const CHARACTERS = 19
const [command, first = '0', second = '0'] = process.argv.slice(2)

async function open(port = ECHO): Promise<Socket> {
  const socket = connect({ host: HOST, port, allowHalfOpen: true })
  await once(socket, 'connect')
  return socket
}

async function echo(length: number, stallSeconds: number) {
  const socket = await open()
  const sent = createHash('sha256')
  const received = createHash('sha256')
  let count = 0
  const sending = (async () => {
    const block = randomBytes(1 << 20)
    for (let left = length; left > 0; left -= block.length) {
      block.writeUInt32LE(left >>> 0)
      const chunk = Buffer.from(block.subarray(0, Math.min(left, block.length)))
      sent.update(chunk)
      if (!socket.write(chunk)) await once(socket, 'drain')
    }
    socket.end()
  })()
  await wait(stallSeconds * 1000)
  for await (const data of socket) {
    received.update(data)
    count += data.length
  }
  await sending
  return { count, equal: sent.digest('hex') === received.digest('hex') }
}

async function hold(count: number) {
  const sockets = await Promise.all(Array.from({ length: count }, () => open()))
  const served = await Promise.all(
    sockets.map(async (socket, index) => {
      socket.write(`number ${index}`)
      const [data] = (await once(socket, 'data')) as [Buffer]
      return data.toString() === `number ${index}`
    }),
  )
  for (const socket of sockets) socket.end()
  await Promise.all(sockets.map((socket) => once(socket, 'close')))
  return { served: served.filter(Boolean).length }
}

async function sequence(count: number) {
  for (let i = 0; i < count; i++) {
    const socket = await open()
    socket.resume()
    socket.end('x')
    await once(socket, 'close')
  }
  return { count }
}

async function vanish() {
  const [reader, sleeper] = [await open(CHARACTERS), await open(CHARACTERS)]
  reader.on('data', () => {})
  // Its window closes: what the service has to find out then is that probes are not answered.
  sleeper.pause()
  console.log('open')
  await Promise.all([once(reader, 'close'), once(sleeper, 'close')])
  return {}
}

const run: Record<string, () => Promise<object>> = {
  echo: () => echo(Number(first), 0),
  stall: () => echo(Number(first), Number(second)),
  hold: () => hold(Number(first)),
  sequence: () => sequence(Number(first)),
  vanish,
}
console.log(JSON.stringify(await run[command]()))
