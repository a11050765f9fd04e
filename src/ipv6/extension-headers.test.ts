import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, ethernet, ipv6 } from '../../test/support/frames.ts'
import { OUR_ADDRESS6, OUR_MAC6, PEER_ADDRESS6, PEER_MAC6, TestHost6 } from '../../test/support/test-host6.ts'
import '../../test/support/packet-matchers.ts'
import type { Ipv6Counters } from './counters.ts'
import { ChainEnd, HeaderChain } from './extension-headers.ts'

const HOP = 0
const ROUTING = 43
const DESTINATION = 60
const NO_NEXT_HEADER = 59
const PROTOCOL = 200

/** An options header: the options, padded to a multiple of 8. */
function options(next: number, ...bytes: number[]): Uint8Array {
  const length = Math.ceil((bytes.length + 2) / 8) * 8
  const header = new Uint8Array(length)
  header.set([next, length / 8 - 1, ...bytes])
  const padding = length - 2 - bytes.length
  if (padding > 1) header.set([1, padding - 2], 2 + bytes.length)
  return header
}

const routing = (next: number, type: number, left: number) => Uint8Array.of(next, 0, type, left, 0, 0, 0, 0)

function deliver(first: number, chain: Uint8Array, group = false, data = 'data') {
  const host = new TestHost6()
  const seen: string[] = []
  host.ipv6.addProtocol(PROTOCOL, {
    receive: (packet) => void seen.push(Buffer.from(packet.memory.bytes.slice(packet.start, packet.end)).toString()),
    receiveError() {},
    endOfBurst() {},
  })
  const destination = group ? 'ff02::1' : OUR_ADDRESS6
  const bytes = concat([chain, new TextEncoder().encode(data)])
  const answers = host.receive(
    ethernet(
      { source: PEER_MAC6, destination: group ? '33:33:00:00:00:01' : OUR_MAC6 },
      ipv6({ source: PEER_ADDRESS6, destination, nextHeader: first }, bytes),
    ),
  )
  host.expectNoLeaks()
  return { host, seen, answers }
}

describe('what is passed', () => {
  const chains: [string, number, Uint8Array][] = [
    ['hop-by-hop options with padding only', HOP, options(PROTOCOL)],
    ['router alert', HOP, options(PROTOCOL, 5, 2, 0, 0)],
    ['an unknown option that is to be skipped (00)', DESTINATION, options(PROTOCOL, 0x1e, 1, 9)],
    [
      'destination options before and behind a routing header that is used up',
      DESTINATION,
      concat([options(ROUTING, 0x1e, 0), routing(DESTINATION, 0, 0), options(PROTOCOL)]),
    ],
    ['an atomic fragment', 44, Uint8Array.of(PROTOCOL, 0, 0, 0, 1, 2, 3, 4)],
    [
      'the order of section 4.1',
      HOP,
      concat([
        options(DESTINATION),
        options(ROUTING),
        routing(44, 4, 0),
        Uint8Array.of(DESTINATION, 0, 0, 0, 0, 0, 0, 0),
        options(PROTOCOL),
      ]),
    ],
    ['eight headers', DESTINATION, concat([...Array(7).fill(options(DESTINATION)), options(PROTOCOL)])],
  ]
  test.each(chains)('%s', (_, first, chain) => {
    const { seen, answers } = deliver(first, chain)
    expect(seen).toEqual(['data'])
    expect(answers).toEqual([])
  })
})

test('headers that end with the packet are whole', () => {
  for (const first of [HOP, DESTINATION]) {
    expect(deliver(first, options(PROTOCOL), false, '').seen).toEqual([''])
    const { host, answers } = deliver(first, options(NO_NEXT_HEADER), false, '')
    expect(answers).toEqual([])
    expect(host.ipv6.counters).toMatchObject({ noNextHeader: 1, badExtensionHeaders: 0 })
  }
  expect(deliver(ROUTING, routing(PROTOCOL, 0, 0), false, '').seen).toEqual([''])
  expect(deliver(44, Uint8Array.of(PROTOCOL, 0, 0, 0, 1, 2, 3, 4), false, '').seen).toEqual([''])
})

describe('what is dropped in silence', () => {
  const chains: [string, number, Uint8Array, keyof Ipv6Counters][] = [
    ['an unknown option that says so (01)', DESTINATION, options(PROTOCOL, 0x5e, 0), 'optionDiscarded'],
    ['the same in hop-by-hop options', HOP, options(PROTOCOL, 0x5e, 0), 'optionDiscarded'],
    [
      'a header that runs over the end',
      DESTINATION,
      Uint8Array.of(PROTOCOL, 9, 1, 4, 0, 0, 0, 0),
      'badExtensionHeaders',
    ],
    [
      'an option that runs over its header',
      DESTINATION,
      Uint8Array.of(PROTOCOL, 0, 0x1e, 9, 0, 0, 0, 0),
      'badExtensionHeaders',
    ],
    ['a fragment header that is cut off', 44, Uint8Array.of(PROTOCOL), 'badExtensionHeaders'],
    [
      'nine headers',
      DESTINATION,
      concat([...Array(8).fill(options(DESTINATION)), options(PROTOCOL)]),
      'tooManyExtensionHeaders',
    ],
    [
      'nine atomic fragments',
      44,
      concat([...Array(8).fill(Uint8Array.of(44, 0, 0, 0, 0, 0, 0, 1)), Uint8Array.of(PROTOCOL, 0, 0, 0, 0, 0, 0, 1)]),
      'tooManyExtensionHeaders',
    ],
    [
      'nine options',
      DESTINATION,
      options(PROTOCOL, ...Array.from({ length: 9 }, () => [0x1e, 0]).flat()),
      'tooManyExtensionHeaders',
    ],
    [
      'more padding than aligns anything',
      DESTINATION,
      options(PROTOCOL, 1, 6, 0, 0, 0, 0, 0, 0),
      'tooManyExtensionHeaders',
    ],
    [
      'padding of single bytes without end',
      HOP,
      options(PROTOCOL, ...new Array(30).fill(0)),
      'tooManyExtensionHeaders',
    ],
  ]
  test.each(chains)('%s', (_, first, chain, counter) => {
    const { host, seen, answers } = deliver(first, chain)
    expect(seen).toEqual([])
    expect(answers).toEqual([])
    expect(host.ipv6.counters[counter]).toBe(1)
  })
})

describe('what is answered by Parameter Problem', () => {
  /** Code and pointer. */
  const chains: [string, number, Uint8Array, number, number][] = [
    ['an unknown option that asks for it (10)', DESTINATION, options(PROTOCOL, 0x9e, 0), 2, 42],
    ['an unknown option that asks for it (11)', DESTINATION, options(PROTOCOL, 0x1e, 0, 0xde, 0), 2, 44],
    ['a jumbo payload (RFC 2675), which we do not take', HOP, options(PROTOCOL, 0xc2, 4, 0, 1, 0, 0), 2, 42],
    ['a routing header of type 0 with addresses left, RFC 5095', ROUTING, routing(PROTOCOL, 0, 1), 0, 42],
    ['a routing header of another type', ROUTING, routing(PROTOCOL, 4, 3), 0, 42],
    ['hop-by-hop options that are not the first', DESTINATION, concat([options(HOP), options(PROTOCOL)]), 1, 40],
    ['an unknown protocol behind headers', DESTINATION, options(201), 1, 40],
    ['encapsulating security payload', 50, new Uint8Array(8), 1, 6],
  ]
  test.each(chains)('%s', (_, first, chain, code, pointer) => {
    const { seen, answers } = deliver(first, chain)
    expect(seen).toEqual([])
    expect(answers).toHaveLength(1)
    expect(answers[0]).toBeIcmp({ icmpType: 4, code, rest: pointer, source: OUR_ADDRESS6, destination: PEER_ADDRESS6 })
  })

  test('of options in a packet to a group, only for those that ask for it even then', () => {
    const even = deliver(DESTINATION, options(PROTOCOL, 0x9e, 0), true).answers
    expect(even).toHaveLength(1)
    expect(even[0]).toBeIcmp({ icmpType: 4, code: 2, source: OUR_ADDRESS6 })
    expect(deliver(DESTINATION, options(PROTOCOL, 0xde, 0), true).answers).toEqual([])
    expect(deliver(ROUTING, routing(PROTOCOL, 0, 1), true).answers).toEqual([])
    expect(deliver(201, new Uint8Array(0), true).answers).toEqual([])
  })
})

test('whatever the headers are, the walk ends within the packet', () => {
  const memory = new Uint8Array(2048)
  const chain = new HeaderChain(memory)
  const numbers = fc.constantFrom(0, 43, 44, 60, 58, 59, 6, 17, 50, 200)
  const header = fc.tuple(numbers, fc.integer({ min: 0, max: 3 }), fc.uint8Array({ minLength: 6, maxLength: 30 }))
  fc.assert(
    fc.property(numbers, fc.array(header, { maxLength: 20 }), fc.nat(1500), (first, headers, length) => {
      memory.fill(0)
      memory[6] = first
      memory.set(
        concat(headers.map(([next, units, rest]) => Uint8Array.of(next, units, ...rest))).subarray(0, 1900),
        40,
      )
      const end = 40 + Math.min(length, 1900)
      const verdict = chain.walk(0, end)
      expect(chain.position).toBeLessThanOrEqual(end)
      if (verdict === ChainEnd.Problem) expect(chain.problemPosition).toBeLessThan(Math.max(end, 7))
      expect(chain.skip(6, 40, end)).toBeTypeOf('boolean')
    }),
    { numRuns: 500, seed: 1 },
  )
})
