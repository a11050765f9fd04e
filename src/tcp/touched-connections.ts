import type { Connection } from './connection.ts'

/** The connections that the end of a burst has to look at, in the order in which something happened to them. */
export class TouchedConnections {
  #first: Connection | null = null
  #last: Connection | null = null

  /** Adds a connection, unless it is marked: then it waits already, or is just being looked at. */
  add(connection: Connection): void {
    if (connection.touched) return
    connection.touched = true
    if (this.#last === null) this.#first = connection
    else this.#last.nextTouched = connection
    this.#last = connection
  }

  /** Takes out the first, still marked; null when there is none. */
  shift(): Connection | null {
    const connection = this.#first
    if (connection === null) return null
    this.#first = connection.nextTouched
    if (this.#first === null) this.#last = null
    connection.nextTouched = null
    return connection
  }
}
