/** `stack.dns`: the API of node:dns and node:dns/promises on a stack of ours. */
import dns from 'node:dns'
import { emitWarning, nextTick } from 'node:process'
import { promisify } from 'node:util'
import type { LookupAddress } from '../address-lookup.ts'
import type { DnsClient, DnsClientOptions } from '../client.ts'
import type { Hosts } from '../hosts.ts'
import {
  invalidArgType,
  invalidArgValue,
  missingArgs,
  validateAddress,
  validateFunction,
  validateHostname,
  validateOneOf,
  validatePort,
  validateString,
} from './arguments.ts'
import { dnsError } from './dns-error.ts'
import {
  knownAddresses,
  type LookupHost,
  type LookupRequest,
  lookupAddresses,
  lookupRequest,
  RESULT_ORDERS,
  type ResultOrder,
} from './lookup.ts'
import { NODE_MAJOR } from './node-version.ts'
import { beginEntry, type EndEntry } from './performance-entries.ts'
import { KINDS_BY_TYPE, QUERY_KINDS, type QueryKind } from './query-kinds.ts'
import { GetAddrInfoReqWrap, GetNameInfoReqWrap, QueryRequest } from './requests.ts'
import { clientOptionsOf, type Done, ResolverCore, type ResolverOptions } from './resolver-core.ts'

/** What the module needs of the stack. */
export interface DnsHost extends LookupHost {
  /** The stack's own. */
  readonly client: DnsClient
  /** For a `Resolver` of the application; its servers are the stack's until it gets others. */
  newClient(options: Partial<DnsClientOptions>): DnsClient
  hosts(): Hosts
  /** The name of a service by its port, the port as text where there is none. */
  serviceName(port: number): string
  /** Who has asked `lookup` or `lookupService` and waits: what a process can be asked for. */
  readonly nameRequests?: Set<object> | undefined
}

/** The functions and classes of node:dns; beyond them the stack's own resolver. */
export type DnsModule = typeof dns & {
  readonly client: DnsClient
}

/** What `lookupService` finds. */
interface Service {
  hostname: string
  service: string
}

// biome-ignore lint/suspicious/noExplicitAny: arguments as they come from an application in JavaScript
type Any = any

/** Copies the codes and flags that node:dns has. */
function constants(names: (name: string, value: unknown) => boolean): Record<string, unknown> {
  return Object.fromEntries(Object.entries(dns).filter(([name, value]) => names(name, value)))
}

const isConstant = (name: string, value: unknown) => /^[A-Z\d]+$/.test(name) && typeof value !== 'function'
const isErrorCode = (name: string, value: unknown) => isConstant(name, value) && typeof value === 'string'

/** What `util.promisify` makes of a function whose callback gets two results: an object with these names; of one it is the result. */
function nameResults(method: (...words: Any[]) => unknown, ...names: [string, string]): void {
  const promised = (...words: unknown[]) =>
    new Promise((resolve, reject) => {
      method(...words, (error: Error | null, ...results: unknown[]) => {
        if (error !== null) reject(error)
        else if (results.length < 2) resolve(results[0])
        else resolve(Object.fromEntries(names.map((name, index) => [name, results[index]])))
      })
    })
  Object.defineProperty(method, promisify.custom, { value: promised })
}

/** Defines methods that look like those of a class. */
function define(target: object, methods: Record<string, (...args: Any[]) => unknown>): void {
  for (const [name, value] of Object.entries(methods)) {
    Object.defineProperty(target, name, { value, writable: true, enumerable: true, configurable: true })
  }
}

function kindOf(type: unknown): QueryKind {
  const kind = KINDS_BY_TYPE.get(type as string)
  if (kind === undefined) throw invalidArgValue('rrtype', type)
  return kind
}

/** The methods of a resolver in the style of callbacks. */
function callbackMethods(coreOf: (self: Any) => ResolverCore): Record<string, (...args: Any[]) => unknown> {
  const methods: Record<string, (...args: Any[]) => unknown> = {}
  const start = (syscall: string, name: string, ttl: boolean, callback: Any, begin: (done: Done) => void) => {
    const request = new QueryRequest('QUERYWRAP', name)
    const end = beginEntry('result', syscall, { host: name, ttl })
    begin((error, result) => {
      if (error === null) request.complete(callback, [null, result], () => end?.(result))
      else request.complete(callback, [error])
    })
    return request
  }
  const query = (self: unknown, kind: QueryKind, name: unknown, options: Any, callback: Any) => {
    if (callback === undefined) [options, callback] = [undefined, options]
    validateString(name, 'name')
    validateFunction(callback, 'callback')
    const ttl = Boolean(options?.ttl)
    return start(kind.syscall, name, ttl, callback, (done) => coreOf(self).query(kind, name, ttl, done))
  }
  for (const kind of QUERY_KINDS) {
    const named = {
      [kind.method](this: unknown, name: unknown, options: unknown, callback: unknown) {
        return query(this, kind, name, options, callback)
      },
    }
    methods[kind.method] = named[kind.method]
  }
  methods.resolve = function resolve(this: unknown, name: unknown, type: unknown, callback: unknown) {
    if (typeof type === 'function') return query(this, kindOf('A'), name, undefined, type)
    if (typeof type !== 'string') throw invalidArgType('rrtype', 'of type string', type)
    return query(this, kindOf(type), name, undefined, callback)
  }
  methods.reverse = function reverse(this: unknown, address: unknown, callback: unknown) {
    validateString(address, 'name')
    validateFunction(callback, 'callback')
    const core = coreOf(this)
    return start('getHostByAddr', address, false, callback, (done) => core.reverse(address, done))
  }
  return methods
}

/** ... and in that of promises. */
function promiseMethods(coreOf: (self: Any) => ResolverCore): Record<string, (...args: Any[]) => unknown> {
  const methods: Record<string, (...args: Any[]) => unknown> = {}
  const query = (self: unknown, kind: QueryKind, name: unknown, options: Any) => {
    validateString(name, 'name')
    const ttl = Boolean(options?.ttl)
    const end = beginEntry('result', kind.syscall, { host: name, ttl })
    return promised((done) => coreOf(self).query(kind, name, ttl, done), end)
  }
  for (const kind of QUERY_KINDS) {
    const named = {
      [kind.method](this: unknown, name: unknown, options: unknown) {
        return query(this, kind, name, options)
      },
    }
    methods[kind.method] = named[kind.method]
  }
  methods.resolve = function resolve(this: unknown, name: unknown, type: unknown) {
    if (type === undefined) return query(this, kindOf('A'), name, undefined)
    if (typeof type !== 'string') throw invalidArgType('rrtype', 'of type string', type)
    return query(this, kindOf(type), name, undefined)
  }
  methods.reverse = function reverse(this: unknown, address: unknown) {
    validateString(address, 'name')
    const end = beginEntry('result', 'getHostByAddr', { host: address, ttl: false })
    return promised((done) => coreOf(this).reverse(address, done), end)
  }
  return methods
}

function promised(begin: (done: Done) => void, end: EndEntry | null): Promise<unknown> {
  return new Promise((resolve, reject) => {
    begin((error, result) => {
      if (error !== null) {
        reject(error)
        return
      }
      resolve(result)
      end?.(result)
    })
  })
}

function lookupEntry({ hostname, family, hints, order }: LookupRequest): EndEntry | null {
  return beginEntry('addresses', 'lookup', { hostname, family, hints, verbatim: order === 'verbatim', order })
}

/** What an entry says of the addresses that were found. */
function observedAddresses(addresses: readonly LookupAddress[], all: boolean): unknown[] {
  return all ? [...addresses] : addresses.map(({ address }) => address)
}

let hasWarned = false

/** DEP0118, which Node says once. */
function warnOfNoName(hostname: unknown): void {
  if (hasWarned) return
  hasWarned = true
  const what = `The provided hostname "${hostname}" is not a valid hostname`
  emitWarning(`${what}, and is supported in the dns module solely for compatibility.`, 'DeprecationWarning', 'DEP0118')
}

/** The class `Resolver` of one stack, with the methods given. */
function resolverClass(host: DnsHost, methodsOf: typeof callbackMethods): new (options?: ResolverOptions) => object {
  class Resolver {
    readonly #core: ResolverCore

    constructor(options?: ResolverOptions) {
      this.#core = new ResolverCore(host.newClient(clientOptionsOf(options)), () => host.hosts())
    }

    static core(resolver: Resolver): ResolverCore {
      return resolver.#core
    }

    cancel(): void {
      this.#core.cancel()
    }

    getServers(): string[] {
      return this.#core.getServers()
    }

    setServers(servers: readonly string[]): void {
      this.#core.setServers(servers)
    }

    setLocalAddress(ipv4: string, ipv6?: string): void {
      this.#core.setLocalAddress(ipv4, ipv6)
    }
  }
  const { core } = Resolver
  Reflect.deleteProperty(Resolver, 'core')
  define(Resolver.prototype, methodsOf(core))
  return Resolver
}

/** Node takes the absence of a name for a name without addresses, until version 26. */
function noName(hostname: unknown): TypeError | null {
  if (hostname || NODE_MAJOR < 26) return null
  return invalidArgValue('hostname', hostname, 'must be a non-empty string')
}

function validateServiceAddress(address: unknown): asserts address is string {
  if (NODE_MAJOR >= 24) validateString(address, 'address')
  validateAddress(address, 'address')
}

/** A module with the surface of `node:dns` over any `DnsHost`. */
export function createDnsModule(host: DnsHost): DnsModule {
  const core = new ResolverCore(host.client, () => host.hosts())
  // As `--dns-result-order` has it.
  const state: { order: ResultOrder } = { order: dns.getDefaultResultOrder() as ResultOrder }

  function lookup(hostname: unknown, options: unknown, callback?: unknown): object {
    if (typeof options === 'function') [options, callback] = [undefined, options]
    // Node looks at a callback before it looks at what options there are, and at the name before both.
    if (hostname) validateHostname(hostname)
    validateFunction(
      callback === undefined && typeof options !== 'object' && typeof options !== 'number' ? options : callback,
      'callback',
    )
    const request = lookupRequest(hostname, options, state.order, true)
    const refusal = noName(hostname)
    if (refusal !== null) throw refusal
    const results = (addresses: readonly LookupAddress[]): unknown[] => {
      if (request.all) return [addresses]
      const [first] = addresses
      return first === undefined ? [null, request.family === 6 ? 6 : 4] : [first.address, first.family]
    }
    if (!hostname) warnOfNoName(hostname)
    const known = knownAddresses(request)
    if (known !== null) {
      // Where in the order of things Node has it, too.
      nextTick(callback as (...words: unknown[]) => void, null, ...results(known))
      return {}
    }
    const query = new GetAddrInfoReqWrap(request.hostname, host.nameRequests)
    const end = lookupEntry(request)
    lookupAddresses(host, request, (error, addresses) => {
      if (error !== null) query.complete(callback as never, [error])
      else {
        const after = () => end?.(observedAddresses(addresses, request.all))
        query.complete(callback as never, [null, ...results(addresses)], after)
      }
    })
    return query
  }

  function lookupPromise(hostname: unknown, options?: unknown): Promise<unknown> {
    const request = lookupRequest(hostname, options, state.order, false)
    const refusal = noName(hostname)
    if (refusal !== null) return Promise.reject(refusal)
    const result = (addresses: readonly LookupAddress[]) =>
      request.all ? addresses : (addresses[0] ?? { address: null, family: request.family === 6 ? 6 : 4 })
    if (!hostname) warnOfNoName(hostname)
    const known = knownAddresses(request)
    if (known !== null) return Promise.resolve(result(known))
    const query = new GetAddrInfoReqWrap(request.hostname, host.nameRequests)
    const end = lookupEntry(request)
    return new Promise((resolve, reject) => {
      lookupAddresses(host, request, (error, addresses) => {
        query.end()
        if (error !== null) {
          reject(error)
          return
        }
        resolve(result(addresses))
        end?.(observedAddresses(addresses, request.all))
      })
    })
  }
  nameResults(lookup, 'address', 'family')

  /** @param named how an error names the address */
  const service = (address: string, port: number, named: string, done: (error: Error | null, found: Service) => void) =>
    core.nameOf(address, (names) => {
      const isFound = typeof names !== 'string'
      const found = { hostname: isFound ? names[0] : '', service: host.serviceName(port) }
      if (isFound) done(null, found)
      else done(dnsError(names === 'ENOTFOUND' ? 'ENOTFOUND' : 'EAI_AGAIN', 'getnameinfo', named), found)
    })
  const serviceEntry = (address: string, port: number) =>
    beginEntry('service', 'lookupService', { host: address, port })

  function lookupService(...args: unknown[]): object {
    if (args.length !== 3) throw missingArgs('address', 'port', 'callback')
    const [address, port, callback] = args
    validateServiceAddress(address)
    const number = validatePort(port)
    validateFunction(callback, 'callback')
    const query = new GetNameInfoReqWrap(address, host.nameRequests)
    const end = serviceEntry(address, number)
    service(address, number, address, (error, { hostname, service: name }) => {
      if (error !== null) query.complete(callback as never, [error])
      else query.complete(callback as never, [null, hostname, name], () => end?.(hostname, name))
    })
    return query
  }
  nameResults(lookupService, 'hostname', 'service')

  function lookupServicePromise(...args: unknown[]): Promise<unknown> {
    if (args.length !== 2) throw missingArgs('address', 'port')
    const [address, port] = args
    validateServiceAddress(address)
    const number = validatePort(port)
    const query = new GetNameInfoReqWrap(address, host.nameRequests)
    const end = serviceEntry(address, number)
    return new Promise((resolve, reject) => {
      // Of Node its error does not say whose name was looked for.
      service(address, number, '', (error, found) => {
        query.end()
        if (error !== null) {
          reject(error)
          return
        }
        resolve(found)
        end?.(found.hostname, found.service)
      })
    })
  }

  const shared = {
    getDefaultResultOrder: () => state.order,
    setDefaultResultOrder: (order: unknown) => {
      validateOneOf(order, 'dnsOrder', RESULT_ORDERS)
      state.order = order as ResultOrder
    },
    getServers: () => core.getServers(),
    setServers: (servers: unknown) => core.setServers(servers),
  }
  const promises = {
    lookup: lookupPromise,
    lookupService: lookupServicePromise,
    Resolver: resolverClass(host, promiseMethods),
    ...shared,
    ...constants(isErrorCode),
    ...promiseMethods(() => core),
  }
  const module = {
    lookup,
    lookupService,
    Resolver: resolverClass(host, callbackMethods),
    ...shared,
    ...constants(isConstant),
    ...callbackMethods(() => core),
    promises,
    client: host.client,
  }
  return module as unknown as DnsModule
}
