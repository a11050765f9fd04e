/** `stack.tls`: the module `tls` of Node, on a stack. */

import type * as tls from 'node:tls'
import type { Server, TLSSocket } from 'node:tls'
import type { HandleHost } from './handle-host.ts'
import { nodeInternals } from './internals.ts'
import { stackServerClass } from './stack-server.ts'
import { TcpHandle } from './tcp-handle.ts'

export type TlsModule = typeof tls

interface InternalTlsSocket extends TLSSocket {
  _tlsOptions: { pipe?: boolean }
  _handle?: { _parent?: unknown }
}

type WrapHandle = (this: InternalTlsSocket, wrap: unknown, handle: unknown, hasActiveWrite: boolean) => unknown

/** Who makes TLS sockets now: from the beginning to the end of a call of `tls.connect` at most. */
let connecting: HandleHost | null = null
let isInstalled = false

/** Has the TLS sockets that `work` makes connect over the stack. */
export function onStack<T>(host: HandleHost, work: () => T): T {
  installWrapHandle()
  const before = connecting
  connecting = host
  try {
    return work()
  } finally {
    connecting = before
  }
}

/**
 * `tls.connect` makes its own TCP handle, in the one method that Node's TLS sockets have for it. It is replaced by one that
 * does the same for everybody but a stack.
 * @param everybody the stack of all TLS sockets of the process, if there is one
 */
export function installWrapHandle(everybody: HandleHost | null = null): void {
  if (everybody !== null) connecting = everybody
  if (isInstalled) return
  isInstalled = true
  const { ownerSymbol } = nodeInternals()
  const prototype = process.getBuiltinModule('node:tls').TLSSocket.prototype as unknown as { _wrapHandle: WrapHandle }
  const original = prototype._wrapHandle
  prototype._wrapHandle = function (wrap, handle, hasActiveWrite) {
    let own: TcpHandle | null = null
    const previous = this._handle?._parent
    if (wrap === null && previous instanceof TcpHandle && handle && !(handle instanceof TcpHandle)) {
      // The next attempt of autoSelectFamily.
      ;(handle as { close(): void }).close()
      own = new TcpHandle(previous.host)
    } else if (wrap === null && !handle && !this._tlsOptions.pipe && connecting !== null) {
      own = new TcpHandle(connecting)
    }
    if (own !== null) Object.assign(own, { [ownerSymbol]: this })
    const below = own ?? handle
    if (below instanceof TcpHandle) below.secured = this
    return original.call(this, wrap, below, hasActiveWrite)
  }
}

/** Makes `stack.tls`. */
export function stackTls(host: HandleHost): TlsModule {
  const tls = process.getBuiltinModule('node:tls')
  const StackServer = stackServerClass(tls.Server, host)
  const connect = (...words: unknown[]): TLSSocket => {
    const { options, callback } = connectArguments(words)
    const call = tls.connect as unknown as (options: object, callback?: unknown) => TLSSocket
    return onStack(host, () => call({ lookup: host.lookup, ...options }, callback))
  }
  return {
    ...tls,
    connect,
    Server: StackServer,
    createServer: (options: never, listener: never): Server => new StackServer(options, listener),
  } as unknown as TlsModule
}

/** `(options)`, `(port, host, options)` or `(port, options)`, each with a callback or none. */
function connectArguments(words: unknown[]): { options: Record<string, unknown>; callback: unknown } {
  const [first, callback] = nodeInternals().normalizeArguments(words)
  const later = [words[1], words[2]].find((word) => typeof word === 'object' && word !== null)
  return { options: { ...first, ...later }, callback: callback ?? undefined }
}
