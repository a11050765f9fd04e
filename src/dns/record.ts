import type { RecordType } from './codes.ts'

export interface MxData {
  exchange: string
  priority: number
}
export interface SrvData {
  name: string
  port: number
  priority: number
  weight: number
}
export interface NaptrData {
  flags: string
  service: string
  regexp: string
  replacement: string
  order: number
  preference: number
}
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
export interface TlsaData {
  certUsage: number
  selector: number
  match: number
  data: ArrayBuffer
}

/** What a record says, in the shapes that node:dns gives: an address or a name as text, strings of TXT, or an object. */
export type RecordData = string | string[] | MxData | SrvData | NaptrData | SoaData | CaaData | TlsaData

export interface DnsRecord {
  /** The owner, without a dot at its end. */
  readonly name: string
  readonly type: RecordType
  /** Seconds. */
  readonly ttl: number
  readonly data: RecordData
}
