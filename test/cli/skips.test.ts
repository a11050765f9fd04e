import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { root } from './process.ts'

/** How a run with a skipped test ends. */
let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-skips-'))
  symlinkSync(join(root, 'node_modules'), join(folder, 'node_modules'))
  writeFileSync(
    join(folder, 'vitest.config.ts'),
    `import { SkipReporter } from '${root}test/skip-reporter.ts'
     export default { test: { reporters: ['default', new SkipReporter()] } }`,
  )
  writeFileSync(
    join(folder, 'some.test.ts'),
    `import { test } from 'vitest'
     test('one', (context) => context.skip('no such device'))
     test('two', () => {})`,
  )
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test.each([
  ['true', 1],
  ['', 0],
])('with CI=%j a skipped test is shown with its reason, exit code %i', (CI, expected) => {
  const vitest = join(root, 'node_modules/vitest/vitest.mjs')
  const { status, stdout } = spawnSync(process.execPath, [vitest, 'run'], {
    cwd: folder,
    encoding: 'utf8',
    env: { PATH: process.env.PATH, CI },
  })
  expect(stdout).toContain('some.test.ts > one: no such device')
  expect(stdout.trimEnd().split('\n').at(-1)).toBe('1 passed, 0 failed, 1 skipped')
  expect(status).toBe(expected)
})
