/**
 * What arrives at a port, looked at (or lost) before the stack sees it: how many data segments, and how many that bring nothing
 * new. On a link that duplicates nothing, the latter were sent again without need: the first copy had arrived.
 */
import type { FrameReceiver, VirtualNetif } from '../../src/netif/index.ts'
import type { PacketBuffer } from '../../src/packet/index.ts'

const IPV4 = 0x0800
const TCP = 6
const SYN = 0x02

/** One direction of one connection, by the sender's port. Offsets count bytes of the stream: the first is 0. */
export class WatchedFlow {
  /** Segments with data. */
  segments = 0
  /** Segments all of whose bytes had arrived before. */
  duplicates = 0
  /** Segments that arrived after one with higher numbers, and brought something new. */
  late = 0
  /** Whatever reaches beyond this offset is dropped when it comes for the first time. */
  loseFirstFrom = Number.POSITIVE_INFINITY
  /** Segments dropped so. */
  dropped = 0
  /** The sequence number of the first byte. */
  #first: number | null = null
  /** All below is here, and the stretches [from, to) in order. */
  #contiguous = 0
  #highest = 0
  #highestDropped = 0
  readonly #from: number[] = []
  readonly #to: number[] = []

  synchronize(sequence: number): void {
    this.#first ??= (sequence + 1) | 0
  }

  /** @returns whether the stack gets it */
  segment(sequence: number, length: number): boolean {
    if (this.#first === null) return true
    // Numbers wrap; what arrives is near what arrived last.
    const start = this.#highest + ((sequence - (this.#first + this.#highest)) | 0)
    const end = start + length
    if (end > this.loseFirstFrom && end > this.#highestDropped) {
      this.#highestDropped = end
      this.dropped++
      return false
    }
    this.segments++
    if (!this.#add(start, end)) this.duplicates++
    else if (end < this.#highest) this.late++
    if (end > this.#highest) this.#highest = end
    return true
  }

  /** @returns whether anything of [start, end) is new */
  #add(start: number, end: number): boolean {
    if (end <= this.#contiguous) return false
    const from = this.#from
    const to = this.#to
    if (start <= this.#contiguous) {
      this.#contiguous = end
      let joined = 0
      while (joined < from.length && from[joined] <= this.#contiguous) {
        this.#contiguous = Math.max(this.#contiguous, to[joined++])
      }
      if (joined > 0) {
        from.splice(0, joined)
        to.splice(0, joined)
      }
      return true
    }
    // The stretches that touch [start, end): mostly the last one.
    let last = from.length
    while (last > 0 && from[last - 1] > end) last--
    let first = last
    while (first > 0 && to[first - 1] >= start) first--
    if (last - first === 1 && from[first] <= start && to[first] >= end) return false
    if (last > first) {
      start = Math.min(start, from[first])
      end = Math.max(end, to[last - 1])
    }
    from.splice(first, last - first, start)
    to.splice(first, last - first, end)
    return true
  }
}

/** Stands between a port and its stack. Frames are as a wire carries them: IPv4 without options, no VLAN tag. */
export class SegmentWatch implements FrameReceiver {
  readonly #stack: FrameReceiver
  /** By the sender's port number. */
  readonly #flows: (WatchedFlow | undefined)[] = []

  constructor(port: VirtualNetif, stack: FrameReceiver) {
    this.#stack = stack
    port.attach(this)
  }

  /** Begins to watch what a new connection sends whose local port this is. */
  begin(sourcePort: number): WatchedFlow {
    const flow = new WatchedFlow()
    this.#flows[sourcePort] = flow
    return flow
  }

  frame(packet: PacketBuffer): void {
    const { view, bytes } = packet.memory
    const network = packet.start + 14
    if (packet.length >= 54 && view.getUint16(network - 2) === IPV4 && bytes[network + 9] === TCP) {
      const transport = network + 20
      const flow = this.#flows[view.getUint16(transport)]
      if (flow !== undefined) {
        const sequence = view.getInt32(transport + 4)
        const length = view.getUint16(network + 2) - 20 - ((bytes[transport + 12] >>> 4) << 2)
        if ((bytes[transport + 13] & SYN) !== 0) flow.synchronize(sequence)
        else if (length > 0 && !flow.segment(sequence, length)) return
      }
    }
    this.#stack.frame(packet)
  }

  endOfBurst(): void {
    this.#stack.endOfBurst()
  }

  closed(error: Error | null): void {
    this.#stack.closed(error)
  }
}
