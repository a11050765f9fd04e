/** `stack.connect` with a name, whole stacks in virtual time: a resolver, a server of both families, and places where nobody is. */
import { createServer } from 'node:net'
import packet from 'dns-packet'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import {
  type ConnectOptions,
  type CreateStackOptions,
  createStack,
  type DirectStack,
  type Flow,
  SocketStack,
} from '../../src/stack/index.ts'
import { captureOnFailure } from '../support/capture-on-failure.ts'
import { answerBytes, type Decoded, record, soa } from '../support/dns-server.ts'

const clock = new VirtualClock()
let memory: PacketMemory
let network: VirtualNetwork
let server: DirectStack
let client: DirectStack
/** Name -> addresses; a name that is not here is not there. */
let zone: Record<string, string[]>
/** Milliseconds that answers of a type take; Infinity: there is none. */
let delays: { A: number; AAAA: number }
let asked: { name: string; type: string; at: number }[]

async function newClient(options: Partial<CreateStackOptions> = {}): Promise<DirectStack> {
  return clock.settle(
    createStack({
      ...options,
      net: 'direct',
      netif: network.port(),
      ipv4: '10.0.0.2/24',
      ipv6: '2001:db8::2/64',
      acceptRouterAdvertisements: false,
      clock,
      random: new SeededRandom(2),
      dns: { servers: ['10.0.0.53'], hostsFile: null, ...options.dns },
    }),
  )
}

beforeEach(async () => {
  zone = {}
  delays = { A: 0, AAAA: 0 }
  asked = []
  memory = new PacketMemory({ smallSlots: 1024, largeSlots: 64 })
  network = captureOnFailure(new VirtualNetwork({ clock, random: new SeededRandom(1), memory }))
  const made = createStack({
    netif: network.port(),
    ipv4: '10.0.0.53/24',
    ipv6: '2001:db8::53/64',
    acceptRouterAdvertisements: false,
    clock,
    random: new SeededRandom(1),
  })
  server = await clock.settle(made)
  client = await newClient()
  const udp = await server.udp({ port: 53 })
  udp.onDatagram((bytes, from) => {
    const decoded = packet.decode(Buffer.from(bytes)) as Decoded
    const query = { id: decoded.id, ...decoded.questions[0] }
    asked.push({ name: query.name, type: query.type, at: clock.now() })
    const addresses = zone[query.name]?.filter((each) => each.includes(':') === (query.type === 'AAAA'))
    const answers = addresses?.map((each) => record(query.type, query.name, each))
    const reply = answerBytes(query, answers === undefined ? { rcode: 3, authorities: [soa('x')] } : { answers })
    const delay = delays[query.type as 'A' | 'AAAA']
    if (delay === 0) udp.send(reply, from)
    else if (delay < Infinity) void later(delay, () => udp.send(reply, from))
  })
  await server.listen({ port: 80 }, () => {})
})

afterEach(async () => {
  await clock.settle(Promise.all([client.close(0), server.close(0)]))
  expect(memory.inUse).toBe(0)
  expect(clock.armedTimers).toBe(0)
})

async function later(milliseconds: number, what: () => void): Promise<void> {
  const { Timer } = await import('../../src/clock/index.ts')
  clock.arm(new Timer({ onTimer: what }), clock.now() + milliseconds * MILLISECOND)
}

/** Connects, and says where it came out and how many milliseconds it took. */
async function reach(name: string, options: Partial<ConnectOptions> = {}): Promise<[string, number]> {
  const begin = clock.now()
  const flow: Flow = await clock.settle(client.connect(name, 80, options))
  const took = Math.round((clock.now() - begin) / MILLISECOND)
  flow.abort()
  return [flow.remote.address, took]
}

async function failureOf(name: string, options: Partial<ConnectOptions> = {}): Promise<NodeJS.ErrnoException> {
  return clock.settle(
    client.connect(name, 80, options).then(
      () => Promise.reject(new Error('it connected')),
      (error) => error,
    ),
  )
}

test('a name leads to the address that is preferred', async () => {
  zone['web.test'] = ['10.0.0.53', '2001:db8::53']
  expect(await reach('web.test')).toEqual(['2001:db8::53', 0])
  zone['four.test'] = ['10.0.0.53']
  expect((await reach('four.test'))[0]).toBe('10.0.0.53')
  expect((await clock.settle(client.connect({ address: 'web.test', port: 80 }))).remote.address).toBe('2001:db8::53')
})

test('an address goes straight ahead', async () => {
  expect((await reach('10.0.0.53'))[0]).toBe('10.0.0.53')
  expect(asked).toEqual([])
})

test('where IPv6 leads nowhere, IPv4 is reached after 250 ms', async () => {
  zone['web.test'] = ['10.0.0.53', '2001:db8:1::dead']
  client.ipv6!.ipv6.setGateway((await import('../../src/address/index.ts')).IpAddress.parse('2001:db8::99'))
  expect(await reach('web.test')).toEqual(['10.0.0.53', 250])
})

test('an answer for IPv6 that is late costs 50 ms, one that never comes no more', async () => {
  zone['web.test'] = ['10.0.0.53', '2001:db8::53']
  delays.AAAA = 40
  expect(await reach('web.test')).toEqual(['2001:db8::53', 40])
  zone['web2.test'] = zone['web.test']
  delays.AAAA = Number.POSITIVE_INFINITY
  expect(await reach('web2.test')).toEqual(['10.0.0.53', 50])
})

test('one that refuses makes way at once; if all do, all errors are told', async () => {
  zone['web.test'] = ['10.0.0.53', '2001:db8::2']
  expect(await reach('web.test')).toEqual(['10.0.0.53', 0])
  zone['none.test'] = ['10.0.0.2', '2001:db8::2']
  const error = await failureOf('none.test')
  expect(error).toBeInstanceOf(AggregateError)
  expect(error).toMatchObject({ code: 'ECONNREFUSED', message: 'connect ECONNREFUSED none.test:80 (2 addresses)' })
  expect((error as unknown as AggregateError).errors.map(({ address }) => address).sort()).toEqual([
    '10.0.0.2',
    '2001:db8::2',
  ])
  zone['one.test'] = ['10.0.0.2']
  expect(await failureOf('one.test')).toMatchObject({ code: 'ECONNREFUSED', address: '10.0.0.2', port: 80 })
})

test('no such name, and a name that nobody can tell about', async () => {
  expect(await failureOf('no.test')).toMatchObject({ code: 'ENOTFOUND', syscall: 'getaddrinfo', hostname: 'no.test' })
  zone['empty.test'] = []
  expect(await failureOf('empty.test')).toMatchObject({ code: 'ENOTFOUND' })
  delays = { A: Number.POSITIVE_INFINITY, AAAA: Number.POSITIVE_INFINITY }
  const begin = clock.now()
  expect(await failureOf('silent.test')).toMatchObject({ code: 'EAI_AGAIN' })
  expect((clock.now() - begin) / SECOND).toBe(4)
  const times = asked
    .filter(({ name, type }) => name === 'silent.test' && type === 'A')
    .map(({ at }) => (at - begin) / SECOND)
  expect(times).toEqual([0, 1, 2, 3])
})

test('the signal and the timeout hold for all of it, and nothing is left under way', async () => {
  zone['web.test'] = ['10.0.0.77', '2001:db8::77']
  const controller = new AbortController()
  const given = failureOf('web.test', { signal: controller.signal })
  await clock.advanceAsync(300 * MILLISECOND)
  controller.abort('enough')
  expect(await given).toMatchObject({ name: 'AbortError', cause: 'enough' })
  expect(await failureOf('web.test', { signal: AbortSignal.abort('before') })).toMatchObject({ cause: 'before' })
  const begin = clock.now()
  expect(await failureOf('web.test', { timeout: 700 })).toMatchObject({
    code: 'ETIMEDOUT',
    address: 'web.test',
    port: 80,
  })
  expect((clock.now() - begin) / MILLISECOND).toBe(700)
  let connections = 0
  client.tcp.forEachConnection(() => connections++)
  expect([connections, client.dns.client.pending]).toEqual([0, 0])
})

test('what is asked for on connecting is checked first', async () => {
  expect(await failureOf('web.test', { timeout: 0 })).toBeInstanceOf(RangeError)
  await expect(client.connect('web.test', 0)).rejects.toThrow(RangeError)
  await expect(client.connect('web test', 80)).rejects.toThrow(/address is an IP address or the name of a host/)
  await expect(client.connect(7 as unknown as string, 80)).rejects.toThrow(TypeError)
  expect(asked).toEqual([])
})

test('a source address decides on the family', async () => {
  zone['web.test'] = ['10.0.0.53', '2001:db8::53']
  expect((await reach('web.test', { localAddress: '10.0.0.2' }))[0]).toBe('10.0.0.53')
  expect(asked.map(({ type }) => type)).toEqual(['A'])
})

test('delays and timeouts can be set', async () => {
  await clock.settle(client.close(0))
  const happyEyeballs = {
    attemptDelay: 20,
    attemptTimeout: 500,
    resolutionDelay: 10,
    resolveTimeout: 200,
    resolveRetries: 1,
  }
  client = await newClient({ happyEyeballs })
  zone['web.test'] = ['10.0.0.53', '2001:db8::77']
  expect(await reach('web.test')).toEqual(['10.0.0.53', 20])
  zone['none.test'] = ['10.0.0.77']
  let begin = clock.now()
  expect(await failureOf('none.test')).toMatchObject({ code: 'ETIMEDOUT' })
  expect((clock.now() - begin) / MILLISECOND).toBe(500)
  delays.AAAA = Number.POSITIVE_INFINITY
  zone['late.test'] = ['10.0.0.53']
  expect(await reach('late.test')).toEqual(['10.0.0.53', 10])
  delays.A = Number.POSITIVE_INFINITY
  begin = clock.now()
  expect(await failureOf('silent.test')).toMatchObject({ code: 'EAI_AGAIN' })
  expect((clock.now() - begin) / MILLISECOND).toBe(400)
  await expect(newClient({ happyEyeballs: { attemptDelay: 1 } })).rejects.toThrow(/happyEyeballs.attemptDelay/)
})

test('the socket stack connects by name, too', async () => {
  const listening = createServer((socket) => socket.end('hello'))
  await new Promise<void>((resolve) => listening.listen(0, '127.0.0.1', resolve))
  const { port } = listening.address() as { port: number }
  await using stack = new SocketStack({ dns: { servers: [] } })
  const flow = await stack.connect('localhost', port)
  expect((await flow.read())?.toString()).toBe('hello')
  await flow.close()
  await expect(stack.connect('nowhere.test', port)).rejects.toMatchObject({ code: 'EAI_AGAIN' })
  listening.close()
})
