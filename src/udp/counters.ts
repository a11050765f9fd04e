import { withLargeCounts } from '../packet/index.ts'

/** What happened to UDP datagrams; each reason counts in one place. */
export interface UdpCounters {
  /** Datagrams handed to a binding; one to a group counts for each. */
  delivered: number
  /** Shorter than a header, or than its length field says. */
  truncated: number
  /** Length field below 8. */
  badLength: number
  checksum: number
  /** No checksum over IPv6, where RFC 8200, section 8.1 demands one. */
  noChecksum: number
  /** To a group, from a source of it that no socket of this host listens to. */
  unwantedSource: number
  /** Nobody is bound to the port. */
  noPort: number
  /** Datagrams passed to the internet layer. */
  sent: number
  /** Datagrams not sent because packet memory was exhausted. */
  noMemory: number
  /** ICMP errors passed to a connected binding. */
  errorsDelivered: number
  /** "Packet too big" about what an unconnected binding sent: it is not told, and its path's MTU goes down. */
  mtuLowered: number
  /** Other ICMP errors about no datagram of a connected binding. */
  errorsIgnored: number
}

export function newUdpCounters(): UdpCounters {
  return withLargeCounts({
    delivered: 0,
    truncated: 0,
    badLength: 0,
    checksum: 0,
    noChecksum: 0,
    unwantedSource: 0,
    noPort: 0,
    sent: 0,
    noMemory: 0,
    errorsDelivered: 0,
    mtuLowered: 0,
    errorsIgnored: 0,
  })
}
