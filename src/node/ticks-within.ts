/**
 * libuv reads outside of all callbacks, so that Node runs `process.nextTick` and promises after each call that C++ makes into
 * JavaScript, several times while it goes through what was read. A handle of ours hands data over from inside a callback,
 * where Node runs none. HTTP/2 shows the difference: 'response' waits for a tick, 'data' of the same bytes does not.
 */
import type { Http2Stream } from 'node:http2'
import { Duplex } from 'node:stream'
import type { JsStream } from './internals.ts'
import { nodeInternals } from './internals.ts'

type Push = (this: Http2Stream, chunk: unknown, encoding?: BufferEncoding) => boolean

let isDelivering = false
let isInstalled = false

/** Hands `data` to C++, which tells JavaScript what it finds in it. */
export function deliver(handle: JsStream, data: Uint8Array): void {
  isDelivering = true
  try {
    handle.readBuffer(data)
  } finally {
    isDelivering = false
  }
}

/** Has the streams of HTTP/2 run what waits for a tick before they pass data on, as they do over sockets of Node's own. */
export function installTicksWithin(): void {
  if (isInstalled) return
  isInstalled = true
  const { runTicks } = nodeInternals()
  const prototype = findStreamPrototype() as unknown as { push: Push } | null
  if (runTicks === null || prototype === null) return
  const original = prototype.push
  const push: Push = function (chunk, encoding) {
    // The end comes from the middle of Node's own work on a stream.
    const { closed: wasClosed } = this
    if (isDelivering && chunk !== null) runTicks()
    // Closed by what waited: over sockets of Node's own the data would not have been looked at.
    if (chunk !== null && !wasClosed && this.closed) return true
    return original.call(this, chunk, encoding)
  }
  Object.defineProperty(prototype, 'push', { configurable: true, writable: true, value: push })
}

/** The prototype of all streams of HTTP/2, found on a stream over a connection that goes nowhere. */
function findStreamPrototype(): Http2Stream | null {
  const http2 = process.getBuiltinModule('node:http2')
  const nowhere = new Duplex({ read() {}, write: (_chunk, _encoding, callback) => callback() })
  const session = http2.connect('http://nowhere.invalid', { createConnection: () => nowhere })
  session.on('error', () => {})
  const stream = session.request()
  stream.on('error', () => {})
  let found = Object.getPrototypeOf(stream)
  while (found !== null && found.constructor.name !== 'Http2Stream') found = Object.getPrototypeOf(found)
  session.destroy()
  return found
}
