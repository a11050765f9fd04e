import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { SegmentOptions, TIMESTAMPS_LENGTH, writeSynOptions, writeTimestamps } from './options.ts'

function parse(bytes: Uint8Array, options = new SegmentOptions()): SegmentOptions {
  // In the middle of memory, as in a packet: a reader that runs on finds more options.
  const around = Uint8Array.of(2, 4, 255, 255, ...bytes, 2, 4, 255, 255, 3, 3, 14)
  options.parse(new DataView(around.buffer), 4, 4 + bytes.length)
  return options
}

function fields({ maximumSegmentSize, windowScale, hasTimestamps, timestampValue, timestampEcho }: SegmentOptions) {
  const times = hasTimestamps ? { value: timestampValue, echo: timestampEcho } : null
  return { mss: maximumSegmentSize, scale: windowScale, times }
}

const NONE = { mss: 0, scale: -1, times: null }
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

describe('options', () => {
  test('of a SYN are read as they were written', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: -1, max: 14 }),
        fc.boolean(),
        word,
        word,
        (mss, scale, timestamps, value, echo) => {
          const bytes = new Uint8Array(40)
          const length = writeSynOptions(new DataView(bytes.buffer), 0, mss, scale, timestamps, value, echo)
          expect(length % 4).toBe(0)
          expect(length).toBeLessThanOrEqual(40)
          expect(bytes.subarray(length).every((byte) => byte === 0)).toBe(true)
          const times = timestamps ? { value, echo } : null
          expect(fields(parse(bytes.subarray(0, length)))).toEqual({ mss, scale, times })
        },
      ),
    )
  })

  test('timestamps alone are read on the short way as on the long one', () => {
    fc.assert(
      fc.property(word, word, (value, echo) => {
        const bytes = new Uint8Array(TIMESTAMPS_LENGTH)
        writeTimestamps(new DataView(bytes.buffer), 0, value, echo)
        const expected = { ...NONE, times: { value, echo } }
        expect(fields(parse(bytes))).toEqual(expected)
        expect(fields(parse(Uint8Array.of(...bytes, 1, 1, 1, 1)))).toEqual(expected)
        expect(fields(parse(Uint8Array.of(...bytes.subarray(2), 0, 0)))).toEqual(expected)
      }),
    )
  })

  test.each<[string, number[], object]>([
    ['nothing', [], NONE],
    ['no-operations', [1, 1, 1, 1], NONE],
    ['what follows the end of the list', [0, 2, 4, 1, 1], NONE],
    ['an unknown option is skipped', [99, 5, 1, 2, 3, 2, 4, 1, 0], { ...NONE, mss: 256 }],
    ['SACK-permitted is skipped', [4, 2, 3, 3, 7], { ...NONE, scale: 7 }],
    ['a scale over 14 is 14', [3, 3, 255], { ...NONE, scale: 14 }],
    ['an MSS of a wrong length', [2, 3, 9, 3, 3, 7], { ...NONE, scale: 7 }],
    ['timestamps of a wrong length', [8, 9, 1, 1, 1, 1, 1, 1, 1, 3, 3, 7], { ...NONE, scale: 7 }],
    ['a length of 0 ends the list', [99, 0, 3, 3, 7], NONE],
    ['a length of 1 ends the list', [99, 1, 3, 3, 7], NONE],
    ['a length beyond the end', [3, 3, 7, 2, 40, 1, 1], { ...NONE, scale: 7 }],
    ['a kind without a length', [3, 3, 7, 2], { ...NONE, scale: 7 }],
    ['the last of several counts', [2, 4, 1, 1, 2, 4, 2, 2], { ...NONE, mss: 514 }],
  ])('%s', (_what, bytes, expected) => {
    expect(fields(parse(Uint8Array.from(bytes)))).toEqual(expected)
  })

  test('nothing is left of the segment before', () => {
    const options = parse(Uint8Array.of(2, 4, 1, 1, 3, 3, 5, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8))
    expect(fields(options).times).not.toBe(null)
    expect(fields(parse(Uint8Array.of(1), options))).toEqual(NONE)
  })

  test('random bytes never read past their end, nor fail', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        const view = new DataView(bytes.slice().buffer)
        const options = new SegmentOptions()
        options.parse(view, 0, bytes.length)
        expect(options.windowScale).toBeLessThanOrEqual(14)
        expect(fields(parse(bytes))).toEqual(fields(options))
      }),
      { numRuns: 500 },
    )
  })
})
