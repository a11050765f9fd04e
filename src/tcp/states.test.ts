/**
 * Every state against every kind of segment: RFC 9293, section 3.10.7, with RFC 5961. Each case runs with sequence
 * numbers that wrap around on both sides, and with ones that do not.
 */
import { describe, expect, test } from 'vitest'
import { type ScriptedPeer, type ScriptedSegment, script } from '../../test/support/scripted-peer.ts'
import { SECOND } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import { State, stateName } from './state.ts'

type StateName = ReturnType<typeof stateName> | 'LISTEN'

interface Reached {
  peer: ScriptedPeer
  state(): StateName
  check(): void
}

/** The numbers of a state, relative: what we expect next, what is unacknowledged, what we send next. */
interface Numbers {
  R: number
  U: number
  S: number
}

/** The receive window: no scaling, nothing unread. */
const W = 65_535
/** The first number behind it, in every state. */
const EDGE = 1 + W
/** The peer's window, and so the oldest acknowledgment that RFC 5961, 5.2 accepts. */
const MAX = 65_535

const NUMBERS: Record<string, Numbers> = {
  'SYN-RECEIVED': { R: 1, U: 0, S: 1 },
  ESTABLISHED: { R: 1, U: 1, S: 1 },
  'FIN-WAIT-1': { R: 1, U: 1, S: 2 },
  'FIN-WAIT-2': { R: 1, U: 2, S: 2 },
  'CLOSE-WAIT': { R: 2, U: 1, S: 1 },
  CLOSING: { R: 2, U: 1, S: 2 },
  'LAST-ACK': { R: 2, U: 1, S: 2 },
  'TIME-WAIT': { R: 2, U: 2, S: 2 },
}

/** Brings a connection into a state. */
function reach(name: string, wrapping: boolean): Reached {
  const made = script({ isn: wrapping ? 0xffffffff : 1000 })
  const { peer, server, tcp, memory } = made
  const listener = name === 'CLOSED' ? null : server.listen()
  if (wrapping && listener !== null) peer.steerStackIsn(0xffffffff)
  let connection: Connection | null = null
  const synchronize = () => {
    peer.open()
    connection = server.connection
  }
  const half = () => {
    peer.send({ flags: 'S', mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA' })
  }
  const shutdown = () => {
    connection!.shutdownWrite()
    expect(peer.next()).toBeTcp({ flags: 'FA', seq: 1 })
  }
  const fin = (ack: number) => {
    peer.send({ flags: 'FA', seq: 1, ack })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 2 })
  }
  if (NUMBERS[name] !== undefined && name !== 'SYN-RECEIVED') synchronize()
  switch (name) {
    case 'SYN-RECEIVED':
      half()
      break
    case 'FIN-WAIT-1':
      shutdown()
      break
    case 'FIN-WAIT-2':
      shutdown()
      peer.send({ seq: 1, ack: 2 })
      break
    case 'CLOSE-WAIT':
      fin(1)
      break
    case 'CLOSING':
      shutdown()
      fin(1)
      break
    case 'LAST-ACK':
      fin(1)
      shutdown()
      break
    case 'TIME-WAIT':
      shutdown()
      fin(2)
      break
  }
  peer.expectNothing()
  // Nothing that happened on the way may be in the way of the limits on answers.
  made.clock.advance(0.15 * SECOND)
  const state = (): StateName => {
    const states: StateName[] = []
    tcp.forEachConnection((each) => void states.push(stateName(each.state)))
    if (tcp.timeWaits > 0) states.push('TIME-WAIT')
    if (states.length > 1) throw new Error(`one connection in several states: ${states}`)
    return states[0] ?? (listener === null ? 'CLOSED' : 'LISTEN')
  }
  expect(state()).toBe(name)
  const check = () => {
    expect(tcp.connections + tcp.timeWaits).toBe(['CLOSED', 'LISTEN'].includes(state()) ? 0 : 1)
    tcp.close()
    expect(tcp.connections + tcp.timeWaits).toBe(0)
    peer.take()
    expect(memory.inUse).toBe(0)
  }
  return { peer, state, check }
}

/**
 * What happens: the answer's flags ('A' with the numbers expected in that state, '-' nothing), and the state after it
 * where that is another.
 */
type Outcome = `${'-' | 'A' | 'R' | 'RA'}${'' | ` ${StateName}`}`

interface Row {
  what: string
  cite: string
  segment(numbers: Numbers): ScriptedSegment
  outcome: Outcome | Partial<Record<StateName, Outcome>>
  /** What the answer acknowledges beyond what was expected before. */
  acknowledges?: number
}

const SYNCHRONIZED = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2', 'CLOSE-WAIT', 'CLOSING', 'LAST-ACK', 'TIME-WAIT']

const ROWS: Row[] = [
  {
    what: 'RST at RCV.NXT',
    cite: 'RFC 5961, 3.2, 2; RFC 1337, 3 for TIME-WAIT',
    segment: ({ R }) => ({ flags: 'R', seq: R }),
    outcome: { 'TIME-WAIT': '-', ESTABLISHED: '- LISTEN' },
  },
  {
    what: 'RST with ACK at RCV.NXT, whatever it acknowledges',
    cite: 'RFC 9293, 3.10.7.4, second check; RFC 1337, 3 for TIME-WAIT',
    segment: ({ R, S }) => ({ flags: 'RA', seq: R, ack: S + 1000 }),
    outcome: { 'TIME-WAIT': '-', ESTABLISHED: '- LISTEN' },
  },
  {
    what: 'RST within the window',
    cite: 'RFC 5961, 3.2, 3',
    segment: ({ R }) => ({ flags: 'R', seq: R + 1 }),
    // As Linux: TIME-WAIT says nothing to a reset.
    outcome: { 'TIME-WAIT': '-', ESTABLISHED: 'A' },
  },
  {
    what: 'RST at the last byte of the window',
    cite: 'RFC 5961, 3.2, 3',
    segment: () => ({ flags: 'R', seq: W }),
    outcome: { 'TIME-WAIT': '-', ESTABLISHED: 'A' },
  },
  {
    what: 'RST behind the window',
    cite: 'RFC 5961, 3.2, 1',
    segment: () => ({ flags: 'R', seq: EDGE }),
    outcome: '-',
  },
  {
    what: 'RST before the window',
    cite: 'RFC 5961, 3.2, 1',
    segment: ({ R }) => ({ flags: 'R', seq: R - 1 }),
    outcome: '-',
  },
  {
    what: 'SYN at RCV.NXT',
    cite: 'RFC 5961, 4.2',
    segment: ({ R }) => ({ flags: 'S', seq: R }),
    outcome: 'A',
  },
  {
    what: 'SYN before the window',
    cite: 'RFC 5961, 4.2',
    segment: ({ R }) => ({ flags: 'S', seq: R - 1 }),
    outcome: 'A',
  },
  {
    what: 'SYN far behind the window',
    cite: 'RFC 5961, 4.2; RFC 1122, 4.2.2.13 for TIME-WAIT',
    segment: ({ R }) => ({ flags: 'S', seq: R + 1_000_000 }),
    outcome: { ESTABLISHED: 'A', 'TIME-WAIT': '- SYN-RECEIVED' },
  },
  {
    what: 'SYN with ACK',
    cite: 'RFC 5961, 4.2',
    segment: ({ R, S }) => ({ flags: 'SA', seq: R, ack: S }),
    outcome: 'A',
  },
  {
    what: 'data without ACK',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R }) => ({ flags: 'P', seq: R, data: 'x' }),
    outcome: '-',
  },
  {
    what: 'FIN without ACK',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R }) => ({ flags: 'F', seq: R }),
    outcome: '-',
  },
  {
    what: 'ACK that repeats the last',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R, U }) => ({ seq: R, ack: U }),
    outcome: '-',
  },
  {
    what: 'ACK of what was never sent',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R, S }) => ({ seq: R, ack: S + 1 }),
    outcome: { ESTABLISHED: 'A', 'TIME-WAIT': '-' },
  },
  {
    what: 'ACK as old as the largest window',
    cite: 'RFC 5961, 5.2',
    segment: ({ R, U }) => ({ seq: R, ack: U - MAX }),
    outcome: '-',
  },
  {
    what: 'ACK older than that',
    cite: 'RFC 5961, 5.2',
    segment: ({ R, U }) => ({ seq: R, ack: U - MAX - 1 }),
    outcome: { ESTABLISHED: 'A', 'TIME-WAIT': '-' },
  },
  {
    what: 'ACK at the last byte of the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ U }) => ({ seq: W, ack: U }),
    outcome: { ESTABLISHED: '-', 'TIME-WAIT': 'A' },
  },
  {
    what: 'ACK behind the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ U }) => ({ seq: EDGE, ack: U }),
    outcome: 'A',
  },
  {
    what: 'ACK before the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ R, U }) => ({ seq: R - 1, ack: U }),
    outcome: 'A',
  },
  {
    what: 'data behind the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ U }) => ({ seq: EDGE, ack: U, data: 'x' }),
    outcome: 'A',
  },
  {
    what: 'old data',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ R, U }) => ({ seq: R - 2, ack: U, data: 'xx' }),
    outcome: 'A',
  },
  {
    what: 'data',
    cite: 'RFC 9293, 3.10.7.4, seventh check',
    segment: ({ R, U }) => ({ seq: R, ack: U, data: 'xyz' }),
    // "This should not occur since a FIN has been received. Ignore the segment text."
    outcome: { ESTABLISHED: 'A', 'CLOSE-WAIT': 'A', CLOSING: 'A', 'LAST-ACK': 'A', 'TIME-WAIT': 'A' },
    acknowledges: 3,
  },
  {
    what: 'data of which the first byte is old',
    cite: 'RFC 9293, 3.10.7.4: "tailored"',
    segment: ({ R, U }) => ({ seq: R - 1, ack: U, data: '?xyz' }),
    outcome: 'A',
    acknowledges: 3,
  },
  {
    what: 'data ahead of a gap',
    cite: 'RFC 9293, 3.10.7.4; RFC 5681, 4.2',
    segment: ({ R, U }) => ({ seq: R + 10, ack: U, data: 'xyz' }),
    outcome: 'A',
  },
  {
    what: 'data at the last byte of the window',
    cite: 'RFC 9293, 3.4, table 6',
    segment: ({ U }) => ({ seq: W, ack: U, data: 'xyz' }),
    outcome: 'A',
  },
  {
    what: 'urgent data',
    cite: 'RFC 6093, 6: in line',
    segment: ({ R, U }) => ({ flags: 'UA', seq: R, ack: U, data: 'xyz', urgent: 2 }),
    outcome: 'A',
    acknowledges: 3,
  },
  {
    what: 'FIN',
    cite: 'RFC 9293, 3.10.7.4, eighth check',
    segment: ({ R, U }) => ({ flags: 'FA', seq: R, ack: U }),
    outcome: {
      ESTABLISHED: 'A CLOSE-WAIT',
      'FIN-WAIT-1': 'A CLOSING',
      'FIN-WAIT-2': 'A TIME-WAIT',
      // One behind the peer's FIN: nothing may be there.
      'CLOSE-WAIT': 'A',
      CLOSING: 'A',
      'LAST-ACK': 'A',
      'TIME-WAIT': 'A',
    },
    acknowledges: 1,
  },
  {
    what: 'FIN with data',
    cite: 'RFC 9293, 3.10.7.4, eighth check',
    segment: ({ R, U }) => ({ flags: 'FA', seq: R, ack: U, data: 'xyz' }),
    outcome: {
      ESTABLISHED: 'A CLOSE-WAIT',
      'FIN-WAIT-1': 'A CLOSING',
      'FIN-WAIT-2': 'A TIME-WAIT',
      'CLOSE-WAIT': 'A',
      CLOSING: 'A',
      'LAST-ACK': 'A',
      'TIME-WAIT': 'A',
    },
    acknowledges: 4,
  },
  {
    what: 'FIN that also acknowledges everything',
    cite: 'RFC 9293, 3.10.7.4, fifth and eighth check',
    segment: ({ R, S }) => ({ flags: 'FA', seq: R, ack: S }),
    outcome: {
      ESTABLISHED: 'A CLOSE-WAIT',
      'FIN-WAIT-1': 'A TIME-WAIT',
      'FIN-WAIT-2': 'A TIME-WAIT',
      'CLOSE-WAIT': 'A',
      CLOSING: 'A TIME-WAIT',
      'LAST-ACK': '- LISTEN',
      'TIME-WAIT': 'A',
    },
    acknowledges: 1,
  },
  {
    what: 'FIN ahead of a gap',
    cite: 'RFC 9293, 3.10.7.4, eighth check',
    segment: ({ R, U }) => ({ flags: 'FA', seq: R + 5, ack: U }),
    outcome: 'A',
  },
  {
    what: 'the FIN again',
    cite: 'RFC 9293, 3.10.7.4, first check',
    segment: ({ R, U }) => ({ flags: 'FA', seq: R - 1, ack: U }),
    outcome: 'A',
  },
  {
    what: 'ACK of everything',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R, S }) => ({ seq: R, ack: S }),
    outcome: {
      ESTABLISHED: '-',
      'FIN-WAIT-1': '- FIN-WAIT-2',
      'FIN-WAIT-2': '-',
      'CLOSE-WAIT': '-',
      CLOSING: '- TIME-WAIT',
      'LAST-ACK': '- LISTEN',
      'TIME-WAIT': '-',
    },
  },
  {
    what: 'no flag at all',
    cite: 'RFC 9293, 3.10.7.4, fifth check',
    segment: ({ R }) => ({ flags: '', seq: R }),
    outcome: '-',
  },
]

/** States whose outcome a row does not name are as ESTABLISHED. */
function outcomeIn(row: Row, state: string): [answer: string, after: string] {
  const outcome =
    typeof row.outcome === 'string' ? row.outcome : (row.outcome[state as StateName] ?? row.outcome.ESTABLISHED!)
  const [answer, after] = outcome.split(' ')
  return [answer, after ?? state]
}

describe.each([false, true])('numbers that wrap around: %s', (wrapping) => {
  describe.each(SYNCHRONIZED)('%s', (name) => {
    test.each(ROWS.map((row) => [row.what, row.cite, row] as const))('%s (%s)', (_what, _cite, row) => {
      const { peer, state, check } = reach(name, wrapping)
      const numbers = NUMBERS[name]
      const [answer, after] = outcomeIn(row, name)
      peer.send(row.segment(numbers))
      const isTaken = ['ESTABLISHED', 'FIN-WAIT-1', 'FIN-WAIT-2'].includes(name)
      if (after === 'SYN-RECEIVED') expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0 })
      else if (answer === 'A') {
        const ack = numbers.R + (isTaken ? (row.acknowledges ?? 0) : 0)
        expect(peer.next()).toBeTcp({ flags: 'A', seq: numbers.S, ack, length: 0 })
      }
      expect(peer.take()).toEqual([])
      expect(state()).toBe(after)
      check()
    })
  })
})

describe.each([false, true])('SYN-RECEIVED after a SYN to a listener, numbers that wrap around: %s', (wrapping) => {
  test.each<[string, string, ScriptedSegment, 'SA' | 'A' | 'R' | '-', StateName]>([
    ['RST at RCV.NXT', 'RFC 9293, 3.10.7.4: back to LISTEN', { flags: 'R', seq: 1 }, '-', 'LISTEN'],
    ['RST within the window', 'RFC 5961, 3.2', { flags: 'R', seq: 2 }, 'A', 'SYN-RECEIVED'],
    ['RST before the window', 'RFC 5961, 3.2', { flags: 'R', seq: 0 }, '-', 'SYN-RECEIVED'],
    ['the SYN again', 'RFC 9293, 3.8.1: the SYN-ACK was lost', { flags: 'S', seq: 0 }, 'SA', 'SYN-RECEIVED'],
    ['the SYN again, with data', 'the same', { flags: 'S', seq: 0, data: 'early' }, 'SA', 'SYN-RECEIVED'],
    ['another SYN', 'RFC 5961, 4.2', { flags: 'S', seq: 1000 }, 'A', 'SYN-RECEIVED'],
    ['ACK of the SYN', 'RFC 9293, 3.10.7.4', { seq: 1, ack: 1 }, '-', 'ESTABLISHED'],
    ['ACK of the SYN with data', 'RFC 9293, 3.10.7.4', { seq: 1, ack: 1, data: 'x' }, 'A', 'ESTABLISHED'],
    ['ACK of the SYN with FIN', 'RFC 9293, 3.10.7.4', { flags: 'FA', seq: 1, ack: 1 }, 'A', 'CLOSE-WAIT'],
    ['ACK of nothing', 'RFC 9293, 3.10.7.4: reset', { seq: 1, ack: 0 }, 'R', 'SYN-RECEIVED'],
    ['ACK of what was never sent', 'RFC 9293, 3.10.7.4: reset', { seq: 1, ack: 2 }, 'R', 'SYN-RECEIVED'],
    ['ACK behind the window', 'RFC 9293, 3.4', { seq: EDGE, ack: 1 }, 'A', 'SYN-RECEIVED'],
    ['FIN without ACK', 'RFC 9293, 3.10.7.4', { flags: 'F', seq: 1 }, '-', 'SYN-RECEIVED'],
    ['data ahead of a gap, with the ACK', 'RFC 9293, 3.10.7.4', { seq: 5, ack: 1, data: 'x' }, 'A', 'ESTABLISHED'],
  ])('%s (%s)', (_what, _cite, segment, answer, after) => {
    const { peer, state, check } = reach('SYN-RECEIVED', wrapping)
    peer.send(segment)
    if (answer === 'SA') expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1, mss: 1460 })
    else if (answer === 'R') expect(peer.next()).toBeTcp({ flags: 'R', seq: segment.ack })
    else if (answer === 'A') expect(peer.next()).toBeTcp({ flags: 'A', seq: 1, length: 0 })
    expect(peer.take()).toEqual([])
    expect(state()).toBe(after)
    check()
  })
})

describe('LISTEN, RFC 9293, 3.10.7.2', () => {
  test.each<[string, ScriptedSegment, string]>([
    ['RST', { flags: 'R', seq: 0 }, '-'],
    ['RST with SYN', { flags: 'RS', seq: 0 }, '-'],
    ['ACK', { flags: 'A', seq: 5, ack: 7 }, 'R'],
    ['SYN with ACK', { flags: 'SA', seq: 5, ack: 7 }, 'R'],
    ['FIN with ACK', { flags: 'FA', seq: 5, ack: 7 }, 'R'],
    ['SYN with FIN, as Linux', { flags: 'SF', seq: 5 }, '-'],
    ['SYN', { flags: 'S', seq: 0 }, 'SA'],
    ['SYN with data, which is not taken before the handshake is complete', { flags: 'S', seq: 0, data: 'early' }, 'SA'],
    ['SYN with ECE and CWR', { flags: 'SEC', seq: 0 }, 'SAE'],
  ])('%s', (_what, segment, answer) => {
    const { peer, state, check } = reach('LISTEN', false)
    peer.send(segment)
    if (answer === 'R') expect(peer.next()).toBeTcp({ flags: 'R', seq: segment.ack, ack: 0, window: 0 })
    if (answer.startsWith('SA')) expect(peer.next()).toBeTcp({ flags: answer, seq: 0, ack: 1 })
    expect(peer.take()).toEqual([])
    expect(state()).toBe(answer.startsWith('SA') ? 'SYN-RECEIVED' : 'LISTEN')
    check()
  })

  test('what is neither SYN nor ACK nor RST is dropped', () => {
    const { peer, state } = reach('LISTEN', false)
    for (const flags of ['', 'F', 'P', 'U']) peer.send({ flags, seq: 5, data: 'x' })
    expect(peer.take()).toEqual([])
    expect(state()).toBe('LISTEN')
  })
})

describe('SYN with FIN', () => {
  test.each([
    ['dropped', true, null, null],
    ['taken as a SYN, whose FIN has to come again', false, { flags: 'SA', seq: 0, ack: 1 }, { flags: 'A', ack: 2 }],
  ])('is %s: dropSynFin %s', (_what, dropSynFin, answer, toFin) => {
    for (const active of [false, true]) {
      const { wire, server } = script({ settings: { dropSynFin } })
      const peer = wire.peer({ port: 80, stackPort: active ? 0 : 80 })
      if (active) {
        server.connect()
        expect(peer.next()).toBeTcp({ flags: 'S' })
      } else server.listen()
      peer.send({ flags: 'SF', seq: 0 })
      if (answer !== null) expect(peer.next()).toBeTcp(answer)
      if (toFin !== null) {
        peer.send({ flags: 'FA', seq: 1, ack: 1 })
        expect(peer.next()).toBeTcp(toFin)
      }
      expect(peer.take()).toEqual([])
    }
  })
})

describe('CLOSED, RFC 9293, 3.10.7.1', () => {
  test.each<[string, ScriptedSegment, object | null]>([
    ['RST', { flags: 'R', seq: 5 }, null],
    ['RST with ACK', { flags: 'RA', seq: 5, ack: 7 }, null],
    ['SYN', { flags: 'S', seq: 5 }, { flags: 'RA', seq: 0, ack: 6 }],
    ['SYN with data and FIN', { flags: 'SF', seq: 5, data: 'abc' }, { flags: 'RA', seq: 0, ack: 10 }],
    ['data without ACK', { flags: 'P', seq: 5, data: 'abc' }, { flags: 'RA', seq: 0, ack: 8 }],
    ['ACK', { flags: 'A', seq: 5, ack: 7 }, { flags: 'R', seq: 7, ack: 0 }],
    ['SYN with ACK', { flags: 'SA', seq: 5, ack: 7 }, { flags: 'R', seq: 7, ack: 0 }],
    ['FIN with ACK and data', { flags: 'FA', seq: 5, ack: 7, data: 'abc' }, { flags: 'R', seq: 7, ack: 0 }],
  ])('%s', (_what, segment, answer) => {
    const { peer, check } = reach('CLOSED', true)
    peer.send(segment)
    if (answer !== null) expect(peer.next()).toBeTcp({ ...answer, window: 0, length: 0 })
    expect(peer.take()).toEqual([])
    check()
  })
})

describe.each([0xffffffff, 1000])('SYN-SENT, RFC 9293, 3.10.7.3, peer ISN %s', (isn) => {
  test.each<[string, ScriptedSegment, object | null, StateName, string | null]>([
    ['RST without ACK', { flags: 'R', seq: 0 }, null, 'SYN-SENT', null],
    ['RST with the right ACK', { flags: 'RA', seq: 0, ack: 1 }, null, 'CLOSED', 'ECONNREFUSED'],
    ['RST with a wrong ACK (RFC 5961, 3.2)', { flags: 'RA', seq: 0, ack: 0 }, null, 'SYN-SENT', null],
    ['RST with an ACK from the future', { flags: 'RA', seq: 0, ack: 2 }, null, 'SYN-SENT', null],
    ['ACK of nothing', { flags: 'A', seq: 0, ack: 0 }, { flags: 'R', seq: 0 }, 'SYN-SENT', null],
    ['ACK from the future', { flags: 'A', seq: 0, ack: 2 }, { flags: 'R', seq: 2 }, 'SYN-SENT', null],
    ['SYN-ACK of nothing', { flags: 'SA', seq: 0, ack: 0 }, { flags: 'R', seq: 0 }, 'SYN-SENT', null],
    ['ACK without SYN', { flags: 'A', seq: 0, ack: 1 }, null, 'SYN-SENT', null],
    ['data without SYN', { flags: 'PA', seq: 0, ack: 1, data: 'x' }, null, 'SYN-SENT', null],
    ['FIN without SYN', { flags: 'FA', seq: 0, ack: 1 }, null, 'SYN-SENT', null],
    ['no flag at all', { flags: '', seq: 0 }, null, 'SYN-SENT', null],
    ['SYN-ACK', { flags: 'SA', seq: 0, ack: 1 }, { flags: 'A', seq: 1, ack: 1 }, 'ESTABLISHED', null],
    ['SYN-ACK with data', { flags: 'SA', seq: 0, ack: 1, data: 'xyz' }, { seq: 1, ack: 4 }, 'ESTABLISHED', null],
    ['SYN-ACK with FIN', { flags: 'SFA', seq: 0, ack: 1, data: 'x' }, { seq: 1, ack: 3 }, 'CLOSE-WAIT', null],
    ['SYN: simultaneous open', { flags: 'S', seq: 0 }, { flags: 'SA', seq: 0, ack: 1 }, 'SYN-RECEIVED', null],
    ['SYN with RST', { flags: 'SR', seq: 0 }, null, 'SYN-SENT', null],
    ['SYN-ACK with RST', { flags: 'SRA', seq: 0, ack: 1 }, null, 'CLOSED', 'ECONNREFUSED'],
  ])('%s', (_what, segment, answer, after, error) => {
    const { wire, server, tcp, memory } = script({ isn })
    const peer = wire.peer({ port: 80, stackPort: 0, isn })
    const { connection, user } = server.connect()
    expect(peer.next()).toBeTcp({ flags: 'S', seq: 0, ack: 0 })
    peer.send(segment)
    if (answer !== null) expect(peer.next()).toBeTcp({ ...answer, length: 0 })
    expect(peer.take()).toEqual([])
    expect(stateName(connection.state)).toBe(after)
    expect(user.error).toBe(error)
    if (connection.state !== State.Closed) connection.abort()
    peer.take()
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
  })
})

describe('simultaneous open, RFC 9293, figure 8', () => {
  function crossing(data = '') {
    const made = script({ isn: 0xffffffff })
    const peer = made.wire.peer({ port: 80, stackPort: 0, isn: 0xffffffff })
    const { connection, user } = made.server.connect()
    expect(peer.next()).toBeTcp({ flags: 'S', seq: 0 })
    peer.send({ flags: 'S', seq: 0, mss: 1000, windowScale: 3, data })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1 })
    return { ...made, peer, connection, user }
  }

  test('ends in ESTABLISHED on the SYN-ACK', () => {
    const { peer, connection, user } = crossing()
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1000, windowScale: 3, window: 20_000 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 1, ack: 1 })
    expect(connection.state).toBe(State.Established)
    expect(user.events).toEqual(['established'])
    // The window of a SYN is not scaled.
    expect(connection.sendWindow).toBe(20_000)
    expect(connection.largestSendWindow).toBe(65_535)
    connection.write(Buffer.from('hello'), null)
    expect(peer.next()).toBeTcp({ seq: 1, payload: 'hello' })
    peer.expectNothing(100_000)
  })

  test('ends in ESTABLISHED on a plain ACK, too', () => {
    const { peer, connection } = crossing()
    peer.send({ seq: 1, ack: 1, window: 1000 })
    expect(connection.state).toBe(State.Established)
    expect(connection.sendWindow).toBe(8000)
  })

  test.each([
    ['and comes before what follows', { seq: 4, ack: 1, data: 'def' }],
    ['and need not come again', { seq: 1, ack: 1, data: 'abcdef' }],
  ])('text of the SYN waits until then (3.10.7.3), %s', (_what, segment) => {
    const { peer, user, memory } = crossing('abc')
    expect([user.data.toString(), memory.inUse]).toEqual(['', 0])
    peer.send(segment)
    expect(user.data.toString()).toBe('abcdef')
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 7 })
  })

  test('text of the SYN is forgotten with it', () => {
    const { peer, user, tcp } = crossing('abc')
    peer.send({ flags: 'R', seq: 1 })
    expect(user.events).toEqual(['closed ECONNREFUSED'])
    expect(tcp.outOfOrderMemory.bytes).toBe(0)
  })

  test('a reset ends it: refused', () => {
    const { peer, user } = crossing()
    peer.send({ flags: 'R', seq: 1 })
    expect(user.error).toBe('ECONNREFUSED')
  })

  test('the SYN-ACK is sent again, then it is given up', () => {
    const { peer, user, clock } = crossing()
    const start = clock.now()
    const times = peer.times(200 * SECOND, start)
    expect(times.map((time) => time / SECOND)).toEqual([1, 3, 7, 15, 31, 63])
    expect(user.error).toBe('ETIMEDOUT')
  })

  test('closing meanwhile sends the FIN after the handshake (3.10.4)', () => {
    const { peer, connection } = crossing()
    connection.shutdownWrite()
    peer.expectNothing()
    expect(connection.state).toBe(State.SynReceived)
    peer.send({ flags: 'SA', seq: 0, ack: 1 })
    expect(peer.take().map((segment) => segment.flags)).toEqual(['FA'])
    expect(connection.state).toBe(State.FinWait1)
  })
})

describe('simultaneous close, RFC 9293, figure 13', () => {
  test('both sides go through CLOSING to TIME-WAIT', () => {
    const { peer, state } = reach('FIN-WAIT-1', true)
    peer.send({ flags: 'FA', seq: 1, ack: 1 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 2 })
    expect(state()).toBe('CLOSING')
    peer.send({ seq: 2, ack: 2 })
    expect(state()).toBe('TIME-WAIT')
    peer.expectNothing(1 * SECOND)
  })
})
