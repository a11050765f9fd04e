import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { GROUP, Link, type QueryFields, settled } from '../../test/support/multicast-link.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { AddressSet, FilterMode, type SourceFilter } from '../ip/index.ts'
import * as wire from './multicast-listener-wire.ts'
import { MessageType } from './multicast-listener-wire.ts'

const OTHER_GROUP = IpAddress.parse('ff15::5678')
const A = IpAddress.parse('2001:db8::a')
const B = IpAddress.parse('2001:db8::b')
const C = IpAddress.parse('2001:db8::c')
const D = IpAddress.parse('2001:db8::d')
const filter = (mode: FilterMode, ...sources: IpAddress[]): SourceFilter => ({ mode, sources: AddressSet.of(sources) })
const { Include, Exclude } = FilterMode

describe('RFC 3810, section 6.2: queries', () => {
  test('a general one is answered within its time, with the state of all groups', () => {
    const { link } = settled(Exclude, A)
    link.listener.join(OTHER_GROUP, Include, [B])
    link.said(10 * SECOND)
    const start = link.clock.now()
    link.query({ maximumResponse: 2000 })
    link.clock.advance(10 * SECOND)
    expect(link.sent[0].at - start).toBeLessThanOrEqual(2 * SECOND)
    expect(link.said()).toEqual(['IS_EX ff15::1234 {2001:db8::a}, IS_IN ff15::5678 {2001:db8::b}'])
  })

  test('answers are spread over the time that the query gives', () => {
    const delays = Array.from({ length: 40 }, (_, seed) => {
      const link = new Link({}, seed)
      link.listener.join(GROUP)
      link.said(10 * SECOND)
      const start = link.clock.now()
      link.query({ maximumResponse: 10_000 })
      link.clock.advance(10 * SECOND)
      return link.sent[0].at - start
    })
    expect(Math.min(...delays)).toBeLessThan(2 * SECOND)
    expect(Math.max(...delays)).toBeGreaterThan(8 * SECOND)
    expect(Math.max(...delays)).toBeLessThanOrEqual(10 * SECOND)
  })

  test('5.1.3: times of more than 32 seconds are floating point numbers', () => {
    const link = new Link()
    const bytes = link.memory.bytes
    for (const [code, milliseconds] of [
      [0, 0],
      [32_767, 32_767],
      [0x8000, 32_768],
      [0x8fff, 65_528],
      [0xffff, 8_387_584],
    ]) {
      bytes[4] = code >> 8
      bytes[5] = code
      expect(wire.maximumResponseDelayV2(bytes, 0)).toBe(milliseconds * MILLISECOND)
    }
    for (const [code, seconds] of [
      [127, 127],
      [0x80, 128],
      [0xff, 31_744],
    ]) {
      bytes[25] = code
      expect(wire.queryInterval(bytes, 0)).toBe(seconds * SECOND)
    }
  })

  test('rule 1: many general queries have one answer, at the earliest of their times', () => {
    const { link } = settled()
    for (let i = 0; i < 100; i++) link.query({ maximumResponse: 10_000 })
    expect(link.said(100 * SECOND)).toEqual(['IS_EX ff15::1234 {}'])
    link.query({ maximumResponse: 30_000 })
    link.query({ maximumResponse: 0 })
    expect(link.said(10 * MILLISECOND)).toEqual(['IS_EX ff15::1234 {}'])
    expect(link.said(100 * SECOND)).toEqual([])
  })

  // State of the interface, sources asked for (none: all), answer.
  test.each([
    [filter(Exclude, A), [], ['IS_EX ff15::1234 {2001:db8::a}']],
    [filter(Include, A, B), [], ['IS_IN ff15::1234 {2001:db8::a 2001:db8::b}']],
    [filter(Include, A, B), [B, C], ['IS_IN ff15::1234 {2001:db8::b}']],
    [filter(Include, A), [B, C], []],
    [filter(Exclude, A, B), [B, C], ['IS_IN ff15::1234 {2001:db8::c}']],
    [filter(Exclude, A, B), [B], []],
  ])('in state %j, asked for %j', (state, sources, expected) => {
    const { link } = settled(state.mode, ...state.sources.addresses)
    link.query({ group: GROUP, sources })
    expect(link.said(SECOND)).toEqual(expected)
    link.query({ group: OTHER_GROUP, sources })
    expect(link.said(SECOND)).toEqual([])
    expect(link.clock.armedTimers).toBe(0)
  })

  test('rules 4 and 5: queries that wait are answered together; one for all sources covers the others', () => {
    const { link } = settled(Include, A, B, C)
    link.query({ group: GROUP, sources: [A] })
    link.query({ group: GROUP, sources: [B, D] })
    expect(link.said(SECOND)).toEqual(['IS_IN ff15::1234 {2001:db8::a 2001:db8::b}'])
    link.query({ group: GROUP, sources: [A] })
    link.query({ group: GROUP })
    link.query({ group: GROUP, sources: [B] })
    expect(link.said(SECOND)).toEqual(['IS_IN ff15::1234 {2001:db8::a 2001:db8::b 2001:db8::c}'])
  })

  test('who asks for more sources than are kept hears of all of them', () => {
    const { link } = settled(Exclude, A)
    for (let i = 0; i < 20; i++) {
      const sources = Array.from({ length: 64 }, (_, host) => IpAddress.fromWords(0x20010db8, 1, i, host))
      link.query({ group: GROUP, sources, maximumResponse: 30_000 })
    }
    expect(link.listener.counters.sourcesDropped).toBe(1)
    expect(link.said(30 * SECOND)).toEqual(['IS_EX ff15::1234 {2001:db8::a}'])
  })

  test.each([
    [{ from: IpAddress.parse('2001:db8::1') }, 'notFromLink'],
    [{ from: IpAddress.ANY_V6 }, 'notFromLink'],
    [{ hopLimit: 64 }, 'notFromLink'],
    [{ routerAlert: false }, 'notFromLink'],
    [{ length: 23 }, 'malformed'],
    [{ length: 25 }, 'malformed'],
    [{ length: 27 }, 'malformed'],
    [{ group: GROUP, sources: [A, B], length: 59 }, 'malformed'],
    [{ group: A }, 'malformed'],
  ] as const)('%j is dropped and counted', (fields, counter) => {
    const { link } = settled()
    link.query(fields as QueryFields)
    expect(link.said(10 * SECOND)).toEqual([])
    expect(link.listener.counters[counter]).toBe(1)
    expect(link.listener.counters.queriesReceived).toBe(0)
  })

  test('any bytes leave it whole', () => {
    fc.assert(
      fc.property(fc.constantFrom(...Object.values(MessageType)), fc.uint8Array({ maxLength: 200 }), (type, bytes) => {
        const { link } = settled()
        link.receive(type, bytes.length, {}, (memory, at) => {
          memory.set(bytes, at)
          memory[at] = type
        })
        link.said(20_000 * SECOND)
        expect(link.listener.groupCount).toBe(1)
      }),
    )
  })
})
