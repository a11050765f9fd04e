import type { ArgumentDeclaration } from './arguments.ts'
import { optionName } from './command-line.ts'
import { LOG_LEVEL_NAMES, LOG_SOURCES } from './log-levels.ts'
import { declarationsOf, type Unikernel } from './unikernel.ts'

/** What `--help` calls values that are names of files. */
const OF_FILES = /^(FILE|FOLDER)/

/**
 * What may stand in the place of the last of `words` in the command line of a unikernel, for completion in a shell.
 * @returns whole words, or 'files' where only the shell knows
 */
export function completeArguments(unikernel: Unikernel, words: readonly string[]): string[] | 'files' {
  const declarations = Object.entries(declarationsOf(unikernel))
  const find = (word: string) =>
    declarations.find(([name, { short }]) => word === `--${optionName(name)}` || word === `-${short}`)
  const current = words.at(-1) ?? ''
  const [, option, written] = /^(--[^=]+)=(.*)$/s.exec(current) ?? []
  if (option !== undefined) {
    const found = find(option)
    const values = found === undefined ? [] : valuesOf(found[0], found[1], unikernel.name)
    return values === 'files' ? values : startingWith(values, written).map((value) => `${option}=${value}`)
  }
  const previous = find(words.at(-2) ?? '')
  if (previous !== undefined && previous[1].type !== 'boolean') {
    const values = valuesOf(previous[0], previous[1], unikernel.name)
    return values === 'files' ? values : startingWith(values, current)
  }
  const options = declarations.flatMap(([name, { type, default: preset }]) =>
    type === 'boolean' && preset === true
      ? [`--${optionName(name)}`, `--no-${optionName(name)}`]
      : [`--${optionName(name)}`],
  )
  return startingWith(options, current)
}

function valuesOf(name: string, declaration: ArgumentDeclaration, application: string): string[] | 'files' {
  if (OF_FILES.test(declaration.placeholder ?? '')) return 'files'
  if (declaration.type === 'choice') return [...declaration.choices]
  if (declaration.type === 'boolean') return ['true', 'false']
  if (name !== 'logs') return []
  return ['*', application, ...LOG_SOURCES].flatMap((source) => LOG_LEVEL_NAMES.map((level) => `${source}:${level}`))
}

function startingWith(words: readonly string[], beginning: string): string[] {
  return words.filter((word) => word.startsWith(beginning))
}
