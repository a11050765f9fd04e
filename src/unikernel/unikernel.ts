import type { ApplicationLog } from '../log/index.ts'
import type { Stack } from '../stack/index.ts'
import { expectedBy } from './argument-types.ts'
import type { ArgumentDeclarations, ArgumentValues } from './arguments.ts'
import { bootArguments } from './boot-arguments.ts'
import { defaultsOf, optionName } from './command-line.ts'

/** What a unikernel is started with. */
export interface UnikernelContext<A extends ArgumentDeclarations = ArgumentDeclarations> {
  /** The network; closed by the runner, after `signal`. */
  readonly stack: Stack
  /** The parsed values of the declared arguments. */
  readonly arguments: ArgumentValues<A>
  /** Its source is the unikernel's name. */
  readonly log: ApplicationLog
  /** Aborted by SIGINT and SIGTERM: finish what is under way, within `--grace`. */
  readonly signal: AbortSignal
  /** What this instance is called: `--name`. */
  readonly name: string
}

export interface UnikernelOptions<A extends ArgumentDeclarations> {
  /** A short word, letters, digits and hyphens. */
  name: string
  /** One sentence for `--help`. */
  description?: string
  arguments?: A
  /**
   * The application. It goes on after this has returned for as long as a listener, a UDP socket or a flow of its stack
   * is open, and ends with exit code 0. A number that it returns is the exit code, and then it ends at once; what it
   * throws becomes one line on the standard error and exit code 1.
   */
  start(context: UnikernelContext<A>): unknown
}

/** An application for a stack, made by `unikernel()`: what a file for `tapstack run` exports as default. */
export interface Unikernel {
  readonly name: string
  readonly description: string | undefined
  readonly arguments: ArgumentDeclarations
  start(context: UnikernelContext): unknown
}

// In the global registry, so that a unikernel is recognised across two copies of this package.
const MARK = Symbol.for('tapstack.unikernel')

/**
 * Declares an application.
 * @throws TypeError if its name or one of its arguments cannot be used
 */
export function unikernel<const A extends ArgumentDeclarations = Record<never, never>>(
  options: UnikernelOptions<A>,
): Unikernel {
  const { name, description, start } = options
  // Written in JavaScript, anything may be missing.
  if (typeof start !== 'function') throw new TypeError(`start of a unikernel is a function, not ${typeof start}`)
  if (typeof name !== 'string' || !/^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$/i.test(name)) {
    throw new TypeError(`the name of a unikernel is letters, digits and hyphens, not ${JSON.stringify(name)}`)
  }
  const declarations: ArgumentDeclarations = options.arguments ?? {}
  checkDeclarations(name, declarations)
  return Object.assign(
    { name, description, arguments: declarations, start: start as unknown as Unikernel['start'] },
    { [MARK]: true },
  )
}

/** Whether a value, such as a file's default export, was made by `unikernel()`. */
export function isUnikernel(value: unknown): value is Unikernel {
  return typeof value === 'object' && value !== null && MARK in value
}

/** All that its command line understands: what every unikernel does, and its own arguments. */
export function declarationsOf(unikernel: Unikernel): ArgumentDeclarations {
  return { ...bootArguments(unikernel.name), ...unikernel.arguments }
}

function checkDeclarations(name: string, declarations: ArgumentDeclarations): void {
  const taken = new Set<string>()
  for (const [key, declaration] of [...Object.entries(bootArguments(name)), ...Object.entries(declarations)]) {
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
