/** Clients and servers on a virtual network: every frame is there, from ARP to DHCP, and none of it is scripted. */
import { describe, expect, test } from 'vitest'
import { captureOnFailure } from '../../../test/support/capture-on-failure.ts'
import { IpAddress, IpPrefix, MacAddress } from '../../address/index.ts'
import { Arp, SHORT_PROBE_TIMES } from '../../arp/index.ts'
import { MINUTE, SECOND, SeededRandom, VirtualClock } from '../../clock/index.ts'
import { Ethernet } from '../../ethernet/index.ts'
import { Ipv4 } from '../../ipv4/index.ts'
import { VirtualNetwork, type VirtualPortOptions } from '../../netif/index.ts'
import { type PacketBuffer, PacketMemory } from '../../packet/index.ts'
import { Udp, type UdpBinding } from '../../udp/index.ts'
import { AddressPool } from './address-pool.ts'
import { ArpProber } from './arp-prober.ts'
import { buildMessage } from './build-message.ts'
import { Dhcpv4Client } from './client.ts'
import type { Dhcpv4ClientOptions } from './client-interface.ts'
import { MessageType } from './codes.ts'
import { inquire } from './inquiry.ts'
import type { Dhcpv4Lease } from './lease.ts'
import { type Message, newMessage } from './message.ts'
import { parseMessage } from './parse-message.ts'
import { Dhcpv4Server, type Dhcpv4ServerOptions } from './server.ts'
import { UdpDhcpv4Transport } from './udp-transport.ts'

const ip = (text: string) => IpAddress.parse(text)
const HOUR = 60 * MINUTE

class Link {
  readonly clock = new VirtualClock()
  readonly random: SeededRandom
  readonly memory = new PacketMemory({ smallSlots: 512, largeSlots: 8, debug: true })
  readonly network: VirtualNetwork

  constructor(seed = 1) {
    this.random = new SeededRandom(seed)
    this.network = captureOnFailure(new VirtualNetwork({ clock: this.clock, random: this.random, memory: this.memory }))
  }

  host(cidr?: string, port: VirtualPortOptions = {}) {
    const ethernet = new Ethernet(this.network.port(port))
    const arp = new Arp(ethernet, this.clock, this.random)
    const ipv4 = new Ipv4(ethernet, arp, { cidr, clock: this.clock, random: this.random })
    return { ethernet, arp, ipv4, udp: new Udp([ipv4], this.random) }
  }

  server(options: Partial<Dhcpv4ServerOptions> = {}, cidr = '10.0.0.1/24') {
    const host = this.host(cidr)
    const pool: [IpAddress, IpAddress] = [ip('10.0.0.50'), ip('10.0.0.59')]
    const server = new Dhcpv4Server({ ...host, clock: this.clock, address: IpPrefix.parse(cidr), pool, ...options })
    server.start()
    return { ...host, server }
  }

  /** Takes what it is given into use, as a stack does. */
  client(options: Partial<Dhcpv4ClientOptions> = {}, port: VirtualPortOptions = {}) {
    const host = this.host(undefined, port)
    const events: string[] = []
    const client: Dhcpv4Client = new Dhcpv4Client({
      transport: new UdpDhcpv4Transport(host.ipv4, host.udp),
      clock: this.clock,
      random: this.random,
      mac: host.ethernet.mac,
      prober: new ArpProber(host.arp),
      events: {
        bound: ({ address }: Dhcpv4Lease) => {
          events.push(`bound ${address}`)
          host.ipv4.addAddress(address, { defense: 'defend', lost: () => client.decline() })
        },
        renewed: () => events.push('renewed'),
        rebound: ({ serverId }) => events.push(`rebound by ${serverId}`),
        expired: ({ address }, reason) => {
          events.push(`expired ${reason}`)
          host.ipv4.removeAddress(address.address)
        },
        declined: (address) => events.push(`declined ${address}`),
      },
      ...options,
    })
    return { ...host, client, events }
  }

  end(...clients: { client: Dhcpv4Client }[]): void {
    for (const { client } of clients) client.stop()
    this.clock.advance(10 * SECOND)
    expect(this.memory.inUse).toBe(0)
  }
}

describe('a client and a server', () => {
  test.each([false, true])(
    'bound within eight seconds, most of them for conflict detection; answers by broadcast: %s',
    (broadcast) => {
      const link = new Link()
      const { server } = link.server()
      const host = link.client({ broadcast })
      host.client.start()
      link.clock.advance(8 * SECOND)
      expect(host.events).toEqual(['bound 10.0.0.50/24'])
      expect(host.ipv4.addresses.map(String)).toEqual(['10.0.0.50/24'])
      expect(host.arp.counters).toMatchObject({ probesSent: 3, probeConflicts: 0 })
      expect(server.counters).toMatchObject({ offers: 1, acknowledgments: 1, malformed: 0 })
      link.end(host)
    },
  )

  test('a lease of five seconds is probed in less than that', () => {
    const link = new Link()
    const { server } = link.server({ leaseTime: 5 })
    const host = link.client()
    host.client.start()
    link.clock.advance(60 * SECOND)
    expect(host.events[0]).toBe('bound 10.0.0.50/24')
    expect(new Set(host.events.slice(1))).toEqual(new Set(['renewed']))
    expect(server.counters.offers).toBe(1)
    link.end(host)
  })

  test('with rapid commit and short probes in half a second', () => {
    const link = new Link()
    link.server({ rapidCommit: true })
    const host = link.host()
    const events: string[] = []
    const client = new Dhcpv4Client({
      transport: new UdpDhcpv4Transport(host.ipv4, host.udp),
      clock: link.clock,
      random: link.random,
      mac: host.ethernet.mac,
      prober: new ArpProber(host.arp, SHORT_PROBE_TIMES),
      events: { bound: () => events.push('bound'), renewed() {}, rebound() {}, expired() {}, declined() {} },
    })
    client.start()
    link.clock.advance(SECOND / 2)
    expect(events).toEqual(['bound'])
    link.end({ client })
  })

  test('a day: renewed by unicast each half hour, without a broadcast', () => {
    const link = new Link()
    const { server, ipv4 } = link.server()
    const host = link.client()
    host.client.start()
    link.clock.advance(24 * HOUR)
    expect(host.events.slice(1)).toEqual(new Array(host.events.length - 1).fill('renewed'))
    expect(host.events.length).toBeGreaterThan(47)
    expect(server.counters).toMatchObject({ offers: 1, refusals: 0 })
    // The first two; all others find the way by ARP.
    expect(host.client.counters.sent).toBe(host.events.length + 1)
    expect(ipv4.counters.invalidSource).toBe(0)
    link.end(host)
  })

  test('over a link that loses every third frame', () => {
    for (let seed = 1; seed <= 10; seed++) {
      const link = new Link(seed)
      link.server()
      const host = link.client({}, { loss: 0.33 })
      host.client.start()
      link.clock.advance(10 * MINUTE)
      expect(host.events[0]).toMatch(/^bound/)
      link.end(host)
    }
  })

  test('rebound by the other server when the first is gone, expired when both are, bound again when one returns', () => {
    const link = new Link()
    const first = link.server()
    const second = link.server({ authoritative: false }, '10.0.0.2/24')
    const host = link.client()
    host.client.start()
    link.clock.advance(MINUTE)
    const asked = [first, second].find(({ server }) => server.counters.acknowledgments === 1)!
    const other = asked === first ? second : first
    asked.server.stop()
    other.server.stop()
    const adopting = link.server({}, '10.0.0.3/24')
    link.clock.advance(HOUR)
    expect(host.events).toContain('rebound by 10.0.0.3')
    adopting.server.stop()
    link.clock.advance(2 * HOUR)
    expect(host.events.at(-1)).toBe('expired expired')
    expect(host.ipv4.addresses).toEqual([])
    adopting.server.start()
    link.clock.advance(2 * MINUTE)
    expect(host.events.at(-1)).toMatch(/^bound/)
    link.end(host)
  })

  test('an address that another host has is declined, and the next one is better', () => {
    const link = new Link()
    const { server } = link.server()
    link.host('10.0.0.50/24')
    const host = link.client()
    host.client.start()
    link.clock.advance(30 * SECOND)
    expect(host.events).toEqual(['declined 10.0.0.50', 'bound 10.0.0.51/24'])
    expect(server.counters.declines).toBe(1)
    link.end(host)
  })

  test('a host that takes our address later: defended once, then declined', () => {
    const link = new Link()
    link.server()
    const host = link.client()
    host.client.start()
    link.clock.advance(MINUTE)
    link.host('10.0.0.50/24')
    link.clock.advance(MINUTE)
    expect(host.events).toEqual(['bound 10.0.0.50/24', 'expired conflict', 'declined 10.0.0.50', 'bound 10.0.0.51/24'])
    expect(host.arp.counters).toMatchObject({ defenses: 1, addressesLost: 1 })
    link.end(host)
  })

  test('a remembered address of another network is refused, and a new one follows at once', async () => {
    const link = new Link()
    const { server } = link.server()
    const store = { load: () => '{"address":"192.168.7.7/24","server":"192.168.7.1","expires":null}', save() {} }
    const host = link.client({ store })
    host.client.start()
    await new Promise((resolve) => setImmediate(resolve))
    link.clock.advance(8 * SECOND)
    expect(host.events).toEqual(['bound 10.0.0.50/24'])
    expect(server.counters.refusals).toBe(1)
    link.end(host)
  })

  test('a server gives an address that was released to others, in the end', () => {
    const link = new Link()
    const { server } = link.server({ pool: [ip('10.0.0.50'), ip('10.0.0.50')] })
    const [one, two] = [link.client(), link.client()]
    one.client.start()
    link.clock.advance(10 * SECOND)
    two.client.start()
    link.clock.advance(10 * SECOND)
    expect(two.events).toEqual([])
    expect(server.counters.exhausted).toBeGreaterThan(0)
    one.client.release()
    link.clock.advance(70 * SECOND)
    expect(server.counters.releases).toBe(1)
    expect(two.events).toEqual(['bound 10.0.0.50/24'])
    link.end(two)
  })

  test('twenty clients at once: each has an address of its own, and the lot stays within its pool', () => {
    const link = new Link()
    const { server } = link.server({ pool: [ip('10.0.0.50'), ip('10.0.0.63')] })
    const clients = Array.from({ length: 20 }, () => link.client())
    for (const { client } of clients) client.start()
    link.clock.advance(2 * MINUTE)
    const addresses = clients.flatMap(({ ipv4 }) => ipv4.addresses.map(String))
    expect(addresses).toHaveLength(14)
    expect(new Set(addresses).size).toBe(14)
    expect(server.counters.exhausted).toBeGreaterThan(0)
    link.end(...clients)
  })
})

test('ports that somebody else has are named', () => {
  const link = new Link()
  const { ipv4, udp } = link.host('10.0.0.1/24')
  const receiver = { datagram() {}, error() {} }
  udp.bind(receiver, { port: 67 })
  udp.bind(receiver, { port: 68 })
  const pool: [IpAddress, IpAddress] = [ip('10.0.0.50'), ip('10.0.0.59')]
  const server = new Dhcpv4Server({ ipv4, udp, clock: link.clock, address: IpPrefix.parse('10.0.0.1/24'), pool })
  expect(() => server.start()).toThrow('UDP port 67, which a DHCP server needs: EADDRINUSE')
  const transport = new UdpDhcpv4Transport(ipv4, udp)
  expect(() => transport.open({ receiveDatagram() {} })).toThrow('UDP port 68, which DHCP needs: EADDRINUSE')
  // Messages without a port are lost, as on any network.
  transport.broadcast(new Uint8Array(300))
  transport.send(new Uint8Array(300), ip('10.0.0.1'), ip('10.0.0.2'))
  link.end()
})

describe('behind a relay agent (RFC 2131, section 4.1)', () => {
  test.each([
    [MessageType.Discover, null, 'offer', false],
    [MessageType.Request, '192.168.7.7', 'refusal', true],
  ] as const)('message %i for %s: the answer goes to the agent, %s', (type, requested, _name, broadcast) => {
    const link = new Link()
    link.server()
    const relay = link.host('10.0.0.2/24')
    const heard: Message[] = []
    const receiver = {
      datagram(packet: PacketBuffer, port: number): void {
        expect(port).toBe(67)
        heard.push(parseMessage(packet.memory.bytes.slice(packet.payload, packet.payloadEnd))!)
      },
      error() {},
    }
    const binding = relay.udp.bind(receiver, { port: 67 }) as UdpBinding
    const requestedAddress = requested === null ? null : ip(requested)
    const fields = { transactionId: 7, relayAddress: ip('10.0.0.2'), hardwareAddress: link.host().ethernet.mac }
    const message = newMessage(fields, { type, requestedAddress, clientId: Uint8Array.of(1, 2, 3) })
    binding.send(buildMessage(message), ip('10.0.0.1'), 67)
    link.clock.advance(SECOND)
    expect(heard).toHaveLength(1)
    expect(heard[0]).toMatchObject({ ...fields, broadcast })
    expect(heard[0].options).toMatchObject({ clientId: Uint8Array.of(1, 2, 3), serverId: ip('10.0.0.1') })
    link.end()
  })

  test('a refusal on the link is broadcast without saying so', () => {
    const link = new Link()
    link.server()
    const client = link.host()
    const heard: Message[] = []
    const receiver = {
      datagram: (packet: PacketBuffer) =>
        heard.push(parseMessage(packet.memory.bytes.slice(packet.payload, packet.payloadEnd))!),
      error() {},
    }
    const binding = client.udp.bind(receiver, { port: 68, broadcast: true }) as UdpBinding
    const options = { type: MessageType.Request, requestedAddress: ip('192.168.7.7') }
    const message = newMessage({ hardwareAddress: client.ethernet.mac }, options)
    const path = client.ipv4.linkPath(IpAddress.ANY_V4, IpAddress.BROADCAST_V4, MacAddress.BROADCAST)
    binding.sendOver(path, 67, buildMessage(message))
    client.ipv4.flush()
    link.clock.advance(SECOND)
    expect(heard[0]).toMatchObject({ broadcast: false, options: { type: MessageType.Nak } })
    link.end()
  })
})

describe('an inquiry', () => {
  const ask = (link: Link, timeout = 10 * SECOND) => {
    const { ipv4, udp, ethernet } = link.host()
    const transport = new UdpDhcpv4Transport(ipv4, udp)
    const { clock, random } = link
    return clock.settle(inquire({ transport, clock, random, mac: ethernet.mac, timeout }))
  }

  test('shows what each server offers, a second after the first one, and takes nothing', async () => {
    const link = new Link()
    const one = link.server({ leaseTime: 60 })
    link.server({ pool: [ip('10.0.0.70'), ip('10.0.0.79')] }, '10.0.0.2/24')
    const offers = await ask(link)
    expect(offers.map(({ server, address, isUsable }) => `${server} ${address} ${isUsable}`).sort()).toEqual([
      '10.0.0.1 10.0.0.50 true',
      '10.0.0.2 10.0.0.70 true',
    ])
    expect(link.clock.now()).toBeLessThan(2 * SECOND)
    expect(one.server.counters.acknowledgments).toBe(0)
    link.end()
  })

  test('asks again each two seconds, and gives up in time', async () => {
    const link = new Link()
    const heard: number[] = []
    const { udp } = link.host('10.0.0.1/24')
    udp.bind({ datagram: () => heard.push(link.clock.now()), error() {} }, { port: 67, broadcast: true })
    expect(await ask(link, 5 * SECOND)).toEqual([])
    expect(link.clock.now()).toBe(5 * SECOND)
    expect(heard.map((at) => Math.round(at / SECOND))).toEqual([0, 2, 4])
    link.end()
  })
})

describe('a pool', () => {
  const pool = (clock = new VirtualClock()) => new AddressPool(clock, ip('10.0.0.50'), ip('10.0.0.52'))

  test('gives what is wanted if it is free, and always the same to one client', () => {
    const some = pool()
    expect(`${some.offer('a', ip('10.0.0.52'))}`).toBe('10.0.0.52')
    expect(`${some.offer('b', ip('10.0.0.52'))}`).toBe('10.0.0.50')
    expect(`${some.offer('c', ip('192.168.0.1'))}`).toBe('10.0.0.51')
    expect(some.offer('d', null)).toBe(null)
    expect(`${some.offer('a', ip('10.0.0.50'))}`).toBe('10.0.0.52')
    some.lease('a', ip('10.0.0.52'), 3600)
    expect(some.isFreeFor('a', ip('10.0.0.52'))).toBe(true)
    expect(some.isFreeFor('b', ip('10.0.0.52'))).toBe(false)
  })

  test('takes back offers after a minute, leases at their end, declined addresses after ten minutes', () => {
    const clock = new VirtualClock()
    const some = new AddressPool(clock, ip('10.0.0.50'), ip('10.0.0.50'))
    some.offer('a', null)
    clock.advance(59 * SECOND)
    expect(some.offer('b', null)).toBe(null)
    clock.advance(SECOND)
    expect(some.offer('b', null)).not.toBe(null)
    some.lease('b', ip('10.0.0.50'), 3600)
    clock.advance(3599 * SECOND)
    expect(some.isLeased('b')).toBe(true)
    expect(some.offer('c', null)).toBe(null)
    clock.advance(SECOND)
    expect(some.offer('c', null)).not.toBe(null)
    some.decline('c')
    clock.advance(599 * SECOND)
    expect(some.offer('c', null)).toBe(null)
    clock.advance(SECOND)
    expect(some.offer('c', null)).not.toBe(null)
  })

  test('is not larger than 65,536, nor empty', () => {
    const clock = new VirtualClock()
    expect(() => new AddressPool(clock, ip('10.0.0.50'), ip('10.0.0.49'))).toThrow('pool')
    expect(() => new AddressPool(clock, ip('10.0.0.0'), ip('10.1.0.0'))).toThrow('pool')
    expect(() => new AddressPool(clock, ip('127.255.255.255'), ip('128.0.0.5'))).not.toThrow()
  })
})
