/**
 * What an application has written and the peer has not yet acknowledged, as references to the application's own chunks, or
 * copied into packet memory where it was written in bulk. Bytes are copied once, into the packet, and again only when they
 * must be retransmitted. Offsets count from the first unacknowledged byte.
 */
import { freeBuffer } from '../netif/index.ts'
import { HEADROOM, type PacketBuffer, type PacketMemory } from '../packet/index.ts'

/** Below this a loop beats `TypedArray.set`, which needs a view object made for each call. */
const SHORT_COPY = 48

/** A payload is gathered from so many chunks at most; one in more pieces is copied. */
const MOST_GATHERED = 8

/** One write. A list of them rather than an array: most connections have one at a time, and none while they are idle. */
class Chunk {
  /** What the bytes lie in: the application's own chunk, which is these bytes, or all of packet memory. */
  readonly source: Uint8Array
  /** Where the bytes lie in packet memory (`writeInto`, `appendCopy`): the packet whose slot they lie in, otherwise null. */
  readonly packet: PacketBuffer | null
  /** Where they begin in `source`. */
  readonly position: number
  /** How many they are. The application may have given `source` away or shrunk it since. */
  length: number
  /** Whether what is written next may join it in its slot. */
  readonly isOpen: boolean
  /** Whether `source` is nobody else's, and its memory may be given back. */
  readonly isOurs: boolean
  following: Chunk | null = null

  constructor(
    source: Uint8Array,
    packet: PacketBuffer | null,
    position: number,
    length: number,
    isOpen: boolean,
    isOurs: boolean,
  ) {
    this.source = source
    this.packet = packet
    this.position = position
    this.length = length
    this.isOpen = isOpen
    this.isOurs = isOurs
  }
}

export class SendBuffer {
  /** Unacknowledged and unsent bytes. */
  length = 0
  /** The first chunk that still holds unacknowledged bytes, and how many of its bytes are acknowledged. */
  #head: Chunk | null = null
  #headOffset = 0
  #last: Chunk | null = null
  /**
   * Where the last copy ended, so that sending in order never searches: a chunk and the offset of its first byte. Null
   * where that is behind the last one; then the offset is `length`.
   */
  #cursor: Chunk | null = null
  #cursorOffset = 0
  /** The same for what lies before that, which is sent again: also in order mostly, in turn with what is new. Null: at the head. */
  #again: Chunk | null = null
  #againOffset = 0

  /**
   * @param packet a packet in whose slot `bytes` lie; its reference passes to the buffer
   * @param isOurs nobody else will look at `bytes`, whose memory is given back when they are acknowledged
   */
  append(bytes: Uint8Array, packet: PacketBuffer | null, isOurs = false): void {
    if (bytes.length === 0) {
      packet?.release()
      return
    }
    const { length } = bytes
    // A view of packet memory begins at its position there.
    if (packet !== null) this.#add(new Chunk(packet.memory.bytes, packet, bytes.byteOffset, length, false, false))
    else this.#add(new Chunk(bytes, null, 0, length, false, isOurs))
    this.length += length
  }

  #add(chunk: Chunk): void {
    if (this.#last === null) this.#head = chunk
    else this.#last.following = chunk
    this.#last = chunk
    this.#cursor ??= chunk
  }

  /**
   * Copies bytes into packets that can be sent as they lie there: each begins where a segment will begin, as long as those are
   * of `segmentSize`.
   * @param most bytes in one packet, 1 to 65,536
   * @param unsent bytes at the end of the buffer that were never sent
   * @returns how many of `bytes` were taken: fewer where half of the packet memory is in use
   */
  appendCopy(bytes: Uint8Array, most: number, segmentSize: number, unsent: number, memory: PacketMemory): number {
    let taken = 0
    while (taken < bytes.length) {
      const last = this.#last
      const room = last === null || !last.isOpen ? 0 : most - last.length
      // Behind a packet that was sent but for a short rest nothing is added: the rest moves to where the next one begins.
      const isJoining = room > 0 && (unsent >= last!.length || unsent >= segmentSize)
      const count = isJoining
        ? this.#extend(last!, bytes, taken, room, memory)
        : this.#startPacket(bytes, taken, most, room > 0 ? unsent : 0, memory)
      if (count === 0) break
      this.length += count
      taken += count
      unsent += count
    }
    return taken
  }

  /** @returns how many of the bytes from `from` on now stand behind those of `chunk` */
  #extend(chunk: Chunk, bytes: Uint8Array, from: number, room: number, memory: PacketMemory): number {
    const count = Math.min(room, bytes.length - from)
    memory.bytes.set(part(bytes, from, count), chunk.position + chunk.length)
    if (this.#cursor === null) {
      this.#cursor = chunk
      this.#cursorOffset = this.length - chunk.length
    }
    chunk.length += count
    return count
  }

  /**
   * Takes the last `rest` bytes, fewer than the last chunk has, and those from `from` on into a packet of their own.
   * @returns how many of the latter; 0 where too few slots are free
   */
  #startPacket(bytes: Uint8Array, from: number, most: number, rest: number, memory: PacketMemory): number {
    const packet = memory.isHalfFree ? memory.takeLarge() : null
    if (packet === null) return 0
    const start = packet.base + HEADROOM
    if (rest > 0) {
      const last = this.#last!
      last.length -= rest
      const cut = last.position + last.length
      memory.bytes.copyWithin(start, cut, cut + rest)
      if (this.#cursor === null) this.#cursorOffset = this.length - rest
    }
    const count = Math.min(most - rest, bytes.length - from)
    memory.bytes.set(part(bytes, from, count), start + rest)
    this.#add(new Chunk(memory.bytes, packet, start, rest + count, true, false))
    return count
  }

  /** How many bytes from `offset` on, never sent before, lie together in one packet; 0 where they do not lie in packet memory. */
  restOfPacket(offset: number): number {
    if (this.#seek(offset) || this.#cursor === null || this.#cursor.packet === null) return 0
    return this.#cursor.length - (offset - this.#cursorOffset)
  }

  /** Copies [offset, offset + length) to `target` at `position`. */
  copy(offset: number, length: number, target: Uint8Array, position: number): void {
    const isAgain = this.#seek(offset)
    let chunk = isAgain ? this.#again : this.#cursor
    let chunkStart = isAgain ? this.#againOffset : this.#cursorOffset
    let within = offset - chunkStart
    while (length > 0) {
      const { source } = chunk!
      const chunkLength = chunk!.length
      const from = chunk!.position + within
      const count = Math.min(chunkLength - within, length)
      if (from + count > source.length) {
        fillShrunk(target, position, count, source, from)
      } else if (count <= SHORT_COPY) {
        for (let i = 0; i < count; i++) target[position + i] = source[from + i]
      } else if (source === target) {
        target.copyWithin(position, from, from + count)
      } else {
        target.set(part(source, from, count), position)
      }
      position += count
      length -= count
      within += count
      if (within === chunkLength) {
        within = 0
        chunkStart += chunkLength
        chunk = chunk!.following
      }
    }
    if (isAgain) {
      this.#again = chunk
      this.#againOffset = chunkStart
    } else {
      this.#cursor = chunk
      this.#cursorOffset = chunkStart
    }
  }

  /**
   * Has the payload of `packet`, [offset, offset + length), gathered from the chunks in which it lies.
   * @returns false, and nothing has happened, where a part of it lies in packet memory or there are too many pieces
   */
  gather(offset: number, length: number, packet: PacketBuffer): boolean {
    const isAgain = this.#seek(offset)
    let chunk = isAgain ? this.#again : this.#cursor
    let chunkStart = isAgain ? this.#againOffset : this.#cursorOffset
    const from = offset - chunkStart
    const end = offset + length
    const gathered: Uint8Array[] = []
    while (chunk !== null && chunkStart < end) {
      if (chunk.packet !== null || gathered.length === MOST_GATHERED || chunk.source.length < chunk.length) return false
      gathered.push(chunk.source)
      if (chunkStart + chunk.length > end) break
      chunkStart += chunk.length
      chunk = chunk.following
    }
    packet.gathered = gathered
    packet.gatheredFrom = from
    packet.gatheredAt = packet.start
    if (isAgain) {
      this.#again = chunk
      this.#againOffset = chunkStart
    } else {
      this.#cursor = chunk
      this.#cursorOffset = chunkStart
    }
    return true
  }

  /**
   * If [offset, offset + length) is a chunk that lies in packet memory, or its beginning, its packet, so that it can be
   * sent without a copy, its bounds set to those bytes; otherwise null, as before what follows such a beginning there is no room for
   * headers. Only while nobody else holds the packet: one that the device or another stack still looks at must not get new headers.
   */
  packetAt(offset: number, length: number): PacketBuffer | null {
    const isAgain = this.#seek(offset)
    const chunk = isAgain ? this.#again : this.#cursor
    if (chunk === null || (isAgain ? this.#againOffset : this.#cursorOffset) !== offset) return null
    const { packet } = chunk
    if (packet === null || packet.references !== 1 || chunk.length < length) return null
    packet.start = chunk.position
    packet.end = packet.start + length
    return packet
  }

  /** Drops the first `count` bytes: they are acknowledged. */
  acknowledge(count: number): void {
    this.length -= count
    let drop = count + this.#headOffset
    let chunk = this.#head
    let cursorLost = false
    while (chunk !== null && drop >= chunk.length) {
      drop -= chunk.length
      if (chunk === this.#cursor) cursorLost = true
      if (chunk === this.#again) this.#again = null
      chunk.packet?.release()
      // A copy that is still on its way to the device goes without: the peer has had these bytes.
      if (chunk.isOurs) freeBuffer(chunk.source)
      chunk = chunk.following
    }
    this.#head = chunk
    this.#headOffset = drop
    if (this.#again !== null) this.#againOffset -= count
    if (chunk === null) this.#last = null
    // Offsets now count from the new first byte. A cursor that fell behind starts at the head again.
    if (cursorLost || chunk === null) {
      this.#cursor = chunk
      // Not -drop: a negative zero is no small integer.
      this.#cursorOffset = 0 - drop
    } else {
      this.#cursorOffset -= count
    }
  }

  /** Forgets everything. */
  clear(): void {
    for (let chunk = this.#head; chunk !== null; chunk = chunk.following) chunk.packet?.release()
    this.#head = this.#last = this.#cursor = this.#again = null
    this.#headOffset = this.#cursorOffset = this.length = 0
  }

  /** Moves one of the cursors to the chunk that holds `offset`. @returns whether it is that of what is sent again */
  #seek(offset: number): boolean {
    if (offset < this.#cursorOffset) {
      if (this.#again === null || offset < this.#againOffset) {
        this.#again = this.#head
        this.#againOffset = 0 - this.#headOffset
      }
      while (this.#again !== null) {
        const next = this.#againOffset + this.#again.length
        if (offset < next) break
        this.#againOffset = next
        this.#again = this.#again.following
      }
      return true
    }
    while (this.#cursor !== null) {
      const next = this.#cursorOffset + this.#cursor.length
      if (offset < next) break
      this.#cursorOffset = next
      this.#cursor = this.#cursor.following
    }
    return false
  }
}

/** A view only where it must be one: it takes as long to make as some hundred bytes to copy. */
function part(bytes: Uint8Array, from: number, count: number): Uint8Array {
  return count === bytes.length ? bytes : bytes.subarray(from, from + count)
}

/** Copies what is still there of [from, from + count) in an array that was transferred or shrunk after it was written, and zeros behind. */
function fillShrunk(target: Uint8Array, position: number, count: number, source: Uint8Array, from: number): void {
  target.fill(0, position, position + count)
  if (from < source.length) target.set(source.subarray(from), position)
}

/** For every connection that has written nothing yet, so that those who never do cost no buffer. Nobody appends to it. */
export const NOTHING_TO_SEND = new SendBuffer()
