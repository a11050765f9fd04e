import { describe, expect, test } from 'vitest'
import { dissect } from '../../test/support/dissect.ts'
import { BROADCAST_MAC, concat, ethernet, type IcmpFields, icmp, ipv4 } from '../../test/support/frames.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost } from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { ping } from '../../test/support/pinger.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { IpErrorKind } from '../ip/index.ts'
import type { IcmpCounters } from './counters.ts'

const address = (text: string) => IpAddress.parse(text)
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i)

const PROTOCOL = 200
/** An error about `quoted`, an IP packet. */
const errorAbout = (quoted: Uint8Array, fields: IcmpFields = {}, from = '10.0.0.77', destination = OUR_ADDRESS) =>
  ethernet(
    { source: PEER_MAC, destination: OUR_MAC },
    ipv4({ source: from, destination }, icmp({ type: 3, code: 3, ...fields }, quoted)),
  )

describe('errors received', () => {
  function setUp() {
    const host = new TestHost()
    const seen: unknown[] = []
    host.ipv4.addProtocol(PROTOCOL, {
      receive() {},
      endOfBurst() {},
      receiveError(kind, quoted, mtu, reporter) {
        seen.push({
          kind,
          mtu,
          reporter: reporter.toString(),
          source: IpAddress.fromWords(quoted.source0, quoted.source1, quoted.source2, quoted.source3).toString(),
          destination: IpAddress.fromWords(
            quoted.destination0,
            quoted.destination1,
            quoted.destination2,
            quoted.destination3,
          ).toString(),
          quote: Buffer.from(host.memory.bytes.slice(quoted.start, quoted.end)).toString(),
        })
      },
    })
    return { host, seen }
  }
  const ours = (fields = {}, payload = '12345678') =>
    ipv4(
      { source: OUR_ADDRESS, destination: '192.0.2.1', protocol: PROTOCOL, ...fields },
      new TextEncoder().encode(payload),
    ).bytes

  test('reach the protocol that sent the packet, with its addresses and the quote', () => {
    const { host, seen } = setUp()
    host.receive(errorAbout(ours()))
    expect(seen).toEqual([
      {
        kind: IpErrorKind.PortUnreachable,
        mtu: 0,
        reporter: '10.0.0.77',
        source: OUR_ADDRESS,
        destination: '192.0.2.1',
        quote: '12345678',
      },
    ])
    host.expectNoLeaks()
  })

  test.each<[number, number, IpErrorKind]>([
    [3, 0, IpErrorKind.NetworkUnreachable],
    [3, 1, IpErrorKind.HostUnreachable],
    [3, 2, IpErrorKind.ProtocolUnreachable],
    [3, 3, IpErrorKind.PortUnreachable],
    [3, 6, IpErrorKind.NetworkUnreachable],
    [3, 7, IpErrorKind.HostUnreachable],
    [3, 9, IpErrorKind.Prohibited],
    [3, 10, IpErrorKind.Prohibited],
    [3, 13, IpErrorKind.Prohibited],
    [11, 0, IpErrorKind.TimeExceeded],
    [11, 1, IpErrorKind.TimeExceeded],
    [12, 0, IpErrorKind.ParameterProblem],
  ])('type %i code %i', (type, code, kind) => {
    const { host, seen } = setUp()
    host.receive(errorAbout(ours(), { type, code }))
    expect(seen).toMatchObject([{ kind }])
  })

  test('the quote ends where the quoted packet does, or where the error does', () => {
    const { host, seen } = setUp()
    host.receive(
      errorAbout(concat([ours(), new Uint8Array(40)])),
      errorAbout(ours({ options: bytes(8).fill(1) }, '12345678 and more').subarray(0, 20 + 8 + 8)),
    )
    expect(seen).toMatchObject([{ quote: '12345678' }, { quote: '12345678' }])
  })

  test('fragmentation needed carries an MTU that the quoted packet would not have passed', () => {
    const { host, seen } = setUp()
    const big = ours({ totalLength: 1500 })
    const tooBig = (mtu: number) => errorAbout(big, { code: 4, rest: mtu })
    host.receive(tooBig(1400), tooBig(68))
    expect(seen).toMatchObject([{ kind: IpErrorKind.PacketTooBig, mtu: 1400 }, { mtu: 68 }])
    host.receive(tooBig(1500), tooBig(65535), tooBig(67))
    expect(seen).toHaveLength(2)
    expect(host.icmp.counters.errorsImplausibleMtu).toBe(3)
    // RFC 1191, section 5 and 7.1: the plateau below the quoted length.
    host.receive(tooBig(0), errorAbout(ours({ totalLength: 68 }), { code: 4 }))
    expect(seen.slice(2)).toMatchObject([{ mtu: 1492 }])
  })

  test.each<[string, keyof IcmpCounters, Uint8Array]>([
    ["about somebody else's packet", 'errorsNotOurs', errorAbout(ours({ source: '10.0.0.3' }))],
    ['about a packet from loopback', 'errorsNotOurs', errorAbout(ours({ source: '127.0.0.1' }))],
    ['to everybody', 'errorsNotOurs', errorAbout(ours(), {}, '10.0.0.77', '255.255.255.255')],
    ['about a later fragment', 'errorsNotOurs', errorAbout(ours({ fragmentOffset: 8 }))],
    ['quoting version 6', 'errorsTruncated', errorAbout(ours({ version: 6 }))],
    ['quoting a short header', 'errorsTruncated', errorAbout(ours({ headerWords: 4 }))],
    ['quoting a header that does not fit', 'errorsTruncated', errorAbout(ours({ headerWords: 15 }))],
    ['quoting a packet of 27 bytes', 'errorsTruncated', errorAbout(ours({ totalLength: 27 }))],
    ['about a protocol that we do not speak', 'errorsUnknownProtocol', errorAbout(ours({ protocol: 99 }))],
    ['with a wrong checksum', 'checksum', errorAbout(ours(), { checksum: 'wrong' })],
  ])('%s go nowhere', (_, counter, frame) => {
    const { host, seen } = setUp()
    expect(host.receive(frame)).toEqual([])
    expect(seen).toEqual([])
    expect(host.icmp.counters[counter]).toBe(1)
  })

  test('about an echo request of ours end it', () => {
    const host = new TestHost()
    const { pinger, frame } = ping(host, '192.0.2.1')
    const other = ping(host, '192.0.2.2')
    host.receive(errorAbout(frame.subarray(14), { code: 1 }))
    expect(pinger.events).toEqual([`192.0.2.1 failed ${IpErrorKind.HostUnreachable}`])
    expect(other.pinger.events).toEqual([])
    expect(host.icmp.pingCount).toBe(1)
  })
})

describe('errors sent', () => {
  const unknown = (host: TestHost, payload: Uint8Array | string = 'what is this?', ip = {}) =>
    host.fromPeer.ip(typeof payload === 'string' ? new TextEncoder().encode(payload) : payload, {
      protocol: PROTOCOL,
      ...ip,
    })

  test('quote the packet and come from the address that it went to', () => {
    const host = new TestHost()
    const offending = unknown(host, 'what is this?', { trafficClass: 0x08 })
    const [error] = host.receive(offending)
    expect(error).toBeIcmp({
      source: OUR_ADDRESS,
      destination: PEER_ADDRESS,
      destinationMac: PEER_MAC,
      trafficClass: 0xc8,
      icmpType: 3,
      code: 2,
      rest: 0,
      payload: offending.subarray(14),
    })
    host.expectNoLeaks()
  })

  test('are no longer than 576 bytes (RFC 1812, 4.3.2.3)', () => {
    const host = new TestHost()
    const offending = unknown(host, bytes(1400))
    const [error] = host.receive(offending)
    expect(error).toBeIcmp({ totalLength: 576, payload: offending.subarray(14, 14 + 548) })
  })

  test('quote no padding and nothing beyond the packet', () => {
    const host = new TestHost()
    const padded = new Uint8Array(60).fill(0xee)
    const offending = unknown(host, 'x')
    padded.set(offending)
    expect(host.receive(padded)[0]).toBeIcmp({ payload: offending.subarray(14) })
  })

  test('with the options of the offending packet', () => {
    const host = new TestHost()
    const offending = unknown(host, 'x', { options: Uint8Array.of(1, 1, 1, 0) })
    expect(host.receive(offending)[0]).toBeIcmp({ payload: offending.subarray(14), ipOptions: new Uint8Array(0) })
  })

  test('are never sent about these (RFC 1122, 3.2.2)', () => {
    const host = new TestHost()
    const to = (destination: string, mac: string, ip = {}) =>
      ethernet(
        { source: PEER_MAC, destination: mac },
        ipv4({ source: PEER_ADDRESS, destination, protocol: PROTOCOL, ...ip }, bytes(20)),
      )
    const silent = [
      to('10.0.0.255', BROADCAST_MAC),
      to('255.255.255.255', OUR_MAC),
      to('224.0.0.1', '01:00:5e:00:00:01'),
      to('255.255.255.255', BROADCAST_MAC, { source: '0.0.0.0' }),
    ]
    expect(host.receive(...silent)).toEqual([])
    expect(host.icmp.counters.errorsSuppressed).toBe(4)
    // Class E is no single host either.
    host.receive(to(OUR_ADDRESS, OUR_MAC, { source: '240.0.0.1' }))
    expect(host.icmp.counters.errorsSuppressed).toBe(5)
  })

  test('about ICMP: only about queries', () => {
    const host = new TestHost()
    // As a layer above would that has nobody for an ICMP message.
    host.ipv4.addProtocol(1, {
      receive: (packet) => host.ipv4.sendError(IpErrorKind.ProtocolUnreachable, packet),
      receiveError() {},
      endOfBurst() {},
    })
    for (const type of [3, 4, 5, 11, 12, 1, 99, 255])
      expect(host.receive(host.fromPeer.icmp({ type }, bytes(28)))).toEqual([])
    expect(host.receive(host.fromPeer.ip(new Uint8Array(0), { protocol: 1 }))).toEqual([])
    for (const type of [0, 8, 13]) expect(host.receive(host.fromPeer.icmp({ type }, ''))).toHaveLength(1)
  })

  test('run out: 50 at once, then about 1,000 a second', () => {
    const host = new TestHost()
    const flood = (count: number) => {
      let errors = 0
      for (let i = 0; i < count; i++) errors += host.receive(unknown(host)).length
      return errors
    }
    // Each costs 0, 1 or 2 of the 50 tokens.
    const burst = flood(500)
    expect(burst).toBeGreaterThan(35)
    expect(burst).toBeLessThan(65)
    let sent = 0
    for (let i = 0; i < 1000; i++) {
      host.clock.advance(MILLISECOND)
      sent += flood(3)
    }
    expect(sent).toBeGreaterThan(850)
    expect(sent).toBeLessThan(1150)
    expect(host.icmp.counters.errorsRateLimited).toBe(500 + 3000 - burst - sent)
  })

  test('can be switched off by the rate', () => {
    const host = new TestHost({ icmp: { errorsPerSecond: 0, errorBurst: 0 } })
    expect(host.receive(unknown(host))).toEqual([])
    host.advance(100 * SECOND)
    expect(host.receive(unknown(host))).toEqual([])
  })

  test('do not answer each other', () => {
    const host = new TestHost()
    const [error] = host.receive(host.fromPeer.udp({ sourcePort: 1, destinationPort: 2 }, 'x'))
    const { icmpType, code, payload } = dissect(error).icmp!
    expect([icmpType, code]).toEqual([3, 3])
    // The same error, from a peer to whom its port unreachable is as unknown as the datagram was to us.
    expect(host.receive(host.fromPeer.icmp({ type: icmpType, code }, payload))).toEqual([])
  })
})

describe('redirects', () => {
  const DESTINATION = '192.0.2.1'
  const word = (text: string) => address(text).word3 >>> 0
  function redirect(target: string, { from = PEER_ADDRESS, about = DESTINATION, source = OUR_ADDRESS, code = 1 } = {}) {
    const quoted = ipv4({ source, destination: about, protocol: PROTOCOL }, bytes(8)).bytes
    return ethernet(
      { source: PEER_MAC, destination: OUR_MAC },
      ipv4({ source: from, destination: OUR_ADDRESS }, icmp({ type: 5, code, rest: word(target) }, quoted)),
    )
  }
  const nextHop = (host: TestHost, to = DESTINATION) => {
    const path = host.ipv4.path(address(to))
    return typeof path === 'string' ? path : IpAddress.v4(path.nextHop).toString()
  }

  test('are not followed unless that is asked for', () => {
    const host = new TestHost()
    expect(host.receive(redirect('10.0.0.7'))).toEqual([])
    expect(nextHop(host)).toBe(PEER_ADDRESS)
    expect(host.icmp.counters).toMatchObject({ redirects: 1, redirectsFollowed: 0 })
  })

  test('are followed for one destination, until routes change or the other one does not answer', () => {
    const host = new TestHost({ icmp: { acceptRedirects: true } })
    const before = host.ipv4.path(address(DESTINATION))
    host.receive(redirect('10.0.0.7', { code: 0 }))
    expect(typeof before === 'string' || before.isStale).toBe(true)
    expect([nextHop(host), nextHop(host, '192.0.2.2')]).toEqual(['10.0.0.7', PEER_ADDRESS])
    // Nobody is there.
    ping(host, DESTINATION)
    host.advance(5 * SECOND)
    expect(nextHop(host)).toBe(PEER_ADDRESS)
    host.receive(redirect('10.0.0.7'))
    expect(nextHop(host)).toBe('10.0.0.7')
    host.ipv4.setGateway(address('10.0.0.8'))
    expect(nextHop(host)).toBe('10.0.0.8')
    expect(host.icmp.counters.redirectsFollowed).toBe(2)
    host.icmp.close()
    host.netif.takeFrames()
  })

  test.each([
    ['from one who is not the first hop', redirect('10.0.0.7', { from: '10.0.0.66' })],
    ['to a host that is not on our link', redirect('10.9.0.7')],
    ['to ourselves', redirect(OUR_ADDRESS)],
    ['to a broadcast address', redirect('10.0.0.255')],
    ['to a group', redirect('224.0.0.1')],
    ['to the same router', redirect(PEER_ADDRESS)],
    ['about a host on our link', redirect('10.0.0.7', { about: '10.0.0.5' })],
    ["about somebody else's packet", redirect('10.0.0.7', { source: '10.0.0.5' })],
    ['with a code that there is not', redirect('10.0.0.7', { code: 4 })],
  ])('are not believed %s', (_, frame) => {
    const host = new TestHost({ icmp: { acceptRedirects: true } })
    expect(host.receive(frame)).toEqual([])
    expect(host.icmp.counters).toMatchObject({ redirects: 1, redirectsFollowed: 0 })
    expect(nextHop(host)).toBe(PEER_ADDRESS)
  })

  test('stay within a bound', () => {
    const host = new TestHost({ icmp: { acceptRedirects: true } })
    for (let i = 0; i < 300; i++) host.receive(redirect('10.0.0.7', { about: `198.51.${i >> 8}.${i & 255}` }))
    expect([nextHop(host, '198.51.0.0'), nextHop(host, '198.51.1.43')]).toEqual([PEER_ADDRESS, '10.0.0.7'])
  })
})
