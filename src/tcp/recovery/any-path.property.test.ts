/** Two stacks on a path that loses, reorders and duplicates: at every step the sender's sums are right and a timer runs. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { pattern } from '../../../test/support/scripted-peer.ts'
import { checkSender } from '../../../test/support/sender-invariants.ts'
import { Collector, Recorder, VirtualWorld } from '../../../test/support/virtual-hosts.ts'
import { IpAddress } from '../../address/index.ts'
import { MILLISECOND, SECOND } from '../../clock/index.ts'
import { CONGESTION_CONTROLS } from '../congestion/index.ts'
import type { Connection } from '../connection.ts'
import { State } from '../state.ts'

interface Path {
  seed: number
  control: (typeof CONGESTION_CONTROLS)[number]
  sack: boolean
  timestamps: boolean
  latency: number
  loss: number
  duplication: number
  reordering: number
  distance: number
  bandwidth: number
  queue: number
  mtu: number
  offload: boolean
  bytes: number
}

const paths: fc.Arbitrary<Path> = fc.record({
  seed: fc.integer({ min: 1, max: 1_000_000 }),
  control: fc.constantFrom(...CONGESTION_CONTROLS),
  sack: fc.oneof(fc.constant(true), fc.boolean()),
  timestamps: fc.boolean(),
  latency: fc.integer({ min: 1, max: 100 }),
  loss: fc.double({ min: 0, max: 0.15, noNaN: true }),
  duplication: fc.constantFrom(0, 0, 0.05),
  reordering: fc.constantFrom(0, 0.02, 0.2),
  distance: fc.integer({ min: 1, max: 20 }),
  bandwidth: fc.constantFrom(1e6, 1e7, 1e9),
  queue: fc.constantFrom(10_000, 50_000, 1 << 20),
  mtu: fc.constantFrom(576, 1500, 9000),
  offload: fc.boolean(),
  bytes: fc.integer({ min: 1, max: 100_000 }),
})

function run(path: Path): void {
  const world = new VirtualWorld(path.seed)
  const { clock } = world
  const { latency, loss, duplication, distance, bandwidth, queue, mtu, timestamps } = path
  const settings = { congestionControl: path.control, selectiveAcknowledgments: path.sack, timestamps }
  const reordering = { probability: path.reordering, distance }
  const offload = path.offload ? ('auto' as const) : false
  const link = { latency: latency * MILLISECOND, bandwidth, queue, mtu, offload }
  const a = world.host({ ...link, loss, duplication, reordering }, settings)
  const b = world.host({ ...link, loss: loss / 3 }, settings)
  const acceptor = new Collector()
  b.tcp.listen(null, 80, 16, acceptor)
  const user = new Recorder()
  const connection: Connection = a.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, user })
  connection.write(pattern(path.bytes), null)
  for (let i = 0; i < 200_000 && connection.state < State.FinWait2; i++) {
    const next = clock.nextExpiry()
    if (next === undefined || connection.error !== null) break
    clock.advanceTo(Math.max(next, clock.now()))
    if (connection.error !== null || connection.state < State.Established) continue
    if (!connection.finQueued) connection.shutdownWrite()
    checkSender(connection)
  }
  // Without timestamps the backoff grows with each loss, and a bad path may be given up (RFC 6298, section 3).
  if (connection.error === 'ETIMEDOUT' || user.error === 'ETIMEDOUT') return
  clock.advance(20 * SECOND)
  expect(acceptor.recorders[0].data.length).toBe(path.bytes)
  expect(acceptor.recorders[0].data.equals(pattern(path.bytes))).toBe(true)
}

describe('a sender on any path', () => {
  test('neither miscounts nor gets stuck', () => {
    fc.assert(fc.property(paths, run), { numRuns: Number(process.env.RUNS ?? 20) })
  })
})
