import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GROUP, Link, OWN, settled } from '../../test/support/multicast-link.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { AddressSet, FilterMode, type Membership, mergeFilters, type SourceFilter } from '../ip/index.ts'

const OTHER_GROUP = IpAddress.parse('ff15::5678')
const A = IpAddress.parse('2001:db8::a')
const B = IpAddress.parse('2001:db8::b')
const C = IpAddress.parse('2001:db8::c')
const D = IpAddress.parse('2001:db8::d')
const filter = (mode: FilterMode, ...sources: IpAddress[]): SourceFilter => ({ mode, sources: AddressSet.of(sources) })
const { Include, Exclude } = FilterMode
/**
 * A router that believes what it hears, RFC 3810, section 7.4, without timers: what it knows of a group after all reports
 * must be what the sockets want, even if each report but the last of its kind is lost.
 */
class Router {
  readonly groups = new Map<string, { mode: FilterMode; sources: Set<string> }>()

  hear(record: string): void {
    const [, type, group, list] = /^(\w+) (\S+) \{(.*)\}$/.exec(record)!
    const sources = new Set(list === '' ? [] : list.split(' '))
    const known = this.groups.get(group) ?? { mode: Include, sources: new Set<string>() }
    if (type === 'TO_EX' || type === 'IS_EX') known.mode = Exclude
    if (type === 'TO_IN') known.mode = Include
    if (type.startsWith('TO_') || type === 'IS_EX') known.sources = sources
    // ALLOW adds to what is included and takes from what is excluded; BLOCK the other way round.
    const adds = (type === 'ALLOW') === (known.mode === Include)
    if (type === 'ALLOW' || type === 'BLOCK') {
      for (const source of sources) adds ? known.sources.add(source) : known.sources.delete(source)
    }
    this.groups.set(group, known)
  }
}

describe('RFC 3810, section 6.1: changes', () => {
  // Old state, new state, what is said.
  test.each([
    [filter(Include), filter(Exclude), ['TO_EX ff15::1234 {}']],
    [filter(Exclude), filter(Include), ['TO_IN ff15::1234 {}']],
    [filter(Include), filter(Include, A, B), ['ALLOW ff15::1234 {2001:db8::a 2001:db8::b}']],
    [filter(Include, A, B), filter(Include), ['BLOCK ff15::1234 {2001:db8::a 2001:db8::b}']],
    [filter(Include, A, B), filter(Include, B, C), ['ALLOW ff15::1234 {2001:db8::c}, BLOCK ff15::1234 {2001:db8::a}']],
    [filter(Exclude, A, B), filter(Exclude, B, C), ['ALLOW ff15::1234 {2001:db8::a}, BLOCK ff15::1234 {2001:db8::c}']],
    [filter(Include, A), filter(Exclude, B), ['TO_EX ff15::1234 {2001:db8::b}']],
    [filter(Exclude, A), filter(Include, B), ['TO_IN ff15::1234 {2001:db8::b}']],
    [filter(Exclude, A), filter(Exclude, A), []],
  ])('from %j to %j', (before, after, expected) => {
    const { link, member } = settled(before.mode, ...before.sources.addresses)
    member.setFilter(after.mode, after.sources.addresses)
    const start = link.clock.now()
    // At once, and once more within a second: the robustness variable is 2.
    link.clock.advance(10 * SECOND)
    expect(link.sent.map(({ at }) => at - start <= SECOND)).toEqual(expected.flatMap(() => [true, true]))
    if (expected.length > 0) expect(link.sent[0]).toMatchObject({ at: start, from: 'fe80::2', to: 'ff02::16' })
    expect(link.said()).toEqual([...expected, ...expected])
    expect(link.clock.armedTimers).toBe(0)
  })

  test('more robustness, more repetitions', () => {
    const link = new Link()
    link.query({ robustness: 5 })
    link.said(10 * SECOND)
    link.listener.join(GROUP)
    expect(link.said(10 * SECOND)).toEqual(Array(5).fill('TO_EX ff15::1234 {}'))
  })

  test('a source list that changes during repetitions is merged into them; what was said often enough is dropped', () => {
    const link = new Link()
    link.query({ robustness: 3 })
    link.clock.advance(10 * SECOND)
    const member = link.listener.join(GROUP, Include, [A])
    expect(link.said()).toEqual(['ALLOW ff15::1234 {2001:db8::a}'])
    member.setFilter(Include, [B])
    const both = 'ALLOW ff15::1234 {2001:db8::b}, BLOCK ff15::1234 {2001:db8::a}'
    expect(link.said(10 * SECOND)).toEqual([both, both, both])
    member.setFilter(Include, [B, C])
    expect(link.said()).toEqual(['ALLOW ff15::1234 {2001:db8::c}'])
    member.setFilter(Include, [B, C, D])
    expect(link.said(10 * SECOND)).toEqual([
      'ALLOW ff15::1234 {2001:db8::c 2001:db8::d}',
      'ALLOW ff15::1234 {2001:db8::c 2001:db8::d}',
      'ALLOW ff15::1234 {2001:db8::d}',
    ])
  })

  test('a change of mode comes first; sources that changed after it follow for as long as they must', () => {
    const link = new Link()
    const member = link.listener.join(GROUP)
    expect(link.said()).toEqual(['TO_EX ff15::1234 {}'])
    member.setFilter(Exclude, [A])
    expect(link.said(10 * SECOND)).toEqual(['TO_EX ff15::1234 {2001:db8::a}', 'BLOCK ff15::1234 {2001:db8::a}'])
  })

  test('who joins and leaves at once is forgotten after saying so', () => {
    const link = new Link()
    link.listener.join(GROUP).leave()
    expect(link.said(10 * SECOND)).toEqual(['TO_IN ff15::1234 {}', 'TO_IN ff15::1234 {}'])
    expect(link.listener.groupCount).toBe(0)
  })

  test('groups that change together share a report; the first to leave does not end it for others', () => {
    const link = new Link()
    const members = [link.listener.join(GROUP), link.listener.join(GROUP), link.listener.join(OTHER_GROUP)]
    const both = 'TO_EX ff15::1234 {}, TO_EX ff15::5678 {}'
    expect(link.said(10 * SECOND)).toEqual([both, both])
    members[0].leave()
    members[0].leave()
    expect(link.said(10 * SECOND)).toEqual([])
    members[1].leave()
    expect(link.said(10 * SECOND)).toEqual(['TO_IN ff15::1234 {}', 'TO_IN ff15::1234 {}'])
    expect([link.listener.isJoined(GROUP), link.listener.isJoined(OTHER_GROUP)]).toEqual([false, true])
  })

  test('section 6: nothing is said of ff02::1, nor of groups that stay within the interface', () => {
    const link = new Link()
    for (const group of ['ff02::1', 'ff01::1', 'ff00::1']) link.listener.join(IpAddress.parse(group))
    link.query()
    expect(link.said(10 * SECOND)).toEqual([])
    expect(link.listener.isJoined(IpAddress.parse('ff02::1'))).toBe(true)
    link.listener.join(IpAddress.parse('ff02::1:ff00:2'))
    expect(link.said()).toEqual(['TO_EX ff02::1:ff00:2 {}'])
  })

  test('5.2.13, RFC 3590: from the unspecified address while there is no other, and again when there is one', () => {
    const link = new Link()
    link.source = IpAddress.ANY_V6
    link.listener.join(GROUP)
    link.listener.join(OTHER_GROUP, Include, [A])
    link.clock.advance(10 * SECOND)
    expect(new Set(link.sent.map(({ from }) => from))).toEqual(new Set(['::']))
    link.said()
    link.source = OWN
    link.listener.sourceChanged()
    link.clock.advance(10 * SECOND)
    expect(new Set(link.sent.map(({ from }) => from))).toEqual(new Set(['fe80::2']))
    const again = 'TO_EX ff15::1234 {}, ALLOW ff15::5678 {2001:db8::a}'
    expect(link.said()).toEqual([again, again])
  })
})

describe('5.2.15: reports that do not fit', () => {
  const many = (count: number) => Array.from({ length: count }, (_, i) => IpAddress.fromWords(0x20010db8, 0, 0, i + 1))
  const sourcesOf = (says: string[]) => says.map((line) => line.match(/2001:/g)?.length ?? 0)

  test('a list of what is included is split, one of what is excluded is cut', () => {
    const link = new Link({ maximumSources: 200 })
    link.mtu = 1280
    // (1280 - 48 - 8 - 20) / 16
    const member = link.listener.join(GROUP, Include, many(200))
    expect(sourcesOf(link.said())).toEqual([75, 75, 50])
    link.said(SECOND)
    member.setFilter(Exclude, many(100))
    expect(sourcesOf(link.said())).toEqual([75])
  })

  test('groups go into as many reports as they need', () => {
    const link = new Link()
    for (let i = 0; i < 200; i++) link.listener.join(IpAddress.fromWords(0xff150000, 0, 0, i))
    const said = link.said()
    // (1500 - 48 - 8) / 20
    expect(said.map((report) => report.split(', ').length)).toEqual([72, 72, 56])
    expect(new Set(said.flatMap((report) => report.split(', '))).size).toBe(200)
  })

  test('without packet memory reports are counted, and the next ones go out', () => {
    const link = new Link()
    const taken = Array.from({ length: 64 }, () => link.memory.takeSmall()!)
    link.listener.join(GROUP)
    link.clock.advance(0)
    expect(link.sent).toEqual([])
    expect(link.listener.counters.noMemory).toBe(1)
    for (const packet of taken) packet.release()
    expect(link.said(SECOND)).toEqual(['TO_EX ff15::1234 {}'])
  })
})

test('whatever sockets do, a router that loses every other report of a change knows in the end what they want', () => {
  const sources = fc.uniqueArray(fc.constantFrom(A, B, C, D))
  const action = fc.record({
    socket: fc.nat(3),
    group: fc.constantFrom(GROUP, OTHER_GROUP),
    mode: fc.constantFrom(Include, Exclude, 'leave' as const),
    sources,
    wait: fc.constantFrom(0, 10 * MILLISECOND, 300 * MILLISECOND, 3 * SECOND),
  })
  fc.assert(
    fc.property(fc.array(action, { maxLength: 30 }), fc.integer(), fc.boolean(), (actions, seed, lossy) => {
      const link = new Link({}, seed)
      const members = new Map<string, Membership>()
      for (const { socket, group, mode, sources: list, wait } of actions) {
        const key = `${socket} ${group}`
        const member = members.get(key)
        if (mode === 'leave') {
          member?.leave()
          members.delete(key)
        } else if (member === undefined) members.set(key, link.listener.join(group, mode, list))
        else member.setFilter(mode, list)
        link.clock.advance(wait)
      }
      link.clock.advance(10 * SECOND)
      const router = new Router()
      const reports = link.said().map((report) => report.split(', '))
      // Each change of a group is in at least two of its reports that follow each other, so every other one is enough.
      for (const group of [GROUP, OTHER_GROUP]) {
        const ofGroup = reports
          .map((records) => records.filter((record) => record.split(' ')[1] === `${group}`))
          .filter((records) => records.length > 0)
        const heard = ofGroup.filter((_, i) => !lossy || i % 2 === ofGroup.length % 2)
        for (const record of heard.flat()) router.hear(record)
      }
      for (const group of [GROUP, OTHER_GROUP]) {
        const filters = [...members].filter(([key]) => key.endsWith(` ${group}`)).map(([, member]) => member.filter)
        const wanted = mergeFilters(filters)
        const known = router.groups.get(`${group}`) ?? { mode: Include, sources: new Set() }
        expect(known.mode).toBe(wanted.mode)
        expect([...known.sources].sort()).toEqual(wanted.sources.addresses.map(String).sort())
      }
      expect(link.clock.armedTimers).toBe(0)
      expect(link.listener.groupCount).toBe(new Set([...members.values()].map(({ group }) => `${group}`)).size)
    }),
  )
})
