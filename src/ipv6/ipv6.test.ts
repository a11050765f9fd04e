import { describe, expect, test } from 'vitest'
import { concat, ethernet, type Ipv6Fields, icmpv6, ipv6, udp } from '../../test/support/frames.ts'
import { OUR_ADDRESS6, OUR_MAC6, PEER_ADDRESS6, PEER_MAC6, TestHost6 } from '../../test/support/test-host6.ts'
import '../../test/support/packet-matchers.ts'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { MINUTE } from '../clock/index.ts'
import type { IpErrorKind } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, Segmentation } from '../packet/index.ts'
import type { Ipv6Counters } from './counters.ts'
import type { Ipv6Path } from './ipv6-path.ts'

const PROTOCOL = 200
const address = (text: string) => IpAddress.parse(text)
const text = (payload: string) => new TextEncoder().encode(payload)

class Recorder {
  readonly payloads: string[] = []
  readonly errors: IpErrorKind[] = []
  last: Partial<PacketBuffer> = {}
  receive(packet: PacketBuffer): void {
    expect(packet.transport).toBe(packet.start)
    this.payloads.push(Buffer.from(packet.memory.bytes.slice(packet.start, packet.end)).toString())
    const { hopLimit, trafficClass, multicast, source0, source3, destination0, destination3 } = packet
    this.last = { hopLimit, trafficClass, multicast, source0, source3, destination0, destination3 }
  }
  receiveError(kind: IpErrorKind): void {
    this.errors.push(kind)
  }
  endOfBurst(): void {}
}

function setUp(options = {}) {
  const host = new TestHost6(options)
  const recorder = new Recorder()
  host.ipv6.addProtocol(PROTOCOL, recorder)
  return { host, recorder }
}

const frame = (fields: Partial<Ipv6Fields> = {}, payload: Uint8Array | string = 'data', destination = OUR_MAC6) =>
  ethernet(
    { source: PEER_MAC6, destination },
    ipv6(
      { source: PEER_ADDRESS6, destination: OUR_ADDRESS6, nextHeader: PROTOCOL, ...fields },
      typeof payload === 'string' ? text(payload) : payload,
    ),
  )

function pathTo(host: TestHost6, to: string, from: string | null = null): Ipv6Path {
  const path = host.ipv6.path(address(to), from === null ? null : address(from))
  if (typeof path === 'string') throw new Error(path)
  return path
}

function makePacket(host: TestHost6, payload: string | number): PacketBuffer {
  const bytes = typeof payload === 'string' ? text(payload) : Uint8Array.from({ length: payload }, (_, i) => i)
  const packet = host.memory.allocate(bytes.length)!
  packet.end = packet.start + bytes.length
  host.memory.bytes.set(bytes, packet.start)
  return packet
}

function send(host: TestHost6, to: string, payload: string | number = 'data', hopLimit = 0, trafficClass = 0) {
  host.ipv6.send(makePacket(host, payload), pathTo(host, to), PROTOCOL, hopLimit, trafficClass)
  host.ipv6.flush()
  return host.netif.takeFrames()
}

describe('receiving', () => {
  test('hands the payload to its protocol, with what the header says, and cuts off padding', () => {
    const { host, recorder } = setUp()
    host.receive(concat([frame({ hopLimit: 7, trafficClass: 0xb9 }), new Uint8Array(9)]))
    expect(recorder.payloads).toEqual(['data'])
    expect(recorder.last).toMatchObject({ hopLimit: 7, trafficClass: 0xb9, multicast: false, source3: 1 })
    expect(recorder.last).toMatchObject({ destination3: 2, source0: 0xfd000000 | 0 })
    host.expectNoLeaks()
  })

  const drops: [string, Uint8Array, keyof Ipv6Counters][] = [
    ['a header that is cut off', frame().subarray(0, 53), 'truncated'],
    ['a payload that is cut off', frame({ payloadLength: 5 }), 'truncated'],
    ['another version', frame().map((byte, i) => (i === 14 ? 0x40 : byte)), 'badVersion'],
    ['a group as source', frame({ source: 'ff02::5' }), 'invalidSource'],
    ['an IPv4-mapped source', frame({ source: '::ffff:a00:1' }), 'invalidSource'],
    ['the unspecified source', frame({ source: '::' }), 'invalidSource'],
    ['our own source', frame({ source: OUR_ADDRESS6 }), 'invalidSource'],
    ['loopback as source', frame({ source: '::1' }), 'loopbackOnWire'],
    ['loopback as destination', frame({ destination: '::1' }), 'loopbackOnWire'],
    ['an address of somebody else', frame({ destination: 'fd00::3' }), 'notForUs'],
    ['a group that we are not in', frame({ destination: 'ff02::5' }, 'data', '33:33:00:00:00:05'), 'notForUs'],
    ['a group of reserved scope', frame({ destination: 'ff00::1' }, 'data', '33:33:00:00:00:01'), 'badScope'],
    ['a group of interface scope', frame({ destination: 'ff01::1' }, 'data', '33:33:00:00:00:01'), 'badScope'],
    ['our address in a link-layer group', frame({}, 'data', '33:33:00:00:00:01'), 'unicastInLinkMulticast'],
    ['no next header', frame({ nextHeader: 59 }), 'noNextHeader'],
    ['an ICMPv6 message of three bytes', frame({ nextHeader: 58 }, Uint8Array.of(1, 2, 3)), 'icmpTruncated'],
    ['an ICMPv6 message with a wrong checksum', frame({ nextHeader: 58 }, new Uint8Array(8)), 'icmpChecksum'],
  ]
  test.each(drops)('drops %s', (_, bytes, counter) => {
    const { host, recorder } = setUp()
    expect(host.receive(bytes)).toEqual([])
    expect(recorder.payloads).toEqual([])
    expect(host.ipv6.counters[counter]).toBe(1)
    host.expectNoLeaks()
  })

  test('hears groups while somebody wants them: all nodes, solicited-node, joined', () => {
    const { host, recorder } = setUp()
    const changes: string[] = []
    host.ipv6.onGroup((type, group) => changes.push(`${type} ${group}`))
    const toGroup = (group: string) => host.receive(frame({ destination: group }, group, '33:33:00:00:00:01'))
    const group = address('ff0e::77')
    host.ipv6.joinGroup(group)
    host.ipv6.joinGroup(group)
    host.ipv6.leaveGroup(group)
    for (const heard of ['ff02::1', 'ff02::1:ff00:2', 'ff0e::77']) toGroup(heard)
    host.ipv6.leaveGroup(group)
    toGroup('ff0e::77')
    host.ipv6.removeAddress(address(OUR_ADDRESS6))
    toGroup('ff02::1:ff00:2')
    expect(recorder.payloads).toEqual(['ff02::1', 'ff02::1:ff00:2', 'ff0e::77'])
    expect(recorder.last.multicast).toBe(true)
    expect(changes).toEqual(['joined ff0e::77', 'left ff0e::77', 'left ff02::1:ff00:2'])
  })

  test('a protocol that nobody speaks is answered by Parameter Problem that points at its number', () => {
    const { host } = setUp()
    const [answer] = host.receive(frame({ nextHeader: 201 }))
    expect(answer).toBeIcmp({ icmpType: 4, code: 1, destination: PEER_ADDRESS6, source: OUR_ADDRESS6, rest: 6 })
    expect(host.ipv6.counters.unknownProtocol).toBe(1)
  })

  test('messages that run the link go to their handlers, from the unspecified address, too', () => {
    const { host } = setUp()
    const seen: string[] = []
    host.ipv6.addControlHandler(135, {
      receiveControl(packet, type, routerAlert) {
        seen.push(`${type} ${packet.hopLimit} ${packet.source3} ${routerAlert}`)
      },
    })
    const solicitation = icmpv6({ type: 135 }, new Uint8Array(16))
    const fields = { source: '::', destination: 'ff02::1:ff00:2', hopLimit: 255 }
    host.receive(ethernet({ source: PEER_MAC6, destination: '33:33:ff:00:00:02' }, ipv6(fields, solicitation)))
    host.receive(host.fromPeer.ip(solicitation))
    expect(seen).toEqual(['135 255 0 false', '135 64 1 false'])
    // RFC 6980: not in fragments, even if there is but one.
    const whole = ipv6({ ...fields, source: PEER_ADDRESS6 }, solicitation).bytes.slice(40)
    const atomic = concat([Uint8Array.of(58, 0, 0, 0, 0, 0, 0, 1), whole])
    host.receive(frame({ destination: 'ff02::1:ff00:2', nextHeader: 44 }, atomic, '33:33:ff:00:00:02'))
    expect(host.ipv6.counters).toMatchObject({ controlDelivered: 2, fragmentedControl: 1 })
  })
})

describe('sending', () => {
  test('writes the header: hop limit, traffic class, and a flow label that stays for a flow', () => {
    const { host } = setUp()
    const [first] = send(host, PEER_ADDRESS6)
    expect(first).toBeIp({ source: OUR_ADDRESS6, destination: PEER_ADDRESS6, ttl: 64, trafficClass: 0 })
    expect(send(host, PEER_ADDRESS6, 'data', 3, 0x2e)[0]).toBeIp({ ttl: 3, trafficClass: 0x2e })
    const label = (bytes: Uint8Array) => ((bytes[15] & 15) << 16) | (bytes[16] << 8) | bytes[17]
    expect(label(first)).not.toBe(0)
    expect(label(send(host, PEER_ADDRESS6)[0])).toBe(label(first))
    const datagram = (ports: number) => {
      const packet = makePacket(host, 12)
      host.memory.view.setUint32(packet.start, ports)
      host.ipv6.send(packet, pathTo(host, PEER_ADDRESS6), 17, 0, 0)
      return label(host.netif.takeFrames()[0])
    }
    const labels = [1, 2, 3, 1].map(datagram)
    expect(new Set([...labels, label(first)]).size).toBe(4)
    expect(labels[3]).toBe(labels[0])
  })

  test('goes to the gateway where no route is nearer, to groups without asking anybody, and not to nowhere', () => {
    const { host } = setUp()
    expect(send(host, '2001:db8::9')[0]).toBeIp({ destination: '2001:db8::9' })
    const [toGroup] = send(host, 'ff02::77')
    expect(toGroup).toBeIp({ ttl: 1 })
    expect(Buffer.from(toGroup.subarray(0, 6)).toString('hex')).toBe('333300000077')
    host.ipv6.setGateway(null)
    expect(host.ipv6.path(address('2001:db8::9'))).toBe('ENETUNREACH')
    expect(host.ipv6.path(address('fd00::9'), address('fd00::8'))).toBe('EADDRNOTAVAIL')
    expect(host.ipv6.path(address('::'))).toBe('ENETUNREACH')
    expect(host.ipv6.path(address('10.0.0.1'))).toBe('ENETUNREACH')
    expect(() => host.ipv6.setGateway(address('2001:db8::1'))).toThrow(RangeError)
    host.ipv6.setGateway(address('fe80::1'))
    expect(pathTo(host, '2001:db8::9').nextHopAddress.toString()).toBe('fe80::1')
  })

  test('tells the protocol when the next hop does not answer', () => {
    const { host, recorder } = setUp()
    expect(send(host, 'fd00::99')).toEqual([])
    expect(recorder.errors).toEqual([1])
    expect(host.ipv6.counters.neighborUnreachable).toBe(1)
    host.expectNoLeaks()
  })

  test('to ourselves comes back, larger than any link carries', () => {
    const { host, recorder } = setUp()
    expect(send(host, OUR_ADDRESS6, 60_000)).toEqual([])
    host.advance(1)
    send(host, '::1', 'to me')
    host.advance(1)
    expect(recorder.payloads.map((payload) => payload.length > 50_000)).toEqual([true, false])
    expect(host.ipv6.counters).toMatchObject({ sentLocal: 2, packetsFragmented: 0 })
    host.expectNoLeaks()
  })

  test('what waits for ourselves is bounded', () => {
    const { host, recorder } = setUp({ ipv6: { localQueueLimit: 3 } })
    for (let i = 0; i < 5; i++) send(host, OUR_ADDRESS6)
    expect(host.ipv6.counters).toMatchObject({ sentLocal: 3, localQueueFull: 2 })
    host.advance(1)
    expect(recorder.payloads).toHaveLength(3)
    send(host, OUR_ADDRESS6)
    host.ipv6.close()
    host.expectNoLeaks()
  })

  test('the source has the scope of the destination, and is not deprecated', () => {
    const { host } = setUp()
    host.ipv6.addAddress(IpPrefix.parse('fe80::2/64'))
    host.ipv6.addAddress(IpPrefix.parse('2001:db8::2/64'), { deprecated: true })
    host.ipv6.addAddress(IpPrefix.parse('2001:db8:1::2/64'))
    const source = (to: string) => pathTo(host, to).source.toString()
    expect(source('fe80::1')).toBe('fe80::2')
    expect(source('ff02::1')).toBe('fe80::2')
    expect(source('fd00::1')).toBe('fd00::2')
    expect(source('2001:db8::1')).toBe('2001:db8:1::2')
    expect(pathTo(host, 'fe80::1', OUR_ADDRESS6).source.toString()).toBe(OUR_ADDRESS6)
  })

  test('control messages get header, checksum and, for MLD, router alert', () => {
    const { host } = setUp()
    const message = makePacket(host, 24)
    host.memory.bytes.fill(0, message.start, message.end)
    host.memory.bytes[message.start] = 135
    host.ipv6.sendControl(message.retain(), IpAddress.ANY_V6, address('ff02::1:ff00:9'), 255, null)
    host.ipv6.flush()
    const [solicitation] = host.netif.takeFrames()
    expect(solicitation).toBeIcmp({ icmpType: 135, source: '::', destination: 'ff02::1:ff00:9' })
    expect(solicitation[21]).toBe(255)
    message.release()
    const report = makePacket(host, 24)
    host.memory.bytes.fill(0, report.start, report.end)
    host.ipv6.sendControl(report, address(OUR_ADDRESS6), address('ff02::16'), 1, null, true)
    const [alert] = host.netif.takeFrames()
    expect([...alert.subarray(54, 62)]).toEqual([58, 0, 5, 2, 0, 0, 1, 0])
    expect(alert[20]).toBe(0)
    host.expectNoLeaks()
  })
})

describe('paths', () => {
  test('an MTU that was learnt holds for ten minutes, and is never below 1,280', () => {
    const { host } = setUp()
    const path = pathTo(host, PEER_ADDRESS6)
    host.ipv6.lowerMtu(path, 1279)
    expect(path.mtu).toBe(1500)
    host.ipv6.lowerMtu(path, 1400)
    host.ipv6.lowerMtu(path, 1450)
    expect(pathTo(host, PEER_ADDRESS6).mtu).toBe(1400)
    // Whatever becomes of addresses, routes and the path cache.
    host.ipv6.addAddress(IpPrefix.parse('fd00::4/64'))
    expect(path.isStale).toBe(true)
    expect(pathTo(host, PEER_ADDRESS6).mtu).toBe(1400)
    host.ipv6.setMtu(1300)
    expect(pathTo(host, PEER_ADDRESS6).mtu).toBe(1300)
    host.ipv6.setMtu(1500)
    host.advance(10 * MINUTE)
    expect(path.mtu).toBe(1500)
    expect(pathTo(host, PEER_ADDRESS6).mtu).toBe(1500)
  })

  test('the cache is bounded, and what is known of addresses and routes makes it stale', () => {
    const { host } = setUp({ ipv6: { pathCacheSize: 16 } })
    const kept = pathTo(host, 'fd00::1')
    for (let i = 0; i < 100; i++) pathTo(host, `2001:db8::${(i + 1).toString(16)}`)
    expect([host.ipv6.pathCount, host.ipv6.pathsEvicted]).toEqual([16, 85])
    expect(kept.isStale).toBe(false)
    host.ipv6.addAddress(IpPrefix.parse('fd00::3/64'))
    expect(kept.isStale).toBe(true)
  })

  test('strangers are answered without being remembered', () => {
    const { host } = setUp()
    for (let i = 1; i < 50; i++) {
      const source = `2001:db8::${i.toString(16)}`
      const packet = ipv6({ source, destination: OUR_ADDRESS6 }, udp({ sourcePort: 1, destinationPort: 9 }))
      host.receive(ethernet({ source: PEER_MAC6, destination: OUR_MAC6 }, packet))
    }
    expect(host.icmp.counters.errorsSent).toBeGreaterThan(20)
    expect(host.ipv6.pathCount).toBe(0)
  })
})

describe('fragments that we send', () => {
  test('hold the packet, the largest but the last, with one identification and one flow label', () => {
    const { host } = setUp()
    const frames = send(host, PEER_ADDRESS6, 4000)
    expect(frames.map((bytes) => bytes.length - 14)).toEqual([1496, 1496, 1152])
    const bodies = frames.map((bytes) => bytes.subarray(62))
    expect(concat(bodies)).toEqual(Uint8Array.from({ length: 4000 }, (_, i) => i))
    const headers = frames.map((bytes) => Buffer.from(bytes.subarray(54, 62)).toString('hex'))
    const id = headers[0].slice(8)
    expect(headers).toEqual([`c8000001${id}`, `c80005a9${id}`, `c8000b50${id}`])
    expect(new Set(frames.map((bytes) => Buffer.from(bytes.subarray(14, 18)).toString('hex'))).size).toBe(1)
    const [again] = send(host, PEER_ADDRESS6, 4000)
    expect(Buffer.from(again.subarray(58, 62)).toString('hex')).not.toBe(id)
    host.expectNoLeaks()
  })

  test('have the checksum that the device would have completed; what the device segments is not cut', () => {
    const { host } = setUp()
    const packet = makePacket(host, 3000)
    host.memory.bytes.fill(0, packet.start, packet.end)
    packet.checksum = ChecksumState.Partial
    packet.checksumStart = packet.start
    packet.checksumField = packet.start + 6
    host.ipv6.send(packet, pathTo(host, PEER_ADDRESS6), PROTOCOL, 0, 0)
    const [first] = host.netif.takeFrames()
    expect([first[62 + 6], first[62 + 7]]).toEqual([0xff, 0xff])
    const large = makePacket(host, 3000)
    large.segmentation = Segmentation.TcpV6
    host.ipv6.send(large, pathTo(host, PEER_ADDRESS6), PROTOCOL, 0, 0)
    expect(host.ipv6.counters).toMatchObject({ packetsFragmented: 1, fragmentsSent: 3, sent: 4 })
    for (const left of host.netif.sent.splice(0)) left.release()
  })

  test('are counted where memory runs out, and nothing leaks', () => {
    const { host } = setUp()
    const packet = makePacket(host, 60_000)
    const taken: PacketBuffer[] = []
    for (let left = host.memory.freeSmall; left > 10; left--) taken.push(host.memory.takeSmall()!)
    host.ipv6.send(packet, pathTo(host, PEER_ADDRESS6), PROTOCOL, 0, 0)
    // A receiver who got some would wait in vain.
    expect(host.ipv6.counters).toMatchObject({ packetsFragmented: 0, fragmentsSent: 0, noMemory: 1 })
    for (const one of taken) one.release()
    host.netif.takeFrames()
    host.expectNoLeaks()
  })
})
