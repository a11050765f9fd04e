/**
 * `stack.http.WebSocket`: Node's own class, which connects by a dispatcher of the undici that Node has inside. It is given one
 * that connects over the stack.
 */
import type { Socket } from 'node:net'
import type { ConnectionOptions } from 'node:tls'
import type { NetModule } from './stack-net.ts'
import type { TlsModule } from './stack-tls.ts'

/** What undici tells a connector of the server, and how it hears of the outcome. */
interface Target {
  readonly hostname: string
  readonly protocol: string
  readonly port: string
  readonly servername?: string | null
  readonly localAddress?: string | null
}
type Connected = (error: Error | null, socket: Socket | null) => void

type AgentClass = new (options: { connect(target: Target, done: Connected): void }) => object
export type WebSocketClass = new (url: string | URL, options?: unknown) => object

/** Where undici keeps the dispatcher of all that name none, by generations of its interface. */
const GLOBAL_DISPATCHERS = ['undici.globalDispatcher.2', 'undici.globalDispatcher.1'].map(Symbol.for)

/** @param Base Node's class */
export function stackWebSocketClass<T extends WebSocketClass>(Base: T, net: NetModule, tls: TlsModule): T {
  let dispatcher: object | null = null
  const Class = Base as WebSocketClass
  return class WebSocket extends Class {
    constructor(...words: [url?: string | URL, options?: unknown]) {
      // Without a URL it is Node's affair what to say.
      if (words.length === 0) super(...(words as [string]))
      else {
        const [url, given] = words as [string | URL, unknown]
        dispatcher ??= new (findAgentClass())({ connect: (target, done) => connect(net, tls, target, done) })
        super(url, { dispatcher, ...asOptions(given) })
      }
    }
  } as unknown as T
}

/** Protocols, one or several, may stand in place of the options. */
function asOptions(given: unknown): object {
  if (given === undefined) return {}
  const isOptions = typeof given === 'object' && given !== null && !(Symbol.iterator in given)
  return isOptions ? given : { protocols: given }
}

/** The class of the dispatcher that Node has for everybody, which it makes when `WebSocket` is first looked at. */
function findAgentClass(): AgentClass {
  const places = globalThis as unknown as Record<symbol, { constructor?: { name?: string } } | undefined>
  for (const symbol of GLOBAL_DISPATCHERS) {
    const found = places[symbol]?.constructor
    if (found?.name === 'Agent') return found as unknown as AgentClass
  }
  throw new Error(
    `stack.http.WebSocket needs the Agent of Node's own undici, which Node.js ${process.version} does not show`,
  )
}

function connect(net: NetModule, tls: TlsModule, target: Target, done: Connected): void {
  const { hostname, protocol, port, servername, localAddress } = target
  const isSecure = protocol === 'https:'
  const host = hostname.replace(/^\[(.*)\]$/, '$1')
  const where = {
    host,
    port: Number(port || (isSecure ? 443 : 80)),
    ...(localAddress ? { localAddress } : {}),
  }
  const name = servername || (net.isIP(host) === 0 ? host : '')
  const secure: ConnectionOptions = {
    ALPNProtocols: ['http/1.1'],
    ...where,
    ...(name === '' ? {} : { servername: name }),
  }
  const socket = isSecure ? tls.connect(secure) : net.connect(where)
  // As undici's own connections.
  socket.setNoDelay(true).setKeepAlive(true, 60_000)
  const onError = (error: Error) => done(error, null)
  socket.once('error', onError)
  socket.once(isSecure ? 'secureConnect' : 'connect', () => {
    socket.off('error', onError)
    done(null, socket)
  })
}
