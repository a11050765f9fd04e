import type { MacAddress } from '../address/index.ts'
import type { Microseconds } from '../clock/index.ts'
import type { CaptureSink } from './capture-sink.ts'
import { type CaptureDirection, LINK_TYPE_ETHERNET, LONGEST_FRAME } from './captured-frame.ts'
import { Block, BYTE_ORDER_MAGIC, INBOUND, Option, OUTBOUND } from './pcapng-format.ts'

/** The buffer grows up to this, which holds a block of the greatest length: a frame, its comment, and what is around. */
const LARGEST_BUFFER = 512 * 1024
const FIRST_BUFFER = 128 * 1024
/** The length of an option has 16 bits. */
const LONGEST_TEXT = 65_532
const SECTION_BLOCK = 28
const INTERFACE_BLOCK = 20
const PACKET_BLOCK = 32
const NANOSECONDS = 9

/** What `new PcapngWriter` takes. */
export interface PcapngWriterOptions {
  /** What the file says of the program that wrote it; default `tapstack`. */
  application?: string
  /** About the whole capture. */
  comment?: string
  /** Told once what made the sink stop, as soon as the writer notices; frames are left out from then on. */
  onError?: (error: Error) => void
}

/** An interface as a pcapng file describes it. */
export interface CapturedInterfaceOptions {
  name: string
  mac?: MacAddress
  description?: string
  /** Default `LINK_TYPE_ETHERNET`. */
  linkType?: number
  /** What the times of its frames count from, in microseconds since 1970-01-01 UTC: `Clock.epoch`. Default 0. */
  epoch?: Microseconds
}

/**
 * Writes pcapng, draft-ietf-opsawg-pcapng, as Wireshark and tcpdump read it: one section, little-endian, nanosecond
 * timestamps. The file is a function of what it is told: it holds neither the host's name nor its time, so two runs
 * with one seed give the same bytes.
 *
 * Blocks are collected in a buffer and go to the sink when it is full, at `flush` and at `close`. Nothing here throws
 * once the writer is made: a sink that fails is reported by `error` and by `close`.
 */
export class PcapngWriter {
  /** Frames written, and those left out because the sink was full or had failed. */
  readonly counters = { frames: 0, dropped: 0 }

  readonly #sink: CaptureSink
  #bytes = new Uint8Array(FIRST_BUFFER)
  #view = new DataView(this.#bytes.buffer)
  #length = 0
  /** Times of each interface count from here: whole microseconds. */
  readonly #epochs: number[] = []
  #onError: ((error: Error) => void) | null
  #closing: Promise<void> | null = null

  constructor(sink: CaptureSink, options: PcapngWriterOptions = {}) {
    this.#sink = sink
    this.#onError = options.onError ?? null
    const application = encode(options.application ?? 'tapstack')
    const comment = options.comment === undefined ? null : encode(options.comment)
    this.#reserve(SECTION_BLOCK + 24 + application.length + (comment?.length ?? 0))
    const start = this.#beginBlock(Block.SectionHeader)
    this.#put32(BYTE_ORDER_MAGIC)
    this.#put16(1)
    this.#put16(0)
    // Length of the section: not known.
    this.#put32(0xffffffff)
    this.#put32(0xffffffff)
    if (comment !== null) this.#putOption(Option.Comment, comment)
    this.#putOption(Option.SectionApplication, application)
    this.#endOptions()
    this.#endBlock(start)
  }

  /** What made the sink stop, or null. */
  get error(): Error | null {
    return this.#sink.error
  }

  /** Whether the sink is read while the capture goes on, so that `flush` now and then is of use. */
  get isLive(): boolean {
    return this.#sink.isLive
  }

  /** Bytes that wait for `flush`. */
  get buffered(): number {
    return this.#length
  }

  /** Describes one more interface. @returns its number, for `write` */
  addInterface(options: CapturedInterfaceOptions): number {
    const name = encode(options.name)
    const description = encode(options.description ?? '')
    this.#reserve(INTERFACE_BLOCK + 64 + name.length + description.length)
    const start = this.#beginBlock(Block.InterfaceDescription)
    this.#put16(options.linkType ?? LINK_TYPE_ETHERNET)
    this.#put16(0)
    this.#put32(LONGEST_FRAME)
    this.#putOption(Option.InterfaceName, name)
    if (description.length > 0) this.#putOption(Option.InterfaceDescription, description)
    if (options.mac !== undefined) {
      const mac = new Uint8Array(6)
      options.mac.writeTo(mac, 0)
      this.#putOption(Option.InterfaceMac, mac)
    }
    this.#putOption(Option.InterfaceTimestampResolution, Uint8Array.of(NANOSECONDS))
    this.#endOptions()
    this.#endBlock(start)
    this.#epochs.push(Math.round(options.epoch ?? 0))
    return this.#epochs.length - 1
  }

  /**
   * Records the frame [start, end) of `bytes`, cut at 262,144 bytes.
   * @param device from `addInterface`
   * @param now microseconds since that interface's epoch
   * @param comment cut at 65,532 bytes of UTF-8
   * @param originalLength of the frame, if not all of it is given
   */
  write(
    device: number,
    now: Microseconds,
    bytes: Uint8Array,
    start: number,
    end: number,
    direction: CaptureDirection | null,
    comment?: string,
    originalLength = end - start,
  ): void {
    if (this.#closing !== null || this.#sink.isFull) {
      this.counters.dropped++
      this.#tellError()
      return
    }
    const length = Math.min(end - start, LONGEST_FRAME)
    const text = comment === undefined ? null : encode(comment)
    this.#reserve(PACKET_BLOCK + length + 24 + (text === null ? 0 : text.length + 4))
    this.counters.frames++
    const block = this.#beginBlock(Block.EnhancedPacket)
    this.#put32(device)
    this.#putTime(this.#epochs[device], now)
    this.#put32(length)
    this.#put32(originalLength)
    // A large copy is faster through the engine; a small one without the view object that it costs.
    if (length > 256) this.#bytes.set(bytes.subarray(start, start + length), this.#length)
    else for (let i = 0; i < length; i++) this.#bytes[this.#length + i] = bytes[start + i]
    this.#length += length
    this.#pad()
    if (direction !== null) {
      this.#put16(Option.PacketFlags)
      this.#put16(4)
      this.#put32(direction === 'inbound' ? INBOUND : OUTBOUND)
    }
    if (text !== null) this.#putOption(Option.Comment, text)
    if (direction !== null || text !== null) this.#endOptions()
    this.#endBlock(block)
  }

  /** Hands what is buffered to the sink; whole blocks, always. */
  flush(): void {
    if (this.#length === 0) return
    this.#sink.write(this.#bytes.subarray(0, this.#length))
    this.#length = 0
    this.#tellError()
  }

  /** Flushes and closes the sink. Rejects with what the sink could not write. Idempotent. */
  close(): Promise<void> {
    if (this.#closing === null) {
      this.flush()
      this.#closing = this.#sink.close()
    }
    return this.#closing
  }

  #tellError(): void {
    const error = this.#onError === null ? null : this.#sink.error
    if (error === null) return
    this.#onError!(error)
    this.#onError = null
  }

  #reserve(length: number): void {
    if (this.#length + length <= this.#bytes.length) return
    if (this.#bytes.length === LARGEST_BUFFER) {
      this.flush()
      return
    }
    const bytes = new Uint8Array(LARGEST_BUFFER)
    bytes.set(this.#bytes.subarray(0, this.#length))
    this.#bytes = bytes
    this.#view = new DataView(bytes.buffer)
    if (this.#length + length > LARGEST_BUFFER) this.flush()
  }

  #beginBlock(type: number): number {
    const start = this.#length
    this.#put32(type)
    this.#put32(0)
    return start
  }

  /** The length stands at both ends of a block. */
  #endBlock(start: number): void {
    const length = this.#length + 4 - start
    this.#put32(length)
    this.#view.setUint32(start + 4, length, true)
  }

  /** A 64-bit count of nanoseconds, high word first. A double holds today's microseconds exactly, but not these. */
  #putTime(epoch: number, now: Microseconds): void {
    const whole = Math.floor(now)
    const microseconds = epoch + whole
    const high = Math.floor(microseconds / 2 ** 32) * 1000
    const low = (microseconds % 2 ** 32) * 1000 + Math.floor((now - whole) * 1000)
    this.#put32(high + Math.floor(low / 2 ** 32))
    this.#put32(low % 2 ** 32)
  }

  #putOption(code: number, value: Uint8Array): void {
    this.#put16(code)
    this.#put16(value.length)
    this.#bytes.set(value, this.#length)
    this.#length += value.length
    this.#pad()
  }

  #endOptions(): void {
    this.#put32(Option.End)
  }

  #pad(): void {
    while ((this.#length & 3) !== 0) this.#bytes[this.#length++] = 0
  }

  #put16(value: number): void {
    this.#view.setUint16(this.#length, value, true)
    this.#length += 2
  }

  #put32(value: number): void {
    this.#view.setUint32(this.#length, value, true)
    this.#length += 4
  }
}

/** UTF-8 that fits an option, cut between characters. */
function encode(text: string): Uint8Array {
  const bytes = new TextEncoder().encode(text.slice(0, LONGEST_TEXT))
  if (bytes.length <= LONGEST_TEXT) return bytes
  let length = LONGEST_TEXT
  while ((bytes[length] & 0xc0) === 0x80) length--
  return bytes.subarray(0, length)
}
