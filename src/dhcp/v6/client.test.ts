import { describe, expect, test } from 'vitest'
import { DUID, IAID, setUp, setUpAsleep, texts } from '../../../test/support/dhcpv6-client.ts'
import { refuse, type ServerSettings, TestServer } from '../../../test/support/dhcpv6-server.ts'
import { IpAddress } from '../../address/index.ts'
import { MILLISECOND, SECOND } from '../../clock/index.ts'
import { MessageType, OptionCode, StatusCode } from './codes.ts'
import type { Message } from './message.ts'

const { Solicit, Request, Renew, Rebind } = MessageType

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
