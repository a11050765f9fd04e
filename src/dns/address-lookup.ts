/**
 * The addresses of a host name, from a hosts file or by asking: search list and dots as resolv.conf(5) has them (RFC 1123,
 * section 6.1.4.3; RFC 1535), special names after RFC 6761.
 */
import type { IpFamily } from '../address/index.ts'
import type { DnsClient, DnsOutcome } from './client.ts'
import type { DnsErrorCode } from './codes.ts'
import type { Hosts } from './hosts.ts'
import { dotsIn, isLocalhost, isNeverAsked, questionName } from './name.ts'
import type { QuerySettings } from './query.ts'

/** An address of a name. */
export interface LookupAddress {
  address: string
  family: IpFamily
}

export interface AddressLookupOptions {
  client: DnsClient
  /** Domains that a name is tried in; null: those that the network offers. */
  searchList: readonly string[] | null
  /** A name with fewer dots is tried in the search list before it is tried as it is. 0 to 15. */
  ndots: number
  /** The hosts file as it is now. */
  hosts: () => Hosts
}

/**
 * Addresses, at least one; ENOTFOUND: no such name; ENODATA: none of these families; anything else: not known at present.
 */
export type AddressOutcome = readonly LookupAddress[] | DnsErrorCode

/** The answers to all families for one spelling of the name. */
interface Tried {
  readonly addresses: readonly LookupAddress[]
  /** Whether the name is there. */
  readonly exists: boolean
  readonly failure: DnsErrorCode | null
}

/** Addresses of a name, in the order in which they are to be tried: hosts file, DNS over both families, RFC 6724. */
export class AddressLookup {
  readonly client: DnsClient
  readonly #options: AddressLookupOptions

  constructor(options: AddressLookupOptions) {
    this.client = options.client
    this.#options = options
  }

  get #searchList(): readonly string[] {
    return this.#options.searchList ?? this.client.servers.learntSearchList
  }

  /**
   * Looks a name up in one or both families. `callback` is called once, never from inside this call, and not after
   * cancelling.
   * @param settings how servers are asked, if not as usual
   * @returns cancels
   */
  lookup(
    name: string,
    families: readonly IpFamily[],
    callback: (outcome: AddressOutcome) => void,
    settings?: QuerySettings,
  ): () => void {
    const known = this.#knownHere(name, families)
    const candidates = this.#candidates(name)
    if (known !== null || candidates.length === 0) return soon(known ?? 'ENOTFOUND', callback)
    let failure: DnsErrorCode | null = null
    let exists = false
    let cancel = () => {}
    const next = (index: number) => {
      if (index === candidates.length) {
        // As the C library: that a name is there is more than that a server failed for another one.
        callback(exists ? 'ENODATA' : (failure ?? 'ENOTFOUND'))
        return
      }
      const done = (tried: Tried) => {
        if (tried.addresses.length > 0) callback(tried.addresses)
        // A single family is given up where the name is, so that both, asked apart, stop at the same one.
        else if (tried.exists && families.length === 1) callback('ENODATA')
        else {
          failure ??= tried.failure
          exists ||= tried.exists && tried.failure === null
          // Nobody answers: nobody will answer what comes next.
          if (tried.failure === 'ETIMEOUT' || tried.failure === 'ECONNREFUSED') callback(tried.failure)
          else next(index + 1)
        }
      }
      cancel = this.#try(candidates[index], families, settings, done)
    }
    next(0)
    return () => cancel()
  }

  /** What is known without asking anybody. */
  #knownHere(name: string, families: readonly IpFamily[]): readonly LookupAddress[] | null {
    const hosts = this.#options.hosts()
    const found = families.flatMap((family) => hosts.addresses(name, family).map((address) => ({ address, family })))
    if (found.length > 0) return found
    if (!isLocalhost(name)) return null
    return families.map((family) => ({ address: family === 4 ? '127.0.0.1' : '::1', family }))
  }

  /** The names to ask for, in their order. */
  #candidates(name: string): string[] {
    const absolute = questionName(name)
    if (absolute === null || absolute === '' || isNeverAsked(name)) return []
    if (name.endsWith('.')) return [absolute]
    const searched: string[] = []
    for (const domain of this.#searchList) {
      const candidate = questionName(`${absolute}.${domain.replace(/^\.+|\.+$/g, '')}`)
      if (candidate !== null && candidate !== `${absolute}.`) searched.push(candidate)
    }
    return dotsIn(absolute) >= this.#options.ndots ? [absolute, ...searched] : [...searched, absolute]
  }

  #try(
    name: string,
    families: readonly IpFamily[],
    settings: QuerySettings | undefined,
    callback: (tried: Tried) => void,
  ): () => void {
    const outcomes: DnsOutcome[] = []
    let missing = families.length
    const cancels = families.map((family, index) => {
      const answered = (outcome: DnsOutcome) => {
        outcomes[index] = outcome
        if (--missing === 0) callback(summary(outcomes, families))
      }
      return this.client.ask({ name, type: family === 4 ? 'A' : 'AAAA' }, answered, settings)
    })
    return () => {
      for (const cancel of cancels) cancel()
    }
  }
}

function summary(outcomes: readonly DnsOutcome[], families: readonly IpFamily[]): Tried {
  const addresses: LookupAddress[] = []
  let exists = false
  let failure: DnsErrorCode | null = null
  outcomes.forEach((outcome, index) => {
    if (typeof outcome === 'string') {
      failure ??= outcome
      return
    }
    if (outcome.code !== 'ENOTFOUND') exists = true
    for (const { data } of outcome.records) addresses.push({ address: data as string, family: families[index] })
  })
  return { addresses, exists, failure }
}

function soon<T>(outcome: T, callback: (outcome: T) => void): () => void {
  let cancelled = false
  queueMicrotask(() => {
    if (!cancelled) callback(outcome)
  })
  return () => {
    cancelled = true
  }
}
