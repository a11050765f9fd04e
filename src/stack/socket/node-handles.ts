/** The objects of libuv below Node's sockets, which Node shows to nobody: found by the names of their symbols. */
import type { Socket as DatagramSocket } from 'node:dgram'
import type { Server } from 'node:net'

/** As much of a bound UDP handle as is needed. */
export interface DatagramHandle {
  readonly fd: number
  recvStop(): unknown
}

/** Null where this version of Node has it otherwise. */
export function handleOf(socket: DatagramSocket): DatagramHandle | null {
  const state = symbolValue(socket, 'state symbol') as { handle?: Partial<DatagramHandle> | null } | undefined
  const handle = state?.handle
  if (typeof handle?.fd !== 'number' || handle.fd < 0 || typeof handle.recvStop !== 'function') return null
  return handle as DatagramHandle
}

/**
 * Makes one server the owner of what another one accepts from now on, as if it listened there itself: connections are counted, limited
 * and waited for with its own.
 * @returns false where this version of Node has no such thing
 */
export function giveConnections(listening: Server, owner: Server): boolean {
  const handle = (listening as unknown as { _handle?: object | null })._handle
  const symbol = handle === null || handle === undefined ? undefined : symbolNamed(handle, 'owner_symbol')
  if (symbol === undefined) return false
  const owned = handle as Record<symbol, unknown>
  if (owned[symbol] !== listening) return false
  owned[symbol] = owner
  return true
}

function symbolValue(object: object, name: string): unknown {
  const symbol = symbolNamed(object, name)
  return symbol === undefined ? undefined : (object as Record<symbol, unknown>)[symbol]
}

function symbolNamed(object: object, name: string): symbol | undefined {
  return Object.getOwnPropertySymbols(object).find((symbol) => symbol.description === name)
}
