import { MacAddress } from '../address/index.ts'
import {
  type CapturedFrame,
  type CaptureSink,
  FileSink,
  FrameRecorder,
  LINK_TYPE_ETHERNET,
  LINK_TYPE_RAW,
  PcapngWriter,
  readCapture,
} from '../capture/index.ts'
import { type Clock, HostClock, type Microseconds, Timer, type TimerHandler } from '../clock/index.ts'
import { integerInRange } from '../errors/index.ts'
import { type PacketBuffer, PacketMemory, RECEIVE_OFFSET, SMALL_SLOT } from '../packet/index.ts'
import { captureLinkType } from './capture-link-type.ts'
import { type FrameReceiver, type LinkLayer, type Netif, type NetifFeatures, newNetifCounters } from './netif.ts'
import { ReceivedOffload } from './received-offload.ts'

/** What `openReplay` takes. */
export interface ReplayOptions {
  /** A pcap or pcapng file, or its bytes. */
  file: string | Uint8Array
  /** Default: one of its own, by the host's time. Under a `VirtualClock` the same frames come at the same virtual times. */
  clock?: Clock
  /**
   * `recorded`, the default: with the time between frames that the file has; `fast`: as fast as they are taken, 32 in each turn of the
   * event loop, or all at one time of a virtual clock.
   */
  timing?: 'recorded' | 'fast'
  /** How many times as fast as it was recorded; 0.001 to 1,000,000, default 1. */
  speed?: number
  /**
   * The address of our end, which frames are to be sent to. Default: that of the interface as the file has it, otherwise where the first
   * frame to a single station goes.
   */
  mac?: MacAddress
  /** 68 to 65,535, default 1,500. Longer packets of TCP are taken for several segments that a device has joined. */
  mtu?: number
  /** Where what the stack sends is written as pcapng: a path, which is created or emptied, or a sink. Default: it is counted. */
  record?: string | CaptureSink
  /** Default: one of its own. */
  memory?: PacketMemory
}

/** What became of the frames of the file, beside `NetifCounters`. */
export interface ReplayCounters {
  /** Frames that went out when they were recorded, by what the file says or by their source: they are not replayed. */
  outbound: number
  /** Frames of which the file has a part only. */
  truncated: number
  /** Frames of interfaces with another link layer than the first. */
  otherLinkLayer: number
}

const NO_OFFLOAD: NetifFeatures = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false }
const ETHERNET_HEADER = 14
const ETHERNET_MTU = 1500
/** An IP packet of 65,535 bytes behind an Ethernet header with two VLAN tags. */
const LONGEST_FRAME = 65_535 + ETHERNET_HEADER + 8
const BURST = 32
/** Frames that are looked at for an address of our end. */
const LOOKED_AT = 1000
const LEAST_SPEED = 0.001
const GREATEST_SPEED = 1_000_000
const GROUP_BIT = 1

/**
 * Opens a capture file as a network: its frames arrive at the stack as they did at the interface that it was made on, and what the
 * stack sends goes to a capture, or nowhere. They begin with `attach`.
 *
 * ```ts
 * const netif = openReplay({ file: 'trouble.pcapng', timing: 'fast' })
 * const stack = await createStack({ netif, ipv4: '10.0.0.2/24' })
 * await netif.ended
 * ```
 *
 * @throws the errors of `open`; CaptureFormatError if it is no capture; TypeError for its link layer, or if it has no frame;
 *   RangeError for an option
 */
export function openReplay(options: ReplayOptions): ReplayNetif {
  return new ReplayNetif(options)
}

/** A capture file as a network; made by `openReplay`. */
export class ReplayNetif implements Netif, TimerHandler, AsyncDisposable {
  readonly name = 'replay'
  readonly linkLayer: LinkLayer
  readonly mac: MacAddress
  readonly mtu: number
  readonly memory: PacketMemory
  readonly features = NO_OFFLOAD
  readonly counters = newNetifCounters()
  readonly replayCounters: ReplayCounters = { outbound: 0, truncated: 0, otherLinkLayer: 0 }
  /** Resolves when the last frame was delivered, or the netif was closed; the stack goes on. Rejects where the file is damaged. */
  readonly ended: Promise<void>

  readonly #clock: Clock
  readonly #ownClock: HostClock | null
  readonly #frames: Generator<CapturedFrame>
  /** Microseconds for each nanosecond of the file; 0 for as fast as it goes. */
  readonly #scale: number
  readonly #offload: ReceivedOffload
  readonly #timer = new Timer(this)
  readonly #writer: PcapngWriter | null
  readonly #recorder: FrameRecorder | null
  #finish!: (error: Error | null) => void
  #receiver: FrameReceiver | null = null
  #closed = false
  /** The frame that is due next, null behind the last. */
  #next: CapturedFrame | null
  #dueAt: Microseconds = 0
  #began: Microseconds = 0
  readonly #firstTimestamp: bigint

  constructor(options: ReplayOptions) {
    const { file, timing = 'recorded', speed = 1 } = options
    if (timing !== 'recorded' && timing !== 'fast') {
      throw new TypeError(`timing is recorded or fast, not ${JSON.stringify(timing)}`)
    }
    if (!(speed >= LEAST_SPEED && speed <= GREATEST_SPEED)) {
      throw new RangeError(`speed is ${LEAST_SPEED} to ${GREATEST_SPEED}, not ${speed}`)
    }
    this.mtu = integerInRange('mtu', options.mtu ?? ETHERNET_MTU, 68, 65_535)
    this.#scale = timing === 'fast' ? 0 : 1 / (1000 * speed)
    const found = lookInto(file)
    this.linkLayer = found.linkLayer
    this.mac = options.mac ?? found.mac
    this.#firstTimestamp = found.firstTimestamp
    this.#ownClock = options.clock === undefined ? new HostClock() : null
    this.#clock = options.clock ?? this.#ownClock!
    this.memory = options.memory ?? new PacketMemory()
    this.#offload = new ReceivedOffload(this.memory, this.mtu)
    this.#frames = readCapture(file)
    this.#next = null
    this.ended = new Promise((resolve, reject) => {
      this.#finish = (error) => (error === null ? resolve() : reject(error))
    })
    // Who does not ask is not to be killed by the answer; the stack hears of it, too.
    this.ended.catch(() => {})
    const { record } = options
    if (record === undefined) this.#writer = this.#recorder = null
    else {
      this.#writer = new PcapngWriter(typeof record === 'string' ? new FileSink(record) : record)
      const device = { name: this.name, mac: this.mac, linkType: captureLinkType(this) }
      this.#recorder = new FrameRecorder(this.#writer, this.#clock, device)
    }
  }

  /** Of what a device had left undone in the frames of the file. */
  get offloadCounters() {
    return this.#offload.counters
  }

  attach(receiver: FrameReceiver): void {
    const isFirst = this.#receiver === null
    this.#receiver = receiver
    if (!isFirst || this.#closed) return
    this.#began = this.#dueAt = this.#clock.now()
    // A file that is damaged says so to a stack that is there, and not to who is about to make it.
    this.#clock.arm(this.#timer, this.#began)
  }

  transmit(packet: PacketBuffer): void {
    if (this.#closed) this.counters.transmitError++
    else {
      this.#recorder?.record(packet, 'outbound')
      this.counters.transmittedFrames++
      this.counters.transmittedBytes += packet.end - packet.start
    }
    packet.release()
  }

  /** Frames have gone with `transmit`. */
  flush(): void {}

  async close(): Promise<void> {
    if (this.#closed) return
    this.#shut()
    this.#finish(null)
    this.#recorder?.close()
    try {
      await this.#writer?.close()
    } finally {
      this.#ownClock?.close()
    }
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  onTimer(): void {
    const receiver = this.#receiver
    if (receiver === null || this.#closed) return
    const now = this.#clock.now()
    let delivered = 0
    try {
      this.#next ??= this.#read()
      while (this.#next !== null && this.#dueAt <= now && delivered < BURST) {
        const { bytes } = this.#next
        this.#next = null
        if (this.#deliver(bytes, receiver)) delivered++
        if (this.#closed) return
        this.#next = this.#read()
      }
    } catch (error) {
      this.#damaged(error as Error, delivered > 0)
      return
    }
    if (delivered > 0) {
      this.counters.bursts++
      receiver.endOfBurst()
    }
    if (this.#closed) return
    if (this.#next !== null) this.#clock.arm(this.#timer, Math.max(this.#dueAt, now))
    else this.#finish(null)
  }

  /** The next frame that arrived when it was recorded, and in `#dueAt` when it is to arrive now. */
  #read(): CapturedFrame | null {
    for (;;) {
      const { value, done } = this.#frames.next()
      if (done === true) return null
      const { bytes, direction, originalLength } = value
      if (linkLayerOf(value.interface.linkType) !== this.linkLayer) this.replayCounters.otherLinkLayer++
      else if (direction === 'outbound' || (direction === null && this.#isOurs(bytes))) this.replayCounters.outbound++
      else if (bytes.length < originalLength) this.replayCounters.truncated++
      else {
        // Times that go back, as in captures of several queues, are those of the frame before.
        const since = Number(value.timestampNanoseconds - this.#firstTimestamp) * this.#scale
        this.#dueAt = Math.max(this.#dueAt, this.#began + Math.round(since))
        return value
      }
    }
  }

  #isOurs(bytes: Uint8Array): boolean {
    return (
      this.linkLayer === 'ethernet' &&
      bytes.length >= ETHERNET_HEADER &&
      MacAddress.fromBytes(bytes, 6).equals(this.mac)
    )
  }

  /** @returns whether the stack got it */
  #deliver(bytes: Uint8Array, receiver: FrameReceiver): boolean {
    const { counters, memory } = this
    const { length } = bytes
    const header = this.linkLayer === 'ethernet' ? ETHERNET_HEADER : 0
    if (length < header || length > LONGEST_FRAME) {
      counters.receiveMalformed++
      return false
    }
    const packet = length <= SMALL_SLOT - RECEIVE_OFFSET ? memory.takeSmall() : memory.takeLarge()
    if (packet === null) {
      counters.receiveNoMemory++
      return false
    }
    packet.start = packet.link = packet.base + RECEIVE_OFFSET
    packet.end = packet.start + length
    memory.bytes.set(bytes, packet.start)
    try {
      if (!this.#offload.inspect(packet, packet.start + header)) return false
      counters.receivedFrames++
      counters.receivedBytes += length
      receiver.frame(packet)
      return true
    } finally {
      packet.release()
    }
  }

  #damaged(error: Error, inBurst: boolean): void {
    const receiver = this.#receiver
    if (inBurst) receiver?.endOfBurst()
    if (this.#closed) return
    this.#shut()
    this.#finish(error)
    receiver?.closed(error)
  }

  #shut(): void {
    this.#closed = true
    this.#clock.disarm(this.#timer)
    this.#frames.return(undefined)
  }
}

function linkLayerOf(linkType: number): LinkLayer | null {
  return linkType === LINK_TYPE_ETHERNET ? 'ethernet' : linkType === LINK_TYPE_RAW ? 'none' : null
}

/** What has to be known before the first frame. */
function lookInto(file: string | Uint8Array): { linkLayer: LinkLayer; mac: MacAddress; firstTimestamp: bigint } {
  let first: CapturedFrame | null = null
  let count = 0
  for (const frame of readCapture(file)) {
    first ??= frame
    const linkLayer = linkLayerOf(first.interface.linkType)
    if (linkLayer === null) {
      throw new TypeError(`a capture of the link type ${first.interface.linkType} cannot be replayed: 1 and 101 can`)
    }
    const { timestampNanoseconds: firstTimestamp } = first
    const { mac } = first.interface
    if (mac !== null || linkLayer === 'none') return { linkLayer, mac: mac ?? PLACEHOLDER, firstTimestamp }
    const { bytes } = frame
    if (bytes.length >= ETHERNET_HEADER && frame.direction !== 'outbound' && (bytes[0]! & GROUP_BIT) === 0) {
      return { linkLayer, mac: MacAddress.fromBytes(bytes, 0), firstTimestamp }
    }
    if (++count === LOOKED_AT) break
  }
  if (first === null) throw new TypeError('a capture without frames cannot be replayed')
  return { linkLayer: 'ethernet', mac: PLACEHOLDER, firstTimestamp: first.timestampNanoseconds }
}

/** Where no frame is sent to a single station; locally administered. */
const PLACEHOLDER = MacAddress.parse('02:00:00:00:00:02')
