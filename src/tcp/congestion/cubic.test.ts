import { describe, expect, test } from 'vitest'
import { advance } from '../sequence-number.ts'
import { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { Congestion, LARGEST_WINDOW } from './congestion-control.ts'
import { Cubic } from './cubic.ts'

const MSS = 1000
const SECOND = 1_000_000

/** A path of a constant round trip: every round a window is acknowledged, in equal parts. */
class Path {
  readonly cubic = new Cubic(MSS)
  readonly sample = new AcknowledgmentSample()
  readonly roundTrip: number
  now = 0

  constructor(roundTripMilliseconds: number) {
    this.roundTrip = roundTripMilliseconds * 1000
    this.sample.smoothedRoundTrip = this.sample.roundTrip = this.roundTrip
  }

  acknowledge(bytes: number, limited = true): void {
    const { sample } = this
    sample.now = this.now
    sample.acknowledged = sample.delivered = bytes
    sample.unacknowledged = advance(sample.unacknowledged, bytes)
    sample.sendNext = advance(sample.unacknowledged, this.cubic.window)
    this.cubic.acknowledged(sample, limited)
  }

  round(parts: number, limited = true): void {
    const bytes = this.cubic.window / parts
    for (let i = 0; i < parts; i++) {
      this.now += this.roundTrip / parts
      this.acknowledge(Math.round(bytes), limited)
    }
  }

  rounds(count: number, parts = 10): void {
    for (let i = 0; i < count; i++) this.round(parts)
  }

  lose(cause: Congestion = Congestion.Loss): void {
    this.cubic.congested(cause, this.cubic.window, this.now)
    this.now += this.roundTrip
    this.cubic.window = this.cubic.slowStartThreshold
    this.cubic.recovered(this.now)
  }

  /** In congestion avoidance after a loss at `segments`. */
  static after(segments: number, roundTripMilliseconds: number): Path {
    const path = new Path(roundTripMilliseconds)
    path.cubic.window = segments * MSS
    path.lose()
    return path
  }
}

/** K of RFC 9438 after a loss at `segments`. */
const inflection = (segments: number) => Math.cbrt((segments * 0.3) / 0.4)

describe('CUBIC', () => {
  test('a loss leaves 0.7, an echo 0.85 (RFC 8511), two segments at least', () => {
    const path = new Path(100)
    path.cubic.congested(Congestion.Loss, 100 * MSS, 0)
    expect(path.cubic.slowStartThreshold).toBe(70 * MSS)
    path.cubic.congested(Congestion.Echo, 100 * MSS, 0)
    expect(path.cubic.slowStartThreshold).toBe(85 * MSS)
    path.cubic.congested(Congestion.Loss, MSS, 0)
    expect(path.cubic.slowStartThreshold).toBe(2 * MSS)
  })

  test.each([
    [100, 100],
    [1000, 40],
    [10_000, 100],
  ])(
    'the window of %s segments is reached again after K, over a plateau, and left behind (%s ms)',
    (segments, roundTrip) => {
      const path = Path.after(segments, roundTrip)
      const start = path.now
      const k = inflection(segments)
      while (path.now < start + k * SECOND) path.round(10)
      expect(path.cubic.window / MSS / segments).toBeGreaterThan(0.98)
      expect(path.cubic.window / MSS / segments).toBeLessThan(1.03)
      while (path.now < start + 2 * k * SECOND) path.round(10)
      // As much above W_max as it began below it, RFC 9438, 4.2.
      expect(path.cubic.window / MSS / segments).toBeGreaterThan(1.25)
      expect(path.cubic.window / MSS / segments).toBeLessThan(1.4)
    },
  )

  test.each([
    [1000, 40],
    [10_000, 200],
    [50, 5],
  ])('growth is the same in few and in many acknowledgments (%s segments, %s ms)', (segments, roundTrip) => {
    const outcomes = [1, 2, 10, 100].map((parts) => {
      const path = Path.after(segments, roundTrip)
      const start = path.now
      const windows: number[] = []
      for (const part of [0.25, 0.5, 1, 1.5]) {
        while (path.now < start + part * inflection(segments) * SECOND) path.round(parts)
        windows.push(path.cubic.window)
      }
      return windows
    })
    for (const windows of outcomes) {
      windows.forEach((window, i) => {
        expect(window / outcomes[3][i]).toBeGreaterThan(0.97)
        expect(window / outcomes[3][i]).toBeLessThan(1.03)
      })
    }
  })

  test('growth of less than a byte per acknowledgment is not lost', () => {
    const path = Path.after(100_000, 100)
    // On the plateau.
    const k = inflection(100_000)
    path.rounds(Math.floor((k * SECOND) / path.roundTrip), 1)
    const before = path.cubic.window
    for (let i = 0; i < 100; i++) path.round(1000)
    const expected = 0.4 * 10 ** 3 * MSS
    expect(path.cubic.window - before).toBeGreaterThan(0.7 * expected)
    expect(path.cubic.window - before).toBeLessThan(1.5 * expected)
    expect(Number.isInteger(path.cubic.window)).toBe(true)
  })

  test('on a short path it is as fast as Reno would be (4.3), and faster beyond the window before the loss', () => {
    const path = Path.after(20, 2)
    // alpha is 0.53: 6 segments take 11 rounds.
    path.rounds(11)
    expect(path.cubic.window / MSS).toBeGreaterThan(19.5)
    expect(path.cubic.window / MSS).toBeLessThan(20.5)
    path.rounds(1)
    const before = path.cubic.window
    path.rounds(10)
    expect((path.cubic.window - before) / MSS).toBeGreaterThan(9)
    expect((path.cubic.window - before) / MSS).toBeLessThan(11)
  })

  test('never more than half a window in a round trip (4.2)', () => {
    const path = Path.after(10, 2000)
    for (let i = 0; i < 20; i++) {
      const before = path.cubic.window
      path.round(100)
      expect(path.cubic.window).toBeLessThanOrEqual(1.5 * before)
    }
  })

  test('fast convergence: a loss below the last maximum lowers the next one (4.7)', () => {
    const path = Path.after(1000, 40)
    path.lose()
    // W_max = 700 * 0.85 = 595: where the plateau is.
    const start = path.now
    const k = Math.cbrt((595 - 490) / 0.4)
    while (path.now < start + k * SECOND) path.round(10)
    expect(path.cubic.window / MSS).toBeGreaterThan(585)
    expect(path.cubic.window / MSS).toBeLessThan(605)
  })

  test('time without enough to send does not count (5.8)', () => {
    const limited = Path.after(1000, 40)
    limited.rounds(25)
    for (let i = 0; i < 1000; i++) limited.round(2, false)
    // Nothing in flight for a while, then again.
    limited.now += 7 * SECOND
    limited.cubic.resumed(7 * SECOND, limited.now)
    const window = limited.cubic.window
    limited.round(10)
    const busy = Path.after(1000, 40)
    busy.rounds(25)
    expect(window).toBe(busy.cubic.window)
    busy.round(10)
    expect(Math.abs(limited.cubic.window - busy.cubic.window)).toBeLessThan(MSS)
  })

  test('the first slow start ends by HyStart++ without a loss, and the curve begins at its inflection (4.10)', () => {
    const path = new Path(50)
    path.rounds(3)
    expect(path.cubic.window).toBe(80 * MSS)
    path.sample.roundTrip = 70_000
    for (let i = 0; i < 6; i++) path.round(10)
    expect(path.cubic.slowStartThreshold).toBeLessThan(LARGEST_WINDOW)
    const { window } = path.cubic
    expect(window).toBeGreaterThan(200 * MSS)
    expect(window).toBeLessThan(400 * MSS)
    path.round(10)
    expect(path.cubic.window - window).toBeLessThan(2 * MSS)
    path.rounds(100)
    // 0.4 * 5.05^3
    expect((path.cubic.window - window) / MSS).toBeGreaterThan(45)
  })

  test('after a timeout slow start, then a curve from its inflection (4.8)', () => {
    const path = Path.after(1000, 40)
    path.rounds(10)
    const { window } = path.cubic
    path.cubic.timedOut(window, false, path.now)
    expect(path.cubic.window).toBe(MSS)
    expect(path.cubic.slowStartThreshold).toBe(Math.floor(window * 0.7))
    path.cubic.timedOut(MSS, true, path.now)
    expect(path.cubic.slowStartThreshold).toBe(Math.floor(window * 0.7))
    while (path.cubic.window < path.cubic.slowStartThreshold) path.round(10)
    const reached = path.cubic.window
    path.rounds(10)
    expect(path.cubic.window - reached).toBeLessThan(8 * MSS)
    // 0.4 * 4^3 + 0.4 * (4^3 - ...): convex from here.
    path.rounds(90)
    expect((path.cubic.window - reached) / MSS).toBeGreaterThan(20)
  })

  test.each(['loss', 'timeout'])('a spurious %s leaves no trace (4.9)', (kind) => {
    const [path, undisturbed] = [Path.after(1000, 40), Path.after(1000, 40)]
    for (const each of [path, undisturbed]) each.rounds(20)
    const { window, slowStartThreshold } = path.cubic
    if (kind === 'loss') {
      path.lose()
    } else {
      path.cubic.timedOut(window, false, path.now)
      path.now += path.roundTrip
    }
    path.round(10)
    path.cubic.undo(path.now)
    expect([path.cubic.window, path.cubic.slowStartThreshold]).toEqual([window, slowStartThreshold])
    undisturbed.now = path.now
    for (const each of [path, undisturbed]) each.rounds(50)
    expect(Math.abs(path.cubic.window - undisturbed.cubic.window)).toBeLessThan(MSS)
    // A second undo has nothing to do.
    path.lose()
    const lost = path.cubic.window
    path.cubic.undo(path.now)
    expect(path.cubic.window).toBeGreaterThan(lost)
    path.cubic.window = lost
    path.cubic.undo(path.now)
    expect(path.cubic.window).toBe(lost)
  })

  test('after an idle time slow start, then a curve to the plateau that it aimed at before (RFC 2861)', () => {
    const path = Path.after(1000, 40)
    path.rounds(100)
    const { window } = path.cubic
    path.now += 10 * SECOND
    path.cubic.restartAfterIdle(10 * SECOND, SECOND, path.now)
    expect(path.cubic.window).toBe(10 * MSS)
    expect(path.cubic.slowStartThreshold).toBe(window - (window >> 2))
    let before = 0
    while (path.cubic.window < path.cubic.slowStartThreshold) {
      before = path.cubic.window
      path.round(10)
      expect(path.cubic.window).toBeLessThanOrEqual(2 * before)
    }
    const start = path.now
    const k = Math.cbrt((1000 - path.cubic.window / MSS) / 0.4)
    while (path.now < start + k * SECOND) path.round(10)
    expect(path.cubic.window / MSS).toBeGreaterThan(990)
    expect(path.cubic.window / MSS).toBeLessThan(1010)
  })

  test('stays within what a window can be, and a number', () => {
    const path = Path.after(700_000, 100)
    for (let i = 0; i < 2000; i++) path.round(1)
    expect(path.cubic.window).toBe(LARGEST_WINDOW)
  })
})
