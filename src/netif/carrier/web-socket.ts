import { integerInRange, SystemError } from '../../errors/index.ts'
import { loadOptionalPackage, type OptionalPackage } from '../optional-package.ts'
import { type FrameStream, StreamNetif, type StreamNetifOptions } from '../stream-netif.ts'
import { LONGEST_FRAME } from './frame-limits.ts'

/** What is needed of a standard WebSocket: browsers, Node from version 22, and the package `ws` have it, client and server. */
export interface FrameWebSocket {
  binaryType: string
  readonly readyState: number
  readonly bufferedAmount: number
  send(data: Uint8Array): void
  close(code?: number, reason?: string): void
  addEventListener(type: 'open' | 'error', listener: () => void): void
  addEventListener(type: 'message', listener: (event: { readonly data: unknown }) => void): void
  addEventListener(type: 'close', listener: (event: { readonly code: number; readonly reason: string }) => void): void
  /** Those of `ws`; where they are missing, what arrives too fast is dropped and counted. */
  pause?(): void
  resume?(): void
  /** That of `ws`: ends it without waiting for the other end. */
  terminate?(): void
}

/** What `webSocketNetif` takes. */
export interface WebSocketOptions extends StreamNetifOptions {
  /** Bytes that the WebSocket may keep; 65,536 to 64 MiB, default 1 MiB. Then frames wait here, as many as `queue` says. */
  bufferedAmount?: number
}

/** What `openWebSocket` takes. */
export interface OpenWebSocketOptions extends WebSocketOptions {
  /** `ws:` or `wss:`. */
  url: string
  /** Milliseconds from the end of one connection, or attempt, to the next attempt. Default: its end is that of the interface. */
  reconnect?: number
}

const OPEN = 1
const WS: OptionalPackage = { name: 'ws', needs: 'or take Node.js 22, which has a WebSocket' }
/** The package `ws` takes these, a standard WebSocket no third argument: frames are not worth compressing, and no message is longer. */
const OF_WS = { perMessageDeflate: false, maxPayload: LONGEST_FRAME }
const DEFAULT_BUFFERED_AMOUNT = 1024 * 1024
/** Milliseconds; no event tells that `bufferedAmount` has become less. */
const LOOK_AGAIN = 2
/** Milliseconds that a connection may take to be open, its handshake included. */
const OPENING_TIME = 10_000
/** Milliseconds for the other end to agree to the end; `ws` would hold the process for 30 seconds. */
const CLOSING_TIME = 500

/**
 * Ethernet over a WebSocket: each binary message is one frame, as the network relays of emulators in browsers have it. Client and
 * server are the same, so that the server is any that gives WebSockets:
 *
 * ```ts
 * new WebSocketServer({ port: 8080, host: '127.0.0.1' }).on('connection', async (socket) => {
 *   const stack = await createStack({ netif: webSocketNetif(socket), ipv4: '10.0.0.1/24' })
 * })
 * ```
 *
 * Text and what is too short for a frame is counted as `receiveMalformed`. Frames that are sent before it is open, and after it is
 * closed, count as `transmitError`.
 */
export function webSocketNetif(socket: FrameWebSocket, options: WebSocketOptions = {}): StreamNetif {
  const stream = new WebSocketStream(options.bufferedAmount ?? DEFAULT_BUFFERED_AMOUNT)
  stream.use(socket)
  stream.onLost = (error) => stream.fail(error)
  return new StreamNetif(stream, { name: 'ws', ...options })
}

/**
 * Connects to a WebSocket server that relays frames. Of Node 20, which has no WebSocket, it wants the package `ws`.
 * @throws SystemError ECONNREFUSED if there is no such server; SyntaxError for a URL that is none; RangeError for an option; OptionalPackageError if there is no WebSocket
 */
export async function openWebSocket(options: OpenWebSocketOptions): Promise<StreamNetif> {
  const { url, reconnect } = options
  if (reconnect !== undefined) integerInRange('reconnect', reconnect, 10, 3_600_000)
  const WebSocket = webSocketClass()
  const stream = new WebSocketStream(options.bufferedAmount ?? DEFAULT_BUFFERED_AMOUNT)
  const connect = () => stream.use(new WebSocket(url, [], OF_WS))
  if (reconnect === undefined) {
    await new Promise<void>((resolve, reject) => {
      stream.onOpen = resolve
      stream.onLost = () =>
        reject(new SystemError('ECONNREFUSED', 'connect', { hint: `nobody answers as a WebSocket at ${url}` }))
      connect()
    })
    stream.onLost = (error) => stream.fail(error)
  } else {
    stream.onLost = () => stream.later(connect, reconnect)
    connect()
  }
  return new StreamNetif(stream, { name: 'ws', ...options })
}

type WebSocketClass = new (url: string, protocols: string[], options: typeof OF_WS) => FrameWebSocket

function webSocketClass(): WebSocketClass {
  const ofHost = (globalThis as { WebSocket?: WebSocketClass }).WebSocket
  if (ofHost !== undefined) return ofHost
  return loadOptionalPackage<{ WebSocket: WebSocketClass }>(WS).WebSocket
}

/** One WebSocket after the other, as a stream of frames. */
class WebSocketStream implements FrameStream {
  onOpen: () => void = () => {}
  onLost: (error: Error) => void = () => {}
  readonly #most: number
  readonly #listeners = new Map<string, (value: unknown) => void>()
  #socket: FrameWebSocket | null = null
  #timer: NodeJS.Timeout | null = null
  #opening: NodeJS.Timeout | null = null
  #isBlocked = false
  #destroyed = false

  constructor(most: number) {
    this.#most = integerInRange('bufferedAmount', most, 65_536, 64 * 1024 * 1024)
  }

  use(socket: FrameWebSocket): void {
    this.#socket = socket
    socket.binaryType = 'arraybuffer'
    let wasOpen = socket.readyState === OPEN
    socket.addEventListener('open', () => {
      wasOpen = true
      this.#stopOpening()
      this.onOpen()
    })
    socket.addEventListener('message', ({ data }: { data: unknown }) => {
      this.#tell('data', data instanceof ArrayBuffer ? new Uint8Array(data) : data)
    })
    const lost = (hint: string) => {
      if (this.#socket !== socket) return
      this.#stopOpening()
      this.#socket = null
      this.onLost(new SystemError('ECONNRESET', 'read', { hint }))
    }
    if (!wasOpen) {
      this.#opening = setTimeout(() => {
        lost('the WebSocket did not open within ten seconds')
        socket.close()
      }, OPENING_TIME)
    }
    socket.addEventListener('error', () => {
      // Otherwise a 'close' follows, which says more; that of Node 22 leaves it out where it never was open.
      if (!wasOpen) lost('the WebSocket could not be opened')
    })
    socket.addEventListener('close', ({ code, reason }: { code: number; reason: string }) => {
      lost(`the WebSocket was closed: ${code}${reason === '' ? '' : ` ${JSON.stringify(reason)}`}`)
    })
  }

  fail(error: Error): void {
    this.#tell('error', error)
  }

  later(action: () => void, milliseconds: number): void {
    if (!this.#destroyed) this.#timer = setTimeout(action, milliseconds)
  }

  on(event: string, listener: (value: unknown) => void): void {
    this.#listeners.set(event, listener)
  }

  /** @throws Error while there is no connection */
  write(frame: Uint8Array): boolean {
    const socket = this.#socket
    if (socket === null || socket.readyState !== OPEN) throw new Error('the WebSocket is not open')
    socket.send(frame)
    if (socket.bufferedAmount < this.#most) return true
    this.#isBlocked = true
    setTimeout(() => this.#look(), LOOK_AGAIN)
    return false
  }

  pause(): void {
    this.#socket?.pause?.()
  }

  resume(): void {
    this.#socket?.resume?.()
  }

  destroy(): void {
    this.#destroyed = true
    if (this.#timer !== null) clearTimeout(this.#timer)
    this.#stopOpening()
    const socket = this.#socket
    this.#socket = null
    if (socket === null) return
    // RFC 6455, section 7.4.1: a normal end. Where it is still connecting `ws` tells an error, which nobody has to hear.
    socket.close(socket.readyState === OPEN ? 1000 : undefined)
    if (socket.terminate === undefined) return
    const timer = setTimeout(() => socket.terminate?.(), CLOSING_TIME)
    socket.addEventListener('close', () => clearTimeout(timer))
  }

  #stopOpening(): void {
    if (this.#opening !== null) clearTimeout(this.#opening)
    this.#opening = null
  }

  #look(): void {
    const socket = this.#socket
    if (this.#destroyed || !this.#isBlocked) return
    if (socket !== null && socket.readyState === OPEN && socket.bufferedAmount >= this.#most) {
      setTimeout(() => this.#look(), LOOK_AGAIN)
      return
    }
    this.#isBlocked = false
    this.#tell('drain', undefined)
  }

  #tell(event: string, value: unknown): void {
    this.#listeners.get(event)?.(value)
  }
}
