/** `stack.dgram`: the module `dgram` of Node, on a stack. */
import dgram, { type RemoteInfo, type Socket, type SocketOptions, type SocketType } from 'node:dgram'
import { derivedClass } from './derived-class.ts'
import type { HandleHost } from './handle-host.ts'
import { nodeInternals } from './internals.ts'
import { type OriginalHandle, UdpHandle } from './udp-handle.ts'

export type DgramModule = typeof dgram

type OnMessage = (message: Buffer, from: RemoteInfo) => void

/** Makes `stack.dgram`. */
export function stackDgram(host: HandleHost): DgramModule {
  const StackSocket = datagramSocketClass(host, {})
  return {
    ...dgram,
    Socket: StackSocket,
    createSocket: (options: SocketType | SocketOptions, onMessage?: OnMessage): Socket =>
      Reflect.construct(StackSocket, [options, onMessage]),
  } as DgramModule
}

/**
 * A `dgram.Socket` whose handle is the stack's. Callable without `new`, as Node's own.
 * @param members null: it takes the place of Node's own, with the same prototype
 */
export function datagramSocketClass(host: HandleHost, members: PropertyDescriptorMap | null): typeof Socket {
  const { datagramStateSymbol, ownerSymbol } = nodeInternals()
  const Base = dgram.Socket
  return derivedClass(Base, members, (given, make) => {
    const [options, onMessage] = given as [SocketType | SocketOptions, OnMessage | undefined]
    const named = typeof options === 'string' ? { type: options } : options
    const looking = typeof named === 'object' && named !== null && named.lookup === undefined
    const words = [looking ? { ...named, lookup: host.lookup } : options, onMessage]
    const socket = make(words) as Socket & { type: SocketType }
    const state = (socket as unknown as Record<symbol, { handle: OriginalHandle | null }>)[datagramStateSymbol]
    const original = state.handle
    // Closed already, by a signal.
    if (original === null) return socket
    const use = (handle: object) => Object.assign(state, { handle: Object.assign(handle, { [ownerSymbol]: socket }) })
    use(new UdpHandle(host, original, socket.type === 'udp6' ? 6 : 4, () => use(original)))
    return socket
  })
}
