import type BenchmarkClass from 'benchmark'
import { Benchmark } from './load-benchmark.ts'

/** One figure of the micro-benchmarks. */
export interface MicroResult {
  name: string
  /** Bytes that one operation works on. */
  bytes?: number
  /** For one operation, in the fastest sample. */
  nanoseconds: number
  gigabytesPerSecond?: number
  /** How many times faster than the named alternatives. */
  ratio?: Record<string, number>
}

export interface MicroCase {
  name: string
  bytes?: number
  /** Operations in one call of `run`: enough that calling it costs nothing beside them. */
  operations: number
  /** @returns something that depends on every operation, so that none can be left out */
  run(): number
}

/** Seconds of sampling for one case, after some of warming up. */
const SAMPLING_TIME = 0.4

/** What the cases return ends here: the compiler cannot know that nobody looks. */
export let sink = 0

/** Measures cases one after the other with the `benchmark` package. */
export async function measure(cases: readonly MicroCase[]): Promise<MicroResult[]> {
  const results: MicroResult[] = []
  for (const each of cases) results.push(await measureOne(each))
  return results
}

async function measureOne({ name, bytes, operations, run }: MicroCase): Promise<MicroResult> {
  // Compiled and optimised before the first sample.
  const warm = performance.now() + 100
  while (performance.now() < warm) sink ^= run()

  const benchmark = await new Promise<BenchmarkClass>((resolve, reject) => {
    new Benchmark(
      name,
      () => {
        sink ^= run()
      },
      {
        async: true,
        minSamples: 20,
        maxTime: SAMPLING_TIME,
        onError: (event: { target: { error: unknown } }) => reject(event.target.error),
        onComplete: (event: { target: BenchmarkClass }) => resolve(event.target),
      },
    ).run()
  })
  // The fastest is what the code costs. The others add what else the machine was doing: a neighbour on the same core
  // makes a loop take twice as long, and it would fall on one case and not on the one that it is compared with.
  const nanoseconds = (Math.min(...benchmark.stats.sample) * 1e9) / operations
  return bytes === undefined
    ? { name, nanoseconds }
    : { name, bytes, nanoseconds, gigabytesPerSecond: bytes / nanoseconds }
}

/** Adds to `subject` how many times faster it is than each of the others, under the key given. */
export function compare(subject: MicroResult, others: Record<string, MicroResult>): void {
  subject.ratio = Object.fromEntries(
    Object.entries(others).map(([key, other]) => [key, other.nanoseconds / subject.nanoseconds]),
  )
}
