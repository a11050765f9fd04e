/** What resolving counts. All only grow. */
export interface DnsCounters {
  /** Questions of the application, cache hits and those joined to others included. */
  questions: number
  /** Answered from the cache, negative answers included. */
  cacheHits: number
  /** Of these negative. */
  negativeHits: number
  /** Entries given up for newer ones. */
  cacheEvicted: number
  /** Joined to the same question that was under way. */
  coalesced: number
  /** Questions that waited for their turn because too many were under way. */
  delayed: number
  /** Datagrams sent, retries included. */
  datagramsSent: number
  /** Questions sent over TCP or TLS. */
  streamQueries: number
  /** TCP or TLS connections opened. */
  connections: number
  /** Connections that failed or broke with questions on them. */
  connectionFailures: number
  /** Answers taken. */
  answers: number
  /** Truncated answers, asked again over TCP. */
  truncated: number
  /** Tries that got no answer in time. */
  timeouts: number
  /** Answers of servers that could not or would not answer: SERVFAIL, REFUSED, NOTIMP, FORMERR. */
  serverFailures: number
  /** Servers that ICMP, or a connection refused, said are not there. */
  unreachable: number
  /** Questions asked again without EDNS because a server did not understand it. */
  withoutEdns: number
  /** Dropped: not a response, too short for one, or not to a query. */
  notResponse: number
  /** Dropped: another identifier than the query's. */
  wrongIdentifier: number
  /** Dropped: another question than the query's. */
  wrongQuestion: number
  /** Dropped: the right question, and then bytes that are no message, compression loops among them. */
  malformed: number
  /** Questions taken to TCP because wrong answers came in numbers. */
  suspicious: number
}

/** All counters of DNS, at zero. */
export function newDnsCounters(): DnsCounters {
  return {
    questions: 0,
    cacheHits: 0,
    negativeHits: 0,
    cacheEvicted: 0,
    coalesced: 0,
    delayed: 0,
    datagramsSent: 0,
    streamQueries: 0,
    connections: 0,
    connectionFailures: 0,
    answers: 0,
    truncated: 0,
    timeouts: 0,
    serverFailures: 0,
    unreachable: 0,
    withoutEdns: 0,
    notResponse: 0,
    wrongIdentifier: 0,
    wrongQuestion: 0,
    malformed: 0,
    suspicious: 0,
  }
}
