import { styleText } from 'node:util'
import { expectedBy, formatDuration, placeholderOf } from './argument-types.ts'
import type { ArgumentDeclaration, ArgumentDeclarations } from './arguments.ts'
import { optionName } from './command-line.ts'

const WIDTH = 80
/** Milliseconds. */
const NO_BOUND = 2 ** 31 - 1
const INDENT = 2
const GAP = 2
/** An entry that is wider than this has its text on the next line. */
const WIDEST_ENTRY = 26

export interface HelpOptions {
  /** How the program is called: `tapstack run echo.ts`. */
  command: string
  name: string
  description: string | undefined
  /** Headings with what stands below them. */
  sections: readonly (readonly [title: string, declarations: ArgumentDeclarations])[]
  /** Whether headings stand out. */
  colour?: boolean
}

/** The text of `--help`. */
export function helpText({ command, name, description, sections, colour }: HelpOptions): string {
  const entries = sections.flatMap(([, declarations]) =>
    Object.entries(declarations).map(([key, value]) => entry(key, value).length),
  )
  const column = Math.min(Math.max(...entries), WIDEST_ENTRY) + INDENT + GAP
  return [
    `Usage: ${command} [arguments]`,
    '',
    ...wrap(description === undefined ? name : `${name}: ${description}`, WIDTH),
    ...sections.flatMap(([title, declarations]) => [
      '',
      heading(title, colour),
      ...Object.entries(declarations).flatMap(([key, value]) => lines(key, value, column)),
    ]),
    '',
    ...wrap('Durations are written 250ms, 3s, 1.5m or 1h. What may be repeated adds up.', WIDTH),
    '',
  ].join('\n')
}

function heading(title: string, colour = false): string {
  return colour ? styleText('bold', `${title}:`, { validateStream: false } as object) : `${title}:`
}

function entry(key: string, declaration: ArgumentDeclaration): string {
  const short = declaration.short === undefined ? '' : `-${declaration.short}, `
  return `${short}--${optionName(key)} ${placeholderOf(declaration)}`.trimEnd()
}

function lines(key: string, declaration: ArgumentDeclaration, column: number): string[] {
  const left = ' '.repeat(INDENT) + entry(key, declaration)
  const text = wrap(`${declaration.doc} (${facts(declaration).join('; ')})`.replace(' ()', ''), WIDTH - column)
  const right = text.map((line) => ' '.repeat(column) + line)
  if (left.length + GAP > column) return [left, ...right]
  return [left.padEnd(column) + text[0], ...right.slice(1)]
}

/** What is worth knowing beside the doc: what fits, the default, whether it must or may be repeated. */
function facts(declaration: ArgumentDeclaration): string[] {
  const found: string[] = []
  if (declaration.required === true) found.push('required')
  if (declaration.repeated === true) found.push('may be repeated')
  const range = rangeOf(declaration)
  if (range !== null) found.push(range)
  if (declaration.default !== undefined) found.push(`default ${[declaration.default].flat().join(', ')}`)
  return found
}

/** What fits, as far as the word for the value does not say it already. */
function rangeOf(declaration: ArgumentDeclaration): string | null {
  switch (declaration.type) {
    case 'boolean':
    case 'string':
    case 'choice':
    case 'custom':
    case 'port':
      return null
    case 'integer':
    case 'number': {
      const { minimum, maximum } = declaration
      if (minimum !== undefined && maximum !== undefined) return `${minimum} to ${maximum}`
      return minimum === undefined ? (maximum === undefined ? null : `up to ${maximum}`) : `${minimum} or more`
    }
    case 'duration': {
      // Whatever the host's timers take is no bound that anybody meets.
      const { minimum = 0, maximum = NO_BOUND } = declaration
      if (maximum < NO_BOUND) return `${formatDuration(minimum)} to ${formatDuration(maximum)}`
      return minimum > 1 ? `${formatDuration(minimum)} or more` : null
    }
    default:
      return expectedBy(declaration)
  }
}

function wrap(text: string, width: number): string[] {
  const wrapped: string[] = []
  let line = ''
  for (const word of text.split(/\s+/)) {
    if (line !== '' && line.length + 1 + word.length > width) {
      wrapped.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  wrapped.push(line)
  return wrapped
}
