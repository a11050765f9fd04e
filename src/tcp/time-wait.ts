/**
 * TIME-WAIT, RFC 9293, 3.6.1: a small record instead of a connection, since a busy host has thousands. All wait equally
 * long, so the records stand in a list in order of expiry and share one timer.
 */
import { type Clock, type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'
import type { Path } from '../ip/index.ts'
import type { Connection } from './connection.ts'
import type { ConnectionKey } from './connection-table.ts'
import type { SequenceNumber } from './sequence-number.ts'

export class TimeWait implements ConnectionKey {
  incomingPorts!: number
  path!: Path
  sendNext!: SequenceNumber
  receiveNext!: SequenceNumber
  timestamps!: boolean
  timestampOffset!: number
  recentTimestamp!: number
  expiry: Microseconds = 0
  /** When a segment that cannot be right was last answered. */
  lastAnswer: Microseconds = Number.NEGATIVE_INFINITY
  previous: TimeWait | null = null
  following: TimeWait | null = null

  constructor(connection: Connection) {
    this.remember(connection)
  }

  /** Becomes the record of this connection. A busy server's list is full: then each new record is the oldest, reused. */
  remember(connection: Connection): void {
    this.incomingPorts = connection.incomingPorts
    this.path = connection.path
    this.sendNext = connection.sendNext
    this.receiveNext = connection.receiveNext
    this.timestamps = connection.timestamps
    this.timestampOffset = connection.timestampOffset
    this.recentTimestamp = connection.recentTimestamp
    this.lastAnswer = Number.NEGATIVE_INFINITY
  }

  /** As our header has them. */
  get outgoingPorts(): number {
    return (this.incomingPorts << 16) | (this.incomingPorts >>> 16)
  }
}

export class TimeWaitList implements TimerHandler {
  size = 0
  readonly #clock: Clock
  readonly #duration: Microseconds
  readonly #expired: (record: TimeWait) => void
  readonly #timer = new Timer(this)
  #first: TimeWait | null = null
  #last: TimeWait | null = null

  /** @param expired called with each record whose time is over; it is no longer in the list */
  constructor(clock: Clock, duration: Microseconds, expired: (record: TimeWait) => void) {
    this.#clock = clock
    this.#duration = duration
    this.#expired = expired
  }

  get oldest(): TimeWait | null {
    return this.#first
  }

  add(record: TimeWait): void {
    record.expiry = this.#clock.now() + this.#duration
    record.previous = this.#last
    record.following = null
    if (this.#last === null) this.#first = record
    else this.#last.following = record
    this.#last = record
    this.size++
    if (!this.#timer.armed) this.#clock.arm(this.#timer, record.expiry)
  }

  /** The peer's FIN came again: the wait starts anew. */
  restart(record: TimeWait): void {
    this.delete(record)
    this.add(record)
  }

  delete(record: TimeWait): void {
    if (record.previous === null) this.#first = record.following
    else record.previous.following = record.following
    if (record.following === null) this.#last = record.previous
    else record.following.previous = record.previous
    record.previous = record.following = null
    this.size--
    if (this.#first === null) this.#clock.disarm(this.#timer)
  }

  onTimer(): void {
    const now = this.#clock.now()
    while (this.#first !== null && this.#first.expiry <= now) {
      const record = this.#first
      this.delete(record)
      this.#expired(record)
    }
    if (this.#first !== null) this.#clock.arm(this.#timer, this.#first.expiry)
  }

  close(): void {
    this.#clock.disarm(this.#timer)
    this.#first = this.#last = null
    this.size = 0
  }
}
