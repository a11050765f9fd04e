import { describe, expect, test } from 'vitest'
import { BROADCAST_MAC } from '../../test/support/frames.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC } from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { address, makePacket, PROTOCOL, pathTo, send, setUp } from '../../test/support/ipv4-host.ts'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { type PacketBuffer, Segmentation } from '../packet/index.ts'

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
