/** `http2`, with TLS and without, in both roles. */
import type {
  ClientHttp2Session,
  ClientHttp2Stream,
  Http2SecureServer,
  Http2Server,
  ServerHttp2Session,
  ServerHttp2Stream,
} from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type Cases, event, type Surroundings, until, watch } from '../behaviour.ts'
import { certificates } from '../certificates.ts'

type StreamHandler = (stream: ServerHttp2Stream, headers: Record<string, string>) => void

interface Serving {
  readonly server: Http2Server | Http2SecureServer
  readonly session: ClientHttp2Session
}

async function connected(
  on: Surroundings,
  onStream: StreamHandler,
  isSecure = false,
  options: object = {},
): Promise<Serving> {
  const secrets = certificates()
  const server = on.track(
    isSecure ? on.http2.createSecureServer({ ...secrets.server, ...options }) : on.http2.createServer(options),
  )
  server.on('stream', onStream as never)
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  const { port } = server.address() as AddressInfo
  const trust = isSecure ? { ca: secrets.ca, servername: 'localhost' } : {}
  const session = on.track(on.http2.connect(`${isSecure ? 'https' : 'http'}://127.0.0.1:${port}`, trust))
  return { server, session }
}

async function body(stream: ClientHttp2Stream): Promise<string> {
  let whole = ''
  stream.setEncoding('utf8')
  for await (const part of stream) whole += part
  return whole
}

const answer: StreamHandler = (stream, headers) => {
  stream.respond({ ':status': 200, 'x-path': headers[':path'] })
  stream.end('hello')
}

export const http2: Cases = {
  async 'a request: order of events'(on) {
    for (const isSecure of [false, true]) {
      const { server, session } = await connected(on, answer, isSecure)
      watch(on, 'server', server, ['session', 'stream', 'sessionError'])
      watch(on, 'session', session, ['connect', 'close', 'error', 'goaway'])
      on.log(session.connecting, session.encrypted, session.alpnProtocol, session.closed)
      const stream = session.request({ ':path': '/one' })
      watch(on, 'stream', stream, ['ready', 'response', 'end', 'error'])
      const closed = event(stream, 'close')
      const [headers] = await new Promise<[Record<string, unknown>]>((resolve) =>
        stream.on('response', (...words) => resolve([words[0]])),
      )
      on.log(headers[':status'], headers['x-path'])
      stream.on('data', (data) => on.log('data', data))
      await closed
      on.log('closed', session.encrypted, session.alpnProtocol, stream.rstCode)
      session.close()
      await event(session, 'close')
      on.log(session.closed, session.destroyed)
    }
  },
  async 'many streams at once, and their ids'(on) {
    const { session } = await connected(on, answer)
    const streams = Array.from({ length: 20 }, (_, i) => session.request({ ':path': `/${i}` }))
    const bodies = await Promise.all(streams.map(body))
    on.log(
      bodies.length,
      streams.map((stream) => stream.id),
    )
  },
  async 'bodies both ways, with back-pressure of streams'(on) {
    const size = 4_000_000
    for (const isSecure of [false, true]) {
      const { session } = await connected(
        on,
        (stream) => {
          stream.respond({ ':status': 200 })
          stream.pipe(stream)
        },
        isSecure,
      )
      const stream = session.request({ ':method': 'POST' })
      stream.end(Buffer.alloc(size, 'x'))
      on.log((await body(stream)).length === size)
    }
  },
  async 'trailers and informational headers'(on) {
    const { session } = await connected(on, (stream) => {
      stream.additionalHeaders({ ':status': 103, link: 'x' })
      stream.respond({ ':status': 200 }, { waitForTrailers: true })
      stream.on('wantTrailers', () => stream.sendTrailers({ 'x-end': 'yes' }))
      stream.end('body')
    })
    const stream = session.request({})
    stream.on('headers', (headers) => on.log('headers', headers[':status']))
    stream.on('trailers', (headers) => on.log('trailers', headers['x-end']))
    on.log(await body(stream))
  },
  async 'ping, settings, and windows'(on) {
    const sessions: ServerHttp2Session[] = []
    const { server, session } = await connected(on, answer, false, { settings: { maxConcurrentStreams: 7 } })
    server.on('session', (each) => sessions.push(each))
    session.on('remoteSettings', (settings) => on.log('remoteSettings', settings.maxConcurrentStreams))
    session.on('localSettings', (settings) => on.log('localSettings', settings.initialWindowSize))
    await event(session, 'remoteSettings')
    session.settings({ initialWindowSize: 100_000 }, (error) => on.log('settings', error))
    await event(session, 'localSettings')
    await until(() => sessions.length === 1)
    sessions[0].on('ping', (payload) => on.log('ping', payload))
    await new Promise<void>((resolve) => {
      on.log(
        session.ping(Buffer.from('12345678'), (error, duration, payload) => {
          on.log(error, duration >= 0, payload)
          resolve()
        }),
      )
    })
    session.setLocalWindowSize(200_000)
    on.log(session.state.effectiveLocalWindowSize, session.remoteSettings.maxConcurrentStreams)
  },
  async 'goaway by the server'(on) {
    const { server, session } = await connected(on, answer)
    const accepted = event<ServerHttp2Session>(server, 'session')
    session.on('goaway', (code, last) => on.log('goaway', code, last))
    session.on('error', (error) => on.log('session', error))
    await body(session.request({}))
    const other = await accepted
    other.on('error', () => {})
    other.goaway(2)
    await event(session, 'close')
    on.log(session.destroyed)
  },
  async push(on) {
    const { session } = await connected(on, (stream) => {
      on.log(stream.pushAllowed)
      stream.pushStream({ ':path': '/pushed' }, (error, pushed) => {
        on.log(error)
        pushed.respond({ ':status': 200 })
        pushed.end('pushed body')
      })
      stream.respond({ ':status': 200 })
      stream.end('main body')
    })
    const pushed = new Promise<void>((resolve) => {
      session.on('stream', async (stream, headers) => {
        on.log('pushed', headers[':path'], await body(stream))
        resolve()
      })
    })
    const main = await body(session.request({}))
    await pushed
    on.log(main)
  },
  async 'resets of streams from both sides'(on) {
    const { session } = await connected(on, (stream, headers) => {
      stream.on('error', () => {})
      stream.on('aborted', () => on.log('server aborted'))
      stream.on('close', () => on.log('server close', stream.rstCode))
      if (headers[':path'] === '/refused') stream.close(on.http2.constants.NGHTTP2_REFUSED_STREAM)
    })
    const refused = session.request({ ':path': '/refused' })
    refused.on('error', (error) => on.log('refused', error))
    await event(refused, 'close')
    const canceled = session.request({ ':path': '/canceled' })
    canceled.on('error', (error) => on.log('canceled', error))
    canceled.close(on.http2.constants.NGHTTP2_CANCEL)
    await event(canceled, 'close')
    on.log(canceled.rstCode, canceled.aborted, canceled.destroyed)
  },
  async 'destroyed sessions, and nobody there'(on) {
    const { session } = await connected(on, (stream) => stream.on('error', () => {}))
    const stream = session.request({})
    stream.on('error', (error) => on.log('stream', error))
    watch(on, 'session', session, ['error', 'close'])
    await event(session, 'connect')
    session.destroy(new Error('enough'))
    await event(session, 'close')
    const nobody = on.track(on.http2.connect('http://127.0.0.1:1'))
    nobody.on('error', (error) => on.log('nobody', error))
    await event(nobody, 'close')
  },
  async 'a server that is closed waits for sessions'(on) {
    const { server, session } = await connected(on, answer)
    await body(session.request({}))
    server.close(() => on.log('server closed'))
    session.close(() => on.log('session closed'))
    await Promise.all([event(server, 'close'), event(session, 'close')])
  },
  async 'the compatibility API, and HTTP/1 on the same port'(on) {
    const secrets = certificates()
    const server = on.track(
      on.http2.createSecureServer({ ...secrets.server, allowHTTP1: true }, (request, response) => {
        response.setHeader('x-version', request.httpVersion)
        response.end(`${request.method} ${request.url}`)
      }),
    )
    server.listen(0, '127.0.0.1')
    await event(server, 'listening')
    const { port } = server.address() as AddressInfo
    const trust = { ca: secrets.ca, servername: 'localhost' }
    const session = on.track(on.http2.connect(`https://127.0.0.1:${port}`, trust))
    const stream = session.request({ ':path': '/two' })
    stream.on('response', (headers) => on.log(headers['x-version']))
    on.log(await body(stream))
    session.destroy()
    const request = on.https.get({ port, host: '127.0.0.1', path: '/one', agent: false, ...trust })
    const response = await event<import('node:http').IncomingMessage>(request, 'response')
    on.log(response.headers['x-version'], String(await event(response, 'data')))
  },
  async 'what the socket of a session is'(on) {
    const { session } = await connected(on, answer, true)
    await event(session, 'connect')
    const { socket } = session
    on.log(socket.remoteAddress, socket.remoteFamily, session.originSet?.length, session.type)
    for (const name of ['end', 'write', 'pause', 'destroySoon'] as const) {
      try {
        ;(socket[name] as () => unknown)()
        on.log('no error')
      } catch (error) {
        on.log(error)
      }
    }
    on.log(typeof session.ref, session.setTimeout(1000, () => {}) === undefined)
  },
  async 'over a connection made by the caller'(on) {
    const { server } = await connected(on, answer)
    const { port } = server.address() as AddressInfo
    const session = on.track(
      on.http2.connect('http://some.name', { createConnection: () => on.net.connect(port, '127.0.0.1') }),
    )
    const stream = session.request({ ':path': '/own' })
    stream.on('response', (headers) => on.log(headers['x-path']))
    on.log(await body(stream), session.socket.remotePort === port)
  },
}
