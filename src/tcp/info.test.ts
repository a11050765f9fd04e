/** The snapshot of a connection, against what a scripted peer sees. */
import { describe, expect, test } from 'vitest'
import { established, pattern, script } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { TcpInfoOption } from './info.ts'
import { stateName } from './state.ts'

const MSS = 1000

/** A connection with everything agreed on, to a peer with a large window. */
function connected() {
  const syn = { mss: MSS, sackPermitted: true, windowScale: 7 }
  const made = established({ syn, timestamps: true, window: 1000 })
  // Options come off what a segment can hold.
  const full = MSS - 12
  return { ...made, full, info: () => made.connection.info() }
}

describe('the snapshot', () => {
  test('of a fresh connection', () => {
    const { connection, info, tcp, clock, full } = connected()
    clock.advance(250 * MILLISECOND)
    expect(info()).toMatchObject({
      state: 'ESTABLISHED',
      ca_state: 0,
      ca_name: tcp.settings.congestionControl,
      options: TcpInfoOption.Timestamps | TcpInfoOption.Sack | TcpInfoOption.WindowScale,
      snd_wscale: 7,
      rcv_wscale: connection.receiveWindowScale,
      snd_mss: full,
      advmss: 1460,
      pmtu: 1500,
      unacked: 0,
      snd_cwnd: 10,
      snd_ssthresh: 0x7fffffff,
      reordering: 3,
      last_ack_recv: 250,
      bytes_acked: 0,
      bytes_received: 0,
      segs_in: 2,
      segs_out: 1,
      snd_wnd: 1000 << 7,
    })
  })

  test('of one that has sent, in segments and bytes', () => {
    const { connection, peer, info, clock, full } = connected()
    connection.write(pattern(4 * full + 10), null)
    connection.write(pattern(20 * full), null)
    const sent = peer.take()
    const before = info()
    expect(before.unacked).toBe(sent.length)
    expect(before.data_segs_out).toBe(sent.length)
    expect(before.bytes_sent).toBe(sent.reduce((sum, { length }) => sum + length, 0))
    expect(before.notsent_bytes).toBe(24 * full + 10 - before.bytes_sent)
    expect(before.snd_wnd).toBe((1000 << 7) - before.bytes_sent)
    clock.advance(30 * MILLISECOND)
    peer.send({ ack: 1 + 2 * full })
    const after = info()
    expect(after).toMatchObject({ bytes_acked: 2 * full, delivered: 2, retrans: 0, lost: 0, last_ack_recv: 0 })
    expect(after.rtt).toBeGreaterThan(0)
    expect(after.min_rtt).toBeLessThanOrEqual(30_100)
    expect(after.delivery_rate).toBeGreaterThan(0)
  })

  test('of one that has lost something', () => {
    const { connection, peer, info, clock, full } = connected()
    connection.write(pattern(8 * full), null)
    peer.take()
    clock.advance(30 * MILLISECOND)
    const at = (segment: number) => 1 + segment * full
    peer.send({ ack: 1, sack: [[at(1), at(5)]] })
    const lossy = info()
    // The tail loss probe was sent again, too.
    expect(lossy).toMatchObject({ ca_state: 3, sacked: 4, lost: 1, retrans: 2, total_retrans: 2 })
    expect([lossy.bytes_retrans, lossy.bytes_sent]).toEqual([2 * full, 10 * full])
    expect(lossy.snd_ssthresh).toBeLessThan(10)
    peer.send({ ack: at(8) })
    expect(info()).toMatchObject({ unacked: 0, sacked: 0, lost: 0, retrans: 0, delivered: 8, bytes_acked: 8 * full })
    peer.take()
    peer.send({ ack: at(8), sack: [[at(0), at(1)]] })
    expect(info().dsack_dups).toBe(1)
  })

  test('of one whose peer says nothing', () => {
    const { connection, info, clock } = connected()
    connection.write(pattern(100), null)
    clock.advance(3 * SECOND)
    const silent = info()
    expect(silent.ca_state).toBe(4)
    expect(silent.retransmits).toBeGreaterThan(0)
    expect(silent.backoff).toBeGreaterThan(0)
    expect(silent.rto).toBeGreaterThan(400_000)
    expect(silent.snd_cwnd).toBe(1)
  })

  test('of one whose window is closed', () => {
    const { connection, peer, info, clock } = connected()
    peer.send({ window: 0 })
    connection.write(pattern(100), null)
    clock.advance(2 * SECOND)
    expect(info()).toMatchObject({ snd_wnd: 0, notsent_bytes: 100 })
    expect(info().probes).toBeGreaterThan(0)
  })

  test('of one that receives', () => {
    const { peer, user, info, connection, clock } = connected()
    user.reading = false
    expect(info()).toMatchObject({ last_data_recv: -1, rcv_rtt: 0, rcv_space: 0 })
    peer.send({ seq: 1, data: 700 }, { seq: 701, data: 700 }, { seq: 2000, data: 10 })
    expect(info()).toMatchObject({ bytes_received: 1400, data_segs_in: 3, rcv_mss: 700 })
    expect(info().rcv_wnd).toBe(peer.take().at(-1)!.window << info().rcv_wscale)
    clock.advance(30 * MILLISECOND)
    connection.read(1400)
    expect(info()).toMatchObject({ last_data_recv: 30, rcv_space: 7000 })
  })

  test('of one that is being opened, and when it is over', () => {
    const { server, clock } = script()
    const { connection } = server.connect()
    clock.advance(1.5 * SECOND)
    expect(connection.info()).toMatchObject({ state: 'SYN-SENT', options: 0, retransmits: 1, total_retrans: 1, rtt: 0 })
    connection.abort()
    expect(connection.info()).toMatchObject({ state: 'CLOSED', unacked: 0, rcv_wnd: 0 })
  })

  test('counts what the segmenter and the device put together as what the wire has', () => {
    const { connection, peer, info, tcp, full } = connected()
    const { segs_out } = info()
    const { OutSegs } = tcp.counters
    connection.write(pattern(10 * full), null)
    const { length } = peer.take()
    expect(length).toBe(10)
    expect([info().segs_out - segs_out, tcp.counters.OutSegs - OutSegs]).toEqual([10, 10])
    expect(stateName(connection.state)).toBe('ESTABLISHED')
  })
})
