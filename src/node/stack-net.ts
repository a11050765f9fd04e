/** `stack.net`: the module `net` of Node, on a stack. */
import diagnostics from 'node:diagnostics_channel'
import net, { type Server, type Socket } from 'node:net'
import { stackBoundSocketClass } from './bound-socket.ts'
import { derivedClass } from './derived-class.ts'
import type { HandleHost } from './handle-host.ts'
import { nodeInternals } from './internals.ts'
import { stackServerClass } from './stack-server.ts'
import { TcpHandle } from './tcp-handle.ts'

export type NetModule = typeof net

interface InternalSocket extends Socket {
  _handle: unknown
  _parent?: { connecting?: boolean } | null
  _peername?: unknown
  _sockname?: unknown
}

type Connect = (this: Socket, ...words: unknown[]) => Socket
type Reinitialize = (this: Socket, handle: { close(): void }) => void

/** `connect` that gives the socket a handle of the stack's before Node would give it one of libuv's. */
export function stackConnect(original: Connect, reinitialize: Reinitialize, host: HandleHost): Connect {
  const { normalizeArguments, normalizedSymbol } = nodeInternals()
  return function (...words) {
    const socket = this as InternalSocket
    const isNormal = Array.isArray(words[0]) && (words[0] as never)[normalizedSymbol]
    const normal = (isNormal ? words[0] : normalizeArguments(words)) as ReturnType<typeof normalizeArguments>
    let [options] = normal
    // Over a path it is a pipe; over a parent that connects there is nothing to do.
    if (!options.path && !socket._parent?.connecting) {
      if (socket.destroyed) socket._handle = socket._peername = socket._sockname = null
      if (!socket._handle && isConnectable(options)) reinitialize.call(socket, new TcpHandle(host))
      if (options.lookup === undefined && socket._handle) options = { ...options, lookup: host.lookup }
    }
    const renormal = Object.assign([options, normal[1]], { [normalizedSymbol]: true })
    return original.call(this, renormal)
  }
}

/** What is wrong with the arguments Node finds out before it makes a handle, and so it shall. */
function isConnectable(options: Record<string, unknown>): boolean {
  return options.port !== undefined
}

/** The method by which later attempts of `autoSelectFamily` get their handles. */
export function stackReinitialize(original: Reinitialize, host: HandleHost): Reinitialize {
  return function (handle) {
    if (handle instanceof TcpHandle) return original.call(this, handle)
    handle.close()
    original.call(this, new TcpHandle(host))
  }
}

/** Who listens on it hears of each socket that connects: in Node 20 from the function `connect`, later from the method. */
const clientSockets = diagnostics.channel('net.client.socket')
const methodTells = /ClientSocketChannel/.test(String(net.Socket.prototype.connect))

/** Makes `stack.net`. */
export function stackNet(host: HandleHost): NetModule {
  const StackSocket = stackSocketClass(host)
  const StackServer = stackServerClass(net.Server, host)
  const connect = (...words: unknown[]): Socket => {
    const normal = nodeInternals().normalizeArguments(words)
    const [options] = normal as [{ timeout?: number }, unknown]
    const socket = new StackSocket(options as never)
    if (!methodTells && clientSockets.hasSubscribers) clientSockets.publish({ socket })
    if (options.timeout) socket.setTimeout(options.timeout)
    return (socket.connect as Connect).call(socket, normal)
  }
  const BoundSocket = stackBoundSocketClass(host)
  return {
    ...net,
    ...(BoundSocket === null ? {} : { BoundSocket }),
    Socket: StackSocket,
    Stream: StackSocket,
    Server: StackServer,
    createServer: (options: never, onConnection: never): Server => new StackServer(options, onConnection),
    connect,
    createConnection: connect,
  } as unknown as NetModule
}

function stackSocketClass(host: HandleHost): typeof Socket {
  const { reinitializeSymbol } = nodeInternals()
  const Base = net.Socket
  const own = { configurable: true, writable: true }
  const base = Base.prototype as unknown as { connect: Connect } & Record<symbol, Reinitialize>
  const reinitialize = stackReinitialize(base[reinitializeSymbol], host)
  const members = {
    connect: { ...own, value: stackConnect(base.connect, reinitialize, host) },
    [reinitializeSymbol]: { ...own, value: reinitialize },
  }
  return derivedClass(Base, members, ([options], make) => make([options]))
}
