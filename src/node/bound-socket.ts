/** `net.BoundSocket` of newer versions of Node: a port and address of the stack, taken before it is known what for. */
import net from 'node:net'
import { derivedClass } from './derived-class.ts'
import type { HandleHost } from './handle-host.ts'
import { nodeInternals } from './internals.ts'
import type { SocketAddress } from './socket-addresses.ts'
import { TcpHandle } from './tcp-handle.ts'

interface BoundSocket {
  close(): void
  fd(): number
}

export type BoundSocketClass = new (options?: { path?: unknown }) => BoundSocket

/** What Node's constructor calls of the handle that it makes. */
interface Bindable {
  bind(address: string, port: number, flags: number): number
  bind6(address: string, port: number, flags: number): number
  getsockname(out: SocketAddress): number
}

/** @returns null where Node has none, or another than the one that this knows */
export function stackBoundSocketClass(host: HandleHost): BoundSocketClass | null {
  const { BoundSocket: Base } = net as unknown as { BoundSocket?: BoundSocketClass }
  if (Base === undefined) return null
  const symbols = Object.getOwnPropertySymbols(Base.prototype)
  const consume = symbols.find(({ description }) => description === 'kBoundSocketConsume')
  if (consume === undefined) return null
  return derivedClass(Base, null, (given, make) => {
    const words = given as [options?: { path?: unknown }]
    const construct = () => make(words)
    // A pipe is the operating system's.
    return words[0]?.path !== undefined ? construct() : onStack(construct, consume, host)
  })
}

/** Has Node's own code check the options, bind and say what is wrong, with a handle of ours below. */
function onStack(construct: () => BoundSocket, consume: symbol, host: HandleHost): BoundSocket {
  const handle = new TcpHandle(host)
  const prototype = nodeInternals().TcpWrap.prototype as unknown as Bindable
  const { bind, bind6, getsockname } = prototype
  let bound: BoundSocket
  try {
    prototype.bind = (...words) => handle.bind(...words)
    prototype.bind6 = (...words) => handle.bind6(...words)
    prototype.getsockname = (out) => handle.getsockname(out)
    bound = construct()
  } catch (error) {
    handle.close()
    throw error
  } finally {
    Object.assign(prototype, { bind, bind6, getsockname })
  }
  const own = bound as unknown as Record<PropertyKey, (() => unknown) | undefined>
  const define = (name: PropertyKey, value: (original: () => unknown) => unknown) => {
    const original = own[name]
    if (original === undefined) return
    const method = () => value(() => original.call(bound))
    Object.defineProperty(bound, name, { value: method, configurable: true, writable: true })
  }
  // Node's handle was never opened; ours is what is behind it, and whether it is still there Node's methods know.
  const closing = (original: () => unknown) => {
    original()
    handle.close()
  }
  let isTaken = false
  define('close', closing)
  define(Symbol.dispose ?? 'dispose', (original) => {
    original()
    if (!isTaken) handle.close()
  })
  define(consume, (original) => {
    const unopened = original() as { close(): void }
    unopened.close()
    isTaken = true
    return handle
  })
  // No descriptor: what Node says where there are none.
  define('fd', (original) => {
    original()
    return -1
  })
  return bound
}
