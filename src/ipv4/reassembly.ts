/**
 * Reassembly, RFC 791, section 3.2, and RFC 1122, section 3.3.2; first fragments that hide what they are about are refused
 * (RFC 1858, RFC 3128).
 */
import { type Clock, type Random, SECOND } from '../clock/index.ts'
import {
  IpProtocol,
  newReassemblyCounters,
  type ReassemblyCounters,
  type ReassemblyLayer,
  Reassembly as ReassemblyOfBoth,
} from '../ip/index.ts'
import type { Log } from '../log/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import * as wire from './wire.ts'

/** Linux (ipfrag_time). RFC 1122, section 3.3.2 recommends 60 s, which lets a flood hold twice as much. */
const REASSEMBLY_TIMEOUT = 30 * SECOND
/** The total length field has 16 bits. */
const LONGEST = 65_535
/** RFC 1858, section 3.2.1: as far as the flags of a TCP header. */
const LEAST_TCP = 16

export interface Ipv4ReassemblyCounters extends ReassemblyCounters {
  /** First fragments of TCP without the header's flags, or fragments that could put others in their place. */
  tinyFragments: number
}

export class Ipv4Reassembly implements ReassemblyLayer {
  readonly counters: Ipv4ReassemblyCounters = { ...newReassemblyCounters(), tinyFragments: 0 }
  readonly #bytes: Uint8Array
  readonly #fragments: ReassemblyOfBoth
  readonly #onTimedOut: (first: PacketBuffer) => void

  /** @param onTimedOut is given the first fragment of a packet that was not complete in time, borrowed */
  constructor(
    memory: PacketMemory,
    clock: Clock,
    random: Random,
    limit: number,
    limitPerSource: number,
    onTimedOut: (first: PacketBuffer) => void,
    log?: Log,
  ) {
    this.#bytes = memory.bytes
    this.#onTimedOut = onTimedOut
    const limits = { timeout: REASSEMBLY_TIMEOUT, longest: LONGEST, limit, limitPerSource }
    this.#fragments = new ReassemblyOfBoth(memory, clock, random, this, this.counters, limits, log)
  }

  /** Packets that wait for fragments, or until their last fragments are forgotten. */
  get count(): number {
    return this.#fragments.count
  }

  /** Bytes of packet memory that fragments keep. */
  get kept(): number {
    return this.#fragments.kept
  }

  /**
   * Takes note of a fragment. Borrowed for the call.
   * @param packet as a protocol would get it: `start` behind the header
   * @returns the whole packet in the same way, once it is there; its reference goes to the caller
   */
  add(packet: PacketBuffer): PacketBuffer | null {
    const { counters } = this
    const bytes = this.#bytes
    const { network, start, end } = packet
    counters.received++
    const word = wire.flagsAndOffset(bytes, network)
    const from = (word & wire.FRAGMENT_OFFSET) << 3
    const isLast = (word & wire.MORE_FRAGMENTS) === 0
    const length = end - start
    if (length === 0 || (!isLast && (length & 7) !== 0)) {
      counters.malformed++
      return null
    }
    if (start - network + from + length > LONGEST) {
      counters.tooLong++
      return null
    }
    const protocol = wire.protocol(bytes, network)
    // RFC 1858, section 3.2.2, and RFC 3128: a fragment at byte 8 would lie over the flags of the header before it.
    if (protocol === IpProtocol.Tcp && (from === 0 ? length < LEAST_TCP : from < LEAST_TCP)) {
      counters.tinyFragments++
      return null
    }
    // RFC 791, section 3.2: fragments belong together by addresses, protocol and identification.
    const id = (protocol << 16) | wire.identification(bytes, network)
    return this.#fragments.add(packet, id, start, start, from, isLast)
  }

  complete(whole: PacketBuffer): void {
    const { network, transport } = whole
    whole.start = transport
    wire.becomeWhole(this.#bytes, network, transport - network, whole.end - network)
  }

  reassemblyTimedOut(first: PacketBuffer): void {
    this.#onTimedOut(first)
  }

  /** Releases all fragments and stops the timer. */
  clear(): void {
    this.#fragments.clear()
  }
}
