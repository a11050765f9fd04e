/** The receive window follows what the application reads within a round trip. */
import { describe, expect, test } from 'vitest'
import { type EstablishedOptions, established } from '../../test/support/scripted-peer.ts'
import { MILLISECOND } from '../clock/index.ts'
import { PacketMemory } from '../packet/index.ts'

const MSS = 8960
const RTT = 40 * MILLISECOND

/** A connection on which the window can be told. */
function scaled({ timestamps = true, ...options }: EstablishedOptions = {}) {
  const syn = { mss: MSS, windowScale: 7, ...(timestamps ? { timestamp: { value: 1_000_000 } } : {}) }
  const memory = new PacketMemory({ smallSlots: 512, largeSlots: 128 })
  const made = established({ timestamps, syn, mtu: MSS + 40, memory, ...options })
  const { clock, peer, connection, user } = made
  // What is read is not looked at.
  user.onReadable = () => {
    if (user.reading) connection.drain({ take: () => true })
  }
  const payload = Buffer.alloc(connection.offeredSegmentSize - (timestamps ? 12 : 0))
  let window = Math.min(connection.receiveLimit, 65_535)
  // As if the handshake had taken its time.
  connection.timeout.sample(RTT)
  connection.timeout.smoothed = RTT
  return {
    ...made,
    /** One round trip of a sender that has `wanted` bytes to send. @returns how many its window let it send */
    round(wanted: number): number {
      const size = Math.min(wanted, window)
      let sent = 0
      // What the acknowledgments brought a round trip ago.
      const stamp = timestamps
        ? { timestamp: { value: 1_000_000 + clock.now() / MILLISECOND, echo: peer.recentTimestamp } }
        : {}
      while (sent + payload.length <= size) {
        const burst = []
        for (; burst.length < 30 && sent + payload.length <= size; sent += payload.length)
          burst.push({ data: payload, ...stamp })
        peer.send(...burst)
        for (const segment of peer.take()) window = segment.window << connection.receiveWindowScale
      }
      clock.advance(RTT)
      for (const segment of peer.take()) window = segment.window << connection.receiveWindowScale
      return sent
    },
    get window() {
      return window
    },
  }
}

describe('dynamic right-sizing', () => {
  test.each([true, false])('stays ahead of a sender in slow start, timestamps: %s', (timestamps) => {
    const { round, connection } = scaled({ timestamps })
    // 1 Gbit/s x 40 ms is 5 MB.
    for (let wanted = 5 * MSS; wanted < 10_000_000; wanted *= 2) {
      // The rest could follow on the first acknowledgment of the round.
      expect(round(wanted)).toBeGreaterThan(0.9 * wanted)
    }
    if (timestamps) expect(connection.rightSizing!.roundTrip / RTT).toBeCloseTo(1, 1)
    expect(connection.receiveLimit).toBe(16_777_216)
  })

  test.each([true, false])('a steady sender gets twice what it sends, and no more: timestamps %s', (timestamps) => {
    const { round, connection } = scaled({ timestamps, settings: { receiveBuffer: 65_536 } })
    for (let i = 0; i < 20; i++) round(500_000)
    expect(connection.receiveLimit).toBeGreaterThan(1_000_000)
    expect(connection.receiveLimit).toBeLessThan(3_200_000)
  })

  test('an application that reads slowly gets no large window', () => {
    const { round, connection, user, clock } = scaled({ settings: { receiveBuffer: 262_144 } })
    user.reading = false
    let sent = 0
    for (let i = 0; i < 100; i++) {
      sent += round(500_000)
      connection.read(10_000)
      clock.advance(RTT)
    }
    expect(sent).toBeGreaterThan(1_000_000)
    expect(connection.receiveLimit).toBe(262_144)
  })

  test('is bounded by the setting, and by what can be told', () => {
    const bounded = scaled({ settings: { maximumReceiveBuffer: 1_000_000 } })
    for (let i = 0; i < 10; i++) bounded.round(2_000_000)
    expect(bounded.connection.receiveLimit).toBe(1_000_000)
    expect(bounded.window).toBeLessThanOrEqual(1_000_000)
    const unscaled = scaled({ syn: { mss: MSS }, timestamps: false })
    for (let i = 0; i < 10; i++) unscaled.round(2_000_000)
    expect(unscaled.connection.receiveLimit).toBe(65_535)
  })

  test('leaves room in the budget of all connections', () => {
    const { round, connection } = scaled({ settings: { receiveBudget: 8_000_000 } })
    for (let i = 0; i < 10; i++) round(2_000_000)
    expect(connection.receiveLimit).toBe(1_000_000)
  })

  test('the window never shrinks, also when memory gets short, and then is less than half of what is left', () => {
    const { round, connection, peer, tcp } = scaled()
    for (let i = 0; i < 8; i++) round(2_000_000)
    const { budget } = { budget: tcp.settings.receiveBudget }
    let edge = 0
    for (const left of [budget, budget / 2, 1_000_000, 100_000, 0, -1, 0, 1_000_000, budget]) {
      tcp.receiveBytes = budget - left
      for (let i = 0; i < 40; i++) {
        peer.send({ data: 1000 }, { data: 1000 }, { data: 1000 })
        for (const { ack, window } of peer.take()) {
          const next = ack + window * 2 ** connection.receiveWindowScale
          expect(next).toBeGreaterThanOrEqual(edge)
          edge = next
        }
      }
    }
    tcp.receiveBytes = budget - 100_000
    expect(connection.offerableWindow()).toBeGreaterThan(100_000)
    connection.receiveEdge = connection.receiveNext
    expect(connection.offerableWindow()).toBe(50_000)
    tcp.receiveBytes = budget
    expect(connection.offerableWindow()).toBe(0)
    tcp.receiveBytes = 0
  })

  test('takes the least round trip of some time: not what a queue makes of it, and after a while a longer path', () => {
    const { peer, connection, clock, round } = scaled()
    const sampleAfter = (delay: number) => {
      const echo = peer.recentTimestamp
      clock.advance(delay)
      const value = 1_000_000 + clock.now() / MILLISECOND
      peer.send({ data: MSS - 12, timestamp: { value, echo } }, { data: MSS - 12, timestamp: { value, echo } })
      return connection.rightSizing!.roundTrip / MILLISECOND
    }
    round(100_000)
    expect(sampleAfter(0)).toBe(40)
    for (let i = 0; i < 50; i++) expect(sampleAfter(200 * MILLISECOND)).toBe(40)
    const later = Array.from({ length: 60 }, () => sampleAfter(200 * MILLISECOND))
    expect([later[0], later.at(-1)]).toEqual([40, 200])
    expect(sampleAfter(30 * MILLISECOND)).toBe(30)
  })

  test('timestamps that make no sense do not', () => {
    const { peer, connection, round } = scaled()
    round(100_000)
    const before = connection.rightSizing!.roundTrip
    for (const echo of [0, -1, 2 ** 31, peer.recentTimestamp + 500, peer.recentTimestamp - 5000]) {
      peer.send({ data: MSS - 12, timestamp: { value: 3_000_000, echo } })
    }
    expect(connection.rightSizing!.roundTrip).toBe(before)
  })
})
