/** The same as `hostile-frames.test.ts` for IPv6: the frames of the corpus that carry it, and crafted ones. */
import { describe, expect, test } from 'vitest'
import '../support/packet-matchers.ts'
import { type CorpusFrame, readCorpus } from './corpus.ts'
import { craftedFrames6 } from './crafted6.ts'
import { feed } from './feed.ts'
import { HostilePair } from './hostile-host.ts'
import { addressToUs6, isIpv6, makePlausible6 } from './retarget6.ts'

const corpus = readCorpus()?.filter(({ bytes }) => isIpv6(bytes)) ?? null
const crafted = craftedFrames6()
const frames: readonly CorpusFrame[] = [...(corpus ?? []), ...crafted]

describe(`${frames.length} hostile frames of IPv6`, { timeout: 300_000 }, () => {
  test('the corpus is whole where it is there', () => {
    expect(corpus === null || corpus.length > 600).toBe(true)
    expect(crafted.length).toBeGreaterThan(2000)
  })

  test('as they are crafted, and those of the corpus addressed to us', async () => {
    const pair = await HostilePair.start()
    const answers = await feed(pair, frames, ({ bytes }, index) =>
      index < (corpus?.length ?? 0) ? addressToUs6(bytes) : bytes,
    )
    expect(answers).toBeGreaterThan(200)
    await pair.expectNothingLeft()
  })

  test('made plausible, to ports where somebody listens', async () => {
    const pair = await HostilePair.start()
    const plausible = ({ bytes }: CorpusFrame, index: number) => (isIpv6(bytes) ? makePlausible6(bytes, index) : bytes)
    const answers = await feed(pair, frames, plausible)
    expect(answers).toBeGreaterThan(400)
    const { ipv6, tcp, udp } = pair.first
    expect(ipv6.ipv6.counters.controlDelivered).toBeGreaterThan(100)
    expect(tcp.counters.InSegs).toBeGreaterThan(10)
    expect(udp.counters.delivered).toBeGreaterThan(20)
    await pair.expectNothingLeft()
  })
})
