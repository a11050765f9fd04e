import { readFileSync } from 'node:fs'
import { createServer, get } from 'node:http'
import type { AddressInfo } from 'node:net'
import { beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { descendants, isAlive, Running, root, runTapstack, tapstack, until } from './process.ts'

beforeEach((context) => requires(context, 'namespaces', 'tap'))

const sandbox = (...words: string[]) => new Running(process.execPath, [tapstack, 'sandbox', ...words])

test('gives the command a namespace of its own with a tap device', async () => {
  const { code, stdout } = await runTapstack(['sandbox', '--', 'ip', '-brief', 'address'])
  expect(code).toBe(0)
  expect(stdout).toMatch(/^lo .*127\.0\.0\.1\/8/m)
  expect(stdout).toMatch(/^tap0 .*10\.0\.0\.1\/24.* fd00::1\/64/m)
  expect(stdout.trim().split('\n')).toHaveLength(2)
})

test('takes the name and the address of the device', async () => {
  const options = ['--interface', 'uplink', '--address', 'fd00::9/64', '--address', '10.1.0.1/16']
  const { stdout } = await runTapstack(['sandbox', ...options, '--', 'ip', '-brief', 'address', 'show', 'uplink'])
  expect(stdout).toMatch(/10\.1\.0\.1\/16 fd00::9\/64/)
})

test.each([
  [['sh', '-c', 'exit 7'], 7],
  [['true'], 0],
  [['sh', '-c', 'kill -9 $$'], 137],
  [['no-such-command'], 127],
  [[''], 127],
  [['/etc/passwd'], 126],
])('passes the exit code of %j on', async (command, expected) => {
  expect((await runTapstack(['sandbox', '--', ...command])).code).toBe(expected)
})

test('passes standard input, output and error on', async () => {
  const { stdout, stderr } = await runTapstack(['sandbox', '--', 'sh', '-c', 'cat; echo problem >&2'], { input: 'abc' })
  expect(stdout).toBe('abc')
  expect(stderr).toBe('problem\n')
})

test('passes the terminal on', async (context) => {
  requires(context, 'script')
  const command = `${process.execPath} ${tapstack} sandbox -- sh -c "test -t 0 && test -t 1 && stty size"`
  const { code, stdout } = await new Running('script', ['-qec', `stty rows 33 cols 77; ${command}`, '/dev/null']).ended
  expect(stdout).toContain('33 77')
  expect(code).toBe(0)
})

/** Counts a signal, and ends with exit code 9 some time after the first. */
const counter = (signal: string) =>
  `let n = 0; process.on('${signal}', () => { if (++n === 1) setTimeout(() => { console.log('count ' + n); process.exit(9) }, 700) }); ` +
  `setInterval(() => {}, 1000); console.log('ready')`

test.each(['SIGINT', 'SIGTERM', 'SIGHUP'] as const)('passes %s on, once', async (signal) => {
  const run = sandbox('--', process.execPath, '-e', counter(signal))
  await run.says('ready')
  run.process.kill(signal)
  const { code, stdout } = await run.ended
  expect(stdout).toBe('ready\ncount 1\n')
  expect(code).toBe(9)
})

test('Ctrl-C in the terminal reaches the command once', async (context) => {
  requires(context, 'script')
  const command = [process.execPath, tapstack, 'sandbox', '--', process.execPath, '-e', counter('SIGINT')]
  const quoted = command.map((word) => `'${word.replaceAll("'", `'\\''`)}'`).join(' ')
  const run = new Running('script', ['-qec', `exec ${quoted}`, '/dev/null'])
  await run.says('ready')
  // What the terminal's driver does at Ctrl-C: a signal to the whole foreground group.
  process.kill(-descendants(run.pid)[0]!, 'SIGINT')
  const { code, stdout } = await run.ended
  expect(stdout).toContain('count 1')
  expect(code).toBe(9)
})

test('ends everything in there with the command, also what it left in the background', async () => {
  const run = sandbox('--', 'sh', '-c', 'setsid sleep 1000 & echo ready; sleep 1; exit 3')
  await run.says('ready')
  const inside = descendants(run.pid)
  expect(inside.length).toBeGreaterThan(2)
  await run.ended
  await until(
    () => !inside.some(isAlive),
    5_000,
    () => 'all processes to end',
  )
})

test.each([0, 1, 2, 3])('ends everything when process %i of it is killed', async (which) => {
  const run = sandbox('--', 'sh', '-c', 'setsid sleep 1000 & echo ready; sleep 1000')
  await run.says('ready')
  const all = [run.pid, ...descendants(run.pid)]
  expect(all.length).toBeGreaterThan(4)
  process.kill(all[which]!, 'SIGKILL')
  await run.ended
  await until(
    () => !all.some(isAlive),
    5_000,
    () => 'all processes to end',
  )
})

test('ends when whoever started it is killed before it has begun', async () => {
  const port = await freePort()
  const run = sandbox('--publish', `${port}:80`, '--', 'sleep', '1000')
  const started = () =>
    descendants(run.pid).filter((pid) => commandLine(pid).match(/^[^\0]*node\0.*sandbox-inside/s) !== null)
  await until(
    () => started().length > 0,
    10_000,
    () => 'the first process inside',
  )
  const all = [run.pid, ...descendants(run.pid)]
  run.process.kill('SIGKILL')
  await run.ended
  await until(
    () => !all.some(isAlive),
    5_000,
    () => 'all processes to end',
  )
})

for (const [what, command] of [
  ['ends by itself', 'sleep 1000'],
  ['wants to stay', "trap '' TERM; while :; do sleep 1; done"],
]) {
  test(`ends with npx, which is told to: a command that ${what}`, async (context) => {
    requires(context, 'npm')
    const env = { ...process.env, npm_config_offline: 'true', npm_config_update_notifier: 'false' }
    const words = ['--no', 'tapstack', 'sandbox', '--', 'sh', '-c', `setsid sleep 1000 & echo ready; ${command}`]
    const run = new Running('npx', words, { cwd: root, env })
    await run.says('ready')
    const all = [run.pid, ...descendants(run.pid)]
    expect(all.length).toBeGreaterThan(5)
    run.process.kill('SIGTERM')
    await until(
      () => !all.some(isAlive),
      10_000,
      () => 'all processes to end',
    )
  })
}

test('who puts it into the background may leave', async () => {
  const shell = `'${process.execPath}' '${tapstack}' sandbox -- sh -c 'echo ready; sleep 2; echo stayed' & echo $!; sleep 1`
  const run = new Running('sh', ['-c', shell], { env: { ...process.env, npm_command: 'exec' } })
  await until(
    () => run.stdout.includes('stayed'),
    10_000,
    () => `it to go on; it said ${run.stdout}${run.stderr}`,
  )
  expect(run.process.exitCode).toBe(0)
})

test('a published port leads from the loopback of the host into the sandbox', async () => {
  const port = await freePort()
  const program = `require('http').createServer((q, r) => q.pipe(r)).listen(80, '10.0.0.1', () => console.log('ready'))`
  const run = sandbox('--publish', `${port}:10.0.0.1:80`, '--', process.execPath, '-e', program)
  try {
    await run.says('ready')
    const body = 'x'.repeat(3_000_000)
    const answers = await Promise.all(
      Array.from({ length: 20 }, async () => {
        const response = await fetch(`http://127.0.0.1:${port}/`, { method: 'POST', body })
        return await response.text()
      }),
    )
    expect(answers.every((answer) => answer === body)).toBe(true)
  } finally {
    run.process.kill('SIGTERM')
    await run.ended
  }
  await expect(fetch(`http://127.0.0.1:${port}/`)).rejects.toThrow()
})

test('the command cannot reach the host', async () => {
  const server = createServer((_request, response) => response.end('host')).listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  try {
    await new Promise((resolve, reject) => get(`http://127.0.0.1:${port}`, resolve).on('error', reject))
    const program = `require('http').get('http://127.0.0.1:${port}').on('error', (e) => console.log(e.code))`
    const { stdout } = await runTapstack(['sandbox', '--', process.execPath, '-e', program])
    expect(stdout.trim()).toBe('ECONNREFUSED')
  } finally {
    server.closeAllConnections()
    server.close()
  }
})

test('a taken port is said in one line, and nothing starts', async () => {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  try {
    const { code, stdout, stderr } = await runTapstack(['sandbox', '-p', `${port}:80`, '--', 'echo', 'started'])
    expect(code).toBe(1)
    expect(stdout).toBe('')
    expect(stderr).toBe(`tapstack: port ${port} on 127.0.0.1 is taken already: choose another with --publish\n`)
  } finally {
    server.close()
  }
})

function commandLine(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await new Promise((resolve) => server.once('listening', resolve))
  const { port } = server.address() as AddressInfo
  await new Promise((resolve) => server.close(resolve))
  return port
}
