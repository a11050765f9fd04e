import type { Duplex } from 'node:stream'
import type { PacketBuffer, PacketMemory } from '../../packet/index.ts'
import type { NetifCounters } from '../netif.ts'
import { LENGTH_BYTES } from './frame-reader.ts'

/**
 * Frames on their way into a stream of bytes, each behind its length: put together in slots of packet memory, so that the stream
 * sees one write for many of them. What the other end does not read waits here, up to a bound.
 */
export class FrameBatches {
  readonly #memory: PacketMemory
  readonly #counters: NetifCounters
  readonly #most: number
  /** First to last; the last one is being filled, those before the first were given to the stream. */
  #first: PacketBuffer | null = null
  #last: PacketBuffer | null = null
  /** Given to the stream, and not written yet. */
  #writing: PacketBuffer | null = null
  #count = 0
  #stream: Duplex | null = null
  /** Whether the stream is done with bytes once it has written them, as a socket of the system is. */
  #borrows = false
  #frames = 0
  #bytes = 0
  readonly #written = () => this.#afterWrite()

  /** @param most how many slots of 64 KiB may wait */
  constructor(memory: PacketMemory, counters: NetifCounters, most: number) {
    this.#memory = memory
    this.#counters = counters
    this.#most = most
  }

  /** @param borrows whether what is written may be written over as soon as the stream says that it is written */
  open(stream: Duplex, borrows: boolean): void {
    this.#stream = stream
    this.#borrows = borrows
  }

  /** The stream is gone, and with it what waits. */
  close(): void {
    this.#stream = null
    this.#counters.transmitError += this.#frames
    this.#frames = this.#bytes = this.#count = 0
    for (const list of [this.#writing, this.#first]) {
      for (let batch = list; batch !== null; ) {
        const next = batch.next
        batch.next = null
        batch.release()
        batch = next
      }
    }
    this.#writing = this.#first = this.#last = null
  }

  /** Takes over the packet's reference. */
  add(packet: PacketBuffer): void {
    const { start, end } = packet
    const length = end - start
    const batch = this.#batchFor(LENGTH_BYTES + length)
    if (batch === null) {
      this.#counters.transmitQueueFull++
    } else {
      const { bytes, view } = this.#memory
      view.setInt32(batch.end, length)
      if (packet.memory === this.#memory) bytes.copyWithin(batch.end + LENGTH_BYTES, start, end)
      else bytes.set(packet.memory.bytes.subarray(start, end), batch.end + LENGTH_BYTES)
      batch.end += LENGTH_BYTES + length
      this.#frames++
      this.#bytes += length
    }
    packet.release()
  }

  /** Gives what waits to the stream, unless it is still busy with what it was given before. */
  flush(): void {
    const stream = this.#stream
    if (stream === null || this.#writing !== null || this.#first === null) return
    const first = (this.#writing = this.#first)
    this.#first = this.#last = null
    this.#counters.transmittedFrames += this.#frames
    this.#counters.transmittedBytes += this.#bytes
    this.#frames = this.#bytes = 0
    const { buffer } = this.#memory.bytes
    // Several of them become one writev.
    if (first.next !== null) stream.cork()
    for (let batch: PacketBuffer | null = first; batch !== null; batch = batch.next) {
      const bytes = Buffer.from(buffer, batch.start, batch.end - batch.start)
      stream.write(this.#borrows ? bytes : Buffer.from(bytes), batch.next === null ? this.#written : undefined)
    }
    if (first.next !== null) stream.uncork()
    // Mostly the system has taken all of it at once.
    if (stream.writableLength === 0) this.#releaseWritten()
    else this.#counters.backPressure++
  }

  #afterWrite(): void {
    // Said later of what was written at once, too, while the stream may have been given more.
    if (this.#stream === null || this.#stream.writableLength > 0) return
    this.#releaseWritten()
    this.flush()
  }

  #releaseWritten(): void {
    for (let batch = this.#writing; batch !== null; ) {
      const next = batch.next
      batch.next = null
      batch.release()
      this.#count--
      batch = next
    }
    this.#writing = null
  }

  /** Where to put so many bytes, or null. */
  #batchFor(length: number): PacketBuffer | null {
    const last = this.#last
    if (last !== null && last.end + length <= last.limit) return last
    if (this.#count >= this.#most) {
      this.flush()
      if (this.#count >= this.#most) return null
    }
    const batch = this.#memory.takeLarge()
    if (batch === null) return null
    batch.end = batch.start = batch.base
    this.#count++
    if (this.#last === null) this.#first = batch
    else this.#last.next = batch
    this.#last = batch
    return batch
  }
}
