import type { Random } from '../clock/index.ts'
import { type Path, pickEphemeralPort } from '../ip/index.ts'
import type { ConnectionKey, ConnectionTable } from './connection-table.ts'
import type { ListenerTable } from './listener.ts'

/** Which of our ports are free: RFC 9293, 3.10.1, and RFC 6056 for the choice of one. */
export class LocalPorts {
  readonly #connections: ConnectionTable<ConnectionKey>
  readonly #listeners: ListenerTable
  readonly #random: Random
  readonly #range: readonly [least: number, most: number]

  constructor(
    connections: ConnectionTable<ConnectionKey>,
    listeners: ListenerTable,
    random: Random,
    range: readonly [least: number, most: number],
  ) {
    this.#connections = connections
    this.#listeners = listeners
    this.#random = random
    this.#range = range
  }

  /** A random port of the range for which `isFree` holds; 0 if there is none. */
  pick(isFree: (port: number) => boolean): number {
    const [least, most] = this.#range
    return pickEphemeralPort(this.#random, isFree, least, most)
  }

  /** Whether a connection on this path may go out from `localPort`; TIME-WAIT counts as one that is there. */
  isFree(path: Path, localPort: number, remotePort: number): boolean {
    const { source, destination } = path
    // A listener's port would make a connection to ourselves ambiguous.
    if (this.#listeners.isTaken(localPort, source, false)) return false
    return (
      this.#connections.find(
        source.word0,
        source.word1,
        source.word2,
        source.word3,
        destination.word0,
        destination.word1,
        destination.word2,
        destination.word3,
        (remotePort << 16) | localPort,
      ) === null
    )
  }
}
