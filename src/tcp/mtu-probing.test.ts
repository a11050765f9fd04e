/** Path MTU discovery without ICMP: RFC 4821. */
import { describe, expect, test } from 'vitest'
import { pattern, type ScriptOptions, script } from '../../test/support/scripted-peer.ts'
import { Collector, Recorder, VirtualWorld } from '../../test/support/virtual-hosts.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, MINUTE, type Microseconds, SECOND } from '../clock/index.ts'
import type { VirtualPortOptions } from '../netif/index.ts'
import type { Connection } from './connection.ts'
import { RecoveryState } from './recovery/index.ts'
import type { TcpSettings } from './settings.ts'

const HEADERS = 20 + 32

/** A sender whose packets pass a hop with a smaller MTU, from which no ICMP message comes back. */
function narrow(largestPacket: number | undefined, settings: Partial<TcpSettings> = {}, link: VirtualPortOptions = {}) {
  const world = new VirtualWorld(1)
  const latency = 10 * MILLISECOND
  const hop = { latency, largestPacket }
  const sender = world.host({ offload: true, ...link, fromStack: hop, toStack: { latency } }, settings)
  const receiver = world.host({ mtu: link.mtu })
  const collector = new Collector()
  receiver.tcp.listen(null, 80, 16, collector)
  const user = new Recorder()
  const connection = sender.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, user })
  world.clock.advance(100 * MILLISECOND)
  let sent = 0
  /** Sends so much; returns how long it took to arrive. */
  const transfer = (bytes: number, limit: Microseconds = 100 * SECOND) => {
    const start = world.clock.now()
    connection.write(pattern(bytes, sent), null)
    sent += bytes
    while (collector.recorders[0].received.reduce((sum, data) => sum + data.length, 0) < sent) {
      if (world.clock.now() - start > limit) throw new Error(`not finished: ${JSON.stringify(connection.info())}`)
      world.clock.advance(10 * MILLISECOND)
    }
    expect(collector.recorders[0].data.equals(pattern(sent))).toBe(true)
    return world.clock.now() - start
  }
  return { world, sender, receiver, connection, transfer, counters: sender.tcp.counters }
}

const packetSize = (connection: Connection) => connection.segmentSize + HEADERS

describe('a black hole', () => {
  test.each([
    [1400, 5],
    [1280, 5],
    [1200, 5],
    [1100, 5],
    // The timer backs off while the size goes down: 1,024, 512, ...
    [600, 10],
    [300, 32],
    [150, 60],
  ])('of %i bytes is found out within %i s, and what passes is used', (mtu, seconds) => {
    const { connection, transfer, counters } = narrow(mtu)
    expect(transfer(2_000_000)).toBeLessThan(seconds * SECOND)
    expect(counters.TCPMTUPBlackHole).toBeGreaterThan(0)
    // The search ends when a step is not worth a probe.
    expect(packetSize(connection)).toBeLessThanOrEqual(mtu)
    expect(packetSize(connection)).toBeGreaterThan(mtu - 8)
    // From now on it goes at full speed.
    const before = { ...counters }
    expect(transfer(1_000_000)).toBeLessThan(1 * SECOND)
    expect(counters.TCPTimeouts).toBe(before.TCPTimeouts)
    expect(counters.RetransSegs).toBe(before.RetransSegs)
  })

  test('that is none but an outage costs small segments for a moment only', () => {
    const { world, sender, connection, transfer, counters } = narrow(undefined)
    transfer(100_000)
    sender.port.up = false
    connection.write(pattern(100_000, 100_000), null)
    world.clock.advance(20 * SECOND)
    expect(packetSize(connection)).toBeLessThan(400)
    sender.port.up = true
    world.clock.advance(30 * SECOND)
    expect(connection.sendBuffer.length).toBe(0)
    expect(counters.TCPMTUPFail).toBe(0)
    connection.write(pattern(1_000_000, 200_000), null)
    world.clock.advance(5 * SECOND)
    expect(connection.sendBuffer.length).toBe(0)
    // All of it: nothing has ever failed.
    expect(packetSize(connection)).toBe(1500)
  })

  test('stays one with mtuProbing off', () => {
    const { connection, transfer, counters } = narrow(1400, { mtuProbing: 'off' })
    expect(() => transfer(100_000, 60 * SECOND)).toThrow('not finished')
    expect(packetSize(connection)).toBe(1500)
    expect(counters.TCPMTUPBlackHole).toBe(0)
  })

  test('is not looked for when what is lost is small anyway', () => {
    const { world, sender, connection, counters } = narrow(undefined)
    sender.port.up = false
    connection.write(pattern(500), null)
    world.clock.advance(20 * SECOND)
    expect(counters.TCPTimeouts).toBeGreaterThan(4)
    expect(counters.TCPMTUPBlackHole).toBe(0)
    expect(packetSize(connection)).toBe(1500)
  })

  test('is as large as the settings say', () => {
    const { connection, transfer, counters } = narrow(600, { baseSegmentSize: 512, minimumSegmentSize: 400 })
    transfer(1_000_000)
    expect(counters.TCPMTUPBlackHole).toBe(1)
    expect(packetSize(connection)).toBeGreaterThan(592)
    const other = narrow(300, { baseSegmentSize: 512, minimumSegmentSize: 400 })
    expect(() => other.transfer(10_000, 50 * SECOND)).toThrow('not finished')
    expect(other.connection.segmentSize).toBe(400)
  })

  test('that begins in the middle of a connection', () => {
    const { sender, connection, transfer } = narrow(undefined)
    transfer(100_000)
    sender.port.impair({ latency: 10 * MILLISECOND, largestPacket: 1300 }, 'fromStack')
    transfer(1_000_000)
    expect(packetSize(connection)).toBeLessThanOrEqual(1300)
    expect(packetSize(connection)).toBeGreaterThan(1292)
  })
})

describe('the search', () => {
  test.each([1500, 1400])('from the beginning finds %i bytes without a stall', (mtu) => {
    const { connection, transfer, counters } = narrow(mtu, { mtuProbing: 'always' })
    transfer(10)
    expect(connection.segmentSize).toBe(1024)
    expect(transfer(3_000_000)).toBeLessThan(1 * SECOND)
    expect(packetSize(connection)).toBeLessThanOrEqual(mtu)
    expect(packetSize(connection)).toBeGreaterThan(mtu - 8)
    expect(counters.TCPTimeouts).toBe(0)
    expect(counters.TCPMTUPSuccess).toBeGreaterThan(1)
    if (mtu === 1500) expect(counters).toMatchObject({ TCPMTUPFail: 0, RetransSegs: 0 })
  })

  test('finds what jumbo frames allow', () => {
    const { connection, transfer } = narrow(undefined, { mtuProbing: 'always' }, { mtu: 9000 })
    for (let i = 0; i < 20; i++) transfer(1_000_000)
    expect(packetSize(connection)).toBe(9000)
  })

  test('lost probes are no congestion, and the window stays as it is', () => {
    const { world, connection, transfer, counters } = narrow(1288, {
      mtuProbing: 'always',
      congestionControl: 'newreno',
    })
    transfer(2_000_000)
    world.clock.advance(100 * MILLISECOND)
    expect(counters.TCPMTUPFail).toBeGreaterThan(2)
    expect(counters.TCPSackRecovery).toBe(0)
    expect(counters.TCPTimeouts).toBe(0)
    const { congestion, state } = connection.recovery!
    expect(state).toBe(RecoveryState.Open)
    expect(congestion.slowStartThreshold).toBeGreaterThan(1e6)
    expect(congestion.window).toBeGreaterThan(100_000)
  })

  test('works without SACK, too', () => {
    const settings: Partial<TcpSettings> = { mtuProbing: 'always', selectiveAcknowledgments: false }
    const { world, connection, transfer, counters } = narrow(1288, settings)
    transfer(3_000_000)
    world.clock.advance(100 * MILLISECOND)
    expect(packetSize(connection)).toBeGreaterThan(1280)
    expect(counters.TCPMTUPFail).toBeGreaterThan(2)
    expect([counters.TCPRenoRecovery, counters.TCPTimeouts]).toEqual([0, 0])
    expect(connection.recovery!.congestion.window).toBeGreaterThan(100_000)
  })

  test('begins anew after ten minutes, and finds that the path is wider', () => {
    const { world, sender, connection, transfer } = narrow(1300)
    transfer(1_000_000)
    expect(packetSize(connection)).toBeLessThanOrEqual(1300)
    sender.port.impair({ latency: 10 * MILLISECOND }, 'fromStack')
    world.clock.advance(5 * MINUTE)
    transfer(1_000_000)
    expect(packetSize(connection)).toBeLessThanOrEqual(1300)
    world.clock.advance(5 * MINUTE)
    transfer(1_000_000)
    expect(packetSize(connection)).toBe(1500)
  })

  test('goes no further than what ICMP says, or the peer takes', () => {
    const { world, sender, receiver, connection, transfer } = narrow(undefined, { mtuProbing: 'always' })
    connection.path.ip.lowerMtu(connection.path, 1200)
    transfer(3_000_000)
    expect(packetSize(connection)).toBe(1200)
    const other = sender.tcp.connect({ remote: receiver.ipv4.addresses[0].address, port: 80, maximumSegmentSize: 900 })
    world.clock.advance(100 * MILLISECOND)
    other.write(pattern(500_000), null)
    world.clock.advance(5 * SECOND)
    expect(other.segmentSize).toBe(888)
  })
})

describe('a probe', () => {
  /** Past the handshake, with a window of so many segments of 1,000 bytes, and a search that has begun. */
  function searching(options: ScriptOptions = {}) {
    const made = script({
      ...options,
      settings: { mtuProbing: 'always', baseSegmentSize: 1000, congestionControl: 'newreno', ...options.settings },
    })
    made.server.listen()
    made.peer.send({ flags: 'S', seq: 0, mss: 1460, sackPermitted: true })
    made.clock.advance(20 * MILLISECOND)
    made.peer.take()
    made.peer.send({ flags: 'A' })
    const { connection } = made.server
    connection.write(pattern(10_000), null)
    made.clock.advance(20 * MILLISECOND)
    made.peer.send({})
    made.peer.take()
    return { ...made, connection }
  }
  const lengths = (peer: ReturnType<typeof searching>['peer']) => peer.take().map(({ length }) => length)

  test('is one segment of new data, with enough behind it', () => {
    const { peer, connection } = searching()
    connection.write(pattern(5000), null)
    expect(lengths(peer)).toEqual([1000, 1000, 1000, 1000, 1000])
    connection.write(pattern(8000), null)
    // Between 1,040 and 1,500.
    expect(lengths(peer)).toEqual([1230, 1000, 1000, 1000, 1000, 1000, 1000, 770])
  })

  test('that arrives makes all segments as large', () => {
    const { peer, connection, clock } = searching()
    connection.write(pattern(8000), null)
    expect(lengths(peer)[0]).toBe(1230)
    clock.advance(20 * MILLISECOND)
    peer.send({ ack: 10_001 + 1230 })
    expect(connection.segmentSize).toBe(1230)
    connection.write(pattern(12_300), null)
    // The next one waits until nothing else is told of the last.
    expect(lengths(peer)[0]).toBe(1345)
  })

  test('that is lost comes again in small segments, and the window is what it was', () => {
    const { peer, connection, clock, tcp } = searching()
    connection.write(pattern(10_000), null)
    expect(lengths(peer)[0]).toBe(1230)
    const { congestion } = connection.recovery!
    const { window, slowStartThreshold } = congestion
    clock.advance(20 * MILLISECOND)
    for (let i = 1; i <= 4; i++) peer.send({ ack: 10_001, sack: [[11_231, 11_231 + i * 1000]] })
    expect(peer.take().map(({ seq, length }) => [seq, length])).toEqual([
      [10_001, 1000],
      [11_001, 230],
    ])
    expect([congestion.window, congestion.slowStartThreshold]).toEqual([window, slowStartThreshold])
    expect(tcp.counters).toMatchObject({ TCPMTUPFail: 1, TCPSackRecovery: 0 })
    clock.advance(20 * MILLISECOND)
    peer.send({ ack: 20_001 })
    expect(congestion.window).toBeGreaterThanOrEqual(window)
    expect(connection.recovery!.state).toBe(RecoveryState.Open)
    connection.write(pattern(15_000), null)
    expect(lengths(peer)[0]).toBe(1114)
  })

  test('that a router says is too big is sent again, and the search goes no further than that', () => {
    const { peer, connection, clock, tcp } = searching()
    connection.write(pattern(10_000), null)
    expect(lengths(peer)[0]).toBe(1230)
    peer.icmp({ type: 3, code: 4, rest: 1200 }, 10_001, 20, 1270)
    expect([connection.path.mtu, connection.segmentSize]).toEqual([1200, 1000])
    clock.advance(20 * MILLISECOND)
    for (let i = 1; i <= 4; i++) peer.send({ ack: 10_001, sack: [[11_231, 11_231 + i * 1000]] })
    peer.send({ ack: 20_001 })
    expect(tcp.counters).toMatchObject({ TCPMTUPFail: 1, TCPSackRecovery: 0 })
    peer.take()
    connection.write(pattern(15_000), null)
    expect(lengths(peer)[0]).toBe(1080)
  })

  test('that is lost with others is congestion like any other, and tells nothing', () => {
    const { peer, connection, clock, tcp } = searching()
    connection.write(pattern(10_000), null)
    expect(lengths(peer)[0]).toBe(1230)
    const { slowStartThreshold } = connection.recovery!.congestion
    clock.advance(20 * MILLISECOND)
    peer.send({ ack: 10_001, sack: [[12_231, 17_231]] })
    expect(tcp.counters).toMatchObject({ TCPMTUPFail: 0, TCPSackRecovery: 1 })
    expect(connection.recovery!.congestion.slowStartThreshold).toBeLessThan(slowStartThreshold)
    clock.advance(20 * MILLISECOND)
    peer.send({})
    clock.advance(20 * MILLISECOND)
    peer.send({})
    peer.take()
    expect(tcp.counters).toMatchObject({ TCPMTUPFail: 0, TCPMTUPSuccess: 0 })
  })

  test('goes with nothing that a full segment has no room for: no SACK blocks are lost', () => {
    const { peer, connection } = searching()
    peer.send({ seq: 1001, data: 100 })
    peer.take()
    connection.write(pattern(10_000), null)
    const sent = peer.take()
    expect(sent[0].length).toBe(1000)
    for (const { totalLength } of sent) expect(totalLength).toBeLessThanOrEqual(1500)
  })
})

describe('the setting maximumSegmentSize, and the option', () => {
  test('bound what is announced and what is used', () => {
    const { wire, server, peer } = script({ settings: { maximumSegmentSize: 1200 } })
    const other = wire.peer({ port: 80, stackPort: 0 })
    const { connection } = server.connect()
    expect(other.next()).toBeTcp({ flags: 'S', mss: 1200 })
    other.send({ flags: 'SA', mss: 1460 })
    other.take()
    connection.write(pattern(3000), null)
    expect(other.take().map(({ length }) => length)).toEqual([1200, 1200, 600])
    server.listen(80)
    peer.send({ flags: 'S', seq: 0, mss: 536 })
    expect(peer.next()).toBeTcp({ flags: 'SA', mss: 1200 })
    peer.send({})
    expect(server.connection.segmentSize).toBe(536)
  })

  test('of one connection, and of one listener', () => {
    const { wire, server, peer, host } = script({ settings: { maximumSegmentSize: 1200 } })
    const other = wire.peer({ port: 80, stackPort: 0 })
    server.connect({ maximumSegmentSize: 1300 })
    expect(other.next()).toBeTcp({ flags: 'S', mss: 1200 })
    const third = wire.peer({ port: 81, stackPort: 0 })
    server.connect({ port: 81, maximumSegmentSize: 700 })
    expect(third.next()).toBeTcp({ flags: 'S', mss: 700 })
    host.tcp.listen(null, 80, 1, server, { maximumSegmentSize: 600 })
    peer.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(peer.next()).toBeTcp({ flags: 'SA', mss: 600 })
    // The queue is full: a cookie says the same.
    const crowd = wire.peer({ port: 4001 })
    crowd.send({ flags: 'S', seq: 0, mss: 1460 })
    expect(crowd.next()).toBeTcp({ flags: 'SA', mss: 600 })
    crowd.send({})
    expect(server.connection.segmentSize).toBe(600)
  })

  test.each([1, 8, 47])('an MSS option of %d does not make us cut everything into crumbs (CVE-2019-11479)', (mss) => {
    const { server, peer } = script()
    server.listen(80)
    peer.send({ flags: 'S', seq: 0, mss })
    peer.take()
    peer.send({})
    server.connection.write(pattern(100), null)
    expect(peer.take().map(({ length }) => length)).toEqual([48, 48, 4])
  })

  test('with timestamps their room is taken off that, as in Linux', () => {
    const { server, peer } = script()
    server.listen(80)
    peer.timestampOffset = 1_000_000
    peer.send({ flags: 'S', seq: 0, mss: 1 })
    peer.take()
    peer.send({})
    expect(server.connection.segmentSize).toBe(36)
  })

  test.each([87, 65_496, 1000.5, Number.NaN])('are refused if they make no sense: %d', (maximumSegmentSize) => {
    const { server, host } = script()
    expect(() => server.connect({ maximumSegmentSize })).toThrow(RangeError)
    expect(() => host.tcp.listen(null, 80, 1, server, { maximumSegmentSize })).toThrow(RangeError)
    expect(host.tcp.connections).toBe(0)
  })
})
