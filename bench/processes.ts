import { type ChildProcess, execFileSync, spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'

const READY_MILLISECONDS = 15_000
const STOP_MILLISECONDS = 5_000

/** Every process of the bench that still runs; what ends the bench early ends these too. */
const running = new Set<ChildProcess>()

export function killAll(): void {
  for (const child of running) child.kill('SIGKILL')
}

export function runningPids(): number[] {
  return [...running].map((child) => child.pid!)
}

/** The processors that this process may use. */
function allowedProcessors(): number[] {
  const list = /Cpus_allowed_list:\s*(\S+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1] ?? '0'
  return list.split(',').flatMap((range) => {
    const [first, last = first] = range.split('-').map(Number)
    return Array.from({ length: last - first + 1 }, (_, i) => first + i)
  })
}

/**
 * Where subject and load generator run. Left to itself, the scheduler now puts them on one core and now on two, and a
 * wake-up from core to core costs 50 us and more in a virtual machine: figures would jump by factors from round to round.
 */
export type Placement = 'together' | 'apart' | 'free'

const processors = allowedProcessors()

function generatorProcessor(placement: Placement): number | null {
  return placement === 'free' ? null : processors[0]
}

function subjectProcessor(placement: Placement): number | null {
  return placement === 'free' ? null : processors[placement === 'together' ? 0 : Math.min(1, processors.length - 1)]
}

function inNamespace(namespace: string, processor: number | null, command: string, parameters: string[]): ChildProcess {
  const pinned = processor === null ? [] : ['taskset', '-c', String(processor)]
  const whole = ['netns', 'exec', namespace, ...pinned, command, ...parameters]
  const child = spawn('ip', whole, { stdio: ['ignore', 'pipe', 'pipe'] })
  running.add(child)
  child.on('exit', () => running.delete(child))
  return child
}

/** Collects what a child writes, up to a bound. */
function collect(stream: NodeJS.ReadableStream): { text: string } {
  const collected = { text: '' }
  stream.on('data', (data: Buffer) => {
    if (collected.text.length < 1_000_000) collected.text += data.toString()
  })
  return collected
}

export interface Finished {
  readonly code: number | null
  readonly output: string
  readonly complaints: string
}

/**
 * Runs a command inside a namespace to its end.
 * @param seconds after which it is killed
 * @throws Error when it did not end by then
 */
export async function run(
  namespace: string,
  placement: Placement,
  command: string,
  parameters: string[],
  seconds: number,
): Promise<Finished> {
  const child = inNamespace(namespace, generatorProcessor(placement), command, parameters)
  const output = collect(child.stdout!)
  const complaints = collect(child.stderr!)
  let late = false
  const timer = setTimeout(() => {
    late = true
    child.kill('SIGKILL')
  }, seconds * 1000)
  const code = await new Promise<number | null>((resolve, reject) => {
    child.on('error', reject)
    child.on('close', resolve)
  })
  clearTimeout(timer)
  if (late) throw new Error(`${command} did not end within ${seconds} s`)
  return { code, output: output.text, complaints: complaints.text }
}

/** A process that serves, inside a namespace, until it is stopped: a subject of the bench, or what stands before it. */
export class Subject {
  private readonly child: ChildProcess
  private readonly output: { text: string }
  private readonly complaints: { text: string }
  private readonly ended: Promise<number | null>

  constructor(namespace: string, command: string, parameters: string[]) {
    this.child = inNamespace(namespace, null, command, parameters)
    this.output = collect(this.child.stdout!)
    this.complaints = collect(this.child.stderr!)
    this.ended = new Promise((resolve) => this.child.on('close', resolve))
  }

  /** @throws Error with what the subject complained about, when it ended or said nothing for 15 s */
  async ready(): Promise<void> {
    const finish = Date.now() + READY_MILLISECONDS
    while (!this.output.text.includes('ready\n')) {
      if (this.child.exitCode !== null || this.child.signalCode !== null) {
        await this.ended
        throw new Error(`the subject ended before it was ready:\n${this.complaints.text.trim()}`)
      }
      if (Date.now() > finish) throw new Error(`the subject was not ready after 15 s: ${this.complaints.text.trim()}`)
      await new Promise((resolve) => setTimeout(resolve, 5))
    }
  }

  /** Only its main thread: V8's helpers (garbage collection, compilation) may use what is free, as they always do. */
  place(placement: Placement): void {
    const processor = subjectProcessor(placement)
    if (processor !== null)
      execFileSync('taskset', ['-pc', String(processor), String(this.child.pid)], { stdio: 'ignore' })
  }

  /** `ip netns exec` becomes the command that it runs, so the child is the subject itself. */
  get pid(): number {
    return this.child.pid!
  }

  /** Waits until it ends by itself, and returns what it printed. @throws Error when it does not within `seconds` */
  async finished(seconds: number): Promise<string> {
    const timer = setTimeout(() => this.child.kill('SIGKILL'), seconds * 1000)
    const code = await this.ended
    clearTimeout(timer)
    if (code !== 0) throw new Error(`the subject ended with ${code ?? 'a signal'}: ${this.complaints.text.trim()}`)
    return this.output.text
  }

  /**
   * Ends it, hard after 5 s.
   * @returns what it printed after it was ready
   * @throws Error when it had already ended, or ended with an exit code other than 0
   */
  async stop(): Promise<string> {
    const early = this.child.exitCode !== null || this.child.signalCode !== null
    this.child.kill('SIGTERM')
    const timer = setTimeout(() => this.child.kill('SIGKILL'), STOP_MILLISECONDS)
    const code = await this.ended
    clearTimeout(timer)
    if (early || code !== 0) {
      const how = early ? 'died under load' : `did not stop cleanly (${code ?? 'killed after 5 s'})`
      throw new Error(`the subject ${how}:\n${this.complaints.text.trim()}`)
    }
    if (this.complaints.text !== '') process.stderr.write(this.complaints.text)
    return this.output.text.replace('ready\n', '')
  }
}
