/** Two processes of `tapstack run` at the two ends of a carrier, without privileges and without a network of the kernel. */
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test } from 'vitest'
import { Running, root, tapstack } from '../cli/process.ts'

/** Of one family, because that of IPv6 is ready only when it knows that nobody else has its address. */
function neighbour(carrier: string, family: 4 | 6, number: number, ...words: string[]): Running {
  const addresses =
    family === 4 ? ['--ipv4-only', `--ipv4=10.0.0.${number}/24`] : ['--ipv6-only', `--ipv6=fd00::${number}/64`]
  const program = 'test/carriers/programs/neighbour.mjs'
  const command = [tapstack, 'run', program, `--interface=${carrier}`, '--logs-format=text', ...addresses, ...words]
  return new Running(process.execPath, command, { cwd: root })
}

function wire(): string {
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  return join(folder, 'wire')
}

/** Both ask, and both are answered; the second asks the first. */
async function serveEachOther(first: Running, second: Running, [one, two]: readonly [string, string]): Promise<void> {
  await second.says(`${one} answers: are you there?`)
  await first.says(`${two} answers: are you there?`)
  for (const each of [second, first]) {
    each.process.kill('SIGTERM')
    expect((await each.ended).code).toBe(0)
  }
}

const IPV6 = ['fd00::1', 'fd00::2'] as const
const IPV4 = ['10.0.0.1', '10.0.0.2'] as const

test('unix: and unix-listen:, over IPv6, in full frames of 9,000 bytes', async () => {
  const path = wire()
  const first = neighbour(`unix-listen:${path},mtu=9000`, 6, 1)
  await first.says('listening')
  await serveEachOther(first, neighbour(`unix:${path},mtu=9000`, 6, 2, '--ask=fd00::1'), IPV6)
})

test('unix: that comes first and waits with reconnect, over IPv4', async () => {
  const path = wire()
  const first = neighbour(`unix:${path},reconnect=20ms`, 4, 1)
  await first.says('listening')
  await serveEachOther(first, neighbour(`unix-listen:${path}`, 4, 2, '--ask=10.0.0.1'), IPV4)
})

test('unix-dgram:, over IPv4, where either may come first', async () => {
  const path = wire()
  const first = neighbour(`unix-dgram:${path}-2,local=${path}-1,mtu=9000`, 4, 1)
  await first.says('listening')
  const second = neighbour(`unix-dgram:${path}-1,local=${path}-2,mtu=9000`, 4, 2, '--ask=10.0.0.1')
  await serveEachOther(first, second, IPV4)
  expect([existsSync(`${path}-1`), existsSync(`${path}-2`)]).toEqual([false, false])
})

test('an end that goes ends the run with one line; a carrier that cannot be is one line as well', async () => {
  const path = wire()
  const first = neighbour(`unix-listen:${path}`, 4, 1)
  const nobody = neighbour(`unix:${path}.not`, 4, 2)
  const wrong = neighbour('udp:127.0.0.1:5000', 4, 2)
  const { code, stderr } = await nobody.ended
  expect(code).toBe(1)
  expect(stderr.trim().split('\n')).toHaveLength(1)
  expect(stderr).toContain(`nobody listens at ${path}`)
  expect(await wrong.ended).toMatchObject({
    code: 64,
    stderr: 'neighbour: --interface: expected local=[ADDRESS:]PORT behind a comma, not nothing\n',
  })
  await first.says('listening')
  const second = neighbour(`unix:${path}`, 4, 2)
  await second.says('listening')
  first.process.kill('SIGTERM')
  const gone = await second.ended
  expect(gone.code).toBe(1)
  expect(gone.stderr).toContain(`${path} was closed by its other end`)
})
