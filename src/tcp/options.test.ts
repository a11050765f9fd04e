import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import {
  LONGEST_SYN_OPTIONS,
  SegmentOptions,
  TIMESTAMPS_LENGTH,
  writeSack,
  writeSynOptions,
  writeTimestamps,
} from './options.ts'

function parse(bytes: Uint8Array, options = new SegmentOptions()): SegmentOptions {
  // In the middle of memory, as in a packet: a reader that runs on finds more options.
  const around = Uint8Array.of(2, 4, 255, 255, ...bytes, 2, 4, 255, 255, 3, 3, 14)
  options.parse(new DataView(around.buffer), 4, 4 + bytes.length)
  return options
}

function fields(options: SegmentOptions) {
  const { maximumSegmentSize, windowScale, hasTimestamps, sackPermitted, sackCount, fastOpen } = options
  const times = hasTimestamps ? { value: options.timestampValue, echo: options.timestampEcho } : null
  const sack = [...options.sackEdges.subarray(0, 2 * sackCount)]
  expect([options.fastOpenPosition >= 0, options.fastOpenLength >= 0]).toEqual([fastOpen, fastOpen])
  return { mss: maximumSegmentSize, scale: windowScale, times, sackPermitted, sack, cookie: options.fastOpenLength }
}

const NONE = { mss: 0, scale: -1, times: null, sackPermitted: false, sack: [] as number[], cookie: -1 }
const word = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 })

describe('options', () => {
  test('of a SYN are read as they were written', () => {
    fc.assert(
      fc.property(
        fc.integer({ min: 1, max: 65_535 }),
        fc.integer({ min: -1, max: 14 }),
        fc.option(fc.record({ value: word, echo: word })),
        fc.boolean(),
        fc.option(
          fc.uint8Array({ minLength: 0, maxLength: 16 }).filter(({ length }) => length % 2 === 0 && length !== 2),
        ),
        (mss, scale, times, sackPermitted, cookie) => {
          const bytes = new Uint8Array(48)
          const view = new DataView(bytes.buffer)
          const { value, echo } = times ?? { value: 0, echo: 0 }
          const length = writeSynOptions(view, 0, mss, scale, times !== null, value, echo, sackPermitted, cookie)
          expect(length % 4).toBe(0)
          expect(length).toBeLessThanOrEqual(LONGEST_SYN_OPTIONS)
          expect(bytes.subarray(length).every((byte) => byte === 0)).toBe(true)
          const options = parse(bytes.subarray(0, length))
          const expected = { ...NONE, mss, scale, times, sackPermitted, cookie: cookie?.length ?? -1 }
          expect(fields(options)).toEqual(expected)
          // `parse` puts four bytes in front.
          if (cookie !== null) {
            const position = options.fastOpenPosition - 4
            expect(bytes.slice(position, position + cookie.length)).toEqual(cookie)
          }
        },
      ),
    )
  })

  test.each<[string, boolean, boolean, number, number[]]>([
    ['all', true, true, 7, [2, 4, 5, 180, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2, 1, 3, 3, 7]],
    ['no timestamps', false, true, 7, [2, 4, 5, 180, 1, 1, 4, 2, 1, 3, 3, 7]],
    ['no SACK', true, false, -1, [2, 4, 5, 180, 1, 1, 8, 10, 0, 0, 0, 1, 0, 0, 0, 2]],
    ['only the MSS', false, false, -1, [2, 4, 5, 180]],
  ])('of a SYN stand in the order of Linux: %s', (_what, timestamps, sackPermitted, scale, expected) => {
    const bytes = new Uint8Array(40)
    const length = writeSynOptions(new DataView(bytes.buffer), 0, 1460, scale, timestamps, 1, 2, sackPermitted)
    expect([...bytes.subarray(0, length)]).toEqual(expected)
  })

  test('SACK blocks are read on the short way as on the long one, with timestamps and without', () => {
    fc.assert(
      fc.property(
        fc.array(word, { minLength: 2, maxLength: 8 }).filter(({ length }) => length % 2 === 0),
        fc.option(fc.record({ value: word, echo: word })),
        (sack, times) => {
          const bytes = new Uint8Array(60)
          const view = new DataView(bytes.buffer)
          let length = 0
          if (times !== null) {
            writeTimestamps(view, 0, times.value, times.echo)
            length += TIMESTAMPS_LENGTH
          }
          length += writeSack(view, length, Int32Array.from(sack), sack.length / 2)
          const expected = { ...NONE, times, sack }
          const option = bytes.subarray(0, length)
          expect(fields(parse(option))).toEqual(expected)
          expect(fields(parse(Uint8Array.of(...option, 1, 1, 1, 1)))).toEqual(expected)
          expect(fields(parse(Uint8Array.of(...option.subarray(2), 0, 0)))).toEqual(expected)
          expect(fields(parse(Uint8Array.of(2, 4, 1, 2, ...option)))).toEqual({ ...expected, mss: 258 })
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
    ['SACK-permitted', [4, 2, 3, 3, 7], { ...NONE, scale: 7, sackPermitted: true }],
    ['SACK-permitted of a wrong length', [4, 3, 0, 3, 3, 7], { ...NONE, scale: 7 }],
    ['SACK without a block', [1, 1, 5, 2, 3, 3, 7], { ...NONE, scale: 7 }],
    ['SACK with half a block', [5, 6, 0, 0, 0, 1, 3, 3, 7], { ...NONE, scale: 7 }],
    ['SACK beyond the end', [1, 1, 5, 18, 0, 0, 0, 1, 0, 0, 0, 2], NONE],
    ['a request for a fast open cookie', [34, 2, 1, 1], { ...NONE, cookie: 0 }],
    ['a cookie too short', [34, 4, 1, 2], NONE],
    ['a cookie of odd length', [34, 7, 1, 2, 3, 4, 5, 1], NONE],
    ['a cookie too long', [34, 20, ...new Array(18).fill(7)], NONE],
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
    const options = parse(
      Uint8Array.of(2, 4, 1, 1, 3, 3, 5, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 4, 2, 34, 2, 5, 10, ...new Array(8).fill(1)),
    )
    expect(fields(options)).toMatchObject({ sackPermitted: true, cookie: 0, sack: [0x01010101, 0x01010101] })
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
