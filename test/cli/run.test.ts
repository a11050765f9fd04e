import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Running, root, runTapstack, tapstack } from './process.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-run-'))
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

function write(file: string, text: string): string {
  mkdirSync(dirname(join(folder, file)), { recursive: true })
  writeFileSync(join(folder, file), text)
  return join(folder, file)
}

/** Ends with 7 if what the stack throws is an error of the library that the file has imported, so that there is one. */
const APPLICATION = `
import { SystemError, unikernel } from 'tapstack'
import { port } from './port.ts'

interface Result { code: number }

export default unikernel({
  name: 'trial',
  async start({ stack }) {
    const flow = stack.connect({ address: '127.0.0.1', port })
    const result: Result = await flow.then(() => ({ code: 1 }), (error: unknown) => ({ code: error instanceof SystemError ? 7 : 2 }))
    return result.code
  },
})
`
const PORT = `import 'tapstack'\nexport const port: number = 1\n`

test.each([
  ['no package.json', null],
  ['ES modules', '{ "type": "module" }'],
  ['CommonJS', '{ "type": "commonjs" }'],
])('runs TypeScript outside of this package, in a folder with %s', async (name, manifest) => {
  if (manifest !== null) write(`${name}/package.json`, manifest)
  write(`${name}/port.ts`, PORT)
  const file = write(`${name}/application.ts`, APPLICATION)
  const { code, stderr } = await runTapstack(['run', file, '--net', 'socket'])
  expect(stderr).toBe('')
  expect(code).toBe(7)
})

test('runs TypeScript that has to be compiled', async () => {
  write('enum/port.ts', PORT)
  const file = write('enum/application.ts', `${APPLICATION}\nexport enum Colour { Red }\n`)
  expect(await runTapstack(['run', file, '--net', 'socket'])).toMatchObject({ stderr: '', code: 7 })
})

test('runs JavaScript', async () => {
  const program = `import { unikernel } from 'tapstack'\nexport default unikernel({ name: 'trial', start: () => 7 })\n`
  expect(await runTapstack(['run', write('module.mjs', program), '--net', 'socket'])).toMatchObject({ code: 7 })
})

test.each(['module.exports', 'exports.default'])('runs CommonJS outside of this package: %s', async (exported) => {
  const program = `const { SystemError, unikernel } = require('tapstack')
    ${exported} = unikernel({
      name: 'trial',
      start: ({ stack }) => stack.connect({ address: '127.0.0.1', port: 1 }).catch((error) => error instanceof SystemError ? 7 : 2),
    })`
  for (const file of ['common.cjs', 'common.js']) {
    expect(await runTapstack(['run', write(file, program), '--net', 'socket'])).toMatchObject({ code: 7 })
  }
})

test.each([
  ['while loading', `await new Promise(() => {})`],
  [
    'in start',
    `import { unikernel } from 'tapstack'; export default unikernel({ name: 'x', start: () => new Promise(() => {}) })`,
  ],
])('says so when a file waits for nothing %s', async (_when, program) => {
  const { code, stderr } = await runTapstack(['run', write('waits.mjs', program), '--net', 'socket'])
  expect(stderr).toMatch(/^tapstack: .*waits\.mjs waits for a promise that nothing can settle any more\n$/)
  expect(code).toBe(1)
})

test.each([
  ['a timer', `setTimeout(() => { throw new Error('too late') }, 50)`],
  ['a promise that nobody waits for', `setTimeout(() => Promise.reject(new Error('too late')), 50)`],
])('says in one line what %s throws, and where the report is', async (_what, program) => {
  const file = write(
    'throws.mjs',
    `import { unikernel } from 'tapstack'
     export default unikernel({ name: 'x', async start({ stack }) { await stack.udp(); ${program} } })`,
  )
  const { stderr, code } = await runTapstack(['run', file, '--net', 'socket', '--reports', dirname(file)])
  const [line, report, ...more] = stderr.split('\n')
  expect([line, ...more, code]).toEqual(['x: failed: too late', '', 1])
  expect(report).toMatch(/^x: a report is in \S+x-\d+-crash\.json$/)
})

test('goes on when nobody reads its standard output any more', async () => {
  const file = write(
    'talks.mjs',
    `import { unikernel } from 'tapstack'
     export default unikernel({ name: 'x', async start() {
       for (let i = 0; i < 10; i++) { console.log(i); await new Promise((resolve) => setTimeout(resolve, 20)) }
       return 7
     } })`,
  )
  const run = new Running(process.execPath, [tapstack, 'run', file, '--net', 'socket'])
  run.process.stdout?.destroy()
  expect(await run.ended).toMatchObject({ stderr: '', code: 7 })
})

test.each([
  ['--ipv4', '127.0.0.1/8'],
  ['--ipv4', '240.0.0.1/8'],
  ['--ipv4-gateway', '10.0.0.255'],
])('finds %s %s wrong before it starts', async (...words) => {
  const { code, stderr } = await runTapstack(['run', 'examples/echo.ts', ...words], { cwd: root })
  expect(stderr).toMatch(new RegExp(`^echo: ${words[0]}: expected [^\n]*\n$`))
  expect(code).toBe(64)
})

test('hands the boot arguments over', async () => {
  const file = write(
    'arguments.mjs',
    `import { unikernel } from 'tapstack'
     export default unikernel({
       name: 'trial',
       arguments: { answer: { type: 'integer', doc: 'what to end with', default: 1 } },
       start: (context) => context.arguments.answer,
     })`,
  )
  expect(await runTapstack(['run', file, '--net', 'socket', '--answer', '42'])).toMatchObject({ code: 42 })
  const wrong = await runTapstack(['run', file, '--answer', 'x'])
  expect(wrong.stderr).toMatch(/^trial: --answer: [^\n]*\n$/)
  expect(wrong.code).toBe(64)
  const help = await runTapstack(['run', file, '--help'])
  expect(help.stdout).toContain('--answer')
  expect(help.code).toBe(0)
})

test('says so when the file exports no application', async () => {
  const { code, stderr } = await runTapstack(['run', write('nothing.mjs', 'export const x = 1\n')])
  expect(stderr).toMatch(/^tapstack: .*nothing\.mjs does not export an application: expected .*\n$/)
  expect(code).toBe(64)
})

const SYNTAX = 'const a = {\n  a: 1\n  b: 2\n}\n'

test.each<[string, string, string | RegExp]>([
  ['throws.mjs', `\n\nthrow new Error('not today\\nnor tomorrow')\n`, 'line 3: Error: not today'],
  ['throws.ts', `const a: number = 1\n\nthrow new Error('not today')\n`, 'line 3: Error: not today'],
  [
    'calls.mjs',
    `import { readFileSync } from 'node:fs'\nreadFileSync('/none')\n`,
    /^line 2: Error: ENOENT: no such .*$/,
  ],
  [
    'declares.mjs',
    `import { unikernel } from 'tapstack'\n\nunikernel({ name: '_' })`,
    /^line 3: TypeError: start of .*$/,
  ],
  ['syntax.mjs', SYNTAX, "line 3: SyntaxError: Unexpected identifier 'b'"],
  ['syntax.cjs', SYNTAX, "line 3: SyntaxError: Unexpected identifier 'b'"],
  ['syntax.ts', SYNTAX, /^line 3: SyntaxError: .+$/],
  ['imports.mjs', `import './syntax.mjs'\n`, /^\S+syntax\.mjs, line 3: SyntaxError: Unexpected identifier 'b'$/],
  ['no-export.mjs', `\nimport { none } from './syntax.cjs'\n`, /^.*SyntaxError: .*$/],
  ['passwd', 'root:x:0:0:root:/root:/bin/bash\n', "line 1: SyntaxError: Unexpected token ':'"],
  ['null.mjs', 'throw null\n', 'null'],
])('says in one line where and why a file cannot be loaded: %s', async (name, text, expected) => {
  for (const other of ['syntax.mjs', 'syntax.cjs']) write(`broken/${other}`, SYNTAX)
  const file = write(`broken/${name}`, text)
  const { code, stdout, stderr } = await runTapstack(['run', file])
  const [what, ...rest] = stderr.split('\n')
  expect(rest).toEqual([''])
  const [before, why] = what.split(' cannot be loaded: ')
  expect(before).toBe(`tapstack: ${file}`)
  if (typeof expected === 'string') expect(why).toBe(expected)
  else expect(why).toMatch(expected)
  expect([code, stdout]).toEqual([1, ''])
})

test('with debug logs the stack trace follows', async () => {
  const file = write('traced.mjs', `throw new Error('not today')\n`)
  const lines = async (words: string[], environment = {}) => {
    const { stderr } = await runTapstack(['run', file, ...words], { env: { ...process.env, ...environment } })
    return stderr.split('\n')
  }
  for (const traced of [
    await lines(['-l', 'debug']),
    await lines(['--logs=*:info,x:debug']),
    await lines([], { TAPSTACK_LOGS: '*:debug' }),
  ]) {
    expect(traced[1]).toBe('Error: not today')
    expect(traced[2]).toMatch(/^ +at .*traced\.mjs:1:7/)
  }
  expect(await lines(['-l', 'tcp:debug'])).toHaveLength(2)
})

test.each([
  ['import.mjs', `import '@somebody/nothing-there/part'`, '@somebody/nothing-there'],
  ['import.ts', `import nothing from 'nothing-there'\nconst answer: number = nothing`, 'nothing-there'],
  ['require.cjs', `require('nothing-there/package.json')`, 'nothing-there'],
])('names the package that is missing, and what installs it beside the file: %s', async (file, text, name) => {
  write('missing/package.json', '{}')
  const { code, stderr } = await runTapstack(['run', write(`missing/${file}`, `${text}\n`)])
  const what = `tapstack: ${join(folder, 'missing', file)} needs the package ${name}, which is not installed`
  expect(stderr).toMatch(/^[^\n]*\n$/)
  expect(stderr.replace(/ --prefix \S+\/missing\n$/, ' --prefix there')).toBe(
    `${what}: npm install ${name} --prefix there`,
  )
  expect(code).toBe(1)
})
