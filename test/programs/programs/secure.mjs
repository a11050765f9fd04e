// Node's own http2 over TLS, for browsers, and ws on the same port.
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import { createSecureServer } from 'node:http2'
import { WebSocketServer } from 'ws'
import { chat, LARGE, PAGE } from './page.mjs'

const [, , certificate, key] = process.argv
const secrets = { cert: readFileSync(certificate), key: readFileSync(key), allowHTTP1: true }
const server = createSecureServer(secrets, (request, response) => {
  const path = request.url
  if (path === '/') {
    response.setHeader('Content-Type', 'text/html')
    response.end(PAGE)
  } else if (path === '/large') response.end(Buffer.alloc(LARGE))
  else if (path === '/echo') request.pipe(response)
  else response.end(JSON.stringify({ hello: path.slice('/hello/'.length), version: request.httpVersion }))
})
new WebSocketServer({ server, path: '/chat' }).on('connection', chat)
await once(server.listen(443), 'listening')
console.log('ready')
