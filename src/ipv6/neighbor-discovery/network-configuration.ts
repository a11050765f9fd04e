import type { IpAddress, IpPrefix } from '../../address/index.ts'
import { type Clock, type Microseconds, SECOND } from '../../clock/index.ts'
import { isSamePrefix } from '../../ip/index.ts'
import { isUnicast } from '../addresses.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import { ExpiryTimer, endOfLifetime } from './lifetime.ts'
import * as options from './options.ts'
import { readAddress } from './wire.ts'

/** RFC 8106, 5.3.1, asks for three servers and names at least. */
const DNS_LIMIT = 8
const NAT64_LIMIT = 4

/** Something that routers say, and until when it holds. Link-local DNS servers belong to the link of this interface. */
export interface Advertised<Value> {
  readonly value: Value
  until: Microseconds
}

export interface NetworkConfigurationContext {
  readonly clock: Clock
  readonly counters: NeighborDiscoveryCounters
  configurationChanged(): void
}

/**
 * What routers say about the network beyond the link: where there is DHCPv6 (RFC 4861, 4.2), DNS (RFC 8106), a captive
 * portal (RFC 8910) and the prefix of NAT64 (RFC 8781). Bounded; while a list is full whatever is new is ignored.
 */
export class NetworkConfiguration {
  /** Addresses are to be had by DHCPv6, other configuration is. RFC 4861, 4.2. */
  managed = false
  otherConfiguration = false
  /** A URI, or null. RFC 8910, 2.3. */
  captivePortal: string | null = null
  readonly dnsServers: Advertised<IpAddress>[] = []
  readonly searchList: Advertised<string>[] = []
  readonly nat64Prefixes: Advertised<IpPrefix>[] = []

  readonly #context: NetworkConfigurationContext
  readonly #expiry: ExpiryTimer
  #changed = false

  constructor(context: NetworkConfigurationContext) {
    this.#context = context
    this.#expiry = new ExpiryTimer(context.clock, () => this.#expire())
  }

  learnFlags(managed: boolean, otherConfiguration: boolean): void {
    if (managed !== this.managed || otherConfiguration !== this.otherConfiguration) this.#changed = true
    this.managed = managed
    this.otherConfiguration = otherConfiguration
  }

  /** RFC 8106, 5.1. @returns whether it makes sense */
  learnDnsServers(bytes: Uint8Array, at: number): boolean {
    const until = this.#endOf(options.lifetime(bytes, at))
    let valid = true
    for (let i = 0; i < options.dnsServerCount(bytes, at); i++) {
      const server = readAddress(bytes, at + 8 + i * 16)
      if (isUnicast(server)) this.#learn(this.dnsServers, server, until, DNS_LIMIT, sameAddress)
      else valid = false
    }
    return valid
  }

  /** RFC 8106, 5.2. */
  learnSearchList(bytes: Uint8Array, at: number): boolean {
    const names = options.searchList(bytes, at)
    if (names === null) return false
    const until = this.#endOf(options.lifetime(bytes, at))
    for (const name of names) this.#learn(this.searchList, name, until, DNS_LIMIT, sameName)
    return true
  }

  learnCaptivePortal(bytes: Uint8Array, at: number): boolean {
    const uri = options.captivePortal(bytes, at)
    if (uri === null) return false
    if (uri !== this.captivePortal) this.#changed = true
    this.captivePortal = uri
    return true
  }

  /** RFC 8781, section 4. */
  learnNat64Prefix(bytes: Uint8Array, at: number): boolean {
    const prefix = options.nat64Prefix(bytes, at)
    if (prefix === null) return false
    const until = this.#context.clock.now() + options.nat64Lifetime(bytes, at) * SECOND
    this.#learn(this.nat64Prefixes, prefix, until, NAT64_LIMIT, isSamePrefix)
    return true
  }

  /** After the last option of a message: tells of changes once. */
  commit(): void {
    this.#arm()
    if (!this.#changed) return
    this.#changed = false
    this.#context.configurationChanged()
  }

  clear(): void {
    this.#expiry.stop()
    this.dnsServers.length = this.searchList.length = this.nat64Prefixes.length = 0
  }

  #endOf(lifetime: number): Microseconds {
    return endOfLifetime(this.#context.clock.now(), lifetime)
  }

  #learn<Value>(
    list: Advertised<Value>[],
    value: Value,
    until: Microseconds,
    limit: number,
    same: (one: Value, other: Value) => boolean,
  ): void {
    const known = list.findIndex((entry) => same(entry.value, value))
    if (until <= this.#context.clock.now()) {
      // A lifetime of 0 takes it back.
      if (known >= 0) list.splice(known, 1)
      if (known >= 0) this.#changed = true
    } else if (known >= 0) {
      list[known].until = until
    } else if (list.length >= limit) {
      this.#context.counters.dnsIgnored++
    } else {
      list.push({ value, until })
      this.#changed = true
    }
  }

  #expire(): void {
    const now = this.#context.clock.now()
    for (const list of [this.dnsServers, this.searchList, this.nat64Prefixes] as Advertised<unknown>[][]) {
      const kept = list.filter(({ until }) => until > now)
      if (kept.length !== list.length) this.#changed = true
      list.splice(0, list.length, ...kept)
    }
    this.commit()
  }

  #arm(): void {
    let earliest = Number.POSITIVE_INFINITY
    for (const list of [this.dnsServers, this.searchList, this.nat64Prefixes] as Advertised<unknown>[][]) {
      for (const { until } of list) if (until < earliest) earliest = until
    }
    this.#expiry.arm(earliest)
  }
}

function sameAddress(one: IpAddress, other: IpAddress): boolean {
  return one.equals(other)
}

/** RFC 1035, 2.3.3: case does not count. */
function sameName(one: string, other: string): boolean {
  return one.toLowerCase() === other.toLowerCase()
}
