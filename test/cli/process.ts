import { type ChildProcess, type SpawnOptions, spawn } from 'node:child_process'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { onTestFinished } from 'vitest'

export const root = fileURLToPath(new URL('../../', import.meta.url))
export const tapstack = fileURLToPath(new URL('../../bin/tapstack.mjs', import.meta.url))

if (!existsSync(`${root}dist/cli/main.js`)) {
  throw new Error('These tests run what is built: start them with `npm test`, or `npm run build` first.')
}

export interface Outcome {
  /** Null if a signal ended it. */
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A program started by a test, which collects its output and ends with the test at the latest. */
export class Running {
  readonly process: ChildProcess
  readonly ended: Promise<Outcome>
  stdout = ''
  stderr = ''

  constructor(command: string, words: readonly string[], options: SpawnOptions & { input?: string } = {}) {
    const { input, ...rest } = options
    this.process = spawn(command, words, { stdio: ['pipe', 'pipe', 'pipe'], ...rest })
    // A test that was given up may leave it, and what it has started.
    onTestFinished(() => {
      if (this.process.pid === undefined || this.process.exitCode !== null || this.process.signalCode !== null) return
      for (const pid of [this.process.pid, ...descendants(this.process.pid)]) {
        try {
          process.kill(pid, 'SIGKILL')
        } catch {
          // It has ended meanwhile.
        }
      }
    })
    this.process.stdin?.on('error', () => {})
    this.process.stdin?.end(input)
    this.process.stdout?.on('data', (chunk) => {
      this.stdout += chunk
    })
    this.process.stderr?.on('data', (chunk) => {
      this.stderr += chunk
    })
    this.ended = this.#ending()
  }

  async #ending(): Promise<Outcome> {
    const closed = new Promise((resolve) => this.process.on('close', resolve))
    const code = await new Promise<number | null>((resolve, reject) => {
      this.process.on('error', reject)
      this.process.on('exit', resolve)
    })
    // The pipes may live on in a process that was left behind, which is for the test to find out.
    await Promise.race([closed, new Promise((resolve) => setTimeout(resolve, 500))])
    return { code, stdout: this.stdout, stderr: this.stderr }
  }

  get pid(): number {
    return this.process.pid!
  }

  /** Waits until the program has said something. */
  async says(text: string | RegExp, timeout = 20_000): Promise<void> {
    const seen = () => (typeof text === 'string' ? this.stdout.includes(text) : text.test(this.stdout))
    let over = false
    this.ended.then(() => {
      over = true
    })
    await until(
      () => seen() || over,
      timeout,
      () => `it to say ${text}; it said:\n${this.stdout}${this.stderr}`,
    )
    if (!seen()) throw new Error(`It ended without saying ${text}:\n${this.stdout}${this.stderr}`)
  }
}

/** Runs `tapstack` to its end. */
export function runTapstack(
  words: readonly string[],
  options: SpawnOptions & { input?: string } = {},
): Promise<Outcome> {
  return new Running(process.execPath, [tapstack, ...words], options).ended
}

export async function until(condition: () => boolean, timeout: number, what: () => string): Promise<void> {
  const giveUpAt = performance.now() + timeout
  while (!condition()) {
    if (performance.now() > giveUpAt) throw new Error(`Waited ${timeout} ms for ${what()}`)
    await new Promise((resolve) => setTimeout(resolve, 20))
  }
}

/** The processes that descend from one, by their numbers on the host. */
export function descendants(pid: number): number[] {
  const children = new Map<number, number[]>()
  for (const name of readdirSync('/proc')) {
    if (!/^\d+$/.test(name)) continue
    try {
      // The command's name stands in parentheses and may hold anything; the parent is the second field after it.
      const stat = readFileSync(`/proc/${name}/stat`, 'latin1')
      const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1])
      children.set(parent, [...(children.get(parent) ?? []), Number(name)])
    } catch {
      // It has ended meanwhile.
    }
  }
  const found: number[] = []
  for (const queue = [pid]; queue.length > 0; ) {
    for (const child of children.get(queue.pop()!) ?? []) {
      found.push(child)
      queue.push(child)
    }
  }
  return found
}

/** Whether a process runs; one that has ended and was not waited for does not. */
export function isAlive(pid: number): boolean {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'latin1')
    return !/^[ZX]/.test(stat.slice(stat.lastIndexOf(')') + 2))
  } catch {
    return false
  }
}
