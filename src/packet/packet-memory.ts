import { Checksum } from '../checksum/index.ts'
import { integerInRange } from '../errors/index.ts'
import { ChecksumState, PacketBuffer, Segmentation } from './packet-buffer.ts'

/**
 * Space before the first byte of a packet that is built here: virtio header (12), Ethernet with two VLAN tags (22),
 * the longest IPv4 header (60) or an IPv6 header with some extension headers, and the longest TCP header (60).
 */
export const HEADROOM = 192
/** Bytes of a small slot of packet memory. */
export const SMALL_SLOT = 2048
/** 64 KiB of payload behind the headroom, rounded up to a multiple of 64 bytes. */
export const LARGE_SLOT = HEADROOM + 65536

/** Where in a slot the Ethernet header of a received frame begins: the IP header behind it is 16-byte aligned. */
export const RECEIVE_OFFSET = 66

const WASM_PAGE = 65536

/** How much packet memory there is. */
export interface PacketMemoryOptions {
  /** Slots of 2 KiB; 16 to 262,144, default 8,192 (16 MiB). */
  smallSlots?: number
  /** Slots of 64 KiB and headroom; 4 to 8,192, default 512 (32 MiB). Their pages are touched only when used. */
  largeSlots?: number
  /** Remembers where each packet was allocated, throws on a double free; slow. */
  debug?: boolean
}

/** What packet memory counts: slots that were asked for in vain. */
export interface PacketMemoryCounters {
  /** Allocations that found no free slot. */
  smallExhausted: number
  largeExhausted: number
  /** Releases of a packet that was free already: always a bug. */
  doubleFrees: number
}

/**
 * All frames of a stack live here: one WebAssembly memory of a fixed size, never grown, so that views of it never
 * detach, the addon reads into it and the checksum runs on it in place. Exhaustion returns null; it never throws.
 */
export class PacketMemory {
  readonly wasm: WebAssembly.Memory
  readonly bytes: Uint8Array
  readonly view: DataView
  readonly checksum: Checksum
  readonly debug: boolean
  readonly smallSlots: number
  readonly largeSlots: number
  readonly counters: PacketMemoryCounters = { smallExhausted: 0, largeExhausted: 0, doubleFrees: 0 }

  readonly #small: PacketBuffer[] = []
  readonly #large: PacketBuffer[] = []
  readonly #live: Set<PacketBuffer> | null

  /** @throws RangeError naming the option that is out of its range, or if the system has not that much memory */
  constructor(options: PacketMemoryOptions = {}) {
    this.smallSlots = integerInRange('smallSlots', options.smallSlots ?? 8192, 16, 262_144)
    this.largeSlots = integerInRange('largeSlots', options.largeSlots ?? 512, 4, 8192)
    this.debug = options.debug ?? false
    this.#live = this.debug ? new Set() : null
    // The first slot-sized stretch stays unused: position 0 then never means a packet.
    const size = SMALL_SLOT + this.smallSlots * SMALL_SLOT + this.largeSlots * LARGE_SLOT
    const pages = Math.ceil(size / WASM_PAGE)
    this.wasm = new WebAssembly.Memory({ initial: pages, maximum: pages })
    this.bytes = new Uint8Array(this.wasm.buffer)
    this.view = new DataView(this.wasm.buffer)
    this.checksum = new Checksum(this.wasm)
    let position = SMALL_SLOT
    for (let i = 0; i < this.smallSlots; i++, position += SMALL_SLOT) {
      this.#small.push(new PacketBuffer(this, position, position + SMALL_SLOT, false))
    }
    for (let i = 0; i < this.largeSlots; i++, position += LARGE_SLOT) {
      this.#large.push(new PacketBuffer(this, position, position + LARGE_SLOT, true))
    }
    // Popped from the end: hand out low addresses first, and the most recently freed (cache-warm) slot again.
    this.#small.reverse()
    this.#large.reverse()
  }

  get freeSmall(): number {
    return this.#small.length
  }

  get freeLarge(): number {
    return this.#large.length
  }

  /** Packets that are allocated and not yet released. */
  get inUse(): number {
    return this.smallSlots - this.#small.length + (this.largeSlots - this.#large.length)
  }

  /** Whether half of the slots of both sizes are free: what a peer alone may pin, by not acknowledging it, takes no more. */
  get isHalfFree(): boolean {
    return this.#large.length * 2 >= this.largeSlots && this.#small.length * 2 >= this.smallSlots
  }

  /**
   * A packet to build in, empty, with `HEADROOM` before it and room for at least `length` bytes behind that, and one
   * reference that the caller owns. Null when there is none free or `length` is over 65,536.
   */
  allocate(length: number): PacketBuffer | null {
    const packet = length <= SMALL_SLOT - HEADROOM ? this.takeSmall() : length <= 65536 ? this.takeLarge() : null
    if (packet !== null) packet.start = packet.end = packet.base + HEADROOM
    return packet
  }

  /** A 2 KiB slot with `start` and `end` at its base, for a driver to read into. */
  takeSmall(): PacketBuffer | null {
    const packet = this.#small.pop()
    if (packet === undefined) {
      this.counters.smallExhausted++
      return null
    }
    return this.#prepare(packet)
  }

  /** A 64 KiB slot, likewise. */
  takeLarge(): PacketBuffer | null {
    const packet = this.#large.pop()
    if (packet === undefined) {
      this.counters.largeExhausted++
      return null
    }
    return this.#prepare(packet)
  }

  #prepare(packet: PacketBuffer): PacketBuffer {
    packet.references = 1
    packet.start = packet.end = packet.base
    packet.checksum = ChecksumState.Unverified
    packet.segmentation = Segmentation.None
    packet.linkMulticast = false
    packet.multicast = false
    packet.next = null
    if (this.#live !== null) {
      packet.allocatedAt = new Error('allocated here')
      this.#live.add(packet)
    }
    return packet
  }

  /** A copy of the frame [start, end) with its checksum and segmentation state, or null when memory is short. */
  copy(packet: PacketBuffer): PacketBuffer | null {
    const copy = this.allocate(packet.length)
    if (copy === null) return null
    packet.fill()
    const shift = copy.start - packet.start
    if (packet.memory === this) this.bytes.copyWithin(copy.start, packet.start, packet.end)
    else this.bytes.set(packet.memory.bytes.subarray(packet.start, packet.end), copy.start)
    copy.end = packet.end + shift
    copy.link = packet.link + shift
    copy.network = packet.network + shift
    copy.transport = packet.transport + shift
    copy.checksum = packet.checksum
    copy.checksumStart = packet.checksumStart + shift
    copy.checksumField = packet.checksumField + shift
    copy.segmentation = packet.segmentation
    copy.segmentSize = packet.segmentSize
    return copy
  }

  /** For `PacketBuffer.release` only. */
  reclaim(packet: PacketBuffer): void {
    packet.next = null
    packet.gathered = null
    if (this.#live !== null) {
      this.#live.delete(packet)
      packet.allocatedAt = null
    }
    if (packet.large) this.#large.push(packet)
    else this.#small.push(packet)
  }

  /** For `PacketBuffer.release` only. */
  reportDoubleFree(packet: PacketBuffer): void {
    packet.references = 0
    this.counters.doubleFrees++
    if (this.debug) throw new Error(`packet at ${packet.base} released twice`)
  }

  /** In debug mode, where each packet that is still in use was allocated; otherwise empty. */
  leaks(): string[] {
    return this.#live === null ? [] : [...this.#live].map((packet) => packet.allocatedAt?.stack ?? 'unknown place')
  }
}
