import { describe, expect, test } from 'vitest'
import {
  dnsServersOption,
  ip,
  mtuOption,
  NeighborDiscoveryTestHost,
  neighborAdvertisement,
  OTHER,
  OTHER_MAC,
  PEER,
  PEER_MAC,
  prefixOption,
  routeOption,
  routerAdvertisement,
  searchListOption,
  sourceLinkLayer,
  targetLinkLayer,
} from '../../../test/support/neighbor-discovery-host.ts'
import { MILLISECOND, MINUTE, SECOND } from '../../clock/index.ts'

const FAR = '2001:db8:ffff::1'
const HIGH = 1
const LOW = 3
const RESERVED = 2

const withMac = (mac = PEER_MAC) => sourceLinkLayer(mac)

describe('default routers, RFC 4861, 6.3.4 to 6.3.6', () => {
  test('hold for their lifetime in seconds', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({ lifetime: 30 }))
    host.clock.advance(30 * SECOND - 1)
    expect(host.nextHop(FAR)).toBe(PEER)
    const changes = host.routeChanges
    host.clock.advance(1)
    expect(host.nextHop(FAR)).toBeNull()
    expect(host.routeChanges).toBe(changes + 1)
    expect(host.discovery.routers.routers).toEqual([])
  })

  test('a lifetime of 0 withdraws one at once, and only that one', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement())
    host.receive(routerAdvertisement(), { source: OTHER })
    expect(host.nextHop(FAR)).toBe(PEER)
    host.receive(routerAdvertisement({ lifetime: 0 }))
    expect(host.nextHop(FAR)).toBe(OTHER)
  })

  test('the first stays in use, without changes at every advertisement', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement())
    host.receive(routerAdvertisement(), { source: OTHER })
    const changes = host.routeChanges
    for (let i = 0; i < 10; i++) host.receive(routerAdvertisement(), { source: i % 2 === 0 ? PEER : OTHER })
    expect(host.nextHop(FAR)).toBe(PEER)
    expect(host.routeChanges).toBe(changes)
  })

  test('with all silent each has its turn', () => {
    const host = NeighborDiscoveryTestHost.started()
    for (const [source, mac] of [[PEER, PEER_MAC] as const, [OTHER, OTHER_MAC] as const]) {
      host.receive(routerAdvertisement({}, withMac(mac)), { source })
      host.send(source)
    }
    host.clock.advance(10 * SECOND)
    expect(new Set([1, 2, 3, 4].map(() => host.nextHop(FAR)))).toEqual(new Set([PEER, OTHER]))
  })

  test('more than there is room for are ignored, unless one is silent', () => {
    const host = NeighborDiscoveryTestHost.started({ maxRouters: 3, maxRoutes: 5 })
    host.receive(routerAdvertisement({}, withMac()))
    for (let i = 1; i < 1000; i++) {
      host.receive(routerAdvertisement(), { source: `fe80::1:${i}` })
      host.clock.advance(40 * MILLISECOND)
    }
    expect(host.discovery.routers.routers).toHaveLength(3)
    expect(host.counters.routesIgnored).toBe(997)
    expect(host.nextHop(FAR)).toBe(PEER)
    host.send(PEER)
    host.clock.advance(10 * SECOND)
    host.receive(routerAdvertisement(), { source: 'fe80::2:1' })
    expect(host.discovery.routers.routers.map(({ address }) => `${address}`)).toContain('fe80::2:1')
    expect(host.discovery.routers.has(ip(PEER))).toBe(false)
  })

  test('are not listened to where they are not wanted', () => {
    const host = NeighborDiscoveryTestHost.started({ acceptRouterAdvertisements: false })
    host.receive(routerAdvertisement({}, prefixOption('2001:db8::/64', 100, 100)))
    expect(host.nextHop(FAR)).toBeNull()
    expect(host.discovery.addresses).toHaveLength(1)
    expect(host.counters.routerAdvertisementsIgnored).toBe(1)
  })
})

describe('preferences and routes, RFC 4191', () => {
  test.each([
    [0, HIGH, OTHER],
    [LOW, 0, OTHER],
    [LOW, RESERVED, OTHER],
    [RESERVED, 0, PEER],
    [HIGH, 0, PEER],
    [0, LOW, PEER],
  ])('first router of preference %i, second of %i: %s', (first, second, best) => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({ preference: first }))
    host.receive(routerAdvertisement({ preference: second }), { source: OTHER })
    expect(host.nextHop(FAR)).toBe(best)
  })

  test('a router may change its preference', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement())
    host.receive(routerAdvertisement(), { source: OTHER })
    host.receive(routerAdvertisement({ preference: LOW }))
    expect(host.nextHop(FAR)).toBe(OTHER)
  })

  test('the longest prefix goes before preference', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({ preference: HIGH }, routeOption('2001:db8::/32', 100, HIGH)))
    host.receive(routerAdvertisement({ lifetime: 0 }, routeOption('2001:db8:ffff::/48', 100, LOW)), { source: OTHER })
    expect(host.nextHop(FAR)).toBe(OTHER)
    expect(host.nextHop('2001:db8:1::1')).toBe(PEER)
    host.clock.advance(100 * SECOND)
    expect(host.nextHop(FAR)).toBe(PEER)
    expect(host.discovery.routers.has(ip(OTHER))).toBe(false)
  })

  test('a route to everything stands for the header, 3.1', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({ lifetime: 1800 }, routeOption('::/0', 10, HIGH)))
    expect(host.discovery.routers.routes).toMatchObject([{ preference: 1, until: host.clock.now() + 10 * SECOND }])
  })

  test('infinite routes do not end; a lifetime of 0 ends one', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({ lifetime: 0 }, routeOption('2001:db8::/32', 0xffffffff)))
    host.clock.advance(1000 * 24 * 60 * MINUTE)
    expect(host.nextHop(FAR)).toBe(PEER)
    host.receive(routerAdvertisement({ lifetime: 0 }, routeOption('2001:db8::/32', 0)))
    expect(host.nextHop(FAR)).toBeNull()
  })

  test('a flood of routes stays within its bound', () => {
    const host = NeighborDiscoveryTestHost.started({ maxRoutes: 10 })
    for (let i = 0; i < 500; i++) {
      host.receive(routerAdvertisement({}, routeOption(`2001:db8:${i.toString(16)}::/48`, 1000)))
      host.clock.advance(10 * MILLISECOND)
    }
    expect(host.discovery.routers.routes).toHaveLength(10)
    expect(host.counters.routesIgnored).toBe(491)
  })
})

describe('failover', () => {
  /** Two routers, the first preferred and silent from now on, the second answering. */
  function failing() {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({ preference: HIGH, lifetime: 9000 }, withMac()))
    host.receive(routerAdvertisement({ lifetime: 9000 }, withMac(OTHER_MAC)), { source: OTHER })
    const step = (seconds: number) => {
      for (let i = 0; i < seconds * 2; i++) {
        const hop = host.nextHop(FAR)!
        host.send(hop)
        if (hop === OTHER) host.discovery.confirm(host.discovery.neighbor(ip(OTHER)))
        host.clock.advance(SECOND / 2)
      }
      return host.nextHop(FAR)
    }
    return { host, step }
  }
  const probes = (host: NeighborDiscoveryTestHost) => host.sent.filter(({ target }) => target === PEER)

  test('a router that does not answer is replaced after its probes', () => {
    const { host, step } = failing()
    expect(step(7)).toBe(PEER)
    const changes = host.routeChanges
    expect(step(1.5)).toBe(OTHER)
    expect(host.routeChanges).toBe(changes + 1)
  })

  test('RFC 4191, 3.5: it is asked once a minute while there is traffic, and taken back when it answers', () => {
    const { host, step } = failing()
    step(10)
    host.sent.length = 0
    expect(step(180)).toBe(OTHER)
    const times = probes(host).map(({ time }) => time)
    expect(times).toHaveLength(3)
    expect(times[1] - times[0]).toBe(MINUTE)
    host.receive(neighborAdvertisement(PEER, 0xe0, targetLinkLayer(PEER_MAC)))
    expect(host.nextHop(FAR)).toBe(PEER)
    // Within its reachable time.
    expect(step(10)).toBe(PEER)
  })

  test('it is not asked without traffic', () => {
    const { host, step } = failing()
    step(10)
    // The replacement becomes stale.
    host.clock.advance(60 * SECOND)
    host.sent.length = 0
    host.clock.advance(3600 * SECOND)
    expect(probes(host)).toEqual([])
  })
})

describe('what else routers say', () => {
  test('hop limit, reachable time and retransmit timer; 0 says nothing', () => {
    const host = NeighborDiscoveryTestHost.started()
    const { parameters } = host.discovery
    host.receive(routerAdvertisement({ hopLimit: 200, reachable: 5000, retrans: 250 }, mtuOption(1400)))
    const said = { hopLimit: 200, baseReachableTime: 5 * SECOND, retransmitTime: 250 * MILLISECOND, mtu: 1400 }
    expect(parameters).toMatchObject(said)
    host.receive(routerAdvertisement({ hopLimit: 0 }))
    expect(parameters).toMatchObject(said)
    expect(host.parameterChanges).toBe(1)
    host.receive(routerAdvertisement({ hopLimit: 200, reachable: 1, retrans: 0xffffffff }))
    expect(parameters).toMatchObject({ baseReachableTime: 100 * MILLISECOND, retransmitTime: 10 * SECOND })
  })

  test('DHCPv6, DNS, captive portal and NAT64, with their lifetimes', () => {
    const host = NeighborDiscoveryTestHost.started()
    const { configuration } = host.discovery
    const uri = 'https://example.org/portal'
    const portal = [37, 4, ...Buffer.from(uri), ...new Array(30 - uri.length).fill(0)]
    host.receive(
      routerAdvertisement(
        { flags: 0xc0 },
        dnsServersOption(60, '2001:db8::53', 'fe80::53'),
        searchListOption(120, 'example.com', 'example.org'),
        portal,
        [38, 2, 0x02, 0x58, 0x00, 0x64, 0xff, 0x9b, 0, 0, 0, 0, 0, 0, 0, 0],
      ),
    )
    expect(host.configurationChanges).toBe(1)
    expect(configuration).toMatchObject({ managed: true, otherConfiguration: true, captivePortal: uri })
    expect(configuration.dnsServers.map(({ value }) => `${value}`)).toEqual(['2001:db8::53', 'fe80::53'])
    expect(configuration.searchList.map(({ value }) => value)).toEqual(['example.com', 'example.org'])
    expect(configuration.nat64Prefixes.map(({ value }) => `${value}`)).toEqual(['64:ff9b::/96'])
    host.receive(routerAdvertisement({ flags: 0xc0 }, dnsServersOption(0, 'fe80::53')))
    expect(configuration.dnsServers.map(({ value }) => `${value}`)).toEqual(['2001:db8::53'])
    host.clock.advance(60 * SECOND)
    expect(configuration.dnsServers).toEqual([])
    expect(configuration.searchList).toHaveLength(2)
    host.clock.advance(60 * SECOND)
    expect(configuration.searchList).toEqual([])
    expect(configuration.nat64Prefixes).toHaveLength(1)
    host.clock.advance(480 * SECOND)
    expect(configuration.nat64Prefixes).toEqual([])
    expect(host.configurationChanges).toBe(5)
  })

  test('DNS lists stay within their bound, and keep what they know', () => {
    const host = NeighborDiscoveryTestHost.started()
    for (let i = 1; i <= 300; i++) {
      host.receive(
        routerAdvertisement({}, dnsServersOption(60, `2001:db8::${i}`), searchListOption(60, `d${i}.example`)),
      )
      host.clock.advance(10 * MILLISECOND)
    }
    const { dnsServers, searchList } = host.discovery.configuration
    expect([dnsServers.length, searchList.length]).toEqual([8, 8])
    expect(`${dnsServers[0].value}`).toBe('2001:db8::1')
    expect(host.counters.dnsIgnored).toBe(584)
  })
})

test('a flood of advertisements is taken in up to a rate, and takes nothing from the routers that we know', () => {
  const host = NeighborDiscoveryTestHost.started()
  host.receive(routerAdvertisement({ lifetime: 10 }))
  for (let second = 0; second < 60; second++) {
    for (let i = 0; i < 1000; i++) host.receive(routerAdvertisement({ lifetime: 0 }), { source: `fe80::1:${i}` })
    host.receive(routerAdvertisement({ lifetime: 10 }))
    host.clock.advance(SECOND)
  }
  expect(host.nextHop('2001:db8::1')).toBe(PEER)
  // The first one was one of them.
  expect(host.counters.routerAdvertisementsRateLimited).toBe(60 * (1000 - 32) + 1)
  for (let i = 0; i < 1000; i++) host.receive(routerAdvertisement({ lifetime: 10 }))
  expect(host.counters.routerAdvertisementsRateLimited).toBe(60 * (1000 - 32) + 1 + 1000 - 128)
})
