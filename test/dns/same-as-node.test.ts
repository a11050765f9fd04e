/** The same questions to node:dns and to `stack.dns`: results, errors and their fields have to be the same. */
import { execFile } from 'node:child_process'
import { createSocket } from 'node:dgram'
import nodeDns from 'node:dns'
import { createServer, type Server } from 'node:net'
import { type PerformanceEntry, PerformanceObserver } from 'node:perf_hooks'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { HostClock, SeededRandom } from '../../src/clock/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { createStack, SocketStack, type Stack } from '../../src/stack/index.ts'
import { answersTo } from './zone.ts'

// Any arguments, also those that do not fit.
// biome-ignore lint/suspicious/noExplicitAny: an application in JavaScript
type Dns = any

const cleanUps: (() => unknown)[] = []
const modules: Record<string, Dns> = {}

/** The server on the operating system's loopback. */
async function systemServer(): Promise<string> {
  const tcp: Server = createServer((socket) => {
    let rest = Buffer.alloc(0)
    socket.on('error', () => {})
    socket.on('data', (data) => {
      rest = Buffer.concat([rest, data])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
        const query = rest.subarray(2, 2 + rest.readUInt16BE())
        rest = rest.subarray(2 + query.length)
        for (const answer of answersTo(query, true)) socket.write(framed(answer))
      }
    })
  })
  await new Promise<void>((resolve) => tcp.listen(0, '127.0.0.1', resolve))
  const { port } = tcp.address() as { port: number }
  const udp = createSocket('udp4')
  udp.on('message', (query, from) => {
    for (const answer of answersTo(query, false)) udp.send(answer, from.port, from.address)
  })
  await new Promise<void>((resolve) => udp.bind(port, '127.0.0.1', resolve))
  cleanUps.push(
    () => udp.close(),
    () => tcp.close(),
  )
  return `127.0.0.1:${port}`
}

/** The same server on a stack of ours. */
async function stackServer(stack: Stack): Promise<void> {
  const udp = await stack.udp({ port: 53 })
  udp.onDatagram((query, from) => {
    for (const answer of answersTo(Buffer.from(query), false)) udp.send(answer, from)
  })
  await stack.listen({ port: 53 }, async (flow) => {
    let rest = Buffer.alloc(0)
    for await (const data of flow) {
      rest = Buffer.concat([rest, data])
      while (rest.length >= 2 && rest.length >= 2 + rest.readUInt16BE()) {
        const query = rest.subarray(2, 2 + rest.readUInt16BE())
        rest = rest.subarray(2 + query.length)
        for (const answer of answersTo(query, true)) await flow.write(framed(answer))
      }
    }
  })
}

function framed(answer: Buffer): Buffer {
  return Buffer.concat([Buffer.from([answer.length >> 8, answer.length & 255]), answer])
}

beforeAll(async () => {
  const system = await systemServer()
  const socketStack = new SocketStack({ dns: { servers: [system], cacheSize: 0 } })
  const clock = new HostClock()
  const memory = new PacketMemory({ smallSlots: 1024, largeSlots: 64 })
  const network = new VirtualNetwork({ clock, random: new SeededRandom(1), memory })
  const server = await createStack({ netif: network.port(), ipv4: '10.0.0.53/24', clock })
  const direct = await createStack({
    netif: network.port(),
    ipv4: '10.0.0.9/24',
    clock,
    // Node remembers nothing; what is left of a TTL depends on how fast this machine is.
    dns: { servers: ['10.0.0.53'], cacheSize: 0 },
  })
  await stackServer(server)
  nodeDns.setServers([system])
  Object.assign(modules, { node: nodeDns, socket: socketStack.dns, direct: direct.dns })
  cleanUps.push(
    () => socketStack.close(0),
    () => direct.close(0),
    () => server.close(0),
    () => clock.close(),
  )
})

afterAll(async () => {
  for (const cleanUp of cleanUps) await cleanUp()
})

/** What came of a call, in a form that can be compared. */
type Outcome = { threw: unknown } | { failed: unknown } | { gave: unknown[] }

function described(error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const { name, message } = error
  const { errno, code, syscall, hostname } = error as NodeJS.ErrnoException & { hostname?: string }
  const made = error.constructor.name
  return { name, made, message, errno, code, syscall, hostname, keys: Object.keys(error) }
}

/** Of Node it would ask the machine's own servers, which are none of a test's business. */
function newResolver(dns: Dns, options?: object, servers: string[] = dns.getServers()): Dns {
  const resolver = new dns.Resolver(options)
  resolver.setServers(servers)
  return resolver
}

/** Node 24 adds the type to records of some types, undefined for others, which its documentation does not mention. */
const WITHOUT_TYPE = Number(process.versions.node.split('.')[0]) >= 24

/** In the order of its keys. */
function ordered(value: unknown): unknown {
  if (value instanceof ArrayBuffer) return Buffer.from(value).toString('hex')
  if (Array.isArray(value)) return value.map(ordered)
  if (typeof value !== 'object' || value === null) return value
  return Object.entries(value)
    .filter(([key]) => key !== 'type' || !WITHOUT_TYPE)
    .map(([key, each]) => [key, ordered(each)])
}

function called(dns: Dns, method: string, args: unknown[]): Promise<Outcome> {
  return new Promise((resolve) => {
    let returned = false
    try {
      const result = dns[method](...args, (error: unknown, ...results: unknown[]) => {
        // Never from inside the call.
        expect(returned).toBe(true)
        resolve(error === null ? { gave: results.map(ordered) } : { failed: described(error) })
      })
      expect(typeof result).toBe('object')
      returned = true
    } catch (error) {
      resolve({ threw: described(error) })
    }
  })
}

async function promised(dns: Dns, method: string, args: unknown[]): Promise<Outcome> {
  let promise: Promise<unknown>
  try {
    promise = dns.promises[method](...args)
  } catch (error) {
    return { threw: described(error) }
  }
  return promise.then(
    (result) => ({ gave: [ordered(result)] }),
    (error) => ({ failed: described(error) }),
  )
}

const QUESTIONS: [method: string, ...args: unknown[]][] = [
  ['resolve4', 'www.test'],
  ['resolve4', 'WWW.Test'],
  ['resolve4', 'www.test.'],
  ['resolve4', 'www.test', { ttl: true }],
  ['resolve4', 'www.test', { ttl: false }],
  ['resolve6', 'www.test'],
  ['resolve6', 'www.test', { ttl: true }],
  ['resolve4', 'zero.test', { ttl: true }],
  ['resolve4', 'bücher.test'],
  ['resolve4', 'under_score.test'],
  ['resolve4', 'alias.test'],
  ['resolve4', 'alias.test', { ttl: true }],
  ['resolve4', 'nowhere.test'],
  ['resolve4', 'loop.test'],
  ...['6', 'Mx', 'Txt', 'Srv', 'Ns', 'Soa', 'Caa', 'Naptr', 'Ptr', 'Cname', 'Any', 'Tlsa'].flatMap((type) =>
    ['nowhere.test', 'loop.test'].map((name): [string, string] => [`resolve${type}`, name]),
  ),
  ['resolve4', 'empty.test'],
  ['resolve4', 'nosuchname.test'],
  ['resolve6', 'v4only.test'],
  ['resolve4', 'servfail.test'],
  ['resolve4', 'refused.test'],
  ['resolve4', 'notimp.test'],
  ['resolve4', 'formerr.test'],
  ['resolve4', 'spoofed.test'],
  ['resolve4', 'truncated.test'],
  ...['case', 'twice', 'mixed', 'long'].map((name): [string, ...unknown[]] => [
    'resolve4',
    `${name}.test`,
    { ttl: true },
  ]),
  ['resolve6', 'mixed.test'],
  ['resolveAny', 'mixed.test'],
  ['resolve4', 'localhost'],
  ['resolve4', '127.0.0.1'],
  ['resolve4', ''],
  ['resolve4', '.'],
  ['resolve4', 'a b.test'],
  ['resolve4', '.www.test'],
  ['resolve4', 'www.test..'],
  ['resolve4', 'www.test', null],
  ['resolve4', 'zero.test', { ttl: 1 }],
  ['resolve4', 'www.test', 'ttl'],
  ['resolveSrv', 'null.test'],
  ['resolve6', 'compatible.test'],
  ['resolveTxt', 'texts.test'],
  ['resolveCaa', 'tags.test'],
  ['resolveNaptr', 'odd.test'],
  ['resolveTlsa', 'tlsas.test'],
  ['resolvePtr', 'pointers.test'],
  ['resolveNs', 'pointers.test'],
  ['resolveAny', 'pointers.test'],
  ['resolveAny', 'texts.test'],
  ['resolveAny', 'null.test'],
  ['resolve', 'any.test', 'A', { ttl: true }],
  ['resolve', 'any.test', undefined],
  ['resolve', 'any.test', ''],
  ['resolve', 5, 'A'],
  ['resolve', 'any.test', 'toString'],
  ['reverse', '::1'],
  ['reverse', '::ffff:10.0.0.1'],
  ['reverse', '10.0.0.1%lo'],
  ['reverse', 'fe80::1%lo'],
  ['reverse', undefined],
  ['resolve4', 'name.onion'],
  ['resolve4', 'a..test'],
  ['resolve4', `${'a'.repeat(64)}.test`],
  ['resolve4', `${'a.'.repeat(130)}test`],
  ['resolveCname', 'cname.test'],
  ['resolveCname', 'alias.test'],
  ['resolveCname', 'www.test'],
  ['resolveMx', 'mail.test'],
  ['resolveMx', 'nomail.test'],
  ['resolveMx', 'www.test'],
  ['resolveTxt', 'text.test'],
  ['resolveSrv', '_sip._tcp.test'],
  ['resolveNs', 'ns.test'],
  ['resolveSoa', 'soa.test'],
  ['resolveSoa', 'www.test'],
  ['resolveCaa', 'caa.test'],
  ['resolveNaptr', 'naptr.test'],
  ['resolveTlsa', 'tlsa.test'],
  ['resolvePtr', '1.0.0.10.in-addr.arpa'],
  ['resolveAny', 'any.test'],
  ['resolveAny', 'cname.test'],
  ['resolveAny', 'nosuchname.test'],
  ['reverse', '10.0.0.1'],
  ['reverse', '2001:db8::1'],
  ['reverse', '2001:0DB8:0::1'],
  ['reverse', '10.0.0.3'],
  ['resolve', 'www.test'],
  ...['A', 'AAAA', 'MX', 'TXT', 'SRV', 'NS', 'SOA', 'CAA', 'NAPTR', 'CNAME', 'PTR', 'ANY'].map(
    (type): [string, ...unknown[]] => ['resolve', 'any.test', type],
  ),
  ['resolve', 'any.test', 'a'],
  ['resolve', 'any.test', 'BOGUS'],
  ['resolve', 'any.test', 5],
  ['resolve', 'any.test', null],
  ['resolve4', 5],
  ['resolve4', null],
  ['resolve4', undefined],
  ['resolve4', {}],
  ['resolve4', () => {}],
  ['resolve4', Symbol.iterator],
  ['resolve4', 'x'.length > 1],
  ['reverse', 'not an address'],
  ['reverse', ''],
  ['reverse', 4],
  ['lookup', 'localhost'],
  ['lookup', 'localhost', 4],
  ['lookup', 'localhost', { family: 4, all: true }],
  ['lookup', 'localhost', { family: 'IPv4' }],
  ['lookup', '127.0.0.1'],
  ['lookup', '127.0.0.1', 6],
  ['lookup', '::1', { all: true }],
  ['lookup', '2001:DB8::0', { all: true }],
  ['lookup', '127.0.0.1', { family: 0, hints: nodeDns.ADDRCONFIG | nodeDns.V4MAPPED }],
  ['lookup', ''],
  ['lookup', '', { all: true }],
  ['lookup', '', 6],
  ['lookup', null],
  ['lookup', undefined, { family: 6 }],
  ['lookup', false, { all: true }],
  ['lookup', 0],
  ['lookup', Number.NaN],
  ['lookup', 'localhost', null],
  ['lookup', 'localhost', undefined],
  ['lookup', 'localhost', { family: 'IPv4', hints: 0, all: false, verbatim: true }],
  ['lookup', 'localhost', { family: undefined, hints: null, all: undefined, order: null }],
  ['lookup', 'localhost', { family: 4, hints: nodeDns.V4MAPPED | nodeDns.ALL, all: true }],
  ['lookup', '127.0.0.1', { family: 'IPv6', all: true }],
  ['lookup', '::ffff:127.0.0.1', 4],
  ['lookup', 'fe80::1%lo'],
  ['lookup', '127.0.0.1', { order: 'ipv6first', all: true }],
  ['lookup', 'localhost', 0],
  ['lookup', 'localhost', { family: 0, all: true, order: 'ipv4first' }],
  ['lookup', 'x', { family: '4' }],
  ['lookup', 'x', { family: 'IPv5' }],
  ['lookup', 'x', { family: Number.NaN }],
  ['lookup', 'x', Number.NaN],
  ['lookup', 'x', { hints: 2 ** 32 + 1 }],
  ['lookup', 'x', { hints: -1 }],
  ['lookup', 'x', { hints: 0.5, family: 7 }],
  ['lookup', 'x', { all: 0 }],
  ['lookup', 'x', { all: 'true', family: 5 }],
  ['lookup', 'x', { order: '' }],
  ['lookup', 'x', { verbatim: 'no', order: 'bad' }],
  ['lookup', 'x', [], 4],
  ['lookup', Symbol.iterator],
  ['lookup', 'a b'],
  ['lookup', 5],
  ['lookup', {}],
  ['lookup', true],
  ['lookup', 'x', 'y'],
  ['lookup', 'x', true],
  ['lookup', 'x', 5],
  ['lookup', 'x', { family: 5 }],
  ['lookup', 'x', { family: 'ipv4' }],
  ['lookup', 'x', { hints: 1 }],
  ['lookup', 'x', { hints: '8' }],
  ['lookup', 'x', { all: 'yes' }],
  ['lookup', 'x', { verbatim: 1 }],
  ['lookup', 'x', { order: 'random' }],
  ['lookup', 'x', { order: 4 }],
  ['lookupService', '127.0.0.1', 22],
  ['lookupService', '127.0.0.1', '80'],
  ['lookupService', '127.0.0.1', 1],
  ['lookupService', '127.0.0.1', 443],
  ['lookupService', '127.0.0.1', 0],
  ['lookupService', '127.0.0.1', ' 25 '],
  ['lookupService', '127.0.0.1', '0x16'],
  ['lookupService', '127.0.0.1', ''],
  ['lookupService', '127.0.0.1', 1.5],
  ['lookupService', '127.0.0.1', true],
  ['lookupService', 5, 22],
  ['lookupService', '', 22],
  ['lookupService', undefined, 22],
  ['lookupService', '127.0.0.1', 22, 1],
  ['lookupService', 'localhost', 22],
  ['lookupService', '127.0.0.1', 65_536],
  ['lookupService', '127.0.0.1', -1],
  ['lookupService', '127.0.0.1', 'ssh'],
  ['lookupService', '127.0.0.1', null],
  ['lookupService', '127.0.0.1'],
]

const title = ([method, ...args]: unknown[]) =>
  `${method}(${args.map((each) => (typeof each === 'string' ? each.slice(0, 40) : typeof each === 'object' ? JSON.stringify(each) : String(each))).join(', ')})`

describe.each(['socket', 'direct'])('on the %s stack', (kind) => {
  test.each(QUESTIONS.map((question) => ({ question, what: title(question) })))(
    '$what',
    async ({ question: [method, ...args] }) => {
      // Of a newer Node than this one.
      if (nodeDns[method as keyof typeof nodeDns] === undefined) return
      const ours = called(modules[kind], method, args)
      const theirs = called(modules.node, method, args)
      expect(await ours).toEqual(await theirs)
      expect(await promised(modules[kind], method, args)).toEqual(await promised(modules.node, method, args))
    },
  )

  test('the functions, classes and constants are there', () => {
    const ours = modules[kind]
    expect(Object.keys(nodeDns).filter((key) => typeof ours[key] !== typeof (nodeDns as Dns)[key])).toEqual([])
    const { promises } = nodeDns as Dns
    expect(Object.keys(promises).filter((key) => typeof ours.promises[key] !== typeof promises[key])).toEqual([])
    const resolver = new ours.Resolver()
    const methods = [
      ...Object.getOwnPropertyNames(Object.getPrototypeOf(new nodeDns.Resolver())),
      'cancel',
      'getServers',
      'setServers',
      'setLocalAddress',
    ]
    expect(methods.filter((method) => typeof resolver[method] !== 'function')).toEqual([])
    expect(ours.ADDRCONFIG).toBe(nodeDns.ADDRCONFIG)
    expect(ours.CANCELLED).toBe('ECANCELLED')
  })
})

/** What an observer is shown of these calls. */
async function entriesOf(dns: Dns, act: (dns: Dns) => Promise<unknown>): Promise<unknown[]> {
  const seen: PerformanceEntry[] = []
  const observer = new PerformanceObserver((list) => seen.push(...list.getEntries()))
  observer.observe({ entryTypes: ['dns'] })
  try {
    await act(dns)
    await new Promise((resolve) => setTimeout(resolve, 10))
    seen.push(...observer.takeRecords())
  } finally {
    observer.disconnect()
  }
  return seen.map((entry) => {
    const { name, entryType, startTime, duration, detail } = entry as PerformanceEntry & { detail: unknown }
    const wasNow = startTime > 0 && startTime <= performance.now() && duration >= 0 && duration < 60_000
    return [entry.constructor.name, entryType, name, wasNow, ordered(detail)]
  })
}

const OBSERVED: [what: string, act: (dns: Dns) => Promise<unknown>][] = [
  ['resolve4', (dns) => called(dns, 'resolve4', ['www.test'])],
  ['resolve4 with times to live', (dns) => called(dns, 'resolve4', ['www.test', { ttl: true }])],
  ['resolve of a type', (dns) => called(dns, 'resolve', ['any.test', 'MX'])],
  ['resolveAny', (dns) => called(dns, 'resolveAny', ['any.test'])],
  ['reverse', (dns) => called(dns, 'reverse', ['10.0.0.1'])],
  ['a question of promises', (dns) => promised(dns, 'resolve6', ['www.test', { ttl: true }])],
  ['reverse of promises', (dns) => promised(dns, 'reverse', ['10.0.0.1'])],
  ['lookup', (dns) => called(dns, 'lookup', ['localhost', 4])],
  ['lookup of all', (dns) => called(dns, 'lookup', ['localhost', { all: true, family: 4, order: 'ipv4first' }])],
  ['lookup with hints', (dns) => promised(dns, 'lookup', ['localhost', { family: 4, hints: nodeDns.V4MAPPED }])],
  ['lookup of all of promises', (dns) => promised(dns, 'lookup', ['localhost', { family: 4, all: true }])],
  ['lookupService', (dns) => called(dns, 'lookupService', ['127.0.0.1', 22])],
  ['lookupService of promises', (dns) => promised(dns, 'lookupService', ['127.0.0.1', '80'])],
  [
    'what fails, and what needs no question',
    async (dns) => {
      await called(dns, 'resolve4', ['nosuchname.test'])
      await promised(dns, 'lookup', ['127.0.0.1'])
      await called(dns, 'lookup', [''])
      await called(dns, 'resolve4', ['v4only.test'])
    },
  ],
]

describe.each(['socket', 'direct'])('what a PerformanceObserver sees of the %s stack', (kind) => {
  test.each(OBSERVED)('%s', async (_what, act) => {
    const theirs = await entriesOf(modules.node, act)
    expect(theirs).toHaveLength(1)
    expect(await entriesOf(modules[kind], act)).toEqual(theirs)
  })

  test('nothing that began before it observed', async () => {
    for (const dns of [modules.node, modules[kind]]) {
      const before = called(dns, 'resolve4', ['www.test'])
      expect(await entriesOf(dns, () => before)).toEqual([])
    }
  })
})

test('a lookup of nothing: DEP0118 is said once, and from Node 26 on it is refused', async () => {
  const program = `
    import dns from 'node:dns'
    const { SocketStack } = await import(${JSON.stringify(new URL('../../src/stack/index.ts', import.meta.url))})
    const stack = new SocketStack()
    let seen = []
    process.on('warning', ({ name, code, message }) => seen.push([name, code, message]))
    const told = (error, address) => seen.push(error ? [error.name, error.code, error.message] : address)
    for (const { promises, lookup } of [dns, stack.dns]) {
      for (const name of ['', null, '127.0.0.1']) {
        await promises.lookup(name).then(({ address }) => told(null, address), told)
        await new Promise((done) => {
          try {
            lookup(name, (...words) => done(told(...words)))
          } catch (error) {
            seen.push('thrown')
            done(told(error))
          }
        })
      }
      console.log(JSON.stringify(seen))
      seen = []
    }
    await stack.close(0)`
  const words = ['--no-warnings', '--import', import.meta.resolve('tsx'), '--input-type=module', '-e', program]
  const lines = (await promisify(execFile)(process.execPath, words)).stdout.trim().split('\n')
  expect(lines).toHaveLength(2)
  expect(lines[0]).toMatch(/DEP0118|ERR_INVALID_ARG_VALUE/)
  expect(lines[1]).toBe(lines[0])
})

describe.each(['socket', 'direct'])('what the %s stack knows better than Node', (kind) => {
  test('records of a name that nobody asked for are not the answer', async () => {
    expect(await called(modules[kind], 'resolve4', ['stranger.test'])).toMatchObject({ failed: { code: 'ENODATA' } })
    expect(await called(modules[kind], 'resolve4', ['both.test'])).toEqual({ gave: [['10.0.0.1']] })
  })

  test('a time to live that is negative is none: RFC 2181, section 8', async () => {
    const ours = await called(modules[kind], 'resolve4', ['forever.test', { ttl: true }])
    expect(ours).toEqual({ gave: [ordered([{ address: '10.0.0.1', ttl: 0 }])] })
  })
})

const kinds = ['node', 'socket', 'direct']

describe.each(kinds)('%s', (kind) => {
  const dns = () => modules[kind]

  test('the server list', () => {
    const resolver = newResolver(dns())
    resolver.setServers(['192.0.2.1', '192.0.2.2:53', '192.0.2.3:5353', 'fd00:0::1', '[fd00::2]', '[fd00::3]:5353'])
    expect(resolver.getServers()).toEqual([
      '192.0.2.1',
      '192.0.2.2',
      '192.0.2.3:5353',
      'fd00::1',
      'fd00::2',
      '[fd00::3]:5353',
    ])
    resolver.setServers([])
    expect(resolver.getServers()).toEqual([])
    resolver.setServers(['[fd00::1]:0', '[192.0.2.1]:0'])
    expect(resolver.getServers()).toEqual(['fd00::1', '192.0.2.1'])
  })

  test('servers with ports beyond all are refused', () => {
    // Earlier versions of Node end the process.
    if (kind === 'node' && Number(process.versions.node.split('.')[0]) < 24) return
    for (const server of ['192.0.2.1:65536', '[fd00::1]:65536']) {
      expect(() => newResolver(dns()).setServers([server])).toThrow(
        expect.objectContaining({
          code: 'ERR_SOCKET_BAD_PORT',
          name: 'RangeError',
          message: 'Port should be >= 0 and < 65536. Received type number (65536).',
        }),
      )
    }
  })

  test('a name with a null byte is refused', () => {
    // Earlier versions of Node ask for what stands before it.
    if (kind === 'node' && Number(process.versions.node.split('.')[0]) < 24) return
    const refusal = expect.objectContaining({
      code: 'ERR_INVALID_ARG_VALUE',
      message: "The argument 'hostname' must be a string without null bytes. Received 'a\\x00b'",
    })
    expect(() => dns().lookup('a\0b', () => {})).toThrow(refusal)
    expect(() => dns().promises.lookup('a\0b')).toThrow(refusal)
  })

  test('a question that is cancelled', async () => {
    const resolver = newResolver(dns())
    const cancelled = called(resolver, 'resolve4', ['silent.test'])
    const reverse = called(resolver, 'reverse', ['10.0.0.77'])
    resolver.cancel()
    expect(await cancelled).toMatchObject({
      failed: { code: 'ECANCELLED', syscall: 'queryA', hostname: 'silent.test' },
    })
    expect(await reverse).toMatchObject({
      failed: { code: 'ECANCELLED', syscall: 'getHostByAddr', hostname: '10.0.0.77' },
    })
    const promises = newResolver(dns().promises, undefined, dns().getServers())
    const refused = expect(promises.resolveTxt('silent.test')).rejects.toMatchObject({
      code: 'ECANCELLED',
      syscall: 'queryTxt',
    })
    promises.cancel()
    await refused
  })

  test('a server that never answers', async () => {
    const resolver = newResolver(dns(), { timeout: 100, tries: 2 })
    const before = performance.now()
    expect(await called(resolver, 'resolve4', ['silent.test'])).toMatchObject({
      failed: { message: 'queryA ETIMEOUT silent.test', code: 'ETIMEOUT', errno: undefined },
    })
    expect(performance.now() - before).toBeGreaterThan(200)
    expect(performance.now() - before).toBeLessThan(2_000)
  })

  test('nobody at the server: ECONNREFUSED', async () => {
    if (kind === 'direct') return
    const resolver = newResolver(dns(), { timeout: 100, tries: 1 })
    resolver.setServers(['127.0.0.1:9'])
    expect(await called(resolver, 'resolve4', ['www.test'])).toMatchObject({ failed: { code: 'ECONNREFUSED' } })
  })

  test.each([
    ['servers that are none', (r: Dns) => r.setServers(['x'])],
    ['a port that is none', (r: Dns) => r.setServers(['192.0.2.1:x'])],
    ['no list', (r: Dns) => r.setServers('192.0.2.1')],
    ['a list of numbers', (r: Dns) => r.setServers([5])],
    ['a bracketed one that is none', (r: Dns) => r.setServers(['[x]:53'])],
    ['a name', (r: Dns) => r.setServers(['dns.example'])],
    ['an empty one', (r: Dns) => r.setServers([''])],
    ['nothing for servers', (r: Dns) => r.setServers()],
    ['a server after one that is fine', (r: Dns) => r.setServers(['192.0.2.1', null])],
    [
      'other servers while a question is under way',
      (r: Dns) => {
        r.setServers(['192.0.2.1'])
        r.resolve4('x.test', () => {})
        try {
          r.setServers(['192.0.2.2', '192.0.2.3:54'])
        } finally {
          r.cancel()
        }
      },
    ],
    ['no local address', (r: Dns) => r.setLocalAddress()],
    ['a second local address that is no text', (r: Dns) => r.setLocalAddress('127.0.0.1', 5)],
    ['a second local address that is none', (r: Dns) => r.setLocalAddress('127.0.0.1', 'x')],
    ['tries that are text', (_: Dns, dns: Dns) => new dns.Resolver({ tries: '4' })],
    ['tries beyond all', (_: Dns, dns: Dns) => new dns.Resolver({ tries: 2 ** 31 })],
    ['a timeout beyond all', (_: Dns, dns: Dns) => new dns.Resolver({ timeout: 2 ** 31 })],
    ['a timeout of null', (_: Dns, dns: Dns) => new dns.Resolver({ timeout: null })],
    ['no order', (_: Dns, dns: Dns) => dns.setDefaultResultOrder()],
    ['a reverse without callback', (r: Dns) => r.reverse('127.0.0.1')],
    ['a reverse with one that is none', (r: Dns) => r.reverse('127.0.0.1', 5)],
    ['a type without callback', (r: Dns) => r.resolve('x', 'A')],
    ['a lookup without anything', (_: Dns, dns: Dns) => dns.lookup()],
    ['a lookup with a callback that is none', (_: Dns, dns: Dns) => dns.lookup('x', 4, 5)],
    ['a Resolver without new', (_: Dns, dns: Dns) => dns.Resolver()],
    ['a local address that is none', (r: Dns) => r.setLocalAddress('x')],
    ['a local address that is no text', (r: Dns) => r.setLocalAddress(5)],
    ['two of IPv4', (r: Dns) => r.setLocalAddress('10.0.0.1', '10.0.0.2')],
    ['two of IPv6', (r: Dns) => r.setLocalAddress('::1', '::2')],
    ['a timeout that is text', (_: Dns, dns: Dns) => new dns.Resolver({ timeout: 'a' })],
    ['a timeout that is negative', (_: Dns, dns: Dns) => new dns.Resolver({ timeout: -2 })],
    ['a timeout that is a fraction', (_: Dns, dns: Dns) => new dns.Resolver({ timeout: 1.5 })],
    ['no tries', (_: Dns, dns: Dns) => new dns.Resolver({ tries: 0 })],
    ['an order that is none', (_: Dns, dns: Dns) => dns.setDefaultResultOrder('x')],
    ['a lookup without callback', (_: Dns, dns: Dns) => dns.lookup('x')],
    ['a lookup with options and no callback', (_: Dns, dns: Dns) => dns.lookup('x', {})],
    ['a question without callback', (r: Dns) => r.resolve4('x')],
    ['a service without callback', (_: Dns, dns: Dns) => dns.lookupService('127.0.0.1', 1, 2)],
    ['a service without anything', (_: Dns, dns: Dns) => dns.lookupService()],
  ])('%s is refused in the same words', (_what, act) => {
    const thrownBy = (module: Dns) => {
      try {
        act(new module.Resolver(), module)
      } catch (error) {
        return described(error)
      }
      return 'nothing'
    }
    expect(thrownBy(dns())).toEqual(thrownBy(nodeDns))
    expect(thrownBy(dns())).not.toBe('nothing')
  })

  test('the order of results is verbatim until it is set', () => {
    expect(dns().getDefaultResultOrder()).toBe('verbatim')
    dns().setDefaultResultOrder('ipv4first')
    expect(dns().promises.getDefaultResultOrder()).toBe('ipv4first')
    dns().setDefaultResultOrder('verbatim')
  })

  test('a callback that throws is an error of the application, and nobody else’s', async () => {
    const thrown = new Promise((resolve) => {
      const others = process.listeners('uncaughtException')
      process.removeAllListeners('uncaughtException')
      process.once('uncaughtException', (error) => {
        for (const other of others) process.on('uncaughtException', other)
        resolve(error)
      })
    })
    const failure = new Error('of the application')
    dns().resolve4('www.test', () => {
      throw failure
    })
    expect(await thrown).toBe(failure)
    expect(await called(dns(), 'resolve4', ['v4only.test'])).toEqual({ gave: [['10.0.0.4']] })
  })

  test('a callback runs in the asynchronous context of its call', async () => {
    const { AsyncLocalStorage } = await import('node:async_hooks')
    const storage = new AsyncLocalStorage<string>()
    const seen = await new Promise((resolve) => {
      storage.run('mine', () => dns().resolve4('v6only.test', () => resolve(storage.getStore())))
    })
    expect(seen).toBe('mine')
  })

  test('promisify gives what it gives of node:dns', async () => {
    const outcome = async (module: Dns, method: string, ...words: unknown[]) => {
      let promise: Promise<unknown>
      try {
        promise = promisify(module[method])(...words) as Promise<unknown>
      } catch (error) {
        return { threw: described(error) }
      }
      return promise.then(
        (gave) => ({ gave: ordered(gave) }),
        (error) => ({ failed: described(error) }),
      )
    }
    for (const words of [
      ['lookup', '127.0.0.1'],
      ['lookup', 'localhost', 4],
      ['lookup', 'localhost', { family: 4, all: true }],
      ['lookup', ''],
      ['lookup', 5],
      ['lookup', 'x', { family: 5 }],
      ['lookupService', '127.0.0.1', 22],
      ['lookupService', 'x', 22],
      ['lookupService', '127.0.0.1'],
      ['resolve4', 'v4only.test'],
      ['resolve4', 'nosuchname.test'],
      ['resolve4', 5],
      ['resolveMx', 'mail.test'],
      ['reverse', '10.0.0.1'],
      ['reverse', 'x'],
    ] as [string, ...unknown[]][]) {
      expect(await outcome(dns(), ...words), String(words)).toEqual(await outcome(nodeDns, ...words))
    }
  })
})
