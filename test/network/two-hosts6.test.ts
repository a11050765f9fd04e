/** Two hosts on a virtual network over IPv6, from Ethernet to TCP, in virtual time; they know each other's MAC address. */
import { describe, expect, test } from 'vitest'
import { IpAddress } from '../../src/address/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { type EchoHandler, type EchoRequest, Icmpv6 } from '../../src/icmp/index.ts'
import { IpErrorKind } from '../../src/ip/index.ts'
import { Ipv6 } from '../../src/ipv6/index.ts'
import { VirtualNetwork, type VirtualPortOptions } from '../../src/netif/index.ts'
import { type PacketBuffer, PacketMemory } from '../../src/packet/index.ts'
import { Tcp } from '../../src/tcp/index.ts'
import { Udp, type UdpBinding } from '../../src/udp/index.ts'
import { captureOnFailure } from '../support/capture-on-failure.ts'
import { StaticNeighbors } from '../support/static-neighbors.ts'
import { Collector, Recorder } from '../support/virtual-hosts.ts'

const A = IpAddress.parse('fd00::1')
const B = IpAddress.parse('fd00::2')

function setUp(port: VirtualPortOptions = {}, seed = 1) {
  const clock = new VirtualClock()
  const random = new SeededRandom(seed)
  const memory = new PacketMemory({ smallSlots: 2048, largeSlots: 64, debug: true })
  const network = captureOnFailure(new VirtualNetwork({ clock, random, memory }))
  const host = (address: IpAddress) => {
    const netif = network.port(port)
    const ethernet = new Ethernet(netif)
    const ipv6 = new Ipv6(ethernet, { cidr: `${address}/64`, clock, random })
    const neighbors = new StaticNeighbors(ipv6)
    ipv6.setNeighborResolver(neighbors)
    const icmp = new Icmpv6(ipv6, { clock, random })
    return { netif, ipv6, neighbors, icmp, udp: new Udp([ipv6], random), tcp: new Tcp([ipv6], { clock, random }) }
  }
  const a = host(A)
  const b = host(B)
  a.neighbors.add(B.toString(), b.netif.mac.toString())
  b.neighbors.add(A.toString(), a.netif.mac.toString())
  return { clock, memory, a, b }
}

class Pings implements EchoHandler {
  readonly sizes: number[] = []
  readonly failures: (IpErrorKind | null)[] = []
  echoReply(_request: EchoRequest, packet: PacketBuffer): void {
    this.sizes.push(packet.payloadEnd - packet.payload)
  }
  echoFailed(_request: EchoRequest, kind: IpErrorKind | null): void {
    this.failures.push(kind)
  }
}

const bytes = (length: number) => Buffer.from(Uint8Array.from({ length }, (_, i) => (i * 31) >>> 3))

describe.each<[string, VirtualPortOptions]>([
  ['with offload', { offload: true }],
  ['without offload', { offload: false }],
])('two hosts, %s', (_, port) => {
  test('ping each other, with 60,000 bytes too, and hear that a neighbour is not there', () => {
    const { clock, memory, a } = setUp({ ...port, latency: MILLISECOND })
    const pings = new Pings()
    for (const size of [0, 56, 1452, 1453, 60_000]) a.icmp.ping(B, pings, { size })
    clock.advance(SECOND)
    expect(pings.sizes).toEqual([0, 56, 1452, 1453, 60_000])
    expect(a.icmp.ping(IpAddress.parse('fd00::3'), pings)).toBeTypeOf('object')
    expect(a.icmp.ping(IpAddress.parse('2001:db8::1'), pings)).toBe('ENETUNREACH')
    expect(pings.failures).toEqual([IpErrorKind.HostUnreachable])
    expect(memory.inUse).toBe(0)
  })

  test('exchange datagrams of up to 65,507 bytes, and errors', () => {
    const { clock, memory, a, b } = setUp({ ...port, latency: MILLISECOND })
    const heard: (Buffer | string)[] = []
    const dataOf = (packet: PacketBuffer) => Buffer.from(memory.bytes.slice(packet.payload, packet.payloadEnd))
    const server = b.udp.bind(
      { datagram: (packet, from) => void server.reply(packet, from, dataOf(packet)), error: () => {} },
      { port: 7 },
    ) as UdpBinding
    const client = a.udp.bind(
      { datagram: (packet) => void heard.push(dataOf(packet)), error: (kind) => void heard.push(`error ${kind}`) },
      { remote: { address: B, port: 7 } },
    ) as UdpBinding
    const sent = [bytes(1), bytes(1452), bytes(1453), bytes(60_000), bytes(65_507)]
    for (const data of sent) {
      expect(client.send(data)).toBeNull()
      a.udp.flush()
      clock.advance(SECOND)
    }
    expect(heard).toEqual(sent)
    server.close()
    client.send(bytes(3000))
    a.udp.flush()
    clock.advance(SECOND)
    expect(heard.at(-1)).toBe(`error ${IpErrorKind.PortUnreachable}`)
    expect(memory.inUse).toBe(0)
  })

  test('carry a TCP connection with data both ways, and refuse one', () => {
    const { clock, memory, a, b } = setUp({ ...port, latency: MILLISECOND })
    const data = bytes(500_000)
    const collector = new Collector()
    collector.onAccept = (connection) => {
      connection.write(data, null)
      connection.shutdownWrite()
    }
    b.tcp.listen(null, 80, 16, collector)
    const client = new Recorder()
    const connection = a.tcp.connect({ remote: B, port: 80, user: client })
    clock.advance(SECOND)
    connection.write(data, null)
    connection.shutdownWrite()
    clock.advance(10 * SECOND)
    expect(client.data.equals(data)).toBe(true)
    expect(collector.recorders[0].data.equals(data)).toBe(true)
    expect(a.neighbors.confirmed.length).toBeGreaterThan(0)
    const refused = new Recorder()
    a.tcp.connect({ remote: B, port: 81, user: refused })
    clock.advance(SECOND)
    expect(refused.error).toBe('ECONNREFUSED')
    clock.advance(120 * SECOND)
    expect(memory.inUse).toBe(0)
    expect(a.ipv6.counters.packetsFragmented).toBe(0)
  })

  test('lose and reorder fragments and segments, and what arrives is whole', () => {
    const { clock, memory, a, b } = setUp({ ...port, latency: MILLISECOND, loss: 0.02, reordering: 0.05 }, 7)
    const data = bytes(200_000)
    const collector = new Collector()
    b.tcp.listen(null, 80, 16, collector)
    const connection = a.tcp.connect({ remote: B, port: 80, user: new Recorder() })
    clock.advance(SECOND)
    connection.write(data, null)
    connection.shutdownWrite()
    const pings = new Pings()
    for (let i = 0; i < 50; i++) {
      a.icmp.ping(B, pings, { size: 8000 })
      clock.advance(SECOND)
    }
    expect(collector.recorders[0].data.equals(data)).toBe(true)
    expect(pings.sizes.length).toBeGreaterThan(20)
    expect(new Set(pings.sizes)).toEqual(new Set([8000]))
    clock.advance(200 * SECOND)
    expect([a.ipv6.reassemblyKept, b.ipv6.reassemblyKept]).toEqual([0, 0])
    connection.abort()
    clock.advance(200 * SECOND)
    for (const one of collector.connections) one.abort()
    clock.advance(SECOND)
    expect(memory.inUse).toBe(0)
  })
})
