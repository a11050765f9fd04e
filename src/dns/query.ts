/**
 * One question put to servers until one of them answers: RFC 1035, section 7.2; what is taken for an answer: RFC 5452,
 * section 9.1; truncation: RFC 7766, section 5; servers without EDNS: RFC 6891, section 7.
 */
import { type Clock, MILLISECOND, type Random, Timer } from '../clock/index.ts'
import { answerOf, type DnsAnswer } from './answer.ts'
import { type DnsErrorCode, Rcode } from './codes.ts'
import type { DnsCounters } from './counters.ts'
import { headerRcode, identifierOf, isResponse, isTruncated, repeatsQuestion } from './outline.ts'
import type { ServerList, ServerState } from './server-list.ts'
import type { StreamPool } from './stream-pool.ts'
import type { DatagramHandler, DnsDatagrams, DnsTransport } from './transport.ts'
import { buildQuery, parseResponse, type Question } from './wire.ts'

/**
 * Wrong answers at the very socket of a query after which it goes over TCP: somebody is guessing, and over TCP it takes more
 * than guessing (RFC 5452, section 9.3).
 */
const MOST_WRONG_ANSWERS = 8

/** How often and how long a question is asked. */
export interface QuerySettings {
  /** Milliseconds that a server has to answer the first time; each further round of tries takes twice as long. */
  readonly tryTimeout: number
  /** Milliseconds beyond which that does not grow. */
  readonly longestTryTimeout: number
  /** How often each server is asked. */
  readonly tries: number
}

/** What queries share. */
export interface QueryContext {
  readonly transport: DnsTransport
  readonly clock: Clock
  readonly random: Random
  readonly counters: DnsCounters
  readonly servers: ServerList
  readonly streams: StreamPool
  /** Null: the one that routes give. */
  localAddressFor(server: string): string | null
}

export type QueryResult = DnsAnswer | DnsErrorCode

export class Query {
  readonly #context: QueryContext
  readonly #question: Question
  readonly #settings: QuerySettings
  readonly #done: (result: QueryResult) => void
  readonly #order: ServerState[]
  readonly #attempts = new Map<ServerState, Attempt>()
  /** Servers that said that they cannot: they are not asked again. */
  readonly #refused = new Set<ServerState>()
  #try = -1
  #current: ServerState | null = null
  #finished = false
  #failure: DnsErrorCode = 'ETIMEOUT'
  readonly #timer = new Timer({ onTimer: () => this.#timedOut() })

  constructor(context: QueryContext, question: Question, settings: QuerySettings, done: (result: QueryResult) => void) {
    this.#context = context
    this.#question = question
    this.#settings = settings
    this.#done = done
    this.#order = context.servers.order()
  }

  start(): void {
    if (this.#order.length === 0) this.#finish('ECONNREFUSED')
    else this.#next()
  }

  /** What to say if no answer comes any more. */
  get failure(): DnsErrorCode {
    return this.#failure
  }

  /** Ends it; `done` is not called. */
  cancel(): void {
    if (this.#finished) return
    this.#finished = true
    this.#context.clock.disarm(this.#timer)
    for (const attempt of this.#attempts.values()) attempt.close()
  }

  /** The next server, or the same again after its first time. Those asked before may still answer. */
  #next(): void {
    const servers = this.#order
    do {
      this.#try++
      if (this.#try >= servers.length * this.#settings.tries || this.#refused.size === servers.length) {
        this.#finish(this.#failure)
        return
      }
    } while (this.#refused.has(servers[this.#try % servers.length]))
    const state = servers[this.#try % servers.length]
    this.#current = state
    let attempt = this.#attempts.get(state)
    if (attempt === undefined) {
      attempt = new Attempt(this.#context, this.#question, state, {
        answered: (bytes) => this.#answered(state, bytes),
        failed: (code) => this.#failed(state, code),
        renewed: () => this.#armTimer(),
      })
      this.#attempts.set(state, attempt)
    }
    this.#armTimer()
    attempt.ask()
  }

  #armTimer(): void {
    const { clock } = this.#context
    const round = Math.floor(this.#try / this.#order.length)
    const wait = Math.min(this.#settings.tryTimeout * 2 ** round, this.#settings.longestTryTimeout)
    clock.arm(this.#timer, clock.now() + wait * MILLISECOND)
  }

  #timedOut(): void {
    const { counters, servers } = this.#context
    counters.timeouts++
    servers.failed(this.#current!)
    this.#next()
  }

  #answered(state: ServerState, bytes: Buffer): void {
    const { counters, servers } = this.#context
    const response = parseResponse(bytes)
    if (response === null) {
      // Whoever sent it knew identifier and question; the true answer may still come.
      counters.malformed++
      if (this.#failure === 'ETIMEOUT') this.#failure = 'EBADRESP'
      return
    }
    const result = answerOf(this.#question, response, bytes.length)
    counters.answers++
    if (typeof result !== 'string') {
      servers.answered(state)
      this.#finish(result)
      return
    }
    counters.serverFailures++
    this.#failed(state, result)
  }

  #failed(state: ServerState, code: DnsErrorCode): void {
    if (this.#finished) return
    this.#context.servers.failed(state)
    this.#refused.add(state)
    // What a server said tells more than that others said nothing, or were not there.
    if (this.#failure === 'ETIMEOUT' || this.#failure === 'ECONNREFUSED' || this.#failure === 'EBADRESP') {
      this.#failure = code
    }
    if (state === this.#current || this.#refused.size === this.#order.length) this.#next()
  }

  #finish(result: QueryResult): void {
    if (this.#finished) return
    this.cancel()
    this.#done(result)
  }
}

interface AttemptUser {
  /** The right question came back; what else is in it is not looked at yet. `bytes` is its own or valid during the call. */
  answered(bytes: Buffer): void
  failed(code: DnsErrorCode): void
  /** It begins anew: over TCP, or without EDNS. */
  renewed(): void
}

/** One question and one server: a socket and an identifier of its own, or a place on a connection. */
class Attempt implements DatagramHandler {
  readonly #context: QueryContext
  readonly #question: Question
  readonly #state: ServerState
  readonly #user: AttemptUser
  #query: Buffer | null = null
  #askedWithEdns = false
  #datagrams: DnsDatagrams | null = null
  #forget: (() => void) | null = null
  #closed = false
  #wrongAnswers = 0
  /** Somebody is guessing: what comes in datagrams waits for what the connection brings. */
  #suspicious = false
  #heldBack: Buffer | null = null
  #brokenStreams = 0

  constructor(context: QueryContext, question: Question, state: ServerState, user: AttemptUser) {
    this.#context = context
    this.#question = question
    this.#state = state
    this.#user = user
  }

  /** Asks, or asks again. Over a connection nothing gets lost that would have to be sent again. */
  ask(): void {
    if (this.#suspicious) this.#trustDatagrams()
    if (this.#closed || this.#forget !== null) return
    if (this.#state.server.protocol !== 'udp') this.#askByStream()
    else if (this.#query === null) {
      this.#query = this.#build(this.#context.random.below(65_536))
      this.#open()
    } else this.#send()
  }

  #build(id: number): Buffer {
    const edns = this.#context.servers.understandsEdns(this.#state)
    this.#askedWithEdns = edns
    return buildQuery(id, this.#question, { edns, padded: this.#state.server.protocol === 'tls' })
  }

  #open(): void {
    const { transport } = this.#context
    const { server } = this.#state
    transport.datagrams(server, this.#context.localAddressFor(server.address), this).then(
      (datagrams) => {
        if (this.#closed) datagrams.close()
        else {
          this.#datagrams = datagrams
          this.#send()
        }
      },
      () => this.failed(),
    )
  }

  #send(): void {
    if (this.#datagrams === null || this.#query === null) return
    this.#context.counters.datagramsSent++
    this.#datagrams.send(this.#query)
  }

  failed(): void {
    if (this.#closed || this.#forget !== null) return
    this.#context.counters.unreachable++
    this.#user.failed('ECONNREFUSED')
  }

  datagram(bytes: Buffer): void {
    const { counters } = this.#context
    const query = this.#query
    if (this.#closed || query === null) return
    if (!isResponse(bytes)) counters.notResponse++
    else if (identifierOf(bytes) !== identifierOf(query)) counters.wrongIdentifier++
    else if (!repeatsQuestion(bytes, query)) counters.wrongQuestion++
    else {
      if (this.#suspicious) this.#heldBack ??= Buffer.from(bytes)
      else if (this.#forget === null) this.#response(bytes, true)
      return
    }
    if (++this.#wrongAnswers !== MOST_WRONG_ANSWERS || this.#forget !== null) return
    counters.suspicious++
    this.#suspicious = true
    this.#askByStream()
  }

  /** No connection is to be had: what the datagrams say is all that there is. */
  #trustDatagrams(): void {
    this.#suspicious = false
    this.#forget?.()
    this.#forget = null
    const held = this.#heldBack
    this.#heldBack = null
    if (held !== null) this.#response(held, true)
  }

  #response(bytes: Buffer, datagram: boolean): void {
    const { counters, servers } = this.#context
    const rcode = headerRcode(bytes)
    if (this.#askedWithEdns && (rcode === Rcode.FormatError || rcode === Rcode.NotImplemented)) {
      counters.withoutEdns++
      servers.refusedEdns(this.#state)
      this.#user.renewed()
      if (datagram) {
        this.#query = this.#build(this.#context.random.below(65_536))
        this.#send()
      } else this.#askByStream()
    } else if (datagram && isTruncated(bytes)) {
      counters.truncated++
      this.#datagrams?.close()
      this.#datagrams = null
      this.#user.renewed()
      this.#askByStream()
    } else this.#user.answered(bytes)
  }

  #askByStream(): void {
    this.#forget = this.#context.streams.ask(this.#state.server, {
      build: (id) => this.#build(id),
      answered: (bytes) => {
        if (!this.#closed) this.#response(bytes, false)
      },
      broke: (fresh) => {
        if (this.#closed) return
        // An idle connection may have been closed just when we used it (RFC 7766, section 6.2.4): once more.
        if (!fresh && this.#brokenStreams++ === 0) this.#askByStream()
        else if (this.#suspicious) this.#trustDatagrams()
        else this.#user.failed('ECONNREFUSED')
      },
    })
  }

  close(): void {
    this.#closed = true
    this.#datagrams?.close()
    this.#datagrams = null
    this.#forget?.()
  }
}
