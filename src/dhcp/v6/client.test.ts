import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DhcpLink, refuse, type ServerSettings, TestServer } from '../../../test/support/dhcpv6-server.ts'
import { LeapingClock } from '../../../test/support/leaping-clock.ts'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../../clock/index.ts'
import type { Dhcpv6LeaseTimes } from './binding.ts'
import { buildMessage } from './build-message.ts'
import { Dhcpv6Client } from './client.ts'
import type { Dhcpv6ClientOptions, Dhcpv6Events, Dhcpv6Lease } from './client-interface.ts'
import { INFINITE_SECONDS, MessageType, OptionCode, StatusCode } from './codes.ts'
import type { IdentityAssociation, Message } from './message.ts'

const { Solicit, Request, Confirm, Renew, Rebind, Release, Decline, Reply, Advertise } = MessageType
const DUID = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 0x22)
const OTHER_DUID = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 0x33)
const IAID = 0xfedcba98

interface Heard {
  at: number
  event: string
  what: string[]
}

function setUp(settings: ServerSettings | null = {}, options: Partial<Dhcpv6ClientOptions> = {}, seed = 1) {
  const clock = new VirtualClock()
  const link = new DhcpLink(clock)
  const server = new TestServer(settings ?? {})
  if (settings !== null) link.servers.push(server)
  const heard: Heard[] = []
  const note = (event: string) => (leases: readonly Dhcpv6LeaseTimes[]) => {
    heard.push({ at: clock.now(), event, what: leases.map(({ prefix }) => prefix.toString()) })
  }
  const noteLease = (event: string) => (lease: Dhcpv6Lease) => note(event)([...lease.addresses, ...lease.prefixes])
  const client: Dhcpv6Client = new Dhcpv6Client({
    transport: link,
    clock,
    random: new SeededRandom(seed),
    duid: DUID,
    iaid: IAID,
    events: {
      bound: noteLease('bound'),
      renewed: noteLease('renewed'),
      rebound: noteLease('rebound'),
      expired: note('expired'),
      declined: note('declined'),
    },
    ...options,
  })
  client.start()
  const events = () => heard.map(({ event }) => event)
  /** Lets time pass until the next event. */
  const next = (): Heard => {
    const before = heard.length
    while (heard.length === before) {
      const expiry = clock.nextExpiry()
      if (expiry === undefined) throw new Error('nothing will happen any more')
      clock.advanceTo(Math.max(expiry, clock.now()))
    }
    return heard[before]
  }
  /** Gaps between the last messages of a kind, in seconds. */
  const gaps = (type: number) => {
    const times = link.sent.filter(({ message }) => message.type === type).map(({ at }) => at)
    return times.slice(1).map((at, index) => (at - times[index]) / SECOND)
  }
  return { clock, link, server, client, heard, events, next, gaps }
}

const texts = (associations: IdentityAssociation[]) =>
  associations.map(({ kind, leases }) => [kind, ...leases.map(({ prefix }) => prefix.toString())].join(' '))

describe('getting leases', () => {
  test('Solicit, Advertise, Request, Reply: each says what it should', () => {
    const { link, client, next, clock } = setUp({}, { fqdn: 'host.example', delegatedPrefixLength: 60 })
    expect(client.state).toBe('soliciting')
    expect(link.sent).toEqual([])
    expect(next()).toMatchObject({ event: 'bound', what: ['2001:db8::100/128', '2001:db8:100::/56'] })
    expect(client.state).toBe('bound')
    expect(link.types).toEqual([Solicit, Request])
    const [solicit, request] = link.sent
    // 18.2.1: SOL_MAX_DELAY; advertisements are collected for the first timeout, 1.0 to 1.1 s.
    expect(solicit.at).toBeLessThanOrEqual(SECOND)
    expect(request.at - solicit.at).toBeGreaterThan(SECOND)
    expect(request.at - solicit.at).toBeLessThanOrEqual(1.1 * SECOND)
    for (const { message, destination } of link.sent) {
      expect(destination).toBe('ff02::1:2')
      expect(message.options.clientId).toEqual(DUID)
      expect(message.options.elapsedTime).toBe(0)
      expect(message.options.reconfigureAccept).toBe(false)
      expect(message.options.optionRequest).toContain(OptionCode.SolicitMaximum)
      expect(message.options.clientFqdn).toEqual({ flags: 1, name: 'host.example' })
      expect(message.options.identityAssociations.map(({ id }) => id)).toEqual([IAID, IAID])
    }
    expect(solicit.message.options).toMatchObject({ serverId: null, rapidCommit: true })
    expect(texts(solicit.message.options.identityAssociations)).toEqual(['IA_NA', 'IA_PD ::/60'])
    expect(request.message.options.serverId).toEqual(Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 1))
    expect(request.message.options.rapidCommit).toBe(false)
    expect(texts(request.message.options.identityAssociations)).toEqual([
      'IA_NA 2001:db8::100/128',
      'IA_PD 2001:db8:100::/56',
    ])
    expect(request.message.transactionId).not.toBe(solicit.message.transactionId)
    expect(client.lease?.addresses[0].validUntil).toBe(clock.now() + 300 * SECOND)
    expect(client.lease?.addresses[0].preferredUntil).toBe(clock.now() + 200 * SECOND)
  })

  test('what else the server tells is in the lease', () => {
    const options = { dnsServers: [IpAddress.parse('2001:db8::53')], domainSearch: ['example.com'] }
    const { client, next } = setUp({ options })
    next()
    expect(client.lease?.configuration).toEqual({
      ...options,
      ntpServers: { addresses: [], multicastAddresses: [], names: [] },
    })
  })

  test('rapid commit: two messages, without waiting', () => {
    const { link, next, client } = setUp({ rapidCommit: true })
    expect(next().at - link.sent[0].at).toBe(5 * MILLISECOND)
    expect(link.types).toEqual([Solicit])
    expect(client.state).toBe('bound')
  })

  test('a Reply to a Solicit without rapid commit is none', () => {
    const { link, client, clock } = setUp(null, { rapidCommit: false })
    const server = new TestServer({ rapidCommit: true })
    link.servers.push({
      answer: ({ options }) => server.answer({ type: Request, options } as Message),
    })
    clock.advance(20 * SECOND)
    expect(link.types.every((type) => type === Solicit)).toBe(true)
    expect(client.counters.unexpected).toBe(link.sent.length)
  })

  test('preference 255 ends the waiting', () => {
    const { link, next } = setUp({ preference: 255 })
    next()
    expect(link.sent[1].at - link.sent[0].at).toBe(5 * MILLISECOND)
  })

  test('the highest preference wins, then the one that offers more, then the first', () => {
    const server = (last: number, more: ServerSettings) =>
      new TestServer({ duid: Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, last), ...more })
    const chosen = (...servers: TestServer[]) => {
      const { link, next, client } = setUp(null, { delegatedPrefixLength: 0 })
      link.servers.push(...servers)
      next()
      return client.lease?.serverId[9]
    }
    expect(chosen(server(1, {}), server(2, { preference: 7, prefixes: [] }), server(3, { preference: 6 }))).toBe(2)
    expect(chosen(server(1, { prefixes: [] }), server(2, {}), server(3, { addresses: [] }))).toBe(2)
    expect(chosen(server(1, {}), server(2, {}))).toBe(1)
  })

  test('after the first timeout the first Advertise is taken at once', () => {
    const { link, server, next, clock } = setUp()
    server.silent = true
    clock.advance(2.5 * SECOND)
    server.silent = false
    next()
    const request = link.sent[link.types.indexOf(Request)]
    const solicit = link.sent[link.types.indexOf(Request) - 1]
    expect(request.at - solicit.at).toBe(5 * MILLISECOND)
  })

  test('servers that have nothing to give are not asked; their SOL_MAX_RT holds', () => {
    const { link, client, clock, gaps } = setUp({ addresses: [], options: { solicitMaximum: 60 } })
    clock.advance(1000 * SECOND)
    expect(new Set(link.types)).toEqual(new Set([Solicit]))
    expect(client.counters.emptyAdvertisements).toBe(link.sent.length)
    const late = gaps(Solicit).slice(-5)
    expect(Math.min(...late)).toBeGreaterThan(60 * 0.89)
    expect(Math.max(...late)).toBeLessThan(60 * 1.11)
  })

  test.each([59, 86_401])('an SOL_MAX_RT of %i is ignored', (solicitMaximum) => {
    const { clock, gaps } = setUp({ addresses: [], options: { solicitMaximum } })
    clock.advance(40_000 * SECOND)
    expect(Math.max(...gaps(Solicit))).toBeGreaterThan(3000)
    expect(Math.max(...gaps(Solicit))).toBeLessThanOrEqual(3960)
  })

  test('what a second server offers is asked for after ten Requests in vain', () => {
    const { link, server, clock, next, client } = setUp({ preference: 9 })
    const silent = server.answer.bind(server)
    server.answer = (message) => (message.type === Solicit ? silent(message) : null)
    while (link.types.filter((type) => type === Request).length < 10) clock.advance(SECOND)
    expect(client.state).toBe('requesting')
    link.servers = [new TestServer({ duid: Uint8Array.of(0, 3, 0, 1, 9) })]
    expect(next().event).toBe('bound')
    expect(link.types.filter((type) => type === Request)).toHaveLength(11)
  })

  test.each([
    ['NotOnLink', StatusCode.NotOnLink],
    ['NoAddrsAvail', StatusCode.NoAddrsAvail],
  ])('a Request refused with %s begins anew, slower each time', (_, code) => {
    const { server, clock, client, link, events } = setUp({ preference: 255 })
    server.grant = (asked) => refuse(asked, code)
    const advertise = new TestServer({ preference: 255 })
    const refusing = server.answer.bind(server)
    server.answer = (message) => (message.type === Solicit ? advertise.answer(message) : refusing(message))
    clock.advance(3600 * SECOND)
    // 1, 2, 4 ... 512, then 600 s apart.
    const rounds = link.types.filter((type) => type === Request).length
    expect(rounds).toBeGreaterThan(10)
    expect(rounds).toBeLessThan(17)
    expect(events()).toEqual([])
    expect(client.lease).toBeNull()
  })

  test('UnspecFail leaves the exchange running at its pace', () => {
    const { server, clock, gaps, client } = setUp({
      preference: 255,
      options: { status: { code: StatusCode.UnspecFail, message: 'busy' } },
    })
    clock.advance(8 * SECOND)
    expect(gaps(Request)[0]).toBeGreaterThan(0.89)
    expect(client.counters.refusals).toBeGreaterThan(1)
    server.settings.options = {}
    clock.advance(20 * SECOND)
    expect(client.state).toBe('bound')
  })
})

describe('retransmission, section 15', () => {
  test.each([1, 2, 3, 4, 5])('Solicits: doubled each time within a tenth, up to an hour (seed %i)', (seed) => {
    const { clock, gaps, link } = setUp(null, {}, seed)
    clock.advance(30_000 * SECOND)
    const all = gaps(Solicit)
    expect(all[0]).toBeGreaterThan(1)
    expect(all[0]).toBeLessThanOrEqual(1.1)
    for (let i = 1; i < all.length; i++) {
      const capped = all[i] >= 3600 * 0.9 && all[i] <= 3600 * 1.1
      const ratio = all[i] / all[i - 1]
      expect(capped || (ratio > 1.89 && ratio < 2.11)).toBe(true)
    }
    expect(all.at(-1)).toBeGreaterThan(3200)
    const ids = new Set(link.sent.map(({ message }) => message.transactionId))
    expect(ids.size).toBe(1)
    // Hundredths of a second, as many as fit (21.9).
    expect(link.sent[1].message.options.elapsedTime).toBe(Math.floor(all[0] * 100))
    expect(link.last.message.options.elapsedTime).toBe(0xffff)
  })

  test('twenty messages at once, then one a second, whatever servers do (14.1)', () => {
    const { server, clock, link, client } = setUp({ preference: 255, renewAfter: 0, preferred: 1, valid: 1 })
    server.settings.rebindAfter = 0
    clock.advance(600 * SECOND)
    for (const { at } of link.sent) {
      const within = link.sent.filter((other) => other.at >= at && other.at < at + 100 * SECOND)
      expect(within.length).toBeLessThanOrEqual(120)
    }
    expect(client.counters.rateLimited).toBeGreaterThan(0)
  })
})

describe('keeping leases', () => {
  test('Renew at T1 to the same server', () => {
    const { link, client, next, clock } = setUp({}, { delegatedPrefixLength: 0 })
    const { at } = next()
    const renewed = next()
    expect(renewed.event).toBe('renewed')
    expect(link.last.at - at).toBe(100 * SECOND)
    expect(link.last.message.type).toBe(Renew)
    expect(link.last.message.options.serverId).toEqual(client.lease?.serverId)
    expect(texts(link.last.message.options.identityAssociations)).toEqual([
      'IA_NA 2001:db8::100/128',
      'IA_PD 2001:db8:100::/56',
    ])
    expect(client.lease?.addresses[0].validUntil).toBe(clock.now() + 300 * SECOND)
    for (let i = 0; i < 100; i++) expect(next().event).toBe('renewed')
  })

  test('Rebind at T2 to any server, and the new one from then on', () => {
    const { link, server, client, next, gaps } = setUp()
    const { at } = next()
    server.silent = true
    const other = new TestServer({ duid: Uint8Array.of(0, 3, 0, 1, 9) })
    other.bound = true
    link.servers.push(other)
    expect(next().event).toBe('rebound')
    const renews = link.sent.filter(({ message }) => message.type === Renew)
    expect(renews.map((sent) => sent.at - at)[0]).toBe(100 * SECOND)
    // REN_TIMEOUT is 10 s.
    expect(gaps(Renew)[0]).toBeGreaterThanOrEqual(9)
    expect(gaps(Renew)[0]).toBeLessThanOrEqual(11)
    expect(link.last.message.type).toBe(Rebind)
    expect(link.last.at - at).toBe(160 * SECOND)
    expect(link.last.message.options.serverId).toBeNull()
    expect(client.lease?.serverId).toEqual(other.settings.duid)
    expect(next().event).toBe('renewed')
    expect(link.last.message.options.serverId).toEqual(other.settings.duid)
  })

  test('a lease that nobody renews expires to the microsecond, and servers are looked for anew', () => {
    const { link, server, client, next } = setUp()
    const { at } = next()
    server.silent = true
    expect(next()).toEqual({ at: at + 300 * SECOND, event: 'expired', what: ['2001:db8::100/128'] })
    expect(client.state).toBe('soliciting')
    expect(client.lease).toBeNull()
    server.silent = false
    expect(next().event).toBe('bound')
    expect(link.types.slice(-2)).toEqual([Solicit, Request])
  })

  test('T1 and T2 that the server leaves open are 0.5 and 0.8 of the preferred lifetime', () => {
    const { link, server, next } = setUp({ renewAfter: 0, rebindAfter: 0, preferred: 1000, valid: 2000 })
    const { at } = next()
    server.silent = true
    next()
    expect(link.sent.find(({ message }) => message.type === Renew)!.at - at).toBe(500 * SECOND)
    expect(link.sent.find(({ message }) => message.type === Rebind)!.at - at).toBe(800 * SECOND)
  })

  test.each([
    ['only T1', 100, 0, 100, 800],
    ['T1 late', 900, 0, 900, 900],
    ['only T2', 0, 300, 300, 300],
    ['T2 late', 0, 1900, 500, 1900],
  ])('%s: T1 stays at or below T2', (_, renewAfter, rebindAfter, renew, rebind) => {
    const { link, server, next } = setUp({ renewAfter, rebindAfter, preferred: 1000, valid: 2000 })
    const { at } = next()
    server.silent = true
    next()
    const first = link.sent.find(({ message }) => message.type === Renew || message.type === Rebind)!
    expect(first.at - at).toBe(Math.min(renew, rebind) * SECOND)
    expect(link.sent.find(({ message }) => message.type === Rebind)!.at - at).toBe(rebind * SECOND)
  })

  test('what lasts for ever is never asked about', () => {
    const infinite = INFINITE_SECONDS
    const { next, clock, client } = setUp({ renewAfter: 0, rebindAfter: 0, preferred: infinite, valid: infinite })
    next()
    expect(clock.armedTimers).toBe(0)
    expect(client.lease?.addresses[0].validUntil).toBe(Number.POSITIVE_INFINITY)
  })

  test('the longest lifetime that ends is not mistaken for one that does not', () => {
    const valid = INFINITE_SECONDS - 1
    const never = INFINITE_SECONDS
    const { next, clock } = setUp({ renewAfter: never, rebindAfter: never, preferred: valid, valid })
    const { at } = next()
    expect(clock.armedTimers).toBe(1)
    expect(next()).toMatchObject({ event: 'expired', at: at + valid * SECOND })
  })

  test('NoBinding to a Renew is followed by a Request for the same', () => {
    const { link, server, next } = setUp()
    next()
    server.bound = false
    expect(next()).toMatchObject({ event: 'bound', what: ['2001:db8::100/128'] })
    expect(link.types.slice(-2)).toEqual([Renew, Request])
    expect(texts(link.last.message.options.identityAssociations)).toEqual(['IA_NA 2001:db8::100/128'])
  })

  test('what the server gives instead takes the place of a binding that it had lost', () => {
    const { server, next, client } = setUp()
    next()
    server.bound = false
    server.settings.addresses = ['2001:db8::200']
    expect(next()).toMatchObject({ event: 'expired', what: ['2001:db8::100/128'] })
    expect(client.lease?.addresses.map(({ prefix }) => prefix.toString())).toEqual(['2001:db8::200/128'])
  })

  test('a lifetime of 0 takes an address away, another may come with it', () => {
    const { server, next, heard, client } = setUp()
    next()
    const grant = server.grant.bind(server)
    server.grant = (asked) => {
      const granted = grant(asked)
      const [old] = granted.leases
      const renewed = { ...old, prefix: IpPrefix.parse('2001:db8::200') }
      return { ...granted, leases: [{ ...old, preferred: 0, valid: 0 }, renewed] }
    }
    next()
    expect(heard.slice(-2)).toMatchObject([
      { event: 'expired', what: ['2001:db8::100/128'] },
      { event: 'renewed', what: ['2001:db8::200/128'] },
    ])
    expect(client.state).toBe('bound')
  })

  test('addresses that add up with each Renew are held up to the bound', () => {
    const { server, next, client, clock } = setUp({ valid: 100_000 })
    next()
    for (let i = 1; i < 20; i++) {
      server.settings.addresses = [`2001:db8::${i}`, '2001:db8::100']
      next()
    }
    expect(client.lease?.addresses).toHaveLength(8)
    expect(clock.armedTimers).toBe(1)
  })

  test('a server that denies the binding and refuses to make it anew is asked every ten seconds at most', () => {
    const { server, clock, next, link, client } = setUp({
      renewAfter: 100,
      rebindAfter: 1000,
      preferred: 1000,
      valid: 2000,
    })
    next()
    const status = (code: number) => ({ status: { code, message: '' } })
    const answer = server.answer.bind(server)
    server.answer = (message) => {
      const answered = answer(message)
      const code = message.type === Renew ? StatusCode.NoBinding : StatusCode.NoAddrsAvail
      return { ...answered!, options: { ...answered!.options, ...status(code) } }
    }
    clock.advance(900 * SECOND)
    const requests = link.types.filter((type) => type === Request).length
    expect(requests).toBeGreaterThan(10)
    expect(requests).toBeLessThan(85)
    expect(client.lease?.addresses).toHaveLength(1)
  })

  test('a prefix that was not to be had is asked for again with each Renew', () => {
    const { link, server, next } = setUp({ prefixes: [] }, { delegatedPrefixLength: 0 })
    expect(next().what).toEqual(['2001:db8::100/128'])
    server.settings.prefixes = ['2001:db8:100::/56']
    expect(next()).toMatchObject({ event: 'renewed', what: ['2001:db8::100/128', '2001:db8:100::/56'] })
    expect(texts(link.last.message.options.identityAssociations)).toEqual(['IA_NA 2001:db8::100/128', 'IA_PD'])
  })

  test('an association that a Reply leaves out is asked about again, in ten seconds and not at once', () => {
    const { server, next, link, clock } = setUp({}, { delegatedPrefixLength: 0 })
    next()
    const answer = server.answer.bind(server)
    server.answer = (message) => {
      const answered = answer(message)
      if (message.type === Renew) answered!.options.identityAssociations!.pop()
      return answered
    }
    const renewed = next()
    const renews = link.sent.filter(({ message }) => message.type === Renew).length
    clock.advance(60 * SECOND - (clock.now() - renewed.at))
    expect(link.sent.filter(({ message }) => message.type === Renew).length - renews).toBeLessThanOrEqual(6)
  })
})

describe('duplicates', () => {
  test('Decline says which address, until it is answered; then all begins anew', () => {
    const { link, server, client, clock, next, events } = setUp()
    next()
    server.silent = true
    client.decline([IpAddress.parse('2001:db8::1'), IpAddress.parse('2001:db8::100')])
    expect(events()).toEqual(['bound', 'declined'])
    expect(client.lease).toBeNull()
    clock.advance(2 * SECOND)
    expect(link.last.message.type).toBe(Decline)
    expect(texts(link.last.message.options.identityAssociations)).toEqual(['IA_NA 2001:db8::100/128'])
    expect(link.last.message.options.serverId).toEqual(server.settings.duid)
    server.silent = false
    server.settings.addresses = ['2001:db8::101']
    expect(next()).toMatchObject({ event: 'bound', what: ['2001:db8::101/128'] })
  })

  test('four Declines without an answer are enough', () => {
    const { link, server, client, clock, next } = setUp()
    next()
    server.silent = true
    client.decline([IpAddress.parse('2001:db8::100')])
    clock.advance(60 * SECOND)
    expect(link.types.filter((type) => type === Decline)).toHaveLength(4)
    expect(client.state).toBe('soliciting')
  })

  test('what is left goes on', () => {
    const { client, next, clock, events } = setUp(
      { addresses: ['2001:db8::100', '2001:db8::101'] },
      { delegatedPrefixLength: 0 },
    )
    next()
    client.decline([IpAddress.parse('2001:db8::100')])
    clock.advance(SECOND)
    expect(client.state).toBe('bound')
    expect(client.lease?.addresses).toHaveLength(1)
    expect(next().event).toBe('renewed')
    expect(events()).toEqual(['bound', 'declined', 'renewed'])
  })

  test('a server that always gives the same duplicate is asked ever less often', () => {
    const { client, clock, link } = setUp({ preference: 255 })
    let duplicates = 0
    for (let second = 0; second < 7200; second++) {
      clock.advance(SECOND)
      // As duplicate address detection would: a while after `bound`.
      if (client.state !== 'bound') continue
      duplicates++
      client.decline([IpAddress.parse('2001:db8::100')])
    }
    expect(link.types.filter((type) => type === Decline)).toHaveLength(duplicates)
    expect(duplicates).toBeGreaterThan(10)
    expect(duplicates).toBeLessThan(23)
  })

  test('with a prefix left another address is asked for soon, and ever less often', () => {
    const { client, clock, link, next } = setUp(
      { renewAfter: 86_400, rebindAfter: 90_000, valid: 100_000 },
      {
        delegatedPrefixLength: 0,
      },
    )
    next()
    const declines: number[] = []
    for (let second = 0; second < 7200; second++) {
      clock.advance(SECOND)
      if (client.state !== 'bound' || client.lease?.addresses.length !== 1) continue
      declines.push(second)
      client.decline([IpAddress.parse('2001:db8::100')])
    }
    expect(link.types.slice(0, 4)).toEqual([Solicit, Request, Decline, Renew])
    expect(declines.length).toBeGreaterThan(10)
    expect(declines.length).toBeLessThan(23)
    expect(declines.at(-1)! - declines.at(-2)!).toBeGreaterThanOrEqual(600)
    expect(client.lease?.prefixes).toHaveLength(1)
  })

  test('an address that is not held is nothing to decline', () => {
    const { client, next, events } = setUp()
    next()
    client.decline([IpAddress.parse('2001:db8::7')])
    expect(client.state).toBe('bound')
    expect(events()).toEqual(['bound'])
  })
})

describe('another link', () => {
  test('Confirm: the addresses stay when the server says so', () => {
    const { link, client, clock, next } = setUp()
    next()
    client.linkChanged()
    expect(client.state).toBe('confirming')
    clock.advance(2 * SECOND)
    expect(link.last.message.type).toBe(Confirm)
    expect(link.last.message.options.serverId).toBeNull()
    expect(texts(link.last.message.options.identityAssociations)).toEqual(['IA_NA 2001:db8::100/128'])
    expect(client.state).toBe('bound')
    expect(next().event).toBe('renewed')
  })

  test('NotOnLink: they go, and servers are looked for', () => {
    const { client, server, next, heard } = setUp()
    next()
    server.settings.addresses = ['2001:db8:1::100']
    const answer = server.answer.bind(server)
    server.answer = (message) => {
      const answered = answer(message)
      if (message.type === Confirm) answered!.options.status = { code: StatusCode.NotOnLink, message: '' }
      return answered
    }
    client.linkChanged()
    next()
    next()
    expect(heard.slice(1)).toMatchObject([
      { event: 'expired', what: ['2001:db8::100/128'] },
      { event: 'bound', what: ['2001:db8:1::100/128'] },
    ])
  })

  test('silence for ten seconds: they stay', () => {
    const { client, server, clock, next, link } = setUp()
    next()
    server.silent = true
    client.linkChanged()
    clock.advance(9 * SECOND)
    expect(client.state).toBe('confirming')
    clock.advance(2 * SECOND)
    expect(client.state).toBe('bound')
    expect(link.types.filter((type) => type === Confirm).length).toBeLessThanOrEqual(6)
  })

  test('with delegated prefixes it is a Rebind (18.2.12)', () => {
    const { client, next, link } = setUp({}, { delegatedPrefixLength: 0 })
    next()
    client.linkChanged()
    expect(next().event).toBe('rebound')
    expect(link.last.message.type).toBe(Rebind)
  })
})

describe('the end', () => {
  test('Release gives everything back', async () => {
    const { client, clock, next, link, events } = setUp({}, { delegatedPrefixLength: 0 })
    next()
    const released = client.release()
    expect(client.release()).toBe(released)
    expect(client.lease).toBeNull()
    await clock.settle(released)
    expect(client.state).toBe('stopped')
    expect(link.last.message.type).toBe(Release)
    expect(texts(link.last.message.options.identityAssociations)).toEqual([
      'IA_NA 2001:db8::100/128',
      'IA_PD 2001:db8:100::/56',
    ])
    expect(link.receiver).toBeNull()
    expect(clock.armedTimers).toBe(0)
    expect(events()).toEqual(['bound'])
  })

  test('a server that is gone holds it up for four attempts', async () => {
    const { client, clock, next, link, server } = setUp()
    const { at } = next()
    server.silent = true
    await clock.settle(client.release())
    expect(link.types.filter((type) => type === Release)).toHaveLength(4)
    expect(clock.now() - at).toBeLessThan(18 * SECOND)
  })

  test('in every state stop() leaves no timer, and start() begins anew', async () => {
    const { client, clock, next, server } = setUp()
    const states = new Set<string>()
    const end = () => {
      states.add(client.state)
      client.stop()
      expect(clock.armedTimers).toBe(0)
      expect(client.lease).toBeNull()
      client.start()
      server.silent = false
      expect(next().event).toBe('bound')
      server.silent = true
    }
    end()
    end()
    clock.advance(120 * SECOND)
    end()
    clock.advance(200 * SECOND)
    end()
    client.linkChanged()
    end()
    client.decline([IpAddress.parse('2001:db8::100')])
    end()
    const released = client.release()
    end()
    await released
    expect([...states]).toEqual([
      'soliciting',
      'bound',
      'renewing',
      'rebinding',
      'confirming',
      'declining',
      'releasing',
    ])
  })

  test('release without leases stops', async () => {
    const { client } = setUp(null)
    await client.release()
    expect(client.state).toBe('stopped')
  })
})

describe('what is dropped, section 16', () => {
  const valid = (transactionId: number) => ({ type: Advertise, transactionId, clientId: DUID, serverId: DUID })
  test.each([
    ['another transaction', { transactionId: 1 }, 'wrongTransaction'],
    ['another client', { clientId: OTHER_DUID }, 'wrongClient'],
    ['no client', { clientId: null }, 'wrongClient'],
    ['no server', { serverId: null }, 'noServer'],
    ['Solicit', { type: Solicit }, 'notForClients'],
    ['Request', { type: Request }, 'notForClients'],
    ['Confirm', { type: Confirm }, 'notForClients'],
    ['Renew', { type: Renew }, 'notForClients'],
    ['Rebind', { type: Rebind }, 'notForClients'],
    ['Release', { type: Release }, 'notForClients'],
    ['Decline', { type: Decline }, 'notForClients'],
    ['Information-request', { type: MessageType.InformationRequest }, 'notForClients'],
    ['Relay-forward', { type: MessageType.RelayForward }, 'notForClients'],
    ['Relay-reply', { type: MessageType.RelayReply }, 'notForClients'],
    ['Reconfigure', { type: MessageType.Reconfigure }, 'reconfigures'],
    ['Reply while soliciting', { type: Reply }, 'unexpected'],
    ['an unknown kind', { type: 77 as MessageType }, 'malformed'],
  ] as const)('%s', (_, change, counter) => {
    const { client, clock, link } = setUp(null)
    clock.advance(SECOND)
    const message = { ...valid(link.last.message.transactionId), ...change }
    link.deliver(buildMessage(message.type, message.transactionId, message))
    clock.advance(10 * MILLISECOND)
    expect(client.counters).toMatchObject({ received: 1, [counter]: 1 })
    expect(client.state).toBe('soliciting')
  })

  test('an Advertise when none is waited for, and anything when all is well', () => {
    const { client, clock, link, next } = setUp()
    next()
    const last = link.last.message.transactionId
    link.deliver(buildMessage(Advertise, last, valid(last)))
    link.deliver(buildMessage(Reply, last, valid(last)))
    clock.advance(SECOND)
    // The transaction is over.
    expect(client.counters.wrongTransaction).toBe(2)
    expect(client.state).toBe('bound')
  })
})

test('a server that answers everything twice, and late once more, is heard once', () => {
  const { client, clock, link, server, heard } = setUp()
  link.servers.push({ answer: (message: Message) => server.answer(message) })
  const deliver = link.deliver.bind(link)
  const old: Uint8Array[] = []
  link.deliver = (bytes) => {
    for (const late of old.slice(-4)) deliver(late)
    old.push(bytes)
    deliver(bytes)
  }
  clock.advance(450 * SECOND)
  expect(heard.map(({ event }) => event)).toEqual(['bound', 'renewed', 'renewed', 'renewed', 'renewed'])
  expect(link.types).toEqual([Solicit, Request, Renew, Renew, Renew, Renew])
  expect(client.counters.wrongTransaction).toBeGreaterThan(20)
  expect(client.lease?.addresses).toHaveLength(1)
})

test.each([
  [120, 'renewed', Renew],
  [180, 'rebound', Rebind],
] as const)('a process that slept for %i s goes on as if time had passed: %s', (duration, event, message) => {
  const { client, clock, link, heard } = setUpAsleep()
  clock.advance(5 * SECOND)
  expect(client.state).toBe('bound')
  clock.sleep(duration * SECOND)
  clock.advance(SECOND)
  expect(link.last.message.type).toBe(message)
  expect(heard).toEqual(['bound', event])
})

test('a process that slept longer than its leases last has none, and looks for servers anew', () => {
  const { client, clock, link, heard } = setUpAsleep()
  clock.advance(5 * SECOND)
  clock.sleep(400 * SECOND)
  expect(heard).toEqual(['bound', 'expired'])
  expect(client.lease).toBeNull()
  clock.advance(5 * SECOND)
  expect(link.types).toEqual([Solicit, Request, Solicit, Request])
  expect(heard).toEqual(['bound', 'expired', 'bound'])
})

function setUpAsleep() {
  const clock = new LeapingClock()
  const link = new DhcpLink(clock)
  link.servers.push(new TestServer())
  const heard: string[] = []
  const note = (event: string) => () => void heard.push(event)
  const names = ['bound', 'renewed', 'rebound', 'expired', 'declined'] as const
  const events = Object.fromEntries(names.map((name) => [name, note(name)])) as unknown as Dhcpv6Events
  const client = new Dhcpv6Client({
    transport: link,
    clock,
    random: new SeededRandom(1),
    duid: DUID,
    iaid: IAID,
    events,
  })
  client.start()
  return { client, clock, link, heard }
}

describe('a Reply of another server than the one that was asked is none', () => {
  const other = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 9)
  /** Another server answers first, and grants everything. */
  const answerFirst = (link: DhcpLink, kind: number) => {
    const impostor = new TestServer({ duid: other, addresses: ['2001:db8::bad'] })
    const { answer } = impostor
    impostor.answer = (message: Message) => {
      if (message.type !== kind) return null
      impostor.bound = true
      return answer.call(impostor, { ...message, options: { ...message.options, serverId: other } })
    }
    link.servers.unshift(impostor)
  }

  test.each([
    ['Request', Request, 'requesting', []],
    ['Renew', Renew, 'renewing', ['bound']],
    ['Release', Release, 'releasing', ['bound']],
    ['Decline', Decline, 'declining', ['bound', 'declined']],
  ] as const)('to a %s', (_, kind, state, events) => {
    const { client, clock, link, server, heard, next } = setUp()
    answerFirst(link, kind)
    if (kind === Request) {
      while (link.sent.length === 0) clock.advance(MILLISECOND)
      // Its advertisement is on the way.
      server.silent = true
      while (client.state === 'soliciting') clock.advance(MILLISECOND)
    } else next()
    server.silent = true
    if (kind === Renew) clock.advance(100 * SECOND)
    else if (kind === Decline) client.decline([IpAddress.parse('2001:db8::100')])
    else if (kind === Release) void client.release()
    clock.advance(500 * MILLISECOND)
    expect(client.counters).toMatchObject({ wrongServer: 1 })
    expect(client.state).toBe(state)
    expect(heard.map(({ event }) => event)).toEqual(events)
  })

  test('but any may answer a Rebind, and is the one to ask from then on', () => {
    const { client, link, server, next } = setUp()
    next()
    server.silent = true
    const second = new TestServer({ duid: other })
    second.bound = true
    link.servers.push(second)
    expect(next()).toMatchObject({ event: 'rebound' })
    expect(client.lease?.serverId).toEqual(other)
    expect(next()).toMatchObject({ event: 'renewed' })
    expect(link.last.message.options.serverId).toEqual(other)
  })
})

test.each([
  ['iaid', { iaid: -1 }],
  ['iaid', { iaid: 2 ** 32 }],
  ['delegatedPrefixLength', { delegatedPrefixLength: 128 }],
  ['DUID', { duid: new Uint8Array(2) }],
  ['domain name', { fqdn: 'not a name' }],
  ['addresses, a prefix or both', { addresses: false }],
])('refuses a wrong %s', (words, options) => {
  expect(() => setUp({}, options)).toThrow(words)
})

test('the largest message fits into the least MTU', () => {
  const long = Uint8Array.from({ length: 130 }, () => 7)
  const addresses = Array.from({ length: 20 }, (_, i) => `2001:db8::${i + 1}`)
  const prefixes = Array.from({ length: 20 }, (_, i) => `2001:db8:${i + 1}::/48`)
  const fqdn = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`
  const { link, next } = setUp({ duid: long, addresses, prefixes }, { duid: long, fqdn, delegatedPrefixLength: 48 })
  expect(next().what).toHaveLength(16)
  next()
  expect(link.last.message.type).toBe(Renew)
  expect(link.last.bytes.length).toBeGreaterThan(1000)
  // 1280 less the headers of IPv6 and UDP.
  expect(Math.max(...link.sent.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(1232)
})

test('whatever servers answer: nothing throws, what is held is bounded and valid, and events add up', () => {
  const status = fc.option(fc.record({ code: fc.nat(8), message: fc.constant('') }), { freq: 2 })
  const seconds = fc.oneof(fc.nat(400), fc.constantFrom(0, 1, INFINITE_SECONDS, INFINITE_SECONDS - 1))
  const lease = fc.record({ host: fc.nat(12), preferred: seconds, valid: seconds, status })
  const association = fc.record({
    kind: fc.constantFrom('IA_NA' as const, 'IA_PD' as const, 'IA_TA' as const),
    foreign: fc.nat(9).map((chance) => chance === 0),
    renewAfter: seconds,
    rebindAfter: seconds,
    leases: fc.array(lease, { maxLength: 12 }),
    status,
  })
  const step = fc.record({
    answer: fc.nat(9),
    type: fc.constantFrom(Advertise, Reply),
    rapidCommit: fc.boolean(),
    preference: fc.constantFrom(null, 0, 255),
    status,
    associations: fc.array(association, { maxLength: 4 }),
    action: fc.nat(40),
    wait: fc.nat(100),
  })
  fc.assert(
    fc.property(fc.nat(), fc.array(step, { minLength: 1, maxLength: 60 }), (seed, steps) => {
      const { client, clock, link, heard } = setUp(null, { delegatedPrefixLength: 0 }, seed)
      let at = 0
      link.servers.push({
        answer: ({ type: asked, options }) => {
          const { type, answer, associations, ...rest } = steps[at++ % steps.length]
          if (answer === 0) return null
          const right = asked === Solicit && !rest.rapidCommit ? Advertise : Reply
          const identityAssociations = associations.map(({ foreign, leases, kind, ...others }) => ({
            ...others,
            kind,
            id: foreign ? 1 : IAID,
            leases: leases.map(({ host, ...times }) => ({
              ...times,
              prefix: IpPrefix.parse(kind === 'IA_PD' ? `2001:db8:${host}::/56` : `2001:db8::${host}`),
            })),
          }))
          const told = { ...rest, clientId: options.clientId, serverId: OTHER_DUID, identityAssociations }
          return { type: answer < 8 ? right : type, options: told }
        },
      })
      for (const { wait, action } of steps) {
        clock.advance(wait * SECOND)
        const { lease } = client
        if (lease !== null) {
          expect(lease.addresses.length).toBeLessThanOrEqual(8)
          expect(lease.prefixes.length).toBeLessThanOrEqual(8)
          for (const { preferredUntil, validUntil } of [...lease.addresses, ...lease.prefixes]) {
            expect(validUntil).toBeGreaterThan(clock.now())
            expect(validUntil).toBeGreaterThanOrEqual(preferredUntil)
          }
        }
        // What was told and not taken back is what is held.
        const held = new Set<string>()
        for (const { event, what } of heard) {
          for (const prefix of what) {
            if (event === 'expired' || event === 'declined') expect(held.delete(prefix)).toBe(true)
            else held.add(prefix)
          }
        }
        const now = lease === null ? [] : [...lease.addresses, ...lease.prefixes].map(({ prefix }) => prefix.toString())
        expect([...held].sort()).toEqual(now.sort())
        if (action === 0) client.linkChanged()
        else if (action === 1 && lease !== null) client.decline(lease.addresses.map(({ prefix }) => prefix.address))
        expect(clock.armedTimers).toBeLessThanOrEqual(3)
      }
      const minutes = clock.now() / (60 * SECOND)
      expect(link.sent.length).toBeLessThanOrEqual(20 + 60 * minutes + 60)
      client.stop()
      clock.advance(SECOND)
      expect(clock.armedTimers).toBe(0)
    }),
    { numRuns: 300 },
  )
})
