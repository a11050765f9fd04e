import { describe, expect, test } from 'vitest'
import { BROADCAST_MAC, concat, ethernet, type Ipv4Fields, icmp, ipv4, udp } from '../../test/support/frames.ts'
import '../../test/support/packet-matchers.ts'
import { TestNetif } from '../../test/support/test-netif.ts'
import { IpAddress, IpPrefix, MacAddress } from '../address/index.ts'
import { Arp } from '../arp/index.ts'
import { SECOND, SeededRandom, VirtualClock } from '../clock/index.ts'
import { Ethernet } from '../ethernet/index.ts'
import { Icmp } from '../icmp/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { Ipv4, Ipv4Forwarder } from './index.ts'

const ip = (text: string) => IpAddress.parse(text)
const HOST = ['02:00:00:00:00:0a', '02:00:00:00:00:0b']
const OWN = ['02:00:00:00:00:01', '02:00:00:00:00:02']

/** 10.0.0.1 on the left and 10.1.0.1 on the right, with the hosts .9 known on both sides. */
function setUp({ mtus = [1500, 1500], shared = true } = {}) {
  const clock = new VirtualClock()
  const random = new SeededRandom(1)
  const one = new PacketMemory({ smallSlots: 512, largeSlots: 8, debug: true })
  const memories = [one, shared ? one : new PacketMemory({ smallSlots: 512, largeSlots: 8, debug: true })]
  const sides = [0, 1].map((i) => {
    const netif = new TestNetif(memories[i], { mac: OWN[i], mtu: mtus[i] })
    const net = new Ethernet(netif)
    const arp = new Arp(net, clock, random, { announce: false })
    const layer = new Ipv4(net, arp, { cidr: `10.${i}.0.1/24`, clock, random })
    arp.addStatic(ip(`10.${i}.0.9`).word3, MacAddress.parse(HOST[i]))
    return { netif, arp, layer, icmp: new Icmp(layer, { clock, random }) }
  })
  const [left, right] = sides
  const forwarder = new Ipv4Forwarder([left.layer, right.layer])
  const frame = (fields: Partial<Ipv4Fields> = {}, payload: Parameters<typeof ipv4>[1] = udpTo('data'), mac = OWN[0]) =>
    ethernet(
      { source: HOST[0], destination: mac },
      ipv4({ source: '10.0.0.9', destination: '10.1.0.9', ...fields }, payload),
    )
  const expectNoLeaks = () => {
    for (const { netif } of sides) for (const packet of netif.sent.splice(0)) packet.release()
    expect(memories.map((memory) => memory.inUse)).toEqual([0, 0])
  }
  return { clock, left, right, forwarder, counters: forwarder.counters, frame, expectNoLeaks }
}
const udpTo = (data: string | Uint8Array) => udp({ sourcePort: 1, destinationPort: 2 }, data)
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i * 7)

describe.each([true, false])('forwarding (one packet memory: %s)', (shared) => {
  test('passes a packet on with one hop less', () => {
    const { left, right, counters, frame, expectNoLeaks } = setUp({ shared })
    left.netif.receive(frame({ ttl: 2, trafficClass: 0x28, identification: 77, dontFragment: true }))
    expect(left.netif.takeFrames()).toEqual([])
    expect(right.netif.takeFrame()).toBeUdp({
      sourceMac: OWN[1],
      destinationMac: HOST[1],
      source: '10.0.0.9',
      destination: '10.1.0.9',
      ttl: 1,
      trafficClass: 0x28,
      identification: 77,
      headerChecksum: 'right',
      checksum: 'right',
      payload: 'data',
    })
    expect(counters).toMatchObject({ forwarded: 1 })
    expect(right.netif.unflushed).toBe(0)
    expectNoLeaks()
  })

  test('tells of what does not get through', () => {
    const { left, right, counters, frame, expectNoLeaks } = setUp({ mtus: [1500, 1000], shared })
    const answer = (sent: Uint8Array) => {
      left.netif.receive(sent)
      const [only, ...more] = left.netif.takeFrames()
      expect(more).toEqual([])
      return only
    }
    const ours = { source: '10.0.0.1', destination: '10.0.0.9', destinationMac: HOST[0] }
    expect(answer(frame({ ttl: 1 }))).toBeIcmp({ ...ours, icmpType: 11, code: 0 })
    expect(answer(frame({ destination: '192.0.2.1' }))).toBeIcmp({ ...ours, icmpType: 3, code: 0 })
    expect(answer(frame({ dontFragment: true }, udpTo(bytes(1200))))).toBeIcmp({
      ...ours,
      icmpType: 3,
      code: 4,
      rest: 1000,
    })
    // An option that runs over the end of the header, RFC 792: the pointer is a byte's place.
    expect(answer(frame({ options: Uint8Array.of(1, 68, 9, 5) }))).toBeIcmp({
      ...ours,
      icmpType: 12,
      code: 0,
      rest: 21 << 24,
    })
    expect(counters).toMatchObject({ timeExceeded: 1, noRoute: 1, tooBig: 1, forwarded: 0 })
    // Never about errors.
    left.netif.receive(frame({ ttl: 1 }, icmp({ type: 3, code: 1 }, bytes(28))))
    expect(left.netif.takeFrames()).toEqual([])
    expect(right.netif.takeFrames()).toEqual([])
    expectNoLeaks()
  })

  test('cuts what the next link does not take, and fragments again', () => {
    const { left, right, frame, expectNoLeaks } = setUp({ mtus: [1500, 600], shared })
    const data = bytes(1400)
    // Record route (7) stays in the first, security (130) is copied into all.
    const options = concat([Uint8Array.of(7, 3, 4, 1), Uint8Array.of(130, 4, 0, 0)])
    left.netif.receive(
      frame({ protocol: 200, options, identification: 5, moreFragments: true, fragmentOffset: 800 }, data),
    )
    const frames = right.netif.takeFrames()
    expect(frames.map((one) => one.length - 14)).toEqual([596, 596, 28 + 1400 - 1136])
    frames.forEach((one, i) => {
      expect(one).toBeIp({
        identification: 5,
        moreFragments: true,
        fragmentOffset: 800 + 568 * i,
        headerChecksum: 'right',
        ttl: 63,
      })
    })
    expect([...frames[0].subarray(34, 42)]).toEqual([...options])
    expect([...frames[1].subarray(34, 42)]).toEqual([1, 1, 1, 1, 130, 4, 0, 0])
    expect(concat(frames.map((one) => one.subarray(42)))).toEqual(data)
    expectNoLeaks()
  })

  test('says that a host does not answer ARP', () => {
    const { clock, left, right, counters, frame, expectNoLeaks } = setUp({ shared })
    left.netif.receive(frame({ destination: '10.1.0.77' }))
    expect(right.netif.takeFrame()).toBeArp({ targetAddress: '10.1.0.77' })
    clock.advance(5 * SECOND)
    right.netif.takeFrames()
    expect(counters.unreachable).toBe(1)
    expect(left.netif.takeFrame()).toBeIcmp({ source: '10.0.0.1', destination: '10.0.0.9', icmpType: 3, code: 1 })
    expectNoLeaks()
  })

  test('answers on the address of the other interface', () => {
    const { left, right, frame, expectNoLeaks } = setUp({ shared })
    right.layer.addRoute(IpPrefix.parse('10.0.0.0/24'), ip('10.1.0.9'))
    left.netif.receive(frame({ destination: '10.1.0.1', ttl: 1 }, icmp({ type: 8 }, 'ping')))
    const answers = [...left.netif.takeFrames(), ...right.netif.takeFrames()]
    expect(answers).toHaveLength(1)
    expect(answers[0]).toBeIcmp({ source: '10.1.0.1', destination: '10.0.0.9', icmpType: 0 })
    expectNoLeaks()
  })
})

test.each([
  ['a link-layer broadcast', {}, BROADCAST_MAC],
  ['the broadcast address of the other network', { destination: '10.1.0.255' }, OWN[0]],
  ['the limited broadcast address', { destination: '255.255.255.255' }, OWN[0]],
  ['a group', { destination: '239.1.2.3' }, OWN[0]],
  ['a loopback address', { destination: '127.0.0.1' }, OWN[0]],
  ['this network', { destination: '0.1.2.3' }, OWN[0]],
  ['a class E address', { destination: '250.1.2.3' }, OWN[0]],
  ['from a broadcast address', { source: '10.0.0.255' }, OWN[0]],
  ['from nobody', { source: '0.0.0.0' }, OWN[0]],
  ['from ourselves', { source: '10.0.0.1' }, OWN[0]],
  ['with a source route', { options: Uint8Array.of(131, 7, 4, 10, 1, 0, 9, 0) }, OWN[0]],
] as const)('what is not passed on: %s', (_, fields, mac) => {
  const { left, right, counters, frame, expectNoLeaks } = setUp()
  left.netif.receive(frame(fields, udpTo('x'), mac))
  expect([...left.netif.takeFrames(), ...right.netif.takeFrames()]).toEqual([])
  expect(counters.forwarded).toBe(0)
  expectNoLeaks()
})

test('the longest prefix wins, on whatever interface; closed it forwards no more', () => {
  const { left, right, forwarder, frame, expectNoLeaks } = setUp()
  left.layer.addRoute(IpPrefix.parse('192.0.2.0/24'), ip('10.0.0.9'))
  right.layer.addRoute(IpPrefix.parse('192.0.2.128/25'), ip('10.1.0.9'))
  right.layer.addRoute(IpPrefix.parse('0.0.0.0/0'), ip('10.1.0.9'))
  const way = (destination: string) => {
    left.netif.receive(frame({ destination }))
    return [left.netif.takeFrames().length, right.netif.takeFrames().length]
  }
  expect([way('192.0.2.1'), way('192.0.2.200'), way('198.51.100.1')]).toEqual([
    [1, 0],
    [0, 1],
    [0, 1],
  ])
  forwarder.close()
  expect(way('192.0.2.200')).toEqual([0, 0])
  expect(left.layer.counters.notForUs).toBe(1)
  expectNoLeaks()
})
