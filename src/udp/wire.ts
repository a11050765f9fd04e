/** UDP header, RFC 768. Functions over `(bytes, position)`, where `position` is the header's first byte. */

export const HEADER_LENGTH = 8
/** Where the checksum stands. */
export const CHECKSUM = 6

const SOURCE_PORT = 0
const DESTINATION_PORT = 2
const LENGTH = 4

function word16(bytes: Uint8Array, position: number): number {
  return (bytes[position] << 8) | bytes[position + 1]
}

function writeWord16(bytes: Uint8Array, position: number, value: number): void {
  bytes[position] = value >>> 8
  bytes[position + 1] = value
}

export function sourcePort(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + SOURCE_PORT)
}

export function destinationPort(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + DESTINATION_PORT)
}

/** Bytes of header and data. */
export function length(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + LENGTH)
}

/** 0 means that the sender computed none, which IPv4 allows. */
export function checksum(bytes: Uint8Array, position: number): number {
  return word16(bytes, position + CHECKSUM)
}

/** Writes all 8 bytes. @param sum what the checksum field is to hold */
export function writeHeader(
  bytes: Uint8Array,
  position: number,
  from: number,
  to: number,
  total: number,
  sum: number,
): void {
  writeWord16(bytes, position + SOURCE_PORT, from)
  writeWord16(bytes, position + DESTINATION_PORT, to)
  writeWord16(bytes, position + LENGTH, total)
  writeWord16(bytes, position + CHECKSUM, sum)
}
