import type { Microseconds } from '../clock/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/** Slots are what fragments cost: many small ones cost as much as large ones. */
export function cost(fragment: PacketBuffer): number {
  return fragment.limit - fragment.base
}

/**
 * A packet of which some fragments are there. In a fragment that is kept, [start, end) is its part of the whole, `sequence`
 * where that part belongs, and `payload` where the headers end that go before it.
 */
export class Datagram {
  readonly hash: number
  readonly sourceHash: number
  readonly identification: number
  readonly expiry: Microseconds
  /** Addresses, as words. */
  readonly source: readonly number[]
  readonly destination: readonly number[]
  /** In order of their place, without overlap. */
  readonly fragments: PacketBuffer[] = []
  /** Another with the same hash. */
  sibling: Datagram | null = null
  /** Bytes that are there. */
  received = 0
  /** Bytes of the whole, -1 until the last fragment tells. */
  total = -1
  /** Bytes of packet memory that it keeps. */
  cost = 0
  /** RFC 5722: it contradicts itself; what comes of it is dropped until it expires. */
  isAbandoned = false
  /** Which of the four ECN codepoints its fragments came with, a bit each. */
  codepoints = 0

  constructor(packet: PacketBuffer, hash: number, sourceHash: number, identification: number, expiry: Microseconds) {
    this.hash = hash
    this.sourceHash = sourceHash
    this.identification = identification
    this.expiry = expiry
    this.source = [packet.source0, packet.source1, packet.source2, packet.source3]
    this.destination = [packet.destination0, packet.destination1, packet.destination2, packet.destination3]
  }

  /** Whether a fragment with this identification belongs to it. */
  holds(packet: PacketBuffer, identification: number): boolean {
    const { source, destination } = this
    return (
      this.identification === identification &&
      source[3] === packet.source3 &&
      source[2] === packet.source2 &&
      source[1] === packet.source1 &&
      source[0] === packet.source0 &&
      destination[3] === packet.destination3 &&
      destination[2] === packet.destination2 &&
      destination[1] === packet.destination1 &&
      destination[0] === packet.destination0
    )
  }

  get isComplete(): boolean {
    return this.received === this.total
  }

  /** The fragment that begins the packet, if it is there. */
  get first(): PacketBuffer | null {
    const first = this.fragments[0]
    return first !== undefined && first.sequence === 0 ? first : null
  }

  /** Where [from, to) would go, and whether it may. @returns the index, or a negative one: -1 a duplicate, -2 an overlap */
  place(from: number, to: number, isLast: boolean): number {
    const { fragments, total } = this
    // What the last fragment said about the length must stay true.
    if (isLast ? total >= 0 && total !== to : total >= 0 && to > total) return -2
    let low = 0
    let high = fragments.length
    while (low < high) {
      const middle = (low + high) >>> 1
      if (fragments[middle].sequence < from) low = middle + 1
      else high = middle
    }
    const following = fragments[low]
    if (following !== undefined) {
      if (following.sequence === from && endOf(following) === to) return -1
      // Nor may a last fragment lie before what is there already.
      if (isLast || following.sequence < to) return -2
    }
    const previous = fragments[low - 1]
    return previous !== undefined && endOf(previous) > from ? -2 : low
  }

  insert(fragment: PacketBuffer, index: number, isLast: boolean): void {
    this.fragments.splice(index, 0, fragment)
    this.received += fragment.end - fragment.start
    if (isLast) this.total = endOf(fragment)
  }

  /** Releases what is kept. */
  clear(): void {
    for (const fragment of this.fragments) fragment.release()
    this.fragments.length = 0
    this.received = 0
    this.total = -1
  }
}

function endOf(fragment: PacketBuffer): number {
  return fragment.sequence + fragment.end - fragment.start
}
