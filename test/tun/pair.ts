import { expect } from 'vitest'
import { HostClock, SeededRandom } from '../../src/clock/index.ts'
import { openTun, type Tun } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack } from '../../src/stack/index.ts'
import type { Pair } from '../stack/pairs.ts'
import { Namespace } from '../support/namespace.ts'

/**
 * A namespace with two tuns, `tun0` to 10.0.0.2 and fd00::2, `tun1` to 10.1.0.2 and fd01::2. The kernel is 10.0.0.1 and fd00::1, and
 * passes on what comes from one for the other.
 */
export async function tunNamespace(): Promise<Namespace> {
  const namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    `sysctl -qw net.ipv4.ip_forward=1 net.ipv6.conf.all.forwarding=1 net.ipv4.icmp_ratelimit=0
     for i in 0 1; do
       ip tuntap add tun$i mode tun
       ip link set tun$i up
       ip address add 10.$i.0.1/24 dev tun$i
       ip -6 address add fd0$i::1/64 dev tun$i nodad
     done`,
  ])
  return namespace
}

/** One of its tuns, opened from outside of it. */
export function openTunIn(namespace: Namespace, name: string, memory?: PacketMemory): Promise<Tun> {
  const path = `/proc/${namespace.pid}/ns/net`
  return openTun({ name, namespace: path, ...(memory === undefined ? {} : { memory }) })
}

/** The same with a wire from one tun to the other instead: whatever comes from one goes out of the other as it is. */
export async function joinedTuns(): Promise<Namespace> {
  const namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    `sysctl -qw net.ipv6.conf.default.disable_ipv6=1
     for i in 0 1; do ip tuntap add tun$i mode tun && ip link set tun$i up; done
     for i in 0 1; do
       tc qdisc add dev tun$i ingress
       tc filter add dev tun$i parent ffff: protocol all u32 match u32 0 0 action mirred egress redirect dev tun$((1 - i))
     done`,
  ])
  return namespace
}

/** Two stacks of ours, each behind a tun, which the kernel joins. */
export async function tunPair(namespace: Namespace): Promise<Pair> {
  const clock = new HostClock()
  const random = new SeededRandom(1)
  const memories = [new PacketMemory(), new PacketMemory()]
  const stack = async (index: number) =>
    createStack({
      netif: await openTunIn(namespace, `tun${index}`, memories[index]),
      ipv4: `10.0.0.${2 - index}/24`,
      ipv4Only: true,
      clock,
      random,
    })
  const server = await stack(0)
  const client = await stack(1)
  return {
    server,
    client,
    serverAddress: '10.0.0.2',
    clientAddress: '10.0.0.1',
    longestDatagram: 65_507,
    silentEndpoint: async () => ({ address: '10.0.0.99', port: 7 }),
    async close() {
      await Promise.all([client.close(0), server.close(0)])
      for (const memory of memories) expect(memory.inUse, 'packets still in use after close').toBe(0)
      expect(clock.armedTimers, 'timers still armed after close').toBe(0)
      clock.close()
    },
  }
}
