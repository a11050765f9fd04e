import type { IpAddress } from '../../address/index.ts'
import type { Acceptor, Connection, Tcp, TcpListener, TcpListenerOptions } from '../../tcp/index.ts'
import type { Endpoint, Listener } from '../stack.ts'
import { DONE } from '../waiter.ts'
import { addressText } from './zones.ts'

/** A listener of this stack. */
export class DirectListener implements Listener, Acceptor {
  readonly local: Endpoint
  readonly #tcp: Tcp
  readonly #listener: TcpListener
  readonly #onConnection: (connection: Connection) => void

  constructor(
    tcp: Tcp,
    address: IpAddress | null,
    port: number,
    zone: string,
    backlog: number,
    options: TcpListenerOptions,
    onConnection: (connection: Connection) => void,
  ) {
    this.#tcp = tcp
    this.#onConnection = onConnection
    this.#listener = tcp.listen(address, port, backlog, this, options)
    this.local = { address: address === null ? '::' : addressText(address, zone), port: this.#listener.port }
  }

  /** For TCP only. */
  accept(connection: Connection): void {
    this.#onConnection(connection)
  }

  close(): Promise<void> {
    this.#tcp.unlisten(this.#listener)
    return DONE
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
