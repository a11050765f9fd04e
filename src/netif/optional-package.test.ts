import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { loadOptionalPackage, OptionalPackageError } from './optional-package.ts'

let folder: string
let before: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-packages-'))
  before = process.cwd()
  for (const [name, source] of [
    ['whole', 'module.exports = 7'],
    ['broken', 'throw new Error("NODE_MODULE_VERSION 115\\nand more of it")'],
  ]) {
    mkdirSync(join(folder, 'node_modules', name!), { recursive: true })
    writeFileSync(join(folder, 'node_modules', name!, 'index.js'), source!)
  }
  process.cwd = () => folder
})

afterAll(() => {
  process.cwd = () => before
  rmSync(folder, { recursive: true })
})

const major = Number(process.versions.node.split('.')[0])
const load = (name: string, nodeMajor: number) => () =>
  loadOptionalPackage({ name, needs: 'which takes a compiler', nodeMajor })

test('a package of the working directory is found', () => {
  expect(load('whole', major)()).toBe(7)
})

test('one that is not there, or does not load, is named in one line with the Node.js version and what to do', () => {
  const version = process.version.replaceAll('.', '\\.')
  for (const [name, nodeMajor, message] of [
    ['absent', major, '^the package absent is not installed: run "npm install absent", which takes a compiler$'],
    ['absent', 12, `"npm install absent", which takes a compiler; it works on Node\\.js 12, and this is ${version}$`],
    [
      'broken',
      major,
      `^the package broken does not load on Node\\.js ${version}: run "npm rebuild broken", which takes`,
    ],
    ['broken', 12, 'it works on Node\\.js 12: use that and "npm rebuild broken" \\(NODE_MODULE_VERSION 115\\)$'],
  ] as const) {
    expect(load(name, nodeMajor)).toThrow(OptionalPackageError)
    expect(load(name, nodeMajor)).toThrow(new RegExp(message))
  }
})
