import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { dissect } from '../../test/support/dissect.ts'
import { BROADCAST_MAC, concat, ethernet, type IcmpFields, icmp, ipv4 } from '../../test/support/frames.ts'
import { packetFrom } from '../../test/support/packets.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost } from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { IpErrorKind } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer } from '../packet/index.ts'
import type { IcmpCounters } from './counters.ts'
import type { EchoRequest } from './echo-requests.ts'

const PROTOCOL = 200
const address = (text: string) => IpAddress.parse(text)
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i)

class Pinger {
  readonly events: string[] = []
  echoReply(request: EchoRequest, packet: PacketBuffer): void {
    const size = packet.payloadEnd - packet.payload
    this.events.push(`${request.path.destination} ${size} bytes ttl ${request.hopLimit} in ${request.roundTrip} us`)
  }
  echoFailed(request: EchoRequest, kind: IpErrorKind | null): void {
    this.events.push(`${request.path.destination} failed ${kind}`)
  }
}

/** Answers to echo requests that we have sent. */
function echoReplyTo(frame: Uint8Array, change: IcmpFields = {}, payload?: Uint8Array): Uint8Array {
  const request = dissect(frame).icmp!
  return ethernet(
    { source: PEER_MAC, destination: OUR_MAC },
    ipv4(
      { source: request.destination, destination: request.source, ttl: 60 },
      icmp(
        { type: 0, identifier: request.identifier, sequence: request.sequence, ...change },
        payload ?? request.payload,
      ),
    ),
  )
}

function ping(host: TestHost, to = PEER_ADDRESS, settings = {}) {
  const pinger = new Pinger()
  const request = host.icmp.ping(address(to), pinger, settings)
  if (typeof request === 'string') throw new Error(request)
  return { pinger, request, frame: host.netif.takeFrame()! }
}

describe('answering echo requests', () => {
  test.each([0, 1, 56, 57, 1472])('%i bytes of data come back as they were', (size) => {
    const host = new TestHost()
    const data = bytes(size)
    const request = host.fromPeer.icmp({ type: 8, identifier: 0x1234, sequence: 9 }, data, {
      trafficClass: 0x20,
      ttl: 3,
    })
    const [answer, ...more] = host.receive(request)
    expect(answer).toBeIcmp({
      destinationMac: PEER_MAC,
      source: OUR_ADDRESS,
      destination: PEER_ADDRESS,
      ttl: 64,
      trafficClass: 0x20,
      dontFragment: false,
      icmpType: 0,
      code: 0,
      identifier: 0x1234,
      sequence: 9,
      payload: data,
      totalLength: 28 + size,
      checksum: 'right',
    })
    expect(more).toEqual([])
    host.expectNoLeaks()
  })

  test('a path MTU that somebody made us believe in silences no answer: routers may cut it (RFC 791)', () => {
    const host = new TestHost()
    const path = host.ipv4.path(address(PEER_ADDRESS))
    if (typeof path === 'string') throw new Error(path)
    host.ipv4.lowerMtu(path, 552)
    const answers = host.receive(host.fromPeer.icmp({ type: 8 }, bytes(1472)))
    expect(answers).toHaveLength(3)
    for (const answer of answers) expect(answer).toBeIp({ dontFragment: false })
    expect(Buffer.concat(answers.map((answer) => answer.subarray(34))).subarray(8)).toEqual(Buffer.from(bytes(1472)))
    host.expectNoLeaks()
  })

  test('the checksum is right for every kind of checksum of the request', () => {
    const host = new TestHost()
    // Sequence 0 makes an answer of zeros only, whose checksum is 0xffff.
    for (let sequence = 0; sequence < 0x10000; sequence += 7) {
      expect(host.receive(host.fromPeer.icmp({ type: 8, sequence }, ''))[0]).toBeIcmp({ sequence, checksum: 'right' })
    }
  })

  test('the packet itself goes back when nobody else holds it, otherwise a copy', () => {
    const host = new TestHost()
    const request = host.fromPeer.icmp({ type: 8 }, 'x')
    const alone = packetFrom(host.memory, request)
    host.netif.receivePackets(alone)
    const answer = host.netif.takePacket()!
    expect(answer === alone).toBe(true)
    expect(answer).toBeIcmp({ icmpType: 0 })
    answer.release()
    const held = packetFrom(host.memory, request).retain()
    host.netif.receivePackets(held)
    const copy = host.netif.takePacket()!
    expect(copy === held).toBe(false)
    expect(copy).toBeIcmp({ icmpType: 0 })
    expect(host.memory.bytes[held.transport]).toBe(8)
    copy.release()
    held.release()
    host.expectNoLeaks()
  })

  test('a request with options is answered without', () => {
    const host = new TestHost()
    const request = host.fromPeer.icmp({ type: 8 }, 'data', { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0) })
    expect(host.receive(request)[0]).toBeIcmp({ icmpType: 0, ipOptions: new Uint8Array(0), payload: 'data' })
  })

  test('a checksum left to the device by a neighbour in the same process is trusted, and the answer has a whole one', () => {
    const host = new TestHost()
    const packet = packetFrom(host.memory, host.fromPeer.icmp({ type: 8, checksum: 0 }, 'data'))
    packet.checksum = ChecksumState.Partial
    host.netif.receivePackets(packet)
    expect(host.netif.takeFrame()).toBeIcmp({ icmpType: 0, checksum: 'right' })
  })

  test('without memory for a copy there is no answer, and no exception', () => {
    const host = new TestHost()
    const held = packetFrom(host.memory, host.fromPeer.icmp({ type: 8 }, 'x')).retain()
    const all: PacketBuffer[] = []
    for (let packet = host.memory.takeSmall(); packet !== null; packet = host.memory.takeSmall()) all.push(packet)
    host.netif.receivePackets(held)
    expect(host.netif.takeFrames()).toEqual([])
    expect(host.icmp.counters.notSent).toBe(1)
    for (const packet of all) packet.release()
    held.release()
    host.expectNoLeaks()
  })
})

test('echo requests from 5,000 strangers, on our link and beyond, make no table grow past its bound', () => {
  const host = new TestHost({
    arp: { announce: false, cacheSize: 64 },
    ipv4: { cidr: '10.0.0.2/8', pathCacheSize: 128 },
  })
  let answers = 0
  for (let i = 0; i < 5000; i++) {
    const source = `${i % 2 === 0 ? 10 : 11}.1.${i >> 8}.${i & 255}`
    answers += host
      .receive(host.fromPeer.icmp({ type: 8 }, 'x', { source }))
      .filter((frame) => dissect(frame).icmp).length
    expect(host.ipv4.pathCount).toBeLessThanOrEqual(128)
    expect(host.arp.neighborCount).toBeLessThanOrEqual(64)
    expect(host.memory.inUse).toBeLessThanOrEqual(3 * 64)
  }
  // Those beyond the gateway are answered; the others do not answer ARP, and their answers go nowhere.
  expect(answers).toBe(2500)
  expect(host.receive(host.fromPeer.icmp({ type: 8 }, 'x'))[0]).toBeIcmp({ icmpType: 0 })
  host.advance(10 * SECOND)
  host.expectNoLeaks()
})

describe('messages that get no answer', () => {
  const host = () => new TestHost()
  const message = (fields: IcmpFields, payload: Uint8Array | string = bytes(40)) =>
    host().fromPeer.icmp(fields, payload)
  test.each<[string, keyof IcmpCounters, Uint8Array]>([
    ['shorter than a header', 'truncated', host().fromPeer.ip(bytes(7), { protocol: 1 })],
    ['a wrong checksum', 'checksum', message({ type: 8, checksum: 'wrong' })],
    ['a checksum of 0', 'checksum', message({ type: 8, checksum: 0 })],
    ['an echo reply to nothing', 'echoRepliesUnexpected', message({ type: 0, identifier: 1 })],
    ['a source quench', 'sourceQuenches', message({ type: 4 })],
    ['a redirect', 'redirects', message({ type: 5, code: 1 })],
    ['a timestamp request', 'queriesIgnored', message({ type: 13 })],
    ['an address mask request', 'queriesIgnored', message({ type: 17 })],
    ['a router advertisement', 'queriesIgnored', message({ type: 9 })],
    ['an unknown type', 'unknownType', message({ type: 250 })],
    ['an error with an unknown code', 'errorsUnknownCode', message({ type: 3, code: 16 })],
    ['an error without a quote', 'errorsTruncated', message({ type: 3, code: 3 }, '')],
    ['an error with 7 bytes behind the quoted header', 'errorsTruncated', message({ type: 3, code: 3 }, bytes(27))],
  ])('%s', (_, counter, frame) => {
    const target = host()
    expect(target.receive(frame)).toEqual([])
    expect(target.icmp.counters[counter]).toBe(1)
    target.expectNoLeaks()
  })

  test('an echo request to everybody', () => {
    const target = host()
    const toAll = (destination: string, mac: string) =>
      ethernet({ source: PEER_MAC, destination: mac }, ipv4({ source: PEER_ADDRESS, destination }, icmp({ type: 8 })))
    const frames = [
      toAll('10.0.0.255', BROADCAST_MAC),
      toAll('255.255.255.255', BROADCAST_MAC),
      toAll('224.0.0.1', '01:00:5e:00:00:01'),
      // To everybody for IP though to us alone on the link.
      toAll('10.0.0.255', OUR_MAC),
    ]
    expect(target.receive(...frames)).toEqual([])
    expect(target.icmp.counters.echoRequestsToMany).toBe(4)
  })
})

describe('ping', () => {
  test('sends a request and hears the answer, with its time', () => {
    const host = new TestHost()
    const { pinger, frame } = ping(host)
    expect(frame).toBeIcmp({ icmpType: 8, code: 0, source: OUR_ADDRESS, destination: PEER_ADDRESS, length: 56 })
    expect(host.netif.unflushed).toBe(0)
    host.clock.advance(3 * MILLISECOND)
    host.receive(echoReplyTo(frame))
    expect(pinger.events).toEqual(['10.0.0.1 56 bytes ttl 60 in 3000 us'])
    // A second answer is nobody's.
    host.receive(echoReplyTo(frame))
    host.advance(10 * SECOND)
    expect(pinger.events).toHaveLength(1)
    expect(host.icmp.counters).toMatchObject({ echoRepliesReceived: 1, echoRepliesUnexpected: 1 })
    host.expectNoLeaks()
  })

  test('several at once, answered in any order', () => {
    const host = new TestHost()
    const pings = [10, 0, 20].map((size) => ping(host, PEER_ADDRESS, { size }))
    for (const { frame } of [...pings].reverse()) host.receive(echoReplyTo(frame))
    expect(pings.map(({ pinger }) => pinger.events.length)).toEqual([1, 1, 1])
    expect(pings[2].pinger.events[0]).toMatch('20 bytes')
    expect(host.icmp.pingCount).toBe(0)
  })

  test('believes only what can be the answer', () => {
    const host = new TestHost()
    const { pinger, frame, request } = ping(host)
    const from = (source: string) =>
      ethernet(
        { source: PEER_MAC, destination: OUR_MAC },
        ipv4(
          { source, destination: OUR_ADDRESS },
          icmp({ type: 0, identifier: request.identifier, sequence: request.sequence }, bytes(56)),
        ),
      )
    host.receive(
      echoReplyTo(frame, { sequence: request.sequence ^ 1 }),
      echoReplyTo(frame, { identifier: request.identifier ^ 1 }),
      from('10.0.0.3'),
      echoReplyTo(frame, {}, bytes(55)),
      echoReplyTo(frame, {}, new Uint8Array(56)),
    )
    expect(pinger.events).toEqual([])
    expect(host.icmp.counters).toMatchObject({ echoRepliesUnexpected: 3, echoRepliesAltered: 2 })
    host.receive(from(PEER_ADDRESS))
    expect(pinger.events).toHaveLength(1)
  })

  test('times out', () => {
    const host = new TestHost()
    const { pinger } = ping(host, PEER_ADDRESS, { timeout: 2 * SECOND })
    host.advance(2 * SECOND - 1)
    expect(pinger.events).toEqual([])
    host.advance(1)
    expect(pinger.events).toEqual(['10.0.0.1 failed null'])
  })

  test('can be cancelled', () => {
    const host = new TestHost()
    const { pinger, frame, request } = ping(host)
    host.icmp.cancel(request)
    host.icmp.cancel(request)
    host.receive(echoReplyTo(frame))
    host.advance(10 * SECOND)
    expect(pinger.events).toEqual([])
  })

  test('ourselves', () => {
    const host = new TestHost()
    for (const to of [OUR_ADDRESS, '127.0.0.1']) {
      const pinger = new Pinger()
      host.icmp.ping(address(to), pinger)
      host.advance(1)
      expect(pinger.events).toEqual([`${to} 56 bytes ttl 64 in 0 us`])
    }
    host.expectNoLeaks()
  })

  test('a neighbour that is not there', () => {
    const host = new TestHost({ knowsPeer: false })
    const { pinger } = ping(host)
    host.advance(4 * SECOND)
    expect(pinger.events).toEqual([`10.0.0.1 failed ${IpErrorKind.HostUnreachable}`])
    host.expectNoLeaks()
  })

  test('says what it cannot do', () => {
    const host = new TestHost({ icmp: { pingLimit: 2 }, ipv4: { gateway: undefined } })
    const to = (text: string, size?: number) =>
      host.icmp.ping(address(text), new Pinger(), size === undefined ? {} : { size })
    expect(to('8.8.8.8')).toBe('ENETUNREACH')
    expect(to('10.0.0.255')).toBe('EACCES')
    expect(to('224.0.0.1')).toBe('EACCES')
    expect(typeof to(PEER_ADDRESS, 65_507)).toBe('object')
    expect(typeof to(PEER_ADDRESS)).toBe('object')
    expect(to(PEER_ADDRESS)).toBe('ENOBUFS')
    expect(host.icmp.counters.pingsRefused).toBe(1)
    expect(() => to(PEER_ADDRESS, -1)).toThrow('size is 0 to 65507, not -1')
    expect(() => to(PEER_ADDRESS, 1.5)).toThrow('size is an integer from 0 to 65507, not 1.5')
    expect(() => host.icmp.ping(address(PEER_ADDRESS), new Pinger(), { hopLimit: 256 })).toThrow(
      'hopLimit is 0 to 255, not 256',
    )
    expect(host.netif.takeFrames()).toHaveLength(45 + 1)
    host.icmp.close()
    expect(host.clock.armedTimers).toBe(0)
    host.expectNoLeaks()
    expect(() => new TestHost({ icmp: { pingLimit: 0 } })).toThrow('pingLimit is 1 to 32768, not 0')
  })
})

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

test('any messages at all: nothing throws, nothing leaks, no more comes back than one for each', () => {
  const quoted = (fields: Partial<Parameters<typeof ipv4>[0]> = {}, payload = bytes(20)) =>
    ipv4({ source: OUR_ADDRESS, destination: PEER_ADDRESS, protocol: PROTOCOL, ...fields }, payload).bytes
  const message = fc.record({
    type: fc.oneof(fc.constantFrom(0, 3, 4, 5, 8, 11, 12, 13, 17), fc.nat(255)),
    code: fc.oneof(fc.nat(5), fc.nat(255)),
    rest: fc.oneof(fc.constantFrom(0, 68, 576, 1500), fc.nat(0xffff_ffff)),
    payload: fc.oneof(
      fc.constantFrom(quoted(), quoted({ protocol: 1 }), quoted({ protocol: 17 }), quoted({ protocol: 6 })),
      fc.uint8Array({ maxLength: 80 }),
    ),
    changes: fc.array(fc.record({ at: fc.nat(60), byte: fc.nat(255) }), { maxLength: 3 }),
    toAll: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 60 }), (messages) => {
      const host = new TestHost()
      const { pinger } = ping(host)
      for (const { type, code, rest, payload, changes, toAll } of messages) {
        const data = payload.slice()
        for (const { at, byte } of changes) if (at < data.length) data[at] = byte
        const to = toAll ? { mac: BROADCAST_MAC, address: '10.0.0.255' } : { mac: OUR_MAC, address: OUR_ADDRESS }
        const frame = ethernet(
          { source: PEER_MAC, destination: to.mac },
          ipv4({ source: PEER_ADDRESS, destination: to.address }, icmp({ type, code, rest }, data)),
        )
        const answers = host.receive(frame)
        expect(answers.length).toBeLessThanOrEqual(type === 8 && !toAll ? 1 : 0)
      }
      expect(pinger.events.length).toBeLessThanOrEqual(1)
      // None of it makes anybody cut his data into crumbs, nor another way to go.
      const path = host.ipv4.path(address(PEER_ADDRESS))
      expect(typeof path === 'string' ? path : path.mtu).toBe(1500)
      host.icmp.close()
      host.expectNoLeaks()
    }),
    { numRuns: 300, seed: 11 },
  )
})
