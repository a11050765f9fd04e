/** `http` and what is built on it. */
import type { ClientRequest, IncomingMessage, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { type Cases, event, type Surroundings, wait, watch } from '../behaviour.ts'

type Handler = (request: IncomingMessage, response: ServerResponse) => void

async function serving(
  on: Surroundings,
  handler: Handler,
  options: object = {},
): Promise<{ server: Server; port: number }> {
  const server = on.track(on.http.createServer(options, handler))
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

async function get(on: Surroundings, options: object): Promise<{ response: IncomingMessage; body: string }> {
  const request = on.http.get({ host: '127.0.0.1', agent: false, ...options } as never)
  const response = await event<IncomingMessage>(request, 'response')
  return { response, body: await text(response) }
}

export const http: Cases = {
  async 'get: an answer'(on) {
    const { port } = await serving(on, (request, response) => {
      on.log(request.method, request.url, request.httpVersion, request.socket.remoteAddress)
      response.setHeader('X-Mine', 'yes')
      response.end('hello')
    })
    const { response, body } = await get(on, { port, path: '/path?query' })
    on.log(response.statusCode, response.statusMessage, response.headers['x-mine'], body)
  },
  async 'request: order of events'(on) {
    const { server, port } = await serving(on, (request, response) => {
      on.log('server request', request.complete)
      request.on('data', (data) => on.log('server data', data))
      request.on('end', () => {
        on.log('server end')
        response.end('done')
      })
      watch(on, 'response', response, ['finish', 'close'])
    })
    watch(on, 'server', server, ['connection', 'close'])
    const request = on.http.request({ port, host: '127.0.0.1', method: 'POST', agent: false })
    watch(on, 'request', request, ['socket', 'finish', 'response', 'close', 'error'])
    request.end('body')
    const response = await event<IncomingMessage>(request, 'response')
    on.log(await text(response))
    await event(request, 'close')
    server.close()
    await event(server, 'close')
  },
  async 'keep-alive: one connection for several requests'(on) {
    let connections = 0
    const { server, port } = await serving(on, (_request, response) => response.end('x'))
    server.on('connection', () => connections++)
    const agent = on.track(new on.http.Agent({ keepAlive: true, maxSockets: 1 }))
    for (let i = 0; i < 5; i++) {
      const request = on.http.get({ port, host: '127.0.0.1', agent })
      const response = await event<IncomingMessage>(request, 'response')
      on.log(await text(response), request.reusedSocket, response.headers.connection)
    }
    on.log(connections)
  },
  async 'pipelining over a bare socket'(on) {
    const { port } = await serving(on, (request, response) => {
      const answer = request.url === '/slow' ? 20 : 0
      setTimeout(() => response.end(`${request.url} `), answer)
    })
    const socket = on.track(on.net.connect(port, '127.0.0.1'))
    socket.write('GET /slow HTTP/1.1\r\nHost: x\r\n\r\nGET /fast HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    let whole = ''
    socket.on('data', (data) => {
      whole += data
    })
    await event(socket, 'close')
    on.log(whole.match(/\/slow|\/fast|200 OK/g))
  },
  async 'chunked both ways'(on) {
    const { port } = await serving(on, (request, response) => {
      on.log(request.headers['transfer-encoding'])
      response.write('got: ')
      request.pipe(response)
    })
    const request = on.http.request({ port, host: '127.0.0.1', method: 'PUT', agent: false })
    const answered = event<IncomingMessage>(request, 'response')
    request.write('one ')
    await wait(5)
    request.write('two ')
    request.end('three')
    const response = await answered
    on.log(response.headers['transfer-encoding'], await text(response))
  },
  async 'large bodies both ways'(on) {
    const size = 20 * 1_048_576
    const { port } = await serving(on, (request, response) => {
      let sum = 0
      request.on('data', (data) => {
        sum += data.length
      })
      request.on('end', () => response.end(Buffer.alloc(sum, 'x')))
    })
    const request = on.http.request({ port, host: '127.0.0.1', method: 'POST', agent: false })
    request.end(Buffer.alloc(size, 'y'))
    const response = await event<IncomingMessage>(request, 'response')
    on.log((await text(response)).length === size)
  },
  async 'expect: 100-continue'(on) {
    const { server, port } = await serving(on, () => on.log('plain request'))
    server.on('checkContinue', (request: IncomingMessage, response: ServerResponse) => {
      on.log('checkContinue')
      response.writeContinue()
      request.pipe(response)
    })
    const request = on.http.request({
      port,
      host: '127.0.0.1',
      method: 'POST',
      agent: false,
      headers: { Expect: '100-continue' },
    })
    request.on('continue', () => {
      on.log('continue')
      request.end('body')
    })
    request.flushHeaders()
    on.log(await text(await event<IncomingMessage>(request, 'response')))
  },
  async upgrade(on) {
    const { server, port } = await serving(on, () => {})
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      on.log('upgrade', request.headers.upgrade, head.length)
      socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: echo\r\nConnection: Upgrade\r\n\r\n')
      socket.pipe(socket)
    })
    const request = on.http.get({
      port,
      host: '127.0.0.1',
      agent: false,
      headers: { Connection: 'Upgrade', Upgrade: 'echo' },
    })
    const [response, socket] = await new Promise<[IncomingMessage, Socket]>((resolve) => {
      request.on('upgrade', (answer, upgraded) => resolve([answer, on.track(upgraded as Socket)]))
    })
    on.log(response.statusCode)
    socket.write('ping')
    on.log(await event(socket, 'data'))
    socket.end()
    await event(socket, 'close')
  },
  async 'connect: a proxy'(on) {
    const { port: targetPort } = await serving(on, (_request, response) => response.end('target'))
    const { server, port } = await serving(on, () => {})
    server.on('connect', (request: IncomingMessage, socket: Socket) => {
      on.log('connect', request.method)
      const target = on.track(
        on.net.connect(targetPort, '127.0.0.1', () => {
          socket.write('HTTP/1.1 200 OK\r\n\r\n')
          target.pipe(socket)
          socket.pipe(target)
        }),
      )
    })
    const request = on.http
      .request({ port, host: '127.0.0.1', method: 'CONNECT', path: 'target:80', agent: false })
      .end()
    const socket = await new Promise<Socket>((resolve) =>
      request.on('connect', (_answer, tunnel) => resolve(on.track(tunnel as Socket))),
    )
    socket.write('GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    let whole = ''
    socket.on('data', (data) => {
      whole += data
    })
    await event(socket, 'close')
    on.log(whole.endsWith('target') || whole.includes('target'))
  },
  async 'a request that is no HTTP'(on) {
    const { server, port } = await serving(on, () => on.log('request'))
    server.on('clientError', (error, socket) => {
      on.log('clientError', (error as NodeJS.ErrnoException).code)
      socket.end('HTTP/1.1 400 Bad Request\r\n\r\n')
    })
    const socket = on.track(on.net.connect(port, '127.0.0.1'))
    socket.end('nonsense\r\n\r\n')
    on.log(await event(socket, 'data'))
  },
  async 'a client that goes away'(on) {
    let gone: Promise<unknown> | undefined
    const { port } = await serving(on, (request, response) => {
      watch(on, 'request', request, ['aborted', 'close', 'error'])
      gone = event(response, 'close')
      response.write('part')
    })
    const request = on.http.get({ port, host: '127.0.0.1', agent: false })
    request.on('error', (error) => on.log('client', error))
    const response = await event<IncomingMessage>(request, 'response')
    response.on('error', (error) => on.log('response', error))
    request.destroy()
    await gone
    await wait(5)
  },
  async 'a server that hangs up'(on) {
    const { port } = await serving(on, (request) => request.socket.destroy())
    const request = on.http.get({ port, host: '127.0.0.1', agent: false })
    on.log(await event(request, 'error'))
  },
  async 'nobody there'(on) {
    const request: ClientRequest = on.http.get({ port: 1, host: '127.0.0.1', agent: false })
    on.log(await event(request, 'error'))
  },
  async 'timeout of a request'(on) {
    const { port } = await serving(on, () => {})
    const request = on.http.get({ port, host: '127.0.0.1', agent: false, timeout: 20 })
    await event(request, 'timeout')
    on.log('timeout')
    request.on('error', (error) => on.log(error))
    request.destroy()
    await event(request, 'close')
  },
  async 'signal of a request'(on) {
    const { port } = await serving(on, () => {})
    const controller = new AbortController()
    const request = on.http.get({ port, host: '127.0.0.1', agent: false, signal: controller.signal })
    setTimeout(() => controller.abort(), 10)
    on.log(await event(request, 'error'))
  },
  async 'closeAllConnections and closeIdleConnections'(on) {
    const { server, port } = await serving(on, (_request, response) => response.end('x'))
    const agent = on.track(new on.http.Agent({ keepAlive: true }))
    const request = on.http.get({ port, host: '127.0.0.1', agent })
    await text(await event<IncomingMessage>(request, 'response'))
    server.closeIdleConnections()
    server.close(() => on.log('closed'))
    await event(server, 'close')
    on.log(server.listening)
  },
  async 'the default agent, by URL'(on) {
    const { port } = await serving(on, (request, response) => response.end(request.headers.host?.split(':')[0]))
    const request = on.http.get(`http://127.0.0.1:${port}/`)
    on.log(await text(await event<IncomingMessage>(request, 'response')))
    const other = on.http.get(new URL(`http://localhost:${port}/`), { family: 4 } as never)
    on.log(await text(await event<IncomingMessage>(other, 'response')))
    on.http.globalAgent.destroy()
  },
  async 'headers timeout and maxHeaderSize'(on) {
    const { port } = await serving(on, (_request, response) => response.end('x'), { maxHeaderSize: 1000 })
    const socket = on.track(on.net.connect(port, '127.0.0.1'))
    socket.write(`GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(2000)}\r\n\r\n`)
    on.log(String(await event(socket, 'data')).split('\r\n')[0])
  },
}
