import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MacAddress } from '../../address/index.ts'
import { VirtualClock } from '../../clock/index.ts'
import { duidText, ownDuid } from './duid.ts'
import { DuidFile } from './duid-file.ts'

const MAC = MacAddress.parse('02:00:00:00:00:01')
let folder: string
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'tapstack-duid-'))
})
afterEach(() => rm(folder, { recursive: true }))

test('is made at the first run and the same at the second, with another MAC address too', async () => {
  const path = join(folder, 'duid')
  const first = await ownDuid(MAC, new VirtualClock(), new DuidFile(path))
  expect(await readFile(path, 'utf8')).toBe(`${duidText(first)}\n`)
  const second = await ownDuid(MacAddress.parse('02:00:00:00:00:02'), new VirtualClock(), new DuidFile(path))
  expect(second).toEqual(first)
  expect(await readdir(folder)).toEqual(['duid'])
})

test('something else in it is refused by its name, and stays', async () => {
  const path = join(folder, 'duid')
  await writeFile(path, 'hello')
  await expect(ownDuid(MAC, new VirtualClock(), new DuidFile(path))).rejects.toThrow(
    `${path} holds no DHCP unique identifier such as`,
  )
  expect(await readFile(path, 'utf8')).toBe('hello')
})

test('what the file system says is passed on', async () => {
  await expect(ownDuid(MAC, new VirtualClock(), new DuidFile(join(folder, 'no', 'duid')))).rejects.toThrow('ENOENT')
  await expect(ownDuid(MAC, new VirtualClock(), new DuidFile(folder))).rejects.toThrow('EISDIR')
})
