/** `http`: servers, their answers, their limits and their end; clients are bare sockets where their bytes matter. */
import type { IncomingMessage, RequestListener, Server, ServerResponse } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { attempt, type Cases, event, type Surroundings, tick, wait, watch } from '../behaviour.ts'

const ANY = '127.0.0.1'

async function serving(on: Surroundings, handler: RequestListener, options: object = {}) {
  const server = on.track(on.http.createServer(options, handler))
  server.listen(0, ANY)
  await event(server, 'listening')
  return { server: server as Server, port: (server.address() as AddressInfo).port }
}

/** All that comes back for some bytes, until the connection ends. */
async function raw(on: Surroundings, port: number, ...pieces: string[]): Promise<string> {
  const socket = on.track(on.net.connect(port, ANY))
  let whole = ''
  socket.on('data', (data: Buffer) => {
    whole += data
  })
  socket.on('error', (error) => {
    whole += ` (${(error as NodeJS.ErrnoException).code})`
  })
  const closed = event(socket, 'close')
  for (const piece of pieces) socket.write(piece)
  await closed
  return whole.replace(/Date: [^\r]*\r\n/, '')
}

/** Idle connections end soon. */
function shortLived(server: Server): void {
  Object.assign(server, { keepAliveTimeout: 30, keepAliveTimeoutBuffer: 0 })
}

const GET = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n'

export const httpServers: Cases = {
  async 'answers: status, headers, messages, in every way of giving them'(on) {
    const ways: ((response: ServerResponse) => void)[] = [
      (response) => response.end(),
      (response) => response.writeHead(201).end('x'),
      (response) => response.writeHead(404, 'Not Here', { 'X-One': '1' }).end('gone'),
      (response) => response.writeHead(200, ['X-One', '1', 'X-One', '2']).end('array'),
      (response) => response.writeHead(200, { 'Content-Length': 2 }).end('ok'),
      (response) => {
        response.statusCode = 500
        response.statusMessage = 'Mine'
        response.setHeader('X-One', ['1', '2']).setHeader('X-Two', 2)
        response.appendHeader('X-One', '3')
        response.removeHeader('x-two')
        response.write('a')
        response.end('b', 'utf8')
      },
      (response) => {
        response.sendDate = false
        response.end(Buffer.from('no date'))
      },
      (response) => {
        response.setHeaders(new Map([['X-Map', 'yes']]))
        response.flushHeaders()
        response.end('flushed')
      },
      (response) => {
        response.shouldKeepAlive = false
        response.end('last')
      },
      (response) => {
        response.useChunkedEncodingByDefault = false
        response.write('bare')
        response.end()
      },
      (response) => response.writeHead(204).end(),
      (response) => response.writeHead(304).end(),
    ]
    for (const [index, way] of ways.entries()) {
      const { port } = await serving(on, (_request, response) => way(response))
      on.log(index, await raw(on, port, GET))
      on.log(index, await raw(on, port, GET.replace('GET', 'HEAD')))
    }
  },
  async 'answers: what is refused'(on) {
    const { port } = await serving(on, (_request, response) => {
      attempt(on, () => response.writeHead(99))
      attempt(on, () => response.writeHead(1000))
      attempt(on, () => response.setHeader('a b', 'x'))
      attempt(on, () => response.setHeader('x', 'a\nb'))
      attempt(on, () => response.setHeader('x', undefined as never))
      attempt(on, () => response.writeEarlyHints(5 as never))
      attempt(on, () => response.write(null as never))
      attempt(on, () => response.write(5 as never))
      attempt(on, () => response.end(5 as never))
      response.end('fine', () => on.log('callback of end'))
      attempt(on, () => response.writeHead(200))
      attempt(on, () => response.setHeader('late', 'x'))
      response.on('error', (error) => on.log('error', error))
      attempt(on, () => response.write('after the end'))
      attempt(on, () => response.end('after the end'))
    })
    on.log((await raw(on, port, GET)).split('\r\n')[0])
  },
  async 'answers: properties and events'(on) {
    const { port } = await serving(on, (request, response) => {
      on.log(response.headersSent, response.writableEnded, response.statusCode, response.req === request)
      on.log(response.socket === request.socket, response.connection === request.socket, response.sendDate)
      watch(on, 'response', response, ['prefinish', 'finish', 'close'])
      watch(on, 'request', request, ['end', 'close'])
      request.resume()
      response.end('x')
      on.log(response.headersSent, response.writableEnded, response.getHeaderNames())
      setTimeout(() => on.log(response.writableFinished, response.destroyed, request.destroyed, request.complete), 5)
    })
    await raw(on, port, GET)
    await wait(10)
  },
  async 'answers: strictContentLength'(on) {
    const { port } = await serving(on, (_request, response) => {
      ;(response as unknown as { strictContentLength: boolean }).strictContentLength = true
      response.setHeader('Content-Length', 3)
      attempt(on, () => response.write('too long'))
      attempt(on, () => response.end('x'))
      response.destroy()
    })
    on.log(await raw(on, port, GET))
  },
  async 'requests: bytes in pieces, several at once, and what is wrong with them'(on) {
    const { server, port } = await serving(on, (request, response) => {
      let body = ''
      request.on('data', (data) => {
        body += data
      })
      request.on('end', () => response.end(`${request.method} ${request.url} ${body}`))
    })
    server.on('clientError', (error: NodeJS.ErrnoException & { rawPacket?: Buffer; bytesParsed?: number }, socket) => {
      on.log('clientError', error.code, error.message, error.bytesParsed, error.rawPacket?.length)
      if (socket.writable) socket.end(`HTTP/1.1 400 Bad Request\r\n\r\n`)
    })
    on.log(await raw(on, port, 'GE', 'T /a HT', 'TP/1.1\r\nHo', 'st: x\r\nConnection: close\r\n', '\r\n'))
    on.log(await raw(on, port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 4\r\nConnection: close\r\n\r\nbo', 'dy'))
    const chunked = 'POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n'
    on.log(await raw(on, port, `${chunked}4\r\nchun\r\n2;x=y\r\nks\r\n0\r\n\r\n`))
    for (const wrong of [
      'GET / HTTP/1.1\r\n\r\n',
      'GET / HTTP/9.9\r\nHost: x\r\n\r\n',
      'GET / HTTP/1.1\r\nHost: x\r\nHost : y\r\n\r\n',
      'NONE / HTTP/1.1\r\nHost: x\r\n\r\n',
      `${chunked}zz\r\n`,
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n',
      'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: x\r\n\r\n',
      '\u0016\u0003\u0001hello, this is TLS',
    ]) {
      on.log((await raw(on, port, wrong)).split('\r\n')[0])
    }
  },
  async 'requests: without a handler for errors, as Node answers itself'(on) {
    const { port } = await serving(on, (_request, response) => response.end('x'), { maxHeaderSize: 500 })
    on.log(await raw(on, port, 'nonsense\r\n\r\n'))
    on.log(await raw(on, port, `GET / HTTP/1.1\r\nHost: x\r\nX: ${'y'.repeat(1000)}\r\n\r\n`))
    on.log(await raw(on, port, 'GET / HTTP/1.1\r\n\r\n'))
    on.log(await raw(on, port, 'GET / HTTP/1.1\r\nHost: x\r\nExpect: something\r\nConnection: close\r\n\r\n'))
  },
  async 'requests: expectations'(on) {
    const { server, port } = await serving(on, (_request, response) => response.end('plain'))
    const asking = (what: string) =>
      `POST / HTTP/1.1\r\nHost: x\r\nExpect: ${what}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`
    on.log(await raw(on, port, asking('100-continue')))
    server.on('checkContinue', (_request, response: ServerResponse) => {
      on.log('checkContinue')
      response.writeHead(417).end('no')
    })
    server.on('checkExpectation', (request: IncomingMessage, response: ServerResponse) => {
      on.log('checkExpectation', request.headers.expect)
      response.end('as you like')
    })
    on.log(await raw(on, port, asking('100-continue')))
    on.log(await raw(on, port, asking('wonders')))
  },
  async 'requests: upgrades and CONNECT that nobody handles'(on) {
    const { port } = await serving(on, (request, response) => response.end(`${request.method} served`))
    const upgrade = 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, close\r\nUpgrade: x\r\n\r\n'
    on.log((await raw(on, port, upgrade)).split('\r\n')[0])
    on.log(await raw(on, port, 'CONNECT x:80 HTTP/1.1\r\nHost: x\r\n\r\n'))
  },
  async 'requests: an upgrade with data behind it'(on) {
    const { server, port } = await serving(on, () => {})
    server.on('upgrade', (request: IncomingMessage, socket: Socket, head: Buffer) => {
      on.log(request.headers.upgrade, head, socket.destroyed)
      socket.end('HTTP/1.1 101 Switching Protocols\r\n\r\nbye')
    })
    on.log(await raw(on, port, 'GET / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: mine\r\n\r\nfirst bytes'))
  },
  async 'keep-alive: headers, keepAliveTimeout and maxRequestsPerSocket'(on) {
    const { server, port } = await serving(on, (_request, response) => response.end('x'))
    shortLived(server)
    on.log(await raw(on, port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    const limited = await serving(on, (_request, response) => response.end('x'))
    shortLived(limited.server)
    limited.server.maxRequestsPerSocket = 2
    limited.server.on('dropRequest', () => on.log('dropRequest'))
    const three = 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'.repeat(3)
    const whole = await raw(on, limited.port, three)
    on.log(whole.match(/HTTP\/1.1 \d+|Connection: [^\r]+|Keep-Alive: [^\r]+/g))
  },
  async 'limits: their defaults, and how they are set'(on) {
    const server = on.track(on.http.createServer())
    const { headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxHeadersCount, maxRequestsPerSocket } = server
    on.log(headersTimeout, requestTimeout, keepAliveTimeout, timeout, maxHeadersCount, maxRequestsPerSocket)
    on.log(server.setTimeout(1000) === server, server.timeout, server.listening, server.address())
    const options = { headersTimeout: 10, requestTimeout: 20, keepAliveTimeout: 30, connectionsCheckingInterval: 5 }
    const other = on.track(on.http.createServer(options))
    on.log(other.headersTimeout, other.requestTimeout, other.keepAliveTimeout)
    for (const wrong of [
      { headersTimeout: 30, requestTimeout: 20 },
      { requestTimeout: -1 },
      { keepAliveTimeout: 'x' },
      { maxHeaderSize: -1 },
      { insecureHTTPParser: 1 },
      { joinDuplicateHeaders: 1 },
      { requireHostHeader: 1 },
      { highWaterMark: -1 },
      { IncomingMessage: 5 },
    ]) {
      attempt(on, () => on.http.createServer(wrong as never) && 'made')
    }
    attempt(on, () => on.http.createServer(5 as never))
    on.log(on.http.createServer(() => {}).listenerCount('request'))
  },
  async 'limits: headersTimeout and requestTimeout'(on) {
    const { port } = await serving(on, (request) => request.resume(), {
      headersTimeout: 20,
      requestTimeout: 60,
      connectionsCheckingInterval: 5,
    })
    on.log(await raw(on, port, 'GET / HTTP/1.1\r\nHost: x\r\n'))
    on.log(await raw(on, port, 'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\nhalf'))
  },
  async 'limits: timeout of sockets, and maxHeadersCount'(on) {
    const { server, port } = await serving(on, (request, response) => {
      if (request.url === '/count') response.end(String(request.rawHeaders.length))
    })
    server.maxHeadersCount = 3
    const many = Array.from({ length: 9 }, (_, i) => `X-${i}: x\r\n`).join('')
    on.log(
      (await raw(on, port, `GET /count HTTP/1.1\r\nHost: x\r\nConnection: close\r\n${many}\r\n`)).split('\r\n\r\n')[1],
    )
    // Long enough for the request to come first, on a busy machine as well.
    server.setTimeout(250, (socket) => {
      on.log('timeout', socket.destroyed)
      socket.destroy()
    })
    on.log(await raw(on, port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
    server.removeAllListeners('timeout')
    on.log(await raw(on, port, 'GET / HTTP/1.1\r\nHost: x\r\n\r\n'))
  },
  async 'end: close waits for answers, and closes what is idle'(on) {
    let answer = () => {}
    const { server, port } = await serving(on, (request, response) => {
      if (request.url === '/slow') answer = () => response.end('slow')
      else response.end('fast')
    })
    watch(on, 'server', server, ['close'])
    const idle = on.track(on.net.connect(port, ANY))
    idle.write('GET / HTTP/1.1\r\nHost: x\r\n\r\n')
    await event(idle, 'data')
    const asked = event(server, 'request')
    const busy = raw(on, port, 'GET /slow HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n')
    await asked
    const idleClosed = event(idle, 'close')
    const closed = new Promise<void>((resolve) => {
      server.close((error) => {
        on.log('closed', error)
        resolve()
      })
    })
    on.log('listening', server.listening)
    await idleClosed
    on.log('idle closed')
    answer()
    const last = await busy
    await closed
    on.log(last.split('\r\n\r\n')[1])
  },
  async 'end: closeIdleConnections leaves what is busy, closeAllConnections nothing'(on) {
    const { server, port } = await serving(on, (request, response) => {
      if (request.url === '/idle') response.end('x')
    })
    const idle = on.track(on.net.connect(port, ANY))
    const busy = on.track(on.net.connect(port, ANY))
    for (const [name, socket] of Object.entries({ idle, busy })) {
      socket.on('error', (error) => on.log(name, error))
      socket.on('close', () => on.log(name, 'closed'))
    }
    idle.write('GET /idle HTTP/1.1\r\nHost: x\r\n\r\n')
    await event(idle, 'data')
    busy.write('GET /busy HTTP/1.1\r\nHost: x\r\n\r\n')
    await event(server, 'request')
    const idleGone = event(idle, 'close')
    server.closeIdleConnections()
    await idleGone
    const busyGone = event(busy, 'close')
    server.closeAllConnections()
    await busyGone
    attempt(on, () => server.close())
    await event(server, 'close')
    server.close((error) => on.log('again', error))
    await tick()
  },
  async 'end: Symbol.asyncDispose'(on) {
    const { server } = await serving(on, () => {})
    watch(on, 'server', server, ['close'])
    await (server as unknown as Record<symbol, () => Promise<void>>)[Symbol.asyncDispose]()
    on.log(server.listening)
  },
  async 'sockets: what they tell of both ends'(on) {
    const { port } = await serving(on, (request, response) => {
      const { remoteAddress, remoteFamily, localAddress, localPort, encrypted } = request.socket as never as Record<
        string,
        unknown
      >
      response.end([remoteAddress, remoteFamily, localAddress, localPort === port, encrypted].join())
    })
    on.log((await raw(on, port, GET)).split('\r\n\r\n')[1])
  },
  async 'sockets: a handler that takes one over, and one that hangs up'(on) {
    const { server, port } = await serving(on, (request, response) => {
      if (request.url === '/detach') {
        const { socket } = response
        response.detachSocket(socket as Socket)
        socket?.end('HTTP/1.1 200 OK\r\n\r\nby hand')
      } else request.socket.destroySoon()
    })
    server.on('connection', (socket: Socket) => on.log('connection', socket.connecting, socket.readyState))
    on.log(await raw(on, port, 'GET /detach HTTP/1.1\r\nHost: x\r\n\r\n'))
    on.log(await raw(on, port, GET))
  },
  async 'classes: one’s own IncomingMessage and ServerResponse'(on) {
    class MyRequest extends on.http.IncomingMessage {
      get mine(): string {
        return `my ${this.url}`
      }
    }
    class MyResponse extends on.http.ServerResponse {
      say(what: string): void {
        this.end(`says ${what}`)
      }
    }
    const options = { IncomingMessage: MyRequest, ServerResponse: MyResponse }
    const { port } = await serving(
      on,
      ((request: MyRequest, response: MyResponse) => response.say(request.mine)) as never,
      options,
    )
    on.log((await raw(on, port, GET)).split('\r\n\r\n')[1])
  },
  async 'the module: what is in it'(on) {
    on.log(Object.keys(on.http).sort())
    on.log(on.http.METHODS.length > 30, on.http.STATUS_CODES[418], on.http.maxHeaderSize)
    attempt(on, () => on.http.validateHeaderName('a b'))
    attempt(on, () => on.http.validateHeaderValue('a', undefined as never))
    const server = on.http.createServer()
    on.log(server instanceof on.http.Server, server instanceof on.net.Server, server.constructor.name)
    on.log(on.http.Server.length, on.http.createServer.name, on.http.request.name, on.http.get.name, on.http.Agent.name)
    on.log((on.http.Server as unknown as () => object)() instanceof on.http.Server)
    on.log((on.http.Agent as unknown as () => object)() instanceof on.http.Agent)
    on.log(on.net.createServer() instanceof on.http.Server, {} instanceof on.net.Server)
  },
}
