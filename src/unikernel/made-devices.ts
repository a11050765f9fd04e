import type { Clock, Random } from '../clock/index.ts'
import type { CreateStackOptions, Stack } from '../stack/index.ts'
import type { BootValues } from './boot-arguments.ts'
import type { Reports } from './crash-report.ts'
import {
  type Device,
  devicesInOrder,
  inGroupOf,
  isStackDevice,
  type StackDevice,
  valuesOfStack,
} from './devices/index.ts'
import { kernelHasAddress } from './kernel-address.ts'
import type { Logs } from './logs.ts'
import { stackOptions } from './stack-arguments.ts'
import { TrackedStack } from './tracked-stack.ts'
import type { Unikernel } from './unikernel.ts'
import { unusedOfStack } from './unused-arguments.ts'

export type RunValues = BootValues & Readonly<Record<string, unknown>> & { given: ReadonlySet<string> }

export interface MadeStack {
  readonly device: StackDevice
  readonly stack: Stack
  /** What the application sees of it. */
  readonly tracked: TrackedStack
  /** The values of its own arguments, by their names without a group. */
  readonly values: BootValues
}

export interface MakeDevicesOptions {
  readonly values: RunValues
  readonly logs: Logs
  readonly signal: AbortSignal
  /** Default: that of the stack's folder, loaded when it is needed. */
  readonly createStack: ((options: CreateStackOptions) => Promise<Stack>) | undefined
  /** The sandbox's tap device; undefined outside of one. */
  readonly sandboxInterface: string | undefined
  /** Keeps the last frames of each stack. */
  readonly reports: Reports
}

/** The devices of a run, from their making to their end. */
export class MadeDevices {
  readonly stacks: MadeStack[] = []
  /** Whether the stacks are those of `createStack`, and not somebody's own. */
  get areOurs(): boolean {
    return this.#options.createStack === undefined
  }

  readonly #unikernel: Unikernel
  readonly #options: MakeDevicesOptions
  readonly #made = new Map<Device<unknown>, unknown>()
  readonly #onClose: (() => unknown)[] = []
  readonly #onClosing: ((grace: number) => Promise<unknown>)[] = []
  #time: { clock: Clock; random: Random } | null = null

  constructor(unikernel: Unikernel, options: MakeDevicesOptions) {
    this.#unikernel = unikernel
    this.#options = options
  }

  /** Makes all stacks, or none. @throws as `createStack` */
  async makeStacks(): Promise<void> {
    const { values, logs, signal, sandboxInterface } = this.#options
    const devices = devicesInOrder(this.#unikernel.devices).filter(isStackDevice)
    if (devices.length === 0) return
    // Loaded here, so that `--help` and a bad argument do not wait for the whole stack.
    const create = this.#options.createStack ?? (await import('../stack/index.ts')).createStack
    try {
      for (const device of devices) {
        const own = valuesOfStack(device, values)
        for (const each of unusedOfStack(own, sandboxInterface)) logs('unikernel').warn(inGroupOf(device, each))
        const settings = await stackOptions(own, logs, sandboxInterface, signal)
        // Whoever brings a way to make stacks of their own has frames of their own, too.
        const isOurs = this.#options.createStack === undefined && settings.net === 'direct'
        const conflict = isOurs ? kernelHasAddress(own) : null
        if (conflict !== null) logs('unikernel').warn(inGroupOf(device, conflict))
        const recent = isOurs ? { recentFrames: this.#options.reports.keepFramesOf(device.group) } : {}
        const stack = await create({ ...settings, ...recent })
        const tracked = new TrackedStack(stack)
        this.stacks.push({ device, stack, tracked, values: own })
        this.#made.set(device, tracked)
      }
    } catch (error) {
      await this.closeStacks(0).catch(() => {})
      throw error
    }
  }

  /**
   * Makes the other devices.
   * @returns what `start` gets of them
   */
  async makeOthers(): Promise<Record<string, unknown>> {
    const { values, logs, signal } = this.#options
    const { name, devices } = this.#unikernel
    for (const device of devicesInOrder(devices)) {
      if (this.#made.has(device)) continue
      const { clock, random } = await this.#timeAndChance()
      const made = await device.create({
        uses: this.#valuesOf(device.uses),
        arguments: Object.fromEntries(Object.keys(device.arguments).map((each) => [each, values[each]])),
        log: logs(name),
        logs,
        clock,
        random,
        signal,
        name: values.name,
        application: name,
        onClosing: (handler) => this.#onClosing.push(handler),
        onClose: (handler) => this.#onClose.push(handler),
      })
      this.#made.set(device, made)
    }
    return this.#valuesOf(devices)
  }

  /** Rejects when a stack loses its interface, resolves when all of them have closed; never without one. */
  get stacksClosed(): Promise<unknown> {
    const closed = this.stacks.map(({ stack }) => stack.closed)
    return closed.length === 0 ? new Promise(() => {}) : Promise.all(closed)
  }

  /** Resolves as soon as nothing is open on any stack. */
  async idle(): Promise<void> {
    for (let open = true; open; ) {
      await Promise.all(this.stacks.map(({ tracked }) => tracked.idle()))
      open = this.stacks.some(({ tracked }) => !tracked.isIdle)
    }
  }

  /** Has the devices send what they still have. */
  async finish(grace: number): Promise<void> {
    await Promise.allSettled(this.#onClosing.splice(0).map((handler) => handler(grace)))
  }

  /** @throws the first of their errors, when all have closed */
  async closeStacks(grace: number): Promise<void> {
    const results = await Promise.allSettled(this.stacks.map(({ stack }) => stack.close(grace)))
    for (const result of results) if (result.status === 'rejected') throw result.reason
  }

  /** Of the others, when the stacks have closed. @throws the first of their errors, when all have closed */
  async closeOthers(): Promise<void> {
    const errors: unknown[] = []
    for (const handler of this.#onClose.splice(0).reverse()) {
      try {
        await handler()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }

  #valuesOf(devices: Readonly<Record<string, Device<unknown>>>): Record<string, unknown> {
    return Object.fromEntries(Object.entries(devices).map(([name, device]) => [name, this.#made.get(device)]))
  }

  async #timeAndChance(): Promise<{ clock: Clock; random: Random }> {
    if (this.#time === null) {
      const { HostClock, SecureRandom } = await import('../clock/index.ts')
      const clock = new HostClock()
      this.#time = { clock, random: new SecureRandom() }
      this.#onClose.push(() => clock.close())
    }
    return this.#time
  }
}
