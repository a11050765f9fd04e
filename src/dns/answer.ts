/** What a response means for a question: RFC 1034, section 4.3.1 and 5.2; RFC 2308, sections 2 and 5. */
import { type DnsErrorCode, Rcode } from './codes.ts'
import { sameName } from './name.ts'
import type { DnsRecord } from './record.ts'
import type { Question, Response } from './wire.ts'

/** What is known of a question: records, or why there are none. */
export interface DnsAnswer {
  /** Null: there are records; ENODATA: the name has none of the type; ENOTFOUND: there is no such name. */
  readonly code: null | 'ENODATA' | 'ENOTFOUND'
  /** Those of the type asked for, in the server's order; for ANY all of the name. */
  readonly records: readonly DnsRecord[]
  /** The name at the end of the aliases, without a dot at its end. */
  readonly canonicalName: string
  /** Whether the name asked for is an alias of another. */
  readonly isAlias: boolean
  /** Seconds that it may be kept; 0: not at all. */
  readonly ttl: number
  /** Of the message. */
  readonly bytes: number
}

/** Aliases of aliases that are followed: BIND and Unbound stop at 16 and 11. They loop only if somebody is wrong or means harm. */
const MOST_ALIASES = 16

/**
 * The answer in a response that says so, or the code of the failure that it says instead. Records of other names than the one
 * asked for and those that it is an alias of are not looked at, so that a server cannot slip in anything else.
 */
export function answerOf(question: Question, response: Response, bytes: number): DnsAnswer | DnsErrorCode {
  const failure = failureOf(response.rcode)
  if (failure !== null) return failure
  const { answers } = response
  let canonicalName = question.name
  let aliasTtl = Number.POSITIVE_INFINITY
  if (question.type !== 'CNAME' && question.type !== 'ANY') {
    for (let aliases = 0; ; aliases++) {
      const alias = answers.find(({ type, name }) => type === 'CNAME' && sameName(name, canonicalName))
      if (alias === undefined) break
      // Whatever is at the end of so many, it is not in this answer.
      if (aliases === MOST_ALIASES) return { code: 'ENODATA', records: [], canonicalName, isAlias: true, ttl: 0, bytes }
      canonicalName = alias.data as string
      aliasTtl = Math.min(aliasTtl, alias.ttl)
    }
  }
  const isAlias = aliasTtl < Number.POSITIVE_INFINITY
  const records = answers
    .filter(({ type, name }) => (question.type === 'ANY' || type === question.type) && sameName(name, canonicalName))
    .map((record) => (record.ttl > aliasTtl ? { ...record, ttl: aliasTtl } : record))
  if (records.length > 0 && response.rcode === Rcode.NoError) {
    const ttl = records.reduce((least, record) => Math.min(least, record.ttl), aliasTtl)
    return { code: null, records, canonicalName, isAlias, ttl, bytes }
  }
  // For NXDOMAIN, too, the aliases exist, and it is the last name that does not (RFC 6604, section 3).
  const code = response.rcode === Rcode.NameError ? 'ENOTFOUND' : 'ENODATA'
  return { code, records: [], canonicalName, isAlias, ttl: Math.min(aliasTtl, negativeTtl(response)), bytes }
}

/** RFC 2308, section 5: the lesser of the SOA's own TTL and its last field; without an SOA nothing is kept. */
function negativeTtl({ authorities }: Response): number {
  const soa = authorities[0]
  return soa === undefined ? 0 : Math.min(soa.ttl, (soa.data as { minttl: number }).minttl)
}

function failureOf(rcode: number): DnsErrorCode | null {
  switch (rcode) {
    case Rcode.NoError:
    case Rcode.NameError:
      return null
    case Rcode.FormatError:
      return 'EFORMERR'
    case Rcode.NotImplemented:
      return 'ENOTIMP'
    case Rcode.Refused:
      return 'EREFUSED'
    default:
      return 'ESERVFAIL'
  }
}
