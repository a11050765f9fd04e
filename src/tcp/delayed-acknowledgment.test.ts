/** When acknowledgments are held back, as Linux decides it (quick and ping-pong mode). */
import { describe, expect, test } from 'vitest'
import { established } from '../../test/support/scripted-peer.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'

/** A connection on which the acknowledgments that go out at once are used up. */
function calm() {
  const made = established({ settings: { quickAcknowledgments: 2 } })
  for (let i = 0; i < 2; i++) {
    made.peer.send({ data: 10 })
    expect(made.peer.take()).toHaveLength(1)
  }
  return made
}

/** How long the next segment is left without an acknowledgment, in milliseconds. */
function delay({ clock, peer }: ReturnType<typeof established>): number {
  const start = clock.now()
  peer.send({ data: 10 })
  expect(peer.next(1 * SECOND)).toBeTcp({ flags: 'A', length: 0 })
  return (peer.time - start) / MILLISECOND
}

describe('an acknowledgment is held back', () => {
  test('after the first ones', () => {
    const made = calm()
    expect([delay(made), delay(made)]).toEqual([40, 40])
  })

  test('not when there was a pause: the peer begins with a small window (RFC 5681, 4.1)', () => {
    const made = calm()
    made.clock.advance(made.connection.timeout.current - 1)
    expect(delay(made)).toBe(40)
    made.clock.advance(made.connection.timeout.current + 1)
    expect([delay(made), delay(made), delay(made)]).toEqual([0, 0, 40])
  })

  test('not after something came twice: the peer has lowered its window', () => {
    const made = calm()
    made.peer.send({ seq: 1, data: 10 })
    expect(made.peer.next()).toBeTcp({ ack: 21 })
    expect([delay(made), delay(made), delay(made)]).toEqual([0, 0, 40])
  })

  test('on a connection that answers, also among the first: the answer brings it', () => {
    const { peer, connection, clock } = established()
    // The first request, which is answered 5 ms later: nobody could know.
    for (let i = 0; i < 5; i++) {
      peer.send({ data: 100 })
      expect(peer.take()).toHaveLength(i === 0 ? 1 : 0)
      clock.advance(5 * MILLISECOND)
      connection.write(Buffer.alloc(200), null)
      expect(peer.take()).toMatchObject([{ length: 200, ack: 1 + (i + 1) * 100 }])
      peer.send({})
    }
  })

  test('no longer when the answer does not come', () => {
    const made = established()
    const { peer, connection } = made
    peer.send({ data: 100 })
    connection.write(Buffer.alloc(200), null)
    peer.take()
    peer.send({})
    expect([delay(made), delay(made)]).toEqual([40, 0])
  })

  test('not because of data of ours that is no answer', () => {
    const made = established()
    const { peer, connection, clock } = made
    expect(delay(made)).toBe(0)
    clock.advance(40 * MILLISECOND)
    connection.write(Buffer.alloc(200), null)
    peer.take()
    peer.send({})
    expect(delay(made)).toBe(0)
  })

  test('and two full segments never are', () => {
    const { peer, connection } = calm()
    peer.send({ data: 1460 })
    peer.expectNothing()
    peer.send({ data: 1459 })
    peer.expectNothing()
    peer.send({ data: 1 })
    expect(peer.next()).toBeTcp({ ack: 2941 })
    expect(connection.receiveSegmentSize).toBe(1460)
  })
})
