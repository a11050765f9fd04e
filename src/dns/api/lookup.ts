/** `lookup` of node:dns, which is getaddrinfo(3): its arguments, and the order of addresses. */
import dns from 'node:dns'
import { isIP } from 'node:net'
import { IpAddress, type IpFamily, IpPrefix } from '../../address/index.ts'
import { PolicyTable, type SourceCandidate, selectSource, sortDestinations } from '../../ipv6/index.ts'
import type { AddressLookup, AddressOutcome, LookupAddress } from '../address-lookup.ts'
import type { DnsErrorCode } from '../codes.ts'
import {
  invalidArgType,
  invalidArgValue,
  validateBoolean,
  validateHostname,
  validateNumber,
  validateOneOf,
} from './arguments.ts'
import { type DnsError, dnsError, NO_ADDRESS } from './dns-error.ts'
import { legacyAddress } from './legacy-address.ts'

export const RESULT_ORDERS = ['verbatim', 'ipv4first', 'ipv6first'] as const
export type ResultOrder = (typeof RESULT_ORDERS)[number]

/** What `lookup` is asked for. */
export interface LookupRequest {
  hostname: string
  family: 0 | IpFamily
  hints: number
  all: boolean
  order: ResultOrder
}

const FAMILIES = [0, 4, 6]

/**
 * Reads the arguments of `lookup`, in the order in which Node does.
 * @param named whether a family may be 'IPv4' or 'IPv6', which node:dns takes and node:dns/promises does not
 * @throws TypeError as node:dns
 */
export function lookupRequest(hostname: unknown, options: unknown, order: ResultOrder, named: boolean): LookupRequest {
  const request: LookupRequest = { hostname: '', family: 0, hints: 0, all: false, order }
  if (hostname) validateHostname(hostname)
  request.hostname = (hostname || '') as string
  if (typeof options === 'number') {
    validateOneOf(options, 'family', FAMILIES)
    request.family = options as 0 | IpFamily
    return request
  }
  if (options === undefined || options === null) return request
  if (typeof options !== 'object') throw invalidArgType('options', 'of type object or integer', options)
  const { hints, family, all, verbatim, order: asked } = options as Record<string, unknown>
  if (hints !== undefined && hints !== null) {
    validateNumber(hints, 'options.hints')
    request.hints = hints >>> 0
    if ((request.hints & ~(dns.ADDRCONFIG | dns.ALL | dns.V4MAPPED)) !== 0)
      throw invalidArgValue('hints', request.hints)
  }
  if (family !== undefined && family !== null) {
    const number = named && family === 'IPv4' ? 4 : named && family === 'IPv6' ? 6 : family
    validateOneOf(number, 'options.family', FAMILIES)
    request.family = number as 0 | IpFamily
  }
  if (all !== undefined && all !== null) {
    validateBoolean(all, 'options.all')
    request.all = all
  }
  if (verbatim !== undefined && verbatim !== null) {
    validateBoolean(verbatim, 'options.verbatim')
    request.order = verbatim ? 'verbatim' : 'ipv4first'
  }
  if (asked !== undefined && asked !== null) {
    validateOneOf(asked, 'options.order', RESULT_ORDERS)
    request.order = asked as ResultOrder
  }
  return request
}

/** What looking up needs of the stack. */
export interface LookupHost extends DestinationOrder {
  readonly lookup: AddressLookup
}

/** What the order of destinations depends on, RFC 6724, section 6. */
export interface DestinationOrder {
  /** The addresses that the stack has now. */
  addresses(): readonly IpPrefix[]
  /**
   * Which of them packets to a destination come from, null if none can get there; default what section 5 says of `addresses`
   * alone.
   */
  sourceFor?(destination: IpAddress): SourceCandidate | null
  /** Default that of the C library on Linux, which also stands for that of the RFC. */
  readonly policy?: PolicyTable
}

/** What is known without looking anything up: an address in place of a name, and nothing for no name; null if it is not. */
export function knownAddresses({ hostname }: LookupRequest): readonly LookupAddress[] | null {
  if (hostname === '') return []
  const family = isIP(hostname)
  return family === 0 ? null : [{ address: hostname, family: family as IpFamily }]
}

/** @param done is called once, never from inside this call @returns cancels */
export function lookupAddresses(
  host: LookupHost,
  request: LookupRequest,
  done: (error: DnsError | null, addresses: readonly LookupAddress[]) => void,
): () => void {
  const { hostname, family, hints } = request
  const numeric = legacyAddress(hostname)
  const mapped = family === 6 && (hints & dns.V4MAPPED) !== 0
  const wanted: readonly IpFamily[] = family === 0 || mapped ? [4, 6] : [family]
  const families = (hints & dns.ADDRCONFIG) === 0 ? wanted : wanted.filter((each) => isConfigured(host, each))
  const finished = (outcome: AddressOutcome) => {
    if (typeof outcome === 'string') {
      done(lookupError(outcome, hostname), [])
      return
    }
    const addresses = mapped ? mappedAddresses(outcome, hints) : outcome
    done(null, ordered(host, addresses, request.order))
  }
  if (numeric !== null) {
    queueMicrotask(() => {
      if (family === 6 && !mapped) done(dnsError('EAI_ADDRFAMILY', 'getaddrinfo', hostname), [])
      else finished([{ address: numeric, family: 4 }])
    })
    return () => {}
  }
  if (families.length === 0) {
    queueMicrotask(() => finished('ENOTFOUND'))
    return () => {}
  }
  return host.lookup.lookup(hostname, families, finished)
}

/** What `lookup` fails with. */
export function lookupError(outcome: DnsErrorCode, hostname: string): DnsError {
  if (outcome === 'ENODATA') return dnsError('ENOTFOUND', 'getaddrinfo', hostname, NO_ADDRESS)
  return dnsError(outcome === 'ENOTFOUND' ? 'ENOTFOUND' : 'EAI_AGAIN', 'getaddrinfo', hostname)
}

/** RFC 3493, section 6.1, AI_ADDRCONFIG: an address that is not the loopback's. */
function isConfigured(host: LookupHost, family: IpFamily): boolean {
  return host.addresses().some(({ address }) => address.family === family && !address.isLoopback)
}

/** RFC 3493, section 6.1: AI_V4MAPPED, and with AI_ALL both. */
function mappedAddresses(addresses: readonly LookupAddress[], hints: number): LookupAddress[] {
  const native = addresses.filter(({ family }) => family === 6)
  if (native.length > 0 && (hints & dns.ALL) === 0) return native
  const others = addresses.filter(({ family }) => family === 4)
  return [...native, ...others.map(({ address }): LookupAddress => ({ address: `::ffff:${address}`, family: 6 }))]
}

/** In the order that was asked for; each address once. */
export function ordered(
  host: DestinationOrder,
  addresses: readonly LookupAddress[],
  order: ResultOrder,
): readonly LookupAddress[] {
  const unique = addresses.filter(
    (one, index) => addresses.findIndex(({ address }) => address === one.address) === index,
  )
  const sorted = sortedBySource(host, unique)
  if (order === 'verbatim') return sorted
  const first = order === 'ipv4first' ? 4 : 6
  return [...sorted.filter(({ family }) => family === first), ...sorted.filter(({ family }) => family !== first)]
}

/** Addresses that are always ours, for what is on this host. */
const LOOPBACK = [IpPrefix.parse('127.0.0.1/8'), IpPrefix.parse('::1/128')]

/**
 * The table of the C library on Linux, gai.conf(5): that of RFC 3484, section 2.1, with labels of its own for RFC 4193 and 4380.
 * Unlike that of RFC 6724 it does not put private IPv6 addresses behind IPv4.
 */
const POLICY = new PolicyTable([
  { prefix: '::1/128', precedence: 50, label: 0 },
  { prefix: '::/0', precedence: 40, label: 1 },
  { prefix: '2002::/16', precedence: 30, label: 2 },
  { prefix: '::/96', precedence: 20, label: 3 },
  { prefix: '::ffff:0:0/96', precedence: 10, label: 4 },
  { prefix: 'fec0::/10', precedence: 40, label: 5 },
  { prefix: 'fc00::/7', precedence: 40, label: 6 },
  { prefix: '2001::/32', precedence: 40, label: 7 },
])

/** The best first: RFC 6724, section 6, by what addresses we have to come from. */
function sortedBySource(host: DestinationOrder, addresses: readonly LookupAddress[]): LookupAddress[] {
  if (addresses.length < 2) return [...addresses]
  const sources = candidates(host)
  const policy = host.policy === undefined || host.policy === PolicyTable.DEFAULT ? POLICY : host.policy
  const destinations = addresses.map((each) => {
    const address = IpAddress.parse(each.address)
    if (host.sourceFor !== undefined) return { each, address, source: host.sourceFor(address) }
    const usable = sources.filter((source) => source.address.isLoopback === address.isLoopback)
    return { each, address, source: selectSource(usable, address, { policy }) }
  })
  return sortDestinations(destinations, { policy }).map(({ each }) => each)
}

function candidates(host: DestinationOrder): SourceCandidate[] {
  return [...host.addresses(), ...LOOPBACK].map(({ address, length }) => ({
    address,
    prefixLength: length,
    interface: address.isLoopback ? 1 : 0,
    deprecated: false,
    temporary: false,
    optimistic: false,
    nextHop: null,
  }))
}
