/**
 * What of Node's own machinery the handle level stands on. Nothing of it is documented, so each piece is found by its shape
 * on live objects, never by its position, and tested before the first handle is made.
 */
import { createRequire } from 'node:module'
import type { Socket } from 'node:net'
import { Duplex } from 'node:stream'

const require = createRequire(import.meta.url)

/** Node's request objects: what a write, a shutdown or a connect is told the outcome by. */
export interface NodeRequest {
  oncomplete(...outcome: unknown[]): void
}

/** The C++ class that Node puts below TLS over streams that are no sockets: a stream whose lower end is JavaScript. */
export interface JsStream {
  /** Set by its owner: `stream[ownerSymbol]` is the socket. */
  [key: symbol]: unknown
  readonly isStreamBase: boolean
  readBuffer(data: Uint8Array): void
  emitEOF(): void
  finishWrite(request: NodeRequest, status: number): void
  finishShutdown(request: NodeRequest, status: number): void
  useUserBuffer(buffer: Uint8Array): unknown
  writeBuffer(request: NodeRequest | null, buffer: Uint8Array): number | NodeRequest
  writev(request: NodeRequest | null, chunks: unknown[], allBuffers: boolean): number | NodeRequest
  writeUtf8String(request: NodeRequest | null, text: string): number | NodeRequest
  writeAsciiString(request: NodeRequest | null, text: string): number | NodeRequest
  writeLatin1String(request: NodeRequest | null, text: string): number | NodeRequest
  writeUcs2String(request: NodeRequest | null, text: string): number | NodeRequest
  readonly bytesWritten: number
}

/** A handle of Node's own that was never opened: good for being listed, and for being closed. */
export interface UnopenedHandle {
  /** Set by its owner, as of a stream. */
  [key: symbol]: unknown
  ref(): void
  unref(): void
  close(callback?: () => void): void
}

export interface NodeInternals {
  readonly JsStream: new () => JsStream
  /** The class of Node's own TCP handles. */
  readonly TcpWrap: new (
    type: number,
  ) => UnopenedHandle
  /** The property of a handle that holds its socket. */
  readonly ownerSymbol: symbol
  /** The method of `net.Socket` by which one of several connection attempts gets a handle. */
  readonly reinitializeSymbol: symbol
  /** Marks arguments that `net._normalizeArgs` has been through. */
  readonly normalizedSymbol: symbol
  /** The property of a `dgram.Socket` that holds its handle. */
  readonly datagramStateSymbol: symbol
  normalizeArguments(words: readonly unknown[]): [options: Record<string, unknown>, callback: unknown]
  /** Runs what `process.nextTick` and promises have waiting, as Node does after each callback of its own. */
  runTicks: (() => void) | null
}

/** TCPConstants of Node: what a TCP handle is for. */
export const TCP_SOCKET = 0
export const TCP_SERVER = 1

const METHODS = ['readBuffer', 'emitEOF', 'finishWrite', 'finishShutdown', 'useUserBuffer', 'readStart', 'readStop']

let found: NodeInternals | null = null

/**
 * Looks once and remembers.
 * @throws Error naming this version of Node and what it lacks
 */
export function nodeInternals(): NodeInternals {
  found ??= findOrSayWhat()
  return found
}

/** What is not there, or is another thing than it was, makes the trial itself fail in words that tell nobody anything. */
function findOrSayWhat(): NodeInternals {
  try {
    return find()
  } catch (error) {
    if (error instanceof MissingInternal) throw error
    throw new MissingInternal(`internals that work as they did (${error instanceof Error ? error.message : error})`)
  }
}

function find(): NodeInternals {
  const net = require('node:net') as typeof import('node:net') & { _normalizeArgs?: (words: unknown[]) => never }
  const { _normalizeArgs: normalizeArguments } = net
  if (typeof normalizeArguments !== 'function') throw missing('net._normalizeArgs')
  const socketPrototype = net.Socket.prototype
  for (const method of ['connect', '_destroy', '_final'] as const) {
    if (typeof socketPrototype[method] !== 'function') throw missing(`net.Socket.prototype.${method}`)
  }
  if (typeof (net.Server.prototype as { _listen2?: unknown })._listen2 !== 'function') throw missing('_listen2')
  const JsStream = findJsStream()
  const internals: NodeInternals = {
    JsStream,
    TcpWrap: findTcpWrap(net),
    ownerSymbol: findOwnerSymbol(net),
    reinitializeSymbol: symbolOf(socketPrototype, 'kReinitializeHandle'),
    normalizedSymbol: symbolOf(normalizeArguments([1]), 'normalizedArgs'),
    datagramStateSymbol: findDatagramState(),
    normalizeArguments,
    runTicks: (process as { _tickCallback?: () => void })._tickCallback ?? null,
  }
  tryOut(internals)
  return internals
}

function findJsStream(): new () => JsStream {
  const tls = require('node:tls') as typeof import('node:tls')
  const { _wrapHandle: wrapHandle } = tls.TLSSocket.prototype as { _wrapHandle?: unknown }
  if (typeof wrapHandle !== 'function') throw missing('tls.TLSSocket.prototype._wrapHandle')
  const carrier = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() })
  const secured = new tls.TLSSocket(carrier)
  secured.on('error', () => {})
  const handle = (secured as unknown as { _handle?: { _parent?: object } })._handle?._parent
  secured.destroy()
  if (handle === undefined) throw missing('the stream below tls.TLSSocket')
  for (const method of METHODS) {
    if (typeof (handle as Record<string, unknown>)[method] !== 'function') throw missing(`JSStream.${method}`)
  }
  return handle.constructor as new () => JsStream
}

function findTcpWrap(net: typeof import('node:net')): NodeInternals['TcpWrap'] {
  const socket = new net.Socket()
  // Never answered: nothing is opened, let alone sent.
  socket.connect({ port: 1, host: 'nobody.invalid', lookup: () => {} })
  const handle = (socket as unknown as { _handle?: UnopenedHandle })._handle
  socket.destroy()
  if (handle === undefined) throw missing('the handle of net.Socket')
  return handle.constructor as NodeInternals['TcpWrap']
}

function findOwnerSymbol(net: typeof import('node:net')): symbol {
  const handle = { readStart: () => 0, readStop: () => 0, close() {} }
  new net.Socket({ handle, manualStart: true } as never)
  return symbolOf(handle, 'owner_symbol')
}

function findDatagramState(): symbol {
  const dgram = require('node:dgram') as typeof import('node:dgram')
  const socket = dgram.createSocket('udp4')
  try {
    const symbol = symbolOf(socket, 'state symbol')
    const handle = (socket as never as Record<symbol, { handle?: { lookup?: unknown } }>)[symbol].handle
    if (typeof handle?.lookup !== 'function') throw missing('the handle of dgram.Socket')
    return symbol
  } finally {
    socket.close()
  }
}

/** A stream that is made, read from and written to as a handle will be. */
function tryOut(internals: NodeInternals): void {
  const received: number[] = []
  class Probe extends internals.JsStream {
    onreadstart(): number {
      return 0
    }
    onreadstop(): number {
      return 0
    }
    isClosing(): boolean {
      return false
    }
  }
  const handle = new Probe() as Probe & { onread: unknown; close(done: () => void): void }
  handle.close = (done) => process.nextTick(done)
  const net = require('node:net') as typeof import('node:net')
  const socket = new net.Socket({ handle, allowHalfOpen: true } as never) as Socket
  socket.on('data', (data) => received.push(data.length))
  handle.readBuffer(Buffer.from('probe'))
  socket.destroy()
  if (handle[internals.ownerSymbol] !== socket) throw missing('the owner of a handle')
  if (received[0] !== 5) throw missing('reading from a JSStream')
  const unopened = new internals.TcpWrap(TCP_SOCKET)
  for (const method of ['ref', 'unref', 'close'] as const) {
    if (typeof unopened[method] !== 'function') throw missing(`TCP.${method}`)
  }
  unopened.close()
}

function symbolOf(object: object, description: string): symbol {
  const symbol = Object.getOwnPropertySymbols(object).find((each) => each.description === description)
  if (symbol === undefined) throw missing(description)
  return symbol
}

class MissingInternal extends Error {
  constructor(what: string) {
    super(`Node.js ${process.version} has no ${what}, which stack.net and tapstack/register need`)
  }
}

function missing(what: string): Error {
  return new MissingInternal(what)
}
