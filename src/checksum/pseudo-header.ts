import { fold } from './fold.ts'

/**
 * Sums of the pseudo-headers that UDP and TCP checksums cover: RFC 768, RFC 9293 section 3.1, and RFC 8200 section 8.1
 * for IPv6. Both families add up the same words; only how many there are in the addresses differs.
 */

/** The unfolded sum, below 2^18, of one IPv4 address or any 32-bit word; only its low 32 bits count. */
export function sumWord32(word: number): number {
  return (word >>> 16) + (word & 0xffff)
}

/**
 * The folded sum of both addresses, which a connection computes once.
 * @param source the 32-bit source address, signed or not
 */
export function addressSum4(source: number, destination: number): number {
  return fold(sumWord32(source) + sumWord32(destination))
}

/** As `addressSum4` for the four words of each IPv6 address, most significant first. */
export function addressSum6(
  source0: number,
  source1: number,
  source2: number,
  source3: number,
  destination0: number,
  destination1: number,
  destination2: number,
  destination3: number,
): number {
  return fold(
    sumWord32(source0) +
      sumWord32(source1) +
      sumWord32(source2) +
      sumWord32(source3) +
      sumWord32(destination0) +
      sumWord32(destination1) +
      sumWord32(destination2) +
      sumWord32(destination3),
  )
}

/**
 * The folded sum of a pseudo-header of either family.
 * @param addressSum of both addresses
 * @param protocol the IP protocol number, 0 to 255
 * @param length bytes of transport header and payload, 0 to 2^32 - 1
 */
export function pseudoHeaderSum(addressSum: number, protocol: number, length: number): number {
  return fold(addressSum + protocol + sumWord32(length))
}

/** `pseudoHeaderSum` for IPv4 addresses given as 32-bit words. */
export function pseudoHeaderSum4(source: number, destination: number, protocol: number, length: number): number {
  return fold(sumWord32(source) + sumWord32(destination) + protocol + sumWord32(length))
}

/** `pseudoHeaderSum` for IPv6 addresses given as four 32-bit words each. */
export function pseudoHeaderSum6(
  source0: number,
  source1: number,
  source2: number,
  source3: number,
  destination0: number,
  destination1: number,
  destination2: number,
  destination3: number,
  protocol: number,
  length: number,
): number {
  return pseudoHeaderSum(
    addressSum6(source0, source1, source2, source3, destination0, destination1, destination2, destination3),
    protocol,
    length,
  )
}
