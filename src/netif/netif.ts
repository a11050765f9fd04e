import type { MacAddress } from '../address/index.ts'
import { type PacketBuffer, type PacketMemory, withLargeCounts } from '../packet/index.ts'

/** What a network interface calls for the frames that it receives. */
export interface FrameReceiver {
  /**
   * One received frame: [start, end) begins at its Ethernet header, `link` is set. Borrowed for the length of the
   * call; `retain()` keeps it.
   */
  frame(packet: PacketBuffer): void
  /** After the last frame of a burst. Acknowledgments, deliveries and window updates are decided here. */
  endOfBurst(): void
  /** The device, or the carrier under it, is gone for good; no frame will follow. */
  closed(error: Error | null): void
}

/** What a device does for us. Layers above may rely on all of it: `SoftwareOffload` supplies what is missing. */
export interface NetifFeatures {
  /** Completes a Partial checksum on transmit and may deliver frames as Partial or Verified. */
  readonly checksumOffload: boolean
  /** Cuts TCP over IPv4 and over IPv6 into segments. */
  readonly tcp4Segmentation: boolean
  readonly tcp6Segmentation: boolean
}

/** What every netif counts: frames, bytes, and why frames were dropped. */
export interface NetifCounters {
  receivedFrames: number
  receivedBytes: number
  transmittedFrames: number
  transmittedBytes: number
  /** Wake-ups that delivered at least one frame. */
  bursts: number
  /** Received frames dropped because packet memory had no room. */
  receiveNoMemory: number
  /** Received frames dropped because a queue of the netif's own was full. */
  receiveQueueFull: number
  /** Received frames dropped because they were no frames (too short, too long, a bad device header). */
  receiveMalformed: number
  /** Frames to transmit dropped because the device's queue was full. */
  transmitQueueFull: number
  /** Frames to transmit that the device refused for another reason. */
  transmitError: number
  /** Times that the device refused a frame for now (EAGAIN). */
  backPressure: number
}

/** All counters of a netif, at zero. */
export function newNetifCounters(): NetifCounters {
  return withLargeCounts({
    receivedFrames: 0,
    receivedBytes: 0,
    transmittedFrames: 0,
    transmittedBytes: 0,
    bursts: 0,
    receiveNoMemory: 0,
    receiveQueueFull: 0,
    receiveMalformed: 0,
    transmitQueueFull: 0,
    transmitError: 0,
    backPressure: 0,
  })
}

/** What stands before an IP packet: an Ethernet header, or nothing. */
export type LinkLayer = 'ethernet' | 'none'

/** Anything that carries Ethernet frames, or IP packets from point to point. */
export interface Netif {
  readonly name: string
  /**
   * Default `ethernet`. With `none` what is called a frame here begins at its IP header, whoever is at the other end takes all of
   * them, and `mac` stands for nothing on the wire.
   */
  readonly linkLayer?: LinkLayer | undefined
  /** The address that a stack on this interface should own. */
  readonly mac: MacAddress
  /** Largest IP packet in bytes; 68 to 65,535. A stack reads it once, when it is composed. */
  readonly mtu: number
  readonly features: NetifFeatures
  /** Where frames live: received ones are in it, and those to transmit must be. */
  readonly memory: PacketMemory
  readonly counters: NetifCounters
  /** Whether the link is there: not while a cable is unplugged. Absent where it always is, as on a tap, whose other end we are. */
  hasLink?(): boolean
  /** Starts receiving. One receiver per interface; a second call replaces the first. */
  attach(receiver: FrameReceiver): void
  /** Whether it takes packets whose payload is to be gathered (`PacketBuffer.gathered`), where they stand for several segments. */
  readonly gathers?: boolean
  /** Queues one frame [start, end) and takes over the caller's reference. Never throws; what cannot be sent is counted. */
  transmit(packet: PacketBuffer): void
  /** Hands everything queued to the device: call it once after a batch of `transmit`. */
  flush(): void
  /** Stops receiving, releases queued frames and the device. Idempotent. */
  close(): Promise<void>
  /**
   * Whether waiting for frames holds the process open, as that of a socket of Node's does, which is the default. Absent where
   * nothing does, or where nothing can be done about it.
   */
  ref?(): unknown
  unref?(): unknown
}
