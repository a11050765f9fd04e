// HTTP/2: Node's own `http2` on the stack, in the clear or, with a certificate, over TLS.
//
//   tapstack run examples/http2.ts
//   nghttp -v http://10.0.0.2/
//   curl --http2-prior-knowledge -N http://10.0.0.2/clock
//   curl --http2-prior-knowledge -T FILE http://10.0.0.2/count
//
//   openssl req -x509 -newkey rsa:2048 -nodes -days 30 -subj /CN=here -keyout key.pem -out certificate.pem
//   tapstack run examples/http2.ts --port 443 --certificate certificate.pem --key key.pem
//   curl -k https://10.0.0.2/            (HTTP/1.1, too)
import { once } from 'node:events'
import { readFile } from 'node:fs/promises'
import type { Http2ServerRequest, Http2ServerResponse, ServerHttp2Session } from 'node:http2'
import { setInterval } from 'node:timers/promises'
import { unikernel } from 'tapstack'

export default unikernel({
  name: 'http2',
  description: 'a web server that speaks HTTP/2',
  arguments: {
    port: { type: 'port', minimum: 1, default: 80, doc: 'where to listen' },
    certificate: { type: 'string', doc: 'file with a certificate (PEM), for TLS' },
    key: { type: 'string', doc: 'file with its private key (PEM)' },
  },
  async start({ stack, arguments: { port, certificate, key }, log, signal }) {
    if ((certificate === undefined) !== (key === undefined)) {
      throw new Error('--certificate and --key are expected together')
    }
    const sessions = new Set<ServerHttp2Session>()

    async function answer(request: Http2ServerRequest, response: Http2ServerResponse): Promise<void> {
      response.setHeader('Content-Type', 'text/plain; charset=utf-8')
      const { pathname } = new URL(request.url, 'http://here')
      if (pathname === '/') {
        response.end(`HTTP/${request.httpVersion}, to ${request.socket.remoteAddress}\n/clock, /count\n`)
      } else if (pathname === '/clock') {
        // A stream of its own for each, beside all others of the connection, until the client has seen enough.
        const ended = new AbortController()
        response.on('close', () => ended.abort())
        const enough = AbortSignal.any([signal, ended.signal])
        response.write(`${new Date().toISOString()}\n`)
        for await (const _ of setInterval(1000, null, { signal: enough }))
          response.write(`${new Date().toISOString()}\n`)
      } else if (pathname === '/count') {
        let bytes = 0
        for await (const part of request) bytes += part.length
        response.end(`${bytes} bytes\n`)
      } else {
        response.statusCode = 404
        response.end('nothing here\n')
      }
    }

    const handler = (request: Http2ServerRequest, response: Http2ServerResponse) => {
      // One who hangs up half-way, or is stopped at the clock, harms nobody.
      answer(request, response).catch((error: Error) => {
        log.debug('ended early', { url: request.url, reason: error.message })
        response.end()
      })
    }
    const secrets =
      certificate !== undefined && key !== undefined
        ? { cert: await readFile(certificate), key: await readFile(key), allowHTTP1: true }
        : null
    const server =
      secrets === null ? stack.http2.createServer(handler) : stack.http2.createSecureServer(secrets, handler)
    server.on('session', (session: ServerHttp2Session) => {
      sessions.add(session.once('close', () => sessions.delete(session)))
    })
    server.listen(port)
    await once(server, 'listening')
    log.info('listening on TCP', { port, tls: secrets !== null })
    signal.addEventListener('abort', () => {
      server.close()
      for (const session of sessions) session.close()
    })
  },
})
