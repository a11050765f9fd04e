/** Node.js, the addon, and packages that one can have or not. */
import { spawnSync } from 'node:child_process'
import { join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { installCommand } from '../../errors/index.ts'
import { loadAddon } from '../../netif/index.ts'
import { onPath } from '../on-path.ts'
import { type Check, missing, ok, warning } from './check.ts'

/** The package's folder: src/cli/doctor/ and dist/cli/doctor/ are equally deep. */
const ROOT = fileURLToPath(new URL('../../..', import.meta.url))
/** `engines` of package.json. */
const LEAST_NODE = [20, 19] as const

export function checkNode(version = process.versions.node): Check {
  const [major = 0, minor = 0] = version.split('.').map(Number)
  const [leastMajor, leastMinor] = LEAST_NODE
  if (major > leastMajor || (major === leastMajor && minor >= leastMinor)) return ok('Node.js', version)
  return missing('Node.js', `${version} is too old`, `Install Node.js ${LEAST_NODE.join('.')} or newer.`)
}

/** What `tapstack exec` and `tapstack/register` take of Node.js that its documentation does not promise. */
export async function checkInternals(): Promise<Check> {
  const name = 'Node.js inside'
  try {
    const { nodeInternals } = await import('../../node/index.ts')
    nodeInternals()
    return ok(name, 'has what `tapstack exec` and tapstack/register need')
  } catch (error) {
    const mend = 'Use a long-term release of Node.js for these two; all else works.'
    return warning(name, firstLine(error), mend)
  }
}

export function checkAddon(): Check {
  const name = 'native addon'
  const build = `node ${relative(process.cwd(), join(ROOT, 'scripts/build-native.mjs')) || 'scripts/build-native.mjs'}`
  try {
    const path = relative(ROOT, loadAddon())
    return ok(name, `${path}, ${path.startsWith('prebuilds') ? 'as it came with the package' : 'compiled here'}`)
  } catch (error) {
    const cause = (error as Error).cause
    const found = cause === undefined ? firstLine(error) : `is not built or does not load: ${firstLine(cause)}`
    const compiler = process.env.CC ?? 'cc'
    const install = onPath(compiler.split(' ')[0]!) === null ? installCompiler(compiler) : []
    return missing(name, found, ...install, build)
  }
}

function installCompiler(compiler: string): string[] {
  return [`There is no C compiler (${compiler}).`, 'sudo apt-get install build-essential']
}

/** Loaded in another process: an addon that does not fit may end it. */
const LOAD = `
  const { createRequire } = require('node:module')
  const [name, ...places] = process.argv.slice(1)
  let from = null
  for (const place of places) {
    try { createRequire(place).resolve(name); from = place; break } catch {}
  }
  if (from === null) process.exit(3)
  try { createRequire(from)(name); console.log(createRequire(from)(name + '/package.json').version) }
  catch (error) { console.log(String(error.message).split('\\n')[0]); process.exit(4) }
`

const PACKAGES = [
  { name: 'pcap', purpose: 'interfaces pcap:NAME', libraries: 'build-essential python3 libpcap-dev' },
  { name: 'raw-socket', purpose: 'ping by the socket stack itself', libraries: 'build-essential python3' },
]

export function checkPackages(): Check[] {
  return PACKAGES.map(({ name, purpose, libraries }) => {
    const title = `package ${name}`
    const places = [import.meta.url, join(process.cwd(), 'package.json')]
    const { status, stdout, signal } = spawnSync(process.execPath, ['-e', LOAD, name, ...places], { encoding: 'utf8' })
    const said = stdout?.trim() ?? ''
    if (status === 0) return ok(title, `${said}, for ${purpose}`)
    const compile = `sudo apt-get install ${libraries}`
    if (status === 3) return warning(title, `not installed; only for ${purpose}`, compile, installCommand(name))
    const why = status === 4 ? said : `ends the process (${signal ?? status})`
    return warning(title, `is installed and does not load: ${why}`, compile, `npm rebuild ${name}`)
  })
}

function firstLine(error: unknown): string {
  return String((error as Error)?.message ?? error).split('\n')[0]!
}
