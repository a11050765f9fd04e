import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import type { Socket } from 'node:net'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { beforeEach, describe } from 'vitest'
import { requires } from '../requirements.ts'
import { RunningProcess } from './running-process.ts'

export { type Finished, RunningProcess } from './running-process.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))
const AS_ROOT = process.getuid?.() === 0
/** Gives a child a death signal of its own, so that it does not outlive a test runner that is killed. */
const BIND_LIFE = works('setpriv', ['--pdeathsig', 'KILL', 'true']) ? ['setpriv', '--pdeathsig', 'KILL', '--'] : []

export interface RunOptions {
  /** Written to standard input, which is then closed. */
  input?: string | Uint8Array
  /** Milliseconds; default 30,000. */
  timeout?: number
  /** Resolves also when the command fails, instead of rejecting with its output. */
  allowFailure?: boolean
  environment?: Record<string, string>
}

/**
 * A private network namespace for one test, with its loopback up and nothing else in it: no route leads out. A process
 * of ours holds it open, so that it goes when the test ends in whatever way; where we are not root, it lies in a user
 * namespace in which we are.
 *
 *     await using namespace = await Namespace.create()
 *     await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
 *     const service = namespace.spawnNode('test/tap/echo.ts', ['tap0'])
 *     await service.waitFor('ready')
 *     await namespace.run('ping', ['-c', '3', '10.0.0.2'])
 *
 * Joining two of them: `await a.run('ip', ['link', 'add', 'v0', 'type', 'veth', 'peer', 'v1', 'netns', `${b.pid}`])`.
 */
export class Namespace implements AsyncDisposable {
  /** A process inside it, by which `ip` and `nsenter` name it. */
  readonly pid: number
  readonly #holder: ChildProcess
  readonly #processes = new Set<RunningProcess>()

  static async create(): Promise<Namespace> {
    const enter = AS_ROOT ? [] : ['nsenter', `--user=${await userNamespace()}`, '--preserve-credentials']
    return new Namespace(await hold([...enter, 'unshare', '--net'], 'ip link set lo up'))
  }

  private constructor(holder: ChildProcess) {
    this.#holder = holder
    this.pid = holder.pid!
  }

  /** Runs a command to its end. @throws Error with its output when it fails or takes too long */
  async run(command: string, args: readonly string[] = [], options: RunOptions = {}) {
    const running = this.spawn(command, args, options)
    running.endInput(options.input)
    const finished = await running.finish(options.timeout ?? 30_000)
    if (finished.status !== 0 && !options.allowFailure)
      throw new Error(`${[command, ...args].join(' ')}: ${finished.describe()}`)
    return finished
  }

  /** Starts a command, which is killed at the latest when the namespace is disposed of. */
  spawn(command: string, args: readonly string[] = [], options: RunOptions = {}): RunningProcess {
    const enter = ['nsenter', '--target', String(this.pid), '--net']
    if (!AS_ROOT) enter.push('--user', '--preserve-credentials')
    const [first, ...rest] = [...BIND_LIFE, ...enter, '--', command, ...args]
    const child = spawn(first, rest, {
      cwd: ROOT,
      env: { ...process.env, ...options.environment },
      stdio: ['pipe', 'pipe', 'pipe'],
    })
    const running = new RunningProcess(child, () => this.#processes.delete(running))
    this.#processes.add(running)
    return running
  }

  /** Starts a TypeScript or JavaScript file, given relative to the repository's root, in Node. */
  spawnNode(file: string, args: readonly string[] = [], options: RunOptions = {}): RunningProcess {
    return this.spawn(process.execPath, ['--import', import.meta.resolve('tsx'), file, ...args], options)
  }

  /** The same, run to its end. */
  runNode(file: string, args: readonly string[] = [], options: RunOptions = {}) {
    return this.run(process.execPath, ['--import', import.meta.resolve('tsx'), file, ...args], options)
  }

  /** Kills what still runs in it and lets it go. */
  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all([...this.#processes].map((running) => running.kill('SIGKILL')))
    if (this.#holder.exitCode !== null || this.#holder.signalCode !== null) return
    const gone = new Promise((resolve) => this.#holder.once('exit', resolve))
    this.#holder.kill('SIGKILL')
    await gone
  }
}

/** Starts a process that holds namespaces open: `cat` ends when the pipe to it does, that is, with us at the latest. */
async function hold(enter: readonly string[], prepare: string): Promise<ChildProcess> {
  const [first, ...rest] = [...enter, 'sh', '-c', `${prepare} && echo ready && exec cat`]
  const holder = spawn(first!, rest, { stdio: ['pipe', 'pipe', 'inherit'] })
  const ready = await new Promise<boolean>((resolve) => {
    holder.stdout.once('data', () => resolve(true))
    holder.once('exit', () => resolve(false))
    holder.once('error', () => resolve(false))
  })
  if (!ready) throw new Error('a namespace could not be made')
  return holder
}

let sharedUserNamespace: Promise<string> | null = null

/**
 * The user namespace in which an ordinary user counts as root. One for all: only what lies in the same one may be moved
 * from one network namespace to another.
 */
function userNamespace(): Promise<string> {
  sharedUserNamespace ??= hold(['unshare', '--user', '--map-root-user'], 'true').then((holder) => {
    // Neither it nor its pipes keep the test runner.
    holder.unref()
    for (const stream of [holder.stdin, holder.stdout]) (stream as Socket).unref()
    return `/proc/${holder.pid}/ns/user`
  })
  return sharedUserNamespace
}

/**
 * `describe` for tests with namespaces and taps. Where these cannot be had, each test is reported as skipped, with the
 * reason.
 */
export function describeWithNamespaces(title: string, body: () => void): void {
  describe(title, () => {
    beforeEach((context) => requires(context, 'ip', 'unshare', 'nsenter', 'namespaces', 'tap'))
    body()
  })
}

/** Likewise, once for each of `cases`; `%s` in the title stands for it. */
describeWithNamespaces.each =
  <T>(cases: readonly T[]) =>
  (title: string, body: (value: T) => void): void => {
    for (const value of cases) describeWithNamespaces(title.replace('%s', String(value)), () => body(value))
  }

function works(command: string, args: string[]): boolean {
  return spawnSync(command, args, { stdio: 'ignore' }).status === 0
}
