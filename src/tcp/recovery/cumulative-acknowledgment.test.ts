import { describe, expect, test } from 'vitest'
import { at, flight, MSS, ROUND_TRIP } from '../../../test/support/flight.ts'

describe('acknowledgments of pieces of segments', () => {
  test.each([true, false])('count each segment as delivered once (SACK: %s)', (sack) => {
    const { wait, peer, connection, tcp } = flight(4, { sack })
    wait(ROUND_TRIP)
    const before = tcp.counters.TCPDelivered
    for (let position = 100; position <= 4 * MSS; position += 100) peer.send({ ack: at(0) + position })
    expect(connection.unacknowledged).toBe(connection.sendNext)
    expect(tcp.counters.TCPDelivered - before).toBe(4)
    expect(connection.info().delivered).toBe(4)
  })

  test('one acknowledgment in the middle of a segment counts those before it', () => {
    const { wait, peer, connection } = flight(4)
    wait(ROUND_TRIP)
    peer.send({ ack: at(2) + 500 })
    expect(connection.info()).toMatchObject({ delivered: 2, unacked: 2 })
    peer.send({ ack: at(4) })
    expect(connection.info()).toMatchObject({ delivered: 4, unacked: 0 })
  })
})
