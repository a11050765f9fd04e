import type { MacAddress } from '../address/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import type { FrameReceiver, LinkLayer, Netif, NetifCounters, NetifFeatures } from './netif.ts'

/**
 * A netif in front of another, for which it stands in all that is not about frames. Each kind passes frames on itself, so that
 * the calls of the one kind are not those of the other.
 */
export abstract class NetifWrapper implements Netif, FrameReceiver {
  protected readonly netif: Netif
  protected receiver: FrameReceiver | null = null

  constructor(netif: Netif) {
    this.netif = netif
  }

  get name(): string {
    return this.netif.name
  }

  get mac(): MacAddress {
    return this.netif.mac
  }

  get mtu(): number {
    return this.netif.mtu
  }

  get linkLayer(): LinkLayer | undefined {
    return this.netif.linkLayer
  }

  get features(): NetifFeatures {
    return this.netif.features
  }

  get memory(): PacketMemory {
    return this.netif.memory
  }

  get counters(): NetifCounters {
    return this.netif.counters
  }

  attach(receiver: FrameReceiver): void {
    this.receiver = receiver
    this.netif.attach(this)
  }

  abstract transmit(packet: PacketBuffer): void
  abstract flush(): void
  abstract close(): Promise<void>
  abstract frame(packet: PacketBuffer): void
  abstract endOfBurst(): void
  abstract closed(error: Error | null): void
}
