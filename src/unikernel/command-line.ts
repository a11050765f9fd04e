import { parseArgs } from 'node:util'
import { guessOf, guessOfBrackets, nearestTo } from '../errors/index.ts'
import { expectedBy, parseValue } from './argument-types.ts'
import { type ArgumentDeclaration, type ArgumentDeclarations, type ArgumentValues, BadArgument } from './arguments.ts'
import type { Written, WrittenValue } from './written.ts'

/** `helloWorld` as it stands on the command line: `hello-world`. */
export function optionName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

interface Option {
  readonly name: string
  readonly declaration: ArgumentDeclaration
  given: unknown[]
}

/** Where arguments may stand beside the command line, given the values that do stand there: the first place counts. */
export type Elsewhere = (given: (name: string) => unknown) => Promise<readonly Written[]>

type Parsed<A> = ArgumentValues<A> & { given: ReadonlySet<string> }

/**
 * The values of the declared arguments in a command line. `--name value`, `--name=value`, `-n value`; of an argument
 * that is not repeated the last one counts.
 * @throws BadArgument naming the first argument that does not fit, and what is expected
 */
export function parseCommandLine<const A extends ArgumentDeclarations>(
  declarations: A,
  argv: readonly string[],
): Parsed<A> {
  return valuesOf(readOptions(declarations, argv)) as Parsed<A>
}

/**
 * Likewise, and what the command line does not say is looked for elsewhere.
 * @throws BadArgument also for what stands there
 */
export async function parseArguments<const A extends ArgumentDeclarations>(
  declarations: A,
  argv: readonly string[],
  elsewhere: Elsewhere,
): Promise<Parsed<A>> {
  const options = readOptions(declarations, argv)
  const taken = new Set([...options.values()].filter(({ given }) => given.length > 0))
  const configured = new Map<Option, Written>()
  for (const written of await elsewhere((name) => options.get(optionName(name))?.given.at(-1))) {
    const option = options.get(written.option)
    if (option === undefined) {
      if (written.isConfigured) throw unknown(written.from, written.option, '', options)
      continue
    }
    const { declaration } = option
    const earlier = written.isConfigured ? configured.get(option) : undefined
    if (earlier !== undefined) {
      throw new BadArgument(
        `${earlier.from} and ${written.key}: expected one of them, both are --${optionName(option.name)}`,
      )
    }
    if (written.isConfigured) configured.set(option, written)
    if (written.isList && declaration.repeated !== true) {
      throw new BadArgument(`${written.from}: expected ${expectedBy(declaration)}, not a list`)
    }
    // What is wrong is said even where it does not count: it will the next time.
    const values = written.values.map((value) => parseWritten(option, written.from, value))
    if (taken.has(option)) continue
    for (const value of written.values) check(option, written.from, String(value))
    option.given = values
    taken.add(option)
  }
  return valuesOf(options) as Parsed<A>
}

function readOptions(declarations: ArgumentDeclarations, argv: readonly string[]): Map<string, Option> {
  const options = new Map<string, Option>()
  const config: Record<string, { type: 'string' | 'boolean'; short?: string; multiple: true }> = {}
  for (const [name, declaration] of Object.entries(declarations)) {
    const option: Option = { name, declaration, given: [] }
    const type = declaration.type === 'boolean' ? 'boolean' : 'string'
    options.set(optionName(name), option)
    config[optionName(name)] = {
      type,
      multiple: true,
      ...(declaration.short === undefined ? {} : { short: declaration.short }),
    }
    if (declaration.alias === undefined) continue
    options.set(declaration.alias, option)
    config[declaration.alias] = { type, multiple: true }
  }
  const { tokens } = parseArgs({
    args: [...argv],
    options: config,
    strict: false,
    allowPositionals: true,
    tokens: true,
  })

  for (let i = 0; i < tokens.length; i++) {
    const token = tokens[i]
    if (token.kind === 'option-terminator') continue
    if (token.kind === 'positional') {
      throw new BadArgument(
        `unexpected argument ${JSON.stringify(token.value)}: expected --name value, --help lists them all`,
      )
    }
    const option = options.get(token.name)
    if (option === undefined) {
      const negated = token.name.startsWith('no-') ? options.get(token.name.slice(3)) : undefined
      if (negated?.declaration.type !== 'boolean' || token.value !== undefined) {
        throw unknown(`unknown argument ${token.rawName}`, token.name, '--', options)
      }
      negated.given.push(false)
    } else if (option.declaration.type === 'boolean') {
      const next = tokens[i + 1]
      const follows = next?.kind === 'positional' && (next.value === 'true' || next.value === 'false')
      if (token.value === undefined && follows) i++
      option.given.push(parseOption(option, token.value ?? (follows ? next.value : 'true')))
    } else {
      option.given.push(parseOption(option, textOf(option, token)))
    }
  }
  return options
}

function valuesOf(options: ReadonlyMap<string, Option>): Record<string, unknown> {
  const given = new Set<string>()
  const values: Record<string, unknown> = {}
  for (const option of options.values()) {
    if (option.given.length > 0) given.add(option.name)
    values[option.name] = resultOf(option)
  }
  return Object.assign(values, { given })
}

/** The defaults of a declaration as values. @throws TypeError if one does not fit its own declaration */
export function defaultsOf(name: string, declaration: ArgumentDeclaration): unknown[] {
  if (declaration.default === undefined) return declaration.type === 'boolean' && !declaration.repeated ? [false] : []
  return [declaration.default].flat().map((written) => {
    const value = parseValue(declaration, String(written))
    if (value === undefined) {
      throw new TypeError(
        `the default of argument ${name}, ${JSON.stringify(written)}, is not ${expectedBy(declaration)}`,
      )
    }
    return value
  })
}

function resultOf({ name, declaration, given }: Option): unknown {
  if (given.length === 0 && declaration.required === true) {
    throw new BadArgument(`--${optionName(name)} is missing: expected ${expectedBy(declaration)}`)
  }
  const values = given.length > 0 ? given : defaultsOf(name, declaration)
  return declaration.repeated === true ? values : values.at(-1)
}

function textOf(
  option: Option,
  token: { rawName: string; value?: string | undefined; inlineValue?: boolean | undefined },
): string {
  const text = token.value
  if (text === undefined) throw new BadArgument(`${token.rawName}: expected ${expectedBy(option.declaration)}`)
  if (token.inlineValue === true) return token.rawName.startsWith('--') ? text : text.replace(/^=/, '')
  // `--name --other`: the value was forgotten.
  if (/^--?[a-z]/i.test(text)) {
    throw new BadArgument(`${token.rawName}: expected ${expectedBy(option.declaration)} before ${text}`)
  }
  return text
}

function parseOption(option: Option, text: string): unknown {
  const from = `--${optionName(option.name)}`
  const value = parseText(option, from, text)
  check(option, from, text)
  return value
}

/** What stands in a file may be a number, or true or false: where one is wanted. A text may be anything, as on the command line. */
function parseWritten(option: Option, from: string, value: WrittenValue): unknown {
  const { declaration } = option
  const fits = typeof value === 'boolean' ? declaration.type === 'boolean' : takesNumber(declaration)
  if (typeof value !== 'string' && !fits) {
    const inQuotes = declaration.type === 'boolean' || takesNumber(declaration) ? '' : ', in quotes'
    const what = typeof value === 'boolean' ? `${value}` : `the number ${value}`
    throw new BadArgument(`${from}: expected ${expectedBy(declaration)}${inQuotes}, not ${what}`)
  }
  return parseText(option, from, String(value))
}

function takesNumber(declaration: ArgumentDeclaration): boolean {
  switch (declaration.type) {
    case 'integer':
    case 'number':
    case 'port':
    case 'duration':
      return true
    case 'custom':
      return declaration.isNumeric === true
    default:
      return false
  }
}

/** @throws BadArgument if what it names is not what it has to be */
function check({ declaration }: Option, from: string, text: string): void {
  const expected = 'check' in declaration ? declaration.check?.(text) : undefined
  if (expected !== undefined) throw new BadArgument(`${from}: expected ${expected}, not ${JSON.stringify(text)}`)
}

/** @param from what a complaint names */
function parseText({ declaration }: Option, from: string, text: string): unknown {
  let value: unknown
  let why = ''
  try {
    value = parseValue(declaration, text)
  } catch (error) {
    // An application's own `parse`, such as `new URL`, may say so in this way, too.
    why = ` (${(error as Error | null)?.message ?? error})`
  }
  if (value === undefined) {
    const complaint = declaration.type === 'custom' ? declaration.complaint?.(text) : undefined
    const guess = guessFor(declaration, text)
    throw new BadArgument(
      `${from}: ${complaint ?? `expected ${expectedBy(declaration, text)}, not ${JSON.stringify(text)}${why}`}${guess}`,
    )
  }
  return value
}

function guessFor(declaration: ArgumentDeclaration, text: string): string {
  switch (declaration.type) {
    case 'choice':
      return guessOf(text, declaration.choices)
    case 'endpoint':
      // What is expected shows the brackets already.
      return ''
    default:
      return guessOfBrackets(text, (other) => isTaken(declaration, other))
  }
}

function isTaken(declaration: ArgumentDeclaration, text: string): boolean {
  try {
    return parseValue(declaration, text) !== undefined
  } catch {
    return false
  }
}

/**
 * @param what the message's beginning, if it is one of the command line; otherwise what it names
 * @param dashes what stands before names where it was written
 */
function unknown(what: string, name: string, dashes: string, options: ReadonlyMap<string, Option>): BadArgument {
  const nearest = nearestTo(name, options.keys())
  const guess = nearest === null ? '' : `did you mean ${dashes}${nearest}? `
  return new BadArgument(`${dashes === '' ? `${what}: unknown argument` : what}: ${guess}--help lists them all`)
}
