/**
 * Which way of reading a packet socket is the fastest: `sudo npx tsx bench/packet-ways/run.ts [ROUNDS]`. Sender and receiver have a
 * processor each, at the ends of a veth in a namespace of their own; the ways take turns.
 */
import { execFileSync, spawn } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatTable, median } from '../report.ts'

const WAYS = ['readv', 'recvmmsg', 'ring'] as const
const FRAMES = [65_000, 1514, 66]
const SECONDS = 0.5

interface Result {
  framesPerSecond: number
  gigabitsPerSecond: number
  nanosecondsPerFrame: number
}

const rounds = Number(process.argv[2] ?? 5)
const folder = mkdtempSync(join(tmpdir(), 'tapstack-packet-ways-'))
const program = join(folder, 'ways')
const namespace = `tapstack-bench-${process.pid}-ways`

function ip(...words: string[]): void {
  execFileSync('ip', words, { stdio: ['ignore', 'ignore', 'inherit'] })
}

function start(processor: number, words: (string | number)[]) {
  const command = ['netns', 'exec', namespace, 'taskset', '-c', String(processor), program, ...words.map(String)]
  return spawn('ip', command, { stdio: ['ignore', 'pipe', 'inherit'] })
}

async function measure(way: string, bytes: number): Promise<Result> {
  const receiver = start(1, ['v0', way, SECONDS])
  let output = ''
  receiver.stdout.on('data', (data) => {
    output += data
  })
  const ended = new Promise((resolve) => receiver.on('close', resolve))
  await new Promise((resolve) => receiver.stdout.once('data', resolve))
  const sender = start(0, ['v1', 'send', SECONDS * 1.5, bytes])
  await Promise.all([ended, new Promise((resolve) => sender.on('close', resolve))])
  return JSON.parse(output.trim().split('\n').at(-1)!)
}

try {
  const source = fileURLToPath(new URL('ways.c', import.meta.url))
  execFileSync('cc', ['-std=gnu11', '-O2', '-Wall', '-o', program, source], { stdio: 'inherit' })
  ip('netns', 'add', namespace)
  ip('-n', namespace, 'link', 'add', 'v0', 'type', 'veth', 'peer', 'name', 'v1')
  for (const end of ['v0', 'v1']) ip('-n', namespace, 'link', 'set', end, 'up')
  const taken = new Map<string, Result[]>()
  for (let round = 0; round < rounds; round++) {
    for (const bytes of FRAMES) {
      for (const way of WAYS) {
        const key = `${bytes} ${way}`
        taken.set(key, [...(taken.get(key) ?? []), await measure(way, bytes)])
      }
    }
  }
  const rows = [['bytes of a frame', ...WAYS.flatMap((way) => [`${way}: frames/s`, 'Gbit/s', 'ns of processor']), '']]
  for (const bytes of FRAMES) {
    const cells = WAYS.flatMap((way) => {
      const results = taken.get(`${bytes} ${way}`)!
      const of = (name: keyof Result) => median(results.map((result) => result[name]))
      return [
        of('framesPerSecond').toFixed(0),
        of('gigabitsPerSecond').toFixed(2),
        of('nanosecondsPerFrame').toFixed(0),
      ]
    })
    rows.push([String(bytes), ...cells, ''])
  }
  console.log(formatTable(rows))
} finally {
  execFileSync('ip', ['netns', 'del', namespace], { stdio: 'ignore' })
  rmSync(folder, { recursive: true, force: true })
}
