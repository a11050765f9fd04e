/** Retransmission: RFC 6298 (timer), RFC 5681 and RFC 6582 (fast retransmit, NewReno), RFC 1191 (path MTU). */
import { describe, expect, test } from 'vitest'
import { type EstablishedOptions, established, pattern, type ScriptedPeer } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { advance } from './sequence-number.ts'

/** Ten full segments are on their way: sequence numbers 1 to 14,600. */
function flight(options: EstablishedOptions = {}, segments = 10) {
  const made = established({ ...options, settings: { congestionControl: 'newreno', ...options.settings } })
  made.connection.write(pattern(segments * 1460), null)
  expect(made.peer.take().map((segment) => segment.seq)).toEqual(
    Array.from({ length: Math.min(segments, 10) }, (_, i) => 1 + i * 1460),
  )
  return made
}

function sequences(peer: ScriptedPeer): number[] {
  return peer.take().map((segment) => segment.seq)
}

describe('the initial window, RFC 6928', () => {
  test('is ten segments of the size that the SYNs agreed on', () => {
    const { peer, connection } = established()
    connection.write(pattern(100_000), null)
    expect(peer.take()).toHaveLength(10)
  })

  test('is ten smaller segments for a smaller MSS', () => {
    const { peer, connection } = established({ syn: { mss: 536 } })
    connection.write(pattern(100_000), null)
    expect(peer.take()).toHaveLength(10)
  })

  test('is one segment when the SYN was lost more than once (RFC 5681, 3.1; as Linux)', () => {
    const { wire, server, clock } = established()
    const other = wire.peer({ port: 81, stackPort: 0 })
    const { connection } = server.connect({ port: 81 })
    clock.advance(4 * SECOND)
    expect(other.take().map((segment) => segment.flags)).toEqual(['S', 'S', 'S'])
    other.send({ flags: 'SA', mss: 1460 })
    other.take()
    connection.write(pattern(100_000), null)
    expect(other.take()).toHaveLength(1)
  })
})

describe('the congestion window', () => {
  test('grows only while it is what limits us (RFC 7661)', () => {
    const { peer, connection } = established()
    for (let i = 0; i < 50; i++) {
      connection.write(pattern(1460), null)
      peer.take()
      peer.send({})
    }
    expect(connection.recovery!.congestion.window).toBe(14_600)
    connection.write(pattern(1460 * 10), null)
    peer.take()
    peer.send({})
    expect(connection.recovery!.congestion.window).toBe(29_200)
  })

  test('is the initial one again after a pause (RFC 5681, 4.1)', () => {
    const { peer, connection, clock } = established()
    for (let i = 0; i < 3; i++) {
      connection.write(pattern(connection.startSending().congestion.window), null)
      peer.take()
      peer.send({})
    }
    expect(connection.recovery!.congestion.window).toBeGreaterThan(50_000)
    clock.advance(10 * SECOND)
    connection.write(pattern(60_000), null)
    expect(peer.take()).toHaveLength(10)
  })
})

describe('the retransmission timer, RFC 6298', () => {
  test('makes no sample of a segment behind a lost one, but one of the first of many sent at once', () => {
    const { clock, peer, connection } = established({ syn: { mss: 1000 } })
    connection.write(pattern(8000), null)
    peer.take()
    clock.advance(100 * MILLISECOND)
    peer.send({ ack: 1001 })
    expect(connection.timeout.smoothed).toBeGreaterThan(10 * MILLISECOND)
  })

  test('never waits longer than a quarter of the user timeout: who makes progress at each try is not given up', () => {
    const { clock, peer, connection, user } = established()
    connection.write(pattern(1460 * 20), null)
    peer.take()
    // Each retransmission arrives, and whatever goes behind it is lost: no sample, and a backoff that only grows.
    let longest = 0
    for (let i = 1; i <= 20; i++) {
      const before = clock.now()
      while (peer.next(1000 * SECOND) !== undefined && peer.time === before) {
        // What went out with the last acknowledgment.
      }
      longest = Math.max(longest, peer.time - before)
      peer.send({ ack: 1 + i * 1460 })
      expect(user.isClosed).toBe(false)
    }
    expect(longest).toBe(25 * SECOND)
    expect(connection.sendBuffer.length).toBe(0)
  })

  test('sends the first segment again, at intervals that double', () => {
    const { clock, peer, connection } = established()
    connection.write(pattern(100), null)
    peer.take()
    const start = clock.now()
    const times = peer.times(60 * SECOND, start)
    expect(times.map((time) => Math.round(time / (100 * MILLISECOND)))).toEqual([2, 6, 14, 30, 62, 126, 254, 504])
  })

  test('after a lost SYN starts from 3 s (5.7)', () => {
    const { wire, server, clock } = established()
    const other = wire.peer({ port: 81, stackPort: 0 })
    const { connection } = server.connect({ port: 81 })
    clock.advance(1500 * MILLISECOND)
    expect(other.take()).toHaveLength(2)
    other.send({ flags: 'SA', mss: 1460 })
    other.take()
    connection.write(pattern(100), null)
    other.take()
    const start = clock.now()
    other.next(10 * SECOND)
    expect(other.time - start).toBe(3 * SECOND)
  })

  test('then sends one segment, and the rest as acknowledgments come (RFC 5681, 3.1)', () => {
    const { peer } = flight()
    expect(peer.next(250 * MILLISECOND)).toBeTcp({ seq: 1, length: 1460 })
    peer.expectNothing(100 * MILLISECOND)
    peer.send({ ack: 1461 })
    expect(sequences(peer)).toEqual([1461, 2921])
    peer.send({ ack: 4381 })
    expect(sequences(peer)).toEqual([4381, 5841, 7301, 8761])
    peer.send({ ack: 14_601 })
    peer.expectNothing(10 * SECOND)
  })

  test('does not run when everything is acknowledged (5.2), and starts anew at each acknowledgment (5.3)', () => {
    const { clock, peer } = flight()
    clock.advance(150 * MILLISECOND)
    peer.send({ ack: 1461 })
    clock.advance(150 * MILLISECOND)
    expect(sequences(peer)).toEqual([])
    peer.send({ ack: 14_601 })
    peer.expectNothing(100 * SECOND)
  })

  test('an acknowledgment of data that was retransmitted is no sample (Karn), the backoff stays', () => {
    const { clock, peer, connection } = established()
    connection.write(pattern(100), null)
    clock.advance(1 * SECOND)
    peer.take()
    const before = connection.timeout.smoothed
    peer.send({ ack: 101 })
    expect(connection.timeout.smoothed).toBe(before)
    expect(connection.timeout.backoff).toBeGreaterThan(0)
    connection.write(pattern(100), null)
    peer.take()
    peer.send({ ack: 201 })
    expect(connection.timeout.backoff).toBe(0)
  })

  test('what was sent in small segments is sent again in full ones', () => {
    const { clock, peer, connection } = established()
    connection.setNoDelay(true)
    connection.write(pattern(100), null)
    connection.write(pattern(100, 100), null)
    expect(peer.take()).toHaveLength(2)
    clock.advance(250 * MILLISECOND)
    const data = peer.take()
    expect(data.map((segment) => [segment.seq, segment.length])).toEqual([[1, 200]])
    expect(Buffer.from(data[0].payload).equals(pattern(200))).toBe(true)
  })

  test('a lost FIN is sent again, with the data before it', () => {
    const { peer, connection } = established()
    connection.write(Buffer.from('end'), null)
    connection.shutdownWrite()
    expect(sequences(peer)).toEqual([1, 4])
    expect(peer.next(1 * SECOND)).toBeTcp({ flags: 'FPA', seq: 1, payload: 'end' })
    peer.send({ ack: 4 })
    expect(peer.next(1 * SECOND)).toBeTcp({ flags: 'FA', seq: 4, length: 0 })
    peer.send({ ack: 5 })
    peer.expectNothing(10 * SECOND)
  })
})

describe('fast retransmit and fast recovery, RFC 5681, 3.2 and RFC 6582', () => {
  test('begin at the third duplicate acknowledgment', () => {
    const { peer, connection, tcp } = flight()
    peer.send({ ack: 1 })
    peer.send({ ack: 1 })
    expect(sequences(peer)).toEqual([])
    peer.send({ ack: 1 })
    expect(sequences(peer)).toEqual([1])
    expect(tcp.counters.TCPFastRetrans).toBe(1)
    // Six are still on their way, and the window goes from ten to five segments as they are delivered (RFC 6937).
    expect(connection.recovery!.congestion.slowStartThreshold).toBe(7300)
    expect(connection.recovery!.congestion.window).toBe(7 * 1460)
    peer.send({ ack: 14_601 })
    expect(connection.recovery!.congestion.window).toBeLessThanOrEqual(7300)
    peer.expectNothing(10 * SECOND)
  })

  test('three duplicates in one burst will do', () => {
    const { peer } = flight()
    peer.send({ ack: 1 }, { ack: 1 }, { ack: 1 })
    expect(sequences(peer)).toEqual([1])
  })

  test('each further duplicate lets a new segment go when the window allows', () => {
    const { peer, connection } = flight({}, 20)
    peer.send({ ack: 1 })
    peer.send({ ack: 1 })
    // Limited transmit, RFC 3042.
    expect(sequences(peer)).toEqual([14_601, 16_061])
    peer.send({ ack: 1 })
    expect(sequences(peer)).toEqual([1])
    // Proportional rate reduction: one segment, the first again included, for two that are delivered. What limited transmit
    // sent does not count for the threshold (RFC 5681, 3.2, step 2).
    for (let i = 0; i < 6; i++) peer.send({ ack: 1 })
    expect(sequences(peer)).toEqual([17_521, 18_981])
    expect(connection.recovery!.inRecovery).toBe(true)
  })

  test('take no round-trip sample of what was sent twice (Karn)', () => {
    const { peer, connection, clock } = flight()
    const before = connection.timeout.smoothed
    clock.advance(100 * MILLISECOND)
    for (let i = 0; i < 3; i++) peer.send({ ack: 1 })
    peer.send({ ack: 14_601 })
    expect(connection.timeout.smoothed).toBe(before)
  })

  test('a partial acknowledgment means that the next segment is lost, too', () => {
    const { peer, connection } = flight()
    // The first and the third segment are lost, the other eight arrive.
    for (let i = 0; i < 8; i++) peer.send({ ack: 1 })
    expect(sequences(peer)).toEqual([1])
    peer.send({ ack: 2921 })
    expect(sequences(peer)).toEqual([2921])
    expect(connection.recovery!.inRecovery).toBe(true)
    peer.send({ ack: 14_601 })
    peer.expectNothing(10 * SECOND)
    // Without SACK, duplicates of this may still come (RFC 6582, 3.2): it ends when more is acknowledged.
    expect(connection.recovery!.inRecovery).toBe(true)
    connection.write(pattern(100, 14_600), null)
    expect(sequences(peer)).toEqual([14_601])
    peer.send({ ack: 14_701 })
    expect(connection.recovery!.inRecovery).toBe(false)
    expect(connection.recovery!.congestion.window).toBeLessThanOrEqual(7300)
  })

  test.each([
    ['with data', { ack: 1, data: 100 }],
    ['with another window', { ack: 1, window: 60_000 }],
    ['with FIN', { flags: 'FA', ack: 1, seq: 1 }],
    ['that are old', { ack: 0 }],
  ])('are not set off by segments %s (RFC 5681, 2)', (_what, segment) => {
    const { peer, tcp } = flight({ window: 65_000 })
    for (let i = 0; i < 5; i++) {
      const window = 'window' in segment ? segment.window - i : undefined
      peer.send(window === undefined ? segment : { ...segment, window })
    }
    expect(tcp.counters.TCPFastRetrans).toBe(0)
    expect(peer.take().filter((answer) => answer.length > 0)).toEqual([])
  })

  test('are not set off when nothing is on its way', () => {
    const { peer, tcp } = established()
    for (let i = 0; i < 5; i++) peer.send({ ack: 1 })
    expect(tcp.counters.TCPFastRetrans).toBe(0)
    peer.expectNothing(10 * SECOND)
  })

  test('are not set off again by duplicates of a window whose loss the timer has dealt with (RFC 6582, 3.2 step 1)', () => {
    const { peer, clock, tcp } = flight()
    clock.advance(250 * MILLISECOND)
    expect(sequences(peer)).toEqual([1])
    peer.send({ ack: 7301 })
    sequences(peer)
    for (let i = 0; i < 4; i++) peer.send({ ack: 7301 })
    expect(tcp.counters.TCPFastRetrans).toBe(0)
  })

  test('work after more than 2 GiB without a loss', () => {
    const { peer, connection, tcp } = established()
    // As if so much had been sent since the connection was opened.
    const recovery = connection.startSending()
    recovery.recoveryPoint = advance(recovery.recoveryPoint, 2000 - 2 ** 31)
    connection.write(pattern(1460 * 8), null)
    sequences(peer)
    peer.send({ ack: 1 + 1460 })
    peer.send({ ack: 1 + 2920 })
    connection.write(pattern(1460 * 8), null)
    sequences(peer)
    for (let i = 0; i < 3; i++) peer.send({ ack: 1 + 2920 })
    expect(tcp.counters.TCPFastRetrans).toBe(1)
    expect(sequences(peer)).toContain(2921)
  })
})

describe('RTT samples by timestamp, RFC 7323, section 4', () => {
  test('are taken of retransmitted data as well', () => {
    const { clock, peer, connection } = established({ timestamps: true })
    connection.write(pattern(100), null)
    clock.advance(300 * MILLISECOND)
    expect(peer.take()).toHaveLength(2)
    clock.advance(30 * MILLISECOND)
    peer.send({ ack: 101 })
    expect(connection.timeout.backoff).toBe(0)
    // The echo is that of the retransmission 200 ms after the first sending: 130 ms ago.
    expect(connection.timeout.smoothed).toBeGreaterThan(10 * MILLISECOND)
    expect(connection.timeout.smoothed).toBeLessThan(140 * MILLISECOND)
  })

  test.each([
    ['from the future', 1_000_000],
    ['as old as the hills', -0x7fffffff],
    ['zero', null],
  ])('an echo that is %s says nothing', (_what, offset) => {
    const { clock, peer, connection } = established({ timestamps: true })
    connection.write(pattern(100), null)
    clock.advance(300 * MILLISECOND)
    peer.take()
    const before = connection.timeout.smoothed
    const echo = offset === null ? 0 : peer.recentTimestamp + offset
    peer.send({ ack: 101, timestamp: { value: 1_020_000, echo } })
    expect(connection.sendBuffer.length).toBe(0)
    expect(connection.timeout.smoothed).toBe(before)
  })
})

describe('a path that became narrower, RFC 1191', () => {
  const TOO_BIG = { type: 3, code: 4 }

  test('gets the data again in segments that fit, at once', () => {
    const { peer, connection } = established()
    connection.write(pattern(4 * 1460), null)
    expect(sequences(peer)).toEqual([1, 1461, 2921, 4381])
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 1)
    expect(peer.take().map((segment) => [segment.seq, segment.length])).toEqual(
      [1, 961, 1921, 2881, 3841, 4801, 5761].map((seq) => [seq, seq === 5761 ? 80 : 960]),
    )
    expect(connection.segmentSize).toBe(960)
  })

  test('is believed only for a segment that is on its way (RFC 5927, 4.1)', () => {
    const { peer, connection } = established()
    connection.write(pattern(4 * 1460), null)
    peer.take()
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 4 * 1460 + 2)
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 0)
    peer.expectNothing()
    expect(connection.segmentSize).toBe(1460)
    peer.send({ ack: 1461 })
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 1)
    expect(connection.segmentSize).toBe(1460)
  })

  test('does not get crumbs: 552 bytes are the least (Linux min_pmtu)', () => {
    const { peer, connection } = established()
    connection.write(pattern(1460), null)
    peer.take()
    peer.icmp({ ...TOO_BIG, rest: 68 }, 1)
    expect(connection.segmentSize).toBe(552 - 40)
  })

  test('is learnt by the other connections of the path, too', () => {
    const { peer, wire, server } = established()
    const other = wire.peer({ port: 81, stackPort: 0 })
    const { connection } = server.connect({ port: 81 })
    other.answer()
    server.connection.write(pattern(1460), null)
    peer.take()
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 1)
    expect(peer.take().map((segment) => segment.length)).toEqual([960, 500])
    connection.write(pattern(1400), null)
    expect(other.take().map((segment) => segment.length)).toEqual([960, 440])
  })

  test('and a retransmission of theirs fits, too', () => {
    const { peer, wire, server, clock } = established()
    const other = wire.peer({ port: 81, stackPort: 0 })
    const { connection } = server.connect({ port: 81 })
    other.answer()
    connection.write(pattern(1460), null)
    expect(other.take().map((segment) => segment.length)).toEqual([1460])
    server.connection.write(pattern(1460), null)
    peer.take()
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 1)
    clock.advance(1 * SECOND)
    expect(other.take()[0].length).toBe(960)
  })

  test('that became wider again after ten minutes is used', () => {
    const { peer, connection, clock } = established()
    connection.write(pattern(1460), null)
    peer.take()
    peer.icmp({ ...TOO_BIG, rest: 1000 }, 1)
    peer.send({ ack: 1461 })
    clock.advance(11 * 60 * SECOND)
    peer.take()
    connection.write(pattern(1460), null)
    expect(peer.next()).toBeTcp({ seq: 1461, length: 1460 })
  })
})
