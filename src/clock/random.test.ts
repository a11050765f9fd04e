import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { KeyedHash, type Random, SecureRandom, SeededRandom } from './index.ts'

const sources: [string, () => Random][] = [
  ['SeededRandom', () => new SeededRandom(7)],
  ['SecureRandom', () => new SecureRandom()],
]

describe.each(sources)('%s', (_, make) => {
  it('gives signed 32-bit integers with every bit set about half of the time', () => {
    const random = make()
    const counts = new Array(32).fill(0)
    const rounds = 20_000
    for (let i = 0; i < rounds; i++) {
      const value = random.int32()
      expect(value | 0).toBe(value)
      for (let bit = 0; bit < 32; bit++) counts[bit] += (value >>> bit) & 1
    }
    // Eight standard deviations (sqrt(20000)/2 = 71 each): by chance never.
    for (const count of counts) expect(Math.abs(count - rounds / 2)).toBeLessThan(8 * 71)
  })

  it('stays below every bound and reaches all of a small one', () => {
    const random = make()
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 2 ** 31 - 1 }), (bound) => {
        const value = random.below(bound)
        expect(Number.isInteger(value) && value >= 0 && value < bound).toBe(true)
      }),
    )
    const seen = new Array(10).fill(0)
    for (let i = 0; i < 10_000; i++) seen[random.below(10)]++
    for (const count of seen) expect(Math.abs(count - 1000)).toBeLessThan(8 * 30)
    expect(random.below(1)).toBe(0)
    for (const bound of [0, -1, 2 ** 31, Number.NaN]) expect(() => random.below(bound)).toThrow(RangeError)
  })

  it('gives fractions in [0, 1) around a half', () => {
    const random = make()
    let sum = 0
    for (let i = 0; i < 10_000; i++) {
      const value = random.fraction()
      expect(value >= 0 && value < 1).toBe(true)
      sum += value
    }
    expect(Math.abs(sum / 10_000 - 0.5)).toBeLessThan(0.025)
  })

  it('fills bytes of any length, and no others', () => {
    const random = make()
    for (const length of [0, 1, 3, 4, 5, 4096, 70_001]) {
      const around = new Uint8Array(length + 2)
      random.fill(around.subarray(1, length + 1))
      expect(around[0] + around[length + 1]).toBe(0)
      if (length >= 4096) expect(new Set(around).size).toBe(256)
    }
  })
})

describe('SeededRandom', () => {
  it('gives the same numbers for the same seed, and others for the next', () => {
    const draw = (random: Random) => Array.from({ length: 20 }, () => random.int32())
    expect(draw(new SeededRandom(1))).toEqual(draw(new SeededRandom(1)))
    expect(draw(new SeededRandom(1))).not.toEqual(draw(new SeededRandom(2)))
    const random = new SeededRandom(1)
    expect(draw(random.fork())).not.toEqual(draw(random))
  })

  it('gives these numbers for ever: captures and simulation tables depend on them', () => {
    const random = new SeededRandom(12345)
    expect([random.int32(), random.int32(), random.int32(), random.int32()]).toMatchInlineSnapshot(`
      [
        518667457,
        440444462,
        -62074304,
        -537109674,
      ]
    `)
  })
})

describe('SecureRandom', () => {
  it('does not repeat itself across refills of its pool', () => {
    const random = new SecureRandom()
    const seen = new Set<number>()
    for (let i = 0; i < 5000; i++) seen.add(random.int32())
    // Fewer than a handful of collisions among 5,000 of 2^32, by the birthday bound 0.003 expected.
    expect(seen.size).toBeGreaterThan(4990)
  })
})

describe('KeyedHash', () => {
  const withKey = (key0: number, key1: number) => {
    const words = [key0, key1]
    return new KeyedHash({ int32: () => words.shift() } as never)
  }

  it('is HalfSipHash-1-3: the vectors of Linux lib/tests/siphash_kunit.c', () => {
    const hash = withKey(0x03020100, 0x07060504)
    expect(hash.hash1(0x03020100) >>> 0).toBe(0x7e059ea6)
    expect(hash.hash2(0x03020100, 0x07060504) >>> 0).toBe(0x577999b1)
    expect(hash.hash3(0x03020100, 0x07060504, 0x0b0a0908) >>> 0).toBe(0x6b28096c)
  })

  it('takes signed and unsigned words alike', () => {
    const hash = withKey(1, 2)
    fc.assert(
      fc.property(fc.array(fc.integer(), { minLength: 10, maxLength: 10 }), (words) => {
        const [a, b, c, d, e, f, g, h, i, j] = words
        const [p, q, r, s, t, u, v, w, x, y] = words.map((word) => word >>> 0)
        const nine = hash.hash9(a, b, c, d, e, f, g, h, i)
        expect(nine | 0).toBe(nine)
        expect(hash.hash9(p, q, r, s, t, u, v, w, x)).toBe(nine)
        expect(hash.hash10(p, q, r, s, t, u, v, w, x, y)).toBe(hash.hash10(a, b, c, d, e, f, g, h, i, j))
        expect(hash.hash4(p, q, r, s)).toBe(hash.hash4(a, b, c, d))
      }),
    )
  })

  it('depends on every bit of every word and of the key', () => {
    const words = Array.from({ length: 10 }, (_, index) => Math.imul(index + 1, 0x9e3779b1))
    const apply = (hash: KeyedHash, w: readonly number[]) =>
      hash.hash10(w[0], w[1], w[2], w[3], w[4], w[5], w[6], w[7], w[8], w[9])
    const base = apply(withKey(11, 22), words)
    let flipped = 0
    let changes = 0
    const change = (value: number) => {
      expect(value).not.toBe(base)
      changes++
      for (let difference = value ^ base; difference !== 0; difference &= difference - 1) flipped++
    }
    for (let bit = 0; bit < 32; bit++) {
      for (let index = 0; index < 10; index++) {
        const changed = [...words]
        changed[index] ^= 1 << bit
        change(apply(withKey(11, 22), changed))
      }
      change(apply(withKey(11 ^ (1 << bit), 22), words))
      change(apply(withKey(11, 22 ^ (1 << bit)), words))
    }
    // Avalanche: half of the bits, on average.
    expect(Math.abs(flipped / changes - 16)).toBeLessThan(1)
  })

  it('spreads the connections of one client evenly over a table', () => {
    const hash = new KeyedHash(new SeededRandom(3))
    const buckets = new Int32Array(1024)
    const connections = 64 * 1024
    for (let port = 0; port < connections; port++) {
      buckets[hash.hash3(0x0a000002, 0x0a000001, (80 << 16) | port) & 1023]++
    }
    // 64 each, with a standard deviation of 8.
    expect(Math.max(...buckets)).toBeLessThan(64 + 8 * 8)
    expect(Math.min(...buckets)).toBeGreaterThan(64 - 8 * 8 + 1)
  })
})
