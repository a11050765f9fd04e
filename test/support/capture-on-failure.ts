/**
 * Captures that are kept only when a test fails, in test/captures/, with the file's name printed. Call these from a
 * test or a `beforeEach`:
 *
 *     const network = captureOnFailure(new VirtualNetwork({ clock, random, memory }))
 *     const netif = captureOnFailure(await Tap.open({ name: 'tap0' }), clock)
 *     const child = spawn('tapstack', ['run', 'service.ts', '--capture', captureFileOnFailure()])
 */
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join, relative } from 'node:path'
import { expect, onTestFinished } from 'vitest'
import { MemorySink, PcapngWriter } from '../../src/capture/index.ts'
import type { Clock } from '../../src/clock/index.ts'
import { CaptureNetif, type Netif, VirtualNetwork } from '../../src/netif/index.ts'

const DIRECTORY = join(import.meta.dirname, '..', 'captures')
/** What a test that fails late may cost in memory; what comes after is not in the capture. */
const LIMIT = 64 * 1024 * 1024

interface Recording {
  sink: MemorySink
  writer: PcapngWriter
  stop(): void
}

/** Of the test that runs now. A property makes many networks in one test: the last ones are those of interest. */
let recordings: Recording[] = []
const MAXIMUM_RECORDINGS = 4

/** Records all ports of a virtual network, those added later too. */
export function captureOnFailure(network: VirtualNetwork): VirtualNetwork
/** Records a netif: use what is returned in its place. */
export function captureOnFailure(netif: Netif, clock: Clock): CaptureNetif
export function captureOnFailure(target: VirtualNetwork | Netif, clock?: Clock): VirtualNetwork | CaptureNetif {
  const sink = new MemorySink(LIMIT)
  const writer = new PcapngWriter(sink, { comment: testName() })
  const isNetwork = target instanceof VirtualNetwork
  if (recordings.length === 0) onTestFinished(({ task }) => finish(task.result?.state === 'fail'))
  else if (recordings.length === MAXIMUM_RECORDINGS) recordings.shift()?.stop()
  recordings.push({ sink, writer, stop: () => (isNetwork ? target.capture(null) : void writer.close()) })
  if (isNetwork) {
    target.capture(writer)
    return target
  }
  if (clock === undefined) throw new TypeError('capturing a netif needs a clock')
  return new CaptureNetif(target, writer, clock)
}

function finish(failed: boolean): void {
  const finished = recordings
  recordings = []
  if (!failed) return
  mkdirSync(DIRECTORY, { recursive: true })
  for (const { sink, writer } of finished) {
    const path = nextPath()
    writer.flush()
    writeFileSync(path, sink.bytes())
    announce(path, writer.counters)
  }
}

/** The path of a file for another process to capture to; it is removed when the test passes. */
export function captureFileOnFailure(): string {
  const path = nextPath()
  mkdirSync(DIRECTORY, { recursive: true })
  onTestFinished(({ task }) => {
    if (task.result?.state !== 'fail') rmSync(path, { force: true })
    else if (existsSync(path)) announce(path)
  })
  return path
}

function announce(path: string, counters?: { frames: number; dropped: number }): void {
  const frames = counters === undefined ? '' : ` (${counters.frames} frames)`
  const dropped = counters?.dropped ? `, ${counters.dropped} more did not fit` : ''
  console.error(`capture of the failed test${frames}${dropped}: ${relative(process.cwd(), path)}`)
}

function testName(): string {
  return expect.getState().currentTestName ?? 'unknown test'
}

const taken = new Map<string, number>()

/** Named after the test file and the test; a second capture of one test gets a number. */
function nextPath(): string {
  const file = basename(expect.getState().testPath ?? 'test').replace(/\.test\.\w+$/, '')
  const name = `${file}-${testName()}`.replace(/[^\w.-]+/g, '-').slice(0, 120)
  const count = (taken.get(name) ?? 0) + 1
  taken.set(name, count)
  return join(DIRECTORY, `${name}${count === 1 ? '' : `-${count}`}.pcapng`)
}
