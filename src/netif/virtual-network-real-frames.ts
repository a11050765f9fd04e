import type { MacAddress } from '../address/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import { type FrameReceiver, type Netif, type NetifFeatures, newNetifCounters } from './netif.ts'
import type { Link } from './virtual-network-link.ts'

const NO_OFFLOAD: NetifFeatures = { checksumOffload: false, tcp4Segmentation: false, tcp6Segmentation: false }

/** A link as a netif without offload, so that `SoftwareOffload` over it makes the frames that a wire would carry. */
export class RealFrames implements Netif {
  readonly name: string
  readonly mac: MacAddress
  readonly mtu: number
  readonly memory: PacketMemory
  readonly features = NO_OFFLOAD
  readonly counters = newNetifCounters()
  readonly #link: Link

  constructor(port: { name: string; mac: MacAddress; mtu: number; memory: PacketMemory }, link: Link) {
    this.name = port.name
    this.mac = port.mac
    this.mtu = port.mtu
    this.memory = port.memory
    this.#link = link
  }

  transmit(packet: PacketBuffer): void {
    this.#link.enter(packet)
  }

  /** The rest of a netif is not for a link. */
  attach(_receiver: FrameReceiver): void {}

  flush(): void {}

  close(): Promise<void> {
    return Promise.resolve()
  }
}
