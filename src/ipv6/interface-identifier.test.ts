import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IpAddress, IpPrefix, MacAddress } from '../address/index.ts'
import { SeededRandom } from '../clock/index.ts'
import {
  appendIdentifier,
  eui64Identifier,
  type InterfaceIdentifier,
  isReservedIdentifier,
  randomIdentifier,
  type StableIdentifierInput,
  stableAddress,
} from './interface-identifier.ts'
import { sipHash24 } from './sip-hash.ts'

const LINK_LOCAL = IpPrefix.parse('fe80::/64')
const SECRET = Uint8Array.from({ length: 16 }, (_, i) => i)

function identifierOf(text: string): InterfaceIdentifier {
  const { word2, word3 } = IpAddress.parse(text)
  return { high: word2, low: word3 }
}

describe('SipHash-2-4', () => {
  // The key 00 01 .. 0f and messages 00 01 .. of that length; the last is the example of the paper's appendix A.
  test.each([
    [0, 0x726fdb47dd0e0e31n],
    [1, 0x74f839c593dc67fdn],
    [8, 0x93f5f5799a932462n],
    [15, 0xa129ca6149be45e5n],
  ])('of %i bytes', (length, expected) => {
    const message = Uint8Array.from({ length }, (_, i) => i)
    expect(sipHash24(SECRET, message)).toBe(expected)
  })

  test('refuses a key that is too short', () => {
    expect(() => sipHash24(new Uint8Array(15), new Uint8Array(0))).toThrow('a key has 16 bytes, not 15')
  })
})

describe('EUI-64, RFC 4291, appendix A', () => {
  test.each([
    ['34:56:78:9a:bc:de', 'fe80::3656:78ff:fe9a:bcde'],
    ['02:00:00:00:00:01', 'fe80::ff:fe00:1'],
    ['00:00:00:00:00:00', 'fe80::200:ff:fe00:0'],
    ['ff:ff:ff:ff:ff:ff', 'fe80::fdff:ffff:feff:ffff'],
  ])('%s becomes %s', (mac, address) => {
    expect(appendIdentifier(LINK_LOCAL, eui64Identifier(MacAddress.parse(mac))).toString()).toBe(address)
  })
})

describe('reserved identifiers, RFC 5453', () => {
  test.each([
    ['::', true],
    ['::1', false],
    ['::1:0:0:0', false],
    ['::200:5eff:fe00:0', true],
    ['::200:5eff:fe00:5213', true],
    ['::200:5eff:feff:ffff', true],
    ['::200:5eff:fdff:ffff', false],
    ['::200:5eff:ff00:0', false],
    ['::fdff:ffff:ffff:ff7f', false],
    ['::fdff:ffff:ffff:ff80', true],
    ['::fdff:ffff:ffff:ffff', true],
    ['::fdff:fffe:ffff:ffff', false],
  ])('%s: %s', (text, expected) => {
    expect(isReservedIdentifier(identifierOf(text))).toBe(expected)
  })

  test('a random identifier is none of them', () => {
    const drawn = [0, 0, 0x02005eff, -(2 ** 25) + 5, 0xfdffffff | 0, -1, 7, 8]
    const random = new SeededRandom(1)
    random.int32 = () => drawn.shift()!
    expect(randomIdentifier(random)).toEqual({ high: 7, low: 8 })
  })
})

describe('stable identifiers, RFC 7217', () => {
  const base: StableIdentifierInput = {
    secret: SECRET,
    networkInterface: 'tap0',
    prefix: IpPrefix.parse('2001:db8::/64'),
  }

  test('the same input gives the same address for ever', () => {
    const first = stableAddress(base, 0)
    expect(first.dadCounter).toBe(0)
    expect(first.address.toString()).toBe(STABLE)
    expect(stableAddress({ ...base, prefix: IpPrefix.parse('2001:db8::77/64') }, 0)).toEqual(first)
  })

  test('every part of the input changes it', () => {
    const inputs: [StableIdentifierInput, number][] = [
      [base, 0],
      [base, 1],
      [{ ...base, secret: SECRET.toReversed() }, 0],
      [{ ...base, networkInterface: 'tap1' }, 0],
      [{ ...base, networkIdentifier: 'home' }, 0],
      // The same letters, divided otherwise.
      [{ ...base, networkInterface: 'tap', networkIdentifier: '0' }, 0],
      [{ ...base, networkInterface: '', networkIdentifier: 'tap0' }, 0],
      [{ ...base, prefix: IpPrefix.parse('2001:db8:0:1::/64') }, 0],
    ]
    const identifiers = inputs.map(([input, counter]) => {
      const { word2, word3 } = stableAddress(input, counter).address
      return `${word2} ${word3}`
    })
    expect(new Set(identifiers).size).toBe(inputs.length)
  })

  test('the address is in its prefix and its identifier is not reserved', () => {
    const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })
    fc.assert(
      fc.property(
        word,
        word,
        fc.uint8Array({ minLength: 16, maxLength: 16 }),
        fc.nat(5),
        (high, low, secret, counter) => {
          const prefix = new IpPrefix(IpAddress.fromWords(high, low, 0, 0), 64)
          const { address, dadCounter } = stableAddress({ ...base, secret, prefix }, counter)
          expect(prefix.contains(address)).toBe(true)
          expect(isReservedIdentifier({ high: address.word2, low: address.word3 })).toBe(false)
          expect(dadCounter).toBe(counter)
        },
      ),
    )
  })

  test.each([
    [{ secret: new Uint8Array(8) }, 'a key has 16 bytes, not 8'],
    [{ prefix: IpPrefix.parse('2001:db8::/56') }, 'an interface identifier fits an IPv6 prefix of 64 bits'],
    [{ prefix: IpPrefix.parse('10.0.0.0/8') }, 'an interface identifier fits an IPv6 prefix of 64 bits'],
    [{ networkInterface: 'x'.repeat(65_536) }, 'at most 65,535 bytes'],
  ])('refuses a wrong secret, prefix or name', (wrong, message) => {
    expect(() => stableAddress({ ...base, ...wrong }, 0)).toThrow(message)
  })
})

/** What this code gave when it was written: addresses must not change from one version to the next. */
const STABLE = '2001:db8::61f0:c125:b120:e758'
