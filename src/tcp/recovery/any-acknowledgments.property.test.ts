/** A peer that acknowledges whatever comes to its mind: the sender neither miscounts nor gets stuck. */
import fc from 'fast-check'
import { describe, test } from 'vitest'
import { established, pattern, type ScriptedSegment } from '../../../test/support/scripted-peer.ts'
import { checkSender } from '../../../test/support/sender-invariants.ts'
import { MILLISECOND } from '../../clock/index.ts'
import { CONGESTION_CONTROLS } from '../congestion/index.ts'
import type { Connection } from '../connection.ts'
import { distance } from '../sequence-number.ts'
import { State } from '../state.ts'

interface Settings {
  mss: number
  sack: boolean
  timestamps: boolean
  noDelay: boolean
  control: (typeof CONGESTION_CONTROLS)[number]
  /** Where the stack's numbers begin: they wrap around, or become negative, within the first segments. */
  stackIsn: number
}

/** Places are fractions of what is outstanding, in thousandths: a little beside it, too. */
interface Acknowledgment {
  kind: 'acknowledge'
  /** Of what is outstanding; -1: nothing new. */
  to: number
  blocks: [from: number, length: number][]
  /** Edges of blocks where segments end. */
  whole: boolean
  window: number
  /** Milliseconds that the echoed timestamp is older than the newest. */
  age: number
  data: number
}

type Step =
  | Acknowledgment
  | { kind: 'write'; bytes: number }
  | { kind: 'wait'; time: number }
  | { kind: 'finish' }
  | { kind: 'narrow' }

const acknowledgment: fc.Arbitrary<Step> = fc.record({
  kind: fc.constant('acknowledge'),
  to: fc.oneof(fc.constant(-1), fc.constant(-1), fc.constant(1000), fc.integer({ min: 0, max: 1000 })),
  blocks: fc.array(fc.tuple(fc.integer({ min: -50, max: 1050 }), fc.integer({ min: -10, max: 600 })), { maxLength: 4 }),
  whole: fc.boolean(),
  window: fc.oneof(
    { weight: 6, arbitrary: fc.constant(65_535) },
    { weight: 1, arbitrary: fc.constantFrom(0, 1, 500, 9000) },
  ),
  age: fc.oneof(fc.constant(0), fc.integer({ min: 0, max: 3000 })),
  data: fc.constantFrom(0, 0, 0, 10),
}) as fc.Arbitrary<Step>

const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 12, arbitrary: acknowledgment },
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('write'), bytes: fc.integer({ min: 1, max: 20_000 }) }) },
  {
    weight: 5,
    arbitrary: fc.record({
      kind: fc.constant('wait'),
      time: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(10, 20, 250, 1000)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ kind: fc.constantFrom('finish', 'narrow') }) },
) as fc.Arbitrary<Step>

const settings: fc.Arbitrary<Settings> = fc.record({
  mss: fc.constantFrom(100, 1000, 1460),
  sack: fc.boolean(),
  timestamps: fc.boolean(),
  noDelay: fc.boolean(),
  control: fc.constantFrom(...CONGESTION_CONTROLS),
  stackIsn: fc.constantFrom(0, 0x7ffff000, 0xfffff000),
})

function isClosed(connection: Connection): boolean {
  return connection.state === State.Closed
}

function run({ mss, sack, timestamps, noDelay, control, stackIsn }: Settings, steps: Step[]): void {
  const made = established({
    timestamps,
    stackIsn,
    syn: { mss, sackPermitted: sack, ...(timestamps ? { timestamp: { value: 1_000_000, echo: 0 } } : {}) },
    settings: { congestionControl: control },
  })
  const { peer, connection, clock } = made
  connection.setNoDelay(noDelay)
  let written = 0
  let window = 65_535
  for (const each of steps) {
    if (isClosed(connection)) return
    const una = distance(connection.unacknowledged, connection.initialSendSequence)
    const outstanding = distance(connection.sendNext, connection.unacknowledged)
    if (each.kind === 'write') {
      connection.write(pattern(each.bytes, written), null)
      written += each.bytes
    } else if (each.kind === 'wait') {
      const end = clock.now() + each.time * MILLISECOND
      for (let next = clock.nextExpiry(); next !== undefined && next <= end; next = clock.nextExpiry()) {
        clock.advanceTo(Math.max(next, clock.now()))
        if (!isClosed(connection)) checkSender(connection)
      }
      clock.advanceTo(end)
    } else if (each.kind === 'finish') {
      connection.shutdownWrite()
    } else if (each.kind === 'narrow') {
      connection.path.ip.lowerMtu(connection.path, 800)
      connection.push()
    } else {
      const ack = una + (each.to < 0 ? 0 : Math.floor((outstanding * each.to) / 1000))
      const size = each.whole ? mss : 1
      const edge = (thousandths: number) => una + Math.round((outstanding * thousandths) / 1000 / size) * size
      window = each.window
      const segment: ScriptedSegment = { ack, window, data: each.data }
      if (sack && each.blocks.length > 0) {
        segment.sack = each.blocks
          .slice(0, timestamps ? 3 : 4)
          .map(([from, length]) => [edge(from), edge(from + length)])
      }
      if (timestamps) {
        const value = Math.floor(clock.now() / 1000) + 1_000_000
        segment.timestamp = { value, echo: peer.recentTimestamp - each.age }
      }
      peer.send(segment)
    }
    peer.take()
    if (!isClosed(connection)) checkSender(connection)
  }
  // Then the peer comes to its senses: everything arrives.
  connection.shutdownWrite()
  for (let i = 0; i < 400 && connection.state < State.FinWait2 && !isClosed(connection); i++) {
    const end = peer.receiveNext
    peer.send({ ack: end, window: 65_535 })
    peer.take()
    if (end === peer.receiveNext) {
      clock.advance(1000 * MILLISECOND)
      peer.take()
    }
    if (!isClosed(connection)) checkSender(connection)
  }
  if (connection.state !== State.FinWait2) throw new Error(`stuck in state ${connection.state}`)
}

describe('whatever a peer acknowledges', () => {
  test('leaves the sums right, a timer armed and the connection able to finish', () => {
    fc.assert(fc.property(settings, fc.array(step, { minLength: 1, maxLength: 40 }), run), {
      numRuns: Number(process.env.RUNS ?? 100),
    })
  })
})
