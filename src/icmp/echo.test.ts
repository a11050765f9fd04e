import { describe, expect, test } from 'vitest'
import { dissect } from '../../test/support/dissect.ts'
import { ethernet, type IcmpFields, icmp, ipv4 } from '../../test/support/frames.ts'
import { packetFrom } from '../../test/support/packets.ts'
import { OUR_ADDRESS, OUR_MAC, PEER_ADDRESS, PEER_MAC, TestHost } from '../../test/support/test-host.ts'
import { IpAddress } from '../address/index.ts'
import '../../test/support/packet-matchers.ts'
import { Pinger, ping } from '../../test/support/pinger.ts'
import { MILLISECOND, SECOND } from '../clock/index.ts'
import { IpErrorKind } from '../ip/index.ts'
import { ChecksumState, type PacketBuffer } from '../packet/index.ts'

const address = (text: string) => IpAddress.parse(text)
const bytes = (length: number) => Uint8Array.from({ length }, (_, i) => i)

/** Answers to echo requests that we have sent. */
function echoReplyTo(frame: Uint8Array, change: IcmpFields = {}, payload?: Uint8Array): Uint8Array {
  const request = dissect(frame).icmp!
  return ethernet(
    { source: PEER_MAC, destination: OUR_MAC },
    ipv4(
      { source: request.destination, destination: request.source, ttl: 60 },
      icmp(
        { type: 0, identifier: request.identifier, sequence: request.sequence, ...change },
        payload ?? request.payload,
      ),
    ),
  )
}

describe('answering echo requests', () => {
  test.each([0, 1, 56, 57, 1472])('%i bytes of data come back as they were', (size) => {
    const host = new TestHost()
    const data = bytes(size)
    const request = host.fromPeer.icmp({ type: 8, identifier: 0x1234, sequence: 9 }, data, {
      trafficClass: 0x20,
      ttl: 3,
    })
    const [answer, ...more] = host.receive(request)
    expect(answer).toBeIcmp({
      destinationMac: PEER_MAC,
      source: OUR_ADDRESS,
      destination: PEER_ADDRESS,
      ttl: 64,
      trafficClass: 0x20,
      dontFragment: false,
      icmpType: 0,
      code: 0,
      identifier: 0x1234,
      sequence: 9,
      payload: data,
      totalLength: 28 + size,
      checksum: 'right',
    })
    expect(more).toEqual([])
    host.expectNoLeaks()
  })

  test('a path MTU that somebody made us believe in silences no answer: routers may cut it (RFC 791)', () => {
    const host = new TestHost()
    const path = host.ipv4.path(address(PEER_ADDRESS))
    if (typeof path === 'string') throw new Error(path)
    host.ipv4.lowerMtu(path, 552)
    const answers = host.receive(host.fromPeer.icmp({ type: 8 }, bytes(1472)))
    expect(answers).toHaveLength(3)
    for (const answer of answers) expect(answer).toBeIp({ dontFragment: false })
    expect(Buffer.concat(answers.map((answer) => answer.subarray(34))).subarray(8)).toEqual(Buffer.from(bytes(1472)))
    host.expectNoLeaks()
  })

  test('the checksum is right for every kind of checksum of the request', () => {
    const host = new TestHost()
    // Sequence 0 makes an answer of zeros only, whose checksum is 0xffff.
    for (let sequence = 0; sequence < 0x10000; sequence += 7) {
      expect(host.receive(host.fromPeer.icmp({ type: 8, sequence }, ''))[0]).toBeIcmp({ sequence, checksum: 'right' })
    }
  })

  test('the packet itself goes back when nobody else holds it, otherwise a copy', () => {
    const host = new TestHost()
    const request = host.fromPeer.icmp({ type: 8 }, 'x')
    const alone = packetFrom(host.memory, request)
    host.netif.receivePackets(alone)
    const answer = host.netif.takePacket()!
    expect(answer === alone).toBe(true)
    expect(answer).toBeIcmp({ icmpType: 0 })
    answer.release()
    const held = packetFrom(host.memory, request).retain()
    host.netif.receivePackets(held)
    const copy = host.netif.takePacket()!
    expect(copy === held).toBe(false)
    expect(copy).toBeIcmp({ icmpType: 0 })
    expect(host.memory.bytes[held.transport]).toBe(8)
    copy.release()
    held.release()
    host.expectNoLeaks()
  })

  test('a request with options is answered without', () => {
    const host = new TestHost()
    const request = host.fromPeer.icmp({ type: 8 }, 'data', { options: Uint8Array.of(7, 7, 4, 0, 0, 0, 0) })
    expect(host.receive(request)[0]).toBeIcmp({ icmpType: 0, ipOptions: new Uint8Array(0), payload: 'data' })
  })

  test('a checksum left to the device by a neighbour in the same process is trusted, and the answer has a whole one', () => {
    const host = new TestHost()
    const packet = packetFrom(host.memory, host.fromPeer.icmp({ type: 8, checksum: 0 }, 'data'))
    packet.checksum = ChecksumState.Partial
    host.netif.receivePackets(packet)
    expect(host.netif.takeFrame()).toBeIcmp({ icmpType: 0, checksum: 'right' })
  })

  test('without memory for a copy there is no answer, and no exception', () => {
    const host = new TestHost()
    const held = packetFrom(host.memory, host.fromPeer.icmp({ type: 8 }, 'x')).retain()
    const all: PacketBuffer[] = []
    for (let packet = host.memory.takeSmall(); packet !== null; packet = host.memory.takeSmall()) all.push(packet)
    host.netif.receivePackets(held)
    expect(host.netif.takeFrames()).toEqual([])
    expect(host.icmp.counters.notSent).toBe(1)
    for (const packet of all) packet.release()
    held.release()
    host.expectNoLeaks()
  })
})

test('echo requests from 5,000 strangers, on our link and beyond, make no table grow past its bound', () => {
  const host = new TestHost({
    arp: { announce: false, cacheSize: 64 },
    ipv4: { cidr: '10.0.0.2/8', pathCacheSize: 128 },
  })
  let answers = 0
  for (let i = 0; i < 5000; i++) {
    const source = `${i % 2 === 0 ? 10 : 11}.1.${i >> 8}.${i & 255}`
    answers += host
      .receive(host.fromPeer.icmp({ type: 8 }, 'x', { source }))
      .filter((frame) => dissect(frame).icmp).length
    expect(host.ipv4.pathCount).toBeLessThanOrEqual(128)
    expect(host.arp.neighborCount).toBeLessThanOrEqual(64)
    expect(host.memory.inUse).toBeLessThanOrEqual(3 * 64)
  }
  // Those beyond the gateway are answered; the others do not answer ARP, and their answers go nowhere.
  expect(answers).toBe(2500)
  expect(host.receive(host.fromPeer.icmp({ type: 8 }, 'x'))[0]).toBeIcmp({ icmpType: 0 })
  host.advance(10 * SECOND)
  host.expectNoLeaks()
})

describe('ping', () => {
  test('sends a request and hears the answer, with its time', () => {
    const host = new TestHost()
    const { pinger, frame } = ping(host)
    expect(frame).toBeIcmp({ icmpType: 8, code: 0, source: OUR_ADDRESS, destination: PEER_ADDRESS, length: 56 })
    expect(host.netif.unflushed).toBe(0)
    host.clock.advance(3 * MILLISECOND)
    host.receive(echoReplyTo(frame))
    expect(pinger.events).toEqual(['10.0.0.1 56 bytes ttl 60 in 3000 us'])
    // A second answer is nobody's.
    host.receive(echoReplyTo(frame))
    host.advance(10 * SECOND)
    expect(pinger.events).toHaveLength(1)
    expect(host.icmp.counters).toMatchObject({ echoRepliesReceived: 1, echoRepliesUnexpected: 1 })
    host.expectNoLeaks()
  })

  test('several at once, answered in any order', () => {
    const host = new TestHost()
    const pings = [10, 0, 20].map((size) => ping(host, PEER_ADDRESS, { size }))
    for (const { frame } of [...pings].reverse()) host.receive(echoReplyTo(frame))
    expect(pings.map(({ pinger }) => pinger.events.length)).toEqual([1, 1, 1])
    expect(pings[2].pinger.events[0]).toMatch('20 bytes')
    expect(host.icmp.pingCount).toBe(0)
  })

  test('believes only what can be the answer', () => {
    const host = new TestHost()
    const { pinger, frame, request } = ping(host)
    const from = (source: string) =>
      ethernet(
        { source: PEER_MAC, destination: OUR_MAC },
        ipv4(
          { source, destination: OUR_ADDRESS },
          icmp({ type: 0, identifier: request.identifier, sequence: request.sequence }, bytes(56)),
        ),
      )
    host.receive(
      echoReplyTo(frame, { sequence: request.sequence ^ 1 }),
      echoReplyTo(frame, { identifier: request.identifier ^ 1 }),
      from('10.0.0.3'),
      echoReplyTo(frame, {}, bytes(55)),
      echoReplyTo(frame, {}, new Uint8Array(56)),
    )
    expect(pinger.events).toEqual([])
    expect(host.icmp.counters).toMatchObject({ echoRepliesUnexpected: 3, echoRepliesAltered: 2 })
    host.receive(from(PEER_ADDRESS))
    expect(pinger.events).toHaveLength(1)
  })

  test('times out', () => {
    const host = new TestHost()
    const { pinger } = ping(host, PEER_ADDRESS, { timeout: 2 * SECOND })
    host.advance(2 * SECOND - 1)
    expect(pinger.events).toEqual([])
    host.advance(1)
    expect(pinger.events).toEqual(['10.0.0.1 failed null'])
  })

  test('can be cancelled', () => {
    const host = new TestHost()
    const { pinger, frame, request } = ping(host)
    host.icmp.cancel(request)
    host.icmp.cancel(request)
    host.receive(echoReplyTo(frame))
    host.advance(10 * SECOND)
    expect(pinger.events).toEqual([])
  })

  test('ourselves', () => {
    const host = new TestHost()
    for (const to of [OUR_ADDRESS, '127.0.0.1']) {
      const pinger = new Pinger()
      host.icmp.ping(address(to), pinger)
      host.advance(1)
      expect(pinger.events).toEqual([`${to} 56 bytes ttl 64 in 0 us`])
    }
    host.expectNoLeaks()
  })

  test('a neighbour that is not there', () => {
    const host = new TestHost({ knowsPeer: false })
    const { pinger } = ping(host)
    host.advance(4 * SECOND)
    expect(pinger.events).toEqual([`10.0.0.1 failed ${IpErrorKind.HostUnreachable}`])
    host.expectNoLeaks()
  })

  test('says what it cannot do', () => {
    const host = new TestHost({ icmp: { pingLimit: 2 }, ipv4: { gateway: undefined } })
    const to = (text: string, size?: number) =>
      host.icmp.ping(address(text), new Pinger(), size === undefined ? {} : { size })
    expect(to('8.8.8.8')).toBe('ENETUNREACH')
    expect(to('10.0.0.255')).toBe('EACCES')
    expect(to('224.0.0.1')).toBe('EACCES')
    expect(typeof to(PEER_ADDRESS, 65_507)).toBe('object')
    expect(typeof to(PEER_ADDRESS)).toBe('object')
    expect(to(PEER_ADDRESS)).toBe('ENOBUFS')
    expect(host.icmp.counters.pingsRefused).toBe(1)
    expect(() => to(PEER_ADDRESS, -1)).toThrow('size is 0 to 65507, not -1')
    expect(() => to(PEER_ADDRESS, 1.5)).toThrow('size is an integer from 0 to 65507, not 1.5')
    expect(() => host.icmp.ping(address(PEER_ADDRESS), new Pinger(), { hopLimit: 256 })).toThrow(
      'hopLimit is 0 to 255, not 256',
    )
    expect(host.netif.takeFrames()).toHaveLength(45 + 1)
    host.icmp.close()
    expect(host.clock.armedTimers).toBe(0)
    host.expectNoLeaks()
    expect(() => new TestHost({ icmp: { pingLimit: 0 } })).toThrow('pingLimit is 1 to 32768, not 0')
  })
})
