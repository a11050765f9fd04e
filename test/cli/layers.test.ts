import { spawnSync } from 'node:child_process'
import { cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { violations } from '../../scripts/lint/import-direction.mjs'
import { root } from './process.ts'

const messages = (file: string, text: string) => violations(file, text).map(({ message }) => message)

describe('imports', () => {
  test.each([
    ['tcp/connection.ts', `import { Icmp } from '../icmp/index.ts'`],
    ['tcp/connection.ts', `import { newReno } from './new-reno.ts'`],
    ['tcp/congestion/cubic.ts', `import { newReno } from '../new-reno.ts'`],
    ['tcp/congestion/cubic.ts', `import type { Clock } from '../../clock/index.ts'`],
    ['cli/main.ts', `import { unikernel } from '../unikernel/index.ts'\nimport { Command } from 'commander'`],
    ['index.ts', `export * from './stack/index.ts'`],
    ['tcp/connection.test.ts', `import { createStack } from '../stack/create-stack.ts'`],
    ['tcp/connection.ts', `// import { x } from '../cli/index.ts'`],
  ])('may point down: %s: %s', (file, text) => {
    expect(messages(file, text)).toEqual([])
  })

  test.each([
    ['up', 'tcp/connection.ts', `import { createStack } from '../stack/index.ts'`, 'must not know src/stack'],
    ['up, only a type', 'arp/arp.ts', `import type { Ipv4 } from '../ipv4/index.ts'`, 'must not know src/ipv4'],
    ['to a neighbour', 'tcp/listener.ts', `import { Udp } from '../udp/index.ts'`, 'must not know src/udp'],
    ['past index.ts', 'tcp/wire.ts', `import { x } from '../packet/packet-buffer.ts'`, 'import from its index.ts'],
    ['out of src', 'tcp/wire.ts', `import { x } from '../../test/support/frames.ts'`, 'leaves src/'],
    ['to the very top', 'cli/main.ts', `import { x } from '../index.ts'`, 'above every layer'],
    ['up, later', 'ip/ip.ts', `const x = await import('../tcp/index.ts')`, 'must not know src/tcp'],
    ['up, re-exported', 'ip/index.ts', `export { Tcp } from '../tcp/index.ts'`, 'must not know src/tcp'],
    ['up, over lines', 'ip/ip.ts', `import {\n  type A,\n  b as c,\n} from '../tcp/index.ts'`, 'must not know src/tcp'],
    ['from nowhere', 'quic/quic.ts', '', 'has no place in the list'],
    ['to nowhere', 'tcp/tcp.ts', `import { q } from '../quic/index.ts'`, 'has no place in the list'],
  ])('must not point %s', (_how, file, text, message) => {
    expect(messages(file, text)).toEqual([expect.stringContaining(message)])
  })

  test('are reported with their line', () => {
    expect(violations('ip/ip.ts', `\n\nimport { Tcp } from '../tcp/index.ts'`)).toMatchObject([{ line: 3 }])
  })

  test('of this code base obey', () => {
    const { status, stderr } = spawnSync(process.execPath, [`${root}scripts/lint/import-direction.mjs`], {
      encoding: 'utf8',
    })
    expect(stderr).toBe('')
    expect(status).toBe(0)
  })
})

describe('time and chance in protocol code', () => {
  let folder: string

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tapstack-lint-'))
    for (const path of ['biome.json', '.gitignore', 'scripts/lint']) {
      cpSync(join(root, path), join(folder, path), { recursive: true })
    }
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  /** What the linter says of one file. */
  function lint(file: string, text: string): string {
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), `${text}\n`)
    const biome = join(root, 'node_modules/.bin/biome')
    const { stdout } = spawnSync(biome, ['lint', '--reporter=github', '.'], { cwd: folder, encoding: 'utf8' })
    return stdout
  }

  const forbidden: [string, string][] = [
    ['Date', 'export const x = Date.now()'],
    ['Date', 'export const x = new Date()'],
    ['performance', 'export const x = performance.now()'],
    ['setTimeout', 'setTimeout(() => {}, 1)'],
    ['setInterval', 'setInterval(() => {}, 1)'],
    ['setImmediate', 'setImmediate(() => {})'],
    ['process', 'export const x = process.hrtime.bigint()'],
    ['globalThis', 'export const x = globalThis.setTimeout'],
    ['Random', 'export const x = Math.random()'],
    ['Random', 'export const { random } = Math'],
    ['crypto', 'export const x = crypto.randomUUID()'],
    ['Random', `import { randomBytes } from 'node:crypto'\nexport const x = randomBytes(4)`],
    ['Clock', `import { setTimeout as later } from 'node:timers'\nlater(() => {}, 1)`],
    ['Clock', `import { performance as p } from 'node:perf_hooks'\nexport const x = p.now()`],
  ]

  test.each(forbidden)('the linter finds %s in: %s', (name, text) => {
    expect(lint('src/tcp/timer.ts', text)).toMatch(new RegExp(`::error .*${name}`))
  })

  test.each(['ethernet', 'arp', 'ip', 'ipv4', 'ipv6', 'icmp', 'udp', 'tcp', 'dhcp', 'dns'])(
    'src/%s is watched',
    (layer) => {
      expect(lint(`src/${layer}/x.ts`, 'export const x = Math.random() + Date.now()')).toMatch(/::error[\s\S]*::error/)
    },
  )

  test('tests and the clock itself are free', () => {
    for (const file of ['src/tcp/timer.test.ts', 'src/clock/host-clock.ts']) {
      expect(lint(file, 'export const x = Date.now() + Math.random()')).not.toContain('::error')
    }
  })
})
