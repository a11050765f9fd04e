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
import { record, soa } from '../../test/support/dns-server.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { parseServers } from './server.ts'

beforeEach(newNetwork)
afterEach(expectNothingLeft)

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
