import { describe, expect, test } from 'vitest'
import {
  ip,
  NeighborDiscoveryTestHost,
  OURS,
  prefixOption,
  routerAdvertisement,
} from '../../../test/support/neighbor-discovery-host.ts'
import { MILLISECOND, MINUTE, SECOND } from '../../clock/index.ts'
import { AddressState } from './interface-address.ts'

const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const FOREVER = 0xffffffff
const PREFIX = '2001:db8::/64'
const ADDRESS = '2001:db8::1'
const { Preferred, Deprecated, Removed } = AddressState

/** A host with an address of these lifetimes, in seconds. */
function configured(valid: number, preferred: number) {
  const host = NeighborDiscoveryTestHost.started()
  host.receive(routerAdvertisement({}, prefixOption(PREFIX, valid, preferred)))
  const start = host.clock.now()
  const own = host.address(ADDRESS)!
  const at = (time: number) => {
    host.clock.advanceTo(start + time)
    return own.state
  }
  const advertise = (newValid: number, newPreferred: number) =>
    host.receive(routerAdvertisement({}, prefixOption(PREFIX, newValid, newPreferred)))
  return { host, own, start, at, advertise }
}

test('lifetimes are seconds: preferred, then deprecated, then gone', () => {
  const { host, at } = configured(3600, 1800)
  expect(at(5 * SECOND)).toBe(Preferred)
  expect(at(1800 * SECOND - 1)).toBe(Preferred)
  expect(at(1800 * SECOND)).toBe(Deprecated)
  expect(at(3600 * SECOND - 1)).toBe(Deprecated)
  expect(at(3600 * SECOND)).toBe(Removed)
  expect(host.address(ADDRESS)).toBeUndefined()
  expect(host.discovery.prefixes.prefixes).toEqual([])
  expect(host.groups).toEqual(['ff02::1:ff00:1'])
  expect(host.events.filter((event) => event.startsWith(ADDRESS))).toEqual(
    [Preferred, Deprecated, Removed].map((state) => `${ADDRESS} ${state}`),
  )
})

test('seven days preferred and thirty valid, as routers have it by default', () => {
  const { at } = configured(2_592_000, 604_800)
  expect(at(7 * DAY - 1)).toBe(Preferred)
  expect(at(7 * DAY)).toBe(Deprecated)
  expect(at(30 * DAY - 1)).toBe(Deprecated)
  expect(at(30 * DAY)).toBe(Removed)
})

test('infinite lifetimes do not end', () => {
  const { own, at } = configured(FOREVER, FOREVER)
  expect(own).toMatchObject({ preferredUntil: Number.POSITIVE_INFINITY, validUntil: Number.POSITIVE_INFINITY })
  expect(at(400 * DAY)).toBe(Preferred)
})

test('a preferred lifetime of 0 makes an address deprecated at once', () => {
  expect(configured(3600, 0).at(5 * SECOND)).toBe(Deprecated)
})

test('advertised again, a deprecated address is preferred again', () => {
  const { at, advertise } = configured(7200, 60)
  expect(at(61 * SECOND)).toBe(Deprecated)
  advertise(7200, 60)
  expect(at(62 * SECOND)).toBe(Preferred)
  expect(at(122 * SECOND)).toBe(Deprecated)
})

describe('RFC 4862, 5.5.3 e: the rule of two hours', () => {
  // Seconds: what remains, what is advertised, what remains then.
  test.each([
    ['e.1: longer than two hours', 86_400, 7201, 7201],
    ['e.1: longer than what remains', 600, 601, 601],
    ['e.1: for ever', 600, FOREVER, Number.POSITIVE_INFINITY],
    ['e.2: less than what remains, which is less than two hours', 3600, 10, 3600],
    ['e.2: nothing', 3600, 0, 3600],
    ['e.2: two hours exactly', 7200, 0, 7200],
    ['e.3: less than two hours of more', 86_400, 10, 7200],
    ['e.3: nothing', 86_400, 0, 7200],
    ['e.3: two hours exactly', 86_400, 7200, 7200],
    ['e.3: of an infinite one', FOREVER, 0, 7200],
  ])('%s: %d, %d: %d', (_, remaining, advertised, left) => {
    const { host, own, at, advertise } = configured(remaining, 0)
    expect(at(0)).not.toBe(Removed)
    advertise(advertised, 0)
    expect(own.validUntil).toBe(host.clock.now() + left * SECOND)
  })

  test('a router that shortens it every minute cannot end an address sooner', () => {
    const { own, start, at, advertise } = configured(86_400, 86_400)
    for (let minute = 1; minute <= 119; minute++) {
      at(minute * MINUTE)
      advertise(0, 0)
    }
    expect(own.validUntil).toBe(start + MINUTE + 2 * HOUR)
    expect(own.state).toBe(Deprecated)
    expect(at(MINUTE + 2 * HOUR)).toBe(Removed)
  })

  test('the preferred lifetime follows the router whatever the valid one does', () => {
    const { own, advertise, start } = configured(3600, 3600)
    advertise(10, 5)
    expect(own).toMatchObject({ preferredUntil: start + 5 * SECOND, validUntil: start + 3600 * SECOND })
  })
})

describe('prefixes', () => {
  test('without the autonomous flag make no address, without the on-link flag are not on the link', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(
      routerAdvertisement(
        { lifetime: 0 },
        prefixOption('2001:db8:a::/64', 100, 100, 0x80),
        prefixOption('2001:db8:b::/64', 100, 100, 0x40),
      ),
    )
    expect(host.discovery.addresses.map(({ address }) => `${address}`)).toEqual([OURS, '2001:db8:b::1'])
    expect(host.nextHop('2001:db8:a::5')).toBe('2001:db8:a::5')
    expect(host.nextHop('2001:db8:b::5')).toBeNull()
    // RFC 5942: an address of ours says nothing about its neighbours.
    host.clock.advance(3 * SECOND)
    expect(host.nextHop('2001:db8:b::5')).toBeNull()
  })

  test('with a valid lifetime of 0 are taken off the link at once, RFC 4861, 6.3.4', () => {
    const { host, advertise } = configured(86_400, 86_400)
    expect(host.nextHop('2001:db8::5')).toBe('2001:db8::5')
    advertise(0, 0)
    expect(host.discovery.prefixes.prefixes).toEqual([])
    expect(host.address(ADDRESS)).toBeDefined()
  })

  test('with a valid lifetime of 0 make no address', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(routerAdvertisement({}, prefixOption(PREFIX, 0, 0)))
    expect(host.discovery.addresses).toHaveLength(1)
  })

  test('make no more addresses than allowed, and known ones keep their lifetimes', () => {
    const host = NeighborDiscoveryTestHost.started({ maxAddresses: 4, maxPrefixes: 8 })
    for (let i = 0; i < 500; i++) {
      host.receive(routerAdvertisement({}, prefixOption(`2001:db8:${i.toString(16)}::/64`, 100, 100)))
      host.clock.advance(10 * MILLISECOND)
    }
    expect(host.discovery.addresses).toHaveLength(5)
    expect(host.counters.addressesIgnored).toBe(496)
    expect(host.counters.prefixesIgnored).toBe(492)
    host.clock.advance(90 * SECOND)
    host.receive(routerAdvertisement({}, prefixOption('2001:db8:0::/64', 100, 100)))
    host.clock.advance(20 * SECOND)
    expect(host.discovery.addresses.map(({ address }) => `${address}`)).toEqual([OURS, '2001:db8::1'])
  })

  test('make none where that is not wanted', () => {
    const host = NeighborDiscoveryTestHost.started({ autoconfigure: false })
    host.receive(routerAdvertisement({}, prefixOption(PREFIX, 100, 100)))
    expect(host.discovery.addresses).toHaveLength(1)
    expect(host.nextHop('2001:db8::5')).toBe('2001:db8::5')
  })
})

test('an address by DHCPv6 has its lifetimes from there, and can be renewed', () => {
  const host = NeighborDiscoveryTestHost.started()
  const start = host.clock.now()
  const add = (preferred: number, valid: number) =>
    host.discovery.addAddress(ip('2001:db8::99'), 128, 'dhcp', host.clock.now() + preferred, host.clock.now() + valid)
  const own = add(10 * SECOND, 20 * SECOND)
  host.clock.advanceTo(start + 10 * SECOND)
  expect(own.state).toBe(Deprecated)
  expect(add(10 * SECOND, 20 * SECOND)).toBe(own)
  expect(own.state).toBe(Preferred)
  host.clock.advanceTo(start + 30 * SECOND)
  expect(own.state).toBe(Removed)
})
