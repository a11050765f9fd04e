import { expect } from 'vitest'
import { HostClock, SeededRandom } from '../../src/clock/index.ts'
import { type Netif, openPacketSocket, type PacketSocket, type PacketSocketOptions } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack } from '../../src/stack/index.ts'
import type { Pair } from '../stack/pairs.ts'
import { Namespace } from '../support/namespace.ts'

/** A namespace with a veth from `v0` to `v1`; the kernel has no address on either, and says nothing through them. */
export async function vethNamespace(): Promise<Namespace> {
  const namespace = await Namespace.create()
  await namespace.run('sh', [
    '-c',
    `sysctl -qw net.ipv6.conf.default.disable_ipv6=1 net.ipv6.conf.all.disable_ipv6=1
     ip link add v0 type veth peer v1 && ip link set v0 up && ip link set v1 up`,
  ])
  return namespace
}

/** One of its interfaces, opened from outside of it. */
export function openIn(
  namespace: Namespace,
  name: string,
  options: Partial<PacketSocketOptions> = {},
): Promise<PacketSocket> {
  return openPacketSocket({ name, namespace: `/proc/${namespace.pid}/ns/net`, ...options })
}

/** Two stacks of ours at the ends of a veth, for the behaviour suite. */
export async function vethPair(
  namespace: Namespace,
  family: 4 | 6 = 4,
  open: (name: string, memory: PacketMemory) => Promise<Netif> = (name, memory) => openIn(namespace, name, { memory }),
): Promise<Pair> {
  const clock = new HostClock()
  const random = new SeededRandom(1)
  const memories = [new PacketMemory(), new PacketMemory()]
  const stack = async (index: number, host: number) =>
    createStack({
      netif: await open(`v${index}`, memories[index]!),
      // Of both families, of which the suite uses one.
      ipv4: `10.0.0.${host}/24`,
      ipv6: `fd00::${host}/64`,
      // Nobody else is there; each test would wait for seconds.
      ipv6Settings: { detectionTransmits: 0 },
      clock,
      random,
    })
  const server = await stack(0, 2)
  const client = await stack(1, 1)
  return {
    server,
    client,
    serverAddress: family === 4 ? '10.0.0.2' : 'fd00::2',
    clientAddress: family === 4 ? '10.0.0.1' : 'fd00::1',
    longestDatagram: family === 4 ? 65_507 : 65_527,
    silentEndpoint: async () => ({ address: family === 4 ? '10.0.0.99' : 'fd00::99', port: 7 }),
    async close() {
      await Promise.all([client.close(0), server.close(0)])
      for (const memory of memories) expect(memory.inUse, 'packets still in use after close').toBe(0)
      expect(clock.armedTimers, 'timers still armed after close').toBe(0)
      clock.close()
    },
  }
}
