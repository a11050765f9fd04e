/** Arguments that have no effect beside others, or without them: a warning says so, and what it would need. */
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { makeCertificate } from '../../test/support/certificate.ts'
import { SocketStack } from '../stack/index.ts'
import { devices } from './devices/index.ts'
import { run } from './run.ts'
import { type Unikernel, unikernel } from './unikernel.ts'

let folder: string

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'tapstack-unused-'))
  makeCertificate(join(folder, 'pem'), join(folder, 'key'), 'x', 'DNS:x')
})

afterAll(() => rmSync(folder, { recursive: true }))

const alone = unikernel({ name: 'trial', start() {} })

async function warnings(words: string, application: Unikernel = alone): Promise<string[]> {
  let stderr = ''
  const argv = words.split(' ').map((word) => word.replace('@', `${folder}/`))
  const code = await run(application, argv, {
    stdout: { write: () => {} },
    stderr: { write: (text) => (stderr += text) },
    environment: { TAPSTACK_LOGS_FORMAT: 'text' },
    sandboxInterface: null,
    createStack: async () => new SocketStack(),
  })
  expect([code, stderr]).toEqual([0, expect.any(String)])
  return stderr
    .split('\n')
    .slice(0, -1)
    .map((line) => line.replace(/^\S+ warn {2}unikernel: /, ''))
}

test.each([
  [
    '--syslog-port=99 --syslog-transport=tcp --syslog-facility=daemon',
    '--syslog-port, --syslog-transport, --syslog-facility have no effect without --syslog',
  ],
  [
    '--syslog-ca=@pem --syslog-certificate=@pem --syslog-key=@key',
    '--syslog-ca, --syslog-certificate, --syslog-key have no effect without --syslog',
  ],
  ['--monitor-interval=1s --monitor-ca=@pem', '--monitor-interval, --monitor-ca have no effect without --monitor'],
  ['--ipv4=10.0.0.2/24 --dhcp-lease-file=@lease', '--dhcp-lease-file has no effect without --dhcp'],
  ['--no-dhcp --dhcp-link-local --dhcp-release', '--dhcp-link-local, --dhcp-release have no effect without --dhcp'],
  ['--dhcp --dhcp-release --grace=0s', '--dhcp-release has no effect with --grace 0s'],
  ['--interface=tun:tun0 --ipv4=10.0.0.2/24 --ipv4-probe', '--ipv4-probe has no effect with --interface tun:...'],
  ['--dhcpv6=off --dhcpv6-duid-file=@duid', '--dhcpv6-duid-file has no effect with --dhcpv6 off'],
  [
    '--dhcpv6=flags --accept-router-advertisements=false',
    '--dhcpv6 has no effect with --accept-router-advertisements=false',
  ],
  ['--ipv4-only --ipv6=fd00::2/64 --dhcpv6=stateful', '--ipv6, --dhcpv6 have no effect with --ipv4-only'],
  ['--ipv4-only --he-aaaa-timeout=1s', '--he-aaaa-timeout has no effect with --ipv4-only'],
  ['--ipv6-only --he-aaaa-timeout=1s', '--he-aaaa-timeout has no effect with --ipv6-only'],
  [
    '--ipv6-only --dhcp --dhcp-release --ipv4-probe',
    '--ipv4-probe, --dhcp, --dhcp-release have no effect with --ipv6-only',
  ],
  ['--net=host --dhcp-release --dhcpv6=off', '--dhcp-release, --dhcpv6 have no effect with --net host'],
])('%s', async (words, warning) => {
  expect(await warnings(words)).toEqual([warning])
})

test.each([
  '--dhcp --dhcp-lease-file=@lease --dhcp-link-local --dhcp-release',
  '--dhcp-lease-file=@lease',
  '--dhcpv6=stateful --dhcpv6-duid-file=@duid --accept-router-advertisements=false',
  '--no-dhcp --no-dhcp-release --no-dhcp-link-local',
  '--net=socket --ipv4=127.0.0.1/8 --ipv6=::1/128 --no-dhcp',
  '--he-aaaa-timeout=1s --dns-timeout=1s',
])('%s: nothing is said', async (words) => {
  expect(await warnings(words)).toEqual([])
})

test('in a group they have its name', async () => {
  const grouped = unikernel({
    name: 'trial',
    devices: { public: devices.stack({ group: 'public' }), inside: devices.stack({ group: 'inside' }) },
    start() {},
  })
  expect(
    await warnings('--public-ipv4-only --public-ipv6=fd00::2/64 --inside-interface=tap1 --inside-dhcpv6=off', grouped),
  ).toEqual(['--public-ipv6 has no effect with --public-ipv4-only'])
})
