/**
 * V8 keeps fields that have held nothing but small integers in another shape of object than those with larger numbers. A count that
 * passes 2^31 in the middle of its object's life changes the shape, and all code that was compiled for it is thrown away: a stack
 * that sent in bulk was half as fast for a second at its first two gigabytes. So counts that may come so far are large to begin with.
 */

/** The first value, before 0, of a field that may outgrow a small integer. */
export const LARGE = 2 ** 40

/** @returns `counters`, whose values are as before, all in fields for numbers of any size */
export function withLargeCounts<T extends { [Key in keyof T]: number }>(counters: T): T {
  for (const name of Object.keys(counters) as (keyof T)[]) {
    const value = counters[name]
    counters[name] = LARGE as T[keyof T]
    counters[name] = value
  }
  return counters
}
