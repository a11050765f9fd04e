/** What must hold of a sender whenever no burst is under way: a connection can neither be stuck nor miscount. */
import { expect } from 'vitest'
import { LARGEST_WINDOW } from '../../src/tcp/congestion/index.ts'
import type { Connection } from '../../src/tcp/index.ts'
import type { Scoreboard } from '../../src/tcp/recovery/scoreboard.ts'
import { Sent, type SentSegment } from '../../src/tcp/recovery/sent-segment.ts'
import { advance, distance, isAfter, type SequenceNumber } from '../../src/tcp/sequence-number.ts'

/** As `expect`, which is too slow for each record of each step. */
function check(condition: boolean, what: string): void {
  if (!condition) expect.fail(what)
}

/** The lists of a scoreboard and its sums, counted anew. @param selective without SACK `sacked` is an estimate */
export function checkScoreboard(board: Scoreboard, selective = true): void {
  let records = 0
  let sacked = 0
  let sackedSegments = 0
  let lost = 0
  let retransmitted = 0
  let lostUnsent = 0
  let highest: SentSegment | null = null
  let timed = 0
  let previous: SentSegment | null = null
  let lostInOrder = board.nextLost()
  for (let segment = board.first; segment !== null; segment = segment.next) {
    records++
    const { flags, length } = segment
    check(length > 0 && segment.count > 0, 'a record is of something')
    check(segment.previous === previous, 'the list is linked both ways')
    check(previous === null || segment.start === previous.end, 'records follow each other without gaps')
    if ((flags & Sent.Sacked) !== 0) {
      check((flags & (Sent.Lost | Sent.Retransmitted)) === 0, 'what has arrived is not lost')
      sacked += length
      sackedSegments += segment.count
      highest = segment
    }
    if ((flags & Sent.Lost) !== 0) lost += length
    if ((flags & Sent.Retransmitted) !== 0) retransmitted += length
    const waits = (flags & (Sent.Lost | Sent.Retransmitted)) === Sent.Lost
    if (waits) {
      lostUnsent += length
      check(segment === lostInOrder, 'what waits for its retransmission is in order')
      lostInOrder = segment.later
    }
    check((flags & Sent.Fin) === 0 || segment.next === null, 'FIN is at the end')
    check(segment.inTimeOrder === (!waits && (flags & Sent.Sacked) === 0), 'in order of time is what is on its way')
    if (segment.inTimeOrder) timed++
    previous = segment
  }
  check(board.last === previous, 'the list ends with the last')
  check(lostInOrder === null, 'nothing else waits')
  const sums = { records: board.records, lost: board.lost, retransmitted: board.retransmitted }
  expect({ ...sums, lostUnsent: board.lostUnsent }).toEqual({ records, lost, retransmitted, lostUnsent })
  if (selective) {
    expect({ sacked: board.sacked, sackedSegments: board.sackedSegments }).toEqual({ sacked, sackedSegments })
    if (highest !== null) expect(board.highestSacked).toBe(highest.end)
  }
  let earlier: SentSegment | null = null
  for (let segment = board.oldest; segment !== null; segment = segment.later) {
    timed--
    check(segment.earlier === earlier, 'the order of time is linked both ways')
    check(earlier === null || segment.sentAt >= earlier.sentAt, 'the order of time is one')
    earlier = segment
  }
  expect(board.newest).toBe(earlier)
  expect(timed).toBe(0)
}

export function checkSender(connection: Connection): void {
  const { recovery } = connection
  if (recovery === null || connection.error !== null || connection.timer === undefined) return
  const { board, congestion } = recovery
  const outstanding = distance(connection.sendNext, connection.unacknowledged)
  expect(outstanding).toBeGreaterThanOrEqual(0)
  checkScoreboard(board, connection.selectiveAcknowledgments)
  if (outstanding === 0) {
    expect(board.records).toBe(0)
    return
  }
  expect(board.first!.start).toBe(connection.unacknowledged)
  expect(board.last!.end).toBe(connection.sendNext)
  expect(recovery.flight(outstanding)).toBeGreaterThanOrEqual(0)
  expect(congestion.window).toBeGreaterThanOrEqual(connection.segmentSize)
  expect(congestion.window).toBeLessThanOrEqual(LARGEST_WINDOW)
  expect(Number.isFinite(connection.retransmitAt), 'a timer runs while something is outstanding').toBe(true)
  const next = Math.min(connection.retransmitAt, recovery.reorderingAt, recovery.paceAt)
  expect(connection.timer.armed).toBe(true)
  expect(connection.timer.expiry, 'the timer fires at the earliest deadline').toBeLessThanOrEqual(next)
  const lost = board.nextLost()
  if (lost === null) {
    expect(board.lostUnsent).toBe(0)
    return
  }
  if (recovery.paceAt !== Number.POSITIVE_INFINITY) return
  // F-RTO waits for what comes back of new data: RFC 5682, 2.1 step 2b.
  if (recovery.timeoutMayBeSpurious && isAfter(connection.sendNext, recovery.recoveryPoint)) return
  // What the peer's window no longer covers waits.
  if (lost !== board.first && !isAfter(windowEdge(connection), lost.start)) return
  const room = congestion.window - recovery.flight(outstanding)
  expect(room, 'what is lost is sent as soon as the window has room').toBeLessThan(
    Math.min(connection.segmentSize, lost.length),
  )
  expect(recovery.flight(outstanding), 'something is on its way').toBeGreaterThan(0)
}

function windowEdge(connection: Connection): SequenceNumber {
  return advance(connection.unacknowledged, connection.sendWindow)
}
