import { createServer, type Server, type Socket } from 'node:net'
import { SystemError } from '../../errors/index.ts'
import type { Log } from '../../log/index.ts'
import { checkAddress, checkBoolean, checkInteger, checkPort } from '../options.ts'
import type { Endpoint, Listener, ListenOptions } from '../stack.ts'
import { withoutMapping } from './host-addresses.ts'
import { systemErrorOf } from './node-errors.ts'
import { BUFFER_BYTES } from './socket-flow.ts'

/** As in Node: what a listener asks the kernel for; net.core.somaxconn caps it. */
const DEFAULT_BACKLOG = 511

/** A listening socket of the operating system, over `net.Server`. */
export class SocketListener implements Listener {
  readonly local: Endpoint
  readonly #server: Server
  readonly #onClosed: (listener: SocketListener) => void

  private constructor(server: Server, onClosed: (listener: SocketListener) => void) {
    const bound = server.address() as { address: string; port: number }
    this.local = { address: withoutMapping(bound.address), port: bound.port }
    this.#server = server
    this.#onClosed = onClosed
  }

  static async open(
    options: ListenOptions,
    log: Log,
    onConnection: (socket: Socket) => void,
    onClosed: (listener: SocketListener) => void,
  ): Promise<SocketListener> {
    const port = checkPort('port', options.port, 0)
    const host = options.address === undefined ? undefined : checkAddress('address', options.address)
    const backlog = checkInteger('backlog', options.backlog ?? DEFAULT_BACKLOG, 1, 65_535)
    if (options.fastOpen !== undefined) checkInteger('fastOpen', options.fastOpen, 0, 65_535)
    if (options.reusePort !== undefined) checkBoolean('reusePort', options.reusePort)
    const ipv6Only = checkBoolean('ipv6Only', options.ipv6Only ?? false)
    // `highWaterMark` is missing from the types of Node 20 and there since 20.1.
    const server = createServer({ allowHalfOpen: true, highWaterMark: BUFFER_BYTES } as object, onConnection)
    await new Promise<void>((resolve, reject) => {
      server.once('error', (error) => reject(systemErrorOf(error, 'listen', { address: host ?? '::', port })))
      if (options.reusePort === true && !hasReusePort()) {
        throw new SystemError('ENOTSUP', 'listen', {
          address: host ?? '::',
          port,
          hint: 'reusePort takes Node.js 22.12',
        })
      }
      // Without a host Node takes all addresses of both families, or of IPv4 where there is no IPv6.
      const own = ipv6Only ? (host ?? '::') : host
      const settings = { port, host: own, ipv6Only, backlog, exclusive: true, reusePort: options.reusePort }
      server.listen(settings as object, resolve)
    })
    server.removeAllListeners('error')
    server.on('error', (error) => log.error('the listener failed', { error, port }))
    return new SocketListener(server, onClosed)
  }

  close(): Promise<void> {
    // The callback of `close` waits for all connections to end; the socket itself is closed within the call.
    if (this.#server.listening) {
      this.#server.close()
      this.#onClosed(this)
    }
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}

/** Older versions ignore the option. */
function hasReusePort(): boolean {
  const [major, minor] = process.versions.node.split('.').map(Number)
  return major > 23 || (major === 23 && minor >= 1) || (major === 22 && minor >= 12)
}
