/** `stack.http`, `stack.https` and `stack.http2`: Node's modules, on a stack. */
import type { Agent, ClientRequest, RequestOptions } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import { isIP, type Server, type Socket } from 'node:net'
import { derivedClass } from './derived-class.ts'
import type { HandleHost } from './handle-host.ts'
import type { NetModule } from './stack-net.ts'
import { adoptServer, stackServerClass } from './stack-server.ts'
import { onStack, type TlsModule } from './stack-tls.ts'
import { stackWebSocketClass, type WebSocketClass } from './stack-web-socket.ts'
import { installTicksWithin } from './ticks-within.ts'

type HttpModule = typeof import('node:http')
type HttpsModule = typeof import('node:https')
type Http2Module = typeof import('node:http2')

type Create = (options: Record<string, unknown>, ...more: unknown[]) => Socket

/**
 * Makes `stack.http`.
 * @param tls asked for by a WebSocket alone
 */
export function stackHttp(host: HandleHost, net: NetModule, tls: () => TlsModule): HttpModule {
  const http = process.getBuiltinModule('node:http')
  const kernel = process.getBuiltinModule('node:net')
  const base = http.Agent.prototype as unknown as { createConnection: Create }
  // Where an agent knows of proxies, its method chooses between them and the server.
  const choosesWay = base.createConnection !== (kernel.createConnection as unknown)
  const connect: Create = function (this: Agent, options, ...more) {
    const mayGoByProxy = choosesWay && (this as { options?: { proxyEnv?: object } }).options?.proxyEnv !== undefined
    if (!mayGoByProxy) return net.connect(options as never, ...(more as never[]))
    return connectingBy(net, () => onStack(host, () => base.createConnection.call(this, { ...options }, ...more)))
  }
  const StackServer = stackServerClass(http.Server, host)
  const { agents, ...requesting } = requestingMembers(agentClass(http.Agent, connect), http.request, http.globalAgent)
  const module = asModule(http, agents, {
    ...requesting,
    ClientRequest: requestClass(http.ClientRequest, agents),
    Server: StackServer,
    createServer: (options: never, listener: never): Server => new StackServer(options, listener),
  })
  if ('WebSocket' in http)
    giveWebSocket(module, () => stackWebSocketClass((http as WithWebSocket).WebSocket, net, tls()))
  return module
}

/** From Node 22 on. */
interface WithWebSocket {
  readonly WebSocket: WebSocketClass
}

/** As in Node, it is made when it is first asked for. */
function giveWebSocket(module: HttpModule, make: () => unknown): void {
  let made: unknown = null
  const get = () => {
    made ??= make()
    return made
  }
  Object.defineProperty(module, 'WebSocket', { enumerable: true, configurable: true, get })
}

/** Makes `stack.https`. */
export function stackHttps(host: HandleHost, net: NetModule): HttpsModule {
  const https = process.getBuiltinModule('node:https')
  const base = https.Agent.prototype as unknown as { createConnection: Create }
  const connect: Create = function (this: Agent, options, ...more) {
    const complete = { lookup: host.lookup, ...options }
    return connectingBy(net, () => onStack(host, () => base.createConnection.call(this, complete, ...more)))
  }
  const StackServer = stackServerClass(https.Server, host)
  const { agents, ...requesting } = requestingMembers(
    agentClass(https.Agent, connect),
    https.request,
    https.globalAgent,
  )
  return asModule(https, agents, {
    ...requesting,
    Server: StackServer,
    createServer: (options: never, listener: never): Server => new StackServer(options, listener),
  })
}

/** A class of agents that connect by `connect`. Callable without `new`, as Node's own. */
function agentClass(Base: typeof Agent, connect: Create): typeof Agent {
  const createConnection = { configurable: true, writable: true, enumerable: true, value: connect }
  return derivedClass(Base, { createConnection }, (words, make) => make(words))
}

/** Requests of this class go by an agent of ours unless they are told otherwise. */
function requestClass(Base: typeof ClientRequest, agents: DefaultAgent): typeof ClientRequest {
  return derivedClass(Base, null, (words, make) => make(withAgent(words, agents)))
}

/** The agent of those who name none: as in Node, an application may put its own in the place. */
interface DefaultAgent {
  globalAgent: Agent
}

/** A module of Node with other members; its `globalAgent` is that of `agents`. */
function asModule<M extends object>(original: M, agents: DefaultAgent, own: object): M {
  // What Node loads only when it is asked for stays so.
  const module = Object.defineProperties({} as M, Object.getOwnPropertyDescriptors(original))
  for (const [name, value] of Object.entries(own)) {
    Object.defineProperty(module, name, { value, enumerable: true, configurable: true, writable: true })
  }
  Object.defineProperty(module, 'globalAgent', {
    enumerable: true,
    configurable: true,
    get: () => agents.globalAgent,
    set: (agent: Agent) => {
      agents.globalAgent = agent
    },
  })
  return module
}

/** Has Node's agents, while `work` runs, connect by the functions of `net`: those to proxies ask Node's own module. */
function connectingBy<T>(net: NetModule, work: () => T): T {
  const kernel = process.getBuiltinModule('node:net')
  const { connect, createConnection } = kernel
  Object.assign(kernel, { connect: net.connect, createConnection: net.connect })
  try {
    return work()
  } finally {
    Object.assign(kernel, { connect, createConnection })
  }
}

/**
 * What of a module asks for connections: its agents, and `request` and `get` with one of them.
 * @param model Node's own global agent, of which ours has the options
 */
function requestingMembers(StackAgent: typeof Agent, original: HttpModule['request'], model: Agent) {
  const agents: DefaultAgent = { globalAgent: new StackAgent({ ...(model as { options?: object }).options }) }
  function request(...words: unknown[]): ClientRequest {
    return Reflect.apply(original, null, withAgent(words, agents))
  }
  function get(...words: unknown[]): ClientRequest {
    const started = request(...words)
    started.end()
    return started
  }
  return { agents, Agent: StackAgent, request, get }
}

/** The arguments of `request`, with the agent that it is to go by where they name none. */
function withAgent(words: readonly unknown[], agents: DefaultAgent): unknown[] {
  const [first, second] = words
  const hasUrl = typeof first === 'string' || isUrl(first)
  const given = (hasUrl ? second : first) as RequestOptions | undefined
  const options = typeof given === 'object' && given !== null ? given : {}
  const rest = words.slice(hasUrl ? (typeof second === 'function' ? 1 : 2) : 1)
  const complete = { ...options, ...agentFor(options, agents) }
  return hasUrl ? [first, complete, ...rest] : [complete, ...rest]
}

function agentFor({ agent, createConnection }: RequestOptions, { globalAgent }: DefaultAgent): Partial<RequestOptions> {
  // A new one of the same class, as Node makes it.
  if (agent === false) return { agent: new (globalAgent.constructor as typeof Agent)() }
  if (agent !== undefined && agent !== null) return {}
  return typeof createConnection === 'function' ? {} : { agent: globalAgent }
}

/** As Node tells a URL, of whatever realm, from options. */
function isUrl(word: unknown): boolean {
  if (typeof word !== 'object' || word === null) return false
  const { href, protocol, auth, path } = word as Record<string, unknown>
  return Boolean(href && protocol) && auth === undefined && path === undefined
}

/** Makes `stack.http2`. */
export function stackHttp2(host: HandleHost, net: NetModule, tls: TlsModule): Http2Module {
  const http2 = process.getBuiltinModule('node:http2')
  installTicksWithin()
  const createConnection = (authority: URL, options: Record<string, unknown>): Socket => {
    const name = authority.hostname.replace(/^\[(.*)\]$/, '$1') || 'localhost'
    const isSecure = authority.protocol === 'https:'
    const where = { host: name, port: Number(authority.port || (isSecure ? 443 : 80)) }
    if (!isSecure) return net.connect({ ...options, ...where } as never)
    const servername = isIP(name) ? {} : { servername: name }
    return tls.connect({ ALPNProtocols: ['h2'], ...servername, ...options, ...where } as never)
  }
  const connect = (authority: string | URL, ...words: unknown[]): ClientHttp2Session => {
    const hasOptions = typeof words[0] === 'object' && words[0] !== null
    const options = hasOptions ? (words[0] as object) : {}
    const rest = hasOptions ? words.slice(1) : words.filter((word) => typeof word === 'function')
    return Reflect.apply(http2.connect, null, [authority, { createConnection, ...options }, ...rest])
  }
  return {
    ...http2,
    connect,
    createServer: (...words: never[]) => adoptServer(http2.createServer(...words), host),
    createSecureServer: (...words: never[]) => adoptServer(http2.createSecureServer(...words), host),
  } as unknown as Http2Module
}
