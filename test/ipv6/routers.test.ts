/** One of our hosts on a link with two routers that run radvd, in real time. */
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { missing, requires } from '../requirements.ts'
import { describeWithNamespaces } from '../support/namespace.ts'
import type { RunningProcess } from '../support/running-process.ts'
import { eventually, Ipv6TrialLink, type Neighbour, needs, type TrialHost } from './link.ts'

const MAC = '02:00:00:00:00:aa'
/** Of identifiers from the MAC address. */
const OURS = 'ff:fe00:aa'
const SHORT = `2001:db8:1::${OURS}`
const LONG = `2001:db8:2::${OURS}`
const FROM_SECOND = `2001:db8:3::${OURS}`
const FIRST_ROUTER = 'fe80::ff:fe00:101'
const SECOND_ROUTER = 'fe80::ff:fe00:102'

const INTERVALS = 'MinRtrAdvInterval 3; MaxRtrAdvInterval 4;'
const FIRST = `${INTERVALS} AdvDefaultPreference high; AdvDefaultLifetime 30; AdvCurHopLimit 61; AdvLinkMTU 1400;
  prefix 2001:db8:1::/64 { AdvValidLifetime 10; AdvPreferredLifetime 6; };
  prefix 2001:db8:2::/64 { AdvValidLifetime 3000; AdvPreferredLifetime 2000; };
  RDNSS 2001:db8:1::53 2001:db8:1::54 { AdvRDNSSLifetime 12; };
  DNSSL example.test { AdvDNSSLLifetime 12; };`
const SECOND = `${INTERVALS} AdvDefaultPreference low; AdvDefaultLifetime 30;
  prefix 2001:db8:3::/64 { AdvValidLifetime 3000; AdvPreferredLifetime 2000; };`

const NEEDS = needs('radvd', 'rdisc6', 'ping', 'curl')

describeWithNamespaces('an IPv6 host beside two routers', () => {
  let link: Ipv6TrialLink
  let host: TrialHost
  let routers: Neighbour[]
  let first: RunningProcess
  let second: RunningProcess

  beforeEach((context) => requires(context, ...NEEDS))

  beforeAll(async () => {
    if (missing(...NEEDS) !== null) return
    link = await Ipv6TrialLink.create({ bridge: true })
    routers = [await link.join('r1', '02:00:00:00:01:01'), await link.join('r2', '02:00:00:00:01:02')]
    for (const { namespace } of routers) {
      await namespace.run('sh', ['-c', 'echo 1 > /proc/sys/net/ipv6/conf/all/forwarding'])
    }
    host = await link.host({ mac: MAC, ipv6Settings: { identifiers: 'eui64' } })
    second = await routers[1].advertise(SECOND)
    first = await routers[0].advertise(FIRST)
  })
  afterAll(async () => {
    await host?.[Symbol.asyncDispose]()
    await link?.[Symbol.asyncDispose]()
  })

  test('has an address of each prefix, and what else they say', { timeout: 20_000 }, async () => {
    for (const address of [SHORT, LONG, FROM_SECOND]) await host.waitForAddress('added', address)
    await eventually(async () => {
      const report = await host.report()
      expect(report).toMatchObject({
        router: FIRST_ROUTER,
        dnsServers: ['2001:db8:1::53', '2001:db8:1::54'],
        searchList: ['example.test'],
        hopLimit: 61,
        mtu: 1400,
        problems: [],
      })
      const lifetimes = ({ address }: { address: string }) => address.startsWith('2001:db8:2:')
      const own = report.addresses.find(lifetimes)
      expect(own).toMatchObject({ state: 'Preferred', origin: 'autoconfigured' })
      expect(own?.preferred).toBeGreaterThan(1900)
      expect(own?.valid).toBeGreaterThan(2900)
    })
  })

  test('is pinged, and serves curl, at each of them', async () => {
    // The kernel beside it has an address of each prefix, too, and answers come back to it without a router.
    await eventually(async () => {
      const { stdout } = await link.run('ip', ['-6', 'address', 'show', 'dev', 'br0', '-tentative'])
      for (const prefix of ['2001:db8:1:', '2001:db8:2:', '2001:db8:3:']) expect(stdout).toContain(prefix)
    })
    for (const address of [SHORT, LONG, FROM_SECOND]) {
      expect(await link.ping(address, '-c', '2', '-i', '0.1')).toContain('2 received')
      expect((await link.run('curl', ['-sS', '-m', '5', `http://[${address}]/`])).stdout).toMatch(/^hello /)
    }
  })

  test('takes the same for right as rdisc6 shows', async () => {
    const { stdout } = await link.run('rdisc6', ['-r', '2', '-w', '2000', '-m', 'br0'])
    expect(stdout).toContain(`from ${FIRST_ROUTER}`)
    expect(stdout).toMatch(/Prefix\s+: 2001:db8:1::\/64/)
    // Solicited or not, it has not changed its mind.
    expect((await host.report()).router).toBe(FIRST_ROUTER)
  })

  test('goes to the other router when one takes itself back, and its addresses end when they should', {
    timeout: 40_000,
  }, async () => {
    const before = host.process.stdout.length
    await first.kill('SIGTERM')
    const end = Date.now()
    await eventually(async () => expect((await host.report()).router).toBe(SECOND_ROUTER), 2000)
    // Six and ten seconds after the last time that the prefix was advertised: at the end, as radvd takes back only itself.
    const next = (type: string) =>
      host.process.waitFor(new RegExp(`^[^]{${before}}[^]*^address ${type} ${SHORT}/`, 'm'), 16_000)
    await next('deprecated')
    const deprecated = (Date.now() - end) / 1000
    expect(deprecated).toBeGreaterThan(1)
    expect(deprecated).toBeLessThan(6.9)
    // Still ours, if not for what is new.
    expect(await host.address(SHORT, 'Deprecated')).toBe(SHORT)
    expect(await link.ping(SHORT, '-c', '1', '-I', 'br0')).toContain('1 received')
    await next('removed')
    const removed = (Date.now() - end) / 1000
    expect(removed - deprecated).toBeGreaterThan(3.5)
    expect(removed - deprecated).toBeLessThan(4.9)
    const report = await host.report()
    expect(report.addresses.map(({ address }) => address)).toEqual(expect.arrayContaining([LONG, FROM_SECOND]))
    expect(report.addresses.map(({ address }) => address)).not.toContain(SHORT)
    await eventually(async () => {
      const { dnsServers, searchList } = await host.report()
      expect([dnsServers, searchList]).toEqual([[], []])
    })
  })

  test('takes it back when it returns', { timeout: 20_000 }, async () => {
    const before = host.process.stdout.length
    first = await routers[0].advertise(FIRST)
    await host.process.waitFor(new RegExp(`^[^]{${before}}[^]*^address added ${SHORT}/`, 'm'), 8000)
    await eventually(async () => {
      expect(await host.report()).toMatchObject({ router: FIRST_ROUTER, searchList: ['example.test'] })
    })
    expect((await host.report()).problems).toEqual([])
    for (const radvd of [first, second]) await radvd.kill('SIGTERM')
    // A lifetime of 0 from both: nobody is left.
    await eventually(async () => expect((await host.report()).router).toBeNull(), 2000)
  })
})
