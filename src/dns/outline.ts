/**
 * Where the parts of a DNS message are (RFC 1035, section 4), checked before the codec sees any of it: every name ends,
 * compression goes backwards and not far, every record is as long as it says, and its data has the shape of its type.
 * Pure functions over bytes.
 */
import { CLASS_IN, OPT_TYPE, RECORD_TYPES } from './codes.ts'

export const HEADER_BYTES = 12
const RESPONSE = 0x8000
const OPCODE = 0x7800
const TRUNCATED = 0x0200
const RCODE = 0x000f

/** RFC 1035, section 2.3.4. */
const LONGEST_NAME = 255
/** A name has 127 labels at most: no compressor needs more pointers for one, and who uses more wants us to run in circles. */
const MOST_POINTERS = 127

export interface RecordOutline {
  /** Where its owner name begins. */
  readonly start: number
  readonly type: number
  readonly class: number
  /** Seconds; 0 for one with the highest bit set (RFC 2181, section 8). */
  readonly ttl: number
  readonly dataStart: number
  readonly dataEnd: number
}

export interface MessageOutline {
  /** With the upper bits of EDNS (RFC 6891, section 6.1.3). */
  readonly rcode: number
  readonly answers: readonly RecordOutline[]
  readonly authorities: readonly RecordOutline[]
}

/** Whether these bytes answer a query at all, and not in part only. */
export function isResponse(bytes: Buffer): boolean {
  return bytes.length >= HEADER_BYTES && (bytes.readUInt16BE(2) & (RESPONSE | OPCODE)) === RESPONSE
}

export function identifierOf(bytes: Buffer): number {
  return bytes.readUInt16BE(0)
}

/** The answer did not fit and was cut (RFC 1035, section 4.1.1). */
export function isTruncated(bytes: Buffer): boolean {
  return (bytes.readUInt16BE(2) & TRUNCATED) !== 0
}

export function headerRcode(bytes: Buffer): number {
  return bytes.readUInt16BE(2) & RCODE
}

/**
 * Whether a response repeats the question of a query: name, type and class, letters in either case (RFC 5452, section 9.1).
 * Some servers leave the question out of an answer that only says that they failed; that is accepted for no other.
 */
export function repeatsQuestion(response: Buffer, query: Buffer): boolean {
  const count = response.readUInt16BE(4)
  if (count === 0) return response.length === HEADER_BYTES && headerRcode(response) !== 0
  if (count !== 1) return false
  const end = questionEnd(query)
  if (response.length < end) return false
  for (let at = HEADER_BYTES; at < end; at++) {
    if (lowerCase(response[at]) !== lowerCase(query[at])) return false
  }
  return true
}

/** Our own queries are not compressed and have one question. */
function questionEnd(query: Buffer): number {
  let at = HEADER_BYTES
  while (query[at] !== 0) at += query[at] + 1
  return at + 5
}

/** Length bytes are below 64 and so no letters. */
function lowerCase(byte: number): number {
  return byte >= 0x41 && byte <= 0x5a ? byte + 0x20 : byte
}

/** @returns null for what is no message, or one that nobody can have meant well */
export function outlineOf(bytes: Buffer): MessageOutline | null {
  let at = HEADER_BYTES
  const questions = bytes.readUInt16BE(4)
  for (let i = 0; i < questions; i++) {
    at = nameEnd(bytes, at, bytes.length)
    if (at < 0 || at + 4 > bytes.length) return null
    at += 4
  }
  let rcode = headerRcode(bytes)
  const sections: RecordOutline[][] = [[], [], []]
  for (let section = 0; section < 3; section++) {
    const count = bytes.readUInt16BE(6 + 2 * section)
    for (let i = 0; i < count; i++) {
      const record = recordAt(bytes, at)
      if (record === null) return null
      at = record.dataEnd
      if (record.type === OPT_TYPE) {
        // RFC 6891, section 6.1.3: the first byte of what is the TTL elsewhere.
        if (section === 2) rcode |= bytes[record.dataStart - 6] << 4
      } else sections[section].push(record)
    }
  }
  return { rcode, answers: sections[0], authorities: sections[1] }
}

function recordAt(bytes: Buffer, start: number): RecordOutline | null {
  const at = nameEnd(bytes, start, bytes.length)
  if (at < 0 || at + 10 > bytes.length) return null
  const type = bytes.readUInt16BE(at)
  const recordClass = bytes.readUInt16BE(at + 2)
  const ttl = bytes.readInt32BE(at + 4)
  const dataStart = at + 10
  const dataEnd = dataStart + bytes.readUInt16BE(at + 8)
  if (dataEnd > bytes.length) return null
  if (recordClass === CLASS_IN && !hasShape(bytes, type, dataStart, dataEnd)) return null
  return { start, type, class: recordClass, ttl: ttl < 0 ? 0 : ttl, dataStart, dataEnd }
}

/** Whether the data of a record is what its type says; anything is for types that we do not know. */
function hasShape(bytes: Buffer, type: number, start: number, end: number): boolean {
  switch (type) {
    case RECORD_TYPES.A:
      return end - start === 4
    case RECORD_TYPES.AAAA:
      return end - start === 16
    case RECORD_TYPES.NS:
    case RECORD_TYPES.CNAME:
    case RECORD_TYPES.PTR:
      return nameEnd(bytes, start, end) === end
    case RECORD_TYPES.MX:
      return nameEnd(bytes, start + 2, end) === end
    case RECORD_TYPES.SRV:
      return nameEnd(bytes, start + 6, end) === end
    case RECORD_TYPES.SOA: {
      const primary = nameEnd(bytes, start, end)
      // The mailbox's first label may have dots in it (RFC 1035, section 8).
      const mailbox = primary < 0 ? -1 : nameEnd(bytes, primary, end, true)
      return mailbox >= 0 && mailbox + 20 === end
    }
    case RECORD_TYPES.TXT:
      return end > start && stringsEnd(bytes, start, end, Number.POSITIVE_INFINITY) === end
    case RECORD_TYPES.NAPTR: {
      const replacement = stringsEnd(bytes, start + 4, end, 3)
      return replacement >= 0 && nameEnd(bytes, replacement, end) === end
    }
    case RECORD_TYPES.TLSA:
      return end - start > 3
    case RECORD_TYPES.CAA: {
      // RFC 8659, section 4.1: flags, a tag of at least one character, a value.
      const tag = stringsEnd(bytes, start + 1, end, 1)
      return tag >= 0 && bytes[start + 1] > 0
    }
    default:
      return true
  }
}

/** After `count` strings, or as many as there are; -1 if one does not end. */
function stringsEnd(bytes: Buffer, start: number, end: number, count: number): number {
  let at = start
  for (let i = 0; i < count && (at < end || Number.isFinite(count)); i++) {
    if (at >= end) return -1
    at += bytes[at] + 1
    if (at > end) return -1
  }
  return at
}

/**
 * The position after a name, -1 if there is none (RFC 1035, sections 3.1 and 4.1.4). A pointer has to lead to before the
 * name that it stands in, so that each leads further back. Characters that text does not tell apart from others are refused:
 * dots within labels, spaces, backslashes, and what is no printable ASCII.
 * @param end where the part of it that stands here has to end
 */
export function nameEnd(bytes: Buffer, start: number, end: number, dots = false): number {
  let at = start
  let limit = end
  let after = -1
  let length = 1
  let origin = start
  let pointers = 0
  for (;;) {
    if (at >= limit) return -1
    const label = bytes[at]
    if (label === 0) return after < 0 ? at + 1 : after
    if ((label & 0xc0) === 0xc0) {
      if (at + 2 > limit || ++pointers > MOST_POINTERS) return -1
      if (after < 0) after = at + 2
      const target = bytes.readUInt16BE(at) & 0x3fff
      if (target >= origin || target < HEADER_BYTES) return -1
      at = target
      origin = target
      limit = bytes.length
      continue
    }
    if ((label & 0xc0) !== 0) return -1
    length += label + 1
    if (length > LONGEST_NAME || at + 1 + label > limit) return -1
    for (let i = at + 1; i <= at + label; i++) {
      const byte = bytes[i]
      if (byte <= 0x20 || byte >= 0x7f || byte === 0x5c || (byte === 0x2e && !dots)) return -1
    }
    at += label + 1
  }
}
