/** A service on tap0 in a namespace of its own, with a neighbour that sends raw frames and an honest one. */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Namespace } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'

const PROGRAMS = 'test/service/programs'

/** What `service.ts` says of itself. */
export interface ServiceReport {
  heap: number
  external: number
  packets: number
  connections: number
  timeWaits: number
  receiveBytes: number
  timeouts: number
  neighbors: number
  tcp: Record<string, number>
}

export class AttackedService implements AsyncDisposable {
  readonly namespace: Namespace
  readonly service: RunningProcess
  readonly #folder: string
  readonly #ourMac: string
  readonly #victimMac: string

  /** @param parameters of `service.ts` @param queueLength frames that may wait in the device; null for what it has */
  static async start(parameters: readonly string[] = [], queueLength: number | null = null): Promise<AttackedService> {
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-attack-'))
    const source = fileURLToPath(new URL('programs/attacker.c', import.meta.url))
    execFileSync('cc', ['-std=gnu11', '-O2', '-Wall', '-o', join(folder, 'attacker'), source])
    const namespace = await Namespace.create()
    await namespace.run('ip', ['tuntap', 'add', 'tap0', 'mode', 'tap'])
    await namespace.run('ip', ['address', 'add', '10.0.0.1/24', 'dev', 'tap0'])
    if (queueLength !== null) {
      await namespace.run('ip', ['link', 'set', 'tap0', 'txqueuelen', String(queueLength)])
    }
    await namespace.run('ip', ['link', 'set', 'tap0', 'up'])
    const service = namespace.spawnNode(`${PROGRAMS}/service.ts`, parameters)
    await service.waitFor('ready')
    await namespace.run('ping', ['-q', '-c', '1', '10.0.0.2'])
    const ourMac = macIn((await namespace.run('ip', ['link', 'show', 'tap0'])).stdout)
    const victimMac = macIn((await namespace.run('ip', ['neighbor', 'show', '10.0.0.2'])).stdout)
    return new AttackedService(namespace, service, folder, ourMac, victimMac)
  }

  private constructor(
    namespace: Namespace,
    service: RunningProcess,
    folder: string,
    ourMac: string,
    victimMac: string,
  ) {
    this.namespace = namespace
    this.service = service
    this.#folder = folder
    this.#ourMac = ourMac
    this.#victimMac = victimMac
  }

  /** Starts `programs/attacker.c`, which prints how many frames it has sent. */
  attack(kind: string, framesPerSecond: number, seconds: number, port = 0, peerPort = 0): RunningProcess {
    const frames = framesPerSecond * seconds
    return this.namespace.spawn(
      join(this.#folder, 'attacker'),
      [kind, frames, framesPerSecond, 'tap0', this.#ourMac, this.#victimMac, port, peerPort].map(String),
    )
  }

  /** Starts an honest client, `programs/bystander.ts`. */
  bystander(...parameters: (string | number)[]): RunningProcess {
    return this.namespace.spawnNode(`${PROGRAMS}/bystander.ts`, parameters.map(String))
  }

  async report(): Promise<ServiceReport> {
    const before = this.service.stdout.length
    this.service.write('report\n')
    await this.service.waitFor(new RegExp(`^[^]{${before}}[^]*report .*\\n`))
    return JSON.parse(/report (\{.*\})\n/.exec(this.service.stdout.slice(before))![1])
  }

  /** What the service has said but for what it was asked. */
  get complaints(): string {
    return this.service.stderr + this.service.stdout.replaceAll(/^(report \{.*\}|ready)\n/gm, '')
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.service.kill()
    await this.namespace[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true })
  }
}

function macIn(text: string): string {
  return /((?:[0-9a-f]{2}:){5}[0-9a-f]{2})/.exec(text)![1]
}
