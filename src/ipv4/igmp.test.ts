import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { concat, ethernet, ipv4 } from '../../test/support/frames.ts'
import { OUR_ADDRESS, PEER_ADDRESS, PEER_MAC, TestHost } from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { SECOND } from '../clock/index.ts'
import { FilterMode } from '../ip/index.ts'
import { Igmp, type IgmpOptions } from './index.ts'

const GROUP = '224.0.0.251'
const OTHER = '239.1.2.3'
const ALL_HOSTS = '224.0.0.1'
const ip = (text: string) => IpAddress.parse(text)
const octets = (text: string) => text.split('.').map(Number)

function checksummed(message: Uint8Array): Uint8Array {
  let sum = 0
  for (let i = 0; i < message.length; i += 2) sum += message[i] * 256 + (message[i + 1] ?? 0)
  while (sum > 0xffff) sum = (sum & 0xffff) + (sum >>> 16)
  message[2] = (~sum >>> 8) & 0xff
  message[3] = ~sum & 0xff
  return message
}

function frame(message: Uint8Array, destination = ALL_HOSTS, source = PEER_ADDRESS): Uint8Array {
  const [, b, c, d] = octets(destination)
  const mac = `01:00:5e:${[b & 127, c, d].map((byte) => byte.toString(16).padStart(2, '0')).join(':')}`
  const options = Uint8Array.of(0x94, 4, 0, 0)
  return ethernet(
    { source: PEER_MAC, destination: mac },
    ipv4({ source, destination, ttl: 1, protocol: 2, options }, message),
  )
}

const older = (type: number, code: number, group = '0.0.0.0') =>
  checksummed(Uint8Array.of(type, code, 0, 0, ...octets(group)))
const query3 = (code: number, group = '0.0.0.0', sources: string[] = [], robustness = 2, interval = 125) =>
  checksummed(
    concat([
      Uint8Array.of(0x11, code, 0, 0, ...octets(group), robustness, interval, sources.length >> 8, sources.length),
      ...sources.map((source) => Uint8Array.from(octets(source))),
    ]),
  )

function setUp(options: Partial<IgmpOptions> = {}) {
  const host = new TestHost()
  const igmp = new Igmp(host.ipv4, { clock: host.clock, random: host.random, ...options })
  return { host, igmp }
}

/** What a frame of IGMP says, in words. */
function describeMessage(sent: Uint8Array): string {
  expect(sent).toBeIp({
    protocol: 2,
    ttl: 1,
    trafficClass: 0xc0,
    ipOptions: Uint8Array.of(0x94, 4, 0, 0),
    headerChecksum: 'right',
  })
  const message = sent.subarray(38)
  const address = (at: number) => [...message.subarray(at, at + 4)].join('.')
  const destination = [...sent.subarray(30, 34)].join('.')
  expect(checksummed(message.slice().fill(0, 2, 4))).toEqual(message)
  if (message[0] !== 0x22) return `${message[0].toString(16)} ${address(4)} to ${destination}`
  expect(destination).toBe('224.0.0.22')
  const records: string[] = []
  let at = 8
  for (let left = message[7]; left > 0; left--) {
    const count = message[at + 3]
    const sources = Array.from({ length: count }, (_, i) => address(at + 8 + 4 * i))
    records.push(
      `${['', 'is in', 'is ex', 'to in', 'to ex', 'allow', 'block'][message[at]]} ${address(at + 4)} {${sources}}`,
    )
    at += 8 + 4 * count
  }
  expect(at).toBe(message.length)
  return records.join('; ')
}

const within = (host: TestHost, time: number) => host.advance(time).map(describeMessage)

describe('version 3', () => {
  test('tells of a group at once and once more, and so of leaving it', () => {
    const { host, igmp } = setUp()
    const membership = igmp.join(ip(GROUP))
    expect(within(host, 0)).toEqual([`to ex ${GROUP} {}`])
    expect(within(host, 1 * SECOND)).toEqual([`to ex ${GROUP} {}`])
    expect(within(host, 60 * SECOND)).toEqual([])
    membership.leave()
    membership.leave()
    expect(within(host, 0)).toEqual([`to in ${GROUP} {}`])
    expect(within(host, 1 * SECOND)).toEqual([`to in ${GROUP} {}`])
    expect(igmp.groupCount).toBe(0)
    expect(host.clock.armedTimers).toBe(0)
    host.expectNoLeaks()
  })

  test('tells of sources, and of all that sockets want together', () => {
    const { host, igmp } = setUp()
    const a = igmp.join(ip(GROUP), FilterMode.Include, [ip('10.0.0.8')])
    expect(within(host, 2 * SECOND)[0]).toBe(`allow ${GROUP} {10.0.0.8}`)
    a.setFilter(FilterMode.Include, [ip('10.0.0.9')])
    const changed = within(host, 0)
    expect(changed).toEqual([`allow ${GROUP} {10.0.0.9}; block ${GROUP} {10.0.0.8}`])
    within(host, 2 * SECOND)
    const b = igmp.join(ip(GROUP), FilterMode.Exclude, [ip('10.0.0.7'), ip('10.0.0.9')])
    expect(within(host, 2 * SECOND)[0]).toBe(`to ex ${GROUP} {10.0.0.7}`)
    expect([a.accepts(0, 0, 0xffff, ip('10.0.0.9').word3), a.accepts(0, 0, 0xffff, ip('10.0.0.8').word3)]).toEqual([
      true,
      false,
    ])
    expect(b.accepts(0, 0, 0xffff, ip('10.0.0.9').word3)).toBe(false)
    b.leave()
    expect(within(host, 2 * SECOND)[0]).toBe(`to in ${GROUP} {10.0.0.9}`)
  })

  test('answers queries within their time, about what was asked', () => {
    const { host, igmp } = setUp()
    igmp.join(ip(GROUP))
    igmp.join(ip(OTHER), FilterMode.Include, [ip('10.0.0.8'), ip('10.0.0.9')])
    within(host, 3 * SECOND)
    expect(host.receive(frame(query3(100)))).toEqual([])
    expect(within(host, 10 * SECOND)).toEqual([`is ex ${GROUP} {}; is in ${OTHER} {10.0.0.8,10.0.0.9}`])
    host.receive(frame(query3(10, OTHER), OTHER))
    expect(within(host, 1 * SECOND)).toEqual([`is in ${OTHER} {10.0.0.8,10.0.0.9}`])
    host.receive(frame(query3(10, OTHER, ['10.0.0.9', '10.0.0.1']), OTHER))
    expect(within(host, 1 * SECOND)).toEqual([`is in ${OTHER} {10.0.0.9}`])
    host.receive(frame(query3(10, OTHER, ['10.0.0.1']), OTHER), frame(query3(10, '239.9.9.9')))
    expect(within(host, 1 * SECOND)).toEqual([])
    // 0x8f stands for 248 tenths of seconds (4.1.1).
    host.receive(frame(query3(0x8f)))
    const times = []
    for (let i = 0; i < 25; i++) times.push(within(host, 1 * SECOND).length)
    expect(times.reduce((sum, count) => sum + count, 0)).toBe(1)
  })

  test('takes queries from switches without an address (RFC 4541)', () => {
    const { host, igmp } = setUp()
    igmp.join(ip(GROUP))
    within(host, 3 * SECOND)
    host.receive(frame(query3(10), ALL_HOSTS, '0.0.0.0'))
    expect(within(host, 1 * SECOND)).toEqual([`is ex ${GROUP} {}`])
  })

  test('says nothing of 224.0.0.1, and tells all again from a new address', () => {
    const { host, igmp } = setUp()
    igmp.join(ip(ALL_HOSTS))
    igmp.join(ip(GROUP))
    expect(within(host, 3 * SECOND)).toEqual([`to ex ${GROUP} {}`, `to ex ${GROUP} {}`])
    host.ipv4.removeAddress(ip(OUR_ADDRESS))
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.3/24'))
    const frames = host.advance(3 * SECOND)
    expect(frames.map(describeMessage)).toEqual([`to ex ${GROUP} {}`, `to ex ${GROUP} {}`])
    expect(frames[0]).toBeIp({ source: '10.0.0.3' })
  })

  test('has as many groups and sources as allowed', () => {
    const { host, igmp } = setUp({ maximumGroups: 8, maximumSources: 2 })
    for (let i = 0; i < 8; i++) igmp.join(ip(`239.0.0.${i}`))
    expect(() => igmp.join(ip(GROUP))).toThrow(expect.objectContaining({ code: 'ENOBUFS' }))
    expect(() => igmp.join(ip('239.0.0.1'), 'include', [ip('10.0.0.1'), ip('10.0.0.2'), ip('10.0.0.3')])).toThrow(
      expect.objectContaining({ code: 'ENOBUFS' }),
    )
    expect(() => igmp.join(ip('10.0.0.1'))).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    expect(() => igmp.join(ip('ff02::1'))).toThrow(expect.objectContaining({ code: 'EINVAL' }))
    igmp.close()
    host.netif.takeFrames()
    expect([igmp.groupCount, host.clock.armedTimers]).toEqual([0, 0])
  })

  test('who asks for more sources than are kept hears of all of them', () => {
    const { host, igmp } = setUp()
    igmp.join(ip(GROUP), FilterMode.Include, [ip('10.0.0.9')])
    within(host, 3 * SECOND)
    for (let i = 0; i < 4; i++) {
      const sources = Array.from({ length: 100 }, (_, j) => `10.7.${i}.${j}`)
      host.receive(frame(query3(100, GROUP, sources), GROUP))
    }
    expect(igmp.counters.sourcesDropped).toBe(1)
    expect(within(host, 10 * SECOND)).toEqual([`is in ${GROUP} {10.0.0.9}`])
  })
})

describe('older versions', () => {
  test('a query of version 2 has us report to the group, twice, and leave to all routers', () => {
    const { host, igmp } = setUp()
    host.receive(frame(older(0x11, 100)))
    expect(igmp.version).toBe(2)
    const membership = igmp.join(ip(GROUP))
    expect(within(host, 1)).toEqual([`16 ${GROUP} to ${GROUP}`])
    expect(within(host, 10 * SECOND)).toEqual([`16 ${GROUP} to ${GROUP}`])
    membership.leave()
    expect(within(host, 1)).toEqual([`17 ${GROUP} to 224.0.0.2`])
    expect(igmp.groupCount).toBe(0)
    // Robustness times query interval and the response time later nobody is of that version any more.
    host.advance(261 * SECOND)
    expect(igmp.version).toBe(3)
  })

  test('a report of another holds ours back, and its host tells when it leaves', () => {
    const { host, igmp } = setUp()
    host.receive(frame(older(0x11, 100)))
    const membership = igmp.join(ip(GROUP))
    within(host, 11 * SECOND)
    host.receive(frame(older(0x11, 100)))
    host.receive(frame(older(0x16, 0, GROUP), GROUP))
    expect(within(host, 10 * SECOND)).toEqual([])
    expect(igmp.counters).toMatchObject({ suppressed: 1, reportsReceived: 1 })
    membership.leave()
    expect(within(host, 10 * SECOND)).toEqual([])
    expect(igmp.counters.leavesSent).toBe(0)
  })

  test('version 1 reports within 10 s, and leaves in silence', () => {
    const { host, igmp } = setUp()
    const membership = igmp.join(ip(GROUP))
    within(host, 3 * SECOND)
    host.receive(frame(older(0x11, 0)))
    expect(igmp.version).toBe(1)
    // A query of version 2 changes nothing while one of version 1 is there.
    host.receive(frame(older(0x11, 100)))
    expect(igmp.version).toBe(1)
    expect(within(host, 10 * SECOND)).toEqual([`12 ${GROUP} to ${GROUP}`])
    membership.leave()
    expect(within(host, 10 * SECOND)).toEqual([])
  })

  test('what version 3 had still to say is not said to a router of version 2', () => {
    const { host, igmp } = setUp()
    igmp.join(ip(GROUP))
    igmp.join(ip(OTHER)).leave()
    host.receive(frame(older(0x11, 1)))
    expect(igmp.groupCount).toBe(1)
    expect(within(host, 5 * SECOND)).toEqual([`16 ${GROUP} to ${GROUP}`])
  })
})

describe('what nobody should send', () => {
  test.each([
    ['a short one', 'malformed', older(0x11, 10).subarray(0, 7)],
    ['a query of 9 bytes', 'malformed', checksummed(concat([older(0x11, 10).fill(0, 2, 4), Uint8Array.of(0)]))],
    ['a query about a host', 'malformed', query3(10, '10.0.0.1')],
    [
      'a query with fewer sources than it says',
      'malformed',
      checksummed(query3(10, GROUP, ['1.2.3.4', '1.2.3.5']).slice(0, 16).fill(0, 2, 4)),
    ],
    ['a wrong checksum', 'checksum', query3(10).fill(1, 2, 4)],
    ['a type that is not ours', 'unknownType', older(0x13, 0)],
  ] as const)('%s is counted, and has no effect', (_, counter, message) => {
    const { host, igmp } = setUp()
    igmp.join(ip(GROUP))
    within(host, 3 * SECOND)
    expect(host.receive(frame(message))).toEqual([])
    expect(igmp.counters[counter]).toBe(1)
    expect(within(host, 30 * SECOND)).toEqual([])
    expect(igmp.version).toBe(3)
    host.expectNoLeaks()
  })

  test('a flood of queries has few answers', () => {
    const { host, igmp } = setUp()
    igmp.join(ip(GROUP))
    within(host, 3 * SECOND)
    let answers = 0
    for (let i = 0; i < 5000; i++) {
      host.receive(frame(query3(0)), frame(query3(1, GROUP), GROUP))
      answers += host.advance(100).length
    }
    // Half a second of it: at most one in each hundredth.
    expect(answers).toBeLessThanOrEqual(51)
    host.expectNoLeaks()
  })

  test('any bytes at all: nothing throws, nothing leaks, and all ends', () => {
    const valid = fc.constantFrom(
      older(0x11, 0),
      older(0x11, 50, GROUP),
      older(0x16, 0, GROUP),
      older(0x17, 0, GROUP),
      query3(20),
      query3(200, GROUP, ['10.0.0.1', '10.0.0.9']),
      checksummed(Uint8Array.of(0x22, 0, 0, 0, 0, 0, 0, 1, 4, 0, 0, 0, ...octets(GROUP))),
    )
    const change = fc.record({ at: fc.nat(40), byte: fc.nat(255) })
    const mutated = fc.record({
      message: valid,
      changes: fc.array(change, { maxLength: 3 }),
      length: fc.nat(24),
      right: fc.boolean(),
    })
    fc.assert(
      fc.property(fc.array(mutated, { maxLength: 40 }), (messages) => {
        const { host, igmp } = setUp()
        const membership = igmp.join(ip(GROUP), FilterMode.Include, [ip('10.0.0.9')])
        for (const { message, changes, length, right } of messages) {
          const bytes = message.slice(0, Math.max(length, 1))
          for (const { at, byte } of changes) if (at < bytes.length) bytes[at] = byte
          if (right && bytes.length >= 4) checksummed(bytes.fill(0, 2, 4))
          host.receive(frame(bytes, GROUP))
          host.advance(0.3 * SECOND)
        }
        membership.leave()
        host.advance(20_000 * SECOND)
        expect([igmp.version, igmp.groupCount, host.clock.armedTimers]).toEqual([3, 0, 0])
        host.expectNoLeaks()
      }),
      { numRuns: 300, seed: 7 },
    )
  })
})

test('packets to a group are for us as long as somebody listens', () => {
  const { host, igmp } = setUp()
  expect(host.ipv4.isLocalAddress(ip(GROUP))).toBe(false)
  const a = igmp.join(ip(GROUP))
  const b = igmp.join(ip(GROUP))
  a.leave()
  expect(host.ipv4.isLocalAddress(ip(GROUP))).toBe(true)
  b.leave()
  expect(host.ipv4.isLocalAddress(ip(GROUP))).toBe(false)
})
