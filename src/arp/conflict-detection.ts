import { type Clock, type Microseconds, type Random, SECOND } from '../clock/index.ts'
import { AddressProbe, type ProbeOwner, type ProbeTimes, STANDARD_PROBE_TIMES } from './address-probe.ts'
import type { ArpCounters } from './counters.ts'

/** RFC 5227, section 1.1: after this many conflicts in a row only one address is tried in each RATE_LIMIT_INTERVAL. */
const MAX_CONFLICTS = 10
const RATE_LIMIT_INTERVAL: Microseconds = 60 * SECOND

/** Who asked whether an address is free. */
export interface ProbeHandler {
  /** @param isFree whether nobody else uses it or wants to */
  probed(address: number, isFree: boolean): void
}

/** Probes under way on one interface, at most one for each address: RFC 5227, section 2.1. */
export class ConflictDetection implements ProbeOwner {
  readonly #clock: Clock
  readonly #random: Random
  readonly #counters: ArpCounters
  readonly #send: (address: number) => void
  readonly #handlers = new Map<AddressProbe, ProbeHandler>()
  /** In a row, without an address that was found free. */
  #conflicts = 0
  #startedAt: Microseconds = Number.NEGATIVE_INFINITY

  constructor(clock: Clock, random: Random, counters: ArpCounters, send: (address: number) => void) {
    this.#clock = clock
    this.#random = random
    this.#counters = counters
    this.#send = send
  }

  /** Whether any probe is under way. */
  get active(): boolean {
    return this.#handlers.size > 0
  }

  /** Begins to ask for an address, in place of a probe of the same one. */
  probe(address: number, handler: ProbeHandler, times: ProbeTimes = STANDARD_PROBE_TIMES): void {
    this.cancel(address)
    const now = this.#clock.now()
    const delay = this.#conflicts < MAX_CONFLICTS ? 0 : Math.max(0, this.#startedAt + RATE_LIMIT_INTERVAL - now)
    this.#startedAt = now + delay
    const probe = new AddressProbe(address, this.#clock, this.#random, times, this)
    this.#handlers.set(probe, handler)
    probe.start(delay)
  }

  /** Nobody wants to know any more. */
  cancel(address: number): void {
    for (const probe of this.#handlers.keys()) {
      if (probe.address !== address) continue
      probe.cancel()
      this.#handlers.delete(probe)
    }
  }

  cancelAll(): void {
    for (const probe of this.#handlers.keys()) probe.cancel()
    this.#handlers.clear()
  }

  /** A packet of another station, RFC 5227, section 2.1.1: it has the address, or it probes for it as we do. */
  heard(sender: number, target: number, isRequest: boolean): void {
    const contested = sender !== 0 ? sender : isRequest ? target : 0
    if (contested === 0) return
    for (const probe of this.#handlers.keys()) {
      if (probe.address !== contested) continue
      this.#counters.probeConflicts++
      this.probeEnded(probe, false)
      return
    }
  }

  sendProbe(address: number): void {
    this.#send(address)
  }

  probeEnded(probe: AddressProbe, isFree: boolean): void {
    probe.cancel()
    this.#conflicts = isFree ? 0 : this.#conflicts + 1
    const handler = this.#handlers.get(probe)
    this.#handlers.delete(probe)
    handler?.probed(probe.address, isFree)
  }
}
