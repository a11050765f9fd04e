/** What routers do to the addresses and routes of a stack of createStack, in virtual time: RFC 4861, 4862, 4191. */
import { afterEach, beforeEach, expect, test } from 'vitest'
import { IpPrefix } from '../../src/address/index.ts'
import { MINUTE, SECOND, SeededRandom, VirtualClock } from '../../src/clock/index.ts'
import { RouterAdvertiser } from '../../src/ipv6/router-advertising/index.ts'
import { VirtualNetwork } from '../../src/netif/index.ts'
import { PacketMemory } from '../../src/packet/index.ts'
import { type CreateStackOptions, createStack, type DirectStack } from '../../src/stack/index.ts'
import { captureOnFailure } from '../support/capture-on-failure.ts'

/** Of nobody's link: every router answers on it, as if it were the way there. */
const FAR_AWAY = '2001:db8:ffff::1'

let clock: VirtualClock
let memory: PacketMemory
let network: VirtualNetwork
let random: SeededRandom
let stacks: DirectStack[]
let advertisers: RouterAdvertiser[]

beforeEach(() => {
  clock = new VirtualClock()
  random = new SeededRandom(1)
  memory = new PacketMemory({ smallSlots: 1024, largeSlots: 16, debug: true })
  network = captureOnFailure(new VirtualNetwork({ clock, random, memory }))
  stacks = []
  advertisers = []
})

afterEach(async () => {
  for (const advertiser of advertisers) advertiser.stop()
  await Promise.all(stacks.map((each) => each.close(0).catch(() => {})))
  expect([memory.inUse, clock.armedTimers]).toEqual([0, 0])
})

async function stack(options: Omit<CreateStackOptions, 'net'> = {}) {
  const netif = network.port()
  const made = await clock.settle(createStack({ netif, clock, random, ipv6Only: true, dhcpv6: false, ...options }))
  stacks.push(made)
  return { made, netif }
}

async function router(ipv6: string, settings: ConstructorParameters<typeof RouterAdvertiser>[1]) {
  const { made, netif } = await stack({ ipv6, acceptRouterAdvertisements: false })
  made.ipv6?.ipv6.addAddress(IpPrefix.parse(`${FAR_AWAY}/128`), { onLink: false })
  const advertiser = new RouterAdvertiser(made.ipv6!, settings)
  advertisers.push(advertiser)
  advertiser.start()
  return { made, netif, advertiser }
}

const reaches = (host: DirectStack) =>
  clock.settle(
    host.ping(FAR_AWAY, { timeout: 500 }).then(
      () => true,
      () => false,
    ),
  )

test('a stack of IPv6 alone has its link-local address when it is made', async () => {
  const { made } = await stack()
  expect(made.ipv6?.linkLocal).not.toBeNull()
})

test('addresses come with a prefix, are deprecated and go when it is heard of no more, and come again', async () => {
  const prefixes = [{ prefix: '2001:db8:1::/64', preferredLifetime: 60, validLifetime: 120 }]
  const { advertiser } = await router('2001:db8:1::1/64', { interval: 20, prefixes })
  const { made } = await stack()
  const events: { type: string; at: number }[] = []
  made.onAddress(({ type, prefix }) => {
    if (!prefix.address.isLinkLocal) events.push({ type, at: clock.now() })
  })
  const flow = made.listen({ port: 80 }, () => {})
  await clock.advanceAsync(MINUTE)
  const own = made.ipv6?.addresses.find(({ origin }) => origin === 'autoconfigured')
  expect(events.map(({ type }) => type)).toEqual(['added'])
  expect(events[0].at).toBeLessThan(40 * SECOND)
  // As long as it is advertised nothing happens.
  await clock.advanceAsync(10 * MINUTE)
  expect(events).toHaveLength(1)
  const stoppedAt = clock.now()
  advertiser.stop()
  await clock.advanceAsync(3 * MINUTE)
  expect(events.slice(1).map(({ type }) => type)).toEqual(['deprecated', 'removed'])
  // The last advertisement was at most 20 s before, or the one that says that there is no router any more.
  expect((events[1].at - stoppedAt) / SECOND).toBeCloseTo(60, 0)
  expect((events[2].at - stoppedAt) / SECOND).toBeCloseTo(120, 0)
  expect(made.addresses.some(({ address }) => address.equals(own!.address))).toBe(false)
  advertiser.start()
  await clock.advanceAsync(MINUTE)
  expect(events.slice(3).map(({ type }) => type)).toEqual(['added'])
  // The same as before: RFC 7217.
  expect(made.addresses.some(({ address }) => address.equals(own!.address))).toBe(true)
  await (await flow).close()
})

test('of two routers the preferred one is the way out; one that does not answer any more gives way', async () => {
  const settings = { interval: 1800, lifetime: 9000 }
  const low = await router('2001:db8:1::1/64', {
    ...settings,
    preference: 'low',
    prefixes: [{ prefix: '2001:db8:1::/64' }],
  })
  const high = await router('2001:db8:2::1/64', {
    ...settings,
    preference: 'high',
    prefixes: [{ prefix: '2001:db8:2::/64' }],
  })
  const { made } = await stack()
  await clock.advanceAsync(20 * SECOND)
  const answered = ({ made: { icmpv6 } }: typeof low) => icmpv6!.counters.echoRequestsReceived
  expect(await reaches(made)).toBe(true)
  expect([answered(low), answered(high)]).toEqual([0, 1])
  network.remove(high.netif)
  const since = clock.now()
  while (!(await reaches(made))) {
    await clock.advanceAsync(SECOND / 2)
    // Reachable time is up to 45 s; then DELAY_FIRST_PROBE_TIME and three probes.
    expect((clock.now() - since) / SECOND).toBeLessThan(45 + 5 + 3 + 1)
  }
  expect(answered(low)).toBeGreaterThan(0)
})

test('a router that ends says so, and nothing goes there from then on', async () => {
  const { advertiser } = await router('2001:db8:1::1/64', { prefixes: [{ prefix: '2001:db8:1::/64' }] })
  const { made } = await stack()
  await clock.advanceAsync(20 * SECOND)
  expect(await reaches(made)).toBe(true)
  advertiser.stop()
  await clock.advanceAsync(SECOND)
  await expect(made.ping(FAR_AWAY)).rejects.toMatchObject({ code: 'ENETUNREACH' })
})
