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
