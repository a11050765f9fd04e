/** `https` in both roles. */
import type { IncomingMessage } from 'node:http'
import type { Agent, RequestOptions, Server } from 'node:https'
import type { AddressInfo, Socket } from 'node:net'
import type { TLSSocket } from 'node:tls'
import { type Cases, event, type Surroundings, watch } from '../behaviour.ts'
import { certificates } from '../certificates.ts'

type Handler = ConstructorParameters<typeof Server>[1]

async function serving(
  on: Surroundings,
  handler: Handler,
  options: object = {},
): Promise<{ server: Server; port: number }> {
  const server = on.track(on.https.createServer({ ...certificates().server, ...options }, handler))
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  return { server, port: (server.address() as AddressInfo).port }
}

async function text(response: IncomingMessage): Promise<string> {
  let whole = ''
  response.setEncoding('utf8')
  for await (const part of response) whole += part
  return whole
}

function trusting(port: number, more: RequestOptions = {}): RequestOptions {
  return { port, host: '127.0.0.1', servername: 'localhost', ca: certificates().ca, agent: false, ...more }
}

export const https: Cases = {
  async 'get: an answer, and what is known of the connection'(on) {
    const { port } = await serving(on, (request, response) => {
      const socket = request.socket as TLSSocket
      on.log(request.method, request.url, request.headers.host?.split(':')[0], socket.encrypted, socket.getProtocol())
      response.end('hello')
    })
    const request = on.https.get(trusting(port, { path: '/path' }))
    watch(on, 'request', request, ['socket', 'finish', 'response', 'close', 'error'])
    const response = await event<IncomingMessage>(request, 'response')
    on.log(response.statusCode, (response.socket as TLSSocket).authorized, await text(response))
    await event(request, 'close')
  },
  async 'post: bodies both ways'(on) {
    const { port } = await serving(on, (request, response) => {
      let sum = 0
      request.on('data', (data) => {
        sum += data.length
      })
      request.on('end', () => response.end(`got ${sum}`))
    })
    const request = on.https.request(trusting(port, { method: 'POST' }))
    request.end(Buffer.alloc(3_000_000))
    on.log(await text(await event<IncomingMessage>(request, 'response')))
  },
  async 'by URL, with options and without'(on) {
    const { port } = await serving(on, (request, response) => response.end(request.url))
    const { ca } = certificates()
    for (const where of [`https://127.0.0.1:${port}/text`, new URL(`https://127.0.0.1:${port}/url`)]) {
      const request = on.https.get(where, { ca, agent: false })
      on.log(await text(await event<IncomingMessage>(request, 'response')))
    }
    const untrusting = on.https.get(`https://127.0.0.1:${port}/`)
    untrusting.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
    await event(untrusting, 'close')
    on.https.globalAgent.destroy()
  },
  async 'an agent keeps connections and sessions'(on) {
    let connections = 0
    const { server, port } = await serving(on, (_request, response) => response.end('x'))
    server.on('secureConnection', (socket) => {
      connections++
      on.log('reused session', socket.isSessionReused())
    })
    const agent: Agent = on.track(new on.https.Agent({ keepAlive: true, maxSockets: 1, maxCachedSessions: 5 }))
    for (let i = 0; i < 4; i++) {
      const request = on.https.get(trusting(port, { agent }))
      const socket = await event<Socket>(request, 'socket')
      const response = await event<IncomingMessage>(request, 'response')
      on.log(await text(response), request.reusedSocket, response.headers.connection)
      if (i === 1) {
        const closed = event(socket, 'close')
        socket.destroy()
        await closed
      }
    }
    on.log(connections, (agent as never as { protocol: string }).protocol, agent.maxSockets)
  },
  async 'many at once through an agent with a bound'(on) {
    const { port } = await serving(on, (request, response) => setImmediate(() => response.end(request.url)))
    const agent: Agent = on.track(new on.https.Agent({ keepAlive: true, maxSockets: 3 }))
    const bodies = await Promise.all(
      Array.from({ length: 12 }, async (_, i) => {
        const request = on.https.get(trusting(port, { agent, path: `/${i}` }))
        return text(await event<IncomingMessage>(request, 'response'))
      }),
    )
    on.log(bodies, Object.keys(agent.freeSockets).length, Object.keys(agent.requests).length)
  },
  async 'client certificates'(on) {
    const { ca, client } = certificates()
    const { port } = await serving(
      on,
      (request, response) => response.end((request.socket as TLSSocket).getPeerCertificate().subject.CN),
      { requestCert: true, ca },
    )
    const request = on.https.get(trusting(port, { ...client }))
    on.log(await text(await event<IncomingMessage>(request, 'response')))
    const without = on.https.get(trusting(port))
    without.on('error', (error) => on.log((error as NodeJS.ErrnoException).code !== undefined))
    await event(without, 'close')
  },
  async 'a request to a server that is no TLS, and the other way round'(on) {
    const plain = on.track(on.http.createServer((_request, response) => response.end('plain')))
    plain.listen(0, '127.0.0.1')
    await event(plain, 'listening')
    const request = on.https.get(trusting((plain.address() as AddressInfo).port))
    request.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
    await event(request, 'close')
    const { server, port } = await serving(on, () => on.log('request'))
    server.on('tlsClientError', (error) => on.log('tlsClientError', (error as NodeJS.ErrnoException).code))
    const other = on.http.get({ port, host: '127.0.0.1', agent: false })
    other.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
    await event(other, 'close')
  },
  async 'a name that the certificate does not have, and nobody there'(on) {
    const { port } = await serving(on, (_request, response) => response.end())
    for (const options of [trusting(port, { servername: 'wrong.example' }), trusting(1)]) {
      const request = on.https.get(options)
      request.on('error', (error) => on.log((error as NodeJS.ErrnoException).code))
      await event(request, 'close')
    }
  },
  async 'upgrade over TLS'(on) {
    const { server, port } = await serving(on, () => {})
    server.on('upgrade', (_request, socket) => {
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
      socket.pipe(socket)
    })
    const request = on.https.get(trusting(port, { headers: { Connection: 'Upgrade', Upgrade: 'echo' } }))
    const socket = await new Promise<Socket>((resolve) => {
      request.on('upgrade', (answer, upgraded) => {
        on.log(answer.statusCode)
        resolve(on.track(upgraded as Socket))
      })
    })
    socket.write('ping')
    on.log(await event(socket, 'data'))
    socket.end()
    await event(socket, 'close')
  },
  async 'closeIdleConnections and close'(on) {
    const { server, port } = await serving(on, (_request, response) => response.end('x'))
    const agent: Agent = on.track(new on.https.Agent({ keepAlive: true }))
    const request = on.https.get(trusting(port, { agent }))
    await text(await event<IncomingMessage>(request, 'response'))
    server.close((error) => on.log('closed', error))
    server.closeIdleConnections()
    await event(server, 'close')
    on.log(server.listening)
  },
  async 'a server that was given a stream (emit connection)'(on) {
    const { server } = await serving(on, (request, response) => response.end(`for ${request.url}`))
    const outer = on.track(on.net.createServer((socket) => server.emit('connection', socket)))
    outer.listen(0, '127.0.0.1')
    await event(outer, 'listening')
    const request = on.https.get(trusting((outer.address() as AddressInfo).port, { path: '/outer' }))
    on.log(await text(await event<IncomingMessage>(request, 'response')))
  },
}
