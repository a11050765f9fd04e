import { parseArgs } from 'node:util'
import { expectedBy, parseValue } from './argument-types.ts'
import { type ArgumentDeclaration, type ArgumentDeclarations, type ArgumentValues, BadArgument } from './arguments.ts'

/** `helloWorld` as it stands on the command line: `hello-world`. */
export function optionName(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)
}

interface Option {
  readonly name: string
  readonly declaration: ArgumentDeclaration
  readonly given: unknown[]
}

/**
 * The values of the declared arguments in a command line. `--name value`, `--name=value`, `-n value`; of an argument
 * that is not repeated the last one counts.
 * @throws BadArgument naming the first argument that does not fit, and what is expected
 */
export function parseCommandLine<const A extends ArgumentDeclarations>(
  declarations: A,
  argv: readonly string[],
): ArgumentValues<A> & { given: ReadonlySet<string> } {
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
      if (negated?.declaration.type !== 'boolean' || token.value !== undefined) throw unknown(token.rawName, options)
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

  const given = new Set<string>()
  const values: Record<string, unknown> = {}
  for (const option of options.values()) {
    if (option.given.length > 0) given.add(option.name)
    values[option.name] = resultOf(option)
  }
  return Object.assign(values, { given }) as ArgumentValues<A> & { given: ReadonlySet<string> }
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

function parseOption({ name, declaration }: Option, text: string): unknown {
  const value = parseValue(declaration, text)
  if (value === undefined) {
    throw new BadArgument(`--${optionName(name)}: expected ${expectedBy(declaration)}, not ${JSON.stringify(text)}`)
  }
  return value
}

function unknown(rawName: string, options: ReadonlyMap<string, Option>): BadArgument {
  const nearest = [...options.keys()]
    .map((name) => ({ name, distance: editDistance(rawName.replace(/^-+/, ''), name) }))
    .sort((a, b) => a.distance - b.distance)[0]
  const guess = nearest !== undefined && nearest.distance <= 2 ? `did you mean --${nearest.name}? ` : ''
  return new BadArgument(`unknown argument ${rawName}: ${guess}--help lists them all`)
}

/** Levenshtein's distance: how many letters to insert, delete or replace. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i)
  for (let i = 1; i <= a.length; i++) {
    const next = [i]
    for (let j = 1; j <= b.length; j++) {
      const replaced = row[j - 1] + (a[i - 1] === b[j - 1] ? 0 : 1)
      next.push(Math.min(replaced, row[j] + 1, next[j - 1] + 1))
    }
    row = next
  }
  return row[b.length]
}
