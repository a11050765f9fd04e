/** What happened to neighbour discovery messages, and to packets that waited; each reason counts in one place. */
export interface NeighborDiscoveryCounters {
  routerAdvertisementsReceived: number
  neighborSolicitationsReceived: number
  neighborAdvertisementsReceived: number
  redirectsReceived: number
  routerSolicitationsSent: number
  neighborSolicitationsSent: number
  neighborAdvertisementsSent: number
  /** Router solicitations of others: hosts drop them (RFC 4861, 6.2.6). */
  routerSolicitationsIgnored: number
  /** Hop limit below 255: a router forwarded it, so it is not from our link. */
  invalidHopLimit: number
  /** Code other than 0. */
  invalidCode: number
  /** Shorter than its fixed part. */
  truncated: number
  /** An option of length 0, or one that reaches beyond the message: the whole message is dropped. */
  malformedOptions: number
  /** The source is none that the message may have. */
  invalidSource: number
  /** The destination is none that the message may have. */
  invalidDestination: number
  /** The target is a group, unspecified, or (of a redirect) neither a router nor the destination. */
  invalidTarget: number
  /** A source link-layer option where there is no source (RFC 4861, 6.1.1, 7.1.1). */
  sourceLinkLayerWithoutSource: number
  /** A solicited flag in what was sent to a group (RFC 4861, 7.1.2). */
  solicitedToGroup: number
  /** Redirects that are not from our router to that destination (RFC 4861, 8.1). */
  redirectNotFromFirstHop: number
  /** Options that do not make sense by themselves, left out; the rest of the message counts. */
  optionsIgnored: number
  /** Link-layer addresses that cannot be a station's: a group, or all zero. */
  invalidLinkLayer: number
  /** Router advertisements while we do not want any. */
  routerAdvertisementsIgnored: number
  /** Router advertisements beyond what is taken in within a second, see `AdvertisementLimit`. */
  routerAdvertisementsRateLimited: number
  /** Routers and routes, prefixes, addresses, and entries about DNS that found their table full. */
  routesIgnored: number
  prefixesIgnored: number
  addressesIgnored: number
  dnsIgnored: number
  /** Solicitations for addresses that are not ours, or not yet. */
  targetNotOurs: number
  /** Advertisements of neighbours whom nobody asked for (RFC 4861, 7.2.5). */
  advertisementsIgnored: number
  /** Advertisements without the address that was asked for. */
  linkLayerMissing: number
  /** Another link-layer address than known, not taken over as the override flag was clear. */
  overrideRefused: number
  /** Another link-layer address than known, taken over. */
  linkLayerChanged: number
  /** Our own messages, come back (RFC 7527). */
  loopedBack: number
  /** Tentative addresses that somebody else has. */
  duplicates: number
  /** Somebody else claims an address that we have assigned. */
  conflicts: number
  /** Packets that waited and were pushed out by later ones, or went with their evicted entry. */
  queueDropped: number
  /** Packets dropped because their neighbour did not answer. */
  unreachableDropped: number
  /** Entries that gave way to others. */
  evicted: number
  /** Entries in resolution that gave way because too many were (RFC 6583). */
  resolutionEvicted: number
  /** Messages of ours not sent for want of packet memory. */
  noMemory: number
}

export function newNeighborDiscoveryCounters(): NeighborDiscoveryCounters {
  return {
    routerAdvertisementsReceived: 0,
    neighborSolicitationsReceived: 0,
    neighborAdvertisementsReceived: 0,
    redirectsReceived: 0,
    routerSolicitationsSent: 0,
    neighborSolicitationsSent: 0,
    neighborAdvertisementsSent: 0,
    routerSolicitationsIgnored: 0,
    invalidHopLimit: 0,
    invalidCode: 0,
    truncated: 0,
    malformedOptions: 0,
    invalidSource: 0,
    invalidDestination: 0,
    invalidTarget: 0,
    sourceLinkLayerWithoutSource: 0,
    solicitedToGroup: 0,
    redirectNotFromFirstHop: 0,
    optionsIgnored: 0,
    invalidLinkLayer: 0,
    routerAdvertisementsIgnored: 0,
    routerAdvertisementsRateLimited: 0,
    routesIgnored: 0,
    prefixesIgnored: 0,
    addressesIgnored: 0,
    dnsIgnored: 0,
    targetNotOurs: 0,
    advertisementsIgnored: 0,
    linkLayerMissing: 0,
    overrideRefused: 0,
    linkLayerChanged: 0,
    loopedBack: 0,
    duplicates: 0,
    conflicts: 0,
    queueDropped: 0,
    unreachableDropped: 0,
    evicted: 0,
    resolutionEvicted: 0,
    noMemory: 0,
  }
}
