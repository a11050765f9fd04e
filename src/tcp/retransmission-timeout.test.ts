import { describe, expect, test } from 'vitest'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { LARGEST_TIMEOUT, LEAST_TIMEOUT, RetransmissionTimeout } from './retransmission-timeout.ts'

describe('the retransmission timeout, RFC 6298', () => {
  test('2.1: before the first sample it is 1 s', () => {
    expect(new RetransmissionTimeout().current).toBe(1 * SECOND)
  })

  test('2.2: the first sample R gives SRTT = R, RTTVAR = R/2, RTO = SRTT + 4 RTTVAR', () => {
    const timeout = new RetransmissionTimeout()
    timeout.sample(400 * MILLISECOND)
    expect([timeout.smoothed, timeout.variation]).toEqual([400_000, 200_000])
    expect(timeout.current).toBe(1200 * MILLISECOND)
  })

  test('2.3: the next ones with alpha = 1/8 and beta = 1/4, the variation first', () => {
    const timeout = new RetransmissionTimeout()
    timeout.sample(400_000)
    timeout.sample(800_000)
    expect(timeout.variation).toBe(200_000 * 0.75 + 400_000 * 0.25)
    expect(timeout.smoothed).toBe(400_000 * 0.875 + 800_000 * 0.125)
    expect(timeout.current).toBe(450_000 + 4 * 250_000)
    timeout.sample(100_000)
    expect(timeout.variation).toBe(250_000 * 0.75 + 350_000 * 0.25)
    expect(timeout.smoothed).toBe(450_000 * 0.875 + 100_000 * 0.125)
  })

  test('2.4: there is a least one, above the round trip (as Linux, 200 ms)', () => {
    const timeout = new RetransmissionTimeout()
    for (let i = 0; i < 100; i++) timeout.sample(50 * MILLISECOND)
    expect(timeout.current).toBeCloseTo(50 * MILLISECOND + LEAST_TIMEOUT, -2)
    for (let i = 0; i < 100; i++) timeout.sample(0)
    expect(timeout.current).toBeGreaterThanOrEqual(LEAST_TIMEOUT)
    expect(timeout.smoothed).toBeGreaterThan(0)
  })

  test('2.5: and a largest one', () => {
    const timeout = new RetransmissionTimeout()
    timeout.sample(1000 * SECOND)
    expect(timeout.current).toBe(LARGEST_TIMEOUT)
    expect(LARGEST_TIMEOUT).toBeGreaterThanOrEqual(60 * SECOND)
  })

  test('5.5: each expiry doubles it, up to the largest; a sample takes that back', () => {
    const timeout = new RetransmissionTimeout()
    timeout.sample(100 * MILLISECOND)
    const base = timeout.current
    const doubled = [1, 2, 3, 4].map((backoff) => {
      timeout.backoff = backoff
      return timeout.current / base
    })
    expect(doubled).toEqual([2, 4, 8, 16])
    timeout.backoff = 100
    expect(timeout.current).toBe(LARGEST_TIMEOUT)
    timeout.sample(100 * MILLISECOND)
    expect(timeout.current).toBeLessThanOrEqual(base)
  })

  test('5.7: after a SYN was lost it is 3 s, unless a sample says better', () => {
    const timeout = new RetransmissionTimeout()
    timeout.backoff = 2
    timeout.afterLostSyn()
    expect(timeout.current).toBe(3 * SECOND)
    timeout.sample(10 * MILLISECOND)
    expect(timeout.current).toBe(10 * MILLISECOND + LEAST_TIMEOUT)
    timeout.afterLostSyn()
    expect(timeout.current).toBe(10 * MILLISECOND + LEAST_TIMEOUT)
  })
})
