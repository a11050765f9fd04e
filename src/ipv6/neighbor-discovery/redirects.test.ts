import { expect, test } from 'vitest'
import {
  ip,
  NeighborDiscoveryTestHost,
  neighborAdvertisement,
  OTHER,
  OTHER_MAC,
  OURS,
  PEER,
  redirect,
  routerAdvertisement,
  targetLinkLayer,
} from '../../../test/support/neighbor-discovery-host.ts'
import { SECOND } from '../../clock/index.ts'
import { NeighborState } from './neighbor.ts'

const FAR = '2001:db8::9'

function routed(options = {}) {
  const host = NeighborDiscoveryTestHost.started(options)
  host.receive(routerAdvertisement())
  return host
}

test('RFC 4861, 8.3: to a better router', () => {
  const host = routed()
  const changes = host.routeChanges
  host.receive(redirect(FAR, OTHER, targetLinkLayer(OTHER_MAC)))
  expect(host.nextHop(FAR)).toBe(OTHER)
  expect(host.nextHop('2001:db8::8')).toBe(PEER)
  expect(host.routeChanges).toBe(changes + 1)
  expect(host.discovery.neighbor(ip(OTHER))).toMatchObject({ isRouter: true, state: NeighborState.Stale })
})

test('8.3: to the destination itself, which is on the link', () => {
  const host = routed()
  host.receive(redirect(FAR, FAR, targetLinkLayer(OTHER_MAC)))
  expect(host.nextHop(FAR)).toBe(FAR)
  expect(host.discovery.neighbor(ip(FAR)).isRouter).toBe(false)
})

test('8.1: only by the first hop that the destination has at present', () => {
  const host = routed()
  host.receive(redirect(FAR, OTHER))
  host.receive(redirect(FAR, 'fe80::66'))
  expect(host.nextHop(FAR)).toBe(OTHER)
  expect(host.counters.redirectNotFromFirstHop).toBe(1)
  host.receive(redirect(FAR, 'fe80::66'), { source: OTHER })
  expect(host.nextHop(FAR)).toBe('fe80::66')
})

test('what is on the link is not redirected, nor anything to us', () => {
  const host = routed()
  host.receive(redirect('fe80::77', OTHER))
  host.receive(redirect(FAR, OURS))
  expect(host.counters).toMatchObject({ redirectNotFromFirstHop: 1, invalidTarget: 1 })
  expect(host.nextHop(FAR)).toBe(PEER)
})

test('7.3.3: a target that does not answer is given up', () => {
  const host = routed()
  host.receive(redirect(FAR, OTHER, targetLinkLayer(OTHER_MAC)))
  host.send(host.nextHop(FAR)!)
  const changes = host.routeChanges
  host.clock.advance(10 * SECOND)
  expect(host.nextHop(FAR)).toBe(PEER)
  expect(host.routeChanges).toBe(changes + 1)
})

test('7.2.5: a target that is no router any more is given up', () => {
  const host = routed()
  host.receive(redirect(FAR, OTHER, targetLinkLayer(OTHER_MAC)))
  host.receive(neighborAdvertisement(OTHER, 0x20), { source: OTHER, destination: 'ff02::1' })
  expect(host.nextHop(FAR)).toBe(PEER)
})

test('a flood stays within its bound, and the newest hold', () => {
  const host = routed({ maxRedirects: 16 })
  for (let i = 0; i < 1000; i++) host.receive(redirect(`2001:db8::${i.toString(16)}`, OTHER))
  expect(host.nextHop('2001:db8::3e7')).toBe(OTHER)
  const redirected = Array.from({ length: 1000 }, (_, i) => host.nextHop(`2001:db8::${i.toString(16)}`))
  expect(redirected.filter((hop) => hop === OTHER)).toHaveLength(16)
})
