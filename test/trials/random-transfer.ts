/**
 * One connection between two applications that behave in all the ways that applications do: they write a little or a
 * lot, pause, read slowly or at once, close their half first, last or in the middle of the other's data.
 */
import { type Clock, MILLISECOND, type Microseconds, type SeededRandom, Timer } from '../../src/clock/index.ts'
import type { SystemErrorCode } from '../../src/errors/index.ts'
import type { Connection, ConnectionUser, ReceiveSink } from '../../src/tcp/index.ts'

const LARGEST_CHUNK = 65_536
const BLOCK = 1 << 20
export const LARGEST_TRANSFER = 4_000_000

/** Random bytes; a stream is a walk through them, round and round, from a place of its own. */
export class StreamContents {
  /** One chunk longer than the block, so that a chunk never has to be put together. */
  readonly #bytes: Buffer

  constructor(random: SeededRandom) {
    this.#bytes = Buffer.alloc(BLOCK + LARGEST_CHUNK)
    random.fill(this.#bytes.subarray(0, BLOCK))
    this.#bytes.copy(this.#bytes, BLOCK, 0, LARGEST_CHUNK)
  }

  /** Bytes of the stream that begins at `origin`; `length` is up to 65,536. */
  at(origin: number, offset: number, length: number): Buffer {
    const start = (origin + offset) % BLOCK
    return this.#bytes.subarray(start, start + length)
  }

  matches(origin: number, offset: number, data: Uint8Array): boolean {
    for (let done = 0; done < data.length; done += LARGEST_CHUNK) {
      const part = data.subarray(done, done + LARGEST_CHUNK)
      if (this.at(origin, offset + done, part.length).compare(part) !== 0) return false
    }
    return true
  }
}

/** When one end closes its half, once it has written all. */
const Closing = { AtOnce: 0, Later: 1, AfterPeer: 2 } as const

/** One end. */
export class RandomPeer implements ConnectionUser, ReceiveSink {
  readonly toSend: number
  readonly origin: number
  sent = 0
  received = 0
  altered = false
  ended = false
  closed = false
  error: SystemErrorCode | null = null
  other: RandomPeer | null = null

  readonly #clock: Clock
  readonly #random: SeededRandom
  readonly #contents: StreamContents
  readonly #closing: number
  /** The largest write and read: an application mostly has one size. */
  readonly #writeSize: number
  readonly #readSize: number
  readonly #pauseChance: number
  #connection: Connection | null = null
  #writePaused = false
  #readPaused = false
  readonly #writeTimer: Timer
  readonly #readTimer: Timer

  constructor(clock: Clock, random: SeededRandom, contents: StreamContents) {
    this.#clock = clock
    this.#random = random
    this.#contents = contents
    this.toSend = randomSize(random)
    this.origin = random.below(BLOCK)
    this.#closing = random.below(3)
    const largest = this.toSend > 100_000 ? LARGEST_CHUNK : 4000
    this.#writeSize = 1 + random.below(largest)
    this.#readSize = 1 + random.below(LARGEST_CHUNK)
    this.#pauseChance = random.below(3) === 0 ? 0.05 : 0.002
    this.#writeTimer = new Timer({ onTimer: () => this.#resumeWriting() })
    this.#readTimer = new Timer({ onTimer: () => this.#resumeReading() })
  }

  attach(connection: Connection): void {
    this.#connection = connection
    connection.user = this
    if (this.#random.below(4) === 0) connection.setNoDelay(true)
  }

  /** What went wrong, or null: all sent, all received, both closed. */
  get fault(): string | null {
    if (this.altered) return 'bytes differ'
    if (this.error !== null) return `closed with ${this.error}`
    if (!this.closed) return `not closed: sent ${this.sent} of ${this.toSend}, received ${this.received}`
    if (!this.ended || this.received !== this.other?.toSend) return `received ${this.received} of ${this.other?.toSend}`
    return null
  }

  onEstablished(): void {
    this.#write()
  }

  onReadable(): void {
    if (!this.#readPaused) this.#read()
  }

  onWritable(): void {
    this.#write()
  }

  onFinished(): void {}

  onClosed(_connection: Connection, error: SystemErrorCode | null): void {
    this.closed = true
    this.error = error
    this.#clock.disarm(this.#writeTimer)
  }

  /** Closed, and what had arrived by then is read, or the connection failed. */
  get isDone(): boolean {
    return this.closed && (this.ended || this.error !== null)
  }

  #write(): void {
    const connection = this.#connection
    if (connection === null || this.#writePaused || this.closed) return
    while (this.sent < this.toSend) {
      if (!connection.hasRoom) {
        connection.wantsWritable = true
        return
      }
      const size = Math.min(1 + this.#random.below(this.#writeSize), this.toSend - this.sent)
      this.#writeOne(connection, size)
      this.sent += size
      if (this.#random.fraction() < this.#pauseChance) {
        this.#writePaused = true
        this.#clock.arm(this.#writeTimer, this.#clock.now() + this.#pause())
        return
      }
    }
    this.#close(connection)
  }

  #writeOne(connection: Connection, size: number): void {
    const data = this.#contents.at(this.origin, this.sent, size)
    const { memory } = connection.context
    // In place, as `writeInto` does it, while there is plenty of memory.
    const inPlace = this.#random.below(8) === 0 && memory.freeLarge * 2 > memory.largeSlots
    const packet = inPlace && memory.freeSmall * 2 > memory.smallSlots ? memory.allocate(size) : null
    if (packet === null) {
      connection.write(data, null)
      return
    }
    const view = memory.bytes.subarray(packet.start, packet.start + size)
    view.set(data)
    connection.write(view, packet)
  }

  #close(connection: Connection): void {
    if (this.#closing === Closing.AfterPeer && !this.ended && this.other !== null && !this.other.waitsForPeer) return
    if (this.#closing === Closing.Later && !this.#writePaused && this.#random.below(2) === 0) {
      this.#writePaused = true
      this.#clock.arm(this.#writeTimer, this.#clock.now() + this.#pause())
      return
    }
    connection.shutdownWrite()
  }

  get waitsForPeer(): boolean {
    return this.#closing === Closing.AfterPeer
  }

  #read(): void {
    const connection = this.#connection
    if (connection === null) return
    const size = 1 + this.#random.below(this.#readSize)
    if (this.#random.below(4) === 0) connection.drain(this)
    else for (let data = connection.read(size); data !== null && this.take(data); data = connection.read(size));
    if (connection.atEndOfStream && !this.ended) {
      this.ended = true
      this.#write()
    }
  }

  /** @returns whether to read on */
  take(data: Uint8Array): boolean {
    const { other } = this
    if (other === null || !this.#contents.matches(other.origin, this.received, data)) this.altered = true
    this.received += data.length
    if (this.#random.fraction() >= this.#pauseChance) return true
    this.#readPaused = true
    this.#clock.arm(this.#readTimer, this.#clock.now() + this.#pause())
    return false
  }

  #resumeWriting(): void {
    this.#writePaused = false
    this.#write()
  }

  #resumeReading(): void {
    this.#readPaused = false
    this.#read()
  }

  #pause(): Microseconds {
    return this.#random.below(20) === 0 ? this.#random.below(5000) * MILLISECOND : this.#random.below(100_000)
  }
}

/** 0 to 4 MB: mostly little, as on any network, some of it a lot. */
function randomSize(random: SeededRandom): number {
  const kind = random.below(20)
  if (kind === 0) return 0
  if (kind <= 16) return Math.floor(Math.exp(random.fraction() * Math.log(100_000)))
  return random.below(LARGEST_TRANSFER + 1)
}
