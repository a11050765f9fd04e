import { readFileSync } from 'node:fs'
import { BadArgument } from './arguments.ts'
import { type Written, writtenName } from './written.ts'

/** Files are small: what is longer was named by mistake. */
const MAXIMUM_BYTES = 1024 * 1024

/**
 * The arguments that stand in a configuration file: TOML, or JSON where the name ends in `.json`. A key is the name of an
 * argument, and a table stands for what its arguments begin with: `ipv4` in the table `public` is `--public-ipv4`.
 * @throws BadArgument in one line if it cannot be read or is neither
 */
export async function readConfigFile(file: string): Promise<Written[]> {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    throw new BadArgument(`--config: ${(error as Error).message}`)
  }
  if (text.length > MAXIMUM_BYTES) throw new BadArgument(`--config: ${file} is longer than a configuration can be`)
  const found: Written[] = []
  collect(await parse(file, text), '', file, found)
  return found
}

async function parse(file: string, text: string): Promise<unknown> {
  try {
    if (file.endsWith('.json')) return JSON.parse(text)
    const { parse: parseToml } = await import('smol-toml')
    return parseToml(text, { integersAsBigInt: 'asNeeded' })
  } catch (error) {
    // The first line says what is wrong and where; a drawing of the place follows.
    const [what] = (error as Error).message.split('\n')
    const { line } = error as { line?: number }
    throw new BadArgument(`--config: ${file}${line === undefined ? '' : `, line ${line}`}: ${what}`)
  }
}

function collect(value: unknown, prefix: string, file: string, found: Written[]): void {
  if (!isTable(value))
    throw new BadArgument(`--config: ${file}: expected names and values, such as ipv4 = "10.0.0.2/24"`)
  for (const [key, each] of Object.entries(value)) {
    const name = `${prefix}${writtenName(key)}`
    if (isTable(each)) collect(each, `${name}-`, file, found)
    else {
      const list = Array.isArray(each) ? each : [each]
      const texts = list.filter((item) => ['string', 'number', 'bigint', 'boolean'].includes(typeof item)).map(String)
      if (texts.length < list.length) {
        throw new BadArgument(`${file}: ${name}: expected a text, a number, true or false, or a list of them`)
      }
      found.push({ option: name, texts, isList: Array.isArray(each), from: `${file}: ${name}`, isConfigured: true })
    }
  }
}

function isTable(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value) && !(value instanceof Date)
}
