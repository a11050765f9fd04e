import { describe, expect, test } from 'vitest'
import { advance, sequenceNumber } from '../sequence-number.ts'
import { AcknowledgmentSample } from './acknowledgment-sample.ts'
import { HyStart, SlowStartPhase } from './hystart.ts'

const MSS = 1000
const { Standard, Conservative, Over } = SlowStartPhase

/** Rounds of `perRound` acknowledgments; as much as each covers has been sent again at once. */
class Rounds {
  readonly sample = new AcknowledgmentSample()
  readonly hystart: HyStart

  constructor(start = 0) {
    this.sample.unacknowledged = sequenceNumber(start)
    this.sample.sendNext = advance(this.sample.unacknowledged, 10 * MSS)
    this.hystart = new HyStart(this.sample.sendNext)
  }

  /** @returns the phase after each acknowledgment */
  round(perRound: number, roundTripMilliseconds: number): SlowStartPhase[] {
    const phases: SlowStartPhase[] = []
    for (let i = 0; i < perRound; i++) {
      this.sample.roundTrip = roundTripMilliseconds * 1000
      this.sample.unacknowledged = advance(this.sample.unacknowledged, (10 * MSS) / perRound)
      this.sample.sendNext = advance(this.sample.sendNext, (10 * MSS) / perRound)
      phases.push(this.hystart.acknowledged(this.sample))
    }
    return phases
  }
}

describe('HyStart++', () => {
  test.each([0, 0x7fffe000, -20_000])('a constant round trip never ends slow start (from %s)', (start) => {
    const rounds = new Rounds(start)
    for (let i = 0; i < 20; i++) expect(new Set(rounds.round(10, 50))).toEqual(new Set([Standard]))
  })

  test('an eighth more over a whole round begins CSS at the eighth sample, which ends slow start after five rounds', () => {
    const rounds = new Rounds()
    rounds.round(10, 80)
    expect(rounds.round(10, 90)).toEqual([...Array(7).fill(Standard), ...Array(3).fill(Conservative)])
    for (let i = 0; i < 3; i++) expect(rounds.round(10, 90)).toEqual(Array(10).fill(Conservative))
    // RFC 9406, 4.2: the partial round in which it began counts.
    expect(rounds.round(10, 90)).toEqual([...Array(9).fill(Conservative), Over])
  })

  test.each([
    [8, 11.9, 12.1, 'at least 4 ms'],
    [80, 89.9, 90.1, 'an eighth'],
    [800, 815.9, 816.1, 'at most 16 ms'],
  ])('from %s ms, %s is not more and %s is: %s', (from, same, more) => {
    const phaseAfter = (milliseconds: number) => {
      const rounds = new Rounds()
      rounds.round(10, from)
      return rounds.round(10, milliseconds).at(-1)
    }
    expect([phaseAfter(same), phaseAfter(more)]).toEqual([Standard, Conservative])
  })

  test('one quick round trip among long ones is what counts', () => {
    const rounds = new Rounds()
    rounds.round(20, 50)
    rounds.sample.roundTrip = 50_000
    rounds.hystart.acknowledged(rounds.sample)
    expect(rounds.round(20, 90).at(-1)).toBe(Standard)
  })

  test('a round trip that shrinks again resumes slow start', () => {
    const rounds = new Rounds()
    rounds.round(10, 80)
    rounds.round(10, 100)
    expect(rounds.round(10, 95)).toEqual([...Array(7).fill(Conservative), ...Array(3).fill(Standard)])
    // And it can begin again.
    expect(rounds.round(10, 120).at(-1)).toBe(Conservative)
  })

  test('a round of few acknowledgments ends, and with too few samples says nothing', () => {
    const rounds = new Rounds()
    rounds.round(10, 80)
    expect(rounds.round(2, 200)).toEqual([Standard, Standard])
    rounds.round(10, 200)
    expect(rounds.round(10, 300).at(-1)).toBe(Conservative)
    // CSS is counted in rounds, whatever was sampled.
    for (let i = 0; i < 3; i++) expect(rounds.round(1, 300)).toEqual([Conservative])
    expect(rounds.round(1, 300)).toEqual([Over])
  })

  test('acknowledgments without a round trip are no samples', () => {
    const rounds = new Rounds()
    rounds.round(10, 80)
    expect(rounds.round(100, -0.001).at(-1)).toBe(Standard)
  })
})
