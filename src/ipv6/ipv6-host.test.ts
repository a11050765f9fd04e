import { describe, expect, test } from 'vitest'
import { prefixOption, redirect, routeOption, routerAdvertisement } from '../../test/support/neighbor-discovery-host.ts'
import { IpAddress, IpPrefix, MacAddress } from '../address/index.ts'
import { SECOND, SeededRandom, VirtualClock } from '../clock/index.ts'
import { Ethernet } from '../ethernet/index.ts'
import { VirtualNetwork } from '../netif/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { Ipv6 } from './ipv6.ts'
import { type AddressEventType, Ipv6Host, type Ipv6HostOptions } from './ipv6-host.ts'
import { AddressState } from './neighbor-discovery/index.ts'

const ip = (text: string) => IpAddress.parse(text)

/** Hosts on one link, in virtual time. */
class Link {
  readonly clock = new VirtualClock()
  readonly memory = new PacketMemory({ smallSlots: 512, largeSlots: 8, debug: true })
  readonly random = new SeededRandom(1)
  readonly network = new VirtualNetwork({ clock: this.clock, random: this.random, memory: this.memory })

  host(options: Ipv6HostOptions = {}, mac?: string) {
    const { clock, random } = this
    const netif = this.network.port(mac === undefined ? {} : { mac: MacAddress.parse(mac) })
    const ethernet = new Ethernet(netif)
    const host = new Ipv6Host(new Ipv6(ethernet, { clock, random }), options)
    const events: string[] = []
    host.onAddress((type: AddressEventType, prefix: IpPrefix) => events.push(`${type} ${prefix.address}`))
    return { host, events, ethernet }
  }

  /** A message of a router to all nodes. */
  receive(host: Ipv6Host, message: number[], router: string): void {
    const packet = this.memory.allocate(message.length)!
    packet.end = packet.start + message.length
    this.memory.bytes.set(message, packet.start)
    const { word0, word1, word2, word3 } = ip(router)
    packet.source0 = word0
    packet.source1 = word1
    packet.source2 = word2
    packet.source3 = word3
    packet.destination0 = 0xff02_0000 | 0
    packet.destination1 = packet.destination2 = 0
    packet.destination3 = 1
    packet.hopLimit = 255
    packet.multicast = packet.linkMulticast = true
    host.discovery.messages.receiveControl(packet, message[0])
    packet.release()
  }
}

describe('a host', () => {
  test('has a link-local address and the one that was given, once both have been checked', () => {
    const link = new Link()
    const { host, events } = link.host({ cidr: 'fd00::2/64', gateway: 'fd00::1' })
    host.start()
    expect(host.isChecking).toBe(true)
    expect(host.ipv6.addresses).toEqual([])
    expect(host.ipv6.routes).toEqual([])
    link.clock.advance(3 * SECOND)
    expect(host.isChecking).toBe(false)
    expect(new Set(events)).toEqual(new Set([`added ${host.linkLocal}`, 'added fd00::2']))
    expect(host.ipv6.nextHop(ip('fd00::9'))?.toString()).toBe('fd00::9')
    expect(host.ipv6.nextHop(ip('2001:db8::1'))?.toString()).toBe('fd00::1')
    host.close()
    expect([link.clock.armedTimers, link.memory.inUse]).toEqual([0, 0])
    expect(events).toHaveLength(2)
  })

  test('does not use an address that another has, and says so', () => {
    const link = new Link()
    const first = link.host({ cidr: 'fd00::2/64' })
    first.host.start()
    link.clock.advance(3 * SECOND)
    const second = link.host({ cidr: 'fd00::2/64', gateway: 'fd00::1' })
    second.host.start()
    link.clock.advance(3 * SECOND)
    expect(second.events).toEqual(expect.arrayContaining(['dadFailed fd00::2']))
    expect(second.host.isChecking).toBe(false)
    expect(second.host.ipv6.addresses.map(String)).toEqual([`${second.host.linkLocal}/64`])
    expect(second.host.ipv6.routes).toEqual([])
    expect(second.host.addresses.find(({ origin }) => origin === 'static')?.state).toBe(AddressState.Duplicate)
    expect(first.events).not.toContain('removed fd00::2')
  })

  test('has the same stable addresses with the same secret, others with another, and EUI-64 ones if asked', () => {
    const linkLocal = (options: Ipv6HostOptions, mac: string) => {
      const link = new Link()
      const { host } = link.host({ detectionTransmits: 0, ...options }, mac)
      host.start()
      return `${host.linkLocal}`
    }
    const secret = Uint8Array.from({ length: 16 }, (_, i) => i)
    const stable = { stableSecret: secret, interfaceName: 'tap0' }
    expect(linkLocal(stable, '02:00:00:00:00:01')).toBe(linkLocal(stable, '02:00:00:00:00:02'))
    const other = { ...stable, stableSecret: secret.map((byte) => byte + 1) }
    expect(linkLocal(stable, '02:00:00:00:00:01')).not.toBe(linkLocal(other, '02:00:00:00:00:01'))
    expect(linkLocal({ identifiers: 'eui64' }, '02:00:00:00:00:01')).toBe('fe80::ff:fe00:1')
  })

  test('tells routers of the groups of its addresses', () => {
    const link = new Link()
    const { host } = link.host({ cidr: 'fd00::2/64' })
    host.start()
    expect(host.multicast.isJoined(ip('ff02::1:ff00:2'))).toBe(true)
    link.clock.advance(5 * SECOND)
    expect(host.multicast.counters.reportsSent).toBeGreaterThan(1)
    host.ipv6.joinGroup(ip('ff05::1234'))
    expect(host.multicast.isJoined(ip('ff05::1234'))).toBe(true)
    host.ipv6.leaveGroup(ip('ff05::1234'))
    expect(host.multicast.isJoined(ip('ff05::1234'))).toBe(false)
  })

  test('with two routers takes the address that the first hop of a packet advertises: rule 5.5 of RFC 6724', () => {
    const link = new Link()
    const { host } = link.host({ detectionTransmits: 0 })
    host.start()
    const advertise = (router: string, prefix: string, preference: number) => {
      const message = routerAdvertisement({ preference }, prefixOption(prefix, 3600, 3600, 0x40))
      link.receive(host, message, router)
    }
    advertise('fe80::1', '2001:db8:1::/64', 0)
    advertise('fe80::2', '2001:db8:2::/64', 1)
    const source = () => {
      const path = host.ipv6.path(ip('2001:db8:1::99'))
      return typeof path === 'string' ? path : `${path.source}`
    }
    expect(host.ipv6.nextHop(ip('2001:db8:1::99'))?.toString()).toBe('fe80::2')
    // The longest match (rule 8) would have it the other way round.
    expect(source()).toMatch(/^2001:db8:2:/)
    link.receive(host, routerAdvertisement({ lifetime: 0 }), 'fe80::2')
    expect(source()).toMatch(/^2001:db8:1:/)
  })

  test('prefers what is on the link to the gateway that was given, the gateway to routers, and follows its redirects', () => {
    const link = new Link()
    const { host } = link.host({ cidr: 'fd00::2/64', gateway: 'fe80::1', detectionTransmits: 0 })
    host.start()
    const hop = (to: string) => `${host.ipv6.nextHop(ip(to))}`
    const options = [prefixOption('2001:db8:1::/64', 3600, 3600), routeOption('2001:db8:5::/48', 600)]
    link.receive(host, routerAdvertisement({}, ...options), 'fe80::2')
    expect(hop('2001:db8:1::9')).toBe('2001:db8:1::9')
    expect(hop('2001:db8:5::9')).toBe('fe80::2')
    expect(hop('2001:db8:9::9')).toBe('fe80::1')
    // RFC 4861, 8.1: only the present first hop may redirect.
    link.receive(host, redirect('2001:db8:9::9', 'fe80::7'), 'fe80::2')
    expect(hop('2001:db8:9::9')).toBe('fe80::1')
    link.receive(host, redirect('2001:db8:9::9', 'fe80::7'), 'fe80::1')
    expect(hop('2001:db8:9::9')).toBe('fe80::7')
    // A route that a person adds counts before one of a router that is as long.
    host.ipv6.addRoute(IpPrefix.parse('2001:db8:5::/48'), ip('fd00::5'))
    expect(hop('2001:db8:5::9')).toBe('fd00::5')
  })

  test('tells neighbours of another MAC address', () => {
    const link = new Link()
    const { host, ethernet } = link.host({ cidr: 'fd00::2/64', gateway: 'fd00::1', detectionTransmits: 0 })
    const peer = link.host({ cidr: 'fd00::1/64', detectionTransmits: 0 }).host
    host.start()
    peer.start()
    link.clock.advance(5 * SECOND)
    const neighbor = peer.discovery.neighbor(ip('fd00::2'))
    const packet = link.memory.allocate(8)!
    packet.end = packet.start + 8
    peer.ipv6.sendControl(packet, ip('fd00::1'), ip('fd00::2'), 64, null)
    peer.ipv6.flush()
    link.clock.advance(SECOND)
    expect(new MacAddress(neighbor.macHigh, neighbor.macLow)).toEqual(ethernet.mac)
    ethernet.changeMac(MacAddress.parse('02:00:00:00:99:99'))
    host.linkLayerChanged()
    link.clock.advance(SECOND)
    expect(`${new MacAddress(neighbor.macHigh, neighbor.macLow)}`).toBe('02:00:00:00:99:99')
    expect(() => ethernet.changeMac(MacAddress.BROADCAST)).toThrow(RangeError)
  })

  test.each<[Ipv6HostOptions, RegExp]>([
    [{ cidr: '10.0.0.2/24' }, /ipv6 is an IPv6 address/],
    [{ cidr: 'ff02::1/64' }, /ipv6 is an IPv6 address of a host/],
    [{ cidr: 'fd00::2/64', gateway: 'fd00:0:0:1::1' }, /gateway fd00:0:0:1::1/],
    [{ gateway: 'fd00::1' }, /gateway fd00::1/],
    [{ cidr: 'fd00::2/64', gateway: 'fd00::2' }, /gateway fd00::2/],
    [{ identifiers: 'random' as 'stable' }, /identifiers are stable or eui64, not "random"/],
    [{ stableSecret: new Uint8Array(8) }, /stableSecret is a Uint8Array of 16 bytes/],
  ])('refuses %o', (options, message) => {
    expect(() => new Link().host(options)).toThrow(message)
  })
})
