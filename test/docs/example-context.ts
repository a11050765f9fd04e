/**
 * What examples of the documentation take for granted: what `tapstack` exports, names from Node and from packages, and what
 * an application has already. The compiler reads it beside them (`examples.test.ts`).
 */
import type { EventEmitter } from 'node:events'
import type { Agent as HttpAgent, createServer as httpCreateServer, RequestListener } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type * as pgModule from 'pg'
import type * as tapstack from 'tapstack'
import type * as undiciModule from 'undici'
import type { WebSocketServer as WebSocketServerOf } from 'ws'

declare global {
  const createRouter: typeof tapstack.createRouter
  const createStack: typeof tapstack.createStack
  const emulatorNetif: typeof tapstack.emulatorNetif
  const HostClock: typeof tapstack.HostClock
  const openReplay: typeof tapstack.openReplay
  const PacketMemory: typeof tapstack.PacketMemory
  const SecureRandom: typeof tapstack.SecureRandom
  const TcpInfoOption: typeof tapstack.TcpInfoOption
  const unikernel: typeof tapstack.unikernel
  const VirtualNetwork: typeof tapstack.VirtualNetwork
  const webSocketNetif: typeof tapstack.webSocketNetif

  const stack: tapstack.DirectStack
  const flow: tapstack.Flow
  const log: tapstack.ApplicationLog
  const signal: AbortSignal
  const clock: tapstack.Clock
  const random: tapstack.Random
  const serve: (flow: tapstack.Flow) => void
  const serveOld: typeof serve
  const serveNew: typeof serve
  const serveManagement: typeof serve

  const Agent: typeof HttpAgent
  type Socket = NetSocket
  const createServer: typeof httpCreateServer
  const handler: RequestListener
  const app: RequestListener
  const server: EventEmitter
  const pg: typeof pgModule
  const undici: typeof undiciModule
  const WebSocketServer: typeof WebSocketServerOf

  const host: string
  const user: string
  const url: string
  const query: Uint8Array
  const request: Uint8Array & { signal: AbortSignal }
  const header: Uint8Array
  const secret: Uint8Array
  const checksum: { update(bytes: Uint8Array): void }
  const destination: WritableStream
  const emulator: Parameters<typeof tapstack.emulatorNetif>[0]
}
