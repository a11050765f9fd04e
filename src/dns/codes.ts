/** Numbers of the domain name system: RFC 1035, section 3.2.2 and 4.1.1, and those that added to it. */

/**
 * The record types that can be asked for. RFC 1035 (A, NS, CNAME, SOA, PTR, MX, TXT, ANY), 3596 (AAAA), 2782 (SRV),
 * 3403 (NAPTR), 6698 (TLSA), 8659 (CAA).
 */
export const RECORD_TYPES = {
  A: 1,
  NS: 2,
  CNAME: 5,
  SOA: 6,
  PTR: 12,
  MX: 15,
  TXT: 16,
  AAAA: 28,
  SRV: 33,
  NAPTR: 35,
  TLSA: 52,
  ANY: 255,
  CAA: 257,
} as const

/** The number of a record type that this package knows by name. */
export type RecordType = keyof typeof RECORD_TYPES

const NAMES: ReadonlyMap<number, RecordType> = new Map(
  Object.entries(RECORD_TYPES).map(([name, number]) => [number, name as RecordType]),
)

/** The name of a record type that we know, or undefined. */
export function recordTypeName(number: number): RecordType | undefined {
  return NAMES.get(number)
}

/** EDNS, RFC 6891, section 6.1.1. */
export const OPT_TYPE = 41
/** The Internet, RFC 1035, section 3.2.4. */
export const CLASS_IN = 1

/** Response codes: RFC 1035, section 4.1.1, and RFC 6891, section 9. */
export const Rcode = {
  NoError: 0,
  FormatError: 1,
  ServerFailure: 2,
  NameError: 3,
  NotImplemented: 4,
  Refused: 5,
  BadVersion: 16,
} as const

export const DNS_PORT = 53
/** RFC 7858, section 3.1. */
export const DNS_OVER_TLS_PORT = 853

/** What a question failed with, as Node's resolver names it. */
export type DnsErrorCode =
  | 'ENODATA'
  | 'EFORMERR'
  | 'ESERVFAIL'
  | 'ENOTFOUND'
  | 'ENOTIMP'
  | 'EREFUSED'
  | 'EBADNAME'
  | 'EBADRESP'
  | 'ECONNREFUSED'
  | 'ETIMEOUT'
  | 'ECANCELLED'
  | 'ENOMEM'
