import { describe, expect, test } from 'vitest'
import { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { Congestion, initialWindow, LARGEST_WINDOW } from './congestion-control.ts'
import { NewReno } from './new-reno.ts'

const MSS = 1000
const SECOND = 1_000_000

function acknowledge(reno: NewReno, bytes: number, limited = true): void {
  const sample = new AcknowledgmentSample()
  sample.acknowledged = sample.delivered = bytes
  reno.acknowledged(sample, limited)
}

/** In congestion avoidance at `segments`. */
function avoiding(segments: number): NewReno {
  const reno = new NewReno(MSS)
  reno.congested(Congestion.Loss, segments * 2 * MSS, 0)
  reno.window = reno.slowStartThreshold
  reno.recovered(0)
  expect(reno.window).toBe(segments * MSS)
  return reno
}

describe('NewReno', () => {
  test.each([
    [536, 5360],
    [1095, 10_950],
    [1460, 14_600],
    [4380, 14_600],
    [8960, 17_920],
    [65_000, 130_000],
  ])('RFC 6928: the initial window for segments of %s is %s', (segmentSize, window) => {
    expect(initialWindow(segmentSize)).toBe(window)
    expect(new NewReno(segmentSize).window).toBe(window)
  })

  test('a segment size that is learnt before anything was sent makes a new initial window, later only a larger one', () => {
    const reno = new NewReno(536)
    reno.setSegmentSize(1448)
    expect(reno.window).toBe(14_480)
    acknowledge(reno, 1448)
    reno.setSegmentSize(500)
    expect(reno.window).toBe(15_928)
  })

  test('slow start grows by what is acknowledged (RFC 3465)', () => {
    const reno = new NewReno(MSS)
    acknowledge(reno, MSS)
    expect(reno.window).toBe(11 * MSS)
    acknowledge(reno, 11 * MSS)
    expect(reno.window).toBe(22 * MSS)
  })

  test('slow start stops at ssthresh, what is over counts for congestion avoidance', () => {
    const reno = avoiding(10)
    reno.timedOut(20 * MSS, false, 0)
    expect([reno.window, reno.slowStartThreshold]).toEqual([MSS, 10 * MSS])
    acknowledge(reno, 8 * MSS)
    expect(reno.window).toBe(9 * MSS)
    acknowledge(reno, 10 * MSS)
    expect(reno.window).toBe(10 * MSS)
    acknowledge(reno, MSS)
    expect(reno.window).toBe(11 * MSS)
  })

  test('congestion avoidance grows by a segment for each window (RFC 5681, 3.1)', () => {
    const reno = avoiding(10)
    for (let i = 0; i < 9; i++) acknowledge(reno, MSS)
    expect(reno.window).toBe(10 * MSS)
    acknowledge(reno, MSS)
    expect(reno.window).toBe(11 * MSS)
    for (let i = 0; i < 11; i++) acknowledge(reno, MSS)
    expect(reno.window).toBe(12 * MSS)
  })

  test('does not grow while the application is the limit, nor for duplicates, nor for what SACK told before', () => {
    const reno = new NewReno(MSS)
    acknowledge(reno, 5 * MSS, false)
    expect(reno.window).toBe(10 * MSS)
    const sample = new AcknowledgmentSample()
    sample.delivered = MSS
    reno.acknowledged(sample, true)
    expect(reno.window).toBe(10 * MSS)
    sample.acknowledged = 9 * MSS
    reno.acknowledged(sample, true)
    expect(reno.window).toBe(11 * MSS)
  })

  test('loss halves (RFC 5681, equation 4), an echo takes a fifth (RFC 8511); the window is left to the sender', () => {
    const reno = avoiding(20)
    reno.congested(Congestion.Loss, 20 * MSS, 0)
    expect([reno.slowStartThreshold, reno.window]).toEqual([10 * MSS, 20 * MSS])
    const other = avoiding(20)
    other.congested(Congestion.Echo, 20 * MSS, 0)
    expect([other.slowStartThreshold, other.window]).toEqual([16 * MSS, 20 * MSS])
  })

  test('ssthresh is never less than two segments (RFC 5681, equation 4)', () => {
    const reno = new NewReno(MSS)
    reno.congested(Congestion.Loss, MSS, 0)
    expect(reno.slowStartThreshold).toBe(2 * MSS)
    reno.timedOut(MSS, false, 0)
    expect(reno.slowStartThreshold).toBe(2 * MSS)
  })

  test('a timeout of the same data again does not lower ssthresh again (RFC 5681, 3.1)', () => {
    const reno = new NewReno(MSS)
    reno.timedOut(20 * MSS, false, 0)
    reno.timedOut(MSS, true, 0)
    expect([reno.slowStartThreshold, reno.window]).toEqual([10 * MSS, MSS])
  })

  test('undo gives back window and threshold, once, and takes nothing away', () => {
    const reno = new NewReno(MSS)
    acknowledge(reno, 10 * MSS)
    reno.timedOut(20 * MSS, false, 0)
    reno.timedOut(20 * MSS, true, 0)
    reno.undo(0)
    expect([reno.slowStartThreshold, reno.window]).toEqual([LARGEST_WINDOW, 20 * MSS])
    const other = avoiding(20)
    other.congested(Congestion.Loss, 20 * MSS, 0)
    other.window = 30 * MSS
    other.undo(0)
    expect([other.slowStartThreshold, other.window]).toEqual([20 * MSS, 30 * MSS])
    other.window = other.slowStartThreshold = 4 * MSS
    other.undo(0)
    expect([other.slowStartThreshold, other.window]).toEqual([4 * MSS, 4 * MSS])
  })

  test('idle time halves the window for each timeout, to the initial one (RFC 2861), and ssthresh remembers', () => {
    const reno = avoiding(100)
    reno.restartAfterIdle(2.5 * SECOND, SECOND, 0)
    expect([reno.window, reno.slowStartThreshold]).toEqual([25 * MSS, 100 * MSS])
    reno.slowStartThreshold = 10 * MSS
    reno.restartAfterIdle(1000 * SECOND, SECOND, 0)
    expect([reno.window, reno.slowStartThreshold]).toEqual([10 * MSS, 18_750])
    reno.window = MSS
    reno.restartAfterIdle(1000 * SECOND, SECOND, 0)
    expect(reno.window).toBe(MSS)
  })

  test('is bounded by what a window can be', () => {
    const reno = new NewReno(MSS)
    for (let i = 0; i < 100; i++) acknowledge(reno, 2 ** 29)
    expect(reno.window).toBe(2 ** 30)
  })
})
