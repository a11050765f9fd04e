import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import {
  addressSum4,
  addressSum6,
  Checksum,
  combine,
  finish,
  fold,
  pseudoHeaderSum,
  pseudoHeaderSum4,
  pseudoHeaderSum6,
  sumBytes,
  updateWord16,
  updateWord32,
} from './index.ts'

/** RFC 1071, section 4.1, taken at its word with integers that cannot overflow. */
function referenceSum(bytes: Uint8Array, initial = 0): number {
  let sum = BigInt(initial)
  for (let i = 0; i < bytes.length; i += 2) sum += BigInt((bytes[i] << 8) | (bytes[i + 1] ?? 0))
  while (sum > 0xffffn) sum = (sum & 0xffffn) + (sum >> 16n)
  return Number(sum)
}

const memory = new WebAssembly.Memory({ initial: 16, maximum: 16 })
const bytes = new Uint8Array(memory.buffer)
const engines = { simd: new Checksum(memory, 'simd'), javascript: new Checksum(memory, 'javascript') }

const word16 = fc.integer({ min: 0, max: 0xffff })
const int32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
const partialSum = fc.oneof(word16, fc.integer({ min: 0, max: 0xffffffff }), fc.constantFrom(0, 0xffff, 0xffffffff))
const content = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.uint8Array({ minLength: 1000, maxLength: 2000 }),
  // Only zeros and ones: where carries and the two zeros of one's complement meet.
  fc.array(fc.constantFrom(0, 0xff), { maxLength: 300 }).map((list) => Uint8Array.from(list)),
)

describe.each(['simd', 'javascript'] as const)('Checksum.sum, %s', (name) => {
  const checksum = engines[name]

  it('equals the definition at every length and alignment', () => {
    fc.assert(
      fc.property(content, fc.integer({ min: 0, max: 70 }), partialSum, (data, position, initial) => {
        // What stands around the bytes must not matter.
        bytes.fill(0xa5, 0, 4096)
        bytes.set(data, position)
        expect(checksum.sum(position, data.length, initial)).toBe(referenceSum(data, initial))
      }),
      { numRuns: 2000 },
    )
  })

  it('is exact at every length up to 300, at odd and even positions', () => {
    for (let i = 0; i < 400; i++) bytes[i] = (i * 37 + 11) & 255
    for (let length = 0; length <= 300; length++) {
      for (const position of [0, 1, 2, 15, 16, 33]) {
        const expected = referenceSum(bytes.subarray(position, position + length))
        expect(checksum.sum(position, length, 0)).toBe(expected)
      }
    }
  })

  it.each([0x00, 0xff, 0x80, 0x7f, 0x01])('does not overflow over a whole megabyte of bytes %i', (octet) => {
    bytes.fill(octet)
    for (const length of [65535, 65536, 262_144, 262_145, 262_208, 262_399, 524_351, bytes.length]) {
      expect(checksum.sum(0, length, 0xffffffff)).toBe(referenceSum(bytes.subarray(0, length), 0xffffffff))
      expect(checksum.sum(0, length, 0)).toBe(referenceSum(bytes.subarray(0, length)))
    }
  })

  it('reaches the last byte of the memory', () => {
    bytes.fill(0)
    bytes[bytes.length - 1] = 7
    expect(checksum.sum(bytes.length - 65, 65, 0)).toBe(0x0700)
    expect(checksum.sum(bytes.length - 64, 64, 0)).toBe(0x0007)
    expect(checksum.sum(bytes.length - 1, 1, 0)).toBe(0x0700)
    expect(checksum.sum(bytes.length, 0, 5)).toBe(5)
  })
})

describe('checksum arithmetic', () => {
  it('sums the example of RFC 1071, section 3', () => {
    const example = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7)
    expect(sumBytes(example, 0, 8, 0)).toBe(0xddf2)
    expect(finish(0xddf2)).toBe(0x220d)
  })

  it('sums plain bytes by the definition', () => {
    fc.assert(
      fc.property(content, partialSum, fc.nat(5), (data, initial, start) => {
        const from = Math.min(start, data.length)
        expect(sumBytes(data, from, data.length, initial)).toBe(referenceSum(data.subarray(from), initial))
      }),
    )
    const long = new Uint8Array(200_001).fill(0xff)
    expect(sumBytes(long, 0, long.length, 0xffffffff)).toBe(referenceSum(long, 0xffffffff))
  })

  it('folds whatever an integer can hold', () => {
    fc.assert(
      fc.property(fc.maxSafeNat(), (sum) => {
        expect(fold(sum)).toBe(sum === 0 ? 0 : sum % 0xffff || 0xffff)
      }),
    )
    for (const sum of [0, 1, 0xffff, 0x10000, 0x1ffff, 0x7fffffff, 0x80000000, 0xffffffff, 2 ** 53 - 1]) {
      expect(fold(sum)).toBe(sum === 0 ? 0 : sum % 0xffff || 0xffff)
    }
  })

  it('combines the sums of parts into the sum of the whole', () => {
    fc.assert(
      fc.property(content, content, (first, second) => {
        const whole = Uint8Array.from([...first, ...second])
        const parts = combine(referenceSum(first), referenceSum(second), first.length % 2 === 1)
        expect(parts).toBe(referenceSum(whole))
      }),
    )
  })

  it('gives a pseudo-header the sum of its bytes', () => {
    fc.assert(
      fc.property(fc.array(int32, { minLength: 8, maxLength: 8 }), fc.nat(255), fc.nat(), (words, protocol, length) => {
        const view = new DataView(new ArrayBuffer(40))
        for (const [index, word] of words.entries()) view.setInt32(index * 4, word)
        view.setUint32(32, length)
        view.setUint32(36, protocol)
        const [a, b, c, d, e, f, g, h] = words
        const six = referenceSum(new Uint8Array(view.buffer))
        expect(pseudoHeaderSum6(a, b, c, d, e, f, g, h, protocol, length)).toBe(six)
        expect(pseudoHeaderSum(addressSum6(a, b, c, d, e, f, g, h), protocol, length)).toBe(six)

        const four = new DataView(new ArrayBuffer(12))
        four.setInt32(0, a)
        four.setInt32(4, b)
        four.setUint16(8, protocol)
        four.setUint16(10, length & 0xffff)
        const sum = referenceSum(new Uint8Array(four.buffer))
        expect(pseudoHeaderSum4(a, b, protocol, length & 0xffff)).toBe(sum)
        expect(pseudoHeaderSum(addressSum4(a, b), protocol, length & 0xffff)).toBe(sum)
      }),
    )
  })
})

describe('incremental update', () => {
  it('gives the result of RFC 1624, section 4, which the older equation 2 gets wrong', () => {
    expect(updateWord16(0xdd2f, 0x5555, 0x3285)).toBe(0x0000)
  })

  it('equals computing anew', () => {
    const header = fc.uint8Array({ minLength: 20, maxLength: 20 })
    fc.assert(
      fc.property(header, fc.nat(4), int32, (data, index, value) => {
        // A header whose words are all zero never stands in a packet: its version field is not.
        data[0] |= 0x40
        const view = new DataView(data.buffer)
        const at = 4 + (index % 4) * 4
        const checksum = finish(referenceSum(data))

        const before32 = view.getInt32(at)
        view.setInt32(at, value)
        const after32 = finish(referenceSum(data))
        expect(updateWord32(checksum, before32, value)).toBe(after32)

        const before16 = view.getUint16(at)
        view.setUint16(at, ~value & 0xffff)
        expect(updateWord16(after32, before16, ~value & 0xffff)).toBe(finish(referenceSum(data)))
      }),
    )
  })
})
