import type { ChildProcess } from 'node:child_process'

/** How a process ended. */
export class Finished {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string

  constructor(status: number | null, signal: NodeJS.Signals | null, stdout: string, stderr: string) {
    this.status = status
    this.signal = signal
    this.stdout = stdout
    this.stderr = stderr
  }

  /** The end of it and its output, for messages. */
  describe(): string {
    return `ended with ${this.signal ?? this.status}\n${this.stdout}${this.stderr}`
  }
}

/** A child process whose output is kept, and which can be waited for in several ways. */
export class RunningProcess implements AsyncDisposable {
  readonly pid: number
  stdout = ''
  stderr = ''
  /** Resolves, and never rejects, when the process has ended and all its output is here. */
  readonly finished: Promise<Finished>
  readonly #child: ChildProcess
  #watchers: (() => void)[] = []
  #ended = false

  constructor(child: ChildProcess, onEnd: () => void) {
    this.#child = child
    this.pid = child.pid ?? -1
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      this.stdout += text
      this.#notify()
    })
    child.stderr!.setEncoding('utf8').on('data', (text: string) => {
      this.stderr += text
      this.#notify()
    })
    // A child that ends before it has read its input is no failure of ours.
    child.stdin!.on('error', () => {})
    this.finished = new Promise((resolve) => {
      const end = (status: number | null, signal: NodeJS.Signals | null) => {
        this.#ended = true
        onEnd()
        this.#notify()
        resolve(new Finished(status, signal, this.stdout, this.stderr))
      }
      child.once('close', end)
      child.once('error', (error) => {
        this.stderr += error.message
        end(127, null)
      })
    })
  }

  get hasEnded(): boolean {
    return this.#ended
  }

  /** Writes to its standard input. */
  write(data: string | Uint8Array): void {
    this.#child.stdin!.write(data)
  }

  endInput(data?: string | Uint8Array): void {
    if (data === undefined) this.#child.stdin!.end()
    else this.#child.stdin!.end(data)
  }

  /**
   * Waits until its standard output has `pattern` in it.
   * @param timeout milliseconds
   * @returns what matched
   * @throws Error with its output when it ends before, or in time does not print it
   */
  async waitFor(pattern: string | RegExp, timeout = 25_000): Promise<RegExpMatchArray> {
    const expression = typeof pattern === 'string' ? new RegExp(quoted(pattern)) : pattern
    const deadline = Date.now() + timeout
    for (;;) {
      const match = this.stdout.match(expression)
      if (match !== null) return match
      if (this.#ended) throw new Error(`ended without printing ${pattern}: ${(await this.finished).describe()}`)
      const left = deadline - Date.now()
      if (left <= 0) throw new Error(`did not print ${pattern} in ${timeout} ms:\n${this.stdout}${this.stderr}`)
      await this.#change(left)
    }
  }

  /** Waits for its end, and kills it after `timeout` milliseconds. @throws Error when it had to be killed */
  async finish(timeout: number): Promise<Finished> {
    let late = false
    const timer = setTimeout(() => {
      late = true
      this.#child.kill('SIGKILL')
    }, timeout)
    const finished = await this.finished
    clearTimeout(timer)
    if (late) throw new Error(`still ran after ${timeout} ms: ${finished.describe()}`)
    return finished
  }

  /** Sends a signal without waiting. */
  signal(name: NodeJS.Signals): void {
    this.#child.kill(name)
  }

  /** Sends a signal and waits for the end, which SIGKILL brings about after 5 seconds. */
  async kill(name: NodeJS.Signals = 'SIGTERM'): Promise<Finished> {
    if (!this.#ended) this.#child.kill(name)
    const timer = setTimeout(() => this.#child.kill('SIGKILL'), 5_000)
    const finished = await this.finished
    clearTimeout(timer)
    return finished
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill('SIGKILL')
  }

  #notify(): void {
    const watchers = this.#watchers
    this.#watchers = []
    for (const watcher of watchers) watcher()
  }

  /** Resolves at the next output, at the end, or after `limit` milliseconds. */
  #change(limit: number): Promise<void> {
    return new Promise((resolve) => {
      const timer = setTimeout(resolve, limit)
      this.#watchers.push(() => {
        clearTimeout(timer)
        resolve()
      })
    })
  }
}

function quoted(text: string): string {
  return text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')
}
