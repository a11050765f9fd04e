import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { root, runTapstack, tapstack } from './process.ts'

/** A folder for the path in which `tapstack` is found under its name. */
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-completion-'))
  symlinkSync(tapstack, join(folder, 'tapstack'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function shell(program: string, options: string[], script: string): string[] {
  const { stdout, stderr, status } = spawnSync(program, [...options, '-c', script], {
    encoding: 'utf8',
    cwd: root,
    env: { ...process.env, PATH: `${folder}:${process.env.PATH}` },
  })
  expect(stderr).toBe('')
  expect(status).toBe(0)
  return stdout.split('\n').filter((line) => line !== '')
}

test('bash offers commands, arguments of the application and values', (context) => {
  requires(context, 'bash')
  const lines = [
    'tapstack ru',
    'tapstack run examples/echo.ts --po',
    'tapstack run examples/echo.ts --net=s',
    'tapstack completion ',
    'tapstack doc',
    'tapstack doctor --',
  ]
  const asked = lines.map(
    (line) => `COMP_LINE='${line}'; COMP_POINT=\${#COMP_LINE}; _tapstack; echo "\${COMPREPLY[*]}"`,
  )
  expect(shell('bash', ['--norc'], `source <(tapstack completion bash); ${asked.join('; ')}`)).toEqual([
    'run',
    '--port',
    'socket',
    'bash zsh',
    'doctor',
    '--json --help',
  ])
})

test('zsh offers the same', (context) => {
  requires(context, 'zsh')
  const asked = ["'run' 'examples/echo.ts' '--ipv4-'", "'completion' ''", "'run' ''"].map(
    (words) => `words=(tapstack ${words}); CURRENT=\${#words}; _tapstack`,
  )
  // What completion is made of is not loaded in a script: the two functions that are called show what they get.
  const script = `compdef() { }; compadd() { shift; print -r -- "$*" }; _files() { print files }
    source <(tapstack completion zsh); ${asked.join('; ')}`
  expect(shell('zsh', ['-f'], script)).toEqual(['--ipv4-gateway --ipv4-probe --ipv4-only', 'bash zsh', 'files'])
})

test('values of arguments, and nothing for what is no application', async () => {
  const offered = async (...words: string[]) => (await runTapstack(['complete', '--', ...words], { cwd: root })).stdout
  const [nothing, levels, files, switches] = await Promise.all([
    offered('run', 'README.md', '--'),
    offered('run', 'examples/echo.ts', '-l', 'tcp:'),
    offered('run', 'examples/echo.ts', '--syslog-ca', ''),
    offered('run', 'examples/echo.ts', '--no-accept'),
  ])
  expect(nothing).toBe('')
  expect(levels).toBe('tcp:quiet\ntcp:app\ntcp:error\ntcp:warning\ntcp:info\ntcp:debug\n')
  expect(files).toBe(':files\n')
  expect(switches).toBe('--no-accept-router-advertisements\n')
})
