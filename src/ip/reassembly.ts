/**
 * Reassembly for either family: RFC 791, section 3.2, and RFC 815 (what is there is kept in order of its place, so that
 * holes need no list of their own); RFC 8200, section 4.5. A packet whose fragments overlap is dropped whole, as RFC 5722
 * demands for IPv6 and Linux does for IPv4, too: whoever has two versions of some bytes cannot tell which are right.
 * Fragments are kept in the slots that they came in. What a peer can make us keep is bounded in bytes, for each source and
 * in all: the oldest gives way.
 */
import { type Clock, KeyedHash, type Microseconds, type Random, Timer, type TimerHandler } from '../clock/index.ts'
import type { Log } from '../log/index.ts'
import { ChecksumState, HEADROOM, type PacketBuffer, type PacketMemory, SMALL_SLOT } from '../packet/index.ts'
import { cost, Datagram } from './datagram.ts'
import { ReassemblyLog } from './reassembly-log.ts'

/** What an abandoned packet counts, so that those are bounded, too. */
const ABANDONED_COST = 2048
/** Room before a reassembled packet of the largest size, so that it may be answered in place. */
const LARGE_HEADROOM = 128
const CONGESTION_EXPERIENCED = 3

/** What reassembly counts. */
export interface ReassemblyCounters {
  /** Fragments that came. */
  received: number
  /** Packets put together. */
  reassembled: number
  /** Fragments without data, or whose length, with more to come, is no multiple of 8. */
  malformed: number
  /** Fragments of a packet that would be longer than its length field can say. */
  tooLong: number
  /** Fragments that were there already. */
  duplicates: number
  /** Packets dropped because their fragments overlapped or contradicted each other, RFC 5722. */
  overlaps: number
  /** Fragments of such a packet that came later. */
  abandoned: number
  /** Packets that were not complete in time. */
  timedOut: number
  /** Packets that gave way to newer ones, and fragments for which there was no room at all. */
  evicted: number
  /** Packets with congestion marks on fragments of a sender that cannot hear of it, RFC 3168, section 5.3. */
  badCodepoints: number
  /** Fragments or packets dropped because packet memory was exhausted. */
  noMemory: number
}

/** All counters of reassembly, at zero. */
export function newReassemblyCounters(): ReassemblyCounters {
  return {
    received: 0,
    reassembled: 0,
    malformed: 0,
    tooLong: 0,
    duplicates: 0,
    overlaps: 0,
    abandoned: 0,
    timedOut: 0,
    evicted: 0,
    badCodepoints: 0,
    noMemory: 0,
  }
}

/** The internet layer whose packets these are. */
export interface ReassemblyLayer {
  /**
   * The packet is whole: the headers of its first fragment with all the data behind them. What the headers say of length and
   * fragments is still to be corrected.
   * @param whole `network`, `transport` (behind the headers), `end` and the address fields are set
   * @param first only for the call
   */
  complete(whole: PacketBuffer, first: PacketBuffer): void
  /** @param first the first fragment from its header on; borrowed */
  reassemblyTimedOut(first: PacketBuffer): void
}

/** How much may wait for its fragments, and how long. */
export interface ReassemblyLimits {
  /** From the arrival of the first fragment on. */
  readonly timeout: Microseconds
  /** Bytes of a whole packet, headers included. */
  readonly longest: number
  /** Bytes of packet memory that may be kept, in all and for each source. */
  readonly limit: number
  readonly limitPerSource: number
}

/**
 * Puts fragments together, for IPv4 (RFC 791, RFC 1122) and IPv6 (RFC 8200, section 4.5); overlaps end a datagram
 * (RFC 5722).
 */
export class Reassembly implements TimerHandler {
  readonly counters: ReassemblyCounters
  readonly limits: ReassemblyLimits
  /** Bytes that are kept now. */
  kept = 0

  readonly #memory: PacketMemory
  readonly #clock: Clock
  readonly #hash: KeyedHash
  readonly #layer: ReassemblyLayer
  readonly #log: ReassemblyLog
  readonly #timer = new Timer(this)
  readonly #byHash = new Map<number, Datagram>()
  /** Oldest first, so that the first is the next to expire. */
  readonly #byAge = new Set<Datagram>()
  /** Bytes by hash of the source. */
  readonly #bySource = new Map<number, number>()

  constructor(
    memory: PacketMemory,
    clock: Clock,
    random: Random,
    layer: ReassemblyLayer,
    counters: ReassemblyCounters,
    limits: ReassemblyLimits,
    log?: Log,
  ) {
    this.#memory = memory
    this.#clock = clock
    this.#hash = new KeyedHash(random)
    this.#layer = layer
    this.#log = new ReassemblyLog(log, clock)
    this.counters = counters
    this.limits = limits
  }

  /** Packets that wait for fragments, or until their last fragments are forgotten. */
  get count(): number {
    return this.#byAge.size
  }

  /**
   * Takes note of a fragment that is right in itself. Borrowed for the call.
   * @param packet `network`, `end` and the address fields are set; `payloadEnd` is the layer's: it goes where the headers go
   * @param id what fragments of one packet have in common, besides their addresses
   * @param data where its data begins, at least one byte
   * @param headersEnd where what goes before the data in the whole packet ends
   * @param from where the data belongs behind the headers
   * @returns the whole packet, once it is there; its reference goes to the caller
   */
  add(
    packet: PacketBuffer,
    id: number,
    data: number,
    headersEnd: number,
    from: number,
    isLast: boolean,
  ): PacketBuffer | null {
    const { counters } = this
    const length = packet.end - data
    const datagram = this.#datagram(packet, id)
    if (datagram.isAbandoned) {
      counters.abandoned++
      return null
    }
    const index = datagram.place(from, from + length, isLast)
    if (index === -1) {
      counters.duplicates++
      return null
    }
    if (index < 0) {
      counters.overlaps++
      this.#log.overlapping(datagram)
      this.#abandon(datagram)
      return null
    }
    const { network } = packet
    const fragment = this.#keep(packet)
    if (fragment === null) {
      counters.noMemory++
      this.#forgetIfEmpty(datagram)
      return null
    }
    const shift = fragment.network - network
    fragment.start = data + shift
    fragment.sequence = from
    fragment.payload = headersEnd + shift
    fragment.payloadEnd = packet.payloadEnd + shift
    if (!this.#makeRoom(datagram, cost(fragment))) {
      this.#evict(datagram)
      fragment.release()
      this.#forgetIfEmpty(datagram)
      return null
    }
    this.#charge(datagram, cost(fragment))
    datagram.codepoints |= 1 << (packet.trafficClass & 3)
    datagram.insert(fragment, index, isLast)
    return datagram.isComplete ? this.#assemble(datagram) : null
  }

  #datagram(packet: PacketBuffer, id: number): Datagram {
    const { source0, source1, source2, source3, destination0, destination1, destination2, destination3 } = packet
    const hash = this.#hash.hash9(
      source0,
      source1,
      source2,
      source3,
      destination0,
      destination1,
      destination2,
      destination3,
      id,
    )
    const first = this.#byHash.get(hash) ?? null
    for (let known = first; known !== null; known = known.sibling) if (known.holds(packet, id)) return known
    const sourceHash = this.#hash.hash4(source0, source1, source2, source3)
    const datagram = new Datagram(packet, hash, sourceHash, id, this.#clock.now() + this.limits.timeout)
    datagram.sibling = first
    this.#byHash.set(hash, datagram)
    this.#byAge.add(datagram)
    if (!this.#timer.armed) this.#clock.arm(this.#timer, datagram.expiry)
    return datagram
  }

  /** A reference to the packet, or a copy where it occupies much more than it needs; null when memory is short. */
  #keep(packet: PacketBuffer): PacketBuffer | null {
    // The caller goes on to use it as it is; fragments that are kept have fields of their own.
    const { start, network } = packet
    if (packet.references === 1 && !(packet.large && packet.end - network <= SMALL_SLOT - HEADROOM)) {
      return packet.retain()
    }
    packet.start = network
    const copy = this.#memory.copy(packet)
    packet.start = start
    if (copy === null) return null
    copyAddresses(copy, packet)
    copy.trafficClass = packet.trafficClass
    return copy
  }

  /** Lets the oldest go until one more fragment fits. @returns whether it does */
  #makeRoom(datagram: Datagram, more: number): boolean {
    const { sourceHash } = datagram
    const { limit, limitPerSource } = this.limits
    if ((this.#bySource.get(sourceHash) ?? 0) + more > limitPerSource) {
      for (const other of this.#byAge) {
        if (other === datagram || other.sourceHash !== sourceHash) continue
        this.#evict(other)
        this.#remove(other)
        if ((this.#bySource.get(sourceHash) ?? 0) + more <= limitPerSource) break
      }
      if ((this.#bySource.get(sourceHash) ?? 0) + more > limitPerSource) return false
    }
    for (const other of this.#byAge) {
      if (this.kept + more <= limit) break
      if (other === datagram) continue
      this.#evict(other)
      this.#remove(other)
    }
    return this.kept + more <= limit
  }

  #evict(datagram: Datagram): void {
    this.counters.evicted++
    this.#log.evicted(datagram, this.kept, this.counters.evicted)
  }

  #charge(datagram: Datagram, more: number): void {
    datagram.cost += more
    this.kept += more
    const { sourceHash } = datagram
    const ofSource = (this.#bySource.get(sourceHash) ?? 0) + more
    if (ofSource === 0) this.#bySource.delete(sourceHash)
    else this.#bySource.set(sourceHash, ofSource)
  }

  #abandon(datagram: Datagram): void {
    datagram.clear()
    datagram.isAbandoned = true
    this.#charge(datagram, ABANDONED_COST - datagram.cost)
  }

  #forgetIfEmpty(datagram: Datagram): void {
    if (datagram.fragments.length === 0) this.#remove(datagram)
  }

  #remove(datagram: Datagram): void {
    datagram.clear()
    this.#charge(datagram, -datagram.cost)
    this.#byAge.delete(datagram)
    let previous = this.#byHash.get(datagram.hash) ?? null
    if (previous === datagram) {
      if (datagram.sibling === null) this.#byHash.delete(datagram.hash)
      else this.#byHash.set(datagram.hash, datagram.sibling)
      return
    }
    while (previous !== null && previous.sibling !== datagram) previous = previous.sibling
    if (previous !== null) previous.sibling = datagram.sibling
  }

  #assemble(datagram: Datagram): PacketBuffer | null {
    const first = datagram.fragments[0]
    const { bytes } = this.#memory
    const headers = first.payload - first.network
    const length = headers + datagram.total
    const codepoint = codepointOfAll(datagram.codepoints)
    const isTooLong = length > this.limits.longest
    const whole = codepoint < 0 || isTooLong ? null : this.#allocate(length)
    if (whole === null) {
      if (codepoint < 0) this.counters.badCodepoints++
      else if (isTooLong) this.counters.tooLong++
      else this.counters.noMemory++
      this.#remove(datagram)
      return null
    }
    const at = whole.start
    whole.end = at + length
    bytes.copyWithin(at, first.network, first.payload)
    for (const { start, end, sequence } of datagram.fragments) bytes.copyWithin(at + headers + sequence, start, end)
    whole.link = whole.network = at
    whole.transport = at + headers
    whole.checksum = ChecksumState.Unverified
    copyAddresses(whole, first)
    whole.trafficClass = (first.trafficClass & ~3) | codepoint
    this.#layer.complete(whole, first)
    this.counters.reassembled++
    this.#log.reassembled(datagram)
    this.#remove(datagram)
    return whole
  }

  #allocate(length: number): PacketBuffer | null {
    if (length <= SMALL_SLOT - HEADROOM) return this.#memory.allocate(length)
    const packet = this.#memory.takeLarge()
    if (packet !== null) packet.start = packet.end = packet.base + LARGE_HEADROOM
    return packet
  }

  onTimer(): void {
    const now = this.#clock.now()
    for (const datagram of this.#byAge) {
      if (datagram.expiry > now) {
        this.#clock.arm(this.#timer, datagram.expiry)
        return
      }
      if (!datagram.isAbandoned) {
        this.counters.timedOut++
        this.#log.timedOut(datagram)
        const { first } = datagram
        // RFC 792 and RFC 8200, section 4.5: only where the fragment is there that tells whose packet it was.
        if (first !== null) {
          first.start = first.network
          this.#layer.reassemblyTimedOut(first)
        }
      }
      this.#remove(datagram)
    }
  }

  /** Releases all fragments and stops the timer. */
  clear(): void {
    this.#clock.disarm(this.#timer)
    for (const datagram of this.#byAge) this.#remove(datagram)
  }
}

function copyAddresses(to: PacketBuffer, from: PacketBuffer): void {
  to.source0 = from.source0
  to.source1 = from.source1
  to.source2 = from.source2
  to.source3 = from.source3
  to.destination0 = from.destination0
  to.destination1 = from.destination1
  to.destination2 = from.destination2
  to.destination3 = from.destination3
  to.hopLimit = from.hopLimit
  to.linkMulticast = from.linkMulticast
  to.multicast = from.multicast
}

/** RFC 3168, section 5.3. @param codepoints a bit for each that came @returns the codepoint of the whole, -1 for none */
function codepointOfAll(codepoints: number): number {
  const notCapable = (codepoints & 1) !== 0
  const marked = (codepoints & (1 << CONGESTION_EXPERIENCED)) !== 0
  if (marked) return notCapable ? -1 : CONGESTION_EXPERIENCED
  if (notCapable) return 0
  return (codepoints & 4) !== 0 ? 2 : 1
}
