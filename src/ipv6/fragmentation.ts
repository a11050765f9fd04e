/**
 * Cutting what we send into fragments, RFC 8200, section 4.5, and reading and writing the fragment header. Only the source
 * of a packet does so.
 */
import { finish } from '../checksum/index.ts'
import { ChecksumState, type PacketBuffer, type PacketMemory } from '../packet/index.ts'
import * as wire from './wire.ts'

export const FRAGMENT_HEADER_LENGTH = 8
const OFFSET_AND_FLAG = 2
const IDENTIFICATION = 4
const MORE_FRAGMENTS = 1
/** Where the checksum stands in a UDP header, RFC 768. */
const UDP_CHECKSUM = 6

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

/** Puts the checksum in its place that a device would have completed: it does not see whole packets any more. */
export function completeChecksum(packet: PacketBuffer): void {
  if (packet.checksum !== ChecksumState.Partial) return
  const { memory, checksumStart, checksumField, end } = packet
  let checksum = finish(memory.checksum.sum(checksumStart, end - checksumStart, 0))
  // RFC 768: zero says that there is none.
  if (checksum === 0 && checksumField - checksumStart === UDP_CHECKSUM) checksum = 0xffff
  wire.writeWord16(memory.bytes, checksumField, checksum)
  packet.checksum = ChecksumState.Verified
}

/** Takes over a fragment: [start, end) is a fragment header and what follows it. */
export interface FragmentSink {
  sendFragment(fragment: PacketBuffer): void
}

/**
 * Cuts [start, end) into fragments with room for an IPv6 header before each, and releases the packet.
 * @param mtu of the path, 1,280 or more
 * @returns fragments made; fewer than needed only where memory is exhausted, and then the receiver waits in vain
 */
export function cut(
  packet: PacketBuffer,
  memory: PacketMemory,
  mtu: number,
  nextHeader: number,
  id: number,
  sink: FragmentSink,
): number {
  completeChecksum(packet)
  const { bytes } = memory
  const most = (mtu - wire.HEADER_LENGTH - FRAGMENT_HEADER_LENGTH) & ~7
  const { start, end } = packet
  let made = 0
  for (let from = start; from < end; from += most) {
    const length = Math.min(most, end - from)
    const fragment = memory.allocate(FRAGMENT_HEADER_LENGTH + length)
    if (fragment === null) break
    const at = fragment.start
    fragment.end = at + FRAGMENT_HEADER_LENGTH + length
    writeFragmentHeader(bytes, at, nextHeader, from - start, from + length < end, id)
    bytes.copyWithin(at + FRAGMENT_HEADER_LENGTH, from, from + length)
    fragment.checksum = ChecksumState.Verified
    sink.sendFragment(fragment)
    made++
  }
  packet.release()
  return made
}
