/** A host that begins without an address, and whose addresses come and go. */
import { describe, expect, test } from 'vitest'
import { BROADCAST_MAC, between, ethernet, ipv4, udp } from '../../test/support/frames.ts'
import { OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost } from '../../test/support/test-host.ts'
import { Collector, Recorder, VirtualWorld } from '../../test/support/virtual-hosts.ts'
import '../../test/support/packet-matchers.ts'
import { IpAddress, IpPrefix, MacAddress } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'
import type { PacketBuffer } from '../packet/index.ts'
import type { UdpBinding } from '../udp/index.ts'

const PEER_IP = IpAddress.parse(PEER_ADDRESS)

/** A DHCP client as far as UDP is concerned: port 68, before there is an address. */
function withoutAddress() {
  const host = new TestHost({ ipv4: { cidr: undefined, gateway: undefined }, knowsPeer: false })
  const heard: string[] = []
  const receiver = {
    datagram(packet: PacketBuffer, port: number): void {
      const text = Buffer.from(packet.memory.bytes.subarray(packet.payload, packet.payloadEnd)).toString()
      heard.push(`${text} to ${IpAddress.v4(packet.destination3)} from ${port}`)
    },
    error(): void {},
  }
  const binding = host.udp.bind(receiver, { port: 68, broadcast: true }) as UdpBinding
  const offer = (to: string, mac = OUR_MAC, port = 68) =>
    ethernet(
      { source: PEER_MAC, destination: mac },
      ipv4({ source: PEER_ADDRESS, destination: to }, udp({ sourcePort: 67, destinationPort: port }, 'offer')),
    )
  return { host, binding, heard, offer }
}

describe('without an address', () => {
  test('nothing but 0.0.0.0 speaks, to everybody on the link', () => {
    const { host, binding } = withoutAddress()
    const path = host.ipv4.linkPath(IpAddress.ANY_V4, IpAddress.BROADCAST_V4, MacAddress.BROADCAST)
    expect(binding.sendOver(path, 67, Buffer.from('discover'))).toBe(null)
    expect(host.advance(0)[0]).toBeUdp({
      destinationMac: BROADCAST_MAC,
      source: '0.0.0.0',
      destination: '255.255.255.255',
      sourcePort: 68,
      destinationPort: 67,
      payload: 'discover',
    })
    expect(binding.send(Buffer.from('hello'), PEER_IP, 67)).toBe('ENETUNREACH')
    host.expectNoLeaks()
  })

  test('0.0.0.0 speaks also beside an address', () => {
    const { host, binding } = withoutAddress()
    host.ipv4.addAddress(IpPrefix.parse('169.254.3.3/16'))
    const path = host.ipv4.linkPath(IpAddress.ANY_V4, IpAddress.BROADCAST_V4, MacAddress.BROADCAST)
    binding.sendOver(path, 67, Buffer.from('discover'))
    expect(host.advance(0)[0]).toBeUdp({ source: '0.0.0.0', destination: '255.255.255.255' })
  })

  test('a datagram to a host whose MAC address is known goes out without ARP', () => {
    const { host, binding } = withoutAddress()
    const path = host.ipv4.linkPath(IpAddress.ANY_V4, IpAddress.parse('10.0.0.50'), MacAddress.parse(PEER_MAC))
    binding.sendOver(path, 68, Buffer.from('offer'))
    expect(host.advance(SECOND)).toHaveLength(1)
    expect(host.arp.neighborCount).toBe(0)
  })

  test('broadcasts are heard', () => {
    const { host, heard, offer } = withoutAddress()
    host.receive(offer('255.255.255.255', BROADCAST_MAC))
    expect(heard).toEqual(['offer to 255.255.255.255 from 67'])
  })

  test('datagrams to an address that is only offered are heard by who asked for them', () => {
    const { host, binding, heard, offer } = withoutAddress()
    host.receive(offer('10.0.0.50'))
    expect(heard).toEqual([])
    host.ipv4.setForeignReceiver(host.udp)
    host.receive(offer('10.0.0.50'))
    expect(heard).toEqual([])
    binding.takesForeign = true
    host.receive(offer('10.0.0.50'))
    expect(heard).toEqual(['offer to 10.0.0.50 from 67'])
    host.ipv4.setForeignReceiver(null)
    host.receive(offer('10.0.0.50'))
    expect(heard).toHaveLength(1)
    host.expectNoLeaks()
  })

  test('nothing else that is not for us gets in that way, nor an answer', () => {
    const { host, binding, heard, offer } = withoutAddress()
    host.ipv4.setForeignReceiver(host.udp)
    binding.takesForeign = true
    host.udp.bind({ datagram: () => heard.push('other'), error: () => {} }, { port: 99 })
    const from = between({ mac: PEER_MAC, address: PEER_ADDRESS }, { mac: OUR_MAC, address: '10.0.0.50' })
    const frames = [
      offer('10.0.0.50', OUR_MAC, 99),
      offer('10.0.0.50', OUR_MAC, 100),
      offer('127.0.0.1'),
      offer('224.0.0.9'),
      offer('240.0.0.1'),
      offer('0.0.0.0'),
      offer('10.0.0.50', '02:00:00:00:00:99'),
      from.tcp({ sourcePort: 4000, destinationPort: 68, flags: 'S' }),
      from.icmp(),
      from.udp({ sourcePort: 67, destinationPort: 68 }, 'part', { moreFragments: true }),
      from.udp({ sourcePort: 67, destinationPort: 68, checksum: 'wrong' }, 'wrong'),
      from.udp({ sourcePort: 67, destinationPort: 68 }, 'from nowhere', { source: '0.0.0.0' }),
    ]
    expect(host.receive(...frames)).toEqual([])
    expect(heard).toEqual([])
    host.expectNoLeaks()
  })
})

describe('routers', () => {
  test('off the network of an address take a route to them first (a /32 and its router)', () => {
    const host = new TestHost({ ipv4: { cidr: '203.0.113.7/32', gateway: undefined }, knowsPeer: false })
    expect(() => host.ipv4.setGateway(PEER_IP)).toThrow('10.0.0.1')
    host.ipv4.addRoute(new IpPrefix(PEER_IP, 32), null)
    host.ipv4.setGateway(PEER_IP)
    const path = host.ipv4.path(IpAddress.parse('198.51.100.1'))
    expect(path).toMatchObject({ nextHop: PEER_IP.word3, sourceAddress: IpAddress.parse('203.0.113.7').word3 })
  })
})

describe('an address that goes', () => {
  function connected() {
    const world = new VirtualWorld()
    const [a, b] = [world.host({ latency: 1000 }), world.host({ latency: 1000 })]
    const collector = new Collector()
    b.tcp.listen(null, 80, 16, collector)
    const connect = () => {
      const connection = a.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, local: null, localPort: 0 })
      const recorder = new Recorder()
      connection.user = recorder
      world.clock.advance(SECOND)
      return recorder
    }
    return { world, a, b, collector, connect }
  }

  test('takes its connections with it: both ends hear of it at once, and listeners go on', () => {
    const { world, a, b, collector, connect } = connected()
    const recorder = connect()
    a.ipv4.addAddress(IpPrefix.parse('10.0.0.9/24'))
    a.ipv4.removeAddress(IpAddress.parse('10.0.0.1'))
    expect(recorder.error).toBe('EADDRNOTAVAIL')
    world.clock.advance(SECOND)
    expect(collector.recorders[0].error).toBe('ECONNRESET')
    const next = connect()
    expect(next.events).toEqual(['established'])
    expect(collector.connections[1].remoteAddress.toString()).toBe('10.0.0.9')
    expect(b.tcp.counters.InErrs).toBe(0)
  })

  test('leaves connections of other addresses alone, half-open ones too', () => {
    const { world, a, b, connect } = connected()
    const recorder = connect()
    b.ipv4.addAddress(IpPrefix.parse('10.0.0.8/24'))
    world.clock.advance(SECOND)
    const fresh = new Recorder()
    a.tcp.connect({ remote: IpAddress.parse('10.0.0.8'), port: 80, local: null, localPort: 0 }).user = fresh
    b.ipv4.removeAddress(IpAddress.parse('10.0.0.8'))
    world.clock.advance(SECOND)
    expect(recorder).toMatchObject({ isClosed: false, error: null })
    expect(fresh.isClosed).toBe(false)
  })

  test('resets a half-open connection of a listener', () => {
    const { world, a, b } = connected()
    const fresh = new Recorder()
    a.tcp.connect({ remote: IpAddress.parse('10.0.0.2'), port: 80, local: null, localPort: 0 }).user = fresh
    for (let step = 0; step < 10_000 && b.tcp.counters.InSegs === 0; step++) world.clock.advance(10)
    expect(b.tcp.counters.InSegs).toBe(1)
    b.ipv4.removeAddress(IpAddress.parse('10.0.0.2'))
    world.clock.advance(SECOND)
    let open = 0
    b.tcp.forEachConnection(() => open++)
    expect(open).toBe(0)
  })
})
