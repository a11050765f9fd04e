/**
 * A connection to a name server that many questions go over at once and that answers in any order: RFC 7766, sections 6.2.1
 * and 7; over TLS: RFC 7858.
 */
import { type Clock, type Microseconds, type Random, SECOND, Timer } from '../clock/index.ts'
import type { DnsCounters } from './counters.ts'
import { HEADER_BYTES, identifierOf, isResponse, repeatsQuestion } from './outline.ts'
import type { DnsServer } from './server.ts'
import type { DnsStream, DnsTransport } from './transport.ts'

/** How long it stays open with nothing to do: RFC 7766, section 6.2.3, wants seconds. */
const IDLE: Microseconds = 10 * SECOND
/** Silence after which no more questions go over it: its peer may be gone without a word. */
const SILENCE: Microseconds = 2 * SECOND
/** Questions under way on one connection; the identifier tells them apart. */
export const MOST_PIPELINED = 1024

export interface StreamQuestion {
  /** Makes its query with this identifier. */
  build(id: number): Buffer
  /** `bytes` is its own. */
  answered(bytes: Buffer): void
  /** The connection ended without an answer. `fresh`: no answer ever came over it. */
  broke(fresh: boolean): void
}

export class StreamConnection {
  readonly #clock: Clock
  readonly #random: Random
  readonly #counters: DnsCounters
  readonly #onEnded: () => void
  readonly #questions = new Map<number, { question: StreamQuestion; query: Buffer }>()
  /** What waits for the connection to be made. */
  #unsent: Buffer[] = []
  readonly #giveUp = new AbortController()
  #stream: DnsStream | null = null
  #ended = false
  #answers = 0
  /** When a question was put with nothing received since; infinite if nothing is awaited. */
  #silentSince: Microseconds = Number.POSITIVE_INFINITY
  /** The beginning of a message whose rest has not come. */
  #rest: Buffer = Buffer.alloc(0)
  readonly #idle = new Timer({ onTimer: () => this.close() })

  constructor(
    transport: DnsTransport,
    server: DnsServer,
    localAddress: string | null,
    clock: Clock,
    random: Random,
    counters: DnsCounters,
    onEnded: () => void,
  ) {
    this.#clock = clock
    this.#random = random
    this.#counters = counters
    this.#onEnded = onEnded
    counters.connections++
    const handler = { data: (bytes: Buffer) => this.#data(bytes), ended: () => this.#end() }
    transport.stream(server, localAddress, handler, this.#giveUp.signal).then(
      (stream) => {
        if (this.#ended) stream.close()
        else this.#opened(stream)
      },
      () => this.#end(),
    )
  }

  /** Whether one more question may go over it. */
  get isUsable(): boolean {
    return this.#questions.size < MOST_PIPELINED && !this.#isSilent
  }

  get #isSilent(): boolean {
    return this.#clock.now() - this.#silentSince >= SILENCE
  }

  /** @returns forgets the question */
  ask(question: StreamQuestion): () => void {
    let id = this.#random.below(65_536)
    while (this.#questions.has(id)) id = (id + 1) & 0xffff
    const query = question.build(id)
    this.#questions.set(id, { question, query })
    this.#clock.disarm(this.#idle)
    this.#counters.streamQueries++
    this.#silentSince = Math.min(this.#silentSince, this.#clock.now())
    // One write for length and message: RFC 7766, section 8.
    const framed = Buffer.allocUnsafe(2 + query.length)
    framed.writeUInt16BE(query.length, 0)
    query.copy(framed, 2)
    if (this.#stream === null) this.#unsent.push(framed)
    else this.#stream.write(framed)
    return () => {
      if (this.#questions.get(id)?.question === question) this.#forget(id)
    }
  }

  #opened(stream: DnsStream): void {
    this.#stream = stream
    if (this.#unsent.length > 0) stream.write(Buffer.concat(this.#unsent))
    this.#unsent = []
    if (this.#questions.size === 0) this.#clock.arm(this.#idle, this.#clock.now() + IDLE)
  }

  #forget(id: number): void {
    this.#questions.delete(id)
    if (this.#questions.size > 0 || this.#ended) return
    // Nobody waits for a connection that is not even made, or whose peer says nothing.
    if (this.#stream === null || this.#isSilent) {
      this.close()
      return
    }
    this.#silentSince = Number.POSITIVE_INFINITY
    this.#clock.arm(this.#idle, this.#clock.now() + IDLE)
  }

  #data(bytes: Buffer): void {
    this.#silentSince = this.#questions.size === 0 ? Number.POSITIVE_INFINITY : this.#clock.now()
    // Copied: what is left of it stays, and what is handed out is the receiver's own.
    let rest = Buffer.concat([this.#rest, bytes])
    while (!this.#ended && rest.length >= 2) {
      const end = 2 + rest.readUInt16BE(0)
      if (rest.length < end) break
      this.#message(rest.subarray(2, end))
      rest = rest.subarray(end)
    }
    this.#rest = rest
  }

  #message(bytes: Buffer): void {
    const entry = bytes.length >= HEADER_BYTES ? this.#questions.get(identifierOf(bytes)) : undefined
    if (!isResponse(bytes)) this.#counters.notResponse++
    else if (entry === undefined) this.#counters.wrongIdentifier++
    else if (!repeatsQuestion(bytes, entry.query)) this.#counters.wrongQuestion++
    else {
      this.#answers++
      this.#forget(identifierOf(bytes))
      entry.question.answered(bytes)
    }
  }

  #end(): void {
    if (this.#ended) return
    this.#shut()
    const waiting = [...this.#questions.values()]
    this.#questions.clear()
    if (waiting.length > 0) this.#counters.connectionFailures++
    for (const { question } of waiting) question.broke(this.#answers === 0)
  }

  #shut(): void {
    this.#ended = true
    this.#clock.disarm(this.#idle)
    this.#onEnded()
  }

  close(): void {
    if (this.#ended) return
    this.#shut()
    this.#questions.clear()
    this.#stream?.close()
    this.#giveUp.abort()
  }
}
