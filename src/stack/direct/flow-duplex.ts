/**
 * A flow as a Node stream, with as much of `net.Socket` around it as `http`, its agents and the usual clients ask for.
 */
import { Duplex } from 'node:stream'
import { type Clock, type Microseconds, Timer, type TimerHandler } from '../../clock/index.ts'
import type { Connection } from '../../tcp/index.ts'
import type { DirectFlow } from './direct-flow.ts'

/** The most that is pushed at a time. */
const READ_LIMIT = 262_144

export class FlowDuplex extends Duplex implements TimerHandler {
  readonly #flow: DirectFlow
  readonly #connection: Connection
  readonly #clock: Clock
  bytesRead = 0
  bytesWritten = 0
  readonly connecting = false
  readonly pending = false
  /** Milliseconds, as `setTimeout` was told; undefined before. */
  timeout: number | undefined = undefined
  #wanted = false
  #endPushed = false
  #onDrained: ((error?: Error | null) => void) | null = null
  #onFinished: ((error?: Error | null) => void) | null = null
  #resetting = false
  // The inactivity timer: activity only notes the time; the timer looks when it fires.
  #timer: Timer | null = null
  #lastActivity: Microseconds = 0

  constructor(flow: DirectFlow, clock: Clock) {
    // Half-open as net.Server does for http: a client may send its request, FIN, and wait for the answer.
    super({ allowHalfOpen: true, decodeStrings: true })
    this.#flow = flow
    this.#connection = flow.connection
    this.#clock = clock
  }

  // --- from the flow -------------------------------------------------------------------------------------------

  /** Data or the end of the stream can be read. */
  receive(): void {
    if (!this.#wanted || this.destroyed) return
    const connection = this.#connection
    let data = connection.read(READ_LIMIT)
    while (data !== null) {
      this.bytesRead += data.length
      this.#active()
      this.#wanted = this.push(data)
      if (!this.#wanted) return
      data = connection.read(READ_LIMIT)
    }
    if (connection.atEndOfStream && !this.#endPushed) {
      this.#endPushed = true
      this.push(null)
    }
  }

  /** The send buffer has room again. */
  drained(): void {
    this.#active()
    const callback = this.#onDrained
    this.#onDrained = null
    callback?.()
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
    this.#connection.notifyReadable()
    // A connection that is gone tells nothing any more; what it had received is still there.
    if (this.#connection.user === null) this.receive()
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, callback: (error?: Error | null) => void): void {
    this.bytesWritten += chunk.length
    this.#afterWrite(this.#connection.write(chunk, null), callback)
  }

  override _writev(chunks: Array<{ chunk: Buffer }>, callback: (error?: Error | null) => void): void {
    for (const { chunk } of chunks) {
      this.bytesWritten += chunk.length
      this.#connection.enqueue(chunk)
    }
    this.#connection.push()
    this.#afterWrite(this.#connection.hasRoom, callback)
  }

  #afterWrite(hasRoom: boolean, callback: (error?: Error | null) => void): void {
    this.#active()
    if (hasRoom || this.#connection.user === null) {
      callback()
      return
    }
    this.#onDrained = callback
    this.#connection.wantsWritable = true
  }

  override _final(callback: (error?: Error | null) => void): void {
    this.#connection.shutdownWrite()
    // As net.Socket: finished means handed over, not acknowledged.
    callback()
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#timer !== null) this.#clock.disarm(this.#timer)
    this.#onDrained = null
    // As net.Socket: an error of the application's own is no reason to reset; unread data is, and `release` knows.
    if (this.#resetting) this.#flow.abort()
    else this.#connection.release()
    callback(error)
  }

  // --- net.Socket ----------------------------------------------------------------------------------------------

  get remoteAddress(): string {
    return this.#flow.remote.address
  }

  get remotePort(): number {
    return this.#flow.remote.port
  }

  get remoteFamily(): string {
    return this.#connection.remoteAddress.family === 4 ? 'IPv4' : 'IPv6'
  }

  get localAddress(): string {
    return this.#flow.local.address
  }

  get localPort(): number {
    return this.#flow.local.port
  }

  get localFamily(): string {
    return this.remoteFamily
  }

  get readyState(): 'open' | 'readOnly' | 'writeOnly' | 'closed' {
    if (this.readable) return this.writable ? 'open' : 'readOnly'
    return this.writable ? 'writeOnly' : 'closed'
  }

  address(): { address: string; port: number; family: string } {
    return { address: this.localAddress, port: this.localPort, family: this.localFamily }
  }

  setNoDelay(on = true): this {
    this.#flow.setNoDelay(on)
    return this
  }

  /** @param initialDelay milliseconds; 0 leaves the default */
  setKeepAlive(on = false, initialDelay = 0): this {
    const seconds = Math.floor(initialDelay / 1000)
    this.#flow.setKeepAlive(on, seconds > 0 ? Math.min(seconds, 32_767) : undefined)
    return this
  }

  /** Emits 'timeout' after so many milliseconds without reading or writing; 0 for never. */
  setTimeout(milliseconds: number, callback?: () => void): this {
    this.timeout = milliseconds
    this.#lastActivity = this.#clock.now()
    if (milliseconds > 0) {
      this.#timer ??= new Timer(this)
      const expiry = this.#lastActivity + milliseconds * 1000
      // A timer that is due earlier finds out by itself that it came too soon.
      if (!this.#timer.armed || this.#timer.expiry > expiry) this.#clock.arm(this.#timer, expiry)
      if (callback !== undefined) this.once('timeout', callback)
    } else if (callback !== undefined) {
      this.removeListener('timeout', callback)
    }
    return this
  }

  #active(): void {
    if (this.#timer !== null) this.#lastActivity = this.#clock.now()
  }

  onTimer(timer: Timer): void {
    if (this.timeout === undefined || this.timeout <= 0 || this.destroyed) return
    const expiry = this.#lastActivity + this.timeout * 1000
    if (expiry > this.#clock.now()) this.#clock.arm(timer, expiry)
    else this.emit('timeout')
  }

  /** A stack holds its process by its device, not by single connections. */
  ref(): this {
    return this
  }

  unref(): this {
    return this
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
