/** `connect` of `net.Socket` in its ways of being called: `(options)`, `(port)`, `(port, host)`, each with a callback or none. */
import { SystemError } from '../../errors/index.ts'
import type { ConnectOptions, SocketConnectOptions } from '../stack.ts'

export interface ConnectArguments {
  readonly options: SocketConnectOptions
  readonly target: ConnectOptions
  readonly callback: (() => void) | null
}

/** @throws TypeError for a port that is none, SystemError ENOTSUP for a path */
export function connectArguments(words: readonly unknown[]): ConnectArguments {
  const last = words.at(-1)
  const callback = typeof last === 'function' ? (last as () => void) : null
  const [first, second] = words
  const options = (
    typeof first === 'object' && first !== null
      ? first
      : { port: first, ...(typeof second === 'string' ? { host: second } : {}) }
  ) as SocketConnectOptions
  // As for Node, an empty path or host is none.
  if ((options as { path?: unknown }).path) {
    throw new SystemError('ENOTSUP', 'connect', { hint: 'flows have no paths' })
  }
  const given: unknown = options.port
  const port = typeof given === 'number' || typeof given === 'string' ? Number(given) : Number.NaN
  if (!Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new TypeError(`port: expected 1 to 65535, got ${String(given)}`)
  }
  const { host, localAddress, localPort, noDelay } = options
  return { options, callback, target: { address: host || 'localhost', port, localAddress, localPort, noDelay } }
}
