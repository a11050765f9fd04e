import type { Stack } from '../../stack/index.ts'
import { type ArgumentDeclaration, type ArgumentDeclarations, BadArgument } from '../arguments.ts'
import { type BootArguments, type BootValues, bootArguments, PROCESS_ARGUMENTS } from '../boot-arguments.ts'
import { optionName } from '../command-line.ts'
import { type Device, markDevice } from './device.ts'

type ProcessArgument = (typeof PROCESS_ARGUMENTS)[number]
type StackArgument = Exclude<keyof BootArguments, ProcessArgument>

/** What `devices.stack` takes. */
export interface StackDeviceOptions {
  /**
   * What its boot arguments begin with: with `public` they are `--public-ipv4`, `--public-interface` and so on. Default: nothing.
   * A unikernel with several stacks has one without a group at most.
   */
  group?: string
  /** Defaults of its boot arguments, as a person would write them: `{ interface: 'tap1', ipv4: '10.0.1.2/24' }`. */
  defaults?: Partial<Record<StackArgument, string | boolean>>
}

/** A network: an interface with addresses, or the operating system's sockets, as `--net` says. */
export interface StackDevice extends Device<Stack> {
  readonly kind: 'stack'
  readonly group: string | null
}

/** @throws TypeError for a group that cannot be a part of an argument's name, or a default of an argument that there is not */
export function stackDevice({ group, defaults = {} }: StackDeviceOptions = {}): StackDevice {
  if (group !== undefined && !/^[a-z][a-zA-Z0-9]*$/.test(group)) {
    throw new TypeError(`the group of a stack is camelCase, not ${JSON.stringify(group)}`)
  }
  const declared: Record<string, ArgumentDeclaration> = {}
  const boot: ArgumentDeclarations = bootArguments('')
  for (const [name, declaration] of Object.entries(boot)) {
    if (isOfProcess(name)) continue
    const preset = defaults[name as StackArgument]
    const { short, alias, ...rest } = declaration
    declared[nameInGroup(group, name)] = {
      ...(group === undefined ? declaration : rest),
      ...(group === undefined || alias === undefined ? {} : { alias: `${optionName(group)}-${alias}` }),
      ...(group === undefined ? {} : { doc: optionsInGroup(group, declaration.doc) }),
      ...(preset === undefined ? {} : { default: preset }),
    } as ArgumentDeclaration
  }
  for (const name of Object.keys(defaults)) {
    if (boot[name] === undefined || isOfProcess(name))
      throw new TypeError(`a stack has no argument ${JSON.stringify(name)}`)
  }
  const create = () => {
    throw new Error('stacks are made by the runner')
  }
  return markDevice({ kind: 'stack', group: group ?? null, uses: {}, arguments: declared, create })
}

export function isStackDevice(device: Device<unknown>): device is StackDevice {
  return device.kind === 'stack' && 'group' in device
}

function isOfProcess(name: string): boolean {
  return (PROCESS_ARGUMENTS as readonly string[]).includes(name)
}

/** `ipv4` in the group `public`: `publicIpv4`. */
function nameInGroup(group: string | null | undefined, name: string): string {
  return group === null || group === undefined ? name : `${group}${name[0].toUpperCase()}${name.slice(1)}`
}

/** The declarations of some of a stack's arguments, by the names that they have in its group. */
export function argumentsOfStack(
  { group, arguments: declared }: StackDevice,
  names: readonly string[],
): ArgumentDeclarations {
  return Object.fromEntries(names.map((name) => nameInGroup(group, name)).map((name) => [name, declared[name]]))
}

/** The values of one stack's arguments, by the names that they have without a group. */
export function valuesOfStack(
  { group, arguments: declared }: StackDevice,
  values: Readonly<Record<string, unknown>> & { given: ReadonlySet<string> },
): BootValues & { given: ReadonlySet<string> } {
  const own: Record<string, unknown> = { ...values }
  const given = new Set(values.given)
  for (const name of Object.keys(bootArguments(''))) {
    const grouped = nameInGroup(group, name)
    if (isOfProcess(name) || declared[grouped] === undefined) continue
    own[name] = values[grouped]
    if (values.given.has(grouped)) given.add(name)
    else given.delete(name)
  }
  return Object.assign(own, { given }) as unknown as BootValues & { given: ReadonlySet<string> }
}

/** Runs a check on the values of one stack, so that a complaint has the names that the arguments have in its group. */
export function inGroup<T>({ group }: StackDevice, check: () => T): T {
  try {
    return check()
  } catch (error) {
    if (!(error instanceof BadArgument) || group === null) throw error
    throw new BadArgument(optionsInGroup(group, error.message))
  }
}

/** A text about the arguments of one stack, with the names that they have in its group. */
export function inGroupOf({ group }: StackDevice, text: string): string {
  return group === null ? text : optionsInGroup(group, text)
}

/** A text with names of arguments, `--ipv4`, with those that they have in a group, `--public-ipv4`. */
function optionsInGroup(group: string, text: string): string {
  const boot = new Set(
    Object.keys(bootArguments(''))
      .filter((name) => !isOfProcess(name))
      .map(optionName),
  )
  return text.replace(/--([a-z][a-z0-9-]*)/g, (whole, name) =>
    boot.has(name) ? `--${optionName(group)}-${name}` : whole,
  )
}
