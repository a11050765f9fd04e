import type { FrameReceiver, Netif } from '../../src/netif/index.ts'
import { type PacketBuffer, type PacketMemory, RECEIVE_OFFSET } from '../../src/packet/index.ts'
import { bytesOf } from './dissect.ts'

/** The frame as a packet of its own, as a driver hands it up; the caller owns it. Throws when memory is exhausted. */
export function packetFrom(memory: PacketMemory, frame: Uint8Array): PacketBuffer {
  const packet = frame.length <= 1900 ? memory.takeSmall() : memory.takeLarge()
  if (packet === null) throw new Error(`no packet for ${frame.length} bytes: memory is exhausted`)
  packet.start = packet.link = packet.base + RECEIVE_OFFSET
  packet.end = packet.start + frame.length
  memory.bytes.set(frame, packet.start)
  return packet
}

/** Sends frames through a netif and flushes it. */
export function transmit(netif: Netif, ...frames: Uint8Array[]): void {
  for (const frame of frames) netif.transmit(packetFrom(netif.memory, frame))
  netif.flush()
}

/** A receiver that keeps a copy of all that arrives. */
export class FrameCollector implements FrameReceiver {
  readonly frames: Uint8Array[] = []
  /** Number of frames in each burst. */
  readonly bursts: number[] = []
  isClosed = false
  #burst = 0

  constructor(netif?: Netif) {
    netif?.attach(this)
  }

  frame(packet: PacketBuffer): void {
    this.frames.push(bytesOf(packet))
    this.#burst++
    // As a stack does, which leaves the bounds wherever its last layer put them.
    packet.start = packet.end
  }

  endOfBurst(): void {
    this.bursts.push(this.#burst)
    this.#burst = 0
  }

  closed(): void {
    this.isClosed = true
  }

  /** What has arrived since the last call. */
  take(): Uint8Array[] {
    return this.frames.splice(0)
  }
}
