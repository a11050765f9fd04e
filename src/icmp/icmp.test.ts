import fc from 'fast-check'
import { describe, expect, test } from 'vitest'
import { BROADCAST_MAC, ethernet, type IcmpFields, icmp, ipv4 } from '../../test/support/frames.ts'
import { ping } from '../../test/support/pinger.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost } from '../../test/support/test-host.ts'
import { IpAddress } from '../address/index.ts'
import type { IcmpCounters } from './counters.ts'

const address = (text: string) => IpAddress.parse(text)
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i)

const PROTOCOL = 200

describe('messages that get no answer', () => {
  const host = () => new TestHost()
  const message = (fields: IcmpFields, payload: Uint8Array | string = bytes(40)) =>
    host().fromPeer.icmp(fields, payload)
  test.each<[string, keyof IcmpCounters, Uint8Array]>([
    ['shorter than a header', 'truncated', host().fromPeer.ip(bytes(7), { protocol: 1 })],
    ['a wrong checksum', 'checksum', message({ type: 8, checksum: 'wrong' })],
    ['a checksum of 0', 'checksum', message({ type: 8, checksum: 0 })],
    ['an echo reply to nothing', 'echoRepliesUnexpected', message({ type: 0, identifier: 1 })],
    ['a source quench', 'sourceQuenches', message({ type: 4 })],
    ['a redirect', 'redirects', message({ type: 5, code: 1 })],
    ['a timestamp request', 'queriesIgnored', message({ type: 13 })],
    ['an address mask request', 'queriesIgnored', message({ type: 17 })],
    ['a router advertisement', 'queriesIgnored', message({ type: 9 })],
    ['an unknown type', 'unknownType', message({ type: 250 })],
    ['an error with an unknown code', 'errorsUnknownCode', message({ type: 3, code: 16 })],
    ['an error without a quote', 'errorsTruncated', message({ type: 3, code: 3 }, '')],
    ['an error with 7 bytes behind the quoted header', 'errorsTruncated', message({ type: 3, code: 3 }, bytes(27))],
  ])('%s', (_, counter, frame) => {
    const target = host()
    expect(target.receive(frame)).toEqual([])
    expect(target.icmp.counters[counter]).toBe(1)
    target.expectNoLeaks()
  })

  test('an echo request to everybody', () => {
    const target = host()
    const toAll = (destination: string, mac: string) =>
      ethernet({ source: PEER_MAC, destination: mac }, ipv4({ source: PEER_ADDRESS, destination }, icmp({ type: 8 })))
    const frames = [
      toAll('10.0.0.255', BROADCAST_MAC),
      toAll('255.255.255.255', BROADCAST_MAC),
      toAll('224.0.0.1', '01:00:5e:00:00:01'),
      // To everybody for IP though to us alone on the link.
      toAll('10.0.0.255', OUR_MAC),
    ]
    expect(target.receive(...frames)).toEqual([])
    expect(target.icmp.counters.echoRequestsToMany).toBe(4)
  })
})

test('any messages at all: nothing throws, nothing leaks, no more comes back than one for each', () => {
  const quoted = (fields: Partial<Parameters<typeof ipv4>[0]> = {}, payload = bytes(20)) =>
    ipv4({ source: OUR_ADDRESS, destination: PEER_ADDRESS, protocol: PROTOCOL, ...fields }, payload).bytes
  const message = fc.record({
    type: fc.oneof(fc.constantFrom(0, 3, 4, 5, 8, 11, 12, 13, 17), fc.nat(255)),
    code: fc.oneof(fc.nat(5), fc.nat(255)),
    rest: fc.oneof(fc.constantFrom(0, 68, 576, 1500), fc.nat(0xffff_ffff)),
    payload: fc.oneof(
      fc.constantFrom(quoted(), quoted({ protocol: 1 }), quoted({ protocol: 17 }), quoted({ protocol: 6 })),
      fc.uint8Array({ maxLength: 80 }),
    ),
    changes: fc.array(fc.record({ at: fc.nat(60), byte: fc.nat(255) }), { maxLength: 3 }),
    toAll: fc.boolean(),
  })
  fc.assert(
    fc.property(fc.array(message, { minLength: 1, maxLength: 60 }), (messages) => {
      const host = new TestHost()
      const { pinger } = ping(host)
      for (const { type, code, rest, payload, changes, toAll } of messages) {
        const data = payload.slice()
        for (const { at, byte } of changes) if (at < data.length) data[at] = byte
        const to = toAll ? { mac: BROADCAST_MAC, address: '10.0.0.255' } : { mac: OUR_MAC, address: OUR_ADDRESS }
        const frame = ethernet(
          { source: PEER_MAC, destination: to.mac },
          ipv4({ source: PEER_ADDRESS, destination: to.address }, icmp({ type, code, rest }, data)),
        )
        const answers = host.receive(frame)
        expect(answers.length).toBeLessThanOrEqual(type === 8 && !toAll ? 1 : 0)
      }
      expect(pinger.events.length).toBeLessThanOrEqual(1)
      // None of it makes anybody cut his data into crumbs, nor another way to go.
      const path = host.ipv4.path(address(PEER_ADDRESS))
      expect(typeof path === 'string' ? path : path.mtu).toBe(1500)
      host.icmp.close()
      host.expectNoLeaks()
    }),
    { numRuns: 300, seed: 11 },
  )
})
