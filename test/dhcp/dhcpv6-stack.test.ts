/** DHCPv6 of a whole stack, as `createStack` composes it, in virtual time. */
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { SECOND } from '../../src/clock/index.ts'
import { duidText } from '../../src/dhcp/index.ts'
import { MessageType } from '../../src/dhcp/v6/codes.ts'
import { type CreateStackOptions, createStack } from '../../src/stack/index.ts'
import { TestServer } from '../support/dhcpv6-server.ts'
import { dnsServersOption, ip, prefixOption, searchListOption } from '../support/neighbor-discovery-host.ts'
import { VirtualWorld } from '../support/virtual-hosts.ts'
import { VirtualRouter } from './virtual-router.ts'

const { Solicit, Request, Renew, Release, Decline, InformationRequest } = MessageType
const MANAGED = 0x80
const OTHER = 0x40

async function setUp(dhcpv6?: CreateStackOptions['dhcpv6'], more: Omit<CreateStackOptions, 'net'> = {}) {
  const world = new VirtualWorld()
  const router = new VirtualRouter(world.network)
  const server = new TestServer({ options: { dnsServers: [ip('2001:db8::53')], domainSearch: ['example.com'] } })
  router.servers.push(server)
  const stack = await createStack({
    netif: world.network.port(),
    clock: world.clock,
    random: world.random,
    ...more,
    ...(dhcpv6 === undefined ? {} : { dhcpv6 }),
  })
  const changes: string[] = []
  stack.onAddress(({ type, prefix }) => void changes.push(`${type} ${prefix}`))
  world.clock.advance(5 * SECOND)
  return {
    ...world,
    clock: world.clock,
    router,
    server,
    stack,
    changes,
    types: () => router.heard.map(({ type }) => type),
  }
}

describe('a stack', () => {
  test('takes an address that a server gives, renews it and loses it', async () => {
    const { clock, router, server, stack, changes, types, memory } = await setUp()
    const events: string[] = []
    stack.dhcpv6?.onEvent(({ type }) => void events.push(type))
    expect(stack.dhcpv6?.operation).toBe('none')
    router.advertise(MANAGED, prefixOption('2001:db8::/64', 3600, 1800, 0x80))
    clock.advance(10 * SECOND)
    expect(types()).toEqual([Solicit, Request])
    expect(stack.addresses.map(String)).toContain('2001:db8::100/128')
    clock.advance(100 * SECOND)
    expect(types()).toEqual([Solicit, Request, Renew])
    server.silent = true
    clock.advance(400 * SECOND)
    expect(events).toEqual(['bound', 'renewed', 'expired'])
    expect(changes.filter((change) => change.includes('2001:db8::100'))).toEqual([
      'added 2001:db8::100/128',
      'deprecated 2001:db8::100/128',
      'removed 2001:db8::100/128',
    ])
    await clock.settle(stack.close())
    expect(memory.inUse).toBe(0)
  })

  test('declines what somebody else uses, and says so', async () => {
    const { clock, router, server, stack, changes, types } = await setUp()
    router.taken = ['2001:db8::100']
    router.advertise(MANAGED)
    while (!types().includes(Decline)) clock.advance(SECOND / 10)
    server.settings.addresses = ['2001:db8::200']
    clock.advance(10 * SECOND)
    expect(types()).toEqual([Solicit, Request, Decline, Solicit, Request])
    expect(changes).toEqual(expect.arrayContaining(['dadFailed 2001:db8::100/128', 'added 2001:db8::200/128']))
    expect(changes).not.toContain('added 2001:db8::100/128')
    await clock.settle(stack.close())
  })

  test('asks for configuration where that is all there is: it comes before what routers say (RFC 8106, 5.3.1)', async () => {
    const { clock, router, stack, types } = await setUp()
    const told: string[] = []
    stack.onConfiguration(({ dnsServers }) => void told.push(dnsServers.join(' ')))
    expect(stack.configuration).toMatchObject({ dnsServers: [], searchList: [], ntpServers: [], captivePortal: null })
    const dns = dnsServersOption(600, '2001:db8::54', '2001:db8::53')
    router.advertise(OTHER, dns, searchListOption(600, 'Example.com', 'example.net'))
    clock.advance(10 * SECOND)
    expect(types()).toEqual([InformationRequest])
    expect(told).toEqual(['2001:db8::54 2001:db8::53', '2001:db8::53 2001:db8::54'])
    expect(stack.configuration.searchList).toEqual(['example.com', 'example.net'])
    await clock.settle(stack.close())
  })

  test.each<[string, Omit<CreateStackOptions, 'net'>]>([
    ['dhcpv6: false', { dhcpv6: false }],
    ['IPv4 alone', { ipv4Only: true }],
  ])('does nothing of that with %s', async (_, options) => {
    const { clock, router, stack, types } = await setUp(undefined, options)
    router.advertise(MANAGED)
    clock.advance(60 * SECOND)
    expect(stack.dhcpv6).toBeNull()
    expect(types()).toEqual([])
    await clock.settle(stack.close())
  })

  test('needs no router with mode stateful; gives its leases back when it closes if it is to', async () => {
    const { clock, stack, types } = await setUp({ mode: 'stateful', release: true, delegatedPrefixLength: 56 })
    clock.advance(5 * SECOND)
    expect(stack.configuration.delegatedPrefixes.map(({ prefix }) => `${prefix}`)).toEqual(['2001:db8:100::/56'])
    await clock.settle(stack.close())
    expect(types()).toEqual([Solicit, Request, Release])
  })

  test('gives nothing back when it has no time', async () => {
    const { clock, stack, types } = await setUp({ mode: 'stateful', release: true })
    clock.advance(5 * SECOND)
    await clock.settle(stack.close(0))
    expect(types()).toEqual([Solicit, Request])
  })

  test('is known by the DUID in its file', async () => {
    const folder = await mkdtemp(join(tmpdir(), 'tapstack-dhcp-'))
    try {
      const duidFile = join(folder, 'duid')
      const duids: string[] = []
      for (let run = 0; run < 2; run++) {
        const { clock, router, stack } = await setUp({ mode: 'stateful', duidFile })
        clock.advance(5 * SECOND)
        duids.push(duidText(router.heard[0].options.clientId!))
        await clock.settle(stack.close())
      }
      expect(duids[1]).toBe(duids[0])
      expect(await readFile(duidFile, 'utf8')).toBe(`${duids[0]}\n`)
    } finally {
      await rm(folder, { recursive: true })
    }
  })

  test('with a DUID file that cannot be is not made', async () => {
    const made = setUp({ duidFile: '/' })
    await expect(made).rejects.toThrow('EISDIR')
  })
})
