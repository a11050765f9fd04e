/** How sessions and streams of `http2` end, from either side: what the other one sees, and in which order. */
import type { ClientHttp2Session, Http2Server, ServerHttp2Session, ServerHttp2Stream } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { type Cases, event, type Surroundings, wait, watch } from '../behaviour.ts'

const SESSION_EVENTS = ['connect', 'goaway', 'frameError', 'error', 'aborted', 'close'] as const
const STREAM_EVENTS = ['ready', 'response', 'data', 'aborted', 'end', 'finish', 'error', 'close'] as const

interface Joined {
  readonly server: Http2Server
  readonly client: ClientHttp2Session
  /** Writes down what the server has seen: which of the two sees something first is the network's affair. */
  tellServersSide(): void
}

/** A server whose streams `onStream` is given, and a session with it. */
async function joined(
  on: Surroundings,
  onStream: (stream: ServerHttp2Stream, log: (...words: unknown[]) => void) => void,
): Promise<Joined> {
  const lines: unknown[][] = []
  const log = (...words: unknown[]) => lines.push(['  server', ...words])
  const server = on.track(on.http2.createServer())
  server.on('session', (session: ServerHttp2Session) => {
    on.track(session)
    watch({ ...on, log }, 'session', session, ['error', 'close'])
  })
  server.on('stream', (stream) => {
    watch({ ...on, log }, 'stream', stream, ['aborted', 'error', 'close'])
    onStream(stream, log)
  })
  server.listen(0, '127.0.0.1')
  await event(server, 'listening')
  const { port } = server.address() as AddressInfo
  const client = on.track(on.http2.connect(`http://127.0.0.1:${port}`))
  watch(on, 'session', client, SESSION_EVENTS)
  return {
    server,
    client,
    tellServersSide() {
      for (const line of lines.splice(0)) on.log(...line)
    },
  }
}

/** Asks, waits until the answer and the session are over, and writes down what both have seen. */
async function askToTheEnd(on: Surroundings, { client, tellServersSide }: Joined): Promise<void> {
  const stream = client.request({ ':path': '/asked' })
  watch(on, 'stream', stream, STREAM_EVENTS)
  await Promise.all([event(stream, 'close'), event(client, 'close')])
  await wait(2)
  on.log(stream.rstCode, stream.aborted, client.destroyed)
  tellServersSide()
}

/** Asks, waits until the answer is over, and then closes the session. */
async function askAndClose(on: Surroundings, { client, tellServersSide }: Joined): Promise<void> {
  const stream = client.request({ ':path': '/asked' })
  watch(on, 'stream', stream, STREAM_EVENTS)
  await event(stream, 'close')
  on.log(stream.rstCode, stream.aborted)
  client.close()
  await event(client, 'close')
  await wait(2)
  tellServersSide()
}

export const http2Endings: Cases = {
  async 'a session destroyed with an error, with a code, with both and with neither'(on) {
    const { NGHTTP2_ENHANCE_YOUR_CALM: calm, NGHTTP2_INADEQUATE_SECURITY: insecure } = on.http2.constants
    const ways: ((session: ServerHttp2Session) => void)[] = [
      (session) => session.destroy(new Error('mine')),
      (session) => session.destroy(calm as never),
      (session) => session.destroy(new Error('mine'), insecure),
      (session) => session.destroy(),
    ]
    for (const way of ways)
      await askToTheEnd(on, await joined(on, (stream) => way(stream.session as ServerHttp2Session)))
  },
  async 'a session destroyed in a later turn'(on) {
    const both = await joined(on, (stream) => {
      stream.respond({ ':status': 200 })
      stream.write('part of it', () => setImmediate(() => stream.session?.destroy(new Error('later'))))
    })
    await askToTheEnd(on, both)
  },
  async 'goaway with a code and data, and what follows it'(on) {
    for (const then of ['destroy', 'close', 'nothing'] as const) {
      const both = await joined(on, (stream) => {
        const session = stream.session as ServerHttp2Session
        session.goaway(on.http2.constants.NGHTTP2_ENHANCE_YOUR_CALM, 0, Buffer.from('reason'))
        if (then !== 'nothing') session[then]()
      })
      await askToTheEnd(on, both)
    }
  },
  async 'goaway without an error: the streams that are there go on'(on) {
    const both = await joined(on, (stream) => {
      stream.session?.goaway(0, stream.id as number)
      setImmediate(() => {
        stream.respond({ ':status': 200 })
        stream.end('still answered')
      })
    })
    const stream = both.client.request()
    watch(on, 'stream', stream, STREAM_EVENTS)
    await event(stream, 'close')
  },
  async 'a stream closed with a code, then its session destroyed'(on) {
    for (const code of [0, 2, 7, 8]) {
      const both = await joined(on, (stream, log) => {
        stream.close(code, () => log('stream closed'))
        stream.session?.destroy()
      })
      await askToTheEnd(on, both)
    }
  },
  async 'a stream closed with a code, behind headers and data'(on) {
    for (const code of [0, 2, 7]) {
      const both = await joined(on, (stream) => {
        stream.respond({ ':status': 200 })
        // In a later turn: what becomes of data in the same one differs between versions of Node.
        stream.write('data', () => setImmediate(() => stream.close(code)))
      })
      await askAndClose(on, both)
    }
  },
  async 'a stream that its client closes as soon as it is answered'(on) {
    for (const code of [on.http2.constants.NGHTTP2_CANCEL, on.http2.constants.NGHTTP2_INTERNAL_ERROR]) {
      const both = await joined(on, (stream) => {
        stream.respond({ ':status': 200 })
        stream.write('data that comes with the answer')
      })
      const stream = both.client.request()
      watch(on, 'stream', stream, ['end', 'error', 'close'])
      await event(stream, 'response')
      stream.close(code)
      await event(stream, 'close')
      on.log(stream.rstCode, stream.closed)
    }
  },
  async 'a stream destroyed, with an error and without'(on) {
    for (const error of [undefined, new Error('mine')]) {
      const both = await joined(on, (stream) => {
        stream.respond({ ':status': 200 })
        stream.write('data')
        stream.destroy(error)
      })
      await askAndClose(on, both)
    }
  },
  async 'a client destroys its session while it is answered'(on) {
    for (const error of [undefined, new Error('enough')]) {
      const both = await joined(on, (stream) => {
        stream.respond({ ':status': 200 })
        stream.write('data')
      })
      const accepted = event<ServerHttp2Session>(both.server, 'session')
      const stream = both.client.request()
      watch(on, 'stream', stream, STREAM_EVENTS)
      await event(stream, 'data')
      const session = await accepted
      both.client.destroy(error)
      await Promise.all([event(both.client, 'close'), event(session, 'close')])
      both.tellServersSide()
    }
  },
  async 'a client that goes away with its socket'(on) {
    for (const how of ['destroy', 'resetAndDestroy'] as const) {
      const { server, tellServersSide } = await joined(on, (stream) => {
        stream.respond({ ':status': 200 })
        stream.write('data')
      })
      const { port } = server.address() as AddressInfo
      const socket = on.track(on.net.connect(port, '127.0.0.1'))
      const accepted = new Promise<ServerHttp2Session>((resolve) =>
        server.on('session', (session) => {
          if ((session.socket as { remotePort?: number }).remotePort === socket.localPort) resolve(session)
        }),
      )
      const client = on.track(on.http2.connect('http://some.name', { createConnection: () => socket }))
      watch(on, 'other session', client, SESSION_EVENTS)
      const stream = client.request()
      watch(on, 'stream', stream, STREAM_EVENTS)
      await event(stream, 'data')
      const session = await accepted
      socket[how]()
      await Promise.all([event(session, 'close'), event(client, 'close')])
      tellServersSide()
    }
  },
}
