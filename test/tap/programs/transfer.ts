/**
 * The kernel's TCP at both ends of a test. "serve ADDRESS PORT" hashes what each connection sends and answers with the
 * digest; "send ADDRESS PORT MEGABYTES" sends pseudo-random bytes and prints whether the digest agrees, and the speed.
 */
import { createHash } from 'node:crypto'
import { connect, createServer } from 'node:net'
import process from 'node:process'

const [role, host, port, megabytes] = process.argv.slice(2)

function serve(): void {
  const server = createServer({ allowHalfOpen: true }, (socket) => {
    const hash = createHash('sha256')
    socket.on('data', (data) => hash.update(data))
    socket.on('end', () => socket.end(hash.digest('hex')))
  })
  server.listen({ host, port: Number(port) }, () => console.log('ready'))
}

async function send(): Promise<void> {
  const chunk = Buffer.alloc(1 << 20)
  const hash = createHash('sha256')
  const socket = connect({ host, port: Number(port) })
  socket.setEncoding('latin1')
  let answer = ''
  socket.on('data', (text) => {
    answer += text
  })
  const ended = new Promise((resolve, reject) => {
    socket.on('end', resolve)
    socket.on('error', reject)
  })
  const start = performance.now()
  for (let i = 0; i < Number(megabytes); i++) {
    const words = new Uint32Array(chunk.buffer)
    let state = i + 1
    for (let j = 0; j < words.length; j++) words[j] = state = (Math.imul(state, 1664525) + 1013904223) >>> 0
    const data = Buffer.from(chunk)
    hash.update(data)
    if (!socket.write(data)) await new Promise((resolve) => socket.once('drain', resolve))
  }
  socket.end()
  await ended
  const seconds = (performance.now() - start) / 1000
  const agrees = answer === hash.digest('hex')
  console.log(JSON.stringify({ agrees, gigabitsPerSecond: (Number(megabytes) * 8 * 1.048576) / 1000 / seconds }))
}

if (role === 'serve') serve()
else await send()
