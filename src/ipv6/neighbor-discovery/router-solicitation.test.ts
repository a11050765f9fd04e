import { expect, test } from 'vitest'
import {
  NeighborDiscoveryTestHost,
  OURS,
  PEER,
  prefixOption,
  routerAdvertisement,
} from '../../../test/support/neighbor-discovery-host.ts'
import { SECOND } from '../../clock/index.ts'

const solicitations = (host: NeighborDiscoveryTestHost) => host.sent.filter(({ type }) => type === 133)

test('the first goes out as soon as the link-local address is ours, from it', () => {
  const host = new NeighborDiscoveryTestHost()
  host.discovery.start()
  host.clock.advance(3 * SECOND)
  const [first] = solicitations(host)
  expect(first).toMatchObject({ source: OURS, destination: 'ff02::2', hopLimit: 255, options: [1] })
  const detection = host.sent.find(({ type }) => type === 135)!
  expect(first.time).toBe(detection.time + SECOND)
})

test('without a link-local address it goes out within a second, from nobody', () => {
  const host = new NeighborDiscoveryTestHost({ linkLocal: false })
  host.discovery.start()
  host.clock.advance(SECOND)
  expect(host.sent).toMatchObject([{ type: 133, source: '::', options: [] }])
})

test('RFC 7559: intervals of four seconds, doubled up to an hour, a tenth more or less, for ever', () => {
  for (let seed = 1; seed <= 10; seed++) {
    const host = new NeighborDiscoveryTestHost({}, seed)
    host.discovery.start()
    host.clock.advance(24 * 3600 * SECOND)
    const times = solicitations(host).map(({ time }) => time / SECOND)
    const intervals = times.slice(1).map((time, i) => time - times[i])
    expect(intervals[0]).toBeGreaterThanOrEqual(3.6)
    expect(intervals[0]).toBeLessThanOrEqual(4.4)
    for (let i = 1; i < intervals.length; i++) {
      const most = Math.min(intervals[i - 1] * 2.1, 3600 * 1.1)
      expect(intervals[i]).toBeLessThanOrEqual(most + 0.001)
      expect(intervals[i]).toBeGreaterThanOrEqual(Math.min(intervals[i - 1] * 1.9, 3600 * 0.9) - 0.001)
    }
    expect(intervals.length).toBeGreaterThan(28)
    expect(new Set(intervals).size).toBe(intervals.length)
  }
})

test('RFC 7559, 2.1: a default router ends it, another router does not', () => {
  const host = NeighborDiscoveryTestHost.started()
  host.receive(routerAdvertisement({ lifetime: 0 }, prefixOption('2001:db8::/64', 100, 100)))
  host.clock.advance(60 * SECOND)
  expect(solicitations(host).length).toBeGreaterThan(2)
  host.receive(routerAdvertisement({ lifetime: 1800 }))
  host.sent.length = 0
  host.clock.advance(1799 * SECOND)
  expect(solicitations(host)).toEqual([])
})

test('it begins anew when the last default router is gone', () => {
  const host = NeighborDiscoveryTestHost.started()
  host.receive(routerAdvertisement({ lifetime: 100 }))
  host.receive(routerAdvertisement({ lifetime: 200 }), { source: 'fe80::3' })
  host.sent.length = 0
  host.clock.advance(199 * SECOND)
  expect(solicitations(host)).toEqual([])
  host.clock.advance(2 * SECOND)
  expect(solicitations(host)).toHaveLength(1)
  host.receive(routerAdvertisement())
  expect(host.nextHop('2001:db8::1')).toBe(PEER)
})

test('routers are not asked where they are not wanted', () => {
  const host = new NeighborDiscoveryTestHost({ acceptRouterAdvertisements: false })
  host.discovery.start()
  host.clock.advance(600 * SECOND)
  expect(solicitations(host)).toEqual([])
})
