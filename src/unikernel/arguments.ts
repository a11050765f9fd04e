import type { IpPrefix } from '../address/index.ts'
import type { Endpoint } from '../stack/index.ts'

interface Common {
  /** One line for `--help`. */
  doc: string
  /** One letter: `-c` for `--count`. */
  short?: string
  /** Another name for it on the command line, without the dashes: `colour`. `--help` does not show it. */
  alias?: string
  /** What stands for the value in `--help`; default a word for the type. */
  placeholder?: string
  /** There is no start without it. Not together with `default`. */
  required?: boolean
  /** May be given more than once; the value is then a list, empty by default. */
  repeated?: boolean
}

interface Checked {
  /**
   * Whether what was given is right in this world, and not only as a text: a file that is there. Asked before anything starts, not
   * for a default. @returns what is expected, as a phrase: `a file that is there`; undefined for a value that is right
   */
  check?: (text: string) => string | undefined
}

/** A default is written as a person would write it on the command line. */
type Default<T> = { default?: T | readonly T[] }

/** Any text. */
export type StringArgument = Common & Checked & Default<string> & { type: 'string' }
/** A whole number. */
export type IntegerArgument = Common & Default<number> & { type: 'integer'; minimum?: number; maximum?: number }
/** A number, with a fraction or without. */
export type NumberArgument = Common & Default<number> & { type: 'number'; minimum?: number; maximum?: number }
/** `--verbose`, `--no-verbose`, `--verbose=false`; false by default. */
export type BooleanArgument = Common & Default<boolean> & { type: 'boolean' }
/** A TCP or UDP port, 0 to 65,535. */
export type PortArgument = Common & Default<number> & { type: 'port'; minimum?: 0 | 1 }
/** An IP address; `family` restricts it. */
export type AddressArgument = Common & Default<string> & { type: 'address'; family?: 4 | 6 }
/** An IP address with its prefix length, `10.0.0.0/8`. */
export type PrefixArgument = Common & Default<string> & { type: 'prefix'; family?: 4 | 6 }
/** `10.0.0.1:80` or `[fd00::1]:80`. */
export type EndpointArgument = Common & Default<string> & { type: 'endpoint' }
/**
 * `500ms`, `2s`, `1.5m`, `1h`, also `us` and `ns`; without a unit nanoseconds, as in MirageOS. The value is in whole
 * milliseconds, at least 1 for anything above 0. Minimum and maximum are milliseconds too.
 */
export type DurationArgument = Common & Default<string> & { type: 'duration'; minimum?: number; maximum?: number }
/** One of the words that it lists. */
export type ChoiceArgument = Common & Default<string> & { type: 'choice'; choices: readonly string[] }
/**
 * Any other type: `parse` returns the value, or undefined for what does not fit, or throws; `expected` says what does, or closer by the text.
 * `complaint` may say in its own words what is wrong with a text: "expected this, not that".
 */
export type CustomArgument = Common &
  Checked &
  Default<string> & {
    type: 'custom'
    expected: string | ((text?: string) => string)
    parse: (text: string) => unknown
    complaint?: (text: string) => string | undefined
    /** Whether it may be written as a number in a file with arguments; default false. */
    isNumeric?: boolean
  }

/** How a boot argument is declared, whatever its type. */
export type ArgumentDeclaration =
  | StringArgument
  | IntegerArgument
  | NumberArgument
  | BooleanArgument
  | PortArgument
  | AddressArgument
  | PrefixArgument
  | EndpointArgument
  | DurationArgument
  | ChoiceArgument
  | CustomArgument

/** Arguments by name; `helloWorld` is `--hello-world` on the command line. */
export type ArgumentDeclarations = Readonly<Record<string, ArgumentDeclaration>>

interface Values {
  string: string
  integer: number
  number: number
  boolean: boolean
  port: number
  address: string
  prefix: IpPrefix
  endpoint: Endpoint
  duration: number
}

type OneValue<D> = D extends { type: 'choice'; choices: readonly (infer Choice)[] }
  ? Choice
  : D extends { type: 'custom'; parse: (text: string) => infer Value }
    ? Exclude<Value, undefined>
    : D extends { type: infer Type extends keyof Values }
      ? Values[Type]
      : never

/** The type of a parsed value: a list if repeated, and undefined only where it may be left out without a default. */
export type ArgumentValue<D> = D extends { repeated: true }
  ? OneValue<D>[]
  : D extends { required: true } | { default: NonNullable<unknown> } | { type: 'boolean' }
    ? OneValue<D>
    : OneValue<D> | undefined

/** The types of the values that declared arguments have. */
export type ArgumentValues<A> = { -readonly [Name in keyof A]: ArgumentValue<A[Name]> }

/** Something wrong with what a person gave on the command line: one line that names it and says what is expected. */
export class BadArgument extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'BadArgument'
  }
}
