// What `npm start`, `npm test` and `npm run build` need before they can begin. Each step looks first whether there is
// anything to do, so that it costs a few milliseconds when all is there. Nothing but Node's own modules is imported
// here: this runs before the dependencies are installed.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  accessSync,
  constants,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const root = fileURLToPath(new URL('../', import.meta.url))

/** A step that could not be done; the message says what a person can do about it. */
export class SetUpError extends Error {}

/** Dependencies, addon, WebAssembly and dist/, in this order. */
export function setUp() {
  checkPlatform()
  installDependencies()
  buildAddon()
  buildChecksum()
  buildDist()
}

/** Runs a script's main function; a failed set-up ends it with its message instead of a stack trace. */
export async function runScript(main) {
  try {
    process.exitCode = await main()
  } catch (error) {
    if (!(error instanceof SetUpError)) throw error
    console.error(error.message)
    process.exitCode = 1
  }
}

export function checkPlatform() {
  const [major, minor] = process.versions.node.split('.').map(Number)
  if (major < 20 || (major === 20 && minor < 19)) {
    throw new SetUpError(`tapstack needs Node.js 20.19 or newer; this is ${process.versions.node}.`)
  }
  if (process.platform !== 'linux') {
    throw new SetUpError(`tapstack needs Linux (tap devices, network namespaces); this is ${process.platform}.`)
  }
}

export function installDependencies() {
  if (dependenciesAreCurrent()) return
  step('Installing the dependencies', () => {
    // Under `npm start` the same npm; otherwise the one of the path. The scripts of packages are not needed: what has
    // to be compiled is our own addon, in the next step.
    const npm = process.env.npm_execpath
    const [command, first] = npm === undefined ? ['npm', []] : [process.execPath, [npm]]
    runQuietly(command, [...first, 'ci', '--ignore-scripts', '--include=dev', '--no-audit', '--no-fund'])
  })
}

/**
 * Whether node_modules/ holds what the lock file names. npm notes there what it has installed; where that note is older
 * than the lock file, the two are compared, because a checkout touches files that it does not change.
 */
function dependenciesAreCurrent() {
  const lock = join(root, 'package-lock.json')
  const installed = join(root, 'node_modules/.package-lock.json')
  if (!existsSync(installed)) return false
  if (statSync(installed).mtimeMs >= statSync(lock).mtimeMs) return true
  const { packages: wanted } = JSON.parse(readFileSync(lock, 'utf8'))
  const { packages: present } = JSON.parse(readFileSync(installed, 'utf8'))
  return Object.entries(wanted).every(
    ([path, { version, optional }]) =>
      path === '' || present[path]?.version === version || (optional && present[path] === undefined),
  )
}

export function buildAddon() {
  runNode('scripts/build-native.mjs')
}

export function buildChecksum() {
  runNode('scripts/build-checksum.mjs')
}

/** Compiles src/ into dist/ if anything in it has changed. */
export function buildDist() {
  const stamp = join(root, 'dist/.sources')
  const sources = fingerprintOfSources()
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === sources) return
  step('Compiling', () => {
    // Built beside and moved into place, so that a running process never sees half of it.
    const fresh = join(root, `dist.${process.pid}`)
    const old = join(root, `dist.${process.pid}.old`)
    try {
      runQuietly(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json', '--outDir', fresh])
      writeFileSync(join(fresh, '.sources'), sources)
      if (existsSync(join(root, 'dist'))) renameSync(join(root, 'dist'), old)
      renameSync(fresh, join(root, 'dist'))
    } finally {
      rmSync(fresh, { recursive: true, force: true })
      rmSync(old, { recursive: true, force: true })
    }
  })
}

function fingerprintOfSources() {
  const hash = createHash('sha256')
  const add = (path) =>
    hash
      .update(path)
      .update('\0')
      .update(readFileSync(join(root, path)))
      .update('\0')
  for (const path of ['package.json', 'tsconfig.json', 'tsconfig.build.json']) add(path)
  const files = readdirSync(join(root, 'src'), { recursive: true })
  for (const file of files.sort()) if (file.endsWith('.ts') && !file.endsWith('.test.ts')) add(join('src', file))
  return hash.digest('hex')
}

/**
 * A `ping` for machines that have none, so that the self-check can always send one: native/ping/ping.c, compiled into
 * build/ping. Does nothing where there is a `ping` on the path.
 */
export function buildPingWhereMissing() {
  const target = join(root, 'build/ping')
  const source = join(root, 'native/ping/ping.c')
  if (onPath('ping') !== null) return
  if (existsSync(target) && statSync(target).mtimeMs >= statSync(source).mtimeMs) return
  mkdirSync(join(root, 'build'), { recursive: true })
  const [compiler, ...options] = (process.env.CC ?? 'cc').trim().split(/\s+/)
  runQuietly(compiler, [...options, '-O2', '-o', target, source])
}

/** Where a command is found, null if it is not. The system folders count even where an ordinary user's path lacks them. */
export function onPath(command) {
  for (const folder of [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/sbin']) {
    const path = join(folder || '.', command)
    try {
      accessSync(path, constants.X_OK)
      if (statSync(path).isFile()) return path
    } catch {
      // Not in this folder.
    }
  }
  return null
}

/** Tells that a step is going on, and how long it took. */
export function step(name, action) {
  process.stdout.write(`${name} ... `)
  const start = process.hrtime.bigint()
  try {
    action()
  } catch (error) {
    process.stdout.write('failed\n')
    throw error
  }
  process.stdout.write(`${(Number(process.hrtime.bigint() - start) / 1e9).toFixed(1)} s\n`)
}

function runNode(script) {
  runQuietly(process.execPath, [script])
}

function isWritable(folder) {
  try {
    accessSync(folder, constants.W_OK)
    return true
  } catch {
    return false
  }
}

/** Runs a command quietly; what it said is shown only if it failed. */
export function runQuietly(command, args) {
  const { status, signal, error, stdout, stderr } = spawnSync(command, args, {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 28,
  })
  if (status === 0) return
  if (error?.code === 'ENOENT') throw new SetUpError(`${command} is not installed.`)
  if (!isWritable(root)) {
    throw new SetUpError(
      `${root} belongs to another user: something in it has to be built first, and this user may not write there.`,
    )
  }
  const said = `${stdout ?? ''}${stderr ?? ''}`.trim()
  const how = signal === null || signal === undefined ? `exit code ${status}` : signal
  throw new SetUpError(`${said === '' ? '' : `${said}\n`}${[command, ...args].join(' ')}: failed with ${how}`)
}
