import { fold } from './fold.ts'

/**
 * The folded sum of bytes outside packet memory, in plain JavaScript; slow beside `Checksum.sum`.
 * @param start index of the first byte
 * @param end index behind the last byte; an odd last byte counts as followed by a zero (RFC 1071, section 4.1)
 * @param initial a partial sum to add to, a non-negative integer below 2^32
 */
export function sumBytes(bytes: Uint8Array, start: number, end: number, initial: number): number {
  let sum = fold(initial)
  let index = start
  while (index < end - 1) {
    // 16,384 words and a folded sum stay below 2^31, so that V8 adds up integers and not doubles.
    const blockEnd = Math.min(end - 1, index + 32768)
    for (; index < blockEnd; index += 2) sum += (bytes[index] << 8) | bytes[index + 1]
    sum = (sum & 0xffff) + (sum >>> 16)
  }
  if (index < end) sum += bytes[index] << 8
  return fold(sum)
}
