import { expect, test } from 'vitest'
import {
  NeighborDiscoveryTestHost,
  neighborAdvertisement,
  prefixOption,
  routerAdvertisement,
} from '../../../test/support/neighbor-discovery-host.ts'
import { MINUTE, SECOND } from '../../clock/index.ts'
import { AddressState } from './interface-address.ts'

const HOUR = 60 * MINUTE
const DAY = 24 * HOUR

function configured(valid = 0xffffffff, preferred = 0xffffffff) {
  const host = NeighborDiscoveryTestHost.started({ temporaryAddresses: true })
  const advertise = (seconds = valid, preferredSeconds = preferred) =>
    host.receive(routerAdvertisement({}, prefixOption('2001:db8::/64', seconds, preferredSeconds)))
  advertise()
  const temporary = () => host.discovery.addresses.filter(({ origin }) => origin === 'temporary')
  return { host, advertise, temporary }
}

test('RFC 8981: one beside the stable address, checked as others are', () => {
  const { host, temporary } = configured()
  const [own, ...more] = temporary()
  expect(more).toEqual([])
  expect(`${own.address}`).toMatch(/^2001:db8::/)
  expect(own.state).toBe(AddressState.Tentative)
  host.clock.advance(3 * SECOND)
  expect(own.state).toBe(AddressState.Preferred)
  expect(host.address('2001:db8::1')?.state).toBe(AddressState.Preferred)
})

test('within a day the next takes its place, and after two it is gone', () => {
  const { host, temporary } = configured()
  const [first] = temporary()
  host.clock.advance(DAY)
  expect(first.state).toBe(AddressState.Deprecated)
  expect(temporary().filter(({ state }) => state === AddressState.Preferred)).toHaveLength(1)
  host.clock.advance(DAY + SECOND)
  expect(first.state).toBe(AddressState.Removed)
  host.clock.advance(30 * DAY)
  expect(temporary().length).toBeLessThanOrEqual(4)
  expect(temporary().filter(({ state }) => state === AddressState.Preferred).length).toBeGreaterThanOrEqual(1)
})

test('none outlives its prefix, and nothing is left of that', () => {
  const { host, temporary } = configured(3600, 1800)
  const [own] = temporary()
  host.clock.advance(1800 * SECOND)
  expect(own.state).toBe(AddressState.Deprecated)
  host.clock.advance(1800 * SECOND)
  expect(host.discovery.addresses).toHaveLength(1)
})

test('a duplicate is replaced by another at random, three in a row end it', () => {
  const { host, temporary } = configured()
  const seen = new Set<string>()
  for (let i = 0; i < 3; i++) {
    const [own] = temporary()
    seen.add(`${own.address}`)
    host.receive(neighborAdvertisement(`${own.address}`, 0x20), { destination: 'ff02::1' })
  }
  expect(seen.size).toBe(3)
  expect(temporary()).toEqual([])
  host.clock.advance(10 * DAY)
  expect(temporary()).toEqual([])
  expect(host.events.filter((event) => event.startsWith('duplicate'))).toEqual([])
})

test('a flood of prefixes makes them for no more than have a stable address', () => {
  const host = NeighborDiscoveryTestHost.started({ temporaryAddresses: true, maxAddresses: 4 })
  for (let i = 0; i < 200; i++) {
    host.receive(routerAdvertisement({}, prefixOption(`2001:db8:${i.toString(16)}::/64`, 1000, 1000)))
  }
  expect(host.discovery.addresses).toHaveLength(1 + 4 + 4)
  host.discovery.close()
  expect(host.clock.armedTimers).toBe(0)
})

test('there are none unless they are asked for', () => {
  const host = NeighborDiscoveryTestHost.started()
  host.receive(routerAdvertisement({}, prefixOption('2001:db8::/64', 1000, 1000)))
  expect(host.discovery.addresses.filter(({ origin }) => origin === 'temporary')).toEqual([])
})

test('settings out of their range are refused at once', () => {
  expect(() => new NeighborDiscoveryTestHost({ temporaryAddresses: { maximumAddresses: 0 } })).toThrow(
    new RangeError('maximumAddresses is 1 to 64, not 0'),
  )
  expect(() => new NeighborDiscoveryTestHost({ maxRouters: 0 })).toThrow(
    new RangeError('maxRouters is 1 to 256, not 0'),
  )
})
