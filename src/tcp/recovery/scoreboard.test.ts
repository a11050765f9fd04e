/** The scoreboard against a naive model: an array with the flags of each byte. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { checkScoreboard } from '../../../test/support/sender-invariants.ts'
import { advance, distance, isAfter, isBefore, sequenceNumber } from '../sequence-number.ts'
import { Scoreboard, segmentsIn } from './scoreboard.ts'
import { Sent, type SentSegment, SentSegmentPool } from './sent-segment.ts'

const MSS = 4
/** So that numbers wrap around, and pass through the most negative one. */
const STARTS = [0, 0x7ffffff0, 0xfffffff0]

interface Byte {
  sacked: boolean
  lost: boolean
  retransmitted: boolean
  ever: boolean
  fin: boolean
  sentAt: number
}

type Step =
  | { kind: 'append'; length: number; fin: boolean }
  | { kind: 'split' | 'sack' | 'lose' | 'retransmit'; at: number }
  | { kind: 'acknowledge'; at: number }
  | { kind: 'undo' | 'renege' | 'clear' | 'next' | 'join' }

const place = fc.nat({ max: 60 })
const step: fc.Arbitrary<Step> = fc.oneof(
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constant('append'), length: fc.integer({ min: 1, max: 12 }), fin: fc.boolean() }),
  },
  {
    weight: 12,
    arbitrary: fc.record({ kind: fc.constantFrom('split', 'sack', 'lose', 'retransmit'), at: place }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('acknowledge'), at: place }) },
  { weight: 4, arbitrary: fc.record({ kind: fc.constantFrom('undo', 'renege', 'next', 'next', 'join', 'clear') }) },
) as fc.Arbitrary<Step>

class Model {
  readonly bytes: Byte[] = []
  now = 0

  apply(board: Scoreboard, from: number, step: Step): void {
    // Several things may happen in the same microsecond.
    this.now += step.kind === 'append' ? 1 : 0
    const { bytes } = this
    const una = board.first?.start ?? sequenceNumber(from)
    switch (step.kind) {
      case 'append': {
        if (bytes.length > 0 && bytes[bytes.length - 1].fin) return
        const end = advance(board.last?.end ?? una, step.length)
        const flags = step.fin ? Sent.Fin : 0
        board.append(board.last?.end ?? una, end, flags, segmentsIn(step.length, MSS), this.now)
        for (let i = 1; i <= step.length; i++)
          bytes.push({ ...FRESH, fin: step.fin && i === step.length, sentAt: this.now })
        return
      }
      case 'undo':
        board.unmarkLost()
        for (const byte of bytes) byte.lost = false
        return
      case 'renege':
        board.forgetSacks()
        for (const byte of bytes) byte.sacked = false
        return
      case 'clear':
        board.clear()
        bytes.length = 0
        return
      case 'next': {
        const expected = bytes.findIndex((byte) => byte.lost && !byte.retransmitted)
        const found = board.nextLost()
        expect(found === null ? -1 : distance(found.start, una)).toBe(expected)
        return
      }
      case 'join': {
        const lost = board.nextLost()
        if (lost === null) return
        while (lost.length < MSS && board.joinNext(lost, MSS));
        return
      }
      case 'acknowledge': {
        const at = Math.min(step.at, bytes.length)
        const acknowledgment = advance(una, at)
        while (board.first !== null && isBefore(board.first.start, acknowledgment)) {
          if (isAfter(board.first.end, acknowledgment)) board.split(board.first, acknowledgment, MSS)
          board.removeFirst()
        }
        bytes.splice(0, at)
        return
      }
    }
    if (bytes.length === 0) return
    const at = step.at % bytes.length
    const segment = board.find(advance(una, at))!
    expect(isAfter(segment.start, advance(una, at))).toBe(false)
    expect(isAfter(segment.end, advance(una, at))).toBe(true)
    const start = distance(segment.start, una)
    const covered = bytes.slice(start, start + segment.length)
    const { flags } = segment
    if (step.kind === 'split') {
      if (at > start) board.split(segment, advance(una, at), MSS)
    } else if (step.kind === 'sack') {
      if ((flags & Sent.Sacked) !== 0) return
      board.markSacked(segment)
      for (const byte of covered) Object.assign(byte, { sacked: true, lost: false, retransmitted: false })
      // What is SACKed needs no time of its own any more.
      const merged = board.merge(segment)
      const first = distance(merged.start, una)
      for (const byte of bytes.slice(first, first + merged.length)) byte.sentAt = merged.sentAt
    } else if (step.kind === 'lose') {
      if ((flags & Sent.Sacked) !== 0) return
      const again = board.markLost(segment)
      expect(again).toBe(covered[0].retransmitted)
      for (const byte of covered) Object.assign(byte, { lost: true, retransmitted: false })
    } else {
      if ((flags & Sent.Sacked) !== 0) return
      this.now++
      board.markRetransmitted(segment, this.now)
      for (const byte of covered) Object.assign(byte, { retransmitted: true, ever: true, sentAt: this.now })
    }
  }

  check(board: Scoreboard): void {
    checkScoreboard(board)
    const total = (which: (byte: Byte) => boolean) => this.bytes.filter(which).length
    expect({
      sacked: board.sacked,
      lost: board.lost,
      retransmitted: board.retransmitted,
      lostUnsent: board.lostUnsent,
    }).toEqual({
      sacked: total((byte) => byte.sacked),
      lost: total((byte) => byte.lost),
      retransmitted: total((byte) => byte.retransmitted),
      lostUnsent: total((byte) => byte.lost && !byte.retransmitted),
    })
    let at = 0
    for (let segment = board.first; segment !== null; segment = segment.next) {
      for (let i = 0; i < segment.length; i++) {
        const byte = this.bytes[at++]
        const { flags } = segment
        expect({
          sacked: (flags & Sent.Sacked) !== 0,
          lost: (flags & Sent.Lost) !== 0,
          retransmitted: (flags & Sent.Retransmitted) !== 0,
          fin: (flags & Sent.Fin) !== 0 && i === segment.length - 1,
        }).toEqual({ sacked: byte.sacked, lost: byte.lost, retransmitted: byte.retransmitted, fin: byte.fin })
        // Karn: what was ever sent twice must not be taken for what was sent once. Joining may lump both together.
        if (byte.ever) expect(flags & Sent.EverRetransmitted).not.toBe(0)
        // What can still be found lost is judged by the time of its own last transmission.
        if (segment.inTimeOrder && !byte.lost) expect(segment.sentAt).toBe(byte.sentAt)
      }
    }
    expect(at).toBe(this.bytes.length)
  }
}

const FRESH: Byte = { sacked: false, lost: false, retransmitted: false, ever: false, fin: false, sentAt: 0 }

describe('any sequence of what can happen to a scoreboard', () => {
  test.each(STARTS)('leaves it as a model of single bytes says, from number %i on', (from) => {
    fc.assert(
      fc.property(fc.array(step, { minLength: 1, maxLength: 60 }), (steps) => {
        const board = new Scoreboard(new SentSegmentPool())
        const model = new Model()
        for (const each of steps) {
          model.apply(board, from, each)
          model.check(board)
        }
      }),
      { numRuns: 150 },
    )
  })
})

describe('records that are used again', () => {
  test('bring nothing with them of what they were', () => {
    const pool = new SentSegmentPool()
    const board = new Scoreboard(pool)
    const from = sequenceNumber(-5)
    for (let i = 0; i < 8; i++) {
      board.append(advance(from, i * MSS), advance(from, (i + 1) * MSS), i === 7 ? Sent.Fin : 0, 1, i)
    }
    board.markSacked(board.last!)
    board.markLost(board.first!)
    board.markRetransmitted(board.first!, 10)
    board.markLost(board.first!.next!)
    board.clear()
    checkScoreboard(board)
    for (let i = 0; i < 8; i++) {
      const segment = board.append(advance(from, i), advance(from, i + 1), 0, 1, 20)
      expect(segment.flags).toBe(0)
      checkScoreboard(board)
    }
    const rest = board.split(
      board.append(advance(from, 8), advance(from, 8 + 2 * MSS), 0, 2, 20),
      advance(from, 12),
      MSS,
    )
    expect(rest.flags).toBe(0)
    checkScoreboard(board)
  })

  test('are the same ones: a steady flow makes none', () => {
    const board = new Scoreboard(new SentSegmentPool())
    const seen = new Set<SentSegment>()
    let at = sequenceNumber(0)
    for (let i = 0; i < 1000; i++) {
      seen.add(board.append(at, advance(at, MSS), 0, 1, i))
      at = advance(at, MSS)
      if (i >= 10) board.removeFirst()
    }
    expect(seen.size).toBe(11)
  })
})
