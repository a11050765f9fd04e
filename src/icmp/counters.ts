/** What happened to ICMP messages; each reason counts in one place. */
export interface IcmpCounters {
  /** Shorter than its header. */
  truncated: number
  /** The checksum is wrong. */
  checksum: number
  echoRequestsReceived: number
  /** Echo requests to a broadcast or multicast address, which we do not answer (RFC 1122, 3.2.2.6 allows that). */
  echoRequestsToMany: number
  echoRepliesSent: number
  echoRequestsSent: number
  /** Echo requests not sent because as many as `pingLimit` wait for their answers. */
  pingsRefused: number
  echoRepliesReceived: number
  /** Echo replies that answer no request of ours, or come late, or from elsewhere. */
  echoRepliesUnexpected: number
  /** Echo replies with other data than we sent. */
  echoRepliesAltered: number
  /** Errors received and passed to their protocol. */
  errorsDelivered: number
  /** Errors that quote less than a header and 8 bytes. */
  errorsTruncated: number
  /** Errors about packets that are not ours. */
  errorsNotOurs: number
  /** Errors with a code that no RFC defines. */
  errorsUnknownCode: number
  /** "Fragmentation needed" with an MTU that the quoted packet would have passed. */
  errorsImplausibleMtu: number
  /** Errors about protocols that we do not speak. */
  errorsUnknownProtocol: number
  /** Source quench, which RFC 6633 has us ignore. */
  sourceQuenches: number
  /** Redirects, and those of them that were followed (`acceptRedirects`). */
  redirects: number
  redirectsFollowed: number
  /** Queries that we do not answer: timestamp, information, address mask, router discovery, extended echo. */
  queriesIgnored: number
  /** Types that we do not know. */
  unknownType: number
  errorsSent: number
  /** Errors not sent because of the rules of RFC 1122, 3.2.2. */
  errorsSuppressed: number
  /** Errors not sent because of the rate limit. */
  errorsRateLimited: number
  /** Messages not sent for want of packet memory or of a route. */
  notSent: number
}

export function newIcmpCounters(): IcmpCounters {
  return {
    truncated: 0,
    checksum: 0,
    echoRequestsReceived: 0,
    echoRequestsToMany: 0,
    echoRepliesSent: 0,
    echoRequestsSent: 0,
    pingsRefused: 0,
    echoRepliesReceived: 0,
    echoRepliesUnexpected: 0,
    echoRepliesAltered: 0,
    errorsDelivered: 0,
    errorsTruncated: 0,
    errorsNotOurs: 0,
    errorsUnknownCode: 0,
    errorsImplausibleMtu: 0,
    errorsUnknownProtocol: 0,
    sourceQuenches: 0,
    redirects: 0,
    redirectsFollowed: 0,
    queriesIgnored: 0,
    unknownType: 0,
    errorsSent: 0,
    errorsSuppressed: 0,
    errorsRateLimited: 0,
    notSent: 0,
  }
}
