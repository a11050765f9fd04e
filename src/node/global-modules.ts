/** Node's own modules, moved onto a stack as they are: for programs that know nothing of one. */
import dgram from 'node:dgram'
import dns from 'node:dns'
import { syncBuiltinESMExports } from 'node:module'
import net from 'node:net'
import os from 'node:os'
import type { DirectStack } from '../stack/index.ts'
import { listActiveResources } from './active-resources.ts'
import { stackBoundSocketClass } from './bound-socket.ts'
import { type HandleHost, handleHost } from './handle-host.ts'
import { nodeInternals } from './internals.ts'
import { networkInterfaces } from './network-interfaces.ts'
import { datagramSocketClass } from './stack-dgram.ts'
import { stackConnect, stackReinitialize } from './stack-net.ts'
import { adoptServer } from './stack-server.ts'
import { installWrapHandle } from './stack-tls.ts'
import { TcpHandle } from './tcp-handle.ts'
import { installTicksWithin } from './ticks-within.ts'

type Prototype = Record<PropertyKey, never>

/**
 * From now on `net`, `tls`, `http`, `https`, `http2`, `fetch`, `dgram` and `dns` of this process, and whatever is built on
 * them, use the stack, and `os.networkInterfaces` shows it. Unix domain sockets, pipes and sockets that are there already stay what they are. For the rest of
 * the process: there is no way back.
 * @throws Error if this version of Node lacks what handles need
 */
export function moveNodeOnto(stack: DirectStack): HandleHost {
  const host = handleHost(stack)
  moveSockets(host)
  adoptServer(net.Server.prototype, host)
  const BoundSocket = stackBoundSocketClass(host)
  if (BoundSocket !== null) Object.assign(net, { BoundSocket })
  installWrapHandle(host)
  installTicksWithin()
  moveDatagrams(host)
  moveNames(stack)
  listActiveResources(host)
  Object.assign(os, { networkInterfaces: () => networkInterfaces(stack) })
  syncBuiltinESMExports()
  return host
}

function moveSockets(host: HandleHost): void {
  const { reinitializeSymbol } = nodeInternals()
  const prototype = net.Socket.prototype as unknown as Prototype & { connect: never }
  const original = prototype[reinitializeSymbol] as Parameters<typeof stackReinitialize>[0]
  const ours = stackReinitialize(original, host)
  const own = { configurable: true, writable: true }
  Object.defineProperties(prototype, {
    connect: { ...own, value: stackConnect(prototype.connect, original, host) },
    [reinitializeSymbol]: {
      ...own,
      value(this: never, handle: never) {
        // TLS has wrapped the handle of a later attempt before it comes here.
        const isOnStack = (this as { _handle?: unknown })._handle instanceof TcpHandle
        return (isOnStack ? ours : original).call(this, handle)
      },
    },
  })
}

function moveDatagrams(host: HandleHost): void {
  const StackSocket = datagramSocketClass(host, null)
  Object.assign(StackSocket.prototype, { constructor: StackSocket })
  Object.assign(dgram, {
    Socket: StackSocket,
    createSocket: (...words: unknown[]) => Reflect.construct(StackSocket, words),
  })
}

/** Functions and classes only: the error codes are the same. */
function moveNames(stack: DirectStack): void {
  moveMembers(dns, stack.dns)
  moveMembers(dns.promises, stack.dns.promises)
}

function moveMembers(to: object, from: object): void {
  for (const [name, member] of Object.entries(from)) {
    if (typeof member === 'function' && name in to) Object.assign(to, { [name]: member })
  }
}
