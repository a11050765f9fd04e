/** `http`: agents, and what a request can be told and tell. */
import type { Agent, ClientRequest, IncomingHttpHeaders, IncomingMessage, RequestListener, Server } from 'node:http'
import type { AddressInfo, Socket } from 'node:net'
import { attempt, type Cases, event, type Surroundings, tick, watch } from '../behaviour.ts'

const REQUEST_EVENTS = ['socket', 'information', 'continue', 'finish', 'response', 'timeout', 'abort', 'error', 'close']

async function serving(on: Surroundings, handler: RequestListener, options: object = {}) {
  const server = on.track(on.http.createServer(options, handler))
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  return { server: server as Server, port: (server.address() as AddressInfo).port }
}

async function text(response: IncomingMessage): Promise<string> {
  let whole = ''
  response.setEncoding('utf8')
  for await (const part of response) whole += part
  return whole
}

/** The whole answer to a request, or what it failed with. */
async function outcome(request: ClientRequest): Promise<string> {
  return new Promise((resolve) => {
    request.on('error', (error) => resolve(`${(error as NodeJS.ErrnoException).code} ${error.message}`))
    request.on('response', async (response: IncomingMessage) => {
      try {
        resolve(`${response.statusCode} ${await text(response)}`)
      } catch (error) {
        resolve(`cut off: ${(error as Error).message}`)
      }
    })
  })
}

const ANY = '127.0.0.1'

function sockets(agent: Agent): string {
  const count = (lists: NodeJS.ReadOnlyDict<unknown[]>) => Object.values(lists).map((list) => list?.length ?? 0)
  const state = { used: count(agent.sockets), free: count(agent.freeSockets), waiting: count(agent.requests) }
  return JSON.stringify(state)
}

export const httpClients: Cases = {
  async 'request: all ways of calling it'(on) {
    const { port } = await serving(on, (request, response) => response.end(`${request.method} ${request.url}`))
    const url = `http://127.0.0.1:${port}/from-url?x=1`
    const ways: unknown[][] = [
      [url],
      [new URL(url)],
      [{ port, host: ANY }],
      [{ port, hostname: ANY, host: 'overruled', path: '/path' }],
      [url, { method: 'PUT' }],
      [new URL(url), { path: '/overruled' }],
      [url, undefined],
      [{ port, host: ANY, agent: undefined }],
      [{ port, host: ANY, agent: null }],
      [{ port, host: ANY, agent: false }],
      [{ port: String(port), host: ANY, protocol: 'http:' }],
      [{ port, host: ANY, defaultPort: 1, family: 4 }],
    ]
    for (const way of ways) {
      for (const call of ['request', 'get'] as const) {
        const done = new Promise<IncomingMessage>((resolve) => {
          const request = Reflect.apply(on.http[call], null, [...way, resolve]) as ClientRequest
          if (call === 'request') request.end()
        })
        on.log(call, await text(await done))
      }
    }
    on.http.globalAgent.destroy()
  },
  async 'request: wrong arguments'(on) {
    const ways: unknown[][] = [
      ['not a url'],
      ['https://127.0.0.1/'],
      ['ftp://127.0.0.1/'],
      [{ protocol: 'x:' }],
      [{ path: '/a b' }],
      [{ method: 'GE T' }],
      [{ method: 5 }],
      [{ host: 5 }],
      [{ hostname: {} }],
      [{ agent: {} }],
      [{ agent: 0 }],
      [{ agent: '' }],
      [{ agent: true }],
      [{ headers: { 'a b': 'x' } }],
      [{ headers: { a: 'x\ny' } }],
      [{ headers: { a: undefined } }],
      [{ insecureHTTPParser: 'x' }],
      [{ maxHeaderSize: 'x' }],
      [{ timeout: 'x' }],
      [{ joinDuplicateHeaders: 1 }],
      [{ host: ANY, port: 65_536 }],
      [{ signal: 5 }],
      [{ createConnection: 5, host: ANY, port: 1 }],
    ]
    for (const way of ways) {
      attempt(on, () => {
        const request = Reflect.apply(on.http.request, null, way) as ClientRequest
        request.on('error', () => {})
        request.destroy()
      })
    }
    await tick()
  },
  async 'request: properties'(on) {
    const { port } = await serving(on, (_request, response) => response.end('x'))
    const request = on.http.request({ port, host: ANY, path: '/x', agent: false, headers: { 'X-One': '1' } })
    on.log(request.method, request.path, request.protocol, request.host, request.reusedSocket, request.maxHeadersCount)
    on.log(request.getHeaders(), request.getHeaderNames(), request.getRawHeaderNames(), request.hasHeader('x-one'))
    on.log(request.writableEnded, request.writableFinished, request.headersSent, request.destroyed, request.aborted)
    request.setHeader('x-two', ['a', 'b'])
    request.appendHeader('x-two', 'c')
    request.removeHeader('X-One')
    on.log(request.getHeader('X-Two'), request.getHeader('x-one'))
    const answered = event<IncomingMessage>(request, 'response')
    on.log(request.end() === request, request.writableEnded)
    const response = await answered
    on.log(request.headersSent, request.writableFinished, request.socket === response.socket, request.finished)
    attempt(on, () => request.setHeader('late', 'x'))
    await text(response)
    on.log(response.complete, response.aborted, response.rawTrailers, response.httpVersionMajor, response.method)
  },
  async 'request: order of all events'(on) {
    const { port } = await serving(on, (request, response) => {
      request.resume()
      request.on('end', () => response.end('answer'))
    })
    const request = on.http.request({ port, host: ANY, method: 'POST', agent: false })
    watch(on, 'request', request, REQUEST_EVENTS)
    request.on('socket', (socket: Socket) => watch(on, 'socket', socket, ['connect', 'ready', 'close']))
    request.write('one', () => on.log('written'))
    request.end('two', () => on.log('ended'))
    const response = await event<IncomingMessage>(request, 'response')
    watch(on, 'response', response, ['end', 'close', 'aborted', 'error'])
    on.log(await text(response))
    await event(request, 'close')
  },
  async 'request: destroyed before, while and after it is answered'(on) {
    const { port } = await serving(on, (request, response) => {
      if (request.url === '/all') response.end('all')
      else response.write('part')
    })
    for (const when of ['at once', 'with its socket', 'with its answer', 'afterwards']) {
      const request = on.http.get({ port, host: ANY, agent: false, path: when === 'afterwards' ? '/all' : '/' })
      watch(on, when, request, ['response', 'error', 'close'])
      const closed = event(request, 'close')
      if (when === 'at once') request.destroy()
      if (when === 'with its socket') request.on('socket', () => request.destroy(new Error('mine')))
      request.on('response', async (response: IncomingMessage) => {
        watch(on, `${when}: response`, response, ['aborted', 'error', 'close'])
        if (when === 'with its answer') request.destroy()
        else await text(response).then(() => request.destroy())
      })
      await closed
      on.log(request.destroyed, request.reusedSocket)
    }
  },
  async 'request: abort, as it is deprecated'(on) {
    const { port } = await serving(on, () => {})
    const request = on.http.get({ port, host: ANY, agent: false })
    watch(on, 'request', request, ['abort', 'error', 'close'])
    const closed = event(request, 'close')
    request.on('socket', () => request.abort())
    await closed
    on.log(request.aborted, request.destroyed)
  },
  async 'request: setTimeout, setNoDelay, setSocketKeepAlive, flushHeaders, cork'(on) {
    // On a busy machine the time is over before the server has heard of the request: it answers once it is.
    let headers: IncomingHttpHeaders | undefined
    let timedOut = () => {}
    const isLate = new Promise<void>((resolve) => {
      timedOut = resolve
    })
    const { port } = await serving(on, (request, response) => {
      headers = request.headers
      request.resume()
      request.on('end', () => isLate.then(() => response.end('slow')))
    })
    const request = on.http.request({ port, host: ANY, method: 'POST', agent: false })
    request.setNoDelay(true)
    request.setSocketKeepAlive(true, 1000)
    const own = request.setTimeout(10, () => {
      on.log('timeout')
      timedOut()
    })
    on.log(own === request)
    request.setHeader('X-Late', 'yes')
    request.cork()
    request.write('a')
    request.write('b')
    request.uncork()
    request.end()
    on.log(await outcome(request))
    on.log(headers?.['x-late'], headers?.['transfer-encoding'], headers?.['content-length'])
  },
  async 'request: content-length and what is said of it'(on) {
    const { port } = await serving(on, (request, response) => {
      const { 'content-length': length, 'transfer-encoding': encoding } = request.headers
      on.log(request.method, length, encoding)
      request.resume()
      request.on('end', () => response.end())
    })
    for (const method of ['GET', 'POST', 'DELETE', 'PATCH', 'OPTIONS']) {
      for (const body of [undefined, 'body']) {
        const request = on.http.request({ port, host: ANY, agent: false, method })
        request.end(body)
        on.log(await outcome(request))
      }
    }
    const strict = on.http.request({ port, host: ANY, agent: false, method: 'POST', headers: { 'Content-Length': 3 } })
    ;(strict as unknown as { strictContentLength: boolean }).strictContentLength = true
    attempt(on, () => strict.end('too long'))
    strict.on('error', () => {})
    strict.destroy()
  },
  async 'request: information and early hints'(on) {
    const { port } = await serving(on, (_request, response) => {
      response.writeProcessing()
      response.writeEarlyHints({ link: '</style.css>; rel=preload; as=style', 'x-hint': '1' }, () => on.log('hinted'))
      setTimeout(() => response.end('done'), 5)
    })
    const request = on.http.get({ port, host: ANY, agent: false })
    request.on('information', (info) => on.log('information', info.statusCode, info.statusMessage, info.headers))
    on.log(await outcome(request))
  },
  async 'request: trailers, both ways'(on) {
    const { port } = await serving(on, (request, response) => {
      request.resume()
      request.on('end', () => {
        on.log('server', request.trailers, request.rawTrailers, request.trailersDistinct)
        response.writeHead(200, { Trailer: 'X-Sum' })
        response.write('body')
        response.addTrailers({ 'X-Sum': '7' })
        response.end()
      })
    })
    const request = on.http.request({ port, host: ANY, agent: false, method: 'POST', headers: { Trailer: 'X-Mine' } })
    request.write('x')
    request.addTrailers({ 'X-Mine': 'yes' })
    request.end()
    const response = await event<IncomingMessage>(request, 'response')
    on.log(await text(response), response.trailers, response.headers.trailer)
  },
  async 'request: duplicates of headers'(on) {
    const { port } = await serving(on, (request, response) => {
      on.log(request.headers, request.headersDistinct, request.rawHeaders.length)
      response.setHeader('Set-Cookie', ['a=1', 'b=2'])
      response.setHeader('X-Many', ['1', '2'])
      response.end()
    })
    const headers = ['Host', 'x', 'X-One', '1', 'X-One', '2', 'Cookie', 'a', 'Cookie', 'b', 'Age', '1', 'Age', '2']
    const request = on.http.get({ port, host: ANY, agent: false, headers, joinDuplicateHeaders: true } as never)
    const response = await event<IncomingMessage>(request, 'response')
    on.log(response.headers['set-cookie'], response.headers['x-many'], response.headersDistinct['x-many'])
    response.resume()
  },
  async 'request: createConnection, with an agent and without'(on) {
    const { port } = await serving(on, (request, response) => response.end(String(request.headers.connection)))
    const createConnection = (options: object) => {
      on.log('createConnection', (options as { host?: string }).host)
      return on.net.connect({ port, host: ANY })
    }
    const oncreate = (_options: object, done: (error: null, socket: Socket) => void) => {
      setTimeout(() => done(null, on.net.connect({ port, host: ANY })), 2)
    }
    on.log(await outcome(on.http.get({ host: 'a.test', port: 1, createConnection } as never)))
    on.log(await outcome(on.http.get({ host: 'a.test', port: 1, createConnection: oncreate } as never)))
    on.log(await outcome(on.http.get({ host: ANY, port, agent: false, createConnection } as never)))
    class Mine extends on.http.Agent {
      override createConnection(options: object): Socket {
        return createConnection(options) as Socket
      }
    }
    const agent = on.track(new Mine({ keepAlive: true }))
    on.log(await outcome(on.http.get({ host: 'c.test', port: 1, agent })))
  },
  async 'request: lookup, localAddress, localPort and family go to the socket'(on) {
    const { port } = await serving(on, (request, response) => response.end(String(request.socket.remoteAddress)))
    const lookup = (name: string, options: { all?: boolean }, callback: (...words: unknown[]) => void) => {
      on.log('lookup', name)
      if (options.all) callback(null, [{ address: ANY, family: 4 }])
      else callback(null, ANY, 4)
    }
    on.log(await outcome(on.http.get({ host: 'a.test', port, agent: false, lookup: lookup as never })))
    on.log(await outcome(on.http.get({ host: ANY, port, agent: false, localAddress: '127.0.0.3' })))
    on.log(await outcome(on.http.get({ host: 'localhost', port, agent: false, family: 4 })))
  },
  async 'request: an answer that is cut off, and one that is none'(on) {
    const server = on.track(on.net.createServer())
    const answers = [
      'HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf',
      'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n',
      'nonsense\r\n\r\n',
      'HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nx',
      'HTTP/1.1 200 OK\r\nX y: 1\r\n\r\n',
      'HTTP/1.0 200 OK\r\n\r\nuntil the end',
      'HTTP/1.1 204 No Content\r\n\r\n',
      '',
    ]
    let next = 0
    server.on('connection', (socket: Socket) => {
      socket.on('error', () => {})
      socket.once('data', () => socket.end(answers[next++]))
    })
    server.listen(0, ANY)
    await event(server, 'listening')
    const { port } = server.address() as AddressInfo
    for (let i = 0; i < answers.length; i++) on.log(i, await outcome(on.http.get({ port, host: ANY, agent: false })))
  },
  async 'request: headers that are too long, by maxHeaderSize'(on) {
    const { port } = await serving(on, (_request, response) => {
      response.setHeader('X-Long', 'x'.repeat(3000))
      response.end('long')
    })
    on.log(await outcome(on.http.get({ port, host: ANY, agent: false, maxHeaderSize: 1000 })))
    on.log(await outcome(on.http.get({ port, host: ANY, agent: false, maxHeaderSize: 5000 })))
    on.log(on.http.maxHeaderSize)
  },
  async 'request: its class, used by itself'(on) {
    const { port } = await serving(on, (request, response) => response.end(`${request.method} ${request.url}`))
    const url = `http://127.0.0.1:${port}/x`
    const request = new on.http.ClientRequest(url)
    on.log(request instanceof on.http.ClientRequest, request.constructor.name)
    const answered = outcome(request)
    request.end()
    on.log(await answered)
    class Mine extends on.http.ClientRequest {}
    const mine = new Mine(url)
    on.log(
      mine instanceof Mine,
      on.http
        .get(url)
        .on('error', () => {})
        .destroy() instanceof Mine,
    )
    const again = outcome(mine)
    mine.end()
    on.log(await again)
    on.http.globalAgent.destroy()
  },
  async 'agent: options, names and defaults'(on) {
    const agent = on.track(
      new on.http.Agent({ keepAlive: true, keepAliveMsecs: 500, maxSockets: 3, maxFreeSockets: 2 }),
    )
    const { maxSockets, maxFreeSockets, maxTotalSockets } = agent
    on.log(maxSockets, maxFreeSockets, maxTotalSockets, sockets(agent))
    const getName = agent.getName.bind(agent) as (options?: object) => string
    on.log(getName({ host: 'a', port: 1, localAddress: 'b' }), getName({}), getName())
    on.log(getName({ host: 'a', port: 1, family: 6 }), getName({ socketPath: '/x' }))
    for (const options of [{ maxTotalSockets: 0 }, { maxTotalSockets: 'x' }, { scheduling: 'x' }, { maxSockets: -1 }]) {
      attempt(on, () => new on.http.Agent(options as never))
    }
    const { globalAgent } = on.http
    on.log(globalAgent.maxSockets, globalAgent.maxFreeSockets, (globalAgent as never as { options: object }).options)
    on.log(globalAgent instanceof on.http.Agent, agent.constructor === on.http.Agent)
  },
  async 'agent: maxSockets keeps requests waiting, maxFreeSockets what is kept'(on) {
    const { server, port } = await serving(on, (request, response) => setTimeout(() => response.end(request.url), 5))
    let connections = 0
    server.on('connection', () => connections++)
    const agent = on.track(new on.http.Agent({ keepAlive: true, maxSockets: 2, maxFreeSockets: 1 }))
    const all = Array.from({ length: 6 }, (_, i) => outcome(on.http.get({ port, host: ANY, agent, path: `/${i}` })))
    await tick()
    on.log(sockets(agent))
    on.log(await Promise.all(all), connections)
  },
  async 'agent: maxTotalSockets over several hosts'(on) {
    const answer: RequestListener = (_request, response) => setTimeout(() => response.end('x'), 5)
    const ports = [(await serving(on, answer)).port, (await serving(on, answer)).port]
    const agent = on.track(new on.http.Agent({ keepAlive: true, maxTotalSockets: 1 }))
    const all = ports.map((port) => outcome(on.http.get({ port, host: ANY, agent })))
    await tick()
    on.log(sockets(agent))
    on.log(await Promise.all(all))
  },
  async 'agent: events of its sockets, destroy'(on) {
    const { port } = await serving(on, (_request, response) => response.end('x'))
    const agent = on.track(new on.http.Agent({ keepAlive: true }))
    agent.on('free', () => on.log('free'))
    const request = on.http.get({ port, host: ANY, agent })
    on.log(await outcome(request))
    await tick()
    on.log(sockets(agent))
    const closed = event(request.socket as Socket, 'close')
    agent.destroy()
    await closed
    on.log(sockets(agent))
  },
  async 'agent: a kept connection that the server closed is not used again'(on) {
    const { server, port } = await serving(on, (_request, response) => response.end('x'))
    const agent = on.track(new on.http.Agent({ keepAlive: true }))
    const first = on.http.get({ port, host: ANY, agent })
    on.log(await outcome(first))
    const closed = event(first.socket as Socket, 'close')
    server.closeAllConnections()
    await closed
    const second = on.http.get({ port, host: ANY, agent })
    on.log(await outcome(second), second.reusedSocket)
  },
  async 'agent: its timeout is that of its sockets'(on) {
    const { port } = await serving(on, () => {})
    const agent = on.track(new on.http.Agent({ keepAlive: true, timeout: 20 }))
    const request = on.http.get({ port, host: ANY, agent })
    request.on('timeout', () => {
      on.log('timeout')
      request.destroy(new Error('too slow'))
    })
    on.log(await outcome(request))
  },
  async 'agent: keepSocketAlive and reuseSocket decide'(on) {
    const { port } = await serving(on, (_request, response) => response.end('x'))
    class Mine extends on.http.Agent {
      override keepSocketAlive(socket: Socket): boolean {
        on.log('keepSocketAlive', socket.destroyed)
        return true
      }
      override reuseSocket(socket: Socket, request: ClientRequest): void {
        on.log('reuseSocket', socket.destroyed, request.path)
      }
    }
    const agent = on.track(new Mine({ keepAlive: true }))
    for (const path of ['/1', '/2']) {
      on.log(await outcome(on.http.get({ port, host: ANY, agent, path })))
      await tick()
    }
  },
  async 'agent: the global one can be replaced'(on) {
    const { port } = await serving(on, (request, response) => response.end(request.headers.connection))
    const before = on.http.globalAgent
    const mine = on.track(new on.http.Agent({ keepAlive: false }))
    try {
      on.http.globalAgent = mine
      on.log(await outcome(on.http.get({ port, host: ANY })), on.http.globalAgent === mine)
    } finally {
      on.http.globalAgent = before
    }
    on.log(await outcome(on.http.get({ port, host: ANY })))
    before.destroy()
  },
  async 'agent: a proxy of the environment, where Node knows of them'(on) {
    const proxy = await serving(on, (request, response) => response.end(`proxy ${request.url?.replace(/:\d+/, '')}`))
    const { port } = await serving(on, (_request, response) => response.end('server'))
    const proxyEnv = { HTTP_PROXY: `http://127.0.0.1:${proxy.port}` }
    const agent = on.track(new on.http.Agent({ proxyEnv } as never))
    on.log(await outcome(on.http.get({ port, host: ANY, agent, path: '/x' })))
  },
}
