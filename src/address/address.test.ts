import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IPV4_MAPPED_WORD, IpAddress, IpPrefix, MacAddress } from './index.ts'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

describe('IpAddress', () => {
  test.each([
    ['10.0.0.2', 4, '10.0.0.2'],
    ['255.255.255.255', 4, '255.255.255.255'],
    ['0.0.0.0', 4, '0.0.0.0'],
    // RFC 5952: lower case, the longest run of zeros shortened, no leading zeros.
    ['2001:DB8:0:0:1:0:0:1', 6, '2001:db8::1:0:0:1'],
    ['fd00::0002', 6, 'fd00::2'],
    ['::', 6, '::'],
    ['::1', 6, '::1'],
    // RFC 4291, 2.5.5.2: an IPv4-mapped address is the IPv4 address.
    ['::ffff:10.0.0.2', 4, '10.0.0.2'],
  ])('%s is of family %i and prints as %s', (text, family, printed) => {
    const address = IpAddress.parse(text)
    expect(address.family).toBe(family)
    expect(address.toString()).toBe(printed)
  })

  test.each(['', '10.0.0', '10.0.0.256', '10.0.0.2/24', 'fe80::1%tap0', '1::2::3', 'host', '10.0.0.2 '])(
    'refuses %j',
    (text) => {
      expect(IpAddress.tryParse(text)).toBeNull()
      expect(() => IpAddress.parse(text)).toThrow(new TypeError(`not an IP address: ${JSON.stringify(text)}`))
    },
  )

  test('text and words lead to the same address, for both families', () => {
    fc.assert(
      fc.property(word, word, word, word, fc.boolean(), (a, b, c, d, v4) => {
        const address = v4 ? IpAddress.v4(d) : IpAddress.fromWords(a, b, c, d)
        const again = IpAddress.parse(address.toString())
        expect(again.equals(address)).toBe(true)
        expect(again.family).toBe(address.family)
        expect(again.word3).toBe(d)
      }),
    )
  })

  test.each([
    ['0.0.0.0', { isUnspecified: true }],
    ['::', { isUnspecified: true }],
    ['127.255.0.1', { isLoopback: true }],
    ['::1', { isLoopback: true }],
    ['224.0.0.1', { isMulticast: true }],
    ['239.255.255.255', { isMulticast: true }],
    ['ff02::1', { isMulticast: true }],
    ['240.0.0.1', {}],
    ['10.0.0.1', {}],
    ['fe80::1', { isLinkLocal: true }],
    ['febf:ffff::1', { isLinkLocal: true }],
    ['fec0::1', {}],
    ['169.254.0.1', { isLinkLocal: true }],
    ['169.255.0.1', {}],
  ])('%s is %j and nothing else', (text, expected) => {
    expect(IpAddress.parse(text)).toMatchObject({
      isUnspecified: false,
      isLoopback: false,
      isMulticast: false,
      isLinkLocal: false,
      ...expected,
    })
  })

  test('an IPv4 address is held in its mapped form', () => {
    expect(IpAddress.parse('10.0.0.2')).toMatchObject({
      word0: 0,
      word1: 0,
      word2: IPV4_MAPPED_WORD,
      word3: 0x0a000002,
    })
  })
})

describe('IpPrefix', () => {
  test.each([
    ['10.0.0.2/24', '10.0.0.255', '10.0.1.0', '10.0.0.0/24'],
    ['10.0.0.2/0', '192.168.0.1', 'fd00::1', '0.0.0.0/0'],
    ['10.0.0.2/32', '10.0.0.2', '10.0.0.3', '10.0.0.2/32'],
    ['10.0.0.2', '10.0.0.2', '10.0.0.3', '10.0.0.2/32'],
    ['fd00::2/64', 'fd00::ffff:1', 'fd00:0:0:1::1', 'fd00::/64'],
    ['fd00::2/65', 'fd00::7fff:ffff:ffff:ffff', 'fd00::8000:0:0:0', 'fd00::/65'],
    ['fd00::2', 'fd00::2', 'fd00::3', 'fd00::2/128'],
  ])('%s contains %s and not %s; its network is %s', (text, inside, outside, network) => {
    const prefix = IpPrefix.parse(text)
    expect(prefix.contains(IpAddress.parse(inside))).toBe(true)
    expect(prefix.contains(IpAddress.parse(outside))).toBe(false)
    expect(prefix.network.toString()).toBe(network)
  })

  test.each([
    ['10.0.0.2/33', RangeError],
    ['fd00::/129', RangeError],
    ['10.0.0.2/', TypeError],
    ['10.0.0.2/-1', TypeError],
    ['10.0.0.2/1.5', TypeError],
    ['10.0.0/24', TypeError],
    ['/24', TypeError],
  ])('refuses %j', (text, kind) => {
    expect(() => IpPrefix.parse(text)).toThrow(kind)
  })

  test.each([-1, 1.5, 33, Number.NaN])('has no length of %d', (length) => {
    expect(() => new IpPrefix(IpAddress.parse('10.0.0.2'), length)).toThrow(
      new RangeError(`a prefix length for 10.0.0.2 is 0 to 32, not ${length}`),
    )
  })
})

describe('MacAddress', () => {
  test('text, bytes and words say the same', () => {
    const mac = MacAddress.parse('02:00:5E-fF:00:01'.replace('-', ':'))
    expect(mac.toString()).toBe('02:00:5e:ff:00:01')
    const bytes = new Uint8Array(8)
    mac.writeTo(bytes, 1)
    expect([...bytes]).toEqual([0, 2, 0, 0x5e, 0xff, 0, 1, 0])
    expect(MacAddress.fromBytes(bytes, 1).equals(mac)).toBe(true)
    expect(MacAddress.parse('02-00-5e-ff-00-01').equals(mac)).toBe(true)
  })

  test.each(['', '02:00:5e:ff:00', '02:00:5e:ff:00:01:02', '02:00:5e:ff:00:0g', '2:0:5e:ff:0:1'])(
    'refuses %j',
    (text) => {
      expect(() => MacAddress.parse(text)).toThrow(new TypeError(`not a MAC address: ${JSON.stringify(text)}`))
    },
  )

  test('a locally administered address is unicast and says so', () => {
    fc.assert(
      fc.property(word, word, (high, low) => {
        const mac = MacAddress.locallyAdministered(high, low)
        expect(mac.isMulticast).toBe(false)
        expect(mac.high & 0x0200).toBe(0x0200)
      }),
    )
    expect(MacAddress.BROADCAST.isMulticast).toBe(true)
  })
})
