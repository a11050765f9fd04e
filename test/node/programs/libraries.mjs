// Express, Fastify, ws and undici as they come: services on three ports, and clients of a server at the address given.
import { once } from 'node:events'
import express from 'express'
import fastify from 'fastify'
import { request } from 'undici'
import { WebSocket, WebSocketServer } from 'ws'

const [, , kernel] = process.argv

const web = express()
web.use(express.json())
web.get('/hello/:name', (request, response) => response.json({ hello: request.params.name, from: request.ip }))
web.post('/echo', (request, response) => response.json(request.body))
await once(web.listen(80), 'listening')

const api = fastify()
api.get('/', async () => ({ fastify: true }))
api.get('/large', async () => 'x'.repeat(5_000_000))
await api.listen({ port: 81, host: '0.0.0.0' })

const chat = new WebSocketServer({ port: 82 })
chat.on('connection', (socket) => socket.on('message', (data) => socket.send(`echo ${data}`)))
await once(chat, 'listening')

const url = `http://${kernel}:8080`
console.log(await (await fetch(`${url}/fetch`)).text())
const { statusCode, body } = await request(`${url}/undici`, { method: 'POST', body: 'posted' })
console.log(statusCode, await body.text())
const socket = new WebSocket(`ws://${kernel}:8081`)
await once(socket, 'open')
socket.send('hello')
console.log(String((await once(socket, 'message'))[0]))
socket.close()

process.on('SIGTERM', () => process.exit(0))
console.log('ready')
