/** Node's own modules with servers and sockets that stay within the addresses of a stack. */
import type { Socket as DatagramSocket } from 'node:dgram'
import type { ListenOptions, Server } from 'node:net'
import { SystemError } from '../../errors/index.ts'
import type { NodeModuleSet } from '../node-modules.ts'
import type { BoundAddresses } from './bound-addresses.ts'
import { giveConnections } from './node-handles.ts'

type Callable = (...given: unknown[]) => object

/** @param modules those of Node */
export function boundModules(modules: NodeModuleSet, bound: BoundAddresses): NodeModuleSet {
  const serving = <M extends object>(module: M, ...names: string[]): M =>
    replaced(module, names, (server) => bindServer(server as Server, bound, modules.net.Server))
  return {
    net: serving(modules.net, 'createServer', 'Server'),
    tls: serving(modules.tls, 'createServer', 'Server'),
    http: serving(modules.http, 'createServer', 'Server'),
    https: serving(modules.https, 'createServer', 'Server'),
    http2: serving(modules.http2, 'createServer', 'createSecureServer'),
    dgram: replaced(modules.dgram, ['createSocket', 'Socket'], (socket) => bindSocket(socket as DatagramSocket, bound)),
  }
}

/** The module, in which what these functions and classes make goes through `adapt`. `instanceof` holds as before. */
function replaced<M extends object>(module: M, names: readonly string[], adapt: (made: object) => object): M {
  const others = names.map((name) => {
    const original = (module as Record<string, unknown>)[name] as Callable
    const replacement: Callable = new Proxy(original, {
      // A function that is derived from it as it was done before there were classes calls it for its own object, and gets nothing.
      apply: (target, self, given) => adapt((Reflect.apply(target, self, given) ?? self) as object),
      // For a proxy the engine would begin a shape of its own with each object.
      construct: (target, given, newTarget) =>
        adapt(Reflect.construct(target, given, newTarget === replacement ? target : newTarget) as object),
    })
    return [name, replacement]
  })
  return { ...module, ...Object.fromEntries(others) }
}

/** Its `listen` takes addresses of the stack alone; for two of them another one beside it accepts connections for it. */
function bindServer(server: Server, bound: BoundAddresses, makeServer: typeof Server): Server {
  const listen = server.listen.bind(server) as (...given: unknown[]) => Server
  let beside: Server | null = null
  server.listen = ((...given: unknown[]) => {
    const { options, callback } = listenOptions(given)
    if (options === null) return listen(...given)
    const port = Number(options.port ?? 0)
    let hosts: ReturnType<BoundAddresses['bindings']>
    try {
      hosts = bound.bindings(options.host, options.ipv6Only ?? false, port, 'listen')
    } catch (error) {
      process.nextTick(() => server.emit('error', error))
      return server
    }
    if (callback !== undefined) server.once('listening', callback)
    const [first, second] = hosts
    if (second === undefined) return listen({ ...options, host: first!.address, ipv6Only: first!.ipv6Only })
    const other = new makeServer()
    beside = other
    other.on('error', (error) => server.emit('error', error))
    other.listen({ ...options, host: first!.address, ipv6Only: false }, () => {
      const { port: own } = other.address() as { port: number }
      if (!giveConnections(other, server)) {
        server.emit(
          'error',
          new SystemError('ENOTSUP', 'listen', { hint: 'this Node.js joins no listeners: bind to one' }),
        )
        other.close()
        return
      }
      server.once('error', () => other.close())
      listen({ ...options, port: own, host: second.address, ipv6Only: true })
    })
    server.once('close', () => beside?.close())
    return server
  }) as Server['listen']
  for (const name of ['close', 'ref', 'unref'] as const) {
    const original = server[name].bind(server) as (...given: unknown[]) => Server
    server[name] = ((...given: unknown[]) => {
      beside?.[name]()
      return original(...given)
    }) as never
  }
  return server
}

/** The forms of `listen` that name a port; null for pipes and handles. */
function listenOptions(given: readonly unknown[]): { options: ListenOptions | null; callback?: () => void } {
  const last = given.at(-1)
  const callback = typeof last === 'function' ? { callback: last as () => void } : {}
  const [first, second, third] = given
  if (typeof first === 'object' && first !== null) {
    const options = first as ListenOptions & { fd?: unknown; _handle?: unknown }
    const isPort =
      options.port !== undefined || Object.keys(options).every((name) => !/^(path|fd|_?handle)$/.test(name))
    return { options: isPort ? { ...options } : null, ...callback }
  }
  const isPort = first === undefined || first === null || typeof first === 'function' || /^\d+$/.test(String(first))
  if (!isPort) return { options: null, ...callback }
  const port = typeof first === 'function' ? 0 : Number(first ?? 0)
  const host = typeof second === 'string' ? second : undefined
  const backlog = [second, third].find((each) => typeof each === 'number') as number | undefined
  const options = { port, ...(host === undefined ? {} : { host }), ...(backlog === undefined ? {} : { backlog }) }
  return { options, ...callback }
}

/** Its `bind`, which `send` and `connect` call as well where nobody has, takes the stack's address of its family. */
function bindSocket(socket: DatagramSocket, bound: BoundAddresses): DatagramSocket {
  const bind = socket.bind.bind(socket) as (...given: unknown[]) => DatagramSocket
  const isV4 = (socket as unknown as { type: string }).type === 'udp4'
  socket.bind = ((...given: unknown[]) => {
    const callback = given.find((each) => typeof each === 'function')
    const [first, second] = given
    const options =
      typeof first === 'object' && first !== null
        ? (first as { port?: number; address?: string })
        : {
            ...(typeof first === 'function' ? {} : { port: (first as number | undefined) ?? 0 }),
            ...(typeof second === 'string' && second !== '' ? { address: second } : {}),
          }
    if ('fd' in options) return bind(...given)
    try {
      const wanted = options.address ?? (isV4 ? '0.0.0.0' : '::')
      const [own] = bound.bindings(wanted, !isV4, options.port ?? 0, 'bind')
      return bind({ ...options, address: own!.address }, ...(callback === undefined ? [] : [callback]))
    } catch (error) {
      process.nextTick(() => socket.emit('error', error))
      return socket
    }
  }) as DatagramSocket['bind']
  return socket
}
