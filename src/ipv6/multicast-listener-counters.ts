/** What happened to messages of multicast listener discovery; each reason counts in one place. */
export interface MulticastListenerCounters {
  queriesReceived: number
  /** Reports and done messages of others. */
  reportsReceived: number
  reportsSent: number
  /** Done messages of version 1. */
  doneSent: number
  /** Too short, of a length that no version has, or about an address that is no group. */
  malformed: number
  /** Not from a link-local address, with a hop limit other than 1, or a query without the router alert option. */
  notFromLink: number
  /** Reports of version 1 not sent because another host was sooner. */
  suppressed: number
  /** Queries for more sources than are kept, answered as if they had asked for all. */
  sourcesDropped: number
  /** Messages of ours not sent for want of packet memory. */
  noMemory: number
}

export function newMulticastListenerCounters(): MulticastListenerCounters {
  return {
    queriesReceived: 0,
    reportsReceived: 0,
    reportsSent: 0,
    doneSent: 0,
    malformed: 0,
    notFromLink: 0,
    suppressed: 0,
    sourcesDropped: 0,
    noMemory: 0,
  }
}
