import { readSync } from 'node:fs'
import { CaptureFormatError } from './captured-frame.ts'

const CHUNK = 65_536

/**
 * Reads bytes in order, from memory or from a file descriptor (a pipe too). Holds as much as the longest read so far
 * at most.
 */
export class ByteSource {
  readonly #descriptor: number | null
  #buffer: Uint8Array
  #start = 0
  #end: number
  /** Bytes read or skipped so far. */
  position = 0

  constructor(source: Uint8Array | number) {
    this.#descriptor = typeof source === 'number' ? source : null
    // A plain view also of a Buffer, whose slice() would not copy.
    this.#buffer =
      typeof source === 'number'
        ? new Uint8Array(CHUNK)
        : new Uint8Array(source.buffer, source.byteOffset, source.byteLength)
    this.#end = typeof source === 'number' ? 0 : source.length
  }

  /**
   * The next `length` bytes, valid until the next call; null if the source ends here.
   * @throws CaptureFormatError if it ends before `length` bytes
   */
  tryRead(length: number): Uint8Array | null {
    if (!this.#fill(length)) {
      if (this.#start === this.#end) return null
      throw new CaptureFormatError('the file is cut off', this.position + this.#end - this.#start)
    }
    const bytes = this.#buffer.subarray(this.#start, this.#start + length)
    this.#start += length
    this.position += length
    return bytes
  }

  /** As `tryRead`, but the end of the source is an error too. */
  read(length: number): Uint8Array {
    const bytes = this.tryRead(length)
    if (bytes === null) throw new CaptureFormatError('the file is cut off', this.position)
    return bytes
  }

  /** Passes over bytes of any number. */
  skip(length: number): void {
    for (let left = length; left > 0; ) {
      const piece = Math.min(left, CHUNK)
      this.read(piece)
      left -= piece
    }
  }

  /** Whether the buffer now holds `length` bytes. */
  #fill(length: number): boolean {
    if (this.#end - this.#start >= length) return true
    if (this.#descriptor === null) return false
    if (this.#buffer.length - this.#start < length) {
      const buffer = length > this.#buffer.length ? new Uint8Array(Math.max(length, CHUNK)) : this.#buffer
      buffer.set(this.#buffer.subarray(this.#start, this.#end))
      this.#buffer = buffer
      this.#end -= this.#start
      this.#start = 0
    }
    while (this.#end - this.#start < length) {
      const count = readSync(this.#descriptor, this.#buffer, this.#end, this.#buffer.length - this.#end, null)
      if (count === 0) return false
      this.#end += count
    }
    return true
  }
}
