import { createServer, type IncomingMessage, type RequestListener, type Server, type ServerResponse } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import { TLSSocket } from 'node:tls'
import type { ApplicationLog } from '../../log/index.ts'
import type { Endpoint, Stack } from '../../stack/index.ts'
import { type Device, device } from './device.ts'

/** Where a server of `devices.httpServer` listens, and how. */
export interface ServeOptions {
  /** 0 to 65,535; 0 takes a free one. */
  port: number
  /** One of the stack's addresses; default all of them. */
  address?: string
  /** HTTPS, with these in PEM; default HTTP. */
  tls?: { key: string | Buffer; cert: string | Buffer }
}

/** As for `node:http`; a promise that it returns is waited for. */
export type HttpHandler = (...exchange: Parameters<RequestListener>) => unknown

/** Serves HTTP on a stack. */
export interface HttpServer {
  /**
   * Begins to listen. When the application is to stop, responses under way are finished, each connection is closed after
   * its last, and those without a request at once.
   *
   * A handler that throws or rejects costs its own request alone: the answer is 500 where nothing has been answered yet, otherwise
   * the connection is reset. A warning in the application's log says why.
   * @throws as `Stack.listen`; Error for a key or certificate
   */
  serve(options: ServeOptions, handler: HttpHandler): Promise<HttpListener>
}

/** A server of `devices.httpServer` that is listening. */
export interface HttpListener extends AsyncDisposable {
  readonly local: Endpoint
  /** Stops listening; requests under way go on. */
  close(): Promise<void>
}

/** @param uses the stack that it listens on, as declared: `devices.stack()` */
export function httpServerDevice(uses: { stack: Device<Stack> }): Device<HttpServer> {
  return device({
    kind: 'http-server',
    uses: { stack: uses.stack },
    create: ({ uses: { stack }, signal, log }): HttpServer => ({
      serve: async ({ tls, ...where }, handler) => {
        const answer = guarded(handler, log)
        const server = tls === undefined ? createServer(answer) : createSecureServer(tls, answer)
        // From here on the server keeps track of its connections: time limits for slow clients, and which ones are idle.
        server.emit('listening')
        closeWhenStopped(server, signal)
        const listener = await stack.listen(where, (flow) => server.emit('connection', flow.toDuplex()))
        const close = () => {
          server.closeIdleConnections()
          return listener.close()
        }
        return { local: listener.local, close, [Symbol.asyncDispose]: close }
      },
    }),
  })
}

/** The handler, with whatever it throws kept to its request. */
function guarded(handler: HttpHandler, log: ApplicationLog): RequestListener {
  return async (request, response) => {
    // Written to after its end, for example: Node tells by an event, which ends the process where nobody hears it.
    response.on('error', (error) => failed(request, response, error, log))
    try {
      await handler(request, response)
    } catch (error) {
      failed(request, response, error, log)
    }
  }
}

function failed(request: IncomingMessage, response: ServerResponse, error: unknown, log: ApplicationLog): void {
  const { method, url } = request
  if (request.socket.destroyed) {
    // A connection that is lost makes its handler fail too, which is nothing to report.
    log.debug('an HTTP handler failed, its connection was gone', { error, method, url })
    return
  }
  log.warn('an HTTP handler failed', { error, method, url })
  if (response.writableEnded) return
  if (response.headersSent) {
    const { socket } = request
    // Of TLS Node resets none. Cut off without its farewell (close_notify), it is no whole answer either.
    if (socket instanceof TLSSocket) socket.destroy()
    else socket.resetAndDestroy()
    return
  }
  for (const name of response.getHeaderNames()) if (name !== 'connection') response.removeHeader(name)
  response.statusCode = 500
  response.statusMessage = ''
  response.setHeader('Content-Length', 0)
  response.end()
}

function closeWhenStopped(server: Server, signal: AbortSignal): void {
  const finished = () => {
    if (signal.aborted) setImmediate(() => server.closeIdleConnections())
  }
  // Before the handler, which may have answered when it returns.
  server.prependListener('request', (_request, response) => {
    // What comes now would be lost with the connection.
    if (signal.aborted) response.setHeader('Connection', 'close')
    response.on('finish', finished)
  })
  signal.addEventListener('abort', () => server.closeIdleConnections())
}
