import { describe, expect, test } from 'vitest'
import { GROUP, Link, settled } from '../../test/support/multicast-link.ts'
import { IpAddress } from '../address/index.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { FilterMode } from '../ip/index.ts'

const OTHER_GROUP = IpAddress.parse('ff15::5678')
const A = IpAddress.parse('2001:db8::a')
const B = IpAddress.parse('2001:db8::b')
const { Include, Exclude } = FilterMode

describe('version 1, RFC 2710 and RFC 3810, section 8.2', () => {
  /** A router of version 1 has asked, and has been answered. */
  function older(): Link {
    const { link } = settled()
    link.query({ version: 1 })
    expect(link.said(SECOND)).toEqual(['report ff15::1234'])
    expect(link.listener.version).toBe(1)
    return link
  }

  test('reports go to the group, done messages to all routers', () => {
    const link = older()
    const member = link.listener.join(OTHER_GROUP, Include, [A])
    link.clock.advance(20 * SECOND)
    expect(link.sent).toMatchObject([{ to: 'ff15::5678' }, { to: 'ff15::5678' }])
    expect(link.sent[1].at - link.sent[0].at).toBeLessThanOrEqual(10 * SECOND)
    expect(link.said()).toEqual(['report ff15::5678', 'report ff15::5678'])
    // Sources are nothing that version 1 could tell.
    member.setFilter(Exclude, [B])
    expect(link.said(20 * SECOND)).toEqual([])
    member.leave()
    expect(link.sent).toMatchObject([{ to: 'ff02::2', from: 'fe80::2', length: 24 }])
    expect(link.said()).toEqual(['done ff15::5678'])
    expect(link.listener.groupCount).toBe(1)
  })

  test("another's report holds ours back, and makes the done message unnecessary", () => {
    const link = older()
    link.query({ version: 1, maximumResponse: 1000 })
    link.reportOfAnother(GROUP)
    expect(link.said(2 * SECOND)).toEqual([])
    expect(link.listener.counters.suppressed).toBe(1)
    const member = link.listener.join(OTHER_GROUP)
    link.said(20 * SECOND)
    link.reportOfAnother(OTHER_GROUP)
    member.leave()
    expect(link.said(20 * SECOND)).toEqual([])
  })

  test('a report from no link-local address holds nothing back', () => {
    const link = older()
    link.query({ version: 1 })
    link.reportOfAnother(GROUP, IpAddress.ANY_V6)
    expect(link.said(SECOND)).toEqual(['report ff15::1234'])
  })

  test('in version 2 it does not hold ours back', () => {
    const { link } = settled()
    link.query()
    link.reportOfAnother(GROUP)
    expect(link.said(SECOND)).toEqual(['IS_EX ff15::1234 {}'])
  })

  test('a query for one group is answered for it alone; a shorter time counts, a longer does not', () => {
    const link = older()
    link.listener.join(OTHER_GROUP)
    link.said(20 * SECOND)
    link.query({ version: 1, group: OTHER_GROUP, maximumResponse: 20_000 })
    link.query({ version: 1, group: OTHER_GROUP, maximumResponse: 10 })
    link.query({ version: 1, group: OTHER_GROUP, maximumResponse: 20_000 })
    expect(link.said(10 * MILLISECOND)).toEqual(['report ff15::5678'])
    expect(link.said(30 * SECOND)).toEqual([])
  })

  test('8.2.1: with the change of version answers and repetitions are off', () => {
    const link = new Link()
    const member = link.listener.join(GROUP)
    link.listener.join(OTHER_GROUP)
    expect(link.said()).toHaveLength(1)
    member.leave()
    link.query({ maximumResponse: 30_000 })
    link.query({ version: 1 })
    expect(link.listener.groupCount).toBe(1)
    expect(link.said(30 * SECOND)).toEqual(['report ff15::5678'])
  })

  test('9.12: version 2 again when no router has asked in version 1 for robustness times interval and response time', () => {
    const { link } = settled()
    link.query({ robustness: 3, interval: 20 })
    link.said(10 * SECOND)
    link.query({ version: 1, maximumResponse: 5000 })
    link.said(64 * SECOND)
    // Queries of version 2 are answered in version 1 meanwhile.
    link.query()
    expect(link.said(SECOND - 1)).toEqual(['report ff15::1234'])
    expect(link.listener.version).toBe(1)
    link.said(1)
    expect(link.listener.version).toBe(2)
    link.query()
    expect(link.said(SECOND)).toEqual(['IS_EX ff15::1234 {}'])
  })
})
