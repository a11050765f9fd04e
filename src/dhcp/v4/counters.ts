/** What happened to DHCPv4 messages; each reason counts in one place. */
export interface Dhcpv4Counters {
  /** Messages sent, those sent again included. */
  sent: number
  retransmitted: number
  /** Datagrams that came. */
  received: number
  /** Cut short, with an option that runs over the end, of BOOTP, or not from a server. */
  malformed: number
  /** For another transaction: answers to others that are broadcast, and those that come twice or too late. */
  wrongTransaction: number
  /** For another hardware address, or with another client identifier than ours (RFC 6842). */
  wrongClient: number
  /** Without a server identifier, or with one that is no host's address. */
  noServer: number
  /** Valid in themselves, but not what is being waited for, or not from the server that was asked. */
  unexpected: number
  /** Offers and acknowledgments of an address that no host can have, or without a time, or of no time. */
  unusable: number
  /** Refusals (DHCPNAK). */
  refusals: number
  /** Servers that ask to do without IPv4 (RFC 8925). */
  ipv6Only: number
  /** Options left out of messages that were taken otherwise. */
  optionsIgnored: number
  /** Messages not sent, because too many were. */
  rateLimited: number
}

export function newDhcpv4Counters(): Dhcpv4Counters {
  return {
    sent: 0,
    retransmitted: 0,
    received: 0,
    malformed: 0,
    wrongTransaction: 0,
    wrongClient: 0,
    noServer: 0,
    unexpected: 0,
    unusable: 0,
    refusals: 0,
    ipv6Only: 0,
    optionsIgnored: 0,
    rateLimited: 0,
  }
}
