import { fileURLToPath } from 'node:url'
import { checksumBenchmarks } from './checksum.ts'
import { clockBenchmarks } from './clock.ts'
import { headerBenchmarks } from './headers.ts'
import type { MicroResult } from './measure.ts'
import { recentFramesBenchmarks } from './recent-frames.ts'
import { segmentationBenchmarks } from './segmentation.ts'

export type { MicroResult } from './measure.ts'

/** What single operations on the way of a packet cost, in nanoseconds. Takes about 20 seconds. */
export async function runMicroBenchmarks(): Promise<MicroResult[]> {
  return [
    ...(await checksumBenchmarks()),
    ...(await headerBenchmarks()),
    ...(await segmentationBenchmarks()),
    ...(await clockBenchmarks()),
    ...(await recentFramesBenchmarks()),
  ]
}

// On its own: node --import tsx bench/micro/index.ts
if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const { name, bytes, nanoseconds, gigabytesPerSecond, ratio } of await runMicroBenchmarks()) {
    const size = bytes === undefined ? '' : `${bytes} B`
    const rate = gigabytesPerSecond === undefined ? '' : `${gigabytesPerSecond.toFixed(2)} GB/s`
    const ratios = Object.entries(ratio ?? {}).map(([key, value]) => `${value.toFixed(1)}x ${key}`)
    console.log(
      `${name.padEnd(52)}${size.padStart(8)}${nanoseconds.toFixed(1).padStart(10)} ns ${rate.padStart(11)}  ${ratios.join(', ')}`,
    )
  }
}
