// A program that knows nothing of any stack: uses each module of Node that has to do with the network, on itself.
import { createSocket } from 'node:dgram'
import dns from 'node:dns'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import http, { createServer } from 'node:http'
import http2 from 'node:http2'
import https from 'node:https'
import net, { connect } from 'node:net'
import tls from 'node:tls'
import { WebSocketServer } from 'ws'

const [, , certificate, key] = process.argv
const secrets = { cert: readFileSync(certificate), key: readFileSync(key) }
const trust = { ca: secrets.cert, servername: 'localhost' }

/** Runs `work` with the port of a server that listens. */
async function serving(server, work) {
  server.listen(0)
  await once(server, 'listening')
  await work(server.address().port)
  server.close()
  server.closeAllConnections?.()
}

async function text(stream) {
  let whole = ''
  for await (const part of stream) whole += part
  return whole
}

await serving(
  net.createServer((socket) => socket.end(`net for ${socket.remoteAddress}`)),
  async (port) => console.log(await text(connect(port, '127.0.0.1'))),
)
await serving(
  createServer((request, response) => response.end(`http ${request.url}`)),
  async (port) => {
    const [response] = await once(http.get({ port, path: '/one', family: 4 }), 'response')
    console.log(await text(response))
    console.log(await (await fetch(`http://localhost:${port}/fetched`)).text())
  },
)
const chat = createServer()
new WebSocketServer({ server: chat }).on('connection', (socket) => {
  socket.send('web socket')
  socket.close()
})
await serving(chat, async (port) => {
  // From Node 22 on.
  if (globalThis.WebSocket === undefined) return
  const socket = new WebSocket(`ws://localhost:${port}`)
  console.log(await new Promise((resolve) => socket.addEventListener('message', ({ data }) => resolve(data))))
  await new Promise((resolve) => socket.addEventListener('close', resolve))
})
await serving(
  https.createServer(secrets, (_request, response) => response.end('https')),
  async (port) => {
    const [response] = await once(https.get({ port, host: '127.0.0.1', ...trust }), 'response')
    const protocol = response.socket.getProtocol()
    console.log(await text(response), protocol)
  },
)
await serving(
  tls.createServer(secrets, (socket) => socket.end('tls')),
  async (port) => console.log(await text(tls.connect({ port, host: '127.0.0.1', ...trust }))),
)
await serving(
  http2.createSecureServer(secrets, (_request, response) => response.end('http2')),
  async (port) => {
    const session = http2.connect(`https://localhost:${port}`, { ...trust, family: 4 })
    console.log(await text(session.request({ ':path': '/' }).end()))
    session.close()
    await once(session, 'close')
  },
)
const socket = createSocket('udp4').bind(0, '127.0.0.1')
await once(socket, 'listening')
socket.send('udp', socket.address().port, '127.0.0.1')
console.log(String((await once(socket, 'message'))[0]))
socket.close()
console.log((await dns.promises.lookup('localhost', { family: 4 })).address)
