/**
 * Frames that somebody made to break parsers, fed to a whole stack in virtual time: as they are, and made ours in three
 * steps. Expected always: no exception, no hang, no table over its bound, no answer that carries bytes of other packets,
 * no packet lost or freed twice, and an answer to ping.
 */
import { describe, expect, test } from 'vitest'
import '../support/packet-matchers.ts'
import { dissect } from '../support/dissect.ts'
import { type CorpusFrame, readCorpus } from './corpus.ts'
import { craftedFrames } from './crafted.ts'
import { feed } from './feed.ts'
import { type HostileFlow, HostilePair, send, TCP_PORTS } from './hostile-host.ts'
import { addressToUs, intoFlow, makePlausible } from './retarget.ts'

const corpus = readCorpus()
const crafted = craftedFrames()
if (corpus === null) {
  console.log('../shared/frames/tcpdump.ndjson.gz is absent: hostile frames are the crafted ones of test/frames only')
}
const frames: readonly CorpusFrame[] = [...(corpus ?? []), ...crafted]

describe(`${frames.length} hostile frames`, { timeout: 300_000 }, () => {
  test('the corpus is whole where it is there', () => {
    expect(corpus === null || corpus.length > 5000).toBe(true)
    expect(crafted.length).toBeGreaterThan(4000)
  })

  test('as they are', async () => {
    const pair = await HostilePair.start()
    await feed(pair, frames, ({ bytes }) => bytes)
    await pair.expectNothingLeft()
  })

  test('addressed to us, with right checksums', async () => {
    const pair = await HostilePair.start()
    const answers = await feed(pair, frames, ({ bytes }) => addressToUs(bytes))
    // Resets, unreachable ports and protocols, and echoes: they did get through to the transports.
    expect(answers).toBeGreaterThan(500)
    await pair.expectNothingLeft()
  })

  test('made plausible, to ports where somebody listens', async () => {
    const pair = await HostilePair.start()
    const answers = await feed(pair, frames, ({ bytes }, index) => makePlausible(bytes, index))
    expect(answers).toBeGreaterThan(1000)
    const { tcp, udp } = pair.first
    expect(udp.counters.delivered).toBeGreaterThan(corpus === null ? 10 : 1000)
    expect(tcp.counters.PassiveOpens).toBeGreaterThan(50)
    await pair.expectNothingLeft()
  })

  test('as segments of established connections', async () => {
    const pair = await HostilePair.start()
    let opened = 0
    let flow: HostileFlow = pair.openFlow(TCP_PORTS[0])
    let segments = 0
    let resets = 0
    let echoedBytes = 0
    const answers = await feed(
      pair,
      frames,
      ({ bytes }, index) => {
        const segment = intoFlow(bytes, index, flow)
        if (segment !== null) segments++
        return segment
      },
      (sent) => {
        let isOver = segments % 40 === 0
        for (const segment of sent.map((frame) => dissect(frame).tcp)) {
          if (segment?.destinationPort !== flow.remotePort) continue
          if (segment.flags.includes('R')) {
            resets++
            isOver = true
          } else {
            echoedBytes += segment.payload.length
            // Follow the connection, so that the next segment is in its window again.
            flow.expected = segment.ack
            flow.acknowledgment = (segment.seq + segment.length) >>> 0
          }
        }
        if (isOver) flow = pair.openFlow(TCP_PORTS[++opened % TCP_PORTS.length])
      },
    )
    expect(segments).toBeGreaterThan(1500)
    expect(resets).toBeGreaterThan(10)
    // Answered, or not answered only because a connection answers two segments a second that cannot be right, as most
    // here are. What TCP sends again answers nobody.
    const { RetransSegs, TCPACKSkippedChallenge, TCPACKSkippedSeq, TCPOFOQueue, TCPSYNChallenge } =
      pair.first.tcp.counters
    const answered = answers - RetransSegs
    expect(answered + TCPACKSkippedChallenge + TCPACKSkippedSeq).toBeGreaterThan(segments / 2)
    expect(TCPSYNChallenge).toBeGreaterThan(200)
    // The crafted segments are about headers and options and carry next to no data; those of the corpus do.
    expect(answered).toBeGreaterThan(corpus === null ? 100 : 500)
    if (corpus !== null) expect(TCPOFOQueue).toBeGreaterThan(100)
    expect(echoedBytes).toBeGreaterThan(corpus === null ? 10 : 10_000)
    // Connections still work.
    const last = pair.openFlow(TCP_PORTS[0])
    const echoed = pair.receive(send.tcp({ ...pair.first.header(last), flags: 'PA' }, 'still there?'))
    expect(echoed.map((frame) => Buffer.from(dissect(frame).tcp?.payload ?? []).toString()).join('')).toBe(
      'still there?',
    )
    await pair.expectNothingLeft()
  })
})
