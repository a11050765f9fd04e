/** What happened to DHCPv6 messages; each reason counts in one place. */
export interface Dhcpv6Counters {
  /** Messages sent, those sent again included. */
  sent: number
  retransmitted: number
  /** Of these, messages that never left: no link-local address, port 546 in use, no packet memory. */
  unsent: number
  /** Datagrams that came. */
  received: number
  /** Cut short, or with an option that the message hinges on malformed. */
  malformed: number
  /** Of a kind that no client takes: those of clients and relay agents, RFC 8415, section 16. */
  notForClients: number
  /** Reconfigure messages: they would have to be authenticated (RFC 8415, section 16.11), and none is. */
  reconfigures: number
  /** Valid in themselves, but not what is being waited for. */
  unexpected: number
  /** For another transaction. */
  wrongTransaction: number
  /** Without a client identifier, or with another's. */
  wrongClient: number
  /** Without a server identifier. */
  noServer: number
  /** Of another server than the one that was asked. */
  wrongServer: number
  /** Advertisements that offer nothing that was asked for. */
  emptyAdvertisements: number
  /** Replies that refuse, with a status. */
  refusals: number
  /** Options left out of messages that were taken otherwise, and leases in them that cannot be. */
  optionsIgnored: number
  /** Transmissions held back by the limit of RFC 8415, section 14.1. */
  rateLimited: number
}

export function newDhcpv6Counters(): Dhcpv6Counters {
  return {
    sent: 0,
    retransmitted: 0,
    unsent: 0,
    received: 0,
    malformed: 0,
    notForClients: 0,
    reconfigures: 0,
    unexpected: 0,
    wrongTransaction: 0,
    wrongClient: 0,
    noServer: 0,
    wrongServer: 0,
    emptyAdvertisements: 0,
    refusals: 0,
    optionsIgnored: 0,
    rateLimited: 0,
  }
}
