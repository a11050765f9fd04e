/**
 * DNS messages as bytes (RFC 1035, section 4; EDNS: RFC 6891). `dns-packet` is the codec; what comes from the network gets to
 * it only after `outlineOf` has found it sound.
 */
import packet from 'dns-packet'
import { IPV4_MAPPED_WORD, IpAddress } from '../address/index.ts'
import { CLASS_IN, type RecordType, recordTypeName } from './codes.ts'
import { outlineOf, type RecordOutline } from './outline.ts'
import type { DnsRecord, RecordData } from './record.ts'

/** What fits every path without fragments: DNS flag day 2020, and RFC 9715, section 3.1. */
export const UDP_PAYLOAD = 1232
/** RFC 8467, section 4.1: queries that are encrypted are padded to a multiple of this. */
const PADDING_BLOCK = 128
/** The option's own bytes: RFC 7830, section 3. */
const PADDING_OVERHEAD = 4

/** What is asked, RFC 1035, section 4.1.2. */
export interface Question {
  /** As `questionName` gives it. */
  readonly name: string
  readonly type: RecordType
}

export interface QueryForm {
  /** Announces that longer answers are welcome (RFC 6891). */
  edns: boolean
  /** For encrypted connections (RFC 7830). */
  padded: boolean
}

/** @param id 0 to 65,535 */
export function buildQuery(id: number, question: Question, { edns, padded }: QueryForm): Buffer {
  const message = (options: object[]) =>
    packet.encode({
      type: 'query',
      id,
      flags: packet.RECURSION_DESIRED,
      // ANY is no type of record, but one of questions.
      questions: [{ name: question.name, type: question.type as 'A' }],
      ...(edns ? { additionals: [{ type: 'OPT', name: '.', udpPayloadSize: UDP_PAYLOAD, flags: 0, options }] } : {}),
    } as packet.Packet)
  const bytes = message([])
  if (!edns || !padded) return bytes
  const length = PADDING_BLOCK - ((bytes.length + PADDING_OVERHEAD) % PADDING_BLOCK)
  return message([{ code: 'PADDING', length: length % PADDING_BLOCK }])
}

export interface Response {
  readonly rcode: number
  readonly answers: readonly DnsRecord[]
  /** The SOA records of the authority section, with their own TTL: how long "there is nothing" holds (RFC 2308). */
  readonly authorities: readonly DnsRecord[]
}

/** @returns null for what is malformed */
export function parseResponse(bytes: Buffer): Response | null {
  const outline = outlineOf(bytes)
  if (outline === null) return null
  try {
    return {
      rcode: outline.rcode,
      answers: recordsOf(bytes, outline.answers),
      authorities: recordsOf(
        bytes,
        outline.authorities.filter(({ type }) => recordTypeName(type) === 'SOA'),
      ),
    }
  } catch {
    // What the codec does not like, although it is sound.
    return null
  }
}

interface Decoded {
  name: string
  data: unknown
}

/** The codec for a single record, which its types do not show. */
const codec = (packet as unknown as { answer: { decode(bytes: Buffer, offset: number): Decoded } }).answer

function recordsOf(bytes: Buffer, outlines: readonly RecordOutline[]): DnsRecord[] {
  const records: DnsRecord[] = []
  for (const outline of outlines) {
    const type = recordTypeName(outline.type)
    if (type === undefined || type === 'ANY' || outline.class !== CLASS_IN) continue
    const decoded = codec.decode(bytes, outline.start)
    const data = dataOf(type, decoded.data, bytes, outline)
    records.push({ name: withoutRoot(decoded.name), type, ttl: outline.ttl, data })
  }
  return records
}

/** The codec calls the root '.', Node ''. */
function withoutRoot(name: string): string {
  return name === '.' ? '' : name
}

function dataOf(type: RecordType, decoded: unknown, bytes: Buffer, outline: RecordOutline): RecordData {
  // biome-ignore lint/suspicious/noExplicitAny: the codec's own shapes, one for each type
  const data = decoded as any
  switch (type) {
    case 'A':
      return data as string
    case 'AAAA':
      return addressText(bytes, outline.dataStart)
    case 'MX':
      return { exchange: withoutRoot(data.exchange), priority: data.preference ?? 0 }
    case 'SRV':
      return { name: withoutRoot(data.target), port: data.port, priority: data.priority, weight: data.weight }
    case 'TXT':
      // Bytes of any kind; Node reads them as Latin-1.
      return (data as Buffer[]).map((text) => text.toString('latin1'))
    case 'NAPTR':
      return {
        flags: data.flags,
        service: data.services,
        regexp: data.regexp,
        replacement: withoutRoot(data.replacement),
        order: data.order,
        preference: data.preference,
      }
    case 'SOA':
      return {
        nsname: withoutRoot(data.mname),
        hostmaster: withoutRoot(data.rname),
        serial: data.serial,
        refresh: data.refresh,
        retry: data.retry,
        expire: data.expire,
        minttl: data.minimum,
      }
    case 'CAA':
      return { critical: data.flags, [data.tag]: data.value }
    case 'TLSA':
      return {
        certUsage: data.usage,
        selector: data.selector,
        match: data.matchingType,
        data: Uint8Array.from(data.certificate as Buffer).buffer,
      }
    default:
      return withoutRoot(data as string)
  }
}

/** RFC 5952, as everywhere here and as Node, with IPv4 at the end where inet_ntop(3) sees some; the codec has its own style. */
function addressText(bytes: Buffer, at: number): string {
  const word = (index: number) => bytes.readInt32BE(at + 4 * index)
  const address = IpAddress.fromWords(word(0), word(1), word(2), word(3))
  if (word(0) !== 0 || word(1) !== 0) return address.toString()
  if (word(2) === IPV4_MAPPED_WORD) return `::ffff:${address}`
  // IPv4-compatible: RFC 4291, section 2.5.5.1. What is as short as `::1` is taken for no IPv4 address.
  return word(2) === 0 && word(3) >>> 16 !== 0 ? `::${IpAddress.v4(word(3))}` : address.toString()
}
