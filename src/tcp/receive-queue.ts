/**
 * Data received in order and not yet read. Within a burst it stays in the packets it came in, for a reader that takes
 * it at once; what is left at the end of the burst is copied into memory of its own (the one copy that the reader
 * would have caused anyway), so that an application that does not read never holds packet memory.
 */
import type { PacketBuffer } from '../packet/index.ts'

/** Larger buffers than this gain nothing and cost the allocator. */
const LARGEST_CHUNK = 262_144
/** Small remainders share a chunk of this size, so that one-byte segments do not cost an object each. */
const LEAST_CHUNK = 4096
/** But the first: very many connections with a byte or two unread must not cost much more than these. */
const LEAST_FIRST_CHUNK = 256

class Chunk {
  readonly buffer: Buffer
  start = 0
  end: number
  constructor(buffer: Buffer, end: number) {
    this.buffer = buffer
    this.end = end
  }
}

/** Whoever takes received bytes without a copy. */
export interface ReceiveSink {
  /** @param view valid only during the call @returns whether it takes more */
  take(view: Uint8Array): boolean
}

export class ReceiveQueue {
  /** Bytes that wait to be read. */
  length = 0
  #firstPacket: PacketBuffer | null = null
  #lastPacket: PacketBuffer | null = null
  #packetBytes = 0
  #chunks: Chunk[] | null = null

  /** Appends [payload, payloadEnd) of a packet, which it retains. */
  append(packet: PacketBuffer): void {
    packet.retain()
    this.adopt(packet)
  }

  /** As `append`, taking over the caller's reference. */
  adopt(packet: PacketBuffer): void {
    packet.next = null
    if (this.#lastPacket === null) this.#firstPacket = packet
    else this.#lastPacket.next = packet
    this.#lastPacket = packet
    const count = packet.payloadEnd - packet.payload
    this.#packetBytes += count
    this.length += count
  }

  /**
   * Appends [start, end) of memory that its owner gives away: kept if it is most of it, otherwise copied.
   * @returns whether it was kept
   */
  give(memory: Buffer, start: number, end: number): boolean {
    this.settle()
    this.#chunks ??= []
    this.length += end - start
    if (end - start >= memory.length / 2) {
      this.#chunks.push(new Chunk(memory.subarray(start, end), end - start))
      return true
    }
    while (start < end) {
      const chunk = this.#chunkWithRoom(end - start)
      const count = Math.min(end - start, chunk.buffer.length - chunk.end)
      memory.copy(chunk.buffer, chunk.end, start, start + count)
      chunk.end += count
      start += count
    }
    return false
  }

  /** Takes up to `most` bytes as memory of the caller's own; null when there is nothing. */
  read(most: number): Buffer | null {
    if (this.length === 0) return null
    const chunks = this.#chunks
    if (chunks !== null && chunks.length > 0) {
      // Packets of the current burst join what is already there, so that the reader gets it in one piece.
      if (this.#packetBytes > 0) this.settle()
      const chunk = chunks[0]
      const count = Math.min(chunk.end - chunk.start, most)
      const data = chunk.buffer.subarray(chunk.start, chunk.start + count)
      chunk.start += count
      if (chunk.start === chunk.end) chunks.shift()
      this.length -= count
      return data
    }
    const count = Math.min(this.#packetBytes, most)
    const data = count < LEAST_CHUNK ? Buffer.allocUnsafe(count) : Buffer.allocUnsafeSlow(count)
    this.#takePackets(data, 0, count)
    this.length -= count
    return data
  }

  /** Hands what is queued to `sink` until nothing is left or it takes no more. */
  drain(sink: ReceiveSink): void {
    while (this.length > 0) {
      const chunks = this.#chunks
      if (chunks !== null && chunks.length > 0) {
        const chunk = chunks.shift()!
        this.length -= chunk.end - chunk.start
        if (!sink.take(chunk.buffer.subarray(chunk.start, chunk.end))) return
        continue
      }
      const packet = this.#firstPacket!
      this.#unlinkFirst()
      const count = packet.payloadEnd - packet.payload
      this.#packetBytes -= count
      this.length -= count
      try {
        if (!sink.take(packet.memory.bytes.subarray(packet.payload, packet.payloadEnd))) return
      } finally {
        packet.release()
      }
    }
  }

  /** End of a burst: moves what was not read out of packet memory. */
  settle(): void {
    if (this.#packetBytes === 0) return
    while (this.#packetBytes > 0) {
      const chunk = this.#chunkWithRoom(this.#packetBytes)
      const count = Math.min(this.#packetBytes, chunk.buffer.length - chunk.end)
      this.#takePackets(chunk.buffer, chunk.end, count)
      chunk.end += count
    }
  }

  /** @param wanted bytes that are going to be appended */
  #chunkWithRoom(wanted: number): Chunk {
    this.#chunks ??= []
    const chunks = this.#chunks
    const last = chunks.length === 0 ? null : chunks[chunks.length - 1]
    if (last !== null && last.end < last.buffer.length) return last
    // `allocUnsafe` would take slices of Node's shared pool and pin it.
    const least = last === null && wanted <= LEAST_FIRST_CHUNK ? LEAST_FIRST_CHUNK : LEAST_CHUNK
    const chunk = new Chunk(Buffer.allocUnsafeSlow(Math.max(least, Math.min(wanted, LARGEST_CHUNK))), 0)
    chunks.push(chunk)
    return chunk
  }

  /** Drops everything. */
  clear(): void {
    while (this.#firstPacket !== null) {
      const packet = this.#firstPacket
      this.#unlinkFirst()
      packet.release()
    }
    this.#chunks = null
    this.length = this.#packetBytes = 0
  }

  /** Copies the first `count` bytes of the packets to `target` at `position` and releases what is used up. */
  #takePackets(target: Buffer, position: number, count: number): void {
    this.#packetBytes -= count
    while (count > 0) {
      const packet = this.#firstPacket!
      const take = Math.min(count, packet.payloadEnd - packet.payload)
      target.set(packet.memory.bytes.subarray(packet.payload, packet.payload + take), position)
      position += take
      count -= take
      packet.payload += take
      if (packet.payload === packet.payloadEnd) {
        this.#unlinkFirst()
        packet.release()
      }
    }
  }

  #unlinkFirst(): void {
    const packet = this.#firstPacket!
    this.#firstPacket = packet.next
    if (this.#firstPacket === null) this.#lastPacket = null
    packet.next = null
  }
}

/** For every connection that has received nothing yet, so that those who never do cost no queue. Nobody appends to it. */
export const NOTHING_RECEIVED = new ReceiveQueue()
