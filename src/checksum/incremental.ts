/** Incremental update of an Internet checksum, RFC 1624. */

/**
 * The checksum after one 16-bit word under it has changed, RFC 1624, equation 3: HC' = ~(~HC + ~m + m').
 * @param checksum as it stands in the header, 0 to 0xffff
 * @param before the word's old value, 0 to 0xffff
 * @param after its new value, 0 to 0xffff
 */
export function updateWord16(checksum: number, before: number, after: number): number {
  const sum = (~checksum & 0xffff) + (~before & 0xffff) + after
  const folded = (sum & 0xffff) + (sum >>> 16)
  return ~(folded + (folded >>> 16)) & 0xffff
}

/**
 * As `updateWord16`, for a 32-bit word at an even offset.
 * @param before the word's old value; only its low 32 bits count, signed or not
 * @param after its new value, likewise
 */
export function updateWord32(checksum: number, before: number, after: number): number {
  const sum = (~checksum & 0xffff) + (~before >>> 16) + (~before & 0xffff) + (after >>> 16) + (after & 0xffff)
  const folded = (sum & 0xffff) + (sum >>> 16)
  return ~(folded + (folded >>> 16)) & 0xffff
}
