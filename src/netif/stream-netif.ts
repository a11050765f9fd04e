import { Duplex } from 'node:stream'
import { MacAddress } from '../address/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type PacketBuffer, PacketMemory, RECEIVE_OFFSET, SMALL_SLOT } from '../packet/index.ts'
import {
  ETHERNET_HEADER,
  ETHERNET_MTU,
  LARGEST_MTU,
  LONGEST_FRAME,
  NO_OFFLOAD,
  randomMacAddress,
} from './carrier/frame-limits.ts'
import { type FrameReceiver, type Netif, newNetifCounters } from './netif.ts'
import { defaultTapAddress } from './tap-address.ts'

/**
 * What `StreamNetif` needs of a stream: a Node `Duplex` has it, and so has the `Tap` of the `tuntap2` package. Each
 * chunk, either way, is one Ethernet frame without its check sequence.
 */
export interface FrameStream {
  on(event: string, listener: (value: unknown) => void): unknown
  /** @returns false when the next chunk should wait for a 'drain' event */
  write(chunk: Uint8Array): boolean
  pause(): unknown
  resume(): unknown
  destroy(): unknown
  /** Whether it holds the process open; absent where it does not, or always does. */
  ref?(): unknown
  unref?(): unknown
  readonly name?: string
  /** The address of the other end, as `tuntap2` has it; reading it may throw. */
  readonly mac?: string
  readonly mtu?: number
  readonly isTun?: boolean
}

/** The same as a pair of Web Streams. */
export interface WebFrameStreams {
  readonly readable: ReadableStream<Uint8Array>
  readonly writable: WritableStream<Uint8Array>
}

/** What `new StreamNetif` takes. */
export interface StreamNetifOptions {
  /** Default that of the stream, or `stream`. */
  name?: string
  /** The address of our end; default one made from the stream's name and address if it has one, otherwise random. */
  mac?: MacAddress
  /** 68 to 65,521; default that of the stream, or 1,500. */
  mtu?: number
  /** Default: one of its own. */
  memory?: PacketMemory
  /** Frames that may wait, in either direction each; 1 to 65,536, default 512. */
  queue?: number
}

const DEFAULT_QUEUE = 512

/**
 * Ethernet over a stream in which each chunk is one frame: a tap of another package, a message channel to another
 * process, one end of an in-memory pair.
 *
 * ```ts
 * import { Tap } from 'tuntap2'
 *
 * const tap = new Tap()
 * tap.isUp = true // before reading, or its first read fails
 * const stack = await createStack({ netif: new StreamNetif(tap), ipv4: '10.0.0.2/24' })
 * ```
 *
 * Frames that arrive within one turn of the event loop are one burst, delivered at its end. When more wait than the
 * queue holds the stream is paused; when the stream takes no more, frames to send wait, and are dropped and counted
 * once the queue is full. Frames are copied both ways and there is no offload: `Tap` is many times faster.
 *
 * A stream that joins chunks when it is behind (a TCP socket) cannot carry frames.
 */
export class StreamNetif implements Netif, AsyncDisposable {
  readonly name: string
  readonly mac: MacAddress
  readonly mtu: number
  readonly memory: PacketMemory
  readonly features = NO_OFFLOAD
  readonly counters = newNetifCounters()

  readonly #stream: FrameStream
  readonly #limit: number
  readonly #deliver = () => this.#deliverBurst()
  #receiver: FrameReceiver | null = null
  #closed = false

  #arrived: unknown[] = []
  #delivery: NodeJS.Immediate | null = null
  #paused = false

  /** Frames that wait for 'drain', first to last. */
  #waitingFirst: PacketBuffer | null = null
  #waitingLast: PacketBuffer | null = null
  #waiting = 0
  #blocked = false

  /**
   * @throws TypeError for a tun device, which has no Ethernet frames; RangeError for an option out of range
   */
  constructor(stream: FrameStream | WebFrameStreams, options: StreamNetifOptions = {}) {
    this.#stream = 'write' in stream ? stream : (Duplex.fromWeb(stream as never, { objectMode: true }) as FrameStream)
    if (this.#stream.isTun === true) throw new TypeError('a tun device carries IP packets: StreamNetif needs a tap')
    this.name = options.name ?? this.#stream.name ?? 'stream'
    const other = addressOf(this.#stream)
    this.mac = options.mac ?? (other === null ? randomMacAddress() : defaultTapAddress(this.name, other))
    this.mtu = integerInRange('mtu', options.mtu ?? this.#stream.mtu ?? ETHERNET_MTU, 68, LARGEST_MTU)
    this.#limit = integerInRange('queue', options.queue ?? DEFAULT_QUEUE, 1, 65_536)
    this.memory = options.memory ?? new PacketMemory()
    this.#stream.on('error', (error) => this.#gone(error instanceof Error ? error : new Error(String(error))))
    this.#stream.on('end', () => this.#gone(null))
    this.#stream.on('close', () => this.#gone(null))
    this.#stream.on('drain', () => this.#drain())
  }

  attach(receiver: FrameReceiver): void {
    const isFirst = this.#receiver === null
    this.#receiver = receiver
    // Listening for data is what makes a stream flow.
    if (isFirst && !this.#closed) this.#stream.on('data', (chunk) => this.#arrive(chunk))
  }

  transmit(packet: PacketBuffer): void {
    if (this.#closed) {
      this.counters.transmitError++
      packet.release()
    } else if (!this.#blocked) {
      this.#write(packet)
    } else if (this.#waiting === this.#limit) {
      this.counters.transmitQueueFull++
      packet.release()
    } else {
      if (this.#waitingLast === null) this.#waitingFirst = packet
      else this.#waitingLast.next = packet
      this.#waitingLast = packet
      this.#waiting++
    }
  }

  /** Frames are with the stream already, or wait for it. */
  flush(): void {}

  /** Destroys the stream, and does not wait for it: a tap of the thread pool ends only when its last read does. */
  ref(): this {
    this.#stream.ref?.()
    return this
  }

  unref(): this {
    this.#stream.unref?.()
    return this
  }

  close(): Promise<void> {
    this.#shut()
    return Promise.resolve()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #write(packet: PacketBuffer): void {
    // The stream keeps the bytes for as long as it likes: they must be its own.
    const frame = packet.memory.bytes.slice(packet.start, packet.end)
    packet.release()
    try {
      if (!this.#stream.write(frame)) {
        this.#blocked = true
        this.counters.backPressure++
      }
      this.counters.transmittedFrames++
      this.counters.transmittedBytes += frame.length
    } catch {
      // Not the place to tell the stack, which is in the middle of sending; a stream that is gone says so by itself.
      this.counters.transmitError++
    }
  }

  #drain(): void {
    this.#blocked = false
    while (!this.#blocked && this.#waitingFirst !== null) this.#write(this.#takeWaiting(this.#waitingFirst))
  }

  #takeWaiting(packet: PacketBuffer): PacketBuffer {
    this.#waitingFirst = packet.next
    if (packet.next === null) this.#waitingLast = null
    packet.next = null
    this.#waiting--
    return packet
  }

  /** Never delivers at once: the other end of an in-memory pair may be inside its own `transmit`. */
  #arrive(chunk: unknown): void {
    if (this.#closed) return
    if (this.#arrived.length === 2 * this.#limit) {
      // It goes on in spite of being paused.
      this.counters.receiveQueueFull++
      return
    }
    this.#arrived.push(chunk)
    this.#delivery ??= setImmediate(this.#deliver)
    if (!this.#paused && this.#arrived.length >= this.#limit) {
      this.#paused = true
      this.#stream.pause()
    }
  }

  #deliverBurst(): void {
    this.#delivery = null
    const chunks = this.#arrived
    this.#arrived = []
    if (this.#paused) {
      this.#paused = false
      this.#stream.resume()
    }
    this.counters.bursts++
    for (const chunk of chunks) {
      this.#deliverFrame(chunk)
      if (this.#closed) return
    }
    this.#receiver?.endOfBurst()
  }

  #deliverFrame(chunk: unknown): void {
    const counters = this.counters
    if (!(chunk instanceof Uint8Array) || chunk.length < ETHERNET_HEADER || chunk.length > LONGEST_FRAME) {
      counters.receiveMalformed++
      return
    }
    const isSmall = chunk.length <= SMALL_SLOT - RECEIVE_OFFSET
    const packet = isSmall ? this.memory.takeSmall() : this.memory.takeLarge()
    if (packet === null) {
      counters.receiveNoMemory++
      return
    }
    packet.start = packet.link = packet.base + RECEIVE_OFFSET
    packet.end = packet.start + chunk.length
    this.memory.bytes.set(chunk, packet.start)
    counters.receivedFrames++
    counters.receivedBytes += chunk.length
    try {
      this.#receiver?.frame(packet)
    } finally {
      packet.release()
    }
  }

  #gone(error: Error | null): void {
    if (this.#closed) return
    // What had arrived before the end is delivered before it.
    if (this.#delivery !== null) {
      clearImmediate(this.#delivery)
      this.#deliverBurst()
    }
    const receiver = this.#receiver
    this.#shut()
    receiver?.closed(error)
  }

  #shut(): void {
    if (this.#closed) return
    this.#closed = true
    if (this.#delivery !== null) clearImmediate(this.#delivery)
    this.#arrived.length = 0
    while (this.#waitingFirst !== null) this.#takeWaiting(this.#waitingFirst).release()
    this.#stream.destroy()
  }
}

/** The stream's own address, if it has one and will say so: `tuntap2` throws while the interface is down. */
function addressOf(stream: FrameStream): MacAddress | null {
  try {
    return stream.mac === undefined ? null : MacAddress.parse(stream.mac)
  } catch {
    return null
  }
}
