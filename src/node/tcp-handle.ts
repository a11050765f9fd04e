/**
 * A TCP handle as Node and C++ know it: a JSStream, the class that Node puts below TLS over streams that are no sockets, and in it the
 * endpoint, which does what is asked of the handle. Two objects, since V8 turns one that C++ has made, and that has many properties or
 * gets an accessor in place of one (as TLS does with `reading`), into a hash table, in which everything takes longer to find.
 */
import type { Duplex } from 'node:stream'
import { errorNumber } from './error-numbers.ts'
import type { HandleHost } from './handle-host.ts'
import { type JsStream, type NodeRequest, nodeInternals, TCP_SOCKET } from './internals.ts'
import type { SocketAddress } from './socket-addresses.ts'
import { type EndpointHandle, TcpEndpoint } from './tcp-endpoint.ts'
import { joined } from './waiting-writes.ts'
import { canWriteAtOnce } from './write-result.ts'

/** Replaced by Node's class before the first handle is made: finding that costs nothing to those who need no handles. */
class StreamBase {}
const LateJsStream = StreamBase as unknown as new () => JsStream

type Done = (() => void) | undefined

export class TcpHandle extends LateJsStream implements EndpointHandle {
  readonly endpoint: TcpEndpoint
  declare onconnection?: (status: number, handle: EndpointHandle) => void

  /**
   * @param host the stack whose connection this will be
   * @param type TCP_SERVER if it will listen: as what the process lists it
   */
  constructor(host: HandleHost, type = TCP_SOCKET) {
    becomeStream()
    super()
    const { TcpWrap, ownerSymbol } = nodeInternals()
    const listed = new TcpWrap(type)
    listed[ownerSymbol] = this
    this.endpoint = new TcpEndpoint(host, this, listed)
  }

  another(): TcpEndpoint {
    return new TcpHandle(this.host).endpoint
  }

  get host(): HandleHost {
    return this.endpoint.host
  }

  /** The TLS socket that reads and writes through this handle, set by whoever makes it. */
  set secured(socket: Duplex) {
    this.endpoint.secured = socket
  }

  // --- opening and closing ---------------------------------------------------------------------------------------

  bind(address: string, port: number, flags = 0): number {
    return this.endpoint.bind(4, address, port, flags)
  }

  bind6(address: string, port: number, flags = 0): number {
    return this.endpoint.bind(6, address, port, flags)
  }

  listen(backlog: number): number {
    return this.endpoint.listen(backlog)
  }

  connect(request: NodeRequest, address: string, port: number): number {
    return this.endpoint.connect(4, request, address, port)
  }

  connect6(request: NodeRequest, address: string, port: number): number {
    return this.endpoint.connect(6, request, address, port)
  }

  open(): number {
    return errorNumber('ENOTSUP')
  }

  close(done?: Done): void {
    this.endpoint.close(done)
  }

  reset(done?: Done): number {
    return this.endpoint.reset(done)
  }

  isClosing(): boolean {
    return this.endpoint.isClosed
  }

  ref(): void {
    this.endpoint.ref()
  }

  unref(): void {
    this.endpoint.unref()
  }

  hasRef(): boolean {
    return this.endpoint.hasRef()
  }

  // --- addresses and options -------------------------------------------------------------------------------------

  getsockname(out: SocketAddress): number {
    return this.endpoint.getsockname(out)
  }

  getpeername(out: SocketAddress): number {
    return this.endpoint.getpeername(out)
  }

  setNoDelay(on: boolean): number {
    return this.endpoint.setNoDelay(on)
  }

  setKeepAlive(on: boolean, seconds: number, interval?: number, probes?: number): number {
    return this.endpoint.setKeepAlive(on, seconds, interval, probes)
  }

  setTypeOfService(field: number): number {
    return this.endpoint.setTypeOfService(field)
  }

  getTypeOfService(): number {
    return this.endpoint.getTypeOfService()
  }

  setBlocking(): number {
    return 0
  }

  // --- reading ---------------------------------------------------------------------------------------------------

  readStart(): number {
    return this.endpoint.readStart()
  }

  readStop(): number {
    return this.endpoint.readStop()
  }

  onreadstart(): number {
    return this.endpoint.readStart()
  }

  onreadstop(): number {
    return this.endpoint.readStop()
  }

  override useUserBuffer(buffer: Uint8Array): unknown {
    this.endpoint.limitSlice(buffer.length)
    return super.useUserBuffer(buffer)
  }

  // --- writing: from C++ (`on...`), or past it, where a write is complete at once --------------------------------

  onwrite(request: NodeRequest, chunks: Uint8Array[]): number {
    return this.endpoint.writeThroughStream(request, chunks)
  }

  onshutdown(request: NodeRequest): number {
    return this.endpoint.shutdown(request)
  }

  /** Bytes of writes that wait for room. */
  get writeQueueSize(): number {
    return this.endpoint.writeQueueSize
  }

  /** Bytes that Node has written, sent or not. */
  override get bytesWritten(): number {
    return this.endpoint.bytesWritten + super.bytesWritten
  }

  override writeBuffer(request: NodeRequest | null, buffer: Uint8Array): number | NodeRequest {
    return canWriteAtOnce ? this.endpoint.write(request, buffer, true) : super.writeBuffer(request, buffer)
  }

  override writev(request: NodeRequest | null, chunks: unknown[], allBuffers: boolean): number | NodeRequest {
    if (!canWriteAtOnce) return super.writev(request, chunks, allBuffers)
    return this.endpoint.write(request, joined(chunks, allBuffers), false)
  }

  override writeUtf8String(request: NodeRequest | null, text: string): number | NodeRequest {
    if (!canWriteAtOnce) return super.writeUtf8String(request, text)
    return this.endpoint.write(request, Buffer.from(text, 'utf8'), false)
  }

  override writeLatin1String(request: NodeRequest | null, text: string): number | NodeRequest {
    if (!canWriteAtOnce) return super.writeLatin1String(request, text)
    return this.endpoint.write(request, Buffer.from(text, 'latin1'), false)
  }

  override writeAsciiString(request: NodeRequest | null, text: string): number | NodeRequest {
    if (!canWriteAtOnce) return super.writeAsciiString(request, text)
    return this.endpoint.write(request, Buffer.from(text, 'latin1'), false)
  }

  override writeUcs2String(request: NodeRequest | null, text: string): number | NodeRequest {
    if (!canWriteAtOnce) return super.writeUcs2String(request, text)
    return this.endpoint.write(request, Buffer.from(text, 'utf16le'), false)
  }
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
