import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DhcpLink, type ServerSettings, TestServer } from '../../../test/support/dhcpv6-server.ts'
import {
  dnsServersOption,
  ip,
  NeighborDiscoveryTestHost,
  neighborAdvertisement,
  OUR_MAC,
  OURS,
  prefixOption,
  routerAdvertisement,
} from '../../../test/support/neighbor-discovery-host.ts'
import { MacAddress } from '../../address/index.ts'
import { MINUTE, SECOND, SeededRandom } from '../../clock/index.ts'
import { AddressState, type InterfaceAddress } from '../../ipv6/index.ts'
import type { Log } from '../../log/index.ts'
import { MessageType, StatusCode } from './codes.ts'
import { Dhcpv6Configurator, linkLocalAddress } from './configurator.ts'
import { checkedDhcpv6Settings, type Dhcpv6Settings } from './configurator-settings.ts'
import { duidFromLinkLayer } from './duid.ts'

const { Solicit, Request, Confirm, Renew, Release, Decline, InformationRequest } = MessageType
const MANAGED = 0x80
const OTHER = 0x40
const LEASED = '2001:db8::100'

/** A host whose neighbour discovery tells DHCPv6 what happens, as a stack does. */
class Host extends NeighborDiscoveryTestHost {
  dhcp: Dhcpv6Configurator | null = null

  override addressChanged(address: InterfaceAddress): void {
    super.addressChanged(address)
    this.dhcp?.addressChanged(address)
  }

  override addressIsDuplicate(address: InterfaceAddress): void {
    super.addressIsDuplicate(address)
    this.dhcp?.addressIsDuplicate(address)
  }

  override configurationChanged(): void {
    super.configurationChanged()
    this.dhcp?.configurationChanged()
  }
}

function setUp(server: ServerSettings | null = {}, settings: Dhcpv6Settings = {}, mac: MacAddress = OUR_MAC) {
  const host = new Host()
  const { clock, discovery } = host
  const link = new DhcpLink(clock)
  const testServer = new TestServer(server ?? {})
  if (server !== null) link.servers.push(testServer)
  const lines: string[] = []
  const note = (message: string) => void lines.push(message)
  const log: Log = { debugEnabled: false, debug: () => {}, info: note, warn: note, error: note }
  const dhcp = new Dhcpv6Configurator({
    neighborDiscovery: discovery,
    transport: link,
    clock,
    random: new SeededRandom(5),
    mac,
    duid: duidFromLinkLayer(mac),
    settings,
    log,
  })
  host.dhcp = dhcp
  const events: string[] = []
  dhcp.onEvent(({ type }) => void events.push(type))
  dhcp.start()
  discovery.start()
  /** A router says this. */
  const advertise = (flags: number, lifetime = 1800) => host.receive(routerAdvertisement({ flags, lifetime }))
  /** With a link-local address. */
  const started = () => {
    clock.advance(3 * SECOND)
    return all
  }
  const all = { host, clock, discovery, link, server: testServer, dhcp, events, lines, advertise, started }
  return all
}

describe('what runs', () => {
  test('nothing, unless a router speaks of DHCPv6', () => {
    const { dhcp, link, clock, advertise } = setUp().started()
    advertise(0)
    clock.advance(60 * MINUTE)
    expect(dhcp.operation).toBe('none')
    expect(link.sent).toEqual([])
  })

  test('M: addresses, with configuration (RFC 4861, 4.2)', () => {
    const options = { dnsServers: [ip('2001:db8::53')], domainSearch: ['example.com'] }
    const { dhcp, discovery, link, clock, events, lines, advertise } = setUp({ options }).started()
    expect(dhcp.configuration.dnsServers).toEqual([])
    advertise(MANAGED | OTHER)
    expect(dhcp.operation).toBe('stateful')
    clock.advance(5 * SECOND)
    expect(link.types).toEqual([Solicit, Request])
    const own = discovery.addresses.find(({ origin }) => origin === 'dhcp')
    expect(own?.address.toString()).toBe(LEASED)
    expect(own).toMatchObject({ prefixLength: 128, state: AddressState.Preferred })
    expect(own?.validUntil).toBe(dhcp.lease?.addresses[0].validUntil)
    expect(own?.preferredUntil).toBe(dhcp.lease?.addresses[0].preferredUntil)
    expect(dhcp.configuration).toMatchObject(options)
    expect(events).toEqual(['bound'])
    expect(lines).toEqual(['DHCPv6 starts, stateful', 'DHCPv6 leases are bound'])
  })

  test('O: configuration only', () => {
    const { dhcp, discovery, link, clock, events, advertise } = setUp({
      options: { dnsServers: [ip('2001:db8::53')] },
    }).started()
    advertise(OTHER)
    clock.advance(5 * SECOND)
    expect(link.types).toEqual([InformationRequest])
    expect(dhcp.configuration.dnsServers.map(String)).toEqual(['2001:db8::53'])
    expect(events).toEqual(['configured'])
    expect(discovery.addresses.some(({ origin }) => origin === 'dhcp')).toBe(false)
  })

  test('configuration is asked for again on what may be another link', () => {
    const { dhcp, link, clock, advertise } = setUp().started()
    advertise(OTHER)
    clock.advance(5 * SECOND)
    dhcp.linkChanged()
    clock.advance(5 * SECOND)
    expect(link.types).toEqual([InformationRequest, InformationRequest])
  })

  test.each(['02:00:00:00:00:01', '02:00:ff:ff:ff:fe'])('by the last four octets of %s (12)', (mac) => {
    const { link, clock } = setUp({}, { mode: 'stateful' }, MacAddress.parse(mac)).started()
    clock.advance(5 * SECOND)
    const octets = mac.split(':').slice(2).join('')
    expect(link.last.message.options.identityAssociations[0].id).toBe(Number.parseInt(octets, 16))
  })

  test('by the settings, whatever routers say', () => {
    const stateful = setUp({}, { mode: 'stateful' }).started()
    stateful.clock.advance(5 * SECOND)
    expect(stateful.events).toEqual(['bound'])
    const stateless = setUp({}, { mode: 'stateless' }).started()
    stateless.advertise(MANAGED)
    stateless.clock.advance(5 * SECOND)
    expect(stateless.events).toEqual(['configured'])
  })

  test('starts when there is a link-local address, not before', () => {
    const { dhcp, clock, discovery, link, advertise, events } = setUp()
    advertise(MANAGED)
    expect(linkLocalAddress(discovery)).toBeNull()
    expect(dhcp.operation).toBe('none')
    clock.advance(8 * SECOND)
    expect(linkLocalAddress(discovery)?.toString()).toBe(OURS)
    expect(link.types).toEqual([Solicit, Request])
    expect(events).toEqual(['bound'])
  })

  test('what M starts takes the place of what O did', () => {
    const { dhcp, clock, advertise, events } = setUp().started()
    advertise(OTHER)
    clock.advance(5 * SECOND)
    advertise(MANAGED)
    expect(dhcp.operation).toBe('stateful')
    clock.advance(5 * SECOND)
    expect(events).toEqual(['configured', 'bound'])
  })

  test('a client that has got nothing stops when routers have said nothing of it for a while', () => {
    const { host, dhcp, clock, advertise, link, lines } = setUp(null).started()
    advertise(MANAGED)
    clock.advance(10 * SECOND)
    advertise(OTHER)
    clock.advance(20 * SECOND)
    // Something else changes meanwhile.
    host.receive(routerAdvertisement({ flags: OTHER }, dnsServersOption(600, '2001:db8::53')))
    clock.advance(9 * SECOND)
    expect(dhcp.operation).toBe('stateful')
    clock.advance(2 * SECOND)
    expect(dhcp.operation).toBe('stateless')
    advertise(0)
    clock.advance(31 * SECOND)
    expect(dhcp.operation).toBe('none')
    expect(lines).toEqual(['DHCPv6 starts, stateful', 'DHCPv6 starts, stateless', 'DHCPv6 stops'])
    link.sent.length = 0
    clock.advance(60 * MINUTE)
    expect(link.sent).toEqual([])
  })

  test('two routers that say different things make nobody begin anew each time', () => {
    const { clock, advertise, link, lines } = setUp(null).started()
    const until = clock.now() + 60 * MINUTE
    while (clock.now() < until) {
      advertise(MANAGED)
      clock.advance(SECOND)
      advertise(OTHER)
      clock.advance(6 * SECOND)
    }
    expect(lines).toEqual(['DHCPv6 starts, stateful'])
    // As many as of a client that is let alone: twice as long a wait each time (15).
    expect(link.sent.length).toBeLessThan(15)
  })

  test('and at the slow pace of real routers, once for each time', () => {
    const { clock, advertise, link } = setUp(null).started()
    for (let i = 0; i < 100; i++) {
      advertise(i % 2 === 0 ? MANAGED : OTHER)
      clock.advance(300 * SECOND)
    }
    expect(link.sent.length).toBeLessThan(100 * 12)
  })
})

describe('leases', () => {
  test('are renewed and kept when routers say M no more, until they end', () => {
    const { dhcp, clock, advertise, link, server, events, discovery } = setUp().started()
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    advertise(0)
    clock.advance(150 * SECOND)
    expect(link.types).toEqual([Solicit, Request, Renew])
    server.silent = true
    clock.advance(400 * SECOND)
    expect(events).toEqual(['bound', 'renewed', 'expired'])
    expect(discovery.addresses.some(({ origin }) => origin === 'dhcp')).toBe(false)
    expect(dhcp.operation).toBe('none')
  })

  test('are deprecated when their preferred lifetime is over', () => {
    const { clock, advertise, server, host } = setUp().started()
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    server.silent = true
    clock.advance(200 * SECOND)
    expect(host.address(LEASED)?.state).toBe(AddressState.Deprecated)
    server.silent = false
    // At T2 and after, any server may prolong it.
    clock.advance(60 * SECOND)
    expect(host.address(LEASED)?.state).toBe(AddressState.Preferred)
  })

  test('that another host uses are declined, and others asked for (RFC 8415, 18.2.8)', () => {
    const { dhcp, host, clock, advertise, link, server, events, lines } = setUp().started()
    advertise(MANAGED)
    while (host.address(LEASED) === undefined) clock.advance(SECOND / 100)
    server.settings.addresses = ['2001:db8::200']
    host.receive(neighborAdvertisement(LEASED, 0x20), { destination: 'ff02::1' })
    expect(host.address(LEASED)).toBeUndefined()
    clock.advance(10 * SECOND)
    expect(link.types).toEqual([Solicit, Request, Decline, Solicit, Request])
    expect(link.sent[2].message.options.identityAssociations[0].leases[0].prefix.toString()).toBe(`${LEASED}/128`)
    expect(events).toEqual(['bound', 'declined', 'bound'])
    expect(host.address('2001:db8::200')?.state).toBe(AddressState.Preferred)
    expect(dhcp.lease?.addresses).toHaveLength(1)
    expect(lines).toContain('DHCPv6 leases are declined: another host uses these addresses')
  })

  test('a duplicate of ours that was no lease is none of its business', () => {
    const { host, clock, link, advertise } = setUp().started()
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    host.discovery.addAddress(ip('2001:db8::7'), 64)
    host.receive(neighborAdvertisement('2001:db8::7', 0x20), { destination: 'ff02::1' })
    expect(host.events).toContain('duplicate 2001:db8::7')
    clock.advance(5 * SECOND)
    expect(link.types).not.toContain(Decline)
  })

  test('leave addresses alone that are ours in another way', () => {
    const { host, clock, server, advertise, events } = setUp()
    host.discovery.addAddress(ip(LEASED), 64)
    clock.advance(3 * SECOND)
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    server.silent = true
    clock.advance(10 * MINUTE)
    expect(events).toEqual(['bound', 'expired'])
    expect(host.address(LEASED)).toMatchObject({ origin: 'static', prefixLength: 64, state: AddressState.Preferred })
    expect(host.address(LEASED)?.validUntil).toBe(Number.POSITIVE_INFINITY)
  })

  test('and addresses of routers beside them', () => {
    const { host, clock } = setUp().started()
    host.receive(routerAdvertisement({ flags: MANAGED }, prefixOption('2001:db8::/64', 3600, 1800)))
    clock.advance(5 * SECOND)
    expect(host.discovery.addresses.map(({ origin }) => origin)).toEqual(['link-local', 'autoconfigured', 'dhcp'])
  })

  test('delegated prefixes are told, and are no addresses', () => {
    const { dhcp, host, clock, advertise } = setUp({}, { delegatedPrefixLength: 56 }).started()
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    expect(dhcp.lease?.prefixes.map(({ prefix }) => prefix.toString())).toEqual(['2001:db8:100::/56'])
    expect(host.discovery.addresses).toHaveLength(2)
  })

  test('are confirmed on what may be another link, and dropped where they do not belong (18.2.3)', () => {
    const { dhcp, host, clock, link, server, advertise, events } = setUp().started()
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    dhcp.linkChanged()
    clock.advance(3 * SECOND)
    expect(link.types).toEqual([Solicit, Request, Confirm])
    expect(host.address(LEASED)?.state).toBe(AddressState.Preferred)
    server.settings.addresses = ['2001:db8:9::1']
    const answer = server.answer.bind(server)
    server.answer = (message) => {
      const said = answer(message)
      if (message.type !== Confirm || said === null) return said
      return { ...said, options: { ...said.options, status: { code: StatusCode.NotOnLink, message: '' } } }
    }
    dhcp.linkChanged()
    clock.advance(10 * SECOND)
    expect(events).toEqual(['bound', 'expired', 'bound'])
    expect(host.discovery.addresses.map(({ address }) => `${address}`)).toEqual([OURS, '2001:db8:9::1'])
  })
})

describe('closing', () => {
  test('takes the addresses away and tells nobody', async () => {
    const { dhcp, clock, host, link, advertise } = setUp().started()
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    advertise(0)
    await dhcp.close()
    expect(host.discovery.addresses).toHaveLength(1)
    host.discovery.close()
    expect(clock.armedTimers).toBe(0)
    expect(dhcp).toMatchObject({ operation: 'none', lease: null })
    const sent = link.sent.length
    advertise(OTHER)
    dhcp.start()
    clock.advance(60 * MINUTE)
    expect(link.sent).toHaveLength(sent)
  })

  test('releases what is held if it is to: the address is out of use by then (18.2.7)', async () => {
    const { dhcp, clock, host, link, advertise } = setUp({}, { release: true }).started()
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    const closed = dhcp.close()
    expect(host.discovery.addresses).toHaveLength(1)
    await clock.settle(closed)
    expect(link.types).toEqual([Solicit, Request, Release])
    host.discovery.close()
    expect(clock.armedTimers).toBe(0)
    expect(dhcp.close()).toBe(closed)
  })

  test('waits two seconds for a server that is gone, not longer', async () => {
    const { dhcp, clock, link, server, advertise } = setUp({}, { release: true }).started()
    advertise(MANAGED)
    clock.advance(5 * SECOND)
    server.silent = true
    const before = clock.now()
    await clock.settle(dhcp.close())
    expect(clock.now() - before).toBe(2 * SECOND)
    expect(link.types.filter((type) => type === Release)).toHaveLength(2)
  })
})

test('whatever happens: addresses are those of the lease, and nothing is left of it after closing', () => {
  const step = fc.record({
    action: fc.constantFrom('flags', 'conflict', 'link', 'addresses', 'silence', 'forget', 'static', 'wait', 'wait'),
    value: fc.nat(7),
    wait: fc.oneof(fc.nat(20), fc.nat(400)),
  })
  fc.assert(
    fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), fc.boolean(), (steps, release) => {
      const all = setUp({ renewAfter: 20, rebindAfter: 40, preferred: 50, valid: 60 }, { release }).started()
      const { host, clock, server, dhcp, link, advertise, events } = all
      const { discovery } = host
      for (const { action, value, wait } of steps) {
        const address = `2001:db8::${value + 1}`
        if (action === 'flags') advertise(value << 5)
        else if (action === 'conflict') host.receive(neighborAdvertisement(address, 0x20), { destination: 'ff02::1' })
        else if (action === 'link') dhcp.linkChanged()
        else if (action === 'addresses') server.settings.addresses = value === 0 ? [] : [address, `2001:db8::${value}`]
        else if (action === 'silence') server.silent = value % 2 === 0
        else if (action === 'forget') server.bound = false
        else if (action === 'static' && value === 0) discovery.addAddress(ip('2001:db8::2'), 64)
        clock.advance(wait * SECOND)
        const leased = new Set(dhcp.lease?.addresses.map(({ prefix }) => `${prefix.address}`))
        for (const own of discovery.addresses) {
          if (own.origin === 'dhcp') expect(leased.delete(`${own.address}`)).toBe(true)
          else leased.delete(`${own.address}`)
        }
        expect([...leased]).toEqual([])
        if (dhcp.operation !== 'stateful') expect(dhcp.lease).toBeNull()
      }
      const before = link.sent.length
      void dhcp.close()
      expect(discovery.addresses.some(({ origin }) => origin === 'dhcp')).toBe(false)
      clock.advance(2 * SECOND)
      discovery.close()
      advertise(MANAGED)
      clock.advance(60 * MINUTE)
      expect(link.sent.length - before).toBeLessThanOrEqual(release ? 3 : 0)
      expect(clock.armedTimers).toBe(0)
      expect(events.filter((event) => event === 'bound').length).toBeLessThanOrEqual(link.sent.length)
    }),
    { numRuns: 150 },
  )
})

describe('settings', () => {
  test('have defaults', () => {
    expect(checkedDhcpv6Settings({})).toEqual({
      mode: 'flags',
      delegatedPrefixLength: null,
      rapidCommit: true,
      release: false,
      duidFile: null,
      fqdn: null,
    })
  })

  test.each<[unknown, string]>([
    [{ mode: 'always' }, 'mode of DHCPv6 is flags, stateful or stateless, not "always"'],
    [{ delegatedPrefixLength: 128 }, 'delegatedPrefixLength is 0 to 127, not 128'],
    [{ rapidCommit: 1 }, 'rapidCommit is true or false, not 1'],
    [{ release: 'no' }, 'release is true or false, not no'],
    [{ duidFile: '' }, 'duidFile is the name of a file, not ""'],
    [{ fqdn: 'a b' }, 'not a domain name: "a b"'],
    [{ rapid: true }, 'no DHCPv6 setting is called rapid'],
  ])('%j is refused', (settings, message) => {
    expect(() => checkedDhcpv6Settings(settings as Dhcpv6Settings)).toThrow(message)
  })
})
