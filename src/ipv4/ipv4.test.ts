import { describe, expect, test } from 'vitest'
import { arp, BROADCAST_MAC, ethernet, type Ipv4Fields, ipv4 } from '../../test/support/frames.ts'
import {
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  PEER_MAC,
  TestHost,
  type TestHostOptions,
} from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { MINUTE } from '../clock/index.ts'
import type { IpErrorKind, Path } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer, Segmentation } from '../packet/index.ts'
import type { Ipv4Counters } from './counters.ts'
import type { Ipv4Path } from './ipv4-path.ts'

const PROTOCOL = 200
const address = (text: string) => IpAddress.parse(text)
const text = (payload: string) => new TextEncoder().encode(payload)

class Recorder {
  readonly seen: {
    payload: string
    source: string
    destination: string
    hopLimit: number
    trafficClass: number
    multicast: boolean
  }[] = []
  readonly errors: IpErrorKind[] = []
  bursts = 0
  onReceive: (packet: PacketBuffer) => void = () => {}
  receive(packet: PacketBuffer): void {
    expect(packet.transport).toBe(packet.start)
    this.seen.push({
      payload: Buffer.from(packet.memory.bytes.slice(packet.start, packet.end)).toString(),
      source: IpAddress.fromWords(packet.source0, packet.source1, packet.source2, packet.source3).toString(),
      destination: IpAddress.fromWords(
        packet.destination0,
        packet.destination1,
        packet.destination2,
        packet.destination3,
      ).toString(),
      hopLimit: packet.hopLimit,
      trafficClass: packet.trafficClass,
      multicast: packet.multicast,
    })
    this.onReceive(packet)
  }
  receiveError(kind: IpErrorKind): void {
    this.errors.push(kind)
  }
  endOfBurst(): void {
    this.bursts++
  }
  get payloads(): string[] {
    return this.seen.map((packet) => packet.payload)
  }
}

function setUp(options: TestHostOptions = {}) {
  const host = new TestHost(options)
  const recorder = new Recorder()
  host.ipv4.addProtocol(PROTOCOL, recorder)
  return { host, recorder }
}

const frame = (fields: Partial<Ipv4Fields> = {}, payload = 'data', destination = OUR_MAC) =>
  ethernet(
    { source: PEER_MAC, destination },
    ipv4({ source: PEER_ADDRESS, destination: OUR_ADDRESS, protocol: PROTOCOL, ...fields }, text(payload)),
  )

function pathTo(host: TestHost, to: string, from: string | null = null): Ipv4Path {
  const path = host.ipv4.path(address(to), from === null ? null : address(from))
  if (typeof path === 'string') throw new Error(path)
  return path
}

function makePacket(host: TestHost, payload: string | number): PacketBuffer {
  const bytes = typeof payload === 'string' ? text(payload) : new Uint8Array(payload)
  const packet = host.memory.allocate(bytes.length)!
  packet.end = packet.start + bytes.length
  host.memory.bytes.set(bytes, packet.start)
  return packet
}

function send(host: TestHost, to: string | Path, payload: string | number = 'data', hopLimit = 0, trafficClass = 0) {
  host.ipv4.send(
    makePacket(host, payload),
    typeof to === 'string' ? pathTo(host, to) : to,
    PROTOCOL,
    hopLimit,
    trafficClass,
  )
  host.ipv4.flush()
}

describe('receiving', () => {
  test('hands the payload to its protocol, with what the header says', () => {
    const { host, recorder } = setUp()
    host.receive(frame({ ttl: 7, trafficClass: 0xb9 }), frame({}, 'more'))
    expect(recorder.seen).toEqual([
      {
        payload: 'data',
        source: PEER_ADDRESS,
        destination: OUR_ADDRESS,
        hopLimit: 7,
        trafficClass: 0xb9,
        multicast: false,
      },
      {
        payload: 'more',
        source: PEER_ADDRESS,
        destination: OUR_ADDRESS,
        hopLimit: 64,
        trafficClass: 0,
        multicast: false,
      },
    ])
    expect(recorder.bursts).toBe(1)
    host.expectNoLeaks()
  })

  test('cuts off padding', () => {
    const { host, recorder } = setUp()
    const padded = new Uint8Array(60)
    padded.set(frame())
    padded[59] = 99
    host.receive(padded)
    expect(recorder.payloads).toEqual(['data'])
  })

  test('RFC 1122, 3.2.1.7: a TTL of 0 or 1 is no reason to drop', () => {
    const { host, recorder } = setUp()
    host.receive(frame({ ttl: 0 }), frame({ ttl: 1 }))
    expect(recorder.seen).toHaveLength(2)
  })

  test('ignores the reserved flag and unknown options', () => {
    const { host, recorder } = setUp()
    host.receive(
      frame({ evil: true, dontFragment: true }),
      frame({ options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0) }, 'record route'),
      frame({ options: Uint8Array.of(1, 1, 0x5e, 3, 9, 0) }, 'unknown'),
      frame({ options: Uint8Array.of(0, 131, 1) }, 'after the end'),
    )
    expect(recorder.payloads).toEqual(['data', 'record route', 'unknown', 'after the end'])
  })

  test.each<[string, keyof Ipv4Counters, Uint8Array]>([
    ['no whole header', 'truncated', frame().subarray(0, 33)],
    ['a header longer than the frame', 'truncated', frame({ headerWords: 15, totalLength: 60 })],
    ['a total length beyond the frame', 'truncated', frame({ totalLength: 25 })],
    ['version 6 under the EtherType of 4', 'badVersion', frame({ version: 6 })],
    ['a header length of 16', 'badHeaderLength', frame({ headerWords: 4 })],
    ['a header length of 0', 'badHeaderLength', frame({ headerWords: 0 })],
    ['a total length below the header', 'badTotalLength', frame({ totalLength: 19 })],
    ['a total length of 0', 'badTotalLength', frame({ totalLength: 0 })],
    ['a wrong checksum', 'headerChecksum', frame({ checksum: 'wrong' })],
    ['a checksum of 0', 'headerChecksum', frame({ checksum: 0 })],
    ['a loose source route', 'sourceRoute', frame({ options: Uint8Array.of(131, 7, 4, 10, 0, 0, 9) })],
    ['a strict source route', 'sourceRoute', frame({ options: Uint8Array.of(1, 137, 7, 4, 10, 0, 0, 9) })],
    ['a broadcast source', 'invalidSource', frame({ source: '255.255.255.255' })],
    ['a directed broadcast source', 'invalidSource', frame({ source: '10.0.0.255' })],
    ['a multicast source', 'invalidSource', frame({ source: '224.0.0.5' })],
    ['0.0.0.0 to us alone', 'invalidSource', frame({ source: '0.0.0.0' })],
    ['a source in 0/8', 'invalidSource', frame({ source: '0.1.2.3' })],
    ['our own address as source', 'invalidSource', frame({ source: OUR_ADDRESS })],
    ['a loopback source', 'loopbackOnWire', frame({ source: '127.0.0.1' })],
    ['a loopback destination', 'loopbackOnWire', frame({ destination: '127.0.0.1' })],
    ['another destination', 'notForUs', frame({ destination: '10.0.0.3' })],
    ['a group that we have not joined', 'notForUs', frame({ destination: '224.0.0.251' }, 'x', '01:00:5e:00:00:fb')],
    ["another network's broadcast", 'notForUs', frame({ destination: '10.0.1.255' }, 'x', BROADCAST_MAC)],
    ['our address in a link broadcast', 'unicastInLinkBroadcast', frame({}, 'x', BROADCAST_MAC)],
    ['an empty fragment', 'fragments', frame({ moreFragments: true }, '')],
  ])('%s is counted and dropped in silence', (_, counter, bad) => {
    const { host, recorder } = setUp()
    expect(host.receive(bad)).toEqual([])
    expect(recorder.seen).toEqual([])
    expect(host.ipv4.counters[counter]).toBe(1)
    expect(Object.values(host.ipv4.counters).reduce((sum, count) => sum + count, 0)).toBe(1)
    host.expectNoLeaks()
  })

  test.each([
    ['an option that runs over the header', frame({ options: Uint8Array.of(7, 40, 4, 0) })],
    ['an option of length 1', frame({ options: Uint8Array.of(7, 1, 0, 0) })],
    ['an option of length 0', frame({ options: Uint8Array.of(7, 0, 0, 0) })],
    ['an option without its length', frame({ options: Uint8Array.of(1, 1, 1, 7) })],
  ])('%s is counted and answered by Parameter Problem', (_, bad) => {
    const { host, recorder } = setUp()
    const answers = host.receive(bad)
    expect(answers).toHaveLength(1)
    expect(answers[0]).toBeIcmp({ icmpType: 12, code: 0, destination: PEER_ADDRESS })
    // RFC 792: the pointer names the byte where the error is.
    expect(answers[0][38]).toBeGreaterThanOrEqual(20)
    expect(recorder.seen).toEqual([])
    expect(host.ipv4.counters.badOptions).toBe(1)
    host.expectNoLeaks()
  })

  test('takes what is to everybody, and says so', () => {
    const { host, recorder } = setUp()
    host.receive(
      frame({ destination: '255.255.255.255' }, 'limited', BROADCAST_MAC),
      frame({ destination: '10.0.0.255' }, 'directed', BROADCAST_MAC),
      frame({ destination: '224.0.0.1' }, 'all hosts', '01:00:5e:00:00:01'),
      frame({ source: '0.0.0.0', destination: '255.255.255.255' }, 'no address yet', BROADCAST_MAC),
    )
    expect(recorder.payloads).toEqual(['limited', 'directed', 'all hosts', 'no address yet'])
    expect(recorder.seen.every((packet) => packet.multicast)).toBe(true)
  })

  test('a /31 and a /32 have no broadcast address (RFC 3021)', () => {
    const { host, recorder } = setUp({ ipv4: { cidr: '10.0.0.2/31', gateway: undefined } })
    host.receive(frame({ source: '10.0.0.3' }, 'from the other end'))
    expect(recorder.payloads).toEqual(['from the other end'])
  })

  test('a protocol that nobody speaks is reported to the sender', () => {
    const { host } = setUp()
    const [error] = host.receive(frame({ protocol: 123 }))
    expect(error).toBeIcmp({ icmpType: 3, code: 2, destination: PEER_ADDRESS })
    expect(host.ipv4.counters.unknownProtocol).toBe(1)
  })
})

describe('sending', () => {
  test('a whole header, with DF and a TTL of 64', () => {
    const { host } = setUp()
    send(host, PEER_ADDRESS, 'hello', 0, 0x2e)
    expect(host.netif.takeFrame()).toBeIp({
      destinationMac: PEER_MAC,
      sourceMac: OUR_MAC,
      source: OUR_ADDRESS,
      destination: PEER_ADDRESS,
      protocol: PROTOCOL,
      ttl: 64,
      trafficClass: 0x2e,
      dontFragment: true,
      moreFragments: false,
      fragmentOffset: 0,
      totalLength: 25,
      headerChecksum: 'right',
    })
    host.expectNoLeaks()
  })

  test('every header checksum is right, whatever the fields', () => {
    const { host } = setUp()
    host.ipv4.addRoute(IpPrefix.parse('0.0.0.0/1'), address(PEER_ADDRESS))
    const random = host.random.fork()
    for (let i = 0; i < 500; i++) {
      const to = IpAddress.v4(((1 + random.below(126)) << 24) | random.below(0xffffff))
      if (to.isLoopback || to.word3 >>> 24 === 10) continue
      send(host, to.toString(), random.below(1480), 1 + random.below(255), random.below(256))
      expect(host.netif.takeFrame()).toBeIp({ headerChecksum: 'right', destination: to.toString() })
    }
  })

  test('identifications of one path follow each other', () => {
    const { host } = setUp()
    const path = pathTo(host, PEER_ADDRESS)
    path.identification = 0xffff
    send(host, path)
    send(host, path)
    expect(host.netif.takeFrame()).toBeIp({ identification: 0xffff })
    expect(host.netif.takeFrame()).toBeIp({ identification: 0 })
  })

  test('what is larger than the MTU goes in fragments, which may be cut further', () => {
    const { host } = setUp()
    send(host, PEER_ADDRESS, 1480)
    expect(host.netif.takeFrame()).toBeIp({ totalLength: 1500, dontFragment: true })
    send(host, PEER_ADDRESS, 1481)
    const [first, second] = host.netif.takeFrames()
    expect(first).toBeIp({ totalLength: 1500, dontFragment: false, moreFragments: true, fragmentOffset: 0 })
    expect(second).toBeIp({ totalLength: 21, dontFragment: false, moreFragments: false, fragmentOffset: 1480 })
    expect([first[18], first[19]]).toEqual([second[18], second[19]])
    expect(host.ipv4.counters).toMatchObject({ packetsFragmented: 1, fragmentsSent: 2, sent: 3 })
    host.expectNoLeaks()
  })

  test('fragments are as large as the path takes, in multiples of 8', () => {
    const { host } = setUp()
    const path = pathTo(host, PEER_ADDRESS)
    host.ipv4.lowerMtu(path, 1006)
    send(host, path, 65_515)
    const frames = host.netif.takeFrames()
    expect(frames).toHaveLength(Math.ceil(65_515 / 984))
    for (const frame of frames.slice(0, -1)) expect(frame).toBeIp({ totalLength: 1004 })
    send(host, path, 65_516)
    expect(host.ipv4.counters.sendTooBig).toBe(1)
    host.expectNoLeaks()
  })

  test('TCP is not cut: it makes its segments smaller', () => {
    const { host } = setUp()
    const packet = host.memory.allocate(1481)!
    packet.end = packet.start + 1481
    host.ipv4.send(packet, pathTo(host, PEER_ADDRESS), 6, 0, 0)
    expect(host.netif.takeFrames()).toEqual([])
    expect(host.ipv4.counters.sendTooBig).toBe(1)
    host.expectNoLeaks()
  })

  test('where memory does not suffice for all fragments, none is sent', () => {
    const { host } = setUp()
    const packet = host.memory.allocate(60_000)!
    packet.end = packet.start + 60_000
    const taken: PacketBuffer[] = []
    while (host.memory.freeSmall > 10) taken.push(host.memory.takeSmall()!)
    host.ipv4.send(packet, pathTo(host, PEER_ADDRESS), PROTOCOL, 0, 0)
    expect(host.netif.takeFrames()).toEqual([])
    expect(host.ipv4.counters).toMatchObject({ noMemory: 1, packetsFragmented: 0, fragmentsSent: 0 })
    for (const one of taken) one.release()
    host.expectNoLeaks()
  })

  test('identifications of what may be cut come back only after all others, and in no order that shows', () => {
    const { host } = setUp()
    const path = pathTo(host, PEER_ADDRESS)
    const seen = new Set<number>()
    let successors = 0
    let previous = -2
    for (let i = 0; i < 65_536; i++) {
      send(host, path, 1481)
      const [first] = host.netif.takeFrames()
      const identification = (first[18] << 8) | first[19]
      seen.add(identification)
      if (identification === ((previous + 1) & 0xffff)) successors++
      previous = identification
    }
    expect(seen.size).toBe(65_536)
    // About one in 65,536 by chance.
    expect(successors).toBeLessThan(10)
  })

  test('a packet for segmentation passes, up to 65,535 bytes', () => {
    const { host } = setUp({ offload: true })
    for (const [size, passes] of [
      [65_515, true],
      [65_516, false],
    ] as const) {
      const packet = makePacket(host, size)
      packet.segmentation = Segmentation.TcpV4
      packet.segmentSize = 1460
      host.ipv4.send(packet, pathTo(host, PEER_ADDRESS), 6, 0, 0)
      const sent = host.netif.takePacket()
      expect(sent !== undefined).toBe(passes)
      sent?.release()
    }
    host.expectNoLeaks()
  })

  test('broadcast and multicast addresses have their own MAC addresses and TTL', () => {
    const { host } = setUp()
    send(host, '255.255.255.255')
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: BROADCAST_MAC, ttl: 64 })
    send(host, '10.0.0.255')
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: BROADCAST_MAC })
    send(host, '239.255.129.3')
    expect(host.netif.takeFrame()).toBeIp({ destinationMac: '01:00:5e:7f:81:03', ttl: 1 })
    expect(pathTo(host, '10.0.0.255').isBroadcast).toBe(true)
    expect(pathTo(host, '239.1.1.1').isBroadcast).toBe(false)
  })

  test('a host without an address can speak to everybody from 0.0.0.0', () => {
    const { host } = setUp({ ipv4: { cidr: undefined, gateway: undefined } })
    send(host, '255.255.255.255')
    expect(host.netif.takeFrame()).toBeIp({ source: '0.0.0.0' })
    expect(host.ipv4.path(address(PEER_ADDRESS))).toBe('ENETUNREACH')
  })
})

describe('paths', () => {
  test('there is none', () => {
    const { host } = setUp({ ipv4: { gateway: undefined } })
    expect(host.ipv4.path(address('192.0.2.1'))).toBe('ENETUNREACH')
    expect(host.ipv4.path(address('0.0.0.0'))).toBe('ENETUNREACH')
    expect(host.ipv4.path(address('fd00::1'))).toBe('ENETUNREACH')
    expect(host.ipv4.path(address(PEER_ADDRESS), address('10.0.0.3'))).toBe('EADDRNOTAVAIL')
    expect(host.ipv4.path(address(PEER_ADDRESS), address('127.0.0.1'))).toBe('EADDRNOTAVAIL')
  })

  test('the longest prefix wins, then the smallest metric, then the older route', () => {
    const { host } = setUp({ knowsPeer: false })
    const route = (prefix: string, gateway: string, metric?: number) =>
      host.ipv4.addRoute(IpPrefix.parse(prefix), address(gateway), metric)
    route('192.0.2.0/24', '10.0.0.10', 5)
    route('192.0.2.0/24', '10.0.0.11', 1)
    route('192.0.2.0/24', '10.0.0.12', 1)
    route('192.0.0.0/8', '10.0.0.13')
    route('192.0.2.128/25', '10.0.0.14', 100)
    const nextHop = (to: string) => IpAddress.v4(pathTo(host, to).nextHop).toString()
    expect(nextHop('192.0.2.1')).toBe('10.0.0.11')
    expect(nextHop('192.0.2.129')).toBe('10.0.0.14')
    expect(nextHop('192.9.9.9')).toBe('10.0.0.13')
    expect(nextHop('10.0.0.77')).toBe('10.0.0.77')
    expect(nextHop('8.8.8.8')).toBe(PEER_ADDRESS)
    expect(host.ipv4.removeRoute(IpPrefix.parse('192.0.2.0/24'), address('10.0.0.11'))).toBe(true)
    expect(host.ipv4.removeRoute(IpPrefix.parse('192.0.2.0/24'), address('10.0.0.11'))).toBe(false)
    expect(nextHop('192.0.2.1')).toBe('10.0.0.12')
  })

  test('back to strangers are as others, and none is remembered', () => {
    const { host } = setUp({ knowsPeer: false })
    host.ipv4.addRoute(IpPrefix.parse('192.0.2.0/24'), address('10.0.0.10'))
    host.ipv4.addRoute(IpPrefix.parse('192.0.2.1/32'), address('10.0.0.11'))
    const packet = host.netif.memory.allocate(0)!
    const ours = address(OUR_ADDRESS).word3
    const back = (from: string, to = ours) => {
      packet.source3 = address(from).word3
      packet.destination3 = to
      return host.ipv4.passingPath(packet)
    }
    const before = host.ipv4.pathCount
    for (const from of ['192.0.2.1', '192.0.2.2', '8.8.8.8', '10.0.0.9', OUR_ADDRESS]) {
      const way = back(from)!
      expect(host.ipv4.pathCount).toBe(before)
      const { destination, source, nextHop, addressSum, headerSum, mtu, isLocal, neighbor } = way
      expect(String(destination)).toBe(from)
      expect(String(source)).toBe(OUR_ADDRESS)
      const path = pathTo(host, from)
      expect({ nextHop, addressSum, headerSum, mtu, isLocal }).toEqual({
        nextHop: path.nextHop,
        addressSum: path.addressSum,
        headerSum: path.headerSum,
        mtu: path.mtu,
        isLocal: path.isLocal,
      })
      expect(neighbor).toBe(path.neighbor)
      // One that is known is what it was.
      expect(back(from)).toBe(path)
      host.ipv4.addRoute(IpPrefix.parse('198.51.100.0/24'), address('10.0.0.12'))
    }
    expect(back('0.0.0.0')).toBe(null)
    expect(back('8.8.8.8', address('10.0.0.99').word3)).toBe(null)
    expect(back('8.8.8.8')!.isStale).toBe(false)
    packet.release()
  })

  test('go stale when addresses or routes change', () => {
    const { host } = setUp()
    const path = pathTo(host, '8.8.8.8')
    expect(pathTo(host, '8.8.8.8')).toBe(path)
    expect(path.isStale).toBe(false)
    host.ipv4.setGateway(address('10.0.0.99'))
    expect(path.isStale).toBe(true)
    expect(pathTo(host, '8.8.8.8').nextHop).toBe(address('10.0.0.99').word3)
    host.ipv4.setGateway(null)
    expect(host.ipv4.path(address('8.8.8.8'))).toBe('ENETUNREACH')
  })

  test('a source that is asked for is kept apart from the default one', () => {
    const { host } = setUp()
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))
    const second = pathTo(host, PEER_ADDRESS, '10.0.0.7')
    expect(second.source.toString()).toBe('10.0.0.7')
    const usual = pathTo(host, PEER_ADDRESS)
    expect(usual.source.toString()).toBe(OUR_ADDRESS)
    expect(pathTo(host, PEER_ADDRESS, '10.0.0.7')).toBe(second)
    expect(pathTo(host, PEER_ADDRESS, OUR_ADDRESS)).toBe(usual)
    expect(host.ipv4.pathCount).toBe(1)
  })

  test('the source is the address on the network of the next hop', () => {
    const { host } = setUp()
    host.ipv4.addAddress(IpPrefix.parse('172.16.0.5/16'))
    host.ipv4.addRoute(IpPrefix.parse('192.0.2.0/24'), address('172.16.0.1'))
    expect(pathTo(host, '192.0.2.1').source.toString()).toBe('172.16.0.5')
    expect(pathTo(host, '172.16.9.9').source.toString()).toBe('172.16.0.5')
    expect(pathTo(host, '172.16.255.255').source.toString()).toBe('172.16.0.5')
    expect(pathTo(host, '8.8.8.8').source.toString()).toBe(OUR_ADDRESS)
  })

  test('the cache is bounded, and spares what is in use', () => {
    const { host } = setUp({ ipv4: { pathCacheSize: 16 } })
    const used = pathTo(host, PEER_ADDRESS)
    for (let i = 0; i < 1000; i++) {
      pathTo(host, `192.0.${i >> 8}.${i & 255}`)
      expect(pathTo(host, PEER_ADDRESS) === used).toBe(true)
      expect(host.ipv4.pathCount).toBeLessThanOrEqual(16)
    }
    expect(host.ipv4.pathsEvicted).toBe(1001 - 16)
  })

  test('a lower path MTU holds for ten minutes, not below 552, for all sources', () => {
    const { host } = setUp()
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))
    const path = pathTo(host, '8.8.8.8')
    const other = pathTo(host, '8.8.8.8', '10.0.0.7')
    host.ipv4.lowerMtu(path, 1400)
    expect([path.mtu, other.mtu]).toEqual([1400, 1400])
    host.ipv4.lowerMtu(path, 1450)
    expect(path.mtu).toBe(1400)
    host.advance(5 * MINUTE)
    host.ipv4.lowerMtu(other, 100)
    expect([path.mtu, other.mtu]).toEqual([552, 552])
    host.advance(5 * MINUTE + 1)
    expect(path.mtu).toBe(552)
    host.advance(5 * MINUTE)
    expect([path.mtu, other.mtu]).toEqual([1500, 1500])
    expect(host.clock.armedTimers).toBe(0)
  })

  test('routers may cut packets on a path that is said to be narrower than 552 bytes, as long as that holds', () => {
    const { host } = setUp()
    const path = pathTo(host, PEER_ADDRESS)
    const send = () => {
      const packet = host.memory.allocate(100)!
      packet.end = packet.start + 100
      host.ipv4.send(packet, path, 253, 0, 0)
      host.ipv4.flush()
      return host.netif.takeFrame()
    }
    host.ipv4.lowerMtu(path, 552)
    expect(send()).toBeIp({ dontFragment: true })
    host.advance(1 * MINUTE)
    host.ipv4.lowerMtu(path, 551)
    expect(path.mtu).toBe(552)
    expect(send()).toBeIp({ dontFragment: false })
    host.advance(10 * MINUTE)
    expect(path.mtu).toBe(1500)
    expect(send()).toBeIp({ dontFragment: true })
  })

  test('a lower path MTU outlives routes, addresses and the path cache, and holds for strangers', () => {
    const { host } = setUp({ ipv4: { pathCacheSize: 16 } })
    const kept = pathTo(host, '8.8.8.8')
    for (let i = 0; i < 40; i++) pathTo(host, `192.0.2.${i}`)
    const path = pathTo(host, '8.8.8.8')
    expect(path).not.toBe(kept)
    host.ipv4.lowerMtu(path, 1400)
    // Of connections that hold a path which the cache has lost.
    expect(kept.mtu).toBe(1400)
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))
    host.ipv4.addRoute(IpPrefix.parse('8.0.0.0/8'), address(PEER_ADDRESS))
    expect(kept.isStale).toBe(true)
    expect([pathTo(host, '8.8.8.8').mtu, pathTo(host, '8.8.8.8', '10.0.0.7').mtu]).toEqual([1400, 1400])
    const seen: number[] = []
    host.ipv4.addProtocol(PROTOCOL, {
      receive: (packet) => seen.push(host.ipv4.passingPath(packet)!.mtu),
      receiveError() {},
      endOfBurst() {},
    })
    host.ipv4.removeAddress(address('10.0.0.7'))
    host.receive(frame({ source: '8.8.4.4' }), frame({ source: '8.8.8.8' }), frame({ source: '8.8.4.4' }))
    expect(seen).toEqual([1500, 1400, 1500])
    host.advance(10 * MINUTE)
    expect([kept.mtu, pathTo(host, '8.8.8.8').mtu]).toEqual([1500, 1500])
  })

  test('lowered MTUs are bounded', () => {
    const { host } = setUp()
    const first = pathTo(host, '192.0.0.1')
    host.ipv4.lowerMtu(first, 1000)
    for (let i = 2; i < 1100; i++) host.ipv4.lowerMtu(pathTo(host, `192.0.${i >> 8}.${i & 255}`), 1000)
    expect(first.mtu).toBe(1500)
  })
})

describe('addresses', () => {
  test('come and go with an event', () => {
    const { host, recorder } = setUp()
    const events: string[] = []
    host.ipv4.onAddress((type, prefix) => events.push(`${type} ${prefix}`))
    expect(host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/24'))).toBe(true)
    expect(host.ipv4.addAddress(IpPrefix.parse('10.0.0.7/25'))).toBe(false)
    host.receive(frame({ destination: '10.0.0.7' }, 'second'))
    expect(host.ipv4.addresses.map(String)).toEqual(['10.0.0.2/24', '10.0.0.7/24'])
    expect(host.ipv4.removeAddress(address('10.0.0.7'))).toBe(true)
    expect(host.ipv4.removeAddress(address('10.0.0.7'))).toBe(false)
    host.receive(frame({ destination: '10.0.0.7' }, 'too late'))
    expect(recorder.payloads).toEqual(['second'])
    expect(events).toEqual(['added 10.0.0.7/24', 'removed 10.0.0.7/24'])
    // The first address still has the network and its gateway.
    expect(pathTo(host, '8.8.8.8').nextHop).toBe(address(PEER_ADDRESS).word3)
    host.ipv4.removeAddress(address(OUR_ADDRESS))
    expect(host.ipv4.path(address('8.8.8.8'))).toBe('ENETUNREACH')
    expect(host.ipv4.routes).toEqual([])
  })

  test('what cannot be a host is refused by name', () => {
    const { host } = setUp()
    for (const bad of ['224.0.0.1/24', '0.0.0.0/0', '127.0.0.1/8', '255.255.255.255/32', 'fd00::1/64']) {
      expect(() => host.ipv4.addAddress(IpPrefix.parse(bad))).toThrow(bad)
    }
    expect(() => host.ipv4.setGateway(address('192.168.1.1'))).toThrow('192.168.1.1')
    expect(() => host.ipv4.setGateway(address(OUR_ADDRESS))).toThrow(OUR_ADDRESS)
    expect(() => host.ipv4.setGateway(address('10.0.0.255'))).toThrow('10.0.0.255')
    // The gateway that is there stays.
    expect(pathTo(host, '8.8.8.8').nextHop).toBe(address(PEER_ADDRESS).word3)
    expect(() => host.ipv4.addRoute(IpPrefix.parse('192.0.2.0/24'), null, -1)).toThrow(
      'metric is 0 to 2147483647, not -1',
    )
    expect(() => setUp({ ipv4: { cidr: '10.0.0/24' } })).toThrow('10.0.0')
    expect(() => setUp({ ipv4: { localQueueLimit: 0 } })).toThrow('localQueueLimit is 1 to 65536, not 0')
  })

  test('which ones are ours', () => {
    const { host } = setUp()
    for (const ours of [OUR_ADDRESS, '127.0.0.1', '127.9.9.9', '10.0.0.255', '255.255.255.255', '224.0.0.1']) {
      expect(host.ipv4.isLocalAddress(address(ours))).toBe(true)
    }
    for (const other of [PEER_ADDRESS, '10.0.0.0', '10.0.1.255', '224.0.0.2', '::1']) {
      expect(host.ipv4.isLocalAddress(address(other))).toBe(false)
    }
  })
})

describe('to ourselves', () => {
  test.each([OUR_ADDRESS, '127.0.0.1', '127.1.2.3'])('a packet to %s comes back, not from inside the call', (to) => {
    const { host, recorder } = setUp()
    const path = pathTo(host, to)
    expect(path).toMatchObject({ isLocal: true, mtu: 65_535 })
    send(host, path, 'to myself')
    expect(recorder.seen).toEqual([])
    host.advance(1)
    expect(recorder.seen).toMatchObject([{ payload: 'to myself', destination: to, multicast: false }])
    expect(recorder.bursts).toBe(1)
    expect(host.netif.takeFrames()).toEqual([])
    host.expectNoLeaks()
  })

  test('an answer is another burst, so that nothing recurses', () => {
    const { host, recorder } = setUp()
    let depth = 0
    let rounds = 0
    recorder.onReceive = () => {
      expect(++depth).toBe(1)
      if (++rounds < 50) send(host, OUR_ADDRESS)
      depth--
    }
    send(host, OUR_ADDRESS)
    host.advance(1)
    expect(rounds).toBe(50)
    expect(recorder.bursts).toBe(50)
  })

  test('the queue is bounded', () => {
    const { host, recorder } = setUp({ ipv4: { localQueueLimit: 10 } })
    for (let i = 0; i < 25; i++) send(host, OUR_ADDRESS)
    expect(host.memory.inUse).toBe(10)
    host.advance(1)
    expect(recorder.seen).toHaveLength(10)
    expect(host.ipv4.counters).toMatchObject({ sentLocal: 10, localQueueFull: 15 })
    host.expectNoLeaks()
  })

  test('a packet that its sender keeps arrives as a copy', () => {
    const { host, recorder } = setUp()
    const packet = makePacket(host, 'kept').retain()
    const start = packet.start
    host.ipv4.send(packet, pathTo(host, OUR_ADDRESS), PROTOCOL, 0, 0)
    recorder.onReceive = (received) => expect(received).not.toBe(packet)
    host.advance(1)
    expect(recorder.payloads).toEqual(['kept'])
    expect(packet.end - start).toBe(4)
    packet.release()
    host.expectNoLeaks()
  })

  test('offload state stays: nothing left the machine', () => {
    const { host, recorder } = setUp()
    const packet = makePacket(host, 'partial')
    packet.checksum = ChecksumState.Partial
    host.ipv4.send(packet, pathTo(host, OUR_ADDRESS), PROTOCOL, 0, 0)
    recorder.onReceive = (received) => expect(received.checksum).toBe(ChecksumState.Partial)
    host.advance(1)
    expect(recorder.seen).toHaveLength(1)
  })

  test('closing releases what waits', () => {
    const { host } = setUp()
    send(host, OUR_ADDRESS)
    host.ipv4.close()
    host.expectNoLeaks()
    expect(host.clock.armedTimers).toBe(0)
  })
})

test('a packet whose neighbour is evicted while it waits is dropped, and the path recovers', () => {
  const { host } = setUp({ knowsPeer: false })
  const path = pathTo(host, PEER_ADDRESS)
  send(host, path)
  host.netif.takeFrames()
  host.arp.remove(address(PEER_ADDRESS).word3)
  host.expectNoLeaks()
  send(host, path)
  expect(host.netif.takeFrame()).toBeArp({ operation: 1 })
  const answer = ethernet(
    { source: PEER_MAC, destination: OUR_MAC },
    arp({
      operation: 2,
      senderMac: PEER_MAC,
      senderAddress: PEER_ADDRESS,
      targetMac: OUR_MAC,
      targetAddress: OUR_ADDRESS,
    }),
  )
  expect(host.receive(answer)).toHaveLength(1)
})
