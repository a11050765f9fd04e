/** Neighbours one by one, and many of them; what each message does to one of them is in state-tables.test.ts. */
import { describe, expect, test } from 'vitest'
import {
  ip,
  NeighborDiscoveryTestHost,
  neighborAdvertisement,
  neighborSolicitation,
  OTHER_MAC,
  OUR_MAC,
  OURS,
  PEER,
  PEER_MAC,
  routerAdvertisement,
  sourceLinkLayer,
  targetLinkLayer,
} from '../../../test/support/neighbor-discovery-host.ts'
import { hostWithNeighborIn } from '../../../test/support/neighbor-in-state.ts'
import { SECOND } from '../../clock/index.ts'
import { NeighborState } from './neighbor.ts'

const { Reachable, Stale, Delay, Unreachable } = NeighborState

/** Flags of an advertisement. */
const R = 0x80
const S = 0x40
const O = 0x20

const SAME = targetLinkLayer(PEER_MAC)
const NEW = targetLinkLayer(OTHER_MAC)
const ALL = { destination: 'ff02::1' }

describe('resolution, 7.2.2', () => {
  test('three solicitations to the group, a second apart, then whoever sent hears of it', () => {
    const host = NeighborDiscoveryTestHost.started()
    const start = host.clock.now()
    host.send('2001:db8::abcd:ef12', 5)
    host.clock.advance(10 * SECOND)
    expect(host.neighborMessages.map(({ time }) => time - start)).toEqual([0, SECOND, 2 * SECOND])
    for (const message of host.neighborMessages) {
      expect(message).toMatchObject({
        type: 135,
        source: OURS,
        destination: 'ff02::1:ffcd:ef12',
        target: '2001:db8::abcd:ef12',
        hopLimit: 255,
        options: [1],
      })
    }
    expect(host.link.unreached).toEqual([5])
    expect(host.counters.unreachableDropped).toBe(1)
    expect(host.link.memory.inUse).toBe(0)
  })

  test('the fragments of a large datagram wait, of more the newest; they leave in their order', () => {
    const host = NeighborDiscoveryTestHost.started()
    for (let tag = 1; tag <= 70; tag++) host.send(PEER, tag)
    expect(host.neighborMessages).toHaveLength(1)
    host.receive(neighborAdvertisement(PEER, S | O, SAME))
    // 64 slots of 2 KiB.
    expect(host.link.frames).toEqual(Array.from({ length: 64 }, (_, i) => `${7 + i}@02:00:00:00:00:02`))
    expect(host.counters.queueDropped).toBe(6)
    expect(host.link.memory.inUse).toBe(0)
  })

  test('with many packets waiting for others, three wait for each neighbour', () => {
    const host = NeighborDiscoveryTestHost.started()
    for (let i = 0; i < 8; i++) for (let tag = 0; tag < 64; tag++) host.send(`fe80::1:${i}`, tag)
    // 512 KiB.
    expect(host.link.memory.inUse).toBe(4 * 64 + 4 * 3)
    host.clock.advance(3 * SECOND)
    expect(host.link.memory.inUse).toBe(0)
    for (let tag = 1; tag <= 64; tag++) host.send(PEER, tag)
    expect(host.link.memory.inUse).toBe(64)
  })

  test('asks from an address of the same prefix', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.discovery.addAddress(ip('2001:db8::77'), 64)
    host.clock.advance(8 * SECOND)
    host.sent.length = 0
    host.send('2001:db8::5')
    host.send('fe80::5')
    host.send('2001:db9::5')
    expect(host.neighborMessages.map(({ source }) => source)).toEqual(['2001:db8::77', OURS, OURS])
  })
})

describe('unreachability detection, 7.3', () => {
  test('the reachable time is drawn from half to one and a half of what the router says', () => {
    const times: number[] = []
    for (let seed = 1; seed <= 40; seed++) {
      const host = NeighborDiscoveryTestHost.started({}, seed)
      host.receive(routerAdvertisement({ reachable: 10_000 }))
      host.send('fe80::9')
      host.receive(neighborAdvertisement('fe80::9', S | O, SAME), { source: 'fe80::9' })
      const start = host.clock.now()
      while (host.stateOf('fe80::9') === Reachable) host.clock.advance(SECOND / 10)
      times.push((host.clock.now() - start) / SECOND)
    }
    expect(Math.min(...times)).toBeGreaterThanOrEqual(5)
    expect(Math.min(...times)).toBeLessThan(7)
    expect(Math.max(...times)).toBeGreaterThan(13)
    expect(Math.max(...times)).toBeLessThanOrEqual(15.1)
  })

  test('five seconds after the first packet three unicast probes, a second apart', () => {
    const host = hostWithNeighborIn(Stale)
    const start = host.clock.now()
    host.send(PEER)
    host.clock.advance(20 * SECOND)
    expect(host.neighborMessages.map(({ time }) => time - start)).toEqual([5, 6, 7].map((second) => second * SECOND))
    expect(host.neighborMessages[0]).toMatchObject({
      destination: PEER,
      mac: '02:00:00:00:00:02',
      target: PEER,
      options: [1],
    })
    expect(host.stateOf(PEER)).toBe(Unreachable)
  })

  test('RFC 7048: then packets go on, with solicitations by multicast at most once a minute', () => {
    const host = hostWithNeighborIn(Unreachable)
    const start = host.clock.now()
    for (let second = 0; second < 240; second++) {
      host.send(PEER)
      host.clock.advance(SECOND)
    }
    const times = host.neighborMessages.map(({ time }) => (time - start) / SECOND)
    expect(times).toEqual([0, 3, 12, 39, 99, 159, 219])
    expect(host.neighborMessages[0]).toMatchObject({ destination: 'ff02::1:ff00:2', mac: null })
    expect(host.link.frames).toHaveLength(240)
    host.receive(neighborAdvertisement(PEER, S | O, NEW))
    host.send(PEER, 9)
    expect(host.link.frames.at(-1)).toBe('9@02:00:00:00:00:03')
  })

  test('RFC 7048: no packets, no solicitations', () => {
    const host = hostWithNeighborIn(Unreachable)
    host.clock.advance(3600 * SECOND)
    expect(host.neighborMessages).toEqual([])
  })

  test('what transports confirm is never asked for', () => {
    const host = hostWithNeighborIn(Reachable)
    for (let second = 0; second < 600; second++) {
      host.send(PEER)
      host.discovery.confirm(host.discovery.neighbor(ip(PEER)))
      host.clock.advance(SECOND)
    }
    expect(host.neighborMessages).toEqual([])
  })
})

describe('answers, 7.2.4', () => {
  test('to whoever asks, by unicast, solicited and overriding', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(neighborSolicitation(OURS, sourceLinkLayer(PEER_MAC)), { destination: 'ff02::1:ff00:1' })
    expect(host.neighborMessages).toMatchObject([
      { type: 136, source: OURS, destination: PEER, target: OURS, flags: S | O, options: [2], mac: `${PEER_MAC}` },
    ])
  })

  test('to all, if somebody checks our address', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(neighborSolicitation(OURS), { source: '::', destination: 'ff02::1:ff00:1' })
    expect(host.neighborMessages).toMatchObject([
      { type: 136, source: OURS, destination: 'ff02::1', target: OURS, flags: O },
    ])
    expect(host.address(OURS)?.isAssigned).toBe(true)
  })

  test('not for others, who are not remembered either', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(neighborSolicitation('fe80::77', sourceLinkLayer(PEER_MAC)))
    expect(host.neighborMessages).toEqual([])
    expect(host.counters.targetNotOurs).toBe(1)
    expect(host.discovery.neighborCount).toBe(0)
  })

  test('nothing is learnt from an address that is no station', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(neighborSolicitation(OURS, [1, 1, 0x33, 0x33, 0, 0, 0, 1]))
    host.receive(neighborSolicitation(OURS, [1, 1, 0, 0, 0, 0, 0, 0]))
    expect(host.counters.invalidLinkLayer).toBe(2)
    expect(host.discovery.neighborCount).toBe(0)
  })

  test('our own messages that come back change nothing', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(neighborSolicitation(OURS, sourceLinkLayer(OUR_MAC)), { source: OURS })
    host.receive(neighborAdvertisement(OURS, O, targetLinkLayer(OUR_MAC)), { source: OURS, ...ALL })
    expect(host.counters).toMatchObject({ loopedBack: 2, conflicts: 0 })
    expect(host.neighborMessages).toEqual([])
  })

  test('who claims an address that is ours is counted; it stays ours', () => {
    const host = NeighborDiscoveryTestHost.started()
    host.receive(neighborAdvertisement(OURS, O, SAME), { source: OURS, ...ALL })
    expect(host.counters.conflicts).toBe(1)
    expect(host.address(OURS)?.isAssigned).toBe(true)
  })
})

test('7.2.6: a new MAC address of ours is made known to all, three times, and overrides', () => {
  const host = NeighborDiscoveryTestHost.started()
  host.link.mac = OTHER_MAC
  host.discovery.linkLayerChanged()
  host.clock.advance(10 * SECOND)
  expect(host.neighborMessages).toHaveLength(3)
  for (const message of host.neighborMessages) {
    expect(message).toMatchObject({ type: 136, source: OURS, destination: 'ff02::1', target: OURS, flags: O })
    expect([...message.bytes.slice(24)]).toEqual(targetLinkLayer(OTHER_MAC))
  }
})

test('7.2.5: a router that says that it is none is no router', () => {
  const host = NeighborDiscoveryTestHost.started()
  host.receive(routerAdvertisement({}, sourceLinkLayer(PEER_MAC)))
  expect(host.nextHop('2001:db8::1')).toBe(PEER)
  host.receive(neighborAdvertisement(PEER, R | O, SAME), ALL)
  expect(host.nextHop('2001:db8::1')).toBe(PEER)
  host.receive(neighborAdvertisement(PEER, O, SAME), ALL)
  expect(host.nextHop('2001:db8::1')).toBeNull()
})

describe('exhaustion, RFC 6583', () => {
  const stranger = (i: number) => `2001:db8::${(i >> 8).toString(16)}:${(i & 255).toString(16)}`

  test('a flood of solicitations displaces nothing that is in use', () => {
    const host = NeighborDiscoveryTestHost.started({ cacheSize: 64 })
    host.send(PEER)
    host.receive(neighborAdvertisement(PEER, S | O, SAME))
    for (let i = 1; i < 5000; i++) {
      host.receive(neighborSolicitation(OURS, sourceLinkLayer(OTHER_MAC)), { source: stranger(i) })
    }
    expect(host.discovery.neighborCount).toBe(64)
    expect(host.stateOf(PEER)).toBe(Reachable)
    expect(host.counters.evicted).toBe(4999 - 63)
    expect(host.clock.armedTimers).toBeLessThan(10)
  })

  test('a flood of advertisements makes no entry', () => {
    const host = NeighborDiscoveryTestHost.started()
    for (let i = 1; i < 2000; i++)
      host.receive(neighborAdvertisement(stranger(i), O, SAME), { source: stranger(i), ...ALL })
    expect(host.discovery.neighborCount).toBe(0)
    expect(host.counters.advertisementsIgnored).toBe(1999)
  })

  test('packets to many silent addresses take a quarter of the cache, and hold few packets', () => {
    const host = NeighborDiscoveryTestHost.started({ cacheSize: 64 })
    for (let i = 0; i < 40; i++) {
      host.receive(neighborSolicitation(OURS, sourceLinkLayer(PEER_MAC)), { source: `fe80::1:${i}` })
      host.send(`fe80::1:${i}`)
    }
    for (let i = 1; i < 2000; i++) host.send(stranger(i))
    expect(host.link.memory.inUse).toBe(16)
    expect(host.counters.resolutionEvicted).toBe(1999 - 16)
    for (let i = 0; i < 40; i++) expect(host.stateOf(`fe80::1:${i}`)).toBe(Delay)
    host.clock.advance(5 * SECOND)
    expect(host.link.memory.inUse).toBe(0)
  })

  test('permanent entries stay, and are not changed', () => {
    const host = NeighborDiscoveryTestHost.started({ cacheSize: 8 })
    for (let i = 0; i < 8; i++) host.discovery.addStaticNeighbor(ip(`fe80::1:${i}`), PEER_MAC)
    host.receive(neighborSolicitation(OURS, sourceLinkLayer(OTHER_MAC)), { source: 'fe80::1:0' })
    host.receive(neighborSolicitation(OURS, sourceLinkLayer(OTHER_MAC)), { source: 'fe80::2:0' })
    host.send('fe80::1:0', 3)
    expect(host.link.frames).toEqual(['3@02:00:00:00:00:02'])
    expect(host.discovery.neighborCount).toBe(8)
  })

  test('beside a cache full of permanent entries others are resolved, within the same bound', () => {
    const host = NeighborDiscoveryTestHost.started({ cacheSize: 8 })
    for (let i = 0; i < 8; i++) host.discovery.addStaticNeighbor(ip(`fe80::1:${i}`), PEER_MAC)
    for (let i = 0; i < 100; i++) host.send(`fe80::2:${i}`)
    expect(host.link.memory.inUse).toBe(2)
    expect(host.counters).toMatchObject({ resolutionEvicted: 98, unreachableDropped: 98 })
    expect([...host.discovery.neighbors()]).toHaveLength(8)
    host.clock.advance(5 * SECOND)
    expect(host.link.memory.inUse).toBe(0)
    host.send('fe80::2:1')
    expect(host.link.memory.inUse).toBe(1)
  })

  test('without packet memory nothing is sent, which is counted, and later all goes on', () => {
    const host = NeighborDiscoveryTestHost.started()
    const hoard = []
    host.send(PEER)
    for (let packet = host.link.memory.takeSmall(); packet !== null; packet = host.link.memory.takeSmall())
      hoard.push(packet)
    host.clock.advance(SECOND)
    expect(host.counters.noMemory).toBeGreaterThan(0)
    for (const packet of hoard) packet.release()
    host.sent.length = 0
    host.clock.advance(SECOND)
    expect(host.neighborMessages).toHaveLength(1)
  })

  test('whoever holds an entry that is gone learns that it is', () => {
    const host = NeighborDiscoveryTestHost.started()
    const held = host.discovery.neighbor(ip(PEER))
    host.discovery.removeNeighbor(ip(PEER))
    expect([held.isDead, held.ready]).toEqual([true, false])
  })
})
