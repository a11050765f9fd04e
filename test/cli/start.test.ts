import { execFileSync } from 'node:child_process'
import { accessSync, chmodSync, existsSync, mkdirSync, mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { descendants, isAlive, Running, root, until } from './process.ts'

/**
 * The README's first command as a newcomer types it: on a fresh clone of what is committed, with nothing installed.
 * Installing takes a while, so that there is one clone for each kind of user.
 */

const INSTALL_TIMEOUT = 180_000

/** A user that nobody is: it needs no entry in the system's list. */
const ORDINARY_USER = 61_234

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-start-'))
  chmodSync(folder, 0o755)
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

beforeEach((context) => {
  requires(context, 'namespaces', 'tap', 'git', 'npm')
  if (!existsSync(join(root, '.git'))) context.skip('not a git checkout: nothing to clone')
})

/** A fresh clone, and an environment without what npm and vitest have put into ours. */
function clone(name: string): { checkout: string; home: string; env: NodeJS.ProcessEnv } {
  const checkout = join(folder, name)
  const home = join(folder, `${name}-home`)
  execFileSync('git', ['clone', '--quiet', root, checkout])
  mkdirSync(home)
  const env: NodeJS.ProcessEnv = { HOME: home, PATH: process.env.PATH, TERM: 'dumb' }
  if (process.env.NODE_EXTRA_CA_CERTS !== undefined) env.NODE_EXTRA_CA_CERTS = process.env.NODE_EXTRA_CA_CERTS
  return { checkout, home, env }
}

const ANSWERS = [/64 bytes from 10\.0\.0\.2/, /\$ curl -i http:\/\/10\.0\.0\.2\/\n {2}HTTP\/1\.1 200 OK\n/]

test('on a fresh clone, as whoever runs the tests', { timeout: INSTALL_TIMEOUT }, async () => {
  const { checkout, env } = clone('own')
  const once = await new Running('npm', ['start', '--', '--once'], { cwd: checkout, env }).ended
  expect(once.stdout + once.stderr).toMatch(ANSWERS[0]!)
  expect(once.stdout).toMatch(ANSWERS[1]!)
  expect(once.code).toBe(0)

  // And again, to stay: all is set up now. Ctrl-C ends it.
  const port = await freePort()
  const run = new Running('npm', ['start', '--', '--port', String(port)], { cwd: checkout, env, detached: true })
  await run.says(`http://127.0.0.1:${port}/`)
  expect(run.stdout).not.toContain('Installing')
  expect(run.stdout).not.toContain('Compiling')
  const page = await fetch(`http://127.0.0.1:${port}/`)
  expect(page.status).toBe(200)
  expect((await page.text()).length).toBeGreaterThan(0)

  const second = await new Running('npm', ['start', '--', '--port', String(port)], { cwd: checkout, env }).ended
  expect(second.stderr).toContain(`port ${port} on 127.0.0.1 is taken`)
  expect(second.code).not.toBe(0)

  const all = [run.pid, ...descendants(run.pid)]
  // What the terminal's driver does at Ctrl-C: a signal to the whole foreground group.
  process.kill(-run.pid, 'SIGINT')
  const { code, stderr } = await run.ended
  expect(stderr.replace(/^npm (?:warn|notice).*\n/gm, '')).toBe('')
  expect(code).toBe(0)
  await until(
    () => !all.some(isAlive),
    5_000,
    () => 'all processes to end',
  )
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()

  // However npm ends, nothing is left behind.
  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    const stopped = new Running('npm', ['start', '--', '--port', String(port)], { cwd: checkout, env })
    await stopped.says(`http://127.0.0.1:${port}/`)
    const processes = [stopped.pid, ...descendants(stopped.pid)]
    expect(processes.length).toBeGreaterThan(5)
    stopped.process.kill(signal)
    await stopped.ended
    await until(
      () => !processes.some(isAlive),
      10_000,
      () => `all processes to end after ${signal}`,
    )
  }
})

test('on a fresh clone, as an ordinary user, with no programs but those it asks for', {
  timeout: INSTALL_TIMEOUT,
}, async (context) => {
  requires(context, 'root', 'user namespaces', 'setpriv', 'chown')
  const { checkout, home, env } = clone('user')
  const programs = join(folder, 'programs')
  mkdirSync(programs)
  // Node, npm, a C compiler with its assembler and linker, iproute2, and what every Linux system has (util-linux, a
  // shell, `env` for npm's first line): no ping, no curl, no make, no Python.
  for (const name of ['node', 'npm', 'cc', 'as', 'ld', 'ip', 'unshare', 'mount', 'sh', 'env']) {
    symlinkSync(pathOf(name), join(programs, name))
  }
  execFileSync('chown', ['-R', `${ORDINARY_USER}:${ORDINARY_USER}`, checkout, home])
  const user = ['setpriv', `--reuid=${ORDINARY_USER}`, `--regid=${ORDINARY_USER}`, '--clear-groups']

  // Mostly every user may open /dev/net/tun. In a view of their own of the file system, these commands see one that
  // everybody may open, or only root, whatever this machine's is.
  const device = join(folder, 'device')
  mkdirSync(device)
  const prepare =
    'mount -t tmpfs none "$1" && mknod -m "$2" "$1/tun" c 10 200 && mount --bind "$1/tun" /dev/net/tun && ' +
    'shift 2 && exec "$@"'
  const asUser = (mode: string, environment: NodeJS.ProcessEnv, ...command: string[]) =>
    new Running(
      'unshare',
      ['--mount', 'sh', '-c', prepare, 'sh', device, mode, ...user, 'env', `PATH=${environment.PATH}`, ...command],
      { cwd: checkout, env: { ...environment, PATH: process.env.PATH } },
    ).ended

  const { code, stdout, stderr } = await asUser('666', { ...env, PATH: programs }, 'npm', 'start', '--', '--once')
  expect(stdout + stderr).toMatch(ANSWERS[0]!)
  expect(stdout).toMatch(ANSWERS[1]!)
  expect(code).toBe(0)
  expect(existsSync(join(checkout, 'build/ping'))).toBe(true)

  const refused = await asUser('600', env, 'node', 'bin/tapstack.mjs', 'sandbox', '--', 'true')
  expect(refused.stderr).toContain('/dev/net/tun cannot be opened (EACCES)')
  expect(refused.stderr).toContain('sudo chmod 666 /dev/net/tun')
  expect(refused.code).toBe(1)
})

function pathOf(command: string): string {
  for (const entry of (process.env.PATH ?? '').split(':')) {
    try {
      accessSync(join(entry, command))
      return join(entry, command)
    } catch {
      // Not in this folder.
    }
  }
  throw new Error(`no ${command} on the path`)
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
