import { IpAddress } from '../address/index.ts'
import { type Clock, MINUTE, type Microseconds } from '../clock/index.ts'
import { type Log, SILENT } from '../log/index.ts'
import type { Datagram } from './datagram.ts'

/** How often it is said that fragments have no room: whoever sends them decides how many there are. */
const EVICTION_LOG_INTERVAL: Microseconds = MINUTE

/** What is said of fragments: of single packets at debug level only. */
export class ReassemblyLog {
  readonly #log: Log
  readonly #clock: Clock
  #nextEviction: Microseconds = 0

  constructor(log: Log | undefined, clock: Clock) {
    this.#log = log ?? SILENT
    this.#clock = clock
  }

  reassembled(datagram: Datagram): void {
    if (this.#log.debugEnabled) this.#of('a packet is reassembled', datagram)
  }

  timedOut(datagram: Datagram): void {
    if (this.#log.debugEnabled) this.#of('fragments are missing: a packet is given up', datagram)
  }

  overlapping(datagram: Datagram): void {
    if (this.#log.debugEnabled) this.#of('fragments overlap: a packet is dropped', datagram)
  }

  /** @param kept bytes of packet memory that fragments have @param evicted packets and fragments so far */
  evicted(datagram: Datagram, kept: number, evicted: number): void {
    const now = this.#clock.now()
    if (now < this.#nextEviction) return
    this.#nextEviction = now + EVICTION_LOG_INTERVAL
    this.#log.warn('fragments have no room: incomplete packets are dropped', { ...ends(datagram), kept, evicted })
  }

  #of(message: string, datagram: Datagram): void {
    const { fragments, received, total } = datagram
    const bytes = total < 0 ? {} : { bytes: total }
    this.#log.debug(message, { ...ends(datagram), fragments: fragments.length, received, ...bytes })
  }
}

function ends({ source, destination }: Datagram): { source: string; destination: string } {
  return { source: text(source), destination: text(destination) }
}

function text([word0, word1, word2, word3]: readonly number[]): string {
  return IpAddress.fromWords(word0!, word1!, word2!, word3!).toString()
}
