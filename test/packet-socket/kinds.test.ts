/** One example, unchanged, by each kind of interface that the kernel has: it answers, or says in one line why not. */
import { beforeEach, expect, test } from 'vitest'
import { tapstack } from '../cli/process.ts'
import { requires } from '../requirements.ts'
import { Namespace } from '../support/namespace.ts'
import { OPTIONAL_PACKAGES, requiresPackage } from '../support/optional-packages.ts'

beforeEach((context) => requires(context, 'root', 'ip', 'namespaces', 'tap', 'nc', 'kernel IPv6'))

const VETH = `
  ip link add v0 type veth peer v1 && ip link set v0 up && ip link set v1 up
  ip address add 10.0.0.1/24 dev v1 && ip -6 address add fd00::1/64 dev v1 nodad`

/** What comes back from the echo service of an address, asked from the kernel's side. */
async function asked(namespace: Namespace, address: string): Promise<string> {
  // It says where it answers before it listens.
  const once = `nc -N -w 5 ${address} 7 < /dev/null > /dev/null 2>&1`
  await namespace.run('sh', ['-c', `for i in $(seq 100); do ${once} && exit; sleep 0.05; done; exit 1`])
  return (await namespace.run('nc', ['-N', '-w', '5', address, '7'], { input: `to ${address}` })).stdout
}

function echo(namespace: Namespace, ...words: string[]) {
  const environment = { NODE_PATH: OPTIONAL_PACKAGES }
  return namespace.spawn(process.execPath, [tapstack, 'run', 'examples/echo.ts', ...words], { environment })
}

test('tun:tun0, over both families', { timeout: 20_000 }, async () => {
  await using namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    `ip tuntap add tun0 mode tun && ip link set tun0 up && ip address add 10.0.0.1/24 dev tun0 &&
     ip -6 address add fd00::1/64 dev tun0 nodad`,
  ])
  const service = echo(namespace, '--interface=tun:tun0', '--ipv4=10.0.0.2/24', '--ipv6=fd00::2/64')
  await service.waitFor('answers on fd00::2')
  expect(await asked(namespace, '10.0.0.2')).toBe('to 10.0.0.2')
  expect(await asked(namespace, 'fd00::2')).toBe('to fd00::2')
})

test('pcap:v0, over both families', { timeout: 20_000 }, async (context) => {
  requiresPackage(context, 'pcap')
  await using namespace = await Namespace.create()
  await namespace.run('sh', ['-c', VETH])
  const service = echo(namespace, '--interface=pcap:v0', '--ipv4=10.0.0.2/24', '--ipv6=fd00::2/64')
  await service.waitFor('answers on fd00::2')
  expect(await asked(namespace, '10.0.0.2')).toBe('to 10.0.0.2')
  expect(await asked(namespace, 'fd00::2')).toBe('to fd00::2')
})

test.each(['pcap', 'raw-socket'])(
  'without the package %s: one line says what to do, and the exit code is 1',
  async (name) => {
    await using namespace = await Namespace.create()
    await namespace.run('sh', ['-c', VETH])
    const kind = name === 'pcap' ? 'pcap' : 'raw'
    const words = ['run', 'examples/echo.ts', `--interface=${kind}:v0`, '--ipv4=10.0.0.2/24', '--logs=quiet']
    const { status, stderr } = await namespace.run(process.execPath, [tapstack, ...words], { allowFailure: true })
    expect(status).toBe(1)
    expect(stderr).toMatch(
      new RegExp(`^echo: .*the package ${name} is not installed: run "npm install ${name}", .*\n$`),
    )
  },
)
