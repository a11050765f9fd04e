/** Chance as protocol code sees it: cryptographic by default, seeded in tests. */
export interface Random {
  /** A uniformly random signed 32-bit integer. */
  int32(): number
  /** A uniformly random integer in [0, bound); `bound` is 1 to 2^31 - 1. */
  below(bound: number): number
  /** A uniformly random number in [0, 1). */
  fraction(): number
  /** Fills the array with random bytes. */
  fill(bytes: Uint8Array): void
}
