/** Pacing: how much goes out at once. */

/** Linux (sk_pacing_shift): about a millisecond's worth, so that timers of a millisecond can keep up with any rate. */
const QUANTA_PER_SECOND = 1000

/** @param rate bytes per second */
export function pacingQuantum(rate: number, segmentSize: number): number {
  const bytes = rate / QUANTA_PER_SECOND
  return Math.max(bytes - (bytes % segmentSize), 2 * segmentSize)
}
