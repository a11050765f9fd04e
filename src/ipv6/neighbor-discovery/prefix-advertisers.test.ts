import { describe, expect, test } from 'vitest'
import { IpAddress, IpPrefix } from '../../address/index.ts'
import { PrefixAdvertisers } from './prefix-advertisers.ts'

const ip = (text: string) => IpAddress.parse(text)
const prefix = (text: string) => IpPrefix.parse(text)
const [one, two] = [prefix('2001:db8:1::/64'), prefix('2001:db8:2::/64')]

describe('routers that advertise prefixes', () => {
  test('are known by prefix until they take it back; only what is new is told', () => {
    const advertisers = new PrefixAdvertisers()
    expect(advertisers.learn(one, ip('fe80::1'), true)).toBe(true)
    expect(advertisers.learn(one, ip('fe80::1'), true)).toBe(false)
    expect(advertisers.learn(one, ip('fe80::2'), true)).toBe(true)
    expect(advertisers.learn(two, ip('fe80::2'), true)).toBe(true)
    expect(advertisers.has(ip('fe80::1'), ip('2001:db8:1::5'))).toBe(true)
    expect(advertisers.has(ip('fe80::1'), ip('2001:db8:2::5'))).toBe(false)
    expect(advertisers.has(ip('fe80::2'), ip('2001:db8:2::5'))).toBe(true)
    expect(advertisers.learn(one, ip('fe80::1'), false)).toBe(true)
    expect(advertisers.learn(one, ip('fe80::1'), false)).toBe(false)
    expect(advertisers.learn(prefix('2001:db8:3::/64'), ip('fe80::1'), false)).toBe(false)
    expect(advertisers.has(ip('fe80::1'), ip('2001:db8:1::5'))).toBe(false)
    expect(advertisers.has(ip('fe80::2'), ip('2001:db8:1::5'))).toBe(true)
    advertisers.clear()
    expect(advertisers.has(ip('fe80::2'), ip('2001:db8:1::5'))).toBe(false)
  })

  test('are forgotten when they are no routers any more', () => {
    const advertisers = new PrefixAdvertisers()
    for (const each of [one, two])
      for (const router of ['fe80::1', 'fe80::2']) advertisers.learn(each, ip(router), true)
    advertisers.remove(ip('fe80::1'))
    expect(advertisers.has(ip('fe80::1'), ip('2001:db8:1::5'))).toBe(false)
    expect(advertisers.has(ip('fe80::2'), ip('2001:db8:2::5'))).toBe(true)
  })

  test('stay within their bounds, and a flood of prefixes displaces none', () => {
    const advertisers = new PrefixAdvertisers()
    const learn = (i: number) => advertisers.learn(prefix(`2001:db8:${i.toString(16)}::/64`), ip('fe80::1'), true)
    for (let i = 0; i < 40; i++) expect(learn(i)).toBe(i < 32)
    expect(advertisers.has(ip('fe80::1'), ip('2001:db8::5'))).toBe(true)
    expect(advertisers.has(ip('fe80::1'), ip('2001:db8:20::5'))).toBe(false)
  })
})
