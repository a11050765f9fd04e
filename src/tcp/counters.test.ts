/** Counters that the tests of what they count do not look at. */
import { describe, expect, test } from 'vitest'
import { established, pattern, script } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'

const MSS = 1000

function connected(sack: boolean) {
  const made = established({ syn: { mss: MSS, sackPermitted: sack }, window: 60_000 })
  made.clock.advance(1 * SECOND)
  return { ...made, counters: made.tcp.counters }
}

describe('counters', () => {
  test('of resets and ICMP errors', () => {
    const { peer, wire, tcp, connection } = established()
    const half = wire.peer({ port: 5000 })
    half.send({ flags: 'S' })
    half.next()
    half.send({ flags: 'R', seq: 1 })
    expect(tcp.counters.EmbryonicRsts).toBe(1)
    connection.write(pattern(100), null)
    peer.next()
    peer.icmp({ type: 3, code: 1 }, 1)
    expect(tcp.counters.OutOfWindowIcmps).toBe(0)
    peer.icmp({ type: 3, code: 1 }, 101)
    expect(tcp.counters.OutOfWindowIcmps).toBe(1)
  })

  test('of answers that the rate limits hold back', () => {
    const { peer, wire, tcp, connection, counters } = { ...connected(true) }
    peer.send({ seq: 100_000 }, { seq: 100_000 })
    expect(counters.TCPACKSkippedSeq).toBe(1)
    const half = wire.peer({ port: 5000 })
    half.send({ flags: 'S' })
    half.send({ seq: 100_000, ack: 1 }, { seq: 100_000, ack: 1 })
    expect(counters.TCPACKSkippedSynRecv).toBe(1)
    peer.take()
    connection.shutdownWrite()
    peer.next()
    peer.send({ flags: 'FA', seq: 1, ack: 2 })
    peer.send({ seq: 100_000 }, { seq: 100_000 })
    expect([tcp.timeWaits, counters.TCPACKSkippedTimeWait]).toEqual([1, 1])
    const old = established({ timestamps: true })
    old.peer.send({ timestamp: { value: 1, echo: 0 } }, { timestamp: { value: 1, echo: 0 } })
    expect([old.tcp.counters.PAWSEstab, old.tcp.counters.TCPACKSkippedPAWS]).toEqual([2, 1])
  })

  test('of SYNs sent again', () => {
    const { server, clock, tcp } = script()
    server.connect()
    clock.advance(3.5 * SECOND)
    expect(tcp.counters.TCPSynRetrans).toBe(2)
  })

  test.each([true, false])('of what did not prevent a timeout, with SACK: %s', (sack) => {
    const { connection, peer, clock, counters } = connected(sack)
    const duplicates = (count: number) =>
      Array.from({ length: count }, (_, i) =>
        sack ? { ack: 1, sack: [[1 + MSS, 1 + (2 + i) * MSS]] as [number, number][] } : { ack: 1 },
      )
    connection.write(pattern(8 * MSS), null)
    peer.take()
    clock.advance(1 * MILLISECOND)
    peer.send(...duplicates(1))
    clock.advance(2 * SECOND)
    // With SACK the reordering timer has begun a recovery before.
    expect(counters[sack ? 'TCPSackRecoveryFail' : 'TCPRenoFailures']).toBe(1)
    // Some of it is acknowledged, and the rest needs the timer again.
    peer.send({ ack: 1 + 2 * MSS })
    clock.advance(3 * SECOND)
    expect(counters.TCPLossFailures).toBe(1)

    const other = connected(sack)
    other.connection.write(pattern(8 * MSS), null)
    other.peer.take()
    other.clock.advance(1 * MILLISECOND)
    other.peer.send(...duplicates(3))
    expect(other.counters[sack ? 'TCPSackRecovery' : 'TCPRenoRecovery']).toBe(1)
    other.clock.advance(2 * SECOND)
    expect(other.counters[sack ? 'TCPSackRecoveryFail' : 'TCPRenoRecoveryFail']).toBe(1)
  })

  test('of windows that close and open', () => {
    const { peer, user, connection, tcp, clock } = established({ settings: { receiveBuffer: 4000 } })
    user.reading = false
    for (let i = 0; i < 4; i++) peer.send({ seq: 1 + i * MSS, data: MSS })
    clock.advance(1 * SECOND)
    expect(peer.take().at(-1)!.window).toBe(0)
    peer.send({ seq: 4000, data: 0 })
    expect([tcp.counters.TCPToZeroWindowAdv, tcp.counters.TCPFromZeroWindowAdv]).toEqual([1, 0])
    for (let left = 4000; left > 0; ) left -= connection.read(left)!.length
    clock.advance(1 * SECOND)
    expect(peer.take().at(-1)!.window).toBeGreaterThan(0)
    expect([tcp.counters.TCPToZeroWindowAdv, tcp.counters.TCPFromZeroWindowAdv]).toEqual([1, 1])
  })

  test('under the names that nstat prints', () => {
    const { tcp, peer } = established()
    expect(tcp.nstat()).toMatchObject({
      TcpCurrEstab: 1,
      TcpPassiveOpens: 1,
      TcpInSegs: tcp.counters.InSegs,
      TcpExtTCPTimeouts: 0,
    })
    expect(Object.keys(tcp.nstat())).toHaveLength(Object.keys(tcp.counters).length + 1)
    peer.send({ flags: 'FA' })
    expect(tcp.nstat().TcpCurrEstab).toBe(1)
    peer.send({ flags: 'R' })
    expect(tcp.nstat().TcpCurrEstab).toBe(0)
  })
})
