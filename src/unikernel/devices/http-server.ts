import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createSecureServer } from 'node:https'
import type { Endpoint, Stack } from '../../stack/index.ts'
import { type Device, device } from './device.ts'

export interface ServeOptions {
  /** 0 to 65,535; 0 takes a free one. */
  port: number
  /** One of the stack's addresses; default all of them. */
  address?: string
  /** HTTPS, with these in PEM; default HTTP. */
  tls?: { key: string | Buffer; cert: string | Buffer }
}

/** Serves HTTP on a stack. */
export interface HttpServer {
  /**
   * Begins to listen. When the application is to stop, responses under way are finished, each connection is closed after
   * its last, and those without a request at once.
   * @throws as `Stack.listen`; Error for a key or certificate
   */
  serve(options: ServeOptions, handler: RequestListener): Promise<HttpListener>
}

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
    create: ({ uses: { stack }, signal }): HttpServer => ({
      serve: async ({ tls, ...where }, handler) => {
        const server = tls === undefined ? createServer(handler) : createSecureServer(tls, handler)
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

function closeWhenStopped(server: Server, signal: AbortSignal): void {
  const finished = () => {
    if (signal.aborted) setImmediate(() => server.closeIdleConnections())
  }
  server.on('request', (_request, response) => {
    // What comes now would be lost with the connection.
    if (signal.aborted) response.setHeader('Connection', 'close')
    response.on('finish', finished)
  })
  signal.addEventListener('abort', () => server.closeIdleConnections())
}
