/** A stack that has a flight of full segments under way to a scripted peer, for tests of loss recovery. */
import { MILLISECOND, type Microseconds } from '../../src/clock/index.ts'
import { type EstablishedOptions, established, pattern, type ScriptedSegment } from './scripted-peer.ts'
import { checkSender } from './sender-invariants.ts'

export const MSS = 1000
export const ROUND_TRIP: Microseconds = 100 * MILLISECOND

/** The number of a segment's first byte; segments count from 0. */
export const at = (segment: number) => 1 + segment * MSS

/** Segments from `from` on, before `to`. */
export const block = (from: number, to: number): [number, number] => [at(from), at(to)]

export interface FlightOptions extends EstablishedOptions {
  /** The peer permits SACK. Default true. */
  sack?: boolean
  /** The congestion window in segments; default the initial one. */
  congestionWindow?: number
  /** The application has written so many segments more than can go. */
  waiting?: number
}

/** A data segment that the stack has sent: its number among full segments, and when. */
export interface Seen {
  segment: number
  time: Microseconds
}

/** `segments` full segments go out at once; the round trip of the handshake is known. */
export function flight(segments: number, options: FlightOptions = {}) {
  const { sack = true, congestionWindow, waiting = 0, ...rest } = options
  const made = established({
    roundTrip: ROUND_TRIP,
    ...rest,
    syn: { mss: MSS + (options.timestamps ? 12 : 0), sackPermitted: sack, ...options.syn },
    settings: { congestionControl: 'newreno', ...options.settings },
  })
  const { connection, peer, clock } = made
  const recovery = connection.startSending()
  if (congestionWindow !== undefined) recovery.congestion.window = congestionWindow * MSS
  let written = 0

  /** Full segments of data that have arrived and were not asked for yet; what is shorter counts as a fraction. */
  function sent(): number[] {
    return arrived().map(({ segment }) => segment)
  }

  function arrived(): Seen[] {
    clock.advance(0)
    if (connection.error === null) checkSender(connection)
    return peer.inbox
      .splice(0)
      .filter(({ tcp }) => tcp.length > 0 || tcp.flags.includes('F'))
      .map(({ tcp, time }) => ({ segment: (((tcp.seq - peer.stackIsn) | 0) - 1) / MSS, time }))
  }

  /** The application writes so many full segments. @returns what goes out */
  function write(count: number): number[] {
    connection.write(pattern(count * MSS, written), null)
    written += count * MSS
    return sent()
  }

  /** The peer acknowledges all segments before `to`, and reports blocks. @returns what goes out upon it */
  function acknowledge(to: number, blocks: [number, number][] = [], more: ScriptedSegment = {}): number[] {
    const segment: ScriptedSegment = { ack: at(to), ...more }
    if (blocks.length > 0) segment.sack = blocks
    peer.send(segment)
    return sent()
  }

  /** Lets time pass. @returns what goes out meanwhile, times counted from the beginning of the wait */
  function wait(duration: Microseconds): Seen[] {
    const start = clock.now()
    const end = start + duration
    for (let next = clock.nextExpiry(); next !== undefined && next <= end; next = clock.nextExpiry()) {
      clock.advanceTo(Math.max(next, clock.now()))
      if (connection.error === null) checkSender(connection)
    }
    clock.advanceTo(end)
    return arrived().map(({ segment, time }) => ({ segment, time: time - start }))
  }

  const first = write(segments + waiting)
  return { ...made, recovery, congestion: recovery.congestion, board: recovery.board, write, acknowledge, wait, first }
}

/** A whole round trip's wait, in which nothing may go out but what is told. */
export const segmentsOf = (seen: readonly Seen[]) => seen.map(({ segment }) => segment)
