// Fastify and ws on one port.
import fastify from 'fastify'
import { WebSocketServer } from 'ws'
import { chat, LARGE, PAGE } from './page.mjs'

const app = fastify()
app.get('/', (_request, reply) => reply.type('text/html').send(PAGE))
app.get('/hello/:name', async (request) => ({ hello: request.params.name, from: request.ip }))
app.get('/large', (_request, reply) => reply.send(Buffer.alloc(LARGE)))
app.post('/echo', async (request) => request.body)
app.addContentTypeParser('application/octet-stream', (_request, body, done) => done(null, body))
app.post('/count', async (request) => {
  let bytes = 0
  for await (const part of request.body) bytes += part.length
  return { bytes }
})
const sockets = new WebSocketServer({ server: app.server, path: '/chat' })
sockets.on('connection', chat)
await app.listen({ port: 80, host: '::' })
console.log('ready')
