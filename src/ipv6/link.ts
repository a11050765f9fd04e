import type { IpAddress, MacAddress } from '../address/index.ts'
import type { Clock, Random } from '../clock/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'

/** Who takes ICMPv6 messages that run the link: neighbour discovery (RFC 4861) and multicast listeners (RFC 3810). */
export interface ControlHandler {
  /**
   * One ICMPv6 message for us, [start, end), whose checksum is right and which came in one piece (RFC 6980). `network`, the
   * address fields, `hopLimit`, `multicast` and `linkMulticast` of the packet are set. Borrowed for the call.
   * @param type its first byte
   * @param routerAlert whether the packet had the option of RFC 2711 in a hop-by-hop header
   */
  receiveControl(packet: PacketBuffer, type: number, routerAlert: boolean): void
}

/** The IPv6 layer as the protocols that run the link see it. `Ipv6` implements it. */
export interface Ipv6Link {
  readonly memory: PacketMemory
  readonly clock: Clock
  readonly random: Random
  /** False on a link from point to point, where nobody has an address to be told; otherwise true or absent. */
  readonly hasLinkLayer?: boolean
  /** Our own link-layer address. */
  readonly mac: MacAddress
  /** Largest IPv6 packet that the link carries, in bytes. */
  readonly mtu: number

  /** Hands ICMPv6 messages of this type (130 to 137, 143) to `handler`; a later one replaces an earlier one. */
  addControlHandler(type: number, handler: ControlHandler): void

  /**
   * Sends [start, end), an ICMPv6 message with 0 in its checksum field, and takes over the reference. The checksum is
   * filled in. Sent at once; `flush` hands it to the device.
   * @param source an address of ours, a tentative one included, or the unspecified address
   * @param destination on our link, or a group
   * @param hopLimit 1 to 255
   * @param linkLayer where the frame goes; null to have the next hop resolved, or a group mapped (RFC 2464, section 7)
   * @param routerAlert with the option of RFC 2711 in a hop-by-hop header, as RFC 3810 wants it
   */
  sendControl(
    packet: PacketBuffer,
    source: IpAddress,
    destination: IpAddress,
    hopLimit: number,
    linkLayer: MacAddress | null,
    routerAlert?: boolean,
  ): void

  /** Sends [start, end), a whole IPv6 packet that waited for its next hop, and takes over the reference. */
  sendFrame(packet: PacketBuffer, macHigh: number, macLow: number): void

  /**
   * The next hop of [start, end), a whole IPv6 packet of ours, does not answer: its sender hears of it (RFC 4861, section
   * 7.2.2). Borrowed for the call.
   */
  unreachable(packet: PacketBuffer): void

  /** Hands all that was sent to the device; not needed while a burst is received. */
  flush(): void
}
