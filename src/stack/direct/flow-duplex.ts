/**
 * A flow as a Node stream, with as much of `net.Socket` around it as `http`, its agents and the usual clients ask for. One
 * that was accepted or connected has its flow from the beginning, one that `connect` is called on gets it later.
 */
import { Duplex } from 'node:stream'
import { type Clock, type Microseconds, Timer, type TimerHandler } from '../../clock/index.ts'
import { SystemError } from '../../errors/index.ts'
import { LARGE } from '../../packet/index.ts'
import type { Connection } from '../../tcp/index.ts'
import type { OpenHandles } from '../node-modules.ts'
import type { ConnectOptions, Flow } from '../stack.ts'
import { type ConnectArguments, connectArguments } from './connect-arguments.ts'
import type { DirectFlow } from './direct-flow.ts'

/** The most that is pushed at a time. */
const READ_LIMIT = 262_144

/** Bytes from which on a write is copied into packets at once, rather than into a buffer and from there into packets. */
const BULK = 16_384

type Written = Buffer | string

/** What a duplex needs of its stack. */
export interface DuplexHost {
  readonly clock: Clock
  readonly openHandles: OpenHandles
  connect(options: ConnectOptions): Promise<Flow>
}

export class FlowDuplex extends Duplex implements TimerHandler {
  readonly #host: DuplexHost
  #flow: DirectFlow | null = null
  #connection: Connection | null = null
  bytesRead = LARGE
  bytesWritten = LARGE
  connecting = false
  /** Milliseconds, as `setTimeout` was told; undefined before. */
  timeout: number | undefined = undefined
  #wanted = false
  #endPushed = false
  #onDrained: ((error?: Error | null) => void) | null = null
  #onFinished: ((error?: Error | null) => void) | null = null
  #resetting = false
  /** Ends a `connect` that is under way. */
  #giveUp: AbortController | null = null
  /** What to do as soon as there is a connection: write, or end. */
  #whenConnected: (() => void) | null = null
  #noDelay = false
  #keepAlive: { on: boolean; initialDelay: number } | null = null
  #referenced = true
  #holds = false
  // The inactivity timer: activity only notes the time; the timer looks when it fires.
  #timer: Timer | null = null
  #lastActivity: Microseconds = 0

  /**
   * @param flow null for one to be connected
   * @param allowHalfOpen for accepted ones as net.Server has it for http: a client may send its request, FIN, and wait
   */
  constructor(host: DuplexHost, flow: DirectFlow | null, allowHalfOpen: boolean) {
    super({ allowHalfOpen, decodeStrings: false })
    this.#host = host
    this.bytesRead = this.bytesWritten = 0
    if (flow !== null) this.#adopt(flow)
  }

  #adopt(flow: DirectFlow): void {
    this.#flow = flow
    this.#connection = flow.connection
  }

  // --- connecting ----------------------------------------------------------------------------------------------

  /**
   * As `net.Socket.connect`, over the stack: `(port, host)`, `({ port, host, ... })`, each with a callback for 'connect'.
   * What goes wrong is emitted as 'error'.
   * @throws TypeError for a port that is none; SystemError EISCONN if it has been connected, ENOTSUP for a path
   */
  connect(...words: unknown[]): this {
    const how = connectArguments(words)
    if (this.#flow !== null || this.connecting) {
      throw new SystemError('EISCONN', 'connect')
    }
    this.#applyOptions(how)
    this.connecting = true
    this.#giveUp = new AbortController()
    this.#updateHold()
    const { signal } = this.#giveUp
    this.#host.connect({ ...how.target, signal }).then(
      (flow) => this.#connected(flow as DirectFlow),
      (error) => this.#failed(error),
    )
    return this
  }

  #applyOptions({ options, callback }: ConnectArguments): void {
    if (callback !== null) this.once('connect', callback)
    if (options.noDelay) this.#noDelay = true
    if (options.keepAlive) this.setKeepAlive(true, options.keepAliveInitialDelay)
  }

  #connected(flow: DirectFlow): void {
    if (this.destroyed) {
      flow.abort()
      return
    }
    this.connecting = false
    this.#giveUp = null
    this.#adopt(flow)
    flow.feed(this)
    this.#active()
    if (this.#noDelay) flow.setNoDelay(true)
    if (this.#keepAlive !== null) this.setKeepAlive(this.#keepAlive.on, this.#keepAlive.initialDelay)
    this.#updateHold()
    this.emit('connect')
    this.emit('ready')
    const next = this.#whenConnected
    this.#whenConnected = null
    if (!this.destroyed) next?.()
    if (this.#wanted && !this.destroyed) this.#startReading(flow.connection)
  }

  #failed(error: Error): void {
    this.connecting = false
    this.#updateHold()
    this.destroy(error)
  }

  // --- from the flow -------------------------------------------------------------------------------------------

  /** Data or the end of the stream can be read. */
  receive(): void {
    const connection = this.#connection
    if (!this.#wanted || this.destroyed || connection === null) return
    let data = connection.read(READ_LIMIT)
    while (data !== null) {
      this.bytesRead += data.length
      this.#active()
      this.#wanted = this.push(data)
      if (!this.#wanted) {
        this.#updateHold()
        return
      }
      data = connection.read(READ_LIMIT)
    }
    if (connection.atEndOfStream && !this.#endPushed) {
      this.#endPushed = true
      this.#updateHold()
      this.push(null)
    }
  }

  /** The send buffer has room again. */
  drained(): void {
    this.#active()
    const callback = this.#onDrained
    if (callback === null) return
    this.#onDrained = null
    this.#updateHold()
    callback()
  }

  /** The peer has acknowledged everything. */
  finished(): void {
    const callback = this.#onFinished
    this.#onFinished = null
    callback?.()
  }

  /** @param byUs whether it was reset from here, which is no error of the stream's */
  connectionClosed(failure: Error | null, byUs: boolean): void {
    if (failure !== null) {
      this.destroy(byUs ? undefined : failure)
      return
    }
    this.#wanted = true
    this.receive()
    this.drained()
    this.finished()
  }

  // --- the stream ----------------------------------------------------------------------------------------------

  override _read(): void {
    if (this.#wanted) return
    this.#wanted = true
    if (this.#connection !== null) this.#startReading(this.#connection)
  }

  #startReading(connection: Connection): void {
    this.#updateHold()
    connection.notifyReadable()
    // A connection that is gone tells nothing any more; what it had received is still there.
    if (connection.user === null) this.receive()
  }

  override _write(chunk: Written, encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    const connection = this.#connection
    if (connection === null) {
      this.#later(() => this._write(chunk, encoding, callback), callback)
      return
    }
    this.#enqueue(connection, chunk, encoding)
    connection.push()
    this.#afterWrite(connection, connection.hasRoom, callback)
  }

  override _writev(
    chunks: Array<{ chunk: Written; encoding: BufferEncoding }>,
    callback: (error?: Error | null) => void,
  ): void {
    const connection = this.#connection
    if (connection === null) {
      this.#later(() => this._writev(chunks, callback), callback)
      return
    }
    for (let i = 0; i < chunks.length; i++) this.#enqueue(connection, chunks[i].chunk, chunks[i].encoding)
    connection.push()
    this.#afterWrite(connection, connection.hasRoom, callback)
  }

  /** Whose write is complete may use its buffer again, as over a socket of Node's; a string's bytes are ours. */
  #enqueue(connection: Connection, chunk: Written, encoding: BufferEncoding): void {
    const isText = typeof chunk === 'string'
    const bytes = isText ? Buffer.from(chunk, encoding) : chunk
    this.bytesWritten += bytes.length
    if (isText) connection.enqueue(bytes)
    else if (bytes.length < BULK) connection.enqueue(Buffer.from(bytes))
    else connection.enqueueCopyOf(bytes)
  }

  /** What is written while it connects waits for that; the stream has no more than one such write under way. */
  #later(write: () => void, callback: (error?: Error | null) => void): void {
    if (this.connecting) this.#whenConnected = write
    else callback(new SystemError('ENOTCONN', 'write'))
  }

  #afterWrite(connection: Connection, hasRoom: boolean, callback: (error?: Error | null) => void): void {
    this.#active()
    if (hasRoom || connection.user === null) {
      callback()
      return
    }
    this.#onDrained = callback
    connection.wantsWritable = true
    this.#updateHold()
  }

  override _final(callback: (error?: Error | null) => void): void {
    if (this.#connection === null && this.connecting) {
      this.#whenConnected = () => this._final(callback)
      return
    }
    this.#connection?.shutdownWrite()
    // As net.Socket: finished means handed over, not acknowledged.
    callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#timer !== null) this.#host.clock.disarm(this.#timer)
    this.#onDrained = null
    this.#whenConnected = null
    this.connecting = false
    this.#giveUp?.abort()
    this.#giveUp = null
    this.#updateHold()
    // As net.Socket: an error of the application's own is no reason to reset; unread data is, and `release` knows.
    if (this.#resetting) this.#flow?.abort()
    else this.#connection?.release()
    callback(error)
  }

  // --- net.Socket ----------------------------------------------------------------------------------------------

  get remoteAddress(): string | undefined {
    return this.#flow?.remote.address
  }

  get remotePort(): number | undefined {
    return this.#flow?.remote.port
  }

  get remoteFamily(): string | undefined {
    if (this.#connection === null) return undefined
    return this.#connection.remoteAddress.family === 4 ? 'IPv4' : 'IPv6'
  }

  get localAddress(): string | undefined {
    return this.#flow?.local.address
  }

  get localPort(): number | undefined {
    return this.#flow?.local.port
  }

  get localFamily(): string | undefined {
    return this.remoteFamily
  }

  /** Whether it has no connection yet. */
  get pending(): boolean {
    return this.#connection === null
  }

  get bufferSize(): number {
    return this.writableLength
  }

  get readyState(): 'opening' | 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.connecting) return 'opening'
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  /** As of `net.Socket`: nothing is known of one that is not connected. */
  address(): { address?: string; port?: number; family?: string } {
    if (this.#flow === null) return {}
    return { address: this.localAddress, port: this.localPort, family: this.localFamily }
  }

  setNoDelay(on = true): this {
    this.#noDelay = on
    this.#flow?.setNoDelay(on)
    return this
  }

  /** @param initialDelay milliseconds; 0 leaves the default */
  setKeepAlive(on = false, initialDelay = 0): this {
    this.#keepAlive = { on, initialDelay }
    const seconds = Math.floor(initialDelay / 1000)
    this.#flow?.setKeepAlive(on, seconds > 0 ? Math.min(seconds, 32_767) : undefined)
    return this
  }

  /** Emits 'timeout' after so many milliseconds without reading or writing; 0 for never. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    this.timeout = milliseconds
    this.#lastActivity = this.#host.clock.now()
    if (milliseconds > 0) {
      this.#timer ??= new Timer(this)
      const expiry = this.#lastActivity + milliseconds * 1000
      // A timer that is due earlier finds out by itself that it came too soon.
      if (!this.#timer.armed || this.#timer.expiry > expiry) this.#host.clock.arm(this.#timer, expiry)
      if (callback !== undefined) this.once('timeout', callback)
    } else if (callback !== undefined) {
      this.removeListener('timeout', callback)
    }
    return this
  }

  #active(): void {
    if (this.#timer !== null) this.#lastActivity = this.#host.clock.now()
  }

  onTimer(timer: Timer): void {
    if (this.timeout === undefined || this.timeout <= 0 || this.destroyed) return
    const expiry = this.#lastActivity + this.timeout * 1000
    if (expiry > this.#host.clock.now()) this.#host.clock.arm(timer, expiry)
    else this.emit('timeout')
  }

  /** It holds the process again; only of consequence where the stack's device does not, as with `tapstack/register`. */
  ref(): this {
    this.#referenced = true
    this.#updateHold()
    return this
  }

  /** It holds the process no more, unless it connects or has something to write. */
  unref(): this {
    this.#referenced = false
    this.#updateHold()
    return this
  }

  /** As libuv counts: what reads holds the process unless it is unreferenced, what is under way in any case. */
  #updateHold(): void {
    const reads = this.#referenced && this.#wanted && !this.#endPushed && this.#connection !== null
    const holds = !this.destroyed && (reads || this.connecting || this.#onDrained !== null)
    if (holds === this.#holds) return
    this.#holds = holds
    if (holds) this.#host.openHandles.opened()
    else this.#host.openHandles.closed()
  }

  destroySoon(): void {
    if (this.writable) this.end()
    if (this.writableFinished) this.destroy()
    else this.once('finish', () => this.destroy())
  }

  resetAndDestroy(): this {
    this.#resetting = true
    this.destroy()
    return this
  }
}
