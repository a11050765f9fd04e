import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { LeaseFile } from './lease-file.ts'

let folder = ''
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-lease-'))
})
afterEach(() => rmSync(folder, { recursive: true }))

test('a file that is not there is nothing; what was saved last is there, and nothing beside it', async () => {
  const path = join(folder, 'lease')
  const store = new LeaseFile(path)
  expect(await store.load()).toBe(null)
  await store.save('one\n')
  await store.save('two\n')
  expect(await store.load()).toBe('two\n')
  expect(readFileSync(path, 'utf8')).toBe('two\n')
  expect(readdirSync(folder)).toEqual(['lease'])
})

test('no more is read than a lease can have', async () => {
  const path = join(folder, 'lease')
  writeFileSync(path, 'x'.repeat(1_000_000))
  expect((await new LeaseFile(path).load())?.length).toBe(4096)
})

test('errors of the file system are told', async () => {
  const store = new LeaseFile(folder)
  await expect(store.load()).rejects.toMatchObject({ code: 'EISDIR' })
  await expect(new LeaseFile(join(folder, 'missing', 'lease')).save('x')).rejects.toMatchObject({ code: 'ENOENT' })
})
