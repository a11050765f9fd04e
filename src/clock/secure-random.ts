import { randomFillSync } from 'node:crypto'
import type { Random } from './random.ts'
import { uniformBelow, uniformFraction } from './seeded-random.ts'

const POOL_WORDS = 1024

/**
 * Randomness of the operating system's quality (node:crypto), drawn 4 KiB at a time so that one number costs
 * nanoseconds. Each word is erased once given out: reading this process's memory later tells no past sequence number.
 */
export class SecureRandom implements Random {
  readonly #pool = new Int32Array(POOL_WORDS)
  #next = POOL_WORDS

  int32(): number {
    if (this.#next === POOL_WORDS) {
      randomFillSync(this.#pool)
      this.#next = 0
    }
    const word = this.#pool[this.#next]
    this.#pool[this.#next++] = 0
    return word
  }

  below(bound: number): number {
    return uniformBelow(this, bound)
  }

  fraction(): number {
    return uniformFraction(this)
  }

  fill(bytes: Uint8Array): void {
    randomFillSync(bytes)
  }
}
