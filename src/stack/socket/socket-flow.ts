import type { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import { SystemError } from '../../errors/index.ts'
import type { Log } from '../../log/index.ts'
import type { TcpInfo } from '../../tcp/index.ts'
import { FlowIterator } from '../flow-iterator.ts'
import { checkInteger, LONGEST_LINGER } from '../options.ts'
import type { CloseOptions, Endpoint, Flow } from '../stack.ts'
import { DONE, ignore, refused, Waiter } from '../waiter.ts'
import { readableOf, writableOf } from '../web-streams.ts'
import { writtenBytes } from '../written-bytes.ts'
import { withoutMapping } from './host-addresses.ts'
import { systemErrorOf } from './node-errors.ts'

/**
 * What a flow buffers in each direction on top of the kernel's own buffers, in bytes; `read` returns no more than about
 * this much at a time.
 */
export const BUFFER_BYTES = 262_144

/**
 * After `close`, when all has been sent, the socket goes on discarding what the peer sends, for this long at most; then the kernel resets it.
 * Linux gives an orphaned connection as much in FIN-WAIT-2 (tcp_fin_timeout, 60 s).
 */
const DISCARD_MILLISECONDS = 60_000

/** Who takes the received bytes: nobody yet, `read`, `onData`, or nobody any more. */
type Receiving = 'idle' | 'pull' | 'push' | 'discard' | 'duplex'

/**
 * A TCP connection of the operating system, over `net.Socket`.
 *
 * Two things are as libuv has them. It hears of a reset only while it reads, so that a flow that nobody reads from, and
 * whose buffers are full or whose peer has ended its side, learns of one at the next write. And a reset that arrives
 * together with the last data may look like the end of the stream; then too the next write fails.
 */
export class SocketFlow implements Flow {
  readonly local: Endpoint
  readonly remote: Endpoint
  readonly closed: Promise<void>

  readonly #socket: Socket
  readonly #log: Log
  readonly #closed: Waiter<void>
  #receiving: Receiving = 'idle'
  #paused = false
  /** Whether the peer's end of stream has been seen, behind all of its data. */
  #ended = false
  /** What ended the connection before its time; later calls reject with it. */
  #failure: Error | null = null
  #reader: Waiter<Buffer | null> | null = null
  #drain: Waiter<void> | null = null
  #finish: Waiter<void> | null = null
  #discardTimer: NodeJS.Timeout | null = null
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | null = null
  #writable: WritableStream<Uint8Array> | null = null

  /** @param socket connected, made with `allowHalfOpen` */
  constructor(socket: Socket, log: Log) {
    this.#socket = socket
    this.#log = log
    this.local = { address: withoutMapping(socket.localAddress ?? ''), port: socket.localPort ?? 0 }
    this.remote = { address: withoutMapping(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }
    this.#closed = new Waiter()
    this.closed = this.#closed.promise
    socket.on('error', (error) => this.#fail(systemErrorOf(error, 'read', this.remote)))
    socket.on('close', () => this.#onClose())
    socket.on('drain', () => this.#onDrain())
  }

  // Receiving

  read(): Promise<Buffer | null> {
    if (this.#receiving === 'idle') this.#startPulling()
    if (this.#receiving === 'push' || this.#receiving === 'duplex') {
      return refused(new SystemError('EBUSY', 'read', { hint: 'another reader has taken over this flow' }))
    }
    if (this.#reader !== null) {
      return refused(new SystemError('EBUSY', 'read', { hint: 'one read at a time' }))
    }
    if (this.#receiving === 'discard') return this.#failure === null ? Promise.resolve(null) : refused(this.#failure)
    const data = this.#socket.read() as Buffer | null
    if (data !== null) return Promise.resolve(data)
    if (this.#ended) return Promise.resolve(null)
    if (this.#failure !== null) return refused(this.#failure)
    this.#reader = new Waiter()
    return this.#reader.promise
  }

  onData(data: (view: Uint8Array) => void, end?: () => void): void {
    if (this.#receiving !== 'idle') {
      throw new SystemError('EBUSY', 'read', { hint: 'another reader has taken over this flow' })
    }
    this.#receiving = 'push'
    const socket = this.#socket
    socket.on('end', () => {
      this.#ended = true
      if (this.#receiving === 'push' && end !== undefined) this.#call(end)
    })
    if (this.#paused) socket.pause()
    socket.on('data', (view: Buffer) => {
      if (this.#receiving === 'push') this.#call(() => data(view))
    })
  }

  pause(): void {
    this.#paused = true
    if (this.#receiving === 'push') this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#receiving === 'push') this.#socket.resume()
  }

  #startPulling(): void {
    this.#receiving = 'pull'
    this.#socket.on('readable', () => {
      const reader = this.#reader
      if (reader === null) return
      const data = this.#socket.read() as Buffer | null
      if (data === null) return
      this.#reader = null
      reader.resolve(data)
    })
    this.#socket.on('end', () => {
      this.#ended = true
      this.#reader?.resolve(null)
      this.#reader = null
    })
  }

  #discard(): void {
    if (this.#receiving === 'discard' || this.#receiving === 'duplex') return
    this.#receiving = 'discard'
    this.#reader?.resolve(null)
    this.#reader = null
    this.#socket.removeAllListeners('readable')
    this.#socket.removeAllListeners('data')
    this.#socket.on('data', ignore)
    this.#socket.resume()
  }

  /** Runs a handler of the application; what it throws ends this flow only. */
  #call(handler: () => void): void {
    try {
      handler()
    } catch (error) {
      this.#log.error('a data handler failed', { error, remote: this.remote.address, port: this.remote.port })
      this.#abort(error instanceof Error ? error : new Error(String(error)))
    }
  }

  // Sending

  write(data: Uint8Array | string): Promise<void> {
    const refusal = this.#writeRefusal()
    if (refusal !== null) return refused(refusal)
    return this.#socket.write(writtenBytes(data)) ? DONE : this.#drained()
  }

  writev(chunks: readonly Uint8Array[]): Promise<void> {
    const refusal = this.#writeRefusal()
    if (refusal !== null) return refused(refusal)
    const socket = this.#socket
    const written = chunks.map(writtenBytes)
    let taken = true
    socket.cork()
    for (const chunk of written) taken = socket.write(chunk)
    socket.uncork()
    return taken ? DONE : this.#drained()
  }

  writeInto(size: number, fill: (view: Uint8Array) => void): Promise<void> {
    checkInteger('size', size, 1, 65_536)
    const refusal = this.#writeRefusal()
    if (refusal !== null) return refused(refusal)
    const view = Buffer.allocUnsafe(size)
    fill(view)
    return this.#socket.write(view) ? DONE : this.#drained()
  }

  #writeRefusal(): Error | null {
    if (this.#failure !== null) return this.#failure
    if (!this.#socket.writable) return new SystemError('EPIPE', 'write', this.remote)
    return null
  }

  #drained(): Promise<void> {
    // The write may have failed within the call, and then nothing will drain.
    if (this.#failure !== null) return refused(this.#failure)
    if (!this.#socket.writableNeedDrain) return DONE
    this.#drain ??= new Waiter()
    return this.#drain.promise
  }

  #onDrain(): void {
    this.#drain?.resolve()
    this.#drain = null
  }

  // Ending

  shutdown(direction: 'read' | 'write' | 'both'): Promise<void> {
    if (direction !== 'write') this.#discard()
    if (direction === 'read') return DONE
    if (this.#failure !== null) return refused(this.#failure)
    if (!this.#socket.writableEnded) this.#socket.end()
    return DONE
  }

  close(options: CloseOptions = {}): Promise<void> {
    const { linger } = options
    if (linger !== undefined) checkInteger('linger', linger, 0, LONGEST_LINGER)
    if (linger !== 0) return this.#close(linger)
    this.abort()
    return DONE
  }

  async #close(linger: number | undefined): Promise<void> {
    await this.shutdown('both').catch(ignore)
    const timer = linger === undefined ? undefined : setTimeout(() => this.abort(), linger * 1000)
    await this.#finished().catch(ignore)
    clearTimeout(timer)
    if (this.#discardTimer !== null || this.#socket.destroyed) return
    this.#discardTimer = setTimeout(() => this.#socket.destroy(), DISCARD_MILLISECONDS)
    this.#discardTimer.unref()
  }

  /**
   * The kernel does not tell Node when the peer has acknowledged everything. What it tells is that it has taken
   * everything, and from then on it delivers or gives up on its own.
   */
  #finished(): Promise<void> {
    const socket = this.#socket
    if (socket.writableFinished || socket.destroyed) return DONE
    if (this.#finish === null) {
      const finish = new Waiter<void>()
      this.#finish = finish
      socket.once('finish', () => finish.resolve())
    }
    return this.#finish.promise
  }

  abort(): void {
    this.#abort(new SystemError('ECONNABORTED', 'abort', this.remote))
  }

  #abort(reason: Error): void {
    const socket = this.#socket
    if (socket.destroyed || this.#failure !== null) return
    this.#fail(reason)
    // libuv refuses to reset while its shutdown(2) is under way, which is over within the next turn of the loop.
    const shuttingDown = socket.writableEnded && !socket.writableFinished && socket.writableLength === 0
    if (shuttingDown) socket.once('finish', () => socket.resetAndDestroy())
    else socket.resetAndDestroy()
  }

  #fail(error: Error): void {
    if (this.#failure !== null) return
    this.#failure = error
    this.#reader?.reject(error)
    this.#drain?.reject(error)
    this.#finish?.reject(error)
    this.#reader = null
    this.#drain = null
    this.#closed.reject(error)
  }

  #onClose(): void {
    if (this.#discardTimer !== null) clearTimeout(this.#discardTimer)
    if (this.#failure !== null) return
    this.#reader?.resolve(null)
    this.#reader = null
    this.#drain?.resolve()
    this.#drain = null
    this.#finish?.resolve()
    this.#closed.resolve()
  }

  // Options and other shapes

  setNoDelay(on: boolean): void {
    this.#socket.setNoDelay(on)
  }

  setKeepAlive(on: boolean, initialDelay?: number): void {
    if (initialDelay !== undefined) checkInteger('initialDelay', initialDelay, 1, 32_767)
    this.#socket.setKeepAlive(on, initialDelay === undefined ? 0 : initialDelay * 1000)
  }

  info(): TcpInfo {
    throw new SystemError('ENOTSUP', 'getsockopt', {
      ...this.remote,
      hint: 'Node has no TCP_INFO; the direct stack has info()',
    })
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#readable ??= readableOf(this)
    return this.#readable
  }

  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= writableOf(this)
    return this.#writable
  }

  /** The `net.Socket` itself, with all that it has not yet delivered. */
  toDuplex(): Duplex {
    if (this.#receiving !== 'duplex') {
      if (this.#receiving === 'push' || this.#receiving === 'discard' || this.#reader !== null) {
        throw new SystemError('EBUSY', 'read', { hint: 'another reader has taken over this flow' })
      }
      this.#receiving = 'duplex'
      this.#socket.removeAllListeners('readable')
      this.#showPlainAddresses()
    }
    return this.#socket
  }

  /** A socket of a dual-stack listener shows IPv4 addresses in their mapped form; the flow never does. */
  #showPlainAddresses(): void {
    if (this.#socket.remoteAddress === this.remote.address) return
    Object.defineProperties(this.#socket, {
      localAddress: { value: this.local.address },
      localFamily: { value: 'IPv4' },
      remoteAddress: { value: this.remote.address },
      remoteFamily: { value: 'IPv4' },
    })
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return new FlowIterator(this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
