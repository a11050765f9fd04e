import Benchmark from 'benchmark'

/** One figure of the micro-benchmarks. */
export interface MicroResult {
  name: string
  /** Bytes that one operation works on. */
  bytes?: number
  /** For one operation; the median of the samples. */
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

  const benchmark = await new Promise<Benchmark>((resolve, reject) => {
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
        onComplete: (event: { target: Benchmark }) => resolve(event.target),
      },
    ).run()
  })
  // The median: a pause of the machine spoils one sample, and with it a mean.
  const samples = [...benchmark.stats.sample].sort((a, b) => a - b)
  const nanoseconds = (samples[samples.length >> 1] * 1e9) / operations
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
