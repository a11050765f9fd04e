import { expect, test } from 'vitest'
import { PingStatistics } from './ping-statistics.ts'

test('without anything there is nothing to tell', () => {
  const expected = {
    sent: 0,
    received: 0,
    lostPercent: 0,
    minimum: null,
    average: null,
    maximum: null,
    deviation: null,
  }
  expect(new PingStatistics().summary).toEqual(expected)
})

test('losses, and what the replies took', () => {
  const statistics = new PingStatistics()
  for (let i = 0; i < 8; i++) statistics.noteSent()
  for (const time of [2, 4, 4, 4, 5, 5]) statistics.noteReply(time)
  const { deviation, ...rest } = statistics.summary
  expect(rest).toEqual({ sent: 8, received: 6, lostPercent: 25, minimum: 2, average: 4, maximum: 5 })
  expect(deviation).toBeCloseTo(1, 10)
})

test('small differences of long times are not lost', () => {
  const statistics = new PingStatistics()
  for (let i = 0; i < 1000; i++) statistics.noteReply(1e9 + (i % 2))
  expect(statistics.summary.deviation).toBeCloseTo(0.5, 6)
})
