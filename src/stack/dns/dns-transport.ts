import type { Duplex } from 'node:stream'
import { connect as connectTls, type TLSSocket } from 'node:tls'
import type {
  DatagramHandler,
  DnsDatagrams,
  DnsServer,
  DnsStream,
  DnsTransport,
  StreamHandler,
} from '../../dns/index.ts'
import { AbortError } from '../../errors/index.ts'
import type { Flow, Stack } from '../stack.ts'
import { ignore } from '../waiter.ts'

/** The part of a stack that carries questions. */
export type DnsCarrier = Pick<Stack, 'udp' | 'connect'>

/** Questions over the sockets and flows of a stack. */
export class StackDnsTransport implements DnsTransport {
  readonly #carrier: DnsCarrier
  readonly #certificateAuthorities: string | readonly string[] | undefined

  constructor(carrier: DnsCarrier, certificateAuthorities: string | readonly string[] | undefined) {
    this.#carrier = carrier
    this.#certificateAuthorities = certificateAuthorities
  }

  async datagrams(server: DnsServer, localAddress: string | null, handler: DatagramHandler): Promise<DnsDatagrams> {
    const { address, port } = server
    const socket = await this.#carrier.udp({
      remote: { address, port },
      ...(localAddress === null ? {} : { address: localAddress }),
    })
    socket.onDatagram((data) => handler.datagram(Buffer.from(data.buffer, data.byteOffset, data.byteLength)))
    socket.onError(() => handler.failed())
    return {
      send: (bytes) => {
        try {
          socket.send(bytes)
        } catch {
          // No way there at the moment, or no memory: as lost on the way. There will be another try.
        }
      },
      close: () => void socket.close(),
    }
  }

  async stream(
    server: DnsServer,
    localAddress: string | null,
    handler: StreamHandler,
    signal: AbortSignal,
  ): Promise<DnsStream> {
    const { address, port, protocol } = server
    const flow = await this.#carrier.connect({
      address,
      port,
      signal,
      noDelay: true,
      ...(localAddress === null ? {} : { localAddress }),
    })
    return protocol === 'tls' ? this.#encrypted(server, flow, handler, signal) : plain(flow, handler)
  }

  /** The certificate has to be for the server's name, or else its address: RFC 8310, section 8.1. */
  #encrypted(server: DnsServer, flow: Flow, handler: StreamHandler, signal: AbortSignal): Promise<DnsStream> {
    return new Promise((resolve, reject) => {
      const { address, serverName } = server
      const ca = this.#certificateAuthorities as string | string[] | undefined
      const carrier: Duplex & { unref?(): unknown } = flow.toDuplex()
      // A connection that is kept for later questions holds no application open.
      carrier.unref?.()
      const socket: TLSSocket = connectTls({
        socket: carrier,
        host: address,
        ...(serverName === null ? {} : { servername: serverName }),
        ...(ca === undefined ? {} : { ca }),
        // RFC 7858, section 3.2, leaves it to TLS 1.2 or later.
        minVersion: 'TLSv1.2',
      })
      let ended = false
      const end = () => {
        if (ended) return
        ended = true
        handler.ended()
      }
      const failed = (error?: Error) => {
        signal.removeEventListener('abort', aborted)
        socket.destroy()
        flow.abort()
        reject(error ?? new Error('the connection ended during the TLS handshake'))
      }
      const aborted = () => failed(new AbortError(signal.reason))
      signal.addEventListener('abort', aborted)
      socket.once('error', failed)
      socket.once('close', failed)
      socket.once('secureConnect', () => {
        signal.removeEventListener('abort', aborted)
        socket.off('close', failed)
        socket.on('data', (data: Buffer) => {
          if (!ended) handler.data(data)
        })
        socket.on('close', end)
        resolve({
          write: (bytes) => void socket.write(bytes),
          close: () => {
            ended = true
            socket.end()
            // Nobody waits for what the server still has to say.
            void flow.close({ linger: 1 }).catch(ignore)
          },
        })
      })
      socket.on('error', ignore)
    })
  }
}

function plain(flow: Flow, handler: StreamHandler): DnsStream {
  let ended = false
  const end = () => {
    if (ended) return
    ended = true
    flow.abort()
    handler.ended()
  }
  flow.onData(
    (view) => {
      if (!ended) handler.data(Buffer.from(view.buffer, view.byteOffset, view.byteLength))
    },
    () => queueMicrotask(end),
  )
  flow.closed.then(end, end)
  return {
    write: (bytes) => void flow.write(bytes).catch(ignore),
    close: () => {
      ended = true
      void flow.close({ linger: 1 }).catch(ignore)
    },
  }
}
