/** A virtual network with stations that collect what they get; `clock`, `memory` and `network` are those of the test at hand. */

import { finish } from '../../src/checksum/index.ts'
import { type Clock, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { type VirtualNetif, VirtualNetwork, type VirtualPortOptions } from '../../src/netif/index.ts'
import {
  ChecksumState,
  type PacketBuffer,
  PacketMemory,
  type PacketMemoryOptions,
  Segmentation,
} from '../../src/packet/index.ts'
import { between } from './frames.ts'
import { FrameCollector, packetFrom, transmit } from './packets.ts'

export let clock: VirtualClock

export let memory: PacketMemory

export let network: VirtualNetwork

/** What a test does not take as it is. */
interface NetworkOptions {
  seed?: number
  slots?: PacketMemoryOptions
  /** Instead of `clock`. */
  hostClock?: Clock
}

/** Each test has its own: `beforeEach(() => newNetwork())`. */
export function newNetwork({ seed = 1, slots = {}, hostClock }: NetworkOptions = {}): void {
  clock = new VirtualClock()
  memory = new PacketMemory({ smallSlots: 2048, largeSlots: 16, debug: true, ...slots })
  network = new VirtualNetwork({ clock: hostClock ?? clock, random: new SeededRandom(seed), memory })
}

/** A port, and what comes out of it. */
export interface Station {
  port: VirtualNetif
  inbox: FrameCollector
  address: string
}

export function station(options: VirtualPortOptions = {}): Station {
  const port = network.port(options)
  return { port, inbox: new FrameCollector(port), address: `10.0.0.${port.number + 1}` }
}

export function from(a: Station, b: Station) {
  return between({ mac: `${a.port.mac}`, address: a.address }, { mac: `${b.port.mac}`, address: b.address })
}

/** One UDP frame with a number in it. */
export function numbered(a: Station, b: Station, number: number, padding = 0): Uint8Array {
  return from(a, b).udp({ sourcePort: number, destinationPort: 9 }, 'x'.repeat(padding))
}

/** The numbers in such frames. */
export function numbersOf(frames: Uint8Array[]): number[] {
  return frames.map((frame) => frame[34] * 256 + frame[35])
}

/** Makes the switch know where everyone is. */
export function introduce(...stations: Station[]): void {
  for (const a of stations) transmit(a.port, from(a, a).arpRequest())
  clock.runUntilIdle()
  for (const a of stations) a.inbox.take()
}

/** A TCP packet with `size` bytes of payload, as a transport leaves it to the device. */
export function superFrame(a: Station, b: Station, size: number, segmentSize: number): PacketBuffer {
  const payload = Uint8Array.from({ length: size }, (_, i) => i)
  const frame = from(a, b).tcp({ sourcePort: 1, destinationPort: 2, flags: 'AP', seq: 1000, checksum: 0 }, payload)
  const packet = packetFrom(memory, frame)
  packet.checksum = ChecksumState.Partial
  packet.checksumStart = packet.start + 34
  packet.checksumField = packet.start + 50
  // The seed: addresses, protocol and length.
  const sum = memory.checksum.sum(packet.start + 26, 8, 6 + 20 + size)
  memory.view.setUint16(packet.checksumField, ~finish(sum) & 0xffff)
  if (size > segmentSize) {
    packet.segmentation = Segmentation.TcpV4
    packet.segmentSize = segmentSize
  }
  return packet
}
