/** Checksums of IPv6 packets, independently of `src/`. */
import { be16, concat, pseudoChecksum } from '../support/frames.ts'

const IPV6 = 0x86dd
const HEADER = 14
const CHECKSUM_AT: Readonly<Record<number, number>> = { 6: 16, 17: 6, 58: 2 }
/** Hop-by-hop options, routing, destination options. */
const EXTENSIONS = new Set([0, 43, 60])

/** Fills in the checksum of what a frame carries, where that is in one piece and its bytes are there. */
export function rightChecksums6(frame: Uint8Array): Uint8Array {
  if (frame.length < HEADER + 40 || ((frame[12] << 8) | frame[13]) !== IPV6) return frame
  const end = Math.min(frame.length, HEADER + 40 + ((frame[HEADER + 4] << 8) | frame[HEADER + 5]))
  let protocol = frame[HEADER + 6]
  let at = HEADER + 40
  while (EXTENSIONS.has(protocol) && at + 8 <= end) {
    protocol = frame[at]
    at += (frame[at + 1] + 1) * 8
  }
  const checksum = at + CHECKSUM_AT[protocol]
  if (!(checksum + 2 <= end)) return frame
  frame[checksum] = frame[checksum + 1] = 0
  const addresses = concat([frame.subarray(HEADER + 8, HEADER + 40)])
  frame.set(be16(pseudoChecksum(addresses, protocol, frame.subarray(at, end)) || 0xffff), checksum)
  return frame
}
