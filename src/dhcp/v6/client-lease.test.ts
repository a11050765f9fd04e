import { describe, expect, test } from 'vitest'
import { setUp, setUpAsleep, texts } from '../../../test/support/dhcpv6-client.ts'
import { TestServer } from '../../../test/support/dhcpv6-server.ts'
import { IpPrefix } from '../../address/index.ts'
import { SECOND } from '../../clock/index.ts'
import { INFINITE_SECONDS, MessageType, StatusCode } from './codes.ts'

const { Solicit, Request, Renew, Rebind } = MessageType

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
