/**
 * Arithmetic on Internet checksums, RFC 1071: one's-complement sums of 16-bit words in network order. A *sum* is what
 * has been added up so far; a *checksum* is the folded sum complemented, as it stands in a header.
 */

/**
 * Folds a partial sum to 16 bits with end-around carry. It is 0 only for the sum 0.
 * @param sum a non-negative integer up to 2^53 - 1
 */
export function fold(sum: number): number {
  // What fits 31 bits, as almost everything does, stays in integer arithmetic.
  if (sum > 0x7fffffff) sum = (sum % 0x1_0000_0000) + Math.floor(sum / 0x1_0000_0000)
  if (sum > 0x7fffffff) sum = (sum & 0xffff) + Math.floor(sum / 0x1_0000)
  sum = (sum & 0xffff) + (sum >>> 16)
  return (sum & 0xffff) + (sum >>> 16)
}

/**
 * The checksum for a header, from a partial sum. UDP sends 0xffff where this is 0 (RFC 768).
 * @param sum a non-negative integer up to 2^53 - 1
 */
export function finish(sum: number): number {
  return ~fold(sum) & 0xffff
}

/**
 * The sum of two stretches of bytes one behind the other, from the sum of each, RFC 1071, section 2 (A) and (B).
 * @param startsAtOddOffset whether an odd number of bytes stands before the second: its words are then byte-swapped
 * @returns folded
 */
export function combine(first: number, second: number, startsAtOddOffset: boolean): number {
  second = fold(second)
  if (startsAtOddOffset) second = ((second & 0xff) << 8) | (second >>> 8)
  return fold(fold(first) + second)
}
