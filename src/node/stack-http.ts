/** `stack.http`, `stack.https` and `stack.http2`: Node's modules, on a stack. */
import type { Agent, ClientRequest, RequestOptions } from 'node:http'
import type { ClientHttp2Session } from 'node:http2'
import { isIP, type Server, type Socket } from 'node:net'
import type { HandleHost } from './handle-host.ts'
import type { NetModule } from './stack-net.ts'
import { adoptServer, stackServerClass } from './stack-server.ts'
import { onStack, type TlsModule } from './stack-tls.ts'

type HttpModule = typeof import('node:http')
type HttpsModule = typeof import('node:https')
type Http2Module = typeof import('node:http2')

type Create = (options: Record<string, unknown>, ...more: unknown[]) => Socket

/** Makes `stack.http`. */
export function stackHttp(host: HandleHost, net: NetModule): HttpModule {
  const http = process.getBuiltinModule('node:http')
  class StackAgent extends http.Agent {
    override createConnection(options: object, ...more: never[]): Socket {
      return net.connect(options as never, ...more)
    }
  }
  const StackServer = stackServerClass(http.Server, host)
  return {
    ...http,
    ...requesting(http.request, StackAgent),
    Server: StackServer,
    createServer: (...words: never[]): Server => new StackServer(...words),
  } as unknown as HttpModule
}

/** Makes `stack.https`. */
export function stackHttps(host: HandleHost): HttpsModule {
  const https = process.getBuiltinModule('node:https')
  const base = https.Agent.prototype as unknown as { createConnection: Create }
  class StackAgent extends https.Agent {
    override createConnection(options: object, ...more: unknown[]): Socket {
      return onStack(host, () => base.createConnection.call(this, { lookup: host.lookup, ...options }, ...more))
    }
  }
  const StackServer = stackServerClass(https.Server, host)
  return {
    ...https,
    ...requesting(https.request, StackAgent),
    Server: StackServer,
    createServer: (...words: never[]): Server => new StackServer(...words),
  } as unknown as HttpsModule
}

/** What of a module asks for connections: its agents, and `request` and `get` with one of them. */
function requesting(original: HttpModule['request'], StackAgent: typeof Agent) {
  const globalAgent = new StackAgent({ keepAlive: true, scheduling: 'lifo', timeout: 5000 })
  const agentFor = ({ agent, createConnection }: RequestOptions): Partial<RequestOptions> => {
    if (agent === false) return { agent: new StackAgent() }
    return agent || createConnection ? {} : { agent: globalAgent }
  }
  const request = (...words: unknown[]): ClientRequest => {
    const [first, second] = words
    const hasUrl = typeof first === 'string' || first instanceof URL
    const given = (hasUrl ? second : first) as RequestOptions | undefined
    const options = typeof given === 'object' && given !== null ? given : {}
    const rest = words.slice(hasUrl ? (typeof second === 'function' ? 1 : 2) : 1)
    const complete = { ...options, ...agentFor(options) }
    return Reflect.apply(original, null, hasUrl ? [first, complete, ...rest] : [complete, ...rest])
  }
  const get = (...words: unknown[]): ClientRequest => {
    const started = request(...words)
    started.end()
    return started
  }
  return { Agent: StackAgent, globalAgent, request, get }
}

/** Makes `stack.http2`. */
export function stackHttp2(host: HandleHost, net: NetModule, tls: TlsModule): Http2Module {
  const http2 = process.getBuiltinModule('node:http2')
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
