// A server of ws: answers each message, tells all of it to everybody on /room, and pings.
import { once } from 'node:events'
import { WebSocketServer } from 'ws'

const server = new WebSocketServer({ port: 8080, perMessageDeflate: { threshold: 1000 }, maxPayload: 50_000_000 })
server.on('connection', (socket, request) => {
  if (request.url === '/end') return socket.close(4000, 'enough')
  if (request.url === '/break') return socket.terminate()
  socket.on('message', (data, isBinary) => {
    if (request.url === '/echo') return socket.send(data, { binary: isBinary })
    for (const each of server.clients) each.send(String(data))
  })
  socket.ping('are you there')
  socket.on('pong', (data) => socket.send(`pong ${data}`))
})
await once(server, 'listening')
console.log('ready')
