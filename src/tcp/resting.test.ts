/** What is left of a connection that was used and then is not. */
import { describe, expect, test } from 'vitest'
import { established, pattern } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { NOTHING_RECEIVED } from './receive-queue.ts'
import { REST_AFTER } from './resting.ts'
import { NOTHING_TO_SEND } from './send-buffer.ts'

const MSS = 1000

/** After a request and a response, read and acknowledged. */
function used(roundTrip = 10 * MILLISECOND) {
  const made = established({ syn: { mss: MSS, sackPermitted: true, windowScale: 7 }, timestamps: true, window: 8000 })
  const { connection, peer, clock } = made
  const full = MSS - 12
  // Known from the handshake.
  for (let i = 0; i < 50; i++) connection.timeout.sample(roundTrip)
  let sequence = 1
  const exchange = () => {
    peer.send({ seq: sequence, ack: 1 + connection.bytesAcknowledged, data: pattern(64) })
    sequence += 64
    connection.read(1000)
    connection.write(pattern(64), null)
    clock.advance(roundTrip)
    peer.send({ seq: sequence, ack: 1 + connection.bytesAcknowledged + 64 })
    peer.take()
  }
  exchange()
  return { ...made, full, exchange }
}

describe('a connection on which nothing happens', () => {
  test('lets go of its empty buffers and of what it knew anyway', () => {
    const { connection, clock } = used()
    expect(connection.recovery).not.toBeNull()
    clock.advance(REST_AFTER - 20 * MILLISECOND)
    expect(connection.recovery).not.toBeNull()
    clock.advance(SECOND)
    expect(connection).toMatchObject({ recovery: null, rightSizing: null, sackBlocks: null })
    expect(connection.sendBuffer).toBe(NOTHING_TO_SEND)
    expect(connection.receiveQueue).toBe(NOTHING_RECEIVED)
    expect(connection.timer.armed).toBe(false)
  })

  test('goes on as if it had not, again and again', () => {
    const { connection, clock, exchange } = used()
    for (let i = 2; i <= 5; i++) {
      clock.advance(10 * SECOND)
      expect(connection.recovery).toBeNull()
      const before = connection.info()
      expect(before).toMatchObject({ delivered: i - 1, bytes_acked: 64 * (i - 1), snd_cwnd: 10, total_retrans: 0 })
      expect(before.min_rtt).toBeGreaterThan(0)
      exchange()
      expect(connection.info()).toMatchObject({ delivered: i, bytes_acked: 64 * i, snd_cwnd: 10 })
    }
    expect(connection.timeout.smoothed).toBeLessThan(20 * MILLISECOND)
  })

  test('keeps what nobody has read', () => {
    const { connection, clock, peer, user } = used()
    user.reading = false
    peer.send({ seq: 65, ack: 65, data: pattern(100) })
    clock.advance(10 * SECOND)
    expect(connection.recovery).toBeNull()
    expect(connection.read(1000)).toHaveLength(100)
  })

  test('keeps what has not been acknowledged', () => {
    const { connection, clock, peer } = used()
    connection.write(pattern(100), null)
    clock.advance(10 * SECOND)
    expect(connection.recovery).not.toBeNull()
    expect(connection.sendBuffer.length).toBe(100)
    peer.send({ seq: 65, ack: 165 })
    clock.advance(10 * SECOND)
    // It was sent again meanwhile: that is to be remembered.
    expect(connection.recovery).not.toBeNull()
    expect(connection.sendBuffer).toBe(NOTHING_TO_SEND)
  })

  test('remembers a grown window until it would have shrunk', () => {
    const { connection, clock, peer, full } = used(900 * MILLISECOND)
    let acknowledged = 65
    for (let round = 0; round < 6; round++) {
      const { window } = connection.recovery!.congestion
      connection.write(pattern(window), null)
      peer.take()
      clock.advance(900 * MILLISECOND)
      acknowledged += window
      peer.send({ seq: 65, ack: acknowledged })
    }
    const { window } = connection.recovery!.congestion
    expect(window).toBeGreaterThan(32 * 10 * full)
    const timeout = connection.timeout.current
    expect(timeout).toBeGreaterThan(1 * SECOND)
    clock.advance(REST_AFTER + 10 * MILLISECOND)
    expect(connection.recovery?.congestion.window).toBe(window)
    clock.advance(5 * timeout)
    expect(connection.recovery).toBeNull()
  })

  test('remembers losses for good', () => {
    const { connection, clock, peer, full } = used()
    connection.write(pattern(5 * full), null)
    peer.send({ seq: 65, ack: 65, sack: [[65 + full, 65 + 5 * full]] })
    clock.advance(20 * MILLISECOND)
    peer.send({ seq: 65, ack: 65 + 5 * full })
    clock.advance(100 * SECOND)
    expect(connection.info()).toMatchObject({ bytes_retrans: full, ca_state: 0 })
    expect(connection.recovery!.congestion.slowStartThreshold).toBeLessThan(10 * full)
    expect(connection.timer.armed).toBe(false)
  })
})
