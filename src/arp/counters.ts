/** What happened to ARP packets and to packets that waited for ARP; each reason counts in one place. */
export interface ArpCounters {
  requestsReceived: number
  repliesReceived: number
  requestsSent: number
  repliesSent: number
  announcementsSent: number
  /** Requests that ask whether an address is free, RFC 5227, section 2.1.1. */
  probesSent: number
  /** Not ARP for IPv4 over Ethernet, or too short. */
  malformed: number
  /** Neither request nor reply. */
  unknownOperation: number
  /** The sender's addresses cannot be a station's: group MAC, or an IP address that is no host's. */
  invalidSender: number
  /** Somebody else claims an address of ours. */
  conflicts: number
  /** Addresses that were not taken because a probe found somebody else with them. */
  probeConflicts: number
  /** Announcements that answer a conflict. */
  defenses: number
  /** Addresses given up after conflicts. */
  addressesLost: number
  /** Packets that waited and were pushed out by later ones, or went with their evicted entry. */
  queueDropped: number
  /** Packets dropped because their neighbour did not answer. */
  unreachableDropped: number
  /** Entries that gave way to others. */
  evicted: number
  /** Sightings of an address that an entry has, at another MAC address, taken over. */
  addressChanged: number
  /** The same ignored, because the entry had changed less than a second ago or is permanent. */
  addressChangeIgnored: number
  /** Packets of ours not sent for want of packet memory. */
  noMemory: number
}

export function newArpCounters(): ArpCounters {
  return {
    requestsReceived: 0,
    repliesReceived: 0,
    requestsSent: 0,
    repliesSent: 0,
    announcementsSent: 0,
    probesSent: 0,
    malformed: 0,
    unknownOperation: 0,
    invalidSender: 0,
    conflicts: 0,
    probeConflicts: 0,
    defenses: 0,
    addressesLost: 0,
    queueDropped: 0,
    unreachableDropped: 0,
    evicted: 0,
    addressChanged: 0,
    addressChangeIgnored: 0,
    noMemory: 0,
  }
}
