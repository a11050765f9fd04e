import { mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { expect, onTestFinished, test, vi } from 'vitest'
import { HostClock, SeededRandom } from '../../src/clock/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack, DirectFlow, type Flow } from '../../src/stack/index.ts'

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

test('a stack that loses its interface while its capture fails says both, and nothing is unhandled', async () => {
  const world = network()
  const port = world.network.port()
  const logged: string[] = []
  const log = {
    debugEnabled: false,
    debug: () => {},
    info: () => {},
    warn: (message: string) => void logged.push(message),
    error: (message: string) => void logged.push(message),
  }
  const unhandled: unknown[] = []
  const onUnhandled = (error: unknown) => unhandled.push(error)
  process.on('unhandledRejection', onUnhandled)
  const stack = await createStack({ netif: port, clock: world.clock, capture: '/dev/full', logs: () => log })
  world.network.remove(port)
  await expect(stack.closed).rejects.toMatchObject({ code: 'ENODEV' })
  await new Promise((resolve) => setTimeout(resolve, 20))
  process.off('unhandledRejection', onUnhandled)
  expect(unhandled).toEqual([])
  expect(logged).toEqual([
    'the capture has stopped: frames are left out from here',
    'the network interface is gone',
    'closing failed',
  ])
  await expect(stack.close()).rejects.toMatchObject({ code: 'ENOSPC' })
})

test('a device that cannot be closed keeps nothing else from being closed', async () => {
  const world = network()
  const port = world.network.port()
  const clock = new HostClock()
  const { close } = port
  port.close = async () => {
    await close.call(port)
    throw new Error('stuck')
  }
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-closed-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const before = readdirSync('/proc/self/fd').length
  const stack = await createStack({ netif: port, clock, capture: join(folder, 'a.pcapng') })
  expect(readdirSync('/proc/self/fd').length).toBe(before + 1)
  await expect(stack.close()).rejects.toThrow('stuck')
  await expect(stack.closed).resolves.toBeUndefined()
  expect(readdirSync('/proc/self/fd').length).toBe(before)
})

test.each([
  [{ arp: { cacheSize: 7 } }, 'cacheSize is 8 to 65536, not 7'],
  [{ icmp: { pingLimit: 0 } }, 'pingLimit is 1 to 32768, not 0'],
  [{ tcp: { synRetries: -1 } }, 'the TCP setting synRetries is 0 to 127, not -1'],
])('the options of a layer reach it: %j', async (options, message) => {
  const world = network()
  await expect(createStack({ netif: world.network.port(), clock: world.clock, ...options })).rejects.toThrow(message)
  expect(world.clock.armedTimers).toBe(0)
})

test('when composing fails, what was opened before is closed', async () => {
  const world = network()
  const port = world.network.port()
  const folder = mkdtempSync(join(tmpdir(), 'tapstack-closed-'))
  onTestFinished(() => rmSync(folder, { recursive: true }))
  const closeClock = vi.spyOn(HostClock.prototype, 'close')
  const before = readdirSync('/proc/self/fd').length
  const wrong = { netif: port, capture: join(folder, 'a.pcapng'), arp: { cacheSize: -1 } }
  await expect(createStack(wrong)).rejects.toThrow(RangeError)
  expect(readdirSync('/proc/self/fd').length).toBe(before)
  expect(closeClock).toHaveBeenCalledTimes(1)
  closeClock.mockRestore()
  expect(world.memory.inUse).toBe(0)
})

test('closing looks at each of many flows a few times only', async () => {
  const world = network()
  const server = await createStack({ netif: world.network.port(), ipv4: '10.0.0.1/24', clock: world.clock })
  const client = await createStack({ netif: world.network.port(), ipv4: '10.0.0.2/24', clock: world.clock })
  const flows = 200
  const accepted: Flow[] = []
  await server.listen({ port: 7 }, (flow) => void accepted.push(flow))
  await Promise.all(Array.from({ length: flows }, () => client.connect({ address: '10.0.0.1', port: 7 })))
  // The last acknowledgments may still be on their way.
  await vi.waitFor(() => expect(accepted).toHaveLength(flows))
  const isDone = vi.spyOn(DirectFlow.prototype, 'isDone', 'get')
  for (const flow of accepted) void flow.close()
  await server.close(5000)
  expect(isDone.mock.calls.length).toBeGreaterThanOrEqual(flows)
  // Once for each, and once for each event while the first of those that are not done is waited for.
  expect(isDone.mock.calls.length).toBeLessThan(flows * 4)
  isDone.mockRestore()
  await client.close(0)
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
