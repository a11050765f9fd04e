import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Dhcpv4Exchange } from '../../../test/support/dhcpv4-exchange.ts'
import { Store } from '../../../test/support/lease-store.ts'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import { MILLISECOND, MINUTE, SECOND } from '../../clock/index.ts'
import { FOREVER, MessageType } from './codes.ts'
import type { MessageOptions } from './message.ts'

const ip = (text: string) => IpAddress.parse(text)
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const seconds = (exchange: Dhcpv4Exchange) => exchange.sent.map(({ at }) => Math.round(at / SECOND))
/** All that promises have to do. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('the times of a lease (4.4.5)', () => {
  const timesOf = (options: Partial<MessageOptions>) => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind(options)
    const { renewAt, rebindAt, expiresAt, duration } = exchange.client.lease!
    const since = 200 * MILLISECOND
    return [renewAt - since, rebindAt - since, expiresAt - since].map((at) => at / SECOND).concat(duration)
  }

  test('of the server', () => {
    expect(timesOf({ leaseTime: 1000, renewAfter: 300, rebindAfter: 600 })).toEqual([300, 600, 1000, 1000])
  })

  test.each<[string, Partial<MessageOptions>, number, number]>([
    ['none', {}, 500, 875],
    ['0', { renewAfter: 0, rebindAfter: 0 }, 500, 875],
    ['T1 > T2 > lease', { renewAfter: 3000, rebindAfter: 2000 }, 500, 875],
    ['T2 = lease', { rebindAfter: 1000 }, 500, 875],
    ['T1 = T2', { renewAfter: 800, rebindAfter: 800 }, 500, 800],
    ['T1 > T2', { renewAfter: 900, rebindAfter: 800 }, 500, 800],
    ['T2 before half of the lease', { rebindAfter: 350 }, 200, 350],
    ['both for ever', { renewAfter: FOREVER, rebindAfter: FOREVER }, 500, 875],
  ])('%s: computed, within a second', (_name, options, renew, rebind) => {
    const [t1, t2, end] = timesOf({ leaseTime: 1000, ...options })
    expect(Math.abs(t1 - renew)).toBeLessThanOrEqual(1)
    expect(Math.abs(t2 - rebind)).toBeLessThanOrEqual(1)
    expect(end).toBe(1000)
  })

  test('what is computed differs from host to host, so that they do not all ask at once', () => {
    const times = [1, 2, 3, 4, 5, 6].map((seed) => {
      const exchange = new Dhcpv4Exchange({ seed })
      exchange.bind()
      return exchange.client.lease!.renewAt
    })
    expect(new Set(times).size).toBe(6)
    expect(Math.max(...times) - Math.min(...times)).toBeGreaterThan(SECOND / 4)
  })

  test('for ever: neither renewed nor rebound nor lost', () => {
    expect(timesOf({ leaseTime: FOREVER, renewAfter: 10 })).toEqual([Infinity, Infinity, Infinity, Infinity])
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ leaseTime: FOREVER })
    expect(exchange.advance(366 * DAY)).toEqual([])
    expect(exchange.client.state).toBe('bound')
  })

  test('any times: T1 < T2 < the end', () => {
    const any = fc.option(fc.oneof(fc.nat({ max: FOREVER }), fc.nat({ max: 100 })))
    fc.assert(
      fc.property(fc.integer({ min: 1, max: FOREVER - 1 }), any, any, (leaseTime, renewAfter, rebindAfter) => {
        const [t1, t2, end] = timesOf({ leaseTime, renewAfter, rebindAfter })
        expect(t1).toBeGreaterThan(0)
        expect(t1).toBeLessThan(t2)
        expect(t2).toBeLessThan(end)
      }),
      { numRuns: 200 },
    )
  })
})

describe('BOUND, RENEWING, REBINDING', () => {
  test('renewed at T1 by unicast, from the address itself (table 4)', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ renewAfter: 1800, rebindAfter: 3000 })
    expect(exchange.advance(1800 * SECOND)).toEqual(['request'])
    const { source, destination, message } = exchange.last
    expect([source, destination]).toEqual(['10.0.0.50', '10.0.0.1'])
    expect(message.clientAddress).toEqual(ip('10.0.0.50'))
    expect(message.options).toMatchObject({ requestedAddress: null, serverId: null })
    expect(exchange.client.state).toBe('renewing')
    exchange.acknowledge({ dnsServers: [ip('10.0.0.3')] })
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'renewed 10.0.0.50/24'])
    expect(exchange.client.lease?.configuration.dnsServers).toEqual([ip('10.0.0.3')])
    expect(exchange.client.lease?.expiresAt).toBe(exchange.clock.now() + 3600 * SECOND)
  })

  test('asks again after half of what is left until T2, then at T2 everybody, then until the end', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ leaseTime: 4000, renewAfter: 2000, rebindAfter: 3000 })
    exchange.advance(3999 * SECOND)
    expect(seconds(exchange)).toEqual([2000, 2500, 2750, 2875, 2938, 2998, 3000, 3500, 3750, 3875, 3938, 3998])
    const ways = exchange.sent.map(({ source, destination }) => `${source} ${destination}`)
    expect(ways.slice(0, 6)).toEqual(new Array(6).fill('10.0.0.50 10.0.0.1'))
    expect(ways.slice(6)).toEqual(new Array(6).fill('10.0.0.50 255.255.255.255'))
    expect(exchange.client.state).toBe('rebinding')
  })

  test('in a short lease several times, too', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ leaseTime: 120, renewAfter: 60, rebindAfter: 100 })
    exchange.advance(119 * SECOND)
    expect(seconds(exchange)).toEqual([60, 80, 90, 100, 110, 115])
  })

  test('rebound by another server, which is asked from then on', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ renewAfter: 1800, rebindAfter: 3000 })
    exchange.advance(3001 * SECOND)
    exchange.acknowledge({ serverId: ip('10.0.0.9') })
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'rebound 10.0.0.50/24'])
    exchange.advance(1810 * SECOND)
    expect(exchange.last.destination).toBe('10.0.0.9')
  })

  test('what another server gives is remembered, too', async () => {
    const store = new Store()
    const exchange = new Dhcpv4Exchange({ store })
    exchange.client.start()
    await settle()
    exchange.bind({ renewAfter: 1800, rebindAfter: 3000 })
    exchange.advance(3001 * SECOND)
    exchange.acknowledge({ serverId: ip('10.0.0.9') })
    await settle()
    expect(store.text).toContain('10.0.0.9')
  })

  test('expired when nobody answers, and bound again when somebody does', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind()
    exchange.advance(3601 * SECOND)
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'expired 10.0.0.50/24 expired'])
    expect(exchange.last.message.options).toMatchObject({
      type: MessageType.Discover,
      requestedAddress: ip('10.0.0.50'),
    })
    expect(exchange.client.lease).toBe(null)
    exchange.advance(HOUR)
    exchange.offer()
    exchange.advance(SECOND)
    exchange.acknowledge()
    expect(exchange.events.slice(2)).toEqual(['unanswered true', 'bound 10.0.0.50/24'])
  })

  test('the address that it had wins among offers, without waiting for others', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind()
    exchange.advance(3601 * SECOND)
    exchange.offer({ routers: [ip('10.0.0.1')] }, { yourAddress: ip('10.0.0.60') })
    exchange.offer()
    expect(exchange.last.message.options).toMatchObject({
      type: MessageType.Request,
      requestedAddress: ip('10.0.0.50'),
    })
  })

  test.each(['renewing', 'rebinding'])('refused while %s: gone at once, and a search', (state) => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ renewAfter: 1800, rebindAfter: 3000 })
    exchange.advance((state === 'renewing' ? 1801 : 3001) * SECOND)
    expect(exchange.client.state).toBe(state)
    exchange.refuse()
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'expired 10.0.0.50/24 refused'])
    exchange.take()
    expect(exchange.advance(SECOND)).toEqual(['discover'])
    expect(exchange.last.message.options.requestedAddress).toBe(null)
  })

  test('another address in the answer replaces the old one', () => {
    const exchange = new Dhcpv4Exchange({ probes: true })
    exchange.bind()
    exchange.answerProbe(true)
    exchange.advance(1801 * SECOND)
    exchange.acknowledge({}, { yourAddress: ip('10.0.0.70') })
    expect(exchange.asked).toEqual(ip('10.0.0.70'))
    exchange.answerProbe(true)
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'expired 10.0.0.50/24 replaced', 'bound 10.0.0.70/24'])
  })

  test('so does another network', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind()
    exchange.advance(1801 * SECOND)
    exchange.acknowledge({ prefixLength: 16 })
    expect(exchange.events.slice(1)).toEqual(['expired 10.0.0.50/24 replaced', 'bound 10.0.0.50/16'])
  })

  test('answers without a time do not prolong anything', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind()
    exchange.advance(1801 * SECOND)
    exchange.acknowledge({ leaseTime: 0 })
    exchange.acknowledge({ leaseTime: null })
    exchange.advance(1800 * SECOND)
    expect(exchange.events.at(-1)).toBe('expired 10.0.0.50/24 expired')
  })

  test('a year of renewals: one request each three hours, and nothing else', () => {
    const exchange = new Dhcpv4Exchange()
    const times = { leaseTime: 6 * 3600, renewAfter: 3 * 3600, rebindAfter: 5 * 3600 }
    exchange.bind(times)
    for (let hours = 0; hours < 365 * 24; hours += 3) {
      expect(exchange.advance(3 * HOUR)).toEqual(['request'])
      exchange.acknowledge(times)
    }
    expect(exchange.events.filter((event) => !event.startsWith('renewed'))).toEqual(['bound 10.0.0.50/24'])
    expect(exchange.client.counters).toMatchObject({ retransmitted: 0, rateLimited: 0, unexpected: 0 })
    expect(exchange.clock.clock.armedTimers).toBe(1)
  })

  test.each([
    [1, 'not yet at T1', [], 'bound'],
    [1900, 'through T1', ['request'], 'renewing'],
    [3200, 'through T1 and T2', ['request'], 'rebinding'],
    [3700, 'through all of it', ['discover'], 'selecting'],
    [400 * 24 * 3600, 'for more than a year', ['discover'], 'selecting'],
  ])('a process that sleeps for %i s, %s', (duration, _name, sent, state) => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ renewAfter: 1800, rebindAfter: 3150 })
    exchange.clock.sleep(duration * SECOND)
    expect(exchange.take()).toEqual(sent)
    expect(exchange.client.state).toBe(state)
    expect(exchange.events.length).toBe(state === 'selecting' ? 2 : 1)
  })

  test('a lease of one second causes no flood, whatever the server answers', () => {
    const exchange = new Dhcpv4Exchange({ offerWait: 0 })
    exchange.client.start()
    for (let step = 0; step < 6000; step++) {
      if (exchange.sent.length > 0) {
        const { type } = exchange.last.message.options
        if (type === MessageType.Discover) exchange.offer({ leaseTime: 1 })
        else exchange.acknowledge({ leaseTime: 1 })
      }
      exchange.advance(100 * MILLISECOND)
    }
    expect(exchange.client.counters.sent).toBeLessThan(1300)
  })
})

describe('the configuration', () => {
  const configurationOf = (options: Partial<MessageOptions>) => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind(options)
    const { routes, ...rest } = exchange.client.lease!.configuration
    return { ...rest, routes: routes.map(({ destination, gateway }) => `${destination} ${gateway}`) }
  }
  const route = (destination: string, gateway: string) => ({
    destination: IpPrefix.parse(destination),
    gateway: ip(gateway),
  })

  test('routers become default routes, after static ones; ourselves is none', () => {
    const options = {
      routers: [ip('10.0.0.1'), ip('10.0.0.50'), ip('10.0.0.2')],
      staticRoutes: [route('172.16.0.0/16', '10.0.0.9')],
    }
    expect(configurationOf(options).routes).toEqual([
      '172.16.0.0/16 10.0.0.9',
      '0.0.0.0/0 10.0.0.1',
      '0.0.0.0/0 10.0.0.2',
    ])
  })

  test('classless routes stand for all of them (RFC 3442)', () => {
    const options = { routers: [ip('10.0.0.1')], classlessRoutes: [route('172.16.0.0/12', '10.0.0.9')] }
    expect(configurationOf(options).routes).toEqual(['172.16.0.0/12 10.0.0.9'])
  })

  test('the domain is the search list where there is none', () => {
    expect(configurationOf({ domainName: 'a.example' }).domainSearch).toEqual(['a.example'])
    expect(configurationOf({ domainName: 'a.example', domainSearch: ['b.example'] }).domainSearch).toEqual([
      'b.example',
    ])
  })

  test('a /32, and a router off the network', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ prefixLength: 32, routers: [ip('169.254.1.1')] })
    expect(exchange.events).toEqual(['bound 10.0.0.50/32'])
  })
})
