/**
 * What stands below a `net.Socket` or `net.Server` in place of libuv's TCP handle, for the code of Node that runs on top:
 * the methods, numbers and order of callbacks are those of Node's TCPWrap, the connection is one of this stack.
 */
import { AsyncResource } from 'node:async_hooks'
import { IpAddress, type IpFamily } from '../address/index.ts'
import type { SystemErrorCode } from '../errors/index.ts'
import type { Acceptor, Connection, ConnectionUser, TcpListener } from '../tcp/index.ts'
import { errorNumber, nodeError, numberOf } from './error-numbers.ts'
import type { HandleHost } from './handle-host.ts'
import { type JsStream, type NodeRequest, nodeInternals } from './internals.ts'
import { describe, reachable, type SocketAddress, unspecified } from './socket-addresses.ts'
import type { TurnTaker } from './turns.ts'
import { joined, WaitingWrites } from './waiting-writes.ts'
import { canWriteAtOnce, noteWrite } from './write-result.ts'

/** The most that one delivery hands over, as libuv reads. */
const LARGEST_SLICE = 65_536
/** Less than this is put together with what waits behind it. */
const SMALL_SLICE = 16_384
/** TCPConstants of Node: flags of `bind6`. */
const IPV6_ONLY = 1
const REUSE_PORT = 2
/** TCPConstants.SOCKET. */
const TCP_SOCKET = 0

/**
 * A program that connects to itself sees its server accept before its client is connected, since the kernel does both within
 * connect(2). Here the server hears of it two passes of the event loop later: one takes the last segment of the handshake.
 */
const PASSES_TO_ACCEPT = 2

/** Made when the library was loaded, and so in no context of the application's. */
const NO_CONTEXT = new AsyncResource('TAPSTACK')

/**
 * libuv reads until the kernel has nothing more, and finds the end of the stream when it looks again: in the next pass. When
 * our side has ended as well it sees that at once, before 1.52.
 */
const HANG_UP_ENDS_READING = Number(process.versions.uv.split('.')[1]) < 52

type Done = (() => void) | undefined

/** Replaced by Node's class before the first handle is made: finding that costs nothing to those who need no handles. */
class StreamBase {}
const LateJsStream = StreamBase as unknown as new () => JsStream

export class TcpHandle extends LateJsStream implements Acceptor, ConnectionUser, TurnTaker {
  readonly #host: HandleHost
  #family: IpFamily = 4
  #bound: { address: IpAddress; port: number; flags: number } | null = null
  #connection: Connection | null = null
  #listener: TcpListener | null = null
  /** In whose asynchronous context the application hears of it. */
  #scope: AsyncResource | null = null
  declare onconnection?: (status: number, handle: TcpHandle) => void

  #reading = false
  #slice = LARGEST_SLICE
  #endTold = false
  /** In which pass data was told last. */
  #dataPass = 0
  /** Set once the connection is gone. */
  #gone = false
  #failure: SystemErrorCode | null = null
  #failureTold = false
  #connecting: NodeRequest | null = null
  #connected: number | null = null
  /** Passes that the outcome waits for, see `PASSES_TO_ACCEPT`. */
  #patience = 0
  readonly #accepted: TcpHandle[] = []
  /** Writes that wait for room in the send buffer. */
  readonly #writes = new WaitingWrites(this)
  #shutdown: NodeRequest | null = null
  /** Bytes written past C++. */
  #written = 0

  #closed = false
  #referenced = true
  #holds = false
  isQueued = false
  #noDelay = false
  #keepAlive: { on: boolean; seconds: number } | null = null

  constructor(host: HandleHost) {
    becomeStream()
    super()
    this.#host = host
  }

  /** The stack whose connection this is. */
  get host(): HandleHost {
    return this.#host
  }

  // --- what Node calls: opening --------------------------------------------------------------------------------

  bind(address: string, port: number): number {
    return this.#bind(4, address, port, 0)
  }

  bind6(address: string, port: number, flags = 0): number {
    return this.#bind(6, address, port, flags)
  }

  #bind(family: IpFamily, text: string, port: number, flags: number): number {
    const address = IpAddress.tryParse(text)
    if (address === null || this.#bound !== null) return errorNumber('EINVAL')
    const isOurs = this.#host.stack.tcp.ips.some((ip) => ip.family === address.family && ip.isLocalAddress(address))
    if (!address.isUnspecified && (!isOurs || address.isMulticast)) return errorNumber('EADDRNOTAVAIL')
    this.#family = family
    this.#bound = { address, port, flags }
    return 0
  }

  listen(backlog: number): number {
    const { tcp } = this.#host.stack
    const { address, port, flags } = this.#bound ?? { address: unspecified(6), port: 0, flags: 0 }
    const takesBoth = address.isUnspecified && address.family === 6 && (flags & IPV6_ONLY) === 0
    const wanted = takesBoth ? null : address
    const reusePort = (flags & REUSE_PORT) !== 0
    try {
      this.#listener = tcp.listen(wanted, port, Math.max(backlog, 1), this, { reusePort })
    } catch (error) {
      return numberOf(error)
    }
    this.#scope = new AsyncResource('TCPSERVERWRAP')
    this.#updateHold()
    return 0
  }

  connect(request: NodeRequest, address: string, port: number): number {
    return this.#connect(4, request, address, port)
  }

  connect6(request: NodeRequest, address: string, port: number): number {
    return this.#connect(6, request, address, port)
  }

  #connect(family: IpFamily, request: NodeRequest, text: string, port: number): number {
    const address = IpAddress.tryParse(text)
    if (address === null) return errorNumber('EINVAL')
    if (this.#connection !== null) return errorNumber('EISCONN')
    this.#family = family
    const remote = reachable(address, family)
    const local = this.#bound === null ? null : this.#bound.address
    const localPort = this.#bound?.port ?? 0
    try {
      this.#connection = this.#host.stack.tcp.connect({ remote, port, local, localPort, user: this })
    } catch (error) {
      return numberOf(error)
    }
    this.#connecting = request
    this.#scope = new AsyncResource('TCPCONNECTWRAP')
    this.#applyOptions()
    this.#updateHold()
    return 0
  }

  open(): number {
    return errorNumber('ENOTSUP')
  }

  // --- what Node calls: properties -----------------------------------------------------------------------------

  getsockname(out: SocketAddress): number {
    if (this.#connection !== null) {
      return describe(out, this.#connection.localAddress, this.#family, this.#connection.localPort)
    }
    if (this.#listener !== null) {
      const address = this.#listener.address ?? unspecified(this.#family)
      return describe(out, address, this.#family, this.#listener.port)
    }
    if (this.#bound === null) return errorNumber('EBADF')
    return describe(out, this.#bound.address, this.#family, this.#bound.port)
  }

  getpeername(out: SocketAddress): number {
    const connection = this.#connection
    if (connection === null || this.#connecting !== null) return errorNumber('ENOTCONN')
    return describe(out, connection.remoteAddress, this.#family, connection.remotePort)
  }

  setNoDelay(on: boolean): number {
    this.#noDelay = on
    this.#connection?.setNoDelay(on)
    return 0
  }

  /** @param seconds of silence before the first probe; 0 leaves the stack's own */
  setKeepAlive(on: boolean, seconds: number): number {
    this.#keepAlive = { on, seconds }
    this.#applyOptions()
    return 0
  }

  #applyOptions(): void {
    const connection = this.#connection
    if (connection === null) return
    if (this.#noDelay) connection.setNoDelay(true)
    if (this.#keepAlive === null) return
    const { on, seconds } = this.#keepAlive
    const idle = seconds > 0 ? seconds * 1_000_000 : this.#host.stack.tcp.settings.keepAliveIdle
    connection.setKeepAlive(on, idle)
  }

  setBlocking(): number {
    return 0
  }

  /** Bytes of writes that wait for room. */
  get writeQueueSize(): number {
    if (this.#writes.isEmpty || this.#connection === null) return 0
    const { sendBuffer, sendBufferLimit } = this.#connection
    return Math.max(sendBuffer.length - sendBufferLimit, 1)
  }

  ref(): void {
    this.#referenced = true
    this.#updateHold()
  }

  unref(): void {
    this.#referenced = false
    this.#updateHold()
  }

  hasRef(): boolean {
    return this.#referenced && !this.#closed
  }

  /** As libuv: an active handle holds the process unless it is unreferenced, a request under way in any case. */
  #updateHold(): void {
    const isActive = this.#listener !== null || (this.#reading && !this.#endTold && !this.#failureTold)
    const hasRequest = this.#connecting !== null || !this.#writes.isEmpty || this.#shutdown !== null
    const holds = !this.#closed && ((isActive && this.#referenced) || hasRequest)
    if (holds === this.#holds) return
    this.#holds = holds
    if (holds) this.#host.hold.add()
    else this.#host.hold.remove()
  }

  // --- what JSStream calls -------------------------------------------------------------------------------------

  isClosing(): boolean {
    return this.#closed
  }

  readStart(): number {
    return this.onreadstart()
  }

  readStop(): number {
    return this.onreadstop()
  }

  onreadstart(): number {
    if (this.#reading) return 0
    this.#reading = true
    this.#updateHold()
    const connection = this.#connection
    if (connection !== null && (connection.receiveQueue.length > 0 || connection.finReceived || this.#gone))
      this.#queue()
    return 0
  }

  onreadstop(): number {
    this.#reading = false
    this.#updateHold()
    return 0
  }

  override useUserBuffer(buffer: Uint8Array): unknown {
    // JSStream would go on filling it after a handler has asked for a pause.
    this.#slice = Math.min(buffer.length, LARGEST_SLICE)
    return super.useUserBuffer(buffer)
  }

  /** From C++: what TLS sends, and all writes where `noteWrite` does not reach Node. The chunks are ours. */
  onwrite(request: NodeRequest, chunks: Uint8Array[]): number {
    const refusal = this.#writeRefusal()
    if (refusal !== 0) return refusal
    const connection = this.#connection!
    for (let i = 0; i < chunks.length; i++) connection.enqueue(chunks[i])
    if (this.#push(connection)) process.nextTick(finishWrite, this, request)
    else this.#waitForRoom(connection, request, true)
    return 0
  }

  /** @param data kept until it is acknowledged */
  #write(request: NodeRequest, data: Uint8Array): number {
    const refusal = this.#writeRefusal()
    if (refusal !== 0) {
      noteWrite(0, true)
      return refusal
    }
    const connection = this.#connection!
    const { length } = data
    this.#written += length
    connection.enqueue(data)
    const isDone = this.#push(connection)
    if (!isDone) this.#waitForRoom(connection, request, false)
    noteWrite(length, isDone)
    return 0
  }

  #writeRefusal(): number {
    if (this.#closed || this.#connection === null) return errorNumber('EBADF')
    if (this.#failure !== null && !this.#failureTold) {
      // As a socket's pending error, which the first call of any kind learns.
      this.#failureTold = true
      return errorNumber(this.#failure)
    }
    return this.#connection.canWrite ? 0 : errorNumber('EPIPE')
  }

  /** @returns whether there is room for more */
  #push(connection: Connection): boolean {
    connection.push()
    return this.#gone || connection.hasRoom
  }

  #waitForRoom(connection: Connection, request: NodeRequest, isOfNode: boolean): void {
    connection.wantsWritable = true
    this.#writes.add(request, isOfNode)
    this.#updateHold()
  }

  override writeBuffer(request: NodeRequest, buffer: Uint8Array): number {
    if (!canWriteAtOnce) return super.writeBuffer(request, buffer)
    // A copy: whose write is complete may use its buffer again.
    return this.#write(request, Uint8Array.prototype.slice.call(buffer))
  }

  override writev(request: NodeRequest, chunks: unknown[], allBuffers: boolean): number {
    if (!canWriteAtOnce) return super.writev(request, chunks, allBuffers)
    return this.#write(request, joined(chunks, allBuffers))
  }

  override writeUtf8String(request: NodeRequest, text: string): number {
    return canWriteAtOnce ? this.#write(request, Buffer.from(text, 'utf8')) : super.writeUtf8String(request, text)
  }

  override writeLatin1String(request: NodeRequest, text: string): number {
    return canWriteAtOnce ? this.#write(request, Buffer.from(text, 'latin1')) : super.writeLatin1String(request, text)
  }

  override writeAsciiString(request: NodeRequest, text: string): number {
    return canWriteAtOnce ? this.#write(request, Buffer.from(text, 'latin1')) : super.writeAsciiString(request, text)
  }

  override writeUcs2String(request: NodeRequest, text: string): number {
    return canWriteAtOnce ? this.#write(request, Buffer.from(text, 'utf16le')) : super.writeUcs2String(request, text)
  }

  /** Bytes that Node has written, sent or not. */
  override get bytesWritten(): number {
    return this.#written + super.bytesWritten
  }

  onshutdown(request: NodeRequest): number {
    if (this.#connection === null || this.#gone) return errorNumber('ENOTCONN')
    this.#shutdown = request
    this.#connection.shutdownWrite()
    this.#updateHold()
    this.#queue()
    return 0
  }

  close(done?: Done): void {
    if (this.#closed) return
    this.#letGo(done, () => this.#connection?.release())
  }

  reset(done?: Done): number {
    if (this.#closed || this.#shutdown !== null) return errorNumber('EINVAL')
    this.#letGo(done, () => this.#connection?.abort())
    return 0
  }

  #letGo(done: Done, end: () => void): void {
    this.#closed = true
    this.#reading = false
    this.#updateHold()
    if (this.#listener !== null) this.#host.stack.tcp.unlisten(this.#listener)
    for (const handle of this.#accepted.splice(0)) handle.reset()
    if (this.#connecting !== null) this.#connection?.abort()
    else end()
    // A handle of libuv's that is closed with this one: its callback comes exactly when ours has to.
    const { TcpWrap } = nodeInternals()
    new TcpWrap(TCP_SOCKET).close(() => {
      this.#cancelRequests()
      if (done !== undefined) this.#inScope(done, this)
    })
  }

  #cancelRequests(): void {
    const canceled = errorNumber('ECANCELED')
    if (this.#connecting !== null) this.#tellConnected(canceled)
    this.#writes.finishAll(canceled)
    if (this.#shutdown !== null) this.#finishShutdown(canceled)
  }

  // --- what the connection tells, always from inside a burst ----------------------------------------------------

  onEstablished(): void {
    if (this.#connecting === null) return
    this.#connected = 0
    this.#patience = this.#connection?.path.isLocal ? PASSES_TO_ACCEPT : 0
    this.#queue()
  }

  onReadable(): void {
    if (this.#reading) this.#queue()
  }

  onWritable(): void {
    this.#queue()
  }

  onFinished(): void {
    this.#host.stack.flowFinished()
  }

  onClosed(_connection: Connection, code: SystemErrorCode | null): void {
    this.#gone = true
    this.#failure = code
    this.#host.stack.flowFinished()
    if (this.#closed) return
    if (this.#connecting !== null && this.#connected === null) this.#connected = errorNumber(code ?? 'ECONNABORTED')
    this.#queue()
  }

  /** For the closing of a stack: nothing is left to say. */
  get isDone(): boolean {
    return this.#gone || (this.#closed && this.#connection?.isFinished === true)
  }

  accept(connection: Connection): void {
    if (this.#closed) {
      connection.abort()
      return
    }
    // As Node's own: it belongs to no asynchronous context, certainly not to the one that happens to run.
    const handle = NO_CONTEXT.runInAsyncScope(() => new TcpHandle(this.#host))
    handle.#connection = connection
    handle.#family = this.#family
    handle.#scope = NO_CONTEXT
    connection.user = handle
    this.#accepted.push(handle)
    this.#queue()
  }

  // --- turns: what Node is told ---------------------------------------------------------------------------------

  #queue(): void {
    this.#host.turns.add(this)
  }

  /** One event at a time, in the order in which libuv looks for them. */
  takeTurn(): boolean {
    if (this.#closed) return false
    return this.#nextConnect() || this.#nextAccepted() || this.#nextRead() || this.#nextWrite() || this.#nextShutdown()
  }

  #nextConnect(): boolean {
    const status = this.#connected
    if (status === null) return false
    if (this.#patience > 0) {
      this.#patience--
      this.#queue()
      return false
    }
    this.#connected = null
    this.#tellConnected(status)
    return true
  }

  #tellConnected(status: number): void {
    const request = this.#connecting!
    this.#connecting = null
    this.#updateHold()
    const ok = status === 0
    // Node takes the callback away from an attempt that it has given up.
    if (typeof request.oncomplete === 'function')
      this.#inScope(request.oncomplete, request, status, this, request, ok, ok)
  }

  #nextAccepted(): boolean {
    const handle = this.#accepted.shift()
    if (handle === undefined) return false
    this.#inScope(this.onconnection!, this, 0, handle)
    return true
  }

  #nextRead(): boolean {
    const connection = this.#connection
    if (!this.#reading || connection === null) return false
    const data = this.#take(connection)
    if (data !== null) {
      this.#dataPass = this.#host.turns.pass
      this.readBuffer(data)
      return true
    }
    if (connection.finReceived) {
      if (this.#endTold) return false
      if (this.#dataPass === this.#host.turns.pass && !(connection.finQueued && HANG_UP_ENDS_READING)) {
        this.#queue()
        return false
      }
      this.#endTold = true
      this.#updateHold()
      this.emitEOF()
      return true
    }
    if (this.#failure === null || this.#failureTold) return false
    this.#failureTold = true
    this.#updateHold()
    // A JSStream has no way to fail; Node's own handler does nothing else.
    const owner = this[nodeInternals().ownerSymbol] as { destroy(error?: Error): void } | undefined
    // A stack that is closed takes its sockets along, as the end of a process does.
    const words = this.#failure === 'ECONNABORTED' ? [] : [nodeError(this.#failure, 'read')]
    if (owner !== undefined) this.#inScope(owner.destroy, owner, ...words)
    return true
  }

  #take(connection: Connection): Buffer | null {
    const first = connection.read(this.#slice)
    if (first === null || first.length >= SMALL_SLICE || connection.receiveQueue.length === 0) return first
    const parts = [first]
    let total = first.length
    while (total < this.#slice) {
      const part = connection.read(this.#slice - total)
      if (part === null) break
      parts.push(part)
      total += part.length
    }
    return Buffer.concat(parts, total)
  }

  #nextWrite(): boolean {
    const connection = this.#connection
    if (this.#writes.isEmpty || connection === null) return false
    if (!this.#gone && !connection.hasRoom) {
      connection.wantsWritable = true
      return false
    }
    const write = this.#writes.shift()!
    this.#updateHold()
    this.#writes.finish(write, this.#failure === null ? 0 : errorNumber(this.#failure))
    return true
  }

  #nextShutdown(): boolean {
    if (this.#shutdown === null || !this.#writes.isEmpty) return false
    this.#finishShutdown(this.#failure === null ? 0 : errorNumber('ENOTCONN'))
    return true
  }

  #finishShutdown(status: number): void {
    const request = this.#shutdown!
    this.#shutdown = null
    this.#updateHold()
    this.finishShutdown(request, status)
  }

  #inScope<A extends unknown[]>(work: (...words: A) => unknown, self: unknown, ...words: A): void {
    if (this.#scope === null) work.apply(self, words)
    else this.#scope.runInAsyncScope(work as (...words: unknown[]) => unknown, self, ...words)
  }
}

function finishWrite(handle: TcpHandle, request: NodeRequest): void {
  handle.finishWrite(request, 0)
}

/** A class may get its parent late, since `super()` looks for it each time. */
function becomeStream(): void {
  if (Object.getPrototypeOf(TcpHandle) !== LateJsStream) return
  const { JsStream, TcpWrap } = nodeInternals()
  Object.setPrototypeOf(TcpHandle, JsStream)
  Object.setPrototypeOf(TcpHandle.prototype, JsStream.prototype)
  // `resetAndDestroy` asks whether it has a TCP handle.
  const isTcpWrap = Function.prototype[Symbol.hasInstance]
  Object.defineProperty(TcpWrap, Symbol.hasInstance, {
    configurable: true,
    value: (value: unknown) => value instanceof TcpHandle || isTcpWrap.call(TcpWrap, value),
  })
}
