import { describe, expect, test } from 'vitest'
import { advance, isAfter, isBefore, sequenceNumber } from '../sequence-number.ts'
import { Landmarks } from './landmarks.ts'
import { Scoreboard } from './scoreboard.ts'
import { SentSegmentPool } from './sent-segment.ts'

const MSS = 100
const RECORDS = 20_000
/** The numbers wrap around in the middle. */
const FROM = sequenceNumber(-RECORDS * (MSS / 2))

function board(): Scoreboard {
  const made = new Scoreboard(new SentSegmentPool())
  for (let i = 0; i < RECORDS; i++) made.append(place(i), place(i + 1), 0, 1, i)
  return made
}

const place = (record: number) => advance(FROM, record * MSS)

/** Looks until it is found. @returns how often that was */
function attempts(made: Scoreboard, record: number): number {
  for (let i = 1; i < 1000; i++) {
    const found = made.find(advance(place(record), 7))
    if (found === null) continue
    expect(isAfter(found.start, advance(place(record), 7))).toBe(false)
    expect(isBefore(found.start, place(record))).toBe(false)
    return i
  }
  throw new Error(`record ${record} cannot be found`)
}

describe('where a block is looked for', () => {
  test('is found at once near an end of the list, and near where something was found before', () => {
    const made = board()
    for (const record of [0, 1, 200, 400, 600, 19_999, 19_900, 400, 600, 19_700, 200]) {
      expect(attempts(made, record), `record ${record}`).toBe(1)
    }
  })

  test('four places far from each other are remembered', () => {
    const made = board()
    const places = [4000, 8000, 12_000, 16_000]
    for (const record of places) attempts(made, record)
    for (let round = 0; round < 10; round++) {
      for (const record of places) expect(attempts(made, record + round)).toBe(1)
    }
  })

  test('what is far from all of it is reached after a while, not by one long walk', () => {
    const made = board()
    const tries = attempts(made, RECORDS / 2)
    expect(tries).toBeGreaterThan(10)
    expect(tries).toBeLessThan(RECORDS / 2 / 100)
  })

  test('a place whose record goes is one beside it', () => {
    const made = board()
    attempts(made, 300)
    while (made.records > 10) made.removeFirst()
    expect(attempts(made, RECORDS - 5)).toBe(1)
    made.clear()
    expect(made.find(place(5))).toBe(null)
    made.append(place(3), place(4), 0, 1, 0)
    expect(made.find(place(3))).toBe(made.first)
    expect(made.find(place(4))).toBe(null)
  })

  test('in an empty list is nowhere', () => {
    expect(new Landmarks().find(null, null, place(0))).toBe(null)
  })
})
