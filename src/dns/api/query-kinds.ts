/** The functions of node:dns that ask for one type of record, and the shapes that they give. */
import type { DnsAnswer } from '../answer.ts'
import type { RecordType } from '../codes.ts'
import type { DnsRecord } from '../record.ts'

/** One of `resolve4`, `resolveMx`, ... */
export interface QueryKind {
  readonly method: string
  readonly type: RecordType
  /** As errors name it. */
  readonly syscall: string
  shape(answer: DnsAnswer, ttl: boolean): unknown
}

const data = ({ records }: DnsAnswer) => records.map((record) => record.data)
const addresses = ({ records }: DnsAnswer, ttl: boolean) =>
  records.map((record) => (ttl ? { address: record.data, ttl: record.ttl } : record.data))

export const QUERY_KINDS: readonly QueryKind[] = [
  { method: 'resolveAny', type: 'ANY', syscall: 'queryAny', shape: anyRecords },
  { method: 'resolve4', type: 'A', syscall: 'queryA', shape: addresses },
  { method: 'resolve6', type: 'AAAA', syscall: 'queryAaaa', shape: addresses },
  { method: 'resolveCaa', type: 'CAA', syscall: 'queryCaa', shape: data },
  { method: 'resolveCname', type: 'CNAME', syscall: 'queryCname', shape: data },
  { method: 'resolveMx', type: 'MX', syscall: 'queryMx', shape: data },
  { method: 'resolveNs', type: 'NS', syscall: 'queryNs', shape: data },
  { method: 'resolveTlsa', type: 'TLSA', syscall: 'queryTlsa', shape: data },
  { method: 'resolveTxt', type: 'TXT', syscall: 'queryTxt', shape: data },
  { method: 'resolveSrv', type: 'SRV', syscall: 'querySrv', shape: data },
  { method: 'resolvePtr', type: 'PTR', syscall: 'queryPtr', shape: data },
  { method: 'resolveNaptr', type: 'NAPTR', syscall: 'queryNaptr', shape: data },
  { method: 'resolveSoa', type: 'SOA', syscall: 'querySoa', shape: ({ records }) => records[0].data },
]

/** For `resolve(name, rrtype)`. */
export const KINDS_BY_TYPE: ReadonlyMap<string, QueryKind> = new Map(QUERY_KINDS.map((kind) => [kind.type, kind]))

/** The order in which Node looks through an answer of several types. */
const ANY_ORDER: readonly RecordType[] = [
  'A',
  'CNAME',
  'AAAA',
  'MX',
  'NS',
  'TXT',
  'SRV',
  'PTR',
  'NAPTR',
  'SOA',
  'CAA',
  'TLSA',
]

function anyRecords({ records }: DnsAnswer): unknown[] {
  return ANY_ORDER.flatMap((type) => records.filter((record) => record.type === type).map(anyRecord))
}

function anyRecord({ type, data, ttl }: DnsRecord): unknown {
  switch (type) {
    case 'A':
    case 'AAAA':
      return { address: data, ttl, type }
    case 'CNAME':
    case 'NS':
    case 'PTR':
      return { value: data, type }
    case 'TXT':
      return { entries: data, type }
    default:
      return { ...(data as object), type }
  }
}
