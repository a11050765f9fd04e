import { expect, test } from 'vitest'
import { HostClock, SeededRandom } from '../../src/clock/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack } from '../../src/stack/index.ts'

function network() {
  const clock = new HostClock()
  const memory = new PacketMemory({ smallSlots: 256, largeSlots: 16, debug: true })
  return { clock, memory, network: new VirtualNetwork({ clock, random: new SeededRandom(1), memory }) }
}

test('a stack that loses its interface closes, and says so', async () => {
  const world = network()
  const port = world.network.port()
  const stack = await createStack({ netif: port, clock: world.clock })
  world.network.remove(port)
  await expect(stack.closed).rejects.toMatchObject({ code: 'ENODEV' })
  await stack.close()
  await expect(stack.ping('10.0.0.1')).rejects.toMatchObject({ code: 'ENETDOWN' })
  expect(world.memory.inUse).toBe(0)
})

test('closing waits for what is unacknowledged, not for a peer that never closes its side', async () => {
  const world = network()
  const server = await createStack({ netif: world.network.port(), ipv4: '10.0.0.1/24', clock: world.clock })
  const client = await createStack({ netif: world.network.port(), ipv4: '10.0.0.2/24', clock: world.clock })
  await server.listen({ port: 7 }, async (flow) => {
    await flow.write('good bye')
    void flow.close()
  })
  const flow = await client.connect({ address: '10.0.0.1', port: 7 })
  expect((await flow.read())?.toString()).toBe('good bye')
  expect(await flow.read()).toBeNull()
  const before = performance.now()
  await server.close(5000)
  expect(performance.now() - before).toBeLessThan(1000)
  await expect(server.closed).resolves.toBeUndefined()
  await client.close(0)
  expect(world.memory.inUse).toBe(0)
})
