/** One example, unchanged, by each kind of interface that the kernel has: it answers, or says in one line why not. */
import { beforeEach, expect, test } from 'vitest'
import { tapstack } from '../cli/process.ts'
import { requires } from '../requirements.ts'
import { Namespace } from '../support/namespace.ts'
import { OPTIONAL_PACKAGES, requiresPackage } from '../support/optional-packages.ts'

beforeEach((context) => {
  requires(context, 'root', 'ip', 'namespaces', 'tap', 'nc', 'kernel IPv6')
  if (context.task.name.startsWith('pcap:')) requiresPackage(context, 'pcap')
})

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

const TAP = `
  ip tuntap add tap0 mode tap && ip link set tap0 up && ip address add 10.0.0.1/24 dev tap0
  ip -6 address add fd00::1/64 dev tap0 nodad`

const TUN = TAP.replaceAll('tap0 mode tap', 'tun0 mode tun').replaceAll('tap0', 'tun0')

const OWN = 'ip address add 10.0.0.2/24 dev lo && ip -6 address add fd00::2/64 dev lo nodad'

test.each([
  ['tap0', TAP, ['--interface=tap0']],
  ['tap0,queues=4', TAP.replace('mode tap', 'mode tap multi_queue'), ['--interface=tap0,queues=4']],
  ['packet:v0', VETH, ['--interface=packet:v0']],
  ['tun:tun0', TUN, ['--interface=tun:tun0']],
  ['pcap:v0', VETH, ['--interface=pcap:v0']],
  ['the sockets of the operating system', OWN, ['--net=socket']],
])('%s, over both families', { timeout: 60_000 }, async (name, setting, words) => {
  await using namespace = await Namespace.create()
  await namespace.run('sh', ['-c', setting])
  const service = echo(namespace, ...words, '--ipv4=10.0.0.2/24', '--ipv6=fd00::2/64')
  await service.waitFor('answers on fd00::2')
  expect(await asked(namespace, '10.0.0.2'), name).toBe('to 10.0.0.2')
  expect(await asked(namespace, 'fd00::2'), name).toBe('to fd00::2')
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
      new RegExp(`^echo: .*the package ${name} is not installed: run "npm install ${name} --save-dev", .*\n$`),
    )
  },
)
