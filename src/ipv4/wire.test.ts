import fc from 'fast-check'
import { expect, test } from 'vitest'
import { internetChecksum } from '../../test/support/frames.ts'
import { checkOptions, OptionsVerdict } from './options.ts'
import * as wire from './wire.ts'

const word16 = fc.oneof(fc.nat(0xffff), fc.constantFrom(0, 1, 0x7fff, 0x8000, 0xfffe, 0xffff))
const word32 = fc.oneof(fc.integer({ min: -0x80000000, max: 0x7fffffff }), fc.constantFrom(0, -1, 1, -0x80000000))
const octet = fc.nat(255)

test('what is written is read back, and its checksum is that of RFC 1071', () => {
  const fields = fc.record({
    tos: octet,
    total: word16,
    id: word16,
    flags: word16,
    ttl: octet,
    protocol: octet,
    source: word32,
    destination: word32,
    position: fc.nat(40),
  })
  fc.assert(
    fc.property(fields, ({ tos, total, id, flags, ttl, protocol, source, destination, position }) => {
      const bytes = new Uint8Array(64).fill(0xee)
      const sum = wire.baseSum(source, destination)
      wire.writeHeader(bytes, position, sum, tos, total, id, flags, ttl, protocol, source, destination)
      expect(wire.version(bytes, position)).toBe(4)
      expect(wire.headerLength(bytes, position)).toBe(20)
      expect(wire.typeOfService(bytes, position)).toBe(tos)
      expect(wire.totalLength(bytes, position)).toBe(total)
      expect(wire.identification(bytes, position)).toBe(id)
      expect(wire.flagsAndOffset(bytes, position)).toBe(flags)
      expect(wire.timeToLive(bytes, position)).toBe(ttl)
      expect(wire.protocol(bytes, position)).toBe(protocol)
      expect(wire.source(bytes, position)).toBe(source)
      expect(wire.destination(bytes, position)).toBe(destination)
      // Summed over all of it, the checksum included, nothing is left.
      expect(internetChecksum(bytes.subarray(position, position + 20))).toBe(0)
      expect(wire.isChecksumRight(bytes, position, 20)).toBe(true)
      // Nothing outside of the 20 bytes is touched.
      expect(bytes.filter((byte, i) => (i < position || i >= position + 20) && byte !== 0xee)).toHaveLength(0)
    }),
  )
})

test('a header checksum is right exactly where the sum over the header is', () => {
  fc.assert(
    fc.property(fc.uint8Array({ minLength: 60, maxLength: 60 }), fc.integer({ min: 5, max: 15 }), (bytes, words) => {
      const length = words * 4
      const header = bytes.subarray(0, length)
      expect(wire.isChecksumRight(bytes, 0, length)).toBe(internetChecksum(header) === 0)
      header.set([0, 0], 10)
      const checksum = internetChecksum(header)
      header.set([checksum >>> 8, checksum], 10)
      expect(wire.isChecksumRight(bytes, 0, length)).toBe(true)
    }),
  )
})

test('an all-zero header has no right checksum', () => {
  expect(wire.isChecksumRight(new Uint8Array(20), 0, 20)).toBe(false)
})

test('the walk over options ends within them, whatever they hold', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (options) => {
      // Behind the options stands what would be read as a source route if the walk went on.
      const bytes = Uint8Array.from([...options, ...new Array<number>(50).fill(131)])
      const padded = Uint8Array.from([...options, ...new Array<number>(50).fill(0)])
      expect(checkOptions(bytes, 0, options.length)).toBe(checkOptions(padded, 0, options.length))
    }),
  )
})

test('a source route is found behind any other options', () => {
  const harmless = fc.oneof(
    fc.constant([1]),
    fc.integer({ min: 2, max: 6 }).map((length) => [7, length, ...new Array<number>(length - 2).fill(0)]),
  )
  fc.assert(
    fc.property(fc.array(harmless, { maxLength: 5 }), fc.constantFrom(131, 137), (before, kind) => {
      const options = Uint8Array.from([...before.flat(), kind, 3, 4])
      expect(checkOptions(options, 0, options.length)).toBe(OptionsVerdict.SourceRoute)
    }),
  )
})
