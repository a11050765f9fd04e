/** What files a person names: wrong ones are told of before anything starts, in one line, with exit code 64. */
import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeCertificate } from '../../test/support/certificate.ts'
import { SocketStack } from '../stack/index.ts'
import { devices } from './devices/index.ts'
import { run } from './run.ts'
import { unikernel } from './unikernel.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-files-'))
  mkdirSync(join(folder, 'folder'))
  writeFileSync(join(folder, 'text'), 'no secret\n')
  makeCertificate(join(folder, 'certificate'), join(folder, 'key'), 'x', 'DNS:x')
})

afterAll(() => rmSync(folder, { recursive: true }))

async function start(words: readonly string[], environment: Record<string, string> = {}) {
  let stderr = ''
  let stacks = 0
  const stack = devices.stack()
  const application = unikernel({
    name: 'trial',
    devices: {
      store: devices.keyValueStore({ argument: 'store', folder }),
      disk: devices.block({ argument: 'disk', file: join(folder, 'text') }),
      audit: devices.syslog({ stack, argument: 'audit', server: '127.0.0.1' }),
    },
    start() {},
  })
  const code = await run(application, words, {
    stdout: { write: () => {} },
    stderr: { write: (text) => (stderr += text) },
    environment: { TAPSTACK_LOGS: 'quiet', ...environment },
    sandboxInterface: null,
    createStack: async () => {
      stacks++
      return new SocketStack()
    },
  })
  return { code, stderr: stderr.replaceAll(folder, '@'), stacks }
}

test.each([
  ['--capture=@/none/x.pcapng', 'a file in a folder that is there'],
  ['--dhcp-lease-file=@/none/lease', 'a file in a folder that is there'],
  ['--dhcp-lease-file=@/folder', 'a file and no folder'],
  ['--dhcp-lease-file=@/text/lease', 'a file in a folder and no file'],
  ['--dhcpv6-duid-file=@/none/duid', 'a file in a folder that is there'],
  ['--dhcpv6-duid-file=@/text', 'a file that holds a DHCP unique identifier such as 00:03:00:01:02:00:00:00:00:01'],
  ['--ipv6-stable-secret-file=@/none/secret', 'a file in a folder that is there'],
  ['--ipv6-stable-secret-file=@/text', 'a file that holds a secret of 32 hexadecimal digits'],
  ['--syslog-ca=@/none', 'a file that is there'],
  ['--syslog-ca=@/folder', 'a file and no folder'],
  ['--syslog-ca=@/text', 'a file that holds a certificate in PEM'],
  ['--syslog-certificate=@/key', 'a file that holds a certificate in PEM'],
  ['--syslog-key=@/certificate', 'a file that holds a private key in PEM without a passphrase'],
  ['--monitor-ca=@/text', 'a file that holds a certificate in PEM'],
  ['--audit-ca=@/text', 'a file that holds a certificate in PEM'],
  ['--reports=@/none', 'a folder that is there'],
  ['--reports=@/text', 'a folder and no file'],
  ['--store=@/none', 'a folder that is there'],
  ['--store=@/text', 'a folder and no file'],
  ['--disk=@/none', 'a file that is there'],
  ['--disk=@/folder', 'a file and no folder'],
  ['--interface=replay:@/none.pcapng,speed=2', 'a file that is there'],
])('%s: expected %s', async (word, expected) => {
  const [option, value] = word.split('=', 1).concat(word.slice(word.indexOf('=') + 1))
  const { code, stderr, stacks } = await start([word.replace('@', folder)])
  expect(stderr).toBe(`trial: ${option}: expected ${expected}, not "${value}"\n`)
  expect([code, stacks]).toEqual([64, 0])
  expect(existsSync(join(folder, 'none'))).toBe(false)
})

test('those that are right are taken, and what stands elsewhere is named by its place', async () => {
  const words = [
    ['--capture', 'x.pcapng'],
    ['--dhcp-lease-file', 'lease'],
    ['--dhcpv6-duid-file', 'duid'],
    ['--syslog-ca', 'certificate'],
    ['--syslog-certificate', 'certificate'],
    ['--syslog-key', 'key'],
    ['--monitor-ca', 'certificate'],
    ['--reports', 'folder'],
    ['--store', 'folder'],
    ['--disk', 'text'],
    ['--interface', 'replay:text,speed=max'],
  ].map(([option, name]) => `${option}=${name.replace(/([\w.]+)(,|$)/, (each) => `${join(folder, each)}`)}`)
  expect(await start(words)).toEqual({ code: 0, stderr: '', stacks: 1 })
  expect(await start([], { TAPSTACK_REPORTS: join(folder, 'none') })).toMatchObject({
    code: 64,
    stderr: 'trial: TAPSTACK_REPORTS: expected a folder that is there, not "@/none"\n',
  })
  // What does not count is not looked at.
  expect((await start([`--reports=${folder}`], { TAPSTACK_REPORTS: join(folder, 'none') })).code).toBe(0)
})
