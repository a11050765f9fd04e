/** Valid frames with some bytes changed, cut off or added, in sequences, to a whole stack in virtual time. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import '../support/packet-matchers.ts'
import { validFrames } from './crafted.ts'
import { HostilePair, TCP_PORTS } from './hostile-host.ts'
import { intoFlow, rightChecksums } from './retarget.ts'

/** Another seed or more runs: TAPSTACK_FUZZ_SEED, TAPSTACK_FUZZ_RUNS. */
const seed = Number(process.env.TAPSTACK_FUZZ_SEED ?? 1)
const numRuns = Number(process.env.TAPSTACK_FUZZ_RUNS ?? 300)

const seeds = validFrames()

type Change = { kind: 'set' | 'cut' | 'add'; position: number; value: number }

const change: fc.Arbitrary<Change> = fc.record({
  // Headers, where it matters, more often than data.
  position: fc.oneof(fc.nat(70), fc.nat(1600)),
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
  kind: fc.constantFrom<Change['kind']>('set', 'set', 'set', 'set', 'cut', 'add'),
})

const mutation = fc.record({
  frame: fc.nat(seeds.length - 1),
  changes: fc.array(change, { minLength: 0, maxLength: 6 }),
  /** Most frames get right checksums again, so that they come further than to the checksum. */
  repair: fc.constantFrom(true, true, true, false),
  /** Whether a TCP segment goes into the connection that is open. */
  inFlow: fc.boolean(),
})

function mutate(frame: Uint8Array, changes: readonly Change[]): Uint8Array {
  let bytes = frame.slice()
  for (const { kind, position, value } of changes) {
    if (kind === 'set' && position < bytes.length) bytes[position] = value
    if (kind === 'cut') bytes = bytes.slice(0, Math.min(position, bytes.length))
    if (kind === 'add') bytes = Uint8Array.from([...bytes, ...new Array<number>(position % 200).fill(value)])
  }
  return bytes
}

describe('mutated frames', { timeout: 300_000 }, () => {
  test('do no harm', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 10, maxLength: 120 }), async (mutations) => {
        const pair = await HostilePair.start()
        const flow = pair.openFlow(TCP_PORTS[mutations.length % TCP_PORTS.length])
        for (const [index, { frame, changes, repair, inFlow }] of mutations.entries()) {
          let bytes = mutate(seeds[frame], changes)
          if (repair) bytes = rightChecksums(bytes)
          pair.receive((inFlow ? intoFlow(bytes, index, flow) : null) ?? bytes)
        }
        pair.expectPingAnswered()
        await pair.expectNothingLeft()
      }),
      { seed, numRuns, endOnFailure: false },
    )
  })

  test('the seeds are understood: mutation starts from what is valid', async () => {
    const pair = await HostilePair.start()
    for (const frame of seeds) pair.receive(frame)
    const { arp, icmp, ipv4, udp, tcp } = pair.first
    expect(arp.counters).toMatchObject({ requestsReceived: 1, repliesReceived: 1, malformed: 0 })
    expect(icmp.counters).toMatchObject({ echoRequestsReceived: 1, errorsDelivered: 1, errorsImplausibleMtu: 1 })
    expect(ipv4.counters).toMatchObject({ fragments: 2, unknownProtocol: 1, headerChecksum: 0, truncated: 0 })
    expect(udp.counters).toMatchObject({ delivered: 2, noPort: 1, checksum: 0 })
    expect(tcp.counters.PassiveOpens).toBeGreaterThan(0)
    await pair.expectNothingLeft()
  })
})
