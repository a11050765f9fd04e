import type { PacketBuffer } from '../packet/index.ts'
import * as wire from './wire.ts'

/** Fills the address fields from an IPv6 header. */
export function setAddresses(packet: PacketBuffer, bytes: Uint8Array, network: number): void {
  packet.source0 = wire.sourceWord(bytes, network, 0)
  packet.source1 = wire.sourceWord(bytes, network, 1)
  packet.source2 = wire.sourceWord(bytes, network, 2)
  packet.source3 = wire.sourceWord(bytes, network, 3)
  packet.destination0 = wire.destinationWord(bytes, network, 0)
  packet.destination1 = wire.destinationWord(bytes, network, 1)
  packet.destination2 = wire.destinationWord(bytes, network, 2)
  packet.destination3 = wire.destinationWord(bytes, network, 3)
}
