import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test, vi } from 'vitest'
import { installCommand } from './install-command.ts'

let folder: string

beforeAll(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), 'tapstack-install-')))
  for (const each of ['clone/examples', 'program/src', "with 'quotes'", 'plain']) {
    mkdirSync(join(folder, each), { recursive: true })
  }
  const peers = { peerDependencies: { pcap: '^3' }, peerDependenciesMeta: { pcap: { optional: true } } }
  writeFileSync(join(folder, 'clone/package.json'), JSON.stringify(peers))
  writeFileSync(join(folder, 'program/package.json'), '{}')
  writeFileSync(join(folder, "with 'quotes'", 'package.json'), 'no JSON')
})

afterAll(() => rmSync(folder, { recursive: true }))

/** @param wanting where the one is that wants it; default the working directory */
function asked(cwd: string, name: string, wanting?: string): string {
  vi.spyOn(process, 'cwd').mockReturnValue(join(folder, cwd))
  try {
    return wanting === undefined ? installCommand(name) : installCommand(name, join(folder, wanting))
  } finally {
    vi.restoreAllMocks()
  }
}

test('in a program: that it is installed', () => {
  expect(asked('program', 'pcap')).toBe('npm install pcap')
  expect(asked('program/src', 'pcap')).toBe('npm install pcap')
  expect(asked('plain', 'pcap')).toBe('npm install pcap')
})

test('where it is an optional peer, as in a clone, npm would do nothing', () => {
  expect(asked('clone', 'pcap')).toBe('npm install pcap --save-dev')
  expect(asked('clone/examples', 'pcap')).toBe('npm install pcap --save-dev')
  expect(asked('clone', 'ws')).toBe('npm install ws')
})

test('for who is elsewhere: there', () => {
  expect(asked('plain', 'ws', 'program/src')).toBe('npm install ws --prefix ../program')
  expect(asked('program', 'ws', 'program/src')).toBe('npm install ws')
  expect(asked('program/src', 'ws', 'program')).toBe('npm install ws')
  expect(asked('program', 'pcap', 'clone/examples')).toBe('npm install pcap --save-dev --prefix ../clone')
  expect(asked('program', 'ws', 'plain')).toBe('npm install ws --prefix ../plain')
  expect(asked('program', 'ws', "with 'quotes'")).toBe(`npm install ws --prefix '../with '\\''quotes'\\'''`)
})
