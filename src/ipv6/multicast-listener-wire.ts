/**
 * Messages of multicast listener discovery: version 2 (RFC 3810, section 5) and version 1 (RFC 2710, section 3), both as
 * ICMPv6. Positions are those of the message's first byte, unless said otherwise.
 */
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, type Microseconds, SECOND } from '../clock/index.ts'
import type { GroupRecordType } from '../ip/index.ts'
import { word16, word32, writeWord16, writeWord32 } from './wire.ts'

/** ICMPv6 types, IANA "ICMPv6 Parameters". */
export const MessageType = { Query: 130, ReportV1: 131, DoneV1: 132, ReportV2: 143 } as const

/** RFC 3810, section 8.1: the length of a query says its version. */
export const QUERY_V1_LENGTH = 24
export const QUERY_V2_LENGTH = 28
/** Of every message of version 1. */
export const MESSAGE_V1_LENGTH = 24

const TYPE = 0
const MAXIMUM_RESPONSE = 4
const MULTICAST_ADDRESS = 8
const ROBUSTNESS = 24
const QUERY_INTERVAL = 25
const SOURCE_COUNT = 26
const QUERY_SOURCES = 28

/** RFC 3810, section 5.2: a report before its first record. */
export const REPORT_HEADER_LENGTH = 8
const RECORD_COUNT = 6

/** A record before its first source. */
export const RECORD_HEADER_LENGTH = 20
export const ADDRESS_LENGTH = 16

export function readAddress(bytes: Uint8Array, position: number): IpAddress {
  return IpAddress.fromWords(
    word32(bytes, position),
    word32(bytes, position + 4),
    word32(bytes, position + 8),
    word32(bytes, position + 12),
  )
}

export function writeAddress(bytes: Uint8Array, position: number, address: IpAddress): void {
  writeWord32(bytes, position, address.word0)
  writeWord32(bytes, position + 4, address.word1)
  writeWord32(bytes, position + 8, address.word2)
  writeWord32(bytes, position + 12, address.word3)
}

/** The group of a query or of a message of version 1; the unspecified address in a general query. */
export function multicastAddress(bytes: Uint8Array, position: number): IpAddress {
  return readAddress(bytes, position + MULTICAST_ADDRESS)
}

/** RFC 2710, section 3.4: milliseconds as they stand there. */
export function maximumResponseDelayV1(bytes: Uint8Array, position: number): Microseconds {
  return word16(bytes, position + MAXIMUM_RESPONSE) * MILLISECOND
}

/** RFC 3810, section 5.1.3: milliseconds, from 32,768 on as a floating point number. */
export function maximumResponseDelayV2(bytes: Uint8Array, position: number): Microseconds {
  const code = word16(bytes, position + MAXIMUM_RESPONSE)
  if (code < 0x8000) return code * MILLISECOND
  return ((code & 0x0fff) | 0x1000) * 2 ** (((code >>> 12) & 7) + 3) * MILLISECOND
}

/** QRV, section 5.1.8: 0 to 7, 0 if the querier's is larger than 7. */
export function robustnessVariable(bytes: Uint8Array, position: number): number {
  return bytes[position + ROBUSTNESS] & 7
}

/** QQIC, section 5.1.9: seconds, from 128 on as a floating point number. */
export function queryInterval(bytes: Uint8Array, position: number): Microseconds {
  const code = bytes[position + QUERY_INTERVAL]
  if (code < 0x80) return code * SECOND
  return ((code & 0x0f) | 0x10) * 2 ** (((code >>> 4) & 7) + 3) * SECOND
}

/** Whether all sources that a query of version 2 counts are there; what follows them is ignored (5.1.12). */
export function hasAllSources(bytes: Uint8Array, position: number, end: number): boolean {
  return end - position >= QUERY_SOURCES + sourceCount(bytes, position) * ADDRESS_LENGTH
}

/** Of a query of version 2. */
export function sourceCount(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + SOURCE_COUNT)
}

/** A source that a query of version 2 asks for. @param index 0 to `sourceCount` - 1 */
export function querySource(bytes: Uint8Array, position: number, index: number): IpAddress {
  return readAddress(bytes, position + QUERY_SOURCES + index * ADDRESS_LENGTH)
}

/** Writes all 24 bytes of a report or done message of version 1; the checksum field is zero. */
export function writeMessageV1(bytes: Uint8Array, position: number, type: number, group: IpAddress): void {
  bytes.fill(0, position, position + MULTICAST_ADDRESS)
  bytes[position + TYPE] = type
  writeAddress(bytes, position + MULTICAST_ADDRESS, group)
}

/** Writes a report's 8 bytes before its records; the checksum field is zero, and so is the number of records. */
export function writeReportHeader(bytes: Uint8Array, position: number): void {
  bytes.fill(0, position, position + REPORT_HEADER_LENGTH)
  bytes[position + TYPE] = MessageType.ReportV2
}

export function writeRecordCount(bytes: Uint8Array, position: number, count: number): void {
  writeWord16(bytes, position + RECORD_COUNT, count)
}

/** Writes the 20 bytes of a record before its sources. @param position of the record */
export function writeRecordHeader(
  bytes: Uint8Array,
  position: number,
  type: GroupRecordType,
  sources: number,
  group: IpAddress,
): void {
  bytes[position] = type
  bytes[position + 1] = 0
  writeWord16(bytes, position + 2, sources)
  writeAddress(bytes, position + 4, group)
}
