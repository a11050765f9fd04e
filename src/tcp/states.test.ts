/**
 * What `state-table.test.ts` does not say: what applications are told, and whole exchanges: both sides that open or close at
 * once (RFC 9293, 3.5 and 3.6), and peers that know nothing of a connection, or of another (3.5.1).
 */
import { describe, expect, test } from 'vitest'
import { established, type ScriptedSegment, script } from '../../test/support/scripted-peer.ts'
import { SECOND } from '../clock/index.ts'
import { State, stateName } from './state.ts'

describe('SYN with FIN', () => {
  test.each([
    ['dropped', true, null, null],
    ['taken as a SYN, whose FIN has to come again', false, { flags: 'SA', seq: 0, ack: 1 }, { flags: 'A', ack: 2 }],
  ])('is %s: dropSynFin %s', (_what, dropSynFin, answer, toFin) => {
    for (const active of [false, true]) {
      const { wire, server } = script({ settings: { dropSynFin } })
      const peer = wire.peer({ port: 80, stackPort: active ? 0 : 80 })
      if (active) {
        server.connect()
        expect(peer.next()).toBeTcp({ flags: 'S' })
      } else server.listen()
      peer.send({ flags: 'SF', seq: 0 })
      if (answer !== null) expect(peer.next()).toBeTcp(answer)
      if (toFin !== null) {
        peer.send({ flags: 'FA', seq: 1, ack: 1 })
        expect(peer.next()).toBeTcp(toFin)
      }
      expect(peer.take()).toEqual([])
    }
  })
})

describe.each([0xffffffff, 1000])('SYN-SENT, RFC 9293, 3.10.7.3, peer ISN %s', (isn) => {
  test.each<[string, ScriptedSegment, object | null, ReturnType<typeof stateName>, string | null]>([
    ['RST without ACK', { flags: 'R', seq: 0 }, null, 'SYN-SENT', null],
    ['RST with the right ACK', { flags: 'RA', seq: 0, ack: 1 }, null, 'CLOSED', 'ECONNREFUSED'],
    ['RST with a wrong ACK (RFC 5961, 3.2)', { flags: 'RA', seq: 0, ack: 0 }, null, 'SYN-SENT', null],
    ['RST with an ACK from the future', { flags: 'RA', seq: 0, ack: 2 }, null, 'SYN-SENT', null],
    ['ACK of nothing', { flags: 'A', seq: 0, ack: 0 }, { flags: 'R', seq: 0 }, 'SYN-SENT', null],
    ['ACK from the future', { flags: 'A', seq: 0, ack: 2 }, { flags: 'R', seq: 2 }, 'SYN-SENT', null],
    ['SYN-ACK of nothing', { flags: 'SA', seq: 0, ack: 0 }, { flags: 'R', seq: 0 }, 'SYN-SENT', null],
    ['ACK without SYN', { flags: 'A', seq: 0, ack: 1 }, null, 'SYN-SENT', null],
    ['data without SYN', { flags: 'PA', seq: 0, ack: 1, data: 'x' }, null, 'SYN-SENT', null],
    ['FIN without SYN', { flags: 'FA', seq: 0, ack: 1 }, null, 'SYN-SENT', null],
    ['no flag at all', { flags: '', seq: 0 }, null, 'SYN-SENT', null],
    ['SYN-ACK', { flags: 'SA', seq: 0, ack: 1 }, { flags: 'A', seq: 1, ack: 1 }, 'ESTABLISHED', null],
    ['SYN-ACK with data', { flags: 'SA', seq: 0, ack: 1, data: 'xyz' }, { seq: 1, ack: 4 }, 'ESTABLISHED', null],
    ['SYN-ACK with FIN', { flags: 'SFA', seq: 0, ack: 1, data: 'x' }, { seq: 1, ack: 3 }, 'CLOSE-WAIT', null],
    ['SYN: simultaneous open', { flags: 'S', seq: 0 }, { flags: 'SA', seq: 0, ack: 1 }, 'SYN-RECEIVED', null],
    ['SYN with RST', { flags: 'SR', seq: 0 }, null, 'SYN-SENT', null],
    ['SYN-ACK with RST', { flags: 'SRA', seq: 0, ack: 1 }, null, 'CLOSED', 'ECONNREFUSED'],
  ])('%s', (_what, segment, answer, after, error) => {
    const { wire, server, tcp, memory } = script({ isn })
    const peer = wire.peer({ port: 80, stackPort: 0, isn })
    const { connection, user } = server.connect()
    expect(peer.next()).toBeTcp({ flags: 'S', seq: 0, ack: 0 })
    peer.send(segment)
    if (answer !== null) expect(peer.next()).toBeTcp({ ...answer, length: 0 })
    expect(peer.take()).toEqual([])
    expect(stateName(connection.state)).toBe(after)
    expect(user.error).toBe(error)
    if (connection.state !== State.Closed) connection.abort()
    peer.take()
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
  })
})

describe('simultaneous open, RFC 9293, figure 7', () => {
  function crossing(data = '') {
    const made = script({ isn: 0xffffffff })
    const peer = made.wire.peer({ port: 80, stackPort: 0, isn: 0xffffffff })
    const { connection, user } = made.server.connect()
    expect(peer.next()).toBeTcp({ flags: 'S', seq: 0 })
    peer.send({ flags: 'S', seq: 0, mss: 1000, windowScale: 3, data })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1 })
    return { ...made, peer, connection, user }
  }

  test('ends in ESTABLISHED on the SYN-ACK', () => {
    const { peer, connection, user } = crossing()
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1000, windowScale: 3, window: 20_000 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 1, ack: 1 })
    expect(connection.state).toBe(State.Established)
    expect(user.events).toEqual(['established'])
    // The window of a SYN is not scaled.
    expect(connection.sendWindow).toBe(20_000)
    expect(connection.largestSendWindow).toBe(65_535)
    connection.write(Buffer.from('hello'), null)
    expect(peer.next()).toBeTcp({ seq: 1, payload: 'hello' })
    peer.expectNothing(100_000)
  })

  test('ends in ESTABLISHED on a plain ACK, too', () => {
    const { peer, connection } = crossing()
    peer.send({ seq: 1, ack: 1, window: 1000 })
    expect(connection.state).toBe(State.Established)
    expect(connection.sendWindow).toBe(8000)
  })

  test.each([
    ['and comes before what follows', { seq: 4, ack: 1, data: 'def' }],
    ['and need not come again', { seq: 1, ack: 1, data: 'abcdef' }],
  ])('text of the SYN waits until then (3.10.7.3), %s', (_what, segment) => {
    const { peer, user, memory } = crossing('abc')
    expect([user.data.toString(), memory.inUse]).toEqual(['', 0])
    peer.send(segment)
    expect(user.data.toString()).toBe('abcdef')
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 7 })
  })

  test('text of the SYN is forgotten with it', () => {
    const { peer, user, tcp } = crossing('abc')
    peer.send({ flags: 'R', seq: 1 })
    expect(user.events).toEqual(['closed ECONNREFUSED'])
    expect(tcp.outOfOrderMemory.bytes).toBe(0)
  })

  test('a reset ends it: refused', () => {
    const { peer, user } = crossing()
    peer.send({ flags: 'R', seq: 1 })
    expect(user.error).toBe('ECONNREFUSED')
  })

  test('the SYN-ACK is sent again, then it is given up', () => {
    const { peer, user, clock } = crossing()
    const start = clock.now()
    const times = peer.times(200 * SECOND, start)
    expect(times.map((time) => time / SECOND)).toEqual([1, 3, 7, 15, 31, 63])
    expect(user.error).toBe('ETIMEDOUT')
  })

  test('closing meanwhile sends the FIN after the handshake (3.10.4)', () => {
    const { peer, connection } = crossing()
    connection.shutdownWrite()
    peer.expectNothing()
    expect(connection.state).toBe(State.SynReceived)
    peer.send({ flags: 'SA', seq: 0, ack: 1 })
    expect(peer.take().map((segment) => segment.flags)).toEqual(['FA'])
    expect(connection.state).toBe(State.FinWait1)
  })
})

describe('simultaneous close, RFC 9293, figure 13', () => {
  test('both sides go through CLOSING to TIME-WAIT', () => {
    const { peer, connection, user, tcp } = established({ isn: 0xffffffff })
    connection.shutdownWrite()
    expect(peer.next()).toBeTcp({ flags: 'FA', seq: 1 })
    peer.send({ flags: 'FA', seq: 1, ack: 1 })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 2, ack: 2 })
    expect(connection.state).toBe(State.Closing)
    peer.send({ seq: 2, ack: 2 })
    expect([tcp.connections, tcp.timeWaits]).toEqual([0, 1])
    expect(user.events).toEqual(['established', 'end', 'finished', 'closed'])
    peer.expectNothing(1 * SECOND)
  })

  test('with data on its way loses none of it', () => {
    const { peer, connection, user, tcp } = established()
    connection.write(Buffer.from('last words'), null)
    connection.shutdownWrite()
    expect(peer.take().map(({ flags, seq }) => [flags, seq])).toEqual([
      ['PA', 1],
      ['FA', 11],
    ])
    peer.send({ flags: 'FA', seq: 1, ack: 1, data: 'of both' })
    expect(peer.next()).toBeTcp({ flags: 'A', seq: 12, ack: 9 })
    expect(user.data.toString()).toBe('of both')
    peer.send({ seq: 9, ack: 12 })
    expect([tcp.connections, tcp.timeWaits]).toEqual([0, 1])
  })
})

describe('half-open connections, RFC 9293, 3.5.1', () => {
  test('a peer that has forgotten the connection and opens another: figure 9', () => {
    const { wire, peer, user, tcp, server } = established()
    // It begins anew, from the same port, with another number.
    const rebooted = wire.peer({ port: 4000, isn: 0x12345678 })
    rebooted.stackIsn = peer.stackIsn
    rebooted.send({ flags: 'S', seq: 0, mss: 1460 })
    const [challenge] = rebooted.take()
    expect(challenge).toMatchObject({ flags: 'A', length: 0, seq: 1 })
    // In SYN-SENT that acknowledges nothing of its own: a reset with exactly that number.
    expect(user.isClosed).toBe(false)
    const expected = (challenge.ack + rebooted.isn) | 0
    expect(expected).toBe((peer.isn + 1) | 0)
    rebooted.send({ flags: 'R', seq: challenge.ack })
    expect(user.error).toBe('ECONNRESET')
    expect(tcp.connections).toBe(0)
    // Its SYN comes again.
    rebooted.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(rebooted.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1 })
    rebooted.send({ seq: 1, ack: 1, data: 'again' })
    expect(server.recorder.data.toString()).toBe('again')
  })

  test('a peer that has forgotten the connection, and data of ours: figure 10', () => {
    const { peer, connection, user, tcp, memory } = established()
    connection.write(Buffer.from('anybody there?'), null)
    expect(peer.next()).toBeTcp({ seq: 1, length: 14 })
    // CLOSED resets with the number that the segment acknowledged.
    peer.send({ flags: 'R', seq: 1 })
    expect(user.error).toBe('ECONNRESET')
    expect([tcp.connections, memory.inUse]).toEqual([0, 0])
  })

  test('we have forgotten the connection: what comes is refused, with a number that the peer believes', () => {
    const { peer, tcp } = script()
    peer.stackIsn = 500
    for (const [segment, reset] of [
      [
        { seq: 100, ack: 7, data: 'hello?' },
        { flags: 'R', seq: 7 },
      ],
      [
        { flags: 'FA', seq: 100, ack: 7 },
        { flags: 'R', seq: 7 },
      ],
      [
        { seq: 99, ack: 7 },
        { flags: 'R', seq: 7 },
      ],
    ] as const) {
      peer.send(segment)
      expect(peer.next()).toBeTcp(reset)
    }
    expect(tcp.connections).toBe(0)
  })

  test('an old SYN begins nothing: its sender refuses our answer, and we go back to LISTEN (figures 8 and 11)', () => {
    const { peer, server, tcp } = script()
    const listener = server.listen()
    peer.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1 })
    peer.send({ flags: 'R', seq: 1 })
    expect([tcp.connections, listener.halfOpen.size, server.connections.length]).toEqual([0, 0, 0])
    peer.sendNext = 0
    peer.open({ mss: 1460 })
    expect(server.connections).toHaveLength(1)
  })
})
