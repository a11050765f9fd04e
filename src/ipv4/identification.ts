import { KeyedHash, type Random } from '../clock/index.ts'

/** Of a Feistel network: four make a permutation that cannot be told from a random one (Luby and Rackoff, 1988). */
const ROUNDS = 4

/**
 * Identifications of packets that may be cut into fragments. RFC 6864, section 4.3, wants none to come back soon for the
 * same addresses and protocol, so they come from a counter of each path; RFC 6274, section 3.5.2, wants strangers not to
 * guess the next, so the counter goes through a permutation of 16 bits that a secret chooses.
 */
export class Identifications {
  readonly #hash: KeyedHash

  constructor(random: Random) {
    this.#hash = new KeyedHash(random)
  }

  /** @param count 0 to 65,535 @returns as many, each once */
  permute(destination: number, count: number): number {
    let left = count >>> 8
    let right = count & 0xff
    for (let round = 0; round < ROUNDS; round++) {
      const mixed = left ^ (this.#hash.hash2(destination, (round << 8) | right) & 0xff)
      left = right
      right = mixed
    }
    return (left << 8) | right
  }
}
