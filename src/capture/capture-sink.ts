import { closeSync, openSync, writeSync } from 'node:fs'
import type { Writable } from 'node:stream'

/** Where the bytes of a capture go, in order. */
export interface CaptureSink {
  /** Takes no more for now: frames are left out and counted meanwhile. Headers are written in any case. */
  readonly isFull: boolean
  /** Whether someone may look at what was written before the capture ends, so that it should not wait for long. */
  readonly isLive: boolean
  /** What made it stop working for good, for example ENOSPC; it swallows all that comes after. */
  readonly error: Error | null
  /** Borrows the bytes for the length of the call. Never throws. */
  write(bytes: Uint8Array): void
  /** Resolves when all is written; rejects with `error`. Idempotent. */
  close(): Promise<void>
}

/** A file, or anything else with a descriptor. Each write waits for the kernel, which is a copy into its page cache. */
export class FileSink implements CaptureSink {
  readonly isLive = true
  error: Error | null = null
  readonly #descriptor: number
  readonly #path: string | null
  #closed = false

  /**
   * @param target a path, which is created or emptied, or a descriptor, which stays open
   * @throws the errors of `open`
   */
  constructor(target: string | number) {
    this.#path = typeof target === 'string' ? target : null
    this.#descriptor = typeof target === 'string' ? openSync(target, 'w') : target
  }

  get isFull(): boolean {
    return this.error !== null
  }

  write(bytes: Uint8Array): void {
    if (this.error !== null || this.#closed) return
    try {
      for (let written = 0; written < bytes.length; ) {
        written += writeSync(this.#descriptor, bytes, written, bytes.length - written)
      }
    } catch (error) {
      this.error = this.#named(error as NodeJS.ErrnoException)
    }
  }

  /** With the file, as an error of `open` has it: that of `write` knows only a descriptor. */
  #named(error: NodeJS.ErrnoException): Error {
    if (this.#path !== null) {
      error.path = this.#path
      error.message += ` '${this.#path}'`
    }
    return error
  }

  async close(): Promise<void> {
    if (!this.#closed && this.#path !== null) closeSync(this.#descriptor)
    this.#closed = true
    if (this.error !== null) throw this.error
  }
}

/** A Node stream, for example a socket or a pipe to another program. */
export class StreamSink implements CaptureSink {
  readonly isLive = true
  error: Error | null = null
  readonly #stream: Writable
  readonly #limit: number
  #closing: Promise<void> | null = null

  /** @param limit bytes that may wait in the stream before frames are left out; default 16 MiB */
  constructor(stream: Writable, limit = 16 * 1024 * 1024) {
    this.#stream = stream
    this.#limit = limit
    stream.on('error', (error) => {
      this.error ??= error
    })
  }

  get isFull(): boolean {
    return this.error !== null || this.#stream.writableLength > this.#limit
  }

  write(bytes: Uint8Array): void {
    if (this.error === null && this.#closing === null) this.#stream.write(Uint8Array.from(bytes))
  }

  close(): Promise<void> {
    this.#closing ??= new Promise((resolve, reject) => {
      const settle = () => (this.error === null ? resolve() : reject(this.error))
      if (this.error !== null || this.#stream.destroyed) settle()
      else {
        this.#stream.once('close', settle)
        this.#stream.once('error', settle)
        this.#stream.end(settle)
      }
    })
    return this.#closing
  }
}

/** Keeps the capture in memory. */
export class MemorySink implements CaptureSink {
  readonly isLive = false
  readonly error = null
  readonly #limit: number
  #chunks: Uint8Array[] = []
  #length = 0

  /** @param limit bytes after which frames are left out; default 256 MiB */
  constructor(limit = 256 * 1024 * 1024) {
    this.#limit = limit
  }

  get isFull(): boolean {
    return this.#length >= this.#limit
  }

  write(bytes: Uint8Array): void {
    this.#chunks.push(Uint8Array.from(bytes))
    this.#length += bytes.length
  }

  /** What was written so far, as one array. Flush the writer before. */
  bytes(): Uint8Array {
    if (this.#chunks.length > 1) this.#chunks = [new Uint8Array(Buffer.concat(this.#chunks))]
    return this.#chunks[0] ?? new Uint8Array(0)
  }

  close(): Promise<void> {
    return Promise.resolve()
  }
}
