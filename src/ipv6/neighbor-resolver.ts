import type { IpAddress } from '../address/index.ts'
import type { PacketBuffer } from '../packet/index.ts'

/**
 * A neighbour as the sender of packets sees it; RFC 4861, section 5.1. Kept by paths, so it stays one object for as long as
 * it is in its table.
 */
export interface NextHop {
  /**
   * Packets may go to this link-layer address without a word to anybody. Where it is false the packet goes through
   * `NeighborResolver.send`: the address is not known, or its entry is stale and wants to hear that it is used.
   */
  readonly ready: boolean
  /** Link-layer address in the two parts of `MacAddress`; valid while `ready`. */
  readonly macHigh: number
  readonly macLow: number
  /** It has left its table, nothing is known of it any more: ask `NeighborResolver.neighbor` again. */
  readonly isDead: boolean
}

/** What finds the link-layer addresses of neighbours: neighbour discovery, or a fixed table. */
export interface NeighborResolver {
  /** The entry of a unicast address on our link, made if there is none. Makes room where the table is full, never fails. */
  neighbor(address: IpAddress): NextHop
  /**
   * Sends [start, end), a whole IPv6 packet, to a neighbour that is not `ready`, and takes over the reference: at once
   * through `Ipv6Link.sendFrame`, or after its address is found. Where it is not found, `Ipv6Link.unreachable` hears of it.
   */
  send(packet: PacketBuffer, nextHop: NextHop): void
  /** RFC 4861, section 7.3.1: something above heard from this neighbour, or from beyond it, that packets arrive. */
  confirm(nextHop: NextHop): void
}

/** For a link from point to point: there are no addresses to find, everybody is behind the one other end. */
export const OTHER_END: NeighborResolver = {
  neighbor: () => ({ ready: true, macHigh: 0, macLow: 0, isDead: false }),
  // Everybody is ready, so that nothing is ever left to the resolver.
  send: (packet) => packet.release(),
  confirm: () => {},
}

/** What routers say about the ways to destinations; neighbour discovery. */
export interface RouteDiscovery {
  /**
   * The first hop of a unicast destination, RFC 4861, section 5.2: itself if it is on our link, or a router; null if nothing
   * is known of it.
   * @param longerThan only by a prefix of more bits than these, -1 to 128; what a redirect says counts as 129
   */
  nextHop(destination: IpAddress, longerThan: number): IpAddress | null
}
