/** TCP Fast Open, the side that connects: RFC 7413, 4.1.3 and 4.2.1; and both sides together. */
import { describe, expect, test } from 'vitest'
import { pattern, type ScriptedSegment, type ScriptOptions, script } from '../../test/support/scripted-peer.ts'
import { Collector, Recorder, VirtualWorld } from '../../test/support/virtual-hosts.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, MINUTE, SECOND } from '../clock/index.ts'
import { TcpInfoOption } from './info.ts'
import { State } from './state.ts'

const COOKIE = '0123456789abcdef'
const HOUR = 60 * MINUTE

/** A stack that opens connections to port 80 of the peer. */
function client(options: ScriptOptions = {}) {
  const made = script(options)
  const connect = (localPort: number) => {
    const peer = made.wire.peer({ port: 80, stackPort: localPort, isn: options.isn })
    return { peer, ...made.server.connect({ fastOpen: true, localPort }) }
  }
  /** A first connection, which brings the cookie. */
  const learn = (synAck: ScriptedSegment = {}) => {
    const { peer, connection } = connect(40_000)
    expect(peer.next()).toBeTcp({ flags: 'S', fastOpen: '' })
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1460, fastOpen: COOKIE, ...synAck })
    peer.take()
    connection.abort()
    peer.take()
  }
  return { ...made, connect, learn }
}

describe('a first connection', () => {
  test('asks for a cookie and is otherwise like any', () => {
    const { connect, tcp } = client()
    const { peer, connection, user } = connect(40_000)
    connection.write(Buffer.from('request'), null)
    expect(peer.take()).toMatchObject([{ flags: 'S', fastOpen: '', length: 0 }])
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1460, fastOpen: COOKIE })
    expect(peer.take()).toMatchObject([{ flags: 'PA', seq: 1, ack: 1, length: 7 }])
    expect(user.events).toEqual(['established'])
    expect(tcp.fastOpen.size).toBe(1)
    expect(tcp.counters).toMatchObject({ TCPFastOpenActive: 0, TCPFastOpenActiveFail: 0 })
  })

  test('asks again where it got none', () => {
    const { connect, learn, tcp } = client()
    learn({ fastOpen: undefined })
    expect(tcp.fastOpen.size).toBe(0)
    expect(connect(40_001).peer.next()).toBeTcp({ flags: 'S', fastOpen: '' })
  })

  test('whose SYN is lost is asked for without the option, which may have been the reason', () => {
    const { connect } = client()
    const { peer } = connect(40_000)
    expect(peer.next()).toBeTcp({ fastOpen: '' })
    expect(peer.next(1 * SECOND)).toBeTcp({ flags: 'S', fastOpen: null })
  })

  test('without fast open asks for nothing', () => {
    const { wire, server } = script()
    const peer = wire.peer({ port: 80, stackPort: 40_000 })
    server.connect({ localPort: 40_000 })
    expect(peer.next()).toBeTcp({ flags: 'S', fastOpen: null })
  })
})

describe('a connection to a server whose cookie is known', () => {
  function opening(options: ScriptOptions = {}, synAck: ScriptedSegment = {}) {
    const made = client(options)
    made.learn(synAck)
    return { ...made, ...made.connect(40_001) }
  }

  test('sends what is written first with the SYN', () => {
    const { peer, connection, user, tcp, clock, memory } = opening()
    expect(peer.take()).toEqual([])
    connection.write(Buffer.from('request'), null)
    expect(peer.next()).toBeTcp({ flags: 'SP', seq: 0, ack: 0, fastOpen: COOKIE, payload: 'request', mss: 1460 })
    // More has to wait for the answer.
    connection.write(Buffer.from(' and more'), null)
    expect(peer.take()).toEqual([])
    peer.send({ flags: 'SA', seq: 0, ack: 8, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'PA', seq: 8, ack: 1, payload: ' and more' })
    expect(user.events).toEqual(['established'])
    expect(tcp.counters).toMatchObject({ TCPFastOpenActive: 1, TCPFastOpenActiveFail: 0 })
    expect(connection.info().options & TcpInfoOption.SynData).toBe(TcpInfoOption.SynData)
    peer.send({ ack: 17 })
    expect(connection.sendBuffer.length).toBe(0)
    clock.advance(10 * SECOND)
    expect([peer.take(), memory.inUse]).toEqual([[], 0])
  })

  test('goes on as ever if only the SYN is acknowledged', () => {
    const { peer, connection, tcp } = opening()
    connection.write(Buffer.from('request'), null)
    peer.take()
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1460 })
    expect(peer.take()).toMatchObject([{ flags: 'PA', seq: 1, ack: 1, length: 7 }])
    expect(tcp.counters).toMatchObject({ TCPFastOpenActive: 0, TCPFastOpenActiveFail: 1 })
    peer.send({ ack: 8 })
    peer.expectNothing(10 * SECOND)
    expect(connection.state).toBe(State.Established)
  })

  test('sends again what was not taken if a part is acknowledged', () => {
    const { peer, connection, tcp } = opening()
    connection.write(pattern(1000), null)
    peer.take()
    peer.send({ flags: 'SA', seq: 0, ack: 401, mss: 1460 })
    const [rest] = peer.take()
    expect(rest).toMatchObject({ seq: 401, length: 600 })
    expect(Buffer.from(rest.payload).equals(pattern(1000).subarray(400))).toBe(true)
    expect(tcp.counters.TCPFastOpenActive).toBe(1)
  })

  test.each([0xfffffffa, 1000])('keeps its numbers where they wrap around: peer %s', (isn) => {
    const { peer, connection } = opening({ isn })
    connection.write(pattern(500), null)
    peer.take()
    peer.send({ flags: 'SA', seq: 0, ack: 501, mss: 1460, data: 'early answer' })
    expect(peer.next()).toBeTcp({ seq: 501, ack: 13 })
    connection.write(pattern(5000), null)
    expect(peer.take().map(({ length }) => length)).toEqual([1460, 1460, 1460, 620])
  })

  test('puts no more into the SYN than a segment of the size that the server announced holds', () => {
    for (const [mss, mtu] of [
      [1460, 1500],
      [600, 1500],
      [8960, 1500],
      [1460, 1000],
    ]) {
      const { peer, connection } = opening({ mtu }, { mss })
      connection.write(pattern(10_000), null)
      const [syn] = peer.take()
      // MSS, SACK and timestamps, window scale, cookie: 32 bytes of options.
      expect(syn.length).toBe(Math.min(mss, mtu - 40) - 32)
      peer.send({ flags: 'SA', seq: 0, ack: 1 + syn.length, mss })
      expect(peer.take()[0]).toMatchObject({ seq: 1 + syn.length })
    }
  })

  test('waits no longer than 10 ms for something to say, and then brings the cookie alone', () => {
    const { peer, connection, clock } = opening()
    const start = clock.now()
    expect(peer.next(1 * SECOND)).toBeTcp({ flags: 'S', fastOpen: COOKIE, length: 0 })
    expect(peer.time - start).toBe(10 * MILLISECOND)
    connection.write(Buffer.from('late'), null)
    expect(peer.take()).toEqual([])
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1460, data: '220 ready' })
    expect(peer.take()).toMatchObject([{ flags: 'PA', seq: 1, ack: 10, length: 4 }])
  })

  test('sends again without data and option, and takes either answer', () => {
    for (const ack of [1, 8]) {
      const { peer, connection, tcp } = opening()
      connection.write(Buffer.from('request'), null)
      peer.take()
      expect(peer.next(1.1 * SECOND)).toBeTcp({ flags: 'S', seq: 0, fastOpen: null, length: 0 })
      peer.send({ flags: 'SA', seq: 0, ack, mss: 1460 })
      expect(peer.next()).toBeTcp(ack === 1 ? { seq: 1, payload: 'request' } : { seq: 8, length: 0 })
      expect(tcp.counters.TCPFastOpenActiveFail).toBe(ack === 1 ? 1 : 0)
    }
  })

  test('takes a cookie that replaces the old one', () => {
    const { peer, connection, connect } = opening()
    connection.write(Buffer.from('request'), null)
    peer.take()
    peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1200, fastOpen: 'aaaabbbb' })
    peer.take()
    const next = connect(40_002)
    next.connection.write(pattern(5000), null)
    // 28 bytes of options: this cookie is shorter.
    expect(next.peer.next()).toBeTcp({ flags: 'SP', fastOpen: 'aaaabbbb', length: 1200 - 28 })
  })

  test('is refused by a reset that acknowledges SYN, or data, and by no other', () => {
    for (const [ack, error] of [
      [0, null],
      [1, 'ECONNREFUSED'],
      [8, 'ECONNREFUSED'],
      [9, null],
    ] as const) {
      const { peer, connection, user } = opening()
      connection.write(Buffer.from('request'), null)
      peer.take()
      peer.send({ flags: 'RA', seq: 0, ack })
      expect(user.error).toBe(error)
    }
  })

  test('answers a SYN-ACK of more than it sent with a reset', () => {
    const { peer, connection } = opening()
    connection.write(Buffer.from('request'), null)
    peer.take()
    peer.send({ flags: 'SA', seq: 0, ack: 9 })
    expect(peer.next()).toBeTcp({ flags: 'R', seq: 9 })
    expect(connection.state).toBe(State.SynSent)
  })

  test('may be finished before the answer: the FIN goes behind the handshake', () => {
    const { peer, connection, user } = opening()
    connection.write(Buffer.from('request'), null)
    connection.shutdownWrite()
    expect(peer.take()).toMatchObject([{ flags: 'SP', length: 7 }])
    peer.send({ flags: 'SA', seq: 0, ack: 8, mss: 1460, data: 'answer' })
    expect(peer.take()).toMatchObject([{ flags: 'FA', seq: 8, ack: 7 }])
    peer.send({ flags: 'FA', seq: 7, ack: 9 })
    expect(user.data.toString()).toBe('answer')
    expect(user.events).toEqual(['established', 'end', 'finished', 'closed'])
  })

  test('that is let go with something to say says it', () => {
    const { peer, connection } = opening()
    connection.write(Buffer.from('request'), null)
    connection.release()
    peer.take()
    peer.send({ flags: 'SA', seq: 0, ack: 8, mss: 1460 })
    expect(peer.take()).toMatchObject([{ flags: 'FA', seq: 8 }])
  })

  test('that is let go before it has said anything is no connection', () => {
    for (const how of ['release', 'abort'] as const) {
      const { peer, connection, tcp, clock } = opening()
      connection[how]()
      peer.expectNothing(1 * SECOND)
      expect([tcp.connections, connection.timer.armed]).toEqual([0, false])
      expect(clock.now()).toBeGreaterThan(0)
    }
  })

  test('and a simultaneous open get along', () => {
    const { peer, connection, user } = opening()
    connection.write(Buffer.from('request'), null)
    peer.take()
    peer.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA', seq: 0, ack: 1, length: 0 })
    // It has kept what came with our SYN.
    peer.send({ flags: 'A', seq: 1, ack: 8 })
    expect(connection.state).toBe(State.Established)
    expect(user.events).toEqual(['established'])
    connection.write(Buffer.from('!'), null)
    expect(peer.next()).toBeTcp({ seq: 8, payload: '!' })
  })
})

describe('what is remembered of servers', () => {
  test('is bounded: the one longest unheard of goes', () => {
    const { world, host, tcp } = script({ settings: { fastOpenServers: 3 } })
    const servers = Array.from({ length: 4 }, () => world.host())
    for (const server of servers) server.tcp.listen(null, 80, 16, new Collector(), { fastOpen: 8 })
    const ask = (index: number) => {
      const user = new Recorder()
      const remote = servers[index].ipv4.addresses[0].address
      const connection = tcp.connect({ remote, port: 80, user, fastOpen: true })
      const known = connection.fastOpen?.isDeferred
      connection.write(Buffer.from('x'), null)
      world.clock.advance(1 * SECOND)
      expect(user.events).toEqual(['established'])
      connection.abort()
      world.clock.advance(1 * SECOND)
      return known
    }
    expect([0, 1, 2].map(ask)).toEqual([false, false, false])
    expect(ask(0)).toBe(true)
    expect(ask(3)).toBe(false)
    expect(tcp.fastOpen.size).toBe(3)
    expect(ask(0)).toBe(true)
    expect(ask(1)).toBe(false)
    expect(host.tcp).toBe(tcp)
  })

  test('nothing, if so set', () => {
    const { learn, connect, tcp } = client({ settings: { fastOpenServers: 0 } })
    learn()
    expect(tcp.fastOpen.size).toBe(0)
    expect(connect(40_001).peer.next()).toBeTcp({ flags: 'S', fastOpen: '' })
  })

  test('a server that two SYNs with data in a row did not reach is spared for a while', () => {
    const { learn, connect, clock } = client()
    learn()
    for (let i = 1; i <= 2; i++) {
      const { peer, connection } = connect(40_000 + i)
      connection.write(Buffer.from('request'), null)
      peer.take()
      expect(peer.next(1.1 * SECOND)).toBeTcp({ flags: 'S', length: 0 })
      peer.send({ flags: 'SA', seq: 0, ack: 1, mss: 1460 })
      peer.take()
      connection.abort()
      peer.take()
    }
    const spared = connect(40_010)
    spared.connection.write(Buffer.from('request'), null)
    expect(spared.peer.take()).toMatchObject([{ flags: 'S', fastOpen: null, length: 0 }])
    clock.advance(5 * MINUTE)
    const again = connect(40_011)
    again.connection.write(Buffer.from('request'), null)
    expect(again.peer.take()).toMatchObject([{ flags: 'SP', fastOpen: COOKIE, length: 7 }])
    again.peer.send({ flags: 'SA', seq: 0, ack: 8, mss: 1460 })
    again.peer.take()
    const good = connect(40_012)
    good.connection.write(Buffer.from('request'), null)
    expect(good.peer.take()).toMatchObject([{ flags: 'SP', fastOpen: COOKIE }])
  })
})

describe('a black hole', () => {
  /** A SYN with data of which nothing is ever heard. */
  function vanish(made: ReturnType<typeof client>, localPort: number, timeouts = 3) {
    const { peer, connection } = made.connect(localPort)
    connection.write(Buffer.from('request'), null)
    expect(peer.next()).toBeTcp({ flags: 'SP' })
    for (let i = 0; i < timeouts; i++) peer.next(10 * SECOND)
    connection.abort()
    peer.take()
  }

  function isUsed(made: ReturnType<typeof client>, localPort: number): boolean {
    const { peer, connection } = made.connect(localPort)
    connection.write(Buffer.from('request'), null)
    const [syn] = peer.take()
    connection.abort()
    return syn.fastOpen !== null
  }

  test('is where three timeouts in a row follow a SYN with data: nobody gets any for an hour', () => {
    const made = client()
    made.learn()
    vanish(made, 40_001, 2)
    expect(isUsed(made, 40_002)).toBe(true)
    vanish(made, 40_003)
    expect(made.tcp.counters.TCPFastOpenBlackhole).toBe(1)
    expect(isUsed(made, 40_004)).toBe(false)
    made.clock.advance(HOUR - 20 * SECOND)
    expect(isUsed(made, 40_005)).toBe(false)
    made.clock.advance(20 * SECOND)
    expect(isUsed(made, 40_006)).toBe(true)
  })

  test('the pause doubles, up to 64 hours, until a connection ends well', () => {
    const made = client()
    made.learn()
    for (const hours of [1, 2, 4, 8, 16, 32, 64, 64]) {
      vanish(made, 40_001)
      made.clock.advance(hours * HOUR - 20 * SECOND)
      expect(isUsed(made, 40_002)).toBe(false)
      made.clock.advance(20 * SECOND)
    }
    const { peer, connection } = made.connect(40_003)
    connection.write(Buffer.from('request'), null)
    peer.take()
    peer.send({ flags: 'SA', seq: 0, ack: 8, mss: 1460 })
    peer.take()
    connection.shutdownWrite()
    peer.take()
    peer.send({ flags: 'FA', seq: 1, ack: 9 })
    peer.take()
    vanish(made, 40_004)
    made.clock.advance(HOUR)
    expect(isUsed(made, 40_005)).toBe(true)
  })

  test('shows after the handshake as well, and when the connection is given up before the third timeout', () => {
    const made = client()
    made.learn()
    const { peer, connection } = made.connect(40_001)
    connection.write(Buffer.from('request'), null)
    peer.take()
    peer.send({ flags: 'SA', seq: 0, ack: 8, mss: 1460 })
    connection.write(pattern(100), null)
    made.clock.advance(10 * SECOND)
    expect(made.tcp.counters.TCPFastOpenBlackhole).toBe(1)
    const hasty = client({ settings: { synRetries: 1 } })
    hasty.learn()
    vanish(hasty, 40_001, 2)
    expect(hasty.tcp.counters.TCPFastOpenBlackhole).toBe(1)
  })

  test('is nobody’s fault where no data went with the SYN, or pauses are turned off', () => {
    const made = client()
    const { peer } = made.connect(40_001)
    peer.times(20 * SECOND, 0)
    expect(made.tcp.counters.TCPFastOpenBlackhole).toBe(0)
    const bold = client({ settings: { fastOpenBlackholePause: 0 } })
    bold.learn()
    vanish(bold, 40_001)
    expect(isUsed(bold, 40_002)).toBe(true)
  })
})

describe('two hosts', () => {
  test.each([0, 0.1])('answer within one round trip once they know each other; loss %s', (loss) => {
    const world = new VirtualWorld(5)
    const delay = 50 * MILLISECOND
    const a = world.host({ latency: delay, loss })
    const b = world.host()
    const server = new Collector()
    server.onAccept = (connection, recorder) => {
      recorder.whenReadable = () => {
        if (recorder.data.length < 500 || connection.finQueued) return
        connection.write(pattern(3000), null)
        connection.shutdownWrite()
      }
    }
    b.tcp.listen(null, 80, 64, server, { fastOpen: 64 })
    const times: number[] = []
    for (let i = 0; i < 40; i++) {
      const user = new Recorder()
      const start = world.clock.now()
      user.whenReadable = (connection) => {
        if (user.data.length < 3000 || times.length > i) return
        times.push(world.clock.now() - start)
        connection.shutdownWrite()
      }
      const connection = a.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, user, fastOpen: true })
      connection.write(pattern(500), null)
      world.clock.advance(30 * SECOND)
      expect(user.data.equals(pattern(3000))).toBe(true)
      expect(user.error).toBe(null)
    }
    expect(server.recorders.every(({ data }) => data.equals(pattern(500)))).toBe(true)
    expect(a.tcp.counters.TCPFastOpenActive).toBeGreaterThan(loss === 0 ? 38 : 20)
    if (loss === 0) {
      // Two round trips without the cookie, then one.
      expect(times[0]).toBeGreaterThanOrEqual(4 * delay)
      for (const time of times.slice(1)) expect(time).toBeLessThan(2 * delay + 5 * MILLISECOND)
    }
    world.clock.advance(5 * MINUTE)
    expect([a.tcp.connections, b.tcp.connections, world.memory.inUse]).toEqual([0, 0, 0])
  })
})
