/** The DHCPv4 client's states in virtual time, RFC 2131, section 4.4; the servers are the test's. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { Dhcpv4Exchange } from '../../../test/support/dhcpv4-exchange.ts'
import { IpAddress, MacAddress } from '../../address/index.ts'
import { MILLISECOND, SECOND } from '../../clock/index.ts'
import { buildMessage } from './build-message.ts'
import { clientIdFromMac } from './client-identifier.ts'
import { FOREVER, MessageType, Operation, OptionCode } from './codes.ts'
import { type Message, type MessageOptions, newMessage } from './message.ts'

const ip = (text: string) => IpAddress.parse(text)

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
