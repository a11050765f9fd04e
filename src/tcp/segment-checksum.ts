import { fold, sumWord32 } from '../checksum/index.ts'
import { IpProtocol } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/** Whether the checksum over pseudo-header and segment [start, end) is right: RFC 9293, 3.1, for either family. */
export function isChecksumRight(packet: PacketBuffer): boolean {
  const length = packet.end - packet.start
  // The third word of an IPv4-mapped address, 0xffff, is a zero of one's-complement arithmetic: one sum serves both.
  const addresses =
    sumWord32(packet.source0) +
    sumWord32(packet.source1) +
    sumWord32(packet.source2) +
    sumWord32(packet.source3) +
    sumWord32(packet.destination0) +
    sumWord32(packet.destination1) +
    sumWord32(packet.destination2) +
    sumWord32(packet.destination3)
  const initial = fold(addresses + IpProtocol.Tcp + sumWord32(length))
  return packet.memory.checksum.sum(packet.start, length, initial) === 0xffff
}
