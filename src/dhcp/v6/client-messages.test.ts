import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { DUID, IAID, setUp } from '../../../test/support/dhcpv6-client.ts'
import { type DhcpLink, TestServer } from '../../../test/support/dhcpv6-server.ts'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import { MILLISECOND, SECOND } from '../../clock/index.ts'
import { buildMessage } from './build-message.ts'
import { INFINITE_SECONDS, MessageType } from './codes.ts'
import type { Message } from './message.ts'

const { Solicit, Request, Confirm, Renew, Rebind, Release, Decline, Reply, Advertise } = MessageType
const OTHER_DUID = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 0x33)

describe('retransmission, section 15', () => {
  test.each([1, 2, 3, 4, 5])('Solicits: doubled each time within a tenth, up to an hour (seed %i)', (seed) => {
    const { clock, gaps, link } = setUp(null, {}, seed)
    clock.advance(30_000 * SECOND)
    const all = gaps(Solicit)
    expect(all[0]).toBeGreaterThan(1)
    expect(all[0]).toBeLessThanOrEqual(1.1)
    for (let i = 1; i < all.length; i++) {
      const capped = all[i] >= 3600 * 0.9 && all[i] <= 3600 * 1.1
      const ratio = all[i] / all[i - 1]
      expect(capped || (ratio > 1.89 && ratio < 2.11)).toBe(true)
    }
    expect(all.at(-1)).toBeGreaterThan(3200)
    const ids = new Set(link.sent.map(({ message }) => message.transactionId))
    expect(ids.size).toBe(1)
    // Hundredths of a second, as many as fit (21.9).
    expect(link.sent[1].message.options.elapsedTime).toBe(Math.floor(all[0] * 100))
    expect(link.last.message.options.elapsedTime).toBe(0xffff)
  })

  test('twenty messages at once, then one a second, whatever servers do (14.1)', () => {
    const { server, clock, link, client } = setUp({ preference: 255, renewAfter: 0, preferred: 1, valid: 1 })
    server.settings.rebindAfter = 0
    clock.advance(600 * SECOND)
    for (const { at } of link.sent) {
      const within = link.sent.filter((other) => other.at >= at && other.at < at + 100 * SECOND)
      expect(within.length).toBeLessThanOrEqual(120)
    }
    expect(client.counters.rateLimited).toBeGreaterThan(0)
  })
})

describe('what is dropped, section 16', () => {
  const valid = (transactionId: number) => ({ type: Advertise, transactionId, clientId: DUID, serverId: DUID })
  test.each([
    ['another transaction', { transactionId: 1 }, 'wrongTransaction'],
    ['another client', { clientId: OTHER_DUID }, 'wrongClient'],
    ['no client', { clientId: null }, 'wrongClient'],
    ['no server', { serverId: null }, 'noServer'],
    ['Solicit', { type: Solicit }, 'notForClients'],
    ['Request', { type: Request }, 'notForClients'],
    ['Confirm', { type: Confirm }, 'notForClients'],
    ['Renew', { type: Renew }, 'notForClients'],
    ['Rebind', { type: Rebind }, 'notForClients'],
    ['Release', { type: Release }, 'notForClients'],
    ['Decline', { type: Decline }, 'notForClients'],
    ['Information-request', { type: MessageType.InformationRequest }, 'notForClients'],
    ['Relay-forward', { type: MessageType.RelayForward }, 'notForClients'],
    ['Relay-reply', { type: MessageType.RelayReply }, 'notForClients'],
    ['Reconfigure', { type: MessageType.Reconfigure }, 'reconfigures'],
    ['Reply while soliciting', { type: Reply }, 'unexpected'],
    ['an unknown kind', { type: 77 as MessageType }, 'malformed'],
  ] as const)('%s', (_, change, counter) => {
    const { client, clock, link } = setUp(null)
    clock.advance(SECOND)
    const message = { ...valid(link.last.message.transactionId), ...change }
    link.deliver(buildMessage(message.type, message.transactionId, message))
    clock.advance(10 * MILLISECOND)
    expect(client.counters).toMatchObject({ received: 1, [counter]: 1 })
    expect(client.state).toBe('soliciting')
  })

  test('an Advertise when none is waited for, and anything when all is well', () => {
    const { client, clock, link, next } = setUp()
    next()
    const last = link.last.message.transactionId
    link.deliver(buildMessage(Advertise, last, valid(last)))
    link.deliver(buildMessage(Reply, last, valid(last)))
    clock.advance(SECOND)
    // The transaction is over.
    expect(client.counters.wrongTransaction).toBe(2)
    expect(client.state).toBe('bound')
  })
})

test('a server that answers everything twice, and late once more, is heard once', () => {
  const { client, clock, link, server, heard } = setUp()
  link.servers.push({ answer: (message: Message) => server.answer(message) })
  const deliver = link.deliver.bind(link)
  const old: Uint8Array[] = []
  link.deliver = (bytes) => {
    for (const late of old.slice(-4)) deliver(late)
    old.push(bytes)
    deliver(bytes)
  }
  clock.advance(450 * SECOND)
  expect(heard.map(({ event }) => event)).toEqual(['bound', 'renewed', 'renewed', 'renewed', 'renewed'])
  expect(link.types).toEqual([Solicit, Request, Renew, Renew, Renew, Renew])
  expect(client.counters.wrongTransaction).toBeGreaterThan(20)
  expect(client.lease?.addresses).toHaveLength(1)
})

describe('a Reply of another server than the one that was asked is none', () => {
  const other = Uint8Array.of(0, 3, 0, 1, 2, 0, 0, 0, 0, 9)
  /** Another server answers first, and grants everything. */
  const answerFirst = (link: DhcpLink, kind: number) => {
    const impostor = new TestServer({ duid: other, addresses: ['2001:db8::bad'] })
    const { answer } = impostor
    impostor.answer = (message: Message) => {
      if (message.type !== kind) return null
      impostor.bound = true
      return answer.call(impostor, { ...message, options: { ...message.options, serverId: other } })
    }
    link.servers.unshift(impostor)
  }

  test.each([
    ['Request', Request, 'requesting', []],
    ['Renew', Renew, 'renewing', ['bound']],
    ['Release', Release, 'releasing', ['bound']],
    ['Decline', Decline, 'declining', ['bound', 'declined']],
  ] as const)('to a %s', (_, kind, state, events) => {
    const { client, clock, link, server, heard, next } = setUp()
    answerFirst(link, kind)
    if (kind === Request) {
      while (link.sent.length === 0) clock.advance(MILLISECOND)
      // Its advertisement is on the way.
      server.silent = true
      while (client.state === 'soliciting') clock.advance(MILLISECOND)
    } else next()
    server.silent = true
    if (kind === Renew) clock.advance(100 * SECOND)
    else if (kind === Decline) client.decline([IpAddress.parse('2001:db8::100')])
    else if (kind === Release) void client.release()
    clock.advance(500 * MILLISECOND)
    expect(client.counters).toMatchObject({ wrongServer: 1 })
    expect(client.state).toBe(state)
    expect(heard.map(({ event }) => event)).toEqual(events)
  })

  test('but any may answer a Rebind, and is the one to ask from then on', () => {
    const { client, link, server, next } = setUp()
    next()
    server.silent = true
    const second = new TestServer({ duid: other })
    second.bound = true
    link.servers.push(second)
    expect(next()).toMatchObject({ event: 'rebound' })
    expect(client.lease?.serverId).toEqual(other)
    expect(next()).toMatchObject({ event: 'renewed' })
    expect(link.last.message.options.serverId).toEqual(other)
  })
})

test('the largest message fits into the least MTU', () => {
  const long = Uint8Array.from({ length: 130 }, () => 7)
  const addresses = Array.from({ length: 20 }, (_, i) => `2001:db8::${i + 1}`)
  const prefixes = Array.from({ length: 20 }, (_, i) => `2001:db8:${i + 1}::/48`)
  const fqdn = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(61)}`
  const { link, next } = setUp({ duid: long, addresses, prefixes }, { duid: long, fqdn, delegatedPrefixLength: 48 })
  expect(next().what).toHaveLength(16)
  next()
  expect(link.last.message.type).toBe(Renew)
  expect(link.last.bytes.length).toBeGreaterThan(1000)
  // 1280 less the headers of IPv6 and UDP.
  expect(Math.max(...link.sent.map(({ bytes }) => bytes.length))).toBeLessThanOrEqual(1232)
})

test('whatever servers answer: nothing throws, what is held is bounded and valid, and events add up', () => {
  const status = fc.option(fc.record({ code: fc.nat(8), message: fc.constant('') }), { freq: 2 })
  const seconds = fc.oneof(fc.nat(400), fc.constantFrom(0, 1, INFINITE_SECONDS, INFINITE_SECONDS - 1))
  const lease = fc.record({ host: fc.nat(12), preferred: seconds, valid: seconds, status })
  const association = fc.record({
    kind: fc.constantFrom('IA_NA' as const, 'IA_PD' as const, 'IA_TA' as const),
    foreign: fc.nat(9).map((chance) => chance === 0),
    renewAfter: seconds,
    rebindAfter: seconds,
    leases: fc.array(lease, { maxLength: 12 }),
    status,
  })
  const step = fc.record({
    answer: fc.nat(9),
    type: fc.constantFrom(Advertise, Reply),
    rapidCommit: fc.boolean(),
    preference: fc.constantFrom(null, 0, 255),
    status,
    associations: fc.array(association, { maxLength: 4 }),
    action: fc.nat(40),
    wait: fc.nat(100),
  })
  fc.assert(
    fc.property(fc.nat(), fc.array(step, { minLength: 1, maxLength: 60 }), (seed, steps) => {
      const { client, clock, link, heard } = setUp(null, { delegatedPrefixLength: 0 }, seed)
      let at = 0
      link.servers.push({
        answer: ({ type: asked, options }) => {
          const { type, answer, associations, ...rest } = steps[at++ % steps.length]
          if (answer === 0) return null
          const right = asked === Solicit && !rest.rapidCommit ? Advertise : Reply
          const identityAssociations = associations.map(({ foreign, leases, kind, ...others }) => ({
            ...others,
            kind,
            id: foreign ? 1 : IAID,
            leases: leases.map(({ host, ...times }) => ({
              ...times,
              prefix: IpPrefix.parse(kind === 'IA_PD' ? `2001:db8:${host}::/56` : `2001:db8::${host}`),
            })),
          }))
          const told = { ...rest, clientId: options.clientId, serverId: OTHER_DUID, identityAssociations }
          return { type: answer < 8 ? right : type, options: told }
        },
      })
      for (const { wait, action } of steps) {
        clock.advance(wait * SECOND)
        const { lease } = client
        if (lease !== null) {
          expect(lease.addresses.length).toBeLessThanOrEqual(8)
          expect(lease.prefixes.length).toBeLessThanOrEqual(8)
          for (const { preferredUntil, validUntil } of [...lease.addresses, ...lease.prefixes]) {
            expect(validUntil).toBeGreaterThan(clock.now())
            expect(validUntil).toBeGreaterThanOrEqual(preferredUntil)
          }
        }
        // What was told and not taken back is what is held.
        const held = new Set<string>()
        for (const { event, what } of heard) {
          for (const prefix of what) {
            if (event === 'expired' || event === 'declined') expect(held.delete(prefix)).toBe(true)
            else held.add(prefix)
          }
        }
        const now = lease === null ? [] : [...lease.addresses, ...lease.prefixes].map(({ prefix }) => prefix.toString())
        expect([...held].sort()).toEqual(now.sort())
        if (action === 0) client.linkChanged()
        else if (action === 1 && lease !== null) client.decline(lease.addresses.map(({ prefix }) => prefix.address))
        expect(clock.armedTimers).toBeLessThanOrEqual(3)
      }
      const minutes = clock.now() / (60 * SECOND)
      expect(link.sent.length).toBeLessThanOrEqual(20 + 60 * minutes + 60)
      client.stop()
      clock.advance(SECOND)
      expect(clock.armedTimers).toBe(0)
    }),
    { numRuns: 300 },
  )
})
