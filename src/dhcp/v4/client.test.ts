/** The DHCPv4 client's states in virtual time, RFC 2131, section 4.4; the servers are the test's. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Dhcpv4Exchange } from '../../../test/support/dhcpv4-exchange.ts'
import { IpAddress, IpPrefix, MacAddress } from '../../address/index.ts'
import { MILLISECOND, MINUTE, SECOND } from '../../clock/index.ts'
import { buildMessage } from './build-message.ts'
import { clientIdFromMac } from './client-identifier.ts'
import { FOREVER, MessageType, Operation, OptionCode } from './codes.ts'
import { type Message, type MessageOptions, newMessage } from './message.ts'

const ip = (text: string) => IpAddress.parse(text)
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
const seconds = (exchange: Dhcpv4Exchange) => exchange.sent.map(({ at }) => Math.round(at / SECOND))

class Store {
  text: string | null
  constructor(text: string | null = null) {
    this.text = text
  }
  load(): string | null {
    return this.text
  }
  save(text: string): void {
    this.text = text
  }
}

/** All that promises have to do. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

describe('INIT and SELECTING', () => {
  test('the first message, at once', () => {
    const exchange = new Dhcpv4Exchange({
      hostName: 'web-1',
      clientId: clientIdFromMac(MacAddress.parse('02:00:00:00:00:02')),
    })
    exchange.client.start()
    const { source, destination, message } = exchange.last
    expect([source, destination]).toEqual(['0.0.0.0', '255.255.255.255'])
    expect(message).toMatchObject({
      operation: Operation.Request,
      seconds: 0,
      broadcast: false,
      clientAddress: ip('0.0.0.0'),
      hardwareAddress: MacAddress.parse('02:00:00:00:00:02'),
    })
    expect(message.options).toMatchObject({
      type: MessageType.Discover,
      hostName: 'web-1',
      clientId: Uint8Array.of(1, 2, 0, 0, 0, 0, 2),
      maximumSize: 1500,
      rapidCommit: true,
      autoConfigure: null,
      requestedAddress: null,
      serverId: null,
    })
    const { parameterRequest } = message.options
    expect(parameterRequest.indexOf(OptionCode.ClasslessRoute)).toBeLessThan(
      parameterRequest.indexOf(OptionCode.Router),
    )
    expect(parameterRequest).not.toContain(OptionCode.Ipv6OnlyPreferred)
    expect(exchange.client.state).toBe('selecting')
  })

  test.each([1, 2, 3, 4, 5])(
    'is sent again after 4, 8, 16, 32, 64, 64, ... seconds, give or take one, seed %i',
    (seed) => {
      const exchange = new Dhcpv4Exchange({ seed })
      exchange.client.start()
      exchange.advance(600 * SECOND)
      const times = exchange.sent.map(({ at }) => at)
      const waits = times.slice(1).map((at, index) => at - times[index])
      const expected = waits.map((_, index) => Math.min(4 * 2 ** index, 64) * SECOND)
      expect(waits.length).toBeGreaterThan(8)
      for (const [index, wait] of waits.entries()) expect(Math.abs(wait - expected[index])).toBeLessThanOrEqual(SECOND)
      expect(new Set(waits).size).toBe(waits.length)
      expect(exchange.sent.map(({ message }) => message.seconds)).toEqual(times.map((at) => Math.floor(at / SECOND)))
      expect(exchange.events).toEqual(['unanswered true'])
      expect(exchange.client.counters).toMatchObject({ sent: times.length, retransmitted: times.length - 1 })
    },
  )

  test('the best of several offers: a way out, then name servers, then the longer time, then the first', () => {
    const candidates: [string, Partial<MessageOptions>][] = [
      ['10.0.0.60', {}],
      ['10.0.0.61', { leaseTime: 7200 }],
      ['10.0.0.62', { dnsServers: [ip('10.0.0.1')] }],
      ['10.0.0.63', { routers: [ip('10.0.0.1')] }],
      ['10.0.0.64', { routers: [ip('10.0.0.1')], dnsServers: [ip('10.0.0.1')] }],
      ['10.0.0.65', { routers: [ip('10.0.0.1')], dnsServers: [ip('10.0.0.1')] }],
    ]
    for (let count = 1; count <= candidates.length; count++) {
      const exchange = new Dhcpv4Exchange()
      exchange.client.start()
      const offers = candidates.slice(0, count)
      for (const [address, options] of offers) exchange.offer(options, { yourAddress: ip(address) })
      expect(exchange.kinds).toEqual(['discover'])
      exchange.advance(200 * MILLISECOND)
      expect(exchange.kinds).toEqual(['discover', 'request'])
      const best = Math.min(count, 5) - 1
      expect(exchange.last.message.options.requestedAddress).toEqual(ip(candidates[best][0]))
    }
  })

  test('offers that come too late are not taken any more', () => {
    const exchange = new Dhcpv4Exchange({ offerWait: 0 })
    exchange.client.start()
    exchange.offer()
    exchange.offer({ dnsServers: [ip('10.0.0.1')] }, { yourAddress: ip('10.0.0.60') })
    expect(exchange.kinds).toEqual(['discover', 'request'])
    expect(exchange.client.counters.unexpected).toBe(1)
  })

  test('rapid commit (RFC 4039): an address without a request', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.client.start()
    exchange.acknowledge()
    expect(exchange.events).toEqual([])
    exchange.acknowledge({ rapidCommit: true })
    expect(exchange.events).toEqual(['bound 10.0.0.50/24'])
    expect(exchange.client.counters.unexpected).toBe(1)
    const without = new Dhcpv4Exchange({ rapidCommit: false })
    without.client.start()
    expect(without.last.message.options.rapidCommit).toBe(false)
    without.acknowledge({ rapidCommit: true })
    expect(without.events).toEqual([])
  })

  test('a slow server, that answers the first message after the third', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.client.start()
    exchange.advance(20 * SECOND)
    exchange.offer()
    exchange.advance(SECOND)
    exchange.acknowledge()
    expect(exchange.events).toEqual(['unanswered true', 'bound 10.0.0.50/24'])
  })

  test('broadcast answers may be asked for', () => {
    const exchange = new Dhcpv4Exchange({ broadcast: true })
    exchange.client.start()
    expect(exchange.last.message.broadcast).toBe(true)
  })
})

describe('what is no answer', () => {
  const cases: [string, keyof Dhcpv4Exchange['client']['counters'], Partial<MessageOptions>, Partial<Message>][] = [
    ['an offered address of 0', 'unusable', {}, { yourAddress: ip('0.0.0.0') }],
    ['one of network 0', 'unusable', {}, { yourAddress: ip('0.1.2.3') }],
    ['a broadcast address', 'unusable', {}, { yourAddress: ip('255.255.255.255') }],
    ['the broadcast address of its network', 'unusable', {}, { yourAddress: ip('10.0.0.255') }],
    ['the address of its network', 'unusable', {}, { yourAddress: ip('10.0.0.0') }],
    ['the broadcast address of its class', 'unusable', { prefixLength: null }, { yourAddress: ip('192.168.1.255') }],
    ['the last address of a network of four', 'unusable', { prefixLength: 30 }, { yourAddress: ip('10.0.0.3') }],
    ['a multicast address', 'unusable', {}, { yourAddress: ip('224.0.0.1') }],
    ['a reserved address', 'unusable', {}, { yourAddress: ip('240.0.0.1') }],
    ['a loopback address', 'unusable', {}, { yourAddress: ip('127.0.0.1') }],
    ['a lease of 0', 'unusable', { leaseTime: 0 }, {}],
    ['no lease time', 'unusable', { leaseTime: null }, {}],
    ['no server identifier', 'noServer', { serverId: null }, {}],
    ['a server identifier of 0', 'noServer', { serverId: ip('0.0.0.0') }, {}],
    ['a multicast server identifier', 'noServer', { serverId: ip('239.1.1.1') }, {}],
    ['another transaction', 'wrongTransaction', {}, { transactionId: 1 }],
    ['another hardware address', 'wrongClient', {}, { hardwareAddress: MacAddress.parse('02:00:00:00:00:03') }],
    ['another client identifier (RFC 6842)', 'wrongClient', { clientId: Uint8Array.of(1, 2, 3) }, {}],
    ['a request', 'malformed', {}, { operation: Operation.Request }],
    ['no type', 'malformed', { type: null }, {}],
    ['a type of clients', 'malformed', { type: MessageType.Discover }, {}],
    ['a DHCPFORCERENEW', 'malformed', { type: 9 }, {}],
  ]

  test.each(cases)('an offer with %s', (_name, counter, options, fields) => {
    const exchange = new Dhcpv4Exchange({ clientId: Uint8Array.of(1, 9, 9) })
    exchange.client.start()
    exchange.offer(options, fields)
    expect(exchange.client.counters[counter]).toBe(1)
    expect(exchange.advance(SECOND)).toEqual([])
    expect(exchange.client.state).toBe('selecting')
  })

  test.each(cases)('an acknowledgment with %s', (_name, counter, options, fields) => {
    const exchange = new Dhcpv4Exchange({ clientId: Uint8Array.of(1, 9, 9) })
    exchange.client.start()
    exchange.offer()
    exchange.advance(SECOND)
    exchange.acknowledge(options, fields)
    expect(exchange.client.counters[counter]).toBe(1)
    expect(exchange.events).toEqual([])
    exchange.acknowledge({ clientId: Uint8Array.of(1, 9, 9) })
    expect(exchange.events).toEqual(['bound 10.0.0.50/24'])
  })

  test('answers of a server that was not asked', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.client.start()
    exchange.offer()
    exchange.advance(SECOND)
    exchange.acknowledge({ serverId: ip('10.0.0.9') })
    exchange.refuse({ serverId: ip('10.0.0.9') })
    expect(exchange.client.state).toBe('requesting')
    expect(exchange.client.counters.unexpected).toBe(2)
  })

  test('the same twice', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.client.start()
    exchange.offer()
    exchange.offer()
    exchange.advance(SECOND)
    exchange.acknowledge()
    exchange.acknowledge()
    expect(exchange.events).toEqual(['bound 10.0.0.50/24'])
    expect(exchange.client.counters.wrongTransaction).toBe(1)
  })

  test('garbage', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.client.start()
    for (const size of [0, 1, 239, 240, 300]) exchange.receiver?.receiveDatagram(new Uint8Array(size).fill(0xa5))
    expect(exchange.client.counters.malformed).toBe(5)
    exchange.offer()
    exchange.advance(SECOND)
    exchange.acknowledge()
    expect(exchange.client.state).toBe('bound')
  })
})

describe('REQUESTING', () => {
  test('the request repeats what the offer said (RFC 2131, table 4)', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.client.start()
    exchange.advance(5 * SECOND)
    const discover = exchange.last.message
    exchange.advance(2 * SECOND)
    exchange.offer()
    exchange.advance(SECOND)
    const { source, destination, message } = exchange.last
    expect([source, destination]).toEqual(['0.0.0.0', '255.255.255.255'])
    expect(message).toMatchObject({
      transactionId: discover.transactionId,
      seconds: discover.seconds,
      clientAddress: ip('0.0.0.0'),
    })
    expect(discover.seconds).toBeGreaterThan(2)
    expect(message.options).toMatchObject({
      type: MessageType.Request,
      requestedAddress: ip('10.0.0.50'),
      serverId: ip('10.0.0.1'),
      rapidCommit: false,
    })
  })

  test('four times in a minute, then the search begins anew', () => {
    const exchange = new Dhcpv4Exchange({ offerWait: 0 })
    exchange.client.start()
    exchange.offer()
    exchange.advance(55 * SECOND)
    expect(exchange.take()).toEqual(['discover', 'request', 'request', 'request', 'request'])
    expect(exchange.advance(10 * SECOND)[0]).toBe('discover')
  })

  test('a server that refuses what it offered is asked ever less often', () => {
    const exchange = new Dhcpv4Exchange({ offerWait: 0 })
    exchange.client.start()
    const starts: number[] = []
    for (let round = 0; round < 14; round++) {
      starts.push(exchange.clock.now())
      exchange.offer()
      exchange.refuse()
      exchange.take()
      expect(exchange.client.state).toBe('init')
      while (exchange.sent.length === 0) exchange.advance(SECOND / 2)
    }
    const waits = starts.slice(1).map((at, index) => Math.round((at - starts[index]) / SECOND))
    expect(waits.slice(1)).toEqual([1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 600, 600])
    expect(exchange.client.counters.refusals).toBe(14)
  })
})

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

describe('probing and declining', () => {
  test('an address is ours only when nobody else has it', () => {
    const exchange = new Dhcpv4Exchange({ probes: true })
    exchange.bind()
    expect(exchange.client.state).toBe('probing')
    expect(exchange.asked).toEqual(ip('10.0.0.50'))
    expect(exchange.events).toEqual([])
    exchange.advance(5 * SECOND)
    exchange.answerProbe(true)
    expect(exchange.events).toEqual(['bound 10.0.0.50/24'])
    // The time runs from the request.
    expect(exchange.client.lease?.expiresAt).toBe(3600.2 * SECOND)
  })

  test('a conflict is told to the server, and ten seconds later the search begins anew', () => {
    const exchange = new Dhcpv4Exchange({ probes: true })
    exchange.bind()
    exchange.answerProbe(false)
    expect(exchange.events).toEqual(['declined 10.0.0.50'])
    const { source, destination, message } = exchange.last
    expect([source, destination]).toEqual(['0.0.0.0', '255.255.255.255'])
    expect(message.clientAddress).toEqual(ip('0.0.0.0'))
    expect(message.options).toMatchObject({
      type: MessageType.Decline,
      requestedAddress: ip('10.0.0.50'),
      serverId: ip('10.0.0.1'),
      parameterRequest: [],
      hostName: null,
    })
    exchange.take()
    expect(exchange.advance(9.9 * SECOND)).toEqual([])
    expect(exchange.advance(0.2 * SECOND)).toEqual(['discover'])
    expect(exchange.last.message.options.requestedAddress).toBe(null)
  })

  test('a conflict that shows later ends the address, too', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind()
    exchange.client.decline()
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'expired 10.0.0.50/24 conflict', 'declined 10.0.0.50'])
    expect(exchange.kinds).toEqual(['decline'])
    exchange.client.decline()
    expect(exchange.kinds).toEqual(['decline'])
  })

  test.each([3, 5])('a lease of 3 seconds that was probed for %d is none', (seconds) => {
    const exchange = new Dhcpv4Exchange({ probes: true })
    exchange.bind({ leaseTime: 3 })
    exchange.advance(seconds * SECOND)
    exchange.answerProbe(true)
    expect(exchange.events).toEqual([])
    expect(exchange.advance(0)).toEqual(['discover'])
  })

  test('no more than twenty messages at once, whatever servers do', () => {
    const exchange = new Dhcpv4Exchange({ offerWait: 0 })
    exchange.client.start()
    for (let i = 0; i < 100; i++) exchange.client.linkChanged()
    expect(exchange.sent).toHaveLength(20)
    expect(exchange.client.counters.rateLimited).toBe(81)
    exchange.advance(10 * SECOND)
    exchange.offer()
    exchange.acknowledge()
    expect(exchange.client.state).toBe('bound')
  })

  test('stopping ends it', () => {
    const exchange = new Dhcpv4Exchange({ probes: true })
    exchange.bind()
    exchange.client.stop()
    expect(exchange.asked).toBe(null)
  })
})

describe('INIT-REBOOT and what is remembered', () => {
  async function remembered(options: ConstructorParameters<typeof Dhcpv4Exchange>[0] = {}) {
    const store = new Store()
    const first = new Dhcpv4Exchange({ store })
    first.client.start()
    await settle()
    first.bind()
    await settle()
    const exchange = new Dhcpv4Exchange({ store, ...options })
    exchange.client.start()
    await settle()
    return { store, exchange }
  }

  test('asks for the address at once (table 4), and has it', async () => {
    const { exchange, store } = await remembered()
    expect(exchange.kinds).toEqual(['request'])
    const { source, destination, message } = exchange.last
    expect([source, destination]).toEqual(['0.0.0.0', '255.255.255.255'])
    expect(message.clientAddress).toEqual(ip('0.0.0.0'))
    expect(message.options).toMatchObject({ requestedAddress: ip('10.0.0.50'), serverId: null })
    expect(exchange.client.state).toBe('rebooting')
    exchange.acknowledge({ serverId: ip('10.0.0.9') })
    expect(exchange.events).toEqual(['bound 10.0.0.50/24'])
    await settle()
    expect(store.text).toContain('10.0.0.9')
  })

  test('refused: a search at once, and nothing remembered', async () => {
    const { exchange, store } = await remembered()
    exchange.refuse()
    expect(exchange.kinds).toEqual(['request', 'discover'])
    expect(exchange.last.message.options.requestedAddress).toBe(null)
    await settle()
    expect(store.text).toBe('')
  })

  test('unanswered: a search after about twelve seconds, which wishes for it', async () => {
    const { exchange } = await remembered()
    expect(exchange.advance(11 * SECOND).slice(0, 1)).toEqual(['request'])
    exchange.advance(3 * SECOND)
    expect(exchange.last.message.options).toMatchObject({
      type: MessageType.Discover,
      requestedAddress: ip('10.0.0.50'),
    })
  })

  test('probed like a new one', async () => {
    const { exchange } = await remembered({ probes: true })
    exchange.acknowledge()
    exchange.answerProbe(false)
    expect(exchange.events).toEqual(['declined 10.0.0.50'])
  })

  test('a lease that ran out is a wish', async () => {
    const store = new Store('{"address":"10.0.0.50/24","server":"10.0.0.1","expires":1000}')
    const exchange = new Dhcpv4Exchange({ store })
    exchange.client.start()
    await settle()
    expect(exchange.last.message.options).toMatchObject({
      type: MessageType.Discover,
      requestedAddress: ip('10.0.0.50'),
    })
  })

  test.each([
    '',
    'garbage',
    '{}',
    '[]',
    'null',
    '{"address":"224.0.0.1/24","server":"10.0.0.1","expires":null}',
    '{"address":"fd00::1/64","server":"10.0.0.1","expires":null}',
    '{"address":"10.0.0.50/24","server":"127.0.0.1","expires":null}',
    '{"address":"10.0.0.50/24","server":"10.0.0.1","expires":"tomorrow"}',
    '{"address":"10.0.0.50/99","server":"10.0.0.1","expires":null}',
  ])('%j is nothing to remember', async (text) => {
    const exchange = new Dhcpv4Exchange({ store: new Store(text) })
    exchange.client.start()
    await settle()
    expect(exchange.last.message.options).toMatchObject({ type: MessageType.Discover, requestedAddress: null })
  })

  test('a store that fails is no obstacle', async () => {
    const fail = async () => {
      throw new Error('no disk')
    }
    const exchange = new Dhcpv4Exchange({ store: { load: fail, save: fail } })
    exchange.client.start()
    await settle()
    exchange.bind()
    await settle()
    expect(exchange.client.state).toBe('bound')
  })

  test('stopped while the store is read: nothing begins', async () => {
    const exchange = new Dhcpv4Exchange({ store: new Store() })
    exchange.client.start()
    exchange.client.stop()
    await settle()
    expect(exchange.sent).toEqual([])
  })

  test('a link that has changed: asks again, and goes on if nobody answers', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind()
    exchange.client.linkChanged()
    expect(exchange.last.message.options).toMatchObject({ requestedAddress: ip('10.0.0.50'), serverId: null })
    exchange.advance(14 * SECOND)
    expect(exchange.client.state).toBe('bound')
    exchange.client.linkChanged()
    exchange.refuse()
    expect(exchange.events.at(-1)).toBe('expired 10.0.0.50/24 refused')
    expect(exchange.client.state).toBe('selecting')
  })
})

describe('giving back and stopping', () => {
  test('released by unicast (table 5), then gone', async () => {
    const store = new Store()
    const exchange = new Dhcpv4Exchange({ store })
    exchange.client.start()
    await settle()
    exchange.bind()
    exchange.client.release()
    const { source, destination, message } = exchange.last
    expect([source, destination]).toEqual(['10.0.0.50', '10.0.0.1'])
    expect(message.clientAddress).toEqual(ip('10.0.0.50'))
    expect(message.options).toMatchObject({
      type: MessageType.Release,
      serverId: ip('10.0.0.1'),
      requestedAddress: null,
    })
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'expired 10.0.0.50/24 released'])
    expect(exchange.client.state).toBe('stopped')
    expect(exchange.receiver).toBe(null)
    await settle()
    expect(store.text).toBe('')
  })

  test('stopped: nothing more happens, and it can start again', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind()
    exchange.client.stop()
    expect(exchange.advance(2 * DAY)).toEqual([])
    expect(exchange.clock.clock.armedTimers).toBe(0)
    expect(exchange.client.lease).toBe(null)
    exchange.bind()
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'bound 10.0.0.50/24'])
  })

  test.each(['unanswered', 'bound', 'renewed', 'expired', 'declined'])('may be stopped by who hears %s', (kind) => {
    const exchange = new Dhcpv4Exchange({ probes: kind === 'declined' })
    exchange.onEvent = (event) => {
      if (event.startsWith(kind)) exchange.client.stop()
    }
    if (kind === 'unanswered') exchange.client.start()
    else exchange.bind()
    if (kind === 'declined') exchange.answerProbe(false)
    exchange.advance(1801 * SECOND)
    if (kind === 'renewed') exchange.acknowledge()
    exchange.advance(1800 * SECOND)
    expect(exchange.client.state).toBe('stopped')
    exchange.take()
    expect(exchange.advance(DAY)).toEqual([])
    expect(exchange.events.at(-1)).toContain(kind)
  })
})

describe('doing without IPv4', () => {
  test('IPv6-only preferred (RFC 8925): who can waits, five minutes at least', () => {
    for (const [given, wait] of [
      [1800, 1800],
      [0, 300],
    ]) {
      const exchange = new Dhcpv4Exchange({ ipv6Only: true })
      exchange.client.start()
      expect(exchange.last.message.options.parameterRequest).toContain(OptionCode.Ipv6OnlyPreferred)
      exchange.offer({ ipv6OnlyWait: given })
      expect(exchange.client.state).toBe('ipv6-only')
      expect(exchange.advance((wait - 1) * SECOND)).toEqual([])
      expect(exchange.advance(2 * SECOND)).toEqual(['discover'])
      expect(exchange.client.counters.ipv6Only).toBe(1)
    }
  })

  test('who cannot takes no notice', () => {
    const exchange = new Dhcpv4Exchange()
    exchange.bind({ ipv6OnlyWait: 1800 })
    expect(exchange.client.state).toBe('bound')
  })

  test('a lease that is held is not given up for it', () => {
    const exchange = new Dhcpv4Exchange({ ipv6Only: true })
    exchange.bind()
    exchange.advance(1801 * SECOND)
    exchange.acknowledge({ ipv6OnlyWait: 1800 })
    expect(exchange.events).toEqual(['bound 10.0.0.50/24', 'renewed 10.0.0.50/24'])
  })

  test.each([true, false])('auto-configuration (RFC 2563): a server says %s', (may) => {
    const exchange = new Dhcpv4Exchange({ autoConfigure: true })
    exchange.client.start()
    expect(exchange.last.message.options.autoConfigure).toBe(true)
    exchange.offer({ autoConfigure: may, leaseTime: null }, { yourAddress: ip('0.0.0.0') })
    exchange.advance(20 * SECOND)
    expect(exchange.events).toEqual([`unanswered ${may}`])
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

test.each([
  [{ hostName: 'web 1' }, 'web 1'],
  [{ clientId: Uint8Array.of(1) }, 'clientId'],
  [{ offerWait: -1 }, 'offerWait'],
])('options that cannot be are refused: %j', (options, message) => {
  expect(() => new Dhcpv4Exchange(options)).toThrow(message)
})

test('whatever servers say, at any time: no exception, no address that no host can have, and no flood', () => {
  const word = fc.oneof(fc.integer(), fc.constantFrom(0, -1, (127 << 24) | 1, (224 << 24) | 1, (10 << 24) | 255))
  const time = fc.option(fc.oneof(fc.nat({ max: FOREVER }), fc.constantFrom(0, 1, FOREVER)))
  const step = fc.record({
    type: fc.constantFrom(1, 2, 2, 5, 5, 5, 6, 9),
    yourAddress: word.map((value) => IpAddress.v4(value)),
    serverId: fc.option(word.map((value) => IpAddress.v4(value))),
    isRightServer: fc.boolean(),
    leaseTime: time,
    renewAfter: time,
    rebindAfter: time,
    prefixLength: fc.option(fc.integer({ min: 1, max: 32 })),
    rapidCommit: fc.boolean(),
    ipv6OnlyWait: time,
    wait: fc.oneof(fc.nat({ max: 300_000 }), fc.nat({ max: 4_000 * SECOND })),
    noise: fc.option(fc.uint8Array({ maxLength: 300 })),
    free: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(step, { maxLength: 40 }), fc.boolean(), (steps, ipv6Only) => {
      const exchange = new Dhcpv4Exchange({ probes: true, ipv6Only })
      exchange.onEvent = () => {
        const { lease } = exchange.client
        if (lease === null) return
        const first = lease.address.address.word3 >>> 24
        expect(first > 0 && first < 224 && first !== 127).toBe(true)
        expect(lease.duration).toBeGreaterThan(0)
        expect(lease.expiresAt).toBeGreaterThan(exchange.clock.now() - 1)
      }
      exchange.client.start()
      for (const { type, yourAddress, isRightServer, serverId, wait, noise, free, ...options } of steps) {
        const server = isRightServer ? ip('10.0.0.1') : serverId
        exchange.answer(type, { ...options, serverId: server }, { yourAddress })
        if (noise !== null) exchange.receiver?.receiveDatagram(noise)
        exchange.advance(wait)
        exchange.answerProbe(free)
      }
      const elapsed = exchange.clock.now() / SECOND
      expect(exchange.sent.length).toBeLessThanOrEqual(20 + elapsed)
      expect(exchange.client.counters.sent).toBe(exchange.sent.length)
      expect(exchange.client.state).not.toBe('stopped')
    }),
    { numRuns: 300 },
  )
})

test('messages that are mutated by single bytes never bind an address that was not in a whole one', () => {
  const random = fc.sample(fc.tuple(fc.nat({ max: 299 }), fc.nat({ max: 255 })), { numRuns: 2000, seed: 7 })
  for (const [at, value] of random) {
    const exchange = new Dhcpv4Exchange({ offerWait: 0 })
    exchange.client.start()
    exchange.offer()
    const { transactionId } = exchange.last.message
    const message = newMessage(
      {
        operation: Operation.Reply,
        transactionId,
        hardwareAddress: MacAddress.parse('02:00:00:00:00:02'),
        yourAddress: ip('10.0.0.50'),
      },
      { type: MessageType.Ack, serverId: ip('10.0.0.1'), leaseTime: 3600, prefixLength: 24 },
    )
    const bytes = buildMessage(message)
    bytes[at] = value
    exchange.receiver?.receiveDatagram(bytes)
    const { lease } = exchange.client
    if (lease !== null) expect(lease.duration).toBeGreaterThan(0)
  }
})
