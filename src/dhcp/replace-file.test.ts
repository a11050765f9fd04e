import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { replaceFile } from './replace-file.ts'

test('a file is replaced as a whole, and what cannot be written is named, not what was to take its place', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-replace-'))
  try {
    const path = join(folder, 'lease')
    await replaceFile(path, 'old', 'the lease file')
    await replaceFile(path, 'new', 'the lease file')
    expect([readdirSync(folder), readFileSync(path, 'utf8')]).toEqual([['lease'], 'new'])
    const nowhere = join(folder, 'none', 'lease')
    await expect(replaceFile(nowhere, 'x', 'the lease file')).rejects.toMatchObject({
      code: 'ENOENT',
      path: nowhere,
      message: `ENOENT: no such file or directory, the lease file ${nowhere} cannot be written: ${nowhere}.new is to take its place`,
    })
  } finally {
    rmSync(folder, { recursive: true })
  }
})
