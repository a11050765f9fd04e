import { IPV4_MAPPED_WORD } from '../address/index.ts'
import type { Random } from './random.ts'

/**
 * A keyed hash for tables whose keys a peer can choose: HalfSipHash-1-3 (Aumasson and Bernstein, "SipHash: a fast
 * short-input PRF", 2012, in its 32-bit form), which Linux uses for the same end (hsiphash). Without the key nobody can
 * make entries collide. For tables: its key of 64 bits and its 32 bits of result are too few for numbers that others see,
 * unless two hashes with independent keys are combined, as initial sequence numbers do.
 *
 * Words are 32-bit integers, signed or not. Nothing is allocated.
 */
export class KeyedHash {
  readonly #key0: number
  readonly #key1: number
  readonly #words = new Int32Array(10)

  constructor(random: Random) {
    this.#key0 = random.int32()
    this.#key1 = random.int32()
  }

  /** One word: an IPv4 address, a pair of ports. @returns a signed 32-bit integer, as all methods do */
  hash1(a: number): number {
    this.#words[0] = a
    return this.#hash(1)
  }

  hash2(a: number, b: number): number {
    const words = this.#words
    words[0] = a
    words[1] = b
    return this.#hash(2)
  }

  /** An IPv4 connection by its local and remote address and both ports in one word; an IPv4 fragment likewise. */
  hash3(a: number, b: number, c: number): number {
    const words = this.#words
    words[0] = a
    words[1] = b
    words[2] = c
    return this.#hash(3)
  }

  /** An address of either family. */
  hash4(a: number, b: number, c: number, d: number): number {
    const words = this.#words
    words[0] = a
    words[1] = b
    words[2] = c
    words[3] = d
    return this.#hash(4)
  }

  /**
   * A connection of either family: four words of each address and both ports in one word. Between IPv4 addresses the upper
   * words are the same for all and are left out: half the rounds.
   */
  hash9(
    local0: number,
    local1: number,
    local2: number,
    local3: number,
    remote0: number,
    remote1: number,
    remote2: number,
    remote3: number,
    ports: number,
  ): number {
    if (local2 === IPV4_MAPPED_WORD && local0 === 0 && local1 === 0) return this.hash3(local3, remote3, ports)
    const words = this.#words
    words[0] = local0
    words[1] = local1
    words[2] = local2
    words[3] = local3
    words[4] = remote0
    words[5] = remote1
    words[6] = remote2
    words[7] = remote3
    words[8] = ports
    return this.#hash(9)
  }

  /** As `hash9` with one word more, such as a protocol or a fragment's identification. */
  hash10(
    local0: number,
    local1: number,
    local2: number,
    local3: number,
    remote0: number,
    remote1: number,
    remote2: number,
    remote3: number,
    ports: number,
    more: number,
  ): number {
    const words = this.#words
    words[0] = local0
    words[1] = local1
    words[2] = local2
    words[3] = local3
    words[4] = remote0
    words[5] = remote1
    words[6] = remote2
    words[7] = remote3
    words[8] = ports
    words[9] = more
    return this.#hash(10)
  }

  #hash(count: number): number {
    const words = this.#words
    let v0 = this.#key0
    let v1 = this.#key1
    let v2 = 0x6c796765 ^ this.#key0
    let v3 = 0x74656462 ^ this.#key1
    // One round for each word and one for the length in bytes, which ends the message; then three to finish.
    const last = count + 1
    for (let round = 0; round <= last + 2; round++) {
      const word = round < count ? words[round] : round === count ? count << 26 : 0
      v3 ^= word
      v0 = (v0 + v1) | 0
      v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0
      v0 = (v0 << 16) | (v0 >>> 16)
      v2 = (v2 + v3) | 0
      v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2
      v0 = (v0 + v3) | 0
      v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0
      v2 = (v2 + v1) | 0
      v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2
      v2 = (v2 << 16) | (v2 >>> 16)
      v0 ^= word
      if (round === count) v2 ^= 0xff
    }
    return v1 ^ v3
  }
}
