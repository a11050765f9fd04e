/**
 * IPv6 header, RFC 8200, section 3. Functions over `(bytes, position)`, where `position` is the header's first byte;
 * addresses are read and written word by word, as signed 32-bit integers.
 */

export const HEADER_LENGTH = 40
/** Section 5: every link carries packets of this size, in bytes. */
export const LEAST_MTU = 1280
/** The payload length field has 16 bits; jumbograms (RFC 2675) are not for us. */
export const MAX_PAYLOAD = 65_535

/** Next header values, IANA "Assigned Internet Protocol Numbers", of extension headers and the end of the chain. */
export const NextHeader = {
  HopByHopOptions: 0,
  Routing: 43,
  Fragment: 44,
  EncapsulatingSecurityPayload: 50,
  Authentication: 51,
  Icmpv6: 58,
  NoNextHeader: 59,
  DestinationOptions: 60,
} as const

const PAYLOAD_LENGTH = 4
export const NEXT_HEADER = 6
export const HOP_LIMIT = 7
export const SOURCE = 8
export const DESTINATION = 24

export function word16(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 8) | bytes[position + 1]
}

/** @returns a signed 32-bit integer */
export function word32(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 24) | (bytes[position + 1] << 16) | (bytes[position + 2] << 8) | bytes[position + 3]
}

export function writeWord16(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 8
  bytes[position + 1] = value
}

export function writeWord32(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 24
  bytes[position + 1] = value >>> 16
  bytes[position + 2] = value >>> 8
  bytes[position + 3] = value
}

export function version(bytes: Uint8Array, position: number): number {
  return bytes[position] >>> 4
}

/** The DS field with its ECN bits, RFC 2474 and RFC 3168. */
export function trafficClass(bytes: Uint8Array, position: number): number {
  return ((bytes[position] & 0x0f) << 4) | (bytes[position + 1] >>> 4)
}

/** 20 bits, RFC 6437. */
export function flowLabel(bytes: Uint8Array, position: number): number {
  return ((bytes[position + 1] & 0x0f) << 16) | (bytes[position + 2] << 8) | bytes[position + 3]
}

/** Bytes behind the header, extension headers included. */
export function payloadLength(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + PAYLOAD_LENGTH)
}

export function writePayloadLength(bytes: Uint8Array, position: number, length: number): void {
  writeWord16(bytes, position + PAYLOAD_LENGTH, length)
}

export function nextHeader(bytes: Uint8Array, position: number): number {
  return bytes[position + NEXT_HEADER]
}

export function hopLimit(bytes: Uint8Array, position: number): number {
  return bytes[position + HOP_LIMIT]
}

/** A word of the source address. @param index 0 to 3, most significant first */
export function sourceWord(bytes: Uint8Array, position: number, index: number): number {
  return word32(bytes, position + SOURCE + 4 * index)
}

/** A word of the destination address. @param index 0 to 3, most significant first */
export function destinationWord(bytes: Uint8Array, position: number, index: number): number {
  return word32(bytes, position + DESTINATION + 4 * index)
}

/** Writes the first 8 of the 40 bytes: all but the addresses. */
export function writeFirstWords(
  bytes: Uint8Array,
  position: number,
  traffic: number,
  flow: number,
  length: number,
  next: number,
  hops: number,
): void {
  bytes[position] = 0x60 | (traffic >>> 4)
  bytes[position + 1] = ((traffic & 0x0f) << 4) | (flow >>> 16)
  bytes[position + 2] = flow >>> 8
  bytes[position + 3] = flow
  writeWord16(bytes, position + PAYLOAD_LENGTH, length)
  bytes[position + NEXT_HEADER] = next
  bytes[position + HOP_LIMIT] = hops
}

/** Writes an address. @param position of its first byte */
export function writeAddress(
  bytes: Uint8Array,
  position: number,
  word0: number,
  word1: number,
  word2: number,
  word3: number,
): void {
  writeWord32(bytes, position, word0)
  writeWord32(bytes, position + 4, word1)
  writeWord32(bytes, position + 8, word2)
  writeWord32(bytes, position + 12, word3)
}
