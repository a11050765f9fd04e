import { IpAddress } from '../address/index.ts'
import type { Ip, Path } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/** The way back to whoever sent the packet, from the address that it was sent to; null if there is none. */
export function pathBack(packet: PacketBuffer, ip: Ip): Path | null {
  const path = ip.path(
    IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3),
    IpAddress.fromWords(packet.destination0, packet.destination1, packet.destination2, packet.destination3),
  )
  return typeof path === 'string' ? null : path
}
