import { Socket } from 'node:net'
import type { Duplex } from 'node:stream'
import type { MacAddress } from '../../address/index.ts'
import { integerInRange } from '../../errors/index.ts'
import { LARGE_SLOT, type PacketBuffer, PacketMemory } from '../../packet/index.ts'
import { type FrameReceiver, type Netif, newNetifCounters } from '../netif.ts'
import { FrameBatches } from './frame-batches.ts'
import { ETHERNET_MTU, LARGEST_MTU, NO_OFFLOAD, randomMacAddress } from './frame-limits.ts'
import { FrameReader } from './frame-reader.ts'

/** How frames go over a byte stream. */
export interface ByteStreamNetifOptions {
  /** Default `stream`. */
  name?: string
  /** The address of our end; default a random one. */
  mac?: MacAddress
  /** 68 to 65,521, default 1,500. Both ends have to agree, as on any wire. */
  mtu?: number
  /** Default: one of its own. */
  memory?: PacketMemory
  /**
   * Bytes that may wait while the other end does not read: 65,728 to 64 MiB, default 4 MiB; rounded up to large slots of packet
   * memory, of which it takes no more than half.
   */
  queue?: number
}

/** What a byte stream counts besides what every netif does. */
export interface ByteStreamCounters {
  /** Other ends that there have been, one after the other. */
  peers: number
  /** Other ends that were sent away because there was one. */
  peersRefused: number
  /** Streams ended by us because what came in them were no frames. */
  outOfStep: number
}

const DEFAULT_QUEUE = 4 * 1024 * 1024
const LARGEST_QUEUE = 64 * 1024 * 1024

/**
 * Ethernet over a stream of bytes, a UNIX or TCP socket mostly: each frame behind its length as a big-endian number of four bytes.
 * QEMU's `-netdev stream` speaks this, passt does, and a second tapstack.
 *
 * ```ts
 * const stack = await createStack({ netif: new ByteStreamNetif(socket), ipv4: '10.0.0.2/24' })
 * ```
 *
 * `openByteStream` connects or listens, and may connect again. Frames that arrive in one piece are one burst; those that are sent
 * before a `flush` are one write. There is no offload, so that frames are complete on the wire. While there is no other end,
 * frames are dropped, and counted as `transmitError`.
 */
export class ByteStreamNetif implements Netif, AsyncDisposable {
  readonly name: string
  readonly mac: MacAddress
  readonly mtu: number
  readonly memory: PacketMemory
  readonly features = NO_OFFLOAD
  readonly counters = newNetifCounters()
  readonly streamCounters: ByteStreamCounters = { peers: 0, peersRefused: 0, outOfStep: 0 }

  readonly #reader: FrameReader
  readonly #batches: FrameBatches
  readonly #peers: PeerSource
  #receiver: FrameReceiver | null = null
  #stream: Duplex | null = null
  #closed = false
  #isReferenced = true

  /**
   * @param peer a stream that is connected, or where one comes from
   * @throws RangeError for an option out of range
   */
  constructor(peer: Duplex | PeerSource, options: ByteStreamNetifOptions = {}) {
    this.name = options.name ?? 'stream'
    this.mac = options.mac ?? randomMacAddress()
    this.mtu = integerInRange('mtu', options.mtu ?? ETHERNET_MTU, 68, LARGEST_MTU)
    const queue = integerInRange('queue', options.queue ?? DEFAULT_QUEUE, LARGE_SLOT, LARGEST_QUEUE)
    this.memory = options.memory ?? new PacketMemory()
    this.#reader = new FrameReader(this.memory, this.counters)
    const slots = Math.min(Math.ceil(queue / LARGE_SLOT), this.memory.largeSlots >>> 1)
    this.#batches = new FrameBatches(this.memory, this.counters, slots)
    this.#peers = 'lost' in peer ? peer : ONE_PEER
    if (!('lost' in peer)) this.use(peer)
  }

  /** Whether there is another end. */
  get hasPeer(): boolean {
    return this.#stream !== null
  }

  /** The other end from now on, unless there is one, or the interface is closed: then it is sent away. */
  use(stream: Duplex): void {
    if (this.#stream !== null || this.#closed) {
      this.streamCounters.peersRefused++
      // What it does while it goes concerns nobody.
      stream.on('error', () => {})
      stream.destroy()
      return
    }
    this.#stream = stream
    if (!this.#isReferenced) holdProcess(stream, false)
    this.streamCounters.peers++
    const ofSystem = stream instanceof Socket && !('encrypted' in stream)
    this.#batches.open(stream, ofSystem)
    let failure: Error | null = null
    const gone = () => {
      if (this.#stream === stream) this.#lose(failure)
    }
    stream.on('error', (error) => {
      failure = error
      gone()
    })
    stream.on('end', gone)
    stream.on('close', gone)
    if (this.#receiver !== null) this.#listen(stream)
  }

  attach(receiver: FrameReceiver): void {
    const isFirst = this.#receiver === null
    this.#receiver = receiver
    if (isFirst && this.#stream !== null) this.#listen(this.#stream)
  }

  transmit(packet: PacketBuffer): void {
    if (this.#stream === null) {
      this.counters.transmitError++
      packet.release()
    } else {
      this.#batches.add(packet)
    }
  }

  flush(): void {
    this.#batches.flush()
  }

  ref(): this {
    return this.#refer(true)
  }

  unref(): this {
    return this.#refer(false)
  }

  #refer(isReferenced: boolean): this {
    this.#isReferenced = isReferenced
    if (this.#stream !== null) holdProcess(this.#stream, isReferenced)
    this.#peers.refer(isReferenced)
    return this
  }

  async close(): Promise<void> {
    this.#shut()
    await this.#peers.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  /** Ends it for good, and tells the receiver. For where streams come from. */
  fail(error: Error | null): void {
    if (this.#closed) return
    this.#shut()
    this.#receiver?.closed(error)
    this.#peers.close().catch(() => {})
  }

  /** Listening for data is what makes a stream flow. */
  #listen(stream: Duplex): void {
    const ofSystem = stream instanceof Socket
    stream.on('data', (piece: Uint8Array) => {
      if (ofSystem) {
        this.#read(stream, piece)
        return
      }
      // The other end of an in-memory pair may be inside its own `transmit`.
      stream.pause()
      setImmediate(() => {
        this.#read(stream, piece)
        stream.resume()
      })
    })
  }

  #read(stream: Duplex, piece: Uint8Array): void {
    if (this.#stream !== stream) return
    const wrong = this.#reader.read(piece, this.#receiver!)
    if (wrong === null || this.#stream !== stream) return
    this.streamCounters.outOfStep++
    this.#lose(new Error(`${this.name}: the other end sent ${wrong} as the length of a frame, and was sent away`))
  }

  /** The other end is gone, or sent away. */
  #lose(error: Error | null): void {
    this.#dropPeer()
    this.#peers.lost(this, error)
  }

  #dropPeer(): void {
    const stream = this.#stream
    if (stream === null) return
    this.#stream = null
    stream.destroy()
    this.#batches.close()
    this.#reader.reset()
  }

  #shut(): void {
    this.#closed = true
    this.#dropPeer()
  }
}

/** Where the other ends come from. */
export interface PeerSource {
  /** The other end is gone: the next one is given to `netif.use`, or the interface ends by `netif.fail`. */
  lost(netif: ByteStreamNetif, error: Error | null): void
  /** Whether waiting for the next one holds the process open. */
  refer(isReferenced: boolean): void
  close(): Promise<void>
}

const ONE_PEER: PeerSource = {
  lost: (netif, error) => netif.fail(error),
  refer: () => {},
  close: () => Promise.resolve(),
}

function holdProcess(stream: Duplex, isReferenced: boolean): void {
  const { ref, unref } = stream as { ref?: () => unknown; unref?: () => unknown }
  ;(isReferenced ? ref : unref)?.call(stream)
}
