/** Where programs as they are run on a stack of ours, with servers and clients of the kernel's at the other end of a tap. */
import { chmodSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { expect } from 'vitest'
import { registerOptions } from '../node/register-options.ts'
import { Namespace, type RunningProcess, type RunOptions } from '../support/namespace.ts'

export const KERNEL = '10.0.0.1'
export const STACK = '10.0.0.2'
export const KERNEL6 = 'fd00::1'
export const STACK6 = 'fd00::2'

const REGISTER = registerOptions()
const ADDRESSES = { TAPSTACK_INTERFACE: 'tap0', TAPSTACK_IPV4: `${STACK}/24`, TAPSTACK_IPV6: `${STACK6}/64` }
/** What `strace` says of a socket of the Internet. */
const INTERNET = /AF_INET6?\b/

export interface ProgramOptions extends RunOptions {
  /** How many descriptors it may have. */
  descriptors?: number
}

/**
 * A network namespace with a tap device: the kernel at its one end, a program on the stack at the other. Each program is
 * watched, and at the end it is checked that none of them has opened a socket of the Internet.
 */
export class TapLink implements AsyncDisposable {
  readonly namespace: Namespace
  /** For files; gone at the end. */
  readonly folder: string
  /** Those on the stack, each with the file in which its calls are. */
  readonly programs: { readonly process: RunningProcess; readonly calls: string }[] = []

  static async create(): Promise<TapLink> {
    const namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'dev', 'tap0', 'mode', 'tap'])
    await namespace.run('ip', ['address', 'add', `${KERNEL}/24`, 'dev', 'tap0'])
    await namespace.run('ip', ['address', 'add', `${KERNEL6}/64`, 'dev', 'tap0', 'nodad'])
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
    return new TapLink(namespace)
  }

  private constructor(namespace: Namespace) {
    this.namespace = namespace
    this.folder = mkdtempSync(join(tmpdir(), 'tapstack-programs-'))
    // Servers that run as somebody else have files in it.
    chmodSync(this.folder, 0o755)
  }

  /** Starts a program of the folder `programs` on a stack at `STACK` and `STACK6`. */
  program(file: string, words: readonly string[] = [], options: ProgramOptions = {}): RunningProcess {
    return this.#watched([process.execPath, ...REGISTER, path(file), ...words], options)
  }

  /** Starts an example, as `tapstack run` does. */
  example(file: string, words: readonly string[]): RunningProcess {
    return this.#watched([process.execPath, 'bin/tapstack.mjs', 'run', `examples/${file}`, ...words], {})
  }

  #watched(command: readonly string[], options: ProgramOptions): RunningProcess {
    const calls = join(this.folder, `calls-${this.programs.length}`)
    // As a grandchild (-D), so that it is the program that is ended in the end.
    const strace = ['strace', '-D', '-f', '--seccomp-bpf', '-qq', '-e', 'trace=socket', '-o', calls]
    const limit = options.descriptors === undefined ? [] : ['prlimit', `--nofile=${options.descriptors}`, '--']
    const [first, ...rest] = [...limit, ...strace, ...command]
    const environment = { ...ADDRESSES, ...options.environment }
    const program = this.namespace.spawn(first, rest, { ...options, environment })
    this.programs.push({ process: program, calls })
    return program
  }

  /** Starts one on the kernel's stack. */
  kernelProgram(file: string, words: readonly string[] = [], options: ProgramOptions = {}): RunningProcess {
    const limit = options.descriptors === undefined ? [] : ['prlimit', `--nofile=${options.descriptors}`, '--']
    const [first, ...rest] = [...limit, process.execPath, path(file), ...words]
    return this.namespace.spawn(first, rest, options)
  }

  /** What `curl` gets. */
  async curl(...words: string[]): Promise<string> {
    return (await this.namespace.run('curl', ['-sS', '--max-time', '30', ...words])).stdout
  }

  /** Waits until a server of the kernel's listens. @throws Error with its output if it has ended */
  async untilOpen(server: RunningProcess, address: string, port: number): Promise<void> {
    for (let isOpen = false; !isOpen; ) {
      const tried = this.namespace.run('nc', ['-z', address, String(port)], { allowFailure: true })
      const ended = await Promise.race([server.finished, tried.then(() => null)])
      if (ended !== null) throw new Error(ended.describe())
      isOpen = (await tried).status === 0
    }
  }

  /** The calls by which programs of the stack have opened sockets of the Internet. */
  internetSockets(): string[] {
    const calls = this.programs.map(({ calls }) => readFileSync(calls, 'utf8').split('\n'))
    return calls.flat().filter((call) => INTERNET.test(call))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.namespace[Symbol.asyncDispose]()
    const sockets = this.internetSockets()
    rmSync(this.folder, { recursive: true, force: true })
    expect(sockets).toEqual([])
  }
}

function path(file: string): string {
  return fileURLToPath(new URL(`programs/${file}`, import.meta.url))
}
