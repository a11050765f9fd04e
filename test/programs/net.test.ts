/** Programs of `net` on a tap: nc and its half-closed connections, 100 MB both ways, and a crowd of clients. */
import { createHash } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import { KERNEL, STACK, STACK6, TapLink } from './tap-link.ts'

const LARGE = 100_000_000
const CROWD = 10_000

describeWithNamespaces('net', () => {
  let link: TapLink
  let large: string
  let hash: string

  beforeEach(async (context) => {
    requires(context, 'strace', 'nc', 'sha256sum', 'prlimit')
    link = await TapLink.create()
    large = join(link.folder, 'large')
    const data = Buffer.alloc(LARGE)
    for (let i = 0; i < LARGE; i += 4) data.writeInt32LE(Math.imul(i, 0x9e3779b1) | 0, i)
    writeFileSync(large, data)
    hash = createHash('sha256').update(data).digest('hex')
  })

  afterEach(() => link?.[Symbol.asyncDispose]())

  const shell = (line: string) => link.namespace.run('sh', ['-c', line], { timeout: 60_000 })

  test('servers for nc', async () => {
    const server = link.program('net-server.mjs', [large])
    await server.waitFor('ready', 30_000)
    // nc ends its side behind the file (-N), and gets the answer after that.
    expect((await shell(`nc -N ${STACK} 7000 < ${large}`)).stdout).toBe(`${LARGE} ${hash} true\n`)
    expect((await shell(`nc -N ${STACK6} 7000 < ${large}`)).stdout).toBe(`${LARGE} ${hash} true\n`)
    expect((await shell(`nc -d ${STACK} 7001 | sha256sum`)).stdout).toBe(`${hash}  -\n`)
    // A client that does not read for two seconds has the server stop reading its file.
    expect((await shell(`nc -d ${STACK} 7001 | (sleep 2; sha256sum)`)).stdout).toBe(`${hash}  -\n`)
    const [, ahead] = await server.waitFor(/ahead (\d+)/)
    expect(Number(ahead)).toBeLessThan(LARGE / 2)
  }, 90_000)

  test('clients of nc', async () => {
    const got = join(link.folder, 'got')
    const server = link.namespace.spawn('sh', ['-c', `nc -l -N ${KERNEL} 7000 < ${large} > ${got}`])
    await shell(`until ss -ltn | grep -q :7000; do sleep 0.05; done`)
    const client = await link.program('net-client.mjs', [KERNEL, '7000', large]).finish(60_000)
    expect(client).toMatchObject({ status: 0, stdout: `${LARGE} ${hash} ${LARGE} ${LARGE}\n`, stderr: '' })
    await server.finish(10_000)
    expect(createHash('sha256').update(readFileSync(got)).digest('hex')).toBe(hash)
  }, 90_000)

  for (const role of ['server', 'client']) {
    test(`10,000 sockets of a ${role}`, async (context) => {
      const descriptors = CROWD + 100
      const most = /^Max open files +\d+ +(\d+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
      const isEnough = process.geteuid?.() === 0 || Number(most ?? Infinity) >= descriptors
      if (!isEnough) context.skip(`needs a limit of ${descriptors} open files, and ${most} is the most that is allowed`)
      const isServer = role === 'server'
      const crowdWords = [isServer ? STACK : KERNEL, '7002', `${CROWD}`]
      // On the stack a socket takes no descriptor.
      const onStack = { descriptors: 200 }
      const server = isServer
        ? link.program('net-server.mjs', [large], onStack)
        : link.kernelProgram('net-server.mjs', [large], { descriptors })
      await server.waitFor('ready', 30_000)
      const crowd = isServer
        ? link.kernelProgram('net-crowd.mjs', crowdWords, { descriptors })
        : link.program('net-crowd.mjs', crowdWords, onStack)
      await crowd.waitFor('open', 60_000)
      server.signal('SIGUSR2')
      await server.waitFor(`connections ${CROWD} of ${CROWD}`)
      crowd.write('go on\n')
      await crowd.waitFor('closed', 60_000)
      expect(await crowd.finish(10_000)).toMatchObject({ status: 0, stderr: '' })
      server.signal('SIGUSR2')
      await server.waitFor(`connections 0 of ${CROWD}`)
      expect(server.stdout).not.toContain('error')
      expect(server.stderr).toBe('')
    }, 150_000)
  }
})
