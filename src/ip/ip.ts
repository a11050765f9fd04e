import type { IpAddress, IpFamily, IpPrefix } from '../address/index.ts'
import type { PacketBuffer, PacketMemory } from '../packet/index.ts'
import type { LocalQueue } from './local-queue.ts'

/** Protocol numbers, IANA "Assigned Internet Protocol Numbers". */
export const IpProtocol = { Icmp: 1, Igmp: 2, Tcp: 6, Udp: 17, Icmpv6: 58 } as const

/**
 * The way to one destination, found once and then kept by a connection: route, next hop, source address and path MTU.
 * Implemented by each internet layer; transports see this much of it.
 */
export interface Path {
  readonly ip: Ip
  readonly source: IpAddress
  readonly destination: IpAddress
  /** Largest IP packet, headers included, that passes; RFC 1191 and RFC 8201 lower it. */
  readonly mtu: number
  /** Largest IP packet, headers included, that `send` takes: `mtu`, or more where the layer cuts it into fragments. */
  readonly largestPacket: number
  /** Bytes of IP header before the transport header. */
  readonly headerLength: number
  /** One's-complement sum of both addresses, for pseudo-headers. */
  readonly addressSum: number
  /** Destination is one of our own addresses: frames come back without touching the interface. */
  readonly isLocal: boolean
  /** Destination is a broadcast address: datagrams go there only by permission, connections never. */
  readonly isBroadcast: boolean
  /** Routes or addresses have changed since; ask `Ip.path` again. */
  readonly isStale: boolean
}

/** Why an ICMP error was sent, the same for both families; RFC 792, RFC 1122 section 3.2.2.1, RFC 4443. */
export const IpErrorKind = {
  NetworkUnreachable: 0,
  HostUnreachable: 1,
  ProtocolUnreachable: 2,
  PortUnreachable: 3,
  PacketTooBig: 4,
  Prohibited: 5,
  TimeExceeded: 6,
  ParameterProblem: 7,
} as const
export type IpErrorKind = (typeof IpErrorKind)[keyof typeof IpErrorKind]

/** A transport as its internet layer sees it. */
export interface IpProtocolHandler {
  /**
   * One packet for us: `network` and `transport` are set, [start, end) is the IP payload, the address fields of the
   * packet are filled in. Borrowed for the length of the call.
   */
  receive(packet: PacketBuffer, ip: Ip): void
  /**
   * An ICMP error about a packet that we sent, already checked to quote our own address as its source.
   * [quoted.start, quoted.end) is what the error quotes of that packet's transport header (8 bytes at least); the
   * quoted packet's addresses are in the address fields: `source*` is ours, `destination*` the peer's.
   * @param mtu next-hop MTU for PacketTooBig, otherwise 0
   * @param reporter who sent the error
   */
  receiveError(kind: IpErrorKind, quoted: PacketBuffer, mtu: number, reporter: IpAddress): void
  /** After the last packet of a burst. */
  endOfBurst(): void
  /** An address is about to be ours no longer: the last time to say anything from it. */
  addressLeaving?(address: IpAddress): void
}

/** Which sources of its groups a host listens to, for whichever socket. */
export interface GroupSources {
  /** Whether a packet to a group is from a source that anybody wants to hear. */
  wants(packet: PacketBuffer): boolean
}

/** An internet layer of either family, as transports see it. */
export interface Ip {
  readonly family: IpFamily
  /** Null: all of them. */
  groupSources: GroupSources | null
  readonly memory: PacketMemory
  /** Whether it sends packets whose payload is to be gathered (`PacketBuffer.gathered`), where they stand for several segments. */
  readonly gathers: boolean
  /** What we have sent to ourselves and is not delivered yet. */
  readonly localQueue: LocalQueue
  /** Addresses that we answer on, with their prefixes. */
  readonly addresses: readonly IpPrefix[]
  addProtocol(protocol: number, handler: IpProtocolHandler): void
  /** Whether a packet to this address is for us (own, broadcast or joined multicast address). */
  isLocalAddress(address: IpAddress): boolean
  /**
   * The way to `destination`, from `source` if given.
   * @returns the path, or why there is none: no route (ENETUNREACH), `source` is not ours (EADDRNOTAVAIL), or a layer that
   *   forbids the destination (EACCES; IPv4 forbids none)
   */
  path(destination: IpAddress, source?: IpAddress | null): Path | 'ENETUNREACH' | 'EADDRNOTAVAIL' | 'EACCES'
  /**
   * The way back to whoever sent `packet`, from the address that it was sent to; null if there is none. For an answer to a
   * stranger of whom nothing is kept: unlike `path` it remembers nothing, so that a flood from many addresses pushes no
   * path out of a cache. The object may be the same for all: it holds until the next call.
   */
  passingPath(packet: PacketBuffer): Path | null
  /**
   * Sends [start, end) as the payload of one IP packet and takes over the caller's reference. A Partial checksum and
   * segmentation pass through to the device. What cannot be sent is dropped and counted.
   * @param hopLimit 1 to 255, or 0 for the default
   * @param trafficClass the DS field with its ECN bits
   */
  send(packet: PacketBuffer, path: Path, protocol: number, hopLimit: number, trafficClass: number): void
  /**
   * As `send`, but nothing leaves: what goes to a group that we listen to comes back to us. The packet stays the caller's.
   */
  loopBack(packet: PacketBuffer, path: Path, protocol: number, hopLimit: number, trafficClass: number): void
  /**
   * Whether what can wait should be sent over this path now. While it is false for packets to ourselves, the end of a burst
   * is to come.
   */
  hasRoom(path: Path): boolean
  /** Tells a sender that its packet could not be delivered, under the rate limit and the rules of RFC 1122, 3.2.2. */
  sendError(kind: IpErrorKind, offending: PacketBuffer): void
  /**
   * A transport found an ICMP error believable that says a packet was too big: `Path.mtu` of this path, and of others
   * to the same destination, goes down for a while.
   */
  lowerMtu(path: Path, mtu: number): void
  /** Something above heard from the peer of this path that it makes progress: neighbour reachability confirmation. */
  confirmReachable(path: Path): void
  /** Hands all that was sent to the device. */
  flush(): void
}
