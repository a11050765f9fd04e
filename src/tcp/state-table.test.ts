/**
 * Every state against every kind of segment: RFC 9293, sections 3.10.7.1 (CLOSED), 3.10.7.2 (LISTEN), 3.10.7.3 (SYN-SENT)
 * and 3.10.7.4 (the others), with RFC 5961 against blind attacks. One line for each kind of segment, one column for each
 * state, in each cell what is answered and, behind `>`, the state that follows if it is another:
 *
 * - `-`: nothing
 * - `A`: an acknowledgment with our numbers, of what the segment brought where that is taken
 * - `SA`, `SAE`: SYN and ACK, and ECE that says yes to ECN
 * - `R`: a reset with the number that the segment acknowledged
 * - `RA`: a reset with number 0 that acknowledges the segment
 *
 * Each cell runs with sequence numbers that wrap around on both sides, and with ones that do not.
 */
import { describe, expect, test } from 'vitest'
import { type ScriptedPeer, type ScriptedSegment, script } from '../../test/support/scripted-peer.ts'
import { SECOND } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import { stateName } from './state.ts'

/** What the columns are called in the table, and in the standard. `sr` is SYN-RECEIVED after a simultaneous open. */
const STATES = {
  CL: 'CLOSED',
  LI: 'LISTEN',
  SS: 'SYN-SENT',
  SR: 'SYN-RECEIVED',
  sr: 'SYN-RECEIVED',
  ES: 'ESTABLISHED',
  F1: 'FIN-WAIT-1',
  F2: 'FIN-WAIT-2',
  CW: 'CLOSE-WAIT',
  CG: 'CLOSING',
  LA: 'LAST-ACK',
  TW: 'TIME-WAIT',
} as const
type StateKey = keyof typeof STATES

/** The numbers of a state, relative: what we expect next, what is unacknowledged, what we send next. */
interface Numbers {
  R: number
  U: number
  S: number
}

const NUMBERS: Record<StateKey, Numbers> = {
  CL: { R: 1, U: 1, S: 1 },
  LI: { R: 1, U: 1, S: 1 },
  SS: { R: 0, U: 0, S: 1 },
  SR: { R: 1, U: 0, S: 1 },
  sr: { R: 1, U: 0, S: 1 },
  ES: { R: 1, U: 1, S: 1 },
  F1: { R: 1, U: 1, S: 2 },
  F2: { R: 1, U: 2, S: 2 },
  CW: { R: 2, U: 1, S: 1 },
  CG: { R: 2, U: 1, S: 2 },
  LA: { R: 2, U: 1, S: 2 },
  TW: { R: 2, U: 2, S: 2 },
}

/** The last byte of the receive window (no scaling, nothing unread), and the first number behind it, in every state. */
const LAST = 65_535
const EDGE = LAST + 1
/** The peer's window, and so the oldest acknowledgment that RFC 5961, 5.2 accepts. */
const MAX = 65_535

interface Row {
  what: string
  cite: string
  segment(numbers: Numbers): ScriptedSegment
  /** One for each of `COLUMNS`. */
  cells: string
}

const COLUMNS = 'CL     LI     SS     SR     sr     ES     F1     F2     CW     CG     LA     TW'

const ROWS: Row[] = [
  {
    what: 'SYN at RCV.NXT',
    cite: 'RFC 5961, 4.2: a challenge, in SYN-RECEIVED too',
    segment: ({ R }) => ({ flags: 'S', seq: R }),
    cells: 'RA     SA>SR  SA>SR  A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'SYN right before the window',
    cite: 'RFC 5961, 4.2; RFC 9293, 3.8.1: in SYN-RECEIVED our SYN-ACK was lost',
    segment: ({ R }) => ({ flags: 'S', seq: R - 1 }),
    cells: 'RA     SA>SR  SA>SR  SA     SA     A      A      A      A      A      A      A',
  },
  {
    what: 'SYN far behind the window',
    cite: 'RFC 5961, 4.2; RFC 9293, 3.6.1 and RFC 1122, 4.2.2.13: TIME-WAIT gives its place',
    segment: ({ R }) => ({ flags: 'S', seq: R + 1_000_000 }),
    cells: 'RA     SA>SR  SA>SR  A      A      A      A      A      A      A      A      SA>SR',
  },
  {
    what: 'SYN with data',
    cite: 'RFC 5961, 4.2; RFC 9293, 3.10.7.2: text waits, here for its sender',
    segment: ({ R }) => ({ flags: 'S', seq: R, data: 'xyz' }),
    cells: 'RA     SA>SR  SA>SR  A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'SYN with ECE and CWR',
    cite: 'RFC 3168, 6.1.1: agreed to where it was not asked for; RFC 5961, 4.2',
    segment: ({ R }) => ({ flags: 'SEC', seq: R }),
    cells: 'RA     SAE>SR SA>SR  A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'SYN-ACK of everything',
    cite: 'RFC 9293, 3.10.7.3; RFC 5961, 4.2',
    segment: ({ R, S }) => ({ flags: 'SA', seq: R, ack: S }),
    cells: 'R      R      A+1>ES A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'SYN-ACK of everything, right before the window',
    cite: 'RFC 9293, 3.5, figure 7: the end of a simultaneous open; RFC 9293, 3.4, table 6 otherwise',
    segment: ({ R, S }) => ({ flags: 'SA', seq: R - 1, ack: S }),
    cells: 'R      R      A>ES   A      A>ES   A      A      A      A      A      A      A',
  },
  {
    what: 'SYN-ACK of nothing new',
    cite: 'RFC 9293, 3.10.7.3, first check; RFC 5961, 4.2',
    segment: ({ R, U }) => ({ flags: 'SA', seq: R, ack: U }),
    cells: 'R      R      R      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'SYN-ACK of what was never sent',
    cite: 'RFC 9293, 3.10.7.3, first check; RFC 5961, 4.2',
    segment: ({ R, S }) => ({ flags: 'SA', seq: R, ack: S + 1 }),
    cells: 'R      R      R      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'ACK that repeats the last',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R, U }) => ({ seq: R, ack: U }),
    cells: 'R      R      R      R      R      -      -      -      -      -      -      -',
  },
  {
    what: 'ACK of everything',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R, S }) => ({ seq: R, ack: S }),
    cells: 'R      R      -      ->ES   ->ES   -      ->F2   -      -      ->TW   ->LI   -',
  },
  {
    what: 'ACK of what was never sent',
    cite: 'RFC 9293, 3.10.7.4, fifth check; RFC 5961, 5.2',
    segment: ({ R, S }) => ({ seq: R, ack: S + 1 }),
    cells: 'R      R      R      R      R      A      A      A      A      A      A      -',
  },
  {
    what: 'ACK as old as the largest window',
    cite: 'RFC 5961, 5.2',
    segment: ({ R, U }) => ({ seq: R, ack: U - MAX }),
    cells: 'R      R      R      R      R      -      -      -      -      -      -      -',
  },
  {
    what: 'ACK older than that',
    cite: 'RFC 5961, 5.2',
    segment: ({ R, U }) => ({ seq: R, ack: U - MAX - 1 }),
    cells: 'R      R      R      R      R      A      A      A      A      A      A      -',
  },
  {
    what: 'ACK at the last byte of the window',
    cite: 'RFC 9293, 3.4, table 6; TIME-WAIT as Linux',
    segment: ({ S }) => ({ seq: LAST, ack: S }),
    cells: 'R      R      -      ->ES   ->ES   -      ->F2   -      -      ->TW   ->LI   A',
  },
  {
    what: 'ACK behind the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ S }) => ({ seq: EDGE, ack: S }),
    cells: 'R      R      -      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'ACK right before the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ R, S }) => ({ seq: R - 1, ack: S }),
    cells: 'R      R      -      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'RST at RCV.NXT',
    cite: 'RFC 5961, 3.2, 2; RFC 1337, 3 for TIME-WAIT',
    segment: ({ R }) => ({ flags: 'R', seq: R }),
    cells: '-      -      -      ->LI   ->CL   ->LI   ->LI   ->LI   ->LI   ->LI   ->LI   -',
  },
  {
    what: 'RST within the window',
    cite: 'RFC 5961, 3.2, 3; RFC 1337, 3',
    segment: ({ R }) => ({ flags: 'R', seq: R + 1 }),
    cells: '-      -      -      A      A      A      A      A      A      A      A      -',
  },
  {
    what: 'RST at the last byte of the window',
    cite: 'RFC 5961, 3.2, 3; RFC 1337, 3',
    segment: () => ({ flags: 'R', seq: LAST }),
    cells: '-      -      -      A      A      A      A      A      A      A      A      -',
  },
  {
    what: 'RST behind the window',
    cite: 'RFC 5961, 3.2, 1',
    segment: () => ({ flags: 'R', seq: EDGE }),
    cells: '-      -      -      -      -      -      -      -      -      -      -      -',
  },
  {
    what: 'RST right before the window',
    cite: 'RFC 5961, 3.2, 1',
    segment: ({ R }) => ({ flags: 'R', seq: R - 1 }),
    cells: '-      -      -      -      -      -      -      -      -      -      -      -',
  },
  {
    what: 'RST at RCV.NXT with ACK of everything',
    cite: 'RFC 9293, 3.10.7.3 and 3.10.7.4, second check',
    segment: ({ R, S }) => ({ flags: 'RA', seq: R, ack: S }),
    cells: '-      -      ->CL   ->LI   ->CL   ->LI   ->LI   ->LI   ->LI   ->LI   ->LI   -',
  },
  {
    what: 'RST at RCV.NXT with ACK of what was never sent',
    cite: 'RFC 9293, 3.10.7.3, first check; 3.10.7.4: only the number counts',
    segment: ({ R, S }) => ({ flags: 'RA', seq: R, ack: S + 1000 }),
    cells: '-      -      -      ->LI   ->CL   ->LI   ->LI   ->LI   ->LI   ->LI   ->LI   -',
  },
  {
    what: 'RST at RCV.NXT with an old ACK',
    cite: 'RFC 9293, 3.10.7.3, first check; 3.10.7.4: only the number counts',
    segment: ({ R, U }) => ({ flags: 'RA', seq: R, ack: U - 1 }),
    cells: '-      -      -      ->LI   ->CL   ->LI   ->LI   ->LI   ->LI   ->LI   ->LI   -',
  },
  {
    what: 'RST within the window with ACK of everything',
    cite: 'RFC 9293, 3.10.7.3: only the ACK counts; RFC 5961, 3.2, 3',
    segment: ({ R, S }) => ({ flags: 'RA', seq: R + 1, ack: S }),
    cells: '-      -      ->CL   A      A      A      A      A      A      A      A      -',
  },
  {
    what: 'FIN',
    cite: 'RFC 9293, 3.10.7.4, eighth check',
    segment: ({ R, U }) => ({ flags: 'FA', seq: R, ack: U }),
    cells: 'R      R      R      R      R      A+1>CW A+1>CG A+1>TW A      A      A      A',
  },
  {
    what: 'FIN that acknowledges everything',
    cite: 'RFC 9293, 3.10.7.4, fifth and eighth check',
    segment: ({ R, S }) => ({ flags: 'FA', seq: R, ack: S }),
    cells: 'R      R      -      A+1>CW A+1>CW A+1>CW A+1>TW A+1>TW A      A>TW   ->LI   A',
  },
  {
    what: 'FIN with data',
    cite: 'RFC 9293, 3.10.7.4, seventh and eighth check',
    segment: ({ R, S }) => ({ flags: 'FA', seq: R, ack: S, data: 'xyz' }),
    cells: 'R      R      -      A+4>CW A+4>CW A+4>CW A+4>TW A+4>TW A      A>TW   ->LI   A',
  },
  {
    what: 'FIN ahead of a gap',
    cite: 'RFC 9293, 3.10.7.4, eighth check; RFC 5681, 4.2',
    segment: ({ R, S }) => ({ flags: 'FA', seq: R + 5, ack: S }),
    cells: 'R      R      -      A>ES   A>ES   A      A>F2   A      A      A>TW   ->LI   A',
  },
  {
    what: 'FIN right before the window',
    cite: 'RFC 9293, 3.4, table 6: the FIN again',
    segment: ({ R, S }) => ({ flags: 'FA', seq: R - 1, ack: S }),
    cells: 'R      R      -      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'FIN behind the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ S }) => ({ flags: 'FA', seq: EDGE, ack: S }),
    cells: 'R      R      -      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'FIN with ACK of what was never sent',
    cite: 'RFC 9293, 3.10.7.4, fifth check; RFC 5961, 5.2',
    segment: ({ R, S }) => ({ flags: 'FA', seq: R, ack: S + 1 }),
    cells: 'R      R      R      R      R      A      A      A      A      A      A      A',
  },
  {
    what: 'FIN without ACK',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R }) => ({ flags: 'F', seq: R }),
    cells: 'RA     -      -      -      -      -      -      -      -      -      -      -',
  },
  {
    what: 'data',
    cite: 'RFC 9293, 3.10.7.4, seventh check',
    segment: ({ R, S }) => ({ seq: R, ack: S, data: 'xyz' }),
    cells: 'R      R      -      A+3>ES A+3>ES A+3    A+3>F2 A+3    A      A>TW   ->LI   A',
  },
  {
    what: 'data of which the first byte is old',
    cite: 'RFC 9293, 3.10.7.4: "tailored"',
    segment: ({ R, S }) => ({ seq: R - 1, ack: S, data: '?xyz' }),
    cells: 'R      R      -      A+3>ES A+3>ES A+3    A+3>F2 A+3    A      A>TW   ->LI   A',
  },
  {
    what: 'old data',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ R, S }) => ({ seq: R - 2, ack: S, data: 'xx' }),
    cells: 'R      R      -      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'data ahead of a gap',
    cite: 'RFC 9293, 3.10.7.4, seventh check; RFC 5681, 4.2',
    segment: ({ R, S }) => ({ seq: R + 10, ack: S, data: 'xyz' }),
    cells: 'R      R      -      A>ES   A>ES   A      A>F2   A      A      A>TW   ->LI   A',
  },
  {
    what: 'data of which the first byte is the last of the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ S }) => ({ seq: LAST, ack: S, data: 'xyz' }),
    cells: 'R      R      -      A>ES   A>ES   A      A>F2   A      A      A>TW   ->LI   A',
  },
  {
    what: 'data behind the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ S }) => ({ seq: EDGE, ack: S, data: 'xyz' }),
    cells: 'R      R      -      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'data without ACK',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R }) => ({ flags: 'P', seq: R, data: 'xyz' }),
    cells: 'RA     -      -      -      -      -      -      -      -      -      -      -',
  },
  {
    what: 'data with ACK of what was never sent (blind injection)',
    cite: 'RFC 5961, 5.2',
    segment: ({ R, S }) => ({ seq: R, ack: S + 1, data: 'xyz' }),
    cells: 'R      R      R      R      R      A      A      A      A      A      A      A',
  },
  {
    what: 'data with an ACK that is too old (blind injection)',
    cite: 'RFC 5961, 5.2',
    segment: ({ R, U }) => ({ seq: R, ack: U - MAX - 1, data: 'xyz' }),
    cells: 'R      R      R      R      R      A      A      A      A      A      A      A',
  },
  {
    what: 'urgent data',
    cite: 'RFC 6093, 6: in line',
    segment: ({ R, S }) => ({ flags: 'UA', seq: R, ack: S, data: 'xyz', urgent: 2 }),
    cells: 'R      R      -      A+3>ES A+3>ES A+3    A+3>F2 A+3    A      A>TW   ->LI   A',
  },
  {
    what: 'an urgent pointer alone',
    cite: 'RFC 9293, 3.10.7.4, sixth check; RFC 6093',
    segment: ({ R, S }) => ({ flags: 'UA', seq: R, ack: S, urgent: 2 }),
    cells: 'R      R      -      ->ES   ->ES   -      ->F2   -      -      ->TW   ->LI   -',
  },
  {
    what: 'no flag at all',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R }) => ({ flags: '', seq: R }),
    cells: 'RA     -      -      -      -      -      -      -      -      -      -      -',
  },
  {
    what: 'no flag at all, with data',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R }) => ({ flags: '', seq: R, data: 'xyz' }),
    cells: 'RA     -      -      -      -      -      -      -      -      -      -      -',
  },
  {
    what: 'SYN with FIN',
    cite: 'RFC 5961, 4.2; dropped as Linux does where it would begin a connection',
    segment: ({ R }) => ({ flags: 'SF', seq: R }),
    cells: 'RA     -      -      A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'SYN-ACK with FIN',
    cite: 'RFC 9293, 3.10.7.3; RFC 5961, 4.2',
    segment: ({ R, S }) => ({ flags: 'SFA', seq: R, ack: S }),
    cells: 'R      R      A+2>CW A      A      A      A      A      A      A      A      A',
  },
  {
    what: 'SYN with RST',
    cite: 'RFC 9293, 3.10.7: RST is looked at first',
    segment: ({ R }) => ({ flags: 'SR', seq: R }),
    cells: '-      -      -      ->LI   ->CL   ->LI   ->LI   ->LI   ->LI   ->LI   ->LI   -',
  },
  {
    what: 'SYN-ACK with RST',
    cite: 'RFC 9293, 3.10.7: RST is looked at first',
    segment: ({ R, S }) => ({ flags: 'SRA', seq: R, ack: S }),
    cells: '-      -      ->CL   ->LI   ->CL   ->LI   ->LI   ->LI   ->LI   ->LI   ->LI   -',
  },
  {
    what: 'FIN with RST',
    cite: 'RFC 9293, 3.10.7: RST is looked at first',
    segment: ({ R }) => ({ flags: 'FR', seq: R }),
    cells: '-      -      -      ->LI   ->CL   ->LI   ->LI   ->LI   ->LI   ->LI   ->LI   -',
  },
  {
    what: 'FIN, PSH and URG (Xmas)',
    cite: 'RFC 9293, 3.10.7.4, fifth check: no ACK',
    segment: ({ R }) => ({ flags: 'FPU', seq: R }),
    cells: 'RA     -      -      -      -      -      -      -      -      -      -      -',
  },
  {
    what: 'all flags',
    cite: 'RFC 9293, 3.10.7: RST is looked at first',
    segment: ({ R, S }) => ({ flags: 'FSRPAUEC', seq: R, ack: S }),
    cells: '-      -      ->CL   ->LI   ->CL   ->LI   ->LI   ->LI   ->LI   ->LI   ->LI   -',
  },
  {
    what: 'ACK of everything with ECE and CWR',
    cite: 'RFC 3168: nothing was agreed on',
    segment: ({ R, S }) => ({ flags: 'AEC', seq: R, ack: S }),
    cells: 'R      R      -      ->ES   ->ES   -      ->F2   -      -      ->TW   ->LI   -',
  },
]

/** Brings a connection into a state. */
function reach(key: StateKey, wrapping: boolean) {
  const isActive = key === 'SS' || key === 'sr'
  const made = script({ isn: wrapping ? 0xffffffff : 1000 })
  const { server, tcp, memory, wire } = made
  const peer = isActive ? wire.peer({ port: 80, stackPort: 0, isn: wrapping ? 0xffffffff : 1000 }) : made.peer
  const listener = key === 'CL' || isActive ? null : server.listen()
  if (wrapping && listener !== null) peer.steerStackIsn(0xffffffff)
  let connection: Connection | null = null
  const synchronize = () => {
    peer.open()
    connection = server.connection
  }
  const shutdown = () => {
    connection!.shutdownWrite()
    expect(peer.next()).toBeTcp({ flags: 'FA', seq: 1 })
  }
  const fin = (ack: number) => {
    peer.send({ flags: 'FA', seq: 1, ack })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 2 })
  }
  const steps: Record<StateKey, () => void> = {
    CL: () => {},
    LI: () => {},
    SS: () => {
      server.connect()
      expect(peer.next()).toBeTcp({ flags: 'S', seq: 0 })
    },
    SR: () => {
      peer.send({ flags: 'S', mss: 1460 })
      expect(peer.next()).toBeTcp({ flags: 'SA' })
    },
    sr: () => {
      steps.SS()
      peer.send({ flags: 'S', seq: 0, mss: 1460 })
      expect(peer.next()).toBeTcp({ flags: 'SA' })
    },
    ES: synchronize,
    F1: () => {
      synchronize()
      shutdown()
    },
    F2: () => {
      steps.F1()
      peer.send({ seq: 1, ack: 2 })
    },
    CW: () => {
      synchronize()
      fin(1)
    },
    CG: () => {
      steps.F1()
      fin(1)
    },
    LA: () => {
      steps.CW()
      shutdown()
    },
    TW: () => {
      steps.F1()
      fin(2)
    },
  }
  steps[key]()
  peer.expectNothing()
  // Nothing that happened on the way may be in the way of the limits on answers.
  made.clock.advance(0.15 * SECOND)
  const state = (): string => {
    const states: string[] = []
    tcp.forEachConnection((each) => void states.push(stateName(each.state)))
    if (tcp.timeWaits > 0) states.push('TIME-WAIT')
    if (states.length > 1) throw new Error(`one connection in several states: ${states}`)
    return states[0] ?? (listener === null ? 'CLOSED' : 'LISTEN')
  }
  expect(state()).toBe(STATES[key])
  const check = () => {
    expect(tcp.connections + tcp.timeWaits).toBe(['CLOSED', 'LISTEN'].includes(state()) ? 0 : 1)
    tcp.close()
    expect(tcp.connections + tcp.timeWaits).toBe(0)
    peer.take()
    expect(memory.inUse).toBe(0)
  }
  return { peer, state, check }
}

/** Bytes of sequence space that a segment takes. */
function lengthOf({ flags = 'A', data = '' }: ScriptedSegment): number {
  return (data as string).length + (flags.includes('S') ? 1 : 0) + (flags.includes('F') ? 1 : 0)
}

/** Bytes that an `A` acknowledges beyond what was expected before, written behind a `+`. */
const CELL = /^(-|A|SA|SAE|R|RA)(?:\+(\d))?(?:>(\w\w))?$/

const cells = ROWS.flatMap((row) => {
  const keys = COLUMNS.split(/ +/) as StateKey[]
  const written = row.cells.split(/ +/)
  expect([row.what, written.length]).toEqual([row.what, keys.length])
  return keys.map((key, i) => ({
    ...row,
    key,
    name: key === 'sr' ? 'SYN-RECEIVED (active)' : STATES[key],
    cell: written[i],
  }))
})

test('the table has every state', () => {
  expect(new Set(cells.map(({ key }) => key))).toEqual(new Set(Object.keys(STATES)))
})

describe.each([false, true])('numbers that wrap around: %s', (wrapping) => {
  const titled = cells.map((cell) => [cell.name, cell.what, cell.cell, cell.cite, cell] as const)
  test.each(titled)('%s, %s: %s (%s)', (_name, _what, _cell, _cite, { key, cell, segment: make }) => {
    const [, answer, more, next] = CELL.exec(cell)!
    const numbers = NUMBERS[key]
    const segment = make(numbers)
    const { peer, state, check } = reach(key, wrapping)
    peer.send(segment)
    expectAnswer(peer, answer, segment, numbers, Number(more ?? 0))
    expect(peer.take()).toEqual([])
    expect(state()).toBe(STATES[(next ?? key) as StateKey])
    check()
  })
})

function expectAnswer(peer: ScriptedPeer, answer: string, segment: ScriptedSegment, { R, S }: Numbers, more: number) {
  const { seq = 0, ack = 0 } = segment
  if (answer === 'A') expect(peer.next()).toBeTcp({ flags: 'A', seq: S, ack: R + more, length: 0 })
  if (answer.startsWith('SA')) expect(peer.next()).toBeTcp({ flags: answer, seq: 0, ack: seq + 1, length: 0 })
  if (answer === 'R') expect(peer.next()).toBeTcp({ flags: 'R', seq: ack >>> 0, ack: 0, window: 0, length: 0 })
  if (answer === 'RA') {
    expect(peer.next()).toBeTcp({ flags: 'RA', seq: 0, ack: seq + lengthOf(segment), window: 0, length: 0 })
  }
}
