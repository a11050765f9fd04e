/** DHCPv4 messages: bytes that were written by hand, what was built and taken apart again, and whatever else may come. */
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IpAddress, IpPrefix, MacAddress } from '../../address/index.ts'
import { duidFromLinkLayer } from '../v6/duid.ts'
import { buildMessage, LEAST_MAXIMUM_MESSAGE } from './build-message.ts'
import { clientIdFromDuid, clientIdFromMac } from './client-identifier.ts'
import { MessageType, Operation, OptionCode } from './codes.ts'
import { type MessageOptions, newMessage } from './message.ts'
import { classfulLength, LIMITS, parseMessage, prefixLengthOf } from './parse-message.ts'

const MAC = MacAddress.parse('02:00:00:00:00:02')
const ip = (text: string) => IpAddress.parse(text)
const route = (destination: string, gateway: string | null) => ({
  destination: IpPrefix.parse(destination),
  gateway: gateway === null ? null : ip(gateway),
})

/** A reply with these bytes in its options field. */
function reply(options: number[], fields: { file?: number[]; serverName?: number[] } = {}): Uint8Array {
  const bytes = new Uint8Array(240 + options.length)
  bytes.set([2, 1, 6, 0, 0x12, 0x34, 0x56, 0x78])
  bytes.set([10, 0, 0, 50], 16)
  MAC.writeTo(bytes, 28)
  bytes.set([99, 130, 83, 99], 236)
  bytes.set(options, 240)
  bytes.set(fields.serverName ?? [], 44)
  bytes.set(fields.file ?? [], 108)
  return bytes
}

const option = (code: number, ...value: number[]) => [code, value.length, ...value]
const OFFER = option(53, 2)
const options = (...raw: number[]) => parseMessage(reply([...OFFER, ...raw, 255]))?.options

describe('the fixed part (RFC 2131, section 2)', () => {
  test('is what was written', () => {
    expect(parseMessage(reply([...OFFER, ...option(54, 10, 0, 0, 1), 255]))).toMatchObject({
      operation: Operation.Reply,
      transactionId: 0x12345678,
      broadcast: false,
      yourAddress: ip('10.0.0.50'),
      clientAddress: ip('0.0.0.0'),
      hardwareAddress: MAC,
      options: { type: MessageType.Offer, serverId: ip('10.0.0.1') },
      ignoredOptions: 0,
    })
  })

  test.each([
    ['cut short', (bytes: Uint8Array) => bytes.subarray(0, 239)],
    ['empty', () => new Uint8Array(0)],
    ['another operation', (bytes: Uint8Array) => bytes.fill(3, 0, 1)],
    ['another kind of hardware', (bytes: Uint8Array) => bytes.fill(6, 1, 2)],
    ['another length of its address', (bytes: Uint8Array) => bytes.fill(16, 2, 3)],
    ['no magic cookie', (bytes: Uint8Array) => bytes.fill(0, 236, 237)],
  ])('%s: no message', (_name, change) => {
    expect(parseMessage(change(reply([...OFFER, 255])))).toBe(null)
  })

  test('identifications do not become negative', () => {
    const bytes = reply([...OFFER, 255])
    bytes.fill(0xff, 4, 8)
    expect(parseMessage(bytes)?.transactionId).toBe(0xffffffff)
  })
})

describe('options (RFC 2132)', () => {
  test('each kind', () => {
    const found = options(
      ...option(1, 255, 255, 252, 0),
      ...option(3, 10, 0, 0, 1, 10, 0, 0, 2),
      ...option(6, 10, 0, 0, 3),
      ...option(12, ...Buffer.from('web-1')),
      ...option(15, ...Buffer.from('example.com\0')),
      ...option(26, 5, 120),
      ...option(28, 10, 0, 3, 255),
      ...option(33, 172, 16, 0, 0, 10, 0, 0, 9),
      ...option(42, 10, 0, 0, 4),
      ...option(51, 0, 0, 14, 16),
      ...option(56, ...Buffer.from('hello\x1b[2J\n')),
      ...option(58, 0, 0, 7, 8),
      ...option(59, 0, 0, 12, 78),
      ...option(61, 1, 2, 3),
      ...option(80),
      ...option(108, 0, 0, 7, 8),
      ...option(116, 0),
      ...option(200, 7),
    )
    expect(found).toMatchObject({
      prefixLength: 22,
      routers: [ip('10.0.0.1'), ip('10.0.0.2')],
      dnsServers: [ip('10.0.0.3')],
      hostName: 'web-1',
      domainName: 'example.com',
      mtu: 1400,
      broadcastAddress: ip('10.0.3.255'),
      staticRoutes: [route('172.16.0.0/16', '10.0.0.9')],
      ntpServers: [ip('10.0.0.4')],
      leaseTime: 3600,
      message: 'hello[2J',
      renewAfter: 1800,
      rebindAfter: 3150,
      clientId: Uint8Array.of(1, 2, 3),
      rapidCommit: true,
      ipv6OnlyWait: 1800,
      autoConfigure: false,
      others: [{ code: 200, bytes: Uint8Array.of(7) }],
    })
    const whole = parseMessage(reply([...OFFER, ...option(56, 104), ...option(60, 118), 255]))
    expect(whole).toMatchObject({ options: { message: 'h', vendorClass: 'v' }, ignoredOptions: 0 })
  })

  test('padding anywhere, and no end at the end', () => {
    expect(parseMessage(reply([0, 0, ...OFFER, 0, ...option(51, 0, 0, 0, 9)]))?.options.leaseTime).toBe(9)
  })

  test('nothing behind the end counts', () => {
    expect(options(255, ...option(51, 0, 0, 0, 9))?.leaseTime).toBe(null)
  })

  test.each([
    ['a length beyond the end', [51, 4, 0, 0]],
    ['a code without a length', [51]],
  ])('%s: no message', (_name, raw) => {
    expect(parseMessage(reply([...OFFER, ...raw]))).toBe(null)
  })

  test.each<[string, number[], keyof MessageOptions]>([
    ['a mask with holes', option(1, 255, 0, 255, 0), 'prefixLength'],
    ['a mask of nothing', option(1, 0, 0, 0, 0), 'prefixLength'],
    ['a mask of three bytes', option(1, 255, 255, 255), 'prefixLength'],
    ['a lease time of two bytes', option(51, 14, 16), 'leaseTime'],
    ['an MTU of 67', option(26, 0, 67), 'mtu'],
    ['a host name of two lines', option(12, ...Buffer.from('web 1')), 'hostName'],
    ['a host name of nothing', option(12), 'hostName'],
    ['a client identifier of one byte', option(61, 1), 'clientId'],
    ['an IPv6-only time of two bytes', option(108, 7, 8), 'ipv6OnlyWait'],
    ['auto-configure 2', option(116, 2), 'autoConfigure'],
    ['a maximum size of 575', option(57, 2, 63), 'maximumSize'],
    ['a broadcast address of three bytes', option(28, 1, 2, 3), 'broadcastAddress'],
  ])('%s is left out and counted', (_name, raw, key) => {
    const message = parseMessage(reply([...OFFER, ...raw, 255]))
    expect(message?.options[key]).toBe(null)
    expect(message?.ignoredOptions).toBe(1)
  })

  test('addresses that are no host’s are left out, and doubles', () => {
    const list = [10, 0, 0, 1, 0, 0, 0, 0, 127, 0, 0, 1, 224, 0, 0, 1, 255, 255, 255, 255, 10, 0, 0, 1, 10, 0, 0, 2]
    expect(options(...option(6, ...list))?.dnsServers).toEqual([ip('10.0.0.1'), ip('10.0.0.2')])
    expect(options(...option(3, 10, 0, 0))?.routers).toEqual([])
  })

  test('what came twice and has a fixed size: the first one', () => {
    expect(options(...option(51, 0, 0, 0, 9), ...option(51, 0, 0, 0, 8))?.leaseTime).toBe(9)
  })

  test('a domain name that is a list is a search list, too', () => {
    const found = options(...option(15, ...Buffer.from('a.example b.example.')))
    expect(found).toMatchObject({ domainName: 'a.example', domainSearch: ['a.example', 'b.example'] })
  })

  test('the bounds', () => {
    const addresses = Array.from({ length: 60 }, (_, index) => [10, 0, 0, index + 1]).flat()
    expect(options(...option(6, ...addresses))?.dnsServers).toHaveLength(LIMITS.addresses)
    const names = Array.from({ length: 60 }, (_, index) => [2, 97, 97 + (index % 26), 0]).flat()
    expect(options(...option(119, ...names))?.domainSearch).toHaveLength(LIMITS.searchDomains)
    const routes = Array.from({ length: 36 }, (_, index) => [16, 10, index, 10, 0, 0, 1]).flat()
    const many = [
      ...option(121, ...routes.slice(0, 252)),
      ...option(121, ...routes),
      ...option(121, ...routes.slice(28)),
    ]
    expect(options(...many)?.classlessRoutes).toHaveLength(LIMITS.routes)
    const codes = Array.from({ length: 200 }, (_, index) => index + 1)
      .filter((code) => code !== OptionCode.MessageType && code !== OptionCode.Overload)
      .flatMap((code) => option(code))
    expect(options(...codes)?.others).toHaveLength(LIMITS.otherOptions)
  })
})

describe('long options and overload (RFC 3396; RFC 2132, section 9.3)', () => {
  test('an option in three pieces, in three fields, is put together in the order options, file, sname', () => {
    const bytes = reply([...OFFER, ...option(52, 3), ...option(15, ...Buffer.from('one.')), 255], {
      serverName: [...option(15, ...Buffer.from('three')), 255],
      file: [0, ...option(15, ...Buffer.from('two.')), ...option(51, 0, 0, 0, 9), 255],
    })
    expect(parseMessage(bytes)?.options).toMatchObject({ domainName: 'one.two.three', leaseTime: 9 })
  })

  test('a fixed-size option in pieces', () => {
    expect(options(...option(51, 0, 0), ...option(51, 1, 2))?.leaseTime).toBe(258)
  })

  test.each([
    [1, 'file'],
    [2, 'sname'],
  ])('overload %i means %s alone', (value, name) => {
    const bytes = reply([...OFFER, ...option(52, value), 255], {
      serverName: [...option(15, ...Buffer.from('sname')), 255],
      file: [...option(15, ...Buffer.from('file')), 255],
    })
    expect(parseMessage(bytes)?.options.domainName).toBe(name)
  })

  test.each([[0], [4], [255]])('overload %i means nothing', (value) => {
    const bytes = reply([...OFFER, ...option(52, value), 255], { file: [200, 200] })
    expect(parseMessage(bytes)?.options.domainName).toBe(null)
  })

  test('an option that runs over the end of file makes no message; one in sname does not reach into file', () => {
    expect(parseMessage(reply([...OFFER, ...option(52, 1), 255], { file: [15, 127, 97] }))).toBe(null)
    const name = [...option(15, ...new Array<number>(61).fill(97)), 15]
    expect(parseMessage(reply([...OFFER, ...option(52, 2), 255], { serverName: name }))).toBe(null)
  })

  test('what does not fit goes into file and sname, and is read again', () => {
    const routes = Array.from({ length: 60 }, (_, index) => route(`10.${index}.0.0/16`, '10.0.0.1'))
    const message = newMessage({ operation: Operation.Reply }, { type: MessageType.Ack, classlessRoutes: routes })
    const built = buildMessage(message)
    expect(built).toHaveLength(LEAST_MAXIMUM_MESSAGE)
    expect(parseMessage(built)?.options.classlessRoutes).toEqual(routes)
    expect(parseMessage(built)?.ignoredOptions).toBe(0)
    expect(buildMessage(message, 1500).length).toBeGreaterThan(660)
  })

  test('what has no room at all is left out whole, the type never', () => {
    const others = Array.from({ length: 10 }, (_, index) => ({ code: 200 + index, bytes: new Uint8Array(100) }))
    const read = parseMessage(buildMessage(newMessage({}, { type: MessageType.Ack, others }), 300))
    expect(read?.options.type).toBe(MessageType.Ack)
    expect(read?.options.others.length).toBeGreaterThan(0)
    expect(read?.options.others.length).toBeLessThan(5)
    for (const { bytes } of read!.options.others) expect(bytes).toHaveLength(100)
  })
})

describe('classless routes (RFC 3442)', () => {
  test('the examples of the RFC, a default route, and one on the link', () => {
    const raw = [
      0, 10, 0, 0, 1, 8, 10, 10, 0, 0, 1, 24, 10, 0, 0, 10, 17, 3, 1, 25, 10, 229, 0, 128, 10, 0, 0, 2, 32, 1, 2, 3, 4,
    ]
    const found = options(...option(121, ...raw, 0, 0, 0, 0))?.classlessRoutes
    expect(found?.map(({ destination, gateway }) => `${destination} ${gateway}`)).toEqual([
      '0.0.0.0/0 10.0.0.1',
      '10.0.0.0/8 10.0.0.1',
      '10.0.0.0/24 10.17.3.1',
      '10.229.0.128/25 10.0.0.2',
      '1.2.3.4/32 null',
    ])
  })

  test('host bits are cleared', () => {
    expect(`${options(...option(121, 20, 129, 210, 255, 10, 0, 0, 1))?.classlessRoutes?.[0].destination}`).toBe(
      '129.210.240.0/20',
    )
  })

  test.each([
    ['width 33', [33, 1, 2, 3, 4, 5, 10, 0, 0, 1]],
    ['cut short', [24, 10, 0, 0, 10, 0, 0]],
    ['nothing', []],
  ])('%s: the option is left out, so that routers hold', (_name, raw) => {
    expect(options(...option(121, ...raw))?.classlessRoutes).toBe(null)
  })

  test('routes that lead nowhere are left out', () => {
    const raw = [8, 127, 10, 0, 0, 1, 8, 10, 224, 0, 0, 1, 8, 11, 10, 0, 0, 1]
    expect(options(...option(121, ...raw))?.classlessRoutes).toEqual([route('11.0.0.0/8', '10.0.0.1')])
    expect(parseMessage(reply([...OFFER, ...option(121, ...raw), 255]))?.ignoredOptions).toBe(1)
  })
})

describe('domain search (RFC 3397)', () => {
  const text = (name: string) => [name.length, ...Buffer.from(name)]

  test('names with compression, over two pieces', () => {
    const raw = [...text('eng'), ...text('apple'), ...text('com'), 0, ...text('marketing'), 0xc0, 4]
    const found = options(...option(119, ...raw.slice(0, 9)), ...option(119, ...raw.slice(9)))
    expect(found?.domainSearch).toEqual(['eng.apple.com', 'marketing.apple.com'])
  })

  test('the longest name that there is, by a pointer to the first byte too', () => {
    const longest = ['a'.repeat(63), 'b'.repeat(63), 'c'.repeat(63), 'd'.repeat(61)].join('.')
    expect(longest).toHaveLength(253)
    const message = newMessage({}, { type: MessageType.Ack, domainName: longest, domainSearch: [longest] })
    expect(parseMessage(buildMessage(message, 1400))?.options).toMatchObject({
      domainName: longest,
      domainSearch: [longest],
    })
    expect(options(...option(119, ...text('a'), 0, 0xc0, 0))?.domainSearch).toEqual(['a', 'a'])
  })

  test.each([
    ['a pointer to itself', [0xc0, 0]],
    ['a pointer forward', [0xc0, 3, 0, ...text('a'), 0]],
    ['two that point at each other', [...text('a'), 0xc0, 4, ...text('b'), 0xc0, 0, 0xc0, 2]],
    ['a pointer out', [...text('a'), 0xc0, 200]],
    ['half a pointer', [...text('a'), 0xc0]],
    ['a label out', [9, 97]],
    ['no end', text('a')],
    ['a label of 64', [64, ...new Array<number>(64).fill(97), 0]],
    ['a name of 256', [...new Array<number[]>(5).fill([51, ...new Array<number>(51).fill(97)]).flat(), 0]],
    ['an empty name', [0]],
    ['something that is no name', [3, 97, 32, 97, 0]],
  ])('%s is refused', (_name, raw) => {
    const pieces = [...option(119, ...raw.slice(0, 200)), ...option(119, ...raw.slice(200))]
    expect(options(...pieces)?.domainSearch).toEqual([])
  })
})

test('client identifiers (RFC 4361, RFC 2132)', () => {
  const duid = duidFromLinkLayer(MAC)
  expect([...clientIdFromDuid(0x01020304, duid)]).toEqual([255, 1, 2, 3, 4, ...duid])
  expect([...clientIdFromMac(MAC)]).toEqual([1, 2, 0, 0, 0, 0, 2])
  expect(() => clientIdFromDuid(0, Uint8Array.of(1))).toThrow('DUID')
  expect(() => clientIdFromDuid(2 ** 32, duid)).toThrow('iaid')
})

test('masks and classes', () => {
  for (let length = 1; length <= 32; length++) expect(prefixLengthOf(-1 << (32 - length))).toBe(length)
  for (const mask of [0, 1, 0x7fffffff, 0xff00ff00, -3]) expect(prefixLengthOf(mask)).toBe(null)
  const lengths = ['10.0.0.1', '127.255.255.255', '128.0.0.0', '191.255.255.255', '192.0.0.0'].map((each) =>
    classfulLength(ip(each).word3),
  )
  expect(lengths).toEqual([8, 8, 16, 16, 24])
})

const host = fc
  .tuple(fc.integer({ min: 1, max: 223 }), fc.integer(), fc.integer())
  .filter(([first]) => first !== 127)
  .map(([first, a]) => IpAddress.v4((first << 24) | (a & 0xffffff)))
const hosts = fc.uniqueArray(host, { maxLength: LIMITS.addresses, selector: String })
const seconds = fc.option(fc.nat({ max: 0xffffffff }))
const name = fc.stringMatching(/^[a-z0-9-]{1,20}(\.[a-z0-9-]{1,20}){0,3}$/)
const prefix = fc
  .tuple(host, fc.integer({ min: 1, max: 32 }))
  .map(([address, length]) => new IpPrefix(address, length).network)
  .filter(({ address }) => address.word3 >>> 24 !== 0)
const routes = fc.array(fc.record({ destination: prefix, gateway: fc.option(host) }), {
  minLength: 1,
  maxLength: LIMITS.routes,
})
const anyOptions = fc.record({
  type: fc.integer({ min: 1, max: 8 }),
  prefixLength: fc.option(fc.integer({ min: 1, max: 32 })),
  routers: hosts,
  dnsServers: hosts,
  ntpServers: hosts,
  hostName: fc.option(name),
  domainName: fc.option(name),
  domainSearch: fc.array(name, { maxLength: LIMITS.searchDomains }),
  mtu: fc.option(fc.integer({ min: 68, max: 65_535 })),
  classlessRoutes: fc.option(routes),
  requestedAddress: fc.option(host),
  leaseTime: seconds,
  serverId: fc.option(host),
  renewAfter: seconds,
  rebindAfter: seconds,
  clientId: fc.option(fc.uint8Array({ minLength: 2, maxLength: 300 })),
  rapidCommit: fc.boolean(),
  autoConfigure: fc.option(fc.boolean()),
  ipv6OnlyWait: seconds,
})

describe('properties', () => {
  test('what is built is read again as it was', () => {
    fc.assert(
      fc.property(anyOptions, fc.nat({ max: 0xffffffff }), host, (given, transactionId, yourAddress) => {
        const message = newMessage(
          { operation: Operation.Reply, transactionId, yourAddress, hardwareAddress: MAC },
          given,
        )
        expect(parseMessage(buildMessage(message, 9000))).toEqual(message)
      }),
      { numRuns: 300 },
    )
  })

  test('in less room there is less of it, and what is there is right', () => {
    fc.assert(
      fc.property(anyOptions, fc.integer({ min: 300, max: 1500 }), (given, size) => {
        const message = newMessage({ operation: Operation.Reply }, given)
        const bytes = buildMessage(message, size)
        expect(bytes.length).toBeLessThanOrEqual(size)
        const read = parseMessage(bytes)!
        expect(read.ignoredOptions).toBe(0)
        expect(read.options.type).toBe(given.type)
        for (const key of Object.keys(given) as (keyof typeof given)[]) {
          const value = read.options[key]
          const isMissing = value === null || value === false || (Array.isArray(value) && value.length === 0)
          if (!isMissing) expect(value).toEqual(given[key])
        }
      }),
      { numRuns: 300 },
    )
  })

  test('any bytes: no exception, and nothing beyond the bounds', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 700 }), fc.boolean(), (noise, isShaped) => {
        const bytes = isShaped ? reply([...OFFER, ...noise]) : noise
        const message = parseMessage(bytes)
        if (message === null) return
        const { options: read } = message
        for (const list of [read.routers, read.dnsServers, read.ntpServers]) {
          expect(list.length).toBeLessThanOrEqual(LIMITS.addresses)
        }
        expect(read.domainSearch.length).toBeLessThanOrEqual(LIMITS.searchDomains)
        expect(read.others.length).toBeLessThanOrEqual(LIMITS.otherOptions)
        expect(read.prefixLength ?? 1).toBeGreaterThan(0)
      }),
      { numRuns: 2000 },
    )
  })
})
