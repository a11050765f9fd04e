/**
 * Urgent data (RFC 9293, 3.8.5) as RFC 6093 has it: it stays in line, the pointer means nothing, and none that makes no sense
 * does harm.
 */
import { describe, expect, test } from 'vitest'
import { established, pattern, script } from '../../test/support/scripted-peer.ts'
import { SECOND } from '../clock/index.ts'
import { State } from './state.ts'

const POINTERS = [0, 1, 9, 10, 11, 1000, 65_535]

describe('the urgent pointer', () => {
  test.each(POINTERS)('of %s: the data stays in line', (urgent) => {
    const { peer, user, connection } = established()
    peer.send({ flags: 'UA', urgent, data: 10 })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 11, urgent: 0 })
    peer.send({ flags: 'UPA', urgent, data: 10 }, { data: 10 })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 31, urgent: 0 })
    expect(user.data.equals(pattern(30))).toBe(true)
    expect(connection.state).toBe(State.Established)
    peer.expectNothing(1 * SECOND)
  })

  test.each(POINTERS)('of %s without URG, or without data, is nothing', (urgent) => {
    const { peer, user } = established()
    peer.send({ urgent, data: 10 }, { flags: 'UA', urgent }, { flags: 'UPA', urgent })
    expect(peer.next()).toBeTcp({ ack: 11 })
    expect(user.data.equals(pattern(10))).toBe(true)
    peer.expectNothing(1 * SECOND)
  })

  test.each(POINTERS)('of %s ahead of a gap, on a duplicate, and where segments overlap', (urgent) => {
    const { peer, user } = established()
    peer.send({ flags: 'UA', urgent, seq: 11, data: 10 }, { flags: 'UA', urgent, seq: 15, data: 10 })
    peer.send({ flags: 'UA', urgent, seq: 1, data: 12 }, { flags: 'UA', urgent, seq: 1, data: 24 })
    expect(peer.take().at(-1)).toMatchObject({ ack: 25 })
    expect(user.data.equals(pattern(24))).toBe(true)
  })

  test.each(POINTERS)('of %s with a closed window: nothing is taken, and the answer tells the truth', (urgent) => {
    const { peer, user, connection } = established({ settings: { receiveBuffer: 2048, windowScaling: false } })
    user.reading = false
    peer.send({ data: 1460 }, { data: 588 })
    expect(peer.next()).toBeTcp({ ack: 2049, window: 0 })
    // Linux and BSD peers probe so: the pointer runs ahead of what the window lets through (RFC 6093, 3.1).
    peer.send({ flags: 'UA', urgent, seq: 2049, data: 1 })
    expect(peer.next()).toBeTcp({ ack: 2049, window: 0 })
    peer.send({ flags: 'UA', urgent, seq: 2049 })
    peer.take()
    expect(connection.receiveQueue.length).toBe(2048)
    connection.read(4096)
    expect(peer.next()).toBeTcp({ ack: 2049, window: 2048 })
    peer.send({ flags: 'UA', urgent, seq: 2049, data: 1 })
    expect(peer.next()).toBeTcp({ ack: 2050 })
  })

  test.each(POINTERS)('of %s with a FIN: the stream ends where it ends', (urgent) => {
    const { peer, user } = established()
    peer.send({ flags: 'UFA', urgent, data: 10 })
    expect(peer.next()).toBeTcp({ ack: 12 })
    expect([user.ended, user.data.equals(pattern(10))]).toEqual([true, true])
  })

  test.each(POINTERS)('of %s with a reset: it is one', (urgent) => {
    const { peer, user } = established()
    peer.send({ flags: 'UR', urgent })
    expect(user.error).toBe('ECONNRESET')
  })

  test.each(POINTERS)('of %s in the handshake, either way', (urgent) => {
    const { peer, server, wire } = script()
    server.listen()
    peer.send({ flags: 'SU', seq: 0, urgent })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1, urgent: 0 })
    peer.send({ flags: 'UA', urgent, seq: 1, ack: 1, data: 5 })
    expect(server.recorder.data.equals(pattern(5))).toBe(true)
    const other = wire.peer({ port: 80, stackPort: 0 })
    const { user } = server.connect()
    other.next()
    other.send({ flags: 'SUA', seq: 0, ack: 1, urgent })
    expect(user.events).toEqual(['established'])
  })

  test('is never sent', () => {
    const { peer, connection } = established()
    connection.write(Buffer.alloc(5000), null)
    connection.shutdownWrite()
    for (const { flags, urgent } of peer.take()) expect([flags.includes('U'), urgent]).toEqual([false, 0])
  })
})
