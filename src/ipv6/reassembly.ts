/**
 * Reassembly, RFC 8200, section 4.5, with RFC 5722 (a packet whose fragments overlap is dropped whole) and RFC 7112 (the
 * first fragment holds all headers).
 */
import { type Clock, type Random, SECOND } from '../clock/index.ts'
import {
  newReassemblyCounters,
  type ReassemblyCounters as ReassemblyCountersOfBoth,
  type ReassemblyLayer,
  Reassembly as ReassemblyOfBoth,
} from '../ip/index.ts'
import type { Log } from '../log/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import { type HeaderChain, ParameterProblem } from './extension-headers.ts'
import { FRAGMENT_HEADER_LENGTH, fragmentOffset, hasMoreFragments, identification } from './fragmentation.ts'
import * as wire from './wire.ts'

/** RFC 8200, section 4.5: from the arrival of the first fragment on. */
const REASSEMBLY_TIMEOUT = 60 * SECOND
const OFFSET_FIELD = 2
const PAYLOAD_LENGTH_FIELD = 4

export interface ReassemblyCounters extends ReassemblyCountersOfBoth {
  /** First fragments without all headers, RFC 7112. */
  incompleteHeaders: number
}

/** Who tells the source that it did something wrong; packets are borrowed. */
export interface ReassemblyErrors {
  parameterProblem(code: ParameterProblem, position: number, offending: PacketBuffer): void
  /** @param first the first fragment from its IPv6 header on */
  reassemblyTimedOut(first: PacketBuffer): void
}

export class Reassembly implements ReassemblyLayer {
  readonly counters: ReassemblyCounters = { ...newReassemblyCounters(), incompleteHeaders: 0 }
  readonly #bytes: Uint8Array
  readonly #errors: ReassemblyErrors
  readonly #fragments: ReassemblyOfBoth

  constructor(
    memory: PacketMemory,
    clock: Clock,
    random: Random,
    errors: ReassemblyErrors,
    limit: number,
    limitPerSource: number,
    log?: Log,
  ) {
    this.#bytes = memory.bytes
    this.#errors = errors
    const limits = {
      timeout: REASSEMBLY_TIMEOUT,
      longest: wire.HEADER_LENGTH + wire.MAX_PAYLOAD,
      limit,
      limitPerSource,
    }
    this.#fragments = new ReassemblyOfBoth(memory, clock, random, this, this.counters, limits, log)
  }

  /** Bytes of packet memory that may be kept. */
  get limit(): number {
    return this.#fragments.limits.limit
  }

  get limitPerSource(): number {
    return this.#fragments.limits.limitPerSource
  }

  /** Bytes that are kept now. */
  get kept(): number {
    return this.#fragments.kept
  }

  /** Packets that wait for fragments, or until their last fragments are forgotten. */
  get count(): number {
    return this.#fragments.count
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
    const bytes = this.#bytes
    const { network, end } = packet
    const header = chain.position
    const namedAt = chain.nextHeaderField
    counters.received++
    const from = fragmentOffset(bytes, header)
    const isLast = !hasMoreFragments(bytes, header)
    const data = header + FRAGMENT_HEADER_LENGTH
    const length = end - data
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
    if (from === 0 && !chain.isComplete(header, data, end)) {
      counters.incompleteHeaders++
      this.#errors.parameterProblem(ParameterProblem.IncompleteHeaderChain, network, packet)
      return null
    }
    packet.payloadEnd = namedAt
    return this.#fragments.add(packet, identification(bytes, header), data, header, from, isLast)
  }

  complete(whole: PacketBuffer, first: PacketBuffer): void {
    const bytes = this.#bytes
    const at = whole.network
    wire.writePayloadLength(bytes, at, whole.end - at - wire.HEADER_LENGTH)
    // Section 4.5: the next header of the last header before the fragment header comes from that of the first fragment.
    whole.payloadEnd = at + first.payloadEnd - first.network
    bytes[whole.payloadEnd] = bytes[first.payload]
  }

  reassemblyTimedOut(first: PacketBuffer): void {
    this.#errors.reassemblyTimedOut(first)
  }

  /** Releases all fragments and stops the timer. */
  clear(): void {
    this.#fragments.clear()
  }
}
