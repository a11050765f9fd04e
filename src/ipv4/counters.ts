import { withLargeCounts } from '../packet/index.ts'

/** What happened to packets in the IPv4 layer; each reason counts in one place. */
export interface Ipv4Counters {
  /** Packets handed to a protocol. */
  delivered: number
  /** Shorter than an IPv4 header, or than its header or total length says. */
  truncated: number
  badVersion: number
  /** Header length below 20 bytes. */
  badHeaderLength: number
  /** Total length below the header length. */
  badTotalLength: number
  headerChecksum: number
  /** Options that run over their end. */
  badOptions: number
  /** Source routes, which we refuse. */
  sourceRoute: number
  /** The source cannot be a host's: broadcast, multicast, loopback, 0/8 (except to 255.255.255.255), or our own. */
  invalidSource: number
  /** Loopback addresses (127/8) have no place on a wire, RFC 1122, 3.2.1.3 (g). */
  loopbackOnWire: number
  /** To an address that is not ours; we do not forward. */
  notForUs: number
  /** To our own address in a link-layer broadcast, RFC 1122, 3.3.6. */
  unicastInLinkBroadcast: number
  /** Those handed to a protocol by their ECN bits (RFC 3168, section 5): not capable, both codepoints of senders that are, and marked. */
  InNoECTPkts: number
  InECT1Pkts: number
  InECT0Pkts: number
  InCEPkts: number
  /** Fragments received; `Ipv4.reassemblyCounters` tells what became of them. */
  fragments: number
  /** Nobody is there for the protocol number. */
  unknownProtocol: number
  /** Packets passed to the link. */
  sent: number
  /** Packets to our own addresses. */
  sentLocal: number
  /** TCP segments larger than the path's MTU, which are not to be cut, and packets over 65,535 bytes. */
  sendTooBig: number
  /** Packets sent in fragments, and the fragments. */
  packetsFragmented: number
  fragmentsSent: number
  /** Packets to ourselves dropped because the local queue was full. */
  localQueueFull: number
  /** Packets to ourselves, or to be sent in fragments, dropped because packet memory was exhausted. */
  noMemory: number
  /** Packets whose next hop did not answer ARP. */
  neighborUnreachable: number
}

export function newIpv4Counters(): Ipv4Counters {
  return withLargeCounts({
    delivered: 0,
    truncated: 0,
    badVersion: 0,
    badHeaderLength: 0,
    badTotalLength: 0,
    headerChecksum: 0,
    badOptions: 0,
    sourceRoute: 0,
    invalidSource: 0,
    loopbackOnWire: 0,
    notForUs: 0,
    unicastInLinkBroadcast: 0,
    InNoECTPkts: 0,
    InECT1Pkts: 0,
    InECT0Pkts: 0,
    InCEPkts: 0,
    fragments: 0,
    unknownProtocol: 0,
    sent: 0,
    sentLocal: 0,
    sendTooBig: 0,
    packetsFragmented: 0,
    fragmentsSent: 0,
    localQueueFull: 0,
    noMemory: 0,
    neighborUnreachable: 0,
  })
}
