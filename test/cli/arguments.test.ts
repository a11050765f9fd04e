/** Boot arguments whose effect shows on a process of its own. */
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { connect } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { Running, root, runTapstack, tapstack } from './process.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-arguments-'))
  writeFileSync(
    join(folder, 'told.mjs'),
    `import { unikernel } from 'tapstack'
     export default unikernel({
       name: 'told',
       arguments: { greeting: { type: 'string', default: 'of-default', doc: '' } },
       start: ({ arguments: { greeting }, name }) => console.log(greeting, name),
     })`,
  )
})

afterAll(() => rmSync(folder, { recursive: true, force: true }))

test('arguments come from the command line, a file, the environment, in this order', async () => {
  const toml = join(folder, 'told.toml')
  const json = join(folder, 'told.json')
  writeFileSync(toml, 'greeting = "of-toml"\nnet = "socket"\n')
  writeFileSync(json, '{ "greeting": "of-json", "net": "host" }')
  const environment = { TAPSTACK_GREETING: 'of-variable', TAPSTACK_NAME: 'also-of-variable', TAPSTACK_NET: 'socket' }
  const said = async (...words: string[]) => {
    const file = join(folder, 'told.mjs')
    const { stdout, stderr } = await runTapstack(['run', file, ...words], { env: { ...process.env, ...environment } })
    return `${stderr}${stdout}`.split('\n').filter((line) => !line.includes('answers on'))[0]
  }
  expect(
    await Promise.all([
      said(),
      said('--config', toml),
      said('--config', json),
      said('--config', toml, '--greeting=of-line', '--name=x'),
    ]),
  ).toEqual(['of-variable also-of-variable', 'of-toml also-of-variable', 'of-json also-of-variable', 'of-line x'])
})

test('--net socket --ipv4=127.0.0.1/24 listens on 127.0.0.1 alone, and --ipv6-only on no address of IPv4', async () => {
  const reaches = (host: string, port: number) =>
    new Promise<boolean>((resolve) => {
      const socket = connect({ host, port })
      socket.on('connect', () => resolve(true)).on('error', () => resolve(false))
      socket.on('connect', () => socket.destroy())
    })
  const answers = async (port: number, ...words: string[]) => {
    const service = new Running(
      process.execPath,
      [tapstack, 'run', 'examples/discard.ts', '--port', String(port), ...words],
      { cwd: root },
    )
    await service.says(/answers on/)
    let reached: boolean[] = []
    for (let i = 0; i < 50 && !reached.includes(true); i++) {
      reached = await Promise.all(['127.0.0.1', '127.0.0.2', '::1'].map((host) => reaches(host, port)))
      await new Promise((resolve) => setTimeout(resolve, 20))
    }
    service.process.kill('SIGTERM')
    expect((await service.ended).code).toBe(0)
    return reached
  }
  expect(await answers(20_401, '--net=host')).toEqual([true, true, true])
  expect(await answers(20_402, '--net=socket', '--ipv4=127.0.0.1/24')).toEqual([true, false, false])
  expect(await answers(20_403, '--net=socket', '--ipv6-only')).toEqual([false, false, true])
})
