import { withLargeCounts } from '../packet/index.ts'

/** What happened to packets in the IPv6 layer; each reason counts in one place. */
export interface Ipv6Counters {
  /** Packets handed to a protocol. */
  delivered: number
  /** Messages that run the link, handed to neighbour discovery or multicast listeners. */
  controlDelivered: number
  /** Shorter than an IPv6 header, or than its payload length says. */
  truncated: number
  badVersion: number
  /** The source cannot be a host's: a group, IPv4-mapped, the unspecified address (except in control messages), our own. */
  invalidSource: number
  /** ::1 has no place on a wire, RFC 4291, section 2.5.3. */
  loopbackOnWire: number
  /** To an address or a group that is not ours; we do not forward. */
  notForUs: number
  /** To a group whose scope is reserved or ends at an interface, RFC 4291, section 2.7. */
  badScope: number
  /** To an address of ours in a link-layer broadcast or multicast. */
  unicastInLinkMulticast: number
  /** Extension headers that run over the end of the packet. */
  badExtensionHeaders: number
  /** More extension headers, options or padding than we look at, RFC 8504, section 5.3. */
  tooManyExtensionHeaders: number
  /** With an option that we do not know and whose type says to discard the packet in silence. */
  optionDiscarded: number
  /** Extension headers that were answered by Parameter Problem: options, routing headers (RFC 5095), their order. */
  headerProblem: number
  /** No next header: nothing in it for us. */
  noNextHeader: number
  /** Those handed to a protocol by their ECN bits (RFC 3168, section 5): not capable, both codepoints of senders that are, and marked. */
  InNoECTPkts: number
  InECT1Pkts: number
  InECT0Pkts: number
  InCEPkts: number
  /** ICMPv6 messages whose checksum is wrong, and those of less than four bytes. */
  icmpChecksum: number
  icmpTruncated: number
  /** Neighbour discovery in fragments, RFC 6980. */
  fragmentedControl: number
  /** Nobody is there for the protocol number. */
  unknownProtocol: number
  /** Packets passed to the link; each fragment counts. */
  sent: number
  /** Packets to our own addresses. */
  sentLocal: number
  /** Over 65,535 bytes behind the header. */
  sendTooBig: number
  /** Packets sent in fragments, and the fragments. */
  packetsFragmented: number
  fragmentsSent: number
  /** Packets to ourselves dropped because the local queue was full. */
  localQueueFull: number
  /** Packets, fragments or reassembled packets dropped because packet memory was exhausted. */
  noMemory: number
  /** Packets whose next hop does not answer. */
  neighborUnreachable: number
  /** Packets to send when nothing was there that resolves next hops. */
  noResolver: number
}

export function newIpv6Counters(): Ipv6Counters {
  return withLargeCounts({
    delivered: 0,
    controlDelivered: 0,
    truncated: 0,
    badVersion: 0,
    invalidSource: 0,
    loopbackOnWire: 0,
    notForUs: 0,
    badScope: 0,
    unicastInLinkMulticast: 0,
    badExtensionHeaders: 0,
    tooManyExtensionHeaders: 0,
    optionDiscarded: 0,
    headerProblem: 0,
    noNextHeader: 0,
    InNoECTPkts: 0,
    InECT1Pkts: 0,
    InECT0Pkts: 0,
    InCEPkts: 0,
    icmpChecksum: 0,
    icmpTruncated: 0,
    fragmentedControl: 0,
    unknownProtocol: 0,
    sent: 0,
    sentLocal: 0,
    sendTooBig: 0,
    packetsFragmented: 0,
    fragmentsSent: 0,
    localQueueFull: 0,
    noMemory: 0,
    neighborUnreachable: 0,
    noResolver: 0,
  })
}
