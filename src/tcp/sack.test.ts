/** What our acknowledgments say about data ahead of gaps (RFC 2018) and about duplicates (RFC 2883). */
import { describe, expect, test } from 'vitest'
import { type EstablishedOptions, established, pattern } from '../../test/support/scripted-peer.ts'
import { SECOND } from '../clock/index.ts'

const MSS = 1000

/** A connection on which both sides permit SACK, beyond the first acknowledgments. */
function permitted(options: EstablishedOptions = {}) {
  return established({ ...options, syn: { mss: MSS, sackPermitted: true, ...options.syn } })
}

/** The number of a segment's first byte. */
const at = (segment: number) => 1 + segment * MSS
/** A full segment. */
const full = (segment: number) => ({ seq: at(segment), data: MSS })
const block = (from: number, to: number): [number, number] => [at(from), at(to)]

describe('SACK blocks, RFC 2018, section 4', () => {
  test('tell of the data ahead of a gap, until it is filled', () => {
    const { peer, user } = permitted()
    peer.send(full(1))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [block(1, 2)] })
    peer.send(full(2))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [block(1, 3)] })
    peer.send(full(0))
    expect(peer.next()).toBeTcp({ ack: at(3), sack: [] })
    expect(user.data.equals(pattern(3 * MSS))).toBe(true)
    peer.expectNothing(1 * SECOND)
  })

  test('are in no segment of a connection on which the peer does not permit them', () => {
    const { peer, connection } = established({ syn: { mss: MSS } })
    peer.send(full(1))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [] })
    peer.send(full(1))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [] })
    peer.send(full(0), full(0))
    expect(peer.next()).toBeTcp({ ack: at(2), sack: [] })
    expect(connection.sackBlocks).toBe(null)
  })

  test.each([
    ['four', false, 4],
    ['three with timestamps', true, 3],
  ])('begin with what came just now, then what was told of last: %s', (_what, timestamps, most) => {
    const { peer } = permitted({ timestamps, syn: timestamps ? { timestamp: { value: 1_000_000 } } : {} })
    // RFC 2018, section 5, case 4 and more: every second segment is lost.
    const reported: [number, number][] = []
    for (let i = 1; i < 12; i += 2) {
      peer.send(full(i))
      reported.unshift(block(i, i + 1))
      expect(peer.next()).toBeTcp({ ack: 1, sack: reported.slice(0, most) })
    }
    // Something older comes again to the front, and joins two.
    peer.send(full(2))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [block(1, 4), ...reported.slice(0, most - 1)] })
    peer.send(full(10))
    expect(peer.next()).toBeTcp({
      ack: 1,
      sack: [block(9, 12), block(1, 4), block(7, 8), block(5, 6)].slice(0, most).slice(0, timestamps ? 3 : 4),
    })
  })

  test('that were delivered are not told of any more', () => {
    const { peer } = permitted()
    for (const i of [1, 3, 5]) peer.send(full(i))
    peer.take()
    peer.send(full(0))
    expect(peer.next()).toBeTcp({ ack: at(2), sack: [block(5, 6), block(3, 4)] })
    peer.send(full(2))
    expect(peer.next()).toBeTcp({ ack: at(4), sack: [block(5, 6)] })
  })

  test('go with data that leaves room, and not with a full segment', () => {
    const { peer, connection } = permitted()
    peer.send(full(1))
    peer.take()
    connection.write(Buffer.alloc(500), null)
    expect(peer.next()).toBeTcp({ length: 500, sack: [block(1, 2)] })
    peer.send({ ack: 501 })
    for (const [length, blocks] of [
      [MSS, 0],
      [MSS - 11, 0],
      [MSS - 12, 1],
      [2 * MSS, 0],
    ]) {
      connection.write(Buffer.alloc(length), null)
      for (const segment of peer.take()) {
        expect(segment.sack.length).toBe(blocks)
        expect(segment.totalLength).toBeLessThanOrEqual(MSS + 40)
      }
      peer.send({})
    }
  })

  test('of a peer whose numbers wrap around', () => {
    const { peer } = permitted({ isn: 0xffffffff - 2 * MSS })
    for (let i = 1; i < 6; i++) {
      peer.send(full(i))
      expect(peer.next(40_000)).toBeTcp({ ack: 1, sack: [block(1, i + 1)] })
    }
  })
})

describe('acknowledgments for segments out of order, RFC 5681, 4.2', () => {
  test('each of a burst has its own for a peer that counts them', () => {
    const { peer } = established({ syn: { mss: MSS } })
    peer.send(full(0), full(2), full(3), full(4), full(5), full(6))
    const acknowledgments = peer.take()
    expect(acknowledgments.map(({ ack }) => ack)).toEqual(new Array(5).fill(at(1)))
    // The window does not change, or they would not count (RFC 5681, 2).
    expect(new Set(acknowledgments.map(({ window }) => window)).size).toBe(1)
  })

  test('three, and one more for the rest of the burst, for a peer with SACK; as Linux', () => {
    const { peer } = permitted()
    peer.send(...[1, 2, 3, 4, 5, 6].map(full))
    expect(peer.take()).toHaveLength(4)
    peer.send(full(8), full(9))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [block(8, 10), block(1, 7)] })
    peer.send(full(0), full(11), full(12))
    expect(peer.take()).toHaveLength(2)
    peer.expectNothing(1 * SECOND)
  })

  test('what fills a part of a gap is acknowledged at once', () => {
    const { peer } = permitted()
    peer.send(full(3))
    peer.take()
    peer.send({ data: 10, seq: 1 })
    expect(peer.next()).toBeTcp({ ack: 11, sack: [block(3, 4)] })
  })
})

describe('D-SACK, RFC 2883, section 4', () => {
  test('tells of data that is acknowledged already, once (4.1)', () => {
    const { peer, connection, tcp } = permitted()
    peer.send(full(0), full(1))
    expect(peer.next()).toBeTcp({ ack: at(2), sack: [] })
    peer.send(full(0))
    expect(peer.next()).toBeTcp({ ack: at(2), sack: [block(0, 1)] })
    expect(connection.sackBlocks).toBe(null)
    peer.send(full(2), full(3))
    expect(peer.next()).toBeTcp({ ack: at(4), sack: [] })
    expect(tcp.counters.TCPDSACKOldSent).toBe(1)
  })

  test('then of the data ahead of a gap', () => {
    const { peer } = permitted()
    peer.send(full(0), full(2))
    peer.take()
    peer.send(full(0))
    expect(peer.next()).toBeTcp({ ack: at(1), sack: [block(0, 1), block(2, 3)] })
  })

  test('of data ahead of a gap, with what it is a part of behind it (4.2.2, 4.3)', () => {
    const { peer, tcp } = permitted()
    for (const i of [1, 2, 5, 6, 7]) peer.send(full(i))
    peer.take()
    peer.send(full(6))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [block(6, 7), block(5, 8), block(1, 3)] })
    peer.send(full(2))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [block(2, 3), block(1, 3), block(5, 8)] })
    peer.send(full(9))
    expect(peer.next()).toBeTcp({ ack: 1, sack: [block(9, 10), block(1, 3), block(5, 8)] })
    expect(tcp.counters.TCPDSACKOfoSent).toBe(2)
  })

  test('of the part of a segment that is there already (4.2)', () => {
    const { peer } = permitted()
    peer.send(full(0))
    peer.take()
    peer.send({ seq: 501, data: MSS })
    expect(peer.next()).toBeTcp({ ack: 1501, sack: [[501, 1001]] })
    peer.send({ seq: 2001, data: 500 })
    peer.take()
    peer.send({ seq: 1701, data: 900 })
    expect(peer.next()).toBeTcp({
      ack: 1501,
      sack: [
        [2001, 2501],
        [1701, 2601],
      ],
    })
  })

  test('of the first part that a segment in order repeats of what is behind the gap (4.2)', () => {
    const { peer, tcp } = permitted()
    for (const seq of [101, 301, 601]) peer.send({ seq, data: 100 })
    peer.take()
    const [second, third]: [number, number][] = [
      [301, 401],
      [601, 701],
    ]
    peer.send({ seq: 1, data: 150 })
    expect(peer.next()).toBeTcp({ ack: 201, sack: [[101, 151], third, second] })
    peer.send({ seq: 201, data: 300 })
    expect(peer.next()).toBeTcp({ ack: 501, sack: [second, third] })
    peer.send({ seq: 451, data: 200 })
    // One is enough: what was acknowledged comes first.
    expect(peer.next()).toBeTcp({ ack: 701, sack: [[451, 501]] })
    expect([tcp.counters.TCPDSACKOfoSent, tcp.counters.TCPDSACKOldSent]).toEqual([2, 1])
  })

  test('of each duplicate in a burst', () => {
    const { peer } = permitted()
    for (const i of [0, 1, 2, 3, 4, 5]) peer.send(full(i))
    peer.take()
    peer.send(full(0), full(1), full(3), full(3))
    // Those that follow on each other are one sequence of data.
    expect(peer.take().map(({ sack }) => sack.length)).toEqual([1, 1, 1])
    peer.send(full(4), full(2))
    expect(peer.next()).toBeTcp({ ack: at(6), sack: [block(4, 5)] })
    expect(peer.next()).toBeTcp({ ack: at(6), sack: [block(2, 3)] })
    peer.expectNothing(1 * SECOND)
  })

  test('of a keep-alive probe with a byte, and of none without', () => {
    const { peer } = permitted()
    peer.send(full(0))
    peer.take()
    peer.send({ seq: at(1) - 1, data: 1 })
    expect(peer.next()).toBeTcp({ ack: at(1), sack: [[MSS, MSS + 1]] })
    peer.send({ seq: at(1) - 1 })
    expect(peer.next()).toBeTcp({ ack: at(1), sack: [] })
  })
})
