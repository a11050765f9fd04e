/** Who may take packets that are not for us. */
import type { PacketBuffer } from '../packet/index.ts'
import type { Ipv4 } from './ipv4.ts'

/** Takes packets that are for others: a router. Packets are borrowed. */
export interface ForeignForwarder {
  /** @param packet [start, end) is the whole packet; `network`, the address fields and `hopLimit` are set */
  forward(packet: PacketBuffer, from: Ipv4): void
  /** The next hop of a packet that was forwarded does not answer. @param packet likewise */
  unreachable(packet: PacketBuffer): void
  /** After the last packet of a burst. */
  endOfBurst(): void
}

/** Who takes datagrams that came to our MAC address and to an IP address that is not ours, or not yet. */
export interface ForeignReceiver {
  /** Set up as for `IpProtocolHandler.receive`, of UDP, and no fragment. Borrowed for the call. */
  receiveForeign(packet: PacketBuffer): void
}
