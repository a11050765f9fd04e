/**
 * A link in a namespace of its own, with the kernel on it (`fd00::1`) and any number of our hosts, of routers and of other
 * kernels: `bridge` joins their devices. Everything ends with the link.
 */
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Namespace, type RunOptions } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'

const PROGRAMS = 'test/ipv6/programs'

/** What every trial needs, for `requires`, with the programs that one uses besides. */
export function needs(...programs: string[]): string[] {
  return ['ip', 'unshare', 'nsenter', 'namespaces', 'tap', 'kernel IPv6', ...programs]
}

export interface HostReport {
  mac: string
  /** Seconds that are left, null for ever. */
  addresses: { address: string; state: string; origin: string; preferred: number | null; valid: number | null }[]
  neighbors: { address: string; state: string; isRouter: boolean }[]
  router: string | null
  dnsServers: string[]
  searchList: string[]
  hopLimit: number
  mtu: number
  discovery: Record<string, number>
  ipv6: Record<string, number>
  fragments: Record<string, number>
  packets: number
  connections: number
  heap: number
  paths: number
  problems: string[]
}

/** Options of `createStack`, and a MAC address of its own. */
export interface HostSettings {
  interface?: string
  mac?: string
  ipv6?: string
  ipv6Settings?: Record<string, unknown>
  [option: string]: unknown
}

/** `programs/host.ts`. */
export class TrialHost implements AsyncDisposable {
  readonly process: RunningProcess
  #asking: Promise<unknown> = Promise.resolve()

  constructor(running: RunningProcess) {
    this.process = running
  }

  /** What it answers to one command, one at a time. */
  ask<Answer>(command: Record<string, unknown>): Promise<Answer> {
    const answer = this.#asking.then(async () => {
      const before = this.process.stdout.length
      this.process.write(`${JSON.stringify(command)}\n`)
      await this.process.waitFor(new RegExp(`^[^]{${before}}[^]*^answer .*\\n`, 'm'))
      return JSON.parse(/^answer (.*)$/m.exec(this.process.stdout.slice(before))![1]) as Answer
    })
    this.#asking = answer.catch(() => {})
    return answer
  }

  report(): Promise<HostReport> {
    return this.ask<HostReport>({ do: 'report' })
  }

  /** Its address that begins so, in one of these states. */
  async address(prefix: string, ...states: string[]): Promise<string> {
    const { addresses } = await this.report()
    const own = addresses.find(({ address, state }) => address.startsWith(prefix) && states.includes(state))
    if (own === undefined) throw new Error(`no address ${prefix}... is ${states}: ${JSON.stringify(addresses)}`)
    return own.address
  }

  /** Waits until this became of an address; `added` when it may be used. */
  waitForAddress(type: string, address: string | RegExp, timeout = 10_000): Promise<RegExpMatchArray> {
    const text = typeof address === 'string' ? address.replaceAll('.', '\\.') : address.source
    return this.process.waitFor(new RegExp(`^address ${type} (${text})/`, 'm'), timeout)
  }

  /** What it said that it should not have. */
  get complaints(): string {
    return this.process.stderr
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.process.kill('SIGTERM')
  }
}

/** A network namespace that is joined to the bridge by its `eth0`. */
export class Neighbour {
  readonly namespace: Namespace
  readonly #folder: string
  #files = 0

  constructor(namespace: Namespace, folder: string) {
    this.namespace = namespace
    this.#folder = folder
  }

  /** Starts `radvd` with this said of its interface; ends it with `kill('SIGTERM')`, which takes back what it said. */
  async advertise(settings: string): Promise<RunningProcess> {
    const file = join(this.#folder, `radvd-${this.namespace.pid}-${this.#files++}.conf`)
    writeFileSync(file, `interface eth0 { AdvSendAdvert on; ${settings} };\n`)
    const radvd = this.namespace.spawn('radvd', ['-n', '-d', '1', '-m', 'stderr', '-C', file, '-p', `${file}.pid`])
    // It says so on standard error.
    await eventually(() => {
      if (!radvd.stderr.includes('syntax ok')) throw new Error(`radvd: ${radvd.stderr}`)
    })
    return radvd
  }
}

export class Ipv6TrialLink implements AsyncDisposable {
  readonly namespace: Namespace
  /** Where the kernel has its address. */
  readonly device: string
  readonly #folder = mkdtempSync(join(tmpdir(), 'tapstack-ipv6-'))
  readonly #neighbours: Neighbour[] = []

  static async create({ taps = 1, bridge = false } = {}): Promise<Ipv6TrialLink> {
    const namespace = await Namespace.create()
    const link = new Ipv6TrialLink(namespace, bridge ? 'br0' : 'tap0')
    if (bridge) {
      await link.run('ip', ['link', 'add', 'br0', 'type', 'bridge', 'mcast_snooping', '0', 'forward_delay', '0'])
    }
    for (let i = 0; i < taps; i++) {
      await link.run('ip', ['tuntap', 'add', `tap${i}`, 'mode', 'tap'])
      if (bridge) await link.run('ip', ['link', 'set', `tap${i}`, 'master', 'br0'])
      await link.run('ip', ['link', 'set', `tap${i}`, 'up'])
    }
    if (bridge) await link.run('ip', ['link', 'set', 'br0', 'up'])
    await link.run('ip', ['address', 'add', 'fd00::1/64', 'dev', link.device, 'nodad'])
    return link
  }

  private constructor(namespace: Namespace, device: string) {
    this.namespace = namespace
    this.device = device
  }

  run(command: string, args: readonly string[], options: RunOptions = {}) {
    return this.namespace.run(command, args, options)
  }

  /** Starts one of our hosts, by default on tap0; its addresses are not checked yet. */
  async host(settings: HostSettings): Promise<TrialHost> {
    const running = this.namespace.spawnNode(`${PROGRAMS}/host.ts`, [JSON.stringify(settings)])
    await running.waitFor('ready')
    return new TrialHost(running)
  }

  /** Another kernel on the bridge. @param mac of its `eth0` */
  async join(name: string, mac: string): Promise<Neighbour> {
    const namespace = await Namespace.create()
    const end = ['peer', 'name', 'eth0', 'address', mac, 'netns', String(namespace.pid)]
    await this.run('ip', ['link', 'add', name, 'type', 'veth', ...end])
    await this.run('ip', ['link', 'set', name, 'master', 'br0'])
    await this.run('ip', ['link', 'set', name, 'up'])
    await namespace.run('ip', ['link', 'set', 'eth0', 'up'])
    const neighbour = new Neighbour(namespace, this.#folder)
    this.#neighbours.push(neighbour)
    return neighbour
  }

  /** Frames sent and received through the kernel's end of a device, see `programs/raw-wire.c`. */
  async rawWire(device = 'tap0'): Promise<RawWire> {
    const program = join(this.#folder, 'raw-wire')
    const source = fileURLToPath(new URL('programs/raw-wire.c', import.meta.url))
    execFileSync('cc', ['-std=gnu11', '-O2', '-Wall', '-o', program, source])
    const running = this.namespace.spawn(program, [device])
    await running.waitFor('ready')
    return new RawWire(running)
  }

  async ping(address: string, ...options: string[]): Promise<string> {
    return (await this.run('ping', ['-6', '-q', ...options, address])).stdout
  }

  /** The line of the kernel's neighbour table, or ''. */
  async neighbourEntry(address: string): Promise<string> {
    return (await this.run('ip', ['-6', 'neighbor', 'show', address, 'dev', this.device])).stdout.trim()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const { namespace } of this.#neighbours) await namespace[Symbol.asyncDispose]()
    await this.namespace[Symbol.asyncDispose]()
    rmSync(this.#folder, { recursive: true })
  }
}

export class RawWire implements AsyncDisposable {
  readonly #process: RunningProcess
  #from = 0

  constructor(running: RunningProcess) {
    this.#process = running
    this.#from = running.stdout.length
  }

  send(...frames: Uint8Array[]): void {
    for (const frame of frames) this.#process.write(`${Buffer.from(frame).toString('hex')}\n`)
  }

  /** What came in since the last call. */
  take(): Uint8Array[] {
    const text = this.#process.stdout.slice(this.#from)
    const whole = text.slice(0, text.lastIndexOf('\n') + 1)
    this.#from += whole.length
    return whole
      .split('\n')
      .filter((line) => line !== '')
      .map((line) => Uint8Array.from(Buffer.from(line, 'hex')))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process.kill()
  }
}

/** Waits until a check holds, at most so long. @throws what the check threw last */
export async function eventually(check: () => Promise<void> | void, milliseconds = 5000): Promise<void> {
  const end = Date.now() + milliseconds
  for (;;) {
    try {
      await check()
      return
    } catch (error) {
      if (Date.now() > end) throw error
      await new Promise((resolve) => setTimeout(resolve, 100))
    }
  }
}
