import { describe, expect, test } from 'vitest'
import { dissect } from '../../test/support/dissect.ts'
import { concat, ethernet, icmpv6, ipv6, tcp, udp } from '../../test/support/frames.ts'
import { OUR_ADDRESS6, OUR_MAC6, PEER_ADDRESS6, PEER_MAC6, TestHost6 } from '../../test/support/test-host6.ts'
import '../../test/support/packet-matchers.ts'
import { IpAddress } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'
import { IpErrorKind } from '../ip/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { UdpBinding } from '../udp/index.ts'
import type { IcmpCounters } from './counters.ts'
import type { EchoHandler, EchoRequest } from './echo-requests.ts'

const PEER = IpAddress.parse(PEER_ADDRESS6)
const ROUTER = 'fd00::1'

class Pinger implements EchoHandler {
  readonly events: unknown[] = []
  echoReply(request: EchoRequest, packet: PacketBuffer): void {
    this.events.push([request.roundTrip, request.hopLimit, packet.payloadEnd - packet.payload])
  }
  echoFailed(_request: EchoRequest, kind: IpErrorKind | null): void {
    this.events.push(kind)
  }
}

function ping(host: TestHost6, settings = {}) {
  const pinger = new Pinger()
  const request = host.icmp.ping(PEER, pinger, settings)
  return { pinger, request, frames: host.netif.takeFrames() }
}

describe('echo', () => {
  test('requests are answered with their data, code, traffic class and checksum', () => {
    const host = new TestHost6()
    const [answer] = host.receive(
      host.fromPeer.icmp({ type: 128, identifier: 5, sequence: 6 }, 'data', { trafficClass: 3 }),
    )
    expect(answer).toBeIcmp({ icmpType: 129, identifier: 5, sequence: 6, payload: 'data', trafficClass: 3, ttl: 64 })
    expect(answer).toBeIcmp({ source: OUR_ADDRESS6, destination: PEER_ADDRESS6 })
    host.expectNoLeaks()
  })

  test('requests to all nodes are answered from our own address', () => {
    const host = new TestHost6()
    const request = ipv6({ source: PEER_ADDRESS6, destination: 'ff02::1' }, icmpv6({ identifier: 1 }, 'all'))
    const [answer] = host.receive(ethernet({ source: PEER_MAC6, destination: '33:33:00:00:00:01' }, request))
    expect(answer).toBeIcmp({ icmpType: 129, payload: 'all', source: OUR_ADDRESS6, destination: PEER_ADDRESS6 })
  })

  test('ours say how long the answer took, once, and only that of the right host with the right data', () => {
    const host = new TestHost6()
    const { pinger, frames } = ping(host, { size: 10 })
    expect(frames[0]).toBeIcmp({ icmpType: 128, source: OUR_ADDRESS6, destination: PEER_ADDRESS6, length: 10 })
    const { identifier, sequence, payload } = dissect(frames[0]).icmp!
    const reply = { type: 129, identifier, sequence }
    host.clock.advance(2000)
    host.receive(host.fromPeer.icmp(reply, payload, { source: 'fd00:1::1' } as never))
    host.receive(
      host.fromPeer.icmp(
        reply,
        payload.map((byte) => byte ^ 1),
      ),
    )
    host.receive(host.fromPeer.icmp(reply, payload), host.fromPeer.icmp(reply, payload))
    expect(pinger.events).toEqual([[2000, 64, 10]])
    expect(host.icmp.counters).toMatchObject({ echoRepliesUnexpected: 2, echoRepliesAltered: 1 })
    const late = ping(host)
    host.advance(6 * SECOND)
    expect(late.pinger.events).toEqual([null])
  })

  test('says what it cannot do', () => {
    const host = new TestHost6({ icmp: { pingLimit: 1 } })
    expect(host.icmp.ping(IpAddress.parse('ff02::1'), new Pinger())).toBe('EACCES')
    ping(host)
    expect(ping(host).request).toBe('ENOBUFS')
    expect(() => host.icmp.ping(PEER, new Pinger(), { size: 65_528 })).toThrow(RangeError)
    host.icmp.close()
    expect(host.icmp.pingCount).toBe(0)
    host.expectNoLeaks()
  })
})

/** An error from the router about a frame of ours. */
const errorAbout = (host: TestHost6, type: number, code: number, sent: Uint8Array, rest = 0, length = 1232) =>
  host.receive(host.fromPeer.icmp({ type, code, rest }, sent.subarray(14, 14 + length)))

describe('errors that we receive', () => {
  const kinds: [string, number, number, IpErrorKind][] = [
    ['no route', 1, 0, IpErrorKind.NetworkUnreachable],
    ['prohibited', 1, 1, IpErrorKind.Prohibited],
    ['beyond scope', 1, 2, IpErrorKind.NetworkUnreachable],
    ['address unreachable', 1, 3, IpErrorKind.HostUnreachable],
    ['port unreachable', 1, 4, IpErrorKind.PortUnreachable],
    ['source address policy', 1, 5, IpErrorKind.Prohibited],
    ['hop limit', 3, 0, IpErrorKind.TimeExceeded],
    ['next header', 4, 1, IpErrorKind.ProtocolUnreachable],
    ['erroneous header', 4, 0, IpErrorKind.ParameterProblem],
  ]
  test.each(kinds)('%s reaches the ping and the socket that it is about', (_, type, code, kind) => {
    const host = new TestHost6()
    const { pinger, frames } = ping(host)
    errorAbout(host, type, code, frames[0])
    expect(pinger.events).toEqual([kind])
    const errors: IpErrorKind[] = []
    const receiver = { datagram: () => {}, error: (heard: IpErrorKind) => void errors.push(heard) }
    const binding = host.udp.bind(receiver, { remote: { address: PEER, port: 9 } }) as UdpBinding
    binding.send(Buffer.from('x'))
    host.udp.flush()
    errorAbout(host, type, code, host.netif.takeFrames()[0])
    expect(errors).toEqual([kind])
    host.expectNoLeaks()
  })

  test('Packet Too Big lowers the MTU of the path, and fragments become smaller', () => {
    const host = new TestHost6()
    const { frames } = ping(host, { size: 1452 })
    expect(frames).toHaveLength(1)
    errorAbout(host, 2, 0, frames[0], 1300)
    expect(ping(host, { size: 1452 }).frames.map((frame) => frame.length - 14)).toEqual([1296, 260])
    // Below 1,280, and above what did not fit: neither can be true (RFC 8201, RFC 8021).
    errorAbout(host, 2, 0, ping(host, { size: 1200 }).frames[0], 1279)
    errorAbout(host, 2, 0, ping(host, { size: 1200 }).frames[0], 1290)
    expect(host.icmp.counters.errorsImplausibleMtu).toBe(2)
    expect((host.ipv6.path(PEER) as { mtu: number }).mtu).toBe(1300)
  })

  test('Packet Too Big about a path on which nothing was sent is ignored', () => {
    const host = new TestHost6()
    const forged = ipv6({ source: OUR_ADDRESS6, destination: 'fd00::1' }, icmpv6({ type: 129 }, new Uint8Array(1452)))
    errorAbout(host, 2, 0, concat([new Uint8Array(14), forged.bytes]), 1280)
    expect((host.ipv6.path(PEER) as { mtu: number }).mtu).toBe(1500)
  })

  test.each<[string, keyof IcmpCounters, (host: TestHost6, sent: Uint8Array) => Uint8Array[]]>([
    ['too short a quote', 'errorsTruncated', (host, sent) => errorAbout(host, 1, 3, sent, 0, 39)],
    ['a quote without the message', 'errorsTruncated', (host, sent) => errorAbout(host, 1, 3, sent, 0, 47)],
    ['another version', 'errorsTruncated', (host, sent) => errorAbout(host, 1, 3, sent.fill(0x45, 14, 15))],
    ['a packet that is not ours', 'errorsNotOurs', (host, sent) => errorAbout(host, 1, 3, sent.fill(9, 30, 38))],
    ['a code that nobody defined', 'errorsUnknownCode', (host, sent) => errorAbout(host, 1, 99, sent)],
    ['a type that nobody defined', 'errorsUnknownCode', (host, sent) => errorAbout(host, 99, 0, sent)],
    [
      'a protocol that we do not speak',
      'errorsUnknownProtocol',
      (host, sent) => errorAbout(host, 1, 3, sent.fill(99, 20, 21)),
    ],
  ])('%s is counted and dropped', (_, counter, receive) => {
    const host = new TestHost6()
    const { pinger, frames } = ping(host)
    expect(receive(host, frames[0])).toEqual([])
    expect(pinger.events).toEqual([])
    expect(host.icmp.counters[counter]).toBe(1)
    host.expectNoLeaks()
  })
})

describe('errors that we send', () => {
  const datagram = (host: TestHost6, payload = 'data') =>
    host.fromPeer.udp({ sourcePort: 1000, destinationPort: 9 }, payload)

  test('quote as much as fits 1,280 bytes', () => {
    const host = new TestHost6()
    const [short] = host.receive(datagram(host))
    expect(short).toBeIcmp({ icmpType: 1, code: 4, source: OUR_ADDRESS6, destination: ROUTER })
    expect(dissect(short).icmp!.payload).toEqual(datagram(host).slice(14))
    const [long] = host.receive(datagram(host, 'x'.repeat(1400)))
    expect(long.length - 14).toBe(1280)
    host.expectNoLeaks()
  })

  const to = (destination: string, mac: string, source: string, payload: Parameters<typeof ipv6>[1]) =>
    ethernet({ source: PEER_MAC6, destination: mac }, ipv6({ source, destination }, payload))
  const query = udp({ sourcePort: 1, destinationPort: 9 }, 'x')
  test.each<[string, Uint8Array]>([
    ['a packet to a group', to('ff02::1', '33:33:00:00:00:01', PEER_ADDRESS6, query)],
    ['a packet in a link-layer group', to(OUR_ADDRESS6, '33:33:00:00:00:01', PEER_ADDRESS6, query)],
    ['the unspecified address', to(OUR_ADDRESS6, OUR_MAC6, '::', query)],
    ['a group as source', to(OUR_ADDRESS6, OUR_MAC6, 'ff02::1', query)],
    ['an ICMPv6 error', to(OUR_ADDRESS6, OUR_MAC6, PEER_ADDRESS6, icmpv6({ type: 1, code: 4 }, new Uint8Array(48)))],
    [
      'no next header',
      ethernet(
        { source: PEER_MAC6, destination: OUR_MAC6 },
        ipv6({ source: PEER_ADDRESS6, destination: OUR_ADDRESS6, nextHeader: 59 }, new Uint8Array(8)),
      ),
    ],
  ])('none about %s', (_, frame) => {
    const host = new TestHost6()
    expect(host.receive(frame)).toEqual([])
    host.expectNoLeaks()
  })

  test('none about an error in which an option is wrong', () => {
    const host = new TestHost6()
    const error = icmpv6({ type: 1 }, new Uint8Array(48)).build(new Uint8Array(32))
    const options = Uint8Array.of(58, 0, 0x9e, 0, 1, 2, 0, 0)
    const packet = ipv6({ source: PEER_ADDRESS6, destination: OUR_ADDRESS6, nextHeader: 60 }, concat([options, error]))
    expect(host.receive(ethernet({ source: PEER_MAC6, destination: OUR_MAC6 }, packet))).toEqual([])
    expect(host.icmp.counters.errorsSuppressed).toBe(1)
  })

  test('run out: 50 at once, then about 1,000 a second', () => {
    const host = new TestHost6()
    for (let i = 0; i < 500; i++) host.receive(datagram(host))
    const { counters } = host.icmp
    expect(counters.errorsSent).toBeGreaterThanOrEqual(30)
    expect(counters.errorsSent).toBeLessThanOrEqual(100)
    expect(counters.errorsSent + counters.errorsRateLimited).toBe(500)
    const before = counters.errorsSent
    for (let i = 0; i < 5000; i++) {
      host.advance(200)
      host.receive(datagram(host))
    }
    expect(counters.errorsSent - before).toBeGreaterThan(800)
    expect(counters.errorsSent - before).toBeLessThan(1200)
  })

  test('a protocol without a handler is a parameter problem', () => {
    const host = new TestHost6()
    const segment = tcp({ sourcePort: 1, destinationPort: 2, flags: 'S' })
    const [answer] = host.receive(host.fromPeer.ip(segment))
    expect(answer).toBeIcmp({ icmpType: 4, code: 1, rest: 6 })
  })
})
