import type { Random } from './random.ts'

/**
 * A small, fast generator for tests and simulations: xoshiro128** 1.1 (Blackman and Vigna, "Scrambled linear
 * pseudorandom number generators", 2018), its state filled from the seed by SplitMix32. The same seed gives the same
 * numbers for ever. NOT cryptographic: who sees a few outputs knows all that follow; a stack that talks to
 * strangers needs `SecureRandom`.
 */
export class SeededRandom implements Random {
  #s0: number
  #s1: number
  #s2: number
  #s3: number

  /** @param seed any integer; its low 32 bits count */
  constructor(seed: number) {
    // SplitMix32 keeps neighbouring seeds from giving neighbouring states, and gives no all-zero state.
    let counter = seed | 0
    const next = () => {
      counter = (counter + 0x9e3779b9) | 0
      let z = counter
      z = Math.imul(z ^ (z >>> 16), 0x85ebca6b)
      z = Math.imul(z ^ (z >>> 13), 0xc2b2ae35)
      return z ^ (z >>> 16)
    }
    this.#s0 = next()
    this.#s1 = next()
    this.#s2 = next()
    this.#s3 = next()
  }

  int32(): number {
    const s1 = this.#s1
    const product = Math.imul(s1, 5)
    const result = Math.imul((product << 7) | (product >>> 25), 9)
    const s2 = this.#s2 ^ this.#s0
    const s3 = this.#s3 ^ s1
    this.#s1 = s1 ^ s2
    this.#s0 ^= s3
    this.#s2 = s2 ^ (s1 << 9)
    this.#s3 = (s3 << 11) | (s3 >>> 21)
    return result
  }

  below(bound: number): number {
    return uniformBelow(this, bound)
  }

  fraction(): number {
    return uniformFraction(this)
  }

  fill(bytes: Uint8Array): void {
    let word = 0
    for (let i = 0; i < bytes.length; i++) {
      word = (i & 3) === 0 ? this.int32() : word >>> 8
      bytes[i] = word
    }
  }

  /** Another generator whose numbers have nothing to do with what this one gives from now on. */
  fork(): SeededRandom {
    return new SeededRandom(this.int32())
  }
}

/** An unbiased integer in [0, bound), by drawing again what falls outside. */
export function uniformBelow(random: Random, bound: number): number {
  if (!(bound >= 1 && bound <= 0x7fffffff)) throw new RangeError(`a bound is 1 to 2^31 - 1, not ${bound}`)
  if (bound === 1) return 0
  const shift = Math.clz32(bound - 1)
  for (;;) {
    const candidate = random.int32() >>> shift
    if (candidate < bound) return candidate
  }
}

/** 53 random bits as a number in [0, 1). */
export function uniformFraction(random: Random): number {
  return ((random.int32() >>> 5) * 0x4000000 + (random.int32() >>> 6)) / 2 ** 53
}
