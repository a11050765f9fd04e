import type { RecordType } from './codes.ts'

/** A mail exchange, RFC 1035, section 3.3.9. */
export interface MxData {
  exchange: string
  priority: number
}
/** Where a service is, RFC 2782. */
export interface SrvData {
  name: string
  port: number
  priority: number
  weight: number
}
/** A naming authority pointer, RFC 3403, section 4.1. */
export interface NaptrData {
  flags: string
  service: string
  regexp: string
  replacement: string
  order: number
  preference: number
}
/** The start of a zone of authority, RFC 1035, section 3.3.13. */
export interface SoaData {
  nsname: string
  hostmaster: string
  serial: number
  refresh: number
  retry: number
  expire: number
  minttl: number
}
/** `critical` and one property that is named as the record's tag: `issue`, `iodef`, ... */
export type CaaData = { critical: number } & Record<string, string | number>
/** A certificate association, RFC 6698, section 2.1. */
export interface TlsaData {
  certUsage: number
  selector: number
  match: number
  data: ArrayBuffer
}

/** What a record says, in the shapes that node:dns gives: an address or a name as text, strings of TXT, or an object. */
export type RecordData = string | string[] | MxData | SrvData | NaptrData | SoaData | CaaData | TlsaData

/** One resource record, RFC 1035, section 3.2.1. */
export interface DnsRecord {
  /** The owner, without a dot at its end. */
  readonly name: string
  readonly type: RecordType
  /** Seconds. */
  readonly ttl: number
  readonly data: RecordData
}
