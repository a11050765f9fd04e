import { LARGE_SLOT, type PacketBuffer, type PacketMemory, RECEIVE_OFFSET, SMALL_SLOT } from '../../packet/index.ts'
import type { FrameReceiver, NetifCounters } from '../netif.ts'
import { ETHERNET_HEADER, LONGEST_FRAME } from './frame-limits.ts'

/** Each frame stands behind its length, a big-endian number of so many bytes: what QEMU's `-netdev stream` speaks. */
export const LENGTH_BYTES = 4

/**
 * Finds frames in a stream of bytes that arrives in pieces of any size. The pieces are copied into packet memory, where taking
 * them apart needs no object for a frame.
 */
export class FrameReader {
  readonly #memory: PacketMemory
  readonly #counters: NetifCounters
  /** Where pieces are put, while there is a stream. */
  #staging: PacketBuffer | null = null
  #length = 0
  #lengthBytes = 0
  /** Bytes of the frame that are still to come. */
  #left = 0
  /** The frame that is being put together; null between frames, and while one is left out. */
  #packet: PacketBuffer | null = null
  #delivered = false
  /** Whether `reset` came while a piece was being read: the receiver has closed the interface. */
  #wasReset = false

  constructor(memory: PacketMemory, counters: NetifCounters) {
    this.#memory = memory
    this.#counters = counters
  }

  /**
   * Hands on the frames that are complete with this piece, as one burst.
   * @returns null, or the length that cannot be one: the other end does not speak this, or the stream is out of step
   */
  read(piece: Uint8Array, receiver: FrameReceiver): number | null {
    this.#wasReset = false
    const staging = (this.#staging ??= this.#memory.takeLarge())
    if (staging === null) {
      // Leaving bytes out is no choice: the next length would be looked for in the middle of a frame.
      return this.#readFrom(piece, 0, piece.length, receiver)
    }
    let wrong: number | null = null
    for (let at = 0; at < piece.length && wrong === null && !this.#wasReset; at += LARGE_SLOT) {
      const length = Math.min(LARGE_SLOT, piece.length - at)
      this.#memory.bytes.set(length === piece.length ? piece : piece.subarray(at, at + length), staging.base)
      wrong = this.#readFrom(this.#memory.bytes, staging.base, staging.base + length, receiver)
    }
    return wrong
  }

  /** Forgets the frame that was not complete; the next piece is the beginning of another stream. */
  reset(): void {
    this.#wasReset = true
    this.#delivered = false
    this.#packet?.release()
    this.#packet = null
    this.#staging?.release()
    this.#staging = null
    this.#left = this.#length = this.#lengthBytes = 0
  }

  #readFrom(bytes: Uint8Array, at: number, end: number, receiver: FrameReceiver): number | null {
    let wrong: number | null = null
    while (at < end) {
      if (this.#left === 0) {
        this.#length = ((this.#length << 8) | bytes[at++]) >>> 0
        if (++this.#lengthBytes < LENGTH_BYTES) continue
        const length = this.#length
        this.#length = this.#lengthBytes = 0
        if (length > LONGEST_FRAME) {
          this.#counters.receiveMalformed++
          wrong = length
          break
        }
        this.#begin(length)
        continue
      }
      const part = Math.min(this.#left, end - at)
      const packet = this.#packet
      if (packet !== null) {
        if (bytes === this.#memory.bytes) bytes.copyWithin(packet.end, at, at + part)
        else this.#memory.bytes.set(bytes.subarray(at, at + part), packet.end)
        packet.end += part
      }
      at += part
      this.#left -= part
      if (this.#left === 0 && packet !== null) this.#deliver(packet, receiver)
      if (this.#wasReset) return null
    }
    if (this.#delivered) {
      this.#delivered = false
      this.#counters.bursts++
      receiver.endOfBurst()
    }
    return wrong
  }

  #begin(length: number): void {
    this.#left = length
    if (length < ETHERNET_HEADER) {
      this.#counters.receiveMalformed++
      return
    }
    const isSmall = length <= SMALL_SLOT - RECEIVE_OFFSET
    const packet = isSmall ? this.#memory.takeSmall() : this.#memory.takeLarge()
    if (packet === null) {
      this.#counters.receiveNoMemory++
      return
    }
    packet.start = packet.end = packet.link = packet.base + RECEIVE_OFFSET
    this.#packet = packet
  }

  #deliver(packet: PacketBuffer, receiver: FrameReceiver): void {
    this.#packet = null
    this.#counters.receivedFrames++
    this.#counters.receivedBytes += packet.length
    this.#delivered = true
    try {
      receiver.frame(packet)
    } finally {
      packet.release()
    }
  }
}
