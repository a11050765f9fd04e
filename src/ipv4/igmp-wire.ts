/**
 * Messages of IGMP: version 3 (RFC 9776, section 4), 2 (RFC 2236, section 2) and 1 (RFC 1112, appendix I). Positions are
 * those of the message's first byte, unless said otherwise; addresses are signed 32-bit integers.
 */
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, type Microseconds, SECOND } from '../clock/index.ts'
import type { GroupRecordType } from '../ip/index.ts'

export const MessageType = { Query: 0x11, ReportV1: 0x12, ReportV2: 0x16, LeaveV2: 0x17, ReportV3: 0x22 } as const

/** Every message has as much; a query of the older versions is not longer. */
export const LEAST_LENGTH = 8
/** RFC 9776, section 7.1: a query from this length on is of version 3. */
export const QUERY_V3_LENGTH = 12

const TYPE = 0
const MAXIMUM_RESPONSE = 1
const CHECKSUM = 2
const GROUP = 4
const ROBUSTNESS = 8
const QUERY_INTERVAL = 9
const SOURCE_COUNT = 10
const QUERY_SOURCES = 12

/** RFC 9776, section 4.2: a report before its first record. */
export const REPORT_HEADER_LENGTH = 8
const RECORD_COUNT = 6
/** A record before its first source. */
export const RECORD_HEADER_LENGTH = 8
export const ADDRESS_LENGTH = 4

/** RFC 9776, section 4.1.1. */
const TENTH: Microseconds = 100 * MILLISECOND

function word16(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 8) | bytes[position + 1]
}

function word32(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 24) | (bytes[position + 1] << 16) | (bytes[position + 2] << 8) | bytes[position + 3]
}

function writeWord16(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 8
  bytes[position + 1] = value
}

export function writeAddress(bytes: Uint8Array, position: number, address: number): void {
  writeWord16(bytes, position, address >>> 16)
  writeWord16(bytes, position + 2, address & 0xffff)
}

export function type(bytes: Uint8Array, position: number): number {
  return bytes[position + TYPE]
}

/** The group of a query, 0 in a general one, or of a message of an older version. */
export function group(bytes: Uint8Array, position: number): number {
  return word32(bytes, position + GROUP)
}

/** Tenths of seconds as they stand there: 0 in queries of version 1. */
export function maximumResponseTimeV2(bytes: Uint8Array, position: number): Microseconds {
  return bytes[position + MAXIMUM_RESPONSE] * TENTH
}

/** RFC 9776, section 4.1.1: from 128 on as a floating point number. */
export function maximumResponseTimeV3(bytes: Uint8Array, position: number): Microseconds {
  return floatingPoint(bytes[position + MAXIMUM_RESPONSE]) * TENTH
}

/** QRV, section 4.1.6: 0 to 7, 0 if the querier's is larger than 7. */
export function robustnessVariable(bytes: Uint8Array, position: number): number {
  return bytes[position + ROBUSTNESS] & 7
}

/** QQIC, section 4.1.7. */
export function queryInterval(bytes: Uint8Array, position: number): Microseconds {
  return floatingPoint(bytes[position + QUERY_INTERVAL]) * SECOND
}

function floatingPoint(code: number): number {
  return code < 0x80 ? code : ((code & 0x0f) | 0x10) * 2 ** (((code >>> 4) & 7) + 3)
}

/** Of a query of version 3. */
export function sourceCount(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + SOURCE_COUNT)
}

/** Whether all sources that a query of version 3 counts are there; what follows them is ignored (4.1.10). */
export function hasAllSources(bytes: Uint8Array, position: number, end: number): boolean {
  return end - position >= QUERY_SOURCES + sourceCount(bytes, position) * ADDRESS_LENGTH
}

/** A source that a query of version 3 asks for. @param index 0 to `sourceCount` - 1 */
export function querySource(bytes: Uint8Array, position: number, index: number): IpAddress {
  return IpAddress.v4(word32(bytes, position + QUERY_SOURCES + index * ADDRESS_LENGTH))
}

export function writeChecksum(bytes: Uint8Array, position: number, checksum: number): void {
  writeWord16(bytes, position + CHECKSUM, checksum)
}

/** Writes all 8 bytes of a message of an older version; the checksum is 0. */
export function writeMessage(bytes: Uint8Array, position: number, messageType: number, address: number): void {
  bytes.fill(0, position, position + GROUP)
  bytes[position + TYPE] = messageType
  writeAddress(bytes, position + GROUP, address)
}

/** Writes a report's 8 bytes before its records; the checksum is 0, and so is the number of records. */
export function writeReportHeader(bytes: Uint8Array, position: number): void {
  bytes.fill(0, position, position + REPORT_HEADER_LENGTH)
  bytes[position + TYPE] = MessageType.ReportV3
}

export function writeRecordCount(bytes: Uint8Array, position: number, count: number): void {
  writeWord16(bytes, position + RECORD_COUNT, count)
}

/** Writes the 8 bytes of a record before its sources. @param position of the record */
export function writeRecordHeader(
  bytes: Uint8Array,
  position: number,
  recordType: GroupRecordType,
  sources: number,
  address: number,
): void {
  bytes[position] = recordType
  bytes[position + 1] = 0
  writeWord16(bytes, position + 2, sources)
  writeAddress(bytes, position + 4, address)
}
