/** What is of one family only, or of both: addresses and their checks, listeners for one or both, zones. In virtual time. */
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { IpAddress } from '../../src/address/index.ts'
import { SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import type { Log } from '../../src/log/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import {
  type CreateStackOptions,
  createStack,
  type DirectStack,
  type Endpoint,
  type Flow,
} from '../../src/stack/index.ts'
import { captureOnFailure } from '../support/capture-on-failure.ts'
import { rejection } from './flows.ts'

let clock: VirtualClock
let memory: PacketMemory
let network: VirtualNetwork
let random: SeededRandom
let stacks: DirectStack[]
let logged: string[]

beforeEach(() => {
  clock = new VirtualClock()
  random = new SeededRandom(1)
  memory = new PacketMemory({ smallSlots: 1024, largeSlots: 16, debug: true })
  network = captureOnFailure(new VirtualNetwork({ clock, random, memory }))
  stacks = []
  logged = []
})

afterEach(async () => {
  await Promise.all(stacks.map((stack) => stack.close(0)))
  expect([memory.inUse, clock.armedTimers]).toEqual([0, 0])
})

async function stack(options: Omit<CreateStackOptions, 'net'>): Promise<DirectStack> {
  const note = (message: string, fields?: object) => logged.push(`${message} ${JSON.stringify(fields)}`)
  const log: Log = { debugEnabled: false, debug() {}, info: note, warn: note, error: note }
  const netif = network.port()
  const made = await clock.settle(createStack({ netif, clock, random, logs: () => log, ...options }))
  stacks.push(made)
  return made
}

/** Without the seconds that checking addresses takes. */
const UNCHECKED = { ipv6Settings: { detectionTransmits: 0 } }
const pair = async () => [
  await stack({ ipv4: '10.0.0.1/24', ipv6: 'fd00::1/64', ...UNCHECKED }),
  await stack({ ipv4: '10.0.0.2/24', ipv6: 'fd00::2/64', ...UNCHECKED }),
]
const texts = (made: DirectStack) => made.addresses.map(({ address }) => address.toString())

describe('an address that a person gave', () => {
  test('can be used once createStack resolves', async () => {
    const made = await stack({ ipv6: 'fd00::2/64' })
    expect(clock.now()).toBeGreaterThan(SECOND)
    expect(clock.now()).toBeLessThan(2.1 * SECOND)
    expect(texts(made)).toContain('fd00::2')
    const listener = await made.listen({ port: 80, address: 'fd00::2' }, () => {})
    expect(listener.local).toEqual({ address: 'fd00::2', port: 80 })
  })

  test('that somebody else has is told of, and nothing starts on it', async () => {
    const first = await stack({ ipv4: '10.0.0.1/24', ipv6: 'fd00::2/64' })
    const second = await stack({ ipv4: '10.0.0.2/24', ipv6: 'fd00::2/64' })
    expect(texts(second)).not.toContain('fd00::2')
    expect(logged).toEqual([expect.stringMatching(/^an address is in use by another station .*fd00::2/)])
    const refusal = { code: 'EADDRNOTAVAIL', address: 'fd00::2', port: 80, hint: 'another station has this address' }
    expect(await rejection(second.listen({ port: 80, address: 'fd00::2' }, () => {}))).toMatchObject(refusal)
    expect(await rejection(second.udp({ port: 80, address: 'fd00::2' }))).toMatchObject(refusal)
    expect(texts(first)).toContain('fd00::2')
    // All that it has is served, nevertheless.
    await second.listen({ port: 80 }, (flow) => flow.close())
    await clock.settle(first.connect({ address: '10.0.0.2', port: 80 }))
  })

  test('that two hosts check at the same time belongs to one of them at most', async () => {
    const events: string[] = []
    const made = await Promise.all([
      stack({ ipv4: '10.0.0.1/24', ipv6: 'fd00::2/64', awaitAddresses: false }),
      stack({ ipv4: '10.0.0.2/24', ipv6: 'fd00::2/64', awaitAddresses: false }),
    ])
    for (const each of made) each.onAddress(({ type, prefix }) => events.push(`${type} ${prefix.address}`))
    const [early] = made
    const refusal = { code: 'EADDRNOTAVAIL', hint: 'it is still being checked for duplicates' }
    expect(await rejection(early.listen({ port: 80, address: 'fd00::2' }, () => {}))).toMatchObject(refusal)
    clock.advance(3 * SECOND)
    expect(events).toContain('dadFailed fd00::2')
    expect(made.flatMap(texts).filter((text) => text === 'fd00::2').length).toBeLessThan(2)
    await Promise.all(made.map((each) => each.addressesChecked()))
  })
})

test('waiting for an address ends with its signal, and with the interface', async () => {
  const controller = new AbortController()
  const waiting = stack({ ipv6: 'fd00::2/64', signal: controller.signal })
  controller.abort()
  expect(texts(await waiting)).not.toContain('fd00::2')
  const netif = network.port()
  const lost = rejection(createStack({ netif, ipv6: 'fd00::3/64', clock, random }))
  await new Promise((resolve) => setImmediate(resolve))
  network.remove(netif)
  expect(await lost).toMatchObject({ code: 'ENODEV' })
})

describe('listeners', () => {
  const accept = (seen: Endpoint[]) => (flow: Flow) => {
    seen.push(flow.remote)
    return flow.close()
  }

  test('serve both families, or one that is asked for', async () => {
    const [client, server] = await pair()
    const seen: Endpoint[] = []
    const connect = async (address: string, port: number) => {
      const result = await clock.settle(client.connect({ address, port }).catch((error) => error.code))
      return typeof result === 'string' ? result : result.remote.address
    }
    const both = await server.listen({ port: 80 }, accept(seen))
    const four = await server.listen({ port: 81, address: '0.0.0.0' }, accept(seen))
    const six = await server.listen({ port: 82, address: '::', ipv6Only: true }, accept(seen))
    expect([both, four, six].map(({ local }) => local.address)).toEqual(['::', '0.0.0.0', '::'])
    expect([await connect('10.0.0.2', 80), await connect('fd00::2', 80)]).toEqual(['10.0.0.2', 'fd00::2'])
    expect([await connect('10.0.0.2', 81), await connect('fd00::2', 81)]).toEqual(['10.0.0.2', 'ECONNREFUSED'])
    expect([await connect('10.0.0.2', 82), await connect('fd00::2', 82)]).toEqual(['ECONNREFUSED', 'fd00::2'])
    clock.advance(SECOND)
    expect(seen.map(({ address }) => address)).toEqual(['10.0.0.1', 'fd00::1', '10.0.0.1', 'fd00::1'])
    // One for each family may share a port; one for both takes it.
    await server.listen({ port: 81, ipv6Only: true }, accept(seen))
    expect(await connect('fd00::2', 81)).toBe('fd00::2')
    expect(await rejection(server.listen({ port: 82 }, () => {}))).toMatchObject({ code: 'EADDRINUSE' })
    expect(await rejection(server.listen({ port: 80, address: '0.0.0.0' }, () => {}))).toMatchObject({
      code: 'EADDRINUSE',
    })
  })

  test('the same goes for datagrams', async () => {
    const [client, server] = await pair()
    const received: string[] = []
    const open = async (name: string, options: object) => {
      const socket = await server.udp(options)
      socket.onDatagram((_data, { address }) => received.push(`${name} ${address}`))
      return socket
    }
    const four = await open('four', { port: 53, address: '0.0.0.0' })
    const six = await open('six', { port: 53, address: '::', ipv6Only: true })
    await open('both', { port: 54 })
    expect([four.local.address, six.local.address]).toEqual(['0.0.0.0', '::'])
    expect(await rejection(server.udp({ port: 53 }))).toMatchObject({ code: 'EADDRINUSE' })
    const socket = await client.udp()
    for (const port of [53, 54]) {
      socket.send('x', { address: '10.0.0.2', port })
      socket.send('x', { address: 'fd00::2', port })
      clock.advance(SECOND)
    }
    expect(received.sort()).toEqual(['both 10.0.0.1', 'both fd00::1', 'four 10.0.0.1', 'six fd00::1'])
  })

  test('of one family only', async () => {
    const four = await stack({ ipv4: '10.0.0.1/24', ipv4Only: true })
    const six = await stack({ ipv6: 'fd00::2/64', ipv6Only: true, ...UNCHECKED })
    expect([four.ipv6, six.ipv4, six.arp]).toEqual([null, null, null])
    expect(texts(four)).toEqual(['10.0.0.1'])
    expect(texts(six)).not.toContain('10.0.0.2')
    for (const [made, address] of [
      [four, 'fd00::2'],
      [six, '10.0.0.1'],
    ] as const) {
      expect(await rejection(made.connect({ address, port: 80 }))).toMatchObject({ code: 'ENETUNREACH' })
      expect(await rejection(made.ping(address))).toMatchObject({ code: 'ENETUNREACH' })
      expect(await rejection(made.listen({ port: 80, address }, () => {}))).toMatchObject({ code: 'EADDRNOTAVAIL' })
      expect(await rejection(made.udp({ address }))).toMatchObject({ code: 'EADDRNOTAVAIL' })
    }
  })

  test('on a link that is too narrow for IPv6 there is IPv4 alone, unless somebody asks', async () => {
    const narrow = () => network.port({ mtu: 1000 })
    const made = await stack({ netif: narrow(), ipv4: '10.0.0.1/24' })
    expect(made.ipv6).toBeNull()
    expect(logged).toEqual([expect.stringMatching(/MTU is too small for IPv6/)])
    await expect(createStack({ netif: narrow(), ipv6: 'fd00::2/64', clock, random })).rejects.toThrow(/MTU of 1280/)
  })
})

test('connections and sockets end with their address; a change of the MAC address disturbs nobody', async () => {
  const [client, server] = await pair()
  const flows: Flow[] = []
  await server.listen({ port: 80 }, (flow) => void flows.push(flow))
  const flow = await clock.settle(client.connect({ address: 'fd00::2', port: 80 }))
  const pongs = async () => {
    for (const address of ['10.0.0.2', 'fd00::2']) await clock.settle(client.ping(address))
  }
  await pongs()
  server.changeMac('02:00:00:00:77:77')
  // ARP believes only the second announcement, as Linux (locktime).
  clock.advance(3 * SECOND)
  await pongs()
  expect(server.ethernet.counters.otherDestination).toBe(0)
  client.ipv6?.discovery.removeAddress(IpAddress.parse('fd00::1'))
  expect(await rejection(flow.closed)).toMatchObject({ code: 'EADDRNOTAVAIL', hint: 'our address fd00::1 is gone' })
  clock.advance(SECOND)
  expect(await rejection(flows[0].closed)).toMatchObject({ code: 'ECONNRESET' })
})

describe('zones', () => {
  test('name the interface of link-local addresses, and need not be given', async () => {
    const [client, server] = await pair()
    const linkLocal = `${server.ipv6?.linkLocal}`
    const seen: Endpoint[] = []
    const listener = await server.listen({ port: 80, address: linkLocal }, (flow) => {
      seen.push(flow.local, flow.remote)
      return flow.close()
    })
    const [here, there] = [client.netif.name, server.netif.name]
    expect(listener.local.address).toBe(`${linkLocal}%${there}`)
    for (const address of [linkLocal, `${linkLocal}%${here}`]) {
      const flow = await clock.settle(client.connect({ address, port: 80 }))
      expect(flow.remote.address).toBe(`${linkLocal}%${here}`)
      expect(flow.local.address).toBe(`${client.ipv6?.linkLocal}%${here}`)
      const pong = await clock.settle(client.ping(address))
      expect(pong.address).toBe(address)
    }
    expect(seen[0].address).toBe(`${linkLocal}%${there}`)
    expect(seen[1].address).toBe(`${client.ipv6?.linkLocal}%${there}`)
    const wrong = await rejection(client.connect({ address: `${linkLocal}%eth9`, port: 80 }))
    expect(wrong).toMatchObject({ code: 'EINVAL', syscall: 'connect', address: `${linkLocal}%eth9` })
  })

  test('of datagrams', async () => {
    const [client, server] = await pair()
    const echo = await server.udp({ port: 7 })
    echo.onDatagram((data, from) => echo.send(data, from))
    const socket = await client.udp({ remote: { address: `${server.ipv6?.linkLocal}%${client.netif.name}`, port: 7 } })
    const from: Endpoint[] = []
    socket.onDatagram((_data, endpoint) => from.push(endpoint))
    socket.send('x')
    clock.advance(SECOND)
    expect(from).toEqual([socket.remote])
    expect(from[0].address).toBe(`${server.ipv6?.linkLocal}%${client.netif.name}`)
  })
})
