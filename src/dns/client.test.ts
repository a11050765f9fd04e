import packet from 'dns-packet'
import { afterEach, beforeEach, describe, expect, test } from 'vitest'
import {
  ask,
  client,
  clock,
  expectNothingLeft,
  network,
  newClient,
  newNetwork,
  short,
  solve,
} from '../../test/support/dns-client.ts'
import { answerBytes, record } from '../../test/support/dns-server.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { parseServers } from './server.ts'

beforeEach(newNetwork)
afterEach(expectNothingLeft)

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
    newClient(null)
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
