import { styleText } from 'node:util'
import { expectedBy, placeholderOf } from './argument-types.ts'
import type { ArgumentDeclaration, ArgumentDeclarations } from './arguments.ts'
import { optionName } from './command-line.ts'

const WIDTH = 80
const INDENT = 2
const GAP = 2
/** An entry that is wider than this has its text on the next line. */
const WIDEST_ENTRY = 26

export interface HelpOptions {
  /** How the program is called: `tapstack run echo.ts`. */
  command: string
  name: string
  description: string | undefined
  own: ArgumentDeclarations
  boot: ArgumentDeclarations
  /** Whether headings stand out. */
  colour?: boolean
}

/** The text of `--help`: the unikernel's own arguments first, then those of every unikernel. */
export function helpText({ command, name, description, own, boot, colour }: HelpOptions): string {
  const entries = [...Object.entries(own), ...Object.entries(boot)].map(([key, value]) => entry(key, value).length)
  const column = Math.min(Math.max(...entries), WIDEST_ENTRY) + INDENT + GAP
  const section = (title: string, declarations: ArgumentDeclarations) =>
    Object.keys(declarations).length === 0
      ? []
      : [
          '',
          heading(title, colour),
          ...Object.entries(declarations).flatMap(([key, value]) => lines(key, value, column)),
        ]
  return [
    `Usage: ${command} [arguments]`,
    '',
    ...wrap(description === undefined ? name : `${name}: ${description}`, WIDTH),
    ...section(`Arguments of ${name}`, own),
    ...section('Boot arguments', boot),
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
  const { type } = declaration
  if (declaration.required === true) found.push('required')
  if (declaration.repeated === true) found.push('may be repeated')
  if (type !== 'boolean' && type !== 'string' && type !== 'choice' && type !== 'custom') {
    found.push(expectedBy(declaration))
  }
  if (declaration.default !== undefined) found.push(`default ${[declaration.default].flat().join(', ')}`)
  return found
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
