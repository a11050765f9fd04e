import { describe, expect, test } from 'vitest'
import {
  ip,
  NeighborDiscoveryTestHost,
  neighborAdvertisement,
  neighborSolicitation,
  nonceOption,
  OURS,
  PEER_MAC,
  prefixOption,
  routerAdvertisement,
  sourceLinkLayer,
  targetLinkLayer,
} from '../../../test/support/neighbor-discovery-host.ts'
import { SECOND } from '../../clock/index.ts'
import { AddressState } from './interface-address.ts'

const ADDRESS = '2001:db8::77'
const GROUP = 'ff02::1:ff00:77'
const DETECTION = { source: '::', destination: GROUP }
const { Tentative, Optimistic, Preferred, Duplicate } = AddressState

function checking(options = {}) {
  const host = NeighborDiscoveryTestHost.started(options)
  const own = host.discovery.addAddress(ip(ADDRESS), 64)
  return { host, own }
}

/** What was sent about ADDRESS. */
const about = (host: NeighborDiscoveryTestHost) => host.sent.filter(({ target }) => target === ADDRESS)

test('RFC 4862, 5.4.2: one solicitation from nobody within a second, ours a second later', () => {
  for (let seed = 1; seed <= 20; seed++) {
    const host = NeighborDiscoveryTestHost.started({}, seed)
    const start = host.clock.now()
    const own = host.discovery.addAddress(ip(ADDRESS), 64)
    expect(host.groups).toContain(GROUP)
    host.clock.advance(SECOND)
    const [message, ...more] = about(host)
    expect(message).toMatchObject({ type: 135, source: '::', destination: GROUP, hopLimit: 255, options: [14] })
    expect(message.time - start).toBeLessThan(SECOND)
    expect(more).toEqual([])
    expect(own.state).toBe(Tentative)
    host.clock.advanceTo(message.time + SECOND)
    expect(own.state).toBe(Preferred)
    expect(host.events).toContain(`${ADDRESS} ${Preferred}`)
  }
})

test('as many solicitations as asked for, and none where addresses are not checked', () => {
  const { host } = checking({ detectionTransmits: 3 })
  host.clock.advance(3 * SECOND)
  expect(about(host).filter(({ type }) => type === 135)).toHaveLength(3)
  const unchecked = checking({ detectionTransmits: 0 })
  expect(unchecked.own.state).toBe(Preferred)
  expect(about(unchecked.host).filter(({ type }) => type === 135)).toEqual([])
})

describe('RFC 4862, 5.4.3 and 5.4.4: who else has a tentative address', () => {
  test.each([
    [
      'an advertisement to all',
      neighborAdvertisement(ADDRESS, 0x20, targetLinkLayer(PEER_MAC)),
      { destination: 'ff02::1' },
    ],
    ['an advertisement without an address', neighborAdvertisement(ADDRESS, 0x20), { destination: 'ff02::1' }],
    ['a detection without nonce', neighborSolicitation(ADDRESS), DETECTION],
    ['a detection with another nonce', neighborSolicitation(ADDRESS, nonceOption([1, 2, 3, 4, 5, 6])), DETECTION],
  ])('%s', (_, message, from) => {
    for (const wait of [0, 1.5 * SECOND]) {
      const { host, own } = checking()
      host.clock.advance(wait > 0 ? SECOND : 0)
      if (own.state !== Tentative) throw new Error('checked too early')
      host.receive(message, { source: ADDRESS, ...from })
      expect(own.state).toBe(Duplicate)
      expect(host.events).toContain(`duplicate ${ADDRESS}`)
      expect(host.groups).not.toContain(GROUP)
      expect(host.counters.duplicates).toBe(1)
      host.sent.length = 0
      host.clock.advance(100 * SECOND)
      host.receive(neighborSolicitation(ADDRESS, sourceLinkLayer(PEER_MAC)))
      expect(about(host)).toEqual([])
    }
  })

  test('resolution by somebody is no evidence, and gets no answer', () => {
    const { host, own } = checking()
    host.receive(neighborSolicitation(ADDRESS, sourceLinkLayer(PEER_MAC)))
    expect(own.state).toBe(Tentative)
    expect(about(host)).toEqual([])
    host.clock.advance(2 * SECOND)
    expect(own.state).toBe(Preferred)
  })

  test('both check at the same time: neither gets it', () => {
    const one = NeighborDiscoveryTestHost.started({}, 1)
    const other = NeighborDiscoveryTestHost.started({}, 2)
    const owns = [one, other].map((host) => host.discovery.addAddress(ip(ADDRESS), 64))
    one.clock.advance(SECOND)
    other.clock.advance(SECOND)
    const [first] = about(one)
    const [second] = about(other)
    other.receive(first.bytes, DETECTION)
    one.receive(second.bytes, DETECTION)
    expect(owns.map(({ state }) => state)).toEqual([Duplicate, Duplicate])
  })

  test('a second host is told by the first, and gives up', () => {
    const { host: first } = checking()
    first.link.mac = PEER_MAC
    first.clock.advance(10 * SECOND)
    first.sent.length = 0
    const second = NeighborDiscoveryTestHost.started({}, 7)
    const own = second.discovery.addAddress(ip(ADDRESS), 64)
    second.clock.advance(SECOND)
    first.receive(about(second)[0].bytes, DETECTION)
    const [answer] = about(first)
    expect(answer).toMatchObject({ type: 136, destination: 'ff02::1', flags: 0x20 })
    second.receive(answer.bytes, { source: ADDRESS, destination: 'ff02::1' })
    expect(own.state).toBe(Duplicate)
    expect(first.address(ADDRESS)?.state).toBe(Preferred)
  })

  test('added again, a duplicate is checked again', () => {
    const { host } = checking()
    host.receive(neighborSolicitation(ADDRESS), DETECTION)
    const again = host.discovery.addAddress(ip(ADDRESS), 64)
    host.clock.advance(3 * SECOND)
    expect(again.state).toBe(Preferred)
    expect(host.discovery.addresses.map(({ address }) => `${address}`)).toEqual([OURS, ADDRESS])
  })
})

test('RFC 7527: our own solicitation that comes back is no duplicate; three more are sent', () => {
  const { host, own } = checking()
  host.clock.advance(SECOND)
  for (let i = 0; i < 10; i++) {
    const sent = about(host).filter(({ type }) => type === 135)
    host.receive(sent.at(-1)!.bytes, DETECTION)
    host.clock.advance(SECOND)
  }
  expect(about(host).filter(({ type }) => type === 135)).toHaveLength(4)
  expect(own.state).toBe(Preferred)
  expect(host.counters.loopedBack).toBeGreaterThan(3)
  expect(host.counters.duplicates).toBe(0)
})

describe('RFC 7217, section 6: another identifier', () => {
  test('a duplicate link-local address is replaced, up to three times', () => {
    const host = new NeighborDiscoveryTestHost()
    host.discovery.start()
    const addresses = ['fe80::1', 'fe80::1001', 'fe80::2001', 'fe80::3001']
    for (const address of addresses) {
      expect(host.discovery.addresses.map((own) => `${own.address}`)).toEqual([address])
      host.clock.advance(SECOND / 2)
      host.receive(neighborAdvertisement(address, 0x20), { source: address, destination: 'ff02::1' })
    }
    host.clock.advance(10 * SECOND)
    expect(host.events.at(-1)).toBe('duplicate fe80::3001')
    expect(host.address('fe80::3001')?.state).toBe(Duplicate)
    // Routers are asked all the same, from nobody.
    expect(host.sent.find(({ type }) => type === 133)).toMatchObject({ source: '::', options: [] })
  })

  test('an identifier from the MAC address is not replaced', () => {
    const formAddress = () => ip('fe80::ff:fe00:1')
    const host = new NeighborDiscoveryTestHost({ formAddress })
    host.discovery.start()
    host.receive(neighborAdvertisement('fe80::ff:fe00:1', 0x20), { destination: 'ff02::1' })
    expect(host.events).toEqual([`fe80::ff:fe00:1 ${Duplicate}`, 'duplicate fe80::ff:fe00:1'])
  })

  test('an autoconfigured address keeps its lifetimes', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({}, prefixOption('2001:db8::/64', 10_000, 5000)))
    host.receive(neighborAdvertisement('2001:db8::1', 0x20), { destination: 'ff02::1' })
    host.clock.advance(5 * SECOND)
    expect(host.address('2001:db8::1')).toBeUndefined()
    expect(host.address('2001:db8::1001')).toMatchObject({ state: Preferred, preferredUntil: 5003 * SECOND })
  })
})

describe('RFC 4429: optimistic addresses', () => {
  const optimistic = () => {
    const host = NeighborDiscoveryTestHost.started({ optimistic: true })
    host.receive(routerAdvertisement({}, prefixOption('2001:db8::/64', 1000, 1000)))
    return { host, own: host.address('2001:db8::1')! }
  }

  test('are usable at once, and answer without overriding', () => {
    const { host, own } = optimistic()
    expect([own.state, own.isUsable]).toEqual([Optimistic, true])
    host.sent.length = 0
    host.receive(neighborSolicitation('2001:db8::1', sourceLinkLayer(PEER_MAC)))
    expect(host.sent).toMatchObject([{ type: 136, target: '2001:db8::1', flags: 0x40 }])
    host.clock.advance(3 * SECOND)
    expect(own.state).toBe(Preferred)
  })

  test('are given up as others are', () => {
    const { host, own } = optimistic()
    host.receive(neighborAdvertisement('2001:db8::1', 0x20), { source: '2001:db8::1', destination: 'ff02::1' })
    expect(own.state).toBe(Duplicate)
  })

  test('never name our MAC address in a solicitation', () => {
    const host = new NeighborDiscoveryTestHost({ optimistic: true })
    host.discovery.start()
    host.send('fe80::5')
    expect(host.sent.find(({ target }) => target === 'fe80::5')).toMatchObject({ source: OURS, options: [] })
    expect(host.take().find(({ type }) => type === 133)).toBeUndefined()
    host.clock.advance(1)
    expect(host.take().find(({ type }) => type === 133)).toMatchObject({ source: '::', options: [] })
  })

  test('are not what a person typed', () => {
    expect(checking({ optimistic: true }).own.state).toBe(Tentative)
  })
})

test('RFC 4861, 7.2.6: whoever knew a new address of ours with another MAC address hears of it, once', () => {
  const host = new NeighborDiscoveryTestHost()
  host.discovery.addAddress(ip(ADDRESS), 64)
  host.discovery.start()
  host.clock.advance(20 * SECOND)
  for (const address of [ADDRESS, OURS]) {
    const sent = host.sent.filter(({ target, destination }) => target === address && destination === 'ff02::1')
    expect(sent).toMatchObject([{ type: 136, source: address, flags: 0x20, options: [2], hopLimit: 255 }])
  }
})

test('RFC 9131: a new address is made known to the routers three times, without overriding', () => {
  const { host } = checking()
  host.clock.advance(20 * SECOND)
  const sent = about(host).filter(({ type, destination }) => type === 136 && destination !== 'ff02::1')
  expect(sent).toHaveLength(3)
  for (const message of sent) {
    expect(message).toMatchObject({ source: ADDRESS, destination: 'ff02::2', flags: 0, options: [2], hopLimit: 255 })
  }
})

test('addresses with the same last 24 bits share their group', () => {
  const host = NeighborDiscoveryTestHost.started()
  const addresses = ['2001:db8:1::7', '2001:db8:2::7']
  for (const address of addresses) host.discovery.addAddress(ip(address), 64)
  expect(host.groups.filter((group) => group === 'ff02::1:ff00:7')).toHaveLength(1)
  host.discovery.removeAddress(ip(addresses[0]))
  expect(host.groups).toContain('ff02::1:ff00:7')
  host.discovery.removeAddress(ip(addresses[1]))
  expect(host.groups).not.toContain('ff02::1:ff00:7')
})
