/** What `Resolver` of node:dns and that of node:dns/promises share: questions by name, errors, cancelling. */
import { isIP } from 'node:net'
import { IpAddress, type IpFamily } from '../../address/index.ts'
import type { DnsClient, DnsOutcome } from '../client.ts'
import type { DnsErrorCode } from '../codes.ts'
import type { Hosts } from '../hosts.ts'
import { questionName, reverseName } from '../name.ts'
import { type DnsServer, formatServer, parseServer } from '../server.ts'
import {
  invalidArgType,
  invalidIpAddress,
  invalidLocalAddress,
  setServersFailed,
  validateInt32,
  validatePort,
  validateString,
} from './arguments.ts'
import { type DnsError, dnsError } from './dns-error.ts'
import type { QueryKind } from './query-kinds.ts'

/** Either an error or a result. */
export type Done = (error: DnsError | null, result?: unknown) => void

export interface ResolverOptions {
  /** Milliseconds that a server has for the first try, 1 to 2^31 - 1; -1, the default, leaves it to the stack. */
  timeout?: number
  /** How often each server is asked, from 1; default 4. */
  tries?: number
  /** Milliseconds beyond which the time for a try does not grow, to 2^32 - 1; 0, the default: the stack's. */
  maxTimeout?: number
}

/** @throws TypeError or RangeError as node:dns; @returns options of a `DnsClient` */
export function clientOptionsOf(options: ResolverOptions | undefined) {
  const { timeout = -1, tries = 4, maxTimeout = 0 } = { ...options }
  validateInt32(timeout, 'options.timeout', -1)
  validateInt32(tries, 'options.tries', 1)
  validateInt32(maxTimeout, 'options.maxTimeout', 0, 2 ** 32 - 1)
  const own = options?.timeout !== undefined || options?.tries !== undefined || maxTimeout > 0
  return {
    tries,
    ...(timeout > 0 ? { tryTimeout: timeout, longestTryTimeout: maxTimeout || 2 ** 31 - 1 } : {}),
    ...(timeout <= 0 && maxTimeout > 0 ? { longestTryTimeout: maxTimeout } : {}),
    // Who says how long and how often gets just that.
    ...(own ? { timeout: Number.POSITIVE_INFINITY } : {}),
  }
}

/** What Node gives for an alias of a name that has no such records: null for an empty list, otherwise an error. */
function bareAliasCode(kind: QueryKind): string | null {
  if (kind.type === 'SOA') return 'EBADRESP'
  return kind.type === 'NS' || kind.type === 'PTR' ? 'ENODATA' : null
}

/** The forms of MirageOS, which node:dns does not know. */
const WITH_PROTOCOL = /^(udp|tcp|tls):/i

/**
 * One server as `setServers` takes it. As in Node, what stands behind an address in brackets is a port or is not looked at, and
 * port 0 stands for the usual one.
 * @throws TypeError, RangeError
 */
function serverOf(text: string): DnsServer {
  const bracketed = /^\[([^[\]]*)\]/.exec(text)?.[1] ?? ''
  const [, start = '', digits] = /(^.+?)(?::(\d+))?$/.exec(text) ?? []
  const isBare = isIP(text) !== 0 || WITH_PROTOCOL.test(text)
  const address = isBare ? text : isIP(bracketed) !== 0 ? bracketed : start
  const port = isBare || digits === undefined ? 0 : Number(digits)
  if (!isBare && isIP(address) !== 0) validatePort(port)
  const server = isBare || isIP(address) !== 0 ? parseServer(port === 0 ? address : `[${address}]:${port}`) : null
  if (server === null) throw invalidIpAddress(text)
  return server
}

/** The interface that a link-local address is on has nothing to do with its names. */
function addressOf(text: string): IpAddress | null {
  return isIP(text) === 0 ? null : IpAddress.tryParse(text.replace(/%.*$/, ''))
}

/** What an IPv4-compatible address stands for (RFC 4291, section 2.5.5.1); `::1` is none. */
function embeddedAddress({ family, word0, word1, word2, word3 }: IpAddress): IpAddress | null {
  return family === 6 && (word0 | word1 | word2) === 0 && word3 !== 1 ? IpAddress.v4(word3) : null
}

export class ResolverCore {
  readonly client: DnsClient
  readonly #hosts: () => Hosts
  /** Of questions under way: their end with ECANCELLED. */
  readonly #underWay = new Set<() => void>()

  constructor(client: DnsClient, hosts: () => Hosts) {
    this.client = client
    this.#hosts = hosts
  }

  /** @param done is called once, and never from inside this call */
  query(kind: QueryKind, name: string, ttl: boolean, done: Done): void {
    const asked = questionName(name)
    const failed = (code: string) => done(dnsError(code, kind.syscall, name))
    if (asked === null || /(^|\.)onion$/i.test(asked)) {
      queueMicrotask(() => failed(asked === null ? 'EBADNAME' : 'ENOTFOUND'))
      return
    }
    this.#ask(asked, kind.type, (outcome) => {
      if (typeof outcome === 'string') failed(outcome)
      else {
        const code = outcome.code === 'ENODATA' && outcome.isAlias ? bareAliasCode(kind) : outcome.code
        if (code === null) done(null, kind.shape(outcome, ttl))
        else failed(code)
      }
    })
  }

  #ask(name: string, type: QueryKind['type'], callback: (outcome: DnsOutcome) => void): void {
    const cancel = this.client.ask({ name, type }, (outcome) => {
      this.#underWay.delete(end)
      callback(outcome)
    })
    const end = () => {
      cancel()
      this.#underWay.delete(end)
      callback('ECANCELLED')
    }
    this.#underWay.add(end)
  }

  /** The names of an address: those of the hosts file, or else of its PTR records. @throws DnsError EINVAL */
  reverse(text: string, done: Done): void {
    const syscall = 'getHostByAddr'
    const address = addressOf(text)
    if (address === null) throw dnsError('EINVAL', syscall, text)
    const question = reverseName(address, isIP(text) as IpFamily)
    this.#names(this.#hosts().names(address.toString()), question, (outcome) => {
      if (typeof outcome === 'string') done(dnsError(outcome, syscall, text))
      else done(null, outcome)
    })
  }

  /**
   * For `lookupService`, as getnameinfo(3) of the C library does it: an IPv4 address in the form of an IPv6 one is nowhere in the
   * hosts file, and its PTR record is that of the IPv4 address; `::` has none.
   */
  nameOf(text: string, done: (outcome: string[] | DnsErrorCode) => void): void {
    const address = addressOf(text)!
    const isMapped = isIP(text) === 6 && address.family === 4
    if (address.family === 6 && address.isUnspecified) {
      queueMicrotask(() => done('ENOTFOUND'))
      return
    }
    const embedded = embeddedAddress(address)
    this.#names(isMapped ? [] : this.#hosts().names(address.toString()), reverseName(embedded ?? address), done)
  }

  #names(here: readonly string[], question: string, done: (outcome: string[] | DnsErrorCode) => void): void {
    if (here.length > 0) {
      queueMicrotask(() => done([...here]))
      return
    }
    this.#ask(question, 'PTR', (outcome) => {
      if (typeof outcome === 'string') done(outcome)
      else if (outcome.code !== null) done('ENOTFOUND')
      else done(outcome.records.map(({ data }) => data as string))
    })
  }

  cancel(): void {
    for (const end of [...this.#underWay]) end()
  }

  getServers(): string[] {
    return this.client.servers.servers.map(formatServer)
  }

  /** @throws TypeError, RangeError or Error as node:dns; the forms of MirageOS are understood as well */
  setServers(servers: unknown): void {
    if (!Array.isArray(servers)) throw invalidArgType('servers', 'an instance of Array', servers)
    const parsed: DnsServer[] = []
    // Not `map`, which leaves holes where there are some.
    servers.forEach((text, index) => {
      // Node names it an argument, although it has a point in it nowhere.
      validateString(text, `servers[${index}]`)
      parsed.push(serverOf(text))
    })
    // As c-ares: who asks now would be answered by others.
    if (this.#underWay.size > 0) throw setServersFailed('There are pending queries.', servers)
    this.client.setServers(parsed)
  }

  /** @throws TypeError as node:dns */
  setLocalAddress(one: unknown, other?: unknown): void {
    validateString(one, 'ipv4')
    if (other !== undefined) validateString(other, 'ipv6')
    const addresses = [one, other]
      .filter((text) => text !== undefined)
      .map((text) => IpAddress.tryParse(text as string))
    const found: { 4: string | null; 6: string | null } = { 4: null, 6: null }
    for (const address of addresses) {
      if (address === null) throw invalidLocalAddress('Invalid IP address.')
      const { family } = address
      if (found[family] !== null) throw invalidLocalAddress(`Cannot specify two IPv${family} addresses.`)
      // The unspecified one stands for "any".
      found[family] = address.isUnspecified ? null : address.toString()
    }
    this.client.setLocalAddress(found[4], found[6])
  }
}
