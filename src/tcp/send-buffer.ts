/**
 * What an application has written and the peer has not yet acknowledged, as references to the application's own chunks.
 * Bytes are copied once, into the packet, and again only when they must be retransmitted. Offsets count from the first
 * unacknowledged byte.
 */
import type { PacketBuffer } from '../packet/index.ts'

/** Below this a loop beats `TypedArray.set`, which needs a view object made for each call. */
const SHORT_COPY = 48
/** Consumed slots at the front of the queue are cut off when there are so many, so that `shift` is amortised. */
const COMPACT_AFTER = 64

export class SendBuffer {
  /** Unacknowledged and unsent bytes. */
  length = 0
  readonly #chunks: Uint8Array[] = []
  /** For a chunk that was filled in packet memory (`writeInto`): the packet whose slot it lies in, otherwise null. */
  readonly #packets: (PacketBuffer | null)[] = []
  /** The first chunk that still holds unacknowledged bytes, and how many of its bytes are acknowledged. */
  #head = 0
  #headOffset = 0
  /** Where the last copy ended, so that sending in order never searches: a chunk and the offset of its first byte. */
  #cursor = 0
  #cursorOffset = 0

  /** @param packet a packet in whose slot `chunk` lies; its reference passes to the buffer */
  append(chunk: Uint8Array, packet: PacketBuffer | null): void {
    if (chunk.length === 0) {
      packet?.release()
      return
    }
    this.#chunks.push(chunk)
    this.#packets.push(packet)
    this.length += chunk.length
  }

  /** Copies [offset, offset + length) to `target` at `position`. */
  copy(offset: number, length: number, target: Uint8Array, position: number): void {
    this.#seek(offset)
    let index = this.#cursor
    let within = offset - this.#cursorOffset
    let chunkStart = this.#cursorOffset
    while (length > 0) {
      const chunk = this.#chunks[index]
      const count = Math.min(chunk.length - within, length)
      if (count <= SHORT_COPY) {
        for (let i = 0; i < count; i++) target[position + i] = chunk[within + i]
      } else if (count === chunk.length) {
        target.set(chunk, position)
      } else {
        target.set(chunk.subarray(within, within + count), position)
      }
      position += count
      length -= count
      within += count
      if (within === chunk.length) {
        within = 0
        chunkStart += chunk.length
        index++
      }
    }
    this.#cursor = index
    this.#cursorOffset = chunkStart
  }

  /**
   * If [offset, offset + length) is exactly one chunk that was filled in packet memory, its packet, so that it can be
   * sent without a copy, its bounds set to those bytes; otherwise null. Only while nobody else holds the packet: one that
   * the device or another stack still looks at must not get new headers.
   */
  packetAt(offset: number, length: number): PacketBuffer | null {
    this.#seek(offset)
    if (this.#cursorOffset !== offset) return null
    const packet = this.#packets[this.#cursor] ?? null
    const chunk = this.#chunks[this.#cursor]
    if (packet === null || packet.references !== 1 || chunk.length !== length) return null
    // A view of packet memory begins at its position there.
    packet.start = chunk.byteOffset
    packet.end = packet.start + length
    return packet
  }

  /** Drops the first `count` bytes: they are acknowledged. */
  acknowledge(count: number): void {
    this.length -= count
    let drop = count + this.#headOffset
    let index = this.#head
    while (index < this.#chunks.length && drop >= this.#chunks[index].length) {
      drop -= this.#chunks[index].length
      this.#release(index)
      index++
    }
    this.#head = index
    this.#headOffset = drop
    // Offsets now count from the new first byte. A cursor that fell behind starts at the head again.
    if (this.#cursor < index) {
      this.#cursor = index
      this.#cursorOffset = -drop
    } else {
      this.#cursorOffset -= count
    }
    if (index === this.#chunks.length) {
      this.#chunks.length = this.#packets.length = 0
      this.#head = this.#headOffset = this.#cursor = this.#cursorOffset = 0
    } else if (index >= COMPACT_AFTER && index * 2 >= this.#chunks.length) {
      this.#chunks.splice(0, index)
      this.#packets.splice(0, index)
      this.#cursor -= index
      this.#head = 0
    }
  }

  /** Forgets everything. */
  clear(): void {
    for (let i = this.#head; i < this.#chunks.length; i++) this.#release(i)
    this.#chunks.length = this.#packets.length = 0
    this.#head = this.#headOffset = this.#cursor = this.#cursorOffset = this.length = 0
  }

  /** Moves the cursor to the chunk that holds `offset`. */
  #seek(offset: number): void {
    if (offset < this.#cursorOffset) {
      this.#cursor = this.#head
      this.#cursorOffset = -this.#headOffset
    }
    while (this.#cursor < this.#chunks.length) {
      const next = this.#cursorOffset + this.#chunks[this.#cursor].length
      if (offset < next) return
      this.#cursorOffset = next
      this.#cursor++
    }
  }

  #release(index: number): void {
    this.#packets[index]?.release()
    this.#packets[index] = null
    this.#chunks[index] = EMPTY
  }
}

const EMPTY = new Uint8Array(0)
