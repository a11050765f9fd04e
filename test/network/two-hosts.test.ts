/** Two hosts on a virtual network, from ARP to UDP, in virtual time. */
import { describe, expect, test } from 'vitest'
import { IpAddress } from '../../src/address/index.ts'
import { Arp } from '../../src/arp/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { Ethernet } from '../../src/ethernet/index.ts'
import { type EchoHandler, type EchoRequest, Icmp } from '../../src/icmp/index.ts'
import { IpErrorKind } from '../../src/ip/index.ts'
import { Ipv4 } from '../../src/ipv4/index.ts'
import { VirtualNetwork, type VirtualPortOptions } from '../../src/netif/index.ts'
import { type PacketBuffer, PacketMemory } from '../../src/packet/index.ts'
import { Udp, type UdpBinding } from '../../src/udp/index.ts'
import { captureOnFailure } from '../support/capture-on-failure.ts'

function setUp(port: VirtualPortOptions = {}, seed = 1) {
  const clock = new VirtualClock()
  const random = new SeededRandom(seed)
  const memory = new PacketMemory({ smallSlots: 512, largeSlots: 8, debug: true })
  const network = captureOnFailure(new VirtualNetwork({ clock, random, memory }))
  const host = (cidr: string) => {
    const netif = network.port(port)
    const ethernet = new Ethernet(netif)
    const arp = new Arp(ethernet, clock, random, { announce: false })
    const ipv4 = new Ipv4(ethernet, arp, { cidr, clock, random })
    const icmp = new Icmp(ipv4, { clock, random })
    const udp = new Udp([ipv4], random)
    return { netif, ethernet, arp, ipv4, icmp, udp }
  }
  return { clock, memory, a: host('10.0.0.1/24'), b: host('10.0.0.2/24') }
}

class Pings implements EchoHandler {
  readonly roundTrips: number[] = []
  readonly failures: (IpErrorKind | null)[] = []
  echoReply(request: EchoRequest): void {
    this.roundTrips.push(request.roundTrip)
  }
  echoFailed(_request: EchoRequest, kind: IpErrorKind | null): void {
    this.failures.push(kind)
  }
}

const B = IpAddress.parse('10.0.0.2')

describe('two hosts', () => {
  test.each<[string, VirtualPortOptions]>([
    ['with offload', { offload: true }],
    ['without', { offload: false }],
  ])('ping each other and exchange datagrams, %s', (_, port) => {
    const { clock, memory, a, b } = setUp({ ...port, latency: 5 * MILLISECOND })
    const pings = new Pings()
    a.icmp.ping(B, pings, { size: 1472 })
    clock.advance(SECOND)
    // The first waits for ARP, a round trip of its own.
    a.icmp.ping(B, pings)
    clock.advance(SECOND)
    expect(pings.roundTrips).toEqual([40 * MILLISECOND, 20 * MILLISECOND])

    const heard: string[] = []
    const textOf = (packet: PacketBuffer) =>
      Buffer.from(memory.bytes.slice(packet.payload, packet.payloadEnd)).toString()
    const server = b.udp.bind(
      {
        datagram: (packet, port) => server.reply(packet, port, Buffer.from(textOf(packet).toUpperCase())),
        error: () => {},
      },
      { port: 7 },
    ) as UdpBinding
    const client = a.udp.bind(
      { datagram: (packet) => heard.push(textOf(packet)), error: (kind) => heard.push(`error ${kind}`) },
      { remote: { address: B, port: 7 } },
    ) as UdpBinding
    expect(client.send(Buffer.from('hello'))).toBeNull()
    a.udp.flush()
    clock.advance(SECOND)
    server.close()
    client.send(Buffer.from('hello?'))
    a.udp.flush()
    clock.advance(SECOND)
    expect(heard).toEqual(['HELLO', `error ${IpErrorKind.PortUnreachable}`])
    clock.advance(60 * SECOND)
    expect(memory.inUse).toBe(0)
  })

  test('ping over a link that loses a fifth of all frames: about as many answers as both ways let through', () => {
    const { clock, memory, a } = setUp({ loss: 0.1, latency: MILLISECOND }, 7)
    const pings = new Pings()
    for (let i = 0; i < 1000; i++) {
      a.icmp.ping(B, pings, { timeout: SECOND })
      clock.advance(100 * MILLISECOND)
    }
    clock.advance(60 * SECOND)
    // Each way crosses two links: 0.9 to the fourth is 0.656.
    expect(pings.roundTrips.length).toBeGreaterThan(580)
    expect(pings.roundTrips.length).toBeLessThan(730)
    expect(pings.roundTrips.length + pings.failures.length).toBe(1000)
    expect(memory.inUse).toBe(0)
  })

  test('corrupted frames reach no application', () => {
    const { clock, memory, a, b } = setUp({ corruption: 0.2 }, 3)
    const pings = new Pings()
    for (let i = 0; i < 500; i++) {
      a.icmp.ping(B, pings, { timeout: SECOND })
      clock.advance(100 * MILLISECOND)
    }
    clock.advance(60 * SECOND)
    expect(pings.roundTrips.length).toBeGreaterThan(100)
    const dropped = [a, b].flatMap(({ ipv4, icmp }) => [ipv4.counters.headerChecksum, icmp.counters.checksum])
    expect(dropped.every((count) => count > 0)).toBe(true)
    // Two changes can cancel each other out in the sum; the comparison of the data finds those, and they are few.
    expect(a.icmp.counters.echoRepliesAltered).toBeLessThan(10)
    expect(memory.inUse).toBe(0)
  })

  test('a pulled cable: pings fail as unreachable once the neighbour is known to be gone', () => {
    const { clock, memory, a, b } = setUp()
    const pings = new Pings()
    a.icmp.ping(B, pings)
    clock.advance(SECOND)
    b.netif.up = false
    clock.advance(60 * SECOND)
    for (let i = 0; i < 20; i++) {
      a.icmp.ping(B, pings, { timeout: 30 * SECOND })
      clock.advance(SECOND)
    }
    clock.advance(60 * SECOND)
    expect(pings.roundTrips).toHaveLength(1)
    expect(pings.failures).toHaveLength(20)
    // Those that were sent while the old address was still believed time out.
    expect(pings.failures.filter((kind) => kind === IpErrorKind.HostUnreachable).length).toBeGreaterThan(5)
    b.netif.up = true
    a.icmp.ping(B, pings)
    clock.advance(SECOND)
    expect(pings.roundTrips).toHaveLength(2)
    clock.advance(60 * SECOND)
    expect(memory.inUse).toBe(0)
  })

  test('the same seed gives the same counters', () => {
    const run = () => {
      const { clock, a, b } = setUp({ loss: 0.1, duplication: 0.1, corruption: 0.05 }, 11)
      const pings = new Pings()
      for (let i = 0; i < 200; i++) {
        a.icmp.ping(B, pings, { timeout: SECOND })
        clock.advance(50 * MILLISECOND)
      }
      clock.advance(10 * SECOND)
      return [a, b].map(({ arp, ipv4, icmp, ethernet, netif }) => [
        arp.counters,
        ipv4.counters,
        icmp.counters,
        ethernet.counters,
        netif.counters,
      ])
    }
    expect(run()).toEqual(run())
  })
})
