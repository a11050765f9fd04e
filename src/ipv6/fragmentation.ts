/** Reading and writing the fragment header, RFC 8200, section 4.5. Only the source of a packet cuts it. */
import * as wire from './wire.ts'

export const FRAGMENT_HEADER_LENGTH = 8
const OFFSET_AND_FLAG = 2
const IDENTIFICATION = 4
const MORE_FRAGMENTS = 1

/** Where the fragment's bytes belong in the fragmentable part, a multiple of 8. */
export function fragmentOffset(bytes: Uint8Array, position: number): number {
  return wire.word16(bytes, position + OFFSET_AND_FLAG) & 0xfff8
}

export function hasMoreFragments(bytes: Uint8Array, position: number): boolean {
  return (bytes[position + OFFSET_AND_FLAG + 1] & MORE_FRAGMENTS) !== 0
}

/** @returns a signed 32-bit integer */
export function identification(bytes: Uint8Array, position: number): number {
  return wire.word32(bytes, position + IDENTIFICATION)
}

export function writeFragmentHeader(
  bytes: Uint8Array,
  position: number,
  nextHeader: number,
  offset: number,
  more: boolean,
  id: number,
): void {
  bytes[position] = nextHeader
  bytes[position + 1] = 0
  wire.writeWord16(bytes, position + OFFSET_AND_FLAG, more ? offset | MORE_FRAGMENTS : offset)
  wire.writeWord32(bytes, position + IDENTIFICATION, id)
}
