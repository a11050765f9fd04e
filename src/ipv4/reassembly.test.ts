import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, ethernet, ipv4 } from '../../test/support/frames.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost } from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { SECOND } from '../clock/index.ts'
import type { Ipv4ReassemblyCounters } from './reassembly.ts'

const PROTOCOL = 200
const TCP = 6

interface FragmentFields {
  offset: number
  more: boolean
  id?: number
  source?: string
  protocol?: number
  options?: Uint8Array
  trafficClass?: number
}

function fragment(fields: FragmentFields, data: Uint8Array): Uint8Array {
  const { offset, more, id = 1, source = PEER_ADDRESS, protocol = PROTOCOL, ...rest } = fields
  const header = { source, destination: OUR_ADDRESS, protocol, identification: id, ...rest }
  return ethernet(
    { source: PEER_MAC, destination: OUR_MAC },
    ipv4({ ...header, fragmentOffset: offset, moreFragments: more }, data),
  )
}

const bytes = (length: number, from = 0) => Uint8Array.from({ length }, (_, i) => (from + i) * 7)

/** A packet of `whole`, cut behind each of `places`. */
function cut(whole: Uint8Array, places: readonly number[], fields: Partial<FragmentFields> = {}): Uint8Array[] {
  const starts = [0, ...places]
  return starts.map((offset, i) =>
    fragment({ ...fields, offset, more: i < starts.length - 1 }, whole.subarray(offset, starts[i + 1])),
  )
}

function orders<T>(items: readonly T[]): T[][] {
  if (items.length <= 1) return [[...items]]
  return items.flatMap((item, i) => orders(items.toSpliced(i, 1)).map((rest) => [item, ...rest]))
}

function setUp(options: ConstructorParameters<typeof TestHost>[0] = {}) {
  const host = new TestHost(options)
  const seen: Uint8Array[] = []
  const classes: number[] = []
  const handler = {
    receive(packet: { memory: { bytes: Uint8Array }; start: number; end: number; trafficClass: number }) {
      seen.push(packet.memory.bytes.slice(packet.start, packet.end))
      classes.push(packet.trafficClass)
    },
    receiveError() {},
    endOfBurst() {},
  }
  host.ipv4.addProtocol(PROTOCOL, handler)
  host.ipv4.addProtocol(TCP, handler)
  return { host, seen, classes, counters: host.ipv4.reassemblyCounters }
}

/** Ends what waits. */
function expectNothingKept(host: TestHost): void {
  host.advance(31 * SECOND)
  expect([host.ipv4.reassemblyCount, host.ipv4.reassemblyKept]).toEqual([0, 0])
  host.expectNoLeaks()
}

describe('packets in fragments', () => {
  test.each([2, 3, 4, 5])('of %d fragments are put together in every order', (count) => {
    const { host, seen } = setUp()
    const whole = bytes((count - 1) * 800 + 501)
    const places = Array.from({ length: count - 1 }, (_, i) => (i + 1) * 800)
    const all = orders(cut(whole, places))
    for (const order of all) host.receive(...order)
    expect(seen).toHaveLength(all.length)
    for (const one of seen) expect(one).toEqual(whole)
    expect(host.ipv4.counters).toMatchObject({ delivered: all.length, fragments: all.length * count })
    host.expectNoLeaks()
  })

  test('of any cut, order and duplicates make the same packet, and keep nothing', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(cuts, fc.nat(7), fc.infiniteStream(fc.nat(1000)), fc.nat(3), (places, odd, chance, twice) => {
        const { host, seen, counters } = setUp()
        const sorted = places.map((place) => place * 8).sort((a, b) => a - b)
        const whole = bytes(sorted.at(-1)! + 1 + odd)
        const frames = cut(whole, sorted)
        const order = frames.map((frame) => ({ frame, key: chance.next().value })).sort((a, b) => a.key - b.key)
        const last = order.pop()!
        const repeated = order.slice(0, twice)
        host.receive(...order.map(({ frame }) => frame), ...repeated.map(({ frame }) => frame), last.frame)
        expect(seen).toEqual([whole])
        expect(counters.duplicates).toBe(repeated.length)
        expect(host.ipv4.reassemblyKept).toBe(0)
        host.expectNoLeaks()
      }),
      { numRuns: 60, seed: 1 },
    )
  })

  test('64 at a time, fragment by fragment, do not mix', () => {
    const { host, seen } = setUp()
    const wholes = Array.from({ length: 64 }, (_, i) => bytes(5000 + i, i * 3))
    const frames = wholes.map((whole, id) => cut(whole, [1000, 2000, 3000, 4000], { id }))
    for (let part = 4; part >= 0; part--) host.receive(...frames.map((parts) => parts[part]))
    expect(seen).toEqual(wholes)
    host.expectNoLeaks()
  })

  test('belong together by source, protocol and identification', () => {
    const { host, seen } = setUp()
    const data = bytes(16)
    for (const fields of [{}, { id: 2 }, { source: '10.0.0.9' }, { protocol: 17 }]) {
      host.receive(fragment({ offset: 0, more: true, ...fields }, data.subarray(0, 8)))
    }
    expect(host.ipv4.reassemblyCount).toBe(4)
    host.receive(fragment({ offset: 8, more: false, source: '10.0.0.9' }, data.subarray(8)))
    host.receive(fragment({ offset: 8, more: false }, data.subarray(8)))
    expect(seen).toEqual([data, data])
    expectNothingKept(host)
  })

  test('have the options of the first; those of the others may differ', () => {
    const { host, seen } = setUp()
    host.receive(fragment({ offset: 8, more: false }, bytes(5, 8)))
    host.receive(fragment({ offset: 0, more: true, options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0, 0) }, bytes(8)))
    expect(seen).toEqual([bytes(13)])
    host.expectNoLeaks()
  })

  test('come out at 65,535 bytes and not a byte more', () => {
    const { host, seen, counters } = setUp()
    const size = 65_515
    const places = Array.from({ length: 46 }, (_, i) => (i + 1) * 1400)
    host.receive(...cut(bytes(size), places))
    expect(seen.map((whole) => whole.length)).toEqual([size])
    expect(seen[0]).toEqual(bytes(size))
    // The "ping of death" of 1996.
    expect(host.receive(fragment({ offset: 65_512, more: false }, bytes(4)))).toEqual([])
    expect(counters.tooLong).toBe(1)
    // The first one's options make what fitted before too long.
    host.receive(...cut(bytes(size), places, { options: new Uint8Array(8).fill(1) }).slice(0, -1))
    host.receive(fragment({ offset: places.at(-1)!, more: false }, bytes(size, 0).subarray(places.at(-1)!)))
    expect(counters.tooLong).toBe(2)
    expect(seen).toHaveLength(1)
    expectNothingKept(host)
  })

  test('echo requests of 65,507 bytes are answered in fragments, byte for byte', () => {
    const { host } = setUp()
    const data = bytes(65_507)
    const [request] = [host.fromPeer.icmp({ type: 8, identifier: 1, sequence: 2 }, data).subarray(34)]
    const places = Array.from({ length: 44 }, (_, i) => (i + 1) * 1480)
    const answers = host.receive(...cut(request, places, { protocol: 1 }))
    expect(answers).toHaveLength(45)
    for (const answer of answers) expect(answer).toBeIp({ dontFragment: false })
    const answer = concat(answers.map((one) => one.subarray(34)))
    expect(answer[0]).toBe(0)
    expect(answer.subarray(8)).toEqual(data)
    expectNothingKept(host)
  })

  test('a mark of congestion on one is one on all, RFC 3168', () => {
    const { host, classes, counters } = setUp()
    const pair = (first: number, second: number) =>
      host.receive(
        fragment({ offset: 0, more: true, trafficClass: first }, bytes(8)),
        fragment({ offset: 8, more: false, trafficClass: second }, bytes(8)),
      )
    pair(2, 3)
    pair(1, 1)
    pair(0, 3)
    expect(classes).toEqual([3, 1])
    expect(counters.badCodepoints).toBe(1)
  })
})

describe('hostile fragments', () => {
  const overlapping: [string, [number, number, boolean][]][] = [
    ['one that covers the end of another', [[0, 16, true], [8, 16, true]]], // biome-ignore format: a table
    ['one that covers the beginning of another', [[16, 16, true], [8, 16, true]]], // biome-ignore format: a table
    ['one inside another', [[0, 32, true], [8, 8, true]]], // biome-ignore format: a table
    ['one around another', [[8, 8, true], [0, 32, true]]], // biome-ignore format: a table
    ['two ends', [[16, 8, false], [24, 8, false]]], // biome-ignore format: a table
    ['something behind the end', [[16, 8, false], [24, 8, true]]], // biome-ignore format: a table
    ['an end before what is there', [[16, 8, true], [8, 8, false]]], // biome-ignore format: a table
    ['one that is longer than it was', [[0, 8, true], [0, 16, true]]], // biome-ignore format: a table
  ]
  test.each(overlapping)('overlap (%s): the whole packet is dropped, and what comes of it later', (_, parts) => {
    const { host, seen, counters } = setUp()
    for (const [offset, length, more] of parts) host.receive(fragment({ offset, more }, bytes(length, offset)))
    host.receive(fragment({ offset: 0, more: true }, bytes(64)), fragment({ offset: 64, more: false }, bytes(8, 64)))
    expect(seen).toEqual([])
    expect(counters).toMatchObject({ overlaps: 1, abandoned: 2 })
    // No error is sent for it, and the identification is free again when its time is over.
    expect(host.advance(31 * SECOND)).toEqual([])
    host.receive(fragment({ offset: 0, more: true }, bytes(64)), fragment({ offset: 64, more: false }, bytes(8, 64)))
    expect(seen).toEqual([bytes(72)])
    expectNothingKept(host)
  })

  const refused: [string, Uint8Array, keyof Ipv4ReassemblyCounters][] = [
    ['a length that is no multiple of 8', fragment({ offset: 0, more: true }, bytes(9)), 'malformed'],
    ['an empty one', fragment({ offset: 8, more: false }, bytes(0)), 'malformed'],
    [
      'a first one of TCP without the flags',
      fragment({ offset: 0, more: true, protocol: TCP }, bytes(8)),
      'tinyFragments',
    ],
    [
      'one over the flags of a TCP header',
      fragment({ offset: 8, more: true, protocol: TCP }, bytes(24)),
      'tinyFragments',
    ],
    ['one beyond 65,535 bytes', fragment({ offset: 65_528, more: true }, bytes(8)), 'tooLong'],
  ]
  test.each(refused)('%s is dropped in silence', (_, frame, counter) => {
    const { host, counters } = setUp()
    expect(host.receive(frame)).toEqual([])
    expect(counters).toMatchObject({ received: 1, [counter]: 1 })
    expect(host.ipv4.reassemblyCount).toBe(0)
    host.expectNoLeaks()
  })

  test('of TCP make a packet where the first holds the flags', () => {
    const { host, seen } = setUp()
    host.receive(...cut(bytes(40), [16, 24], { protocol: TCP }))
    expect(seen).toEqual([bytes(40)])
  })

  test('those that never end are given up after 30 s, with Time Exceeded if the first is there', () => {
    const { host, counters } = setUp()
    host.receive(fragment({ offset: 0, more: true, id: 1 }, bytes(8)))
    host.receive(fragment({ offset: 8, more: true, id: 2 }, bytes(8)))
    expect(host.advance(29 * SECOND)).toEqual([])
    const answers = host.advance(2 * SECOND)
    expect(answers).toHaveLength(1)
    expect(answers[0]).toBeIcmp({ icmpType: 11, code: 1, destination: PEER_ADDRESS })
    expect(counters.timedOut).toBe(2)
    expectNothingKept(host)
  })

  test('of one source keep no more than its share, of many no more than all, and the oldest give way', () => {
    const limit = 64 * 2048
    const { host, seen } = setUp({ ipv4: { reassemblyMemory: limit, reassemblyMemoryPerSource: limit / 4 } })
    host.receive(fragment({ offset: 0, more: true, id: 7, source: '10.0.0.77' }, bytes(8)))
    for (let id = 0; id < 500; id++) host.receive(fragment({ offset: 8, more: true, id }, bytes(8)))
    expect(host.ipv4.reassemblyKept).toBe(limit / 4 + 2048)
    // A packet of another source has lost nothing by that.
    host.receive(fragment({ offset: 8, more: false, id: 7, source: '10.0.0.77' }, bytes(8, 8)))
    expect(seen).toEqual([bytes(16)])
    for (let i = 1; i < 500; i++) {
      host.receive(fragment({ offset: 8, more: true, source: `10.9.${i >> 8}.${i & 255}` }, bytes(8)))
      expect(host.ipv4.reassemblyKept).toBeLessThanOrEqual(limit)
    }
    expect(host.ipv4.reassemblyKept).toBe(limit)
    expect(host.memory.inUse).toBe(64)
    expectNothingKept(host)
  })

  test('one packet in tiny fragments stops at the share of its source', () => {
    const { host, counters } = setUp({ ipv4: { reassemblyMemoryPerSource: 32 * 2048 } })
    for (let i = 0; i < 2000; i++) host.receive(fragment({ offset: 8 * i, more: true }, bytes(8)))
    expect(host.ipv4.reassemblyKept).toBe(32 * 2048)
    expect(counters.evicted).toBe(2000 - 32)
    expectNothingKept(host)
  })

  test('any fragments at all: nothing throws, nothing leaks, the bounds hold', () => {
    const some = fc.record({
      offset: fc.integer({ min: 0, max: 12 }).map((i) => i * 8),
      length: fc.integer({ min: 0, max: 40 }),
      more: fc.boolean(),
      id: fc.nat(2),
      protocol: fc.constantFrom(PROTOCOL, 1, 2, 6, 17, 99),
    })
    fc.assert(
      fc.property(fc.array(some, { maxLength: 60 }), (fragments) => {
        const { host } = setUp({ ipv4: { reassemblyMemory: 16 * 2048, reassemblyMemoryPerSource: 12 * 2048 } })
        for (const { length, ...fields } of fragments) {
          host.receive(fragment(fields, bytes(length)))
          expect(host.ipv4.reassemblyKept).toBeLessThanOrEqual(16 * 2048)
        }
        expectNothingKept(host)
      }),
      { numRuns: 200, seed: 3 },
    )
  })

  test('where they overlap at random, what comes out is what was sent, or nothing', () => {
    const whole = bytes(160)
    const piece = fc.record({ from: fc.nat(19), blocks: fc.integer({ min: 1, max: 6 }), isForged: fc.boolean() })
    fc.assert(
      fc.property(
        fc.array(piece, { minLength: 1, maxLength: 12 }),
        fc.infiniteStream(fc.nat(1000)),
        (pieces, chance) => {
          const { host, seen } = setUp()
          const right = cut(whole, [40, 80, 120])
          const forged = pieces.map(({ from, blocks, isForged }) => {
            const offset = from * 8
            const data = whole.slice(offset, offset + blocks * 8)
            // Never the same place as a right one: of two that claim it, nobody can tell which is.
            if (isForged && offset % 40 !== 0) data.fill(0xff)
            return fragment({ offset, more: offset + data.length < whole.length }, data)
          })
          const frames = [...right, ...forged].map((frame) => ({ frame, key: chance.next().value }))
          host.receive(...frames.sort((a, b) => a.key - b.key).map(({ frame }) => frame))
          for (const one of seen) expect(one).toEqual(whole)
          expectNothingKept(host)
        },
      ),
      { numRuns: 300, seed: 5 },
    )
  })

  test('run out of packet memory: counted, and nothing leaks', () => {
    const { host, seen, counters } = setUp()
    const large = []
    for (let packet = host.memory.takeLarge(); packet !== null; packet = host.memory.takeLarge()) large.push(packet)
    host.receive(...cut(bytes(4000), [1000, 2000, 3000]))
    expect(seen).toEqual([])
    expect(counters.noMemory).toBe(1)
    for (const packet of large) packet.release()
    expectNothingKept(host)
  })
})
