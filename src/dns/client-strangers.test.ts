import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  ask,
  client,
  clock,
  expectNothingLeft,
  network,
  newClient,
  newNetwork,
  solve,
} from '../../test/support/dns-client.ts'
import { answerBytes, type ReceivedQuery, record, soa } from '../../test/support/dns-server.ts'
import { MILLISECOND, SeededRandom } from '../clock/index.ts'

beforeEach(newNetwork)
afterEach(expectNothingLeft)

describe('what a stranger sends', () => {
  /** Answers after 50 ms, and before that with what `spoofs` makes of the query. */
  function spoofed(spoofs: (query: ReceivedQuery) => Buffer[], count = 1): void {
    network.servers.set('10.0.0.1', {
      datagram: (query) => {
        for (let i = 0; i < count; i++) for (const bytes of spoofs(query)) query.send(bytes, 10 + i)
        query.reply({ answers: [record('A', query.name, '192.0.2.1')] }, 50)
      },
    })
    newClient(['10.0.0.1'])
  }
  const evil = (query: { id: number; name: string; type: string }) =>
    answerBytes(query, { answers: [record('A', query.name, '6.6.6.6')] })

  test.each([
    ['another identifier', 'wrongIdentifier', (query: ReceivedQuery) => evil({ ...query, id: query.id ^ 1 })],
    ['another name', 'wrongQuestion', (query: ReceivedQuery) => evil({ ...query, name: 'b.example' })],
    ['another type', 'wrongQuestion', (query: ReceivedQuery) => evil({ ...query, type: 'AAAA' })],
    [
      'no question',
      'wrongQuestion',
      (query: ReceivedQuery) => answerBytes(query, { questions: [], answers: [record('A', query.name, '6.6.6.6')] }),
    ],
    ['the query itself', 'notResponse', (query: ReceivedQuery) => query.bytes],
    ['eleven bytes', 'notResponse', (query: ReceivedQuery) => evil(query).subarray(0, 11)],
    ['nothing', 'notResponse', () => Buffer.alloc(0)],
    [
      'an update',
      'notResponse',
      (query: ReceivedQuery) => {
        const bytes = evil(query)
        bytes[2] |= 0x28
        return bytes
      },
    ],
    ['a message that is cut', 'malformed', (query: ReceivedQuery) => evil(query).subarray(0, -3)],
    [
      'a compression loop',
      'malformed',
      (query: ReceivedQuery) => {
        const bytes = answerBytes(query, { answers: [record('A', '', '6.6.6.6')] })
        const at = answerBytes(query).length
        return Buffer.concat([bytes.subarray(0, at), Buffer.from([0xc0, at]), bytes.subarray(at + 1)])
      },
    ],
  ] as const)('%s is dropped and counted', async (_what, counter, make) => {
    spoofed((query) => [make(query)])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(clock.now()).toBe(50 * MILLISECOND)
    expect(client.counters[counter]).toBe(1)
  })

  test('records of other names do not get in', async () => {
    network.servers.set('10.0.0.1', {
      datagram: (query) =>
        query.reply({
          answers: [record('A', 'bank.example', '6.6.6.6'), record('A', query.name, '192.0.2.1')],
          additionals: [record('A', 'bank.example', '6.6.6.6')],
        }),
    })
    newClient(['10.0.0.1'])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    network.plain('10.0.0.1', '192.0.2.2')
    expect(await solve('bank.example')).toEqual(['192.0.2.2'])
  })

  test('who guesses in numbers makes it a question over TCP, where only the server answers', async () => {
    spoofed((query) => [evil({ ...query, id: query.id ^ 1 })], 20)
    const server = network.servers.get('10.0.0.1')!
    server.stream = (query) => query.reply({ answers: [record('A', query.name, '192.0.2.3')] }, 100)
    expect(await solve('a.example')).toEqual(['192.0.2.3'])
    expect(client.counters).toMatchObject({ suspicious: 1, wrongIdentifier: 20 })
  })

  test('... and if there is no TCP, the right answer in a datagram counts all the same', async () => {
    spoofed((query) => [evil({ ...query, id: query.id ^ 1 })], 20)
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(clock.now()).toBe(50 * MILLISECOND)
  })

  test('... also if TCP says nothing', async () => {
    spoofed((query) => [evil({ ...query, id: query.id ^ 1 })], 20)
    network.servers.get('10.0.0.1')!.stream = () => {}
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
  })

  test('a server that sends nothing but rubbish: EBADRESP', async () => {
    network.servers.set('10.0.0.1', { datagram: (query) => query.send(evil(query).subarray(0, -1)) })
    newClient(['10.0.0.1'])
    expect(await solve('a.example')).toBe('EBADRESP')
    newClient(['10.0.0.1'], { tries: 2 })
    expect(await solve('a.example')).toBe('EBADRESP')
  })
})

test('whatever a server sends, over whatever, every question ends', async () => {
  const random = new SeededRandom(9)
  const garbled = (query: ReceivedQuery): Buffer => {
    const bytes = answerBytes(query, {
      answers: [
        record('CNAME', query.name, 'b.example'),
        record('A', 'b.example', '192.0.2.1'),
        record('TXT', 'c', ['d']),
      ],
      authorities: [soa('example')],
    })
    for (let i = random.below(6); i > 0; i--) bytes[random.below(bytes.length)] = random.below(256)
    return bytes.subarray(0, random.below(4) === 0 ? random.below(bytes.length) : bytes.length)
  }
  const behaviour = (query: ReceivedQuery) => {
    for (let i = random.below(4); i >= 0; i--) query.send(garbled(query), random.below(40))
    if (random.below(20) === 0) query.fail()
  }
  network.servers.set('10.0.0.1', { datagram: behaviour, stream: behaviour })
  network.servers.set('10.0.0.2', { stream: behaviour })
  newClient(['10.0.0.1', 'tcp:10.0.0.2'])
  const outcomes = await clock.settle(Promise.all(Array.from({ length: 2_000 }, (_, i) => ask(`n${i}.example`))))
  expect(outcomes).toHaveLength(2_000)
  const { malformed, wrongIdentifier, wrongQuestion, notResponse, answers } = client.counters
  for (const counter of [malformed, wrongIdentifier, wrongQuestion, notResponse, answers])
    expect(counter).toBeGreaterThan(20)
})
