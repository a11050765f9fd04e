import packet from 'dns-packet'
import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { answerBytes, type Decoded, record, soa } from '../../test/support/dns-server.ts'
import { isTruncated, repeatsQuestion } from './outline.ts'
import { buildQuery, parseResponse } from './wire.ts'

const query = { id: 7, name: 'www.example.com', type: 'A' as const }
const ours = buildQuery(7, query, { edns: false, padded: false })

function parsed(bytes: Buffer) {
  const response = parseResponse(bytes)
  if (response === null) throw new Error('malformed')
  return response
}

describe('a query', () => {
  test('has one question, wants recursion, and says how long an answer may be', () => {
    const decoded = packet.decode(buildQuery(4711, query, { edns: true, padded: false })) as Decoded
    expect(decoded).toMatchObject({
      id: 4711,
      type: 'query',
      flag_rd: true,
      questions: [{ name: query.name, type: 'A' }],
    })
    expect(decoded.additionals).toMatchObject([{ type: 'OPT', udpPayloadSize: 1232 }])
    expect((packet.decode(ours) as Decoded).additionals).toEqual([])
  })

  test('over TLS is padded to a multiple of 128 bytes', () => {
    for (let labels = 1; labels < 60; labels++) {
      const name = Array.from({ length: labels }, () => 'abc').join('.')
      const bytes = buildQuery(1, { name, type: 'A' }, { edns: true, padded: true })
      expect(bytes.length % 128).toBe(0)
      expect((packet.decode(bytes) as Decoded).questions[0].name).toBe(name)
    }
  })

  test('any type can be asked for', () => {
    for (const [type, number] of [
      ['ANY', 255],
      ['CAA', 257],
      ['TLSA', 52],
      ['NAPTR', 35],
    ] as const) {
      const bytes = buildQuery(1, { name: 'a', type }, { edns: false, padded: false })
      expect(bytes.readUInt16BE(bytes.length - 4)).toBe(number)
    }
  })
})

test('an answer repeats the question, letters in either case', () => {
  expect(repeatsQuestion(answerBytes(query), ours)).toBe(true)
  expect(repeatsQuestion(answerBytes({ ...query, name: 'WWW.Example.com' }), ours)).toBe(true)
  expect(repeatsQuestion(answerBytes({ ...query, name: 'www.example.org' }), ours)).toBe(false)
  expect(repeatsQuestion(answerBytes({ ...query, type: 'AAAA' }), ours)).toBe(false)
  const otherClass = answerBytes(query)
  otherClass[otherClass.length - 1] = 3
  expect(repeatsQuestion(otherClass, ours)).toBe(false)
  expect(repeatsQuestion(answerBytes(query, { questions: [] }), ours)).toBe(false)
  expect(repeatsQuestion(answerBytes(query, { questions: [], rcode: 2 }), ours)).toBe(true)
})

test('records of all types have the shapes of node:dns', () => {
  const name = 'www.example.com'
  const data = (type: string, value: unknown) =>
    parsed(answerBytes(query, { answers: [record(type, name, value, 60)] })).answers[0]
  expect(data('A', '192.0.2.1')).toEqual({ name, type: 'A', ttl: 60, data: '192.0.2.1' })
  expect(data('AAAA', '2001:db8:0:0:0:0:0:1').data).toBe('2001:db8::1')
  expect(data('AAAA', '::ffff:192.0.2.1').data).toBe('::ffff:192.0.2.1')
  expect(data('AAAA', '::192.0.2.1').data).toBe('::192.0.2.1')
  expect(data('AAAA', '::2').data).toBe('::2')
  expect(data('CNAME', 'x.example').data).toBe('x.example')
  expect(data('NS', 'ns.example').data).toBe('ns.example')
  expect(data('PTR', 'p.example').data).toBe('p.example')
  expect(data('MX', { preference: 10, exchange: 'mx.example' }).data).toEqual({ exchange: 'mx.example', priority: 10 })
  expect(data('MX', { preference: 0, exchange: '.' }).data).toEqual({ exchange: '', priority: 0 })
  expect(data('TXT', ['one', Buffer.from([0xe9])]).data).toEqual(['one', 'é'])
  expect(data('SRV', { priority: 1, weight: 2, port: 3, target: 't.example' }).data).toEqual({
    name: 't.example',
    port: 3,
    priority: 1,
    weight: 2,
  })
  expect(
    data('NAPTR', { order: 1, preference: 2, flags: 'u', services: 'E2U+sip', regexp: '!a!b!', replacement: '.' }).data,
  ).toEqual({ flags: 'u', service: 'E2U+sip', regexp: '!a!b!', replacement: '', order: 1, preference: 2 })
  expect(parsed(answerBytes(query, { answers: [soa('example')] })).answers[0].data).toEqual({
    nsname: 'ns.example',
    hostmaster: 'admin.example',
    serial: 1,
    refresh: 2,
    retry: 3,
    expire: 4,
    minttl: 60,
  })
  expect(data('CAA', { flags: 128, tag: 'issue', value: 'ca.example' }).data).toEqual({
    critical: 128,
    issue: 'ca.example',
  })
  const certificate = Buffer.from([1, 2, 3])
  expect(data('TLSA', { usage: 3, selector: 1, matchingType: 1, certificate }).data).toEqual({
    certUsage: 3,
    selector: 1,
    match: 1,
    data: Uint8Array.from([1, 2, 3]).buffer,
  })
})

describe('what is no message is malformed', () => {
  /** Header, the question, and records as given: each owner as bytes, type, data. */
  function message(...records: { owner: number[]; type?: number; data: number[]; length?: number }[]): Buffer {
    const header = answerBytes(query)
    header.writeUInt16BE(records.length, 6)
    const bodies = records.map(({ owner, type = 1, data, length = data.length }) => [
      ...owner,
      ...[type >> 8, type & 255, 0, 1, 0, 0, 1, 0, length >> 8, length & 255],
      ...data,
    ])
    return Buffer.concat([header, Buffer.from(bodies.flat())])
  }
  const pointerTo = (at: number) => [0xc0 | (at >> 8), at & 255]
  const owner = pointerTo(12)
  const address = [192, 0, 2, 1]
  /** Where the first record begins. */
  const first = answerBytes(query).length

  test('the frame of these tests is understood', () => {
    expect(parsed(message({ owner, data: address })).answers).toMatchObject([{ name: query.name, data: '192.0.2.1' }])
  })

  test.each([
    ['a pointer to itself', message({ owner: pointerTo(first), data: address })],
    ['a pointer forwards', message({ owner: pointerTo(first + 20), data: address })],
    ['a pointer beyond the end', message({ owner: pointerTo(9000), data: address })],
    ['a pointer into the header', message({ owner: pointerTo(4), data: address })],
    ['two pointers at each other', message({ owner: pointerTo(first + 14), data: [...pointerTo(first), 0, 0] })],
    ['a label that points at its own name', message({ owner: [1, 97, ...pointerTo(first)], data: address })],
    ['a reserved kind of label', message({ owner: [0x80, 0], data: address })],
    [
      'a name beyond 255 bytes',
      message({ owner: [...Array(5)].flatMap(() => [63, ...Array(63).fill(97)]).concat(0), data: address }),
    ],
    ['a name without end', message({ owner: [5, 97], data: [] })],
    ['a dot within a label', message({ owner: [3, 97, 46, 98, 0], data: address })],
    ['a zero byte within a label', message({ owner: [3, 97, 0, 98, 0], data: address })],
    ['data beyond the end', message({ owner, data: address, length: 40 })],
    ['an A of three bytes', message({ owner, data: [1, 2, 3] })],
    ['an AAAA of four bytes', message({ owner, type: 28, data: address })],
    ['a CNAME beyond its data', message({ owner, type: 5, data: [3, 97] }, { owner: [97, 98, 0], data: address })],
    ['an MX without name', message({ owner, type: 15, data: [0, 1] })],
    ['a TXT whose string is too long', message({ owner, type: 16, data: [9, 97] })],
    ['an SRV that is cut', message({ owner, type: 33, data: [0, 1, 0, 2, 0] })],
    ['an SOA that is cut', message({ owner, type: 6, data: [0, 0, 1, 2, 3, 4] })],
    ['a NAPTR whose strings run over', message({ owner, type: 35, data: [0, 1, 0, 1, 200, 1, 1, 0] })],
    ['a CAA without tag', message({ owner, type: 257, data: [0, 0] })],
    [
      'more records than there are',
      (() => {
        const bytes = message({ owner, data: address })
        bytes.writeUInt16BE(40, 6)
        return bytes
      })(),
    ],
  ])('%s', (_what, bytes) => {
    expect(parseResponse(bytes)).toBeNull()
  })

  test('pointers that lead back for ever so long cost no time', () => {
    // 4,000 pointers, each to the one before, and records that all begin at the last.
    const chain = [
      0,
      ...Array.from({ length: 4000 }, (_, i) => pointerTo(i === 0 ? first + 12 : first + 13 + 2 * (i - 1))).flat(),
    ]
    const start = { owner: [0], type: 999, data: [0, ...chain.slice(1)] }
    const last = pointerTo(first + 12 + 1 + 2 * 3999)
    const bytes = message(start, ...Array.from({ length: 3000 }, () => ({ owner: last, type: 999, data: [] })))
    const before = performance.now()
    expect(parseResponse(bytes)).toBeNull()
    expect(performance.now() - before).toBeLessThan(200)
  })

  test('whatever is changed about a good answer, it is read or refused', () => {
    const good = answerBytes(query, {
      answers: [
        record('CNAME', query.name, 'b.example'),
        record('A', 'b.example', '192.0.2.1'),
        record('TXT', 'x', ['y']),
      ],
      authorities: [soa('example')],
      additionals: [{ type: 'OPT', name: '.', udpPayloadSize: 1232, options: [] }],
    })
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(good.length - 13), fc.nat(255)), { minLength: 1, maxLength: 6 }),
        fc.nat(good.length - 12),
        (changes, cut) => {
          const bytes = Buffer.from(good)
          for (const [at, value] of changes) bytes[12 + at] = value
          parseResponse(bytes.subarray(0, good.length - (cut % 3 === 0 ? cut : 0)))
          isTruncated(bytes)
        },
      ),
      { numRuns: 3000 },
    )
  })
})

test('the response code has its upper bits in the OPT record', () => {
  const additionals = [{ type: 'OPT', name: '.', udpPayloadSize: 512, extendedRcode: 1, options: [] }]
  expect(parsed(answerBytes(query, { additionals })).rcode).toBe(16)
  expect(parsed(answerBytes(query, { rcode: 3 })).rcode).toBe(3)
})
