// Express and ws on one port.
import { once } from 'node:events'
import { createServer } from 'node:http'
import express from 'express'
import { WebSocketServer } from 'ws'
import { chat, LARGE, PAGE } from './page.mjs'

const app = express()
app.use(express.json())
app.get('/', (_request, response) => response.type('html').send(PAGE))
app.get('/hello/:name', (request, response) => response.json({ hello: request.params.name, from: request.ip }))
app.get('/large', (_request, response) => response.type('bin').send(Buffer.alloc(LARGE)))
app.post('/echo', (request, response) => response.json(request.body))
app.post('/count', async (request, response) => {
  let bytes = 0
  for await (const part of request) bytes += part.length
  response.json({ bytes })
})
const server = createServer(app)
new WebSocketServer({ server, path: '/chat' }).on('connection', chat)
await once(server.listen(80), 'listening')
console.log('ready')
