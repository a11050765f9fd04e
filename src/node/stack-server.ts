/** Servers of Node that listen on a stack: `net.Server` and those that `http`, `https`, `http2` and `tls` derive from it. */
import { isIP, type Server } from 'node:net'
import { derivedClass } from './derived-class.ts'
import type { HandleHost } from './handle-host.ts'
import { nodeInternals, TCP_SERVER } from './internals.ts'
import { TcpHandle } from './tcp-handle.ts'

/** Node's method that makes the handle unless there is one, and listens. */
type Listen2 = (
  this: InternalServer,
  address: string | null,
  port: number,
  family: number,
  backlog: number,
  descriptor: number,
  flags?: number,
) => void

interface InternalServer extends Server {
  _handle: unknown
  _listen2: Listen2
}

/** @returns `server`, which listens on the stack from now on */
export function adoptServer<T extends Server>(server: T, host: HandleHost): T {
  const original = server as unknown as InternalServer
  const own = { configurable: true, writable: true }
  Object.defineProperties(server, {
    _listen2: { ...own, value: listen2(original._listen2, host) },
    listen: { ...own, value: listenByName(original.listen, host) },
  })
  return server
}

/** `_listen2` with a handle of the stack's in place of libuv's. */
export function listen2(original: Listen2, host: HandleHost): Listen2 {
  return function (address, port, family, backlog, descriptor, flags) {
    // A path, a descriptor or a handle that is there already is none of ours.
    const isOurs = !this._handle && port >= 0 && family !== -1 && !(typeof descriptor === 'number' && descriptor >= 0)
    if (!isOurs) {
      original.call(this, address, port, family, backlog, descriptor, flags)
      return
    }
    const handle = new TcpHandle(host, TCP_SERVER)
    const isSix = family === 6 || !address
    const failure = isSix ? handle.bind6(address || '::', port, flags) : handle.bind(address, port, flags)
    // Node asks only `listen`.
    if (failure !== 0) handle.listen = () => failure
    this._handle = handle
    original.call(this, address || '::', port, isSix ? 6 : 4, backlog, descriptor, flags)
  }
}

/** `listen` that has the stack look names up, where Node would ask the operating system. */
function listenByName(original: Server['listen'], host: HandleHost): Server['listen'] {
  return function (this: Server, ...words: unknown[]): Server {
    const listen = original as (this: Server, ...words: unknown[]) => Server
    const [options, callback] = nodeInternals().normalizeArguments(words)
    const { host: name, port } = options
    const isName = typeof name === 'string' && name !== '' && isIP(name) === 0
    if (!isName || (typeof port !== 'number' && typeof port !== 'string')) return listen.apply(this, words)
    // As Node: who listens or closes meanwhile goes first.
    const counted = this as { _listeningId?: number }
    const turn = typeof counted._listeningId === 'number' ? ++counted._listeningId : undefined
    const backlog = typeof words[2] === 'number' ? { backlog: words[2] } : {}
    host.lookup(name, {}, (error, address) => {
      if (counted._listeningId !== turn) return
      if (error !== null) this.emit('error', error)
      else
        listen.call(
          this,
          { ...backlog, ...options, host: address },
          ...(typeof callback === 'function' ? [callback] : []),
        )
    })
    return this
  } as Server['listen']
}

/**
 * A class of servers that listen on the stack. Callable without `new`, as Node's own.
 * @param Base `net.Server` or what is derived from it
 */
export function stackServerClass<T extends new (...words: never[]) => Server>(Base: T, host: HandleHost): T {
  const StackServer = derivedClass(Base, {}, ([options, listener], make) => make([options, listener]))
  adoptServer(StackServer.prototype, host)
  return StackServer
}
