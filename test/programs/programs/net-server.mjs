// Servers of the module net: 7000 tells the hash of what it is sent, 7001 sends a file, 7002 echoes lines and counts.

import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createReadStream } from 'node:fs'
import { createServer } from 'node:net'
import { pipeline } from 'node:stream/promises'

const [, , file] = process.argv

/** Goes on writing after the end of what it reads. */
const hashing = createServer({ allowHalfOpen: true }, (socket) => {
  const hash = createHash('sha256')
  let bytes = 0
  let pauses = 0
  socket.on('data', (part) => {
    const millions = Math.floor(bytes / 1_000_000)
    bytes += part.length
    hash.update(part)
    // Now and then nothing is read for a while.
    if (Math.floor(bytes / 1_000_000) === millions) return
    pauses++
    socket.pause()
    setTimeout(() => socket.resume(), 2)
  })
  socket.on('end', () => {
    const text = `${bytes} ${hash.digest('hex')} ${pauses > 10}\n`
    setTimeout(() => socket.end(text), 50)
  })
})

/** As fast as its client reads, and no faster. */
const sending = createServer(async (socket) => {
  const source = createReadStream(file)
  const timer = setTimeout(() => console.log(`ahead ${source.bytesRead}`), 1500)
  await pipeline(source, socket)
  clearTimeout(timer)
})

let most = 0
const echoing = createServer((socket) => {
  socket.setNoDelay()
  socket.on('error', (error) => console.log(`error ${error.code}`))
  socket.pipe(socket)
  echoing.getConnections((_error, count) => {
    most = Math.max(most, count)
  })
})

process.on('SIGUSR2', () => {
  echoing.getConnections((_error, open) => {
    console.log(`connections ${open} of ${most}, ${Math.round(process.memoryUsage.rss() / 1e6)} MB`)
  })
})
const servers = [hashing, sending, echoing]
await Promise.all(servers.map((server, i) => once(server.listen({ port: 7000 + i, backlog: 4096 }), 'listening')))
console.log('ready')
