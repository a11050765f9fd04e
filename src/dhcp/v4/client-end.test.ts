import { describe, expect, test } from 'vitest'
import { Dhcpv4Exchange } from '../../../test/support/dhcpv4-exchange.ts'
import { Store } from '../../../test/support/lease-store.ts'
import { IpAddress } from '../../address/index.ts'
import { MINUTE, SECOND } from '../../clock/index.ts'
import { MessageType, OptionCode } from './codes.ts'

const ip = (text: string) => IpAddress.parse(text)
const HOUR = 60 * MINUTE
const DAY = 24 * HOUR
/** All that promises have to do. */
const settle = () => new Promise((resolve) => setImmediate(resolve))

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
