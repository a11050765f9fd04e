/** One way traffic as fast as it goes: the users at both ends, and what came of it. */
import { type Clock, type Microseconds, SECOND } from '../../src/clock/index.ts'
import type { SystemErrorCode } from '../../src/errors/index.ts'
import type { Connection, ConnectionUser, ReceiveSink, Tcp } from '../../src/tcp/index.ts'
import type { WatchedFlow } from './segment-watch.ts'

/** What is sent: the same bytes again and again, as only their number counts here. */
const BLOCK = Buffer.alloc(65_536, 'tapstack')
/** Arrivals are counted in spans of this length. */
const SPAN: Microseconds = 10_000

/** Keeps the send buffer full until `total` bytes are written, then closes. */
export class BulkSender implements ConnectionUser {
  readonly started: Microseconds
  establishedAt: Microseconds = Number.NaN
  error: SystemErrorCode | null = null
  closed = false
  readonly #clock: Clock
  #left: number

  constructor(clock: Clock, total: number) {
    this.#clock = clock
    this.started = clock.now()
    this.#left = total
  }

  fill(connection: Connection): void {
    while (this.#left > 0) {
      if (!connection.hasRoom) {
        connection.wantsWritable = true
        return
      }
      const size = Math.min(this.#left, BLOCK.length)
      this.#left -= size
      connection.write(size === BLOCK.length ? BLOCK : BLOCK.subarray(0, size), null)
    }
    connection.shutdownWrite()
  }

  onEstablished(): void {
    this.establishedAt = this.#clock.now()
  }

  onReadable(): void {}

  onWritable(connection: Connection): void {
    this.fill(connection)
  }

  onFinished(): void {}

  onClosed(_connection: Connection, error: SystemErrorCode | null): void {
    this.closed = true
    this.error = error
  }
}

/** Counts what arrives, and when. */
export class BulkReceiver implements ConnectionUser, ReceiveSink {
  bytes = 0
  ended = false
  lastArrival: Microseconds = 0
  readonly #clock: Clock
  readonly #spans: number[] = []
  constructor(clock: Clock) {
    this.#clock = clock
  }

  /** Bytes that have arrived in order before this time, exact to 10 ms. */
  bytesBefore(time: Microseconds): number {
    let sum = 0
    const end = Math.min(Math.round(time / SPAN), this.#spans.length)
    for (let i = 0; i < end; i++) sum += this.#spans[i] ?? 0
    return sum
  }

  take(view: Uint8Array): boolean {
    this.bytes += view.length
    return true
  }

  onEstablished(): void {}

  onReadable(connection: Connection): void {
    const before = this.bytes
    connection.drain(this)
    if (this.bytes > before) {
      this.lastArrival = this.#clock.now()
      const span = Math.floor(this.lastArrival / SPAN)
      this.#spans[span] = (this.#spans[span] ?? 0) + this.bytes - before
    }
    if (connection.atEndOfStream && !this.ended) {
      this.ended = true
      connection.shutdownWrite()
    }
  }

  onWritable(): void {}

  onFinished(): void {}

  onClosed(): void {}
}

export class Transfer {
  readonly bytes: number
  readonly connection: Connection
  readonly sendingTcp: Tcp
  readonly sending: BulkSender
  readonly receiving: BulkReceiver
  readonly flow: WatchedFlow

  constructor(
    bytes: number,
    connection: Connection,
    sendingTcp: Tcp,
    sending: BulkSender,
    receiving: BulkReceiver,
    flow: WatchedFlow,
  ) {
    this.bytes = bytes
    this.connection = connection
    this.sendingTcp = sendingTcp
    this.sending = sending
    this.receiving = receiving
    this.flow = flow
  }

  get hasArrived(): boolean {
    return this.receiving.ended && this.receiving.bytes === this.bytes
  }

  /** Bits a second of payload that arrived in order, from `after` the beginning until `until` or the last byte. */
  goodput(after: Microseconds = 0, until: Microseconds = this.receiving.lastArrival): number {
    const { started } = this.sending
    const bytes = this.receiving.bytesBefore(until + SPAN) - this.receiving.bytesBefore(started + after)
    return (bytes * 8 * SECOND) / (until - started - after)
  }
}
