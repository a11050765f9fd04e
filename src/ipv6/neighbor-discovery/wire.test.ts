import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  addressBytes,
  dnsServersOption,
  mtuOption,
  NeighborDiscoveryTestHost,
  neighborAdvertisement,
  neighborSolicitation,
  OTHER,
  OURS,
  PEER,
  PEER_MAC,
  prefixOption,
  redirect,
  routeOption,
  routerAdvertisement,
  searchListOption,
  sourceLinkLayer,
  targetLinkLayer,
  word,
} from '../../../test/support/neighbor-discovery-host.ts'
import type { NeighborDiscoveryCounters } from './counters.ts'
import * as options from './options.ts'

const GROUP = 'ff02::1'
const solicitation = [133, 0, 0, 0, 0, 0, 0, 0]

describe('what RFC 4861 has dropped is dropped and counted', () => {
  const rows: [string, number[], object, keyof NeighborDiscoveryCounters][] = [
    // 6.1.1
    ['solicitation that was forwarded', solicitation, { hopLimit: 254 }, 'invalidHopLimit'],
    ['solicitation of seven bytes', solicitation.slice(0, 7), {}, 'truncated'],
    ['solicitation with a code', [133, 1, ...solicitation.slice(2)], {}, 'invalidCode'],
    [
      'solicitation from nobody with an address',
      [...solicitation, ...sourceLinkLayer(PEER_MAC)],
      { source: '::' },
      'sourceLinkLayerWithoutSource',
    ],
    // 6.1.2
    ['advertisement from a global address', routerAdvertisement(), { source: '2001:db8::1' }, 'invalidSource'],
    ['advertisement that was forwarded', routerAdvertisement(), { hopLimit: 64 }, 'invalidHopLimit'],
    ['advertisement of fifteen bytes', routerAdvertisement().slice(0, 15), {}, 'truncated'],
    ['option of length zero', routerAdvertisement({}, [3, 0, 0, 0, 0, 0, 0, 0]), {}, 'malformedOptions'],
    ['option beyond the end', routerAdvertisement({}, [3, 4, 0, 0, 0, 0, 0, 0]), {}, 'malformedOptions'],
    ['half an option', routerAdvertisement({}, [3]), {}, 'malformedOptions'],
    // 7.1.1
    ['solicitation of a group', neighborSolicitation(GROUP), {}, 'invalidTarget'],
    ['solicitation of an IPv4 address', neighborSolicitation('::ffff:10.0.0.1'), {}, 'invalidTarget'],
    ['solicitation from a group', neighborSolicitation(OURS), { source: GROUP }, 'invalidSource'],
    ['detection sent to us alone', neighborSolicitation(OURS), { source: '::' }, 'invalidDestination'],
    ['detection sent to all', neighborSolicitation(OURS), { source: '::', destination: GROUP }, 'invalidDestination'],
    [
      'detection with an address',
      neighborSolicitation(OURS, sourceLinkLayer(PEER_MAC)),
      { source: '::', destination: 'ff02::1:ff00:1' },
      'sourceLinkLayerWithoutSource',
    ],
    // 7.1.2
    ['advertisement of a group', neighborAdvertisement(GROUP, 0x20), {}, 'invalidTarget'],
    ['solicited advertisement to all', neighborAdvertisement(PEER, 0x60), { destination: GROUP }, 'solicitedToGroup'],
    ['neighbour advertisement from nobody', neighborAdvertisement(PEER, 0x20), { source: '::' }, 'invalidSource'],
    // 8.1
    ['redirect from a global address', redirect('2001:db8::9', OTHER), { source: '2001:db8::1' }, 'invalidSource'],
    ['redirect of a group', redirect(GROUP, OTHER), {}, 'invalidDestination'],
    ['redirect to a global router', redirect('2001:db8::9', '2001:db8::8'), {}, 'invalidTarget'],
    ['redirect of 39 bytes', redirect('2001:db8::9', OTHER).slice(0, 39), {}, 'truncated'],
    [
      'redirect by another than the router',
      redirect('2001:db8::9', OTHER),
      { source: OTHER },
      'redirectNotFromFirstHop',
    ],
  ]
  test.each(rows)('%s', (_, message, from, counter) => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(message, from)
    expect(host.counters[counter]).toBe(1)
    expect(host.sent).toEqual([])
    expect(host.discovery.neighborCount).toBe(0)
    expect(host.discovery.routers.routes).toEqual([])
  })

  test('solicitations for routers are counted', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(solicitation)
    expect(host.counters.routerSolicitationsIgnored).toBe(1)
  })
})

describe('options that make no sense are left out, and the rest of the message counts', () => {
  const name = (...bytes: number[]) => [31, 3, 0, 0, ...word(60), ...bytes, ...new Array(16 - bytes.length).fill(0)]
  test.each([
    ['a prefix of 129 bits', prefixOption('2001:db8::/129', 100, 100)],
    ['a prefix of another length', [3, 5, ...prefixOption('2001:db8::/64', 100, 100).slice(2), 0, 0, 0, 0, 0, 0, 0, 0]],
    ['the link-local prefix', prefixOption('fe80::/64', 100, 100)],
    ['a prefix of groups', prefixOption('ff00::/64', 100, 100)],
    ['a prefix of IPv4 addresses', prefixOption('::ffff:10.0.0.0/104', 100, 100)],
    ['a prefix of everything', prefixOption('::/0', 100, 100)],
    ['a preferred lifetime above the valid one', prefixOption('2001:db8::/64', 100, 101, 0x40)],
    ['a prefix that is not of 64 bits, for addresses', prefixOption('2001:db8::/63', 100, 100, 0x40)],
    ['an MTU below 1280', mtuOption(1279)],
    ['an MTU above the link', mtuOption(1501)],
    ['a route with the reserved preference', routeOption('2001:db8::/32', 100, 2)],
    ['a route of 129 bits', routeOption('2001:db8::/129', 100)],
    ['a route without its prefix', [24, 1, 64, 0, ...word(100)]],
    ['a DNS server that is a group', dnsServersOption(100, 'ff02::1')],
    ['DNS servers without one', [25, 1, 0, 0, ...word(100)]],
    ['half a DNS server', [25, 2, 0, 0, ...word(100), ...new Array(8).fill(1)]],
    ['a name that goes beyond its option', name(60, 97)],
    ['a name without its end', [31, 2, 0, 0, ...word(60), 7, ...Buffer.from('exampl3')]],
    ['a name with a compression pointer', name(0xc0, 0x04)],
    ['a name with a newline', name(3, 97, 10, 98, 0)],
    ['a captive portal that is no URI', [37, 1, ...Buffer.from('portal')]],
    ['a NAT64 prefix of no length', [38, 2, 0, 7, ...new Array(12).fill(0)]],
  ])('%s', (_, option) => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({}, option, dnsServersOption(600, '2001:db8::53')))
    expect(host.counters.optionsIgnored).toBe(1)
    expect(host.discovery.configuration.dnsServers.map(({ value }) => `${value}`)).toEqual(['2001:db8::53'])
    expect(host.nextHop('2001:db9::1')).toBe(PEER)
    expect(host.discovery.addresses).toHaveLength(1)
    expect(host.discovery.prefixes.prefixes.filter(({ prefix }) => prefix.length === 0)).toEqual([])
  })

  test('options of other kinds are skipped', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({}, [200, 1, 1, 2, 3, 4, 5, 6], prefixOption('2001:db8::/64', 100, 100)))
    expect(host.counters.optionsIgnored).toBe(0)
    expect(host.address('2001:db8::1')).toBeDefined()
  })
})

test('a NAT64 prefix has the length that its code says, and seconds in units of 8', () => {
  const bytes = Uint8Array.from([38, 2, 0x02, 0x5c, ...addressBytes('64:ff9b::').slice(0, 12)])
  // 0x258 is 600; code 4 is /40.
  expect([options.nat64Lifetime(bytes, 0), `${options.nat64Prefix(bytes, 0)}`]).toEqual([600, '64:ff9b::/40'])
})

test('names of a search list', () => {
  const option = Uint8Array.from(searchListOption(60, 'example.com', 'a.b-c.example'))
  expect(options.searchList(option, 0)).toEqual(['example.com', 'a.b-c.example'])
})

test('a route may leave out the bytes that are zero', () => {
  const option = Uint8Array.from([24, 2, 48, 0, ...word(60), ...addressBytes('2001:db8:1::').slice(0, 8)])
  expect(options.isWellFormed(option, 0)).toBe(true)
  expect(`${options.routePrefix(option, 0)}`).toBe('2001:db8:1::/48')
})

test('any bytes whatever neither throw nor leak, and tables stay within their bounds', () => {
  const host = NeighborDiscoveryTestHost.started({ cacheSize: 16, maxRouters: 4, maxRoutes: 8, maxPrefixes: 4 })
  const type = fc.integer({ min: 133, max: 137 })
  const option = fc
    .tuple(fc.constantFrom(1, 2, 3, 4, 5, 14, 24, 25, 31, 37, 38, 99), fc.uint8Array({ maxLength: 60 }))
    .map(([kind, body]) => {
      const units = Math.ceil((body.length + 2) / 8)
      return [kind, units, ...body, ...new Array(units * 8 - body.length - 2).fill(0)]
    })
  const well = fc
    .tuple(type, fc.constantFrom(8, 16, 24, 40), fc.array(option, { maxLength: 6 }))
    .chain(([first, size, rest]) =>
      fc.uint8Array({ minLength: size, maxLength: size }).map((body) => [first, 0, ...body.slice(2), ...rest.flat()]),
    )
  const any = fc.tuple(type, fc.uint8Array({ maxLength: 120 })).map(([first, rest]) => [first, 0, ...rest])
  const source = fc.constantFrom('::', PEER, OTHER, '2001:db8::1', 'ff02::1', '::1', OURS, '::ffff:10.0.0.1')
  const destination = fc.constantFrom(OURS, 'ff02::1', 'ff02::1:ff00:1', '::')
  fc.assert(
    fc.property(fc.oneof(well, any), source, destination, (message, from, to) => {
      host.receive(message, { source: from, destination: to })
      host.clock.advance(50_000)
      expect(host.discovery.neighborCount).toBeLessThanOrEqual(16)
      expect(host.discovery.routers.routers.length).toBeLessThanOrEqual(4)
      expect(host.discovery.routers.routes.length).toBeLessThanOrEqual(8)
      expect(host.discovery.prefixes.prefixes.length).toBeLessThanOrEqual(4)
      expect(host.link.memory.inUse).toBe(0)
    }),
    { numRuns: 3000, seed: 4 },
  )
  const dropped = host.counters.malformedOptions + host.counters.invalidSource + host.counters.truncated
  expect(dropped).toBeGreaterThan(100)
  expect(host.counters.routerAdvertisementsReceived).toBeGreaterThan(10)
})

test('closing stops every timer and lets go of every packet', () => {
  const host = NeighborDiscoveryTestHost.started({ optimistic: true })
  host.receive(routerAdvertisement({}, prefixOption('2001:db8::/64', 100, 50), dnsServersOption(600, '2001:db8::53')))
  host.send(OTHER)
  host.receive(neighborAdvertisement(PEER, 0x60, targetLinkLayer(PEER_MAC)))
  host.discovery.close()
  expect(host.clock.armedTimers).toBe(0)
  expect(host.link.memory.inUse).toBe(0)
  expect(host.groups).toEqual([])
})
