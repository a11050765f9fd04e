import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DhcpLink, TestServer } from '../../../test/support/dhcpv6-server.ts'
import { IpAddress } from '../../address/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../../clock/index.ts'
import { INFINITE_SECONDS, MessageType, OptionCode, StatusCode } from './codes.ts'
import type { Dhcpv6Configuration } from './configuration.ts'
import { Dhcpv6InformationClient } from './information-client.ts'
import type { MessageOptions } from './message.ts'

const DUID = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 0x22)
const DNS = { dnsServers: [IpAddress.parse('2001:db8::53')], domainSearch: ['example.com'] }

function setUp(options: Partial<MessageOptions> = DNS, seed = 1) {
  const clock = new VirtualClock()
  const link = new DhcpLink(clock)
  const server = new TestServer({ options })
  link.servers.push(server)
  const heard: Dhcpv6Configuration[] = []
  const client = new Dhcpv6InformationClient({
    transport: link,
    clock,
    random: new SeededRandom(seed),
    duid: DUID,
    configured: (configuration) => heard.push(configuration),
  })
  client.start()
  const times = () => link.sent.map(({ at }) => at / SECOND)
  return { clock, link, server, client, heard, times }
}

test('an Information-request and its Reply', () => {
  const { clock, link, heard, client } = setUp()
  clock.advance(2 * SECOND)
  expect(link.types).toEqual([MessageType.InformationRequest])
  const { message, at } = link.last
  // INF_MAX_DELAY.
  expect(at).toBeLessThanOrEqual(SECOND)
  expect(message.options).toMatchObject({ clientId: DUID, serverId: null, elapsedTime: 0, identityAssociations: [] })
  expect(message.options.optionRequest).toEqual(
    expect.arrayContaining([
      OptionCode.DnsServers,
      OptionCode.DomainSearch,
      OptionCode.InformationRefreshTime,
      OptionCode.InformationMaximum,
    ]),
  )
  expect(heard).toEqual([{ ...DNS, ntpServers: { addresses: [], multicastAddresses: [], names: [] } }])
  expect(client.configuration).toBe(heard[0])
})

describe('asked again, section 21.23', () => {
  test.each([
    ['without a refresh time after a day', null, 86_400],
    ['never before ten minutes', 1, 600],
    ['after the time that the server says', 7200, 7200],
  ])('%s', (_, informationRefreshTime, seconds) => {
    const { clock, times, heard } = setUp({ ...DNS, informationRefreshTime })
    clock.advance((3 * seconds + 10) * SECOND)
    expect(heard).toHaveLength(4)
    for (const [index, time] of times().slice(1).entries()) {
      const gap = time - times()[index]
      // The random delay of each may be up to a second.
      expect(gap).toBeGreaterThan(seconds - 1)
      expect(gap).toBeLessThan(seconds + 1.01)
    }
  })

  test('for ever is never', () => {
    const { clock, heard } = setUp({ ...DNS, informationRefreshTime: INFINITE_SECONDS })
    clock.advance(2 * SECOND)
    expect(heard).toHaveLength(1)
    expect(clock.armedTimers).toBe(0)
  })

  test('on another link at once', () => {
    const { clock, client, heard } = setUp()
    clock.advance(2 * SECOND)
    client.linkChanged()
    clock.advance(2 * SECOND)
    expect(heard).toHaveLength(2)
    expect(clock.armedTimers).toBe(1)
  })
})

describe('without an answer', () => {
  test.each([1, 2, 3])('doubled each time within a tenth, up to an hour (seed %i)', (seed) => {
    const { clock, server, times } = setUp(DNS, seed)
    server.silent = true
    clock.advance(30_000 * SECOND)
    const gaps = times()
      .slice(1)
      .map((time, index) => time - times()[index])
    expect(gaps[0]).toBeGreaterThanOrEqual(0.9)
    expect(gaps[0]).toBeLessThanOrEqual(1.1)
    expect(gaps.length).toBeGreaterThan(15)
    for (let i = 1; i < gaps.length; i++) {
      const capped = gaps[i] >= 3240 && gaps[i] <= 3960
      expect(capped || (gaps[i] / gaps[i - 1] > 1.89 && gaps[i] / gaps[i - 1] < 2.11)).toBe(true)
    }
  })

  test('INF_MAX_RT of a server that refuses holds', () => {
    const { clock, times, client, heard } = setUp({
      informationMaximum: 100,
      status: { code: StatusCode.UnspecFail, message: 'no' },
    })
    clock.advance(3600 * SECOND)
    const gap = times().at(-1)! - times().at(-2)!
    expect(gap).toBeGreaterThanOrEqual(90)
    expect(gap).toBeLessThanOrEqual(110)
    expect(heard).toEqual([])
    expect(client.counters.refusals).toBe(times().length)
  })
})

test('an Advertise is no answer', () => {
  const { clock, client, server, heard } = setUp()
  server.answer = ({ options }) => ({
    type: MessageType.Advertise,
    options: { clientId: options.clientId, serverId: DUID },
  })
  clock.advance(5 * SECOND)
  expect(heard).toEqual([])
  expect(client.counters.unexpected).toBeGreaterThan(0)
})

test('stop leaves no timer', () => {
  const { clock, client, link, heard } = setUp()
  client.stop()
  expect(clock.armedTimers).toBe(0)
  expect(link.receiver).toBeNull()
  client.start()
  clock.advance(2 * SECOND)
  client.stop()
  expect(clock.armedTimers).toBe(0)
  expect(heard).toHaveLength(1)
})

test('whatever bytes come, nothing is thrown', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 200 }), (bytes) => {
      const { clock, link, client } = setUp()
      clock.advance(SECOND / 1000)
      link.deliver(bytes)
      clock.advance(10 * MILLISECOND)
      expect(client.counters.received).toBeGreaterThan(0)
    }),
  )
})
