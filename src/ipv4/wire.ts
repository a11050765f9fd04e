/**
 * IPv4 header, RFC 791, section 3.1. Functions over `(bytes, position)`, where `position` is the header's first byte;
 * addresses are signed 32-bit integers.
 */

import { updateWord16 } from '../checksum/index.ts'

export const HEADER_LENGTH = 20
export const MAX_HEADER_LENGTH = 60
/** Flags and fragment offset, as they stand in one 16-bit word. */
export const DONT_FRAGMENT = 0x4000
export const MORE_FRAGMENTS = 0x2000
export const FRAGMENT_OFFSET = 0x1fff

const VERSION_AND_LENGTH = 0
const TYPE_OF_SERVICE = 1
const TOTAL_LENGTH = 2
const IDENTIFICATION = 4
const FLAGS_AND_OFFSET = 6
const TIME_TO_LIVE = 8
const PROTOCOL = 9
const HEADER_CHECKSUM = 10
const SOURCE = 12
const DESTINATION = 16

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

function writeWord32(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 24
  bytes[position + 1] = value >>> 16
  bytes[position + 2] = value >>> 8
  bytes[position + 3] = value
}

export function version(bytes: Uint8Array, position: number): number {
  return bytes[position + VERSION_AND_LENGTH] >>> 4
}

/** Bytes of header with options, 0 to 60. */
export function headerLength(bytes: Uint8Array, position: number): number {
  return (bytes[position + VERSION_AND_LENGTH] & 0x0f) << 2
}

/** The DS field with its ECN bits, RFC 2474 and RFC 3168. */
export function typeOfService(bytes: Uint8Array, position: number): number {
  return bytes[position + TYPE_OF_SERVICE]
}

export function totalLength(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + TOTAL_LENGTH)
}

export function identification(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + IDENTIFICATION)
}

export function flagsAndOffset(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + FLAGS_AND_OFFSET)
}

export function timeToLive(bytes: Uint8Array, position: number): number {
  return bytes[position + TIME_TO_LIVE]
}

export function protocol(bytes: Uint8Array, position: number): number {
  return bytes[position + PROTOCOL]
}

export function source(bytes: Uint8Array, position: number): number {
  return word32(bytes, position + SOURCE)
}

export function destination(bytes: Uint8Array, position: number): number {
  return word32(bytes, position + DESTINATION)
}

/** Whether the header's checksum is right, RFC 791: the one's-complement sum over all of it is then 0xffff. */
export function isChecksumRight(bytes: Uint8Array, position: number, length: number): boolean {
  let sum = 0
  for (let i = position; i < position + length; i += 2) sum += (bytes[i] << 8) | bytes[i + 1]
  sum = (sum & 0xffff) + (sum >>> 16)
  return sum === 0xffff || sum === 0x1fffe
}

/** Sum of the words of a header that one path does not change: version and length, TTL left out, both addresses. */
export function baseSum(sourceAddress: number, destinationAddress: number): number {
  return (
    0x4500 +
    (sourceAddress >>> 16) +
    (sourceAddress & 0xffff) +
    (destinationAddress >>> 16) +
    (destinationAddress & 0xffff)
  )
}

/**
 * Writes 20 bytes, checksum included.
 * @param sum what `baseSum` gives for these addresses
 */
export function writeHeader(
  bytes: Uint8Array,
  position: number,
  sum: number,
  tos: number,
  total: number,
  id: number,
  flags: number,
  ttl: number,
  protocolNumber: number,
  sourceAddress: number,
  destinationAddress: number,
): void {
  sum += tos + total + id + flags + ((ttl << 8) | protocolNumber)
  sum = (sum & 0xffff) + (sum >>> 16)
  sum = (sum & 0xffff) + (sum >>> 16)
  bytes[position + VERSION_AND_LENGTH] = 0x45
  bytes[position + TYPE_OF_SERVICE] = tos
  writeWord16(bytes, position + TOTAL_LENGTH, total)
  writeWord16(bytes, position + IDENTIFICATION, id)
  writeWord16(bytes, position + FLAGS_AND_OFFSET, flags)
  bytes[position + TIME_TO_LIVE] = ttl
  bytes[position + PROTOCOL] = protocolNumber
  writeWord16(bytes, position + HEADER_CHECKSUM, ~sum)
  writeWord32(bytes, position + SOURCE, sourceAddress)
  writeWord32(bytes, position + DESTINATION, destinationAddress)
}

/** RFC 2113: every router on the way is to look at the packet. */
const ROUTER_ALERT = 0x94040000 | 0
export const ROUTER_ALERT_LENGTH = 4

/** Puts the router alert option into the 4 bytes behind a header that `writeHeader` wrote. */
export function writeRouterAlert(bytes: Uint8Array, position: number): void {
  bytes[position + VERSION_AND_LENGTH] = 0x46
  writeWord32(bytes, position + HEADER_LENGTH, ROUTER_ALERT)
  writeChecksum(bytes, position, HEADER_LENGTH + ROUTER_ALERT_LENGTH)
}

/** Makes the header of a fragment that of the whole packet. @param length of the header @param total of the packet */
export function becomeWhole(bytes: Uint8Array, position: number, length: number, total: number): void {
  writeWord16(bytes, position + TOTAL_LENGTH, total)
  writeWord16(bytes, position + FLAGS_AND_OFFSET, flagsAndOffset(bytes, position) & DONT_FRAGMENT)
  writeChecksum(bytes, position, length)
}

/** Computes the checksum of a header of `length` bytes anew. */
export function writeChecksum(bytes: Uint8Array, position: number, length: number): void {
  writeWord16(bytes, position + HEADER_CHECKSUM, 0)
  let sum = 0
  for (let i = position; i < position + length; i += 2) sum += word16(bytes, i)
  sum = (sum & 0xffff) + (sum >>> 16)
  sum = (sum & 0xffff) + (sum >>> 16)
  writeWord16(bytes, position + HEADER_CHECKSUM, ~sum)
}

/** One hop less, the checksum with it (RFC 1624). */
export function decrementTimeToLive(bytes: Uint8Array, position: number): void {
  const before = word16(bytes, position + TIME_TO_LIVE)
  const after = before - 0x100
  writeWord16(bytes, position + TIME_TO_LIVE, after)
  writeWord16(bytes, position + HEADER_CHECKSUM, updateWord16(word16(bytes, position + HEADER_CHECKSUM), before, after))
}

/** Makes a copy of a header that of a fragment of `total` bytes. */
export function becomeFragment(bytes: Uint8Array, position: number, total: number, flags: number): void {
  writeWord16(bytes, position + TOTAL_LENGTH, total)
  writeWord16(bytes, position + FLAGS_AND_OFFSET, flags)
  writeChecksum(bytes, position, headerLength(bytes, position))
}
