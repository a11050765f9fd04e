import type { IpAddress } from '../address/index.ts'
import { type Clock, type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'
import type { IpErrorKind, Path } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/** Who hears what became of an echo request; exactly one of the two is called, once, unless it is cancelled. */
export interface EchoHandler {
  /** The answer is there: `roundTrip` and `hopLimit` of the request are set, the data is in [payload, payloadEnd). */
  echoReply(request: EchoRequest, packet: PacketBuffer): void
  /**
   * @param kind what an ICMP error said, or null if nothing came in time
   * @param reporter who sent the error, or null; `roundTrip` is then how long that took
   */
  echoFailed(request: EchoRequest, kind: IpErrorKind | null, reporter: IpAddress | null): void
}

/** One echo request that waits for its answer. */
export class EchoRequest implements TimerHandler {
  readonly handler: EchoHandler
  readonly path: Path
  readonly identifier: number
  readonly sequence: number
  /** Bytes of data. */
  readonly size: number
  readonly sentAt: Microseconds
  readonly timer: Timer
  /** Set before `echoReply`, and before `echoFailed` for an error. */
  roundTrip: Microseconds = 0
  /** TTL with which the answer arrived; set before `echoReply`. */
  hopLimit = 0
  readonly #table: EchoRequests

  constructor(
    table: EchoRequests,
    handler: EchoHandler,
    path: Path,
    identifier: number,
    sequence: number,
    size: number,
    sentAt: Microseconds,
  ) {
    this.#table = table
    this.handler = handler
    this.path = path
    this.identifier = identifier
    this.sequence = sequence
    this.size = size
    this.sentAt = sentAt
    this.timer = new Timer(this)
  }

  onTimer(): void {
    this.#table.remove(this)
    this.handler.echoFailed(this, null, null)
  }
}

/** Echo requests under way, at most `limit`, by identifier and sequence number. */
export class EchoRequests {
  readonly limit: number
  readonly #clock: Clock
  readonly #identifier: number
  readonly #waiting = new Map<number, EchoRequest>()
  #nextSequence: number

  constructor(clock: Clock, limit: number, identifier: number, firstSequence: number) {
    this.#clock = clock
    this.limit = limit
    this.#identifier = identifier
    this.#nextSequence = firstSequence
  }

  get count(): number {
    return this.#waiting.size
  }

  /** Enters a request and starts its timer; null when too many wait already. */
  add(handler: EchoHandler, path: Path, size: number, timeout: Microseconds): EchoRequest | null {
    if (this.#waiting.size >= this.limit) return null
    const now = this.#clock.now()
    // The limit is far below 65,536, so that a free number is there.
    while (this.#waiting.has(this.#nextSequence)) this.#nextSequence = (this.#nextSequence + 1) & 0xffff
    const request = new EchoRequest(this, handler, path, this.#identifier, this.#nextSequence, size, now)
    this.#nextSequence = (this.#nextSequence + 1) & 0xffff
    this.#waiting.set(request.sequence, request)
    this.#clock.arm(request.timer, now + timeout)
    return request
  }

  /** The request that went to this address under these numbers, or null. */
  find(address: number, identifier: number, sequence: number): EchoRequest | null {
    if (identifier !== this.#identifier) return null
    const request = this.#waiting.get(sequence)
    return request !== undefined && request.path.destination.word3 === address ? request : null
  }

  /** Ends a request with the packet that answers it. */
  answer(request: EchoRequest, packet: PacketBuffer): void {
    this.remove(request)
    request.roundTrip = this.#clock.now() - request.sentAt
    request.hopLimit = packet.hopLimit
    request.handler.echoReply(request, packet)
  }

  remove(request: EchoRequest): void {
    this.#clock.disarm(request.timer)
    if (this.#waiting.get(request.sequence) === request) this.#waiting.delete(request.sequence)
  }

  clear(): void {
    for (const request of [...this.#waiting.values()]) this.remove(request)
  }
}
