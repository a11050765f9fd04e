/** Ways to reach a network from `tapstack run`: several interfaces, several processes, and interfaces that are no taps. */
import { beforeEach, expect, test } from 'vitest'
import { tapstack } from '../cli/process.ts'
import { requires } from '../requirements.ts'
import { Namespace } from '../support/namespace.ts'

beforeEach((context) => requires(context, 'ip', 'namespaces', 'tap', 'nc', 'ping', 'kernel IPv6'))

function echo(namespace: Namespace, ...words: string[]) {
  return namespace.spawn(process.execPath, [tapstack, 'run', 'examples/echo.ts', ...words])
}

/** What comes back from the echo service of `address`, asked from the kernel's side. */
async function asked(namespace: Namespace, address: string): Promise<string> {
  // It says where it answers before it listens.
  const once = `nc -N -w 5 ${address} 7 < /dev/null > /dev/null 2>&1`
  await namespace.run('sh', ['-c', `for i in $(seq 100); do ${once} && exit; sleep 0.05; done; exit 1`])
  return (await namespace.run('nc', ['-N', '-w', '5', address, '7'], { input: `to ${address}` })).stdout
}

test('two processes on a veth by --interface packet:v0, and two on taps of one bridge', {
  timeout: 60_000,
}, async () => {
  await using namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    `ip link add br0 type bridge mcast_snooping 0 && ip link set br0 up && ip address add 10.0.0.1/24 dev br0
     ip -6 address add fd00::1/64 dev br0 nodad
     for i in 0 1; do ip tuntap add tap$i mode tap; ip link set tap$i master br0 up; done
     ip link add v0 type veth peer v1 && ip link set v0 up && ip link set v1 master br0 up`,
  ])
  const interfaces = ['tap0', 'tap1', 'packet:v0', 'packet:v0']
  const addresses = interfaces.flatMap((_, i) => [`10.0.0.${i + 2}`, `fd00::${i + 2}`])
  const services = interfaces.map((name, i) =>
    echo(namespace, `--interface=${name}`, `--ipv4=10.0.0.${i + 2}/24`, `--ipv6=fd00::${i + 2}/64`),
  )
  await Promise.all(services.map((service, i) => service.waitFor(`answers on fd00::${i + 2}`)))
  expect(await Promise.all(addresses.map((address) => asked(namespace, address)))).toEqual(
    addresses.map((address) => `to ${address}`),
  )
})

test('two stacks on two taps in one process', { timeout: 60_000 }, async () => {
  await using namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    `for i in 0 1; do
       ip tuntap add tap$i mode tap; ip link set tap$i up; ip address add 10.$i.0.1/24 dev tap$i
       ip -6 address add fd0$i::1/64 dev tap$i nodad
     done`,
  ])
  const service = namespace.spawn(process.execPath, [
    tapstack,
    'run',
    'test/packet-socket/programs/two-networks.mjs',
    '--left-interface=tap0',
    '--right-interface=tap1',
    '--left-ipv6=fd00::2/64',
    '--right-ipv6=fd01::2/64',
  ])
  for (const address of ['10.0.0.2', '10.1.0.2', 'fd00::2', 'fd01::2']) await service.waitFor(`answers on ${address}`)
  const answers = ['10.0.0.2', 'fd00::2', '10.1.0.2', 'fd01::2'].map((address) => asked(namespace, address))
  expect(await Promise.all(answers)).toEqual(['left', 'left', 'right', 'right'])
})
