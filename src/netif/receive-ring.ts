import { SystemError } from '../errors/index.ts'
import {
  ChecksumState,
  LARGE_SLOT,
  type PacketBuffer,
  type PacketMemory,
  RECEIVE_OFFSET,
  Segmentation,
  SMALL_SLOT,
} from '../packet/index.ts'
import type { FrameReceiver, NetifCounters } from './netif.ts'
import {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  RECEIVE_CHECKSUM_OFFSET,
  RECEIVE_CHECKSUM_START,
  RECEIVE_FLAGS,
  RECEIVE_IN_LARGE,
  RECEIVE_LARGE,
  RECEIVE_LENGTH,
  RECEIVE_SEGMENT_SIZE,
  RECEIVE_SMALL,
} from './tap-binding.ts'
import { deliverDatagrams } from './udp-segments.ts'
import {
  VIRTIO_DATA_VALID,
  VIRTIO_GSO_ECN,
  VIRTIO_GSO_NONE,
  VIRTIO_GSO_TCPV4,
  VIRTIO_GSO_TCPV6,
  VIRTIO_GSO_UDP_L4,
  VIRTIO_NEEDS_CHECKSUM,
} from './virtio-header.ts'

/** Frames that one burst brings at most. */
export const RECEIVE_RING = 32
/** Bytes that a frame may take in a slot of each size. */
export const SMALL_FRAME = SMALL_SLOT - RECEIVE_OFFSET
export const LARGE_FRAME = LARGE_SLOT - RECEIVE_OFFSET

/**
 * Where a device's frames arrive. Entry i has a small and a large slot at all times; a frame's slot is replaced when it is delivered,
 * and used again at once where memory has no other.
 */
export class ReceiveRing {
  /** The descriptors, and behind them a word that counts frames that the kernel had no room for. */
  readonly words: Int32Array
  readonly #memory: PacketMemory
  readonly #counters: NetifCounters
  readonly #leastFrame: number
  readonly #small: PacketBuffer[] = []
  readonly #large: PacketBuffer[] = []
  #closed = false

  /**
   * @param leastFrame bytes of the header that a frame begins with
   * @param most entries; fewer where memory is small
   * @throws SystemError ENOMEM
   */
  constructor(memory: PacketMemory, counters: NetifCounters, leastFrame: number, most: number) {
    this.#memory = memory
    this.#counters = counters
    this.#leastFrame = leastFrame
    // A quarter of a small memory at most: the stack needs the rest.
    const quarter = Math.min(memory.smallSlots, memory.largeSlots) >> 2
    const entries = Math.max(1, Math.min(most, quarter))
    this.words = new Int32Array(entries * DESCRIPTOR_WORDS + 1)
    for (let i = 0; i < entries; i++) {
      const small = memory.takeSmall()
      const large = memory.takeLarge()
      if (small !== null) this.#small.push(small)
      if (large !== null) this.#large.push(large)
      if (small === null || large === null) {
        this.close()
        throw new SystemError('ENOMEM', 'open', { hint: 'packet memory has too few free slots for a receive ring' })
      }
      const at = i << DESCRIPTOR_SHIFT
      this.words[at + RECEIVE_SMALL] = small.base + RECEIVE_OFFSET
      this.words[at + RECEIVE_LARGE] = large.base + RECEIVE_OFFSET
    }
  }

  /** One of its packets, for what has to be of that kind and is never used. */
  get anyPacket(): PacketBuffer {
    return this.#small[0]
  }

  /** Also in the middle of delivering. */
  close(): void {
    this.#closed = true
    for (const packet of this.#small) packet.release()
    for (const packet of this.#large) packet.release()
    this.#small.length = this.#large.length = 0
  }

  /** Delivers the frames in the first `count` entries, and the end of the burst. */
  deliver(count: number, receiver: FrameReceiver): void {
    const words = this.words
    const memory = this.#memory
    const counters = this.#counters
    counters.bursts++
    const lost = words.length - 1
    if (words[lost] !== 0) {
      counters.receiveQueueFull += words[lost]
      words[lost] = 0
    }
    for (let i = 0; i < count; i++) {
      const at = i << DESCRIPTOR_SHIFT
      const length = words[at + RECEIVE_LENGTH]
      const flags = words[at + RECEIVE_FLAGS]
      if (length < this.#leastFrame || (flags !== 0 && !this.#isValidHeader(at, length))) {
        counters.receiveMalformed++
        continue
      }
      let packet: PacketBuffer
      if (words[at + RECEIVE_IN_LARGE] === 0) {
        const replacement = memory.takeSmall()
        if (replacement === null) {
          counters.receiveNoMemory++
          continue
        }
        packet = this.#small[i]
        this.#small[i] = replacement
        words[at + RECEIVE_SMALL] = replacement.base + RECEIVE_OFFSET
      } else {
        const replacement = memory.takeLarge()
        if (replacement === null) {
          counters.receiveNoMemory++
          continue
        }
        packet = this.#large[i]
        this.#large[i] = replacement
        words[at + RECEIVE_LARGE] = replacement.base + RECEIVE_OFFSET
      }
      const start = packet.base + RECEIVE_OFFSET
      packet.start = packet.link = start
      packet.end = start + length
      if (flags !== 0) this.#applyHeader(packet, at, flags)
      counters.receivedFrames++
      counters.receivedBytes += length
      try {
        if (flags >>> 8 === VIRTIO_GSO_UDP_L4) {
          deliverDatagrams(packet, words[at + RECEIVE_SEGMENT_SIZE], receiver, counters)
        } else receiver.frame(packet)
      } finally {
        packet.release()
      }
      if (this.#closed) return
    }
    receiver.endOfBurst()
  }

  /** Whether the virtio header of a received frame makes sense: it is the kernel's, but its numbers become positions. */
  #isValidHeader(at: number, length: number): boolean {
    const words = this.words
    const flags = words[at + RECEIVE_FLAGS]
    const gso = (flags >>> 8) & ~VIRTIO_GSO_ECN
    if (flags >>> 8 !== VIRTIO_GSO_NONE) {
      const isTcp = gso === VIRTIO_GSO_TCPV4 || gso === VIRTIO_GSO_TCPV6
      if (!isTcp && flags >>> 8 !== VIRTIO_GSO_UDP_L4) return false
      if (words[at + RECEIVE_SEGMENT_SIZE] === 0) return false
    }
    if ((flags & VIRTIO_NEEDS_CHECKSUM) === 0) return true
    const start = words[at + RECEIVE_CHECKSUM_START]
    return start >= this.#leastFrame && start + words[at + RECEIVE_CHECKSUM_OFFSET] + 2 <= length
  }

  #applyHeader(packet: PacketBuffer, at: number, flags: number): void {
    const words = this.words
    if ((flags & VIRTIO_NEEDS_CHECKSUM) !== 0) {
      packet.checksum = ChecksumState.Partial
      packet.checksumStart = packet.start + words[at + RECEIVE_CHECKSUM_START]
      packet.checksumField = packet.checksumStart + words[at + RECEIVE_CHECKSUM_OFFSET]
    } else if ((flags & VIRTIO_DATA_VALID) !== 0) {
      packet.checksum = ChecksumState.Verified
    }
    const gso = (flags >>> 8) & ~VIRTIO_GSO_ECN
    if (gso === VIRTIO_GSO_TCPV4 || gso === VIRTIO_GSO_TCPV6) {
      packet.segmentation = gso === VIRTIO_GSO_TCPV4 ? Segmentation.TcpV4 : Segmentation.TcpV6
      packet.segmentSize = words[at + RECEIVE_SEGMENT_SIZE]
    }
  }
}
