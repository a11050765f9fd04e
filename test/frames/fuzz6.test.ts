/** The same as `fuzz.test.ts` for IPv6: neighbour discovery, multicast listening, extension headers, fragments. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import '../support/packet-matchers.ts'
import { dissect } from '../support/dissect.ts'
import { validFrames6 } from './crafted6.ts'
import { type HostileHost, HostilePair, send6 } from './hostile-host.ts'
import { rightChecksums6 } from './right-checksums6.ts'

const seed = Number(process.env.TAPSTACK_FUZZ_SEED ?? 1)
const numRuns = Number(process.env.TAPSTACK_FUZZ_RUNS ?? 100)

const seeds = validFrames6()

type Change = { kind: 'set' | 'cut' | 'add'; position: number; value: number }

const change: fc.Arbitrary<Change> = fc.record({
  // Headers and options, where it matters, more often than data; the MAC addresses seldom.
  position: fc.oneof(fc.integer({ min: 14, max: 130 }), fc.integer({ min: 14, max: 130 }), fc.nat(1600)),
  value: fc.oneof(fc.nat(255), fc.constantFrom(0, 1, 0x7f, 0x80, 0xff)),
  kind: fc.constantFrom<Change['kind']>('set', 'set', 'set', 'set', 'cut', 'add'),
})

const mutation = fc.record({
  frame: fc.nat(seeds.length - 1),
  changes: fc.array(change, { minLength: 0, maxLength: 5 }),
  repair: fc.constantFrom(true, true, true, false),
  /** The payload length made right again, too. */
  resize: fc.boolean(),
})

function mutate(frame: Uint8Array, changes: readonly Change[], resize: boolean): Uint8Array {
  let bytes = frame.slice()
  for (const { kind, position, value } of changes) {
    if (kind === 'set' && position < bytes.length) bytes[position] = value
    if (kind === 'cut') bytes = bytes.slice(0, Math.min(position, bytes.length))
    if (kind === 'add') bytes = Uint8Array.from([...bytes, ...new Array<number>(position % 200).fill(value)])
  }
  if (resize && bytes.length >= 54) {
    bytes[18] = (bytes.length - 54) >>> 8
    bytes[19] = bytes.length - 54
  }
  return bytes
}

function expectPingAnswered(host: HostileHost): void {
  const answers = host.receive(send6.icmp({ type: 128, identifier: 0x7e57, sequence: 9 }, 'are you there?'))
  const answer = answers.map((frame) => dissect(frame).icmp).find((icmp) => icmp?.identifier === 0x7e57)
  expect(answer).toMatchObject({ icmpType: 129, sequence: 9 })
}

describe('mutated frames of IPv6', { timeout: 300_000 }, () => {
  test('do no harm', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(mutation, { minLength: 10, maxLength: 120 }), async (mutations) => {
        const pair = await HostilePair.start()
        for (const { frame, changes, repair, resize } of mutations) {
          const bytes = mutate(seeds[frame], changes, resize)
          pair.receive(repair ? rightChecksums6(bytes) : bytes)
        }
        for (const host of [pair.first, pair.second]) expectPingAnswered(host)
        pair.expectPingAnswered()
        await pair.expectNothingLeft()
      }),
      { seed, numRuns, endOnFailure: false },
    )
  })

  test('the seeds are understood: mutation starts from what is valid', async () => {
    const pair = await HostilePair.start()
    for (const frame of seeds) pair.receive(frame)
    const { ipv6: host, icmpv6, udp, tcp } = pair.first
    const { counters } = host.ipv6
    expect(host.discovery.counters).toMatchObject({
      neighborSolicitationsReceived: 2,
      neighborAdvertisementsReceived: 2,
      routerAdvertisementsReceived: 1,
      routerSolicitationsIgnored: 1,
      redirectsReceived: 1,
      optionsIgnored: 0,
      malformedOptions: 0,
      invalidHopLimit: 0,
      truncated: 0,
    })
    expect(host.discovery.configuration).toMatchObject({ captivePortal: 'https://portal.example', managed: true })
    expect(host.multicast.counters).toMatchObject({
      queriesReceived: 2,
      reportsReceived: 1,
      malformed: 0,
      notFromLink: 0,
    })
    expect(icmpv6.counters).toMatchObject({ echoRequestsReceived: 1, errorsDelivered: 2, echoRepliesUnexpected: 1 })
    expect(counters).toMatchObject({ truncated: 0, icmpChecksum: 0, badExtensionHeaders: 0, headerProblem: 1 })
    expect(host.ipv6.reassemblyCounters).toMatchObject({ reassembled: 1 })
    expect(udp.counters).toMatchObject({ delivered: 5, noPort: 1, checksum: 0 })
    expect(tcp.counters.PassiveOpens).toBe(1)
    expect(tcp.counters.InErrs).toBe(0)
    await pair.expectNothingLeft()
  })
})
