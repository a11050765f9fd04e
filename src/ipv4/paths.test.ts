import { describe, expect, test } from 'vitest'
import { arp, ethernet } from '../../test/support/frames.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC } from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { address, frame, PROTOCOL, pathTo, send, setUp } from '../../test/support/ipv4-host.ts'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { MINUTE } from '../clock/index.ts'

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
