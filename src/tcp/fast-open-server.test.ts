/** TCP Fast Open, the side that listens: RFC 7413, 4.1.2, 4.2.2 and 5.1. */
import { describe, expect, test } from 'vitest'
import { pattern, type ScriptedPeer, type ScriptOptions, script } from '../../test/support/scripted-peer.ts'
import { MINUTE, SECOND, SeededRandom } from '../clock/index.ts'
import type { Connection } from './connection.ts'
import { TcpInfoOption } from './info.ts'
import { State } from './state.ts'

const ANOTHER_COOKIE = '0123456789abcdef'

/** A listener that takes data with SYNs, and a peer's cookie of it. */
function listening(fastOpen = 4, options: ScriptOptions = {}) {
  const made = script(options)
  const listener = made.tcp.listen(null, 80, 16, made.server, { fastOpen })
  const first = made.wire.peer({ port: 3999 })
  first.send({ flags: 'S', mss: 1460, fastOpen: '' })
  const [answer] = first.take()
  const cookie = answer.fastOpen ?? ''
  first.send({ flags: 'R', seq: 1 })
  made.tcp.counters.AttemptFails = 0
  return { ...made, listener, cookie, first }
}

function syn(peer: ScriptedPeer, cookie: string, data: string | number = 'request', seq = 0): void {
  peer.send({ flags: 'S', seq, mss: 1460, fastOpen: cookie, data })
}

describe('a SYN that asks for a cookie', () => {
  test('gets one of eight bytes, and its data is not taken', () => {
    const { peer, cookie, server, tcp } = listening()
    expect(cookie).toMatch(/^[0-9a-f]{16}$/)
    syn(peer, '')
    expect(peer.next()).toBeTcp({ flags: 'SA', ack: 1, fastOpen: cookie, length: 0 })
    expect(server.connections).toEqual([])
    expect(tcp.counters).toMatchObject({ TCPFastOpenCookieReqd: 2, TCPFastOpenPassive: 0, TCPFastOpenPassiveFail: 0 })
    // Whoever has none goes on as ever.
    peer.send({ seq: 1, ack: 1, data: 'request' })
    expect(server.recorder.data.toString()).toBe('request')
    expect(server.recorder.events).toEqual(['established'])
  })

  test('gets none from a listener that does not take part, or without asking', () => {
    const { peer, wire, server } = script()
    server.listen()
    peer.send({ flags: 'S', mss: 1460, fastOpen: '' })
    expect(peer.next()).toBeTcp({ flags: 'SA', fastOpen: null })
    const { wire: other } = listening()
    const plain = other.peer({ port: 5000 })
    plain.send({ flags: 'S', mss: 1460, data: 'early' })
    expect(plain.next()).toBeTcp({ flags: 'SA', ack: 1, fastOpen: null })
    expect(wire.strays).toEqual([])
  })

  test('gets the same one for every connection of an address, and another address another', () => {
    const { wire, cookie } = listening()
    const again = wire.peer({ port: 5000 })
    again.send({ flags: 'S', fastOpen: '' })
    expect(again.next()).toBeTcp({ fastOpen: cookie })
    const { cookie: ofAnotherStack } = listening(4, { seed: 2 })
    expect(ofAnotherStack).not.toBe(cookie)
  })
})

describe('a SYN with a good cookie', () => {
  test('is the application’s at once, with its data, and the answer does not wait for the handshake', () => {
    const { peer, cookie, server, tcp, memory, listener, clock } = listening()
    server.onAccept = (connection: Connection, recorder) => {
      recorder.whenReadable = () => {
        connection.write(Buffer.from('answer'), null)
      }
    }
    syn(peer, cookie)
    const [synAck, answer] = peer.take()
    expect(synAck).toMatchObject({ flags: 'SA', ack: 8, fastOpen: null })
    expect(answer).toMatchObject({ flags: 'PA', seq: 1, ack: 8, length: 6 })
    expect(server.recorder.events).toEqual(['established'])
    expect(server.recorder.data.toString()).toBe('request')
    expect([listener.fastOpenPending, listener.halfOpen.size]).toEqual([1, 0])
    expect(server.connection.state).toBe(State.SynReceived)
    peer.send({ seq: 8, ack: 7 })
    expect(server.connection.state).toBe(State.Established)
    expect(listener.fastOpenPending).toBe(0)
    expect(server.connection.info().options & TcpInfoOption.SynData).toBe(TcpInfoOption.SynData)
    server.recorder.whenReadable = null
    peer.send({ seq: 8, data: ' and more' })
    expect(server.recorder.data.toString()).toBe('request and more')
    expect(server.recorder.events).toEqual(['established'])
    expect(tcp.counters).toMatchObject({ TCPFastOpenPassive: 1, PassiveOpens: 2 })
    clock.advance(1 * SECOND)
    peer.take()
    expect(memory.inUse).toBe(0)
  })

  test('and options has them agreed on, before the first segment is sent', () => {
    const { peer, cookie, server } = listening()
    peer.timestampOffset = 77
    peer.send({ flags: 'S', mss: 1000, windowScale: 5, sackPermitted: true, fastOpen: cookie, data: 'request' })
    server.connection.write(pattern(1500), null)
    const [synAck, one, two] = peer.take()
    expect(synAck).toMatchObject({ windowScale: expect.any(Number), sackPermitted: true, ack: 8 })
    expect([one, two].map(({ length, timestamp }) => [length, timestamp !== null])).toEqual([
      [988, true],
      [512, true],
    ])
  })

  test('without data opens, too: the server may speak first', () => {
    const { peer, cookie, server } = listening()
    syn(peer, cookie, '')
    server.connection.write(Buffer.from('220 ready'), null)
    expect(peer.take()).toMatchObject([
      { flags: 'SA', ack: 1 },
      { flags: 'PA', seq: 1, ack: 1, length: 9 },
    ])
  })

  test('what is sent early obeys the window of the SYN and ten segments', () => {
    const { peer, cookie, server } = listening()
    peer.window = 3000
    syn(peer, cookie)
    server.connection.write(pattern(100_000), null)
    expect(peer.take().reduce((sum, { length }) => sum + length, 0)).toBeLessThanOrEqual(3000)
    const other = listening()
    syn(other.peer, other.cookie)
    other.server.connection.write(pattern(100_000), null)
    // The SYN is on its way, too: of the tenth segment its byte is missing.
    expect(other.peer.take().reduce((sum, { length }) => sum + length, 0)).toBe(9 * 1460)
  })

  test('an acknowledgment of the SYN alone leaves the data to be sent again', () => {
    const { peer, cookie, server } = listening()
    syn(peer, cookie)
    server.connection.write(Buffer.from('answer'), null)
    peer.take()
    peer.send({ seq: 8, ack: 1 })
    expect(server.connection.state).toBe(State.Established)
    expect(peer.next(3 * SECOND)).toBeTcp({ seq: 1, payload: 'answer' })
    peer.send({ seq: 8, ack: 7 })
    peer.expectNothing(10 * SECOND)
  })

  test('whose SYN-ACK is lost: that is sent again, not the data, and then everything goes on', () => {
    const { peer, cookie, server, tcp, clock } = listening()
    syn(peer, cookie)
    server.connection.write(Buffer.from('answer'), null)
    peer.take()
    expect(peer.next(1.5 * SECOND)).toBeTcp({ flags: 'SA', seq: 0, ack: 8, fastOpen: null })
    peer.expectNothing(1 * SECOND)
    // The client's SYN again, without option and data, as it must be.
    peer.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 8 })
    peer.send({ seq: 8, ack: 1 })
    expect(peer.next(5 * SECOND)).toBeTcp({ seq: 1, payload: 'answer' })
    expect(server.recorder.data.toString()).toBe('request')
    peer.send({ seq: 8, ack: 7 })
    clock.advance(1 * SECOND)
    expect(tcp.connections).toBe(1)
  })

  test('that nobody ever follows up is given up like others, and its user told', () => {
    const { peer, cookie, server, listener, tcp, memory, clock } = listening()
    syn(peer, cookie)
    server.connection.write(Buffer.from('answer'), null)
    peer.take()
    const times = peer.times(100 * SECOND, clock.now()).length
    expect(times).toBe(5)
    expect(server.recorder.events.at(-1)).toBe('closed ETIMEDOUT')
    expect([listener.fastOpenPending, tcp.connections, memory.inUse]).toEqual([0, 0, 0])
  })

  test('may be finished before the handshake is: the FIN follows, and is acknowledged with the SYN', () => {
    const { peer, cookie, server, tcp } = listening()
    server.onAccept = (connection) => {
      connection.write(Buffer.from('all'), null)
      connection.shutdownWrite()
    }
    syn(peer, cookie)
    expect(peer.take().map(({ flags }) => flags)).toEqual(['SA', 'FPA'])
    peer.send({ flags: 'FA', seq: 8, ack: 5 })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 9 })
    expect(server.recorder.events).toEqual(['established', 'end', 'finished', 'closed'])
    expect([tcp.connections, tcp.timeWaits]).toEqual([0, 1])
  })

  test('in a burst with more data and a FIN', () => {
    const { peer, cookie, server } = listening()
    server.onAccept = (connection) => void connection.write(Buffer.from('answer'), null)
    syn(peer, cookie)
    peer.take()
    peer.send({ seq: 8, ack: 1, data: ' more' }, { flags: 'FA', seq: 13, ack: 7 })
    expect(server.recorder.data.toString()).toBe('request more')
    expect(server.recorder.ended).toBe(true)
    expect(server.connection.state).toBe(State.CloseWait)
  })

  test('waits for the application as others do, and counts as one that waits', () => {
    const { peer, wire, cookie, server, listener, tcp } = listening(100)
    listener.paused = true
    syn(peer, cookie)
    expect(peer.next()).toBeTcp({ flags: 'SA', ack: 8 })
    peer.send({ seq: 8, ack: 1, data: ' more' })
    expect(peer.next()).toBeTcp({ flags: 'A', ack: 13 })
    expect(listener.pending).toHaveLength(1)
    for (let port = 5000; port < 5015; port++) syn(wire.peer({ port }), cookie)
    expect(listener.isFull).toBe(true)
    const late = wire.peer({ port: 6000 })
    syn(late, cookie)
    expect(late.take()).toEqual([])
    expect(tcp.counters.ListenOverflows).toBe(1)
    listener.resume()
    expect(server.recorders.map(({ data }) => data.toString())[0]).toBe('request more')
    expect(server.recorders[0].events).toEqual(['established'])
    expect(server.connections).toHaveLength(16)
  })

  test('that is aborted by the application resets the peer', () => {
    const { peer, cookie, server, listener, tcp, memory } = listening()
    server.onAccept = (connection) => connection.abort()
    syn(peer, cookie)
    expect(peer.take().map(({ flags }) => flags)).toEqual(['SA', 'RA'])
    expect([listener.fastOpenPending, tcp.connections, memory.inUse]).toEqual([0, 0, 0])
  })

  test('and a FIN is dropped as others with both flags', () => {
    const { peer, cookie, server } = listening()
    peer.send({ flags: 'SF', fastOpen: cookie, data: 'request' })
    peer.expectNothing()
    expect(server.connections).toEqual([])
  })

  test('takes no more data than there is room for, and the SYN-ACK says how much', () => {
    const { peer, cookie, server } = listening(4, { settings: { receiveBuffer: 2048 }, mtu: 4000 })
    syn(peer, cookie, 3000)
    expect(peer.next()).toBeTcp({ flags: 'SA', ack: 2049 })
    peer.send({ seq: 2049, ack: 1, data: pattern(952, 2048) })
    expect(server.recorder.data.equals(pattern(3000, -1).subarray(0, 2048))).toBe(false)
    expect(server.recorder.data).toHaveLength(3000)
  })
})

describe('a SYN with a bad cookie', () => {
  test.each([
    ['of another server', ANOTHER_COOKIE],
    ['that is too short', '01234567'],
    ['that is too long', '0123456789abcdef0123456789abcdef'],
  ])('%s is an ordinary one, and gets a good one', (_what, bad) => {
    const { peer, cookie, server, tcp } = listening()
    syn(peer, bad)
    expect(peer.next()).toBeTcp({ flags: 'SA', ack: 1, fastOpen: cookie })
    expect(server.connections).toEqual([])
    expect(tcp.counters).toMatchObject({ TCPFastOpenPassiveFail: 1, TCPFastOpenPassive: 0 })
    peer.send({ seq: 1, ack: 1, data: 'request' })
    expect(server.recorder.data.toString()).toBe('request')
  })

  test('of another address is none', () => {
    const { wire, cookie, tcp } = listening()
    const source = '10.0.0.78'
    const fields = { sourcePort: 4000, destinationPort: 80, flags: 'S', seq: 0, mss: 1460, fastOpen: cookie }
    wire.put(wire.tcp(fields, 'request', { source }))
    expect(tcp.counters).toMatchObject({ TCPFastOpenPassiveFail: 1, TCPFastOpenPassive: 0 })
  })

  test('whose form is wrong is no option at all', () => {
    const { peer, server, tcp } = listening()
    peer.send({ flags: 'S', options: Uint8Array.of(34, 5, 1, 2, 3, 1, 1, 1), data: 'request' })
    expect(peer.next()).toBeTcp({ flags: 'SA', ack: 1, fastOpen: null })
    expect(server.connections).toEqual([])
    expect(tcp.counters.TCPFastOpenPassiveFail).toBe(0)
  })
})

describe('keys', () => {
  test('change; cookies of the last are good once more and replaced, those of the one before are not', () => {
    const { peer, wire, clock, cookie, server, tcp } = listening(4, { settings: { fastOpenKeyLifetime: MINUTE } })
    clock.advance(61 * SECOND)
    syn(peer, cookie)
    const [synAck] = peer.take()
    expect(synAck).toMatchObject({ ack: 8, fastOpen: expect.stringMatching(/^[0-9a-f]{16}$/) })
    expect(synAck.fastOpen).not.toBe(cookie)
    expect(server.recorder.data.toString()).toBe('request')
    expect(tcp.counters).toMatchObject({ TCPFastOpenPassive: 1, TCPFastOpenPassiveAltKey: 1 })
    clock.advance(61 * SECOND)
    const other = wire.peer({ port: 5000 })
    syn(other, cookie)
    expect(other.next()).toBeTcp({ ack: 1 })
    const third = wire.peer({ port: 5001 })
    syn(third, synAck.fastOpen!)
    expect(third.next()).toBeTcp({ ack: 8 })
  })

  test('that nobody has used for long are both new', () => {
    const { peer, clock, cookie } = listening(4, { settings: { fastOpenKeyLifetime: MINUTE } })
    clock.advance(10 * MINUTE)
    syn(peer, cookie)
    expect(peer.next()).toBeTcp({ ack: 1 })
  })
})

describe('what may be open before its handshake is complete', () => {
  test('is bounded; beyond, a SYN is an ordinary one, until there is room again', () => {
    const { wire, cookie, server, listener, tcp } = listening(2)
    const peers = Array.from({ length: 4 }, (_, i) => wire.peer({ port: 5000 + i }))
    for (const peer of peers.slice(0, 3)) syn(peer, cookie)
    expect(peers.slice(0, 3).map((peer) => peer.take()[0].ack)).toEqual([8, 8, 1])
    expect([listener.fastOpenPending, listener.halfOpen.size, server.connections.length]).toEqual([2, 1, 2])
    expect(tcp.counters.TCPFastOpenListenOverflow).toBe(1)
    peers[2].send({ seq: 1, ack: 1, data: 'request' })
    expect(server.recorder.data.toString()).toBe('request')
    peers[0].send({ seq: 8, ack: 1 })
    syn(peers[3], cookie)
    expect(peers[3].next()).toBeTcp({ ack: 8 })
  })

  test('one that is reset keeps its place for a minute: an attacker cannot empty the queue (RFC 7413, 5.1)', () => {
    const { wire, cookie, server, listener, clock } = listening(2)
    const peers = Array.from({ length: 4 }, (_, i) => wire.peer({ port: 5000 + i }))
    const reset = (peer: ScriptedPeer) => {
      syn(peer, cookie)
      expect(peer.next()).toBeTcp({ ack: 8 })
      peer.send({ flags: 'R', seq: 8 })
    }
    for (const peer of peers.slice(0, 2)) reset(peer)
    expect(server.recorders.map(({ error }) => error)).toEqual(['ECONNRESET', 'ECONNRESET'])
    expect([listener.fastOpenPending, listener.fastOpenResets.length]).toEqual([0, 2])
    syn(peers[2], cookie)
    expect(peers[2].next()).toBeTcp({ ack: 1 })
    peers[2].send({ flags: 'R', seq: 8 })
    clock.advance(61 * SECOND)
    syn(peers[3], cookie)
    expect(peers[3].next()).toBeTcp({ ack: 8 })
    expect(listener.fastOpenResets).toEqual([])
  })

  test('a flood from one who has a cookie stays within it', () => {
    const { wire, cookie, server, listener, tcp, memory } = listening(8, { settings: { synCookies: false } })
    for (let port = 5000; port < 5400; port++) syn(wire.peer({ port }), cookie, 1000)
    expect(listener.fastOpenPending).toBe(8)
    expect(server.connections).toHaveLength(8)
    expect(listener.halfOpen.size).toBe(16)
    expect(tcp.connections).toBe(24)
    expect(memory.inUse).toBeLessThanOrEqual(24)
  })

  test('while SYN cookies are sent there is no fast open (as Linux)', () => {
    const { wire, peer, cookie, listener, server } = listening(8)
    for (let i = 0; i < 16; i++) {
      const source = `10.0.0.${100 + i}`
      wire.put(wire.tcp({ sourcePort: 1024, destinationPort: 80, flags: 'S', seq: i }, '', { source }))
    }
    expect(listener.halfOpen.size).toBe(16)
    syn(peer, cookie)
    expect(peer.next()).toBeTcp({ flags: 'SA', ack: 1, fastOpen: null })
    expect(server.connections).toEqual([])
  })
})

describe('segments for a connection that is open before its handshake is complete', () => {
  test.each<[string, object, object[], string]>([
    ['an acknowledgment of nothing: reset', { seq: 8, ack: 0 }, [{ flags: 'R', seq: 0 }], 'SynReceived'],
    ['one from the future: reset', { seq: 8, ack: 50 }, [{ flags: 'R', seq: 50 }], 'SynReceived'],
    ['a reset within the window: challenge', { flags: 'R', seq: 9 }, [{ flags: 'A', seq: 7, ack: 8 }], 'SynReceived'],
    ['a reset outside: nothing', { flags: 'R', seq: 7 }, [], 'SynReceived'],
    ['a reset: the end', { flags: 'R', seq: 8 }, [], 'Closed'],
    ['another SYN: challenge', { flags: 'S', seq: 100 }, [{ flags: 'A', seq: 7, ack: 8 }], 'SynReceived'],
    ['data without ACK: nothing', { flags: 'P', seq: 8, data: 'x' }, [], 'SynReceived'],
    ['an ICMP error: a hint only', { icmp: true }, [], 'SynReceived'],
  ])('%s', (_what, segment, answers, state) => {
    const { peer, cookie, server } = listening()
    syn(peer, cookie)
    server.connection.write(Buffer.from('answer'), null)
    peer.take()
    if ('icmp' in segment) peer.icmp({ type: 3, code: 1 }, 1)
    else peer.send(segment)
    expect(peer.take()).toMatchObject(answers)
    expect(server.connection.state).toBe(State[state as keyof typeof State])
    if (state === 'Closed') expect(server.recorder.error).toBe('ECONNRESET')
  })
})

test.each([1, 2, 3, 4])('noise around good cookies leaves nothing behind, seed %s', (seed) => {
  const random = new SeededRandom(seed)
  const { wire, cookie, server, listener, tcp, memory, clock } = listening(6, { seed })
  server.onAccept = (connection, recorder) => {
    recorder.whenReadable = () => {
      if (random.below(2) === 0) connection.write(pattern(random.below(4000)), null)
      if (random.below(6) === 0) connection.shutdownWrite()
      if (random.below(12) === 0) connection.release()
      if (random.below(12) === 0) connection.abort()
    }
  }
  const peers = Array.from({ length: 80 }, (_, i) => wire.peer({ port: 5000 + i }))
  for (let i = 0; i < 1500; i++) {
    const peer = peers[random.below(peers.length)]
    if (random.below(3) === 0) {
      syn(peer, random.below(4) === 0 ? ANOTHER_COOKIE : cookie, random.below(1400), peer.sendNext % 2 ** 20)
    } else {
      let flags = 'A'
      for (const flag of 'FSRPU') if (random.below(6) === 0) flags += flag
      const seq = peer.sendNext + (random.below(3) === 0 ? random.below(9) - 4 : 0)
      const ack = peer.receiveNext + (random.below(3) === 0 ? random.below(9) - 4 : 0)
      peer.send({ flags, seq, ack, data: random.below(2) === 0 ? random.below(1400) : 0, window: random.below(65_536) })
    }
    peer.take()
    peer.sendNext %= 2 ** 31
    if (random.below(8) === 0) clock.advance(random.below(3 * SECOND))
    expect(listener.fastOpenPending + listener.fastOpenResets.length).toBeLessThanOrEqual(6)
    expect(listener.fastOpenPending).toBeGreaterThanOrEqual(0)
  }
  expect(tcp.counters.TCPFastOpenPassive).toBeGreaterThan(20)
  expect(tcp.counters.TCPFastOpenListenOverflow).toBeGreaterThan(0)
  clock.advance(200 * SECOND)
  tcp.close()
  clock.advance(SECOND)
  expect([listener.fastOpenPending, tcp.connections, tcp.orphans, tcp.receiveBytes, memory.inUse]).toEqual([
    0, 0, 0, 0, 0,
  ])
  expect(server.connections.filter((connection) => connection.timer.armed)).toEqual([])
})
