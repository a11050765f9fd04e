import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, expect, test } from 'vitest'
import { readCapture } from '../../src/capture/index.ts'

const root = join(import.meta.dirname, '..', '..')
const captures = ['fails', 'fails-2', 'fails-3', 'passes', 'passes-2', 'passes-3'].map((name) =>
  join(root, 'test', 'captures', `failing.ts-${name}.pcapng`),
)

afterEach(() => {
  for (const path of captures) rmSync(path, { force: true })
})

test('a failing test leaves its captures and names them, a passing one leaves nothing', { timeout: 60_000 }, () => {
  const config = join(import.meta.dirname, 'fixtures', 'vitest.config.ts')
  const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs')
  const result = spawnSync(process.execPath, [vitest, 'run', '--config', config], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1', FORCE_COLOR: undefined, CI: undefined },
  })
  expect(result.status, result.stdout + result.stderr).toBe(1)
  expect(result.stdout).toContain('1 failed | 1 passed')
  expect(result.stderr).toContain('(1 frames): test/captures/failing.ts-fails-2.pcapng')
  expect(captures.map((path) => existsSync(path))).toEqual([true, true, true, false, false, false])
  expect(result.stderr).toContain('capture of the failed test: test/captures/failing.ts-fails.pcapng')
  const [first] = readCapture(captures[1])
  expect(first).toMatchObject({ interface: { name: 'sender' }, direction: 'outbound', originalLength: 42 })
  expect([...readCapture(captures[2])]).toHaveLength(2)
})
