import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IpAddress } from '../address/index.ts'
import { DEFAULT_POLICY, type PolicyEntry, PolicyTable } from './address-policy.ts'
import { addressScope } from './address-scope.ts'
import {
  commonPrefixLength,
  compareDestinations,
  compareSources,
  type SourceCandidate,
  selectSource,
  sortDestinations,
} from './address-selection.ts'

/** `2001:db8::1`, and behind it what is special about it: `deprecated temporary optimistic careOf home if=2 via=fe80::9 /48`. */
function source(text: string): SourceCandidate {
  const [address, ...rest] = text.split(' ')
  const value = (key: string) => rest.find((word) => word.startsWith(key))?.slice(key.length)
  const parsed = IpAddress.parse(address)
  return {
    address: parsed,
    prefixLength: Number(value('/') ?? (parsed.family === 4 ? 24 : 64)),
    interface: Number(value('if=') ?? 1),
    deprecated: rest.includes('deprecated'),
    temporary: rest.includes('temporary'),
    optimistic: rest.includes('optimistic'),
    nextHop: value('via=') === undefined ? null : IpAddress.parse(value('via=')!),
    mobility: rest.includes('home')
      ? 'home'
      : rest.includes('careOf')
        ? 'careOf'
        : rest.includes('both')
          ? 'both'
          : undefined,
  }
}

/** The rows of the default table with others in their place, or added. */
function policy(...entries: PolicyEntry[]): PolicyTable {
  const replaced = new Set(entries.map(({ prefix }) => prefix))
  return new PolicyTable([...entries, ...DEFAULT_POLICY.filter(({ prefix }) => !replaced.has(prefix))])
}

describe('scopes, RFC 6724, section 3, and RFC 4291, section 2.7', () => {
  test.each([
    ['::1', 2],
    ['fe80::1', 2],
    ['febf::1', 2],
    ['fec0::1', 5],
    ['fd00::1', 14],
    ['2001:db8::1', 14],
    ['ff01::1', 1],
    ['ff02::1', 2],
    ['ff05::2', 5],
    ['ff1e::1', 14],
    ['169.254.13.78', 2],
    ['127.0.0.1', 2],
    ['10.0.0.1', 14],
    ['192.0.2.1', 14],
    ['224.0.0.251', 2],
    ['239.255.0.1', 3],
    ['239.192.0.1', 8],
    ['239.1.2.3', 14],
    ['233.252.0.1', 14],
  ])('%s has scope %i', (text, scope) => {
    expect(addressScope(IpAddress.parse(text))).toBe(scope)
  })
})

describe('the policy table', () => {
  test.each([
    ['::1', 50, 0],
    ['2001:db8::1', 40, 1],
    ['10.0.0.1', 35, 4],
    ['2002::1', 30, 2],
    ['2001::1', 5, 5],
    ['fd00::1', 3, 13],
    ['::10.0.0.1', 1, 3],
    ['fec0::1', 1, 11],
    ['3ffe::1', 1, 12],
  ])('of RFC 6724, section 2.1: %s has precedence %i and label %i', (text, precedence, label) => {
    const address = IpAddress.parse(text)
    expect([PolicyTable.DEFAULT.precedence(address), PolicyTable.DEFAULT.label(address)]).toEqual([precedence, label])
  })

  test('IPv4 prefixes have both spellings, and the longest prefix counts', () => {
    const table = policy(
      { prefix: '10.0.0.0/8', precedence: 60, label: 20 },
      { prefix: '::ffff:10.1.0.0/112', precedence: 61, label: 21 },
    )
    expect(table.precedence(IpAddress.parse('10.2.0.1'))).toBe(60)
    expect(table.precedence(IpAddress.parse('10.1.0.1'))).toBe(61)
    expect(table.precedence(IpAddress.parse('11.1.0.1'))).toBe(35)
  })

  test('what no entry covers comes last, with a label of its own', () => {
    const table = new PolicyTable([])
    expect(table.precedence(IpAddress.parse('::1'))).toBe(0)
    expect(table.label(IpAddress.parse('::1'))).toBe(-1)
  })

  test('has 256 rows at most', () => {
    const rows = Array.from({ length: 257 }, (_, i) => ({
      prefix: `2001:db8:${i.toString(16)}::/48`,
      precedence: 1,
      label: 1,
    }))
    expect(() => new PolicyTable(rows)).toThrow('the number of policy entries')
    expect(new PolicyTable(rows.slice(1)).label(IpAddress.parse('2001:db8:100::1'))).toBe(1)
  })

  test.each([
    [[{ prefix: '::ffff:0:0/64', precedence: 1, label: 1 }], 'the length of an IPv4-mapped prefix is 96 to 128'],
    [[{ prefix: 'nowhere/8', precedence: 1, label: 1 }], 'not an IP address: "nowhere"'],
    [[{ prefix: '::/0', precedence: -1, label: 1 }], 'the precedence of ::/0'],
    [[{ prefix: '::/0', precedence: 1, label: 1.5 }], 'the label of ::/0'],
    [
      [
        { prefix: '0.0.0.0/0', precedence: 1, label: 1 },
        { prefix: '::ffff:0:0/96', precedence: 2, label: 2 },
      ],
      'two policies for 0.0.0.0/0',
    ],
  ])('refuses %j', (entries, message) => {
    expect(() => new PolicyTable(entries)).toThrow(message)
  })
})

describe('source address selection', () => {
  // RFC 6724, section 10.1.
  test.each([
    ['2001:db8:1::1', ['2001:db8:3::1', 'fe80::1'], '2001:db8:3::1', 'prefer appropriate scope'],
    ['ff05::1', ['2001:db8:3::1', 'fe80::1'], '2001:db8:3::1', 'prefer appropriate scope'],
    ['2001:db8:1::1', ['2001:db8:1::1 deprecated', '2001:db8:2::1'], '2001:db8:1::1', 'prefer same address'],
    ['fe80::1', ['fe80::2 deprecated', '2001:db8:1::1'], 'fe80::2', 'prefer appropriate scope'],
    ['2001:db8:1::1', ['2001:db8:1::2', '2001:db8:3::2'], '2001:db8:1::2', 'longest matching prefix'],
    ['2001:db8:1::1', ['2001:db8:1::2 careOf', '2001:db8:3::2 home'], '2001:db8:3::2', 'prefer home address'],
    [
      '2002:c633:6401::1',
      ['2002:c633:6401::d5e3:7953:13eb:22e8 temporary', '2001:db8:1::2'],
      '2002:c633:6401:0:d5e3:7953:13eb:22e8',
      'prefer matching label',
    ],
    [
      '2001:db8:1::d5e3:0:0:1',
      ['2001:db8:1::2', '2001:db8:1::d5e3:7953:13eb:22e8 temporary'],
      '2001:db8:1:0:d5e3:7953:13eb:22e8',
      'prefer temporary address',
    ],
    // Others.
    ['2001:db8:1::1', ['2001:db8:1::2 deprecated', 'fd00::1'], 'fd00::1', 'avoid deprecated addresses'],
    ['2001:db8:1::1', ['2001:db8:1::2 optimistic', 'fd00::1'], 'fd00::1', 'RFC 4429: optimistic is as deprecated'],
    ['2001:db8:1::1', ['2001:db8:1::2 deprecated', 'fe80::1'], '2001:db8:1::2', 'scope before deprecated'],
    ['2001:db8:1::1', ['2001:db8:1::2 home', '2001:db8:3::2 both'], '2001:db8:3::2', 'home and care-of at once'],
    ['2001:db8:1::1', ['2001:db8:1::2 if=2', 'fd00::1 if=1'], 'fd00::1', 'prefer outgoing interface'],
    ['2001:db8:1::1', ['2001:db8:1::2', 'fd00::1 via=fe80::9'], 'fd00::1', 'rule 5.5: advertised by the next hop'],
    ['fd12::1', ['2001:db8::1', 'fd00::1'], 'fd00::1', 'matching label'],
    ['2001:db8:1::1', ['2001:db8:1::2', '2001:db8:9::2 temporary'], '2001:db8:9::2', 'temporary before prefix'],
    ['fe80::1', ['2001:db8::1', 'fe80::2 if=2', 'fe80::3 if=1'], 'fe80::3', 'link-local: from the outgoing interface'],
    [
      'ff02::1',
      ['2001:db8::1 if=2', 'fe80::2 if=2', 'fd00::1 if=1'],
      'fd00::1',
      'multicast: from the outgoing interface',
    ],
    ['2001:db8:1::1', ['2001:db8:2::1', '2001:db8:2::2'], '2001:db8:2::1', 'the first of equals'],
    ['10.0.0.1', ['2001:db8:2::1', '10.9.0.1', '10.0.0.2'], '10.0.0.2', 'IPv4 from IPv4'],
  ])('to %s from %j: %s (%s)', (destination, candidates, expected) => {
    const options = { outgoingInterface: 1, nextHop: IpAddress.parse('fe80::9') }
    const to = IpAddress.parse(destination)
    expect(selectSource(candidates.map(source), to, options)?.address.toString()).toBe(expected)
    if (new Set(candidates).size === candidates.length && !expected.startsWith('2001:db8:2::1')) {
      expect(selectSource(candidates.map(source).reverse(), to, options)?.address.toString()).toBe(expected)
    }
  })

  test('rule 7 the other way round: public addresses', () => {
    const candidates = ['2001:db8:1::2', '2001:db8:1::3 temporary'].map(source)
    const to = IpAddress.parse('2001:db8:1::1')
    expect(selectSource(candidates, to, { preferPublic: true })).toBe(candidates[0])
    expect(selectSource(candidates, to)).toBe(candidates[1])
  })

  test('section 4: no source is a group, unspecified or of the other family', () => {
    const candidates = ['ff02::1', '::', '10.0.0.1'].map(source)
    expect(selectSource(candidates, IpAddress.parse('2001:db8::1'))).toBeNull()
  })

  test('section 2.2: bits in common, up to the prefix length of the source', () => {
    const common = (from: string, to: string) => commonPrefixLength(source(from), IpAddress.parse(to))
    expect(common('fe80::1', 'fe80::2')).toBe(64)
    expect(common('fe80::1 /128', 'fe80::2')).toBe(126)
    expect(common('2001:db8:1::1', '2001:db8:3::1')).toBe(46)
    expect(common('2001:db8::1 /128', '2001:db8::1')).toBe(128)
    expect(common('10.0.0.1', '10.0.0.2')).toBe(24)
    expect(common('10.0.0.1', '10.128.0.2')).toBe(8)
    expect(common('10.0.0.1', 'fe80::1')).toBe(0)
  })
})

/** Sorts with the source that source selection finds, as an application's resolver does. */
function sorted(candidates: string[], destinations: string[], table: PolicyTable): string[] {
  const sources = candidates.map(source)
  const list = destinations.map((text) => {
    const [address, ...rest] = text.split(' ')
    const parsed = IpAddress.parse(address)
    return {
      address: parsed,
      source: selectSource(sources, parsed, { policy: table }),
      unreachable: rest.includes('unreachable'),
      encapsulated: rest.includes('encapsulated'),
    }
  })
  return sortDestinations(list, { policy: table }).map(
    ({ address, source: from }) => `${address} from ${from?.address ?? 'none'}`,
  )
}

const PREFER_IPV4 = policy({ prefix: '::ffff:0:0/96', precedence: 100, label: 4 })
const LINK_LOCAL_LATER = policy({ prefix: 'fe80::/10', precedence: 33, label: 1 })
const ULA_OF_SITE = policy({ prefix: 'fd11:1111:1111::/48', precedence: 45, label: 14 })
const TWO_PROVIDERS = policy(
  { prefix: '2001:db8:1aaa::/48', precedence: 43, label: 6 },
  { prefix: '2001:db8:1bbb::/48', precedence: 43, label: 6 },
  { prefix: '2001:db8:70aa::/48', precedence: 45, label: 7 },
  { prefix: '2001:db8:70bb::/48', precedence: 45, label: 7 },
)

describe('destination address selection', () => {
  test.each([
    // RFC 6724, section 10.2.
    [
      'prefer matching scope',
      ['2001:db8:1::2', 'fe80::1', '169.254.13.78'],
      ['198.51.100.121', '2001:db8:1::1'],
      ['2001:db8:1::1 from 2001:db8:1::2', '198.51.100.121 from 169.254.13.78'],
    ],
    [
      'prefer matching scope',
      ['fe80::1', '198.51.100.117'],
      ['2001:db8:1::1', '198.51.100.121'],
      ['198.51.100.121 from 198.51.100.117', '2001:db8:1::1 from fe80::1'],
    ],
    [
      'prefer higher precedence',
      ['2001:db8:1::2', 'fe80::1', '10.1.2.4'],
      ['10.1.2.3', '2001:db8:1::1'],
      ['2001:db8:1::1 from 2001:db8:1::2', '10.1.2.3 from 10.1.2.4'],
    ],
    [
      'prefer smaller scope',
      ['2001:db8:1::2', 'fe80::2'],
      ['2001:db8:1::1', 'fe80::1'],
      ['fe80::1 from fe80::2', '2001:db8:1::1 from 2001:db8:1::2'],
    ],
    [
      'prefer home address',
      ['2001:db8:1::2 careOf', '2001:db8:3::1 home', 'fe80::2 careOf'],
      ['fe80::1', '2001:db8:1::1'],
      ['2001:db8:1::1 from 2001:db8:3::1', 'fe80::1 from fe80::2'],
    ],
    [
      'avoid deprecated addresses',
      ['2001:db8:1::2', 'fe80::2 deprecated'],
      ['fe80::1', '2001:db8:1::1'],
      ['2001:db8:1::1 from 2001:db8:1::2', 'fe80::1 from fe80::2'],
    ],
    [
      'longest matching prefix',
      ['2001:db8:1::2', '2001:db8:3f44::2', 'fe80::2'],
      ['2001:db8:3ffe::1', '2001:db8:1::1'],
      ['2001:db8:1::1 from 2001:db8:1::2', '2001:db8:3ffe::1 from 2001:db8:3f44::2'],
    ],
    [
      'prefer matching label',
      ['2002:c633:6401::2', 'fe80::2'],
      ['2001:db8:1::1', '2002:c633:6401::1'],
      ['2002:c633:6401::1 from 2002:c633:6401::2', '2001:db8:1::1 from 2002:c633:6401::2'],
    ],
    [
      'prefer higher precedence',
      ['2002:c633:6401::2', '2001:db8:1::2', 'fe80::2'],
      ['2002:c633:6401::1', '2001:db8:1::1'],
      ['2001:db8:1::1 from 2001:db8:1::2', '2002:c633:6401::1 from 2002:c633:6401::2'],
    ],
    // Others.
    [
      'avoid unusable destinations',
      ['2001:db8:1::2'],
      ['10.0.0.1', '2001:db8:1::1 unreachable', '2001:db8:9::1'],
      ['2001:db8:9::1 from 2001:db8:1::2', '2001:db8:1::1 from 2001:db8:1::2', '10.0.0.1 from none'],
    ],
    [
      'prefer native transport',
      ['2001:db8:1::2'],
      ['2001:db8:1::1 encapsulated', '2001:db8:9::1'],
      ['2001:db8:9::1 from 2001:db8:1::2', '2001:db8:1::1 from 2001:db8:1::2'],
    ],
    [
      'leave the order unchanged',
      ['2001:db8:1::2'],
      ['2001:db8:1::7', '2001:db8:1::5', '2001:db8:1::6'],
      ['2001:db8:1::7', '2001:db8:1::5', '2001:db8:1::6'].map((address) => `${address} from 2001:db8:1::2`),
    ],
  ])('%s: from %j to %j', (_, candidates, destinations, expected) => {
    expect(sorted(candidates, destinations, PolicyTable.DEFAULT)).toEqual(expected)
    if (expected[0].startsWith('2001:db8:1::7')) return
    expect(sorted(candidates, destinations.toReversed(), PolicyTable.DEFAULT)).toEqual(expected)
  })

  // RFC 6724, sections 10.3 to 10.6; where an administrator changes the table.
  test.each([
    [
      '10.3, IPv4 first: matching scope still counts for more',
      PREFER_IPV4,
      ['2001:db8:1::2', 'fe80::1', '169.254.13.78'],
      ['2001:db8:1::1', '198.51.100.121'],
      ['2001:db8:1::1', '198.51.100.121'],
    ],
    [
      '10.3, IPv4 first',
      PREFER_IPV4,
      ['2001:db8:1::2', 'fe80::1', '10.1.2.4'],
      ['2001:db8:1::1', '10.1.2.3'],
      ['10.1.2.3', '2001:db8:1::1'],
    ],
    [
      '10.4, global before link-local',
      LINK_LOCAL_LATER,
      ['2001:db8:1::2', 'fe80::2'],
      ['fe80::1', '2001:db8:1::1'],
      ['2001:db8:1::1', 'fe80::1'],
    ],
    [
      '10.4, but a deprecated source still counts for more',
      LINK_LOCAL_LATER,
      ['2001:db8:1::2 deprecated', 'fe80::2'],
      ['2001:db8:1::1', 'fe80::1'],
      ['fe80::1', '2001:db8:1::1'],
    ],
    [
      '10.5, a site of two providers, both ends',
      TWO_PROVIDERS,
      ['2001:db8:1aaa::a', '2001:db8:70aa::a', 'fe80::a'],
      ['2001:db8:1bbb::b', '2001:db8:70bb::b'],
      ['2001:db8:70bb::b', '2001:db8:1bbb::b'],
    ],
    [
      '10.6, addresses of the own site first',
      ULA_OF_SITE,
      ['2001:db8:1::2', 'fd11:1111:1111:1::1', '10.1.2.4'],
      ['2001:db8:2::2', 'fd11:1111:1111:2::2', '10.1.2.3'],
      ['fd11:1111:1111:2::2', '2001:db8:2::2', '10.1.2.3'],
    ],
    [
      'and with the default table last, as RFC 6724 has it',
      PolicyTable.DEFAULT,
      ['2001:db8:1::2', 'fd11:1111:1111:1::1', '10.1.2.4'],
      ['fd11:1111:1111:2::2', '10.1.2.3', '2001:db8:2::2'],
      ['2001:db8:2::2', '10.1.2.3', 'fd11:1111:1111:2::2'],
    ],
  ])('%s', (_, table, candidates, destinations, expected) => {
    expect(sorted(candidates, destinations, table).map((line) => line.split(' ')[0])).toEqual(expected)
  })
})

describe('the order of candidates', () => {
  const prefixes = ['2001:db8:1::', '2001:db8:3::', 'fd00::', 'fe80::', '2002:c633:6401::', 'fec0::']
  const address = fc
    .tuple(fc.constantFrom(...prefixes), fc.integer({ min: 1, max: 6 }))
    .map(([prefix, host]) => IpAddress.parse(`${prefix}${host}`))
  const candidate: fc.Arbitrary<SourceCandidate> = fc.record({
    address,
    prefixLength: fc.constantFrom(48, 64, 128),
    interface: fc.constantFrom(1, 2),
    deprecated: fc.boolean(),
    temporary: fc.boolean(),
    optimistic: fc.boolean(),
    nextHop: fc.option(fc.constantFrom(IpAddress.parse('fe80::9'), IpAddress.parse('fe80::8')), { nil: null }),
    mobility: fc.constantFrom(undefined, 'home' as const, 'careOf' as const, 'both' as const),
  })
  const options = { outgoingInterface: 1, nextHop: IpAddress.parse('fe80::9') }

  test('of sources is one: no pair contradicts itself, and no three go round in a circle', () => {
    fc.assert(
      fc.property(candidate, candidate, candidate, address, (a, b, c, to) => {
        const order = (x: SourceCandidate, y: SourceCandidate) => Math.sign(compareSources(x, y, to, options))
        expect(order(a, b) + order(b, a)).toBe(0)
        if (order(a, b) <= 0 && order(b, c) <= 0) expect(order(a, c)).toBeLessThanOrEqual(0)
      }),
      { numRuns: 2000 },
    )
  })

  test('of sources: what is selected is beaten by no candidate, in whatever order they stand', () => {
    fc.assert(
      fc.property(fc.array(candidate, { minLength: 1, maxLength: 8 }), address, (candidates, to) => {
        const best = selectSource(candidates, to, options)
        const again = selectSource(candidates.toReversed(), to, options)
        if (best === null || again === null) expect(best).toBe(again)
        else expect(compareSources(best, again, to, options)).toBe(0)
      }),
    )
  })

  test('of destinations likewise', () => {
    const destination = fc.record({
      address,
      source: fc.option(candidate, { nil: null }),
      unreachable: fc.boolean(),
      encapsulated: fc.boolean(),
    })
    fc.assert(
      fc.property(destination, destination, destination, (a, b, c) => {
        const order = (x: typeof a, y: typeof a) => Math.sign(compareDestinations(x, y))
        expect(order(a, b) + order(b, a)).toBe(0)
        if (order(a, b) <= 0 && order(b, c) <= 0) expect(order(a, c)).toBeLessThanOrEqual(0)
      }),
      { numRuns: 2000 },
    )
  })
})
