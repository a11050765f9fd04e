/**
 * Sequence numbers, RFC 9293, section 3.4: 32 bits, compared modulo 2^32. Held as signed 32-bit integers, which V8 keeps
 * unboxed; `| 0` is the modulus, and the sign of a difference the comparison.
 */
export type SequenceNumber = number & { readonly brand: 'SequenceNumber' }

export function sequenceNumber(value: number): SequenceNumber {
  return (value | 0) as SequenceNumber
}

export function advance(sequence: SequenceNumber, count: number): SequenceNumber {
  return ((sequence + count) | 0) as SequenceNumber
}

/** How far `a` is ahead of `b`: negative when behind. Meaningful while they are less than 2^31 apart. */
export function distance(a: SequenceNumber, b: SequenceNumber): number {
  return (a - b) | 0
}

export function isBefore(a: SequenceNumber, b: SequenceNumber): boolean {
  return ((a - b) | 0) < 0
}

export function isAfter(a: SequenceNumber, b: SequenceNumber): boolean {
  return ((a - b) | 0) > 0
}

/**
 * Sequence numbers pass 2^31 some time in most connections. The engine knows from the beginning, so that it does not compile everything
 * that counts on them for small integers alone, and once more when the first connection comes there.
 */
for (let count = 1; count <= 1000; count++) {
  advance(0x7fff_ffff as SequenceNumber, count)
  distance(advance(0x7fff_ffff as SequenceNumber, count), -0x8000_0000 as SequenceNumber)
  isBefore(0x7fff_ffff as SequenceNumber, -count as SequenceNumber)
  isAfter(0x7fff_ffff as SequenceNumber, -count as SequenceNumber)
}
