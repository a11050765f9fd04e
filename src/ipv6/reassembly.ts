/**
 * Reassembly, RFC 8200, section 4.5, with RFC 5722 (a packet whose fragments overlap is dropped whole) and RFC 7112 (the
 * first fragment holds all headers). Fragments are kept in the slots that they came in. What a peer can make us keep is
 * bounded in bytes, for each source and in all: the oldest gives way.
 */
import { type Clock, KeyedHash, type Random, SECOND, Timer, type TimerHandler } from '../clock/index.ts'
import { ChecksumState, HEADROOM, type PacketBuffer, type PacketMemory, SMALL_SLOT } from '../packet/index.ts'
import { cost, Datagram } from './datagram.ts'
import { type HeaderChain, ParameterProblem } from './extension-headers.ts'
import { FRAGMENT_HEADER_LENGTH, fragmentOffset, hasMoreFragments, identification } from './fragmentation.ts'
import * as wire from './wire.ts'

/** RFC 8200, section 4.5: from the arrival of the first fragment on. */
const REASSEMBLY_TIMEOUT = 60 * SECOND
/** What an abandoned packet counts, so that those are bounded, too. */
const ABANDONED_COST = 2048
/** Room before a reassembled packet of the largest size, so that it may be answered in place. */
const LARGE_HEADROOM = 128
const OFFSET_FIELD = 2
const PAYLOAD_LENGTH_FIELD = 4
const CONGESTION_EXPERIENCED = 3

export interface ReassemblyCounters {
  /** Fragments that came. */
  received: number
  /** Packets put together. */
  reassembled: number
  /** Fragments without data, or whose length, with more to come, is no multiple of 8. */
  malformed: number
  /** Fragments of a packet that would be over 65,535 bytes. */
  tooLong: number
  /** First fragments without all headers, RFC 7112. */
  incompleteHeaders: number
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

/** Who tells the source that it did something wrong; packets are borrowed. */
export interface ReassemblyErrors {
  parameterProblem(code: ParameterProblem, position: number, offending: PacketBuffer): void
  /** @param first the first fragment from its IPv6 header on */
  reassemblyTimedOut(first: PacketBuffer): void
}

export class Reassembly implements TimerHandler {
  readonly counters: ReassemblyCounters = {
    received: 0,
    reassembled: 0,
    malformed: 0,
    tooLong: 0,
    incompleteHeaders: 0,
    duplicates: 0,
    overlaps: 0,
    abandoned: 0,
    timedOut: 0,
    evicted: 0,
    badCodepoints: 0,
    noMemory: 0,
  }
  /** Bytes of packet memory that may be kept. */
  readonly limit: number
  readonly limitPerSource: number
  /** Bytes that are kept now. */
  kept = 0

  readonly #memory: PacketMemory
  readonly #clock: Clock
  readonly #hash: KeyedHash
  readonly #errors: ReassemblyErrors
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
    errors: ReassemblyErrors,
    limit: number,
    limitPerSource: number,
  ) {
    this.#memory = memory
    this.#clock = clock
    this.#hash = new KeyedHash(random)
    this.#errors = errors
    this.limit = limit
    this.limitPerSource = limitPerSource
  }

  /** Packets that wait for fragments, or until their last fragments are forgotten. */
  get count(): number {
    return this.#byAge.size
  }

  /**
   * Takes note of a fragment. Borrowed for the call.
   * @param packet `network`, `end` and the address fields are set
   * @param chain stands at the fragment header; it is used, and then stands elsewhere
   * @returns the whole packet from its IPv6 header on, once it is there; its reference goes to the caller. `payloadEnd` is
   *   where its last extension header says what follows it, `start` the IPv6 header and `transport` where the walk goes on
   */
  add(packet: PacketBuffer, chain: HeaderChain): PacketBuffer | null {
    const { counters } = this
    const { bytes } = this.#memory
    const { network, end } = packet
    const header = chain.position
    const namedAt = chain.nextHeaderField
    counters.received++
    const from = fragmentOffset(bytes, header)
    const isLast = !hasMoreFragments(bytes, header)
    const length = end - header - FRAGMENT_HEADER_LENGTH
    if (!isLast && (length & 7) !== 0) {
      counters.malformed++
      this.#errors.parameterProblem(ParameterProblem.ErroneousHeader, network + PAYLOAD_LENGTH_FIELD, packet)
      return null
    }
    if (length === 0) {
      counters.malformed++
      return null
    }
    if (header - network - wire.HEADER_LENGTH + from + length > wire.MAX_PAYLOAD) {
      counters.tooLong++
      this.#errors.parameterProblem(ParameterProblem.ErroneousHeader, header + OFFSET_FIELD, packet)
      return null
    }
    if (from === 0 && !chain.isComplete(header, header + FRAGMENT_HEADER_LENGTH, end)) {
      counters.incompleteHeaders++
      this.#errors.parameterProblem(ParameterProblem.IncompleteHeaderChain, network, packet)
      return null
    }
    const datagram = this.#datagram(packet, identification(bytes, header))
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
      this.#abandon(datagram)
      return null
    }
    const fragment = this.#keep(packet)
    if (fragment === null) {
      counters.noMemory++
      this.#forgetIfEmpty(datagram)
      return null
    }
    const shift = fragment.network - network
    fragment.start = header + FRAGMENT_HEADER_LENGTH + shift
    fragment.sequence = from
    fragment.payload = header + shift
    fragment.payloadEnd = namedAt + shift
    if (!this.#makeRoom(datagram, cost(fragment))) {
      counters.evicted++
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
    const datagram = new Datagram(packet, hash, sourceHash, id, this.#clock.now() + REASSEMBLY_TIMEOUT)
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
    copy.source0 = packet.source0
    copy.source1 = packet.source1
    copy.source2 = packet.source2
    copy.source3 = packet.source3
    copy.destination0 = packet.destination0
    copy.destination1 = packet.destination1
    copy.destination2 = packet.destination2
    copy.destination3 = packet.destination3
    copy.hopLimit = packet.hopLimit
    copy.trafficClass = packet.trafficClass
    copy.linkMulticast = packet.linkMulticast
    copy.multicast = packet.multicast
    return copy
  }

  /** Lets the oldest go until one more fragment fits. @returns whether it does */
  #makeRoom(datagram: Datagram, more: number): boolean {
    const { sourceHash } = datagram
    if ((this.#bySource.get(sourceHash) ?? 0) + more > this.limitPerSource) {
      for (const other of this.#byAge) {
        if (other === datagram || other.sourceHash !== sourceHash) continue
        this.counters.evicted++
        this.#remove(other)
        if ((this.#bySource.get(sourceHash) ?? 0) + more <= this.limitPerSource) break
      }
      if ((this.#bySource.get(sourceHash) ?? 0) + more > this.limitPerSource) return false
    }
    for (const other of this.#byAge) {
      if (this.kept + more <= this.limit) break
      if (other === datagram) continue
      this.counters.evicted++
      this.#remove(other)
    }
    return this.kept + more <= this.limit
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
    const isTooLong = length - wire.HEADER_LENGTH > wire.MAX_PAYLOAD
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
    wire.writePayloadLength(bytes, at, length - wire.HEADER_LENGTH)
    // Section 4.5: the next header of the last header before the fragment header comes from that of the first fragment.
    const namedAt = at + first.payloadEnd - first.network
    bytes[namedAt] = bytes[first.payload]
    whole.link = whole.network = at
    whole.transport = at + headers
    whole.payloadEnd = namedAt
    whole.checksum = ChecksumState.Unverified
    whole.source0 = first.source0
    whole.source1 = first.source1
    whole.source2 = first.source2
    whole.source3 = first.source3
    whole.destination0 = first.destination0
    whole.destination1 = first.destination1
    whole.destination2 = first.destination2
    whole.destination3 = first.destination3
    whole.hopLimit = first.hopLimit
    whole.trafficClass = (first.trafficClass & ~3) | codepoint
    whole.linkMulticast = first.linkMulticast
    whole.multicast = first.multicast
    this.counters.reassembled++
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
        const { first } = datagram
        // Section 4.5: only where the fragment is there that tells whose packet it was.
        if (first !== null) {
          first.start = first.network
          this.#errors.reassemblyTimedOut(first)
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

/** RFC 3168, section 5.3. @param codepoints a bit for each that came @returns the codepoint of the whole, -1 for none */
function codepointOfAll(codepoints: number): number {
  const notCapable = (codepoints & 1) !== 0
  const marked = (codepoints & (1 << CONGESTION_EXPERIENCED)) !== 0
  if (marked) return notCapable ? -1 : CONGESTION_EXPERIENCED
  if (notCapable) return 0
  return (codepoints & 4) !== 0 ? 2 : 1
}
