/** Cutting a packet into fragments, for either family: RFC 791, section 3.2, and RFC 8200, section 4.5. */
import { finish } from '../checksum/index.ts'
import { ChecksumState, HEADROOM, type PacketBuffer, type PacketMemory, SMALL_SLOT } from '../packet/index.ts'

/** Where the checksum stands in a UDP header, RFC 768. */
const UDP_CHECKSUM = 6

/** Puts the checksum in its place that a device would have completed: it does not see whole packets any more. */
export function completeChecksum(packet: PacketBuffer): void {
  if (packet.checksum !== ChecksumState.Partial) return
  const { memory, checksumStart, checksumField, end } = packet
  let checksum = finish(memory.checksum.sum(checksumStart, end - checksumStart, 0))
  // RFC 768: zero says that there is none.
  if (checksum === 0 && checksumField - checksumStart === UDP_CHECKSUM) checksum = 0xffff
  memory.bytes[checksumField] = checksum >>> 8
  memory.bytes[checksumField + 1] = checksum
  packet.checksum = ChecksumState.Verified
}

/** Who sends the fragments of a packet. */
export interface FragmentSink {
  /** Takes over a fragment: [start, end) is data without headers, `offset` where it belongs. */
  sendFragment(fragment: PacketBuffer, offset: number, more: boolean): void
}

/**
 * Cuts [start, end) into fragments with room for headers before each, and releases the packet.
 * @param most bytes of data in a fragment, a multiple of 8
 * @returns whether they were made; where memory does not suffice for all of them none is, for the receiver would wait in vain
 */
export function cut(packet: PacketBuffer, most: number, sink: FragmentSink): boolean {
  const { memory, start, end } = packet
  const count = Math.ceil((end - start) / most)
  if (count > freeFor(memory, most)) {
    packet.release()
    return false
  }
  completeChecksum(packet)
  let isComplete = true
  for (let from = start; from < end; from += most) {
    const length = Math.min(most, end - from)
    const fragment = memory.allocate(length)
    if (fragment === null) {
      // A small one behind large ones.
      isComplete = false
      break
    }
    fragment.end = fragment.start + length
    memory.bytes.copyWithin(fragment.start, from, from + length)
    fragment.checksum = ChecksumState.Verified
    sink.sendFragment(fragment, from - start, from + length < end)
  }
  packet.release()
  return isComplete
}

function freeFor(memory: PacketMemory, length: number): number {
  return length <= SMALL_SLOT - HEADROOM ? memory.freeSmall : memory.freeLarge
}
