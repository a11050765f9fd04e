import type { Duplex } from 'node:stream'
import { SECOND, Timer } from '../../clock/index.ts'
import { SystemError, type SystemErrorCode } from '../../errors/index.ts'
import type { Log } from '../../log/index.ts'
import type { PacketBuffer } from '../../packet/index.ts'
import type { Connection, ConnectionUser, ReceiveSink, TcpInfo } from '../../tcp/index.ts'
import { FlowIterator } from '../flow-iterator.ts'
import { checkInteger, LONGEST_LINGER } from '../options.ts'
import type { CloseOptions, Endpoint, Flow } from '../stack.ts'
import { Completion, DONE, ignore, refused, Waiter } from '../waiter.ts'
import { readableOf, writableOf } from '../web-streams.ts'
import { writtenBytes } from '../written-bytes.ts'
import { type DuplexHost, FlowDuplex } from './flow-duplex.ts'
import { addressText } from './zones.ts'

/** The most that one `read` returns. */
const READ_LIMIT = 262_144

/** Who takes the received bytes: nobody yet, `read`, `onData`, nobody any more, or a Node stream. */
type Receiving = 'idle' | 'pull' | 'push' | 'discard' | 'duplex'

/** What a flow needs of its stack. */
export interface FlowOwner extends DuplexHost {
  readonly log: Log
  /** What stands behind link-local addresses. */
  readonly zone: string
  /** The peer has acknowledged all that a flow had to say, or the flow's connection is gone. */
  flowFinished(): void
}

/** A TCP connection of this stack. */
export class DirectFlow implements Flow, ConnectionUser, ReceiveSink {
  readonly connection: Connection
  readonly #owner: FlowOwner
  #receiving: Receiving = 'idle'
  #paused = false
  #gone = false
  /** What ended the connection before its time; later calls reject with it. */
  #failure: Error | null = null
  #onData: (view: Uint8Array) => void = ignore
  #onEnd: (() => void) | null = null
  #endSeen = false
  #reader: Waiter<Buffer | null> | null = null
  #writer: Waiter<void> | null = null
  #finisher: Completion | null = null
  #closed: Waiter<void> | null = null
  #duplex: FlowDuplex | null = null
  #readable: ReadableStream<Uint8Array<ArrayBuffer>> | null = null
  #writable: WritableStream<Uint8Array> | null = null
  #local: Endpoint | null = null
  #remote: Endpoint | null = null
  /** For `connect`: told once when the handshake is over, either way. */
  whenEstablished: ((error: Error | null) => void) | null = null

  constructor(connection: Connection, owner: FlowOwner) {
    this.connection = connection
    this.#owner = owner
  }

  get local(): Endpoint {
    const { localAddress, localPort } = this.connection
    this.#local ??= { address: addressText(localAddress, this.#owner.zone), port: localPort }
    return this.#local
  }

  get remote(): Endpoint {
    const { remoteAddress, remotePort } = this.connection
    this.#remote ??= { address: addressText(remoteAddress, this.#owner.zone), port: remotePort }
    return this.#remote
  }

  get closed(): Promise<void> {
    if (this.#closed === null) {
      this.#closed = new Waiter()
      if (this.#failure !== null) this.#closed.reject(this.#failure)
      else if (this.#gone) this.#closed.resolve()
    }
    return this.#closed.promise
  }

  // --- events of the connection --------------------------------------------------------------------------------

  onEstablished(): void {
    const callback = this.whenEstablished
    this.whenEstablished = null
    callback?.(null)
  }

  onReadable(): void {
    switch (this.#receiving) {
      case 'pull':
        this.#answerReader()
        break
      case 'push':
        this.#deliver()
        break
      case 'duplex':
        this.#duplex!.receive()
        break
    }
  }

  onWritable(): void {
    if (this.#duplex !== null) this.#duplex.drained()
    const writer = this.#writer
    this.#writer = null
    writer?.resolve()
  }

  onFinished(): void {
    this.#owner.flowFinished()
    this.#finisher?.resolve()
    this.#duplex?.finished()
  }

  onClosed(_connection: Connection, code: SystemErrorCode | null): void {
    this.#gone = true
    if (code !== null) {
      const hint = code === 'EADDRNOTAVAIL' ? `our address ${this.local.address} is gone` : undefined
      const syscall = this.whenEstablished === null ? 'read' : 'connect'
      this.#failure ??= new SystemError(code, syscall, { ...this.remote, hint })
    }
    const failure = this.#failure
    this.#owner.flowFinished()
    if (this.whenEstablished !== null) {
      const callback = this.whenEstablished
      this.whenEstablished = null
      callback(failure)
    }
    if (this.#reader !== null) this.#answerReader()
    this.#finish(this.#writer, failure)
    this.#finisher?.resolve()
    this.#finish(this.#closed, failure)
    this.#writer = null
    this.#duplex?.connectionClosed(failure, code === 'ECONNABORTED')
  }

  #finish(waiter: Waiter<void> | null, failure: Error | null): void {
    if (failure === null) waiter?.resolve()
    else waiter?.reject(failure)
  }

  /** Its connection is gone, or the application has let go of it and the peer has everything but its own FIN to send. */
  get isDone(): boolean {
    if (this.#gone) return true
    return (this.#receiving === 'discard' || this.connection.orphaned) && this.connection.isFinished
  }

  // --- receiving -----------------------------------------------------------------------------------------------

  read(): Promise<Buffer | null> {
    if (this.#receiving === 'idle') this.#receiving = 'pull'
    if (this.#receiving === 'push' || this.#receiving === 'duplex') {
      return refused(new SystemError('EBUSY', 'read', { hint: 'another reader has taken over this flow' }))
    }
    if (this.#reader !== null) return refused(new SystemError('EBUSY', 'read', { hint: 'one read at a time' }))
    if (this.#receiving === 'discard') return this.#failure === null ? Promise.resolve(null) : refused(this.#failure)
    const data = this.connection.read(READ_LIMIT)
    if (data !== null) return Promise.resolve(data)
    if (this.connection.finReceived) return Promise.resolve(null)
    if (this.#failure !== null) return refused(this.#failure)
    if (this.#gone) return Promise.resolve(null)
    this.#reader = new Waiter()
    return this.#reader.promise
  }

  #answerReader(): void {
    const reader = this.#reader
    if (reader === null) return
    const data = this.connection.read(READ_LIMIT)
    if (data === null && !this.connection.finReceived && !this.#gone) return
    this.#reader = null
    if (data === null && !this.connection.finReceived && this.#failure !== null) reader.reject(this.#failure)
    else reader.resolve(data)
  }

  onData(data: (view: Uint8Array) => void, end?: () => void): void {
    if (this.#receiving !== 'idle') {
      throw new SystemError('EBUSY', 'read', { hint: 'another reader has taken over this flow' })
    }
    this.#receiving = 'push'
    this.#onData = data
    this.#onEnd = end ?? null
    this.connection.notifyReadable()
  }

  #deliver(): void {
    if (this.#paused) return
    this.connection.drain(this)
    if (this.#onEnd !== null && !this.#endSeen && !this.#paused && this.connection.atEndOfStream) {
      this.#endSeen = true
      this.#guard(this.#onEnd)
    }
  }

  /** For TCP only: one piece of data for `onData`. @returns whether it takes more */
  take(view: Uint8Array): boolean {
    try {
      this.#onData(view)
    } catch (error) {
      this.#applicationFailed(error)
    }
    return !this.#paused && this.#receiving === 'push' && !this.#gone
  }

  #guard(handler: () => void): void {
    try {
      handler()
    } catch (error) {
      this.#applicationFailed(error)
    }
  }

  /** What a handler of the application throws ends this flow only. */
  #applicationFailed(error: unknown): void {
    this.#owner.log.error('a data handler failed', { error, remote: this.remote.address, port: this.remote.port })
    this.#abort(error instanceof Error ? error : new Error(String(error)))
  }

  pause(): void {
    this.#paused = true
  }

  resume(): void {
    if (!this.#paused) return
    this.#paused = false
    if (this.#receiving === 'push') this.connection.notifyReadable()
  }

  #discard(): void {
    if (this.#receiving === 'discard' || this.#receiving === 'duplex') return
    this.#receiving = 'discard'
    this.connection.discardReceived()
    this.#reader?.resolve(null)
    this.#reader = null
  }

  // --- sending -------------------------------------------------------------------------------------------------

  write(data: Uint8Array | string): Promise<void> {
    const refusal = this.#writeRefusal()
    if (refusal !== null) return refused(refusal)
    return this.connection.write(writtenBytes(data), null) ? DONE : this.#room()
  }

  writev(chunks: readonly Uint8Array[]): Promise<void> {
    const refusal = this.#writeRefusal()
    if (refusal !== null) return refused(refusal)
    // All of them or none.
    for (const chunk of chunks.map(writtenBytes)) this.connection.enqueue(chunk)
    this.connection.push()
    return this.connection.hasRoom ? DONE : this.#room()
  }

  writeInto(size: number, fill: (view: Uint8Array) => void): Promise<void> {
    checkInteger('size', size, 1, 65_536)
    const refusal = this.#writeRefusal()
    if (refusal !== null) return refused(refusal)
    const packet = this.#packetFor(size)
    const view =
      packet === null ? Buffer.allocUnsafe(size) : packet.memory.bytes.subarray(packet.start, packet.start + size)
    try {
      fill(view)
    } catch (error) {
      packet?.release()
      throw error
    }
    return this.connection.write(view, packet) ? DONE : this.#room()
  }

  #packetFor(size: number): PacketBuffer | null {
    const { memory } = this.connection.context
    return memory.isHalfFree ? memory.allocate(size) : null
  }

  #writeRefusal(): Error | null {
    if (this.#failure !== null) return this.#failure
    if (!this.connection.canWrite) return new SystemError('EPIPE', 'write', this.remote)
    return null
  }

  /** Resolves when the send buffer has room again. */
  #room(): Promise<void> {
    if (this.#failure !== null) return refused(this.#failure)
    this.connection.wantsWritable = true
    this.#writer ??= new Waiter()
    return this.#writer.promise
  }

  // --- ending --------------------------------------------------------------------------------------------------

  shutdown(direction: 'read' | 'write' | 'both'): Promise<void> {
    if (direction !== 'write') this.#discard()
    if (direction === 'read') return DONE
    if (this.#failure !== null) return refused(this.#failure)
    this.connection.shutdownWrite()
    return DONE
  }

  close(options: CloseOptions = {}): Promise<void> {
    const { linger } = options
    if (linger !== undefined) checkInteger('linger', linger, 0, LONGEST_LINGER)
    if (linger === 0) {
      this.abort()
      return DONE
    }
    this.#discard()
    if (this.#failure === null) this.connection.shutdownWrite()
    if (this.#gone || this.connection.isFinished) return DONE
    this.#finisher ??= new Completion()
    if (linger !== undefined) this.#linger(linger)
    return this.#finisher.promise
  }

  /** Resets the connection unless the peer has acknowledged everything within so many seconds. */
  #linger(seconds: number): void {
    const { clock } = this.#owner
    const timer = new Timer({ onTimer: () => this.abort() })
    clock.arm(timer, clock.now() + seconds * SECOND)
    const disarm = () => clock.disarm(timer)
    this.#finisher!.promise.then(disarm)
  }

  abort(): void {
    this.#abort(new SystemError('ECONNABORTED', 'abort', this.remote))
  }

  #abort(reason: Error): void {
    if (this.#gone || this.#failure !== null) return
    this.#failure = reason
    this.connection.abort()
  }

  // --- options and other shapes --------------------------------------------------------------------------------

  setNoDelay(on: boolean): void {
    this.connection.setNoDelay(on)
  }

  setKeepAlive(on: boolean, initialDelay?: number): void {
    if (initialDelay !== undefined) checkInteger('initialDelay', initialDelay, 1, 32_767)
    const { keepAliveIdle } = this.connection.context.settings
    this.connection.setKeepAlive(on, initialDelay === undefined ? keepAliveIdle : initialDelay * 1_000_000)
  }

  info(): TcpInfo {
    return this.connection.info()
  }

  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    this.#readable ??= readableOf(this)
    return this.#readable
  }

  get writable(): WritableStream<Uint8Array> {
    this.#writable ??= writableOf(this)
    return this.#writable
  }

  toDuplex(): Duplex {
    if (this.#duplex === null) {
      if (this.#receiving !== 'idle' && this.#receiving !== 'pull') {
        throw new SystemError('EBUSY', 'read', { hint: 'another reader has taken over this flow' })
      }
      this.#receiving = 'duplex'
      this.#duplex = new FlowDuplex(this.#owner, this, true)
      if (this.#gone) this.#duplex.connectionClosed(this.#failure, false)
    }
    return this.#duplex
  }

  /** For `FlowDuplex` only: it takes over a flow that nobody has read from. */
  feed(duplex: FlowDuplex): void {
    this.#receiving = 'duplex'
    this.#duplex = duplex
    if (this.#gone) duplex.connectionClosed(this.#failure, false)
  }

  [Symbol.asyncIterator](): AsyncIterator<Buffer, undefined> {
    return new FlowIterator(this)
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }
}
