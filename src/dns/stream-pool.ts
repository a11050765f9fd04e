import type { Clock, Random } from '../clock/index.ts'
import type { DnsCounters } from './counters.ts'
import { type DnsServer, formatServer } from './server.ts'
import { StreamConnection, type StreamQuestion } from './stream-connection.ts'
import type { DnsTransport } from './transport.ts'

/** The connections to name servers: one for each server, as RFC 7766, section 6.2.2, recommends, and more when it is full. */
export class StreamPool {
  readonly #transport: DnsTransport
  readonly #clock: Clock
  readonly #random: Random
  readonly #counters: DnsCounters
  readonly #localAddressFor: (server: string) => string | null
  readonly #connections = new Map<string, Set<StreamConnection>>()

  constructor(
    transport: DnsTransport,
    clock: Clock,
    random: Random,
    counters: DnsCounters,
    localAddressFor: (server: string) => string | null,
  ) {
    this.#transport = transport
    this.#clock = clock
    this.#random = random
    this.#counters = counters
    this.#localAddressFor = localAddressFor
  }

  /** @returns forgets the question */
  ask(server: DnsServer, question: StreamQuestion): () => void {
    const key = formatServer(server)
    let connections = this.#connections.get(key)
    if (connections === undefined) this.#connections.set(key, (connections = new Set()))
    for (const connection of connections) if (connection.isUsable) return connection.ask(question)
    const ended = () => {
      connections.delete(connection)
      if (connections.size === 0 && this.#connections.get(key) === connections) this.#connections.delete(key)
    }
    const localAddress = this.#localAddressFor(server.address)
    const connection = new StreamConnection(
      this.#transport,
      server,
      localAddress,
      this.#clock,
      this.#random,
      this.#counters,
      ended,
    )
    connections.add(connection)
    return connection.ask(question)
  }

  /** Connections that are open or being made. */
  get size(): number {
    let size = 0
    for (const connections of this.#connections.values()) size += connections.size
    return size
  }

  close(): void {
    for (const connections of [...this.#connections.values()]) for (const each of [...connections]) each.close()
  }
}
