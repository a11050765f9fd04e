import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, ethernet, ipv6 } from '../../test/support/frames.ts'
import { OUR_ADDRESS6, OUR_MAC6, PEER_ADDRESS6, PEER_MAC6, TestHost6 } from '../../test/support/test-host6.ts'
import '../../test/support/packet-matchers.ts'
import { SECOND } from '../clock/index.ts'
import type { ReassemblyCounters } from './reassembly.ts'

const PROTOCOL = 200

interface FragmentFields {
  offset: number
  more: boolean
  id?: number
  source?: string
  next?: number
  /** Extension headers before the fragment header, and the number of the first. */
  before?: [number, Uint8Array]
  trafficClass?: number
}

function fragment(fields: FragmentFields, data: Uint8Array): Uint8Array {
  const { offset, more, id = 1, source = PEER_ADDRESS6, next = PROTOCOL, before, trafficClass } = fields
  const word = offset | (more ? 1 : 0)
  const header = Uint8Array.of(next, 0, word >>> 8, word, id >>> 24, id >>> 16, id >>> 8, id)
  const nextHeader = before?.[0] ?? 44
  const payload = concat([before?.[1] ?? new Uint8Array(0), header, data])
  return ethernet(
    { source: PEER_MAC6, destination: OUR_MAC6 },
    ipv6({ source, destination: OUR_ADDRESS6, nextHeader, trafficClass }, payload),
  )
}

const bytes = (length: number, from = 0) => Uint8Array.from({ length }, (_, i) => (from + i) * 7)

function setUp(options: ConstructorParameters<typeof TestHost6>[0] = {}) {
  const host = new TestHost6(options)
  const seen: Uint8Array[] = []
  const classes: number[] = []
  host.ipv6.addProtocol(PROTOCOL, {
    receive(packet) {
      seen.push(packet.memory.bytes.slice(packet.start, packet.end))
      classes.push(packet.trafficClass)
    },
    receiveError() {},
    endOfBurst() {},
  })
  return { host, seen, classes, counters: host.ipv6.reassemblyCounters }
}

/** Ends what waits. */
function expectNothingKept(host: TestHost6): void {
  host.advance(61 * SECOND)
  expect([host.ipv6.reassemblyCount, host.ipv6.reassemblyKept]).toEqual([0, 0])
  host.expectNoLeaks()
}

describe('packets in fragments', () => {
  test('are put together in whatever order they come', () => {
    const { host, seen } = setUp()
    const parts = [
      fragment({ offset: 0, more: true }, bytes(1000)),
      fragment({ offset: 1000, more: true }, bytes(1000, 1000)),
      fragment({ offset: 2000, more: false }, bytes(501, 2000)),
    ]
    for (const order of [
      [0, 1, 2],
      [2, 1, 0],
      [1, 2, 0],
      [0, 2, 1],
    ])
      host.receive(...order.map((i) => parts[i]))
    expect(seen).toEqual(new Array(4).fill(bytes(2501)))
    expect(host.ipv6.counters.delivered).toBe(4)
    host.expectNoLeaks()
  })

  test('of any cut, order and duplicates make the same packet, and keep nothing', () => {
    const cuts = fc.uniqueArray(fc.integer({ min: 1, max: 400 }), { minLength: 1, maxLength: 30 })
    fc.assert(
      fc.property(cuts, fc.nat(7), fc.infiniteStream(fc.nat(1000)), fc.nat(3), (places, odd, chance, twice) => {
        const { host, seen, counters } = setUp()
        const sorted = [0, ...places.map((place) => place * 8).sort((a, b) => a - b)]
        const whole = bytes(sorted.at(-1)! + 1 + odd)
        const frames = sorted.map((offset, i) => {
          const end = sorted[i + 1] ?? whole.length
          return fragment({ offset, more: i < sorted.length - 1 }, whole.subarray(offset, end))
        })
        const order = frames.map((frame) => ({ frame, key: chance.next().value })).sort((a, b) => a.key - b.key)
        const last = order.pop()!
        const repeated = order.slice(0, twice)
        host.receive(...order.map(({ frame }) => frame), ...repeated.map(({ frame }) => frame), last.frame)
        expect(seen).toEqual([whole])
        expect(counters.duplicates).toBe(repeated.length)
        expect(host.ipv6.reassemblyKept).toBe(0)
        host.expectNoLeaks()
      }),
      { numRuns: 60, seed: 1 },
    )
  })

  test('may hold extension headers before and behind the fragment header', () => {
    const { host, seen } = setUp()
    const before: [number, Uint8Array] = [0, Uint8Array.of(44, 0, 1, 4, 0, 0, 0, 0)]
    const options = Uint8Array.of(PROTOCOL, 0, 1, 4, 0, 0, 0, 0)
    host.receive(
      fragment({ offset: 0, more: true, before, next: 60 }, concat([options, bytes(8)])),
      fragment({ offset: 16, more: false, before, next: 99 }, bytes(3, 8)),
    )
    expect(seen).toEqual([bytes(11)])
  })

  test('come out at 65,535 bytes and not a byte more', () => {
    const { host, seen, counters } = setUp()
    const size = 65_535
    for (let offset = 0; offset < size; offset += 1400) {
      const more = offset + 1400 < size
      host.receive(fragment({ offset, more }, bytes(Math.min(1400, size - offset), offset)))
    }
    expect(seen.map((whole) => whole.length)).toEqual([size])
    const [answer] = host.receive(fragment({ offset: 65_528, more: false }, bytes(8)))
    // RFC 8200, section 4.5: code 0, pointing at the fragment offset.
    expect(answer).toBeIcmp({ icmpType: 4, code: 0, rest: 42 })
    expect(counters.tooLong).toBe(1)
    expectNothingKept(host)
  })

  test('echo requests of 60,000 bytes are answered in fragments', () => {
    const { host } = setUp()
    const message = concat([Uint8Array.of(128, 0, 0, 0, 0, 1, 0, 1), new Uint8Array(60_000)])
    const sum = ipv6(
      { source: PEER_ADDRESS6, destination: OUR_ADDRESS6 },
      {
        protocol: 58,
        build(addresses) {
          let total = message.length + 58
          const all = concat([addresses, message])
          for (let i = 0; i < all.length; i += 2) total += all[i] * 256 + (all[i + 1] ?? 0)
          while (total > 0xffff) total = (total & 0xffff) + Math.floor(total / 65_536)
          return Uint8Array.of((0xffff - total) >>> 8, (0xffff - total) & 255)
        },
      },
    ).bytes.slice(40)
    message.set(sum, 2)
    const answers: Uint8Array[] = []
    for (let offset = 0; offset < message.length; offset += 1440) {
      const more = offset + 1440 < message.length
      answers.push(...host.receive(fragment({ offset, more, next: 58 }, message.subarray(offset, offset + 1440))))
    }
    expect(answers).toHaveLength(Math.ceil(60_008 / 1448))
    expect(concat(answers.map((answer) => answer.subarray(62)))[0]).toBe(129)
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
    [
      'one that covers the end of another',
      [
        [0, 16, true],
        [8, 16, true],
      ],
    ],
    [
      'one that covers the beginning of another',
      [
        [16, 16, true],
        [8, 16, true],
      ],
    ],
    [
      'one inside another',
      [
        [0, 32, true],
        [8, 8, true],
      ],
    ],
    [
      'one around another',
      [
        [8, 8, true],
        [0, 32, true],
      ],
    ],
    [
      'two ends',
      [
        [16, 8, false],
        [24, 8, false],
      ],
    ],
    [
      'something behind the end',
      [
        [16, 8, false],
        [24, 8, true],
      ],
    ],
    [
      'an end before what is there',
      [
        [16, 8, true],
        [8, 8, false],
      ],
    ],
    [
      'one that is longer than it was',
      [
        [0, 8, true],
        [0, 16, true],
      ],
    ],
  ]
  test.each(overlapping)('overlap (%s): the whole packet is dropped, and what comes of it later', (_, parts) => {
    const { host, seen, counters } = setUp()
    for (const [offset, length, more] of parts) host.receive(fragment({ offset, more }, bytes(length, offset)))
    host.receive(fragment({ offset: 0, more: true }, bytes(64)), fragment({ offset: 64, more: false }, bytes(8, 64)))
    expect(seen).toEqual([])
    expect(counters).toMatchObject({ overlaps: 1, abandoned: 2 })
    // No error is sent for it, and the identification is free again when its time is over.
    expect(host.advance(61 * SECOND)).toEqual([])
    host.receive(fragment({ offset: 0, more: true }, bytes(64)), fragment({ offset: 64, more: false }, bytes(8, 64)))
    expect(seen).toEqual([bytes(72)])
    expectNothingKept(host)
  })

  const answered: [string, Uint8Array, number, number, keyof ReassemblyCounters][] = [
    ['a length that is no multiple of 8', fragment({ offset: 0, more: true }, bytes(9)), 0, 4, 'malformed'],
    [
      'a first one without the TCP header',
      fragment({ offset: 0, more: true, next: 6 }, bytes(16)),
      3,
      0,
      'incompleteHeaders',
    ],
    [
      'a first one with half its options',
      fragment({ offset: 0, more: true, next: 60 }, Uint8Array.of(6, 2, 1, 4, 0, 0, 0, 0)),
      3,
      0,
      'incompleteHeaders',
    ],
  ]
  test.each(answered)('%s is answered by Parameter Problem', (_, frame, code, pointer, counter) => {
    const { host, counters } = setUp()
    const answers = host.receive(frame)
    expect(answers).toHaveLength(1)
    expect(answers[0]).toBeIcmp({ icmpType: 4, code, rest: pointer })
    expect(counters[counter]).toBe(1)
    expect(host.ipv6.reassemblyCount).toBe(0)
    host.expectNoLeaks()
  })

  test('empty ones are nothing, atomic ones have nothing to do with the others (RFC 6946)', () => {
    const { host, seen, counters } = setUp()
    host.receive(fragment({ offset: 8, more: false }, bytes(0)), fragment({ offset: 0, more: true }, bytes(0)))
    expect(counters.malformed).toBe(2)
    host.receive(fragment({ offset: 0, more: true }, bytes(8)), fragment({ offset: 0, more: false }, bytes(5)))
    expect(seen).toEqual([bytes(5)])
    host.receive(fragment({ offset: 8, more: false }, bytes(8, 8)))
    expect(seen[1]).toEqual(bytes(16))
    host.expectNoLeaks()
  })

  test('those that never end are given up after 60 s, with Time Exceeded if the first is there', () => {
    const { host, counters } = setUp()
    host.receive(fragment({ offset: 0, more: true, id: 1 }, bytes(8)))
    host.receive(fragment({ offset: 8, more: true, id: 2 }, bytes(8)))
    expect(host.advance(59 * SECOND)).toEqual([])
    const answers = host.advance(2 * SECOND)
    expect(answers).toHaveLength(1)
    expect(answers[0]).toBeIcmp({ icmpType: 3, code: 1, destination: PEER_ADDRESS6 })
    expect(counters.timedOut).toBe(2)
    expectNothingKept(host)
  })

  test('of one source keep no more than its share, of many no more than all, and the oldest give way', () => {
    const limit = 64 * 2048
    const { host, seen } = setUp({ ipv6: { reassemblyMemory: limit, reassemblyMemoryPerSource: limit / 4 } })
    host.receive(fragment({ offset: 0, more: true, id: 7, source: 'fd00::77' }, bytes(8)))
    for (let id = 0; id < 500; id++) host.receive(fragment({ offset: 8, more: true, id }, bytes(8)))
    expect(host.ipv6.reassemblyKept).toBe(limit / 4 + 2048)
    // A packet of another source has lost nothing by that.
    host.receive(fragment({ offset: 8, more: false, id: 7, source: 'fd00::77' }, bytes(8, 8)))
    expect(seen).toEqual([bytes(16)])
    for (let i = 1; i < 500; i++) {
      host.receive(fragment({ offset: 8, more: true, source: `2001:db8::${i.toString(16)}` }, bytes(8)))
      expect(host.ipv6.reassemblyKept).toBeLessThanOrEqual(limit)
    }
    expect(host.ipv6.reassemblyKept).toBe(limit)
    expect(host.memory.inUse).toBe(64)
    expectNothingKept(host)
  })

  test('one packet in tiny fragments stops at the share of its source', () => {
    const { host, counters } = setUp({ ipv6: { reassemblyMemoryPerSource: 32 * 2048 } })
    for (let i = 0; i < 2000; i++) host.receive(fragment({ offset: 8 * i, more: true }, bytes(8)))
    expect(host.ipv6.reassemblyKept).toBe(32 * 2048)
    expect(counters.evicted).toBe(2000 - 32)
    expectNothingKept(host)
  })

  test('any fragments at all: nothing throws, nothing leaks, the bounds hold', () => {
    const some = fc.record({
      offset: fc.integer({ min: 0, max: 12 }).map((i) => i * 8),
      length: fc.integer({ min: 0, max: 40 }),
      more: fc.boolean(),
      id: fc.nat(2),
      next: fc.constantFrom(PROTOCOL, 58, 60, 0, 44, 17, 59),
    })
    fc.assert(
      fc.property(fc.array(some, { maxLength: 60 }), (fragments) => {
        const { host } = setUp({ ipv6: { reassemblyMemory: 16 * 2048, reassemblyMemoryPerSource: 12 * 2048 } })
        for (const { length, ...fields } of fragments) {
          host.receive(fragment(fields, bytes(length)))
          expect(host.ipv6.reassemblyKept).toBeLessThanOrEqual(12 * 2048)
        }
        expectNothingKept(host)
      }),
      { numRuns: 150, seed: 1 },
    )
  })
})
