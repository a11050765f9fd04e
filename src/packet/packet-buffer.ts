import type { PacketMemory } from './packet-memory.ts'

/** What is known about the checksum of the transport header in a packet. */
export const ChecksumState = {
  /** As it came from the wire: whoever needs it right must compute it. */
  Unverified: 0,
  /** Known to be right: the device or an earlier layer checked it. */
  Verified: 1,
  /**
   * The field holds only the sum of the pseudo-header; whoever puts the frame on a wire completes it from
   * `checksumStart` to `end`. A packet that arrives so never left the machine and is trusted.
   */
  Partial: 2,
} as const
export type ChecksumState = (typeof ChecksumState)[keyof typeof ChecksumState]

/** Whether a packet stands for several TCP segments that the device, or the segmenter, cuts apart. */
export const Segmentation = { None: 0, TcpV4: 1, TcpV6: 2 } as const
export type Segmentation = (typeof Segmentation)[keyof typeof Segmentation]

/**
 * A pooled, reference-counted handle on one slot of packet memory. All positions are absolute byte positions in
 * `memory.bytes`, so that no layer adds offsets to offsets.
 *
 * Ownership: `Netif.transmit` and every `send` below the transports take over one reference. Everything called on the
 * way up only borrows the packet for the length of the call, and calls `retain()` to keep it.
 */
export class PacketBuffer {
  readonly memory: PacketMemory
  /** First byte of the slot, and the one behind its last. */
  readonly base: number
  readonly limit: number
  readonly large: boolean

  /** The bytes that the current layer looks at: [start, end). */
  start = 0
  end = 0
  /** Where the Ethernet, IP and transport headers begin; valid once the layer concerned has seen the packet. */
  link = 0
  network = 0
  transport = 0

  checksum: ChecksumState = ChecksumState.Unverified
  /** Where the sum begins and where its field stands, while `checksum` is Partial. */
  checksumStart = 0
  checksumField = 0
  segmentation: Segmentation = Segmentation.None
  /** Payload bytes of each segment (the MSS less options), while `segmentation` is set. */
  segmentSize = 0

  /** IP source and destination in the words of `IpAddress`; set on the way up by the internet layer. */
  source0 = 0
  source1 = 0
  source2 = 0
  source3 = 0
  destination0 = 0
  destination1 = 0
  destination2 = 0
  destination3 = 0
  /** TTL or hop limit, and traffic class with its ECN bits; set on the way up by the internet layer. */
  hopLimit = 0
  trafficClass = 0
  /** Whether it came to a link-layer broadcast or multicast address; errors and resets are never sent for those. */
  linkMulticast = false
  /** Whether its IP destination is a broadcast or multicast address. */
  multicast = false

  /** Transport scratch: sequence number of the first payload byte and the payload's bounds (absolute). */
  sequence = 0
  payload = 0
  payloadEnd = 0

  /**
   * Where the payload is gathered from when the device takes the packet, while it is not in packet memory: from `gatheredFrom` on in
   * the first of these, and through the others as far as the packet goes. It would lie from `gatheredAt` to `end`, where nothing but
   * room is; all before that is there. Only for an interface that `gathers`; whoever else wants the bytes calls `fill`.
   */
  gathered: Uint8Array[] | null = null
  gatheredFrom = 0
  gatheredAt = 0

  /** For intrusive lists: a packet is in one list at most. */
  next: PacketBuffer | null = null

  references = 0
  /** Where it was allocated; only in debug mode. */
  allocatedAt: Error | null = null

  constructor(memory: PacketMemory, base: number, limit: number, large: boolean) {
    this.memory = memory
    this.base = base
    this.limit = limit
    this.large = large
  }

  get length(): number {
    return this.end - this.start
  }

  /** Extends the packet by `count` bytes at its front, for a header. The caller knows that the headroom suffices. */
  push(count: number): number {
    this.start -= count
    return this.start
  }

  /**
   * Copies what was to be gathered into packet memory.
   * @param most for who looks at the beginning only: so many bytes, and the packet is sent as before
   */
  fill(most = Number.POSITIVE_INFINITY): void {
    const { gathered } = this
    if (gathered === null) return
    const end = Math.min(this.end, this.gatheredAt + most)
    let position = this.gatheredAt
    let from = this.gatheredFrom
    for (let i = 0; i < gathered.length && position < end; i++) {
      const count = Math.min(gathered[i].length - from, end - position)
      // None of one that was given away or back meanwhile; what lay here before is nobody's business.
      if (count <= 0) {
        this.memory.bytes.fill(0, position, end)
        break
      }
      this.memory.bytes.set(gathered[i].subarray(from, from + count), position)
      position += count
      from = 0
    }
    if (end === this.end) this.gathered = null
  }

  /** Keeps the packet beyond the current call. */
  retain(): this {
    this.references++
    return this
  }

  /** Gives up one reference; the last one returns the slot to its pool. */
  release(): void {
    if (--this.references === 0) this.memory.reclaim(this)
    else if (this.references < 0) this.memory.reportDoubleFree(this)
  }
}
