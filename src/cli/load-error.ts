/** Why an application could not be loaded, in one line: where, and what. */
import { execFileSync } from 'node:child_process'
import { existsSync, readFileSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

interface Place {
  readonly file: string
  readonly line: number
}

/** Files that are looked through for one that cannot be parsed. */
const MOST_FILES = 20
/** Milliseconds that one of them may take. */
const CHECK_TIME = 5_000
/** Ours, which a mistake in an application only leads to. */
const OWN_FOLDER = new URL('..', import.meta.url)

/** @param file as it was named @param error what loading it has thrown, whatever that is */
export function explainLoadError(file: string, error: unknown): string {
  const compiled = compilerError(error)
  const place = compiled?.place ?? placeOf(error, resolve(file))
  const what = compiled?.what ?? describe(error)
  return `${file} cannot be loaded: ${place === null ? '' : `${formatPlace(place, resolve(file))}: `}${what}`
}

function formatPlace({ file, line }: Place, loaded: string): string {
  return file === loaded ? `line ${line}` : `${file}, line ${line}`
}

/** The kind of error and the first line of its message. */
function describe(error: unknown): string {
  if (!(error instanceof Error)) return firstLine(String(error))
  return error.message === '' ? error.name : `${error.name}: ${firstLine(error.message)}`
}

function firstLine(text: string): string {
  return text.trim().split(/\s*\n/, 1)[0]!
}

/** What the compiler of TypeScript says: `FILE:LINE:COLUMN: ERROR: what`, after a line that counts its errors. */
function compilerError(error: unknown): { place: Place; what: string } | null {
  const [, file, line, what] = /^(.+):(\d+):\d+: ERROR: (.*)$/m.exec(messageOf(error)) ?? []
  return file === undefined ? null : { place: { file, line: Number(line) }, what: `SyntaxError: ${what}` }
}

function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : ''
}

function placeOf(error: unknown, loaded: string): Place | null {
  if (!(error instanceof Error)) return null
  const stack = error.stack ?? ''
  // Node puts the place of a mistake in the syntax in front, of CommonJS and of what is imported and not there.
  const [head = ''] = stack.split('\n', 1)
  const inFront = /^((?:\/|file:).*):(\d+)$/.exec(head)
  if (inFront !== null) return { file: pathOf(inFront[1]!), line: Number(inFront[2]) }
  const frames = [...stack.matchAll(/^\s+at (?:.* \()?((?:\/|file:).*?):(\d+):\d+\)?$/gm)].map(([, file, line]) => ({
    file: pathOf(file!),
    line: Number(line),
  }))
  const own = frames.find((frame) => frame.file === loaded) ?? frames.find(({ file }) => !isOurs(file))
  if (own !== undefined) return own
  return error instanceof SyntaxError ? unparsable(loaded) : null
}

function pathOf(text: string): string {
  return text.startsWith('file:') ? fileURLToPath(text.replace(/\?.*$/, '')) : text.replace(/\?.*$/, '')
}

function isOurs(file: string): boolean {
  return file.startsWith(fileURLToPath(OWN_FOLDER)) || file.includes('/node_modules/')
}

/** Of a module that it cannot parse Node tells the place only to the terminal, when it ends: asked for each file in turn. */
function unparsable(loaded: string): Place | null {
  const files = [loaded]
  for (let i = 0; i < files.length && i < MOST_FILES; i++) {
    const line = lineOfMistake(files[i]!)
    if (line !== null) return { file: files[i]!, line }
    for (const each of importedBy(files[i]!)) if (!files.includes(each)) files.push(each)
  }
  return null
}

function lineOfMistake(file: string): number | null {
  try {
    execFileSync(process.execPath, ['--check', file], { stdio: ['ignore', 'ignore', 'pipe'], timeout: CHECK_TIME })
    return null
  } catch (error) {
    const { stderr } = error as { stderr?: Buffer }
    const [, line] = /^(?:\/|file:).*:(\d+)$/m.exec(String(stderr ?? '')) ?? []
    return line === undefined ? null : Number(line)
  }
}

/** The JavaScript files that stand in a file as relative paths. */
function importedBy(file: string): string[] {
  const text = readFileSync(file, 'utf8')
  return [...text.matchAll(/(?:\bfrom|\bimport)\s*\(?\s*['"](\.{1,2}\/[^'"]+\.[cm]?js)['"]/g)]
    .map(([, path]) => resolve(dirname(file), path!))
    .filter((path) => existsSync(path))
}
