/** A router that advertises, and hosts that believe it, on a virtual network. */
import { afterEach, describe, expect, test } from 'vitest'
import { IpAddress, MacAddress } from '../../address/index.ts'
import { MINUTE, SECOND, SeededRandom, VirtualClock } from '../../clock/index.ts'
import { VirtualNetwork } from '../../netif/index.ts'
import { PacketMemory } from '../../packet/index.ts'
import { type CreateStackOptions, createStack, type DirectStack } from '../../stack/index.ts'
import { buildAdvertisement, type RouterAdvertisementSettings } from './advertisement.ts'
import { RouterAdvertiser } from './router-advertiser.ts'

class Link {
  readonly clock = new VirtualClock()
  readonly random = new SeededRandom(1)
  readonly memory = new PacketMemory({ smallSlots: 512, largeSlots: 8, debug: true })
  readonly network = new VirtualNetwork({ clock: this.clock, random: this.random, memory: this.memory })
  readonly stacks: DirectStack[] = []

  async stack(options: CreateStackOptions): Promise<DirectStack> {
    const { clock, random } = this
    const netif = this.network.port()
    const making = createStack({ ...options, net: 'direct', netif, clock, random, ipv6Only: true, dhcpv6: false })
    const stack = await clock.settle(making)
    this.stacks.push(stack)
    return stack
  }

  async router(settings: RouterAdvertisementSettings): Promise<RouterAdvertiser> {
    const stack = await this.stack({ ipv6: 'fd00::1/64', acceptRouterAdvertisements: false })
    const router = new RouterAdvertiser(stack.ipv6!, settings)
    router.start()
    return router
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

const GATEWAY_TEST = IpAddress.parse('2001:db8::1')

describe('a router that advertises', () => {
  test('gives a host an address, a way out, name servers and an MTU', async () => {
    await link.router({
      mtu: 1400,
      hopLimit: 33,
      otherConfiguration: true,
      prefixes: [{ prefix: 'fd00:1::/64' }, { prefix: 'fd00:2::/64', autonomous: false, validLifetime: Infinity }],
      routes: [
        { prefix: '2001:db8:5::/48', preference: 'high' },
        { prefix: '::/0', preference: 'low' },
      ],
      dnsServers: ['fd00::53', 'fd00::54'],
      searchList: ['a.example', 'b.example'],
    })
    const host = await link.stack({})
    link.clock.advance(10 * SECOND)
    expect(
      host.addresses.map(({ address }) => address.toString()).filter((text) => text.startsWith('fd00:1:')),
    ).toHaveLength(1)
    const { discovery, ipv6 } = host.ipv6!
    const router = link.stacks[0].ipv6!.linkLocal!
    expect(discovery.nextHop(GATEWAY_TEST)).toEqual(router)
    expect(discovery.nextHop(IpAddress.parse('fd00:2::7'))).toEqual(IpAddress.parse('fd00:2::7'))
    expect(discovery.nextHop(IpAddress.parse('2001:db8:5::7'))).toEqual(router)
    expect(host.configuration.dnsServers.map(String)).toEqual(['fd00::53', 'fd00::54'])
    expect(host.configuration.searchList).toEqual(['a.example', 'b.example'])
    expect(ipv6.mtu).toBe(1400)
    expect(discovery.parameters.hopLimit).toBe(33)
    expect(discovery.configuration).toMatchObject({ managed: false, otherConfiguration: true })
  })

  test('answers who asks within half a second, and everybody within ten minutes', async () => {
    const router = await link.router({ prefixes: [{ prefix: 'fd00:1::/64' }] })
    link.clock.advance(MINUTE)
    expect(router.counters.sent).toBe(3)
    const host = await link.stack({})
    const begun = link.clock.now()
    while (host.ipv6!.discovery.nextHop(GATEWAY_TEST) === null) link.clock.advance(SECOND / 100)
    // The host checks its link-local address for a second or two before it asks.
    expect(link.clock.now() - begun).toBeLessThan(3 * SECOND)
    expect(router.counters.solicited).toBe(1)
    const before = router.counters.sent
    link.clock.advance(60 * MINUTE)
    expect(router.counters.sent - before).toBeGreaterThanOrEqual(6)
    expect(router.counters.sent - before).toBeLessThanOrEqual(18)
  })

  test('many who ask cause one answer each three seconds', async () => {
    const router = await link.router({})
    link.clock.advance(MINUTE)
    const before = router.counters.sent
    for (let i = 0; i < 300; i++) {
      router.routerSolicited()
      link.clock.advance(SECOND / 10)
    }
    expect(router.counters.sent - before).toBeLessThanOrEqual(11)
    expect(router.counters.sent - before).toBeGreaterThanOrEqual(9)
  })

  test('stays a default router when neighbours check it (the R flag), and ceases to be one when it stops', async () => {
    const router = await link.router({ prefixes: [{ prefix: 'fd00::/64' }] })
    const host = await link.stack({})
    link.clock.advance(10 * SECOND)
    await link.clock.settle(host.ping('fd00::1'))
    await link.clock.settle(host.ping(`${link.stacks[0].ipv6!.linkLocal}%${host.zone}`))
    link.clock.advance(2 * MINUTE)
    await link.clock.settle(host.ping(`${link.stacks[0].ipv6!.linkLocal}%${host.zone}`))
    link.clock.advance(10 * SECOND)
    expect(host.ipv6!.discovery.nextHop(GATEWAY_TEST)).not.toBe(null)
    router.stop()
    link.clock.advance(SECOND)
    expect(host.ipv6!.discovery.nextHop(GATEWAY_TEST)).toBe(null)
    expect(router.isRunning).toBe(false)
  })

  test('waits for its link-local address', async () => {
    const making = link.stack({ acceptRouterAdvertisements: false, awaitAddresses: false })
    const stack = await making
    const router = new RouterAdvertiser(stack.ipv6!, {})
    router.start()
    expect(router.counters.sent).toBe(0)
    link.clock.advance(5 * SECOND)
    expect(router.counters.sent).toBe(1)
  })
})

test.each<[RouterAdvertisementSettings, string]>([
  [{ interval: 3 }, 'interval'],
  [{ lifetime: 9001 }, 'lifetime'],
  [{ hopLimit: 256 }, 'hopLimit'],
  [{ mtu: 1279 }, 'mtu'],
  [{ preference: 'best' as never }, 'preference'],
  [{ prefixes: [{ prefix: 'fd00::/48' }] }, '64 bits'],
  [{ prefixes: [{ prefix: '10.0.0.0/24' }] }, '10.0.0.0/24'],
  [{ prefixes: [{ prefix: 'fd00::/64', validLifetime: 1, preferredLifetime: 2 }] }, 'preferred for longer'],
  [{ dnsServers: ['10.0.0.1'] }, 'dnsServers'],
  [{ searchList: ['a b'] }, 'domain name'],
])('%j is refused', (settings, message) => {
  expect(() => buildAdvertisement(settings, MacAddress.ZERO, 1800)).toThrow(message)
})
