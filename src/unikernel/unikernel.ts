import type { ApplicationLog } from '../log/index.ts'
import type { Stack } from '../stack/index.ts'
import { expectedBy } from './argument-types.ts'
import type { ArgumentDeclarations, ArgumentValues } from './arguments.ts'
import { type BootArguments, bootArguments, PROCESS_ARGUMENTS } from './boot-arguments.ts'
import { defaultsOf, optionName } from './command-line.ts'
import {
  argumentsOfStack,
  checkDevice,
  type Device,
  type DeviceDeclarations,
  type DeviceValues,
  devices,
  devicesInOrder,
  isStackDevice,
  type StackDevice,
} from './devices/index.ts'
import type { Lifecycle } from './lifecycle.ts'
import type { LogControl } from './log-control.ts'
import { NAME_ARGUMENTS } from './name-arguments.ts'

/** What every unikernel is started with. */
export interface UnikernelSetting<A extends ArgumentDeclarations = ArgumentDeclarations> {
  /** The parsed values of the declared arguments. */
  readonly arguments: ArgumentValues<A>
  /** Its source is the unikernel's name. */
  readonly log: ApplicationLog
  /** What is logged, of the application and of the layers below it. */
  readonly logs: LogControl
  /** Aborted by SIGINT and SIGTERM: finish what is under way, within `--grace`. */
  readonly signal: AbortSignal
  /** What this instance is called: `--name`. */
  readonly name: string
  readonly lifecycle: Lifecycle
}

/** What a unikernel is started with: its setting, and its devices by their names. */
export type UnikernelContext<
  A extends ArgumentDeclarations = ArgumentDeclarations,
  D extends DeviceDeclarations = { readonly stack: Device<Stack> },
> = UnikernelSetting<A> & DeviceValues<D>

/** What `unikernel` takes: the application, its arguments and its devices. */
export interface UnikernelOptions<
  A extends ArgumentDeclarations,
  D extends DeviceDeclarations = { readonly stack: Device<Stack> },
> {
  /** A short word, letters, digits and hyphens. */
  name: string
  /** One sentence for `--help`. */
  description?: string
  arguments?: A
  /** What `start` gets, by name; default `{ stack: devices.stack() }`. */
  devices?: D
  /**
   * The application. It goes on after this has returned for as long as a listener, a UDP socket or a flow of its stacks
   * is open, and ends with exit code 0. A number that it returns is the exit code, and then it ends at once; what it
   * throws becomes one line on the standard error and exit code 1.
   */
  start(context: UnikernelContext<A, D>): unknown
}

/** An application for a stack, made by `unikernel()`: what a file for `tapstack run` exports as default. */
export interface Unikernel {
  readonly name: string
  readonly description: string | undefined
  readonly arguments: ArgumentDeclarations
  readonly devices: DeviceDeclarations
  start(context: UnikernelSetting): unknown
}

// In the global registry, so that a unikernel is recognised across two copies of this package.
const MARK = Symbol.for('tapstack.unikernel')

/**
 * Declares an application.
 * @throws TypeError if its name or one of its arguments cannot be used
 */
export function unikernel<
  const A extends ArgumentDeclarations = Record<never, never>,
  const D extends DeviceDeclarations = { readonly stack: Device<Stack> },
>(options: UnikernelOptions<A, D>): Unikernel {
  const { name, description, start } = options
  // Written in JavaScript, anything may be missing.
  if (typeof start !== 'function') throw new TypeError(`start of a unikernel is a function, not ${typeof start}`)
  if (typeof name !== 'string' || !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(name)) {
    throw new TypeError(`the name of a unikernel is letters, digits and hyphens, not ${JSON.stringify(name)}`)
  }
  const declared: DeviceDeclarations = options.devices ?? { stack: devices.stack() }
  checkDevices(declared)
  const made: Unikernel = {
    name,
    description,
    arguments: options.arguments ?? {},
    devices: declared,
    start: start as unknown as Unikernel['start'],
  }
  checkDeclarations(made)
  return Object.assign(made, { [MARK]: true })
}

/** Whether a value, such as a file's default export, was made by `unikernel()`. */
export function isUnikernel(value: unknown): value is Unikernel {
  return typeof value === 'object' && value !== null && MARK in value
}

function isProcessArgument(name: string): boolean {
  return (PROCESS_ARGUMENTS as readonly string[]).includes(name)
}

/** What every unikernel understands, as far as this one has what it is for, and what its devices do. */
export function bootDeclarationsOf({ name, devices: declared }: Unikernel): ArgumentDeclarations {
  const boot: ArgumentDeclarations = bootArguments(name)
  const process = PROCESS_ARGUMENTS.map((each) => [each, boot[each]] as const)
  const ofDevices = devicesInOrder(declared).flatMap((each) => Object.entries(each.arguments))
  return Object.fromEntries([...ofDevices, ...process])
}

/** Headings of `--help`, and which arguments stand below them. */
const SECTIONS: readonly [title: string, has: (name: BootName) => boolean][] = [
  [
    'Boot arguments: interface and addresses',
    (name) => !isProcessArgument(name) && !Object.hasOwn(NAME_ARGUMENTS, name),
  ],
  ['Boot arguments: names', (name) => Object.hasOwn(NAME_ARGUMENTS, name)],
  ['Boot arguments: logs and measurements', (name) => isProcessArgument(name) && /^(logs|syslog|monitor)/.test(name)],
  ['Boot arguments: the process', (name) => isProcessArgument(name) && !/^(logs|syslog|monitor)/.test(name)],
]
type BootName = keyof BootArguments

/** The arguments as `--help` shows them: what belongs to this application first, then what every application has. */
export function helpSections({ name, arguments: own, devices: declared }: Unikernel): [string, ArgumentDeclarations][] {
  const boot = bootArguments(name)
  const names = Object.keys(boot) as BootName[]
  const all = devicesInOrder(declared)
  const stacks = all.filter(isStackDevice)
  const ofDevices = all.filter((each) => !isStackDevice(each)).flatMap((each) => Object.entries(each.arguments))
  const sections: [string, ArgumentDeclarations][] = [
    [`Arguments of ${name}`, { ...own, ...Object.fromEntries(ofDevices) }],
  ]
  for (const [title, has] of SECTIONS) {
    const own = names.filter(has)
    const ofProcess = own.filter(isProcessArgument)
    if (ofProcess.length > 0) sections.push([title, Object.fromEntries(ofProcess.map((each) => [each, boot[each]]))])
    else for (const stack of stacks) sections.push([titleOf(title, stack), argumentsOfStack(stack, own)])
  }
  return sections.filter(([, declarations]) => Object.keys(declarations).length > 0)
}

function titleOf(title: string, { group }: StackDevice): string {
  return group === null ? title : `${title} of the network ${group}`
}

/** All that its command line understands. */
export function declarationsOf(unikernel: Unikernel): ArgumentDeclarations {
  return { ...bootDeclarationsOf(unikernel), ...unikernel.arguments }
}

/** What stands in the setting already. */
const RESERVED = new Set(['arguments', 'log', 'logs', 'signal', 'name', 'lifecycle'])

function checkDevices(declared: DeviceDeclarations): void {
  for (const [name, each] of Object.entries(declared)) {
    checkDevice(`is declared as ${name}`, each)
    if (RESERVED.has(name))
      throw new TypeError(`a device cannot be called ${name}: start gets something else by that name`)
  }
}

function checkDeclarations(unikernel: Unikernel): void {
  const taken = new Set<string>()
  const { name: application, devices: declared } = unikernel
  const boot = Object.entries(bootArguments(application)).filter(([each]) => isProcessArgument(each))
  const ofDevices = devicesInOrder(declared).flatMap((each) => Object.entries(each.arguments))
  for (const [key, declaration] of [...boot, ...ofDevices, ...Object.entries(unikernel.arguments)]) {
    const { short, required, type } = declaration as ArgumentDeclarations[string]
    if (expectedBy(declaration as ArgumentDeclarations[string]) === undefined) {
      throw new TypeError(`argument ${key} is of a type that there is not: ${JSON.stringify(type)}`)
    }
    if (!/^[a-z][a-zA-Z0-9]*$/.test(key)) {
      throw new TypeError(`the name of an argument is camelCase, not ${JSON.stringify(key)}`)
    }
    if (short !== undefined && !/^[a-zA-Z]$/.test(short)) {
      throw new TypeError(`the short name of argument ${key} is one letter, not ${JSON.stringify(short)}`)
    }
    for (const option of [`--${optionName(key)}`, ...(short === undefined ? [] : [`-${short}`])]) {
      if (taken.has(option)) throw new TypeError(`argument ${key}: ${option} is taken already`)
      taken.add(option)
    }
    const defaults = defaultsOf(key, declaration as ArgumentDeclarations[string])
    if (required === true && 'default' in declaration && defaults.length > 0) {
      throw new TypeError(`argument ${key} is required and has a default`)
    }
  }
}
