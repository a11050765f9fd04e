import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import { buildMessage, buildRelayMessage } from './build-message.ts'
import { MessageType, OptionCode } from './codes.ts'
import { type MessageOptions, noOptions } from './message.ts'
import { LIMITS, parseMessage, parseRelayMessage } from './parse-message.ts'

const hex = (text: string) =>
  Uint8Array.from(text.replace(/\s/g, '').match(/../g) ?? [], (octet) => Number(`0x${octet}`))
const reply = (options: string) => parseMessage(hex(`07 123456 ${options}`))

describe('what an Advertise of a server has in it', () => {
  const ADVERTISE = hex(`
    02 a1b2c3
    0001 000a 0003 0001 020000000001
    0002 000e 0001 0001 1c39cf88 080027fe8f95
    0003 0046 00000005 00000e10 00001518
      0005 0018 20010db8000000000000000000000100 00001c20 00002a30
      000d 001a 0000 6f6b 0d 1b5b48 7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a7a
    0019 0029 00000005 00000e10 00001518
      001a 0019 00001c20 00002a30 38 20010db80100000000000000000000ff
    0007 0001 ff
    0017 0010 20010db8000000000000000000000053
    0018 000d 076578616d706c65 03636f6d 00
    0038 0024 0001 0010 20010db8000000000000000000000123
              0003 000c 036e7470 066578616d706c 00
    0052 0004 00000e10
    0014 0000
    002b 0002 abcd`)

  test('comes out as it is meant', () => {
    const message = parseMessage(ADVERTISE)!
    expect(message).toMatchObject({ type: MessageType.Advertise, transactionId: 0xa1b2c3, ignoredOptions: 0 })
    const { options } = message
    expect(options.clientId).toEqual(hex('00030001020000000001'))
    expect(options.serverId).toHaveLength(14)
    expect(options.preference).toBe(255)
    const [addresses, delegation] = options.identityAssociations
    expect(addresses).toMatchObject({ kind: 'IA_NA', id: 5, renewAfter: 3600, rebindAfter: 5400 })
    expect(addresses.leases.map(({ prefix }) => prefix.toString())).toEqual(['2001:db8::100/128'])
    expect(addresses.leases[0]).toMatchObject({ preferred: 7200, valid: 10_800, status: null })
    // Control characters of a message for people are left out.
    expect(addresses.status).toEqual({ code: 0, message: `ok[H${'z'.repeat(18)}` })
    expect(delegation.kind).toBe('IA_PD')
    // Bits behind the prefix length do not count.
    expect(delegation.leases[0].prefix.toString()).toBe('2001:db8:100::/56')
    expect(options.dnsServers.map(String)).toEqual(['2001:db8::53'])
    expect(options.domainSearch).toEqual(['example.com'])
    expect(options.ntpServers?.addresses.map(String)).toEqual(['2001:db8::123'])
    expect(options.ntpServers?.names).toEqual(['ntp.exampl'])
    expect(options.solicitMaximum).toBe(3600)
    expect(options.reconfigureAccept).toBe(true)
    expect(options.others).toEqual([{ code: 43, bytes: hex('abcd') }])
  })

  test('cut anywhere between options it is malformed, or says less', () => {
    const whole = parseMessage(ADVERTISE)
    for (let length = 0; length < ADVERTISE.length; length++) {
      const message = parseMessage(ADVERTISE.subarray(0, length))
      if (message !== null) expect(message).not.toEqual(whole)
    }
  })
})

describe('a message is malformed as a whole', () => {
  test.each([
    ['an option header cut short', '0001 00'],
    ['an option that is longer than the message', '0001 000a 0003'],
    ['a client identifier of two octets', '0001 0002 0003'],
    ['a client identifier of 131 octets', `0001 0083 ${'00'.repeat(131)}`],
    ['two server identifiers', '0002 0003 000301 0002 0003 000301'],
    ['an IA_NA without T2', '0003 0008 00000001 00000001'],
    ['an IA_TA without IAID', '0004 0002 0000'],
    ['an IAADDR cut short', '0003 0013 00000001 00000001 00000001 0005 0003 000000'],
    ['an IAADDR longer than its IA_NA', '0003 0013 00000001 00000001 00000001 0005 0018 000000'],
    ['a prefix without its last octet', `0019 0028 00000001 00000000 00000000 001a 0018 ${'00'.repeat(24)}`],
    ['a status of one octet', '000d 0001 00'],
    ['a preference of two octets', '0007 0002 0000'],
    ['a rapid commit with something in it', '000e 0001 00'],
    ['an SOL_MAX_RT of two octets', '0052 0002 0000'],
    ['an odd option request', '0006 0003 000000'],
  ])('%s', (_, options) => {
    expect(reply(options)).toBeNull()
  })

  test.each(['', '07', '07 1234', '00 123456', '0e 123456', '0c 123456'])('%j is no message', (bytes) => {
    expect(parseMessage(hex(bytes))).toBeNull()
  })
})

describe('left out and counted', () => {
  const lease = (address: string, preferred: string, valid: string) =>
    `0003 0028 00000001 00000000 00000000 0005 0018 ${address} ${preferred} ${valid}`
  const GOOD = '20010db8000000000000000000000100'
  test.each([
    ['an address preferred for longer than valid', lease(GOOD, '00000002', '00000001')],
    ['a group', lease('ff020000000000000000000000000001', '00000001', '00000001')],
    ['the unspecified address', lease('00'.repeat(16), '00000001', '00000001')],
    ['the loopback address', lease(`${'00'.repeat(15)}01`, '00000001', '00000001')],
    ['a link-local address', lease('fe800000000000000000000000000001', '00000001', '00000001')],
    ['an IPv4 address in disguise', lease('00000000000000000000ffff0a000001', '00000001', '00000001')],
  ])('%s', (_, options) => {
    const message = reply(options)!
    expect(message.ignoredOptions).toBe(1)
    expect(message.options.identityAssociations[0].leases).toEqual([])
  })

  test('a prefix of 128 bits or more', () => {
    for (const length of ['80', '81', 'ff']) {
      const message = reply(`0019 0029 00000001 00000000 00000000 001a 0019 00000001 00000001 ${length} ${GOOD}`)!
      expect(message.ignoredOptions).toBe(1)
      expect(message.options.identityAssociations[0].leases).toEqual([])
    }
  })

  test('an identity association with T1 after T2', () => {
    const message = reply('0003 000c 00000001 00000002 00000001')!
    expect(message.ignoredOptions).toBe(1)
    expect(message.options.identityAssociations).toEqual([])
  })

  test.each([
    ['name servers of 17 octets', `0017 0011 ${'20'.repeat(17)}`],
    ['a name server that is a group', '0017 0010 ff020000000000000000000000000001'],
    ['a search domain cut short', '0018 0003 05 6162'],
    ['a search domain with a compression pointer', '0018 0004 0161 c000'],
    ['a search domain without its root', '0018 0004 03 616263'],
    ['a search domain with a space in it', '0018 0005 03 612063 00'],
    ['an empty search domain', '0018 0001 00'],
    ['an NTP server of 15 octets', `0038 0013 0001 000f ${'20'.repeat(15)}`],
    ['a second preference', '0007 0001 01 0007 0001 02'],
  ])('%s', (_, options) => {
    expect(reply(options)?.ignoredOptions).toBe(1)
  })

  test('a name of more than 255 octets', () => {
    const label = `3f${'61'.repeat(63)}`
    expect(reply(`0018 0101 ${label.repeat(4)} 00`)?.options.domainSearch).toEqual([])
    expect(reply(`0018 00ff ${label.repeat(3)} 3d${'61'.repeat(61)} 00`)?.options.domainSearch[0]).toHaveLength(253)
  })

  test('what goes beyond the bounds', () => {
    const address = (last: number) => `2001:db8::${last.toString(16)}`
    const many = (count: number) => Array.from({ length: count }, (_, index) => IpAddress.parse(address(index + 1)))
    const leases = many(200).map((lease) => ({
      prefix: new IpPrefix(lease, 128),
      preferred: 1,
      valid: 1,
      status: null,
    }))
    const association = { kind: 'IA_NA' as const, id: 1, renewAfter: 0, rebindAfter: 0, leases, status: null }
    const { options, ignoredOptions } = parseMessage(
      buildMessage(MessageType.Reply, 1, {
        identityAssociations: [
          association,
          ...Array.from({ length: 40 }, (_, id) => ({ ...association, id, leases: [] })),
        ],
        dnsServers: many(300),
        domainSearch: Array.from({ length: 500 }, (_, index) => `host${index}.example`),
        ntpServers: { addresses: many(100), multicastAddresses: [], names: [] },
        optionRequest: Array.from({ length: 5000 }, (_, index) => index),
        others: Array.from({ length: 1000 }, () => ({ code: 1000, bytes: new Uint8Array(1) })),
      }),
    )!
    expect(options.identityAssociations).toHaveLength(LIMITS.identityAssociations)
    expect(options.identityAssociations[0].leases).toHaveLength(LIMITS.leases)
    expect(options.dnsServers).toHaveLength(LIMITS.nameServers)
    expect(options.domainSearch).toHaveLength(LIMITS.searchDomains)
    expect(options.ntpServers?.addresses).toHaveLength(LIMITS.ntpServers)
    expect(options.optionRequest).toHaveLength(LIMITS.requestedOptions)
    expect(options.others).toHaveLength(LIMITS.otherOptions)
    expect(ignoredOptions).toBeGreaterThan(1000)
  })
})

describe('built and parsed again', () => {
  const word = fc.integer({ min: 0, max: 0xffffffff })
  const global = fc
    .tuple(word, word, word)
    .map(([a, b, c]) => IpAddress.fromWords(0x20000000 | (a & 0x1fffffff), b, c, 1))
  const group = word.map((last) => IpAddress.fromWords(0xff020000 | 0, 0, 0, last))
  const label = fc.stringMatching(/^[a-zA-Z0-9_-]{1,20}$/)
  const name = fc.array(label, { minLength: 1, maxLength: 5 }).map((labels) => labels.join('.'))
  const status = fc.option(fc.record({ code: fc.nat(0xffff), message: fc.stringMatching(/^[ -~]{0,40}$/) }))
  const duid = fc.option(fc.uint8Array({ minLength: 3, maxLength: 130 }))
  const times = fc.tuple(word, word).map((pair) => pair.sort((a, b) => a - b))
  const lease = (length: fc.Arbitrary<number>) =>
    fc
      .record({ address: global, length, times, status })
      .map(({ address, length, times: [preferred, valid], status }) => ({
        prefix: length === 128 ? new IpPrefix(address, 128) : new IpPrefix(address, length).network,
        preferred,
        valid,
        status,
      }))
  const association = fc.constantFrom('IA_NA' as const, 'IA_TA' as const, 'IA_PD' as const).chain((kind) =>
    fc.record({
      kind: fc.constant(kind),
      id: word,
      times: kind === 'IA_TA' ? fc.constant([0, 0]) : times,
      leases: fc.array(lease(kind === 'IA_PD' ? fc.integer({ min: 0, max: 127 }) : fc.constant(128)), { maxLength: 8 }),
      status,
    }),
  )
  const options: fc.Arbitrary<MessageOptions> = fc.record({
    clientId: duid,
    serverId: duid,
    identityAssociations: fc
      .array(association, { maxLength: 8 })
      .map((all) => all.map(({ times: [renewAfter, rebindAfter], ...rest }) => ({ ...rest, renewAfter, rebindAfter }))),
    optionRequest: fc.array(fc.nat(0xffff), { maxLength: 64 }),
    preference: fc.option(fc.nat(255)),
    elapsedTime: fc.option(fc.nat(0xffff)),
    status,
    rapidCommit: fc.boolean(),
    reconfigureAccept: fc.boolean(),
    reconfigureMessage: fc.option(fc.nat(255)),
    serverUnicast: fc.option(global),
    dnsServers: fc.array(global, { maxLength: 16 }),
    domainSearch: fc.array(name, { maxLength: 32 }),
    ntpServers: fc.option(
      fc.record({
        addresses: fc.array(global, { maxLength: 16 }),
        multicastAddresses: fc.array(group, { maxLength: 16 }),
        names: fc.array(name, { maxLength: 16 }),
      }),
    ),
    clientFqdn: fc.option(fc.record({ flags: fc.nat(255), name: fc.oneof(fc.constant(''), name) })),
    solicitMaximum: fc.option(word),
    informationMaximum: fc.option(word),
    informationRefreshTime: fc.option(word),
    interfaceId: fc.option(fc.uint8Array({ maxLength: 40 })),
    relayMessage: fc.option(fc.uint8Array({ maxLength: 100 })),
    others: fc.array(
      fc.record({
        code: fc.nat(0xffff).filter((code) => !(Object.values(OptionCode) as number[]).includes(code)),
        bytes: fc.uint8Array({ maxLength: 40 }),
      }),
      { maxLength: 64 },
    ),
  })
  const type = fc.constantFrom(...Object.values(MessageType).filter((value) => value < MessageType.RelayForward))

  test('a message is the same', () => {
    fc.assert(
      fc.property(type, fc.nat(0xffffff), options, (kind, transactionId, given) => {
        const message = parseMessage(buildMessage(kind, transactionId, given))
        expect(message).toEqual({ type: kind, transactionId, options: given, ignoredOptions: 0 })
      }),
    )
  })

  test('a relayed message is the same', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.nat(255), global, global, options, (forward, hopCount, link, peer, given) => {
        const relayed = {
          type: forward ? MessageType.RelayForward : MessageType.RelayReply,
          hopCount,
          linkAddress: link,
          peerAddress: peer,
          options: given,
        }
        expect(parseRelayMessage(buildRelayMessage(relayed))).toEqual({ ...relayed, ignoredOptions: 0 })
        expect(parseMessage(buildRelayMessage(relayed))).toBeNull()
      }),
    )
  })

  test('whatever comes, nothing is thrown and what comes out can be built', () => {
    // Good messages with octets changed, inserted and cut, so that most get past the first option.
    const mutated = fc
      .tuple(type, options, fc.array(fc.tuple(fc.nat(), fc.nat(255)), { maxLength: 8 }), fc.nat())
      .map(([kind, given, changes, cut]) => {
        const bytes = buildMessage(kind, 1, given)
        for (const [at, value] of changes) bytes[at % bytes.length] = value
        return cut % 3 === 0 ? bytes.subarray(0, cut % bytes.length) : bytes
      })
    fc.assert(
      fc.property(fc.oneof(mutated, fc.uint8Array({ maxLength: 300 })), (bytes) => {
        parseRelayMessage(bytes)
        const message = parseMessage(bytes)
        if (message === null) return
        const again = parseMessage(buildMessage(message.type, message.transactionId, message.options))
        expect(again).toEqual({ ...message, ignoredOptions: 0 })
      }),
      { numRuns: 1000 },
    )
  })
})

test('no options is what an empty message has', () => {
  expect(parseMessage(hex('01 000001'))?.options).toEqual(noOptions())
})
