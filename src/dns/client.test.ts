import packet from 'dns-packet'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import { answerBytes, type ReceivedQuery, record, ScriptedNetwork, soa } from '../../test/support/dns-server.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../clock/index.ts'
import { DnsClient, type DnsClientOptions, type DnsOutcome } from './client.ts'
import type { RecordType } from './codes.ts'
import { parseServers } from './server.ts'

let clock: VirtualClock
let network: ScriptedNetwork
let client: DnsClient

function newClient(servers: string[], options: Partial<DnsClientOptions> = {}): DnsClient {
  client = new DnsClient({
    transport: network,
    clock,
    random: new SeededRandom(5),
    servers: parseServers(servers),
    ...options,
  })
  return client
}

function ask(name: string, type: RecordType = 'A'): Promise<DnsOutcome> {
  return new Promise((resolve) => client.ask({ name, type }, resolve))
}

/** What an outcome says, in short: addresses, or its code. */
function short(outcome: DnsOutcome): unknown {
  if (typeof outcome === 'string') return outcome
  return outcome.code ?? outcome.records.map(({ data }) => data)
}

const solve = async (name: string, type: RecordType = 'A') => short(await clock.settle(ask(name, type)))

beforeEach(() => {
  clock = new VirtualClock()
  network = new ScriptedNetwork(clock)
})

afterEach(() => {
  expect(client.pending).toBe(0)
  client.close()
  expect([network.openSockets, network.openStreams]).toEqual([0, 0])
  expect(clock.runUntilIdle()).toBe(true)
})

describe('asking', () => {
  test('a question is answered, and its socket closed', async () => {
    network.plain('10.0.0.1', '192.0.2.7', 20)
    newClient(['10.0.0.1'])
    expect(await solve('a.example')).toEqual(['192.0.2.7'])
    expect(clock.now()).toBe(20 * MILLISECOND)
    expect(client.counters).toMatchObject({ questions: 1, datagramsSent: 1, answers: 1 })
  })

  test('no server is ECONNREFUSED', async () => {
    newClient([])
    expect(await solve('a.example')).toBe('ECONNREFUSED')
  })

  test('a name that is not there, a name without such records', async () => {
    network.servers.set('10.0.0.1', {
      datagram: (query) => query.reply({ rcode: query.name === 'no.example' ? 3 : 0 }),
    })
    newClient(['10.0.0.1'])
    expect(await solve('no.example')).toBe('ENOTFOUND')
    expect(await solve('a.example')).toBe('ENODATA')
  })

  test('the same question at the same time is asked once', async () => {
    network.plain('10.0.0.1', '192.0.2.7', 20)
    newClient(['10.0.0.1'])
    const outcomes = await clock.settle(Promise.all([ask('a.example'), ask('A.Example'), ask('a.example', 'AAAA')]))
    expect(outcomes.map(short)).toEqual([['192.0.2.7'], ['192.0.2.7'], 'ENODATA'])
    expect(network.log.map(({ type }) => type)).toEqual(['A', 'AAAA'])
    expect(client.counters.coalesced).toBe(1)
  })

  test('identifiers are of all values', async () => {
    network.plain('10.0.0.1')
    newClient(['10.0.0.1'])
    for (let i = 0; i < 200; i++) await solve(`n${i}.example`)
    const ids = network.log.map(({ id }) => id)
    expect(new Set(ids).size).toBeGreaterThan(195)
    expect(Math.max(...ids) - Math.min(...ids)).toBeGreaterThan(60_000)
  })

  test('who is cancelled hears nothing, and when nobody waits any more nothing is open', async () => {
    network.servers.set('10.0.0.1', { datagram: () => {} })
    newClient(['10.0.0.1'])
    let heard = 0
    const cancel = client.ask({ name: 'a.example', type: 'A' }, () => heard++)
    const other = client.ask({ name: 'a.example', type: 'A' }, () => heard++)
    await clock.advanceAsync(10 * MILLISECOND)
    expect(network.openSockets).toBe(1)
    cancel()
    expect(client.pending).toBe(1)
    other()
    expect([network.openSockets, client.pending, heard]).toEqual([0, 0, 0])
    const late = ask('b.example')
    client.cancel()
    expect(await late).toBe('ECANCELLED')
  })
})

describe('several servers', () => {
  test('a silent one is left for the next after a second, and is asked last for half a minute', async () => {
    network.servers.set('10.0.0.1', { datagram: () => {} })
    network.plain('10.0.0.2')
    newClient(['10.0.0.1', '10.0.0.2'])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(clock.now()).toBe(SECOND)
    expect(await solve('b.example')).toEqual(['192.0.2.1'])
    expect(clock.now()).toBe(SECOND)
    expect(network.log.map(({ server }) => server)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.2'])
    await clock.advanceAsync(30 * SECOND)
    network.plain('10.0.0.1', '192.0.2.99')
    expect(await solve('c.example')).toEqual(['192.0.2.99'])
  })

  test('one that is not there, or that cannot answer, is left at once', async () => {
    network.servers.set('10.0.0.1', { datagram: (query) => query.fail() })
    network.servers.set('10.0.0.2', { datagram: (query) => query.reply({ rcode: 2 }) })
    network.servers.set('10.0.0.3', { datagram: (query) => query.reply({ rcode: 5 }) })
    network.plain('10.0.0.4')
    newClient(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.4'])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(clock.now()).toBe(0)
    expect(client.counters).toMatchObject({ unreachable: 1, serverFailures: 2, timeouts: 0 })
  })

  test.each([
    [1, 'EFORMERR'],
    [2, 'ESERVFAIL'],
    [4, 'ENOTIMP'],
    [5, 'EREFUSED'],
  ])('response code %i of all of them is %s', async (rcode, code) => {
    network.servers.set('10.0.0.1', { datagram: (query) => query.reply({ rcode }) })
    network.servers.set('10.0.0.2', { datagram: (query) => query.fail() })
    newClient(['10.0.0.1', '10.0.0.2'])
    expect(await solve('a.example')).toBe(code)
  })

  test('nobody answers: each is asked again, waits double, and it ends when the time is up', async () => {
    newClient(['10.0.0.1', '10.0.0.2'], { timeout: 20_000 })
    expect(await solve('a.example')).toBe('ETIMEOUT')
    expect(clock.now()).toBe(20 * SECOND)
    const times = network.log.map(({ server, at }) => [server, at / SECOND])
    expect(times).toEqual([
      ['10.0.0.1', 0],
      ['10.0.0.2', 1],
      ['10.0.0.1', 2],
      ['10.0.0.2', 4],
      ['10.0.0.1', 6],
      ['10.0.0.2', 10],
      ['10.0.0.1', 14],
      ['10.0.0.2', 18],
    ])
    // Sent again from the same socket, and with the same identifier.
    expect(network.mostSockets).toBe(2)
    expect(new Set(network.log.map(({ id }) => id)).size).toBe(2)
  })

  test('by default a question takes five seconds at most', async () => {
    newClient(['10.0.0.1'])
    expect(await solve('a.example')).toBe('ETIMEOUT')
    expect(clock.now()).toBe(5 * SECOND)
  })

  test('a late answer to an earlier try counts', async () => {
    network.plain('10.0.0.1', '192.0.2.1', 2500)
    network.servers.set('10.0.0.2', { datagram: () => {} })
    newClient(['10.0.0.1', '10.0.0.2'])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(clock.now()).toBe(2500 * MILLISECOND)
  })

  test('rotation begins each question with another one', async () => {
    for (const server of ['10.0.0.1', '10.0.0.2', '10.0.0.3']) network.plain(server)
    newClient(['10.0.0.1', '10.0.0.2', '10.0.0.3'], { rotate: true })
    for (const name of ['a', 'b', 'c', 'd']) await solve(name)
    expect(network.log.map(({ server }) => server)).toEqual(['10.0.0.1', '10.0.0.2', '10.0.0.3', '10.0.0.1'])
  })

  test('what the network offers counts until the application names servers; DHCP comes before routers', async () => {
    newClient([])
    client = new DnsClient({ transport: network, clock, random: new SeededRandom(1) })
    client.learnServers('router', { servers: parseServers(['fd00::1', '10.0.0.2']), searchList: ['lan'] })
    client.learnServers('dhcp', { servers: parseServers(['10.0.0.2']), searchList: ['corp.example', 'lan'] })
    expect(client.servers.servers.map(({ address }) => address)).toEqual(['10.0.0.2', 'fd00::1'])
    expect(client.servers.learntSearchList).toEqual(['corp.example', 'lan'])
    client.learnServers('dhcp', null)
    expect(client.servers.servers.map(({ address }) => address)).toEqual(['fd00::1', '10.0.0.2'])
    client.setServers(parseServers(['10.9.9.9']))
    expect(client.servers.servers.map(({ address }) => address)).toEqual(['10.9.9.9'])
    const many = Array.from({ length: 100 }, (_, i) => `10.1.0.${i}`)
    client.learnServers('router', { servers: parseServers(many), searchList: many })
    client.servers.configure(null)
    expect(client.servers.servers).toHaveLength(16)
    expect(client.servers.learntSearchList).toHaveLength(32)
  })
})

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

describe('aliases', () => {
  const answering = (answers: unknown[], rcode = 0, authorities: unknown[] = []) =>
    network.servers.set('10.0.0.1', { datagram: (query) => query.reply({ rcode, answers, authorities }) })

  test('are followed in whatever order they stand, and the shortest TTL counts', async () => {
    answering([
      record('A', 'c.example', '192.0.2.1', 500),
      record('CNAME', 'B.example', 'c.example', 20),
      record('CNAME', 'a.example', 'b.example', 100),
    ])
    newClient(['10.0.0.1'])
    const answer = await clock.settle(ask('a.example'))
    expect(answer).toMatchObject({ canonicalName: 'c.example', ttl: 20, records: [{ data: '192.0.2.1', ttl: 20 }] })
  })

  test('that lead in a circle are no answer', async () => {
    answering([record('CNAME', 'a.example', 'b.example'), record('CNAME', 'b.example', 'a.example')])
    newClient(['10.0.0.1'])
    expect(await solve('a.example')).toBe('ENODATA')
    answering([record('CNAME', 'c.example', 'c.example')])
    expect(await solve('c.example')).toBe('ENODATA')
    expect(client.cacheSize).toBe(0)
  })

  test('that lead nowhere: no data, or no such name', async () => {
    answering([record('CNAME', 'a.example', 'b.example')])
    newClient(['10.0.0.1'])
    expect(await solve('a.example')).toBe('ENODATA')
    answering([record('CNAME', 'c.example', 'd.example')], 3)
    expect(await solve('c.example')).toBe('ENOTFOUND')
  })

  test('themselves are the answer to who asks for them', async () => {
    answering([record('CNAME', 'a.example', 'b.example')])
    newClient(['10.0.0.1'])
    expect(await solve('a.example', 'CNAME')).toEqual(['b.example'])
  })
})

describe('truncation', () => {
  test('makes it a question over TCP, and several go over one connection', async () => {
    network.servers.set('10.0.0.1', {
      datagram: (query) => query.reply({ flags: packet.TRUNCATED_RESPONSE }),
      // The first one is answered last.
      stream: (query) =>
        query.reply({ answers: [record('A', query.name, '192.0.2.1')] }, query.name === 'a.example' ? 90 : 30),
    })
    newClient(['10.0.0.1'])
    const outcomes = clock.settle(Promise.all(['a.example', 'b.example', 'c.example'].map((name) => ask(name))))
    expect((await outcomes).map(short)).toEqual([['192.0.2.1'], ['192.0.2.1'], ['192.0.2.1']])
    expect(client.counters).toMatchObject({ truncated: 3, streamQueries: 3, connections: 1 })
    expect(network.openStreams).toBe(1)
    // Nothing more to do: it is closed after ten seconds.
    await clock.advanceAsync(9 * SECOND)
    expect(network.openStreams).toBe(1)
    await clock.advanceAsync(2 * SECOND)
    expect(network.openStreams).toBe(0)
  })

  test('by a server without TCP leaves it for the next', async () => {
    network.servers.set('10.0.0.1', { datagram: (query) => query.reply({ flags: packet.TRUNCATED_RESPONSE }) })
    network.plain('10.0.0.2')
    newClient(['10.0.0.1', '10.0.0.2'])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
  })

  test('an idle connection that the server closes under a question is made anew', async () => {
    let asked = 0
    network.servers.set('10.0.0.1', {
      stream: (query) => {
        if (++asked === 2) query.fail()
        else query.reply({ answers: [record('A', query.name, '192.0.2.1')] })
      },
    })
    newClient(['tcp:10.0.0.1'])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(await solve('b.example')).toEqual(['192.0.2.1'])
    expect(client.counters).toMatchObject({ connections: 2, connectionFailures: 1, datagramsSent: 0 })
  })

  test('a connection that only breaks is given up', async () => {
    network.servers.set('10.0.0.1', { stream: (query) => query.fail() })
    newClient(['tcp:10.0.0.1'])
    expect(await solve('a.example')).toBe('ECONNREFUSED')
  })

  test('a connection that has fallen silent gets no more questions', async () => {
    let silent = true
    network.servers.set('10.0.0.1', {
      stream: (query) => {
        if (!silent) query.reply({ answers: [record('A', query.name, '192.0.2.1')] })
      },
    })
    newClient(['tcp:10.0.0.1'], { timeout: 20_000 })
    const lost = ask('a.example')
    await clock.advanceAsync(1.9 * SECOND)
    const joined = ask('b.example')
    await clock.advanceAsync(0.2 * SECOND)
    expect(client.counters.connections).toBe(1)
    silent = false
    expect(await solve('c.example')).toEqual(['192.0.2.1'])
    expect([client.counters.connections, network.openStreams]).toEqual([2, 2])
    expect((await clock.settle(Promise.all([lost, joined]))).map(short)).toEqual(['ETIMEOUT', 'ETIMEOUT'])
    await clock.advanceAsync(11 * SECOND)
    expect(network.openStreams).toBe(0)
  })

  test('as many questions as a connection takes, and then another connection', async () => {
    network.servers.set('10.0.0.1', {
      stream: (query) => query.reply({ answers: [record('A', query.name, '192.0.2.1')] }, 50),
    })
    newClient(['tcp:10.0.0.1'], { concurrency: 2_000 })
    const outcomes = await clock.settle(Promise.all(Array.from({ length: 1_500 }, (_, i) => ask(`n${i}.example`))))
    expect(outcomes.every((outcome) => typeof outcome !== 'string')).toBe(true)
    expect(client.counters.connections).toBe(2)
  })

  test('a connection with wrong answers on it waits for the right one', async () => {
    network.servers.set('10.0.0.1', {
      stream: (query) => {
        query.send(answerBytes({ ...query, id: query.id ^ 1 }))
        query.send(answerBytes({ ...query, name: 'other.example' }))
        query.send(query.bytes)
        query.reply({ answers: [record('A', query.name, '192.0.2.1')] }, 10)
      },
    })
    newClient(['tcp:10.0.0.1'])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(client.counters).toMatchObject({ wrongIdentifier: 1, wrongQuestion: 1, notResponse: 1 })
  })
})

test('a server that does not understand EDNS is asked without it, and remembered', async () => {
  network.servers.set('10.0.0.1', {
    datagram: (query) => query.reply(query.edns ? { rcode: 1 } : { answers: [record('A', query.name, '192.0.2.1')] }),
  })
  newClient(['10.0.0.1'])
  expect(await solve('a.example')).toEqual(['192.0.2.1'])
  expect(await solve('b.example')).toEqual(['192.0.2.1'])
  expect(network.log).toHaveLength(3)
  expect(client.counters).toMatchObject({ withoutEdns: 1, serverFailures: 0 })
})

describe('the cache', () => {
  test('answers until the TTL is over, with what is left of it', async () => {
    network.servers.set('10.0.0.1', {
      datagram: (query) =>
        query.reply({ answers: [record('A', query.name, '192.0.2.1', 30), record('A', query.name, '192.0.2.2', 60)] }),
    })
    newClient(['10.0.0.1'])
    await solve('a.example')
    await clock.advanceAsync(10.5 * SECOND)
    expect(await clock.settle(ask('A.EXAMPLE'))).toMatchObject({ ttl: 20, records: [{ ttl: 20 }, { ttl: 50 }] })
    await clock.advanceAsync(19.4 * SECOND)
    await solve('a.example')
    expect(network.log).toHaveLength(1)
    await clock.advanceAsync(0.1 * SECOND)
    await solve('a.example')
    expect(network.log).toHaveLength(2)
    expect(client.counters.cacheHits).toBe(2)
  })

  test('keeps that there is nothing for as long as the SOA says, and not without one', async () => {
    network.servers.set('10.0.0.1', {
      datagram: (query) =>
        query.reply({ rcode: 3, authorities: query.name === 'a.example' ? [soa('example', 60, 900)] : [] }),
    })
    newClient(['10.0.0.1'])
    await solve('a.example')
    await clock.advanceAsync(59 * SECOND)
    expect(await solve('a.example')).toBe('ENOTFOUND')
    expect(client.counters.negativeHits).toBe(1)
    await clock.advanceAsync(SECOND)
    await solve('a.example')
    await solve('b.example')
    await solve('b.example')
    expect(network.log.map(({ name }) => name)).toEqual(['a.example', 'a.example', 'b.example', 'b.example'])
  })

  test('a negative answer is kept for three hours at most, a positive one for a week', async () => {
    const year = 31_536_000
    network.servers.set('10.0.0.1', {
      datagram: (query) =>
        query.reply(
          query.name === 'a.example'
            ? { answers: [record('A', query.name, '192.0.2.1', year)] }
            : { authorities: [soa('example', year, year)] },
        ),
    })
    newClient(['10.0.0.1'])
    await solve('a.example')
    await solve('b.example')
    await clock.advanceAsync(10_799 * SECOND)
    await solve('b.example')
    expect(network.log).toHaveLength(2)
    await clock.advanceAsync(SECOND)
    await solve('b.example')
    expect(network.log).toHaveLength(3)
    await clock.advanceAsync((604_799 - 10_800) * SECOND)
    await solve('a.example')
    expect(network.log).toHaveLength(3)
    await clock.advanceAsync(SECOND)
    await solve('a.example')
    expect(network.log).toHaveLength(4)
  })

  test('failures and answers with a TTL of 0 are not kept', async () => {
    let rcode = 2
    network.servers.set('10.0.0.1', {
      datagram: (query) => query.reply({ rcode, answers: [record('A', query.name, '192.0.2.1', 0)] }),
    })
    newClient(['10.0.0.1'])
    expect(await solve('a.example')).toBe('ESERVFAIL')
    rcode = 0
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(await solve('a.example')).toEqual(['192.0.2.1'])
    expect(network.log).toHaveLength(3)
  })

  test('is bounded in number, and gives up what has not been used for longest', async () => {
    network.plain('10.0.0.1')
    newClient(['10.0.0.1'], { cacheSize: 4 })
    for (const name of ['a', 'b', 'c', 'd', 'a', 'e', 'f']) await solve(name)
    expect(client.cacheSize).toBe(4)
    expect(client.counters.cacheEvicted).toBe(2)
    const before = network.log.length
    await solve('a')
    expect(network.log).toHaveLength(before)
    await solve('b')
    expect(network.log).toHaveLength(before + 1)
  })

  test('is bounded in bytes: long answers push out others, and one that is too long is not kept', async () => {
    const text = Array.from({ length: 20 }, () => 'x'.repeat(90))
    network.servers.set('10.0.0.1', {
      datagram: (query) =>
        query.reply({
          answers: [record('TXT', query.name, query.name === 'huge' ? [...text, ...text, ...text] : text)],
        }),
    })
    newClient(['10.0.0.1'], { cacheSize: 5 })
    for (const name of ['a', 'b', 'c', 'd']) await solve(name, 'TXT')
    expect(client.cacheSize).toBe(2)
    await solve('huge', 'TXT')
    expect(client.cacheSize).toBe(2)
  })

  test('of size 0 keeps nothing; other servers empty it', async () => {
    network.plain('10.0.0.1')
    newClient(['10.0.0.1'], { cacheSize: 0 })
    await solve('a')
    await solve('a')
    expect(network.log).toHaveLength(2)
    newClient(['10.0.0.1'])
    await solve('a')
    client.setServers(parseServers(['10.0.0.1']))
    await solve('a')
    expect(network.log).toHaveLength(4)
  })
})

describe('ten thousand at once', () => {
  test('are all answered, 256 at a time', async () => {
    network.plain('10.0.0.1', '192.0.2.1', 5)
    newClient(['10.0.0.1'])
    const outcomes = await clock.settle(Promise.all(Array.from({ length: 10_000 }, (_, i) => ask(`n${i}.example`))))
    expect(outcomes.every((outcome) => typeof outcome !== 'string' && outcome.code === null)).toBe(true)
    expect(network.mostSockets).toBe(256)
    expect(clock.now()).toBeLessThan(0.3 * SECOND)
    expect(client.cacheSize).toBe(1024)
  })

  test('of a server that never answers all end in time', async () => {
    newClient(['10.0.0.1'])
    const outcomes = await clock.settle(Promise.all(Array.from({ length: 10_000 }, (_, i) => ask(`n${i}.example`))))
    expect(new Set(outcomes)).toEqual(new Set(['ETIMEOUT']))
    expect(clock.now()).toBe(5 * SECOND)
    expect(network.mostSockets).toBeLessThanOrEqual(256)
  })

  test('... also where only the tries are bounded', async () => {
    newClient(['10.0.0.1'], { timeout: Number.POSITIVE_INFINITY, tryTimeout: 300, longestTryTimeout: 300, tries: 2 })
    const outcomes = await clock.settle(Promise.all(Array.from({ length: 1_000 }, (_, i) => ask(`n${i}.example`))))
    expect(new Set(outcomes)).toEqual(new Set(['ETIMEOUT']))
    expect(clock.now()).toBe(601 * MILLISECOND)
  })

  test('get past a silent server to the one that answers', async () => {
    network.servers.set('10.0.0.1', { datagram: () => {} })
    network.plain('10.0.0.2', '192.0.2.1', 5)
    newClient(['10.0.0.1', '10.0.0.2'])
    const outcomes = await clock.settle(Promise.all(Array.from({ length: 10_000 }, (_, i) => ask(`n${i}.example`))))
    expect(outcomes.every((outcome) => typeof outcome !== 'string')).toBe(true)
    expect(clock.now()).toBeLessThan(1.5 * SECOND)
  })

  test('of one name are one question', async () => {
    network.plain('10.0.0.1', '192.0.2.1', 5)
    newClient(['10.0.0.1'])
    await clock.settle(Promise.all(Array.from({ length: 10_000 }, () => ask('a.example'))))
    expect(network.log).toHaveLength(1)
  })
})
