import type { MacAddress } from '../address/index.ts'
import { FrameRecorder, type PcapngWriter } from '../capture/index.ts'
import type { Clock } from '../clock/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import { captureLinkType } from './capture-link-type.ts'
import type { FrameReceiver, LinkLayer, Netif, NetifCounters, NetifFeatures } from './netif.ts'

/**
 * Any netif with both directions recorded; who does not wrap pays nothing.
 *
 * ```ts
 * const writer = new PcapngWriter(new FileSink('trace.pcapng'))
 * const netif = new CaptureNetif(tap, writer, clock)
 * ```
 *
 * Closing it closes the netif and flushes the writer, which stays open: it may record other interfaces too.
 */
export class CaptureNetif implements Netif, FrameReceiver {
  readonly #netif: Netif
  readonly #recorder: FrameRecorder
  #receiver: FrameReceiver | null = null

  constructor(netif: Netif, writer: PcapngWriter, clock: Clock) {
    this.#netif = netif
    this.#recorder = new FrameRecorder(writer, clock, {
      name: netif.name,
      mac: netif.mac,
      linkType: captureLinkType(netif),
    })
  }

  get name(): string {
    return this.#netif.name
  }

  get mac(): MacAddress {
    return this.#netif.mac
  }

  get mtu(): number {
    return this.#netif.mtu
  }

  get linkLayer(): LinkLayer | undefined {
    return this.#netif.linkLayer
  }

  get features(): NetifFeatures {
    return this.#netif.features
  }

  get memory(): PacketMemory {
    return this.#netif.memory
  }

  get counters(): NetifCounters {
    return this.#netif.counters
  }

  attach(receiver: FrameReceiver): void {
    this.#receiver = receiver
    this.#netif.attach(this)
  }

  transmit(packet: PacketBuffer): void {
    this.#recorder.record(packet, 'outbound')
    this.#netif.transmit(packet)
  }

  flush(): void {
    this.#netif.flush()
  }

  async close(): Promise<void> {
    try {
      await this.#netif.close()
    } finally {
      this.#recorder.close()
    }
  }

  frame(packet: PacketBuffer): void {
    this.#recorder.record(packet, 'inbound')
    this.#receiver?.frame(packet)
  }

  endOfBurst(): void {
    this.#receiver?.endOfBurst()
  }

  closed(error: Error | null): void {
    this.#recorder.close()
    this.#receiver?.closed(error)
  }
}
