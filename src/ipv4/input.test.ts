import { describe, expect, test } from 'vitest'
import { BROADCAST_MAC } from '../../test/support/frames.ts'
import { OUR_ADDRESS, PEER_ADDRESS } from '../../test/support/test-host.ts'
import '../../test/support/packet-matchers.ts'
import { frame, setUp } from '../../test/support/ipv4-host.ts'
import type { Ipv4Counters } from './counters.ts'

describe('receiving', () => {
  test('hands the payload to its protocol, with what the header says', () => {
    const { host, recorder } = setUp()
    host.receive(frame({ ttl: 7, trafficClass: 0xb9 }), frame({}, 'more'))
    expect(recorder.seen).toEqual([
      {
        payload: 'data',
        source: PEER_ADDRESS,
        destination: OUR_ADDRESS,
        hopLimit: 7,
        trafficClass: 0xb9,
        multicast: false,
      },
      {
        payload: 'more',
        source: PEER_ADDRESS,
        destination: OUR_ADDRESS,
        hopLimit: 64,
        trafficClass: 0,
        multicast: false,
      },
    ])
    expect(recorder.bursts).toBe(1)
    host.expectNoLeaks()
  })

  test('cuts off padding', () => {
    const { host, recorder } = setUp()
    const padded = new Uint8Array(60)
    padded.set(frame())
    padded[59] = 99
    host.receive(padded)
    expect(recorder.payloads).toEqual(['data'])
  })

  test('RFC 1122, 3.2.1.7: a TTL of 0 or 1 is no reason to drop', () => {
    const { host, recorder } = setUp()
    host.receive(frame({ ttl: 0 }), frame({ ttl: 1 }))
    expect(recorder.seen).toHaveLength(2)
  })

  test('ignores the reserved flag and unknown options', () => {
    const { host, recorder } = setUp()
    host.receive(
      frame({ evil: true, dontFragment: true }),
      frame({ options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0) }, 'record route'),
      frame({ options: Uint8Array.of(1, 1, 0x5e, 3, 9, 0) }, 'unknown'),
      frame({ options: Uint8Array.of(0, 131, 1) }, 'after the end'),
    )
    expect(recorder.payloads).toEqual(['data', 'record route', 'unknown', 'after the end'])
  })

  test.each<[string, keyof Ipv4Counters, Uint8Array]>([
    ['no whole header', 'truncated', frame().subarray(0, 33)],
    ['a header longer than the frame', 'truncated', frame({ headerWords: 15, totalLength: 60 })],
    ['a total length beyond the frame', 'truncated', frame({ totalLength: 25 })],
    ['version 6 under the EtherType of 4', 'badVersion', frame({ version: 6 })],
    ['a header length of 16', 'badHeaderLength', frame({ headerWords: 4 })],
    ['a header length of 0', 'badHeaderLength', frame({ headerWords: 0 })],
    ['a total length below the header', 'badTotalLength', frame({ totalLength: 19 })],
    ['a total length of 0', 'badTotalLength', frame({ totalLength: 0 })],
    ['a wrong checksum', 'headerChecksum', frame({ checksum: 'wrong' })],
    ['a checksum of 0', 'headerChecksum', frame({ checksum: 0 })],
    ['a loose source route', 'sourceRoute', frame({ options: Uint8Array.of(131, 7, 4, 10, 0, 0, 9) })],
    ['a strict source route', 'sourceRoute', frame({ options: Uint8Array.of(1, 137, 7, 4, 10, 0, 0, 9) })],
    ['a broadcast source', 'invalidSource', frame({ source: '255.255.255.255' })],
    ['a directed broadcast source', 'invalidSource', frame({ source: '10.0.0.255' })],
    ['a multicast source', 'invalidSource', frame({ source: '224.0.0.5' })],
    ['0.0.0.0 to us alone', 'invalidSource', frame({ source: '0.0.0.0' })],
    ['a source in 0/8', 'invalidSource', frame({ source: '0.1.2.3' })],
    ['our own address as source', 'invalidSource', frame({ source: OUR_ADDRESS })],
    ['a loopback source', 'loopbackOnWire', frame({ source: '127.0.0.1' })],
    ['a loopback destination', 'loopbackOnWire', frame({ destination: '127.0.0.1' })],
    ['another destination', 'notForUs', frame({ destination: '10.0.0.3' })],
    ['a group that we have not joined', 'notForUs', frame({ destination: '224.0.0.251' }, 'x', '01:00:5e:00:00:fb')],
    ["another network's broadcast", 'notForUs', frame({ destination: '10.0.1.255' }, 'x', BROADCAST_MAC)],
    ['our address in a link broadcast', 'unicastInLinkBroadcast', frame({}, 'x', BROADCAST_MAC)],
    ['an empty fragment', 'fragments', frame({ moreFragments: true }, '')],
  ])('%s is counted and dropped in silence', (_, counter, bad) => {
    const { host, recorder } = setUp()
    expect(host.receive(bad)).toEqual([])
    expect(recorder.seen).toEqual([])
    expect(host.ipv4.counters[counter]).toBe(1)
    expect(Object.values(host.ipv4.counters).reduce((sum, count) => sum + count, 0)).toBe(1)
    host.expectNoLeaks()
  })

  test.each([
    ['an option that runs over the header', frame({ options: Uint8Array.of(7, 40, 4, 0) })],
    ['an option of length 1', frame({ options: Uint8Array.of(7, 1, 0, 0) })],
    ['an option of length 0', frame({ options: Uint8Array.of(7, 0, 0, 0) })],
    ['an option without its length', frame({ options: Uint8Array.of(1, 1, 1, 7) })],
  ])('%s is counted and answered by Parameter Problem', (_, bad) => {
    const { host, recorder } = setUp()
    const answers = host.receive(bad)
    expect(answers).toHaveLength(1)
    expect(answers[0]).toBeIcmp({ icmpType: 12, code: 0, destination: PEER_ADDRESS })
    // RFC 792: the pointer names the byte where the error is.
    expect(answers[0][38]).toBeGreaterThanOrEqual(20)
    expect(recorder.seen).toEqual([])
    expect(host.ipv4.counters.badOptions).toBe(1)
    host.expectNoLeaks()
  })

  test('takes what is to everybody, and says so', () => {
    const { host, recorder } = setUp()
    host.receive(
      frame({ destination: '255.255.255.255' }, 'limited', BROADCAST_MAC),
      frame({ destination: '10.0.0.255' }, 'directed', BROADCAST_MAC),
      frame({ destination: '224.0.0.1' }, 'all hosts', '01:00:5e:00:00:01'),
      frame({ source: '0.0.0.0', destination: '255.255.255.255' }, 'no address yet', BROADCAST_MAC),
    )
    expect(recorder.payloads).toEqual(['limited', 'directed', 'all hosts', 'no address yet'])
    expect(recorder.seen.every((packet) => packet.multicast)).toBe(true)
  })

  test('a /31 and a /32 have no broadcast address (RFC 3021)', () => {
    const { host, recorder } = setUp({ ipv4: { cidr: '10.0.0.2/31', gateway: undefined } })
    host.receive(frame({ source: '10.0.0.3' }, 'from the other end'))
    expect(recorder.payloads).toEqual(['from the other end'])
  })

  test('a protocol that nobody speaks is reported to the sender', () => {
    const { host } = setUp()
    const [error] = host.receive(frame({ protocol: 123 }))
    expect(error).toBeIcmp({ icmpType: 3, code: 2, destination: PEER_ADDRESS })
    expect(host.ipv4.counters.unknownProtocol).toBe(1)
  })
})
