/** SYN cookies: RFC 4987, section 3.6. */
import { describe, expect, test } from 'vitest'
import { pattern, type ScriptOptions, script } from '../../test/support/scripted-peer.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, MINUTE, SECOND, SeededRandom } from '../clock/index.ts'
import {
  type Ends,
  ecnOfTimestamp,
  SynCookies,
  sackOfTimestamp,
  scaleOfTimestamp,
  timestampWithOptions,
} from './syn-cookies.ts'

/** A listener whose queue of half-open connections is full of strangers. */
function crowded(options: ScriptOptions = {}, backlog = 4) {
  const made = script(options)
  const listener = made.server.listen(80, backlog)
  const { wire } = made
  for (let i = 0; i < backlog; i++) {
    const source = `10.0.0.${100 + i}`
    wire.put(wire.tcp({ sourcePort: 1024, destinationPort: 80, flags: 'S', seq: i * 7919 }, '', { source }))
  }
  expect(listener.halfOpen.size).toBe(backlog)
  return { ...made, listener }
}

describe('a SYN for a listener whose queue is full', () => {
  test('is answered and forgotten, and the ACK makes a connection that carries data both ways', () => {
    const { peer, server, tcp, listener, memory, clock } = crowded()
    peer.send({ flags: 'S', mss: 1400, windowScale: 7 })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1, mss: 1460 })
    expect([tcp.connections, listener.halfOpen.size]).toEqual([4, 4])
    peer.send({ flags: 'A' })
    expect([tcp.connections, listener.halfOpen.size, server.connections.length]).toEqual([5, 4, 1])
    peer.send({ data: 'hello' })
    expect(server.recorder.data.toString()).toBe('hello')
    server.connection.write(pattern(3000), null)
    // The largest size that the cookie can say, and that is not above what the peer announced.
    expect(peer.take().map((segment) => segment.length)).toEqual([0, 1300, 1300, 400])
    expect(tcp.counters).toMatchObject({
      TCPReqQFullDoCookies: 1,
      SyncookiesSent: 1,
      SyncookiesRecv: 1,
      SyncookiesFailed: 0,
      ListenDrops: 0,
    })
    peer.send({ flags: 'R', seq: 6 })
    expect(tcp.connections).toBe(4)
    clock.advance(2 * MINUTE)
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
  })

  test('keeps timestamps, and both window scales by them', () => {
    const { peer, server, clock } = crowded()
    clock.advance(12_345_678)
    peer.timestampOffset = 1_000_000
    peer.send({ flags: 'S', mss: 1460, windowScale: 9 })
    const [answer] = peer.take()
    expect(answer).toMatchObject({ windowScale: 9 })
    expect(answer.timestamp).not.toBeNull()
    peer.send({ flags: 'A', window: 100 })
    expect(server.connection).toMatchObject({ timestamps: true, sendWindowScale: 9, windowScaling: true })
    expect(server.connection.sendWindow).toBe(100 << 9)
    expect(server.connection.receiveWindowScale).toBe(9)
    clock.advance(1 * SECOND)
    server.connection.write(pattern(10), null)
    const [data] = peer.take()
    // Time does not run backwards for the peer (PAWS).
    expect((data.timestamp!.value - answer.timestamp!.value) | 0).toBeGreaterThanOrEqual(1000)
  })

  test('offers neither window scale nor SACK to a peer without timestamps', () => {
    const { peer, server } = crowded()
    peer.send({ flags: 'S', mss: 1460, windowScale: 9, sackPermitted: true })
    expect(peer.take()).toMatchObject([{ windowScale: null, sackPermitted: false, timestamp: null, mss: 1460 }])
    peer.send({ flags: 'A', window: 100 })
    expect(server.connection).toMatchObject({
      windowScaling: false,
      sendWindow: 100,
      receiveWindowScale: 0,
      selectiveAcknowledgments: false,
      timestamps: false,
    })
  })

  const offers = [{}, { windowScale: 0 }, { windowScale: 14 }, { sackPermitted: true }].flatMap((a) => [
    a,
    { ...a, windowScale: 3 },
    { ...a, sackPermitted: true },
  ])
  const refusals = [{}, { windowScaling: false }, { selectiveAcknowledgments: false }]
  test.each(refusals.flatMap((settings) => offers.map((offer) => [settings, offer] as const)))(
    'with timestamps agrees on what its SYN-ACK says and nothing else: we have %j, the peer says %j',
    (settings, offer: { windowScale?: number; sackPermitted?: boolean }) => {
      const { peer, server, clock } = crowded({ settings })
      clock.advance(12_345_678)
      peer.timestampOffset = 1_000_000
      peer.send({ flags: 'S', mss: 1460, ...offer })
      const [answer] = peer.take()
      expect(answer.sackPermitted).toBe((offer.sackPermitted ?? false) && settings.selectiveAcknowledgments !== false)
      expect(answer.windowScale !== null).toBe(offer.windowScale !== undefined && settings.windowScaling !== false)
      peer.send({ flags: 'A', window: 100 })
      expect(server.connection).toMatchObject({
        timestamps: true,
        selectiveAcknowledgments: answer.sackPermitted,
        windowScaling: answer.windowScale !== null,
        sendWindowScale: answer.windowScale === null ? 0 : offer.windowScale,
        receiveWindowScale: answer.windowScale ?? 0,
      })
    },
  )

  test('first data and FIN may come with the ACK', () => {
    const { peer, server } = crowded()
    peer.send({ flags: 'S', mss: 1460 })
    peer.take()
    peer.send({ flags: 'FA', data: 'all of it' })
    expect(server.recorder.data.toString()).toBe('all of it')
    expect(server.connection.atEndOfStream).toBe(true)
  })

  test('is dropped where cookies are switched off', () => {
    const { peer, tcp } = crowded({ settings: { synCookies: false } })
    peer.send({ flags: 'S', mss: 1460 })
    expect(peer.take()).toEqual([])
    expect(tcp.counters).toMatchObject({ TCPReqQFullDrop: 1, ListenOverflows: 0, ListenDrops: 1, SyncookiesSent: 0 })
  })

  test('a flood of 50,000 in a second keeps nobody out, and nobody waits', { timeout: 30_000 }, () => {
    const { wire, clock, server, tcp, listener, memory } = crowded({}, 64)
    const start = clock.now()
    for (let millisecond = 0; millisecond < 1000; millisecond++) {
      wire.put(
        ...Array.from({ length: 50 }, (_, i) => {
          const source = `10.0.0.${100 + (i % 100)}`
          const sourcePort = 2000 + millisecond * 50 + i
          return wire.tcp({ sourcePort, destinationPort: 80, flags: 'S', seq: i * 7919 }, '', { source })
        }),
      )
      if (millisecond % 20 === 0) {
        const peer = wire.peer({ port: 60_000 + millisecond / 20 })
        peer.open()
        peer.send({ data: 'served' })
        expect(server.recorder.data.toString()).toBe('served')
      }
      clock.advanceTo(start + (millisecond + 1) * MILLISECOND)
    }
    expect(server.connections).toHaveLength(50)
    expect([listener.halfOpen.size, tcp.connections]).toEqual([64, 64 + 50])
    expect(memory.inUse).toBeLessThanOrEqual(3 * 100)
  })
})

describe('an ACK for nobody', () => {
  test.each([
    ['another acknowledgment', { ack: 2 }],
    ['another sequence number', { seq: 2 }],
  ])('with %s than the cookie says is refused', (_what, fields) => {
    const { peer, tcp, server } = crowded()
    peer.send({ flags: 'S', mss: 1460 })
    peer.take()
    peer.send({ flags: 'A', ...fields })
    expect(peer.take()).toMatchObject([{ flags: 'R' }])
    expect(server.connections).toEqual([])
    expect(tcp.counters.SyncookiesFailed).toBe(1)
  })

  test('with a cookie of two minutes ago is refused; one of a minute ago counts', () => {
    const { peer, wire, server, clock } = crowded()
    const late = wire.peer({ port: 4001 })
    for (const each of [peer, late]) {
      each.send({ flags: 'S', mss: 1460 })
      each.take()
    }
    clock.advance(50 * SECOND)
    peer.send({ flags: 'A' })
    expect(server.connections).toHaveLength(1)
    clock.advance(71 * SECOND)
    late.send({ flags: 'A' })
    expect(late.take()).toMatchObject([{ flags: 'R' }])
    expect(server.connections).toHaveLength(1)
  })

  test('is no cookie for a listener that has sent none', () => {
    const { peer, server, tcp } = script()
    server.listen(80, 4)
    peer.send({ flags: 'A', seq: 1, ack: 1 })
    expect(peer.take()).toMatchObject([{ flags: 'R' }])
    expect(tcp.counters.SyncookiesFailed).toBe(0)
  })

  /** A cookie that comes back while as many wait for being accepted as may. */
  function overflowing() {
    const made = crowded({}, 1)
    const { peer, wire, listener, tcp } = made
    peer.send({ flags: 'S', mss: 1460 })
    peer.take()
    const other = wire.peer({ port: 4001 })
    other.send({ flags: 'S', mss: 1460 })
    other.take()
    listener.paused = true
    other.send({ flags: 'A' })
    expect(listener.isFull).toBe(true)
    peer.send({ flags: 'A' })
    expect(peer.take()).toEqual([])
    expect([tcp.counters.ListenOverflows, tcp.counters.OutRsts]).toEqual([1, 0])
    return made
  }

  test('stays half-open while nothing can be accepted: what follows is not refused, and a SYN-ACK asks for it', () => {
    const { peer, server, listener } = overflowing()
    peer.send({ seq: 2, data: 'ill here' })
    expect(peer.take()).toEqual([])
    listener.resume()
    expect(peer.next(1 * SECOND)).toBeTcp({ flags: 'SA', seq: 0, ack: 1 })
    peer.send({ seq: 1, data: 'still here' })
    expect(server.recorder.data.toString()).toBe('still here')
  })

  test('is forgotten when there are twice as many half-open ones as the queue holds', () => {
    const { wire, listener, tcp, clock } = overflowing()
    const third = wire.peer({ port: 4002 })
    clock.advance(0.1 * SECOND)
    expect(listener.halfOpen.size).toBe(2)
    listener.paused = false
    listener.deliver()
    third.send({ flags: 'S', mss: 1460 })
    expect(third.next()).toBeTcp({ flags: 'SA' })
    listener.paused = true
    wire.peer({ port: 4003 }).open()
    third.send({ flags: 'A' })
    expect([listener.halfOpen.size, tcp.counters.ListenOverflows, tcp.counters.OutRsts]).toEqual([2, 2, 0])
  })
})

describe('a cookie', () => {
  const OURS = IpAddress.parse('10.0.0.1')
  const ends = (peer: string): Ends => {
    const { word0, word1, word2, word3 } = IpAddress.parse(peer)
    return {
      source0: word0,
      source1: word1,
      source2: word2,
      source3: word3,
      destination0: word0 === 0 ? OURS.word0 : 0x20010db8,
      destination1: OURS.word1,
      destination2: word0 === 0 ? OURS.word2 : 0,
      destination3: OURS.word3,
    }
  }

  test.each([
    ['10.0.0.7', '10.0.0.8'],
    ['2001:db8::7', '2001:db9::7'],
  ])('says the segment size, for this connection and this number only: %s', (peer, other) => {
    const cookies = new SynCookies(new SeededRandom(1))
    const now = 1000 * MINUTE
    for (const [size, remembered] of [
      [0, 536],
      [536, 536],
      [1299, 536],
      [1300, 1300],
      [1459, 1440],
      [1460, 1460],
      [8960, 1460],
    ]) {
      const cookie = cookies.make(ends(peer), 0x0050_1234, -5, size, now)
      expect(cookies.check(ends(peer), 0x0050_1234, -5, cookie, now)).toBe(remembered)
      expect(cookies.check(ends(peer), 0x0050_1234, -5, cookie, now + MINUTE)).toBe(remembered)
      expect(cookies.check(ends(peer), 0x0050_1234, -5, cookie, now + 2 * MINUTE)).toBe(0)
      // The minute in it has eight bits; in what is hashed it has all.
      expect(cookies.check(ends(peer), 0x0050_1234, -5, cookie, now + 256 * MINUTE)).toBe(0)
      expect(cookies.check(ends(peer), 0x0050_1234, -4, cookie, now)).toBe(0)
      expect(cookies.check(ends(peer), 0x0050_1235, -5, cookie, now)).toBe(0)
      expect(cookies.check(ends(other), 0x0050_1234, -5, cookie, now)).toBe(0)
      expect(new SynCookies(new SeededRandom(2)).check(ends(peer), 0x0050_1234, -5, cookie, now)).toBe(0)
    }
  })

  test.each([0, 5, 63, 64, -1, -65, 0x7fffffff, -0x80000000])('a timestamp of %i holds all options', (value) => {
    for (let scale = -1; scale <= 14; scale++) {
      for (const [sack, ecn] of [
        [false, false],
        [false, true],
        [true, false],
        [true, true],
      ]) {
        const marked = timestampWithOptions(value, scale, sack, ecn)
        expect([scaleOfTimestamp(marked), sackOfTimestamp(marked), ecnOfTimestamp(marked)]).toEqual([scale, sack, ecn])
        const behind = (value - marked) | 0
        expect(behind).toBeGreaterThanOrEqual(0)
        expect(behind).toBeLessThan(64)
      }
    }
  })
})
