/** What happened to messages of IGMP; each reason counts in one place. */
export interface IgmpCounters {
  queriesReceived: number
  /** Reports and leave messages of others. */
  reportsReceived: number
  reportsSent: number
  /** Leave messages of version 2. */
  leavesSent: number
  /** Too short, of a length that no version has, or about an address that is no group. */
  malformed: number
  checksum: number
  /** Types that we do not know: DVMRP, PIM version 1, multicast traceroute. */
  unknownType: number
  /** Reports of older versions not sent because another host was sooner. */
  suppressed: number
  /** Queries for more sources than are kept, answered as if they had asked for all. */
  sourcesDropped: number
  /** Messages of ours not sent for want of packet memory. */
  noMemory: number
}

export function newIgmpCounters(): IgmpCounters {
  return {
    queriesReceived: 0,
    reportsReceived: 0,
    reportsSent: 0,
    leavesSent: 0,
    malformed: 0,
    checksum: 0,
    unknownType: 0,
    suppressed: 0,
    sourcesDropped: 0,
    noMemory: 0,
  }
}
