/**
 * The chain of extension headers, RFC 8200, section 4. A peer decides how long it is, so the work on one packet is bounded:
 * so many headers and so many options in each, as RFC 8504, section 5.3, allows.
 */
import * as wire from './wire.ts'

/** Headers of one packet. A packet as RFC 8200, section 4.1, describes it has six. */
const MAX_HEADERS = 8
/** Options of one header, padding not counted; RFC 8504, section 5.3, and Linux (max_dst_opts_number, max_hbh_opts_number). */
const MAX_OPTIONS = 8
/** Bytes of padding in a row: more is never needed for alignment; RFC 8504, section 5.3, and Linux. */
const MAX_PADDING = 7

const PAD1 = 0
const PADN = 1
/** RFC 2711. */
const ROUTER_ALERT = 5
/** In a routing header, RFC 8200, section 4.4. */
const ROUTING_TYPE = 2
const SEGMENTS_LEFT = 3
/** Upper-layer headers that RFC 7112 wants whole in the first fragment: bytes by protocol. Of others we ask for one byte. */
const TCP_HEADER = 20
const UDP_HEADER = 8
const ICMPV6_HEADER = 8
const TCP = 6
const UDP = 17

/** How the walk ended. */
export const ChainEnd = {
  /** `protocol` begins at `position`; whether anybody knows it is for the caller to see. */
  UpperLayer: 0,
  /** A fragment header of a packet in pieces stands at `position`. */
  Fragment: 1,
  /** No next header, RFC 8200, section 4.7: nothing follows that concerns us. */
  Nothing: 2,
  /** Runs over its end, or more than we look at. Dropped without a word. */
  Malformed: 3,
  TooLong: 4,
  /** An option whose type says that the packet is to be discarded, in silence or with an error. */
  OptionDiscarded: 5,
  /** `problemCode` and `problemPosition` say what to report, RFC 4443, section 3.4. */
  Problem: 6,
} as const
export type ChainEnd = (typeof ChainEnd)[keyof typeof ChainEnd]

/** Codes of Parameter Problem: RFC 4443, section 3.4, and RFC 7112, section 6. */
export const ParameterProblem = {
  ErroneousHeader: 0,
  UnrecognizedNextHeader: 1,
  UnrecognizedOption: 2,
  IncompleteHeaderChain: 3,
} as const
export type ParameterProblem = (typeof ParameterProblem)[keyof typeof ParameterProblem]

/** Walks the headers of one packet after the other; its fields say what it found, until the next walk. */
export class HeaderChain {
  /** Upper-layer protocol, or what stands where one is expected. */
  protocol = 0
  /** First byte behind the extension headers, or the fragment header. */
  position = 0
  /** Where the number stands that names what is at `position`. */
  nextHeaderField = 0
  routerAlert = false
  /** A fragment header was passed that says the packet is whole: an atomic fragment, RFC 6946. */
  atomicFragment = false
  problemCode: ParameterProblem = ParameterProblem.ErroneousHeader
  problemPosition = 0
  /** The error is sent even if the packet went to a group, RFC 4443, section 2.4 (e.3). */
  problemToGroup = false

  readonly #bytes: Uint8Array

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes
  }

  /**
   * Walks from the IPv6 header on and does what the headers ask for.
   * @param network where the IPv6 header begins
   * @param end of the packet
   */
  walk(network: number, end: number): ChainEnd {
    this.routerAlert = false
    this.atomicFragment = false
    this.nextHeaderField = network + wire.NEXT_HEADER
    this.position = network + wire.HEADER_LENGTH
    return this.#walk(end, true)
  }

  /**
   * Walks on where a fragment header or reassembly had ended the walk.
   * @param nextHeaderField where the number of the header at `position` stands
   */
  continue(nextHeaderField: number, position: number, end: number): ChainEnd {
    this.nextHeaderField = nextHeaderField
    this.position = position
    return this.#walk(end, false)
  }

  #walk(end: number, first: boolean): ChainEnd {
    const bytes = this.#bytes
    for (let headers = 0; ; headers++) {
      const next = bytes[this.nextHeaderField]
      const at = this.position
      this.protocol = next
      switch (next) {
        case wire.NextHeader.HopByHopOptions:
          // Section 4.1: only right behind the IPv6 header; elsewhere it is a header that we do not know.
          if (!first || headers > 0) {
            return this.#problem(ParameterProblem.UnrecognizedNextHeader, this.nextHeaderField)
          }
          break
        case wire.NextHeader.DestinationOptions:
        case wire.NextHeader.Routing:
          break
        case wire.NextHeader.Fragment:
          if (at + 8 > end) return ChainEnd.Malformed
          // RFC 6946: nothing is missing, so it has nothing to do with any other fragment.
          if ((wire.word16(bytes, at + 2) & 0xfff9) !== 0) return ChainEnd.Fragment
          if (headers >= MAX_HEADERS) return ChainEnd.TooLong
          this.atomicFragment = true
          this.nextHeaderField = at
          this.position = at + 8
          continue
        case wire.NextHeader.NoNextHeader:
          return ChainEnd.Nothing
        default:
          return ChainEnd.UpperLayer
      }
      if (headers >= MAX_HEADERS) return ChainEnd.TooLong
      if (at + 8 > end) return ChainEnd.Malformed
      const length = (bytes[at + 1] + 1) << 3
      if (at + length > end) return ChainEnd.Malformed
      if (next === wire.NextHeader.Routing) {
        // RFC 8200, section 4.4, and RFC 5095 for type 0: we know no type, and look past one that is used up.
        if (bytes[at + SEGMENTS_LEFT] !== 0) return this.#problem(ParameterProblem.ErroneousHeader, at + ROUTING_TYPE)
      } else {
        const verdict = this.#options(at + 2, at + length, next === wire.NextHeader.HopByHopOptions)
        if (verdict !== ChainEnd.UpperLayer) return verdict
      }
      this.nextHeaderField = at
      this.position = at + length
    }
  }

  /** RFC 8200, section 4.2. @returns UpperLayer if they keep nobody from going on */
  #options(position: number, end: number, hopByHop: boolean): ChainEnd {
    const bytes = this.#bytes
    let options = 0
    let padding = 0
    while (position < end) {
      const type = bytes[position]
      if (type === PAD1) {
        if (++padding > MAX_PADDING) return ChainEnd.TooLong
        position++
        continue
      }
      if (position + 2 > end) return ChainEnd.Malformed
      const length = bytes[position + 1] + 2
      if (position + length > end) return ChainEnd.Malformed
      if (type === PADN) {
        padding += length
        if (padding > MAX_PADDING) return ChainEnd.TooLong
        position += length
        continue
      }
      padding = 0
      if (++options > MAX_OPTIONS) return ChainEnd.TooLong
      if (hopByHop && type === ROUTER_ALERT && length === 4) {
        this.routerAlert = true
      } else {
        // The two highest bits say what to do with what is not known.
        const action = type >>> 6
        if (action === 1) return ChainEnd.OptionDiscarded
        if (action !== 0) {
          this.#problem(ParameterProblem.UnrecognizedOption, position)
          this.problemToGroup = action === 2
          return ChainEnd.Problem
        }
      }
      position += length
    }
    return ChainEnd.UpperLayer
  }

  #problem(code: ParameterProblem, position: number): ChainEnd {
    this.problemCode = code
    this.problemPosition = position
    this.problemToGroup = false
    return ChainEnd.Problem
  }

  /**
   * Looks for the upper-layer header and for nothing else: for packets that are quoted, of our own, or the first of several
   * fragments. `protocol` and `position` say where it is, which may be where the bytes end.
   * @param nextHeaderField where the number of the header at `position` stands
   * @returns false where an extension header does not fit, there are too many, or it is a fragment but the first
   */
  skip(nextHeaderField: number, position: number, end: number): boolean {
    const bytes = this.#bytes
    this.nextHeaderField = nextHeaderField
    this.position = position
    for (let headers = 0; headers <= MAX_HEADERS; headers++) {
      const next = bytes[this.nextHeaderField]
      const at = this.position
      this.protocol = next
      switch (next) {
        case wire.NextHeader.HopByHopOptions:
        case wire.NextHeader.DestinationOptions:
        case wire.NextHeader.Routing: {
          if (at + 8 > end) return false
          this.position = at + ((bytes[at + 1] + 1) << 3)
          break
        }
        case wire.NextHeader.Fragment:
          if (at + 8 > end || (wire.word16(bytes, at + 2) & 0xfff8) !== 0) return false
          this.position = at + 8
          break
        default:
          return at <= end
      }
      this.nextHeaderField = at
    }
    return false
  }

  /** RFC 7112: whether the first fragment holds all headers, that of the upper layer included. Arguments as of `skip`. */
  isComplete(nextHeaderField: number, position: number, end: number): boolean {
    if (!this.skip(nextHeaderField, position, end)) return false
    const { protocol } = this
    if (protocol === wire.NextHeader.NoNextHeader) return true
    const least =
      protocol === TCP
        ? TCP_HEADER
        : protocol === UDP
          ? UDP_HEADER
          : protocol === wire.NextHeader.Icmpv6
            ? ICMPV6_HEADER
            : 1
    return this.position + least <= end
  }
}
