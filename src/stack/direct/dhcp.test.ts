/** Stacks that get their addresses by DHCPv4, as createStack composes them, on a virtual network. */
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, describe, expect, test } from 'vitest'
import { IpAddress, IpPrefix, MacAddress } from '../../address/index.ts'
import { MINUTE, SECOND, SeededRandom, VirtualClock } from '../../clock/index.ts'
import { Dhcpv4Server, type Dhcpv4ServerOptions } from '../../dhcp/index.ts'
import type { Log } from '../../log/index.ts'
import { VirtualNetwork } from '../../netif/index.ts'
import { PacketMemory } from '../../packet/index.ts'
import { type CreateStackOptions, createStack } from '../create-stack.ts'
import type { DirectStack } from './direct-stack.ts'

const ip = (text: string) => IpAddress.parse(text)

class Link {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(1)
  readonly memory = new PacketMemory({ smallSlots: 1024, largeSlots: 32, debug: true })
  readonly network = new VirtualNetwork({ clock: this.clock, random: this.random, memory: this.memory })
  readonly stacks: DirectStack[] = []

  make(options: CreateStackOptions, mac?: MacAddress): Promise<DirectStack> {
    const { clock, random } = this
    const netif = this.network.port(mac === undefined ? {} : { mac })
    return createStack({ ...options, net: 'direct', netif, clock, random, ipv4Only: true })
  }

  async stack(options: CreateStackOptions, mac?: MacAddress): Promise<DirectStack> {
    const stack = await this.clock.settle(this.make(options, mac))
    this.stacks.push(stack)
    return stack
  }

  /** 10.0.0.1, which gives 10.0.0.50 to 10.0.0.59. */
  async server(options: Partial<Dhcpv4ServerOptions> = {}) {
    const stack = await this.stack({ ipv4: '10.0.0.1/24' })
    const server = new Dhcpv4Server({
      ipv4: stack.ipv4!,
      udp: stack.udpLayer,
      clock: this.clock,
      address: IpPrefix.parse('10.0.0.1/24'),
      pool: [ip('10.0.0.50'), ip('10.0.0.59')],
      ...options,
    })
    server.start()
    return { stack, server }
  }

  async end(): Promise<void> {
    for (const stack of this.stacks) await this.clock.settle(stack.close(0))
    expect(this.memory.inUse).toBe(0)
  }
}

let link = new Link()
afterEach(async () => {
  await link.end()
  link = new Link()
})

const routesOf = (stack: DirectStack) =>
  stack.ipv4!.routes.map(({ destination, gateway }) => `${destination} ${gateway}`).sort()

const QUICK = { conflictDetection: 'short' } as const

describe('createStack({ dhcp: true })', () => {
  test('waits for the address, and tells what the server told', async () => {
    const routers = [ip('10.0.0.1')]
    const configuration = {
      routers,
      dnsServers: [ip('10.0.0.3')],
      ntpServers: [ip('10.0.0.4')],
      domainName: 'a.example',
      mtu: 1400,
    }
    await link.server({ configuration })
    const stack = await link.stack({ dhcp: true })
    expect(stack.addresses.map(String)).toEqual(['10.0.0.50/24'])
    expect(link.clock.now()).toBeLessThan(8 * SECOND)
    expect(routesOf(stack)).toEqual(['0.0.0.0/0 10.0.0.1', '10.0.0.0/24 null'])
    expect(stack.configuration).toMatchObject({
      dnsServers: [ip('10.0.0.3')],
      searchList: ['a.example'],
      ntpServers: [ip('10.0.0.4')],
      domainName: 'a.example',
      mtu: 1400,
    })
    expect(stack.ipv4!.mtu).toBe(1400)
    expect(stack.dhcp!.lease!.serverId).toEqual(ip('10.0.0.1'))
  })

  test('without a server goes on after the wait, and is there when one comes', async () => {
    const stack = await link.stack({ dhcp: { wait: 5000 } })
    expect(link.clock.now()).toBe(5 * SECOND)
    expect(stack.addresses).toEqual([])
    const events: string[] = []
    stack.onAddress(({ type, prefix }) => events.push(`${type} ${prefix}`))
    await link.server()
    link.clock.advance(2 * MINUTE)
    expect(events).toEqual(['added 10.0.0.50/24'])
  })

  test('waits less where IPv6 leads out, or where the network wants no IPv4', async () => {
    const { clock, random } = link
    const make = async (options: CreateStackOptions) => {
      const netif = link.network.port()
      const stack = await clock.settle(createStack({ ...options, net: 'direct', netif, clock, random }))
      link.stacks.push(stack)
      return stack
    }
    await make({ dhcp: true, ipv6: 'fd00::2/64' })
    expect(clock.now()).toBeGreaterThan(9 * SECOND)
    expect(clock.now()).toBeLessThan(15 * SECOND)
    await link.server({ configuration: { ipv6OnlyWait: 1800 } })
    const begun = clock.now()
    const stack = await make({ dhcp: { ipv6OnlyPreferred: true } })
    expect(clock.now() - begun).toBeLessThan(5 * SECOND)
    expect(stack.dhcp!.state).toBe('ipv6-only')
  })

  test('the wait can be ended', async () => {
    const signal = AbortSignal.abort()
    const stack = await link.stack({ dhcp: true, signal })
    expect(link.clock.now()).toBeLessThan(2 * SECOND)
    expect(stack.addresses).toEqual([])
  })

  test('beside an address of one’s own, whose router stays', async () => {
    await link.server({ configuration: { routers: [ip('10.0.0.1')] } })
    const stack = await link.stack({ ipv4: '192.168.0.2/24', ipv4Gateway: '192.168.0.1', dhcp: QUICK })
    link.clock.advance(MINUTE)
    expect(stack.addresses.map(String)).toEqual(['192.168.0.2/24', '10.0.0.50/24'])
    const path = stack.ipv4!.path(ip('203.0.113.1'))
    expect(path).toMatchObject({ nextHop: ip('192.168.0.1').word3 })
  })

  test('an address of one’s own that the server gives as well outlives the lease', async () => {
    const { server } = await link.server({ pool: [ip('10.0.0.50'), ip('10.0.0.50')], leaseTime: 60 })
    const stack = await link.stack({ ipv4: '10.0.0.50/24', dhcp: QUICK })
    link.clock.advance(MINUTE)
    expect(stack.dhcp!.state).toBe('bound')
    server.stop()
    link.clock.advance(2 * MINUTE)
    expect(stack.dhcp!.lease).toBe(null)
    expect(stack.addresses.map(String)).toEqual(['10.0.0.50/24'])
  })

  test('an application hears of leases and of the configuration', async () => {
    const { server } = await link.server({ leaseTime: 60, configuration: { dnsServers: [ip('10.0.0.3')] } })
    const stack = await link.stack({ dhcp: { ...QUICK, wait: 0 } })
    const heard: string[] = []
    stack.onLease(({ type, family, prefixes }) => heard.push(`${type} ${family} ${prefixes}`))
    stack.onConfiguration(({ dnsServers }) => heard.push(`dns ${dnsServers}`))
    link.clock.advance(40 * SECOND)
    server.stop()
    link.clock.advance(MINUTE)
    expect(heard).toEqual([
      'bound 4 10.0.0.50/24',
      'dns 10.0.0.3',
      'renewed 4 10.0.0.50/24',
      'dns 10.0.0.3',
      'expired 4 10.0.0.50/24',
      'dns ',
    ])
  })

  test('each event has a log line', async () => {
    const lines: string[] = []
    const line = (level: string) => (message: string) => lines.push(`${level}: ${message}`)
    const log: Log = { debugEnabled: false, debug() {}, info: line('info'), warn: line('warn'), error: line('error') }
    const { server } = await link.server({ leaseTime: 60 })
    await link.stack({
      dhcp: QUICK,
      logs: (source) => (source === 'dhcp' ? log : { ...log, info() {}, warn() {}, error() {} }),
    })
    link.clock.advance(40 * SECOND)
    server.stop()
    link.clock.advance(2 * MINUTE)
    expect(lines).toEqual([
      'info: the lease is bound',
      'info: the lease is renewed',
      'warn: the lease has expired',
      'warn: no DHCP server answers; the search goes on',
    ])
  })

  test.each<[CreateStackOptions, string]>([
    [{ dhcp: 1 as never }, 'dhcp is true, false or an object'],
    [{ dhcp: { colour: 1 } as never }, 'no DHCPv4 setting is called colour'],
    [{ dhcp: { wait: -1 } }, 'wait'],
    [{ dhcp: { hostName: 'a b' } }, 'hostName'],
    [{ dhcp: { clientId: 'dud' as never } }, 'clientId'],
    [{ dhcp: { conflictDetection: 'some' as never } }, 'conflictDetection'],
    [{ dhcp: { defense: 'attack' as never } }, 'defense'],
    [{ dhcp: { release: 1 as never } }, 'release'],
    [{ dhcp: { leaseFile: '' } }, 'leaseFile'],
    [{ dhcp: true, ipv4Gateway: '10.0.0.1' }, 'ipv4Gateway takes ipv4'],
  ])('%j is refused', async (options, message) => {
    await expect(createStack({ ...options, netif: link.network.port(), clock: link.clock })).rejects.toThrow(message)
  })
})

describe('routes of the server', () => {
  const route = (destination: string, gateway: string | null) => ({
    destination: IpPrefix.parse(destination),
    gateway: gateway === null ? null : ip(gateway),
  })

  test('classless ones, and a router off the network, are there while the lease is', async () => {
    const classlessRoutes = [
      route('172.16.0.0/12', '10.0.0.9'),
      route('198.51.100.0/24', null),
      route('0.0.0.0/0', '169.254.1.1'),
      route('192.0.2.0/24', '10.0.0.255'),
    ]
    const { server } = await link.server({ configuration: { classlessRoutes }, leaseTime: 60 })
    const stack = await link.stack({ dhcp: QUICK })
    const expected = [
      '0.0.0.0/0 169.254.1.1',
      '10.0.0.0/24 null',
      '169.254.1.1/32 null',
      '172.16.0.0/12 10.0.0.9',
      '198.51.100.0/24 null',
    ]
    expect(routesOf(stack)).toEqual(expected)
    link.clock.advance(5 * MINUTE)
    expect(routesOf(stack)).toEqual(expected)
    server.stop()
    link.clock.advance(2 * MINUTE)
    expect(routesOf(stack)).toEqual([])
  })

  test('renewals do not disturb paths', async () => {
    const { stack: other } = await link.server({
      configuration: { routers: [ip('10.0.0.1')], mtu: 1400 },
      leaseTime: 60,
    })
    const stack = await link.stack({ dhcp: QUICK })
    const path = stack.ipv4!.path(other.addresses[0].address)
    link.clock.advance(5 * MINUTE)
    expect(stack.dhcp!.counters.sent).toBeGreaterThan(10)
    expect(typeof path !== 'string' && path.isStale).toBe(false)
  })

  test('a /32 with its router, as providers give it', async () => {
    const { stack: router, server } = await link.server({
      address: IpPrefix.parse('10.0.0.1/32'),
      pool: [ip('203.0.113.7'), ip('203.0.113.7')],
      configuration: { routers: [ip('10.0.0.1')] },
      leaseTime: 60,
    })
    router.ipv4!.addRoute(IpPrefix.parse('203.0.113.0/24'), null)
    const stack = await link.stack({ dhcp: QUICK })
    expect(stack.addresses.map(String)).toEqual(['203.0.113.7/32'])
    expect(routesOf(stack)).toEqual(['0.0.0.0/0 10.0.0.1', '10.0.0.1/32 null', '203.0.113.7/32 null'])
    link.clock.advance(5 * MINUTE)
    expect(server.counters.acknowledgments).toBeGreaterThan(8)
    expect(server.counters.offers).toBe(1)
  })
})

describe('an address that goes', () => {
  test('takes its flows with it, with a clear error at both ends; listeners stand, and serve the next one', async () => {
    const { stack: peer, server } = await link.server({ leaseTime: 60 })
    const stack = await link.stack({ dhcp: QUICK })
    await link.clock.settle(stack.listen({ port: 80 }, (flow) => flow.write('hello')))
    const connect = (address: string) => link.clock.settle(peer.connect({ address, port: 80 }))
    const flow = await connect('10.0.0.50')
    const own = await link.clock.settle(
      peer.listen({ port: 81 }, () => {}).then(() => stack.connect({ address: '10.0.0.1', port: 81 })),
    )
    const errors: string[] = []
    for (const each of [flow, own]) each.closed.catch((error: Error) => errors.push(error.message))
    server.stop()
    await link.clock.advanceAsync(61 * SECOND)
    expect(errors.sort()).toEqual([
      expect.stringContaining('EADDRNOTAVAIL 10.0.0.1:81 (our address 10.0.0.50 is gone)'),
      expect.stringContaining('ECONNRESET'),
    ])
    // Another server, with other addresses.
    const again = new Dhcpv4Server({
      ipv4: peer.ipv4!,
      udp: peer.udpLayer,
      clock: link.clock,
      address: IpPrefix.parse('10.0.0.1/24'),
      pool: [ip('10.0.0.90'), ip('10.0.0.99')],
    })
    again.start()
    link.clock.advance(2 * MINUTE)
    expect(stack.addresses.map(String)).toEqual(['10.0.0.90/24'])
    const next = await connect('10.0.0.90')
    expect((await link.clock.settle(next.read()))?.toString()).toBe('hello')
  })

  test('is given back when the stack closes, if the settings say so, even when ARP has to be asked first', async () => {
    for (const [release, grace, expected] of [
      [true, 100, 1],
      [true, 0, 0],
      [false, 100, 0],
    ] as const) {
      const { server, stack: host } = await link.server()
      const stack = await link.stack({ dhcp: { ...QUICK, release } })
      expect(stack.addresses).toHaveLength(1)
      await link.clock.settle(stack.close(grace))
      expect(server.counters.releases).toBe(expected)
      await link.clock.settle(host.close(0))
    }
  })
})

test('another MAC address: the same lease, renewed from there', async () => {
  const { server } = await link.server({ leaseTime: 60 })
  const stack = await link.stack({ dhcp: QUICK })
  stack.changeMac('02:00:00:00:00:99')
  link.clock.advance(5 * MINUTE)
  expect(stack.addresses.map(String)).toEqual(['10.0.0.50/24'])
  expect(stack.dhcp!.counters.wrongClient).toBe(0)
  expect(server.counters).toMatchObject({ offers: 1, refusals: 0 })
  expect(server.counters.acknowledgments).toBeGreaterThan(8)
})

describe('files', () => {
  test('the lease is remembered, and asked for at once', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'tapstack-dhcp-'))
    try {
      const leaseFile = join(folder, 'lease')
      const { server } = await link.server({ pool: [ip('10.0.0.50'), ip('10.0.0.59')] })
      const { clock } = link
      const mac = MacAddress.parse('02:00:00:00:00:77')
      // Real files take real time.
      const inRealTime = async <T>(promise: Promise<T>): Promise<T> => {
        let isSettled = false
        const settled = () => {
          isSettled = true
        }
        promise.then(settled, settled)
        while (!isSettled) {
          await new Promise((resolve) => setTimeout(resolve, 1))
          await clock.advanceAsync(SECOND / 10)
        }
        return promise
      }
      const run = async () => {
        const stack = await inRealTime(link.make({ dhcp: { ...QUICK, leaseFile } }, mac))
        // At once: what it got is written all the same.
        await inRealTime(stack.close(0))
      }
      await run()
      expect(JSON.parse(readFileSync(leaseFile, 'utf8'))).toMatchObject({ address: '10.0.0.50/24', server: '10.0.0.1' })
      await run()
      expect(server.counters).toMatchObject({ offers: 1, acknowledgments: 2 })
    } finally {
      rmSync(folder, { recursive: true })
    }
  })
})

describe('link-local addresses (RFC 3927)', () => {
  test('one is taken when no server answers, and left when one does', async () => {
    const events: string[] = []
    const stack = await link.stack({ dhcp: { linkLocal: true, wait: 0 } })
    stack.onAddress(({ type, prefix }) => events.push(`${type} ${prefix}`))
    link.clock.advance(25 * SECOND)
    expect(events).toHaveLength(1)
    expect(events[0]).toMatch(/^added 169\.254\.\d+\.\d+\/16$/)
    const own = stack.addresses[0].address.word3
    expect((own >>> 8) & 255).toBeGreaterThan(0)
    expect((own >>> 8) & 255).toBeLessThan(255)
    await link.server()
    link.clock.advance(2 * MINUTE)
    expect(events.slice(1)).toEqual([events[0].replace('added', 'removed'), 'added 10.0.0.50/24'])
  })

  test('another one, if the first is taken: while it is probed, and later', async () => {
    const first = await link.stack({ dhcp: { linkLocal: true, wait: 0 } })
    link.clock.advance(25 * SECOND)
    const address = first.addresses[0]
    await link.clock.settle(first.close(0))
    // The same MAC address seeds the same candidates: somebody else has the first one meanwhile.
    const other = await link.stack({ ipv4: address.toString() })
    const stack = await link.stack({ dhcp: { linkLocal: true, wait: 0 } }, first.ethernet.mac)
    link.clock.advance(40 * SECOND)
    expect(stack.addresses).toHaveLength(1)
    const second = stack.addresses[0]
    expect(`${second}`).not.toBe(`${address}`)
    // Somebody insists on that one.
    other.ipv4!.addAddress(second, { defense: 'insist' })
    link.clock.advance(40 * SECOND)
    expect(stack.addresses).toHaveLength(1)
    expect(`${stack.addresses[0]}`).not.toBe(`${second}`)
  })

  test('none unless it is wanted', async () => {
    const stack = await link.stack({ dhcp: { wait: 0 } })
    link.clock.advance(5 * MINUTE)
    expect(stack.addresses).toEqual([])
  })
})

describe('createStack({ arp: { probe: true } })', () => {
  test('an address that is free is used after the probes, with its router', async () => {
    const stack = await link.stack({ ipv4: '10.0.0.7/24', ipv4Gateway: '10.0.0.1', arp: { probe: true } })
    expect(stack.addresses.map(String)).toEqual(['10.0.0.7/24'])
    expect(link.clock.now()).toBeGreaterThan(4 * SECOND)
    expect(routesOf(stack)).toEqual(['0.0.0.0/0 10.0.0.1', '10.0.0.0/24 null'])
  })

  test('one that another station has is EADDRINUSE', async () => {
    await link.stack({ ipv4: '10.0.0.7/24' })
    await expect(link.stack({ ipv4: '10.0.0.7/24', arp: { probe: true } })).rejects.toMatchObject({
      code: 'EADDRINUSE',
      message: expect.stringContaining('10.0.0.7 (another station has this address)'),
    })
  })
})
