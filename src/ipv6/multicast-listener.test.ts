import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IpAddress, MacAddress } from '../address/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../clock/index.ts'
import { AddressSet, FilterMode, type Membership, mergeFilters, passes, type SourceFilter } from '../ip/index.ts'
import { type PacketBuffer, PacketMemory } from '../packet/index.ts'
import type { ControlHandler, Ipv6Link } from './link.ts'
import { MulticastListener, type MulticastListenerOptions } from './multicast-listener.ts'
import * as wire from './multicast-listener-wire.ts'
import { MessageType } from './multicast-listener-wire.ts'

const GROUP = IpAddress.parse('ff15::1234')
const OTHER_GROUP = IpAddress.parse('ff15::5678')
const OWN = IpAddress.parse('fe80::2')
const ROUTER = IpAddress.parse('fe80::1')
const A = IpAddress.parse('2001:db8::a')
const B = IpAddress.parse('2001:db8::b')
const C = IpAddress.parse('2001:db8::c')
const D = IpAddress.parse('2001:db8::d')

const TYPES = ['', 'IS_IN', 'IS_EX', 'TO_IN', 'TO_EX', 'ALLOW', 'BLOCK']

interface Sent {
  at: number
  /** `TO_EX ff15::1 {2001:db8::a}` for each record, or `report ff15::1`, `done ff15::1` of version 1. */
  says: string[]
  from: string
  to: string
  length: number
  hex: string
}

interface QueryFields {
  group?: IpAddress
  sources?: IpAddress[]
  /** Milliseconds, or a code. */
  maximumResponse?: number
  robustness?: number
  interval?: number
  version?: 1 | 2
  from?: IpAddress
  hopLimit?: number
  routerAlert?: boolean
  length?: number
}

class Link implements Ipv6Link {
  readonly memory = new PacketMemory({ smallSlots: 64, largeSlots: 4, debug: true })
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly mac = MacAddress.parse('02:00:00:00:00:02')
  mtu = 1500
  source = OWN
  readonly sent: Sent[] = []
  readonly handlers = new Map<number, ControlHandler>()
  readonly listener: MulticastListener
  unflushed = 0

  constructor(options: MulticastListenerOptions = {}, seed = 1) {
    this.random = new SeededRandom(seed)
    this.listener = new MulticastListener(this, () => this.source, options)
  }
  addControlHandler(type: number, handler: ControlHandler): void {
    this.handlers.set(type, handler)
  }
  sendControl(
    packet: PacketBuffer,
    from: IpAddress,
    to: IpAddress,
    hopLimit: number,
    mac: MacAddress | null,
    routerAlert?: boolean,
  ): void {
    expect([hopLimit, mac, routerAlert]).toEqual([1, null, true])
    expect(packet.length + 48).toBeLessThanOrEqual(this.mtu)
    const says = describeMessage(this.memory.bytes, packet.start, packet.end)
    const hex = Buffer.from(this.memory.bytes.subarray(packet.start, packet.end)).toString('hex')
    this.sent.push({ at: this.clock.now(), says, from: `${from}`, to: `${to}`, length: packet.length, hex })
    this.unflushed++
    packet.release()
  }
  sendFrame(): void {}
  unreachable(): void {}
  flush(): void {
    this.unflushed = 0
  }
  /** Lets time pass and gives what was said, each message as one text. */
  said(duration = 0): string[] {
    this.clock.advance(duration)
    expect(this.unflushed).toBe(0)
    expect(this.memory.inUse).toBe(0)
    return this.sent.splice(0).map(({ says }) => says.join(', '))
  }
  query(fields: QueryFields = {}): void {
    const { group = IpAddress.ANY_V6, sources = [], version = 2, maximumResponse = 1000 } = fields
    const length = version === 1 ? 24 : 28 + 16 * sources.length
    this.receive(MessageType.Query, fields.length ?? length, fields, (bytes, at) => {
      bytes[at + 4] = maximumResponse >> 8
      bytes[at + 5] = maximumResponse
      wire.writeAddress(bytes, at + 8, group)
      bytes[at + 24] = fields.robustness ?? 2
      bytes[at + 25] = fields.interval ?? 125
      bytes[at + 26] = sources.length >> 8
      bytes[at + 27] = sources.length
      sources.forEach((source, i) => {
        wire.writeAddress(bytes, at + 28 + 16 * i, source)
      })
    })
  }
  reportOfAnother(group: IpAddress, from = ROUTER): void {
    this.receive(MessageType.ReportV1, 24, { from }, (bytes, at) => wire.writeAddress(bytes, at + 8, group))
  }
  receive(
    type: number,
    length: number,
    { from = ROUTER, hopLimit = 1, routerAlert = true }: QueryFields,
    write: (bytes: Uint8Array, at: number) => void = () => {},
  ): void {
    const packet = this.memory.allocate(4096)!
    packet.end = packet.start + length
    this.memory.bytes.fill(0, packet.start, packet.start + 4096)
    this.memory.bytes[packet.start] = type
    write(this.memory.bytes, packet.start)
    packet.source0 = from.word0
    packet.source1 = from.word1
    packet.source2 = from.word2
    packet.source3 = from.word3
    packet.hopLimit = hopLimit
    this.handlers.get(type)!.receiveControl(packet, type, routerAlert)
    packet.release()
  }
}

function describeMessage(bytes: Uint8Array, start: number, end: number): string[] {
  const type = bytes[start]
  if (type !== MessageType.ReportV2) {
    expect(end - start).toBe(24)
    return [`${type === MessageType.ReportV1 ? 'report' : 'done'} ${wire.multicastAddress(bytes, start)}`]
  }
  expect([...bytes.subarray(start + 1, start + 6)]).toEqual([0, 0, 0, 0, 0])
  const records: string[] = []
  let at = start + 8
  for (let left = (bytes[start + 6] << 8) | bytes[start + 7]; left > 0; left--) {
    expect(bytes[at + 1]).toBe(0)
    const count = (bytes[at + 2] << 8) | bytes[at + 3]
    const sources = Array.from({ length: count }, (_, i) => `${wire.readAddress(bytes, at + 20 + 16 * i)}`)
    records.push(`${TYPES[bytes[at]]} ${wire.readAddress(bytes, at + 4)} {${sources.join(' ')}}`)
    at += 20 + 16 * count
  }
  expect(at).toBe(end)
  return records
}

const filter = (mode: FilterMode, ...sources: IpAddress[]): SourceFilter => ({ mode, sources: AddressSet.of(sources) })

/** A link on which a group is listened to, and everything has been said about that. */
function settled(mode: FilterMode = FilterMode.Exclude, ...sources: IpAddress[]): { link: Link; member: Membership } {
  const link = new Link()
  const member = link.listener.join(GROUP, mode, sources)
  link.said(10 * SECOND)
  return { link, member }
}

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

describe('RFC 3810, section 6.2: queries', () => {
  test('a general one is answered within its time, with the state of all groups', () => {
    const { link } = settled(Exclude, A)
    link.listener.join(OTHER_GROUP, Include, [B])
    link.said(10 * SECOND)
    const start = link.clock.now()
    link.query({ maximumResponse: 2000 })
    link.clock.advance(10 * SECOND)
    expect(link.sent[0].at - start).toBeLessThanOrEqual(2 * SECOND)
    expect(link.said()).toEqual(['IS_EX ff15::1234 {2001:db8::a}, IS_IN ff15::5678 {2001:db8::b}'])
  })

  test('answers are spread over the time that the query gives', () => {
    const delays = Array.from({ length: 40 }, (_, seed) => {
      const link = new Link({}, seed)
      link.listener.join(GROUP)
      link.said(10 * SECOND)
      const start = link.clock.now()
      link.query({ maximumResponse: 10_000 })
      link.clock.advance(10 * SECOND)
      return link.sent[0].at - start
    })
    expect(Math.min(...delays)).toBeLessThan(2 * SECOND)
    expect(Math.max(...delays)).toBeGreaterThan(8 * SECOND)
    expect(Math.max(...delays)).toBeLessThanOrEqual(10 * SECOND)
  })

  test('5.1.3: times of more than 32 seconds are floating point numbers', () => {
    const link = new Link()
    const bytes = link.memory.bytes
    for (const [code, milliseconds] of [
      [0, 0],
      [32_767, 32_767],
      [0x8000, 32_768],
      [0x8fff, 65_528],
      [0xffff, 8_387_584],
    ]) {
      bytes[4] = code >> 8
      bytes[5] = code
      expect(wire.maximumResponseDelayV2(bytes, 0)).toBe(milliseconds * MILLISECOND)
    }
    for (const [code, seconds] of [
      [127, 127],
      [0x80, 128],
      [0xff, 31_744],
    ]) {
      bytes[25] = code
      expect(wire.queryInterval(bytes, 0)).toBe(seconds * SECOND)
    }
  })

  test('rule 1: many general queries have one answer, at the earliest of their times', () => {
    const { link } = settled()
    for (let i = 0; i < 100; i++) link.query({ maximumResponse: 10_000 })
    expect(link.said(100 * SECOND)).toEqual(['IS_EX ff15::1234 {}'])
    link.query({ maximumResponse: 30_000 })
    link.query({ maximumResponse: 0 })
    expect(link.said(10 * MILLISECOND)).toEqual(['IS_EX ff15::1234 {}'])
    expect(link.said(100 * SECOND)).toEqual([])
  })

  // State of the interface, sources asked for (none: all), answer.
  test.each([
    [filter(Exclude, A), [], ['IS_EX ff15::1234 {2001:db8::a}']],
    [filter(Include, A, B), [], ['IS_IN ff15::1234 {2001:db8::a 2001:db8::b}']],
    [filter(Include, A, B), [B, C], ['IS_IN ff15::1234 {2001:db8::b}']],
    [filter(Include, A), [B, C], []],
    [filter(Exclude, A, B), [B, C], ['IS_IN ff15::1234 {2001:db8::c}']],
    [filter(Exclude, A, B), [B], []],
  ])('in state %j, asked for %j', (state, sources, expected) => {
    const { link } = settled(state.mode, ...state.sources.addresses)
    link.query({ group: GROUP, sources })
    expect(link.said(SECOND)).toEqual(expected)
    link.query({ group: OTHER_GROUP, sources })
    expect(link.said(SECOND)).toEqual([])
    expect(link.clock.armedTimers).toBe(0)
  })

  test('rules 4 and 5: queries that wait are answered together; one for all sources covers the others', () => {
    const { link } = settled(Include, A, B, C)
    link.query({ group: GROUP, sources: [A] })
    link.query({ group: GROUP, sources: [B, D] })
    expect(link.said(SECOND)).toEqual(['IS_IN ff15::1234 {2001:db8::a 2001:db8::b}'])
    link.query({ group: GROUP, sources: [A] })
    link.query({ group: GROUP })
    link.query({ group: GROUP, sources: [B] })
    expect(link.said(SECOND)).toEqual(['IS_IN ff15::1234 {2001:db8::a 2001:db8::b 2001:db8::c}'])
  })

  test('who asks for more sources than are kept hears of all of them', () => {
    const { link } = settled(Exclude, A)
    for (let i = 0; i < 20; i++) {
      const sources = Array.from({ length: 64 }, (_, host) => IpAddress.fromWords(0x20010db8, 1, i, host))
      link.query({ group: GROUP, sources, maximumResponse: 30_000 })
    }
    expect(link.listener.counters.sourcesDropped).toBe(1)
    expect(link.said(30 * SECOND)).toEqual(['IS_EX ff15::1234 {2001:db8::a}'])
  })

  test.each([
    [{ from: IpAddress.parse('2001:db8::1') }, 'notFromLink'],
    [{ from: IpAddress.ANY_V6 }, 'notFromLink'],
    [{ hopLimit: 64 }, 'notFromLink'],
    [{ routerAlert: false }, 'notFromLink'],
    [{ length: 23 }, 'malformed'],
    [{ length: 25 }, 'malformed'],
    [{ length: 27 }, 'malformed'],
    [{ group: GROUP, sources: [A, B], length: 59 }, 'malformed'],
    [{ group: A }, 'malformed'],
  ] as const)('%j is dropped and counted', (fields, counter) => {
    const { link } = settled()
    link.query(fields as QueryFields)
    expect(link.said(10 * SECOND)).toEqual([])
    expect(link.listener.counters[counter]).toBe(1)
    expect(link.listener.counters.queriesReceived).toBe(0)
  })

  test('any bytes leave it whole', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(MessageType)), fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
        const { link } = settled()
        link.receive(type, bytes.length, {}, (memory, at) => {
          memory.set(bytes, at)
          memory[at] = type
        })
        link.said(20_000 * SECOND)
        expect(link.listener.groupCount).toBe(1)
      }),
    )
  })
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

describe('version 1, RFC 2710 and RFC 3810, section 8.2', () => {
  /** A router of version 1 has asked, and has been answered. */
  function older(): Link {
    const { link } = settled()
    link.query({ version: 1 })
    expect(link.said(SECOND)).toEqual(['report ff15::1234'])
    expect(link.listener.version).toBe(1)
    return link
  }

  test('reports go to the group, done messages to all routers', () => {
    const link = older()
    const member = link.listener.join(OTHER_GROUP, Include, [A])
    link.clock.advance(20 * SECOND)
    expect(link.sent).toMatchObject([{ to: 'ff15::5678' }, { to: 'ff15::5678' }])
    expect(link.sent[1].at - link.sent[0].at).toBeLessThanOrEqual(10 * SECOND)
    expect(link.said()).toEqual(['report ff15::5678', 'report ff15::5678'])
    // Sources are nothing that version 1 could tell.
    member.setFilter(Exclude, [B])
    expect(link.said(20 * SECOND)).toEqual([])
    member.leave()
    expect(link.sent).toMatchObject([{ to: 'ff02::2', from: 'fe80::2', length: 24 }])
    expect(link.said()).toEqual(['done ff15::5678'])
    expect(link.listener.groupCount).toBe(1)
  })

  test("another's report holds ours back, and makes the done message unnecessary", () => {
    const link = older()
    link.query({ version: 1, maximumResponse: 1000 })
    link.reportOfAnother(GROUP)
    expect(link.said(2 * SECOND)).toEqual([])
    expect(link.listener.counters.suppressed).toBe(1)
    const member = link.listener.join(OTHER_GROUP)
    link.said(20 * SECOND)
    link.reportOfAnother(OTHER_GROUP)
    member.leave()
    expect(link.said(20 * SECOND)).toEqual([])
  })

  test('a report from no link-local address holds nothing back', () => {
    const link = older()
    link.query({ version: 1 })
    link.reportOfAnother(GROUP, IpAddress.ANY_V6)
    expect(link.said(SECOND)).toEqual(['report ff15::1234'])
  })

  test('in version 2 it does not hold ours back', () => {
    const { link } = settled()
    link.query()
    link.reportOfAnother(GROUP)
    expect(link.said(SECOND)).toEqual(['IS_EX ff15::1234 {}'])
  })

  test('a query for one group is answered for it alone; a shorter time counts, a longer does not', () => {
    const link = older()
    link.listener.join(OTHER_GROUP)
    link.said(20 * SECOND)
    link.query({ version: 1, group: OTHER_GROUP, maximumResponse: 20_000 })
    link.query({ version: 1, group: OTHER_GROUP, maximumResponse: 10 })
    link.query({ version: 1, group: OTHER_GROUP, maximumResponse: 20_000 })
    expect(link.said(10 * MILLISECOND)).toEqual(['report ff15::5678'])
    expect(link.said(30 * SECOND)).toEqual([])
  })

  test('8.2.1: with the change of version answers and repetitions are off', () => {
    const link = new Link()
    const member = link.listener.join(GROUP)
    link.listener.join(OTHER_GROUP)
    expect(link.said()).toHaveLength(1)
    member.leave()
    link.query({ maximumResponse: 30_000 })
    link.query({ version: 1 })
    expect(link.listener.groupCount).toBe(1)
    expect(link.said(30 * SECOND)).toEqual(['report ff15::5678'])
  })

  test('9.12: version 2 again when no router has asked in version 1 for robustness times interval and response time', () => {
    const { link } = settled()
    link.query({ robustness: 3, interval: 20 })
    link.said(10 * SECOND)
    link.query({ version: 1, maximumResponse: 5000 })
    link.said(64 * SECOND)
    // Queries of version 2 are answered in version 1 meanwhile.
    link.query()
    expect(link.said(SECOND - 1)).toEqual(['report ff15::1234'])
    expect(link.listener.version).toBe(1)
    link.said(1)
    expect(link.listener.version).toBe(2)
    link.query()
    expect(link.said(SECOND)).toEqual(['IS_EX ff15::1234 {}'])
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
