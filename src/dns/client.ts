/** The resolver of a stack (RFC 1034, section 5.3.1: a stub resolver): cache, questions under way, servers. */
import { type Clock, MILLISECOND, type Microseconds, type Random, Timer } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import type { DnsAnswer } from './answer.ts'
import { DnsCache } from './cache.ts'
import type { DnsErrorCode } from './codes.ts'
import { type DnsCounters, newDnsCounters } from './counters.ts'
import { Query, type QueryContext, type QuerySettings } from './query.ts'
import type { DnsServer } from './server.ts'
import { type LearntServers, ServerList } from './server-list.ts'
import { StreamPool } from './stream-pool.ts'
import type { DnsTransport } from './transport.ts'
import type { Question } from './wire.ts'

/** Questions under way at once: as many sockets, and a burst that a server's socket takes. */
const QUESTIONS_AT_ONCE = 256
export const DEFAULT_CACHE_SIZE = 1_024
/** Milliseconds; MirageOS's. */
export const DEFAULT_TIMEOUT = 5_000

/** What `new DnsClient` takes. */
export interface DnsClientOptions {
  transport: DnsTransport
  clock: Clock
  random: Random
  log?: Log
  /** Default: none. */
  servers?: readonly DnsServer[]
  /** Whose servers are asked while this client has none of its own. */
  parent?: ServerList
  /** Milliseconds for one question with all its tries, 1 to 2^31 - 1; default 5,000. Infinity: as long as these take. */
  timeout?: number
  /** Milliseconds until the next try, 1 to 2^31 - 1; doubles with each round. Default 1,000. */
  tryTimeout?: number
  /** Milliseconds beyond which that does not grow; default 4,000 or `tryTimeout`, whichever is more. */
  longestTryTimeout?: number
  /** How often each server is asked, 1 to 100; default 4. */
  tries?: number
  /** Answers kept, 0 to 1,048,576; default 1,024. */
  cacheSize?: number
  /** Begins each question with another server; default false. */
  rotate?: boolean
  /** Questions under way at once, 1 to 16,384; default 256. Others wait. */
  concurrency?: number
  /** Told when the first question is under way, and when none is any more. */
  onPending?: (isPending: boolean) => void
}

/** What a question ended with. */
export type DnsOutcome = DnsAnswer | DnsErrorCode
export type DnsCallback = (outcome: DnsOutcome) => void

/** A question under way, and who waits for its answer. */
class Pending {
  readonly key: string
  readonly question: Question
  readonly waiters = new Set<DnsCallback>()
  readonly deadline: Timer
  /** Of who asked first. */
  readonly settings: QuerySettings
  query: Query | null = null

  constructor(key: string, question: Question, settings: QuerySettings, onDeadline: (pending: Pending) => void) {
    this.key = key
    this.question = question
    this.settings = settings
    this.deadline = new Timer({ onTimer: () => onDeadline(this) })
  }
}

/** A stub resolver, RFC 1034, section 5.3.1: servers, retries, cache. */
export class DnsClient {
  readonly counters: DnsCounters = newDnsCounters()
  readonly servers: ServerList
  readonly clock: Clock
  readonly #log: Log
  readonly #cache: DnsCache
  readonly #streams: StreamPool
  readonly #context: QueryContext
  readonly #settings: QuerySettings
  /** Microseconds. */
  readonly #timeout: Microseconds
  readonly #concurrency: number
  readonly #onPending: ((isPending: boolean) => void) | null
  readonly #pending = new Map<string, Pending>()
  /** Of those the ones that have no query yet, in the order of asking. */
  readonly #waiting = new Set<Pending>()
  #active = 0
  #closed = false
  readonly #localAddresses: { v4: string | null; v6: string | null } = { v4: null, v6: null }

  /** @throws RangeError for an option */
  constructor(options: DnsClientOptions) {
    const { transport, clock, random } = options
    const tryTimeout = integerInRange('tryTimeout', options.tryTimeout ?? 1_000, 1, 2 ** 31 - 1)
    const longestTryTimeout = options.longestTryTimeout ?? Math.max(tryTimeout, 4_000)
    integerInRange('longestTryTimeout', longestTryTimeout, 1, 2 ** 31 - 1)
    const tries = integerInRange('tries', options.tries ?? 4, 1, 2 ** 31 - 1)
    const timeout = options.timeout ?? DEFAULT_TIMEOUT
    if (timeout !== Number.POSITIVE_INFINITY) integerInRange('timeout', timeout, 1, 2 ** 31 - 1)
    const cacheSize = integerInRange('cacheSize', options.cacheSize ?? DEFAULT_CACHE_SIZE, 0, 1_048_576)
    this.clock = clock
    this.#log = options.log ?? SILENT
    this.#settings = { tryTimeout, longestTryTimeout, tries }
    this.#timeout = timeout * MILLISECOND
    this.#concurrency = integerInRange('concurrency', options.concurrency ?? QUESTIONS_AT_ONCE, 1, 16_384)
    this.#onPending = options.onPending ?? null
    this.servers = new ServerList(clock, options.rotate ?? false, options.parent ?? null)
    this.servers.configure(options.servers ?? null)
    this.#cache = new DnsCache(clock, this.counters, cacheSize)
    const localAddressFor = (server: string) => this.#localAddresses[server.includes(':') ? 'v6' : 'v4']
    this.#streams = new StreamPool(transport, clock, random, this.counters, localAddressFor)
    this.#context = {
      transport,
      clock,
      random,
      counters: this.counters,
      servers: this.servers,
      streams: this.#streams,
      localAddressFor,
    }
  }

  /** Questions that have no answer yet. */
  get pending(): number {
    return this.#pending.size
  }

  get cacheSize(): number {
    return this.#cache.size
  }

  /** The servers from now on; those that the network offers no longer count. What was learnt from others is forgotten. */
  setServers(servers: readonly DnsServer[]): void {
    this.servers.configure(servers)
    this.#changed()
  }

  /**
   * The servers and search domains that the network offers, instead of what the same source said before, `dhcp` first
   * where there are several; they count while the application names none itself. Null: it offers none any more.
   */
  learnServers(source: string, learnt: LearntServers | null): void {
    // Routers say the same again and again.
    if (this.servers.learn(source, learnt)) this.#changed()
  }

  #changed(): void {
    // Another server may see another world.
    this.#cache.clear()
    this.#log.debug('name servers', { servers: this.servers.servers })
  }

  /** Where questions come from; null: what routes give. */
  setLocalAddress(v4: string | null, v6: string | null): void {
    this.#localAddresses.v4 = v4
    this.#localAddresses.v6 = v6
  }

  /**
   * Asks. `callback` is called once, never from inside this call, and not after cancelling.
   * @param settings instead of the client's, for one who asks first
   * @returns cancels
   */
  ask(question: Question, callback: DnsCallback, settings: QuerySettings = this.#settings): () => void {
    this.counters.questions++
    const key = `${question.type}/${question.name.toLowerCase()}`
    const answer = this.#cache.get(key)
    if (answer !== null || this.#closed) return this.#soon(answer ?? 'ECANCELLED', callback)
    let pending = this.#pending.get(key)
    if (pending === undefined) {
      pending = new Pending(key, question, settings, (late) => this.#settle(late, late.query?.failure ?? 'ETIMEOUT'))
      this.#pending.set(key, pending)
      if (this.#pending.size === 1) this.#onPending?.(true)
      this.#waiting.add(pending)
      this.clock.arm(pending.deadline, this.clock.now() + Math.min(this.#timeout, this.#longestWait(settings)))
      if (this.#active >= this.#concurrency) this.counters.delayed++
      else this.#startSoon()
    } else this.counters.coalesced++
    const joined = pending
    // Of its own, so that the same callback may wait twice.
    const waiter: DnsCallback = (outcome) => callback(outcome)
    joined.waiters.add(waiter)
    return () => {
      if (!joined.waiters.delete(waiter) || joined.waiters.size > 0 || this.#pending.get(key) !== joined) return
      this.#remove(joined)
      this.#startMore()
    }
  }

  /** As long as all tries take with all servers; a question that had to wait its turn does not get more. */
  #longestWait({ tryTimeout, longestTryTimeout, tries }: QuerySettings): Microseconds {
    const servers = Math.max(1, this.servers.servers.length)
    let wait = 0
    // Beyond, nothing doubles any more.
    for (let round = 0; round < Math.min(tries, 32); round++)
      wait += Math.min(tryTimeout * 2 ** round, longestTryTimeout)
    wait += Math.max(0, tries - 32) * longestTryTimeout
    return (wait * servers + 1) * MILLISECOND
  }

  #soon(outcome: DnsOutcome, callback: DnsCallback): () => void {
    let cancelled = false
    queueMicrotask(() => {
      if (!cancelled) callback(outcome)
    })
    return () => {
      cancelled = true
    }
  }

  #starting = false

  /** Not from inside `ask`, whose caller has no way to cancel yet. */
  #startSoon(): void {
    if (this.#starting) return
    this.#starting = true
    queueMicrotask(() => {
      this.#starting = false
      this.#startMore()
    })
  }

  #startMore(): void {
    for (const pending of this.#waiting) {
      if (this.#active >= this.#concurrency) break
      this.#waiting.delete(pending)
      this.#active++
      const query = new Query(this.#context, pending.question, pending.settings, (result) =>
        this.#settle(pending, result),
      )
      pending.query = query
      query.start()
    }
  }

  #settle(pending: Pending, outcome: DnsOutcome): void {
    if (this.#pending.get(pending.key) !== pending) return
    this.#remove(pending)
    if (typeof outcome !== 'string') this.#cache.put(pending.key, outcome)
    this.#startSoon()
    for (const waiter of pending.waiters) waiter(outcome)
  }

  #remove(pending: Pending): void {
    this.#pending.delete(pending.key)
    if (this.#pending.size === 0) this.#onPending?.(false)
    this.clock.disarm(pending.deadline)
    if (this.#waiting.delete(pending)) return
    this.#active--
    pending.query?.cancel()
  }

  /** Ends everything under way with ECANCELLED, and all connections. */
  close(): void {
    this.#closed = true
    this.cancel()
    this.#streams.close()
  }

  /** Ends every question with ECANCELLED. */
  cancel(): void {
    for (const pending of [...this.#pending.values()]) this.#settle(pending, 'ECANCELLED')
  }
}
