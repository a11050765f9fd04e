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
  if ((options as { path?: unknown }).path !== undefined) {
    throw new SystemError('ENOTSUP', 'connect', { hint: 'flows have no paths' })
  }
  const port = Number(options.port)
  if (typeof options.port === 'boolean' || !Number.isInteger(port) || port < 1 || port > 65_535) {
    throw new TypeError(`port: expected 1 to 65535, got ${String(options.port)}`)
  }
  const { host = 'localhost', localAddress, localPort, noDelay } = options
  return { options, callback, target: { address: host, port, localAddress, localPort, noDelay } }
}
