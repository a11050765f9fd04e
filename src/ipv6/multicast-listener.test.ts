import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GROUP, Link, OWN, settled } from '../../test/support/multicast-link.ts'
import { IpAddress } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'
import { AddressSet, FilterMode, mergeFilters, passes, type SourceFilter } from '../ip/index.ts'

const OTHER_GROUP = IpAddress.parse('ff15::5678')
const A = IpAddress.parse('2001:db8::a')
const B = IpAddress.parse('2001:db8::b')
const C = IpAddress.parse('2001:db8::c')
const D = IpAddress.parse('2001:db8::d')
const filter = (mode: FilterMode, ...sources: IpAddress[]): SourceFilter => ({ mode, sources: AddressSet.of(sources) })
const { Include, Exclude } = FilterMode

describe('RFC 3810, section 4.2: the state of the interface', () => {
  test.each([
    [[], filter(Include)],
    [[filter(Include, A, B), filter(Include, B, C)], filter(Include, A, B, C)],
    [[filter(Exclude, A, B, C), filter(Exclude, B, C, D)], filter(Exclude, B, C)],
    [[filter(Exclude, A, B, C, D), filter(Exclude, B, C, D), filter(Include, D)], filter(Exclude, B, C)],
    [[filter(Include, A), filter(Exclude)], filter(Exclude)],
  ])('of %j', (filters, expected) => {
    const merged = mergeFilters(filters)
    expect([merged.mode, merged.sources.addresses]).toEqual([expected.mode, expected.sources.addresses])
  })

  test('passes exactly what any of the filters passes', () => {
    const address = fc.constantFrom(A, B, C, D)
    const one = fc.record({ mode: fc.constantFrom(Include, Exclude), sources: fc.array(address).map(AddressSet.of) })
    fc.assert(
      fc.property(fc.array(one, { maxLength: 6 }), (filters) => {
        const merged = mergeFilters(filters)
        for (const { word0, word1, word2, word3 } of [A, B, C, D, OWN]) {
          const wanted = filters.some((each) => passes(each, word0, word1, word2, word3))
          expect(passes(merged, word0, word1, word2, word3)).toBe(wanted)
        }
      }),
    )
  })
})

test('a set of addresses is what a set of their texts is', () => {
  const word = fc.constantFrom(0, 1, -1, 0x7fffffff, -(2 ** 31), 0xffff)
  const address = fc.tuple(word, word, word, word).map((words) => IpAddress.fromWords(...words))
  fc.assert(
    fc.property(fc.array(address), fc.array(address), (left, right) => {
      const [a, b] = [AddressSet.of(left), AddressSet.of(right)]
      const texts = (set: AddressSet) => set.addresses.map(String).sort()
      const [ta, tb] = [new Set(left.map(String)), new Set(right.map(String))]
      expect(texts(a)).toEqual([...ta].sort())
      expect(texts(a.union(b))).toEqual([...new Set([...ta, ...tb])].sort())
      expect(texts(a.intersection(b))).toEqual([...ta].filter((text) => tb.has(text)).sort())
      expect(texts(a.difference(b))).toEqual([...ta].filter((text) => !tb.has(text)).sort())
      expect(a.equals(b)).toBe(texts(a).join() === texts(b).join())
    }),
  )
})

describe('what Linux 6.18 sends in the same place, checksums left out', () => {
  const hexOf = (link: Link) => {
    link.clock.advance(0)
    const hex = link.sent[0].hex
    link.said(10 * SECOND)
    return hex
  }
  const receiveHex = (link: Link, hex: string) => {
    const bytes = Buffer.from(hex, 'hex')
    link.receive(bytes[0], bytes.length, {}, (memory, at) => memory.set(bytes, at))
  }

  test('as a host: a group is joined, one of its sources is blocked, the group is left', () => {
    const link = new Link()
    const member = link.listener.join(GROUP)
    expect(hexOf(link)).toBe('8f0000000000000104000000ff150000000000000000000000001234')
    member.setFilter(Exclude, [A])
    expect(hexOf(link)).toBe('8f0000000000000106000001ff15000000000000000000000000123420010db800000000000000000000000a')
    member.leave()
    expect(hexOf(link)).toBe('8f0000000000000103000000ff150000000000000000000000001234')
  })

  test('as a bridge that asks: for all groups, for one, for one of its sources', () => {
    const { link } = settled()
    receiveHex(link, '8200c53503e800000000000000000000000000000000000002020000')
    expect(link.said(SECOND)).toEqual(['IS_EX ff15::1234 {}'])
    // With the flag that has other routers not shorten their timers (5.1.7).
    receiveHex(link, '820099a503e80000ff1500000000000000000000000012340a020000')
    expect(link.said(SECOND)).toEqual(['IS_EX ff15::1234 {}'])
    receiveHex(link, '820073d103e80000ff1500000000000000000000000012340202000120010db800000000000000000000000a')
    expect(link.said(SECOND)).toEqual(['IS_IN ff15::1234 {2001:db8::a}'])
    expect(link.listener.counters).toMatchObject({ queriesReceived: 3, malformed: 0, notFromLink: 0 })
  })
})

describe('limits and errors', () => {
  test('groups, sources, and what is no group', () => {
    const link = new Link({ maximumGroups: 8, maximumSources: 2 })
    for (let i = 0; i < 8; i++) link.listener.join(IpAddress.fromWords(0xff150000, 0, i, 7))
    expect(() => link.listener.join(GROUP)).toThrow(
      expect.objectContaining({ code: 'ENOBUFS', address: 'ff15::1234', hint: '8 groups are joined already' }),
    )
    const member = link.listener.join(IpAddress.fromWords(0xff150000, 0, 3, 7))
    expect(() => member.setFilter(Include, [A, B, C])).toThrow(expect.objectContaining({ code: 'ENOBUFS' }))
    expect(() => member.setFilter(Include, [IpAddress.parse('10.0.0.1')])).toThrow(
      expect.objectContaining({ code: 'EINVAL', hint: 'sources are of IPv6' }),
    )
    expect(member.filter.mode).toBe(Exclude)
    for (const text of ['2001:db8::1', '224.0.0.1', '::']) {
      expect(() => link.listener.join(IpAddress.parse(text))).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    }
  })

  test.each([{ maximumGroups: 7 }, { maximumSources: 0 }, { maximumGroups: 1.5 }])('refuses %j', (options) => {
    expect(() => new Link(options)).toThrow(RangeError)
  })

  test('a flood of queries that want an answer at once has one in ten milliseconds at most', () => {
    const { link } = settled()
    for (let i = 0; i < 10_000; i++) {
      link.query({ maximumResponse: 0, version: i % 3 === 0 ? 1 : 2, group: i % 2 === 0 ? GROUP : IpAddress.ANY_V6 })
      link.clock.advance(100)
    }
    // A second of flood; the delay is random within 10 ms.
    expect(link.said().length).toBeLessThan(500)
    expect(link.clock.armedTimers).toBeLessThanOrEqual(3)
  })

  test('after close nothing is sent', () => {
    const link = new Link()
    const member = link.listener.join(GROUP)
    link.query({ version: 1 })
    link.listener.close()
    member.setFilter(Include, [A])
    member.leave()
    expect(link.said(1000 * SECOND)).toEqual([])
    expect(link.clock.armedTimers).toBe(0)
  })
})

test('each socket hears its own sources, the interface those of all; groups with the same last word differ', () => {
  const link = new Link()
  const one = link.listener.join(GROUP, Include, [A])
  const other = link.listener.join(GROUP, Include, [B])
  const twin = IpAddress.fromWords(0xff150000, 1, 0, GROUP.word3)
  link.listener.join(twin)
  const words = (address: IpAddress) => [address.word0, address.word1, address.word2, address.word3] as const
  expect([A, B, C].map((from) => one.accepts(...words(from)))).toEqual([true, false, false])
  expect([A, B, C].map((from) => other.accepts(...words(from)))).toEqual([false, true, false])
  expect([A, B, C].map((from) => link.listener.accepts(GROUP, from))).toEqual([true, true, false])
  expect(link.listener.accepts(twin, C)).toBe(true)
  expect(link.listener.accepts(OTHER_GROUP, A)).toBe(false)
})
