// Clients of ws: a large message, a close, a broken connection, and many who hear one another.
import { once } from 'node:events'
import { WebSocket } from 'ws'

const [, , host] = process.argv
const open = async (path) => {
  const socket = new WebSocket(`ws://${host}:8080${path}`)
  await once(socket, 'open')
  return socket
}
const results = {}

const echo = await open('/echo')
results.pong = String((await once(echo, 'message'))[0])
const large = Buffer.alloc(20_000_000)
for (let i = 0; i < large.length; i += 4) large.writeInt32LE(Math.imul(i, 0x9e3779b1) | 0, i)
echo.send(large)
results.large = large.equals((await once(echo, 'message'))[0])
echo.send('x'.repeat(5_000_000))
results.compressed = (await once(echo, 'message'))[0].length
echo.close(1000, 'done')
results.closed = (await once(echo, 'close')).map(String)

const end = new WebSocket(`ws://${host}:8080/end`)
results.ended = (await once(end, 'close')).map(String)
const broken = new WebSocket(`ws://${host}:8080/break`)
results.broken = (await once(broken, 'close')).map(String)
const nobody = new WebSocket(`ws://${host}:1/`)
results.refused = await once(nobody, 'open').catch((error) => error.code)

const counts = []
const room = await Promise.all(Array.from({ length: 100 }, () => open('/room')))
const all = room.map(
  (socket, i) =>
    new Promise((resolve) => {
      counts[i] = 0
      socket.on('message', (data) => {
        if (String(data).startsWith('from') && ++counts[i] === room.length) resolve()
      })
    }),
)
for (const [i, socket] of room.entries()) socket.send(`from ${i}`)
await Promise.all(all)
results.heard = counts.reduce((sum, count) => sum + count)
for (const socket of room) socket.close()
console.log(JSON.stringify(results))
