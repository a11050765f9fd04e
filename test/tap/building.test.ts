import { spawnSync } from 'node:child_process'
import { cpSync, mkdtempSync, readdirSync, rmSync, statSync, symlinkSync, utimesSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import process from 'node:process'
import { fileURLToPath } from 'node:url'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { requires } from '../requirements.ts'

const ROOT = fileURLToPath(new URL('../..', import.meta.url))

describe('scripts/build-native.mjs', () => {
  let folder: string
  const binary = () => join(folder, 'build/Release/tapstack.node')

  /** A copy of the package as it is before its install script has run. */
  beforeEach((context) => {
    requires(context, 'cc')
    folder = mkdtempSync(join(tmpdir(), 'tapstack-build-'))
    for (const part of ['package.json', 'native', 'scripts/build-native.mjs'])
      cpSync(join(ROOT, part), join(folder, part), { recursive: true, preserveTimestamps: true })
    symlinkSync(join(ROOT, 'node_modules'), join(folder, 'node_modules'))
  })

  afterEach(() => rmSync(folder, { recursive: true, force: true }))

  function build(environment: Record<string, string> = {}) {
    const args = [join(folder, 'scripts/build-native.mjs')]
    return spawnSync(process.execPath, args, { encoding: 'utf8', env: { ...process.env, ...environment } })
  }

  it('compiles without a warning, once, and again when a source is newer', () => {
    expect(build()).toMatchObject({ status: 0, stdout: '', stderr: '' })
    expect(createRequire(import.meta.url)(binary())).toHaveProperty('interfaceVersion')
    expect(readdirSync(join(folder, 'build'))).toEqual(['Release'])
    const first = statSync(binary()).ino
    expect(build({ CC: 'no-such-compiler' }).status).toBe(0)
    expect(statSync(binary()).ino).toBe(first)
    const later = Date.now() / 1000 + 10
    utimesSync(join(folder, 'native/poll.c'), later, later)
    expect(build().status).toBe(0)
    expect(statSync(binary()).ino).not.toBe(first)
  })

  it('says in one line what to install where there is no compiler', () => {
    const { status, stdout, stderr } = build({ CC: 'no-such-compiler' })
    expect(status).toBe(1)
    expect(stdout).toBe('')
    expect(stderr.trim().split('\n')).toEqual([expect.stringContaining('Install a C compiler')])
    expect(stderr).toContain('no-such-compiler')
    expect(stderr).toContain('apt install build-essential')
  })

  it('replaces a binary that does not load', () => {
    expect(build().status).toBe(0)
    cpSync(join(folder, 'package.json'), binary())
    const later = Date.now() / 1000 + 10
    utimesSync(binary(), later, later)
    expect(build().status).toBe(0)
    expect(createRequire(import.meta.url)(binary())).toHaveProperty('interfaceVersion')
  })
})
