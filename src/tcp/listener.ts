import type { IpAddress } from '../address/index.ts'
import type { Microseconds } from '../clock/index.ts'
import type { Connection } from './connection.ts'

/** Whoever accepts: called at the end of a burst, with an established connection that has no user yet. */
export interface Acceptor {
  accept(connection: Connection): void
}

/**
 * LISTEN, RFC 9293, 3.10.1, with two bounded queues: connections whose handshake is not complete, and connections that
 * nobody has accepted yet.
 */
export class Listener {
  /** Null: all addresses of all families. */
  readonly address: IpAddress | null
  readonly port: number
  /** Bound of each queue. */
  readonly backlog: number
  readonly acceptor: Acceptor
  closed = false
  /** Until then an ACK for nobody may bring a SYN cookie back. */
  cookiesUntil: Microseconds = 0
  /** Connections in SYN-RECEIVED. */
  readonly halfOpen = new Set<Connection>()
  /** Established, waiting for the end of the burst, or for `resume`. */
  readonly pending: Connection[] = []
  /** While paused, connections wait in `pending`. */
  paused = false

  constructor(address: IpAddress | null, port: number, backlog: number, acceptor: Acceptor) {
    this.address = address
    this.port = port
    this.backlog = backlog
    this.acceptor = acceptor
  }

  get isFull(): boolean {
    return this.pending.length >= this.backlog
  }

  /** The oldest half-open connection had to send its SYN-ACK again: what fills the queue does not answer. */
  get isFlooded(): boolean {
    for (const oldest of this.halfOpen) return oldest.retransmissions > 0
    return false
  }

  /** Hands waiting connections to the acceptor. */
  deliver(): void {
    while (!this.paused && this.pending.length > 0) {
      const connection = this.pending.shift()!
      connection.listener = null
      this.acceptor.accept(connection)
      // One that has waited has something to tell.
      connection.context.touch(connection)
    }
  }

  /** Ends a pause. */
  resume(): void {
    this.paused = false
    const first = this.pending[0]
    this.deliver()
    first?.context.settle(first)
  }
}

/** Listeners by port, then by address: a specific address wins over all addresses. */
export class ListenerTable {
  readonly #byPort = new Map<number, Listener[]>()

  /** Who gets a SYN for this port and the address given as words. */
  find(port: number, word0: number, word1: number, word2: number, word3: number): Listener | null {
    const listeners = this.#byPort.get(port)
    if (listeners === undefined) return null
    let wildcard: Listener | null = null
    for (const listener of listeners) {
      const address = listener.address
      if (address === null) wildcard = listener
      else if (
        address.word3 === word3 &&
        address.word2 === word2 &&
        address.word1 === word1 &&
        address.word0 === word0
      ) {
        return listener
      }
    }
    return wildcard
  }

  /** Whether a listener on this port and address would collide with one that is there, as bind(2) without SO_REUSEADDR. */
  isTaken(port: number, address: IpAddress | null): boolean {
    const listeners = this.#byPort.get(port)
    if (listeners === undefined) return false
    return listeners.some(
      (listener) => address === null || listener.address === null || listener.address.equals(address),
    )
  }

  add(listener: Listener): void {
    const listeners = this.#byPort.get(listener.port)
    if (listeners === undefined) this.#byPort.set(listener.port, [listener])
    else listeners.push(listener)
  }

  delete(listener: Listener): void {
    const listeners = this.#byPort.get(listener.port)
    if (listeners === undefined) return
    const rest = listeners.filter((other) => other !== listener)
    if (rest.length === 0) this.#byPort.delete(listener.port)
    else this.#byPort.set(listener.port, rest)
  }

  *[Symbol.iterator](): Iterator<Listener> {
    for (const listeners of this.#byPort.values()) yield* listeners
  }
}
