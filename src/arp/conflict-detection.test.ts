/** Address conflict detection, RFC 5227, in virtual time. */
import { describe, expect, test } from 'vitest'
import { type ArpFields, arp as arpLayer, BROADCAST_MAC, ethernet } from '../../test/support/frames.ts'
import {
  OUR_ADDRESS,
  OUR_MAC,
  PEER_ADDRESS,
  PEER_MAC,
  TestHost,
  type TestHostOptions,
} from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { TestNetif } from '../../test/support/test-netif.ts'
import { IpAddress, IpPrefix } from '../address/index.ts'
import { MILLISECOND, SECOND, SeededRandom, VirtualClock } from '../clock/index.ts'
import { Ethernet } from '../ethernet/index.ts'
import { PacketMemory } from '../packet/index.ts'
import { SHORT_PROBE_TIMES } from './address-probe.ts'
import { Arp } from './arp.ts'
import type { AddressDefense } from './own-address.ts'

const CANDIDATE = '10.0.0.77'
const word = (address: string) => IpAddress.parse(address).word3
const packet = (fields: Partial<ArpFields>) =>
  ethernet(
    { source: fields.senderMac ?? PEER_MAC, destination: BROADCAST_MAC },
    arpLayer({ senderMac: PEER_MAC, senderAddress: PEER_ADDRESS, targetAddress: OUR_ADDRESS, ...fields }),
  )
const claim = packet({ senderAddress: OUR_ADDRESS, targetAddress: PEER_ADDRESS })

class Results {
  readonly list: [string, boolean][] = []
  probed(address: number, isFree: boolean): void {
    this.list.push([IpAddress.v4(address).toString(), isFree])
  }
}

function probing(options: TestHostOptions = {}) {
  const host = new TestHost(options)
  const results = new Results()
  host.arp.probe(word(CANDIDATE), results)
  return { host, results: results.list }
}

describe('probing (2.1.1)', () => {
  test.each([1, 2, 3, 4, 5, 6, 7, 8])(
    'three probes, then two seconds of silence: the address is free, seed %i',
    (seed) => {
      const { host, results } = probing({ seed })
      const times: number[] = []
      while (results.length === 0 && host.clock.now() < 10 * SECOND) {
        for (const frame of host.advance(MILLISECOND)) {
          times.push(host.clock.now())
          expect(frame).toBeArp({
            operation: 1,
            destinationMac: BROADCAST_MAC,
            senderMac: OUR_MAC,
            senderAddress: '0.0.0.0',
            targetMac: '00:00:00:00:00:00',
            targetAddress: CANDIDATE,
          })
        }
      }
      expect(results).toEqual([[CANDIDATE, true]])
      expect(times).toHaveLength(3)
      const [first, second, third] = times
      expect(first).toBeLessThanOrEqual(SECOND + MILLISECOND)
      for (const interval of [second - first, third - second]) {
        expect(interval).toBeGreaterThanOrEqual(SECOND - MILLISECOND)
        expect(interval).toBeLessThanOrEqual(2 * SECOND + MILLISECOND)
      }
      expect(host.clock.now() - third).toBeCloseTo(2 * SECOND, -4)
      expect(host.arp.counters.probesSent).toBe(3)
    },
  )

  test('does not answer for an address that is being probed', () => {
    const { host } = probing()
    host.advance(3 * SECOND)
    expect(host.receive(packet({ targetAddress: CANDIDATE }))).toEqual([])
  })

  test.each([
    ['a reply', { operation: 2, senderAddress: CANDIDATE, targetAddress: '0.0.0.0', targetMac: OUR_MAC }],
    ['an announcement', { senderAddress: CANDIDATE, targetAddress: CANDIDATE }],
    ['a request for something else', { senderAddress: CANDIDATE, targetAddress: PEER_ADDRESS }],
    ['the probe of another host', { senderAddress: '0.0.0.0', targetAddress: CANDIDATE }],
  ])('%s shows that it is taken, until the last moment', (_name, fields) => {
    const { host, results } = probing()
    while (host.arp.counters.probesSent < 3) host.advance(MILLISECOND)
    host.advance(1.9 * SECOND)
    host.receive(packet(fields))
    expect(results).toEqual([[CANDIDATE, false]])
    host.advance(20 * SECOND)
    expect(results).toHaveLength(1)
    expect(host.arp.counters).toMatchObject({ probesSent: 3, probeConflicts: 1 })
  })

  test('is ended by a conflict before the first probe, too', () => {
    const { host, results } = probing()
    host.receive(packet({ senderAddress: CANDIDATE }))
    expect(results).toEqual([[CANDIDATE, false]])
    expect(host.advance(20 * SECOND)).toEqual([])
  })

  test.each([
    ['our own probe come back', { senderMac: OUR_MAC, senderAddress: '0.0.0.0', targetAddress: CANDIDATE }],
    ['a request for it, which proves nothing', { targetAddress: CANDIDATE }],
    ['a probe for another address', { senderAddress: '0.0.0.0', targetAddress: '10.0.0.78' }],
  ])('%s is no conflict', (_name, fields) => {
    const { host, results } = probing()
    host.advance(SECOND)
    host.receive(packet(fields))
    host.advance(7 * SECOND)
    expect(results).toEqual([[CANDIDATE, true]])
  })

  test('short times are over within a quarter of a second', () => {
    const host = new TestHost()
    const results = new Results()
    host.arp.probe(word(CANDIDATE), results, SHORT_PROBE_TIMES)
    expect(host.advance(250 * MILLISECOND)).toHaveLength(3)
    expect(results.list).toEqual([[CANDIDATE, true]])
  })

  test('can be cancelled, and ends with the layer', () => {
    for (const end of [(arp: Arp) => arp.cancelProbe(word(CANDIDATE)), (arp: Arp) => arp.close()]) {
      const { host, results } = probing()
      end(host.arp)
      expect(host.advance(20 * SECOND)).toEqual([])
      expect(results).toEqual([])
      expect(host.clock.armedTimers).toBe(0)
    }
  })

  test('after ten conflicts in a row one address a minute is tried, until one is free', () => {
    const host = new TestHost()
    const results = new Results()
    const conflict = () => {
      host.arp.probe(word(CANDIDATE), results)
      host.receive(packet({ senderAddress: CANDIDATE }))
    }
    for (let i = 0; i < 10; i++) conflict()
    host.arp.probe(word(CANDIDATE), results)
    expect(host.advance(59 * SECOND)).toEqual([])
    host.advance(9 * SECOND)
    expect(host.arp.counters.probesSent).toBe(3)
    expect(results.list.at(-1)).toEqual([CANDIDATE, true])
    host.arp.probe(word(CANDIDATE), results)
    expect(host.advance(SECOND)).toHaveLength(1)
  })
})

describe('defending (2.4)', () => {
  function contested(defense: AddressDefense) {
    const host = new TestHost({ arp: { defense } })
    const lost: string[] = []
    const removed: string[] = []
    host.ipv4.onAddress((type, prefix) => removed.push(`${type} ${prefix}`))
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.3/24'), { lost: (a) => lost.push(IpAddress.v4(a).toString()) })
    removed.length = 0
    return { host, lost, removed }
  }
  const announcement = { operation: 1, senderAddress: OUR_ADDRESS, targetAddress: OUR_ADDRESS, senderMac: OUR_MAC }

  test('(a) cede: given up at once', () => {
    const { host, removed } = contested('cede')
    expect(host.receive(claim)).toEqual([])
    expect(removed).toEqual([`removed ${OUR_ADDRESS}/24`])
    expect(host.receive(host.fromPeer.arpRequest())).toEqual([])
    expect(host.arp.counters).toMatchObject({ conflicts: 1, defenses: 0, addressesLost: 1 })
  })

  test('(b) defend: announced once, given up at the next conflict within ten seconds', () => {
    const { host, removed } = contested('defend')
    const [answer, ...more] = host.receive(claim)
    expect(answer).toBeArp(announcement)
    expect(more).toEqual([])
    host.advance(10 * SECOND)
    expect(host.receive(claim)).toHaveLength(1)
    host.advance(9.9 * SECOND)
    expect(removed).toEqual([])
    expect(host.receive(claim)).toEqual([])
    expect(removed).toEqual([`removed ${OUR_ADDRESS}/24`])
    expect(host.arp.counters).toMatchObject({ conflicts: 3, defenses: 2, addressesLost: 1 })
  })

  test('(c) insist: kept whatever comes, announced and logged once in ten seconds', () => {
    const warnings: unknown[] = []
    const warn = (...line: unknown[]) => warnings.push(line)
    const ignore = () => {}
    const log = { debugEnabled: false, debug: ignore, info: ignore, error: ignore, warn }
    const host = new TestHost({ arp: { defense: 'insist', log }, knowsPeer: false })
    let sent = 0
    for (let i = 0; i < 100; i++) {
      for (const frame of host.receive(claim)) {
        expect(frame).toBeArp(announcement)
        sent++
      }
      host.advance(SECOND)
    }
    expect(sent).toBe(10)
    expect(warnings).toHaveLength(10)
    expect(warnings[0]).toEqual(['another station uses our address', { address: OUR_ADDRESS, mac: PEER_MAC }])
    expect(host.arp.counters).toMatchObject({ conflicts: 100, defenses: 10, addressesLost: 0 })
    expect(host.ipv4.addresses).toHaveLength(1)
    expect(host.arp.neighborCount).toBe(0)
  })

  test('insisting is what is done unless told otherwise', () => {
    const host = new TestHost()
    for (let i = 0; i < 5; i++) host.receive(claim)
    expect(host.ipv4.addresses).toHaveLength(1)
  })

  test('each address as it was told, and who added it is told of its loss', () => {
    const { host, lost, removed } = contested('cede')
    host.ipv4.addAddress(IpPrefix.parse('10.0.0.4/24'), { defense: 'insist' })
    host.receive(packet({ senderAddress: '10.0.0.4' }), packet({ senderAddress: '10.0.0.3' }))
    expect(lost).toEqual(['10.0.0.3'])
    expect(removed).toEqual(['added 10.0.0.4/24', 'removed 10.0.0.3/24'])
  })

  test('a probe for our address is answered, which defends it as well', () => {
    const { host } = contested('cede')
    const [answer] = host.receive(packet({ senderAddress: '0.0.0.0', targetAddress: OUR_ADDRESS }))
    expect(answer).toBeArp({ operation: 2, senderAddress: OUR_ADDRESS, targetAddress: '0.0.0.0' })
    expect(host.arp.counters.conflicts).toBe(0)
  })

  test('an unknown policy is refused', () => {
    const { ethernet: link, clock, random } = new TestHost()
    expect(() => new Arp(link, clock, random, { defense: 'attack' as AddressDefense })).toThrow('"attack"')
  })
})

test('from link-local addresses replies are broadcast (RFC 3927, 2.5)', () => {
  const host = new TestHost({ ipv4: { cidr: '169.254.9.9/16', gateway: undefined } })
  const [answer] = host.receive(packet({ senderAddress: '169.254.1.1', targetAddress: '169.254.9.9' }))
  expect(answer).toBeArp({ operation: 2, destinationMac: BROADCAST_MAC, senderAddress: '169.254.9.9' })
})

test('on a link from point to point nobody is asked: the address is free at once', () => {
  const memory = new PacketMemory({ smallSlots: 16, largeSlots: 8 })
  const netif = new TestNetif(memory, { mac: OUR_MAC, linkLayer: 'none' })
  const clock = new VirtualClock()
  const arp = new Arp(new Ethernet(netif), clock, new SeededRandom(1))
  const results = new Results()
  arp.probe(word(CANDIDATE), results)
  clock.advance(MILLISECOND)
  expect(results.list).toEqual([[CANDIDATE, true]])
  expect(netif.takeFrame()).toBeUndefined()
  expect(arp.counters.probesSent).toBe(0)
})
