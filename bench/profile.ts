/**
 * Reads a .cpuprofile of V8 and says where the time went. Also a program of its own:
 *
 *     npx tsx bench/profile.ts FILE.cpuprofile [LINES]
 */
import { existsSync, readFileSync } from 'node:fs'
import { SourceMap } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { formatTable } from './report.ts'

/** As the DevTools protocol defines `Profiler.Profile`; times are microseconds of CLOCK_MONOTONIC. */
interface CpuProfile {
  readonly nodes: readonly ProfileNode[]
  readonly startTime: number
  readonly endTime: number
  readonly samples: readonly number[]
  readonly timeDeltas: readonly number[]
}

interface ProfileNode {
  readonly id: number
  readonly callFrame: CallFrame
  readonly children?: readonly number[]
}

interface CallFrame {
  readonly functionName: string
  readonly url: string
  /** Counted from 0. */
  readonly lineNumber: number
  readonly columnNumber: number
}

export interface ProfiledFunction {
  readonly name: string
  readonly where: string
  /** Microseconds in the function itself. */
  self: number
  /** Microseconds in it and what it calls. */
  total: number
}

export interface ProfileSummary {
  /** Microseconds that the samples stand for. */
  readonly duration: number
  readonly samples: number
  /** Microseconds that V8 calls idle. */
  readonly idle: number
  /** By self time, most first. */
  readonly functions: readonly ProfiledFunction[]
  /** Self time by folder, most first. */
  readonly folders: readonly { readonly name: string; readonly self: number }[]
}

/** CLOCK_MONOTONIC microseconds. */
export interface Window {
  readonly begin: number
  readonly end: number
}

const ROOT = fileURLToPath(new URL('..', import.meta.url))

const EXPLAINED = new Map([
  ['(program)', 'native code and system calls outside of any JavaScript call'],
  ['(garbage collector)', 'garbage collection'],
  ['(idle)', 'waiting, and native code of the event loop before it enters JavaScript'],
  ['(root)', 'not attributed'],
])

/** Time by function, over the whole profile or a window of it. @throws Error when the file is no profile */
export function summarize(file: string, window?: Window): ProfileSummary {
  const profile = readProfile(file)
  const selfById = new Map<number, number>()
  let time = profile.startTime
  let duration = 0
  let count = 0
  for (let i = 0; i < profile.samples.length; i++) {
    time += profile.timeDeltas[i]
    if (window !== undefined && (time < window.begin || time > window.end)) continue
    // A sample stands for the time up to the next one; a delta can be negative when samples were recorded out of order.
    const length = Math.max(0, profile.timeDeltas[i + 1] ?? 0)
    selfById.set(profile.samples[i], (selfById.get(profile.samples[i]) ?? 0) + length)
    duration += length
    count++
  }

  const nodes = new Map(profile.nodes.map((node) => [node.id, node]))
  const functions = new Map<string, ProfiledFunction>()
  const folders = new Map<string, number>()
  const places = new Places()
  /** The functions above the node that is being visited: a recursive one counts once towards its total. */
  const active = new Set<ProfiledFunction>()

  const visit = (node: ProfileNode, caller: string): number => {
    const frame = node.callFrame
    const isNative = frame.url === '' && !frame.functionName.startsWith('(')
    const where = isNative ? `native, from ${caller}` : (EXPLAINED.get(frame.functionName) ?? places.of(frame))
    const name = frame.functionName || '(anonymous)'
    const key = `${name} ${where}`
    let entry = functions.get(key)
    if (entry === undefined) functions.set(key, (entry = { name, where, self: 0, total: 0 }))
    const isOutermost = !active.has(entry)
    if (isOutermost) active.add(entry)
    const self = selfById.get(node.id) ?? 0
    let total = self
    for (const child of node.children ?? []) total += visit(nodes.get(child)!, isNative ? caller : name)
    if (isOutermost) {
      active.delete(entry)
      entry.total += total
    }
    entry.self += self
    const folder = isNative ? 'native' : folderOf(frame, where)
    folders.set(folder, (folders.get(folder) ?? 0) + self)
    return total
  }
  visit(profile.nodes[0], '')

  return {
    duration,
    samples: count,
    idle: folders.get('(idle)') ?? 0,
    functions: [...functions.values()].filter((each) => each.self > 0).sort((a, b) => b.self - a.self),
    folders: [...folders].map(([name, self]) => ({ name, self })).sort((a, b) => b.self - a.self),
  }
}

function readProfile(file: string): CpuProfile {
  const profile = JSON.parse(readFileSync(file, 'utf8')) as CpuProfile
  if (!Array.isArray(profile.nodes) || !Array.isArray(profile.samples) || !Array.isArray(profile.timeDeltas)) {
    throw new Error(`${file} is no CPU profile`)
  }
  return profile
}

function folderOf(frame: CallFrame, where: string): string {
  if (frame.url === '') return frame.functionName
  if (frame.url.startsWith('node:')) return 'node'
  return dirname(where.replace(/:\d+$/, ''))
}

/** Places in the source, through the source maps that lie beside the built files. */
class Places {
  private readonly maps = new Map<string, SourceMap | null>()

  of(frame: CallFrame): string {
    if (!frame.url.startsWith('file:')) return `${frame.url}:${frame.lineNumber + 1}`
    const file = fileURLToPath(frame.url)
    const entry = this.mapOf(file)?.findEntry(frame.lineNumber, frame.columnNumber)
    if (entry !== undefined && 'originalSource' in entry) {
      return `${relative(ROOT, resolve(dirname(file), entry.originalSource))}:${entry.originalLine + 1}`
    }
    return `${relative(ROOT, file)}:${frame.lineNumber + 1}`
  }

  private mapOf(file: string): SourceMap | null {
    let map = this.maps.get(file)
    if (map === undefined) {
      map = existsSync(`${file}.map`) ? new SourceMap(JSON.parse(readFileSync(`${file}.map`, 'utf8'))) : null
      this.maps.set(file, map)
    }
    return map
  }
}

export function formatProfile(summary: ProfileSummary, lines: number): string {
  const percent = (time: number) => ((100 * time) / summary.duration).toFixed(1)
  const rows = [['function', 'self %', 'total %', 'where']]
  for (const each of summary.functions.slice(0, lines)) {
    rows.push([each.name, percent(each.self), percent(each.total), each.where])
  }
  const folders = summary.folders
    .filter((folder) => folder.self >= summary.duration / 200)
    .map((folder) => `${folder.name} ${percent(folder.self)}`)
  return `${formatTable(rows)}\nself time by folder, %: ${folders.join(', ')}`
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const [file, lines] = process.argv.slice(2)
  if (file === undefined) {
    process.stderr.write('usage: npx tsx bench/profile.ts FILE.cpuprofile [LINES]\n')
    process.exit(64)
  }
  const summary = summarize(file)
  process.stdout.write(`${(summary.duration / 1e6).toFixed(2)} s, ${summary.samples} samples\n`)
  process.stdout.write(`${formatProfile(summary, Number(lines ?? 40))}\n`)
}
