/** Ways to reach a network from `tapstack run`: several interfaces, several processes, and interfaces that are no taps. */
import { beforeEach, expect, test } from 'vitest'
import { tapstack } from '../cli/process.ts'
import { requires } from '../requirements.ts'
import { Namespace } from '../support/namespace.ts'

beforeEach((context) => requires(context, 'ip', 'namespaces', 'tap', 'nc', 'ping'))

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
  timeout: 20_000,
}, async () => {
  await using namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    `ip link add br0 type bridge && ip link set br0 up && ip address add 10.0.0.1/24 dev br0
     for i in 0 1; do ip tuntap add tap$i mode tap; ip link set tap$i master br0 up; done
     ip link add v0 type veth peer v1 && ip link set v0 up && ip link set v1 master br0 up`,
  ])
  const services = [
    echo(namespace, '--interface=tap0', '--ipv4=10.0.0.2/24'),
    echo(namespace, '--interface=tap1', '--ipv4=10.0.0.3/24'),
    echo(namespace, '--interface=packet:v0', '--ipv4=10.0.0.4/24'),
    echo(namespace, '--interface=packet:v0', '--ipv4=10.0.0.5/24'),
  ]
  await Promise.all(services.map((service) => service.waitFor('answers on 10')))
  const addresses = ['10.0.0.2', '10.0.0.3', '10.0.0.4', '10.0.0.5']
  expect(await Promise.all(addresses.map((address) => asked(namespace, address)))).toEqual(
    addresses.map((address) => `to ${address}`),
  )
})

test('two stacks on two taps in one process', { timeout: 60_000 }, async () => {
  await using namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    `for i in 0 1; do ip tuntap add tap$i mode tap; ip link set tap$i up; ip address add 10.$i.0.1/24 dev tap$i; done`,
  ])
  const service = namespace.spawn(process.execPath, [
    tapstack,
    'run',
    'test/packet-socket/programs/two-networks.mjs',
    '--left-interface=tap0',
    '--right-interface=tap1',
  ])
  await service.waitFor(/answers on 10.*answers on 10/s)
  expect(await Promise.all([asked(namespace, '10.0.0.2'), asked(namespace, '10.1.0.2')])).toEqual(['left', 'right'])
})
