import { describe, expect, test } from 'vitest'
import { initialWindow } from './congestion-control.ts'
import { NewReno } from './new-reno.ts'

const MSS = 1000

/** Brings the window to congestion avoidance at `segments`. */
function avoiding(segments: number): NewReno {
  const reno = new NewReno(MSS)
  reno.enterRecovery(segments * 2 * MSS)
  reno.exitRecovery(segments * 2 * MSS)
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
    reno.acknowledged(1448)
    reno.setSegmentSize(500)
    expect(reno.window).toBe(15_928)
  })

  test('slow start grows by what is acknowledged (RFC 3465)', () => {
    const reno = new NewReno(MSS)
    reno.acknowledged(MSS)
    expect(reno.window).toBe(11 * MSS)
    reno.acknowledged(11 * MSS)
    expect(reno.window).toBe(22 * MSS)
  })

  test('slow start stops at ssthresh, what is over counts for congestion avoidance', () => {
    const reno = avoiding(10)
    reno.timedOut(20 * MSS, false)
    expect([reno.window, reno.slowStartThreshold]).toEqual([MSS, 10 * MSS])
    reno.acknowledged(8 * MSS)
    expect(reno.window).toBe(9 * MSS)
    reno.acknowledged(10 * MSS)
    expect(reno.window).toBe(10 * MSS)
    reno.acknowledged(MSS)
    expect(reno.window).toBe(11 * MSS)
  })

  test('congestion avoidance grows by a segment for each window (RFC 5681, 3.1)', () => {
    const reno = avoiding(10)
    for (let i = 0; i < 9; i++) reno.acknowledged(MSS)
    expect(reno.window).toBe(10 * MSS)
    reno.acknowledged(MSS)
    expect(reno.window).toBe(11 * MSS)
    for (let i = 0; i < 11; i++) reno.acknowledged(MSS)
    expect(reno.window).toBe(12 * MSS)
  })

  test('three duplicates halve it (RFC 5681, 3.2), further ones inflate it, the end deflates it', () => {
    const reno = new NewReno(MSS)
    reno.enterRecovery(10 * MSS)
    expect([reno.slowStartThreshold, reno.window]).toEqual([5 * MSS, 8 * MSS])
    reno.duplicateAcknowledgment()
    expect(reno.window).toBe(9 * MSS)
    reno.exitRecovery(2 * MSS)
    // RFC 6582, 3.2 step 3, option 1.
    expect(reno.window).toBe(3 * MSS)
  })

  test('a partial acknowledgment takes off what it covers and gives back a segment (RFC 6582, 3.2 step 3)', () => {
    const reno = new NewReno(MSS)
    reno.enterRecovery(10 * MSS)
    reno.partialAcknowledgment(3 * MSS)
    expect(reno.window).toBe(6 * MSS)
    reno.partialAcknowledgment(MSS / 2)
    expect(reno.window).toBe(5.5 * MSS)
    reno.partialAcknowledgment(100 * MSS)
    expect(reno.window).toBeGreaterThanOrEqual(MSS)
  })

  test('ssthresh is never less than two segments (RFC 5681, equation 4)', () => {
    const reno = new NewReno(MSS)
    reno.enterRecovery(MSS)
    expect(reno.slowStartThreshold).toBe(2 * MSS)
    reno.timedOut(MSS, false)
    expect(reno.slowStartThreshold).toBe(2 * MSS)
  })

  test('a timeout of the same data again does not lower ssthresh again (RFC 5681, 3.1)', () => {
    const reno = new NewReno(MSS)
    reno.timedOut(20 * MSS, false)
    reno.timedOut(MSS, true)
    expect([reno.slowStartThreshold, reno.window]).toEqual([10 * MSS, MSS])
  })

  test('after idling it is the initial window at most (RFC 5681, 4.1)', () => {
    const reno = new NewReno(MSS)
    reno.acknowledged(100 * MSS)
    reno.restartAfterIdle()
    expect(reno.window).toBe(10 * MSS)
    reno.timedOut(10 * MSS, false)
    reno.restartAfterIdle()
    expect(reno.window).toBe(MSS)
  })

  test('is bounded by what a window can be', () => {
    const reno = new NewReno(MSS)
    for (let i = 0; i < 100; i++) reno.acknowledged(2 ** 29)
    expect(reno.window).toBeLessThanOrEqual(2 ** 30)
    for (let i = 0; i < 100; i++) reno.duplicateAcknowledgment()
    expect(reno.window).toBeLessThanOrEqual(2 ** 30)
  })
})
