import fc from 'fast-check'
import { expect, test } from 'vitest'
import { advance, distance, isAfter, isBefore, sequenceNumber } from './sequence-number.ts'

const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

test('advancing and measuring are inverse, across the wrap as well', () => {
  fc.assert(
    fc.property(word, fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 }), (start, count) => {
      const from = sequenceNumber(start)
      const to = advance(from, count)
      expect(distance(to, from)).toBe(count)
      expect(to).toBe(to | 0)
      expect(isAfter(to, from)).toBe(count > 0)
      expect(isBefore(to, from)).toBe(count < 0)
    }),
  )
})

test.each([
  [0xffffffff, 0, 1],
  [0, 0xffffffff, -1],
  [0x7fffffff, 0x80000000, 1],
  [5, 5, 0],
  [0, 0x7fffffff, 0x7fffffff],
])('from %s to %s it is %s', (from, to, expected) => {
  expect(distance(sequenceNumber(to), sequenceNumber(from))).toBe(expected)
})
