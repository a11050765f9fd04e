/** A router of ours between two simulated networks, in virtual time. */
import { expect, test } from 'vitest'
import { MILLISECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { VirtualNetwork, type VirtualPortOptions } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createRouter, createStack, type Flow } from '../../src/stack/index.ts'
import { captureOnFailure } from '../support/capture-on-failure.ts'

const LATENCY = 10 * MILLISECOND

/** A client on 10.0.0.0/24 and a server on 10.2.0.0/24, with two routers and 10.1.0.0/24 between them. */
async function threeNetworks(middleMtu = 1500) {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const memory = new PacketMemory({ smallSlots: 4096, largeSlots: 64, debug: true })
  const network = () => captureOnFailure(new VirtualNetwork({ clock, random, memory }))
  const [near, middle, far] = [network(), network(), network()]
  const slow: VirtualPortOptions = { toStack: { latency: LATENCY }, fromStack: { latency: LATENCY } }
  const routers = [
    createRouter({
      interfaces: [
        { netif: near.port(), ipv4: '10.0.0.1/24' },
        {
          netif: middle.port({ mtu: middleMtu }),
          ipv4: '10.1.0.1/24',
          routes: [{ destination: '10.2.0.0/24', gateway: '10.1.0.2' }],
        },
      ],
      clock,
      random,
    }),
    createRouter({
      interfaces: [
        {
          netif: middle.port({ mtu: middleMtu }),
          ipv4: '10.1.0.2/24',
          routes: [{ destination: '10.0.0.0/24', gateway: '10.1.0.1' }],
        },
        { netif: far.port(), ipv4: '10.2.0.1/24' },
      ],
      clock,
      random,
    }),
  ]
  // So much in flight that packet memory holds it.
  const tcp = { receiveBuffer: 131_072, maximumReceiveBuffer: 524_288 }
  const host = (port: VirtualPortOptions, net: VirtualNetwork, address: string, gateway: string) =>
    createStack({
      netif: net.port(port),
      ipv4: `${address}/24`,
      ipv4Gateway: gateway,
      ipv4Only: true,
      tcp,
      clock,
      random,
    })
  const client = await host(slow, near, '10.0.0.2', '10.0.0.1')
  const server = await host({}, far, '10.2.0.2', '10.2.0.1')
  const close = async () => {
    await clock.settle(Promise.all([client.close(0), server.close(0)]))
    for (const router of routers) await router.close()
    clock.runUntilIdle()
    expect(memory.inUse).toBe(0)
  }
  return { clock, routers, client, server, close }
}

async function readAll(flow: Flow): Promise<Buffer> {
  const chunks: Buffer[] = []
  for await (const data of flow) chunks.push(data)
  return Buffer.concat(chunks)
}

test('TCP, pings and large datagrams pass it', async () => {
  const { clock, routers, client, server, close } = await threeNetworks()
  const received = new Promise<Buffer>((resolve) => {
    server.listen({ port: 80 }, async (flow) => resolve(await readAll(flow)))
  })
  const flow = await clock.settle(client.connect({ address: '10.2.0.2', port: 80 }))
  const data = Buffer.from(Uint8Array.from({ length: 300_000 }, (_, i) => i * 7 + (i >> 8)))
  flow.write(data)
  flow.shutdown('write')
  expect((await clock.settle(received)).equals(data)).toBe(true)

  const reply = await clock.settle(client.ping('10.2.0.2', { size: 65_507 }))
  expect(reply).toMatchObject({ size: 65_507, hopLimit: 62, roundTripMilliseconds: 20 })
  expect(await clock.settle(client.probe('10.2.0.2', { hopLimit: 1 }))).toMatchObject({
    address: '10.0.0.1',
    kind: 'passed',
  })
  expect(await clock.settle(client.probe('10.2.0.2', { hopLimit: 2 }))).toMatchObject({
    address: '10.1.0.2',
    kind: 'passed',
  })
  expect(await clock.settle(client.probe('10.2.0.2', { hopLimit: 3 }))).toMatchObject({
    address: '10.2.0.2',
    kind: 'reached',
  })
  expect(await clock.settle(client.probe('10.9.0.1', { hopLimit: 9 }))).toMatchObject({ kind: 'network-unreachable' })
  expect(routers.map(({ counters }) => counters)).toMatchObject([
    { timeExceeded: 1, noRoute: 1, fragmented: 0 },
    { timeExceeded: 1, noRoute: 0, fragmented: 0 },
  ])
  await close()
})

test('a narrower network behind it is found out: TCP by what the router says, and what may be cut is', async () => {
  const { clock, routers, client, server, close } = await threeNetworks(1000)
  const received = new Promise<Buffer>((resolve) => {
    server.listen({ port: 80 }, async (flow) => resolve(await readAll(flow)))
  })
  const flow = await clock.settle(client.connect({ address: '10.2.0.2', port: 80 }))
  flow.write(Buffer.alloc(100_000, 'x'))
  flow.shutdown('write')
  expect((await clock.settle(received)).length).toBe(100_000)
  expect(client.tcp.counters.TCPTimeouts).toBe(0)
  // Echo requests go without the don't-fragment bit, and nothing has told the server of the path: the router cuts them.
  expect((await clock.settle(server.ping('10.0.0.2', { size: 5000 }))).size).toBe(5000)
  expect(routers[0].counters.tooBig).toBeGreaterThan(0)
  expect(routers[1].counters.fragmented).toBeGreaterThan(0)
  await close()
})

test('a path that becomes narrower under a running transfer holds it up for less than two round trips', async () => {
  const { clock, routers, client, server, close } = await threeNetworks()
  let arrived = 0
  await server.listen({ port: 80 }, (flow) => {
    flow.onData((view) => {
      arrived += view.length
    })
  })
  const flow = await clock.settle(client.connect({ address: '10.2.0.2', port: 80 }))
  const size = 10_000_000
  flow.write(Buffer.alloc(size, 'x'))
  while (arrived < size / 4) clock.advance(1 * MILLISECOND)
  routers[0].layers[1].setMtu(1200)
  while (routers[0].counters.tooBig === 0) clock.advance(1 * MILLISECOND)
  const stoppedAt = clock.now()
  const before = arrived
  while (arrived === before) clock.advance(1 * MILLISECOND)
  expect(clock.now() - stoppedAt).toBeLessThanOrEqual(2 * 2 * LATENCY)
  while (arrived < size) clock.advance(1 * MILLISECOND)
  expect(client.tcp.counters).toMatchObject({ TCPTimeouts: 0, TCPMTUPBlackHole: 0 })
  expect(flow.info()).toMatchObject({ pmtu: 1200, snd_mss: 1200 - 52 })
  await close()
})
