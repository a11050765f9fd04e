import { IPV4_MAPPED_WORD } from '../address/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/** Sets the address fields of a packet, as IPv4-mapped addresses. @param source @param destination signed 32-bit integers */
export function setAddresses(packet: PacketBuffer, source: number, destination: number): void {
  packet.source0 = packet.source1 = packet.destination0 = packet.destination1 = 0
  packet.source2 = packet.destination2 = IPV4_MAPPED_WORD
  packet.source3 = source
  packet.destination3 = destination
}
