import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { record, ScriptedNetwork, soa } from '../../test/support/dns-server.ts'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { SECOND, SeededRandom, VirtualClock } from '../clock/index.ts'
import { PolicyTable } from '../ipv6/index.ts'
import { AddressLookup, type AddressLookupOptions, type AddressOutcome } from './address-lookup.ts'
import { lookupAddresses, lookupRequest, ordered } from './api/lookup.ts'
import { DnsClient } from './client.ts'
import { Hosts } from './hosts.ts'
import { parseResolvConf } from './resolv-conf.ts'
import { parseServers } from './server.ts'

let clock: VirtualClock
let network: ScriptedNetwork
let client: DnsClient
/** Name -> addresses, or a response code; others are not there. */
let zone: Record<string, string[] | number>

beforeEach(() => {
  clock = new VirtualClock()
  network = new ScriptedNetwork(clock)
  client = new DnsClient({
    transport: network,
    clock,
    random: new SeededRandom(1),
    servers: parseServers(['10.0.0.1']),
  })
  zone = {}
  network.servers.set('10.0.0.1', {
    datagram: (query) => {
      const known = zone[query.name]
      if (known === undefined) query.reply({ rcode: 3, authorities: [soa('example')] })
      else if (typeof known === 'number') query.reply({ rcode: known })
      else {
        const fitting = known.filter((address) => address.includes(':') === (query.type === 'AAAA'))
        query.reply({ answers: fitting.map((address) => record(query.type, query.name, address)) })
      }
    },
  })
})

afterEach(() => client.close())

function lookupWith(options: Partial<AddressLookupOptions> = {}): AddressLookup {
  return new AddressLookup({ client, searchList: [], ndots: 1, hosts: () => new Hosts(), ...options })
}

function addressesOf(outcome: AddressOutcome): unknown {
  return typeof outcome === 'string' ? outcome : outcome.map(({ address }) => address)
}

async function solve(lookup: AddressLookup, name: string, families: (4 | 6)[] = [4, 6]) {
  return addressesOf(
    await clock.settle(new Promise<AddressOutcome>((resolve) => lookup.lookup(name, families, resolve))),
  )
}

const asked = () => network.log.filter(({ type }) => type === 'A').map(({ name }) => name)

describe('the search list', () => {
  const searchList = ['one.example', 'two.example.']

  test('a name without dots is tried in each domain, and then as it is', async () => {
    expect(await solve(lookupWith({ searchList }), 'web')).toBe('ENOTFOUND')
    expect(asked()).toEqual(['web.one.example', 'web.two.example', 'web'])
  })

  test('a name with dots is tried as it is first; ndots says how many it takes', async () => {
    await solve(lookupWith({ searchList }), 'a.b')
    expect(asked()).toEqual(['a.b', 'a.b.one.example', 'a.b.two.example'])
    network.log.length = 0
    await solve(lookupWith({ searchList, ndots: 2 }), 'c.d')
    expect(asked()).toEqual(['c.d.one.example', 'c.d.two.example', 'c.d'])
    network.log.length = 0
    await solve(lookupWith({ searchList, ndots: 0 }), 'web')
    expect(asked()[0]).toBe('web')
  })

  test('a dot at the end makes it complete', async () => {
    zone.web = ['10.1.1.1']
    expect(await solve(lookupWith({ searchList }), 'web.')).toEqual(['10.1.1.1'])
    expect(asked()).toEqual(['web'])
  })

  test('the first domain that has an address ends it', async () => {
    zone['web.two.example'] = ['10.1.1.1', 'fd00::1']
    expect(await solve(lookupWith({ searchList }), 'web')).toEqual(['10.1.1.1', 'fd00::1'])
    expect(asked()).toEqual(['web.one.example', 'web.two.example'])
  })

  test('a server that fails for one domain is asked for the next, and told of if nothing is found', async () => {
    zone['web.one.example'] = 2
    expect(await solve(lookupWith({ searchList }), 'web')).toBe('ESERVFAIL')
    zone['web2.one.example'] = 2
    zone['web2.two.example'] = ['10.1.1.1']
    expect(await solve(lookupWith({ searchList }), 'web2')).toEqual(['10.1.1.1'])
  })

  test('one family asked for alone stops where the name is', async () => {
    zone['web.one.example'] = ['10.1.1.1']
    zone['web.two.example'] = ['fd00::2']
    expect(await solve(lookupWith({ searchList }), 'web', [6])).toBe('ENODATA')
  })

  test('nobody answers: no other name is tried', async () => {
    network.servers.set('10.0.0.1', {})
    expect(await solve(lookupWith({ searchList }), 'web')).toBe('ETIMEOUT')
    expect(new Set(network.log.map(({ name }) => name))).toEqual(new Set(['web.one.example']))
    expect(clock.now()).toBe(5 * SECOND)
  })

  test('is that of the network where nobody gave one', async () => {
    client.servers.configure(null)
    client.learnServers('dhcp', { servers: parseServers(['10.0.0.1']), searchList: ['lan'] })
    zone['web.lan'] = ['10.1.1.1']
    expect(await solve(lookupWith({ searchList: null }), 'web')).toEqual(['10.1.1.1'])
  })
})

test('one family that fails leaves the addresses of the other', async () => {
  network.servers.set('10.0.0.1', {
    datagram: (query) =>
      query.type === 'A' ? query.reply({ answers: [record('A', query.name, '10.1.1.1')] }) : query.reply({ rcode: 2 }),
  })
  expect(await solve(lookupWith(), 'a.example')).toEqual(['10.1.1.1'])
})

test('what is no name is not found, and nobody is asked', async () => {
  for (const name of [
    'a..b',
    `${'x'.repeat(64)}.example`,
    `${'a.'.repeat(127)}b`,
    'has space',
    'x.onion',
    'y.invalid',
    '.',
    '\u0000',
  ]) {
    expect([name, await solve(lookupWith(), name)]).toEqual([name, 'ENOTFOUND'])
  }
  expect(network.log).toEqual([])
})

test('localhost is this host, whatever servers say', async () => {
  expect(await solve(lookupWith(), 'localhost')).toEqual(['127.0.0.1', '::1'])
  expect(await solve(lookupWith(), 'db.LOCALHOST.', [6])).toEqual(['::1'])
  expect(network.log).toEqual([])
})

describe('the hosts file', () => {
  const hosts = Hosts.parse(`
    # a comment
    192.168.1.5  nas nas.lan   # another
    fd00::5      NAS
    192.168.1.6  nas
    not-an-address web
    10.0.0.1`)

  test('comes before the servers', async () => {
    const lookup = lookupWith({ hosts: () => hosts })
    expect(await solve(lookup, 'Nas')).toEqual(['192.168.1.5', '192.168.1.6', 'fd00::5'])
    expect(await solve(lookup, 'nas.lan.', [4])).toEqual(['192.168.1.5'])
    expect(network.log).toEqual([])
    zone['nas.lan'] = ['fd00::77']
    expect(await solve(lookup, 'nas.lan', [6])).toEqual(['fd00::77'])
    expect(await solve(lookup, 'web')).toBe('ENOTFOUND')
  })

  test('has the names of an address', () => {
    expect(hosts.names('192.168.1.5')).toEqual(['nas', 'nas.lan'])
    expect(hosts.names('10.0.0.1')).toEqual([])
  })
})

test('cancelling: nothing is heard, and nothing stays open', async () => {
  network.servers.set('10.0.0.1', {})
  let heard = false
  const cancel = lookupWith().lookup('a.example', [4, 6], () => {
    heard = true
  })
  await clock.advanceAsync(SECOND)
  cancel()
  await clock.advanceAsync(10 * SECOND)
  expect([heard, network.openSockets, client.pending]).toEqual([false, 0, 0])
})

const sourceOf = (text: string, prefixLength: number) => ({
  address: IpAddress.parse(text),
  prefixLength,
  interface: 0,
  deprecated: false,
  temporary: false,
  optimistic: false,
  nextHop: null,
})

describe('lookup', () => {
  const host = (...own: string[]) => ({
    lookup: lookupWith(),
    addresses: () => own.map((text) => IpPrefix.parse(text)),
  })
  const look = async (own: string[], name: string, options: object = {}) => {
    const request = lookupRequest(name, { all: true, ...options }, 'verbatim', true)
    return clock.settle(
      new Promise((resolve) =>
        lookupAddresses(host(...own), request, (error, found) =>
          resolve(error?.code ?? found.map(({ address }) => address)),
        ),
      ),
    )
  }

  test('puts first what can be reached best (RFC 6724)', async () => {
    zone['a.example'] = ['192.0.2.1', '2001:db8::1']
    expect(await look(['10.0.0.2/24'], 'a.example')).toEqual(['192.0.2.1', '2001:db8::1'])
    expect(await look(['10.0.0.2/24', 'fe80::2/64'], 'a.example')).toEqual(['192.0.2.1', '2001:db8::1'])
    expect(await look(['10.0.0.2/24', '2001:db8:1::2/64'], 'a.example')).toEqual(['2001:db8::1', '192.0.2.1'])
    expect(await look(['10.0.0.2/24'], 'localhost')).toEqual(['::1', '127.0.0.1'])
  })

  test('by the policy of the stack, and by where packets would come from', () => {
    const found = [
      { address: '192.0.2.1', family: 4 as const },
      { address: '2001:db8::1', family: 6 as const },
    ]
    const texts = (order: object) =>
      ordered({ ...host('10.0.0.2/24', '2001:db8:1::2/64'), ...order }, found, 'verbatim').map(({ address }) => address)
    expect(texts({})).toEqual(['2001:db8::1', '192.0.2.1'])
    const policy = new PolicyTable([
      { prefix: '::ffff:0:0/96', precedence: 100, label: 4 },
      { prefix: '::/0', precedence: 40, label: 1 },
    ])
    expect(texts({ policy })).toEqual(['192.0.2.1', '2001:db8::1'])
    // No way there: behind all that has one.
    expect(texts({ sourceFor: ({ family }: IpAddress) => (family === 6 ? null : sourceOf('10.0.0.2', 24)) })).toEqual([
      '192.0.2.1',
      '2001:db8::1',
    ])
    const deprecated = { ...sourceOf('2001:db8:1::2', 64), deprecated: true }
    const sourceFor = ({ family }: IpAddress) => (family === 6 ? deprecated : sourceOf('10.0.0.2', 24))
    expect(texts({ sourceFor })).toEqual(['192.0.2.1', '2001:db8::1'])
  })

  test('in another order where that is asked for', async () => {
    zone['a.example'] = ['192.0.2.1', '2001:db8::1']
    expect(await look(['2001:db8:1::2/64'], 'a.example', { order: 'ipv4first' })).toEqual(['192.0.2.1', '2001:db8::1'])
    expect(await look(['10.0.0.2/24'], 'a.example', { order: 'ipv6first' })).toEqual(['2001:db8::1', '192.0.2.1'])
    expect(await look(['2001:db8:1::2/64'], 'a.example', { verbatim: false })).toEqual(['192.0.2.1', '2001:db8::1'])
  })

  test('ADDRCONFIG, V4MAPPED, ALL', async () => {
    zone['a.example'] = ['192.0.2.1', '2001:db8::1']
    zone['b.example'] = ['192.0.2.2']
    expect(await look(['10.0.0.2/24'], 'a.example', { hints: 32 })).toEqual(['192.0.2.1'])
    expect(await look(['127.0.0.1/8'], 'a.example', { hints: 32 })).toBe('ENOTFOUND')
    expect(await look(['10.0.0.2/24'], 'b.example', { hints: 8, family: 6 })).toEqual(['::ffff:192.0.2.2'])
    expect(await look(['10.0.0.2/24'], 'a.example', { hints: 8, family: 6 })).toEqual(['2001:db8::1'])
    expect(await look(['2001:db8:1::2/64'], 'a.example', { hints: 24, family: 6 })).toEqual([
      '2001:db8::1',
      '::ffff:192.0.2.1',
    ])
    expect(await look(['10.0.0.2/24'], 'b.example', { family: 6 })).toBe('ENOTFOUND')
  })

  test('not found, and not known at present, are two things', async () => {
    expect(await look([], 'a.example')).toBe('ENOTFOUND')
    zone['b.example'] = 2
    expect(await look([], 'b.example')).toBe('EAI_AGAIN')
  })

  test('a name without addresses is not found with another number', async () => {
    zone['empty.example'] = []
    const failure = (name: string) =>
      clock.settle(
        new Promise((resolve) =>
          lookupAddresses(host(), lookupRequest(name, {}, 'verbatim', true), (error) => resolve(error)),
        ),
      )
    expect(await failure('empty.example')).toMatchObject({ code: 'ENOTFOUND', errno: -3007 })
    expect(await failure('none.example')).toMatchObject({ code: 'ENOTFOUND', errno: -3008 })
  })

  test.each([
    ['127.1', '127.0.0.1'],
    ['1.2.3', '1.2.0.3'],
    ['0x7f.1', '127.0.0.1'],
    ['010.1', '8.0.0.1'],
    ['2130706433', '127.0.0.1'],
    ['0', '0.0.0.0'],
    ['0xffffffff', '255.255.255.255'],
    ['4294967296', 'ENOTFOUND'],
    ['256.1', 'ENOTFOUND'],
    ['08.1', 'ENOTFOUND'],
    ['1.2.3.4.5', 'ENOTFOUND'],
    ['0x', 'ENOTFOUND'],
  ])('%s is read as the C library reads it: %s', async (text, expected) => {
    expect(await look([], text)).toEqual(expected === 'ENOTFOUND' ? expected : [expected])
    if (expected !== 'ENOTFOUND') expect(await look([], text, { family: 6 })).toBe('EAI_ADDRFAMILY')
  })

  test('each address once', () => {
    const twice = [
      { address: '192.0.2.1', family: 4 as const },
      { address: '192.0.2.1', family: 4 as const },
    ]
    expect(ordered(host(), twice, 'verbatim')).toHaveLength(1)
  })
})

test('resolv.conf', () => {
  expect(
    parseResolvConf(`# comment
nameserver 192.0.2.1
nameserver fd00::53 ; comment
nameserver nonsense
nameserver 192.0.2.2
nameserver 192.0.2.3
domain old.example
search a.example b.example
options ndots:3 rotate timeout:1
options ndots:99`),
  ).toEqual({
    servers: ['192.0.2.1', 'fd00::53', '192.0.2.2'],
    searchList: ['a.example', 'b.example'],
    ndots: 15,
    rotate: true,
  })
  expect(parseResolvConf('')).toEqual({ servers: [], searchList: [], ndots: undefined, rotate: false })
})
