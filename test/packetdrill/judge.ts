/**
 * The independent judge: where its scripts and its runner are, how they are run, and what may fail. The scripts are not
 * part of this repository; docs/contributing.md says where they are looked for.
 */
import { spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { gunzipSync } from 'node:zlib'

const ROOT = join(import.meta.dirname, '../..')

/** The runner with its vectors: `TAPSTACK_PACKETDRILL`, or `shared/packetdrill` beside the repository. */
export const FOLDER = resolve(ROOT, process.env.TAPSTACK_PACKETDRILL ?? '../shared/packetdrill')

export const isPresent = existsSync(join(FOLDER, 'cli.mjs'))

export const NOTICE = `packetdrill: no scripts in ${FOLDER} (TAPSTACK_PACKETDRILL=FOLDER names another), so none is run`

/**
 * What the RFCs prescribe among what the runner can check besides: checksums (RFC 9293, 3.1), ECN (RFC 3168, 6.1.1), which
 * options a SYN has and the MSS in it (RFC 9293, 3.7.1; RFC 7323, 1.3 and 2.5), PSH at the end of what is written (RFC
 * 9293, 3.9.1.2), no acknowledgment without need (RFC 5681, 4.2), and nothing beyond what the script waits for. The others,
 * `window` and `rcvbuf`, compare how large FreeBSD's buffers are.
 */
export const STRICT = ['checksums', 'ecn', 'syn-options', 'push', 'leftover', 'extra-acks']

/** RFC 9293, 3.4: the peer's numbers wrap around within its first bytes. */
const WRAPPING = ['--remote-isn', '0xfffffffa']

export interface Run {
  readonly name: string
  readonly arguments: readonly string[]
  readonly isStrict: boolean
}

export const RUNS: readonly Run[] = [
  { name: 'default checks', arguments: [], isStrict: false },
  { name: 'numbers that wrap around', arguments: WRAPPING, isStrict: false },
  { name: 'strict checks', arguments: ['--check', STRICT.join()], isStrict: true },
  {
    name: 'strict checks, numbers that wrap around',
    arguments: ['--check', STRICT.join(), ...WRAPPING],
    isStrict: true,
  },
]

export interface Outcome {
  readonly passed: number
  readonly skipped: number
  /** What went wrong, by the name of the script. */
  readonly failures: ReadonlyMap<string, string>
}

/** @throws Error with all that the runner said, if it did not come to the end */
export async function runScripts(run: Run): Promise<Outcome> {
  const output = await runCommandLine(run.arguments, 'pipe')
  const sums = /(\d+) passed, (\d+) failed, (\d+) skipped\n$/.exec(output.text)
  if (sums === null) throw new Error(output.text)
  const failures = new Map([...output.text.matchAll(/^(\S+\.pkt): (.*)$/gm)].map(([, name, reason]) => [name, reason]))
  if (failures.size !== Number(sums[2])) throw new Error(output.text)
  return { passed: Number(sums[1]), skipped: Number(sums[3]), failures }
}

/** Runs the runner's command line with our adapter over all vectors. */
export function runCommandLine(
  parameters: readonly string[],
  output: 'pipe' | 'inherit',
): Promise<{ status: number; text: string }> {
  const cli = ['--import', 'tsx', join(FOLDER, 'cli.mjs'), '--adapter', 'test/packetdrill/adapter.ts']
  const runner = spawn(process.execPath, [...cli, ...parameters, join(FOLDER, 'vectors')], {
    cwd: ROOT,
    stdio: ['ignore', output, output],
  })
  let text = ''
  for (const stream of [runner.stdout, runner.stderr]) {
    stream?.setEncoding('utf8').on('data', (more: string) => {
      text += more
    })
  }
  return new Promise((done, failed) => {
    runner.on('error', failed)
    runner.on('close', (code) => done({ status: code ?? 1, text }))
  })
}

/** The scripts that are known to hold on Linux, too. */
export function crossValidated(): string[] {
  const folder = join(FOLDER, 'vectors')
  const files = readdirSync(folder).filter((name) => name.endsWith('.ndjson.gz'))
  return files
    .flatMap((name) =>
      gunzipSync(readFileSync(join(folder, name)))
        .toString()
        .trim()
        .split('\n'),
    )
    .map((line) => JSON.parse(line) as { name: string; crossValidated: boolean })
    .filter((script) => script.crossValidated)
    .map(({ name }) => name)
}

export interface Deviation {
  readonly script: string
  /** Fails with the strict checks only. */
  readonly onlyStrict: boolean
  /** The section that gives the reason. */
  readonly section: string
}

export interface Section {
  readonly title: string
  /** What stands above the table. */
  readonly reason: string
  readonly deviations: readonly Deviation[]
}

/** What test/packetdrill/deviations.md says: sections, each with a reason and a table of scripts. */
export function deviations(): Section[] {
  const [, ...sections] = readFileSync(join(import.meta.dirname, 'deviations.md'), 'utf8').split(/^## /m)
  return sections.map((text) => {
    const title = text.slice(0, text.indexOf('\n'))
    const [, reason = '', table = ''] = /^.*\n([\s\S]*?)^\| script \| fails \|\n\|[-|]+\|\n([\s\S]*)$/m.exec(text) ?? []
    const rows = [...table.matchAll(/^\| `([^`]+)` \| (always|strict checks) \|$/gm)]
    if (rows.length !== table.trim().split('\n').length) throw new Error(`deviations.md, "${title}": ${table}`)
    const listed = rows.map(([, script, fails]) => ({ script, onlyStrict: fails !== 'always', section: title }))
    return { title, reason: reason.trim(), deviations: listed }
  })
}

/** The differences between what failed and what was expected to, one line each. */
export function surprises({ isStrict }: Run, { failures }: Outcome, expected: readonly Deviation[]): string[] {
  const listed = new Set(expected.filter(({ onlyStrict }) => isStrict || !onlyStrict).map(({ script }) => script))
  const unexpected = [...failures].filter(([name]) => !listed.has(name))
  const stale = [...listed].filter((name) => !failures.has(name))
  return [
    ...unexpected.map(([name, reason]) => `fails and is not in deviations.md: ${name}: ${reason}`),
    ...stale.map((name) => `is in deviations.md and does not fail: ${name}`),
  ]
}
