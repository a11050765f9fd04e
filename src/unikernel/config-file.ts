import { readFileSync } from 'node:fs'
import { BadArgument } from './arguments.ts'
import { readableFile } from './file-checks.ts'
import { type Written, type WrittenValue, writtenName } from './written.ts'

/** Files are small: what is longer was named by mistake. */
const MAXIMUM_BYTES = 1024 * 1024

/** What says where the others stand, and what is for a person at a terminal. */
const NOT_IN_FILES = ['config', 'help']

/**
 * The arguments that stand in a configuration file: TOML, or JSON where the name ends in `.json`. A key is the name of an
 * argument, and a table stands for what its arguments begin with: `ipv4` in the table `public` is `--public-ipv4`.
 * @param from what names the file, for complaints: `--config`
 * @throws BadArgument in one line if it cannot be read or is neither
 */
export async function readConfigFile(file: string, from: string): Promise<Written[]> {
  const expected = readableFile(file)
  if (expected !== undefined) throw new BadArgument(`${from}: expected ${expected}, not ${JSON.stringify(file)}`)
  // Editors of some systems put a byte order mark in front.
  const text = contentOf(file, from).replace(/^\uFEFF/, '')
  if (text.length > MAXIMUM_BYTES) throw new BadArgument(`${from}: ${file} is longer than a configuration can be`)
  const table = await parse(file, text, from)
  if (!isTable(table))
    throw new BadArgument(`${from}: ${file}: expected names and values, such as ipv4 = "10.0.0.2/24"`)
  const found: Written[] = []
  collect(table, '', '', file, found)
  return found
}

function contentOf(file: string, from: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (error) {
    throw new BadArgument(`${from}: ${file} cannot be read (${(error as NodeJS.ErrnoException).code})`)
  }
}

async function parse(file: string, text: string, from: string): Promise<unknown> {
  try {
    if (file.endsWith('.json')) return JSON.parse(text)
    const { parse: parseToml } = await import('smol-toml')
    return parseToml(text, { integersAsBigInt: 'asNeeded' })
  } catch (error) {
    // The first line says what is wrong and where; a drawing of the place follows.
    const [what] = (error as Error).message.split('\n')
    const { line } = error as { line?: number }
    throw new BadArgument(`${from}: ${file}${line === undefined ? '' : `, line ${line}`}: ${what}`)
  }
}

/** @param prefix what the names begin with @param path the tables that they stand in, as they are written */
function collect(table: Record<string, unknown>, prefix: string, path: string, file: string, found: Written[]): void {
  for (const [key, each] of Object.entries(table)) {
    const option = `${prefix}${writtenName(key)}`
    const written = `${path}${key}`
    if (isTable(each)) {
      collect(each, `${option}-`, `${written}.`, file, found)
      continue
    }
    const list: unknown[] = Array.isArray(each) ? each : [each]
    const values = list.filter(isValue)
    const from = `${file}: ${written}`
    if (NOT_IN_FILES.includes(option)) throw new BadArgument(`${from}: expected on the command line only`)
    if (values.length < list.length) {
      throw new BadArgument(`${from}: expected a text, a number, true or false, or a list of them`)
    }
    found.push({ option, values, isList: Array.isArray(each), from, key: written, isConfigured: true })
  }
}

function isValue(item: unknown): item is WrittenValue {
  return ['string', 'number', 'bigint', 'boolean'].includes(typeof item)
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
