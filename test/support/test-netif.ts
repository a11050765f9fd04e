import { MacAddress } from '../../src/address/index.ts'
import {
  type FrameReceiver,
  type LinkLayer,
  type Netif,
  type NetifFeatures,
  newNetifCounters,
} from '../../src/netif/index.ts'
import type { PacketBuffer, PacketMemory } from '../../src/packet/index.ts'
import { packetFrom } from './packets.ts'

export interface TestNetifOptions {
  mac?: string
  mtu?: number
  /** Default no offload. */
  offload?: boolean
  linkLayer?: LinkLayer
}

/**
 * A netif whose wire is in the test's hand: what the layers above send is kept, `receive` hands frames up.
 *
 *     const netif = new TestNetif(memory)
 *     const arp = new Arp(new Ethernet(netif), ...)
 *     netif.receive(between(peer, us).arpRequest())
 *     expect(netif.takeFrame()).toBeArp({ operation: 2 })
 */
export class TestNetif implements Netif {
  readonly name = 'test0'
  readonly mac: MacAddress
  readonly linkLayer: LinkLayer
  readonly mtu: number
  readonly memory: PacketMemory
  readonly features: NetifFeatures
  readonly counters = newNetifCounters()
  /** Packets as they were sent, with their offload state; the test releases them, or takes them as bytes. */
  readonly sent: PacketBuffer[] = []
  /** Packets that were sent but not yet flushed. */
  unflushed = 0
  isClosed = false
  #receiver: FrameReceiver | null = null

  constructor(memory: PacketMemory, options: TestNetifOptions = {}) {
    this.memory = memory
    this.mac = MacAddress.parse(options.mac ?? '02:00:00:00:00:02')
    this.mtu = options.mtu ?? 1500
    this.linkLayer = options.linkLayer ?? 'ethernet'
    const offload = options.offload ?? false
    this.features = { checksumOffload: offload, tcp4Segmentation: offload, tcp6Segmentation: offload }
  }

  attach(receiver: FrameReceiver): void {
    this.#receiver = receiver
  }

  transmit(packet: PacketBuffer): void {
    this.counters.transmittedFrames++
    this.counters.transmittedBytes += packet.length
    this.unflushed++
    this.sent.push(packet)
  }

  flush(): void {
    this.unflushed = 0
  }

  async close(): Promise<void> {
    if (this.isClosed) return
    this.isClosed = true
    for (const packet of this.sent.splice(0)) packet.release()
  }

  /** Frames that arrive together, as one burst. */
  receive(...frames: Uint8Array[]): void {
    this.receivePackets(...frames.map((frame) => packetFrom(this.memory, frame)))
  }

  /** As `receive`, for packets with an offload state; takes over the references. */
  receivePackets(...packets: PacketBuffer[]): void {
    const receiver = this.#receiver
    if (receiver === null) throw new Error('nothing is attached to the test netif')
    this.counters.bursts++
    for (const packet of packets) {
      this.counters.receivedFrames++
      this.counters.receivedBytes += packet.length
      packet.link = packet.start
      receiver.frame(packet)
      packet.release()
    }
    receiver.endOfBurst()
  }

  /** The device is gone. */
  fail(error: Error): void {
    this.#receiver?.closed(error)
  }

  /** The oldest frame sent and not yet taken, or undefined. */
  takeFrame(): Uint8Array | undefined {
    return this.takeFrames(1)[0]
  }

  /** All frames (or the first `count`) sent and not yet taken, oldest first. */
  takeFrames(count = this.sent.length): Uint8Array[] {
    return this.sent.splice(0, count).map((packet) => {
      const bytes = packet.memory.bytes.slice(packet.start, packet.end)
      packet.release()
      return bytes
    })
  }

  /** As `takeFrame`, with the offload state that checksums are judged by; the caller releases it. */
  takePacket(): PacketBuffer | undefined {
    return this.sent.shift()
  }
}
