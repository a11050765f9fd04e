/** Explicit congestion notification: RFC 3168, section 6.1. */
import { describe, expect, test } from 'vitest'
import {
  type EstablishedOptions,
  established,
  pattern,
  type ScriptedSegment,
  script,
} from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { Ecn } from './explicit-congestion-notification.ts'
import type { EcnSetting } from './settings.ts'

const MSS = 1000
const ROUND_TRIP = 20 * MILLISECOND
const CAPABLE = 2
const CAPABLE_ONE = 1
const MARKED = 3
/** As many as are acknowledged at once. */
const two = (segment: ScriptedSegment) => [segment, segment]
const SETUP = { flags: 'SEC', seq: 0, mss: MSS }

/** A connection for which the peer asked, and got, ECN; past the first acknowledgments, which are never delayed. */
function agreed(options: EstablishedOptions = {}) {
  const made = script({ ...options, settings: { quickAcknowledgments: 0, ...options.settings } })
  made.server.listen()
  made.peer.send({ ...SETUP, ...options.syn })
  expect(made.peer.next()).toBeTcp({ flags: 'SAE', seq: 0, ack: 1, trafficClass: 0 })
  made.clock.advance(ROUND_TRIP)
  made.peer.send({ flags: 'A' })
  made.peer.expectNothing()
  return { ...made, connection: made.server.connection, user: made.server.recorder }
}

test('the differentiated services of a connection stand beside the bits of ECN (RFC 2474, section 3)', () => {
  const { peer, connection } = agreed()
  connection.differentiatedServices = 0xff
  expect(connection.differentiatedServices).toBe(0xfc)
  connection.write(pattern(100), null)
  expect(peer.next()).toBeTcp({ flags: 'AP', trafficClass: 0xfc | CAPABLE })
  connection.differentiatedServices = 0
  peer.send({ ack: 101 })
  connection.write(pattern(100), null)
  expect(peer.next()).toBeTcp({ flags: 'AP', trafficClass: CAPABLE })
})

describe('the SYN that we send', () => {
  function connecting(ecn: EcnSetting) {
    const made = script({ settings: { ecn } })
    const peer = made.wire.peer({ port: 80, stackPort: 0 })
    const { connection } = made.server.connect()
    return { ...made, peer, connection }
  }

  test.each([
    ['on', 'SEC'],
    ['accept', 'S'],
    ['off', 'S'],
  ] as const)('asks for ECN only if that is what the setting says: %s', (ecn, flags) => {
    const { peer } = connecting(ecn)
    expect(peer.next()).toBeTcp({ flags, trafficClass: 0 })
  })

  test.each([
    ['agrees', 'SAE', true],
    ['does not know ECN', 'SA', false],
    ['sends back all flags that it does not know (6.1.1)', 'SAEC', false],
  ])('is answered by a peer that %s', (_what, flags, capable) => {
    const { peer, connection } = connecting('on')
    peer.next()
    peer.send({ flags, mss: MSS })
    // Never on a segment without data (6.1.4).
    expect(peer.next()).toBeTcp({ flags: 'A', trafficClass: 0 })
    connection.write(pattern(10), null)
    expect(peer.next()).toBeTcp({ flags: 'AP', trafficClass: capable ? CAPABLE : 0 })
    // A peer that has not agreed cannot slow us down.
    const before = connection.recovery!.congestion.slowStartThreshold
    peer.send({ flags: 'AE' })
    expect(connection.recovery!.congestion.slowStartThreshold < before).toBe(capable)
  })

  test('that does not ask is not answered with an agreement, whatever the peer says', () => {
    const { peer, connection } = connecting('accept')
    peer.next()
    peer.send({ flags: 'SAE', mss: MSS })
    peer.take()
    connection.write(pattern(10), null)
    expect(peer.next()).toBeTcp({ flags: 'AP', trafficClass: 0 })
    peer.send({ data: 100, trafficClass: MARKED })
    expect(peer.next(SECOND)).toBeTcp({ flags: 'A', ack: 101 })
  })

  test('that comes again does not ask (6.1.1.1)', () => {
    const { peer, connection } = connecting('on')
    expect(peer.next()).toBeTcp({ flags: 'SEC' })
    expect(peer.next(2 * SECOND)).toBeTcp({ flags: 'S' })
    expect(peer.next(3 * SECOND)).toBeTcp({ flags: 'S' })
    peer.send({ flags: 'SA', mss: MSS })
    peer.take()
    expect(connection.ecn).toBe(Ecn.None)
  })

  test('that came again: the late answer to the first one lets the peer use ECN, but not us (6.1.1)', () => {
    const { peer, connection } = connecting('on')
    expect(peer.next()).toBeTcp({ flags: 'SEC' })
    expect(peer.next(2 * SECOND)).toBeTcp({ flags: 'S' })
    peer.send({ flags: 'SAE', mss: MSS })
    peer.take()
    connection.write(pattern(10), null)
    expect(peer.next()).toBeTcp({ flags: 'AP', trafficClass: 0 })
    peer.send(...two({ data: MSS, trafficClass: MARKED }))
    expect(peer.next()).toBeTcp({ flags: 'AE' })
  })
})

describe('a SYN that asks for ECN', () => {
  test.each([
    ['on', 'SAE', true],
    ['accept', 'SAE', true],
    ['off', 'SA', false],
  ] as const)('is agreed to as the setting says: %s', (ecn, flags, capable) => {
    const { peer, server } = script({ settings: { ecn } })
    server.listen()
    peer.send(SETUP)
    expect(peer.next()).toBeTcp({ flags, trafficClass: 0 })
    peer.send({ flags: 'A' })
    server.connection.write(pattern(10), null)
    expect(peer.next()).toBeTcp({ flags: 'AP', trafficClass: capable ? CAPABLE : 0 })
  })

  test.each([
    ['only ECE', { flags: 'SE' }],
    ['only CWR', { flags: 'SC' }],
    ['both, but its IP header is ECN-capable', { flags: 'SEC', trafficClass: CAPABLE }],
    ['both, but its IP header is marked', { flags: 'SEC', trafficClass: MARKED }],
  ])('must have both flags, in a packet without ECN: not %s', (_what, syn) => {
    const { peer, server } = script({ settings: { ecn: 'on' } })
    server.listen()
    peer.send({ seq: 0, mss: MSS, ...syn })
    expect(peer.next()).toBeTcp({ flags: 'SA' })
  })

  test('a more accurate kind of which has a reserved flag as well may be ECN-capable; as Linux', () => {
    const { peer, server, wire } = script()
    server.listen()
    const frame = peer.frame({ ...SETUP, trafficClass: CAPABLE })
    // The flag that was the nonce sum, next to the data offset; in one's complement it is made up for in the urgent pointer.
    frame[14 + 20 + 12] |= 1
    frame[14 + 20 + 18] -= 1
    frame[14 + 20 + 19] = 0
    const view = new DataView(frame.buffer)
    view.setUint16(14 + 20 + 18, 0xffff - 0x0100)
    wire.put(frame)
    expect(peer.next()).toBeTcp({ flags: 'SAE' })
  })

  test('and comes again without doing so keeps us from sending ECN-capable data (6.1.1), but not from echoing', () => {
    const { peer, server } = script()
    server.listen()
    peer.send(SETUP)
    expect(peer.next()).toBeTcp({ flags: 'SAE' })
    peer.send({ flags: 'S', seq: 0, mss: MSS })
    expect(peer.next()).toBeTcp({ flags: 'SA' })
    peer.send({ flags: 'A' })
    server.connection.write(pattern(10), null)
    expect(peer.next()).toBeTcp({ flags: 'AP', trafficClass: 0 })
    peer.send(...two({ data: MSS, trafficClass: MARKED }))
    expect(peer.next()).toBeTcp({ flags: 'AE' })
  })

  test('is answered in the same way when the SYN-ACK is lost', () => {
    const { peer, server } = script()
    server.listen()
    peer.send(SETUP)
    expect(peer.next()).toBeTcp({ flags: 'SAE' })
    expect(peer.next(2 * SECOND)).toBeTcp({ flags: 'SAE' })
  })

  test.each([
    ['that we open with ECN, too', 'on', 'SAE', CAPABLE],
    ['that we open without', 'accept', 'SA', 0],
  ] as const)('crosses ours: a simultaneous open %s', (_what, ecn, flags, trafficClass) => {
    const { wire, server } = script({ settings: { ecn } })
    const peer = wire.peer({ port: 80, stackPort: 0 })
    const { connection } = server.connect()
    peer.next()
    peer.send(SETUP)
    expect(peer.next()).toBeTcp({ flags })
    peer.send({ flags: 'SAE', seq: 0, ack: 1 })
    connection.write(pattern(10), null)
    expect(peer.take().at(-1)).toMatchObject({ flags: 'PA', trafficClass })
  })

  test.each([
    ['on', true, 'SAE', CAPABLE],
    ['accept', false, 'SA', 0],
    ['off', true, 'SA', 0],
  ] as const)('that is answered with a cookie, ecn %s, timestamps %s', (ecn, timestamps, flags, trafficClass) => {
    const { wire, peer, server, tcp } = script({ settings: { ecn } })
    server.listen(80, 1)
    wire.put(wire.tcp({ sourcePort: 1024, destinationPort: 80, flags: 'S', seq: 7919 }, '', { source: '10.0.0.100' }))
    if (timestamps) peer.timestampOffset = 1_000_000
    peer.send(SETUP)
    expect(peer.next()).toBeTcp({ flags })
    peer.send({ flags: 'A' })
    expect(tcp.counters.SyncookiesRecv).toBe(1)
    server.connection.write(pattern(10), null)
    expect(peer.next()).toBeTcp({ flags: 'AP', trafficClass })
  })
})

describe('the receiver, 6.1.3', () => {
  test('echoes a mark with every segment until the peer says that it has reduced its window', () => {
    const { peer, connection, host } = agreed()
    peer.send(...two({ data: MSS, trafficClass: CAPABLE }))
    expect(peer.next()).toBeTcp({ flags: 'A' })
    peer.send(...two({ data: MSS, trafficClass: MARKED }))
    expect(peer.next()).toBeTcp({ flags: 'AE', trafficClass: 0 })
    peer.send(...two({ data: MSS, trafficClass: CAPABLE }))
    expect(peer.next()).toBeTcp({ flags: 'AE' })
    connection.write(pattern(10), null)
    expect(peer.next()).toBeTcp({ flags: 'APE', trafficClass: CAPABLE })
    peer.send(...two({ flags: 'AC', data: MSS, trafficClass: CAPABLE }))
    expect(peer.next()).toBeTcp({ flags: 'A' })
    peer.send(...two({ data: MSS, trafficClass: CAPABLE_ONE }))
    expect(peer.next()).toBeTcp({ flags: 'A' })
    expect(host.ipv4.counters).toMatchObject({ InECT0Pkts: 6, InECT1Pkts: 2, InCEPkts: 2 })
  })

  test('answers a mark on the segment that says so with a new echo', () => {
    const { peer } = agreed()
    peer.send(...two({ data: MSS, trafficClass: MARKED }))
    expect(peer.next()).toBeTcp({ flags: 'AE' })
    peer.send(...two({ flags: 'AC', data: MSS, trafficClass: MARKED }))
    expect(peer.next()).toBeTcp({ flags: 'AE' })
  })

  test.each([
    ['a mark', { trafficClass: MARKED }, 'AE'],
    ['CWR', { trafficClass: CAPABLE, flags: 'AC' }, 'A'],
  ])('does not delay the acknowledgment for %s, as the peer may have a small window', (_what, segment, flags) => {
    const { peer } = agreed()
    peer.send({ data: 100, trafficClass: CAPABLE })
    expect(peer.next(100 * MILLISECOND)).toBeTcp({ flags: 'A', ack: 101 })
    peer.send({ data: 100, ...segment })
    expect(peer.next()).toBeTcp({ flags, ack: 201 })
  })

  test('does not delay it for data that is not ECN-capable on a connection where other data is: a retransmission', () => {
    const { peer } = agreed()
    peer.send({ data: 100 })
    peer.expectNothing(10 * MILLISECOND)
    peer.next(100 * MILLISECOND)
    peer.send({ data: 100, trafficClass: CAPABLE })
    peer.next(100 * MILLISECOND)
    peer.send({ data: 100 })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 301 })
  })

  test('minds marks ahead of a gap, but not those outside of the window or on segments without data (6.1.5)', () => {
    const { peer } = agreed()
    peer.send(...two({ data: MSS, trafficClass: CAPABLE }))
    expect(peer.next()).toBeTcp({ flags: 'A' })
    peer.send({ seq: 1, data: MSS, trafficClass: MARKED })
    expect(peer.next()).toBeTcp({ flags: 'A' })
    peer.send({ trafficClass: MARKED })
    peer.expectNothing()
    peer.send({ seq: 1 + 300_000, data: MSS, trafficClass: MARKED })
    expect(peer.next()).toBeTcp({ flags: 'A' })
    peer.send({ seq: 1 + 4 * MSS, data: MSS, trafficClass: MARKED })
    expect(peer.next()).toBeTcp({ flags: 'AE' })
  })

  test('ignores marks where ECN was not agreed on', () => {
    const { peer } = established({ settings: { ecn: 'on' } })
    peer.send(...two({ data: MSS, trafficClass: MARKED }))
    expect(peer.next()).toBeTcp({ flags: 'A' })
  })
})

describe('the sender, 6.1.2', () => {
  /** So many segments are on their way, in a window of as many. */
  function sending(segments = 10, options: EstablishedOptions = {}) {
    const made = agreed({ ...options, settings: { congestionControl: 'newreno', ...options.settings } })
    made.connection.write(pattern(1_000_000), null)
    expect(made.peer.take()).toHaveLength(segments)
    made.clock.advance(ROUND_TRIP)
    return made
  }
  const at = (segment: number) => 1 + segment * MSS
  const threshold = (made: ReturnType<typeof sending>) => made.connection.recovery!.congestion.slowStartThreshold

  test('marks all new data as ECN-capable, and nothing else', () => {
    const { peer, connection, clock } = agreed()
    connection.write(pattern(3 * MSS), null)
    expect(peer.take().map(({ trafficClass }) => trafficClass)).toEqual([CAPABLE, CAPABLE, CAPABLE])
    // The timeout, and what is sent again.
    clock.advance(1 * SECOND)
    expect(new Set(peer.take().map(({ trafficClass }) => trafficClass))).toEqual(new Set([0]))
    peer.send({ ack: at(3) })
    peer.send(...two({ data: MSS }))
    expect(peer.next()).toBeTcp({ flags: 'A', trafficClass: 0 })
    connection.shutdownWrite()
    expect(peer.next()).toBeTcp({ flags: 'AF', trafficClass: 0 })
    peer.send({ flags: 'R', seq: 1 + 2 * MSS })
  })

  test('does not mark probes of a closed window (6.1.6)', () => {
    const { peer, connection } = agreed()
    peer.send({ window: 0 })
    connection.write(pattern(3 * MSS), null)
    expect(peer.next(SECOND)).toBeTcp({ length: 0, trafficClass: 0 })
  })

  test('reduces its window once for a window of data, and says so with the next new data', () => {
    const made = sending()
    const { peer, connection, tcp } = made
    peer.send({ flags: 'AE', ack: at(1) })
    const { congestion } = connection.recovery!
    // RFC 8511: 0.8 of the flight.
    expect(threshold(made)).toBe(0.8 * 10 * MSS)
    expect(tcp.counters).toMatchObject({ TCPDeliveredCE: 1, RetransSegs: 0 })
    const flags: string[] = []
    for (let i = 2; i <= 10; i++) {
      peer.send({ flags: 'AE', ack: at(i) })
      for (const segment of peer.take()) flags.push(segment.flags)
    }
    // One CWR, although the echo came with ten acknowledgments.
    expect(flags[0]).toBe('AC')
    expect(new Set(flags.slice(1))).toEqual(new Set(['A']))
    expect(threshold(made)).toBe(0.8 * 10 * MSS)
    expect(congestion.window).toBeLessThanOrEqual(8 * MSS)
    // The segment with CWR is acknowledged, and there is no echo any more.
    for (let i = 11; i <= 30; i++) {
      peer.send({ ack: at(i) })
      for (const segment of peer.take()) expect(segment.flags).toBe('A')
    }
    expect(threshold(made)).toBe(0.8 * 10 * MSS)
    expect(congestion.window).toBeGreaterThanOrEqual(threshold(made))
    expect(tcp.counters.RetransSegs).toBe(0)
  })

  test('a loss in the same window reduces no further, and CWR is said once', () => {
    const made = sending(10, { syn: { sackPermitted: true } })
    const { peer, tcp, clock } = made
    peer.send({ flags: 'AE', ack: at(1) })
    const before = threshold(made)
    const flags = peer.take().map((segment) => segment.flags)
    for (const last of [4, 5, 6, 7, 8, 9, 10]) {
      clock.advance(1 * MILLISECOND)
      peer.send({ flags: 'AE', ack: at(1), sack: [[at(2), at(last)]] })
      flags.push(...peer.take().map((segment) => segment.flags))
    }
    expect(tcp.counters.TCPFastRetrans).toBe(1)
    expect(threshold(made)).toBe(before)
    expect(flags.filter((text) => text.includes('C'))).toHaveLength(1)
  })

  test('says CWR after a loss as well', () => {
    const made = sending(10, { syn: { sackPermitted: true } })
    const { peer, clock } = made
    const flags: string[] = []
    for (let last = 4; last <= 10; last++) {
      clock.advance(1 * MILLISECOND)
      peer.send({ ack: at(0), sack: [[at(1), at(last)]] })
      flags.push(...peer.take().map((segment) => `${segment.flags} ${segment.seq === 1 ? 'again' : 'new'}`))
    }
    // Not the retransmission.
    expect(flags.slice(0, 2)).toEqual(['A again', 'AC new'])
    expect(new Set(flags.slice(2))).toEqual(new Set(['A new']))
  })

  test('an echo in recovery keeps the window reduced even if the losses were none', () => {
    const windows = [false, true].map((echoed) => {
      const made = sending(10, { syn: { sackPermitted: true } })
      const { peer, connection, tcp } = made
      peer.send({ ack: at(0), sack: [[at(1), at(5)]] })
      peer.take()
      expect(tcp.counters.TCPFastRetrans).toBe(1)
      // It was only late: both copies have arrived.
      peer.send({ flags: echoed ? 'AE' : 'A', ack: at(5) })
      peer.send({ ack: at(10), sack: [[at(0), at(1)]] })
      expect(tcp.counters.TCPFullUndo + tcp.counters.TCPDSACKUndo).toBe(1)
      return connection.recovery!.congestion.window
    })
    expect(windows[0]).toBeGreaterThanOrEqual(10 * MSS)
    expect(windows[1]).toBeLessThan(8 * MSS)
  })

  test('an old acknowledgment says nothing of the present', () => {
    const made = sending()
    made.peer.send({ ack: at(5) })
    made.peer.take()
    const before = threshold(made)
    made.peer.send({ flags: 'AE', ack: at(4) })
    expect(threshold(made)).toBe(before)
  })

  test('a peer that echoes for ever slows us down to two segments, and no further', () => {
    const made = sending()
    const { peer, connection, tcp, clock } = made
    let acknowledged = 10
    let sent = 0
    for (let round = 0; round < 60; round++) {
      clock.advance(10 * MILLISECOND)
      peer.send({ flags: 'AE', ack: at(acknowledged) })
      for (const segment of peer.take()) {
        sent++
        acknowledged = Math.max(acknowledged, (segment.seq - 1) / MSS + segment.length / MSS)
      }
      expect(connection.recovery!.congestion.window).toBeGreaterThanOrEqual(MSS)
    }
    expect(threshold(made)).toBe(2 * MSS)
    expect(sent).toBeGreaterThan(60)
    expect(tcp.counters.RetransSegs).toBe(0)
  })
})

describe('large packets for the device to cut', () => {
  test('carry CWR on their first segment only, and the codepoint on all', () => {
    const { peer, connection, clock } = agreed({ settings: { congestionControl: 'newreno' } })
    connection.write(pattern(400 * MSS), null)
    for (let i = 0; i < 3; i++) {
      peer.take()
      clock.advance(ROUND_TRIP)
      peer.send({})
    }
    const flight = peer.take()
    clock.advance(ROUND_TRIP)
    expect(flight).toHaveLength(65)
    // All that may go at once goes as one large packet.
    peer.send({ flags: 'AE', ack: flight[40].seq })
    const first = peer.take()
    peer.send({})
    const segments = [...first, ...peer.take()]
    expect(segments.length).toBeGreaterThan(25)
    expect(segments.map(({ flags }) => flags.includes('C')).indexOf(true)).toBe(0)
    expect(segments.filter(({ flags }) => flags.includes('C'))).toHaveLength(1)
    expect(new Set(segments.map(({ trafficClass }) => trafficClass))).toEqual(new Set([CAPABLE]))
  })
})
