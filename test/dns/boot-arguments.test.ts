/** What the boot arguments about names do, on the wire and in virtual time. */
import packet from 'dns-packet'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { MILLISECOND, SeededRandom, Timer, VirtualClock } from '../../src/clock/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack, type DirectStack, type Stack } from '../../src/stack/index.ts'
import { run, unikernel } from '../../src/unikernel/index.ts'
import { answerBytes, type Decoded, record } from '../support/dns-server.ts'

const clock = new VirtualClock()
let network: VirtualNetwork
let server: DirectStack
/** Queries that came, as `type/over`. */
let asked: string[]

/** `slow6.test` has an IPv6 address that is told after 120 ms, `dead6.test` one where nobody is; `silent.test` is not told of. */
function answer(bytes: Buffer, over: string, send: (answer: Buffer) => void): void {
  const { id, questions } = packet.decode(bytes) as Decoded
  const { name, type } = questions[0]
  asked.push(`${type}/${over}`)
  if (name === 'silent.test') return
  const addresses: Record<string, string> = {
    A: name === 'dead4.test' ? '10.0.0.99' : '10.0.0.53',
    AAAA: name === 'slow6.test' ? '2001:db8::53' : name === 'dead6.test' ? '2001:db8::99' : '',
  }
  const address = addresses[type]
  const reply = answerBytes({ id, name, type }, { answers: address === '' ? [] : [record(type, name, address)] })
  const delay = name === 'slow6.test' && type === 'AAAA' ? 120 : 0
  clock.arm(new Timer({ onTimer: () => send(reply) }), clock.now() + delay * MILLISECOND)
}

beforeEach(async () => {
  asked = []
  const memory = new PacketMemory({ smallSlots: 512, largeSlots: 64 })
  network = new VirtualNetwork({ clock, random: new SeededRandom(1), memory })
  const options = { ipv4: '10.0.0.53/24', ipv6: '2001:db8::53/64', acceptRouterAdvertisements: false }
  server = await clock.settle(createStack({ netif: network.port(), clock, random: new SeededRandom(1), ...options }))
  const udp = await server.udp({ port: 53 })
  udp.onDatagram((bytes, from) => answer(Buffer.from(bytes), 'udp', (reply) => udp.send(reply, from)))
  await server.listen({ port: 80 }, () => {})
  await server.listen({ port: 53 }, async (flow) => {
    for await (const data of flow) {
      answer(data.subarray(2), 'tcp', (reply) => {
        void flow.writev([Buffer.from([reply.length >> 8, reply.length & 255]), reply])
      })
    }
  })
})

afterEach(async () => {
  // Until the last late answer is on its way.
  await clock.advanceAsync(200 * MILLISECOND)
  await clock.settle(server.close(0))
})

/** Runs an application with these arguments. @returns what it returned, or the code of its error, and the milliseconds it took */
async function running(argv: string[], act: (stack: Stack) => Promise<unknown>): Promise<[unknown, number]> {
  let outcome: unknown
  let took = 0
  const application = unikernel({
    name: 'trial',
    async start({ stack }) {
      const begin = clock.now()
      outcome = await act(stack).catch((error: NodeJS.ErrnoException) => error.code)
      took = Math.round((clock.now() - begin) / MILLISECOND)
    },
  })
  const base = ['--ipv4=10.0.0.2/24', '--ipv6=2001:db8::2/64', '--dns-servers=10.0.0.53', '--grace=0s']
  let ended = false
  let errors = ''
  const code = run(application, [...base, ...argv], {
    stdout: { write: () => true },
    stderr: { write: (text) => (errors += text) },
    createStack: (options) =>
      createStack({
        ...options,
        netif: network.port(),
        clock,
        random: new SeededRandom(2),
        acceptRouterAdvertisements: false,
        dns: { ...options.dns, hostsFile: null },
      }),
  }).finally(() => {
    ended = true
  })
  while (!ended) await clock.advanceAsync(MILLISECOND)
  expect([await code, errors]).toEqual([0, ''])
  return [outcome, took]
}

const resolve = (name: string) => (stack: Stack) => stack.dns.promises.resolve4(name)
const connect = (name: string) => async (stack: Stack) => {
  const flow = await stack.connect(name, 80)
  flow.abort()
  return flow.remote.address
}

test('--dns-servers: who is asked, in which order, and how', async () => {
  expect(await running([], (stack) => resolve('a.test')(stack))).toEqual([['10.0.0.53'], 0])
  expect(asked).toEqual(['A/udp'])
  const [servers] = await running(
    ['--dns-servers=10.0.0.77,[2001:db8::53]:54', '--dns-servers', 'tls:10.0.0.53!dns.test'],
    async (stack) => stack.dns.getServers(),
  )
  expect(servers).toEqual(['10.0.0.53', '10.0.0.77', '[2001:db8::53]:54', 'tls:10.0.0.53!dns.test'])
})

test('--dns-servers tcp:', async () => {
  const own = ['--ipv4=10.0.0.2/24', '--dns-servers=tcp:10.0.0.53']
  const act = async (stack: Stack) => {
    stack.dns.setServers(stack.dns.getServers().slice(1))
    return stack.dns.promises.resolve4('a.test')
  }
  expect((await running(own, act))[0]).toEqual(['10.0.0.53'])
  expect(asked).toEqual(['A/tcp'])
})

test('--dns-timeout: when a question is given up', async () => {
  expect(await running(['--dns-timeout=300ms'], resolve('silent.test'))).toEqual(['ETIMEOUT', 300])
  expect(await running([], resolve('silent.test'))).toEqual(['ETIMEOUT', 5000])
  // MirageOS: nanoseconds.
  expect(await running(['--dns-timeout=1500000000'], resolve('silent.test'))).toEqual(['ETIMEOUT', 1500])
})

test('--dns-cache-size: what is asked again', async () => {
  const twice = async (stack: Stack) => {
    await stack.dns.promises.resolve4('a.test')
    await stack.dns.promises.resolve4('b.test')
    await stack.dns.promises.resolve4('a.test')
    return asked.splice(0).length
  }
  expect((await running([], twice))[0]).toBe(2)
  expect((await running(['--dns-cache-size=1'], twice))[0]).toBe(3)
  expect((await running(['--dns-cache-size=0'], twice))[0]).toBe(3)
})

test('--he-aaaa-timeout: how long IPv4 waits for IPv6', async () => {
  expect(await running([], connect('slow6.test'))).toEqual(['10.0.0.53', 50])
  expect(await running(['--he-aaaa-timeout=200ms'], connect('slow6.test'))).toEqual(['2001:db8::53', 120])
  expect(await running(['--he-aaaa-timeout=0ms'], connect('slow6.test'))).toEqual(['10.0.0.53', 0])
})

test('--he-connect-delay: when the next address is tried', async () => {
  expect(await running([], connect('dead6.test'))).toEqual(['10.0.0.53', 250])
  expect(await running(['--he-connect-delay=40ms'], connect('dead6.test'))).toEqual(['10.0.0.53', 40])
})

test('--he-connect-timeout: when an address is given up', async () => {
  expect(await running(['--he-connect-timeout=600ms'], connect('dead4.test'))).toEqual(['ETIMEDOUT', 600])
})

test('--he-resolve-timeout and --he-resolve-retries: how often addresses are asked for, and when that ends', async () => {
  expect(await running([], connect('silent.test'))).toEqual(['EAI_AGAIN', 4000])
  expect(asked.splice(0).filter((each) => each === 'A/udp')).toHaveLength(4)
  const given = ['--he-resolve-timeout=100ms', '--he-resolve-retries=1']
  expect(await running(given, connect('silent.test'))).toEqual(['EAI_AGAIN', 200])
  expect(asked.filter((each) => each === 'A/udp')).toHaveLength(2)
})

test('--he-timer-interval: what these times are rounded up to', async () => {
  expect(await running(['--he-timer-interval=100ms'], connect('dead6.test'))).toEqual(['10.0.0.53', 300])
})

test('what cannot be meant is refused before anything starts', async () => {
  const application = unikernel({ name: 'trial', start: () => {} })
  const refusal = async (argument: string) => {
    let text = ''
    const code = await run(application, [argument], { stderr: { write: (each) => (text += each) } })
    return [code, text]
  }
  expect(await refusal('--dns-servers=dns.example')).toEqual([
    64,
    expect.stringContaining('--dns-servers: expected addresses of name servers'),
  ])
  for (const argument of [
    '--dns-timeout=0s',
    '--dns-cache-size=-1',
    '--he-connect-delay=9ms',
    '--he-resolve-retries=1.5',
  ]) {
    expect(await refusal(argument)).toEqual([64, expect.stringContaining(argument.split('=')[0])])
  }
})
