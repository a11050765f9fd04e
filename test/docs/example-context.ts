/**
 * What examples of the documentation take for granted: what `tapstack` exports, names from Node and from packages, and what
 * an application has already. The compiler reads it beside them (`examples.test.ts`).
 */
import type { EventEmitter } from 'node:events'
import type { Agent as HttpAgent, createServer as httpCreateServer, RequestListener } from 'node:http'
import type { Socket as NetSocket } from 'node:net'
import type * as pgModule from 'pg'
import type {
  ApplicationLog,
  Clock,
  createRouter as createRouterOf,
  createStack as createStackOf,
  DirectStack,
  emulatorNetif as emulatorNetifOf,
  Flow,
  HostClock as HostClockOf,
  openReplay as openReplayOf,
  PacketMemory as PacketMemoryOf,
  Random,
  SecureRandom as SecureRandomOf,
  TcpInfoOption as TcpInfoOptionOf,
  unikernel as unikernelOf,
  VirtualNetwork as VirtualNetworkOf,
  webSocketNetif as webSocketNetifOf,
} from 'tapstack'
import type * as undiciModule from 'undici'
import type { WebSocketServer as WebSocketServerOf } from 'ws'

declare global {
  const createRouter: typeof createRouterOf
  const createStack: typeof createStackOf
  const emulatorNetif: typeof emulatorNetifOf
  const HostClock: typeof HostClockOf
  const openReplay: typeof openReplayOf
  const PacketMemory: typeof PacketMemoryOf
  const SecureRandom: typeof SecureRandomOf
  const TcpInfoOption: typeof TcpInfoOptionOf
  const unikernel: typeof unikernelOf
  const VirtualNetwork: typeof VirtualNetworkOf
  const webSocketNetif: typeof webSocketNetifOf

  const stack: DirectStack
  const flow: Flow
  const log: ApplicationLog
  const signal: AbortSignal
  const clock: Clock
  const random: Random
  const serve: (flow: Flow) => void
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
  const emulator: Parameters<typeof emulatorNetifOf>[0]
}
