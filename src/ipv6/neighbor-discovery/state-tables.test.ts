/**
 * The state machines of neighbour discovery and address autoconfiguration as tables: RFC 4861, appendix C, line by line in
 * its order, and what RFC 4862 says of an address from its check to its end. Each row names the section that prescribes it.
 * Where the appendix, which is a summary, and the text differ, the text holds, and the row says so.
 */
import { describe, expect, test } from 'vitest'
import {
  ip,
  NeighborDiscoveryTestHost,
  neighborAdvertisement,
  neighborSolicitation,
  nonceOption,
  OTHER_MAC,
  OURS,
  PEER,
  PEER_MAC,
  prefixOption,
  redirect,
  routerAdvertisement,
  sourceLinkLayer,
  targetLinkLayer,
} from '../../../test/support/neighbor-discovery-host.ts'
import { hostWithNeighborIn, linkLayerOfPeer } from '../../../test/support/neighbor-in-state.ts'
import type { IpPrefix } from '../../address/index.ts'
import { MINUTE, SECOND } from '../../clock/index.ts'
import { isLinkLocal } from '../addresses.ts'
import { AddressState } from './interface-address.ts'
import { NeighborState } from './neighbor.ts'

type Host = NeighborDiscoveryTestHost

describe('RFC 4861, appendix C', () => {
  const { Incomplete, Reachable, Stale, Delay, Probe, Unreachable, Failed } = NeighborState
  /** The RFC has no entry then ("-"). */
  const None = Failed
  /** "!INCOMPLETE"; the last one is RFC 7048's. */
  const KNOWN = [Reachable, Stale, Delay, Probe, Unreachable]
  const NAMES = ['INCOMPLETE', 'REACHABLE', 'STALE', 'DELAY', 'PROBE', 'UNREACHABLE', '-']

  const R = 0x80
  const S = 0x40
  const O = 0x20
  const SAME = PEER_MAC
  const NEW = OTHER_MAC

  /** A neighbour advertisement of PEER. */
  const na = (flags: number, mac: typeof PEER_MAC | null) => (host: Host) => {
    const solicited = (flags & S) !== 0
    const options = mac === null ? [] : [targetLinkLayer(mac)]
    host.receive(neighborAdvertisement(PEER, flags, ...options), solicited ? {} : { destination: 'ff02::1' })
  }
  const packet = (host: Host) => host.send(PEER, 7)
  const confirmation = (host: Host) => host.discovery.confirm(host.discovery.neighbor(ip(PEER)))
  const later = (time: number) => (host: Host) => void host.clock.advance(time)
  const optionOf = (mac: typeof PEER_MAC | null) => (mac === null ? [] : [sourceLinkLayer(mac)])
  const ns = (mac: typeof PEER_MAC | null) => (host: Host) => host.receive(neighborSolicitation(OURS, ...optionOf(mac)))
  const ra = (mac: typeof PEER_MAC | null) => (host: Host) => host.receive(routerAdvertisement({}, ...optionOf(mac)))
  const rs = (mac: typeof PEER_MAC | null) => (host: Host) =>
    host.receive([133, 0, 0, 0, 0, 0, 0, 0, ...optionOf(mac).flat()], { destination: 'ff02::2' })
  /** Of a destination off the link, through PEER. */
  const better = (mac: typeof PEER_MAC | null) => (host: Host) => {
    host.receive(routerAdvertisement(), { source: 'fe80::99' })
    const options = mac === null ? [] : [targetLinkLayer(mac)]
    host.receive(redirect('2001:db8::9', PEER, ...options), { source: 'fe80::99' })
  }

  interface Expected {
    /** The entry's link-layer address afterwards; the same as before unless said. */
    mac?: 'same' | 'new' | 'none'
    /** `multicast NS`, `unicast NS`; answers to whoever solicited are left out. */
    sent?: string[]
    /** Packets that went out. */
    frames?: string[]
    /** Packets whose senders heard that nobody is there. */
    errors?: number[]
    isRouter?: boolean
  }
  type Row = [
    section: string,
    states: readonly NeighborState[],
    event: string,
    happens: (host: Host) => void,
    next: NeighborState | 'unchanged',
    expected?: Expected,
  ]

  const TO_PEER = '02:00:00:00:00:02'
  const rows: Row[] = [
    ['7.2.2', [None], 'packet to send', packet, Incomplete, { sent: ['multicast NS'] }],
    ['7.2.2', [Incomplete], 'retransmit timeout, 1 of 3', later(SECOND), Incomplete, { sent: ['multicast NS'] }],
    [
      '7.2.2',
      [Incomplete],
      'retransmit timeout, 2 of 3',
      later(2 * SECOND),
      Incomplete,
      { sent: ['multicast NS', 'multicast NS'] },
    ],
    [
      '7.2.2',
      [Incomplete],
      'retransmit timeout, 3 of 3',
      later(3 * SECOND),
      None,
      { sent: ['multicast NS', 'multicast NS'], errors: [1] },
    ],
    // The packet that waited goes out through the stale entry, which makes it DELAY at once (7.3.3).
    ...[0, O].map((flags): Row => {
      const expected = { mac: 'same', frames: [`1@${TO_PEER}`] } as const
      return [
        '7.2.5',
        [Incomplete],
        `NA, S=0, O=${flags >> 5}`,
        na(flags, SAME),
        Delay,
        { ...expected, frames: [...expected.frames] },
      ]
    }),
    ...[S, S | O].map(
      (flags): Row => [
        '7.2.5',
        [Incomplete],
        `NA, S=1, O=${(flags & O) >> 5}`,
        na(flags, SAME),
        Reachable,
        { mac: 'same', frames: [`1@${TO_PEER}`] },
      ],
    ),
    // The appendix has the router flag taken over, but 7.2.5 discards the message.
    ...[0, S, O, S | O].map(
      (flags): Row => [
        '7.2.5',
        [Incomplete],
        `NA, flags ${flags}, no link-layer address`,
        na(flags | R, null),
        'unchanged',
        { isRouter: false },
      ],
    ),
    ['7.2.5', [None], 'NA: no entry is made', na(S | O, SAME), None],
    ['7.2.3', [None], 'NS, no link-layer address', ns(null), None],
    ['6.2.6', [None], 'RS, no link-layer address', rs(null), None],
    ['8.3', [None], 'redirect, no link-layer address', better(null), None],
    ['7.2.5', KNOWN, 'NA, S=1, O=0, same address', na(S, SAME), Reachable],
    // The appendix has these unchanged, but 7.2.5 (II) makes what was solicited REACHABLE; so does Linux.
    ['7.2.5', KNOWN, 'NA, S=1, O=0, no address', na(S | R, null), Reachable, { isRouter: true }],
    ['7.2.5', KNOWN, 'NA, S=1, O=1, no address', na(S | O | R, null), Reachable, { isRouter: true }],
    ['7.2.5', KNOWN, 'NA, S=0, O=0, no address', na(R, null), 'unchanged', { isRouter: true }],
    ['7.2.5', KNOWN, 'NA, S=0, O=1, no address', na(O | R, null), 'unchanged', { isRouter: true }],
    ['7.2.5 (I a)', [Reachable], 'NA, S=1, O=0, other address', na(S | R, NEW), Stale, { isRouter: false }],
    [
      '7.2.5 (I b)',
      [Stale, Probe, Delay, Unreachable],
      'NA, S=1, O=0, other address',
      na(S | R, NEW),
      'unchanged',
      { isRouter: false },
    ],
    ['7.2.5', KNOWN, 'NA, S=1, O=1, same address', na(S | O, SAME), Reachable],
    ['7.2.5', KNOWN, 'NA, S=1, O=1, other address', na(S | O, NEW), Reachable, { mac: 'new' }],
    ['7.2.5', KNOWN, 'NA, S=0, O=0, same address', na(0, SAME), 'unchanged'],
    // Of another address the appendix has these unchanged, too, but 7.2.5 (I a) makes it STALE.
    ['7.2.5 (I a)', [Reachable], 'NA, S=0, O=0, other address', na(0, NEW), Stale],
    ['7.2.5 (I b)', [Stale, Probe, Delay, Unreachable], 'NA, S=0, O=0, other address', na(0, NEW), 'unchanged'],
    ['7.2.5', KNOWN, 'NA, S=0, O=1, same address', na(O, SAME), 'unchanged'],
    ['7.2.5', KNOWN, 'NA, S=0, O=1, other address', na(O, NEW), Stale, { mac: 'new' }],
    ['7.3.1', KNOWN, 'upper-layer reachability confirmation', confirmation, Reachable],
    ['7.3.3', [Incomplete, None], 'upper-layer reachability confirmation', confirmation, 'unchanged'],
    // REACHABLE_TIME times 1.5 at most (6.3.2).
    ['7.3.3', [Reachable], 'timeout', later(45 * SECOND), Stale],
    ['6.3.2', [Reachable], 'before half of REACHABLE_TIME', later(15 * SECOND - 1), 'unchanged'],
    ['7.3.3', [Stale], 'any time', later(1000 * MINUTE), 'unchanged'],
    ['7.3.3', [Reachable], 'sending packet', packet, Reachable, { frames: [`7@${TO_PEER}`] }],
    ['7.3.3', [Stale], 'sending packet', packet, Delay, { frames: [`7@${TO_PEER}`] }],
    ['7.3.3', [Delay], 'sending packet', packet, Delay, { frames: [`7@${TO_PEER}`] }],
    ['7.3.3', [Delay], 'before the delay timeout', later(5 * SECOND - 1), Delay],
    ['7.3.3', [Delay], 'delay timeout', later(5 * SECOND), Probe, { sent: ['unicast NS'] }],
    ['7.3.3', [Probe], 'sending packet', packet, Probe, { frames: [`7@${TO_PEER}`] }],
    ['7.3.3', [Probe], 'retransmit timeout, 1 of 3', later(SECOND), Probe, { sent: ['unicast NS'] }],
    ['7.3.3', [Probe], 'retransmit timeout, 2 of 3', later(2 * SECOND), Probe, { sent: ['unicast NS', 'unicast NS'] }],
    // RFC 7048, section 3, keeps the entry in use that the appendix discards.
    [
      'RFC 7048, 3',
      [Probe],
      'retransmit timeout, 3 of 3',
      later(3 * SECOND),
      Unreachable,
      { sent: ['unicast NS', 'unicast NS'] },
    ],
    [
      'RFC 7048, 3',
      [Unreachable],
      'sending packet',
      packet,
      Unreachable,
      { frames: [`7@${TO_PEER}`], sent: ['multicast NS'] },
    ],
    ['RFC 7048, 3', [Unreachable], 'any time', later(1000 * MINUTE), Unreachable],

    // The second table: what was not asked for, of the source of a message or the target of a redirect.
    ['7.2.3', [None], 'NS', ns(SAME), Stale, { mac: 'same', isRouter: false }],
    ['6.3.4', [None], 'RA', ra(SAME), Stale, { mac: 'same', isRouter: true }],
    ['8.3', [None], 'redirect', better(SAME), Stale, { mac: 'same', isRouter: true }],
    // The RFC's table is of routers, too: a host takes no notice of router solicitations.
    ['6.2.6', [None, Incomplete, ...KNOWN], 'RS', rs(NEW), 'unchanged'],
    // STALE, and the packet that waited makes it DELAY (7.3.3).
    ['7.2.3', [Incomplete], 'NS', ns(SAME), Delay, { mac: 'same', frames: [`1@${TO_PEER}`] }],
    ['6.3.4', [Incomplete], 'RA', ra(SAME), Delay, { mac: 'same', frames: [`1@${TO_PEER}`], isRouter: true }],
    ['8.3', [Incomplete], 'redirect', better(SAME), Delay, { mac: 'same', frames: [`1@${TO_PEER}`], isRouter: true }],
    ['7.2.3', KNOWN, 'NS, other address', ns(NEW), Stale, { mac: 'new' }],
    ['6.3.4', KNOWN, 'RA, other address', ra(NEW), Stale, { mac: 'new', isRouter: true }],
    ['8.3', KNOWN, 'redirect, other address', better(NEW), Stale, { mac: 'new', isRouter: true }],
    ['7.2.3', [Incomplete], 'NS, no link-layer address', ns(null), 'unchanged'],
    ['6.3.4', [Incomplete], 'RA, no link-layer address', ra(null), 'unchanged', { isRouter: true }],
    ['7.2.3', KNOWN, 'NS, same address', ns(SAME), 'unchanged'],
    ['6.3.4', KNOWN, 'RA, same address', ra(SAME), 'unchanged', { isRouter: true }],
    ['8.3', KNOWN, 'redirect, same address', better(SAME), 'unchanged', { isRouter: true }],
    ['7.2.3', KNOWN, 'NS, no link-layer address', ns(null), 'unchanged'],
    ['6.3.4', KNOWN, 'RA, no link-layer address', ra(null), 'unchanged', { isRouter: true }],
  ]

  const cases = rows.flatMap(([section, states, event, happens, next, expected = {}]) =>
    states.map((state) => {
      const newState = next === 'unchanged' ? state : next
      return { section, state, event, happens, newState, expected, from: NAMES[state], to: NAMES[newState] }
    }),
  )

  test.each(cases)('$section: $from, $event: $to', ({ state, happens, newState, expected }) => {
    const host = hostWithNeighborIn(state)
    const before = linkLayerOfPeer(host)
    happens(host)
    expect(host.stateOf(PEER) ?? None).toBe(newState)
    const solicitations = host.sent.filter(({ type }) => type === 135)
    expect(solicitations.map(({ mac }) => (mac === null ? 'multicast NS' : 'unicast NS'))).toEqual(expected.sent ?? [])
    for (const { target, destination, hopLimit, options } of solicitations) {
      expect([target, hopLimit, options]).toEqual([PEER, 255, [1]])
      expect(['ff02::1:ff00:2', PEER]).toContain(destination)
    }
    expect(host.link.frames).toEqual(expected.frames ?? [])
    expect(host.link.unreached).toEqual(expected.errors ?? [])
    expect(linkLayerOfPeer(host)).toBe(expected.mac ?? before)
    if (expected.isRouter !== undefined) expect(host.discovery.neighbor(ip(PEER)).isRouter).toBe(expected.isRouter)
  })
})

describe('RFC 4862', () => {
  const { Tentative, Optimistic, Preferred, Deprecated, Duplicate, Removed } = AddressState
  const NAMES = ['tentative', 'optimistic', 'preferred', 'deprecated', 'duplicate', 'gone']

  const PREFIX = '2001:db8::/64'
  const ADDRESS = '2001:db8::7'
  const GROUP = 'ff02::1:ff00:7'
  const HOUR = 60 * MINUTE
  const DAY = 24 * HOUR
  const FOREVER = 0xffffffff
  const VALID = 30 * 86_400
  const PREFERRED = 7 * 86_400

  const advertise = (valid: number, preferred: number) => (host: Host) =>
    host.receive(routerAdvertisement({}, prefixOption(PREFIX, valid, preferred)))
  const later = (time: number) => (host: Host) => void host.clock.advance(time)

  /** Not replaced when it turns out to be a duplicate. */
  const formAddress = (prefix: IpPrefix) => ip(isLinkLocal(prefix.address) ? OURS : ADDRESS)

  /** A host whose address is in this state: autoconfigured, by default with what routers say by default (RFC 4861, 6.2.1). */
  function hostIn(state: AddressState, valid = VALID, preferred = PREFERRED) {
    const host = NeighborDiscoveryTestHost.started({ optimistic: state === Optimistic, formAddress })
    advertise(valid, state === Deprecated ? 0 : preferred)(host)
    const own = host.address(ADDRESS)!
    if (state !== Tentative && state !== Optimistic && state !== Duplicate) host.clock.advance(10 * SECOND)
    if (state === Duplicate)
      host.receive(neighborAdvertisement(ADDRESS, 0x20), { source: ADDRESS, destination: 'ff02::1' })
    expect(own.state).toBe(state)
    host.sent.length = 0
    return { host, own }
  }

  const TO_GROUP = { source: '::', destination: GROUP }
  const detection = (host: Host) => host.receive(neighborSolicitation(ADDRESS), TO_GROUP)
  const detectionWithNonce = (host: Host) =>
    host.receive(neighborSolicitation(ADDRESS, nonceOption([1, 2, 3, 4, 5, 6])), TO_GROUP)
  const ownDetection = (host: Host) => {
    host.clock.advance(SECOND)
    const [own] = host.sent.filter(({ type, target }) => type === 135 && target === ADDRESS)
    host.sent.length = 0
    host.receive(own.bytes, TO_GROUP)
  }
  const resolution = (host: Host) =>
    host.receive(neighborSolicitation(ADDRESS, sourceLinkLayer(PEER_MAC)), { destination: GROUP })
  const claim = (host: Host) =>
    host.receive(neighborAdvertisement(ADDRESS, 0x20, targetLinkLayer(PEER_MAC)), {
      source: ADDRESS,
      destination: 'ff02::1',
    })

  type Row = [
    section: string,
    states: readonly AddressState[],
    event: string,
    happens: (host: Host) => void,
    next: AddressState | 'unchanged',
    /** Solicitations (NS) and advertisements (NA) about the address, `type flags to`. */
    sent?: string[],
  ]
  const TENTATIVE = [Tentative, Optimistic]
  const ASSIGNED = [Preferred, Deprecated]

  const rows: Row[] = [
    // 5.4.3: receiving neighbour solicitations.
    ['5.4.3', TENTATIVE, 'detection by another', detection, Duplicate],
    ['5.4.3 (RFC 7527, 4.2)', TENTATIVE, 'detection with another nonce', detectionWithNonce, Duplicate],
    ['5.4.3 (RFC 7527, 4.2)', TENTATIVE, 'our own detection comes back', ownDetection, 'unchanged'],
    ['5.4.3', [Tentative], 'somebody resolves it', resolution, Tentative],
    ['RFC 4429, 3.3', [Optimistic], 'somebody resolves it', resolution, Optimistic, [`NA 64 ${PEER}`]],
    ['RFC 4861, 7.2.4', ASSIGNED, 'somebody resolves it', resolution, 'unchanged', [`NA 96 ${PEER}`]],
    ['RFC 4861, 7.2.4', ASSIGNED, 'detection by another', detection, 'unchanged', ['NA 32 ff02::1']],
    ['5.4.5', [Duplicate], 'somebody resolves it', resolution, Duplicate],
    ['5.4.5', [Duplicate], 'detection by another', detection, Duplicate],
    // 5.4.4: receiving neighbour advertisements.
    ['5.4.4', TENTATIVE, 'advertisement of another', claim, Duplicate],
    ['5.4.4', ASSIGNED, 'advertisement of another', claim, 'unchanged'],
    ['5.4.4', [Duplicate], 'advertisement of another', claim, Duplicate],
    // 5.4.2: one solicitation within a second (MAX_RTR_SOLICITATION_DELAY), and RetransTimer later it is ours.
    ['5.4.2', [Tentative], 'a second', later(SECOND - 1), Tentative, [`NS 0 ${GROUP}`]],
    [
      '5.4.2 (RFC 4861, 7.2.6)',
      TENTATIVE,
      'two seconds without an answer',
      later(2 * SECOND),
      Preferred,
      [`NS 0 ${GROUP}`, 'NA 32 ff02::1'],
    ],
    ['5.4.5', [Duplicate], 'a day', later(DAY), Duplicate],
    // 5.5.4: lifetimes.
    ['5.5.4', [Preferred], 'just before 7 days', later(7 * DAY - 11 * SECOND), Preferred],
    ['5.5.4', [Preferred], '7 days', later(7 * DAY), Deprecated],
    ['5.5.4', [Preferred], 'just before 30 days', later(30 * DAY - 11 * SECOND), Deprecated],
    ['5.5.4', [Preferred, Deprecated], '30 days', later(30 * DAY), Removed],
    ['5.5.4', [Duplicate], '30 days', later(30 * DAY), Removed],
    // 5.5.3 e: the prefix is advertised again.
    ['5.5.3 e', [Deprecated], 'advertised with a preferred lifetime', advertise(VALID, PREFERRED), Preferred],
    ['5.5.3 e', [Preferred], 'advertised with a preferred lifetime of 0', advertise(VALID, 0), Deprecated],
    ['5.5.3 e', TENTATIVE, 'advertised again', advertise(VALID, PREFERRED), 'unchanged'],
    ['5.5.3 c', [Deprecated], 'preferred longer than valid', advertise(100, 200), 'unchanged'],
    ['5.5.3 e', ASSIGNED, 'valid lifetime of 0', advertise(0, 0), Deprecated],
  ]
  const cases = rows.flatMap(([section, states, event, happens, next, sent = []]) =>
    states.map((state) => {
      const newState = next === 'unchanged' ? state : next
      return { section, state, event, happens, newState, sent, from: NAMES[state], to: NAMES[newState] }
    }),
  )

  test.each(cases)('$section: $from, $event: $to', ({ state, happens, newState, sent }) => {
    const { host, own } = hostIn(state)
    happens(host)
    expect(own.state).toBe(newState)
    // What RFC 9131 tells the routers of a new address is left out.
    const about = host.sent.filter(({ target, destination }) => target === ADDRESS && destination !== 'ff02::2')
    expect(
      about.map(({ type, flags, destination }) => `${type === 135 ? 'NS' : 'NA'} ${flags} ${destination}`),
    ).toEqual(sent)
    // Its group is heard while it may be ours (5.4.2, RFC 4291, 2.8), and only then.
    const isHeard = host.groups.includes(GROUP)
    expect(isHeard).toBe(newState !== Duplicate && newState !== Removed)
  })

  describe('5.5.3 e: the rule of two hours', () => {
    // What the address has left, how long after, what is advertised then, and when it ends: seconds.
    const D = 86_400
    test.each([
      ['e.1', 30 * D, 0, 30 * D, 30 * D],
      ['e.1', 30 * D, 7 * D, 30 * D, 37 * D],
      ['e.1', 30 * D, 0, 7201, 7201],
      ['e.1', 3600, 1800, 1801, 1800 + 1801],
      ['e.1', 3600, 1800, 7200, 1800 + 7200],
      ['e.1', FOREVER, 0, 30 * D, 30 * D],
      ['e.1', 3600, 0, FOREVER, Number.POSITIVE_INFINITY],
      ['e.2', 3600, 0, 0, 3600],
      ['e.2', 3600, 0, 3599, 3600],
      ['e.2', 7200, 0, 7199, 7200],
      ['e.2', 7 * D, 7 * D - 7200, 0, 7 * D],
      ['e.3', 7 * D, 7 * D - 7201, 0, 7 * D - 1],
      ['e.3', 30 * D, 0, 0, 7200],
      ['e.3', 30 * D, 7 * D, 0, 7 * D + 7200],
      ['e.3', 30 * D, 7 * D, 7200, 7 * D + 7200],
      ['e.3', FOREVER, 7 * D, 0, 7 * D + 7200],
    ])('%s: valid for %d, after %d advertised with %d: ends after %d', (_, valid, wait, advertised, end) => {
      const host = NeighborDiscoveryTestHost.started({ formAddress })
      const start = host.clock.now()
      advertise(valid, valid)(host)
      const own = host.address(ADDRESS)!
      host.clock.advanceTo(start + wait * SECOND)
      advertise(advertised, advertised)(host)
      if (end === Number.POSITIVE_INFINITY) {
        host.clock.advance(400 * DAY)
        expect(own.state).toBe(Preferred)
        return
      }
      host.clock.advanceTo(start + end * SECOND - 1)
      expect(host.address(ADDRESS)).toBe(own)
      // The preferred lifetime is taken as it is.
      const isPreferred = (wait + advertised) * SECOND > host.clock.now() - start
      expect(own.state).toBe(isPreferred ? Preferred : Deprecated)
      host.clock.advanceTo(start + end * SECOND)
      expect(own.state).toBe(Removed)
      expect(host.address(ADDRESS)).toBeUndefined()
    })
  })

  test('5.5.4: refreshed every ten minutes, an address of four hours lives for seven days, and ends four hours later', () => {
    const { host, own } = hostIn(Preferred, 4 * 3600, 2 * 3600)
    const start = host.clock.now()
    for (let last = 0; last < 7 * DAY; last += 10 * MINUTE) {
      host.clock.advanceTo(start + last)
      advertise(4 * 3600, 2 * 3600)(host)
      expect(own.state).toBe(Preferred)
    }
    const last = host.clock.now()
    host.clock.advanceTo(last + 2 * HOUR)
    expect(own.state).toBe(Deprecated)
    host.clock.advanceTo(last + 4 * HOUR)
    expect(own.state).toBe(Removed)
    // And the prefix makes it again.
    advertise(4 * 3600, 2 * 3600)(host)
    host.clock.advance(3 * SECOND)
    expect(host.address(ADDRESS)?.state).toBe(Preferred)
  })
})
