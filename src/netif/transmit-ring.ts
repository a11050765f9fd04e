import { ChecksumState, type PacketBuffer, type PacketMemory, Segmentation } from '../packet/index.ts'
import type { NetifCounters, NetifFeatures } from './netif.ts'
import {
  DESCRIPTOR_SHIFT,
  DESCRIPTOR_WORDS,
  type TapBinding,
  TRANSMIT_CHECKSUM_OFFSET,
  TRANSMIT_CHECKSUM_START,
  TRANSMIT_FLAGS,
  TRANSMIT_GATHERED,
  TRANSMIT_HEADER_LENGTH,
  TRANSMIT_LENGTH,
  TRANSMIT_POSITION,
  TRANSMIT_SEGMENT_SIZE,
} from './tap-binding.ts'
import { VIRTIO_GSO_ECN, VIRTIO_GSO_TCPV4, VIRTIO_GSO_TCPV6, VIRTIO_NEEDS_CHECKSUM } from './virtio-header.ts'

/** Frames that may wait for the device to take them. */
const TRANSMIT_RING = 1024
const TRANSMIT_MASK = TRANSMIT_RING - 1

/** Where a TCP header keeps its length in 32-bit words, in the upper four bits; RFC 9293, section 3.1. */
const TCP_DATA_OFFSET = 12
const TCP_FLAGS = 13
/** RFC 3168, section 6.1. */
const TCP_CWR = 0x80

/** Frames on their way into a device: `#queued` of them from entry `#first` on. */
export class TransmitRing {
  readonly words = new Int32Array(TRANSMIT_RING * DESCRIPTOR_WORDS)
  readonly #binding: TapBinding
  readonly #device: number
  readonly #memory: PacketMemory
  readonly #counters: NetifCounters
  readonly #checksumOffload: boolean
  readonly #tcp4Segmentation: boolean
  readonly #tcp6Segmentation: boolean
  readonly #packets: PacketBuffer[] = []
  readonly #gathered: (Uint8Array[] | null)[] = []
  #first = 0
  #queued = 0
  #blocked = false
  #closed = false

  /** @param filling stands in entries that are not queued, and is never used: so the array never has holes */
  constructor(
    binding: TapBinding,
    device: number,
    settings: { memory: PacketMemory; counters: NetifCounters; features: NetifFeatures; filling: PacketBuffer },
  ) {
    this.#binding = binding
    this.#device = device
    this.#memory = settings.memory
    this.#counters = settings.counters
    this.#checksumOffload = settings.features.checksumOffload
    this.#tcp4Segmentation = settings.features.tcp4Segmentation
    this.#tcp6Segmentation = settings.features.tcp6Segmentation
    for (let i = 0; i < TRANSMIT_RING; i++) {
      this.#packets.push(settings.filling)
      this.#gathered.push(null)
    }
  }

  /** Takes over the packet's reference. */
  transmit(packet: PacketBuffer): void {
    if (this.#queued === TRANSMIT_RING) this.flush()
    if (this.#queued === TRANSMIT_RING) {
      this.#counters.transmitQueueFull++
      packet.release()
      return
    }
    const segmentation = packet.segmentation
    const partial = packet.checksum === ChecksumState.Partial
    if (
      this.#closed ||
      packet.memory !== this.#memory ||
      (partial && !this.#checksumOffload) ||
      (segmentation !== Segmentation.None && !(partial && this.#segments(segmentation)))
    ) {
      this.#counters.transmitError++
      packet.release()
      return
    }
    const index = (this.#first + this.#queued++) & TRANSMIT_MASK
    this.#packets[index] = packet
    const words = this.words
    const at = index << DESCRIPTOR_SHIFT
    const start = packet.start
    words[at + TRANSMIT_POSITION] = start
    words[at + TRANSMIT_LENGTH] = packet.end - start
    words[at + TRANSMIT_GATHERED] = 0
    if (!partial) {
      words[at + TRANSMIT_HEADER_LENGTH] = 0
      words[at + TRANSMIT_FLAGS] = 0
      words[at + TRANSMIT_SEGMENT_SIZE] = 0
      words[at + TRANSMIT_CHECKSUM_START] = 0
      words[at + TRANSMIT_CHECKSUM_OFFSET] = 0
      return
    }
    const transport = packet.checksumStart
    words[at + TRANSMIT_CHECKSUM_START] = transport - start
    words[at + TRANSMIT_CHECKSUM_OFFSET] = packet.checksumField - transport
    if (segmentation === Segmentation.None) {
      words[at + TRANSMIT_HEADER_LENGTH] = 0
      words[at + TRANSMIT_FLAGS] = VIRTIO_NEEDS_CHECKSUM
      words[at + TRANSMIT_SEGMENT_SIZE] = 0
      return
    }
    const tcpHeader = (this.#memory.bytes[transport + TCP_DATA_OFFSET] >>> 4) << 2
    let gso = segmentation === Segmentation.TcpV4 ? VIRTIO_GSO_TCPV4 : VIRTIO_GSO_TCPV6
    if ((this.#memory.bytes[transport + TCP_FLAGS] & TCP_CWR) !== 0) gso |= VIRTIO_GSO_ECN
    words[at + TRANSMIT_HEADER_LENGTH] = transport + tcpHeader - start
    words[at + TRANSMIT_FLAGS] = VIRTIO_NEEDS_CHECKSUM | (gso << 8)
    words[at + TRANSMIT_SEGMENT_SIZE] = packet.segmentSize
    if (packet.gathered === null) return
    this.#gathered[index] = packet.gathered
    words[at + TRANSMIT_GATHERED] = 1 + packet.gatheredFrom
  }

  /** Gives what is queued to the device. */
  flush(): void {
    const queued = this.#queued
    // While the device takes nothing, `writable` is what resumes.
    if (queued === 0 || this.#blocked) return
    const first = this.#first
    const done = this.#binding.flush(this.#device, first, queued, this.#gathered)
    if (done < queued) {
      this.#blocked = true
      this.#counters.backPressure++
    }
    const counters = this.#counters
    for (let i = 0; i < done; i++) {
      const index = (first + i) & TRANSMIT_MASK
      const length = this.words[(index << DESCRIPTOR_SHIFT) + TRANSMIT_LENGTH]
      if (length < 0) {
        counters.transmitError++
      } else {
        counters.transmittedFrames++
        counters.transmittedBytes += length
      }
      this.#gathered[index] = null
      this.#packets[index].release()
    }
    this.#first = (first + done) & TRANSMIT_MASK
    this.#queued = queued - done
  }

  /** The device takes frames again. */
  writable(): void {
    this.#blocked = false
    this.flush()
  }

  close(): void {
    this.#closed = true
    for (; this.#queued > 0; this.#queued--) {
      this.#gathered[this.#first] = null
      this.#packets[this.#first].release()
      this.#first = (this.#first + 1) & TRANSMIT_MASK
    }
  }

  #segments(segmentation: Segmentation): boolean {
    return segmentation === Segmentation.TcpV4 ? this.#tcp4Segmentation : this.#tcp6Segmentation
  }
}
