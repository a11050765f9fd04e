import { describe, expect, test } from 'vitest'
import { setUp, texts } from '../../../test/support/dhcpv6-client.ts'
import { IpAddress } from '../../address/index.ts'
import { SECOND } from '../../clock/index.ts'
import { MessageType, StatusCode } from './codes.ts'

const { Solicit, Request, Confirm, Renew, Rebind, Release, Decline } = MessageType

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
